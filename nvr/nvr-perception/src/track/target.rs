//! One followed object: its filter, its observations, its votes.
//!
//! Promises: bounded history; re-updates after a gap so that a missed second does not bend its path.
//! Leaves to others: which detection it gets (`association`), when it lives and dies (`track`).

use super::kalman::{Filter, Shape};
use nvr_base::{Class, Detection, Label, Rect, TrackId};
use std::collections::VecDeque;

/// Most observations kept for the direction.
const HISTORY_MAX: usize = 16;
/// How far back the direction looks, in seconds.
const DIRECTION_S: f64 = 0.6;
/// A shorter way than this, in sizes, has no direction: it is jitter.
const DIRECTION_SIZES_MIN: f64 = 0.15;
/// Most virtual observations of one re-update.
const VIRTUAL_MAX: u32 = 32;
/// Share of an older vote that is left after another observation.
const VOTE_KEPT: f32 = 0.95;
/// Most labels that are voted on.
const VOTES_MAX: usize = 8;
/// Another label must lead by this factor to take over.
const VOTE_LEAD: f32 = 1.2;

/// A measured detection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    pub(crate) detection: Detection,
    pub(crate) shape: Shape,
}

/// One followed object.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// Given when it is confirmed.
    pub(crate) id: Option<TrackId>,
    pub(crate) filter: Filter,
    pub(crate) score: f32,
    /// The best score so far, and the least.
    pub(crate) score_best: f32,
    pub(crate) score_least: f32,
    pub(crate) first_seen_us: i64,
    pub(crate) last_seen_us: i64,
    pub(crate) observed: bool,
    /// Seconds and steps of looking for it in vain.
    pub(crate) lost_s: f64,
    pub(crate) missed: u32,
    /// Observations, and steps since the first.
    pub(crate) hits: u32,
    pub(crate) steps: u32,
    /// Seconds it has lain on top of an older track.
    pub(crate) covered_s: f64,
    history: VecDeque<(i64, Shape)>,
    /// The filter as it was after the last observation.
    anchor: Filter,
    votes: Vec<(Label, f32)>,
    label: Label,
}

impl Target {
    pub(crate) fn new(at_us: i64, seen: &Seen) -> Self {
        let filter = Filter::new(&seen.shape);
        Self {
            id: None,
            anchor: filter.clone(),
            filter,
            score: seen.detection.score,
            score_best: seen.detection.score,
            score_least: seen.detection.score,
            first_seen_us: at_us,
            last_seen_us: at_us,
            observed: true,
            lost_s: 0.0,
            missed: 0,
            hits: 1,
            steps: 1,
            covered_s: 0.0,
            history: VecDeque::from([(at_us, seen.shape)]),
            votes: vec![(seen.detection.label, seen.detection.score)],
            label: seen.detection.label,
        }
    }

    /// What most of its detections called it, the surer ones and the later ones counting more.
    pub(crate) fn label(&self) -> Label {
        self.label
    }

    /// Whether all detections called it the same.
    pub(crate) fn is_unanimous(&self) -> bool {
        self.votes.len() == 1
    }

    pub(crate) fn class(&self) -> Class {
        Class::of(self.label)
    }

    pub(crate) fn rect(&self, aspect: f64) -> Rect {
        self.filter.shape().rect(aspect)
    }

    /// Where it was seen last.
    pub(crate) fn last(&self) -> Shape {
        self.history.back().map_or_else(|| self.filter.shape(), |(_, shape)| *shape)
    }

    /// On by one step; whether anything is seen of it is not known yet.
    pub(crate) fn predict(&mut self, dt_s: f64) {
        self.filter.predict(dt_s);
        self.observed = false;
        self.steps = self.steps.saturating_add(1);
    }

    /// Takes a detection of this step. `noise` as in [`Filter::update`].
    pub(crate) fn observe(&mut self, at_us: i64, seen: &Seen, noise: f64) {
        if self.missed > 0 {
            self.re_update(at_us, &seen.shape);
        }
        self.filter.update(&seen.shape, noise);
        self.anchor = self.filter.clone();
        self.score = seen.detection.score;
        self.score_best = self.score_best.max(self.score);
        self.score_least = self.score_least.min(self.score);
        self.last_seen_us = at_us;
        self.observed = true;
        self.lost_s = 0.0;
        self.missed = 0;
        self.hits = self.hits.saturating_add(1);
        if self.history.len() >= HISTORY_MAX {
            self.history.pop_front();
        }
        self.history.push_back((at_us, seen.shape));
        self.vote(&seen.detection);
    }

    /// Observation-centric re-update (OC-SORT, Cao et al. 2023, §3.2): runs the filter again from the last observation
    /// over a straight line of virtual ones, instead of keeping what it dreamt meanwhile.
    fn re_update(&mut self, at_us: i64, found: &Shape) {
        let dt_s = (at_us - self.last_seen_us) as f64 / 1e6;
        let steps = self.missed.min(VIRTUAL_MAX) + 1;
        let from = self.last();
        let mut filter = self.anchor.clone();
        for step in 1..=steps {
            filter.predict(dt_s / f64::from(steps));
            if step < steps {
                filter.update(&from.towards(found, f64::from(step) / f64::from(steps)), 1.0);
            }
        }
        self.filter = filter;
    }

    fn vote(&mut self, detection: &Detection) {
        for (_, votes) in &mut self.votes {
            *votes *= VOTE_KEPT;
        }
        if let Some((_, votes)) = self.votes.iter_mut().find(|(label, _)| *label == detection.label) {
            *votes += detection.score;
        } else if self.votes.len() < VOTES_MAX {
            self.votes.push((detection.label, detection.score));
        }
        let of = |label: Label| self.votes.iter().find(|(l, _)| *l == label).map_or(0.0, |(_, v)| *v);
        let best = self.votes.iter().max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)));
        if let Some((label, votes)) = best
            && *votes > VOTE_LEAD * of(self.label)
        {
            self.label = *label;
        }
    }

    /// The direction it was going when last seen, as a unit vector; `None` when it stood or is new.
    pub(crate) fn direction(&self) -> Option<(f64, f64)> {
        let (last_us, last) = self.history.back()?;
        let old_enough = |(us, _): &&(i64, Shape)| (last_us - us) as f64 / 1e6 >= DIRECTION_S;
        let (_, from) = self.history.iter().rev().find(old_enough).or_else(|| self.history.front())?;
        unit(last.cx - from.cx, last.cy - from.cy, DIRECTION_SIZES_MIN * last.size())
    }

    /// The direction from where it was last seen to a shape; `None` when that is no way to speak of.
    pub(crate) fn direction_to(&self, shape: &Shape) -> Option<(f64, f64)> {
        let last = self.last();
        unit(shape.cx - last.cx, shape.cy - last.cy, DIRECTION_SIZES_MIN * last.size())
    }
}

fn unit(x: f64, y: f64, length_min: f64) -> Option<(f64, f64)> {
    let length = x.hypot(y);
    (length > length_min).then(|| (x / length, y / length))
}
