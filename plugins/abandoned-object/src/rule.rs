//! The rule: a thing that came, stands, is no person, and whose owner has been away for the time.
//!
//! Promises: pure. One thing is one alert until it is gone or attended for 3 s. The times: away for 30 s is left, and then
//! 120 s; an explicit `dwell_s` is the whole. A thing whose owner nobody saw counts less (its score says so), and only when
//! someone was there before it came or the detector knows a bag in it. What was taken away, light and shadow become
//! background at once, a thing nobody minded after an hour: bins that were moved, puddles after rain.
//! Leaves to others: what stands (`backdrop`, `blob`), who is where (`people`), the owner (`item`).

use crate::backdrop::Backdrop;
use crate::blob::{Blob, Kind, blobs};
use crate::item::Item;
use crate::people::{People, touches_edge};
use nvr_plugin_api::rule::{Change, CommonKeys, Holds};
use nvr_plugin_api::{Class, Event, EventType, Frame, Ground, Label, Phase, Polygon, Rect, Scene, Track};
use std::collections::VecDeque;

/// Field default, seconds: away for so long is left …
const LEFT_S: f64 = 30.0;
/// … and then so long.
const DWELL_S: f64 = 120.0;
/// Things in memory.
const ITEMS_MAX: usize = 64;
/// A thing not seen for so long is gone, µs.
const GONE_US: i64 = 2_000_000;
/// Someone must have been there in so long before an unowned thing, µs: nothing is left by nobody.
const ANYONE_US: i64 = 30_000_000;
/// A thing's height and width, in body heights, at most: a metre, the largest suitcase with its
/// handle out. Who lies is longer.
const HIGH_MAX: f32 = 0.6;
const WIDE_MAX: f32 = 0.6;
/// Longer side of what lies where its owner was lost from sight, in body heights, at most.
const SMALL_MAX: f32 = 0.35;
/// … and its height at least: a shoe box.
const HIGH_MIN: f32 = 0.07;
/// It was set down no higher above the owner's feet, in body heights: on a table, not at an arm.
const RAISED_MAX: f32 = 0.6;
/// A thing stands so many times as calm as the background there, at most: a person who stands breathes and sways. A first guess:
/// not yet measured on film.
const STRAYS_MAX: f32 = 4.0;
/// Without people seen there, in picture heights, at most: a close view of a bag.
const HIGH_MAX_ALONE: f32 = 0.5;
/// What stands for so long is part of the scene, µs.
const SETTLED_US: i64 = 3_600_000_000;
/// A gap or a shadow is background after so long, µs.
const LIGHT_US: i64 = 3_000_000;
/// A detection of a person that is so much the same box says that the thing is one: who sits or lies is detected now and then.
const PERSON_IOU: f32 = 0.4;
/// A gap so long before or after a new thing, µs, is where it stood: a chair was moved, a bin.
const MOVED_US: i64 = 30_000_000;
/// … when it is no more than so many times larger or smaller …
const MOVED_RATIO: f32 = 2.0;
/// … and as light within so many levels.
const MOVED_LEVELS: f32 = 20.0;
/// Gaps in memory.
const GAPS_MAX: usize = 32;
/// So many unowned things that come within this time, µs, are weather: rain, snow, a storm.
const WEATHER_THINGS: usize = 8;
const WEATHER_US: i64 = 20_000_000;
/// A thing that a person is before for so much of its time is a part of the person.
const COVERED_SHARE: f32 = 0.4;
/// Boxes of moving things are widened by so much: loose boxes leave a sleeve outside.
const COVER_WIDER: f32 = 0.15;
/// A bag of the detector stands still within so much of its size.
const BAG_STILL: f32 = 0.4;

/// The rule over one camera.
#[derive(Debug)]
pub(crate) struct AbandonedObject {
    zone: Polygon,
    dwell_us: i64,
    backdrop: Backdrop,
    people: People,
    items: Vec<Item>,
    gaps: VecDeque<Gap>,
    ground: Option<Ground>,
    objects: u64,
}

/// Where something was taken away.
#[derive(Debug, Clone, Copy)]
struct Gap {
    since_us: i64,
    area: f32,
    level: f32,
}

impl AbandonedObject {
    pub(crate) fn new(keys: &CommonKeys) -> Self {
        Self {
            zone: keys.zone.clone().unwrap_or_else(Polygon::picture),
            dwell_us: keys.time_us(LEFT_S + DWELL_S),
            backdrop: Backdrop::default(),
            people: People::default(),
            items: Vec::new(),
            gaps: VecDeque::new(),
            ground: keys.ground.clone(),
            objects: 0,
        }
    }

    /// One scene, and its picture when there is one.
    pub(crate) fn step(&mut self, scene: &Scene, gray: Option<&Frame<'_>>, aspect: f32) -> Vec<Event> {
        self.people.look(scene);
        let at_us = scene.at_us;
        self.bags(scene);
        if let Some(frame) = gray {
            let covers: Vec<Rect> =
                scene.tracks.iter().filter(|t| !Class::Bag.contains(t.label)).map(cover).collect();
            if self.backdrop.look(frame, &covers, at_us) {
                self.things(at_us, aspect);
                self.weather(at_us);
            } else {
                // A flash, a door: nothing is known of what stands.
                self.items.iter_mut().filter(|i| i.blob).for_each(|i| i.seen_us = at_us);
            }
        }
        let mut events = Vec::new();
        let mut items = std::mem::take(&mut self.items);
        for item in &mut items {
            item.find_owner(&self.people, aspect);
            item.attend(&self.people, at_us, aspect, self.ground.as_ref());
            self.watch_cover(item, scene);
            events.extend(self.tell(item, at_us, aspect));
        }
        items.retain(|i| at_us - i.seen_us < GONE_US || !i.episode.is_idle());
        self.items = items;
        events
    }

    /// Bags of the detector: on a thing that is known, or a thing of their own.
    fn bags(&mut self, scene: &Scene) {
        for track in scene.tracks.iter().filter(|t| Class::Bag.contains(t.label) && t.observed) {
            if let Some(item) = self.items.iter_mut().find(|i| overlap(&i.rect, &track.rect) >= 0.5) {
                item.bag_us = Some(scene.at_us);
                let (was, is) = (item.rect.centre(), track.rect.centre());
                let still = (was.x - is.x).abs() < BAG_STILL * track.rect.w
                    && (was.y - is.y).abs() < BAG_STILL * track.rect.h;
                if still {
                    item.seen_us = scene.at_us;
                }
            } else if self.items.len() < ITEMS_MAX {
                self.objects += 1;
                let mut item = Item::new(self.objects, track.rect, scene.at_us, scene.at_us);
                item.bag_us = Some(scene.at_us);
                self.items.push(item);
            }
        }
    }

    /// What stands in the picture.
    fn things(&mut self, at_us: i64, aspect: f32) {
        for blob in blobs(&self.backdrop) {
            let age_us = at_us - blob.since_us;
            let known = self.items.iter().position(|i| overlap(&i.rect, &blob.rect) >= 0.5);
            let is_bag = known.and_then(|n| self.items.get(n)).is_some_and(|i| i.bag_us.is_some());
            let is_thing = blob.kind == Kind::Thing || is_bag && blob.kind != Kind::Gap;
            let over = matches!(blob.kind, Kind::Gap | Kind::Light) && !is_bag && age_us >= LIGHT_US;
            if over || age_us >= SETTLED_US {
                self.backdrop.adopt(&blob.cells);
                continue;
            }
            if blob.kind == Kind::Gap && !is_bag {
                self.note_gap(&blob);
            }
            let new = is_thing && self.fits(&blob, aspect) && self.items.len() < ITEMS_MAX;
            match known.and_then(|n| self.items.get_mut(n)) {
                // What was a thing stays one while it stands.
                Some(item) if is_thing || item.blob && blob.kind != Kind::Gap => {
                    if item.alert.is_none() {
                        item.rect = blob.rect;
                    }
                    if !item.blob {
                        item.since_us = item.since_us.min(blob.since_us);
                    }
                    (item.seen_us, item.blob) = (at_us, true);
                    (item.strays, item.level) = (blob.strays, blob.level);
                }
                None if new => {
                    self.objects += 1;
                    let mut item = Item::new(self.objects, blob.rect, blob.since_us, at_us);
                    (item.blob, item.level) = (true, blob.level);
                    item.is_person = self.people.is_lost_one(&blob.rect);
                    self.items.push(item);
                }
                _ => {}
            }
        }
    }

    fn note_gap(&mut self, blob: &Blob) {
        if self.gaps.iter().any(|g| g.since_us == blob.since_us) {
            return;
        }
        let gap = Gap { since_us: blob.since_us, area: blob.rect.area(), level: blob.level_before };
        self.gaps.push_back(gap);
        if self.gaps.len() > GAPS_MAX {
            self.gaps.pop_front();
        }
    }

    /// Whether it stood elsewhere in the picture until now.
    fn was_moved(&self, item: &Item) -> bool {
        let area = item.rect.area();
        self.gaps.iter().any(|g| {
            (g.since_us - item.since_us).abs() <= MOVED_US
                && g.area <= MOVED_RATIO * area
                && area <= MOVED_RATIO * g.area
                && (g.level - item.level).abs() <= MOVED_LEVELS
        })
    }

    /// Learns all unowned things when they are many at once.
    fn weather(&mut self, at_us: i64) {
        let is_new = |i: &Item| i.blob && i.owner.is_none() && at_us - i.since_us < WEATHER_US;
        if self.items.iter().filter(|i| is_new(i)).count() < WEATHER_THINGS {
            return;
        }
        for blob in blobs(&self.backdrop) {
            let owned = |i: &Item| i.owner.is_some() && overlap(&i.rect, &blob.rect) >= 0.5;
            if !self.items.iter().any(owned) {
                self.backdrop.adopt(&blob.cells);
            }
        }
    }

    /// Whether it has the size of a thing that someone carries.
    fn fits(&self, blob: &Blob, aspect: f32) -> bool {
        self.size_fits(&blob.rect, None, aspect)
    }

    fn size_fits(&self, rect: &Rect, owner: Option<f32>, aspect: f32) -> bool {
        match self.people.height_at(rect.bottom()).or(owner) {
            Some(body) => {
                (HIGH_MIN * body..=HIGH_MAX * body).contains(&rect.h) && rect.w * aspect <= WIDE_MAX * body
            }
            None => rect.h <= HIGH_MAX_ALONE,
        }
    }

    /// Whether a person is before it now, and whether it has been so for too long.
    fn watch_cover(&self, item: &mut Item, scene: &Scene) {
        let on = |t: &&Track| {
            t.label == Label::PERSON
                && t.observed
                && item.rect.intersection_area(&t.rect) > 0.6 * item.rect.area()
        };
        item.looks += 1;
        if scene.tracks.iter().any(|t| on(&t)) {
            item.covered += 1;
            if item.blob {
                item.seen_us = item.seen_us.max(scene.at_us); // behind someone is not gone
            }
        }
        let is_it =
            |t: &&Track| t.label == Label::PERSON && t.observed && t.rect.iou(&item.rect) >= PERSON_IOU;
        if item.alert.is_none() && scene.tracks.iter().any(|t| is_it(&t)) {
            item.is_person = true;
        }
        item.moved |= item.blob && item.alert.is_none() && self.was_moved(item);
        if item.blob && self.people.is_lost_one(&item.rect) && item.alert.is_none() {
            item.is_person = true;
        }
    }

    fn tell(&self, item: &mut Item, at_us: i64, aspect: f32) -> Option<Event> {
        let bag = item.bag_us.is_some();
        let owned = item.owner.is_some();
        let person =
            item.is_person && !bag || item.covered as f32 > COVERED_SHARE * item.looks as f32 && item.blob;
        let came =
            owned || item.blob && (bag || self.people.anyone(item.since_us - ANYONE_US, item.since_us));
        let there = at_us - item.seen_us < GONE_US;
        let known_size = owned || self.people.height_at(item.rect.bottom()).is_some() || bag;
        let fits = bag
            || !touches_edge(&item.rect)
                && self.size_fits(&item.rect, item.owner.map(|o| o.height), aspect)
                && item.strays <= STRAYS_MAX;
        // Who was lost from sight beside it may be what lies there: then only what is far smaller than a body is a thing.
        let is_lost = owned && !item.left && !bag;
        let small = item.owner.is_none_or(|o| item.rect.h.max(item.rect.w * aspect) <= SMALL_MAX * o.height);
        let fits = fits && (!is_lost || small);
        let low = item.owner.is_none_or(|o| o.feet_y - item.rect.bottom() <= RAISED_MAX * o.height);
        let is_thing = there && low && came && known_size && fits && self.zone.contains(item.rect.foot());
        let holds = match item.away_since {
            Some(since) if item.alert.is_some() && there => Holds::Since(since),
            Some(since) if is_thing && !person && !item.moved => Holds::Since(since),
            _ => Holds::No,
        };
        let threshold = self.dwell_us as f32 / 1e6;
        let event = |phase, since_us, start_us, end_us: Option<i64>, rect, score, detail| Event {
            kind: EventType::AbandonedObject,
            phase,
            object: item.object,
            since_us,
            start_us,
            end_us,
            rect,
            score,
            measured: (end_us.unwrap_or(start_us) - since_us) as f32 / 1e6,
            threshold,
            detail,
        };
        match item.episode.update(at_us, holds, self.dwell_us)? {
            Change::Begin { since_us, start_us } => {
                let score = if item.left { 0.8 } else { 0.5 } + if bag { 0.1 } else { 0.0 };
                let owner = if owned && !item.left {
                    "owner=lost".to_owned()
                } else if owned {
                    format!("owner_left_s={:.1}", since_us as f64 / 1e6)
                } else {
                    "owner=unseen".to_owned()
                };
                let detail = format!(
                    "{owner} placed_s={:.1} bag={}",
                    item.since_us as f64 / 1e6,
                    if bag { "yes" } else { "no" }
                );
                let said = event(Phase::Begin, since_us, start_us, None, item.rect, score, detail);
                item.alert = Some((item.rect, score));
                Some(said)
            }
            Change::End { since_us, start_us, end_us } => {
                let (rect, score) = item.alert?;
                let said = event(Phase::End, since_us, start_us, Some(end_us), rect, score, String::new());
                item.alert = None;
                Some(said)
            }
        }
    }
}

/// The box of what moves, a little wider.
fn cover(track: &Track) -> Rect {
    let r = track.rect;
    Rect::around(r.centre(), r.w * (1.0 + 2.0 * COVER_WIDER), r.h * (1.0 + COVER_WIDER))
}

/// What both share, of the smaller.
fn overlap(a: &Rect, b: &Rect) -> f32 {
    let least = a.area().min(b.area());
    if least > 0.0 { a.intersection_area(b) / least } else { 0.0 }
}
