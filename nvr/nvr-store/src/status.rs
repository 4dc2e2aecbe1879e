//! What a store says of itself: streams, disks, index.
//!
//! Promises: plain numbers taken without waiting for a disk or the index.
//! Leaves to others: showing them.

use nvr_base::queue::QueueCount;
use nvr_base::{GapReason, RunEpoch, StreamId, Utc};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Everything.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoreStatus {
    /// The run this is.
    pub run: RunEpoch,
    /// State of the index.
    pub index: IndexState,
    /// A sentence on the index, when it is not simply open.
    pub index_note: Option<String>,
    /// Index rows waiting to be written.
    pub index_queue: QueueCount,
    /// Streams that this run records.
    pub streams: Vec<StreamStoreStatus>,
    /// Disks, in the order of the configuration.
    pub disks: Vec<DiskStatus>,
    /// Journal lines that could not be kept since start.
    pub journal_lost: u64,
    /// Locked intervals in force.
    pub locks: usize,
}

/// State of the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IndexState {
    /// Being opened.
    Opening,
    /// Open; files left open by the last run are being looked at.
    Recovering,
    /// Set aside; being made again from segments and journal.
    Rebuilding,
    /// Open and complete.
    Ready,
    /// It can be neither opened nor made; recording goes on without it.
    Failed,
    /// The store is closed.
    Closed,
}

/// One recorded stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StreamStoreStatus {
    /// Which.
    pub stream: StreamId,
    /// End of the last fragment written.
    pub last_fragment: Option<Utc>,
    /// Bytes written in this run.
    pub bytes: u64,
    /// Fragments written in this run.
    pub fragments: u64,
    /// Fragments dropped or lost in this run.
    pub fragments_lost: u64,
    /// The segment being written, relative to its disk.
    pub open_segment: Option<PathBuf>,
    /// The disk that takes this stream's segments, an index into `disks`.
    pub disk: usize,
    /// Gaps of this run, the open one included.
    pub gaps: u64,
    /// The gap that is open now.
    pub gap: Option<(Utc, GapReason)>,
    /// Gaps that began or lasted today (UTC), those before this run included; `None` until the index is ready.
    pub gaps_today: Option<u64>,
}

/// One disk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DiskStatus {
    /// Its root folder.
    pub path: PathBuf,
    /// What waits to be written and what was dropped.
    pub queue: QueueCount,
    /// Bytes written in this run.
    pub bytes_written: u64,
    /// Length of the last flush, in milliseconds.
    pub flush_ms_last: u64,
    /// Longest flush of this run, in milliseconds.
    pub flush_ms_max: u64,
    /// Flushes in this run.
    pub flushes: u64,
    /// Free bytes, as the last look found.
    pub free_bytes: u64,
    /// All bytes.
    pub total_bytes: u64,
    /// Failed writes and flushes in this run.
    pub errors: u64,
    /// The last of them.
    pub error_last: Option<String>,
    /// Segments closed early because of them.
    pub segments_poisoned: u64,
    /// Segments removed by retention in this run.
    pub segments_expired: u64,
    /// Whether new segments avoid this disk for now.
    pub failed: bool,
}
