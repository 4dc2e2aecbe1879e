//! Raising: the events of one rule become alerts, one for each object and situation.
//!
//! Promises: one situation is one alert, from its begin to its end, however often a plugin says so; after it ended, the
//!   same object is silent for the rule's `rearm_s`; memory is bounded by [`OPEN_MAX`] and [`SILENT_MAX`], and what is
//!   beyond is counted, never lost in silence.
//! Leaves to others: dwell and what an object is (plugins), who handles an alert, schedules.

use nvr_base::geometry::Rect;
use std::collections::BTreeMap;

/// Most alerts of one rule that last at once.
pub const OPEN_MAX: usize = 256;
/// Most objects whose silence is remembered.
pub const SILENT_MAX: usize = 1024;

/// Where an event stands in the life of its object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The condition has held for its dwell.
    Begin,
    /// It lasts.
    Update,
    /// It has been false for 3 s.
    End,
}

/// What a plugin said of one object.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Event {
    /// The plugin's number of the object.
    pub object: u64,
    /// Begin, update or end.
    pub phase: Phase,
    /// Media time at which the alert is due, µs; of an end, the media time at which the condition was last true.
    pub at_us: i64,
    /// Where.
    pub rect: Rect,
    /// How sure, 0..1.
    pub score: f32,
    /// What was measured, and what it was compared with.
    pub measured: (f32, f32),
}

/// What a person handles.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Alert {
    /// Number of the alert among its rule's, from 0.
    pub number: u64,
    /// Media time at which it was raised, µs.
    pub start_us: i64,
    /// Media time at which its condition was last true, µs; none while it lasts.
    pub end_us: Option<i64>,
    /// Where, when it was raised.
    pub rect: Rect,
    /// The surest it was.
    pub score: f32,
    /// What was measured at its most, and what it was compared with.
    pub measured: (f32, f32),
}

/// What an event came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Outcome {
    /// A new alert.
    Raised(Alert),
    /// One that lasts, or goes on.
    Went(Alert),
    /// One that is over.
    Ended(Alert),
    /// Nothing: silence after the last alert of this object, or nothing was open.
    Nothing,
}

/// The alerts of one rule.
#[derive(Debug, Clone)]
pub struct Raiser {
    rearm_us: i64,
    open: BTreeMap<u64, Alert>,
    /// When the last alert of an object ended.
    ended: BTreeMap<u64, i64>,
    next: u64,
    refused: u64,
}

impl Raiser {
    /// A rule that is silent for `rearm_s` seconds after an alert of the same object.
    pub fn new(rearm_s: f64) -> Self {
        let rearm_us = (rearm_s.clamp(0.0, 1e9) * 1e6).round() as i64;
        Self { rearm_us, open: BTreeMap::new(), ended: BTreeMap::new(), next: 0, refused: 0 }
    }

    /// Alerts that were not raised because [`OPEN_MAX`] lasted.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// Alerts that last, by object.
    pub fn open(&self) -> impl Iterator<Item = &Alert> {
        self.open.values()
    }

    /// From now on the rule is silent for `rearm_s` seconds after an alert of the same object.
    pub fn set_rearm(&mut self, rearm_s: f64) {
        self.rearm_us = Self::new(rearm_s).rearm_us;
    }

    /// The plugin went away: what lasts is over, and its numbers of objects mean nothing any more.
    pub fn interrupt(&mut self) -> Vec<Alert> {
        self.ended.clear();
        std::mem::take(&mut self.open).into_values().collect()
    }

    /// One event.
    pub fn step(&mut self, event: &Event) -> Outcome {
        match event.phase {
            Phase::Begin if !self.open.contains_key(&event.object) => self.begin(event),
            Phase::Begin | Phase::Update => {
                let Some(alert) = self.open.get_mut(&event.object) else { return Outcome::Nothing };
                alert.score = alert.score.max(event.score);
                if event.measured.0 > alert.measured.0 {
                    alert.measured = event.measured;
                }
                Outcome::Went(*alert)
            }
            Phase::End => {
                let Some(alert) = self.open.remove(&event.object) else { return Outcome::Nothing };
                let end_us = event.at_us.max(alert.start_us);
                self.remember(event.object, end_us);
                Outcome::Ended(Alert { end_us: Some(end_us), ..alert })
            }
        }
    }

    fn begin(&mut self, event: &Event) -> Outcome {
        let silent = self.ended.get(&event.object).is_some_and(|end| event.at_us < end + self.rearm_us);
        if silent {
            return Outcome::Nothing;
        }
        if self.open.len() >= OPEN_MAX {
            self.refused += 1;
            return Outcome::Nothing;
        }
        let alert = Alert {
            number: self.next,
            start_us: event.at_us,
            end_us: None,
            rect: event.rect,
            score: event.score,
            measured: event.measured,
        };
        self.next += 1;
        self.open.insert(event.object, alert);
        Outcome::Raised(alert)
    }

    /// Remembers the end, and forgets silences that are over; the oldest first when there are too many.
    fn remember(&mut self, object: u64, end_us: i64) {
        if self.rearm_us == 0 {
            return;
        }
        self.ended.retain(|_, end| *end + self.rearm_us > end_us);
        if self.ended.len() >= SILENT_MAX {
            let oldest = self.ended.iter().min_by_key(|(_, end)| **end).map(|(object, _)| *object);
            oldest.map(|object| self.ended.remove(&object));
        }
        self.ended.insert(object, end_us);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Events `b1@5` (object 1 begins at 5 s), `u`, `e`; outcomes `raised 0`, `went 0`, `ended 0`, `-`.
    fn check(rearm_s: f64, events: &str, expected: &str) {
        let mut raiser = Raiser::new(rearm_s);
        let mut got = Vec::new();
        for word in events.split_whitespace() {
            let (head, at) = word.split_once('@').unwrap_or((word, "0"));
            let (phase, object) = head.split_at(1);
            let phase = match phase {
                "b" => Phase::Begin,
                "u" => Phase::Update,
                _ => Phase::End,
            };
            let at_us = (at.parse::<f64>().unwrap_or(0.0) * 1e6) as i64;
            let rect = Rect { x: 0.1, y: 0.1, w: 0.1, h: 0.2 };
            let object = object.parse().unwrap_or(0);
            got.push(
                match raiser.step(&Event { object, phase, at_us, rect, score: 0.5, measured: (1.0, 0.0) }) {
                    Outcome::Raised(a) => format!("raised {}", a.number),
                    Outcome::Went(a) => format!("went {}", a.number),
                    Outcome::Ended(a) => format!("ended {} {}", a.number, a.end_us.unwrap_or(-1) / 1_000_000),
                    Outcome::Nothing => "-".to_owned(),
                },
            );
        }
        assert_eq!(got.join(", "), expected, "{events}");
    }

    #[test]
    fn one_situation_is_one_alert() {
        check(0.0, "b1@1 u1@2 b1@3 e1@4", "raised 0, went 0, went 0, ended 0 4");
        check(0.0, "b1@1 b2@1 e1@2 e2@3", "raised 0, raised 1, ended 0 2, ended 1 3");
        check(0.0, "b1@1 e1@2 b1@2", "raised 0, ended 0 2, raised 1");
        check(0.0, "u1@1 e1@2", "-, -");
        check(0.0, "b1@5 e1@3", "raised 0, ended 0 5");
    }

    #[test]
    fn silence_after_an_alert_of_the_same_object() {
        check(10.0, "b1@1 e1@2 b1@11 b2@11 b1@12", "raised 0, ended 0 2, -, raised 1, raised 2");
    }

    #[test]
    fn a_flood_is_bounded_and_counted() {
        let mut raiser = Raiser::new(1.0);
        let rect = Rect { x: 0.0, y: 0.0, w: 1.0, h: 1.0 };
        for object in 0..OPEN_MAX as u64 + 5 {
            let event =
                Event { object, phase: Phase::Begin, at_us: 0, rect, score: 1.0, measured: (0.0, 0.0) };
            raiser.step(&event);
        }
        assert_eq!((raiser.open().count(), raiser.refused()), (OPEN_MAX, 5));
    }
}
