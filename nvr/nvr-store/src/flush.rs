//! The flusher of one disk: makes everything written durable, once an interval.
//!
//! Promises: one flush per disk and interval, none when nothing was written; rows reach the index only after a flush
//! covers their files; a failed flush is said and poisons what it should have covered.
//! Leaves to others: closing poisoned segments (`writer`), its thread (`threads`).

use crate::disk_state::DiskState;
use crate::record::Record;
use crate::row::SegmentRow;
use crate::shared::{IndexMessage, Shared};
use std::io;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::{Arc, PoisonError};

/// A recording run says that it is alive when it had nothing else to say for this long, µs.
const ALIVE_US: i64 = 10_000_000;

/// The flusher.
#[derive(Debug)]
pub(crate) struct Flusher {
    shared: Arc<Shared>,
    disk: Arc<DiskState>,
    /// This disk holds the journal.
    journal: bool,
}

impl Flusher {
    pub(crate) fn new(shared: Arc<Shared>, disk: Arc<DiskState>, journal: bool) -> Self {
        Self { shared, disk, journal }
    }

    /// One interval is over; whether everything is durable.
    pub(crate) fn turn(&mut self) -> bool {
        let journal_waits = self.journal && self.write_journal();
        !(self.disk.dirty.load(SeqCst) || journal_waits) || flush(&self.shared, &self.disk).is_ok()
    }

    fn write_journal(&self) -> bool {
        let now = self.shared.clock.utc();
        let silent_us = now.micros_since(self.shared.journal.last_at());
        // After a step back too: the clock's new place is where the run is alive.
        if self.shared.is_recording() && !(0..ALIVE_US).contains(&silent_us) {
            self.shared.note(Record::Alive);
        }
        if let Err(e) = self.shared.sequences.refill(&*self.shared.disk) {
            tracing::warn!(error = %e, "segment numbers could not be reserved");
        }
        if let Err(e) = self.shared.journal.write(now) {
            tracing::warn!(error = %e, "the journal waits");
        }
        self.shared.journal.waits_for_flush()
    }
}

/// Makes everything written to a disk durable; one at a time. What depends on that follows: rows to the index,
/// doubt on segments and journal.
///
/// # Errors
/// The disk's.
pub(crate) fn flush(shared: &Shared, disk: &DiskState) -> io::Result<()> {
    let _one = disk.flushing.lock().unwrap_or_else(PoisonError::into_inner);
    let journal = shared.disks.first().is_some_and(|first| first.id == disk.id);
    disk.dirty.store(false, SeqCst);
    let number = disk.flush_started.fetch_add(1, SeqCst) + 1;
    let rows = std::mem::take(&mut *disk.closed.lock().unwrap_or_else(PoisonError::into_inner));
    let removed = std::mem::take(&mut *disk.removed.lock().unwrap_or_else(PoisonError::into_inner));
    let written = shared.journal.written();
    let begun = shared.clock.mono();
    let outcome = shared.disk.sync_all(&disk.root);
    let ms = shared.clock.mono().since(begun).as_millis() as u64;
    disk.counts.flush_ms_last.store(ms, Relaxed);
    disk.counts.flush_ms_max.fetch_max(ms, Relaxed);
    match &outcome {
        Ok(()) => {
            disk.flush_ok.store(number, SeqCst);
            if journal {
                shared.journal.flushed(written);
            }
            for name in removed {
                let _ = shared.index_queue.push(IndexMessage::Gone(name), 0);
            }
        }
        Err(e) => {
            disk.note_error("flushing", e);
            disk.avoid(shared.clock.mono());
            // First the doubt, then the rows: a segment that closes just now sees one or is among the other.
            disk.doubt_from.fetch_min(disk.flush_ok.load(SeqCst), SeqCst);
            let mut closed = disk.closed.lock().unwrap_or_else(PoisonError::into_inner);
            closed.iter_mut().for_each(|row| doubt(shared, disk, row, e));
            drop(closed);
            shared.note(Record::FlushFailed { why: e.to_string() });
            if journal {
                shared.journal.doubt(shared.clock.utc());
            }
            disk.removed.lock().unwrap_or_else(PoisonError::into_inner).extend(removed);
            disk.dirty.store(true, SeqCst);
            tracing::error!(disk = %disk.root.display(), error = %e, "a flush failed");
        }
    }
    for mut row in rows {
        if let Err(e) = &outcome {
            doubt(shared, disk, &mut row, e);
        }
        // A full queue is counted there; recovery finds the file.
        let _ = shared.index_queue.push(IndexMessage::Row(row), 0);
    }
    if outcome.is_err() {
        // Now, so that a kill does not take the lines along; a failing disk may not take them either.
        let _ = shared.journal.write(shared.clock.utc());
    }
    if disk.urgent.load(Relaxed) {
        let _ = shared.index_queue.push(IndexMessage::Reclaim, 0);
    }
    outcome
}

/// The flush that should have covered this segment failed.
fn doubt(shared: &Shared, disk: &DiskState, row: &mut SegmentRow, error: &io::Error) {
    if !row.suspect {
        row.suspect = true;
        disk.counts.poisoned.fetch_add(1, Relaxed);
        shared.note(Record::SegmentPoisoned {
            path: row.name.to_string(),
            from: row.start,
            to: row.end,
            why: error.to_string(),
        });
    }
}
