//! The life of what a rule watches: followed from first sight, alert by alert, until it is forgotten and its alert is over.
//!
//! Promises: pure. One object of the scene is one object of the alerts, even when its track dies and comes back within the
//! 3 s; what is forgotten no longer meets the condition; an alert that began ends; alerts are numbered from 1 as they begin,
//! and each says where its object was then. As many objects as the relay holds, and those whose alert has not ended.
//! Leaves to others: which tracks are watched and what the condition is (the rule), dwell (`episode`), continuity (`relay`).

use super::{Change, Episode, Held, Holds, Relay};
use crate::closed::{EventType, Phase};
use crate::event::Event;
use nvr_base::geometry::Rect;
use nvr_base::scene::{Scene, Track};
use std::collections::BTreeMap;

/// What a rule finds of one object in one scene.
#[derive(Debug, Clone, PartialEq)]
pub struct Look {
    /// What an alert that begins now would be.
    pub kind: EventType,
    /// The condition.
    pub holds: Holds,
    /// How long it must hold, µs.
    pub dwell_us: i64,
    /// What the alert says it measured.
    pub measure: Measure,
    /// What the alert says beside the label, ` key=value` each; mostly nothing.
    pub detail: String,
}

/// What an alert says it measured, and against what.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Measure {
    /// For how long the condition has been true, against its dwell; seconds.
    Time,
    /// Something else, as it was when the alert began.
    Value {
        /// What was measured.
        measured: f32,
        /// What it was compared with.
        threshold: f32,
    },
}

/// The objects of one rule; `S` is what the rule remembers of each.
#[derive(Debug, Default)]
pub struct Watch<S> {
    relay: Relay,
    objects: BTreeMap<u64, Object<S>>,
    /// Numbers of alerts given so far.
    alerts: u64,
}

#[derive(Debug, Default)]
struct Object<S> {
    state: S,
    episode: Episode,
    alert: Option<Alert>,
}

/// What was said at its beginning.
#[derive(Debug, Clone, Copy)]
struct Alert {
    number: u64,
    kind: EventType,
    rect: Rect,
    score: f32,
    measure: Measure,
    dwell_us: i64,
}

impl<S: Default> Watch<S> {
    /// One scene and those of its tracks that the rule watches; looks at every object, present or lost, in the order they
    /// were first seen.
    pub fn step(
        &mut self,
        scene: &Scene,
        tracks: &[Track],
        aspect: f32,
        mut look: impl FnMut(&mut S, &Held) -> Look,
    ) -> Vec<Event> {
        self.relay.update(scene, tracks, aspect);
        let held = self.relay.held();
        let mut events = Vec::new();
        for h in held {
            let object = self.objects.entry(h.object).or_default();
            let look = look(&mut object.state, h);
            match object.episode.update(scene.at_us, look.holds, look.dwell_us) {
                Some(Change::Begin { since_us, start_us }) => {
                    self.alerts += 1;
                    let alert = Alert {
                        number: self.alerts,
                        kind: look.kind,
                        rect: h.track.rect,
                        score: h.track.score,
                        measure: look.measure,
                        dwell_us: look.dwell_us,
                    };
                    object.alert = Some(alert);
                    let label = h.track.label.name().replace(' ', "-");
                    let detail = format!("label={label}{}", look.detail);
                    events.push(alert.event(since_us, start_us, None, detail));
                }
                change => events.extend(change.and_then(|c| object.end(c))),
            }
        }
        let is_held = |number: &u64| held.iter().any(|h| h.object == *number);
        for object in self.objects.iter_mut().filter(|(number, _)| !is_held(number)).map(|(_, o)| o) {
            let change = object.episode.update(scene.at_us, Holds::No, 0);
            events.extend(change.and_then(|c| object.end(c)));
        }
        self.objects.retain(|number, object| !object.episode.is_idle() || is_held(number));
        events
    }
}

impl<S> Object<S> {
    fn end(&mut self, change: Change) -> Option<Event> {
        let Change::End { since_us, start_us, end_us } = change else { return None };
        Some(self.alert.take()?.event(since_us, start_us, Some(end_us), String::new()))
    }
}

impl Alert {
    fn event(&self, since_us: i64, start_us: i64, end_us: Option<i64>, detail: String) -> Event {
        let (measured, threshold) = match self.measure {
            Measure::Time => {
                ((end_us.unwrap_or(start_us) - since_us) as f32 / 1e6, self.dwell_us as f32 / 1e6)
            }
            Measure::Value { measured, threshold } => (measured, threshold),
        };
        Event {
            kind: self.kind,
            phase: if end_us.is_some() { Phase::End } else { Phase::Begin },
            object: self.number,
            since_us,
            start_us,
            end_us,
            rect: self.rect,
            score: self.score,
            measured,
            threshold,
            detail,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nvr_base::label::Label;
    use nvr_base::scene::TrackId;

    /// Steps of `(track, x)`, a second apart; the condition, with a dwell of 1 s, is to be right of the middle. Out, a line
    /// an event: `B<number>@<time> measured/threshold`, `E<number>@<time of the last truth> …`, and how many are in memory.
    fn check(measure: Measure, steps: &[&[(u64, f32)]], expected: &[&str], in_memory: usize) {
        let mut watch: Watch<Option<i64>> = Watch::default();
        let mut said = Vec::new();
        for (second, step) in (0i64..).zip(steps) {
            let at_us = second * 1_000_000;
            let track = |(id, x): &(u64, f32)| Track {
                id: TrackId(*id),
                label: Label::CAR,
                score: 0.9,
                rect: Rect { x: *x, y: 0.4, w: 0.1, h: 0.2 },
                velocity: (0.0, 0.0),
                first_seen_us: at_us,
                last_seen_us: at_us,
                observed: true,
            };
            let tracks: Vec<Track> = step.iter().map(track).collect();
            let scene = Scene { at_us, ..Scene::default() };
            let events = watch.step(&scene, &tracks, 1.0, |since, held| {
                if held.present {
                    *since = (held.track.rect.x > 0.5).then(|| since.unwrap_or(at_us));
                }
                let holds = match *since {
                    _ if !held.present => Holds::Unknown,
                    Some(since_us) => Holds::Since(since_us),
                    None => Holds::No,
                };
                let detail = String::new();
                Look { kind: EventType::ZoneEntry, holds, dwell_us: 1_000_000, measure, detail }
            });
            said.extend(events.iter().map(|e| {
                let (letter, us) = e.end_us.map_or(('B', e.start_us), |end_us| ('E', end_us));
                format!("{letter}{}@{} {:.0}/{:.0}", e.object, us / 1_000_000, e.measured, e.threshold)
            }));
        }
        assert_eq!(said, expected, "{steps:?}");
        assert_eq!(watch.objects.len(), in_memory, "{steps:?}");
    }

    #[test]
    fn one_alert_from_beginning_to_end() {
        let inside_and_out: &[&[(u64, f32)]] =
            &[&[(1, 0.6)], &[(1, 0.6)], &[(1, 0.6)], &[(1, 0.45)], &[(1, 0.45)], &[(1, 0.45)], &[(1, 0.45)]];
        check(Measure::Time, inside_and_out, &["B1@1 1/1", "E1@2 2/1"], 1);
        let value = Measure::Value { measured: 7.0, threshold: 5.0 };
        check(value, inside_and_out, &["B1@1 7/5", "E1@2 7/5"], 1);
        check(Measure::Time, inside_and_out.get(..2).unwrap_or(&[]), &["B1@1 1/1"], 1);
    }

    #[test]
    fn what_is_forgotten_ends() {
        let vanishes: &[&[(u64, f32)]] = &[&[(1, 0.6)], &[(1, 0.6)], &[], &[], &[], &[]];
        check(Measure::Time, vanishes, &["B1@1 1/1", "E1@1 1/1"], 0);
        let too_soon: &[&[(u64, f32)]] = &[&[(1, 0.6)], &[], &[], &[], &[]];
        check(Measure::Time, too_soon, &[], 0);
    }

    #[test]
    fn a_track_that_comes_back_is_the_same_object_and_a_new_one_has_its_own_number() {
        let back: &[&[(u64, f32)]] = &[&[(1, 0.6)], &[(1, 0.6)], &[], &[(2, 0.62)]];
        check(Measure::Time, back, &["B1@1 1/1"], 1);
        let two: &[&[(u64, f32)]] = &[&[(1, 0.6)], &[(1, 0.6), (2, 0.8)], &[(1, 0.6), (2, 0.8)]];
        check(Measure::Time, two, &["B1@1 1/1", "B2@2 1/1"], 2);
    }
}
