//! The rule: someone in the zone has moved together with a bag for the dwell.
//!
//! Promises: pure. A bag that stands while people stand by it or walk past is carried by nobody: it must have gone along,
//! by half a person's height, at the same place of the person. One person is one alert, however many bags.
//! Leaves to others: what a bag looks like (the detector), dwell and continuity (`nvr_plugin_api::rule`).

use nvr_plugin_api::rule::{Change, CommonKeys, Episode, Held, Holds, Relay};
use nvr_plugin_api::{Class, Event, EventType, Label, Phase, Polygon, Rect, Scene, Track};
use std::collections::BTreeMap;

/// Field default of the time, seconds: longer than walking past a bag.
const DWELL_S: f64 = 3.0;
/// How far beside the person's box a bag may be, in the person's heights: a suitcase is pulled behind.
const BESIDE: f32 = 0.3;
/// The bag's height is at most so much of the person's: larger things are carts.
const BAG_HEIGHT_MAX: f32 = 0.7;
/// Both have gone so far, in the person's heights, …
const GONE: f32 = 0.5;
/// … and the bag is where it was of the person, give or take so much of the way and of the height: it swings.
const SWING: f32 = 0.25;
/// A bag is detected now and then only: for so long it is still there, µs.
const UNSEEN_US_MAX: i64 = 1_500_000;
/// Pairs of person and bag watched at a time.
const PAIRS_MAX: usize = 1024;

/// The rule over one camera's scenes.
#[derive(Debug)]
pub(crate) struct BagCarried {
    zone: Polygon,
    dwell_us: i64,
    people: Relay,
    bags: Relay,
    pairs: BTreeMap<(u64, u64), Pair>,
    carriers: BTreeMap<u64, Carrier>,
    objects: u64,
}

/// A bag on a person.
#[derive(Debug, Clone, Copy)]
struct Pair {
    since_us: i64,
    seen_us: i64,
    person: [f32; 2],
    bag: [f32; 2],
    carried: bool,
}

#[derive(Debug, Default)]
struct Carrier {
    episode: Episode,
    alert: Option<(u64, Rect, f32)>,
}

impl BagCarried {
    pub(crate) fn new(keys: &CommonKeys) -> Self {
        Self {
            zone: keys.zone.clone().unwrap_or_else(Polygon::picture),
            dwell_us: keys.time_us(DWELL_S),
            people: Relay::default(),
            bags: Relay::default(),
            pairs: BTreeMap::new(),
            carriers: BTreeMap::new(),
            objects: 0,
        }
    }

    /// One scene.
    pub(crate) fn step(&mut self, scene: &Scene, aspect: f32) -> Vec<Event> {
        let only = |wanted: &dyn Fn(Label) -> bool| -> Vec<Track> {
            scene.tracks.iter().filter(|t| wanted(t.label)).copied().collect()
        };
        self.people.update(scene, &only(&|l| l == Label::PERSON), aspect);
        self.bags.update(scene, &only(&|l| Class::Bag.contains(l)), aspect);
        let (people, bags) = (self.people.held().to_vec(), self.bags.held().to_vec());
        for person in &people {
            for bag in &bags {
                self.pair(person, bag, scene.at_us, aspect);
            }
        }
        self.pairs.retain(|(p, _), pair| {
            scene.at_us - pair.seen_us <= UNSEEN_US_MAX && people.iter().any(|h| h.object == *p)
        });
        let mut events = Vec::new();
        for person in &people {
            events.extend(self.judge(person, &bags, scene.at_us));
        }
        for (_, carrier) in self.carriers.iter_mut().filter(|(o, _)| people.iter().all(|h| h.object != **o)) {
            let change = carrier.episode.update(scene.at_us, Holds::No, self.dwell_us);
            events.extend(change.and_then(|c| carrier.end(c, self.dwell_us)));
        }
        self.carriers.retain(|_, c| !c.episode.is_idle());
        events
    }

    fn pair(&mut self, person: &Held, bag: &Held, at_us: i64, aspect: f32) {
        if ![person, bag].iter().all(|h| h.present && h.track.observed) {
            return;
        }
        let (p, b, key) = (&person.track.rect, &bag.track.rect, (person.object, bag.object));
        let (middle, reach) = (b.centre(), BESIDE * p.h / aspect.max(f32::EPSILON));
        let across = (p.x - reach..=p.right() + reach).contains(&middle.x);
        let on = across && (p.y..=p.bottom() + 0.05 * p.h).contains(&middle.y) && b.h <= BAG_HEIGHT_MAX * p.h;
        if !on || !self.zone.contains(p.foot()) {
            self.pairs.remove(&key);
            return;
        }
        let place = |r: &Rect| [r.centre().x * aspect, r.centre().y];
        let fresh = Pair { since_us: at_us, seen_us: at_us, person: place(p), bag: place(b), carried: false };
        if !self.pairs.contains_key(&key) && self.pairs.len() >= PAIRS_MAX {
            return;
        }
        let pair = self.pairs.entry(key).or_insert(fresh);
        pair.seen_us = at_us;
        let gone = |from: [f32; 2], to: [f32; 2]| [to[0] - from[0], to[1] - from[1]];
        let (walked, came) = (gone(pair.person, place(p)), gone(pair.bag, place(b)));
        let way = walked[0].hypot(walked[1]);
        let off = (walked[0] - came[0]).hypot(walked[1] - came[1]);
        if off > SWING * (way + p.h) {
            *pair = fresh; // the one went without the other
        } else if way >= GONE * p.h && came[0].hypot(came[1]) >= GONE * p.h {
            pair.carried = true;
        }
    }

    fn judge(&mut self, person: &Held, bags: &[Held], at_us: i64) -> Option<Event> {
        let mine = self.pairs.iter().filter(|((p, _), pair)| *p == person.object && pair.carried);
        let longest = mine.min_by_key(|(_, pair)| pair.since_us).map(|((_, b), pair)| (*b, *pair));
        let holds = match longest {
            Some((_, pair)) if pair.seen_us == at_us && at_us - pair.since_us >= self.dwell_us => {
                Holds::Since(pair.since_us)
            }
            Some(_) => Holds::Unknown,
            None => Holds::No,
        };
        let carrier = self.carriers.entry(person.object).or_default();
        let change = carrier.episode.update(at_us, holds, self.dwell_us)?;
        let Change::Begin { since_us, start_us } = change else { return carrier.end(change, self.dwell_us) };
        self.objects += 1;
        let (rect, score) = (person.track.rect, person.track.score);
        carrier.alert = Some((self.objects, rect, score));
        let bag = longest.and_then(|(b, _)| bags.iter().find(|h| h.object == b));
        let label = bag.map_or("bag", |h| h.track.label.name()).replace(' ', "-");
        Some(Event {
            kind: EventType::BagCarried,
            phase: Phase::Begin,
            object: self.objects,
            since_us,
            start_us,
            end_us: None,
            rect,
            score,
            measured: (start_us - since_us) as f32 / 1e6,
            threshold: self.dwell_us as f32 / 1e6,
            detail: format!("label={label}"),
        })
    }
}

impl Carrier {
    fn end(&mut self, change: Change, dwell_us: i64) -> Option<Event> {
        let Change::End { since_us, start_us, end_us } = change else { return None };
        let (object, rect, score) = self.alert.take()?;
        Some(Event {
            kind: EventType::BagCarried,
            phase: Phase::End,
            object,
            since_us,
            start_us,
            end_us: Some(end_us),
            rect,
            score,
            measured: (end_us - since_us) as f32 / 1e6,
            threshold: dwell_us as f32 / 1e6,
            detail: String::new(),
        })
    }
}
