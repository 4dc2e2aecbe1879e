//! The facade: one store, opened once, shared by clones.
//!
//! Promises: `open` returns before the index is open, so that recording can begin; no call of a reader delays the
//! recorder.
//! Leaves to others: everything it does, to the modules it names.

mod alerts;

pub use alerts::Counted;

use crate::config::{RetentionConfig, StoreConfig};
use crate::disk::Disk;
use crate::error::{Result, StoreError};
use crate::export::{ExportReport, ExportRequest, ExportSink, KeyPicture};
use crate::lock::{FootageLock, LOCKS_MAX};
use crate::open::open_shared;
use crate::query;
use crate::rebuild::RebuildReport;
use crate::record::Record;
use crate::recorder::StreamRecorder;
use crate::shared::{IndexMessage, Shared};
use crate::status::{IndexState, StoreStatus, StreamStoreStatus};
use crate::threads::Threads;
use crate::timeline::Timeline;
use crate::verify::VerifyReport;
use crate::writer::WriterMessage;
use nvr_base::{CameraId, Clock, StreamId, Utc};
use std::io;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Longest wait of [`Store::sync`] for one thread.
const SYNC_WAIT: Duration = Duration::from_secs(60);

/// A store. Clones share it; dropping the last one closes it.
#[derive(Debug, Clone)]
pub struct Store(Arc<Handle>);

#[derive(Debug)]
struct Handle {
    shared: Arc<Shared>,
    threads: Mutex<Option<Threads>>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            tracing::error!(%error, "the storage did not close in good order");
        }
    }
}

impl Store {
    /// Opens a store: takes its lock, counts the run, starts its threads and returns; recording can begin at once,
    /// while the index opens and recovery runs.
    ///
    /// # Errors
    /// [`StoreError::Locked`] with the holder; [`StoreError::Io`] when the first disk cannot be used; another disk
    /// that cannot is avoided and shown in the status.
    pub fn open(config: StoreConfig, clock: Arc<dyn Clock>, disk: Arc<dyn Disk>) -> Result<Store> {
        let shared = Arc::new(open_shared(config, clock, disk)?);
        let threads = Threads::start(&shared)?;
        Ok(Store(Arc::new(Handle { shared, threads: Mutex::new(Some(threads)) })))
    }

    /// The sink of one stream. Dropping it ends the stream's segment; send `Down` before to say why, or the gap that
    /// follows is `recorder-stopped`. One at a time for a stream.
    pub fn recorder(&self, stream: StreamId) -> StreamRecorder {
        self.0.shared.begin_recording();
        let slot = self.0.shared.slot(&stream);
        StreamRecorder::new(self.0.shared.clone(), slot)
    }

    /// Waits up to `wait` until the index is open and recovery has finished; says whether they are.
    pub fn ready(&self, wait: Duration) -> bool {
        self.0.shared.wait_ready(wait)
    }

    /// What is recorded of a stream in a range; `None` is the beginning and now.
    ///
    /// # Errors
    /// [`StoreError::NotReady`] while the index opens, [`StoreError::Index`] when it fails.
    pub fn timeline(&self, stream: &StreamId, from: Option<Utc>, to: Option<Utc>) -> Result<Timeline> {
        query::timeline_of(&self.0.shared, stream, from, to)
    }

    /// Streams that were ever recorded.
    ///
    /// # Errors
    /// As [`Store::timeline`].
    pub fn streams(&self) -> Result<Vec<StreamId>> {
        let mut streams = self.0.shared.index()?.streams()?;
        streams.extend(self.0.shared.slots().iter().map(|s| s.stream.clone()));
        streams.sort_unstable();
        streams.dedup();
        Ok(streams)
    }

    /// Exports a range as plain MP4 into `sink`.
    ///
    /// # Errors
    /// [`StoreError::NoFootage`], [`StoreError::Stopped`] by the sink, or what reading meets.
    pub fn export(&self, request: &ExportRequest, sink: &mut dyn ExportSink) -> Result<ExportReport> {
        crate::export::export(&self.0.shared, request, sink)
    }

    /// The key picture at `at` or the nearest before it; the first after it when there is none before.
    ///
    /// # Errors
    /// [`StoreError::NoFootage`] when there is none near, or what reading meets.
    pub fn picture(&self, stream: &StreamId, at: Utc) -> Result<KeyPicture> {
        query::picture(&self.0.shared, stream, at)
    }

    /// Reads and checks every segment. `progress` gets segments done and in all.
    ///
    /// # Errors
    /// When a folder cannot be listed or the index is not ready.
    pub fn verify(&self, progress: &mut dyn FnMut(u64, u64)) -> Result<VerifyReport> {
        crate::verify::verify(&self.0.shared, progress)
    }

    /// Makes the index again from segments and journal; the old one answers until then. `progress` gets segments
    /// done and in all.
    ///
    /// # Errors
    /// When the new index cannot be written, or the store closes meanwhile.
    pub fn rebuild(&self, progress: &mut dyn FnMut(u64, u64)) -> Result<RebuildReport> {
        crate::rebuild::rebuild(&self.0.shared, progress)
    }

    /// What is kept how long, from now on.
    pub fn set_retention(&self, retention: RetentionConfig) {
        self.0.shared.set_retention(retention);
    }

    /// Keeps the footage of all streams of `camera` in a range from retention. Durable on return.
    ///
    /// # Errors
    /// [`StoreError::EmptyRange`], [`StoreError::TooManyLocks`], or a journal that cannot be written.
    pub fn lock_interval(
        &self,
        camera: &CameraId,
        from: Utc,
        to: Utc,
        reason: &str,
        who: &str,
    ) -> Result<FootageLock> {
        if to <= from {
            return Err(StoreError::EmptyRange { from, to });
        }
        let shared = &self.0.shared;
        if shared.journal.state(|s| s.locks.len()) >= LOCKS_MAX {
            return Err(StoreError::TooManyLocks(LOCKS_MAX));
        }
        let at = shared.clock.utc();
        let lock = FootageLock {
            camera: camera.clone(),
            from,
            to,
            reason: reason.to_owned(),
            who: who.to_owned(),
            at,
        };
        shared.journal.append_durable(at, Record::Locked { lock: lock.clone() })?;
        Ok(lock)
    }

    /// Takes a range out of every lock of `camera`; what a lock holds outside the range stays locked.
    ///
    /// # Errors
    /// [`StoreError::NoLock`] when none overlaps, or a journal that cannot be written.
    pub fn unlock_interval(
        &self,
        camera: &CameraId,
        from: Utc,
        to: Utc,
        reason: &str,
        who: &str,
    ) -> Result<()> {
        if to <= from {
            return Err(StoreError::EmptyRange { from, to });
        }
        let shared = &self.0.shared;
        let overlaps = |l: &FootageLock| l.camera == *camera && l.from < to && from < l.to;
        if !shared.journal.state(|s| s.locks.iter().any(overlaps)) {
            return Err(StoreError::NoLock { camera: camera.clone(), from, to });
        }
        let (camera, reason, who) = (camera.clone(), reason.to_owned(), who.to_owned());
        shared.journal.append_durable(shared.clock.utc(), Record::Unlocked { camera, from, to, reason, who })
    }

    /// Locks in force, oldest first.
    pub fn locks(&self) -> Vec<FootageLock> {
        self.0.shared.journal.state(|s| s.locks.clone())
    }

    /// State now.
    pub fn status(&self) -> StoreStatus {
        let shared = &self.0.shared;
        let (index, index_note) = shared.standing();
        let now = shared.clock.mono();
        let stream = |slot: &Arc<crate::slot::Slot>| {
            let live = slot.live_segments();
            let open = live.iter().find(|l| l.open && l.row.fragments > 0);
            StreamStoreStatus {
                stream: slot.stream.clone(),
                last_fragment: slot.last_written(),
                bytes: slot.counts.bytes.load(Relaxed),
                fragments: slot.counts.fragments.load(Relaxed),
                fragments_lost: slot.counts.lost.load(Relaxed),
                open_segment: open.map(|l| l.row.path()),
                disk: slot.disk.load(Relaxed),
                gaps: slot.gap_count(),
                gap: slot.standing().0,
                gaps_today: query::gaps_today(shared, slot),
            }
        };
        StoreStatus {
            run: shared.run(),
            index,
            index_note,
            index_queue: shared.index_queue.count(),
            streams: shared.slots().iter().map(stream).collect(),
            disks: shared.disks.iter().map(|d| d.status(now)).collect(),
            journal_lost: shared.journal.lost(),
            locks: shared.journal.state(|s| s.locks.len()),
        }
    }

    /// Writes, flushes and indexes everything that recorders have handed over so far.
    ///
    /// # Errors
    /// [`StoreError::Io`] when a flush failed or took longer than a minute.
    pub fn sync(&self) -> Result<()> {
        let shared = &self.0.shared;
        let threads = self.0.threads.lock().unwrap_or_else(PoisonError::into_inner);
        let threads = threads.as_ref().ok_or(StoreError::Closed)?;
        let slow = || StoreError::io("flushing", shared.root(), io::ErrorKind::TimedOut.into());
        let wait = |done: &Receiver<()>| done.recv_timeout(SYNC_WAIT).map_err(|_| slow());
        for state in &shared.disks {
            let (reply, done) = sync_channel(1);
            if state.queue.push(WriterMessage::Barrier(reply), 0).is_ok() {
                wait(&done)?;
            }
        }
        let (reply, flushed) = sync_channel(shared.disks.len());
        for _ in 0..threads.flush(&reply) {
            if !flushed.recv_timeout(SYNC_WAIT).map_err(|_| slow())? {
                return Err(StoreError::io("flushing", shared.root(), io::Error::other("the disk failed")));
            }
        }
        let (reply, done) = sync_channel(1);
        if shared.index_queue.push(IndexMessage::Barrier(reply), 0).is_ok() {
            wait(&done)?;
        }
        Ok(())
    }

    /// Closes segments, says so in the journal, flushes, joins the threads. Drop the recorders first: what they
    /// accept afterwards is not kept. A second call does nothing.
    ///
    /// # Errors
    /// The first failure of a disk; the store is closed all the same.
    pub fn close(&self) -> Result<()> {
        self.0.close()
    }

    /// Puts rows into the index as they are, whether or not there are files. For measuring a large store.
    ///
    /// # Errors
    /// As [`Store::timeline`].
    #[doc(hidden)]
    pub fn add_rows(&self, rows: &[crate::row::SegmentRow]) -> Result<()> {
        self.0.shared.index()?.insert(rows)
    }

    /// Ends as a killed process does: no segment is closed, nothing more is written. For tests of recovery.
    #[doc(hidden)]
    pub fn abandon(self) {
        let shared = &self.0.shared;
        shared.dead.store(true, SeqCst);
        if let Some(threads) = self.0.threads.lock().unwrap_or_else(PoisonError::into_inner).take() {
            threads.join(shared);
        }
        shared.change_indexes(|i| *i = Default::default());
        shared.release();
    }
}

impl Handle {
    fn close(&self) -> Result<()> {
        let Some(threads) = self.threads.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            return Ok(());
        };
        let shared = &self.shared;
        shared.closing.store(true, SeqCst);
        threads.join(shared);
        let now = shared.clock.utc();
        let said = if shared.is_recording() {
            shared.journal.append_durable(now, Record::RunStopped)
        } else {
            shared.journal.write(now).map(drop)
        };
        let counted = shared.sequences.close(&*shared.disk);
        for disk in &shared.disks {
            let reserve = disk.root.join(crate::disk_state::RESERVE_FILE);
            if disk.reserve.swap(false, Relaxed) {
                let _ = shared.disk.remove(&reserve);
            }
        }
        shared.set_standing(IndexState::Closed, None);
        shared.change_indexes(|i| *i = Default::default());
        shared.release();
        said.and(counted)
    }
}
