//! People: who was where in the last seconds, how high people are at a place, and who was lost from sight there.
//!
//! Promises: bounded memory; a person is a track and nothing more, forgotten seconds after it has ended.
//! Leaves to others: what it means for a thing (`item`).

use nvr_plugin_api::{Label, Rect, Scene, Track, TrackId};
use std::collections::VecDeque;

/// Tracks in memory.
const PEOPLE_MAX: usize = 256;
/// A track that has ended is kept for so long, µs.
const KEPT_US: i64 = 10_000_000;
/// Where it was is kept every so often, µs, …
const STEP_US: i64 = 400_000;
/// … so many times.
const STEPS_MAX: usize = 16;
/// Heights in memory.
const HEIGHTS_MAX: usize = 256;
/// Heights count for a place when the feet were within so much of the picture's height.
const BAND: f32 = 0.12;
/// Places where someone was lost from sight.
const LOST_MAX: usize = 64;
/// … kept for so long, µs.
const LOST_US: i64 = 600_000_000;
/// Nearer than this to an edge of the picture a box is cut.
const EDGE: f32 = 0.02;
/// Depth looks shorter than width: a camera that looks down by some 40°.
const DEPTH: f32 = 1.5;
/// A box that overlaps a thing is no farther than this, body heights.
const OVERLAP_HEIGHTS: f32 = 0.5;

/// One track.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) id: TrackId,
    pub(crate) rect: Rect,
    pub(crate) first_us: i64,
    pub(crate) seen_us: i64,
    steps: VecDeque<(i64, Rect)>,
    over: bool,
}

impl Person {
    /// The largest height it had, picture heights: who bends is no shorter.
    pub(crate) fn height(&self) -> f32 {
        self.steps.iter().map(|(_, r)| r.h).fold(self.rect.h, f32::max)
    }
}

/// All of a camera's people.
#[derive(Debug, Default)]
pub(crate) struct People {
    pub(crate) known: Vec<Person>,
    heights: VecDeque<(f32, f32)>,
    lost: VecDeque<(i64, Rect)>,
    /// When anyone was last seen.
    times: VecDeque<i64>,
}

impl People {
    pub(crate) fn look(&mut self, scene: &Scene) {
        let at_us = scene.at_us;
        let persons = || scene.tracks.iter().filter(|t| t.label == Label::PERSON && t.observed);
        for track in persons() {
            self.see(track, at_us);
        }
        if persons().next().is_some() && self.times.back().is_none_or(|t| at_us - t >= 1_000_000) {
            self.times.push_back(at_us);
            if self.times.len() > HEIGHTS_MAX {
                self.times.pop_front();
            }
        }
        for person in self.known.iter_mut().filter(|p| !p.over && at_us - p.seen_us >= 1_000_000) {
            person.over = true;
            if !touches_edge(&person.rect) {
                self.lost.push_back((person.seen_us, person.rect));
            }
        }
        self.known.retain(|p| at_us - p.seen_us < KEPT_US);
        let excess = self.known.len().saturating_sub(PEOPLE_MAX);
        self.known.drain(..excess);
        while self.lost.len() > LOST_MAX || self.lost.front().is_some_and(|(t, _)| at_us - t > LOST_US) {
            self.lost.pop_front();
        }
    }

    fn see(&mut self, track: &Track, at_us: i64) {
        if !touches_edge(&track.rect) {
            self.heights.push_back((track.rect.bottom(), track.rect.h));
            if self.heights.len() > HEIGHTS_MAX {
                self.heights.pop_front();
            }
        }
        if !self.known.iter().any(|p| p.id == track.id) {
            self.known.push(Person {
                id: track.id,
                rect: track.rect,
                first_us: track.first_seen_us,
                seen_us: at_us,
                steps: VecDeque::new(),
                over: false,
            });
        }
        let Some(person) = self.known.iter_mut().find(|p| p.id == track.id) else { return };
        (person.rect, person.seen_us, person.over) = (track.rect, at_us, false);
        if person.steps.back().is_none_or(|(t, _)| at_us - t >= STEP_US) {
            person.steps.push_back((at_us, track.rect));
            if person.steps.len() > STEPS_MAX {
                person.steps.pop_front();
            }
        }
    }

    /// Who was nearest to a box between two times, within so many body heights.
    pub(crate) fn nearest(
        &self,
        to: &Rect,
        from_us: i64,
        until_us: i64,
        within: f32,
        aspect: f32,
    ) -> Option<&Person> {
        let off = |p: &Person| {
            let then = p.steps.iter().filter(|(t, _)| (from_us..=until_us).contains(t));
            then.map(|(_, r)| heights_between(r, to, aspect)).min_by(f32::total_cmp)
        };
        let near = self.known.iter().filter_map(|p| off(p).map(|d| (p, d))).filter(|(_, d)| *d <= within);
        near.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(p, _)| p)
    }

    /// Someone else than the owner who is beside a box and was so for a time.
    pub(crate) fn companion(
        &self,
        to: &Rect,
        owner: TrackId,
        at_us: i64,
        for_us: i64,
        within: f32,
        aspect: f32,
    ) -> Option<&Person> {
        self.known.iter().find(|p| {
            let near = p.steps.iter().rev().take_while(|(_, r)| heights_between(r, to, aspect) <= within);
            let since_us = near.last().map(|(t, _)| *t);
            p.id != owner && at_us - p.seen_us < 1_000_000 && since_us.is_some_and(|t| at_us - t >= for_us)
        })
    }

    /// How high people are whose feet are here, if any were seen: the median, picture heights.
    pub(crate) fn height_at(&self, foot_y: f32) -> Option<f32> {
        let near = self.heights.iter().filter(|(y, _)| (y - foot_y).abs() <= BAND);
        let mut found: Vec<f32> = near.map(|(_, h)| *h).collect();
        let middle = found.len() / 2;
        if found.is_empty() { None } else { Some(*found.select_nth_unstable_by(middle, f32::total_cmp).1) }
    }

    /// Whether anyone was seen between two times.
    pub(crate) fn anyone(&self, from_us: i64, until_us: i64) -> bool {
        self.times.iter().any(|t| (from_us..=until_us).contains(t))
    }

    /// Whether a box is about what someone covered who was lost from sight there, or is the larger part of it.
    pub(crate) fn is_lost_one(&self, rect: &Rect) -> bool {
        let same = |r: &Rect| rect.intersection_area(r) >= 0.6 * rect.area() && rect.h >= 0.5 * r.h;
        self.lost.iter().any(|(_, r)| same(r))
    }
}

/// Whether a box is cut by the picture's edge.
pub(crate) fn touches_edge(rect: &Rect) -> bool {
    rect.x < EDGE || rect.y < EDGE || rect.right() > 1.0 - EDGE || rect.bottom() > 1.0 - EDGE
}

/// From a person's feet to a thing's, in the person's heights.
pub(crate) fn heights_between(person: &Rect, thing: &Rect, aspect: f32) -> f32 {
    let (a, b) = (person.foot(), thing.foot());
    let off = ((a.x - b.x) * aspect).hypot((a.y - b.y) * DEPTH) / person.h.max(f32::EPSILON);
    if person.intersection_area(thing) > 0.0 { off.min(OVERLAP_HEIGHTS) } else { off }
}
