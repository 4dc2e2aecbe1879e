//! The index thread's work: opens the index, recovers, keeps it up, and applies retention.
//!
//! Promises: whatever the index does, recording does not notice; an index that fails is made again.
//! Leaves to others: its thread (`threads`), each step (`index_open`, `recover`, `rebuild`, `evict`).

use crate::error::{Result, StoreError};
use crate::evict::{keep_reserve, look_at_space, reclaim_by_name, retain, wanted};
use crate::mp4::SegmentName;
use crate::rebuild::fill;
use crate::record::Record;
use crate::recover::recover;
use crate::row::SegmentRow;
use crate::shared::{IndexMessage, Shared};
use crate::status::IndexState;
use nvr_base::{Mono, StreamId, Utc};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::PoisonError;
use std::time::Duration;

/// Free bytes that opening an index needs.
const INDEX_SPACE_MIN: u64 = 32 << 20;
/// Between two looks at space and retention.
const HOUSEKEEPING: Duration = Duration::from_secs(10);
/// Rounds of retention in one look: each removes a bounded number of segments.
const ROUNDS_MAX: usize = 16;
/// Between two flushes of the index.
const INDEX_FLUSH: Duration = Duration::from_secs(10);
/// Between two journal lines that say how far the index is complete.
const INDEXED_SAID: Duration = Duration::from_secs(600);
/// Between two tries to make an index that cannot be made.
const RETRY: Duration = Duration::from_secs(60);
/// Rows kept while there is no index.
const WAITING_MAX: usize = 100_000;
/// Ages mean nothing for this long after the clock was set.
const CLOCK_HOLD: Duration = Duration::from_secs(3600);
/// Wall clock and monotonic clock that drift apart by more, µs, in one round were set.
const CLOCK_SET_US: i64 = 60_000_000;
/// A flush may take this long, and a segment may be open this long, before its row is here.
const INDEXED_MARGIN: Duration = Duration::from_secs(1800);

/// State of the index thread.
#[derive(Debug)]
pub(crate) struct Indexer {
    shared: Arc<Shared>,
    /// Rows that no index could take yet.
    waiting: Vec<SegmentRow>,
    dirty: bool,
    starting: bool,
    /// Rows may be missing until the next recovery.
    incomplete: bool,
    dropped_seen: u64,
    flushed_at: Mono,
    said_at: Mono,
    kept_house_at: Option<Mono>,
    retry_at: Mono,
    clocks: (Utc, Mono),
    held_until: Mono,
    totals: Option<BTreeMap<StreamId, u64>>,
    /// Segments whose files are removed and whose rows are not.
    removing: HashSet<u64>,
}

impl Indexer {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let (utc, mono) = (shared.clock.utc(), shared.clock.mono());
        Self {
            waiting: Vec::new(),
            dirty: false,
            starting: false,
            incomplete: true,
            dropped_seen: 0,
            flushed_at: mono,
            said_at: mono,
            kept_house_at: None,
            retry_at: mono,
            clocks: (utc, mono),
            held_until: Mono(0),
            totals: None,
            removing: HashSet::new(),
            shared,
        }
    }

    /// Opens the index, or makes it again, and recovers what the last run left.
    pub(crate) fn start(&mut self) {
        look_at_space(&self.shared);
        self.make_room();
        self.starting = true;
        let opened = self.open();
        self.starting = false;
        if let Err(e) = opened {
            tracing::error!(error = %e, "no index");
            self.retry_at = self.shared.clock.mono() + RETRY;
            self.shared.change_indexes(|i| *i = Default::default());
            self.shared.set_standing(IndexState::Failed, Some(e.to_string()));
        }
    }

    /// The index needs a little room to open.
    fn make_room(&self) {
        let Some(first) = self.shared.disks.first() else { return };
        let free = first.space().free;
        if free < INDEX_SPACE_MIN {
            let wanted = INDEX_SPACE_MIN - free;
            if let Err(e) = reclaim_by_name(&self.shared, first, wanted) {
                first.note_error("making room for the index", &e);
            }
            look_at_space(&self.shared);
        }
    }

    fn open(&mut self) -> Result<()> {
        let shared = self.shared.clone();
        shared.set_standing(IndexState::Opening, None);
        let one = shared.rebuilding.lock().unwrap_or_else(PoisonError::into_inner);
        let opened = shared.index_home.open()?;
        let mut note = None;
        if let Some(why) = opened.fill {
            note = Some(format!("made again at start: {why}"));
            shared.set_standing(IndexState::Rebuilding, note.clone());
            shared.change_indexes(|i| i.filling = Some(opened.index.clone()));
            let walked = fill(&shared, &opened.index, &mut |_, _| {}, &mut |done| self.breathe(done))?;
            if shared.is_dead() {
                return Ok(());
            }
            crate::recover::report(&shared, &walked);
            opened.index.flush()?;
            shared.index_home.adopt()?;
            if walked.files > 0 {
                shared.note(Record::Rebuilt { segments: walked.indexed, why });
            }
            shared.change_indexes(|i| {
                i.filling = None;
                i.current = Some(opened.index.clone());
            });
        } else {
            shared.set_standing(IndexState::Recovering, None);
            if opened.index.journal_position()? > shared.journal.opened_at() {
                opened.index.apply(&[], shared.journal.opened_at())?;
            }
            shared.change_indexes(|i| i.current = Some(opened.index.clone()));
            shared.catch_up()?;
            recover(&shared, &opened.index, &mut |done| self.breathe(done))?;
        }
        drop(one);
        self.incomplete = shared.is_closing() || shared.is_dead();
        self.insert_waiting()?;
        shared.set_standing(IndexState::Ready, note);
        Ok(())
    }

    /// During a long walk: recording still needs space.
    fn breathe(&mut self, done: u64) -> bool {
        if done.is_multiple_of(64) {
            let mut batch = Vec::new();
            self.shared.index_queue.drain(&mut batch, Duration::ZERO);
            self.take(batch);
            self.keep_house();
        }
        !self.shared.is_dead() && !self.shared.is_closing()
    }

    /// Takes what waited in the queue, and does what is due.
    pub(crate) fn turn(&mut self, batch: &mut Vec<IndexMessage>) {
        self.take(std::mem::take(batch));
        self.keep_house();
        let now = self.shared.clock.mono();
        if self.dirty && now.since(self.flushed_at) >= INDEX_FLUSH {
            self.flush();
        }
        if self.shared.standing().0 == IndexState::Failed && now >= self.retry_at {
            self.start();
        }
    }

    fn take(&mut self, batch: Vec<IndexMessage>) {
        let (mut barriers, mut gone) = (Vec::new(), Vec::new());
        for message in batch {
            match message {
                IndexMessage::Row(row) if self.waiting.len() < WAITING_MAX => self.waiting.push(row),
                IndexMessage::Row(_) => self.incomplete = true,
                IndexMessage::Gone(name) => gone.push(name),
                IndexMessage::Barrier(done) => barriers.push(done),
                IndexMessage::Reclaim => self.kept_house_at = None,
            }
        }
        let dropped = self.shared.index_queue.count().dropped;
        self.incomplete |= dropped > std::mem::replace(&mut self.dropped_seen, dropped);
        if let Err(e) = self.insert_waiting().and_then(|()| self.forget(&gone)) {
            self.failed(&e);
        }
        for done in barriers {
            let _ = done.try_send(());
        }
    }

    /// Takes the rows of removed segments out.
    fn forget(&mut self, gone: &[SegmentName]) -> Result<()> {
        if gone.is_empty() {
            return Ok(());
        }
        for name in gone {
            self.removing.remove(&name.sequence);
        }
        for index in self.shared.indexes() {
            index.remove(gone)?;
        }
        self.dirty = true;
        Ok(())
    }

    fn insert_waiting(&mut self) -> Result<()> {
        let mut any = false;
        for index in self.shared.indexes() {
            index.insert(&self.waiting)?;
            any = true;
        }
        if !any {
            return Ok(());
        }
        self.dirty |= !self.waiting.is_empty();
        for row in self.waiting.drain(..) {
            if let Some(totals) = &mut self.totals {
                *totals.entry(row.stream().clone()).or_insert(0) += row.bytes;
            }
            if let Some(slot) = self.shared.find_slot(row.stream()) {
                slot.drop_live(row.name.sequence);
            }
        }
        Ok(())
    }

    /// The index in use is no good: it is set aside and made again.
    fn failed(&mut self, error: &StoreError) {
        if self.starting {
            // The start itself is under way, and meets the same trouble.
            tracing::warn!(%error, "while the index is made");
            return;
        }
        tracing::error!(%error, "the index is made again");
        self.shared.index_home.doubt();
        self.shared.change_indexes(|i| *i = Default::default());
        self.totals = None;
        self.start();
    }

    /// Space, reserve and retention, when it is time.
    fn keep_house(&mut self) {
        let now = self.shared.clock.mono();
        if self.kept_house_at.is_some_and(|at| now.since(at) < HOUSEKEEPING) || !self.shared.is_recording() {
            return;
        }
        self.kept_house_at = Some(now);
        self.watch_clock();
        for _ in 0..ROUNDS_MAX {
            look_at_space(&self.shared);
            match self.retain() {
                Ok(0) => break,
                Ok(_) => {}
                Err(e) => return self.failed(&e),
            }
        }
        for state in &self.shared.disks {
            keep_reserve(&self.shared, state);
        }
    }

    fn retain(&mut self) -> Result<u64> {
        let Ok(index) = self.shared.index() else { return self.retain_without() };
        let now = self.shared.clock.mono();
        let age = (now >= self.held_until).then(|| self.shared.clock.utc());
        let config = self.shared.retention();
        let limited = config.bytes_max.is_some() || config.cameras.values().any(|c| c.bytes_max.is_some());
        if limited && self.totals.is_none() {
            let mut totals = BTreeMap::new();
            index.all(&mut |row| {
                *totals.entry(row.stream().clone()).or_insert(0) += row.bytes;
                true
            })?;
            self.totals = Some(totals);
        }
        let mut none = BTreeMap::new();
        let totals = self.totals.as_mut().unwrap_or(&mut none);
        retain(&self.shared, &index, age, totals, &mut self.removing)
    }

    /// While there is no index, only what the disks need goes.
    fn retain_without(&mut self) -> Result<u64> {
        let mut removed = 0;
        for state in &self.shared.disks {
            let wanted = wanted(&self.shared, state);
            if wanted > 0 {
                match reclaim_by_name(&self.shared, state, wanted) {
                    Ok(n) => removed += n,
                    Err(e) => state.note_error("making room", &e),
                }
            }
        }
        Ok(removed)
    }

    /// When somebody set the clock, ages are not trusted for a while.
    fn watch_clock(&mut self) {
        let (utc, mono) = (self.shared.clock.utc(), self.shared.clock.mono());
        let went = mono.since(self.clocks.1).as_micros() as i64;
        if (utc.micros_since(self.clocks.0) - went).abs() > CLOCK_SET_US {
            self.held_until = mono + CLOCK_HOLD;
        }
        self.clocks = (utc, mono);
    }

    /// Makes the index durable, and says now and then how far it is complete.
    pub(crate) fn flush(&mut self) {
        let (utc, now) = (self.shared.clock.utc(), self.shared.clock.mono());
        self.flushed_at = now;
        self.dirty = false;
        let done = self.shared.catch_up().and_then(|()| self.shared.index()?.flush());
        match done {
            Ok(()) if !self.incomplete && now.since(self.said_at) >= INDEXED_SAID => {
                self.said_at = now;
                self.shared.note(Record::Indexed { until: utc - INDEXED_MARGIN });
            }
            Ok(()) | Err(StoreError::NotReady(_)) => {}
            Err(e @ StoreError::Index { .. }) => self.failed(&e),
            Err(e) => tracing::warn!(error = %e, "the index lags behind the journal"),
        }
    }

    /// The last turn of a run that ends in good order.
    pub(crate) fn finish(&mut self) {
        let mut batch = Vec::new();
        self.shared.index_queue.drain(&mut batch, Duration::ZERO);
        self.take(batch);
        let now = self.shared.clock.utc();
        self.flush();
        if !self.incomplete && self.shared.standing().0 == IndexState::Ready {
            self.shared.note(Record::Indexed { until: now });
        }
    }
}
