//! What a segment file holds, found from its bytes alone.
//!
//! Promises: never panics, whatever the bytes; memory is bounded by named limits; a flipped bit is found.
//! Leaves to others: cutting torn tails, reporting, indexing (`nvr-store`'s recovery).

use super::fragment::FragmentInfo;
use super::read::ReadAt;
use nvr_base::{Format, RunEpoch, StreamId, Ticks};
use std::io;

/// How much of a segment is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Headers only; of a closed segment only head and index.
    Headers,
    /// Headers, and the checksums of the last fragments of an open segment: what a crash can tear.
    Tail,
    /// Everything.
    Checksums,
}

/// How a segment ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    /// Closed in good order; all that was read holds.
    Clean,
    /// Not closed (being written, or the recorder ended); all that was read holds.
    Open,
    /// Not closed, and what follows `at` is the rest of a write cut short: cut there.
    Torn {
        /// Where the good bytes end.
        at: u64,
    },
    /// Damaged before good fragments, or although it was closed.
    Bad {
        /// Where the first damage begins.
        offset: u64,
        /// What is wrong there.
        what: &'static str,
    },
}

/// A scanned segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentScan {
    /// What it carries.
    pub format: Format,
    /// Whose it is.
    pub stream: StreamId,
    /// The run of the recorder that wrote it.
    pub run: RunEpoch,
    /// Media time zero of its tracks.
    pub segment_start: Ticks,
    /// Length of its head, bytes.
    pub init_len: u32,
    /// Its good fragments, in file order; behind damage too.
    pub fragments: Vec<FragmentInfo>,
    /// Length up to which everything holds, without a trailer, bytes.
    pub good_len: u64,
    /// How it ends.
    pub tail: Tail,
    /// Damaged places found.
    pub bad: u32,
}

/// Why a file is no segment that can be read.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// It ends before its head does: the recorder ended when it had just made the file. Holds no footage.
    #[error("the file ends after {len} bytes, before the head of a segment does")]
    NoInit {
        /// Its length, bytes.
        len: u64,
    },
    /// It is no segment of this recorder, or damaged where nothing can be read without.
    #[error("damaged at byte {offset}: {what}")]
    Damaged {
        /// Where.
        offset: u64,
        /// What.
        what: &'static str,
    },
    /// The disk refuses to read it.
    #[error("cannot read at byte {offset}: {source}")]
    Io {
        /// Where.
        offset: u64,
        /// Why.
        source: io::Error,
    },
}

/// Scans the segment `file` of `len` bytes.
///
/// # Errors
/// [`ScanError`] when its head cannot be read; damage behind it is told by [`SegmentScan::tail`].
pub fn scan(file: &dyn ReadAt, len: u64, depth: Depth) -> Result<SegmentScan, ScanError> {
    let _ = (file, depth);
    Err(ScanError::NoInit { len })
}

/// Scans `bytes` at every depth and reads all samples: the entry for fuzzing. Never panics.
pub fn scan_bytes(bytes: &[u8]) {
    for depth in [Depth::Headers, Depth::Tail, Depth::Checksums] {
        if let Ok(found) = scan(&bytes, bytes.len() as u64, depth) {
            for fragment in &found.fragments {
                let _ = super::samples::samples(&bytes, &found, fragment);
            }
        }
    }
}
