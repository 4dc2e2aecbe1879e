//! What all threads of a store share.
//!
//! Promises: reading it never waits for a disk or for the index.
//! Leaves to others: the facade (`store`), each thread's work (`writer`, `flush`, `indexer`).

use crate::config::{RetentionConfig, StoreConfig};
use crate::disk::Disk;
use crate::disk_state::DiskState;
use crate::error::{Result, StoreError};
use crate::folders::day_number;
use crate::index::Index;
use crate::index_open::IndexHome;
use crate::journal::Journal;
use crate::journal_state::JournalState;
use crate::mp4::SegmentName;
use crate::record::Record;
use crate::row::{DiskId, SegmentRow};
use crate::sequences::Sequences;
use crate::slot::Slot;
use crate::status::IndexState;
use nvr_base::queue::Queue;
use nvr_base::{Clock, RunEpoch, StreamId};
use std::any::Any;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What the index thread is told.
#[derive(Debug)]
pub(crate) enum IndexMessage {
    /// A flush covers this closed segment.
    Row(SegmentRow),
    /// A flush covers the removal of this segment.
    Gone(SegmentName),
    /// Say when everything before is in the index.
    Barrier(SyncSender<()>),
    /// Look at once whether space is needed.
    Reclaim,
}

/// The index, as far as it is open.
#[derive(Debug, Default)]
pub(crate) struct Indexes {
    /// The one that answers.
    pub(crate) current: Option<Arc<Index>>,
    /// One that is being filled beside it.
    pub(crate) filling: Option<Arc<Index>>,
}

/// State of the index, as status shows it.
#[derive(Debug)]
pub(crate) struct IndexStanding {
    pub(crate) state: IndexState,
    pub(crate) note: Option<String>,
}

/// Everything.
#[derive(Debug)]
pub(crate) struct Shared {
    /// As it was at the opening; what is kept how long may change: [`Shared::retention`].
    pub(crate) config: StoreConfig,
    retention: Mutex<Arc<RetentionConfig>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) disks: Vec<Arc<DiskState>>,
    pub(crate) sequences: Sequences,
    pub(crate) journal: Journal,
    /// The journal's state when the store was opened.
    pub(crate) before: JournalState,
    pub(crate) index_home: IndexHome,
    pub(crate) index_queue: Queue<IndexMessage>,
    /// One at a time makes an index.
    pub(crate) rebuilding: Mutex<()>,
    /// Applying the journal to the index.
    pub(crate) applying: Mutex<()>,
    /// Threads end: in good order once this is set.
    pub(crate) closing: AtomicBool,
    /// Threads end at once, as if killed.
    pub(crate) dead: AtomicBool,
    store_lock: Mutex<Option<Box<dyn Any + Send + Sync>>>,
    recording: AtomicBool,
    indexes: Mutex<Indexes>,
    slots: Mutex<BTreeMap<StreamId, Arc<Slot>>>,
    standing: Mutex<IndexStanding>,
    standing_changed: Condvar,
}

/// Fields of [`Shared`] that opening works out.
pub(crate) struct Parts {
    pub(crate) config: StoreConfig,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) disks: Vec<Arc<DiskState>>,
    pub(crate) sequences: Sequences,
    pub(crate) journal: Journal,
    pub(crate) index_home: IndexHome,
    pub(crate) index_queue: Queue<IndexMessage>,
    pub(crate) store_lock: Box<dyn Any + Send + Sync>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every change under these locks is one step: a panic in between leaves them whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(crate) fn new(parts: Parts) -> Self {
        let before = parts.journal.state(Clone::clone);
        Self {
            retention: Mutex::new(Arc::new(parts.config.retention.clone())),
            config: parts.config,
            clock: parts.clock,
            disk: parts.disk,
            disks: parts.disks,
            sequences: parts.sequences,
            journal: parts.journal,
            before,
            index_home: parts.index_home,
            index_queue: parts.index_queue,
            rebuilding: Mutex::new(()),
            applying: Mutex::new(()),
            closing: AtomicBool::new(false),
            dead: AtomicBool::new(false),
            store_lock: Mutex::new(Some(parts.store_lock)),
            recording: AtomicBool::new(false),
            indexes: Mutex::default(),
            slots: Mutex::default(),
            standing: Mutex::new(IndexStanding { state: IndexState::Opening, note: None }),
            standing_changed: Condvar::new(),
        }
    }

    /// What is kept how long, now.
    pub(crate) fn retention(&self) -> Arc<RetentionConfig> {
        lock(&self.retention).clone()
    }

    pub(crate) fn set_retention(&self, retention: RetentionConfig) {
        *lock(&self.retention) = Arc::new(retention);
    }

    /// The run this is.
    pub(crate) fn run(&self) -> RunEpoch {
        self.sequences.run()
    }

    /// Puts a line into the journal, at the next flush.
    pub(crate) fn note(&self, record: Record) {
        self.journal.append(self.clock.utc(), record);
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::SeqCst)
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::SeqCst)
    }

    /// This run records: said in the journal once.
    pub(crate) fn begin_recording(&self) {
        if !self.recording.swap(true, Ordering::SeqCst) {
            let last = self.before.last_run;
            self.note(Record::RunStarted {
                alive_until: last.map(|r| r.to),
                clean: last.is_none_or(|r| r.clean),
            });
        }
    }

    pub(crate) fn is_recording(&self) -> bool {
        self.recording.load(Ordering::SeqCst)
    }

    /// The slot of a stream, made at its first use.
    pub(crate) fn slot(&self, stream: &StreamId) -> Arc<Slot> {
        let mut slots = lock(&self.slots);
        if let Some(slot) = slots.get(stream) {
            return slot.clone();
        }
        let number = slots.len();
        let day = self.before.last_run.map_or(i64::MIN, |r| day_number(r.to));
        let slot = Arc::new(Slot::new(number, stream.clone(), usize::MAX, day));
        slots.insert(stream.clone(), slot.clone());
        slot
    }

    /// The slot of a stream, if this run records it.
    pub(crate) fn find_slot(&self, stream: &StreamId) -> Option<Arc<Slot>> {
        lock(&self.slots).get(stream).cloned()
    }

    /// All slots.
    pub(crate) fn slots(&self) -> Vec<Arc<Slot>> {
        lock(&self.slots).values().cloned().collect()
    }

    /// A segment is about to begin: when its day lies before the last one, recovery must know before there is a file.
    /// Rare enough to wait for.
    pub(crate) fn note_day(&self, row: &SegmentRow) {
        let Some(slot) = self.find_slot(row.stream()) else { return };
        let day = day_number(row.name.start);
        if day < slot.day.swap(day, Ordering::Relaxed) {
            let record = Record::DayReopened { stream: row.stream().clone(), day: row.name.start };
            if let Err(error) = self.journal.append_durable(self.clock.utc(), record) {
                tracing::warn!(%error, "the journal waits");
            }
        }
    }

    /// The disk with this number.
    pub(crate) fn disk_of(&self, id: DiskId) -> Option<&Arc<DiskState>> {
        self.disks.iter().find(|d| d.id == id)
    }

    /// The first disk's root, to name in errors.
    pub(crate) fn root(&self) -> &Path {
        self.disks.first().map_or(Path::new("/"), |d| &d.root)
    }

    /// Gives the store's lock back.
    pub(crate) fn release(&self) {
        lock(&self.store_lock).take();
    }

    /// Where a segment is.
    pub(crate) fn path_of(&self, row: &SegmentRow) -> Option<PathBuf> {
        Some(self.disk_of(row.disk)?.root.join(row.path()))
    }

    /// The index that answers.
    ///
    /// # Errors
    /// [`StoreError::NotReady`] while there is none.
    pub(crate) fn index(&self) -> Result<Arc<Index>> {
        let current = lock(&self.indexes).current.clone();
        current.ok_or_else(|| {
            StoreError::NotReady(match self.standing().0 {
                IndexState::Rebuilding => "it is being made again",
                IndexState::Failed => "it cannot be made",
                IndexState::Closed => "the storage is closed",
                _ => "it is being opened",
            })
        })
    }

    /// Both indexes that take changes.
    pub(crate) fn indexes(&self) -> impl Iterator<Item = Arc<Index>> + use<> {
        let indexes = lock(&self.indexes);
        indexes.current.clone().into_iter().chain(indexes.filling.clone())
    }

    pub(crate) fn change_indexes(&self, change: impl FnOnce(&mut Indexes)) {
        change(&mut lock(&self.indexes));
    }

    pub(crate) fn standing(&self) -> (IndexState, Option<String>) {
        let standing = lock(&self.standing);
        (standing.state, standing.note.clone())
    }

    pub(crate) fn set_standing(&self, state: IndexState, note: Option<String>) {
        let mut standing = lock(&self.standing);
        standing.state = state;
        standing.note = note;
        drop(standing);
        self.standing_changed.notify_all();
    }

    /// Waits up to `wait` for the index to be ready.
    pub(crate) fn wait_ready(&self, wait: Duration) -> bool {
        let deadline = Instant::now() + wait;
        let mut standing = lock(&self.standing);
        loop {
            match standing.state {
                IndexState::Ready => return true,
                IndexState::Failed | IndexState::Closed => return false,
                _ => {}
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            standing =
                self.standing_changed.wait_timeout(standing, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Applies what the journal says to the indexes. What waits to be written is written first.
    ///
    /// # Errors
    /// The disk's or the index's.
    pub(crate) fn catch_up(&self) -> Result<()> {
        // A journal that cannot be written is its own trouble: what is written can still be applied.
        let _ = self.journal.write(self.clock.utc());
        let _one = lock(&self.applying);
        for index in self.indexes() {
            let from = index.journal_position()?;
            if from == self.journal.end() {
                continue;
            }
            let mut lines = Vec::new();
            let to = self.journal.read_from(from, &mut |line| lines.push(line.clone()))?;
            index.apply(&lines, to)?;
        }
        Ok(())
    }
}
