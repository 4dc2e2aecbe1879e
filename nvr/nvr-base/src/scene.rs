//! The scene: what perception says of one frame.
//!
//! Promises: plain data, bounded by [`TRACKS_MAX`]; a track is a box that moves, never a person's identity: its id means
//! nothing outside its camera and is not kept after the track has ended.
//! Leaves to others: finding the boxes and following them (`nvr-perception`), what they mean (plugins).

use crate::geometry::Rect;
use crate::label::Label;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Most tracks of one scene.
pub const TRACKS_MAX: usize = 256;

/// One box a detector found in one frame.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Detection {
    /// What it is.
    pub label: Label,
    /// How sure the detector is, 0..1.
    pub score: f32,
    /// Where it is.
    pub rect: Rect,
}

/// A track of one camera and one run of its tracker; counts up from 1 and is never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TrackId(pub u64);

impl fmt::Display for TrackId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An object followed over time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Track {
    /// Which.
    pub id: TrackId,
    /// What most of its detections called it.
    pub label: Label,
    /// Score of its last detection, 0..1.
    pub score: f32,
    /// Where it is now: measured (and smoothed) when `observed`, else predicted.
    pub rect: Rect,
    /// Motion of its centre, in picture widths and picture heights a second.
    pub velocity: (f32, f32),
    /// Media time of its first detection, µs.
    pub first_seen_us: i64,
    /// Media time of its last detection, µs.
    pub last_seen_us: i64,
    /// Whether a detection of this frame belongs to it.
    pub observed: bool,
}

/// One analysed frame.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Scene {
    /// Media time, µs since the first frame shown.
    pub at_us: i64,
    /// Confirmed tracks, by id; at most [`TRACKS_MAX`].
    pub tracks: Vec<Track>,
    /// Tracks that were in an earlier scene and are over; each is said once.
    pub ended: Vec<TrackId>,
    /// Share of the picture that moved, 0..1.
    pub motion: f32,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on what it did not expect")]

    use super::*;

    #[test]
    fn a_scene_travels_unchanged() {
        let scene = Scene {
            at_us: 1_500_000,
            tracks: vec![Track {
                id: TrackId(7),
                label: Label::PERSON,
                score: 0.83,
                rect: Rect { x: 0.1, y: 0.2, w: 0.05, h: 0.2 },
                velocity: (0.02, -0.01),
                first_seen_us: 0,
                last_seen_us: 1_500_000,
                observed: true,
            }],
            ended: vec![TrackId(3)],
            motion: 0.04,
        };
        assert_eq!(postcard::from_bytes::<Scene>(&postcard::to_stdvec(&scene).unwrap()).unwrap(), scene);
        assert_eq!(serde_json::from_str::<Scene>(&serde_json::to_string(&scene).unwrap()).unwrap(), scene);
    }
}
