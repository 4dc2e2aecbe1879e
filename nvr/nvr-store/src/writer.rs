//! The writer of one disk: fragments into segment files.
//!
//! Promises: one vectored write a fragment, no copy of its payload; a failed write never leaves half a fragment in a
//! segment that goes on; what cannot be written is a typed gap up to the next key frame.
//! Leaves to others: when segments begin (`segmenter`), flushing (`flush`), its thread (`threads`).

use crate::disk_state::{DiskState, NO_DOUBT, RESERVE_FILE};
use crate::gaps::gap_end;
use crate::mp4::Fragment;
use crate::open_segment::{OpenSegment, WriteError};
use crate::record::Record;
use crate::row::SegmentRow;
use crate::shared::Shared;
use crate::slot::Slot;
use nvr_base::{Format, GapReason, Mono, Utc};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, PoisonError};

/// A segment as the recorder means it. The writer opens its file; once nobody else holds the tag, it closes it.
#[derive(Debug)]
pub(crate) struct SegmentTag {
    pub(crate) slot: Arc<Slot>,
    pub(crate) format: Arc<Format>,
    /// The disk failed under it: the recorder takes another.
    pub(crate) poisoned: AtomicBool,
}

/// The writer's own references to the tag of an open segment: its map's and the segment's.
const HELD_BY_WRITER: usize = 2;

const FLUSH_FAILED: &str = "a flush of the disk failed";

/// What the writer is told.
#[derive(Debug)]
pub(crate) enum WriterMessage {
    /// Keep this fragment in that segment.
    Append {
        /// The segment.
        tag: Arc<SegmentTag>,
        /// The fragment.
        fragment: Box<Fragment>,
        /// Wall clock of its first sample.
        utc: Utc,
        /// Monotonic clock of it.
        mono: Mono,
    },
    /// Say when everything before is written.
    Barrier(SyncSender<()>),
}

/// The writer.
#[derive(Debug)]
pub(crate) struct Writer {
    shared: Arc<Shared>,
    disk: Arc<DiskState>,
    /// This disk holds the journal.
    journal: bool,
    /// By slot number.
    open: BTreeMap<usize, (Arc<SegmentTag>, OpenSegment)>,
    header: Vec<u8>,
}

impl Writer {
    pub(crate) fn new(shared: Arc<Shared>, disk: Arc<DiskState>, journal: bool) -> Self {
        Self { shared, disk, journal, open: BTreeMap::new(), header: Vec::with_capacity(8192) }
    }

    /// Takes what waited in the queue.
    pub(crate) fn turn(&mut self, batch: &mut Vec<WriterMessage>) {
        self.poison_unflushed();
        for message in batch.drain(..) {
            match message {
                WriterMessage::Append { tag, fragment, utc, mono } => self.append(tag, &fragment, utc, mono),
                WriterMessage::Barrier(done) => {
                    self.close_idle();
                    let _ = done.try_send(());
                }
            }
        }
        if self.journal {
            // What the journal says of this footage, so that a kill leaves both; the flusher reports failures.
            let _ = self.shared.journal.write(self.shared.clock.utc());
        }
    }

    fn append(&mut self, tag: Arc<SegmentTag>, fragment: &Fragment, utc: Utc, mono: Mono) {
        let slot = tag.slot.clone();
        self.split_loss(&slot, fragment.start.to_utc(), mono);
        if slot.is_lossy() && !fragment.key_first {
            slot.counts.lost.fetch_add(1, Relaxed);
            return;
        }
        if self.open.get(&slot.number).is_some_and(|(open, _)| !Arc::ptr_eq(open, &tag)) {
            self.close(slot.number);
        }
        let mut outcome = self.write(&tag, fragment, utc, mono);
        if outcome.as_ref().is_err_and(|e| self.recover_from(&tag, e)) {
            outcome = self.write(&tag, fragment, utc, mono);
        }
        match outcome {
            Ok(()) => {
                slot.counts.bytes.fetch_add(fragment.bytes, Relaxed);
                slot.counts.fragments.fetch_add(1, Relaxed);
                slot.counts.last_end_us.store(fragment.end.to_utc().0, Relaxed);
                if let Some((from, lost_at, _)) = slot.end_loss() {
                    let to = gap_end(from, fragment.start.to_utc(), mono.since(lost_at));
                    self.shared.note(Record::GapClosed { stream: slot.stream.clone(), from, to });
                }
            }
            Err(error) => self.lose(&tag, fragment, mono, &error),
        }
    }

    fn write(
        &mut self,
        tag: &Arc<SegmentTag>,
        fragment: &Fragment,
        utc: Utc,
        mono: Mono,
    ) -> Result<(), WriteError> {
        let segment = match self.open.entry(tag.slot.number) {
            Entry::Occupied(open) => &mut open.into_mut().1,
            Entry::Vacant(free) => {
                let segment = OpenSegment::create(&self.shared, &self.disk, tag, fragment)?;
                &mut free.insert((tag.clone(), segment)).1
            }
        };
        let written = segment.append(&self.shared, fragment, utc, mono, &mut self.header)?;
        segment.written_at_flush = self.disk.flush_started.load(SeqCst);
        self.disk.dirty.store(true, SeqCst);
        self.disk.counts.bytes_written.fetch_add(written, Relaxed);
        Ok(())
    }

    /// What can be done about a failed write; whether to try once more.
    fn recover_from(&mut self, tag: &Arc<SegmentTag>, error: &WriteError) -> bool {
        match error {
            // The boxes cannot hold it: a new segment can.
            WriteError::Encode(_) => {
                let was_open = self.open.contains_key(&tag.slot.number);
                self.close(tag.slot.number);
                was_open
            }
            WriteError::Io(e) => {
                self.disk.note_error("writing", e);
                if no_space(e) {
                    // The half fragment is cut off already; the file is whole and may go on.
                    self.note_quota(e);
                    self.disk.urgent.store(true, Relaxed);
                    return self.release_reserve();
                }
                self.disk.avoid(self.shared.clock.mono());
                self.poison(tag.slot.number, &e.to_string());
                true
            }
        }
    }

    /// A quota is not in what the file system calls free: from now on it is.
    fn note_quota(&self, error: &io::Error) {
        if error.kind() != io::ErrorKind::QuotaExceeded {
            return;
        }
        if let Ok(space) = self.shared.disk.space(&self.disk.root)
            && self.disk.meet_quota(space, self.shared.clock.mono())
        {
            tracing::warn!(
                disk = %self.disk.root.display(),
                "a disk quota is used up: the oldest footage goes; raise the quota to keep more"
            );
        }
    }

    /// Gives up the reserve file; whether there was one.
    fn release_reserve(&self) -> bool {
        let there = self.disk.reserve.swap(false, Relaxed);
        there && self.shared.disk.remove(&self.disk.root.join(RESERVE_FILE)).is_ok()
    }

    /// The fragment is lost: say so, once, until a key frame is written again.
    fn lose(&mut self, tag: &Arc<SegmentTag>, fragment: &Fragment, mono: Mono, error: &WriteError) {
        let slot = &tag.slot;
        let reason = match error {
            WriteError::Io(e) if no_space(e) => GapReason::DiskFull,
            WriteError::Io(_) => GapReason::DiskError,
            WriteError::Encode(_) => GapReason::CameraBroken,
        };
        self.close(slot.number);
        slot.counts.lost.fetch_add(1, Relaxed);
        slot.tell_lost(reason);
        tag.poisoned.store(true, Relaxed);
        let from = fragment.start.to_utc();
        if slot.begin_loss(from, mono, reason) {
            slot.counts.writer_gaps.fetch_add(1, Relaxed);
            self.shared.note(Record::GapOpened { stream: slot.stream.clone(), from, reason });
            tracing::warn!(stream = %slot.stream, disk = %self.disk.root.display(), %error, %reason, "footage lost");
        }
    }

    /// When the clock was set back during a loss, the old gap ends and another begins where the clock is now.
    fn split_loss(&self, slot: &Slot, from: Utc, mono: Mono) {
        if let Some((began, lost_at, reason)) = slot.split_loss(from, mono) {
            let stream = || slot.stream.clone();
            let to = gap_end(began, from, mono.since(lost_at));
            self.shared.note(Record::GapClosed { stream: stream(), from: began, to });
            self.shared.note(Record::GapOpened { stream: stream(), from, reason });
        }
    }

    /// Closes the segment of a slot in good order.
    fn close(&mut self, slot: usize) {
        let Some((tag, segment)) = self.open.remove(&slot) else { return };
        let written = segment.written_at_flush;
        match segment.close() {
            Ok(row) => {
                tag.slot.counts.segment_bytes_last.store(row.bytes, Relaxed);
                self.hand_over(&tag, row, written);
            }
            Err((row, e)) => {
                self.disk.note_error("closing a segment", &e);
                self.doubt(&row, &e.to_string());
                self.hand_over(&tag, row, written);
            }
        }
    }

    /// The index gets the row once a flush covers the file. A file without a fragment goes.
    fn hand_over(&self, tag: &SegmentTag, mut row: SegmentRow, written_at_flush: u64) {
        if row.fragments == 0 {
            tag.slot.drop_live(row.name.sequence);
            let _ = self.shared.disk.remove(&self.disk.root.join(row.path()));
            return;
        }
        let mut closed = self.disk.closed.lock().unwrap_or_else(PoisonError::into_inner);
        if !row.suspect && written_at_flush >= self.disk.doubt_from.load(SeqCst) {
            row.suspect = true;
            self.doubt(&row, FLUSH_FAILED);
        }
        tag.slot.put_live(&row, false);
        closed.push(row);
        drop(closed);
        self.disk.dirty.store(true, SeqCst);
    }

    /// Closes the segment of a slot as it stands: its disk failed under it.
    fn poison(&mut self, slot: usize, why: &str) {
        let Some((tag, segment)) = self.open.remove(&slot) else { return };
        tag.poisoned.store(true, Relaxed);
        let row = segment.abandon();
        self.doubt(&row, why);
        self.hand_over(&tag, row, 0);
    }

    fn doubt(&self, row: &SegmentRow, why: &str) {
        self.disk.counts.poisoned.fetch_add(1, Relaxed);
        self.shared.note(Record::SegmentPoisoned {
            path: row.name.to_string(),
            from: row.start,
            to: row.end,
            why: why.to_owned(),
        });
    }

    /// After a failed flush: nothing written since the last good one is known to be on the disk.
    fn poison_unflushed(&mut self) {
        let doubt = self.disk.doubt_from.swap(NO_DOUBT, SeqCst);
        if doubt == NO_DOUBT {
            return;
        }
        let doubtful = |(slot, (_, segment)): (&usize, &(_, OpenSegment))| {
            (segment.written_at_flush >= doubt).then_some(*slot)
        };
        let slots: Vec<usize> = self.open.iter().filter_map(doubtful).collect();
        slots.into_iter().for_each(|slot| self.poison(slot, FLUSH_FAILED));
    }

    /// A flush failed and the segments it should have covered are still open.
    #[cfg(test)]
    pub(crate) fn doubts(&self) -> bool {
        self.disk.doubt_from.load(SeqCst) != NO_DOUBT
    }

    /// Closes segments that nobody will add to.
    pub(crate) fn close_idle(&mut self) {
        self.poison_unflushed();
        let idle = |(slot, (tag, _)): (&usize, &(Arc<SegmentTag>, _))| {
            (Arc::strong_count(tag) <= HELD_BY_WRITER).then_some(*slot)
        };
        let slots: Vec<usize> = self.open.iter().filter_map(idle).collect();
        slots.into_iter().for_each(|slot| self.close(slot));
    }

    /// Closes everything.
    pub(crate) fn close_all(&mut self) {
        self.poison_unflushed();
        let slots: Vec<usize> = self.open.keys().copied().collect();
        slots.into_iter().for_each(|slot| self.close(slot));
    }
}

/// Whether an error means that space is missing.
pub(crate) fn no_space(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
