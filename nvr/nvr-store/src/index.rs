//! The sled index: rows of segments, gaps and runs. A cache: everything in it can be made again.
//!
//! Promises: no panic of sled crosses a call; applying a journal line twice is the same as once.
//! Leaves to others: opening, setting aside (`index_open`), who calls when (`indexer`), how segments lie in their tree
//! (`segment_rows`), keys (`index_row`).

use crate::error::{Result, StoreError};
use crate::index_row::{from_key, key, key_at, parse_at, parse_stream, stream_key};
use crate::inspect::TORN_MAX;
use crate::journal::Position;
use crate::mp4::SegmentName;
use crate::record::{Line, Record, RunSpan};
use crate::row::SegmentRow;
use crate::segment_rows::SegmentRows;
use crate::timeline::Hole;
use nvr_base::{GapReason, StreamId, Utc};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Layout of the index; another one found is set aside and made again.
const LAYOUT: &[u8] = b"2";
const LAYOUT_KEY: &[u8] = b"layout";
const JOURNAL_KEY: &[u8] = b"journal";
/// How much earlier than a range a segment may begin that reaches into it, µs: no segment is longer.
const SEGMENT_SPAN_US_MAX: i64 = 2 * 3600 * 1_000_000;
/// Whatever the clock was.
const ALWAYS: (Utc, Utc) = (Utc(i64::MIN), Utc(i64::MAX));
/// Most gap entries of one answer.
const GAPS_MAX: usize = 100_000;

/// An open index.
#[derive(Debug)]
pub(crate) struct Index {
    db: sled::Db,
    segments: SegmentRows,
    /// Keys of rows that are suspect.
    suspects: sled::Tree,
    gaps: sled::Tree,
    open_gaps: sled::Tree,
    runs: sled::Tree,
    /// First instant ever known of a stream.
    seen: sled::Tree,
    /// Everything of a stream before this was removed by retention.
    expired: sled::Tree,
    meta: sled::Tree,
}

/// Runs `f`; a panic of sled becomes an error.
fn guard<R>(step: &'static str, f: impl FnOnce() -> sled::Result<R>) -> Result<R> {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(Ok(r)) => Ok(r),
        Ok(Err(e)) => Err(StoreError::Index { step, why: e.to_string() }),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked");
            Err(StoreError::Index { step, why: text.chars().take(200).collect() })
        }
    }
}

fn instant(bytes: &[u8]) -> Option<Utc> {
    Some(Utc(i64::from_be_bytes(bytes.try_into().ok()?)))
}

impl Index {
    /// Opens or creates the index in `folder`.
    ///
    /// # Errors
    /// [`StoreError::Index`], when it cannot be opened, panics, or has another layout.
    pub(crate) fn open(folder: &Path, cache_bytes: u64) -> Result<Self> {
        let index = guard("opening it", || {
            let db =
                sled::Config::new().path(folder).cache_capacity(cache_bytes).flush_every_ms(None).open()?;
            Ok(Self {
                segments: SegmentRows::new(db.open_tree("segments")?),
                suspects: db.open_tree("suspects")?,
                gaps: db.open_tree("gaps")?,
                open_gaps: db.open_tree("open-gaps")?,
                runs: db.open_tree("runs")?,
                seen: db.open_tree("seen")?,
                expired: db.open_tree("expired")?,
                meta: db.open_tree("meta")?,
                db,
            })
        })?;
        let layout = guard("reading its layout", || index.meta.get(LAYOUT_KEY))?;
        match layout {
            Some(found) if found == LAYOUT => Ok(index),
            None if !guard("reading it", || Ok(!index.segments.is_empty()))? => {
                guard("writing its layout", || index.meta.insert(LAYOUT_KEY, LAYOUT))?;
                Ok(index)
            }
            _ => Err(StoreError::Index { step: "opening it", why: "it has an unknown layout".into() }),
        }
    }

    /// Adds rows, or replaces them.
    pub(crate) fn insert(&self, rows: &[SegmentRow]) -> Result<()> {
        guard("adding segments", || {
            for row in rows {
                let key = key(&row.name);
                if row.suspect {
                    self.suspects.insert(&key, &[])?;
                } else {
                    self.suspects.remove(&key)?;
                }
                self.first_seen(row.stream(), row.start)?;
            }
            self.segments.insert(rows)
        })
    }

    fn first_seen(&self, stream: &StreamId, at: Utc) -> sled::Result<()> {
        let key = stream_key(stream);
        let known = self.seen.get(&key)?.and_then(|b| instant(&b));
        if known.is_none_or(|k| at < k) {
            self.seen.insert(key, &at.0.to_be_bytes())?;
        }
        Ok(())
    }

    /// Removes rows.
    pub(crate) fn remove<'a>(
        &self,
        names: impl IntoIterator<Item = &'a SegmentName, IntoIter: Clone>,
    ) -> Result<()> {
        let names = names.into_iter();
        guard("removing segments", || {
            for name in names.clone() {
                self.suspects.remove(key(name))?;
            }
            self.segments.remove(names)
        })
    }

    /// Rows that are suspect.
    pub(crate) fn suspects(&self) -> Result<Vec<SegmentRow>> {
        guard("reading segments in doubt", || {
            let mut rows = Vec::new();
            for key in self.suspects.iter().keys() {
                if let Some(name) = from_key(&key?) {
                    rows.extend(self.segments.get(&name)?);
                }
            }
            Ok(rows)
        })
    }

    /// The row of a segment.
    pub(crate) fn get(&self, name: &SegmentName) -> Result<Option<SegmentRow>> {
        guard("looking up a segment", || self.segments.get(name))
    }

    /// Rows of `stream` that overlap `[from, to]`, oldest first.
    pub(crate) fn rows(&self, stream: &StreamId, from: Utc, to: Utc) -> Result<Vec<SegmentRow>> {
        let mut rows = Vec::new();
        self.each_in(stream, from, to, &mut |row| rows.push(row))?;
        Ok(rows)
    }

    /// Calls `each` for rows of `stream` that overlap `[from, to]`, oldest first: the way to ask for many.
    pub(crate) fn each_in(
        &self,
        stream: &StreamId,
        from: Utc,
        to: Utc,
        each: &mut dyn FnMut(SegmentRow),
    ) -> Result<()> {
        let named = (from.plus_micros(-SEGMENT_SPAN_US_MAX), to.plus_micros(1000));
        let mut each = |row: SegmentRow| {
            if row.end >= from && row.start <= to {
                each(row);
            }
            true
        };
        guard("reading segments", || self.segments.forward(&stream_key(stream), named, &mut each))
    }

    /// Calls `each` for rows of `stream`, from the newest that begins at or before `at` backwards, until it says
    /// false.
    pub(crate) fn back(
        &self,
        stream: &StreamId,
        at: Utc,
        each: &mut dyn FnMut(SegmentRow) -> bool,
    ) -> Result<()> {
        guard("reading segments", || self.segments.back(&stream_key(stream), at.plus_micros(1000), each))
    }

    /// Calls `each` for rows of `stream` from the oldest on, until it says false.
    pub(crate) fn forward(&self, stream: &StreamId, each: &mut dyn FnMut(SegmentRow) -> bool) -> Result<()> {
        guard("reading segments", || self.segments.forward(&stream_key(stream), ALWAYS, each))
    }

    /// Calls `each` for all rows until it says false.
    pub(crate) fn all(&self, each: &mut dyn FnMut(SegmentRow) -> bool) -> Result<()> {
        guard("reading segments", || self.segments.forward(&[], ALWAYS, each))
    }

    /// Streams that were ever recorded.
    pub(crate) fn streams(&self) -> Result<Vec<StreamId>> {
        guard("reading streams", || {
            let mut streams = Vec::new();
            for key in self.seen.iter().keys() {
                streams.extend(parse_stream(&key?).map(|(stream, _)| stream));
            }
            Ok(streams)
        })
    }

    /// First instant ever known, and end of what retention removed.
    pub(crate) fn bounds(&self, stream: &StreamId) -> Result<(Option<Utc>, Option<Utc>)> {
        let key = stream_key(stream);
        guard("reading a stream", || {
            let get = |tree: &sled::Tree| -> sled::Result<Option<Utc>> {
                Ok(tree.get(&key)?.and_then(|b| instant(&b)))
            };
            Ok((get(&self.seen)?, get(&self.expired)?))
        })
    }

    /// Gap entries of `stream`, oldest first.
    pub(crate) fn gaps(&self, stream: &StreamId) -> Result<Vec<Hole>> {
        guard("reading gaps", || {
            let mut gaps = Vec::new();
            for item in self.gaps.scan_prefix(stream_key(stream)).take(GAPS_MAX) {
                gaps.extend(serde_json::from_slice::<Hole>(&item?.1).ok());
            }
            Ok(gaps)
        })
    }

    /// Runs that recorded, oldest first.
    pub(crate) fn runs(&self) -> Result<Vec<RunSpan>> {
        guard("reading runs", || {
            let mut runs: Vec<RunSpan> = Vec::new();
            for value in self.runs.iter().values() {
                runs.extend(serde_json::from_slice::<RunSpan>(&value?).ok());
            }
            Ok(runs)
        })
    }

    /// How far the journal is applied.
    pub(crate) fn journal_position(&self) -> Result<Position> {
        let bytes = guard("reading its place in the journal", || self.meta.get(JOURNAL_KEY))?;
        let number = |range: std::ops::Range<usize>| {
            Some(u64::from_be_bytes(bytes.as_ref()?.get(range)?.try_into().ok()?))
        };
        Ok(Position { file: number(0..8).unwrap_or(0), offset: number(8..16).unwrap_or(0) })
    }

    /// Applies journal lines, and remembers that the journal is applied up to `position`.
    pub(crate) fn apply(&self, lines: &[Line], position: Position) -> Result<()> {
        guard("applying the journal", || {
            for line in lines {
                self.apply_line(line)?;
            }
            let mut bytes = position.file.to_be_bytes().to_vec();
            bytes.extend_from_slice(&position.offset.to_be_bytes());
            self.meta.insert(JOURNAL_KEY, bytes).map(drop)
        })
    }

    fn apply_line(&self, line: &Line) -> sled::Result<()> {
        let key = line.run.0.to_be_bytes();
        match &line.record {
            Record::RunStarted { alive_until, .. } => {
                self.end_open_gaps(alive_until.unwrap_or(line.at))?;
                let run = RunSpan { run: line.run, from: line.at, to: line.at, clean: false };
                return self.put_run(&run);
            }
            Record::GapOpened { stream, from, reason } => {
                self.open_gaps.insert(key_at(stream, *from), &[])?;
                self.put_gap(stream, Hole { from: *from, to: None, reason: *reason })?;
            }
            Record::GapClosed { stream, from, to } => {
                self.open_gaps.remove(key_at(stream, *from))?;
                self.end_gap(stream, *from, *to)?;
            }
            Record::Gap { stream, from, to, reason } => {
                self.put_whole(stream, Hole { from: *from, to: Some(*to), reason: *reason })?;
            }
            // Not a gap, but the reason of any that is found there.
            Record::SegmentPoisoned { path, from, to, .. } => {
                if let Ok(name) = path.parse::<SegmentName>() {
                    let gap = Hole { from: *from, to: Some(*to), reason: GapReason::FootageLost };
                    self.put_whole(&name.stream, gap)?;
                }
            }
            Record::Expired { stream, until, .. } => {
                let key = stream_key(stream);
                let known = self.expired.get(&key)?.and_then(|b| instant(&b));
                if known.is_none_or(|k| *until > k) {
                    self.expired.insert(key, &until.0.to_be_bytes())?;
                }
            }
            _ => {}
        }
        let Some(value) = self.runs.get(key)? else { return Ok(()) };
        let Ok(mut run) = serde_json::from_slice::<RunSpan>(&value) else { return Ok(()) };
        run.to = line.at;
        run.clean = matches!(line.record, Record::RunStopped);
        self.put_run(&run)
    }

    fn put_run(&self, run: &RunSpan) -> sled::Result<()> {
        let json = serde_json::to_vec(run).unwrap_or_default();
        self.runs.insert(run.run.0.to_be_bytes(), json).map(drop)
    }

    fn put_gap(&self, stream: &StreamId, gap: Hole) -> sled::Result<()> {
        self.first_seen(stream, gap.from)?;
        let json = serde_json::to_vec(&gap).unwrap_or_default();
        self.gaps.insert(key_at(stream, gap.from), json).map(drop)
    }

    /// A gap that is over, unless one that begins at the same instant and is longer is known.
    fn put_whole(&self, stream: &StreamId, gap: Hole) -> sled::Result<()> {
        let known = self.gaps.get(key_at(stream, gap.from))?;
        let known = known.and_then(|value| serde_json::from_slice::<Hole>(&value).ok());
        let longer = known.is_some_and(|k| k.to.is_none_or(|end| gap.to.is_some_and(|to| end > to)));
        if longer { Ok(()) } else { self.put_gap(stream, gap) }
    }

    /// Ends a gap; one of no length goes.
    fn end_gap(&self, stream: &StreamId, from: Utc, to: Utc) -> sled::Result<()> {
        let key = key_at(stream, from);
        let Some(value) = self.gaps.get(&key)? else { return Ok(()) };
        match serde_json::from_slice::<Hole>(&value) {
            Ok(gap) if to > from => self.put_gap(stream, Hole { to: Some(to), ..gap }),
            _ => self.gaps.remove(key).map(drop),
        }
    }

    fn end_open_gaps(&self, at: Utc) -> sled::Result<()> {
        for key in self.open_gaps.iter().keys() {
            let key = key?;
            if let Some((stream, from)) = parse_at(&key) {
                // When the clock was set back during the gap, how long it lasted by the old clock is not known.
                let end = if at > from { at } else { from + TORN_MAX };
                self.end_gap(&stream, from, end)?;
            }
            self.open_gaps.remove(key)?;
        }
        Ok(())
    }

    /// Forgets gap entries of `stream` that ended before `until`, and runs that nothing refers to any more.
    pub(crate) fn prune(&self, stream: &StreamId, until: Utc) -> Result<()> {
        guard("forgetting old gaps", || {
            for item in self.gaps.range(stream_key(stream)..key_at(stream, until)) {
                let (key, value) = item?;
                let over =
                    serde_json::from_slice::<Hole>(&value).is_ok_and(|g| g.to.is_some_and(|t| t < until));
                if over {
                    self.gaps.remove(key)?;
                }
            }
            Ok(())
        })
    }

    /// Makes everything durable.
    pub(crate) fn flush(&self) -> Result<()> {
        guard("flushing it", || self.db.flush().map(drop))
    }
}
