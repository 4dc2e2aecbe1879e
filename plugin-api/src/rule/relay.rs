//! Continuity within one camera for seconds: a track that dies and comes back where it would be is the same object.
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
/// A track goes on moving as it did for no longer than this.
const COAST_S_MAX: f32 = 1.5;

/// One object.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Held {
    /// Its number, unique in its relay.
    pub object: u64,
    /// Its track, as last seen.
    pub track: Track,
    /// Whether it is in the scene.
    pub present: bool,
}

/// The objects of one rule.
#[derive(Debug, Default)]
pub struct Relay {
    held: Vec<Held>,
    objects: u64,
}

impl Relay {
    /// Takes a scene (its tracks already those of the rule) and tells the numbers of objects that are forgotten now.
    pub fn update(&mut self, scene: &Scene, tracks: &[Track], aspect: f32) -> Vec<u64> {
        let mut left = std::mem::take(&mut self.held);
        let mut held = Vec::with_capacity(tracks.len() + left.len());
        let mut fresh = Vec::new();
        for track in tracks {
            match left.iter().position(|h| h.track.id == track.id) {
                Some(n) => held.push(Held { track: *track, present: true, ..left.swap_remove(n) }),
                None => fresh.push(track),
            }
        }
        for track in fresh {
            let off = |h: &Held| distance(&h.track, track, aspect);
            let near = (left.iter().enumerate())
                .filter_map(|(n, h)| off(h).map(|d| (n, d)))
                .min_by(|a, b| a.1.total_cmp(&b.1));
            let object = match near {
                Some((n, _)) => left.swap_remove(n).object,
                None => {
                    self.objects += 1;
                    self.objects
                }
            };
            held.push(Held { object, track: *track, present: true });
        }
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

/// How far a new track is from where a lost one would be, in box sizes; `None` when it cannot be the same.
fn distance(lost: &Track, new: &Track, aspect: f32) -> Option<f32> {
    let away_us = new.first_seen_us - lost.last_seen_us;
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
