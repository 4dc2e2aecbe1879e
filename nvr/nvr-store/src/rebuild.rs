//! Rebuild: makes the index again from segments and journal.
//!
//! Promises: runs while recording runs; the old index stays until the new one is complete.
//! Leaves to others: the rows themselves (`index`), reading a segment (`mp4`).

use serde::{Deserialize, Serialize};

/// What a rebuild did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RebuildReport {
    /// Segments indexed.
    pub segments: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Files that hold nothing readable.
    pub unreadable: u64,
    /// Journal records applied.
    pub journal_records: u64,
}
