//! The rule: an object in the zone has moved against the allowed direction for the dwell, and for so many of its lengths.
//!
//! Promises: pure. Standing, walking across, a step back and a turn at the edge are none: the way back counts from where the
//! object was furthest ahead, must lead against the direction rather than across it, and must go on. Predicted boxes move
//! nothing. Leaves to others: dwell and continuity (`nvr_plugin_api::rule`), learning a direction (it is drawn).

use nvr_plugin_api::rule::{Change, CommonKeys, Episode, Held, Holds, Relay, is_rider};
use nvr_plugin_api::{Class, Event, EventType, Phase, Polygon, Rect, Scene, Track};
use std::collections::BTreeMap;

/// Field default of the time, seconds.
const DWELL_S: f64 = 2.0;
/// Body lengths against the direction, in the field default's time; another time scales them: the speed is the same.
const LENGTHS: f32 = 3.0;
/// … but never fewer: a box that trembles or grows moves by less.
const LENGTHS_MIN: f32 = 1.0;
/// Of a way, the part that must lead against the direction: half is 60° to either side.
const AGAINST_SHARE: f32 = 0.5;
/// A step back by less than this of its length is standing.
const STANDS_LENGTHS: f32 = 0.25;
/// Who comes forward again by this of its length has turned round.
const TURNED_LENGTHS: f32 = 0.5;
/// Who has not come further against it for so long has stopped, µs.
const STOPPED_US: i64 = 1_000_000;

/// The rule over one camera's scenes.
#[derive(Debug)]
pub(crate) struct WrongWay {
    zone: Polygon,
    allowed: [f32; 2],
    dwell_us: i64,
    lengths: f32,
    classes: Vec<Class>,
    relay: Relay,
    watched: BTreeMap<u64, Watched>,
    objects: u64,
}

/// One object of the scene.
#[derive(Debug, Default)]
struct Watched {
    way: Option<Way>,
    holds: Option<i64>,
    episode: Episode,
    alert: Option<Alert>,
}

/// Where it has been; distances in picture heights.
#[derive(Debug, Clone, Copy)]
struct Way {
    /// Furthest ahead: place, how far along the direction, when.
    ahead: ([f32; 2], f32, i64),
    /// Furthest back since: how far along, when.
    back: (f32, i64),
}

#[derive(Debug, Clone, Copy)]
struct Alert {
    object: u64,
    rect: Rect,
    score: f32,
    lengths: f32,
}

impl WrongWay {
    pub(crate) fn new(keys: &CommonKeys, allowed: [f32; 2]) -> Self {
        let dwell_us = keys.time_us(DWELL_S);
        let lengths = LENGTHS * dwell_us as f32 / (DWELL_S as f32 * 1e6);
        Self {
            zone: keys.zone.clone().unwrap_or_else(Polygon::picture),
            allowed,
            dwell_us,
            lengths: lengths.clamp(LENGTHS_MIN, LENGTHS),
            classes: keys.classes(),
            relay: Relay::default(),
            watched: BTreeMap::new(),
            objects: 0,
        }
    }

    /// One scene.
    pub(crate) fn step(&mut self, scene: &Scene, aspect: f32) -> Vec<Event> {
        let tracks: Vec<Track> = scene.tracks.iter().filter(|t| self.watches(t, scene)).copied().collect();
        self.relay.update(scene, &tracks, aspect);
        let mut events = Vec::new();
        for held in self.relay.held().to_vec() {
            events.extend(self.look(&held, scene.at_us, aspect));
        }
        // What is forgotten moves no more; it is kept until its alert, if any, has ended.
        let held = self.relay.held();
        for (object, watched) in &mut self.watched {
            if held.iter().all(|h| h.object != *object) {
                let change = watched.episode.update(scene.at_us, Holds::No, self.dwell_us);
                events.extend(change.and_then(|c| watched.end(c, self.lengths)));
            }
        }
        self.watched.retain(|object, w| !w.episode.is_idle() || held.iter().any(|h| h.object == *object));
        events
    }

    fn watches(&self, track: &Track, scene: &Scene) -> bool {
        let in_class = self.classes.iter().any(|c| c.contains(track.label));
        in_class && !(self.classes.contains(&Class::Bicycle) && is_rider(track, scene))
    }

    fn look(&mut self, held: &Held, at_us: i64, aspect: f32) -> Option<Event> {
        let watched = self.watched.entry(held.object).or_default();
        let rect = &held.track.rect;
        let mut measured = 0.0;
        if held.present && held.track.observed {
            let foot = rect.foot();
            let place = [foot.x * aspect, foot.y];
            let length = rect.h.max(if held.track.label == nvr_plugin_api::Label::PERSON {
                0.0
            } else {
                rect.w * aspect
            });
            watched.way = watched.way.filter(|_| self.zone.contains(foot));
            if self.zone.contains(foot) {
                // A picture vector: the direction as it is seen, not in the normalised square.
                let [x, y] = [self.allowed[0] * aspect, self.allowed[1]];
                let along = (place[0] * x + place[1] * y) / x.hypot(y);
                let way = Way::on(watched.way, place, along, length, at_us);
                watched.way = Some(way);
                let gone = way.ahead.1 - along;
                let far = (place[0] - way.ahead.0[0]).hypot(place[1] - way.ahead.0[1]);
                let goes_on = at_us - way.back.1 < STOPPED_US;
                measured = if length > 0.0 { gone / length } else { 0.0 };
                let against = measured >= self.lengths && gone >= AGAINST_SHARE * far && goes_on;
                watched.holds = against.then_some(way.ahead.2);
            } else {
                watched.holds = None;
            }
        }
        let holds = match watched.holds {
            Some(_) if !held.present => Holds::Unknown,
            Some(since_us) if at_us - since_us >= self.dwell_us => Holds::Since(since_us),
            _ => Holds::No,
        };
        let change = watched.episode.update(at_us, holds, self.dwell_us)?;
        let Change::Begin { since_us, start_us } = change else { return watched.end(change, self.lengths) };
        self.objects += 1;
        let alert = Alert { object: self.objects, rect: *rect, score: held.track.score, lengths: measured };
        watched.alert = Some(alert);
        let detail = format!("label={}", held.track.label.name().replace(' ', "-"));
        Some(alert.event(Phase::Begin, (since_us, start_us, None), self.lengths, detail))
    }
}

impl Way {
    /// Goes on to a place.
    fn on(was: Option<Self>, place: [f32; 2], along: f32, length: f32, at_us: i64) -> Self {
        let here = Self { ahead: (place, along, at_us), back: (along, at_us) };
        let Some(mut way) = was else { return here };
        if along >= way.ahead.1 || along > way.back.0 + TURNED_LENGTHS * length {
            return here;
        }
        if way.ahead.1 - along < STANDS_LENGTHS * length {
            way.ahead.2 = at_us;
        }
        if along < way.back.0 {
            way.back = (along, at_us);
        }
        way
    }
}

impl Watched {
    fn end(&mut self, change: Change, lengths: f32) -> Option<Event> {
        let Change::End { since_us, start_us, end_us } = change else { return None };
        let alert = self.alert.take()?;
        Some(alert.event(Phase::End, (since_us, start_us, Some(end_us)), lengths, String::new()))
    }
}

impl Alert {
    fn event(
        &self,
        phase: Phase,
        (since_us, start_us, end_us): (i64, i64, Option<i64>),
        lengths: f32,
        detail: String,
    ) -> Event {
        Event {
            kind: EventType::WrongWay,
            phase,
            object: self.object,
            since_us,
            start_us,
            end_us,
            rect: self.rect,
            score: self.score,
            measured: self.lengths,
            threshold: lengths,
            detail,
        }
    }
}
