//! Continuity within one camera for seconds: a track that dies and comes back where it would be is the same object.
//! What is detected twice at one place is one object too.
//!
//! Promises: only place, size, class and time decide; after [`RELAY_US`] a lost object is forgotten, and nothing of it is
//! kept. It is no re-identification: nothing about how a thing looks gets here.
//! Leaves to others: tracking itself.

use nvr_base::label::Class;
use nvr_base::scene::{Scene, Track, TrackId};

/// A lost object is waited for so long: as long as an object outlives its condition.
const RELAY_US: i64 = crate::abi::RELEASE_US;
/// Objects in memory; the oldest lost ones go first.
const OBJECTS_MAX: usize = 512;
/// How far from where it would be, in box sizes, …
const OFF_SIZES: f32 = 0.5;
/// … and a little more for every second nobody saw it.
const OFF_SIZES_PER_S: f32 = 0.3;
/// Height of one over the height of the other, at most.
const RATIO_MAX: f32 = 1.6;
/// Two boxes of one class that share so much are one thing; …
const DOUBLE_IOU: f32 = 0.7;
/// … and stay one until they share less than this.
const DOUBLE_IOU_STAYS: f32 = 0.5;
/// A track goes on moving as it did for no longer than this.
const COAST_S_MAX: f32 = 1.5;

/// One object.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Held {
    /// Its number, unique in its relay.
    pub object: u64,
    /// Its track, as last given.
    pub track: Track,
    /// Whether it is in the scene.
    pub present: bool,
    /// Its track, as last observed: not predicted.
    observed: Track,
}

impl Held {
    /// Whether this scene has a detection of it: it is neither lost nor only predicted.
    pub fn is_seen(&self) -> bool {
        self.present && self.track.observed
    }

    fn taken_over(self, track: &Track) -> Self {
        let observed = if track.observed { *track } else { self.observed };
        Self { track: *track, present: true, observed, ..self }
    }
}

/// The objects of one rule.
#[derive(Debug, Default)]
pub struct Relay {
    held: Vec<Held>,
    /// Tracks that go on as predictions after another took their object over.
    retired: Vec<TrackId>,
    /// Tracks that lie on another of their class: the same thing, detected twice (a van as car and as truck).
    doubles: Vec<TrackId>,
    objects: u64,
}

impl Relay {
    /// Takes a scene (its tracks already those of the rule) and tells the numbers of objects that are forgotten now.
    pub fn update(&mut self, scene: &Scene, tracks: &[Track], aspect: f32) -> Vec<u64> {
        self.retired.retain(|id| tracks.iter().any(|t| t.id == *id && !t.observed));
        let mut left = std::mem::take(&mut self.held);
        let mut held = Vec::with_capacity(tracks.len() + left.len());
        let mut fresh = Vec::new();
        for track in tracks.iter().filter(|t| !self.retired.contains(&t.id)) {
            match left.iter().position(|h| h.track.id == track.id) {
                Some(n) => held.push(left.swap_remove(n).taken_over(track)),
                None => fresh.push(track),
            }
        }
        // What is only predicted may be what the new track is: the tracker changed its number.
        let (unseen, mut held): (Vec<_>, Vec<_>) = held.into_iter().partition(|h: &Held| !h.track.observed);
        left.extend(unseen);
        let doubles = std::mem::take(&mut self.doubles);
        for track in fresh {
            let double = doubles.contains(&track.id);
            if held.iter().any(|h| lies_on(&h.track, track, double)) {
                self.doubles.push(track.id);
                continue;
            }
            let off = |h: &Held| distance(&h.observed, track, aspect, double);
            let near = (left.iter().enumerate())
                .filter_map(|(n, h)| off(h).map(|d| (n, d)))
                .min_by(|a, b| a.1.total_cmp(&b.1));
            held.push(match near {
                Some((n, _)) => {
                    let old = left.swap_remove(n);
                    if tracks.iter().any(|t| t.id == old.track.id) {
                        self.retired.push(old.track.id);
                    }
                    old.taken_over(track)
                }
                None => {
                    self.objects += 1;
                    Held { object: self.objects, track: *track, present: true, observed: *track }
                }
            });
        }
        let (unseen, mut left): (Vec<_>, Vec<_>) =
            left.into_iter().partition(|h| tracks.iter().any(|t| t.id == h.track.id));
        held.extend(unseen);
        left.sort_by_key(|h| (h.track.last_seen_us, h.object));
        let room = OBJECTS_MAX.saturating_sub(held.len());
        let surplus = left.len().saturating_sub(room);
        let mut gone = Vec::new();
        for (n, h) in left.into_iter().enumerate() {
            if n < surplus || scene.at_us - h.track.last_seen_us > RELAY_US {
                gone.push(h.object);
            } else {
                held.push(Held { present: false, ..h });
            }
        }
        held.sort_by_key(|h| h.object);
        self.held = held;
        gone
    }

    /// Present and lost ones, by number.
    pub fn held(&self) -> &[Held] {
        &self.held
    }

    /// The object of a track, if it has one.
    pub fn object_of(&self, track: TrackId) -> Option<u64> {
        self.held.iter().find(|h| h.track.id == track).map(|h| h.object)
    }
}

/// Whether a track is a second detection of another; one that was stays one until they are well apart.
fn lies_on(other: &Track, track: &Track, double: bool) -> bool {
    let least = if double { DOUBLE_IOU_STAYS } else { DOUBLE_IOU };
    Class::of(other.label) == Class::of(track.label) && other.rect.iou(&track.rect) >= least
}

/// How far a new track is from where a lost one would be, in box sizes; `None` when it cannot be the same. A double was
/// there all along, another track only since the lost one was last seen.
fn distance(lost: &Track, new: &Track, aspect: f32, double: bool) -> Option<f32> {
    let since_us = if double { new.last_seen_us } else { new.first_seen_us };
    let away_us = since_us - lost.last_seen_us;
    let ratio = lost.rect.h.max(f32::EPSILON) / new.rect.h.max(f32::EPSILON);
    let same = Class::of(lost.label) == Class::of(new.label);
    if !same || !(0..=RELAY_US).contains(&away_us) || !(1.0 / RATIO_MAX..=RATIO_MAX).contains(&ratio) {
        return None;
    }
    let away_s = away_us as f32 / 1e6;
    let coast_s = away_s.min(COAST_S_MAX);
    let (was, is) = (lost.rect.centre(), new.rect.centre());
    let dx = (was.x + lost.velocity.0 * coast_s - is.x) * aspect;
    let dy = was.y + lost.velocity.1 * coast_s - is.y;
    let size = lost.rect.h.max(lost.rect.w * aspect).max(f32::EPSILON);
    let off = dx.hypot(dy) / size;
    (off <= OFF_SIZES + OFF_SIZES_PER_S * away_s).then_some(off)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nvr_base::geometry::Rect;
    use nvr_base::label::Label;

    /// Steps of `(track, x, observed)` 0.5 s apart, a person 0.2 high walking at `speed`; out: `object:track` of what is
    /// present, a step a word.
    fn check(speed: f32, steps: &[&[(u64, f32, bool)]], expected: &[&str]) {
        let mut relay = Relay::default();
        let mut seen: std::collections::BTreeMap<u64, (i64, i64)> = std::collections::BTreeMap::new();
        let mut said = Vec::new();
        for (n, step) in (0i64..).zip(steps) {
            let at_us = n * 500_000;
            let tracks: Vec<Track> = step
                .iter()
                .map(|(id, x, observed)| {
                    let times = seen.entry(*id).or_insert((at_us, at_us));
                    if *observed {
                        times.1 = at_us;
                    }
                    Track {
                        id: TrackId(*id),
                        label: Label::PERSON,
                        score: 0.9,
                        rect: Rect { x: *x, y: 0.4, w: 0.1, h: 0.2 },
                        velocity: (speed, 0.0),
                        first_seen_us: times.0,
                        last_seen_us: times.1,
                        observed: *observed,
                    }
                })
                .collect();
            let scene = Scene { at_us, ..Scene::default() };
            relay.update(&scene, &tracks, 1.0);
            let present = relay.held().iter().filter(|h| h.present);
            said.push(present.map(|h| format!("{}:{}", h.object, h.track.id)).collect::<Vec<_>>().join(","));
        }
        assert_eq!(said, expected, "{steps:?}");
    }

    #[test]
    fn continues() {
        check(0.0, &[&[(1, 0.5, true)], &[], &[(2, 0.52, true)]], &["1:1", "", "1:2"]);
        // It walks on behind the pillar.
        check(0.2, &[&[(1, 0.1, true)], &[], &[(2, 0.3, true)]], &["1:1", "", "1:2"]);
    }

    #[test]
    fn does_not_continue() {
        check(0.0, &[&[(1, 0.1, true)], &[], &[(2, 0.5, true)]], &["1:1", "", "2:2"]);
        let long: &[&[(u64, f32, bool)]] =
            &[&[(1, 0.5, true)], &[], &[], &[], &[], &[], &[], &[(2, 0.5, true)]];
        check(0.0, long, &["1:1", "", "", "", "", "", "", "2:2"]);
        check(0.0, &[&[(1, 0.5, true)], &[(1, 0.5, true), (2, 0.52, true)]], &["1:1", "1:1,2:2"]);
    }

    #[test]
    fn one_thing_detected_twice_is_one_object() {
        check(
            0.0,
            &[
                &[(1, 0.5, true)],
                &[(1, 0.5, true), (2, 0.505, true)],
                &[(1, 0.5, true), (2, 0.505, true)],
                &[(2, 0.505, true)],
                &[(2, 0.6, true)],
            ],
            &["1:1", "1:1", "1:1", "1:2", "1:2"],
        );
        check(
            0.0,
            &[&[(1, 0.5, true), (2, 0.505, true)], &[(1, 0.5, true), (2, 0.6, true)]],
            &["1:1", "1:1,2:2"],
        );
    }

    #[test]
    fn a_changed_number_is_taken_over_while_the_old_one_is_predicted() {
        check(
            0.0,
            &[
                &[(1, 0.5, true)],
                &[(1, 0.5, false)],
                &[(1, 0.5, false), (2, 0.52, true)],
                &[(1, 0.5, false), (2, 0.52, true)],
                &[(1, 0.5, true), (2, 0.52, true)],
            ],
            &["1:1", "1:1", "1:2", "1:2", "1:2,2:1"],
        );
    }
}
