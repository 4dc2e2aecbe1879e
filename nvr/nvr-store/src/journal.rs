//! The journal: append-only text lines `crc32c-hex SP json LF` in numbered files.
//!
//! Promises: a flipped bit loses one line and is counted, never the rest; a torn tail is cut at start-up; appending
//! never waits for a disk unless asked to; what cannot be written waits, bounded, and what is lost is counted.
//! Leaves to others: what records mean (`record`, `journal_state`), when to write (`flush`).

use crate::disk::{Disk, DiskFile};
use crate::error::{Result, StoreError};
use crate::journal_state::JournalState;
use crate::record::{Line, Record};
use crate::writer::no_space;
use nvr_base::{RunEpoch, Utc};
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Longest line, bytes; a checkpoint with every lock and gap may be long.
pub const LINE_LEN_MAX: usize = 8 << 20;
/// Most bytes that wait for a disk that does not take them.
const PENDING_BYTES_MAX: usize = 8 << 20;
/// Space reserved beyond the size at which a file is followed by the next, bytes: a checkpoint and a batch of lines.
const RESERVE_MORE: u64 = 256 << 10;
/// Longest journal file that is read, bytes.
const FILE_BYTES_MAX: u64 = 256 << 20;

/// A place in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Position {
    /// Number of the file.
    pub file: u64,
    /// Byte in it.
    pub offset: u64,
}

/// The journal of a store.
#[derive(Debug)]
pub struct Journal {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    run: RunEpoch,
    file_bytes_max: u64,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    file: Box<dyn DiskFile>,
    end: Position,
    next_file: u64,
    pending: Vec<u8>,
    /// Written, and covered by no flush yet.
    unflushed: Vec<u8>,
    /// A flush failed over the file, and no new one could be begun yet.
    in_doubt: bool,
    /// Bytes written since the start.
    written: u64,
    state: JournalState,
    lost: u64,
    lost_told: u64,
    last_at: Utc,
}

/// What opening found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Opened {
    /// Bytes of a torn tail that were cut.
    pub cut: u64,
    /// Damaged lines that were skipped, of the last file.
    pub damaged: u64,
}

impl Journal {
    /// Opens the journal in `folder`, cuts a torn tail, and reads its state from the last file.
    ///
    /// # Errors
    /// The disk's.
    pub fn open(
        disk: Arc<dyn Disk>,
        folder: &Path,
        run: RunEpoch,
        file_bytes_max: u64,
        now: Utc,
    ) -> Result<(Self, Opened)> {
        let io = |step| move |e| StoreError::io(step, folder, e);
        disk.create_folder(folder).map_err(io("creating the journal folder"))?;
        let files = files(&*disk, folder).map_err(io("listing the journal folder"))?;
        let mut opened = Opened::default();
        let mut state = JournalState::default();
        // A crash while a file was begun may have left it without its checkpoint: then the one before has the state.
        let last = files.last().copied();
        for number in files.iter().rev().take(2).rev() {
            let bytes = disk
                .read(&path(folder, *number), FILE_BYTES_MAX)
                .map_err(|e| StoreError::io("reading the journal file", &path(folder, *number), e))?;
            let parsed = parse(&bytes);
            parsed.lines.iter().for_each(|l| state.apply(l));
            if Some(*number) == last {
                opened = Opened { cut: bytes.len() as u64 - parsed.whole, damaged: parsed.damaged };
            }
        }
        let number = last.unwrap_or(1);
        let at = path(folder, number);
        let mut file =
            disk.open_append(&at).map_err(|e| StoreError::io("opening the journal file", &at, e))?;
        let mut len = file.len().map_err(|e| StoreError::io("opening the journal file", &at, e))?;
        if opened.cut > 0 {
            len = len.saturating_sub(opened.cut);
            file.truncate(len).map_err(|e| StoreError::io("cutting the torn tail of the journal", &at, e))?;
        }
        // So that a disk that others fill up still takes lines; some file systems cannot, and do without.
        let _ = file.preallocate(0, file_bytes_max.saturating_add(RESERVE_MORE));
        let last_at = state.last_run.map_or(now, |r| r.to);
        let inner = Inner {
            file,
            end: Position { file: number, offset: len },
            next_file: number,
            pending: Vec::new(),
            unflushed: Vec::new(),
            in_doubt: false,
            written: 0,
            state,
            lost: 0,
            lost_told: 0,
            last_at,
        };
        let journal =
            Self { disk, folder: folder.to_path_buf(), run, file_bytes_max, inner: Mutex::new(inner) };
        if opened.damaged > 0 {
            journal.append(now, Record::LinesDamaged { file: number, lines: opened.damaged });
        }
        Ok((journal, opened))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a line; the next [`Journal::write`] puts it on the disk.
    pub fn append(&self, at: Utc, record: Record) {
        self.append_locked(&mut self.lock(), at, record);
    }

    fn append_locked(&self, inner: &mut Inner, at: Utc, record: Record) {
        let line = Line { at, run: self.run, record };
        inner.state.apply(&line);
        inner.last_at = at;
        let Some(text) = encode(&line).filter(|t| inner.pending.len() + t.len() <= PENDING_BYTES_MAX) else {
            inner.lost += 1;
            return;
        };
        inner.pending.extend_from_slice(&text);
    }

    /// Writes what waits. Durable after the disk's next flush.
    ///
    /// # Errors
    /// The disk's; what was not written waits on.
    pub fn write(&self, now: Utc) -> Result<bool> {
        self.write_locked(&mut self.lock(), now)
            .map_err(|e| StoreError::io("writing the journal", &self.folder, e))
    }

    fn write_locked(&self, inner: &mut Inner, now: Utc) -> io::Result<bool> {
        if inner.in_doubt {
            self.doubt_locked(inner, now)?;
        }
        if inner.pending.is_empty() {
            return Ok(false);
        }
        let pending = std::mem::take(&mut inner.pending);
        if let Err(e) = inner.file.append(&mut [IoSlice::new(&pending)]) {
            // A part may have been written: cut it, so that what waits is written once.
            let _ = inner.file.truncate(inner.end.offset);
            inner.pending = pending;
            return Err(e);
        }
        inner.end.offset += pending.len() as u64;
        inner.written += pending.len() as u64;
        if inner.unflushed.len() + pending.len() <= PENDING_BYTES_MAX {
            inner.unflushed.extend_from_slice(&pending);
        }
        if inner.lost > inner.lost_told {
            let lines = inner.lost - inner.lost_told;
            inner.lost_told = inner.lost;
            self.append_locked(inner, now, Record::LinesLost { lines });
        }
        if inner.end.offset >= self.file_bytes_max && inner.pending.is_empty() {
            match self.roll(inner, now) {
                Err(e) if !no_space(&e) => return Err(e),
                // On a full disk the old file goes on.
                _ => {}
            }
        }
        Ok(true)
    }

    /// How much was written when a flush began: for [`Journal::flushed`].
    pub fn written(&self) -> u64 {
        self.lock().written
    }

    /// A flush succeeded that began when `written` bytes were.
    pub fn flushed(&self, written: u64) {
        let mut inner = self.lock();
        if inner.in_doubt {
            return;
        }
        let since = usize::try_from(inner.written.saturating_sub(written)).unwrap_or(usize::MAX);
        let covered = inner.unflushed.len().saturating_sub(since);
        inner.unflushed.drain(..covered);
    }

    /// A flush failed: what no flush covers is written again, into a new file, since the old one may never get it.
    pub fn doubt(&self, now: Utc) {
        if let Err(error) = self.doubt_locked(&mut self.lock(), now) {
            tracing::warn!(%error, "the journal stays in a file in doubt");
        }
    }

    fn doubt_locked(&self, inner: &mut Inner, now: Utc) -> io::Result<()> {
        inner.in_doubt = true;
        self.roll(inner, now)?;
        inner.in_doubt = false;
        let mut again = std::mem::take(&mut inner.unflushed);
        again.append(&mut inner.pending);
        inner.pending = again;
        Ok(())
    }

    /// Writes what waits and makes it durable.
    fn sync_locked(&self, inner: &mut Inner, now: Utc) -> io::Result<()> {
        self.write_locked(inner, now)?;
        if inner.file.sync().is_err() {
            self.doubt_locked(inner, now)?;
            self.write_locked(inner, now)?;
            inner.file.sync()?;
        }
        inner.unflushed.clear();
        Ok(())
    }

    /// Begins the next file with a checkpoint of the state. Lines that still wait may repeat what is in it; that
    /// changes nothing.
    fn roll(&self, inner: &mut Inner, now: Utc) -> io::Result<()> {
        // A number is tried once: what a failed try left behind may be in doubt itself.
        inner.next_file = inner.next_file.max(inner.end.file) + 1;
        let number = inner.next_file;
        let at = path(&self.folder, number);
        let line = Line { at: now, run: self.run, record: inner.state.checkpoint() };
        let text = encode(&line).ok_or(io::ErrorKind::InvalidData)?;
        let mut file = self.disk.create(&at)?;
        let begun = match file.preallocate(0, self.file_bytes_max.saturating_add(RESERVE_MORE)) {
            // The old file may have room left.
            Err(e) if no_space(&e) => Err(e),
            _ => file.append(&mut [IoSlice::new(&text)]).and_then(|()| file.sync()),
        };
        if let Err(e) = begun {
            let _ = file.truncate(0);
            let _ = self.disk.remove(&at);
            return Err(e);
        }
        inner.file = file;
        inner.end = Position { file: number, offset: text.len() as u64 };
        Ok(())
    }

    /// Writes what waits and makes it durable.
    ///
    /// # Errors
    /// The disk's; what was not written waits on.
    pub fn write_durable(&self, now: Utc) -> Result<()> {
        let done = self.sync_locked(&mut self.lock(), now);
        done.map_err(|e| StoreError::io("writing the journal", &self.folder, e))
    }

    /// Adds a line and makes it, and all before it, durable.
    ///
    /// # Errors
    /// The disk's; the line waits on.
    pub fn append_durable(&self, now: Utc, record: Record) -> Result<()> {
        let mut inner = self.lock();
        self.append_locked(&mut inner, now, record);
        let done = self.sync_locked(&mut inner, now);
        done.map_err(|e| StoreError::io("writing the journal", &self.folder, e))
    }

    /// Looks at the state.
    pub fn state<R>(&self, look: impl FnOnce(&JournalState) -> R) -> R {
        look(&self.lock().state)
    }

    /// When the last line was added, or the last run is known to have been alive.
    pub fn last_at(&self) -> Utc {
        self.lock().last_at
    }

    /// Lines that could not be kept since start.
    pub fn lost(&self) -> u64 {
        self.lock().lost
    }

    /// Where the written journal ends.
    pub fn end(&self) -> Position {
        self.lock().end
    }

    /// Calls `each` with every whole line from `from` on that is written, and returns where it stopped.
    ///
    /// # Errors
    /// The disk's.
    pub fn read_from(&self, from: Position, each: &mut dyn FnMut(&Line)) -> Result<Position> {
        let end = self.end();
        let numbers = files(&*self.disk, &self.folder)
            .map_err(|e| StoreError::io("listing the journal folder", &self.folder, e))?;
        let mut at = from;
        for number in numbers.into_iter().filter(|n| (from.file..=end.file).contains(n)) {
            let skip = if number == from.file { from.offset } else { 0 };
            if number == end.file && skip >= end.offset {
                return Ok(end);
            }
            let file = path(&self.folder, number);
            let bytes = self
                .disk
                .read(&file, FILE_BYTES_MAX)
                .map_err(|e| StoreError::io("reading the journal file", &file, e))?;
            let stop = if number == end.file { (end.offset as usize).min(bytes.len()) } else { bytes.len() };
            let parsed = parse(bytes.get((skip as usize).min(stop)..stop).unwrap_or_default());
            parsed.lines.iter().for_each(&mut *each);
            at = Position { file: number, offset: skip + parsed.whole };
        }
        Ok(at)
    }
}

/// The highest run that the last two journal files name; 0 without any.
pub(crate) fn highest_run(disk: &dyn Disk, folder: &Path) -> u32 {
    let numbers = files(disk, folder).unwrap_or_default();
    let runs = |number: &u64| {
        let bytes = disk.read(&path(folder, *number), FILE_BYTES_MAX).unwrap_or_default();
        parse(&bytes).lines.iter().map(|l| l.run.0).max()
    };
    numbers.iter().rev().take(2).filter_map(runs).max().unwrap_or(0)
}

/// A line as text, `None` when it is too long.
fn encode(line: &Line) -> Option<Vec<u8>> {
    let json = serde_json::to_string(line).ok()?;
    let text = format!("{:08x} {json}\n", crc32c::crc32c(json.as_bytes()));
    (text.len() <= LINE_LEN_MAX).then(|| text.into_bytes())
}

#[derive(Debug, Default)]
struct Parsed {
    lines: Vec<Line>,
    /// Bytes up to the end of the last line feed.
    whole: u64,
    damaged: u64,
}

/// Whole lines of `bytes`; damaged ones are counted, kinds of a later version are left out.
fn parse(bytes: &[u8]) -> Parsed {
    let mut out = Parsed::default();
    for text in bytes.split_inclusive(|b| *b == b'\n') {
        let Some(body) = text.strip_suffix(b"\n") else { break };
        out.whole += text.len() as u64;
        match check_line(body) {
            None => out.damaged += 1,
            Some(json) => out.lines.extend(serde_json::from_slice::<Line>(json).ok()),
        }
    }
    out
}

/// The JSON of a line whose checksum holds.
fn check_line(body: &[u8]) -> Option<&[u8]> {
    let (sum, json) = (body.get(..8)?, body.get(9..)?);
    let sum = u32::from_str_radix(std::str::from_utf8(sum).ok()?, 16).ok()?;
    (body.get(8) == Some(&b' ') && crc32c::crc32c(json) == sum).then_some(json)
}

fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:08}.log"))
}

/// Numbers of the journal files, ascending.
fn files(disk: &dyn Disk, folder: &Path) -> io::Result<Vec<u64>> {
    let number = |name: String| name.strip_suffix(".log").filter(|n| n.len() == 8)?.parse().ok();
    let mut numbers: Vec<u64> = disk.list(folder)?.into_iter().filter_map(|e| number(e.name)).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::RealDisk;
    use nvr_base::{GapReason, StreamId, StreamKind};

    fn gap(n: i64) -> Record {
        let stream = StreamId::new("gate".parse().unwrap(), StreamKind::Sub);
        Record::Gap { stream, from: Utc(n * 1000), to: Utc(n * 1000 + 1000), reason: GapReason::DiskSlow }
    }

    fn open(dir: &Path, max: u64) -> (Journal, Opened) {
        Journal::open(Arc::new(RealDisk::default()), dir, RunEpoch(1), max, Utc(5000)).unwrap()
    }

    fn all(journal: &Journal) -> Vec<Record> {
        let mut lines = Vec::new();
        let end = journal.read_from(Position::default(), &mut |l| lines.push(l.record.clone())).unwrap();
        assert_eq!(end, journal.end());
        assert_eq!(journal.read_from(end, &mut |_| panic!("nothing follows")).unwrap(), end);
        lines.retain(|r| !matches!(r, Record::Checkpoint { .. }));
        lines
    }

    /// Writes ten lines, changes the file, opens again.
    fn check(
        change: impl Fn(&mut Vec<u8>),
        kept: std::ops::Range<usize>,
        missing: Option<usize>,
        damaged: u64,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let (journal, _) = open(dir.path(), 1 << 20);
        (0..10).for_each(|n| journal.append(Utc(5000), gap(n)));
        assert!(journal.write(Utc(5000)).unwrap());
        drop(journal);
        let file = path(dir.path(), 1);
        let mut bytes = std::fs::read(&file).unwrap();
        change(&mut bytes);
        std::fs::write(&file, &bytes).unwrap();
        let (journal, opened) = open(dir.path(), 1 << 20);
        assert_eq!(opened.damaged, damaged);
        let expected: Vec<Record> = kept.filter(|n| Some(*n) != missing).map(|n| gap(n as i64)).collect();
        let mut got = all(&journal);
        got.retain(|r| !matches!(r, Record::LinesDamaged { .. }));
        assert_eq!(got, expected);
        journal.append(Utc(6000), gap(99));
        journal.write(Utc(6000)).unwrap();
        assert_eq!(all(&journal).last(), Some(&gap(99)), "appending goes on after any damage");
    }

    #[test]
    fn survives_damage() {
        check(|_| {}, 0..10, None, 0);
        check(|b| b.truncate(b.len() - 3), 0..9, None, 0);
        check(|b| b.extend_from_slice(&[0; 500]), 0..10, None, 0);
        check(|b| b[300] ^= 1, 0..10, Some(1), 1);
        check(|b| b.clear(), 0..0, None, 0);
    }

    #[test]
    fn rolls_by_size_and_starts_from_the_last_file() {
        let dir = tempfile::tempdir().unwrap();
        let (journal, _) = open(dir.path(), 500);
        journal.append(Utc(5000), Record::RunStarted { alive_until: None, clean: true });
        for n in 0..20 {
            journal.append(Utc(5000), gap(n));
            journal.write(Utc(5000)).unwrap();
        }
        assert!(journal.end().file > 3);
        assert_eq!(all(&journal).len(), 21);
        let before = journal.state(Clone::clone);
        drop(journal);
        assert_eq!(open(dir.path(), 500).0.state(Clone::clone), before);
    }

    #[test]
    fn a_durable_line_is_there_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let (journal, _) = open(dir.path(), 500);
        journal.append_durable(Utc(5000), gap(1)).unwrap();
        assert_eq!(all(&journal), [gap(1)]);
    }
}
