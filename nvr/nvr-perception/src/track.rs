//! The tracker: detections of one camera in, scenes out.
//!
//! Promises: [`Tracker::step`] is pure and the same on every run; ids count up from 1 and are never used again; at most
//! [`TRACKS_MAX`] objects are followed; a box seen in one frame only is never a track; any frame rate, also a changing one.
//! Leaves to others: detecting (`model`), where to look (`gate`), what tracks mean (plugins). It knows boxes, not what
//! they look like: it follows nobody from camera to camera, nor after a long absence, by construction.
//!
//! A hybrid: ByteTrack's association of sure detections first and unsure ones second (Zhang et al. 2022) and OC-SORT's
//! momentum, recovery and re-update (Cao et al. 2023), over a filter in seconds instead of frames, because the analysed
//! rate changes between 1 and 10 a second; a stage by distance for low rates.

mod assign;
mod association;
mod kalman;
mod target;

use assign::assign;
use association::{IOU_MIN, IOU_MIN_UNSURE, LOST_AFTER_S, by_distance, by_overlap};
use kalman::Shape;
use nvr_base::scene::{TRACKS_MAX, Track};
use nvr_base::{Class, Detection, Rect, Scene, TrackId};
use target::{Seen, Target};

/// Most detections of one frame that are looked at: the surest.
pub const DETECTIONS_MAX: usize = 300;
/// Two detections of one class, or of two things that are no persons, that overlap more than this are one.
const SAME_DETECTION_IOU: f32 = 0.75;
/// Two tracks of one class that overlap more than this for [`SAME_TRACK_S`] are one.
const SAME_TRACK_IOU: f32 = 0.85;
/// Longer than two walkers need to pass each other.
const SAME_TRACK_S: f64 = 1.0;
/// A candidate not seen for longer is forgotten.
const CANDIDATE_S: f64 = 0.5;
/// Noise of an unsure detection: it is often a part of what is hidden.
const UNSURE_NOISE: f64 = 2.0;
/// Seconds after which what is hidden loses half its velocity.
const FADE_S: f64 = 0.7;

/// How to track.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrackerConfig {
    /// Width of the picture over its height.
    pub aspect: f32,
    /// Score from which a detection is sure; the model's manifest knows.
    pub score_sure: f32,
    /// Score from which an unsure detection may go on with a track.
    pub score_unsure: f32,
    /// Score from which a detection may begin a candidate.
    pub score_candidate: f32,
    /// Score that at least one detection of a candidate must have before it is a track.
    pub score_new: f32,
    /// Score from which two detections of one name in frames that follow each other need no third to confirm a track: what
    /// is near and fast is in the picture for half a second, and a plugin knows it only once it is confirmed.
    pub score_pair: f32,
    /// Two detections in frames that follow each other confirm a track when these seconds lie between them, three in at
    /// most six frames always do. So a track is confirmed one frame after its first detection when both are strong, else
    /// 0.2 s after it at 10 frames a second, 0.4 s at 5, one frame later at 3 and below; it then says that it was first
    /// seen at its first detection.
    pub confirm_s: f32,
    /// Seconds of looking in vain after which a track is over.
    pub lost_s: f32,
}

impl Default for TrackerConfig {
    fn default() -> Self {
        Self {
            aspect: 16.0 / 9.0,
            score_sure: 0.4,
            score_unsure: 0.15,
            score_candidate: 0.25,
            score_new: 0.45,
            score_pair: 0.6,
            confirm_s: 0.3,
            lost_s: 3.0,
        }
    }
}

/// The tracker of one camera.
#[derive(Debug, Clone)]
pub struct Tracker {
    config: TrackerConfig,
    aspect: f64,
    targets: Vec<Target>,
    at_us: Option<i64>,
    last_id: u64,
    refused: u64,
}

impl Tracker {
    /// A tracker that has seen nothing.
    pub fn new(config: TrackerConfig) -> Self {
        let aspect = f64::from(config.aspect);
        let aspect = if aspect.is_finite() && aspect > 0.01 { aspect.min(100.0) } else { 1.0 };
        Self { config, aspect, targets: Vec::new(), at_us: None, last_id: 0, refused: 0 }
    }

    /// Objects that were not followed because [`TRACKS_MAX`] were.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// Whether a detector has reason to look although nothing moves: something is followed.
    pub fn is_following(&self) -> bool {
        !self.targets.is_empty()
    }

    /// One frame in which a detector looked. `at_us` is media time; one that does not rise counts as the same moment.
    /// `motion` of the scene is 0: the gate knows it.
    pub fn step(&mut self, at_us: i64, detections: &[Detection]) -> Scene {
        let (at_us, dt_s) = self.advance(at_us);
        for target in &mut self.targets {
            target.predict(dt_s);
        }
        let (sure, unsure) = self.sort(detections);
        let left = self.associate(at_us, sure, unsure);
        for target in self.targets.iter_mut().filter(|target| !target.observed) {
            target.missed = target.missed.saturating_add(1);
            target.lost_s += dt_s;
            if target.lost_s > LOST_AFTER_S {
                target.filter.slow((-dt_s / FADE_S).exp2());
            }
        }
        self.begin(at_us, left);
        self.mark_doubles(dt_s);
        let ended = self.end();
        self.confirm();
        self.scene(at_us, ended)
    }

    /// One frame in which no detector looked because nothing moved: everything stays where it is, and nothing ages.
    pub fn hold(&mut self, at_us: i64) -> Scene {
        let (at_us, _) = self.advance(at_us);
        for target in &mut self.targets {
            target.filter.slow(0.0);
            target.observed = false;
        }
        self.scene(at_us, Vec::new())
    }

    /// The picture is another one (camera turned, stream restarted): all tracks end.
    pub fn reset(&mut self) -> Vec<TrackId> {
        self.at_us = None;
        self.targets.drain(..).filter_map(|target| target.id).collect()
    }

    /// The picture has another shape from now on: all tracks end, ids go on.
    pub fn reshape(&mut self, aspect: f32) -> Vec<TrackId> {
        let ended = self.reset();
        let new = Self::new(TrackerConfig { aspect, ..self.config });
        (self.config, self.aspect) = (new.config, new.aspect);
        ended
    }

    fn advance(&mut self, at_us: i64) -> (i64, f64) {
        let before = self.at_us.unwrap_or(at_us);
        let at_us = at_us.max(before);
        self.at_us = Some(at_us);
        (at_us, at_us.saturating_sub(before) as f64 / 1e6)
    }

    /// Sure and unsure detections, by score, without nonsense and without doubles.
    fn sort(&self, detections: &[Detection]) -> (Vec<Seen>, Vec<Seen>) {
        let finite = |r: &Rect| r.to_array().iter().all(|n| n.is_finite() && n.abs() < 10.0);
        let mut sane: Vec<&Detection> = detections
            .iter()
            .filter(|d| finite(&d.rect) && d.rect.area() > 0.0 && d.score >= self.config.score_unsure)
            .collect();
        sane.sort_by(|a, b| {
            let place = |d: &Detection| d.rect.to_array();
            b.score
                .total_cmp(&a.score)
                .then(a.label.cmp(&b.label))
                .then_with(|| place(a).partial_cmp(&place(b)).unwrap_or(std::cmp::Ordering::Equal))
        });
        sane.truncate(DETECTIONS_MAX);
        let mut kept: Vec<Seen> = Vec::new();
        for detection in sane {
            let class = Class::of(detection.label);
            let double = kept.iter().any(|k| {
                (Class::of(k.detection.label) == class || may_be_renamed(&k.detection, detection))
                    && k.detection.rect.iou(&detection.rect) > SAME_DETECTION_IOU
            });
            if !double {
                let shape = Shape::new(&detection.rect, self.aspect);
                kept.push(Seen { detection: *detection, shape });
            }
        }
        kept.into_iter().partition(|seen| seen.detection.score >= self.config.score_sure)
    }

    /// Gives detections to targets; what is left is returned.
    fn associate(&mut self, at_us: i64, mut left: Vec<Seen>, mut weak: Vec<Seen>) -> Vec<Seen> {
        let aspect = self.aspect;
        let track = |t: &Target| t.id.is_some() && !t.observed;
        let overlap = |t: &Target, s: &Seen| by_overlap(t, s, aspect, IOU_MIN);
        let distance = |t: &Target, s: &Seen| by_distance(t, s, aspect);
        // Sure detections to tracks; unsure ones to tracks that were there a moment ago; then by distance; then candidates.
        self.give(at_us, &mut left, 1.0, track, overlap);
        let fresh = |t: &Target| t.id.is_some() && !t.observed && t.lost_s < LOST_AFTER_S;
        self.give(at_us, &mut weak, UNSURE_NOISE, fresh, |t, s| by_overlap(t, s, aspect, IOU_MIN_UNSURE));
        self.give(at_us, &mut left, 1.0, track, distance);
        // A candidate may go on with unsure ones: what comes nearer is first seen faintly, and should be a track by the time
        // it matters where it is.
        let candidate = |t: &Target| t.id.is_none() && !t.observed;
        left.append(&mut weak);
        self.give(at_us, &mut left, 1.0, candidate, |t, s| overlap(t, s).or_else(|| distance(t, s)));
        left
    }

    fn give(
        &mut self,
        at_us: i64,
        left: &mut Vec<Seen>,
        noise: f64,
        wanted: impl Fn(&Target) -> bool,
        similarity: impl Fn(&Target, &Seen) -> Option<f64>,
    ) {
        let mut targets: Vec<&mut Target> = self.targets.iter_mut().filter(|t| wanted(t)).collect();
        let pairs =
            assign(targets.len(), left.len(), |row, column| similarity(targets.get(row)?, left.get(column)?));
        let mut taken = vec![false; left.len()];
        for (row, column) in pairs {
            if let (Some(target), Some(seen), Some(taken)) =
                (targets.get_mut(row), left.get(column), taken.get_mut(column))
            {
                target.observe(at_us, seen, noise);
                *taken = true;
            }
        }
        let mut taken = taken.into_iter();
        left.retain(|_| !taken.next().unwrap_or(false));
    }

    fn begin(&mut self, at_us: i64, left: Vec<Seen>) {
        for seen in left.into_iter().filter(|seen| seen.detection.score >= self.config.score_candidate) {
            if self.targets.len() < TRACKS_MAX {
                self.targets.push(Target::new(at_us, &seen));
            } else {
                self.refused += 1;
            }
        }
    }

    /// Counts how long a target has lain on an older one of its class.
    fn mark_doubles(&mut self, dt_s: f64) {
        let boxes: Vec<(Rect, Class)> =
            self.targets.iter().map(|t| (t.rect(self.aspect), t.class())).collect();
        for (i, target) in self.targets.iter_mut().enumerate() {
            let (older, own) = boxes.split_at(i);
            let covered = own.first().is_some_and(|(rect, class)| {
                older.iter().any(|(o, c)| c == class && o.iou(rect) > SAME_TRACK_IOU)
            });
            target.covered_s = if covered { target.covered_s + dt_s } else { 0.0 };
        }
    }

    /// Takes out what is over, and says which of it had an id.
    fn end(&mut self) -> Vec<TrackId> {
        let (lost_s, aspect) = (f64::from(self.config.lost_s), self.aspect);
        let mut ended = Vec::new();
        self.targets.retain(|target| {
            let here = target.filter.shape();
            let outside = !(0.0..=aspect).contains(&here.cx) || !(0.0..=1.0).contains(&here.cy);
            let over = match target.id {
                _ if target.covered_s > SAME_TRACK_S => true,
                _ if target.observed => false,
                Some(_) => target.lost_s > lost_s || outside,
                None => target.lost_s > CANDIDATE_S || outside,
            };
            if over {
                ended.extend(target.id);
            }
            !over
        });
        ended.sort_unstable();
        ended
    }

    fn confirm(&mut self) {
        let confirm_us = (f64::from(self.config.confirm_s) * 1e6) as i64;
        for target in self.targets.iter_mut().filter(|t| t.id.is_none() && t.observed) {
            let long = target.last_seen_us - target.first_seen_us >= confirm_us;
            // Seen in half the frames at least: noise that comes back now and then is not.
            let steady = target.hits.saturating_mul(2) >= target.steps;
            let strong = target.score_least >= self.config.score_pair && target.is_unanimous();
            let pair = target.hits == 2 && target.steps == 2 && (long || strong);
            let sure = target.score_best >= self.config.score_new;
            if sure && steady && (target.hits >= 3 || pair) {
                self.last_id += 1;
                target.id = Some(TrackId(self.last_id));
            }
        }
    }

    fn scene(&self, at_us: i64, ended: Vec<TrackId>) -> Scene {
        let mut tracks: Vec<Track> = self
            .targets
            .iter()
            .filter_map(|target| {
                let (vx, vy) = target.filter.velocity();
                Some(Track {
                    id: target.id?,
                    label: target.label(),
                    score: target.score,
                    rect: target.rect(self.aspect),
                    velocity: ((vx / self.aspect) as f32, vy as f32),
                    first_seen_us: target.first_seen_us,
                    last_seen_us: target.last_seen_us,
                    observed: target.observed,
                })
            })
            .collect();
        tracks.sort_by_key(|track| track.id);
        Scene { at_us, tracks, ended, motion: 0.0 }
    }
}

/// Whether the detector may have two names for one thing: never for a person, who may sit on or behind one.
fn may_be_renamed(a: &Detection, b: &Detection) -> bool {
    Class::of(a.label) != Class::Person && Class::of(b.label) != Class::Person
}

#[cfg(test)]
mod tests;
