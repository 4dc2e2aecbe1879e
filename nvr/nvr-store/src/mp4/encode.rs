//! A fragment as bytes: everything before its payload.
//!
//! Promises: one pass over the payload for its CRC32C, no copy of it; about 0.06 % over the payload at 4 Mbit/s;
//! a bit flipped anywhere in the fragment is found by [`super::scan`].
//! Leaves to others: the payload itself, which the caller writes after the header from [`Fragment::payload`].

use super::fragment::{Fragment, FragmentInfo};
use super::fragmenter::FRAGMENT_SAMPLES_MAX;
use super::identity::{FragmentIdentity, ntp_from_utc, set_u32};
use super::init::{AUDIO_TRACK, VIDEO_TRACK};
use super::moof::moof;
use mp4_atom::{BufMut as _, Encode as _, Prft, ReferenceTime};
use nvr_base::{Mono, RunEpoch, StreamId, TICKS_PER_S, Ticks, Utc};

/// Longest fragment, bytes: the heaviest unit that is accepted, 8 MiB, and room to spare.
pub const FRAGMENT_BYTES_MAX: u32 = 16 << 20;
/// Longest header of a fragment (all before its payload), bytes: 16 bytes a sample and its boxes.
pub const FRAGMENT_HEADER_LEN_MAX: u32 = 16 * FRAGMENT_SAMPLES_MAX as u32 + 1024;

/// What a fragment's boxes need besides its samples.
#[derive(Debug, Clone, Copy)]
pub struct FragmentContext<'a> {
    /// Whose footage.
    pub stream: &'a StreamId,
    /// The run of the recorder that writes it.
    pub run: RunEpoch,
    /// Monotonic clock when its first sample came.
    pub mono: Mono,
    /// Wall clock when its first sample came.
    pub utc: Utc,
    /// Number of the fragment in its segment, from 1.
    pub sequence: u32,
    /// Media time zero of the segment: [`Fragment::first_dts`] of its first fragment.
    pub segment_start: Ticks,
    /// Rate of the sound, from the segment's format.
    pub audio_rate_hz: Option<u32>,
    /// Where the fragment will stand in the file, bytes.
    pub offset: u64,
}

/// Why samples cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// No samples.
    #[error("a fragment of {0} has no samples")]
    Empty(StreamId),
    /// A time that the boxes cannot hold.
    #[error(
        "a {what} of {stream} at {at:?} does not fit a segment that starts at {segment_start:?}: start a new segment"
    )]
    Time {
        /// Decoding time, duration or composition offset.
        what: &'static str,
        /// Whose.
        stream: StreamId,
        /// Of which sample.
        at: Ticks,
        /// Of the segment.
        segment_start: Ticks,
    },
    /// More samples or bytes than the limits.
    #[error("{what} of {stream} is too large: {size} where at most {max} are written")]
    TooLarge {
        /// Fragment, header, parameter set.
        what: &'static str,
        /// Whose.
        stream: String,
        /// How large.
        size: u64,
        /// How large it may be.
        max: u64,
    },
    /// Sound in a segment whose format has none, or parameters that no box can hold.
    #[error("{what} of {stream} cannot be written: {why}")]
    Unfit {
        /// What.
        what: &'static str,
        /// Whose.
        stream: String,
        /// Why.
        why: String,
    },
    /// The fragments given to an index do not follow one another.
    #[error("fragment {0} of a segment's index does not begin where the one before it ends")]
    NotContiguous(usize),
    /// A box that the box library refuses.
    #[error("box cannot be written: {0}")]
    Box(#[from] mp4_atom::Error),
}

/// Appends all bytes of `fragment` that come before its payload to `out` and returns what an index keeps of it.
/// The file then holds these bytes and each slice of [`Fragment::payload`], in order.
/// Boxes: `prft` (ISO/IEC 14496-12 §8.16.5), our `uuid`, `moof` (§8.8.4) and the header of `mdat`.
///
/// # Errors
/// [`EncodeError`] when a time or a size does not fit; `out` may then hold half a header.
pub fn encode_fragment(
    fragment: &Fragment,
    cx: &FragmentContext<'_>,
    out: &mut Vec<u8>,
) -> Result<FragmentInfo, EncodeError> {
    if fragment.samples() == 0 {
        return Err(EncodeError::Empty(cx.stream.clone()));
    }
    check_size("fragment (samples)", cx, fragment.samples() as u64, FRAGMENT_SAMPLES_MAX as u64)?;
    let base = out.len();
    let media_time = fragment.start.since(cx.segment_start);
    let (track, rate) = match (fragment.video.is_empty(), cx.audio_rate_hz) {
        (true, Some(rate)) => (AUDIO_TRACK, i64::from(rate)),
        _ => (VIDEO_TRACK, TICKS_PER_S),
    };
    let media_time = units(media_time, rate)
        .and_then(|t| u64::try_from(t).ok())
        .ok_or_else(|| time("start", cx, fragment.start))?;
    Prft {
        reference_track_id: track,
        ntp_timestamp: ntp_from_utc(cx.utc),
        media_time,
        utc_time_semantics: ReferenceTime::RealTime,
    }
    .encode(out)?;

    let span = fragment.end.since(fragment.start);
    let identity = FragmentIdentity {
        run: cx.run,
        len: 0,
        mono: cx.mono,
        start: fragment.start,
        span_ticks: u32::try_from(span).map_err(|_| time("duration", cx, fragment.start))?,
        video_samples: fragment.video.len() as u16, // At most FRAGMENT_SAMPLES_MAX.
        audio_samples: fragment.audio.len() as u16,
        keys: fragment.keys,
        key_first: fragment.key_first,
        crc: 0,
    };
    let (len_at, crc_at) = identity.put(out, cx.stream);
    let moof_at = out.len() - base;

    let mut moof = moof(fragment, cx)?;
    let at = out.len();
    moof.encode(out)?;
    // Offsets of the payload count from the moof; its length does not depend on them.
    let payload_at = (out.len() - at + 8) as i64;
    out.truncate(at);
    let video_bytes: u64 = fragment.video.iter().map(|s| s.data.len() as u64).sum();
    for traf in &mut moof.traf {
        let skip = if traf.tfhd.track_id == AUDIO_TRACK { video_bytes as i64 } else { 0 };
        for trun in &mut traf.trun {
            let offset = i32::try_from(payload_at + skip)
                .map_err(|_| too_large("fragment", cx, video_bytes, FRAGMENT_BYTES_MAX.into()))?;
            trun.data_offset = Some(offset);
        }
    }
    moof.encode(out)?;

    let header_len = (out.len() - base + 8) as u64;
    check_size("header of a fragment", cx, header_len, FRAGMENT_HEADER_LEN_MAX.into())?;
    let payload: u64 = fragment.payload().map(|p| p.len() as u64).sum();
    let len = header_len.saturating_add(payload);
    check_size("fragment", cx, len, FRAGMENT_BYTES_MAX.into())?;
    out.append_slice(&(payload as u32 + 8).to_be_bytes()); // Both fit: checked above.
    out.append_slice(b"mdat");

    set_u32(out, len_at, len as u32);
    let header = out.get(base..).unwrap_or_default();
    let crc = super::checksum::around(header, crc_at - base);
    let crc = super::checksum::joined(crc, fragment.payload_crc, payload);
    set_u32(out, crc_at, crc);
    let identity = FragmentIdentity { len: len as u32, crc, ..identity };
    Ok(identity.info(cx.offset, header_len as u32, moof_at as u16, cx.utc))
}

/// `ticks` in units of `rate` a second, to the nearest.
pub(super) fn units(ticks: i64, rate: i64) -> Option<i64> {
    let whole = i128::from(ticks) * i128::from(rate);
    let per_s = i128::from(TICKS_PER_S);
    i64::try_from((whole + per_s / 2).div_euclid(per_s)).ok()
}

pub(super) fn time(what: &'static str, cx: &FragmentContext<'_>, at: Ticks) -> EncodeError {
    EncodeError::Time { what, stream: cx.stream.clone(), at, segment_start: cx.segment_start }
}

pub(super) fn too_large(what: &'static str, cx: &FragmentContext<'_>, size: u64, max: u64) -> EncodeError {
    EncodeError::TooLarge { what, stream: cx.stream.to_string(), size, max }
}

fn check_size(what: &'static str, cx: &FragmentContext<'_>, size: u64, max: u64) -> Result<(), EncodeError> {
    if size > max { Err(too_large(what, cx, size, max)) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mp4::testing::{START, fragments, picture, stream};
    use nvr_base::{Sample, Track};

    fn check(samples: &[Sample], segment_start: i64, expected: &str) {
        let fragment = fragments(samples).remove(0);
        let cx = FragmentContext {
            stream: &stream(),
            run: RunEpoch(1),
            mono: Mono(0),
            utc: Utc(0),
            sequence: 1,
            segment_start: START.plus(segment_start),
            audio_rate_hz: None,
            offset: 0,
        };
        let error = encode_fragment(&fragment, &cx, &mut Vec::new()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn what_does_not_fit_is_refused_with_its_name() {
        check(&[picture(0, 0, true, 1)], 1, "start of gate/main");
        check(&[picture(9, 0, true, 1)], 1, "decoding time of gate/main");
        check(&[picture(1 << 40, 0, true, 1)], 0, "composition offset of gate/main");
        check(&[picture(0, 0, true, 17 << 20)], 0, "fragment of gate/main is too large");
        check(&[Sample { track: Track::Audio, ..picture(0, 0, true, 1) }], 0, "sound of gate/main");
    }
}
