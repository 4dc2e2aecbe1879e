//! What recorder, writer and readers share about one stream.
//!
//! Promises: one lock a fragment, none a sample.
//! Leaves to others: what the ledger decides (`gaps`), the journal.

use crate::gaps::{Entry, Event, Ledger};
use crate::record::Record;
use crate::row::SegmentRow;
use crate::shared::Shared;
use nvr_base::{GapReason, Mono, StreamId, Utc};
use std::sync::atomic::{AtomicI64, AtomicU8, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A segment that is being written, or closed and not yet in the index.
#[derive(Debug, Clone)]
pub(crate) struct LiveSegment {
    pub(crate) row: SegmentRow,
    pub(crate) open: bool,
}

/// A gap that the writer entered: where, and when by the monotonic clock, it began, and why.
type Loss = (Utc, Mono, GapReason);

/// One stream of this run.
#[derive(Debug)]
pub(crate) struct Slot {
    /// Number in this run.
    pub(crate) number: usize,
    pub(crate) stream: StreamId,
    ledger: Mutex<Ledger>,
    live: Mutex<Vec<LiveSegment>>,
    /// Disk of the next segment, an index into the store's disks.
    pub(crate) disk: AtomicUsize,
    /// The writer lost a fragment: what follows is of no use before the next key frame. 0, or 1 + reason.
    lost: AtomicU8,
    /// Since when fragments are lost, until a key frame is written again, on whichever disk.
    loss: Mutex<Option<Loss>>,
    /// Day of the last segment begun, days since 1970.
    pub(crate) day: AtomicI64,
    pub(crate) counts: SlotCounts,
    today: Mutex<Option<GapsToday>>,
}

/// Counters of a stream.
#[derive(Debug)]
pub(crate) struct SlotCounts {
    /// End of the last fragment written, µs since 1970; `i64::MIN` before the first.
    pub(crate) last_end_us: AtomicI64,
    pub(crate) bytes: AtomicU64,
    pub(crate) fragments: AtomicU64,
    pub(crate) lost: AtomicU64,
    /// Gaps that the writer entered.
    pub(crate) writer_gaps: AtomicU64,
    /// Length of the last whole segment, for preallocation.
    pub(crate) segment_bytes_last: AtomicU64,
}

impl Default for SlotCounts {
    fn default() -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            last_end_us: AtomicI64::new(i64::MIN),
            bytes: zero(),
            fragments: zero(),
            lost: zero(),
            writer_gaps: zero(),
            segment_bytes_last: zero(),
        }
    }
}

/// Gaps of a day, and what they were counted from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GapsToday {
    pub(crate) day: i64,
    pub(crate) at_count: u64,
    pub(crate) gaps: u64,
}

impl Slot {
    pub(crate) fn new(number: usize, stream: StreamId, disk: usize, day: i64) -> Self {
        Self {
            number,
            stream,
            ledger: Mutex::default(),
            live: Mutex::default(),
            disk: AtomicUsize::new(disk),
            lost: AtomicU8::new(0),
            loss: Mutex::default(),
            day: AtomicI64::new(day),
            counts: SlotCounts::default(),
            today: Mutex::default(),
        }
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn live(&self) -> MutexGuard<'_, Vec<LiveSegment>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the ledger, and the journal what it says.
    pub(crate) fn enter(&self, shared: &Shared, event: Event) {
        let entries = self.ledger().step(event);
        for entry in entries {
            let stream = self.stream.clone();
            shared.note(match entry {
                Entry::Opened { from, reason } => Record::GapOpened { stream, from, reason },
                Entry::Closed { from, to } => Record::GapClosed { stream, from, to },
                Entry::Whole { from, to, reason } => Record::Gap { stream, from, to, reason },
            });
        }
    }

    /// Whether footage from `from` on follows what is recorded without a hole.
    pub(crate) fn follows(&self, from: Utc) -> bool {
        self.ledger().follows(from)
    }

    /// The open gap, and the end of what was accepted for recording.
    pub(crate) fn standing(&self) -> (Option<(Utc, GapReason)>, Option<Utc>) {
        let ledger = self.ledger();
        (ledger.open(), ledger.last_end())
    }

    /// Gaps of this run.
    pub(crate) fn gap_count(&self) -> u64 {
        self.ledger().count() + self.counts.writer_gaps.load(Relaxed)
    }

    /// The writer lost footage for `reason`.
    pub(crate) fn tell_lost(&self, reason: GapReason) {
        let number = GapReason::ALL.iter().position(|r| *r == reason).unwrap_or(0);
        self.lost.store(number as u8 + 1, Relaxed);
    }

    /// Whether the writer lost footage since the last call, and why.
    pub(crate) fn take_lost(&self) -> Option<GapReason> {
        if self.lost.load(Relaxed) == 0 {
            return None;
        }
        GapReason::ALL.get(usize::from(self.lost.swap(0, Relaxed)).checked_sub(1)?).copied()
    }

    /// Whether the last fragment of this stream was lost.
    pub(crate) fn is_lossy(&self) -> bool {
        self.loss().is_some()
    }

    fn loss(&self) -> MutexGuard<'_, Option<Loss>> {
        self.loss.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A fragment that begins at `from` is lost; true when this begins a gap.
    pub(crate) fn begin_loss(&self, from: Utc, mono: Mono, reason: GapReason) -> bool {
        let mut loss = self.loss();
        let begins = loss.is_none();
        loss.get_or_insert((from, mono, reason));
        begins
    }

    /// A fragment comes that begins before the gap that is open: the gap, and another takes its place.
    pub(crate) fn split_loss(&self, from: Utc, mono: Mono) -> Option<Loss> {
        let mut loss = self.loss();
        let old = loss.filter(|(began, ..)| from < *began)?;
        *loss = Some((from, mono, old.2));
        Some(old)
    }

    /// A fragment is written: the gap before it, if there was one.
    pub(crate) fn end_loss(&self) -> Option<Loss> {
        self.loss().take()
    }

    /// Adds or changes the entry of a segment.
    pub(crate) fn put_live(&self, row: &SegmentRow, open: bool) {
        let mut live = self.live();
        match live.iter_mut().find(|s| s.row.name.sequence == row.name.sequence) {
            Some(s) => {
                s.row.clone_from(row);
                s.open = open;
            }
            None => live.push(LiveSegment { row: row.clone(), open }),
        }
    }

    /// A fragment was added to an open segment.
    pub(crate) fn grow_live(&self, sequence: u64, end: Utc, bytes: u64, fragments: u32) {
        if let Some(s) = self.live().iter_mut().find(|s| s.row.name.sequence == sequence) {
            s.row.end = s.row.end.max(end);
            s.row.bytes = bytes;
            s.row.fragments = fragments;
        }
    }

    /// The index, or nobody, has the segment now.
    pub(crate) fn drop_live(&self, sequence: u64) {
        self.live().retain(|s| s.row.name.sequence != sequence);
    }

    /// Segments that the index does not have yet.
    pub(crate) fn live_segments(&self) -> Vec<LiveSegment> {
        self.live().clone()
    }

    /// Whether the segment is open or not yet in the index.
    pub(crate) fn is_live(&self, sequence: u64) -> bool {
        self.live().iter().any(|s| s.row.name.sequence == sequence)
    }

    /// End of the last fragment written.
    pub(crate) fn last_written(&self) -> Option<Utc> {
        Some(self.counts.last_end_us.load(Relaxed)).filter(|us| *us != i64::MIN).map(Utc)
    }

    /// Today's gaps, when nothing changed since they were counted.
    pub(crate) fn gaps_today(&self, day: i64) -> Option<u64> {
        let count = self.gap_count();
        let today = *self.today.lock().unwrap_or_else(PoisonError::into_inner);
        today.filter(|t| t.day == day && t.at_count == count).map(|t| t.gaps)
    }

    pub(crate) fn set_gaps_today(&self, today: GapsToday) {
        *self.today.lock().unwrap_or_else(PoisonError::into_inner) = Some(today);
    }
}
