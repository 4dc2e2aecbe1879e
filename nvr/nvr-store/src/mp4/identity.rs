//! Our own boxes (`uuid`, ISO/IEC 14496-12 §11.1): who a segment and a fragment belong to, and their checksums.
//!
//! Promises: players skip them; one flipped bit in what they cover is found; version 1 stays readable.
//! Leaves to others: all standard boxes (`init`, `encode`), the index of a closed segment (`trailer`).
//!
//! Layout after the box header and the 16-byte type, big-endian:
//! - segment: version u8, kind u8, reorder depth u8, camera length u8, camera, run u32, start i64, CRC32C u32
//!   over `ftyp`, `moov` and this box but the sum itself.
//! - fragment: version u8, kind u8, flags u8 (bit 0: starts with a key frame), camera length u8, camera, run u32,
//!   fragment length u32, mono u64 µs, start i64 ticks, span u32 ticks, pictures u16, sounds u16, keys u16, CRC32C
//!   u32 over the whole fragment but the sum itself.

use super::bytes::Cursor;
use super::fragment::FragmentInfo;
use nvr_base::{CameraId, Mono, RunEpoch, StreamId, StreamKind, Ticks, Utc};

/// A box type of our own, 16 random bytes (RFC 4122 version 4).
pub(super) type BoxId = [u8; 16];

/// Identity of a segment.
pub(super) const SEGMENT_ID: BoxId =
    [0x86, 0x3e, 0x33, 0x78, 0x2a, 0x45, 0x41, 0x34, 0x9b, 0x61, 0x86, 0x7e, 0x93, 0xf1, 0x1b, 0x26];
/// Identity of a fragment.
pub(super) const FRAGMENT_ID: BoxId =
    [0xe1, 0x82, 0x43, 0xa1, 0x43, 0x95, 0x49, 0xd7, 0xae, 0x21, 0xed, 0xd8, 0x54, 0x90, 0x8f, 0x67];
/// Index of a closed segment.
pub(super) const INDEX_ID: BoxId =
    [0x01, 0x87, 0x65, 0x1d, 0x0d, 0x87, 0x49, 0xf9, 0x81, 0x38, 0x16, 0x0b, 0x8a, 0x3e, 0x20, 0x1b];

/// Version of the three layouts.
pub(super) const VERSION: u8 = 1;

/// Seconds from 1900 (NTP, RFC 5905 §6) to 1970.
const NTP_EPOCH_S: i64 = 2_208_988_800;
/// Seconds of an NTP era.
const NTP_ERA_S: i64 = 1 << 32;

/// NTP timestamp of `utc`: seconds since 1900 modulo 2^32, and 32 bits of fraction.
pub(super) fn ntp_from_utc(utc: Utc) -> u64 {
    let s = utc.0.div_euclid(1_000_000).wrapping_add(NTP_EPOCH_S) as u32;
    let us = utc.0.rem_euclid(1_000_000) as u64;
    (u64::from(s) << 32) | (((us << 32) + 500_000) / 1_000_000)
}

/// The instant of an NTP timestamp, in the era (2036 begins the next) nearest to `near`.
pub(super) fn utc_from_ntp(ntp: u64, near: Utc) -> Utc {
    let near_s = near.0.div_euclid(1_000_000);
    let s = (ntp >> 32) as i64 - NTP_EPOCH_S;
    let era = (near_s - s + NTP_ERA_S / 2).div_euclid(NTP_ERA_S);
    let us = ((ntp & 0xffff_ffff) * 1_000_000 + (1 << 31)) >> 32;
    let us = i128::from(s + era * NTP_ERA_S) * 1_000_000 + i128::from(us);
    Utc(us.clamp(i64::MIN.into(), i64::MAX.into()) as i64)
}

/// Begins a `uuid` box of unknown size at the end of `out`; returns where it begins.
pub(super) fn begin(out: &mut Vec<u8>, id: BoxId) -> usize {
    let at = out.len();
    out.extend_from_slice(b"\0\0\0\0uuid");
    out.extend_from_slice(&id);
    at
}

/// Overwrites four bytes at `at`: a size, a checksum.
pub(super) fn set_u32(out: &mut [u8], at: usize, value: u32) {
    if let Some(place) = out.get_mut(at..at + 4) {
        place.copy_from_slice(&value.to_be_bytes());
    }
}

/// Ends the box begun at `at` with room for its checksum; returns where that stands.
pub(super) fn end(out: &mut Vec<u8>, at: usize) -> usize {
    let hole = out.len();
    out.extend_from_slice(&[0; 4]);
    let size = (out.len() - at) as u32; // A few kilobytes.
    set_u32(out, at, size);
    hole
}

fn kind_code(kind: StreamKind) -> u8 {
    match kind {
        StreamKind::Main => 0,
        StreamKind::Sub => 1,
    }
}

fn put_head(out: &mut Vec<u8>, stream: &StreamId, third: u8, run: RunEpoch) {
    let camera = stream.camera.as_str().as_bytes(); // At most CAMERA_ID_LEN_MAX.
    out.extend_from_slice(&[VERSION, kind_code(stream.kind), third, camera.len() as u8]);
    out.extend_from_slice(camera);
    out.extend_from_slice(&run.0.to_be_bytes());
}

/// Version 1 only; returns the camera's bytes, the kind, the third byte and the run.
fn take_head<'a>(c: &mut Cursor<'a>) -> Option<(&'a [u8], StreamKind, u8, RunEpoch)> {
    if c.u8()? != VERSION {
        return None;
    }
    let kind = match c.u8()? {
        0 => StreamKind::Main,
        1 => StreamKind::Sub,
        _ => return None,
    };
    let third = c.u8()?;
    let len = c.u8()?;
    Some((c.take(len.into())?, kind, third, RunEpoch(c.u32()?)))
}

/// What the segment's identity box says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SegmentIdentity {
    pub(super) stream: StreamId,
    pub(super) run: RunEpoch,
    pub(super) start: Ticks,
    pub(super) reorder_depth: u8,
}

impl SegmentIdentity {
    /// Appends the box; returns where its checksum stands.
    pub(super) fn put(&self, out: &mut Vec<u8>) -> usize {
        let at = begin(out, SEGMENT_ID);
        put_head(out, &self.stream, self.reorder_depth, self.run);
        out.extend_from_slice(&self.start.0.to_be_bytes());
        end(out, at)
    }

    /// Reads the body of a `uuid` box; returns the checksum too.
    pub(super) fn parse(body: &[u8]) -> Option<(Self, u32)> {
        let mut c = Cursor(body);
        if c.array()? != SEGMENT_ID {
            return None;
        }
        let (camera, kind, reorder_depth, run) = take_head(&mut c)?;
        let camera: CameraId = std::str::from_utf8(camera).ok()?.parse().ok()?;
        let start = Ticks(c.i64()?);
        let crc = c.u32()?;
        let stream = StreamId::new(camera, kind);
        c.0.is_empty().then_some((Self { stream, run, start, reorder_depth }, crc))
    }
}

/// What a fragment's identity box says, but for offsets and wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FragmentIdentity {
    pub(super) run: RunEpoch,
    pub(super) len: u32,
    pub(super) mono: Mono,
    pub(super) start: Ticks,
    pub(super) span_ticks: u32,
    pub(super) video_samples: u16,
    pub(super) audio_samples: u16,
    pub(super) keys: u16,
    pub(super) key_first: bool,
    pub(super) crc: u32,
}

impl FragmentIdentity {
    /// Appends the box without length and checksum; returns where these two stand.
    pub(super) fn put(&self, out: &mut Vec<u8>, stream: &StreamId) -> (usize, usize) {
        let at = begin(out, FRAGMENT_ID);
        put_head(out, stream, u8::from(self.key_first), self.run);
        let len_at = out.len();
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&self.mono.0.to_be_bytes());
        out.extend_from_slice(&self.start.0.to_be_bytes());
        out.extend_from_slice(&self.span_ticks.to_be_bytes());
        for n in [self.video_samples, self.audio_samples, self.keys] {
            out.extend_from_slice(&n.to_be_bytes());
        }
        (len_at, end(out, at))
    }

    /// Reads the body of a `uuid` box, which must be of `stream`.
    pub(super) fn parse(body: &[u8], stream: &StreamId) -> Option<Self> {
        let mut c = Cursor(body);
        if c.array()? != FRAGMENT_ID {
            return None;
        }
        let (camera, kind, flags, run) = take_head(&mut c)?;
        if camera != stream.camera.as_str().as_bytes() || kind != stream.kind || flags > 1 {
            return None;
        }
        let identity = Self {
            run,
            len: c.u32()?,
            mono: Mono(c.u64()?),
            start: Ticks(c.i64()?),
            span_ticks: c.u32()?,
            video_samples: c.u16()?,
            audio_samples: c.u16()?,
            keys: c.u16()?,
            key_first: flags == 1,
            crc: c.u32()?,
        };
        c.0.is_empty().then_some(identity)
    }

    /// The same as the index and the store keep it.
    pub(super) fn info(&self, offset: u64, header_len: u32, moof_at: u16, utc: Utc) -> FragmentInfo {
        FragmentInfo {
            offset,
            len: self.len,
            header_len,
            moof_at,
            start: self.start,
            end: self.start.plus(self.span_ticks.into()),
            utc,
            mono: self.mono,
            key_first: self.key_first,
            keys: self.keys,
            video_samples: self.video_samples,
            audio_samples: self.audio_samples,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(utc: &str) {
        let utc: Utc = utc.parse().unwrap();
        for us in [0, 1, 499_999, 999_999] {
            let t = utc.plus_micros(us);
            for near_s in [-2_000_000_000, 0, 2_000_000_000] {
                assert_eq!(utc_from_ntp(ntp_from_utc(t), t.plus_micros(near_s * 1_000_000)), t);
            }
        }
    }

    #[test]
    fn ntp_is_exact_to_the_microsecond_across_eras() {
        for utc in
            ["1970-01-01T00:00:00Z", "2026-11-24T05:21:25Z", "2036-02-07T06:28:15Z", "2036-02-07T06:28:16Z"]
        {
            check(utc);
        }
        assert_eq!(ntp_from_utc(Utc(0)) >> 32, NTP_EPOCH_S as u64);
        utc_from_ntp(u64::MAX, Utc(i64::MAX));
        utc_from_ntp(0, Utc(i64::MIN));
    }
}
