//! The `moof` of a fragment: its times, sizes and flags (ISO/IEC 14496-12 §8.8.4 to §8.8.8).
//!
//! Promises: what is the same for all samples stands once; one list a track is allocated, nothing a sample.
//! Leaves to others: the offsets of the payload (`encode`).

use super::encode::{EncodeError, FRAGMENT_BYTES_MAX, FragmentContext, time, too_large, units};
use super::fragment::Fragment;
use super::init::{AUDIO_TRACK, VIDEO_TRACK};
use mp4_atom::{Mfhd, Moof, Tfdt, Tfhd, Traf, Trun, TrunEntry, TrunSamples};
use nvr_base::{Sample, Ticks};

/// `sample_flags` of a sample a decoder can start at (ISO/IEC 14496-12 §8.8.3.1): depends on no other.
pub(super) const FLAGS_SYNC: u32 = 0x0200_0000;
/// `sample_flags` of any other sample: depends on others, is no sync sample.
pub(super) const FLAGS_NON_SYNC: u32 = 0x0101_0000;
/// The bit of `sample_flags` that tells the two apart.
pub(super) const FLAG_IS_NON_SYNC: u32 = 0x0001_0000;

/// Widest difference of two durations of one fragment's sound that is taken for rounding, in units of its rate.
const AUDIO_ROUNDING_UNITS: u32 = 2;

/// The boxes of `fragment`, with payload offsets of zero.
pub(super) fn moof(fragment: &Fragment, cx: &FragmentContext<'_>) -> Result<Moof, EncodeError> {
    let mut traf = Vec::with_capacity(2);
    if !fragment.video.is_empty() {
        traf.push(video_traf(fragment, cx)?);
    }
    if !fragment.audio.is_empty() {
        traf.push(audio_traf(fragment, cx)?);
    }
    Ok(Moof { mfhd: Mfhd { sequence_number: cx.sequence }, traf })
}

fn video_traf(fragment: &Fragment, cx: &FragmentContext<'_>) -> Result<Traf, EncodeError> {
    let samples = &fragment.video;
    let duration = |i: usize, s: &Sample| match samples.get(i + 1) {
        Some(next) => u32::try_from(next.dts.since(s.dts)).ok(),
        None => Some(fragment.video_last_ticks),
    };
    let first = samples.first().and_then(|s| duration(0, s));
    let even = samples.iter().enumerate().all(|(i, s)| duration(i, s) == first);
    let all_keys = samples.iter().all(|s| s.key);
    let keys_within = !all_keys && samples.iter().skip(1).any(|s| s.key);
    let shifted = samples.iter().any(|s| s.pts != s.dts);
    let mut entries = Vec::with_capacity(samples.len());
    for (i, s) in samples.iter().enumerate() {
        let flags = match (keys_within, s.key) {
            (true, true) => Some(FLAGS_SYNC),
            (true, false) => Some(FLAGS_NON_SYNC),
            (false, key) => (key && i == 0 && !all_keys).then_some(FLAGS_SYNC),
        };
        let offset = i32::try_from(s.pts.since(s.dts)).map_err(|_| time("composition offset", cx, s.dts))?;
        entries.push(TrunEntry {
            duration: if even {
                None
            } else {
                Some(duration(i, s).ok_or_else(|| time("duration", cx, s.dts))?)
            },
            size: Some(size(s, cx)?),
            flags,
            cts: shifted.then_some(offset.into()),
        });
    }
    let default_duration =
        if even { Some(first.ok_or_else(|| time("duration", cx, fragment.start))?) } else { None };
    let default_flags = if all_keys { FLAGS_SYNC } else { FLAGS_NON_SYNC };
    let dts = samples.first().map_or(fragment.start, |s| s.dts);
    let tfdt = u64::try_from(dts.since(cx.segment_start)).map_err(|_| time("decoding time", cx, dts))?;
    Ok(traf(VIDEO_TRACK, tfdt, default_duration, default_flags, entries))
}

fn audio_traf(fragment: &Fragment, cx: &FragmentContext<'_>) -> Result<Traf, EncodeError> {
    let samples = &fragment.audio;
    let rate = i64::from(cx.audio_rate_hz.ok_or_else(|| EncodeError::Unfit {
        what: "sound",
        stream: cx.stream.to_string(),
        why: "the segment's format has none: start a new segment".into(),
    })?);
    let at = |t: Ticks| units(t.since(cx.segment_start), rate).ok_or_else(|| time("decoding time", cx, t));
    let mut entries = Vec::with_capacity(samples.len());
    let (mut shortest, mut longest, mut total) = (u32::MAX, 0, 0_u64);
    for (i, s) in samples.iter().enumerate() {
        let end = match samples.get(i + 1) {
            Some(next) => next.dts,
            None => s.dts.plus(fragment.audio_last_ticks.into()),
        };
        let duration = u32::try_from(at(end)? - at(s.dts)?).map_err(|_| time("duration", cx, s.dts))?;
        (shortest, longest, total) =
            (shortest.min(duration), longest.max(duration), total + u64::from(duration));
        entries.push(TrunEntry {
            duration: Some(duration),
            size: Some(size(s, cx)?),
            flags: None,
            cts: None,
        });
    }
    // A frame of sound lasts the same each time; ticks of 1/90,000 s round it. The next fragment's tfdt is exact.
    let even = longest - shortest.min(longest) <= AUDIO_ROUNDING_UNITS;
    let count = entries.len().max(1) as u64;
    if even {
        entries.iter_mut().for_each(|e| e.duration = None);
    }
    let default_duration = even.then_some(((total + count / 2) / count) as u32);
    let dts = samples.first().map_or(fragment.start, |s| s.dts);
    let tfdt = u64::try_from(at(dts)?).map_err(|_| time("decoding time", cx, dts))?;
    Ok(traf(AUDIO_TRACK, tfdt, default_duration, FLAGS_SYNC, entries))
}

fn traf(
    track_id: u32,
    tfdt: u64,
    default_duration: Option<u32>,
    default_flags: u32,
    mut entries: Vec<TrunEntry>,
) -> Traf {
    // One size for all (G.711): the run needs no sizes of its own.
    let first = entries.first().and_then(|e| e.size);
    let even = entries.len() > 1 && entries.iter().all(|e| e.size == first);
    if even {
        entries.iter_mut().for_each(|e| e.size = None);
    }
    let bare = entries.iter().skip(1).all(|e| *e == TrunEntry::default())
        && entries.first().is_some_and(|e| TrunEntry { flags: None, ..*e } == TrunEntry::default());
    let samples = if bare {
        TrunSamples::Inherited {
            count: entries.len() as u32,
            first_flags: entries.first().and_then(|e| e.flags),
        }
    } else {
        TrunSamples::Explicit(entries)
    };
    Traf {
        tfhd: Tfhd {
            track_id,
            default_sample_duration: default_duration,
            default_sample_size: first.filter(|_| even),
            default_sample_flags: Some(default_flags),
            default_base_is_moof: true,
            ..Tfhd::default()
        },
        tfdt: Some(Tfdt { base_media_decode_time: tfdt }),
        trun: vec![Trun { data_offset: Some(0), samples }],
        ..Traf::default()
    }
}

fn size(sample: &Sample, cx: &FragmentContext<'_>) -> Result<u32, EncodeError> {
    let len = sample.data.len() as u64;
    u32::try_from(len).map_err(|_| too_large("sample", cx, len, FRAGMENT_BYTES_MAX.into()))
}
