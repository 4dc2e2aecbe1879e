//! What a store is told when it opens.
//!
//! Promises: `Default` is sane for everything but the disks; every limit is a value here.
//! Leaves to others: reading it from a file (`nvr_base::config`).

use nvr_base::queue::QueueLimit;
use nvr_base::{CameraId, StreamKind};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// How a store works.
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// Root folders, one a disk; the first also holds the journal, the index and the lock.
    pub disks: Vec<PathBuf>,
    /// Where the index lives; by default on the first disk.
    pub index_folder: Option<PathBuf>,
    /// What is kept how long.
    pub retention: RetentionConfig,
    /// Which disk takes a new segment.
    pub placement: PlacementPolicy,
    /// One flush per disk and interval.
    pub flush_interval: Duration,
    /// A segment rolls at the first key frame after this.
    pub segment_length: Duration,
    /// It rolls anyway after this, whatever the GOP.
    pub segment_length_max: Duration,
    /// What may wait for one disk.
    pub queue: QueueLimit,
    /// Memory of the index's page cache, in bytes.
    pub index_cache_bytes: u64,
    /// A file of this size on each disk, given up when the disk is full so that segments can be closed.
    pub reserve_bytes: u64,
    /// A journal file is followed by the next at this size.
    pub journal_file_bytes_max: u64,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            disks: Vec::new(),
            index_folder: None,
            retention: RetentionConfig::default(),
            placement: PlacementPolicy::default(),
            flush_interval: Duration::from_millis(1500),
            segment_length: Duration::from_secs(60),
            segment_length_max: Duration::from_secs(300),
            queue: QueueLimit { items_max: 8192, bytes_max: 256 << 20 },
            index_cache_bytes: 4 << 20,
            reserve_bytes: 32 << 20,
            journal_file_bytes_max: 4 << 20,
        }
    }
}

/// What is kept how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionConfig {
    /// Days of main-stream footage; 30 is the legal maximum in France without a stated basis.
    pub keep_days_main: u32,
    /// Days of sub-stream footage.
    pub keep_days_sub: u32,
    /// Share of each disk that stays free.
    pub keep_free_percent: u8,
    /// Bytes of segments at most, over all disks; `None` is no limit.
    pub bytes_max: Option<u64>,
    /// Cameras that differ.
    pub cameras: BTreeMap<CameraId, CameraRetention>,
}

/// What one camera has otherwise; `None` is the general value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CameraRetention {
    /// Days of main-stream footage.
    pub keep_days_main: Option<u32>,
    /// Days of sub-stream footage.
    pub keep_days_sub: Option<u32>,
    /// Bytes of this camera's segments at most.
    pub bytes_max: Option<u64>,
}

impl Default for RetentionConfig {
    fn default() -> Self {
        Self {
            keep_days_main: 30,
            keep_days_sub: 30,
            keep_free_percent: 5,
            bytes_max: None,
            cameras: BTreeMap::new(),
        }
    }
}

impl RetentionConfig {
    /// Days that `kind` of `camera` is kept.
    pub fn keep_days(&self, camera: &CameraId, kind: StreamKind) -> u32 {
        let own = self.cameras.get(camera).copied().unwrap_or_default();
        match kind {
            StreamKind::Main => own.keep_days_main.unwrap_or(self.keep_days_main),
            StreamKind::Sub => own.keep_days_sub.unwrap_or(self.keep_days_sub),
        }
    }
}

/// Which disk takes a new segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PlacementPolicy {
    /// The disk with the largest free share; a stream stays where it is until another has clearly more.
    #[default]
    MostFree,
    /// The first disk that works; the others only when it fails.
    FirstGood,
}
