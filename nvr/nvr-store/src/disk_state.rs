//! What the threads of one disk share: its queue, what is written but not flushed, its counters.
//!
//! Promises: numbers are atomics; locks are held for a few instructions.
//! Leaves to others: writing (`writer`), flushing (`flush`), removing (`retention`).

use crate::disk::Space;
use crate::mp4::SegmentName;
use crate::placement::Candidate;
use crate::row::{DiskId, SegmentRow};
use crate::status::DiskStatus;
use crate::writer::WriterMessage;
use nvr_base::Mono;
use nvr_base::queue::{Queue, QueueLimit};
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long new segments avoid a disk after a failure.
pub(crate) const FAILED_FOR: Duration = Duration::from_secs(10);
/// Value of [`DiskState::doubt_from`] without a failure.
pub(crate) const NO_DOUBT: u64 = u64::MAX;
/// A quota that was met is believed in for this long: it may have been raised.
const QUOTA_KNOWN_FOR: Duration = Duration::from_secs(3600);
/// It was raised when this much more than it is written, bytes.
const QUOTA_PASSED: u64 = 64 << 20;
/// Name of the file that is given up when the disk is full.
pub(crate) const RESERVE_FILE: &str = "reserve";

/// One disk.
#[derive(Debug)]
pub(crate) struct DiskState {
    /// Number drawn when the disk was first used.
    pub(crate) id: DiskId,
    /// Root folder.
    pub(crate) root: PathBuf,
    /// To the writer.
    pub(crate) queue: Queue<WriterMessage>,
    /// Closed segments whose bytes no flush has covered yet.
    pub(crate) closed: Mutex<Vec<SegmentRow>>,
    /// Removed segments: their rows go once a flush has made that durable, or a power cut could bring back files
    /// that no row knows.
    pub(crate) removed: Mutex<Vec<SegmentName>>,
    /// Something was written since the last flush began.
    pub(crate) dirty: AtomicBool,
    /// Held by who flushes.
    pub(crate) flushing: Mutex<()>,
    /// Flushes begun.
    pub(crate) flush_started: AtomicU64,
    /// The last flush that succeeded.
    pub(crate) flush_ok: AtomicU64,
    /// After a failed flush, until the writer has seen it: what was written since this flush is in doubt.
    pub(crate) doubt_from: AtomicU64,
    /// The disk needs space now.
    pub(crate) urgent: AtomicBool,
    /// The reserve file exists.
    pub(crate) reserve: AtomicBool,
    /// Counters for status.
    pub(crate) counts: DiskCounts,
    space: Mutex<Measured>,
    failed_until: AtomicU64,
    error_last: Mutex<Option<String>>,
}

/// Space as it was last looked at, less what a quota withholds.
#[derive(Debug, Clone, Copy, Default)]
struct Measured {
    space: Space,
    quota: Option<Quota>,
}

/// A quota that a write met. No call tells on every file system what it still grants: what was free when it was met,
/// it withholds.
#[derive(Debug, Clone, Copy)]
struct Quota {
    withheld: u64,
    met_at: Mono,
}

impl Measured {
    fn look(&mut self, space: Space, now: Mono) {
        let holds = |q: &Quota| {
            now.since(q.met_at) < QUOTA_KNOWN_FOR && space.free.saturating_add(QUOTA_PASSED) > q.withheld
        };
        self.quota = self.quota.filter(holds);
        let withheld = self.quota.map_or(0, |q| q.withheld);
        let less = |bytes: u64| bytes.saturating_sub(withheld);
        self.space = Space { free: less(space.free), total: less(space.total) };
    }
}

/// Counters of a disk.
#[derive(Debug, Default)]
pub(crate) struct DiskCounts {
    pub(crate) bytes_written: AtomicU64,
    pub(crate) flush_ms_last: AtomicU64,
    pub(crate) flush_ms_max: AtomicU64,
    pub(crate) errors: AtomicU64,
    pub(crate) poisoned: AtomicU64,
    pub(crate) expired: AtomicU64,
}

impl DiskState {
    pub(crate) fn new(id: DiskId, root: PathBuf, limit: QueueLimit) -> Self {
        Self {
            id,
            root,
            queue: Queue::new(limit),
            closed: Mutex::default(),
            removed: Mutex::default(),
            dirty: AtomicBool::new(false),
            flushing: Mutex::new(()),
            flush_started: AtomicU64::new(0),
            flush_ok: AtomicU64::new(0),
            doubt_from: AtomicU64::new(NO_DOUBT),
            urgent: AtomicBool::new(false),
            reserve: AtomicBool::new(false),
            counts: DiskCounts::default(),
            space: Mutex::default(),
            failed_until: AtomicU64::new(0),
            error_last: Mutex::default(),
        }
    }

    /// Counts a failure and keeps its text.
    pub(crate) fn note_error(&self, step: &str, error: &io::Error) {
        self.counts.errors.fetch_add(1, Relaxed);
        *self.error_last.lock().unwrap_or_else(PoisonError::into_inner) = Some(format!("{step}: {error}"));
    }

    /// New segments avoid this disk for a while.
    pub(crate) fn avoid(&self, now: Mono) {
        self.failed_until.fetch_max((now + FAILED_FOR).0, Relaxed);
    }

    /// New segments avoid this disk until the store is opened again.
    pub(crate) fn avoid_for_good(&self) {
        self.failed_until.store(u64::MAX, Relaxed);
    }

    pub(crate) fn failed(&self, now: Mono) -> bool {
        self.failed_until.load(Relaxed) > now.0
    }

    /// What the file system says now.
    pub(crate) fn set_space(&self, space: Space, now: Mono) {
        self.measured().look(space, now);
    }

    /// A write met a quota while the file system says this; whether that is news.
    pub(crate) fn meet_quota(&self, space: Space, now: Mono) -> bool {
        let mut measured = self.measured();
        let known = measured.quota.replace(Quota { withheld: space.free, met_at: now });
        measured.look(space, now);
        known.is_none()
    }

    /// Space that may be used, as far as is known.
    pub(crate) fn space(&self) -> Space {
        self.measured().space
    }

    fn measured(&self) -> MutexGuard<'_, Measured> {
        self.space.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn candidate(&self, now: Mono) -> Candidate {
        Candidate { space: self.space(), failed: self.failed(now) }
    }

    pub(crate) fn status(&self, now: Mono) -> DiskStatus {
        let space = self.space();
        let get = |n: &AtomicU64| n.load(Relaxed);
        DiskStatus {
            path: self.root.clone(),
            queue: self.queue.count(),
            bytes_written: get(&self.counts.bytes_written),
            flush_ms_last: get(&self.counts.flush_ms_last),
            flush_ms_max: get(&self.counts.flush_ms_max),
            flushes: get(&self.flush_started),
            free_bytes: space.free,
            total_bytes: space.total,
            errors: get(&self.counts.errors),
            error_last: self.error_last.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            segments_poisoned: get(&self.counts.poisoned),
            segments_expired: get(&self.counts.expired),
            failed: self.failed(now),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;
    const DISK: u64 = 1000 * MIB;

    /// What the file system calls free at second `.0`, MiB, and whether a write then meets a quota; what is granted
    /// after the last: free and total, MiB.
    fn check(looks: &[(u64, u64, bool)], expected: (u64, u64)) {
        let mut measured = Measured::default();
        for &(s, free, met) in looks {
            let (space, now) = (Space { free: free * MIB, total: DISK }, Mono(s * 1_000_000));
            if met {
                measured.quota = Some(Quota { withheld: space.free, met_at: now });
            }
            measured.look(space, now);
        }
        assert_eq!((measured.space.free / MIB, measured.space.total / MIB), expected, "{looks:?}");
    }

    #[test]
    fn what_was_free_at_a_quota_is_withheld() {
        check(&[(0, 900, false)], (900, 1000));
        check(&[(0, 900, true)], (0, 100));
        // Removing footage makes room below the quota; writing takes it.
        check(&[(0, 900, true), (10, 930, false)], (30, 100));
        check(&[(0, 900, true), (10, 930, false), (20, 890, false)], (0, 100));
        // It was lowered, and met again.
        check(&[(0, 900, true), (10, 930, false), (20, 910, true)], (0, 90));
        // It was raised: the old one is passed, or its time is over.
        check(&[(0, 900, true), (100, 830, false)], (830, 1000));
        check(&[(0, 900, true), (3700, 930, false)], (930, 1000));
    }
}
