//! The journal: append-only text lines in numbered files.
//!
//! Promises: appending never waits for a disk; what cannot be written waits, bounded, and what is lost is counted; a
//! flipped bit loses one line, never the rest; a torn tail is cut at start-up; after a failed flush, what it should
//! have covered is written again, elsewhere.
//! Leaves to others: lines as bytes (`journal_file`), what they mean (`record`, `journal_state`), when to write
//! (`flush`).

use crate::disk::{Disk, DiskFile};
use crate::error::{Result, StoreError};
use crate::journal_file::{FILE_BYTES_MAX, encode, files, first_at, parse, path};
use crate::journal_state::JournalState;
use crate::record::{Line, Record};
use crate::writer::no_space;
use nvr_base::{RunEpoch, Utc};
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Most bytes that wait for a disk that does not take them.
const PENDING_BYTES_MAX: usize = 8 << 20;
/// Space reserved beyond the size at which a file is followed by the next, bytes: a checkpoint and a batch of lines.
const RESERVE_MORE: u64 = 256 << 10;

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
    opened_at: Position,
    /// Held for a few instructions. Taken after `back` where both are.
    front: Mutex<Front>,
    /// Held while the disk works.
    back: Mutex<Back>,
}

/// What waits, and what all lines add up to.
#[derive(Debug)]
struct Front {
    pending: Vec<u8>,
    state: JournalState,
    lost: u64,
    lost_told: u64,
    last_at: Utc,
}

/// The file.
#[derive(Debug)]
struct Back {
    file: Box<dyn DiskFile>,
    end: Position,
    next_file: u64,
    /// Length of the file's checkpoint: a long one does not make every write begin a file.
    begun: u64,
    /// Written, and covered by no flush yet.
    unflushed: Vec<u8>,
    /// A flush failed over the file, and no new one could be begun yet.
    in_doubt: bool,
    /// Bytes written since the start.
    written: u64,
}

impl Front {
    fn append(&mut self, line: &Line, text: Option<Vec<u8>>) {
        self.state.apply(line);
        self.last_at = line.at;
        match text.filter(|t| self.pending.len() + t.len() <= PENDING_BYTES_MAX) {
            Some(text) => self.pending.extend_from_slice(&text),
            None => self.lost += 1,
        }
    }
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
            let at = path(folder, *number);
            let bytes = disk
                .read(&at, FILE_BYTES_MAX)
                .map_err(|e| StoreError::io("reading the journal file", &at, e))?;
            let parsed = parse(&bytes);
            parsed.lines.iter().for_each(|l| state.apply(l));
            if Some(*number) == last {
                opened = Opened { cut: bytes.len() as u64 - parsed.whole, damaged: parsed.damaged };
            }
        }
        let number = last.unwrap_or(1);
        let at = path(folder, number);
        let io = |step| move |e| StoreError::io(step, &path(folder, number), e);
        let mut file = disk.open_append(&at).map_err(io("opening the journal file"))?;
        let mut len = file.len().map_err(io("opening the journal file"))?;
        if opened.cut > 0 {
            len = len.saturating_sub(opened.cut);
            file.truncate(len).map_err(io("cutting the torn tail of the journal"))?;
        }
        // So that a disk that others fill up still takes lines; some file systems cannot, and do without.
        let _ = file.preallocate(0, file_bytes_max.saturating_add(RESERVE_MORE));
        let end = Position { file: number, offset: len };
        let last_at = state.last_run.map_or(now, |r| r.to);
        let front = Front { pending: Vec::new(), state, lost: 0, lost_told: 0, last_at };
        let (unflushed, in_doubt, written) = (Vec::new(), false, 0);
        let back = Back { file, end, next_file: number, begun: 0, unflushed, in_doubt, written };
        let journal = Self {
            disk,
            folder: folder.to_path_buf(),
            run,
            file_bytes_max,
            opened_at: end,
            front: Mutex::new(front),
            back: Mutex::new(back),
        };
        if opened.damaged > 0 {
            journal.append(now, Record::LinesDamaged { file: number, lines: opened.damaged });
        }
        Ok((journal, opened))
    }

    fn front(&self) -> MutexGuard<'_, Front> {
        self.front.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn back(&self) -> MutexGuard<'_, Back> {
        self.back.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a line; the next [`Journal::write`] puts it on the disk.
    pub fn append(&self, at: Utc, record: Record) {
        let line = Line { at, run: self.run, record };
        let text = encode(&line);
        self.front().append(&line, text);
    }

    /// Writes what waits. Durable after the disk's next flush. False when nothing waited.
    ///
    /// # Errors
    /// The disk's; what was not written waits on.
    pub fn write(&self, now: Utc) -> Result<bool> {
        self.write_back(&mut self.back(), now).map_err(|e| self.error(e))
    }

    fn error(&self, error: io::Error) -> StoreError {
        StoreError::io("writing the journal", &self.folder, error)
    }

    fn write_back(&self, back: &mut Back, now: Utc) -> io::Result<bool> {
        if back.in_doubt {
            match self.begin_anew(back, now) {
                // On a full disk the old file goes on: a kill leaves its lines, and they are written again later.
                Err(e) if !no_space(&e) => return Err(e),
                _ => {}
            }
        }
        let pending = std::mem::take(&mut self.front().pending);
        if pending.is_empty() {
            return Ok(false);
        }
        if let Err(e) = back.file.append(&mut [IoSlice::new(&pending)]) {
            // A part may have been written: cut it, so that what waits is written once.
            let _ = back.file.truncate(back.end.offset);
            self.wait_again(pending);
            return Err(e);
        }
        back.end.offset += pending.len() as u64;
        back.written += pending.len() as u64;
        if back.unflushed.len() + pending.len() <= PENDING_BYTES_MAX {
            back.unflushed.extend_from_slice(&pending);
        }
        let untold = {
            let mut front = self.front();
            let lost = front.lost;
            lost - std::mem::replace(&mut front.lost_told, lost)
        };
        if untold > 0 {
            self.append(now, Record::LinesLost { lines: untold });
        }
        if back.end.offset.saturating_sub(back.begun) >= self.file_bytes_max {
            match self.roll(back, now) {
                Err(e) if !no_space(&e) => return Err(e),
                // On a full disk the old file goes on.
                _ => {}
            }
        }
        Ok(true)
    }

    /// Puts lines before those that wait.
    fn wait_again(&self, mut lines: Vec<u8>) {
        let mut front = self.front();
        lines.append(&mut front.pending);
        front.pending = lines;
    }

    /// Whether lines are written that no flush covers yet.
    pub fn waits_for_flush(&self) -> bool {
        !self.back().unflushed.is_empty()
    }

    /// How much was written when a flush began: for [`Journal::flushed`].
    pub fn written(&self) -> u64 {
        self.back().written
    }

    /// A flush succeeded that began when `written` bytes were.
    pub fn flushed(&self, written: u64) {
        let mut back = self.back();
        if back.in_doubt {
            return;
        }
        let since = usize::try_from(back.written.saturating_sub(written)).unwrap_or(usize::MAX);
        let covered = back.unflushed.len().saturating_sub(since);
        back.unflushed.drain(..covered);
    }

    /// A flush failed: what no flush covers is written again, into a new file, since the old one may never get it.
    pub fn doubt(&self, now: Utc) {
        if let Err(error) = self.begin_anew(&mut self.back(), now) {
            tracing::warn!(%error, "the journal stays in a file in doubt");
        }
    }

    fn begin_anew(&self, back: &mut Back, now: Utc) -> io::Result<()> {
        back.in_doubt = true;
        self.roll(back, now)?;
        back.in_doubt = false;
        self.wait_again(std::mem::take(&mut back.unflushed));
        Ok(())
    }

    /// Writes what waits and makes it durable.
    ///
    /// # Errors
    /// The disk's; what was not written waits on.
    pub fn write_durable(&self, now: Utc) -> Result<()> {
        self.sync_back(&mut self.back(), now).map_err(|e| self.error(e))
    }

    /// Adds a line and makes it, and all before it, durable.
    ///
    /// # Errors
    /// The disk's; the line waits on.
    pub fn append_durable(&self, now: Utc, record: Record) -> Result<()> {
        self.append(now, record);
        self.write_durable(now)
    }

    fn sync_back(&self, back: &mut Back, now: Utc) -> io::Result<()> {
        self.write_back(back, now)?;
        if back.file.sync().is_err() {
            self.begin_anew(back, now)?;
            self.write_back(back, now)?;
            back.file.sync()?;
        }
        back.unflushed.clear();
        Ok(())
    }

    /// Begins the next file with a checkpoint of the state. Lines that still wait may repeat what is in it; that
    /// changes nothing.
    fn roll(&self, back: &mut Back, now: Utc) -> io::Result<()> {
        // A number is tried once: what a failed try left behind may be in doubt itself.
        back.next_file = back.next_file.max(back.end.file) + 1;
        let number = back.next_file;
        let at = path(&self.folder, number);
        let line = Line { at: now, run: self.run, record: self.front().state.checkpoint() };
        let text = encode(&line).ok_or(io::ErrorKind::InvalidData)?;
        let mut file = self.disk.create(&at)?;
        let len = text.len() as u64;
        let reserve = self.file_bytes_max.saturating_add(RESERVE_MORE).saturating_add(len);
        let begun = match file.preallocate(0, reserve) {
            // The old file may have room left.
            Err(e) if no_space(&e) => Err(e),
            _ => file.append(&mut [IoSlice::new(&text)]).and_then(|()| file.sync()),
        };
        if let Err(e) = begun {
            let _ = file.truncate(0);
            let _ = self.disk.remove(&at);
            return Err(e);
        }
        back.file = file;
        back.end = Position { file: number, offset: len };
        back.begun = len;
        Ok(())
    }

    /// Adds the line that `decide` makes of the state, in one step with it, and makes it durable. What `decide` refuses
    /// is not added.
    ///
    /// # Errors
    /// What `decide` says, or the disk's, with the line waiting on.
    pub fn append_decided<E: From<StoreError>>(
        &self,
        now: Utc,
        decide: impl FnOnce(&JournalState) -> std::result::Result<Record, E>,
    ) -> std::result::Result<Record, E> {
        let record = {
            let mut front = self.front();
            let record = decide(&front.state)?;
            let line = Line { at: now, run: self.run, record };
            front.append(&line, encode(&line));
            line.record
        };
        self.write_durable(now)?;
        Ok(record)
    }

    /// Looks at the state.
    pub fn state<R>(&self, look: impl FnOnce(&JournalState) -> R) -> R {
        look(&self.front().state)
    }

    /// When the last line was added, or the last run is known to have been alive.
    pub fn last_at(&self) -> Utc {
        self.front().last_at
    }

    /// Lines that could not be kept since start.
    pub fn lost(&self) -> u64 {
        self.front().lost
    }

    /// Where the written journal ends.
    pub fn end(&self) -> Position {
        self.back().end
    }

    /// Where it ended when it was opened: an index that claims to be further has seen lines that a power cut took.
    pub fn opened_at(&self) -> Position {
        self.opened_at
    }

    /// Where to begin reading for what was written since `at`: the last file but one that begins before it, since a
    /// clock may have been set back.
    ///
    /// # Errors
    /// The disk's.
    pub fn position_of(&self, at: Utc) -> Result<Position> {
        let io = |e| StoreError::io("listing the journal folder", &self.folder, e);
        let numbers = files(&*self.disk, &self.folder).map_err(io)?;
        let begins = |number: &u64| first_at(&*self.disk, &path(&self.folder, *number));
        let before = numbers.iter().rev().filter(|number| begins(number).is_some_and(|first| first <= at));
        let file = before.take(2).last().copied().unwrap_or_default();
        Ok(Position { file, offset: 0 })
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
