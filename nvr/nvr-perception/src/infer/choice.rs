//! What one declared model looks at in a frame: the whole picture, boxes of tracks, or those of the tracks asked for.
//!
//! Promises: pure; media time, the scene and what the model found alone decide; not more looks than the declared rate over
//!   any second and the [`BURST_S`] before it; tracks take turns, the one not looked at for longest first. A model that
//!   looks at the whole picture for the sake of some labels rests where nothing of them is followed.
//! Leaves to others: looking (`infer`).

use super::{has, is_of_tracks};
use nvr_base::Rect;
use nvr_base::analysis::{InferenceOrder, LooksAt};
use nvr_base::grid::Grid;
use nvr_base::scene::{Scene, TRACKS_MAX, Track};
use std::collections::BTreeMap;

/// Looks not used are saved up for so long.
const BURST_S: f64 = 0.5;
/// The whole picture is looked at for so long after a track of the labels, or after the model last found something, µs.
const LINGER_US: i64 = 10_000_000;
/// What the model finds by itself keeps it looking for so long after the last track, µs: somebody who lies is found by no
/// detector of boxes, and what is none of the labels is not to be looked at all night.
const ALONE_US_MAX: i64 = 300_000_000;

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Target {
    /// The track; 0: the whole picture.
    pub(super) track: u64,
    /// Its box; none: the whole picture.
    pub(super) rect: Option<Rect>,
}

/// One order and what was done for it.
#[derive(Debug)]
pub(super) struct Choice {
    order: InferenceOrder,
    grid: Grid,
    /// Looks that may be had now, and when that was reckoned.
    saved: f64,
    at_us: Option<i64>,
    /// When each track was last looked at.
    looked: BTreeMap<u64, i64>,
    asked: Vec<u64>,
    /// When a track of the labels was there, and when the model found something in the whole picture.
    followed_us: Option<i64>,
    found_us: Option<i64>,
}

impl Choice {
    /// `fps`: the rate at which the camera is analysed.
    pub(super) fn new(order: &InferenceOrder, fps: f32) -> Self {
        let grid = Grid::within(order.per_s_max, fps);
        Self {
            order: order.clone(),
            grid,
            saved: 1.0,
            at_us: None,
            looked: BTreeMap::new(),
            asked: Vec::new(),
            followed_us: None,
            found_us: None,
        }
    }

    pub(super) fn model(&self) -> &str {
        &self.order.model
    }

    /// Tracks asked for, for the next frame.
    pub(super) fn ask(&mut self, tracks: &[u64]) {
        if self.order.looks_at == LooksAt::Asked {
            self.asked.extend(tracks);
            self.asked.truncate(TRACKS_MAX);
        }
    }

    /// What is due in this scene, in order. [`Self::looked`] says that it was done.
    pub(super) fn choose(&mut self, scene: &Scene, detected: bool) -> Vec<Target> {
        if !is_of_tracks(&self.order) {
            let due = self.grid.takes(scene.at_us) && self.has_reason(scene);
            return due.then_some(Target { track: 0, rect: None }).into_iter().collect();
        }
        self.refill(scene.at_us);
        self.looked.retain(|id, _| scene.tracks.iter().any(|track| track.id.0 == *id));
        let asked = std::mem::take(&mut self.asked);
        let wanted = |track: &&Track| match self.order.looks_at {
            // What is asked for may be looked at where it stood when nothing moves.
            LooksAt::Asked => asked.contains(&track.id.0) && (track.observed || !detected),
            _ => {
                track.observed
                    && track.score >= self.order.min_score
                    && has(self.order.labels, track.label.index())
            }
        };
        let mut tracks: Vec<&Track> = scene.tracks.iter().filter(wanted).collect();
        tracks.sort_by_key(|track| (self.looked.get(&track.id.0).copied().unwrap_or(i64::MIN), track.id));
        tracks.truncate(self.saved as usize);
        tracks.iter().map(|track| Target { track: track.id.0, rect: Some(track.rect) }).collect()
    }

    /// Whether the whole picture may hold something of the labels; without labels it always may.
    fn has_reason(&mut self, scene: &Scene) -> bool {
        let labels = self.order.labels;
        if labels == [0, 0] {
            return true;
        }
        if scene.tracks.iter().any(|track| has(labels, track.label.index())) {
            self.followed_us = Some(scene.at_us);
        }
        let within = |since: Option<i64>, limit: i64| {
            since.is_some_and(|us| (0..=limit).contains(&scene.at_us.saturating_sub(us)))
        };
        within(self.followed_us, LINGER_US)
            || within(self.followed_us, ALONE_US_MAX) && within(self.found_us, LINGER_US)
    }

    /// The model found something in the whole picture.
    pub(super) fn found(&mut self, at_us: i64) {
        self.found_us = Some(at_us);
    }

    /// It was looked at.
    pub(super) fn looked(&mut self, target: &Target, at_us: i64) {
        if target.rect.is_some() {
            self.saved -= 1.0;
            self.looked.insert(target.track, at_us);
        }
    }

    fn refill(&mut self, at_us: i64) {
        let rate = f64::from(self.order.per_s_max);
        let passed_s = self.at_us.map_or(0.0, |before| (at_us - before).max(0) as f64 / 1e6);
        self.at_us = Some(at_us);
        // A millionth of a look: rounding.
        self.saved = (self.saved + passed_s * rate + 1e-6).min((rate * BURST_S).max(1.0) + 1e-6);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nvr_base::label::Label;
    use nvr_base::scene::TrackId;

    fn scene(n: i64, tracks: &[(u64, Label, f32, bool)]) -> Scene {
        let track = |(id, label, score, observed): &(u64, Label, f32, bool)| Track {
            id: TrackId(*id),
            label: *label,
            score: *score,
            rect: Rect { x: 0.1, y: 0.2, w: 0.3, h: 0.4 },
            velocity: (0.0, 0.0),
            first_seen_us: 0,
            last_seen_us: 0,
            observed: *observed,
        };
        Scene { at_us: n * 100_000, tracks: tracks.iter().map(track).collect(), ..Scene::default() }
    }

    /// Tracks looked at in each of the frames, which are 0.1 s apart.
    fn check(
        looks_at: LooksAt,
        per_s_max: f32,
        tracks: &[(u64, Label, f32, bool)],
        asked: &[u64],
        expected: &[&[u64]],
    ) {
        let model = "m".to_owned();
        let labels = if looks_at == LooksAt::Frame { [0, 0] } else { [1, 0] };
        let order = InferenceOrder { model, looks_at, min_score: 0.5, labels, per_s_max };
        let mut choice = Choice::new(&order, 10.0);
        for (n, expected) in (0..).zip(expected) {
            choice.ask(asked);
            let scene = scene(n, tracks);
            let targets = choice.choose(&scene, true);
            assert_eq!(
                targets.iter().map(|t| t.track).collect::<Vec<_>>(),
                *expected,
                "frame {n} of {order:?}"
            );
            targets.iter().for_each(|t| choice.looked(t, scene.at_us));
        }
    }

    #[test]
    fn looks() {
        let people =
            [(1, Label::PERSON, 0.9, true), (2, Label::PERSON, 0.9, true), (3, Label::PERSON, 0.9, true)];
        check(LooksAt::Frame, 5.0, &people, &[], &[&[0], &[], &[0], &[], &[0]]);
        // One a frame: they take turns.
        check(LooksAt::Crops, 10.0, &people, &[], &[&[1], &[2], &[3], &[1]]);
        check(LooksAt::Crops, 30.0, &people, &[], &[&[1], &[2, 3, 1], &[1, 2, 3]]);
        check(LooksAt::Crops, 5.0, &people, &[], &[&[1], &[], &[2], &[], &[3]]);
        let others =
            [(1, Label::CAR, 0.9, true), (2, Label::PERSON, 0.4, true), (3, Label::PERSON, 0.9, false)];
        check(LooksAt::Crops, 10.0, &others, &[], &[&[], &[]]);
        check(LooksAt::Asked, 10.0, &people, &[], &[&[], &[]]);
        check(LooksAt::Asked, 20.0, &people, &[3, 9], &[&[3], &[3]]);
        check(LooksAt::Asked, 10.0, &others, &[1, 3], &[&[1], &[1]]);
    }

    /// Of pictures a second apart, `p` with a person and `.` without; the model finds something where `finds` has an `x`.
    /// Out: `X` where it looks.
    fn check_whole(pictures: &str, finds: &str, expected: &str) {
        let (model, looks_at) = ("m".to_owned(), LooksAt::Frame);
        let order = InferenceOrder { model, looks_at, min_score: 0.0, labels: [1, 0], per_s_max: 1.0 };
        let mut choice = Choice::new(&order, 1.0);
        let mut said = String::new();
        for ((n, picture), finds) in
            (0..).zip(pictures.chars()).zip(finds.chars().chain(std::iter::repeat('.')))
        {
            let person = [(1, Label::PERSON, 0.9, true)];
            let other = [(2, Label::CAR, 0.9, true)];
            let scene = scene(n * 10, if picture == 'p' { &person } else { &other });
            let looks = !choice.choose(&scene, true).is_empty();
            if looks && finds == 'x' {
                choice.found(scene.at_us);
            }
            said.push(if looks { 'X' } else { '.' });
        }
        assert_eq!(said, expected, "{pictures} {finds}");
    }

    #[test]
    fn the_whole_picture_is_looked_at_for_those_who_are_there() {
        check_whole("......", "", "......");
        check_whole("..pp..............", "", "..XXXXXXXXXXXX....");
        // Found by the model, no longer by the detector.
        check_whole("..p.................", "......xxxx", "..XXXXXXXXXXXXXXXXXX");
        let long = ".".repeat(400);
        check_whole(
            &format!("p{long}"),
            &"x".repeat(401),
            &format!("{}{}", "X".repeat(301), ".".repeat(100)),
        );
    }
}
