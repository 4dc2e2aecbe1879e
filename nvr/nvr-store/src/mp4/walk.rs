//! Fragment after fragment through a segment, and beyond damage.
//!
//! Promises: every good fragment is found once, in order; reading is bounded by the file's length and a fixed
//! number of tries behind damage; memory by one chunk and the fragments' list.
//! Leaves to others: head and trailer (`scan`).

use super::checksum;
use super::fragment::FragmentInfo;
use super::header::{HEADER_READ_LEN, HeaderFault, parse_header};
use super::identity::{FRAGMENT_ID, INDEX_ID};
use super::init::Init;
use super::read::ReadAt;
use super::trailer::SEGMENT_FRAGMENTS_MAX;

/// Bytes of payload read at once.
const CHUNK_LEN: usize = 256 * 1024;
/// Places behind damage that are tried for a good fragment, in one file.
const RESYNC_TRIES_MAX: u32 = 64;
/// `prft`, which begins a fragment, is so long (version 0 and 1).
const PRFT_LENS: [u64; 2] = [28, 32];

/// What is wrong with a fragment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// The file ends before it does.
    Incomplete,
    /// This.
    Damaged(&'static str),
}

/// A walk through the fragments of one file.
pub(super) struct Walk<'a> {
    file: &'a dyn ReadAt,
    init: &'a Init,
    /// Where the fragments end at the latest: the trailer or the end of the file.
    end: u64,
    chunk: Vec<u8>,
    tries: u32,
    /// Good fragments.
    pub(super) fragments: Vec<FragmentInfo>,
    /// Damaged places.
    pub(super) bad: u32,
    /// The first of them.
    pub(super) damage: Option<(u64, &'static str)>,
    /// Where a torn tail begins.
    pub(super) torn: Option<u64>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(file: &'a dyn ReadAt, init: &'a Init, end: u64) -> Self {
        let (fragments, chunk) = (Vec::new(), Vec::new());
        Self { file, init, end, chunk, tries: 0, fragments, bad: 0, damage: None, torn: None }
    }

    /// From the head to the end. In a file that was not `closed`, damage with nothing good behind it is a torn tail.
    pub(super) fn run(&mut self, checksums: bool, closed: bool) {
        let mut at = u64::from(self.init.len);
        while at < self.end {
            if self.fragments.len() >= SEGMENT_FRAGMENTS_MAX {
                return self.note(at, "more fragments than a segment may have");
            }
            let fault = match self.fragment(at, checksums) {
                Ok(info) => {
                    at = info.file_end();
                    self.fragments.push(info);
                    continue;
                }
                Err(fault) => fault,
            };
            let what = match fault {
                Fault::Incomplete => "the file ends before its last fragment does",
                Fault::Damaged(what) => what,
            };
            match self.next_good(at) {
                Some(info) => {
                    self.note(at, what);
                    at = info.file_end();
                    self.fragments.push(info);
                }
                None if closed && self.is_index(at) => return self.note(at, "the index is damaged"),
                None if closed => return self.note(at, what),
                None => {
                    self.torn = Some(at);
                    return;
                }
            }
        }
    }

    /// Reads the checksums of the last `count` fragments found by headers.
    pub(super) fn check_last(&mut self, count: usize) {
        let first = self.fragments.len().saturating_sub(count);
        let last = self.fragments.split_off(first);
        let mut failed: Option<(u64, &'static str)> = None;
        for info in last {
            match self.fragment(info.offset, true) {
                Ok(info) => {
                    if let Some((at, what)) = failed.take() {
                        self.note(at, what);
                    }
                    self.fragments.push(info);
                }
                Err(_) => failed = failed.or(Some((info.offset, CHECKSUM))),
            }
        }
        if let Some((at, _)) = failed {
            self.torn = Some(at);
        }
    }

    fn note(&mut self, at: u64, what: &'static str) {
        self.bad = self.bad.saturating_add(1);
        self.damage = self.damage.or(Some((at, what)));
    }

    /// The fragment at `at`.
    fn fragment(&mut self, at: u64, checksum: bool) -> Result<FragmentInfo, Fault> {
        let left = self.end.saturating_sub(at);
        let mut want = HEADER_READ_LEN;
        let (info, crc_at, crc) = loop {
            let available = usize::try_from(left).unwrap_or(usize::MAX).min(want);
            self.read(at, available)?;
            match parse_header(&self.chunk, &self.init.stream) {
                Ok(header) => break (header.info(at), header.crc_at, header.identity),
                Err(HeaderFault::Short(needed)) if needed > available && needed as u64 <= left => {
                    want = needed
                }
                Err(HeaderFault::Short(_)) => return Err(Fault::Incomplete),
                Err(HeaderFault::Damaged(what)) => return Err(Fault::Damaged(what)),
            }
        };
        if crc.run != self.init.run {
            return Err(Fault::Damaged("a fragment is of another run"));
        }
        if u64::from(info.len) > left {
            return Err(Fault::Incomplete);
        }
        if checksum {
            let header = self.chunk.get(..info.header_len as usize).unwrap_or_default();
            let mut sum = checksum::around(header, crc_at);
            let mut from = at + u64::from(info.header_len);
            while from < info.file_end() {
                let n = (info.file_end() - from).min(CHUNK_LEN as u64);
                self.read(from, n as usize)?;
                sum = crc32c::crc32c_append(sum, &self.chunk);
                from += n;
            }
            if sum != crc.crc {
                return Err(Fault::Damaged(CHECKSUM));
            }
        }
        Ok(info)
    }

    /// The first fragment behind `bad_at` whose checksum holds.
    fn next_good(&mut self, bad_at: u64) -> Option<FragmentInfo> {
        let mut mark = *b"uuid\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
        mark.get_mut(4..)?.copy_from_slice(&FRAGMENT_ID);
        // Hits of one chunk; trying them overwrites it.
        let mut hits = Vec::new();
        let mut from = bad_at + 1;
        while from < self.end {
            let n = (self.end - from).min(CHUNK_LEN as u64);
            hits.clear();
            if self.read(from, n as usize).is_ok() {
                let found = find_all(&self.chunk, &mark).take(RESYNC_TRIES_MAX as usize);
                hits.extend(found.map(|i| from + i as u64));
            }
            for hit in &hits {
                for prft in PRFT_LENS {
                    // The kind stands four bytes into the box.
                    let Some(at) = hit.checked_sub(prft + 4).filter(|at| *at > bad_at) else { continue };
                    if self.tries >= RESYNC_TRIES_MAX {
                        return None;
                    }
                    match self.fragment(at, true) {
                        Ok(info) => return Some(info),
                        Err(_) => self.tries += 1,
                    }
                }
            }
            // Chunks overlap by less than a mark, so that none is found twice.
            from += n.saturating_sub(mark.len() as u64 - 1).max(1);
            if n < CHUNK_LEN as u64 {
                break;
            }
        }
        None
    }

    fn is_index(&mut self, at: u64) -> bool {
        self.read(at, 8 + INDEX_ID.len()).is_ok() && self.chunk.ends_with(&INDEX_ID)
    }

    fn read(&mut self, at: u64, len: usize) -> Result<(), Fault> {
        self.chunk.resize(len, 0);
        self.file.read_exact_at(&mut self.chunk, at).map_err(|_| Fault::Damaged("the disk cannot read it"))
    }
}

const CHECKSUM: &str = "the checksum does not match";

fn find_all<'a>(bytes: &'a [u8], mark: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    let first = mark.first().copied().unwrap_or(0);
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let i = at + bytes.get(at..)?.iter().position(|b| *b == first)?;
            at = i + 1;
            if bytes.get(i..)?.starts_with(mark) {
                return Some(i);
            }
        }
    })
}
