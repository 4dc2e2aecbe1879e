//! The facade: one store, opened once, shared by clones.
//!
//! Promises: `open` returns before the index is open, so that recording can begin; no call of a reader delays the
//! recorder.
//! Leaves to others: everything it does, to the modules it names.

use crate::config::StoreConfig;
use crate::error::{Result, StoreError};
use crate::export::{ExportReport, ExportRequest, ExportSink, KeyPicture};
use crate::lock::FootageLock;
use crate::rebuild::RebuildReport;
use crate::status::StoreStatus;
use crate::timeline::Timeline;
use crate::verify::VerifyReport;
use nvr_base::{CameraId, Clock, SampleSink, StreamEvent, StreamId, Utc};
use std::sync::Arc;
use std::time::Duration;

/// A store. Clones share it; dropping the last one closes it.
#[derive(Debug, Clone)]
pub struct Store;

/// Takes one stream's events on an ingest thread. Never blocks.
#[derive(Debug)]
pub struct StreamRecorder;

impl SampleSink for StreamRecorder {
    fn accept(&mut self, _event: StreamEvent) {}
}

const STARTING: StoreError = StoreError::NotReady("starting");

impl Store {
    /// Opens a store: takes its lock, counts the run, starts its threads and returns; recording can begin at once,
    /// while the index opens and recovery runs.
    ///
    /// # Errors
    /// [`StoreError::Locked`] with the holder; [`StoreError::Io`] when a disk cannot be used.
    pub fn open(_config: StoreConfig, _clock: Arc<dyn Clock>, _disk: Arc<dyn crate::disk::Disk>) -> Result<Store> {
        Err(STARTING)
    }
    /// The sink of one stream. Dropping it ends the stream's segment; send `Down` before to say why.
    pub fn recorder(&self, _stream: StreamId) -> StreamRecorder {
        StreamRecorder
    }
    /// Waits up to `wait` until the index is open and recovery has finished; says whether they are.
    pub fn ready(&self, _wait: Duration) -> bool {
        false
    }
    /// What is recorded of a stream in a range; `None` is the beginning and now.
    ///
    /// # Errors
    /// [`StoreError::NotReady`] while the index opens, [`StoreError::Index`] when it fails.
    pub fn timeline(&self, _stream: &StreamId, _from: Option<Utc>, _to: Option<Utc>) -> Result<Timeline> {
        Err(STARTING)
    }
    /// Exports a range as plain MP4 into `sink`.
    ///
    /// # Errors
    /// [`StoreError::NoFootage`], [`StoreError::Stopped`] by the sink, or what reading meets.
    pub fn export(&self, _request: &ExportRequest, _sink: &mut dyn ExportSink) -> Result<ExportReport> {
        Err(STARTING)
    }
    /// The key picture at `at` or the nearest before it; the first after it when there is none before.
    ///
    /// # Errors
    /// [`StoreError::NoFootage`] when the stream has none at all, or what reading meets.
    pub fn picture(&self, _stream: &StreamId, _at: Utc) -> Result<KeyPicture> {
        Err(STARTING)
    }
    /// Reads and checks every segment. `progress` gets segments done and in all.
    ///
    /// # Errors
    /// When a folder cannot be listed or the index is not ready.
    pub fn verify(&self, _progress: &mut dyn FnMut(u64, u64)) -> Result<VerifyReport> {
        Err(STARTING)
    }
    /// Makes the index again from segments and journal. `progress` gets segments done and in all.
    ///
    /// # Errors
    /// When a folder cannot be listed or the new index cannot be written.
    pub fn rebuild(&self, _progress: &mut dyn FnMut(u64, u64)) -> Result<RebuildReport> {
        Err(STARTING)
    }
    /// Keeps the footage of all streams of `camera` in a range from retention. Durable on return.
    ///
    /// # Errors
    /// [`StoreError::EmptyRange`], [`StoreError::TooManyLocks`], or a journal that cannot be written.
    pub fn lock_interval(&self, _camera: &CameraId, _from: Utc, _to: Utc, _reason: &str, _who: &str) -> Result<()> {
        Err(STARTING)
    }
    /// Takes a range out of every lock of `camera`; what a lock holds outside the range stays locked.
    ///
    /// # Errors
    /// [`StoreError::NoLock`] when none overlaps, or a journal that cannot be written.
    pub fn unlock_interval(&self, _camera: &CameraId, _from: Utc, _to: Utc, _reason: &str, _who: &str) -> Result<()> {
        Err(STARTING)
    }
    /// Locks in force, oldest first.
    pub fn locks(&self) -> Vec<FootageLock> {
        Vec::new()
    }
    /// State now.
    pub fn status(&self) -> StoreStatus {
        StoreStatus {
            run: nvr_base::RunEpoch(0),
            index: crate::status::IndexState::Opening,
            index_note: None,
            index_queue: Default::default(),
            streams: Vec::new(),
            disks: Vec::new(),
            journal_lost: 0,
            locks: 0,
        }
    }
    /// Writes, flushes and indexes everything accepted so far.
    ///
    /// # Errors
    /// The first failure of a disk.
    pub fn sync(&self) -> Result<()> {
        Err(STARTING)
    }
    /// Closes segments, says so in the journal, flushes, joins the threads. Drop the recorders first: what they
    /// accept afterwards is not kept. A second call does nothing.
    ///
    /// # Errors
    /// The first failure of a disk; the store is closed all the same.
    pub fn close(&self) -> Result<()> {
        Err(STARTING)
    }
}
