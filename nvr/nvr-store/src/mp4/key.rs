//! The key frame from which the picture of a moment is decoded.
//!
//! Promises: reads the headers only of fragments that hold key frames, newest first, until one is early enough.
//! Leaves to others: decoding it.

use super::export::{ExportError, SegmentSource};
use super::samples::{SampleRef, samples};
use super::scan::{ScanError, SegmentScan};
use nvr_base::{Ticks, Track};

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
    let mut candidates: Vec<_> = segments
        .iter()
        .enumerate()
        .flat_map(|(i, scan)| scan.fragments.iter().map(move |f| (f, i, scan)))
        .filter(|(f, ..)| f.keys > 0 && f.start <= at)
        .collect();
    // By time, not by order: after a step back of the clock an older segment may show the moment.
    candidates.sort_by_key(|(f, i, _)| (f.start, *i, f.offset));
    for (fragment, index, scan) in candidates.into_iter().rev() {
        let failed = |source| ExportError::Segment { index, source };
        let file = source.open(index).map_err(|source| failed(ScanError::Io { offset: 0, source }))?;
        let found = samples(&*file, scan, fragment).map_err(failed)?;
        let key = found.into_iter().rev().find(|s| s.track == Track::Video && s.key && s.pts <= at);
        if let Some(sample) = key {
            return Ok(Some(KeyRef { segment: index, sample }));
        }
    }
    Ok(None)
}
