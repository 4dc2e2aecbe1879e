//! The rule: flames or smoke at one place for their dwell.
//!
//! Promises: pure. One situation is one object of the zone, whatever it turns into: its kind is the one that was there for
//! its dwell first. Flames and smoke that move to another place start again. Smoke must have grown since it came.
//! Leaves to others: what a picture shows (`look`), what burns (`flame`), what veils (`smoke`).

use crate::cells::Grid;
use crate::flame::{Burning, FLICKER_MIN, Flames};
use crate::keys::{Keys, LookFor};
use crate::look::Look;
use crate::smoke::{Plume, Smoke};
use crate::steady;
use nvr_plugin_api::rule::{Change, Episode, Holds};
use nvr_plugin_api::{Class, Event, EventType, Frame, Phase, Rect, Scene, Track};
use std::collections::VecDeque;

/// A region that is not seen for so long is gone, µs: a flame draws breath.
const BREATH_US: i64 = 1_000_000;
/// A region is at the same place when it touches where it was, this much around, picture sides.
const AROUND: f32 = 0.03;
/// A vehicle moves with this speed, its own heights a second: one that burns stands.
const MOVING: f32 = 0.1;
/// A box reaches so far around what it holds, of its sides: arms, lamps, what a coat does.
const BOX_AROUND: f32 = 0.15;
/// Smoke has grown when the mean of the second half of its time is so many times that of the first: steam and exhaust
/// stand as large as they came.
const GROWN: f32 = 1.5;
/// Areas kept; when full every second one goes.
const AREAS_MAX: usize = 128;

/// What is at one place.
#[derive(Debug, Clone, Copy)]
struct Place {
    rect: Rect,
    since_us: i64,
    last_us: i64,
    score: f32,
    measured: f32,
    threshold: f32,
}

impl Place {
    /// Whether a box touches it.
    fn touches(&self, rect: &Rect) -> bool {
        let Rect { x, y, w, h } = self.rect;
        let near = Rect { x: x - AROUND, y: y - AROUND, w: w + 2.0 * AROUND, h: h + 2.0 * AROUND };
        near.intersection_area(rect) > 0.0
    }
}

/// The rule over one camera's pictures.
#[derive(Debug)]
pub(crate) struct Fire {
    keys: Keys,
    watched: Option<(Grid, Vec<bool>)>,
    /// The last look's luma.
    last: Vec<u8>,
    flames: Flames,
    smoke: Smoke,
    flame_place: Option<Place>,
    smoke_place: Option<Place>,
    /// Smoke's area over time, µs and share of the picture.
    areas: VecDeque<(i64, f32)>,
    flame_episode: Episode,
    smoke_episode: Episode,
    /// The alert: its kind, place, times.
    alert: Option<(EventType, Place, i64, i64)>,
    /// When the last of both was true.
    end_us: i64,
    objects: u64,
}

impl Fire {
    pub(crate) fn new(keys: &Keys) -> Self {
        Self {
            keys: keys.clone(),
            watched: None,
            last: Vec::new(),
            flames: Flames::default(),
            smoke: Smoke::default(),
            flame_place: None,
            smoke_place: None,
            areas: VecDeque::new(),
            flame_episode: Episode::default(),
            smoke_episode: Episode::default(),
            alert: None,
            end_us: 0,
            objects: 0,
        }
    }

    /// One picture.
    pub(crate) fn step(&mut self, frame: &Frame<'_>, scene: &Scene, gap: bool) -> Option<Event> {
        let look = Look::of(frame)?;
        let at_us = scene.at_us;
        if gap {
            self.flames.interrupt();
            self.smoke.interrupt();
        }
        let zone = &self.keys.zone;
        let watched = self.watched.take().filter(|(grid, _)| *grid == look.grid);
        let fresh =
            || (look.grid, (0..look.grid.len()).map(|n| zone.contains(look.grid.centre(n))).collect());
        let (grid, counts) = watched.unwrap_or_else(fresh);
        let hidden = hidden(grid, scene);
        let looks_for = |what| self.keys.look_for == LookFor::Both || self.keys.look_for == what;
        let (flame, smoke) = (looks_for(LookFor::Flame), looks_for(LookFor::Smoke));
        let moved = steady::has_moved(&look, &self.last);
        self.last.clone_from(&look.luma);
        if moved {
            self.flames.interrupt();
            self.smoke.interrupt();
        }
        let burning = if flame { self.flames.step(&look, at_us, &counts, &hidden) } else { Vec::new() };
        let plume = if smoke { self.smoke.step(&look, at_us, &counts, &hidden) } else { None };
        self.watched = Some((grid, counts));
        let flame = self.flame(grid, burning, at_us);
        let smoke = self.smoke(grid, plume, at_us);
        let flame = self.flame_episode.update(at_us, flame, self.keys.flame_us);
        let smoke = self.smoke_episode.update(at_us, smoke, self.keys.smoke_us);
        self.tell(flame, smoke)
    }

    fn flame(&mut self, grid: Grid, burning: Vec<Burning>, at_us: i64) -> Holds {
        let places = burning.iter().map(|b| (grid.around(&b.cells), b));
        // What burns where something burnt already, else the largest.
        let same = |rect: &Rect| self.flame_place.is_some_and(|place| place.touches(rect));
        let chosen = places.max_by_key(|(rect, b)| (same(rect), b.cells.len()));
        let seen = chosen.map(|(rect, b)| Place {
            rect,
            since_us: b.since_us,
            last_us: at_us,
            score: (0.5 + b.never_again / 4.0 + b.flicker / 200.0).clamp(0.5, 1.0),
            measured: b.flicker,
            threshold: FLICKER_MIN,
        });
        settle(&mut self.flame_place, seen, at_us, self.flame_episode.is_open())
    }

    fn smoke(&mut self, grid: Grid, plume: Option<Plume>, at_us: i64) -> Holds {
        let area = plume.as_ref().map(|p| p.cells.len() as f32 / grid.len().max(1) as f32);
        let seen = plume.map(|p| Place {
            rect: grid.around(&p.cells),
            since_us: at_us,
            last_us: at_us,
            score: (0.4 + p.upward * p.veiled / 2.0).clamp(0.4, 1.0),
            measured: 0.0,
            threshold: GROWN,
        });
        let holds = settle(&mut self.smoke_place, seen, at_us, self.smoke_episode.is_open());
        let (Holds::Since(since_us), Some(area)) = (holds, area) else {
            if holds == Holds::No {
                self.areas.clear();
            }
            return holds;
        };
        if self.areas.front().is_some_and(|(first, _)| *first < since_us) {
            self.areas.clear();
        }
        if self.areas.len() >= AREAS_MAX {
            let mut n = 0;
            self.areas.retain(|_| {
                n += 1;
                n % 2 == 0
            });
        }
        self.areas.push_back((at_us, area));
        if self.smoke_episode.is_open() {
            return holds;
        }
        let grown = self.grown(at_us, since_us);
        if let Some(place) = &mut self.smoke_place {
            place.measured = grown;
        }
        // Old enough but no larger: the dwell goes on.
        let is_due = at_us - since_us >= self.keys.smoke_us;
        if is_due && grown < GROWN { Holds::Unknown } else { holds }
    }

    /// Mean area in the second half of the time, against the first.
    fn grown(&self, at_us: i64, since_us: i64) -> f32 {
        let middle_us = since_us + (at_us - since_us) / 2;
        let mean = |late: bool| {
            let half = self.areas.iter().filter(|(at, _)| (*at >= middle_us) == late).map(|(_, area)| *area);
            half.clone().sum::<f32>() / half.count().max(1) as f32
        };
        let first = mean(false);
        if first > 0.0 { mean(true) / first } else { 0.0 }
    }

    /// From what became of flames and smoke to what is said.
    fn tell(&mut self, flame: Option<Change>, smoke: Option<Change>) -> Option<Event> {
        for change in [flame, smoke].into_iter().flatten() {
            if let Change::End { end_us, .. } = change {
                self.end_us = self.end_us.max(end_us);
            }
        }
        if let Some((kind, place, since_us, start_us)) = self.alert {
            let is_over = !self.flame_episode.is_open() && !self.smoke_episode.is_open();
            if !is_over {
                return None;
            }
            self.alert = None;
            let end_us = Some(self.end_us.max(start_us));
            return Some(self.event(kind, Phase::End, place, (since_us, start_us, end_us)));
        }
        let begins = |change: Option<Change>, kind, place: Option<Place>| match change {
            Some(Change::Begin { since_us, start_us }) => Some((kind, place?, since_us, start_us)),
            _ => None,
        };
        let flame = begins(flame, EventType::Fire, self.flame_place);
        let (kind, place, since_us, start_us) =
            flame.or_else(|| begins(smoke, EventType::Smoke, self.smoke_place))?;
        self.objects += 1;
        self.end_us = 0;
        self.alert = Some((kind, place, since_us, start_us));
        Some(self.event(kind, Phase::Begin, place, (since_us, start_us, None)))
    }

    fn event(
        &self,
        kind: EventType,
        phase: Phase,
        place: Place,
        (since_us, start_us, end_us): (i64, i64, Option<i64>),
    ) -> Event {
        let what = if kind == EventType::Fire { "flicker_levels" } else { "growth" };
        let detail = format!("{what}={:.1} threshold={:.1}", place.measured, place.threshold);
        Event {
            kind,
            phase,
            object: self.objects,
            since_us,
            start_us,
            end_us,
            rect: place.rect,
            score: place.score,
            measured: place.measured,
            threshold: place.threshold,
            detail: if phase == Phase::Begin { detail } else { String::new() },
        }
    }
}

/// Remembers what is seen: at the same place since it came there, at another one anew, unless it is an alert already;
/// gone when it was not seen for a breath.
fn settle(place: &mut Option<Place>, seen: Option<Place>, at_us: i64, is_open: bool) -> Holds {
    let Some(seen) = seen else {
        let is_near = place.is_some_and(|p| at_us - p.last_us <= BREATH_US);
        *place = place.filter(|_| is_near);
        return if is_near { Holds::Unknown } else { Holds::No };
    };
    let same = place.filter(|before| is_open || before.touches(&seen.rect));
    let is_moved = place.is_some() && same.is_none();
    let since_us = same.map_or(seen.since_us, |before| before.since_us.min(seen.since_us));
    *place = Some(Place { since_us, ..seen });
    if is_moved { Holds::No } else { Holds::Since(since_us) }
}

/// The cells where people, bicycles or moving vehicles are.
fn hidden(grid: Grid, scene: &Scene) -> Vec<bool> {
    let hides = |t: &&Track| {
        let speed = t.velocity.0.hypot(t.velocity.1);
        !Class::Vehicle.contains(t.label) || speed >= MOVING * t.rect.h
    };
    let wider = |r: Rect| Rect {
        x: r.x - BOX_AROUND * r.w,
        y: r.y - BOX_AROUND * r.h,
        w: r.w * (1.0 + 2.0 * BOX_AROUND),
        h: r.h * (1.0 + 2.0 * BOX_AROUND),
    };
    let boxes: Vec<Rect> = scene.tracks.iter().filter(hides).map(|t| wider(t.rect)).collect();
    (0..grid.len()).map(|n| boxes.iter().any(|b| b.contains(grid.centre(n)))).collect()
}
