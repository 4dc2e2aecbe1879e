//! A segment as the index knows it.
//!
//! Promises: a row is small, and names its file exactly.
//! Leaves to others: keeping rows (`index`), making them from files (`recover`).

use crate::mp4::SegmentName;
use nvr_base::{RunEpoch, StreamId, Utc};
use std::path::PathBuf;

/// Number of a disk, drawn once and kept on it, so that an order of disks can change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DiskId(pub u32);

/// One segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentRow {
    /// Whose, which number, from when: the file's name.
    pub name: SegmentName,
    /// Where.
    pub disk: DiskId,
    /// Recorded by which run.
    pub run: RunEpoch,
    /// First recorded instant.
    pub start: Utc,
    /// End of the last sample.
    pub end: Utc,
    /// Length of the file.
    pub bytes: u64,
    /// Whole fragments.
    pub fragments: u32,
    /// It was closed without a trailer after a failed write or flush: start-up looks at it again.
    pub suspect: bool,
}

impl SegmentRow {
    /// The stream.
    pub fn stream(&self) -> &StreamId {
        &self.name.stream
    }

    /// The path inside its disk's root.
    pub fn path(&self) -> PathBuf {
        self.name.path()
    }
}
