//! What a segment file holds, found from its bytes alone.
//!
//! Promises: never panics, whatever the bytes; memory is bounded by named limits; a flipped bit is found.
//! Leaves to others: cutting torn tails, reporting, indexing (`nvr-store`'s recovery).

use super::export::SegmentSource;
use super::fragment::FragmentInfo;
use super::init::{Init, InitFault, parse_init};
use super::read::ReadAt;
use super::trailer::{Mark, mark, parse_trailer};
use super::walk::Walk;
use nvr_base::{Format, RunEpoch, StreamId, Ticks};
use std::io;

/// Bytes of the head that are read at once: most heads are shorter.
const INIT_READ_LEN: usize = 2048;
/// Bytes of the trailer that are read at once: most trailers are shorter.
const TRAILER_READ_LEN: u64 = 8192;
/// Fragments at the end of an open segment whose checksums [`Depth::Tail`] reads: more than are written between
/// two flushes.
pub const TAIL_FRAGMENTS: usize = 8;

/// How much of a segment is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Headers only; of a closed segment only head and index.
    Headers,
    /// Headers (of a closed segment only head and index), and the checksums of the last fragments: what a crash can
    /// tear.
    Tail,
    /// Everything.
    Checksums,
}

/// How a segment ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    /// Closed in good order; all that was read holds.
    Clean,
    /// Not closed (being written, or the recorder ended); all that was read holds.
    Open,
    /// What follows `at` is the rest of a write cut short: cut there. Not closed, or, at [`Depth::Tail`], closed just
    /// before a power cut.
    Torn {
        /// Where the good bytes end.
        at: u64,
    },
    /// Damaged before good fragments, or although it was closed.
    Bad {
        /// Where the first damage begins.
        offset: u64,
        /// What is wrong there.
        what: &'static str,
    },
}

/// A scanned segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentScan {
    /// What it carries.
    pub format: Format,
    /// Whose it is.
    pub stream: StreamId,
    /// The run of the recorder that wrote it.
    pub run: RunEpoch,
    /// Media time zero of its tracks.
    pub segment_start: Ticks,
    /// Length of its head, bytes.
    pub init_len: u32,
    /// Its good fragments, in file order; behind damage too.
    pub fragments: Vec<FragmentInfo>,
    /// Length up to which everything holds, without a trailer, bytes: where a torn file is cut. When the tail is
    /// [`Tail::Bad`] good fragments lie behind it: do not cut there.
    pub good_len: u64,
    /// How it ends.
    pub tail: Tail,
    /// Damaged places found.
    pub bad: u32,
}

/// Why a file is no segment that can be read.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// It ends before its head does: the recorder ended when it had just made the file. Holds no footage.
    #[error("the file ends after {len} bytes, before the head of a segment does")]
    NoInit {
        /// Its length, bytes.
        len: u64,
    },
    /// It is no segment of this recorder, or damaged where nothing can be read without.
    #[error("damaged at byte {offset}: {what}")]
    Damaged {
        /// Where.
        offset: u64,
        /// What.
        what: &'static str,
    },
    /// The disk refuses to read it.
    #[error("cannot read at byte {offset}: {source}")]
    Io {
        /// Where.
        offset: u64,
        /// Why.
        source: io::Error,
    },
}

/// Scans the segment `file` of `len` bytes.
///
/// # Errors
/// [`ScanError`] when its head cannot be read; damage behind it is told by [`SegmentScan::tail`].
pub fn scan(file: &dyn ReadAt, len: u64, depth: Depth) -> Result<SegmentScan, ScanError> {
    let init = read_init(file, len)?;
    let (closed, index) = read_trailer(file, len, &init);
    let mut walk = Walk::new(file, &init, index.as_ref().map_or(len, |index| index.at));
    let mut found = SegmentScan {
        init_len: init.len,
        good_len: init.len.into(),
        tail: Tail::Clean,
        bad: 0,
        fragments: Vec::new(),
        format: init.format.clone(),
        stream: init.stream.clone(),
        run: init.run,
        segment_start: init.segment_start,
    };
    match index {
        Some(index) if depth == Depth::Headers => {
            found.good_len = index.at;
            found.fragments = index.fragments;
        }
        index => {
            match &index {
                // A power cut can tear what the index of a just closed segment speaks of.
                Some(index) if depth == Depth::Tail => walk.fragments.clone_from(&index.fragments),
                _ => walk.run(depth == Depth::Checksums, closed),
            }
            if depth == Depth::Tail {
                walk.check_last(TAIL_FRAGMENTS);
            }
            let whole = walk.bad == 0 && walk.torn.is_none();
            if let Some(index) = index.filter(|index| whole && index.fragments != walk.fragments) {
                walk.bad = 1;
                walk.damage = Some((index.at, "the index is not that of the fragments"));
            }
            found.tail = match (walk.damage, walk.torn) {
                (Some((offset, what)), _) => Tail::Bad { offset, what },
                (None, Some(at)) => Tail::Torn { at },
                (None, None) if closed => Tail::Clean,
                (None, None) => Tail::Open,
            };
            let end = match found.tail {
                Tail::Bad { offset, .. } => offset,
                _ => u64::MAX,
            };
            let good = walk.fragments.iter().take_while(|f| f.offset < end).last();
            found.good_len = good.map_or(init.len.into(), FragmentInfo::file_end);
            found.bad = walk.bad;
            found.fragments = walk.fragments;
        }
    }
    Ok(found)
}

fn read_init(file: &dyn ReadAt, len: u64) -> Result<Init, ScanError> {
    let mut bytes = Vec::new();
    let mut want = INIT_READ_LEN;
    loop {
        let available = usize::try_from(len).unwrap_or(usize::MAX).min(want);
        bytes.resize(available, 0);
        file.read_exact_at(&mut bytes, 0).map_err(|source| ScanError::Io { offset: 0, source })?;
        match parse_init(&bytes) {
            Ok(init) => return Ok(init),
            Err(InitFault::Damaged(what)) => {
                // A file of zeros, or of nothing but zeros after some bytes, was never written to its end.
                let zeros = bytes.iter().rev().take_while(|b| **b == 0).count();
                let unwritten = zeros >= 512 || (zeros == bytes.len());
                return Err(if unwritten {
                    ScanError::NoInit { len }
                } else {
                    ScanError::Damaged { offset: 0, what }
                });
            }
            Err(InitFault::Short(needed)) if needed > available && needed as u64 <= len => want = needed,
            Err(InitFault::Short(_)) => return Err(ScanError::NoInit { len }),
        }
    }
}

/// The index of a closed segment.
struct Index {
    /// Where the trailer begins.
    at: u64,
    fragments: Vec<FragmentInfo>,
}

/// Whether the segment is marked as closed, and its index when that holds.
fn read_trailer(file: &dyn ReadAt, len: u64, init: &Init) -> (bool, Option<Index>) {
    let body = len.saturating_sub(init.len.into());
    let mut bytes = Vec::new();
    let mut want = TRAILER_READ_LEN;
    let trailer_len = loop {
        let available = want.min(body);
        bytes.resize(available as usize, 0); // At most TRAILER_LEN_MAX.
        if file.read_exact_at(&mut bytes, len.saturating_sub(available)).is_err() {
            return (false, None);
        }
        match mark(&bytes) {
            Mark::None => return (false, None),
            Mark::Damaged => return (true, None),
            Mark::Closed(n) if u64::from(n) <= available => break n,
            Mark::Closed(n) | Mark::Short(n) if u64::from(n) > available && u64::from(n) <= body => {
                want = n.into()
            }
            Mark::Closed(_) | Mark::Short(_) => return (true, None),
        }
    };
    let from = bytes.len().saturating_sub(trailer_len as usize);
    let at = len.saturating_sub(trailer_len.into());
    let fragments = bytes.get(from..).and_then(|bytes| parse_trailer(bytes, init.segment_start));
    let index = fragments.map(|fragments| Index { at, fragments }).filter(|index| {
        let begins = index.fragments.first().map_or(index.at, |f| f.offset) == u64::from(init.len);
        let ends = index.fragments.last().map_or(index.at, FragmentInfo::file_end) == index.at;
        begins && ends
    });
    (true, index)
}

/// One segment in memory.
struct InMemory<'a>(&'a [u8]);

impl SegmentSource for InMemory<'_> {
    fn open(&self, _: usize) -> io::Result<Box<dyn ReadAt + '_>> {
        Ok(Box::new(self.0))
    }
}

/// Scans `bytes` at every depth, reads all samples and plans exports: the entry for fuzzing. Never panics.
pub fn scan_bytes(bytes: &[u8]) {
    let source = InMemory(bytes);
    for depth in [Depth::Headers, Depth::Tail, Depth::Checksums] {
        let Ok(found) = scan(&bytes, bytes.len() as u64, depth) else { return };
        for fragment in &found.fragments {
            let _ = super::samples::samples(&bytes, &found, fragment);
        }
        let middle = found.fragments.get(found.fragments.len() / 2).map_or(Ticks(0), |f| f.start);
        let segments = [found];
        let _ = super::key::key_before(&segments, &source, middle);
        let _ = super::plan::plan(&segments, &source, middle, Ticks(i64::MAX));
    }
}
