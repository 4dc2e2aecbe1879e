//! The desk: what the analysis says becomes alerts, counts and blind intervals in the journal.
//!
//! Promises: nobody who says something waits: a line is made in memory and waits in the journal's own bounded queue, and
//! what that cannot take is counted and said (`LinesLost`); what was counted is written every [`SAY_EVERY`], so that a
//! kill costs no more, and when the recorder ends in good order; a rule's standing is written when it changes.
//! Leaves to others: what is an alert (`nvr_alerts::desk`), who handles it (`answers`), arming (`nvr_alerts::arm`).

use crate::sayings::{Log, Moment, Sayings};
use nvr_alerts::count::{Minute, Minutes};
use nvr_alerts::desk::{self, Action, RuleFacts, Said};
use nvr_alerts::raise;
use nvr_base::blind::BlindReason;
use nvr_base::config::Config;
use nvr_base::count::{Count, CountKey, Series, Way};
use nvr_base::text::printable;
use nvr_base::{CameraId, Clock, Utc};
use nvr_plugins::protocol::{Event, Phase, Sample};
use nvr_plugins::vocabulary;
use nvr_store::Store;
use nvr_store::record::Record;
use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

/// The event of a plugin that counts: it works. That is for the log; nobody handles it.
const FIRST_COUNT: &str = "first-count";
/// How often what was counted is written: the parts of a minute add up.
const SAY_EVERY: Duration = Duration::from_secs(10);
/// Least time between two equal sentences for the technician, µs.
const SAME_TROUBLE_US: i64 = 60_000_000;
/// Longest sentence for the technician, in characters.
const TROUBLE_CHARS_MAX: usize = 500;
/// Most subjects whose last trouble is remembered.
const TROUBLES_MAX: usize = 1000;

/// The desk of a running recorder.
#[derive(Debug)]
pub(crate) struct Desk {
    store: Store,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    ends: Arc<Ends>,
}

/// Wakes the desk's thread when the recorder ends.
#[derive(Debug, Default)]
struct Ends {
    ended: Mutex<bool>,
    rung: Condvar,
}

#[derive(Debug)]
struct State {
    desk: desk::Desk,
    minutes: Minutes,
    /// Cameras of the configured rules.
    cameras: BTreeMap<String, CameraId>,
    /// How each rule stands, as far as this run has said.
    standing: BTreeMap<String, Option<BlindReason>>,
    /// Number of the next line that needs one.
    number: u64,
    /// What was said of each subject last, and when.
    troubles: BTreeMap<String, (String, Utc)>,
    /// Samples that are on no list, or of rules that are not configured.
    strange: u64,
}

fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic under this lock leaves at most one alert unwritten.
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Desk {
    /// A desk for the rules of `config`, and the thread that writes what they counted.
    ///
    /// # Errors
    /// No thread can be made.
    pub(crate) fn start(store: Store, clock: Arc<dyn Clock>, config: &Config) -> std::io::Result<Arc<Self>> {
        let state = State {
            desk: desk::Desk::new(store.run()),
            minutes: Minutes::default(),
            cameras: BTreeMap::new(),
            standing: BTreeMap::new(),
            number: 1,
            troubles: BTreeMap::new(),
            strange: 0,
        };
        let ends = Arc::new(Ends::default());
        let desk = Arc::new(Self { store, clock, state: Mutex::new(state), ends: ends.clone() });
        desk.configure(config);
        let weak = Arc::downgrade(&desk);
        std::thread::Builder::new()
            .name("desk".into())
            .stack_size(256 << 10)
            .spawn(move || attend(&weak, &ends))?;
        Ok(desk)
    }

    /// These are the rules from now on.
    pub(crate) fn configure(&self, config: &Config) {
        let now = self.clock.utc();
        let rules: Vec<RuleFacts> = config.rules.iter().filter_map(RuleFacts::of).collect();
        let mut state = held(&self.state);
        let actions = state.desk.step(now, Said::Rules(&rules));
        state.cameras = rules.into_iter().map(|rule| (rule.id, rule.camera)).collect();
        self.write(actions);
        // Rules that this run or an earlier one knew and that are gone.
        for watch in self.store.watches() {
            if state.cameras.get(&watch.rule) != Some(&watch.camera) {
                state.standing.remove(&watch.rule);
                let number = state.next();
                self.store.note(Record::RuleGone { number, rule: watch.rule, from: now });
            }
        }
    }

    /// Writes what was counted so far, the part of this minute too.
    pub(crate) fn say_counts(&self) {
        let mut state = held(&self.state);
        let all = state.minutes.all();
        self.count(&mut state, all);
    }

    /// Ends every situation, writes what was counted, ends the thread. Before the store is closed.
    pub(crate) fn close(&self) {
        let now = self.clock.utc();
        let mut state = held(&self.state);
        let rules: Vec<String> = state.cameras.keys().cloned().collect();
        for rule in rules {
            let actions = state.desk.step(now, Said::Interrupted { rule: &rule });
            self.write(actions);
        }
        let all = state.minutes.all();
        self.count(&mut state, all);
        drop(state);
        self.end();
    }

    fn end(&self) {
        *held(&self.ends.ended) = true;
        self.ends.rung.notify_all();
    }

    fn count(&self, state: &mut State, minutes: Vec<Minute>) {
        for (rule, minute, counts) in minutes {
            let Some(camera) = state.cameras.get(&rule).cloned() else { continue };
            let number = state.next();
            self.store.note(Record::Counted { number, rule, camera, minute, counts });
        }
    }

    fn write(&self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Journal(entry) => self.store.note(Record::Alert { entry }),
                Action::NotRaised { rule, n } => {
                    tracing::warn!(rule, n, "too many alerts: not raised");
                    self.store.note(Record::AlertsNotRaised { rule, n });
                }
            }
        }
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.end();
    }
}

impl State {
    fn next(&mut self) -> u64 {
        let number = self.number;
        self.number += 1;
        number
    }
}

/// The desk's thread.
fn attend(desk: &Weak<Desk>, ends: &Ends) {
    let mut ended = held(&ends.ended);
    while !*ended {
        let waited = ends.rung.wait_timeout(ended, SAY_EVERY);
        let now_ended = *waited.unwrap_or_else(PoisonError::into_inner).0;
        let Some(desk) = desk.upgrade().filter(|_| !now_ended) else { return };
        desk.say_counts();
        drop(desk);
        ended = held(&ends.ended);
    }
}

/// UTC of a media time.
fn utc(now: Moment, at_us: i64) -> Utc {
    now.utc.plus_micros(at_us.saturating_sub(now.at_us))
}

/// A plugin's event with its times in UTC.
fn heard(now: Moment, event: &Event) -> raise::Event {
    let (phase, at_us) = match event.phase {
        Phase::Begin => (raise::Phase::Begin, event.start_us),
        Phase::Update => (raise::Phase::Update, event.start_us),
        Phase::End => (raise::Phase::End, event.end_us.unwrap_or(now.at_us)),
    };
    raise::Event {
        object: event.object,
        phase,
        at_us: utc(now, at_us).0,
        rect: event.rect,
        score: event.score,
        measured: (event.measured, event.threshold),
    }
}

/// A plugin's sample by its names; `None` when a number is on no list.
fn counted(sample: &Sample) -> Option<Count> {
    let series = match sample.series {
        1 => Series::Crossings,
        2 => Series::Occupancy,
        _ => return None,
    };
    let direction = match sample.direction {
        0 => None,
        1 => Some(Way::Forward),
        2 => Some(Way::Backward),
        _ => return None,
    };
    let n = u64::from(sample.n);
    let max = (series == Series::Occupancy).then_some(n);
    Some(Count { key: CountKey { series, class: vocabulary::class_name(sample.class)?, direction }, n, max })
}

impl Sayings for Desk {
    fn event(&self, rule: &str, camera: &CameraId, plugin: &str, now: Moment, event: &Event) {
        Log.event(rule, camera, plugin, now, event);
        let name = vocabulary::event_name(event.kind).unwrap_or("unknown");
        if name == FIRST_COUNT {
            return;
        }
        let (since, event) = (utc(now, event.since_us), heard(now, event));
        let mut state = held(&self.state);
        let actions = state.desk.step(now.utc, Said::Event { rule, plugin, name, since, event });
        // Under the lock, so that the journal has the order in which things were said.
        self.write(actions);
    }

    fn sample(&self, rule: &str, _camera: &CameraId, now: Moment, sample: &Sample) {
        let mut state = held(&self.state);
        match counted(sample).filter(|_| state.cameras.contains_key(rule)) {
            Some(count) if count.key.series == Series::Crossings && count.n == 0 => {}
            Some(count) => state.minutes.take(rule, utc(now, sample.at_us), count),
            None => state.strange += 1,
        }
    }

    fn blind(&self, rule: &str, camera: &CameraId, reason: Option<BlindReason>) {
        let mut state = held(&self.state);
        if state.cameras.get(rule) != Some(camera) || state.standing.get(rule) == Some(&reason) {
            return;
        }
        Log.blind(rule, camera, reason);
        state.standing.insert(rule.to_owned(), reason);
        let (number, from) = (state.next(), self.clock.utc());
        let (rule, camera) = (rule.to_owned(), camera.clone());
        self.store.note(Record::RuleWatch { number, rule, camera, from, blind: reason });
    }

    fn interrupted(&self, rule: &str, camera: &CameraId) {
        Log.interrupted(rule, camera);
        let mut state = held(&self.state);
        let actions = state.desk.step(self.clock.utc(), Said::Interrupted { rule });
        self.write(actions);
    }

    fn system(&self, subject: &str, what: &str) {
        let (now, subject) = (self.clock.utc(), printable(subject));
        let what: String = printable(what).chars().take(TROUBLE_CHARS_MAX).collect();
        let mut state = held(&self.state);
        let same = state
            .troubles
            .get(&subject)
            .is_some_and(|(last, at)| *last == what && (0..SAME_TROUBLE_US).contains(&now.micros_since(*at)));
        if same {
            return;
        }
        if state.troubles.len() >= TROUBLES_MAX {
            state.troubles.clear();
        }
        state.troubles.insert(subject.clone(), (what.clone(), now));
        tracing::warn!(subject, "{what}");
        self.store.note(Record::Trouble { subject, what });
    }
}

#[cfg(test)]
mod tests;
