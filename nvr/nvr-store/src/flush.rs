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
        let journal_written = self.journal && self.write_journal();
        if !self.disk.dirty.swap(false, SeqCst) && !journal_written {
            return true;
        }
        let number = self.disk.flush_started.fetch_add(1, SeqCst) + 1;
        let rows = std::mem::take(&mut *self.disk.closed.lock().unwrap_or_else(PoisonError::into_inner));
        let removed = std::mem::take(&mut *self.disk.removed.lock().unwrap_or_else(PoisonError::into_inner));
        let written = self.shared.journal.written();
        let begun = self.shared.clock.mono();
        let outcome = self.shared.disk.sync_all(&self.disk.root);
        let ms = self.shared.clock.mono().since(begun).as_millis() as u64;
        self.disk.counts.flush_ms_last.store(ms, Relaxed);
        self.disk.counts.flush_ms_max.fetch_max(ms, Relaxed);
        match &outcome {
            Ok(()) => {
                self.disk.flush_ok.store(number, SeqCst);
                if self.journal {
                    self.shared.journal.flushed(written);
                }
            }
            Err(e) => {
                self.disk.note_error("flushing", e);
                self.disk.avoid(self.shared.clock.mono());
                // First the doubt, then the rows: a segment that closes just now sees one or is among the other.
                self.disk.doubt_from.fetch_min(self.disk.flush_ok.load(SeqCst), SeqCst);
                let mut closed = self.disk.closed.lock().unwrap_or_else(PoisonError::into_inner);
                closed.iter_mut().for_each(|row| self.doubt(row, e));
                drop(closed);
                if self.journal {
                    self.shared.journal.doubt(self.shared.clock.utc());
                }
                self.disk.dirty.store(true, SeqCst);
                tracing::error!(disk = %self.disk.root.display(), error = %e, "a flush failed");
            }
        }
        match &outcome {
            Ok(()) => removed.into_iter().for_each(|name| {
                let _ = self.shared.index_queue.push(IndexMessage::Gone(name), 0);
            }),
            Err(_) => self.disk.removed.lock().unwrap_or_else(PoisonError::into_inner).extend(removed),
        }
        for mut row in rows {
            if let Err(e) = &outcome {
                self.doubt(&mut row, e);
            }
            // A full queue is counted there; recovery finds the file.
            let _ = self.shared.index_queue.push(IndexMessage::Row(row), 0);
        }
        if self.disk.urgent.load(Relaxed) {
            let _ = self.shared.index_queue.push(IndexMessage::Reclaim, 0);
        }
        outcome.is_ok()
    }

    /// The flush that should have covered this segment failed.
    fn doubt(&self, row: &mut SegmentRow, error: &io::Error) {
        if !row.suspect {
            row.suspect = true;
            self.disk.counts.poisoned.fetch_add(1, Relaxed);
            self.shared.note(Record::SegmentPoisoned {
                path: row.name.to_string(),
                from: row.start,
                to: row.end,
                why: error.to_string(),
            });
        }
    }

    fn write_journal(&self) -> bool {
        let now = self.shared.clock.utc();
        let silent_us = now.micros_since(self.shared.journal.last_at());
        // After a step back too: the clock's new place is where the run is alive.
        if self.shared.is_recording() && (silent_us >= ALIVE_US || silent_us < 0) {
            self.shared.note(Record::Alive);
        }
        if let Err(e) = self.shared.sequences.refill(&*self.shared.disk) {
            tracing::warn!(error = %e, "segment numbers could not be reserved");
        }
        match self.shared.journal.write(now) {
            Ok(written) => written,
            Err(e) => {
                tracing::warn!(error = %e, "the journal waits");
                false
            }
        }
    }
}
