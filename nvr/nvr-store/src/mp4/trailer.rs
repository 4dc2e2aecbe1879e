//! The end of a segment closed in good order: our index of its fragments, and `mfra` for players.
//!
//! Promises: its presence, whole, means "closed"; it is a pure function of the fragments, so that a reader checks
//! it by making it again.
//! Leaves to others: when a segment is closed.
//!
//! Index layout after the box header and the 16-byte type, big-endian: version u8, offset of the first fragment u32,
//! count u32, then for each fragment length u32, header length u16, `moof` offset u16, start i64 ticks, span u32
//! ticks, wall clock i64 µs, monotonic u64 µs, flags u8, keys u16, pictures u16, sounds u16; last the length of
//! the whole box u32 (to find its beginning from its end) and CRC32C u32.

use super::bytes::{Cursor, find_box};
use super::checksum;
use super::encode::EncodeError;
use super::fragment::FragmentInfo;
use super::identity::{INDEX_ID, VERSION, begin, end, set_u32};
use super::init::VIDEO_TRACK;
use mp4_atom::{Encode as _, Mfra, Mfro, Tfra};
use nvr_base::{Mono, Ticks, Utc};

/// Fragments of one segment at most: 90 minutes of the shortest.
pub const SEGMENT_FRAGMENTS_MAX: usize = 16 * 1024;
/// Length of an `mfro` (ISO/IEC 14496-12 §8.8.11), the last box, bytes.
const MFRO_LEN: usize = 16;
/// Longest trailer, bytes: at most 45 + 19 for each fragment, and its boxes.
pub(super) const TRAILER_LEN_MAX: u32 = 64 * SEGMENT_FRAGMENTS_MAX as u32 + 256;

/// The last bytes of a segment: `uuid` (index) and `mfra` (§8.8.9) with the fragments that start with a key frame.
/// `fragments` are all of the segment, in order, without holes; `segment_start` is its media time zero.
///
/// # Errors
/// [`EncodeError::NotContiguous`] when they do not follow one another, [`EncodeError::TooLarge`] over
/// [`SEGMENT_FRAGMENTS_MAX`].
pub fn encode_trailer(fragments: &[FragmentInfo], segment_start: Ticks) -> Result<Vec<u8>, EncodeError> {
    let (size, max) = (fragments.len() as u64, SEGMENT_FRAGMENTS_MAX as u64);
    let too_large = |what, size, max| EncodeError::TooLarge { what, stream: "a segment".into(), size, max };
    if size > max {
        return Err(too_large("index (fragments)", size, max));
    }
    let first = fragments.first().map_or(0, |f| f.offset);
    let first = u32::try_from(first)
        .map_err(|_| too_large("offset of the first fragment", first, u32::MAX.into()))?;
    let mut out = Vec::with_capacity(fragments.len() * 64 + 256);
    let at = begin(&mut out, INDEX_ID);
    out.push(VERSION);
    out.extend_from_slice(&first.to_be_bytes());
    out.extend_from_slice(&(size as u32).to_be_bytes());
    let mut next = u64::from(first);
    for (i, f) in fragments.iter().enumerate() {
        let unfit = || EncodeError::NotContiguous(i);
        if f.offset != next {
            return Err(unfit());
        }
        next = f.file_end();
        out.extend_from_slice(&f.len.to_be_bytes());
        out.extend_from_slice(&u16::try_from(f.header_len).map_err(|_| unfit())?.to_be_bytes());
        out.extend_from_slice(&f.moof_at.to_be_bytes());
        out.extend_from_slice(&f.start.0.to_be_bytes());
        out.extend_from_slice(&u32::try_from(f.end.since(f.start)).map_err(|_| unfit())?.to_be_bytes());
        out.extend_from_slice(&f.utc.0.to_be_bytes());
        out.extend_from_slice(&f.mono.0.to_be_bytes());
        out.push(u8::from(f.key_first));
        for n in [f.keys, f.video_samples, f.audio_samples] {
            out.extend_from_slice(&n.to_be_bytes());
        }
    }
    let len = (out.len() + 8 - at) as u32;
    out.extend_from_slice(&len.to_be_bytes());
    let hole = end(&mut out, at);
    let crc = checksum::around(&out, hole);
    set_u32(&mut out, hole, crc);

    let entries = fragments.iter().filter(|f| f.key_first).map(|f| mp4_atom::FragmentInfo {
        time: u64::try_from(f.start.since(segment_start)).unwrap_or(0),
        moof_offset: f.offset + u64::from(f.moof_at),
        traf_number: 1,
        trun_number: 1,
        sample_delta: 1,
    });
    let mut mfra = Mfra {
        tfra: vec![Tfra { track_id: VIDEO_TRACK, entries: entries.collect() }],
        mfro: Mfro::default(),
    };
    let mfra_at = out.len();
    mfra.encode(&mut out)?;
    mfra.mfro.parent_size = (out.len() - mfra_at) as u32;
    out.truncate(mfra_at);
    mfra.encode(&mut out)?;
    Ok(out)
}

/// Whether the last bytes of a file are those of a closed segment, and what of the trailer they show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// No `mfro` ends the file: not closed.
    None,
    /// Closed; the whole trailer is so many bytes long.
    Closed(u32),
    /// Closed; the bytes given do not reach back to the index: give so many.
    Short(u32),
    /// Closed, but the trailer makes no sense.
    Damaged,
}

/// Looks at the last bytes of a file.
pub(super) fn mark(last: &[u8]) -> Mark {
    let read = |before_end: usize| {
        let at = last.len().checked_sub(before_end)?;
        Cursor(last.get(at..)?).u32()
    };
    let mfro = last.len().checked_sub(MFRO_LEN).and_then(|at| find_box(last.get(at..)?, *b"mfro"));
    let Some(mfra_len) = mfro.and_then(|_| read(4)) else { return Mark::None };
    if (mfra_len as usize) < MFRO_LEN || mfra_len > TRAILER_LEN_MAX {
        return Mark::Damaged;
    }
    let Some(index_len) = read(mfra_len as usize + 8) else { return Mark::Short(mfra_len + 8) };
    match index_len.checked_add(mfra_len) {
        Some(len) if len <= TRAILER_LEN_MAX => Mark::Closed(len),
        _ => Mark::Damaged,
    }
}

/// Reads the index at the beginning of `bytes`; only one that [`encode_trailer`] makes again, byte for byte with
/// the `mfra` behind it, counts.
pub(super) fn parse_trailer(bytes: &[u8], segment_start: Ticks) -> Option<Vec<FragmentInfo>> {
    let (kind, body) = Cursor(bytes).next_box()?;
    let mut c = Cursor(body);
    if kind != *b"uuid" || c.array()? != INDEX_ID || c.u8()? != VERSION {
        return None;
    }
    let mut offset = u64::from(c.u32()?);
    let count = usize::try_from(c.u32()?).ok().filter(|&n| n <= SEGMENT_FRAGMENTS_MAX)?;
    let mut fragments = Vec::with_capacity(count);
    for _ in 0..count {
        let (len, header_len, moof_at) = (c.u32()?, c.u16()?, c.u16()?);
        let start = Ticks(c.i64()?);
        let end = start.plus(c.u32()?.into());
        let (utc, mono) = (Utc(c.i64()?), Mono(c.u64()?));
        let key_first = c.u8()? == 1;
        let (keys, video_samples, audio_samples) = (c.u16()?, c.u16()?, c.u16()?);
        let header_len = header_len.into();
        fragments.push(FragmentInfo {
            offset,
            len,
            header_len,
            moof_at,
            start,
            end,
            utc,
            mono,
            key_first,
            keys,
            video_samples,
            audio_samples,
        });
        offset = offset.checked_add(len.into())?;
    }
    (encode_trailer(&fragments, segment_start).ok()? == bytes).then_some(fragments)
}
