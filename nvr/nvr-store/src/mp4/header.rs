//! The header of a fragment, read back: `prft`, our `uuid`, `moof` and the header of `mdat`.
//!
//! Promises: accepts only what `encode` writes; every length agrees with every other; nothing is allocated.
//! Leaves to others: checksums (`scan`), samples (`samples`).

use super::bytes::{BOX_HEADER_LEN, Cursor, box_header};
use super::encode::{FRAGMENT_BYTES_MAX, FRAGMENT_HEADER_LEN_MAX};
use super::fragment::FragmentInfo;
use super::identity::{FragmentIdentity, utc_from_ntp};
use nvr_base::{StreamId, Utc};

/// Bytes of the header that are read at once: most headers are shorter.
pub(super) const HEADER_READ_LEN: usize = 1024;

/// A fragment's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FragmentHeader<'a> {
    pub(super) identity: FragmentIdentity,
    pub(super) utc: Utc,
    pub(super) moof_at: u16,
    pub(super) moof: &'a [u8],
    pub(super) header_len: u32,
    /// Where the checksum stands.
    pub(super) crc_at: usize,
}

/// Why no header was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HeaderFault {
    /// The bytes given end before it does; at least so many are needed.
    Short(usize),
    /// It is none.
    Damaged(&'static str),
}

/// Reads the header of a fragment of `stream` at the beginning of `bytes`.
pub(super) fn parse_header<'a>(
    bytes: &'a [u8],
    stream: &StreamId,
) -> Result<FragmentHeader<'a>, HeaderFault> {
    use HeaderFault::{Damaged, Short};
    let mut at = 0_usize;
    let mut bodies: [&[u8]; 3] = [&[]; 3];
    let mut ends = [0_usize; 3];
    for ((body, end_at), kind) in bodies.iter_mut().zip(&mut ends).zip([b"prft", b"uuid", b"moof"]) {
        let header = bytes.get(at..at + BOX_HEADER_LEN).ok_or(Short(at + BOX_HEADER_LEN))?;
        let (size, found) = box_header(header).ok_or(Damaged("a box has an impossible size"))?;
        if found != *kind {
            return Err(Damaged("a fragment is not `prft uuid moof mdat`"));
        }
        let end = at.saturating_add(size as usize);
        if end > FRAGMENT_HEADER_LEN_MAX as usize {
            return Err(Damaged("a fragment's header is longer than any this recorder writes"));
        }
        *body = bytes.get(at + BOX_HEADER_LEN..end).ok_or(Short(end))?;
        *end_at = end;
        at = end;
    }
    let [prft, uuid, moof] = bodies;
    let [_, uuid_end, _] = ends;
    let identity = FragmentIdentity::parse(uuid, stream)
        .ok_or(Damaged("a fragment's identity box is none, or of another stream"))?;
    let ntp = prft_ntp(prft).ok_or(Damaged("a fragment's `prft` is none"))?;
    let header_len = at + BOX_HEADER_LEN;
    let (mdat, kind) = box_header(bytes.get(at..header_len).ok_or(Short(header_len))?)
        .ok_or(Damaged("`mdat` has an impossible size"))?;
    if kind != *b"mdat" {
        return Err(Damaged("a fragment is not `prft uuid moof mdat`"));
    }
    if identity.len > FRAGMENT_BYTES_MAX || u64::from(identity.len) != at as u64 + u64::from(mdat) {
        return Err(Damaged("a fragment's length is not that of its boxes"));
    }
    Ok(FragmentHeader {
        identity,
        utc: utc_from_ntp(ntp, identity.start.to_utc()),
        moof_at: uuid_end as u16, // Below FRAGMENT_HEADER_LEN_MAX, like the next.
        moof,
        header_len: header_len as u32,
        crc_at: uuid_end.saturating_sub(4),
    })
}

fn prft_ntp(body: &[u8]) -> Option<u64> {
    let mut c = Cursor(body);
    let len = match c.u8()? {
        0 => 20,
        1 => 24,
        _ => return None,
    };
    c.take(7)?;
    if body.len() == len { c.u64() } else { None }
}

impl FragmentHeader<'_> {
    /// What an index keeps of the fragment, which begins at `offset`.
    pub(super) fn info(&self, offset: u64) -> FragmentInfo {
        self.identity.info(offset, self.header_len, self.moof_at, self.utc)
    }
}
