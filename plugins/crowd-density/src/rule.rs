//! The rule: more people in the zone than the limit, for the dwell.
//!
//! Promises: pure. What is compared is the median of the last counts, so that one picture says nothing. Once over, it is
//! over until a fifth below the limit. Leaves to others: what a person or a cell of the map is (perception).
//!
//! `auto`: a detector of boxes finds people who are at least a 20th of the picture high and misses smaller ones, the map is
//! made of small ones and counts large ones badly. So the median height of the zone's boxes decides, with a margin both
//! ways; with fewer than three boxes there is no such height, and the map counts only when it sees a crowd. Large people in a
//! throng hide one another, and boxes find half of them: there the map is believed up to twice the boxes, which a flag or
//! empty seats beside a few people do not get past.

use crate::keys::{Keys, Method};
use nvr_plugin_api::rule::{Change, Episode, Holds};
use nvr_plugin_api::{Event, EventType, Inference, Label, Phase, Point, Rect, Scene};
use std::collections::VecDeque;

/// Once over the limit, it is over down to this of it.
const HYSTERESIS: f32 = 0.8;
/// Counts in the median.
const COUNTS: usize = 5;
/// Median height of boxes, picture heights: smaller, and the map counts; …
const SMALL: f32 = 0.06;
/// … larger, and the boxes do.
const LARGE: f32 = 0.09;
/// Where people are large, the map is believed up to so many times the boxes.
const HIDDEN_MAX: f32 = 2.0;
/// Boxes that have a median.
const BOXES_MIN: usize = 3;
/// Without boxes, so many people on the map are a crowd and not its noise (trees, tiles: up to a dozen).
const CROWD_MIN: f32 = 20.0;
/// A map is good for so long, µs.
const MAP_US_MAX: i64 = 3_000_000;

/// The rule over one camera's scenes.
#[derive(Debug)]
pub(crate) struct CrowdDensity {
    keys: Keys,
    counts: VecDeque<f32>,
    map: Option<(i64, f32)>,
    /// People are small: the map counts.
    small: bool,
    episode: Episode,
    /// Over the limit, hysteresis included.
    over: Option<i64>,
    objects: u64,
    alert: Option<(Rect, f32)>,
}

impl CrowdDensity {
    pub(crate) fn new(keys: &Keys) -> Self {
        Self {
            keys: keys.clone(),
            counts: VecDeque::with_capacity(COUNTS),
            map: None,
            small: false,
            episode: Episode::default(),
            over: None,
            objects: 0,
            alert: None,
        }
    }

    /// One scene, with the map when the model has looked.
    pub(crate) fn step(&mut self, scene: &Scene, map: Option<&Inference<'_>>) -> Option<Event> {
        let at_us = scene.at_us;
        if let Some(map) = map {
            self.map = Some((at_us, people(map, |p| self.keys.zone.contains(p))));
        }
        let count = self.count(scene)?;
        if self.counts.len() >= COUNTS {
            self.counts.pop_front();
        }
        self.counts.push_back(count);
        let mut sorted: Vec<f32> = self.counts.iter().copied().collect();
        sorted.sort_by(f32::total_cmp);
        let people = sorted.get(sorted.len() / 2).copied()?;
        let measured = self.keys.area_m2.map_or(people, |area| people / area);
        let limit = if self.over.is_some() { HYSTERESIS * self.keys.limit } else { self.keys.limit };
        self.over = (measured > limit).then(|| self.over.unwrap_or(at_us));
        let holds = self.over.map_or(Holds::No, Holds::Since);
        let change = self.episode.update(at_us, holds, self.keys.dwell_us)?;
        Some(self.event(change, people, measured))
    }

    /// People in the zone now; none when nobody can say.
    fn count(&mut self, scene: &Scene) -> Option<f32> {
        let inside = |r: &Rect| self.keys.zone.contains(r.foot());
        let people = scene.tracks.iter().filter(|t| t.label == Label::PERSON && inside(&t.rect));
        let rects: Vec<Rect> = people.map(|t| t.rect).collect();
        let boxes = rects.len() as f32;
        let map = self.map.filter(|(at, _)| scene.at_us - at <= MAP_US_MAX).map(|(_, people)| people);
        match self.keys.method {
            Method::Tracks => Some(boxes),
            Method::Density => map,
            Method::Auto => {
                let mut heights: Vec<f32> = rects.iter().map(|r| r.h).collect();
                heights.sort_by(f32::total_cmp);
                let median = heights.get(heights.len() / 2).filter(|_| heights.len() >= BOXES_MIN);
                self.small = match median {
                    Some(h) if self.small => *h < LARGE,
                    Some(h) => *h < SMALL,
                    None => map.is_some_and(|people| people >= CROWD_MIN),
                };
                let most = if self.small { f32::INFINITY } else { HIDDEN_MAX * boxes };
                Some(map.map_or(boxes, |people| people.min(most).max(boxes)))
            }
        }
    }

    fn event(&mut self, change: Change, people: f32, measured: f32) -> Event {
        let (phase, (since_us, start_us), end_us) = match change {
            Change::Begin { since_us, start_us } => (Phase::Begin, (since_us, start_us), None),
            Change::End { since_us, start_us, end_us } => (Phase::End, (since_us, start_us), Some(end_us)),
        };
        if phase == Phase::Begin {
            self.objects += 1;
            // How far beyond the limit.
            let score = (measured / self.keys.limit / 2.0).clamp(0.5, 1.0);
            self.alert = Some((around(&self.keys.zone.0), score));
        }
        let (rect, score) = self.alert.unwrap_or((around(&self.keys.zone.0), 0.5));
        let by = match self.keys.method {
            Method::Tracks => "tracks",
            Method::Density => "density-map",
            Method::Auto if self.small => "density-map",
            Method::Auto => "both",
        };
        // Without metres it is a count.
        let what = if self.keys.area_m2.is_some() { "density" } else { "count" };
        let detail = format!("{what}={measured:.1} people={people:.0} by={by}");
        Event {
            kind: EventType::CrowdDensity,
            phase,
            object: self.objects,
            since_us,
            start_us,
            end_us,
            rect,
            score,
            measured,
            threshold: self.keys.limit,
            detail: if phase == Phase::Begin { detail } else { String::new() },
        }
    }
}

/// People on a map inside the zone.
fn people(map: &Inference<'_>, inside: impl Fn(Point) -> bool) -> f32 {
    let [rows, columns] = [0, 1].map(|n| map.dims.get(n).copied().unwrap_or(0) as usize);
    let channels = map.dims.get(2).copied().unwrap_or(1).max(1) as usize;
    if rows == 0 || columns == 0 {
        return 0.0;
    }
    let place = |n: usize| Point {
        x: map.region.x + map.region.w * ((n % columns) as f32 + 0.5) / columns as f32,
        y: map.region.y + map.region.h * ((n / columns) as f32 + 0.5) / rows as f32,
    };
    let cells = map.data.iter().step_by(channels).take(rows * columns).enumerate();
    let sum: f32 = cells.filter(|(n, v)| v.is_finite() && inside(place(*n))).map(|(_, v)| v).sum();
    sum.max(0.0)
}

/// The box around a zone.
fn around(corners: &[Point]) -> Rect {
    let least = |f: fn(&Point) -> f32| corners.iter().map(f).fold(1.0, f32::min);
    let most = |f: fn(&Point) -> f32| corners.iter().map(f).fold(0.0, f32::max);
    let (x, y) = (least(|p| p.x), least(|p| p.y));
    Rect { x, y, w: most(|p| p.x) - x, h: most(|p| p.y) - y }
}
