//! The rule: a knife has been at someone in the zone, and has been moved, for the dwell.
//!
//! Promises: pure. A knife that lies on a table beside someone is held by nobody: it must have moved by a part of that
//! person's height. One person is one alert.
//! Leaves to others: what a knife looks like (the detector), dwell and continuity (`nvr_plugin_api::rule`).

use nvr_plugin_api::rule::{Change, CommonKeys, Episode, Held, Holds, Relay};
use nvr_plugin_api::{Event, EventType, Label, Phase, Polygon, Rect, Scene, Track};
use std::collections::BTreeMap;

/// Field default of the time, seconds: two or three looks that agree.
const DWELL_S: f64 = 1.0;
/// How far beside the person's box the knife may be, in the person's heights: an arm held out.
const BESIDE: f32 = 0.25;
/// The longer side of the knife, in the person's heights: more than 45 cm is no knife, less than 7 cm no danger.
const LENGTH: (f32, f32) = (0.04, 0.27);
/// What is held moves so far, in the person's heights: more than a box that trembles.
const MOVED: f32 = 0.1;
/// A blade is detected now and then only: for so long it is still there, µs.
const UNSEEN_US_MAX: i64 = 1_000_000;

/// The rule over one camera's scenes.
#[derive(Debug)]
pub(crate) struct Weapon {
    zone: Polygon,
    dwell_us: i64,
    people: Relay,
    knives: Relay,
    /// Where each knife was first seen.
    first: BTreeMap<u64, [f32; 2]>,
    holders: BTreeMap<u64, Holder>,
    objects: u64,
}

#[derive(Debug, Default)]
struct Holder {
    episode: Episode,
    /// When a knife was last in this hand.
    seen_us: Option<i64>,
    alert: Option<(u64, Rect, f32)>,
}

impl Weapon {
    pub(crate) fn new(keys: &CommonKeys) -> Self {
        Self {
            zone: keys.zone.clone().unwrap_or_else(Polygon::picture),
            dwell_us: keys.time_us(DWELL_S),
            people: Relay::default(),
            knives: Relay::default(),
            first: BTreeMap::new(),
            holders: BTreeMap::new(),
            objects: 0,
        }
    }

    /// One scene.
    pub(crate) fn step(&mut self, scene: &Scene, aspect: f32) -> Vec<Event> {
        let of = |label: Label| -> Vec<Track> {
            scene.tracks.iter().filter(|t| t.label == label).copied().collect()
        };
        self.people.update(scene, &of(Label::PERSON), aspect);
        self.knives.update(scene, &of(Label::KNIFE), aspect);
        let (people, knives) = (self.people.held(), self.knives.held());
        self.first.retain(|object, _| knives.iter().any(|k| k.object == *object));
        for knife in knives {
            self.first.entry(knife.object).or_insert_with(|| place(&knife.track.rect, aspect));
        }
        let mut events = Vec::new();
        for person in people {
            let in_zone = self.zone.contains(person.track.rect.foot());
            let knife = knives.iter().filter(|k| in_zone && held_by(k, person, aspect)).find(|k| {
                let moved = self.first.get(&k.object).map_or(0.0, |from| {
                    let to = place(&k.track.rect, aspect);
                    (to[0] - from[0]).hypot(to[1] - from[1])
                });
                moved >= MOVED * person.track.rect.h
            });
            let holder = self.holders.entry(person.object).or_default();
            let holds = holder.look(knife.is_some(), scene.at_us);
            match (holder.episode.update(scene.at_us, holds, self.dwell_us), knife) {
                (Some(Change::Begin { since_us, start_us }), Some(knife)) => {
                    self.objects += 1;
                    holder.alert = Some((self.objects, person.track.rect, knife.track.score));
                    events.extend(holder.event(Phase::Begin, (since_us, start_us, None), self.dwell_us));
                }
                (Some(change), _) => events.extend(holder.end(change, self.dwell_us)),
                (None, _) => {}
            }
        }
        for (_, holder) in self.holders.iter_mut().filter(|(o, _)| people.iter().all(|h| h.object != **o)) {
            let change = holder.episode.update(scene.at_us, Holds::No, self.dwell_us);
            events.extend(change.and_then(|c| holder.end(c, self.dwell_us)));
        }
        self.holders.retain(|object, h| !h.episode.is_idle() || people.iter().any(|p| p.object == *object));
        events
    }
}

/// The middle of a box; both axes in picture heights.
fn place(rect: &Rect, aspect: f32) -> [f32; 2] {
    [rect.centre().x * aspect, rect.centre().y]
}

/// Whether a knife is where a hand of the person can be, and as long as a knife.
fn held_by(knife: &Held, person: &Held, aspect: f32) -> bool {
    if ![knife, person].iter().all(|h| h.present && h.track.observed) {
        return false;
    }
    let (k, p) = (&knife.track.rect, &person.track.rect);
    let reach = BESIDE * p.h / aspect.max(f32::EPSILON);
    let near = (p.x - reach..=p.right() + reach).contains(&k.centre().x)
        && (p.y..=p.bottom()).contains(&k.centre().y);
    let length = k.h.max(k.w * aspect) / p.h.max(f32::EPSILON);
    near && (LENGTH.0..=LENGTH.1).contains(&length)
}

impl Holder {
    fn look(&mut self, held: bool, at_us: i64) -> Holds {
        if held {
            self.seen_us = Some(at_us);
            return Holds::Since(at_us);
        }
        match self.seen_us {
            Some(seen_us) if at_us - seen_us <= UNSEEN_US_MAX => Holds::Unknown,
            _ => Holds::No,
        }
    }

    fn event(&self, phase: Phase, times: (i64, i64, Option<i64>), dwell_us: i64) -> Option<Event> {
        let ((object, rect, score), (since_us, start_us, end_us)) = (self.alert?, times);
        let held_us = end_us.unwrap_or(start_us) - since_us;
        Some(Event {
            kind: EventType::Weapon,
            phase,
            object,
            since_us,
            start_us,
            end_us,
            rect,
            score,
            measured: held_us as f32 / 1e6,
            threshold: dwell_us as f32 / 1e6,
            detail: if phase == Phase::Begin { "label=knife".to_owned() } else { String::new() },
        })
    }

    fn end(&mut self, change: Change, dwell_us: i64) -> Option<Event> {
        let Change::End { since_us, start_us, end_us } = change else { return None };
        let event = self.event(Phase::End, (since_us, start_us, Some(end_us)), dwell_us);
        self.alert = None;
        event
    }
}
