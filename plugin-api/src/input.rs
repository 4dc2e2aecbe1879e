//! What a detector is given: the scene of one frame, and the frames and results it asked for.
//!
//! Promises: borrowed, read only, every length checked before it gets here. Leaves to others: making it (`glue`).

use crate::closed::ResultKind;
use nvr_base::geometry::Rect;
use nvr_base::scene::{Scene, TrackId};

/// A picture; row r starts at `data[r * stride]`.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// At least `stride * height` bytes.
    pub data: &'a [u8],
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Bytes from row to row.
    pub stride: u32,
    /// 1 gray, 3 RGB.
    pub channels: u32,
}

impl<'a> Frame<'a> {
    /// A row without its padding; empty beyond the picture.
    pub fn row(&self, y: u32) -> &'a [u8] {
        let start = (y as usize).saturating_mul(self.stride as usize);
        let end = start.saturating_add((self.width as usize).saturating_mul(self.channels as usize));
        if y < self.height { self.data.get(start..end).unwrap_or(&[]) } else { &[] }
    }

    /// The rows from top to bottom.
    pub fn rows(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let frame = *self;
        (0..frame.height).map(move |y| frame.row(y))
    }
}

/// What a model said.
#[derive(Debug, Clone, Copy)]
pub struct Inference<'a> {
    /// Which model.
    pub model: &'a str,
    /// Of which track; none: of the whole picture.
    pub track: Option<TrackId>,
    /// Media time of the frame it saw, µs.
    pub at_us: i64,
    /// What the numbers are.
    pub kind: ResultKind,
    /// Rows, columns, …; their product is the length of `data`.
    pub dims: &'a [u32],
    /// What it looked at.
    pub region: Rect,
    /// Row major.
    pub data: &'a [f32],
}

/// One call.
#[derive(Debug)]
pub struct Input<'a> {
    /// Time, tracks, ended tracks, motion.
    pub scene: &'a Scene,
    /// UTC, µs since 1970.
    pub wall_us: i64,
    /// Of the frame.
    pub sequence: u64,
    /// Width over height of the camera's picture: makes normalised distances comparable.
    pub aspect: f32,
    /// Seen before: learn from it; what is emitted is dropped.
    pub history: bool,
    /// Inputs were missed since the last one.
    pub gap: bool,
    /// Luma, when due.
    pub gray: Option<Frame<'a>>,
    /// Colour, when due.
    pub rgb: Option<Frame<'a>>,
    /// Results that have arrived.
    pub inference: Vec<Inference<'a>>,
}
