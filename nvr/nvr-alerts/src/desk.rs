//! The desk: the events of all rules become alerts, one a situation, and journal entries.
//!
//! Promises: pure: `step` gives what the journal keeps; one situation is one alert, also across a restart of its plugin
//! when it goes on in the same place within [`RESUME_WITHIN_US`]; a plugin that floods is bounded by
//! [`RAISED_PER_MINUTE_MAX`] a rule, and what is beyond is counted and said.
//! Leaves to others: what an object is and dwell (plugins), silence after an alert (`raise`), who handles it (`act`).

use crate::count::{MINUTE_US, period};
use crate::raise::{self, Outcome, Raiser};
use nvr_base::alert::{AlertId, CLIP_AROUND_US, Entry, Measured, Raised, rounded};
use nvr_base::geometry::Rect;
use nvr_base::{CameraId, Rule, Utc};
use std::collections::BTreeMap;

/// Most alerts a rule raises in a minute.
pub const RAISED_PER_MINUTE_MAX: u32 = 60;
/// How long after an interruption a situation in the same place is the same alert, µs.
pub const RESUME_WITHIN_US: i64 = 30_000_000;
/// Least overlap (intersection over union) that counts as the same place.
pub const RESUME_OVERLAP_MIN: f32 = 0.3;
/// How often an alert that lasts is written again when more is measured, µs.
pub const UPDATE_EVERY_US: i64 = 10_000_000;
/// Most interrupted alerts of a rule that may be resumed.
const PAUSED_MAX: usize = 64;

/// What alerts say of a rule.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleFacts {
    /// Its id.
    pub id: String,
    /// What it looks for.
    pub situation: String,
    /// Its camera.
    pub camera: CameraId,
    /// 1 urgent, 2, 3 note.
    pub severity: u8,
    /// What to do.
    pub instruction: Option<String>,
    /// Silence after an alert of the same object, s.
    pub rearm_s: f64,
}

impl RuleFacts {
    /// Of a rule of the configuration; `None` when it names no camera.
    pub fn of(rule: &Rule) -> Option<Self> {
        Some(Self {
            id: rule.id.clone(),
            situation: rule.situation.as_str().to_owned(),
            camera: rule.camera.clone()?,
            severity: rule.severity,
            instruction: rule.instruction.clone(),
            rearm_s: rule.rearm_s,
        })
    }
}

/// What the desk is told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Said<'a> {
    /// These are the rules from now on.
    Rules(&'a [RuleFacts]),
    /// A plugin said something of a rule.
    Event {
        /// The rule's id.
        rule: &'a str,
        /// Plugin, version, hash.
        plugin: &'a str,
        /// Name of the event.
        name: &'a str,
        /// When the condition became true.
        since: Utc,
        /// The event; its times are UTC, µs since 1970.
        event: raise::Event,
    },
    /// The open situations of a rule are over unseen.
    Interrupted {
        /// The rule's id.
        rule: &'a str,
    },
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Into the journal.
    Journal(Entry),
    /// Into the journal, and said to the technician: alerts of a rule that were not raised.
    NotRaised {
        /// The rule's id.
        rule: String,
        /// How many.
        n: u64,
    },
}

#[derive(Debug, Clone)]
struct Open {
    id: AlertId,
    /// Number of its last entry.
    n: u32,
    /// Where it is now.
    place: Rect,
    written: Measured,
    written_at: Utc,
}

#[derive(Debug, Clone)]
struct Paused {
    open: Open,
    at: Utc,
}

#[derive(Debug, Clone)]
struct AtRule {
    facts: RuleFacts,
    raiser: Raiser,
    /// By the raiser's number.
    open: BTreeMap<u64, Open>,
    paused: Vec<Paused>,
    /// This minute, and how many were raised in it.
    minute: (Utc, u32),
    not_raised: u64,
    /// What the raiser had refused when it was last looked at.
    refused: u64,
}

/// The desk.
#[derive(Debug, Clone)]
pub struct Desk {
    run: u32,
    next: u32,
    rules: BTreeMap<String, AtRule>,
    unknown: u64,
}

impl Desk {
    /// An empty desk of run `run`.
    pub fn new(run: u32) -> Self {
        Self { run, next: 1, rules: BTreeMap::new(), unknown: 0 }
    }

    /// Events of rules that are not configured.
    pub fn unknown(&self) -> u64 {
        self.unknown
    }

    /// One step.
    pub fn step(&mut self, now: Utc, said: Said<'_>) -> Vec<Action> {
        match said {
            Said::Rules(rules) => self.set_rules(now, rules),
            Said::Interrupted { rule } => {
                self.rules.get_mut(rule).map(|rule| rule.interrupt(now)).unwrap_or_default()
            }
            Said::Event { rule, plugin, name, since, event } => {
                let Some(rule) = self.rules.get_mut(rule) else {
                    self.unknown += 1;
                    return Vec::new();
                };
                let mut actions = rule.minute_over(now);
                let id = AlertId { run: self.run, number: self.next };
                let made = rule.event(now, id, &event, Told { plugin, name, since });
                if matches!(made, Some(Entry::Raised(_))) {
                    self.next = self.next.saturating_add(1);
                }
                actions.extend(made.map(Action::Journal));
                actions
            }
        }
    }

    /// Rules that are gone end what they had open; those that changed go on.
    fn set_rules(&mut self, now: Utc, rules: &[RuleFacts]) -> Vec<Action> {
        let mut actions = Vec::new();
        let mut before = std::mem::take(&mut self.rules);
        for facts in rules {
            let mut rule = match before.remove(&facts.id) {
                Some(rule) => rule,
                None => AtRule::new(facts.clone()),
            };
            let other = &rule.facts;
            if (&other.situation, &other.camera) != (&facts.situation, &facts.camera) {
                actions.extend(rule.interrupt(now));
                rule.paused.clear();
            }
            rule.raiser.set_rearm(facts.rearm_s);
            rule.facts = facts.clone();
            self.rules.insert(facts.id.clone(), rule);
        }
        for mut gone in before.into_values() {
            actions.extend(gone.interrupt(now));
        }
        actions
    }
}

/// What an event says beside the event.
struct Told<'a> {
    plugin: &'a str,
    name: &'a str,
    since: Utc,
}

fn measured(event: &raise::Event) -> Measured {
    Measured {
        measured: rounded(event.measured.0),
        threshold: rounded(event.measured.1),
        score: rounded(event.score),
        place: event.rect.to_array().map(rounded),
    }
}

/// The alert's peak, in the place the event says.
fn peak(alert: &raise::Alert, place: Rect) -> Measured {
    Measured {
        measured: rounded(alert.measured.0),
        threshold: rounded(alert.measured.1),
        score: rounded(alert.score),
        place: place.to_array().map(rounded),
    }
}

impl AtRule {
    fn new(facts: RuleFacts) -> Self {
        let raiser = Raiser::new(facts.rearm_s);
        let (open, paused) = (BTreeMap::new(), Vec::new());
        Self { facts, raiser, open, paused, minute: (Utc(0), 0), not_raised: 0, refused: 0 }
    }

    fn event(&mut self, now: Utc, id: AlertId, event: &raise::Event, told: Told<'_>) -> Option<Entry> {
        match self.raiser.step(event) {
            Outcome::Raised(alert) => self.raised(now, id, &alert, event, told),
            Outcome::Went(alert) => {
                let open = self.open.get_mut(&alert.number)?;
                open.place = event.rect;
                let measured = peak(&alert, event.rect);
                let more = (measured.measured, measured.score) != (open.written.measured, open.written.score);
                if !more || now.micros_since(open.written_at) < UPDATE_EVERY_US {
                    return None;
                }
                (open.written, open.written_at) = (measured, now);
                open.n += 1;
                Some(Entry::Updated { id: open.id, n: open.n, measured })
            }
            Outcome::Ended(alert) => {
                let open = self.open.remove(&alert.number)?;
                let measured = peak(&alert, open.place);
                let end = Utc(alert.end_us.unwrap_or(now.0));
                Some(Entry::Ended { id: open.id, n: open.n + 1, end, measured, interrupted: false })
            }
            Outcome::Nothing => {
                let refused = self.raiser.refused();
                self.not_raised += refused - std::mem::replace(&mut self.refused, refused);
                None
            }
        }
    }

    fn raised(
        &mut self,
        now: Utc,
        id: AlertId,
        alert: &raise::Alert,
        event: &raise::Event,
        told: Told<'_>,
    ) -> Option<Entry> {
        let measured = measured(event);
        let open = Open { id, n: 0, place: event.rect, written: measured, written_at: now };
        self.paused.retain(|paused| now.micros_since(paused.at) <= RESUME_WITHIN_US);
        let overlap = |paused: &Paused| paused.open.place.iou(&event.rect);
        let same = self.paused.iter().enumerate().filter(|(_, p)| overlap(p) >= RESUME_OVERLAP_MIN);
        let same = same.max_by(|a, b| overlap(a.1).total_cmp(&overlap(b.1))).map(|(n, _)| n);
        if let Some(n) = same {
            let before = self.paused.swap_remove(n).open;
            let (id, n) = (before.id, before.n + 1);
            self.open.insert(alert.number, Open { id, n, ..open });
            return Some(Entry::Resumed { id, n });
        }
        if self.minute.1 >= RAISED_PER_MINUTE_MAX {
            self.not_raised += 1;
            return None;
        }
        self.minute.1 += 1;
        self.open.insert(alert.number, open);
        let (start, facts) = (Utc(alert.start_us), &self.facts);
        let since = told.since.min(start);
        Some(Entry::Raised(Box::new(Raised {
            id,
            rule: facts.id.clone(),
            situation: facts.situation.clone(),
            event: told.name.to_owned(),
            camera: facts.camera.clone(),
            severity: facts.severity,
            instruction: facts.instruction.clone(),
            start,
            since,
            measured,
            plugin: told.plugin.to_owned(),
            clip_from: since.plus_micros(-CLIP_AROUND_US),
            picture_at: start,
        })))
    }

    /// Says what was not raised in a minute that is over.
    fn minute_over(&mut self, now: Utc) -> Vec<Action> {
        let minute = period(now, MINUTE_US);
        // An event of the minute before may come a little late.
        if minute == self.minute.0 || minute.plus_micros(MINUTE_US) == self.minute.0 {
            return Vec::new();
        }
        self.minute = (minute, 0);
        self.say_not_raised()
    }

    fn say_not_raised(&mut self) -> Vec<Action> {
        let n = std::mem::take(&mut self.not_raised);
        (n > 0).then(|| Action::NotRaised { rule: self.facts.id.clone(), n }).into_iter().collect()
    }

    fn interrupt(&mut self, now: Utc) -> Vec<Action> {
        let mut actions = self.say_not_raised();
        for alert in self.raiser.interrupt() {
            let Some(mut open) = self.open.remove(&alert.number) else { continue };
            open.n += 1;
            let (id, n, end) = (open.id, open.n, now.max(Utc(alert.start_us)));
            let measured = peak(&alert, open.place);
            if self.paused.len() >= PAUSED_MAX {
                self.paused.remove(0);
            }
            self.paused.push(Paused { open, at: now });
            actions.push(Action::Journal(Entry::Ended { id, n, end, measured, interrupted: true }));
        }
        actions
    }
}

/// An alert for tests.
#[cfg(test)]
pub(crate) fn example(number: u32) -> Raised {
    let place = Rect { x: 0.1, y: 0.1, w: 0.1, h: 0.2 };
    let event = raise::Event {
        object: 1,
        phase: raise::Phase::Begin,
        at_us: 5_000_000,
        rect: place,
        score: 0.5,
        measured: (1.0, 0.0),
    };
    Raised {
        id: AlertId { run: 1, number },
        rule: "r".into(),
        situation: "fire".into(),
        event: "fire".into(),
        camera: CameraId::try_from("gate".to_owned()).unwrap_or_else(|_| unreachable!()),
        severity: 2,
        instruction: None,
        start: Utc(5_000_000),
        since: Utc(4_000_000),
        measured: measured(&event),
        plugin: "fire 1.0 (0123)".into(),
        clip_from: Utc(0),
        picture_at: Utc(5_000_000),
    }
}

#[cfg(test)]
mod tests;
