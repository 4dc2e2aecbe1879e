//! The samples of a fragment in a file: where they lie and when they are shown.
//!
//! Promises: reads the header only; never more than its named limits, whatever the bytes say; every sample lies
//! inside its fragment.
//! Leaves to others: finding fragments (`scan`), reading payload.

use super::bytes::Cursor;
use super::encode::FRAGMENT_HEADER_LEN_MAX;
use super::fragment::FragmentInfo;
use super::fragmenter::FRAGMENT_SAMPLES_MAX;
use super::header::parse_header;
use super::init::{AUDIO_TRACK, VIDEO_TRACK};
use super::moof::FLAG_IS_NON_SYNC;
use super::read::ReadAt;
use super::scan::{ScanError, SegmentScan};
use mp4_atom::{Atom as _, Tfdt, Tfhd, Trun};
use nvr_base::{TICKS_PER_S, Ticks, Track};

/// One sample of a segment file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SampleRef {
    /// Picture or sound.
    pub track: Track,
    /// Where its bytes begin in the file.
    pub offset: u64,
    /// How many there are.
    pub size: u32,
    /// Presentation time.
    pub pts: Ticks,
    /// Decoding time.
    pub dts: Ticks,
    /// Duration, ticks.
    pub duration_ticks: u32,
    /// A decoder can start here.
    pub key: bool,
}

/// The samples of `fragment` of the segment `scan`: pictures in decoding order, then sound.
///
/// # Errors
/// [`ScanError::Io`] when the header cannot be read, [`ScanError::Damaged`] when it makes no sense or is not the
/// one that was scanned.
pub fn samples(
    file: &dyn ReadAt,
    scan: &SegmentScan,
    fragment: &FragmentInfo,
) -> Result<Vec<SampleRef>, ScanError> {
    let offset = fragment.offset;
    let mut bytes = vec![0; fragment.header_len.min(FRAGMENT_HEADER_LEN_MAX) as usize];
    file.read_exact_at(&mut bytes, offset).map_err(|source| ScanError::Io { offset, source })?;
    let damaged = |what| ScanError::Damaged { offset, what };
    let header =
        parse_header(&bytes, &scan.stream).map_err(|_| damaged("a fragment's header makes no sense"))?;
    if header.info(offset) != *fragment {
        return Err(damaged("the fragment is not the one that was scanned"));
    }
    let audio_rate = scan.format.audio.as_ref().map(|a| a.rate_hz);
    let samples = parse_moof(header.moof, scan.segment_start, audio_rate, fragment)
        .ok_or_else(|| damaged("a fragment's `moof` makes no sense"))?;
    let count = |track| samples.iter().filter(|s| s.track == track).count();
    if count(Track::Video) != usize::from(fragment.video_samples)
        || count(Track::Audio) != usize::from(fragment.audio_samples)
    {
        return Err(damaged("a fragment's `moof` and identity disagree"));
    }
    Ok(samples)
}

fn parse_moof(
    moof: &[u8],
    segment_start: Ticks,
    audio_rate: Option<u32>,
    fragment: &FragmentInfo,
) -> Option<Vec<SampleRef>> {
    let mut samples = Vec::with_capacity(
        (usize::from(fragment.video_samples) + usize::from(fragment.audio_samples)).min(FRAGMENT_SAMPLES_MAX),
    );
    let mut boxes = Cursor(moof);
    while let Some((kind, body)) = boxes.next_box() {
        match &kind {
            b"mfhd" => {}
            b"traf" => parse_traf(body, segment_start, audio_rate, fragment, &mut samples)?,
            _ => return None,
        }
    }
    boxes.0.is_empty().then_some(samples)
}

fn parse_traf(
    traf: &[u8],
    segment_start: Ticks,
    audio_rate: Option<u32>,
    fragment: &FragmentInfo,
    samples: &mut Vec<SampleRef>,
) -> Option<()> {
    let mut c = Cursor(traf);
    let [tfhd, tfdt, trun] = [b"tfhd", b"tfdt", b"trun"].map(|kind| {
        let (found, body) = c.next_box()?;
        (found == *kind).then_some(body)
    });
    let (mut tfhd, mut tfdt, mut trun) = (tfhd?, tfdt?, trun?);
    // Version, flags, then the count: it is refused before anything is decoded by it.
    let count = Cursor(trun.get(4..)?).u32()? as usize;
    if !c.0.is_empty() || samples.len().saturating_add(count) > FRAGMENT_SAMPLES_MAX {
        return None;
    }
    let tfhd = Tfhd::decode_body(&mut tfhd).ok()?;
    let mut dts = Tfdt::decode_body(&mut tfdt).ok()?.base_media_decode_time;
    let trun = Trun::decode_body(&mut trun).ok()?;
    let (track, rate) = match tfhd.track_id {
        VIDEO_TRACK => (Track::Video, TICKS_PER_S),
        AUDIO_TRACK => (Track::Audio, i64::from(audio_rate?)),
        _ => return None,
    };
    let mut at = u64::from(fragment.moof_at).checked_add_signed(trun.data_offset?.into())?;
    for entry in trun.samples.iter() {
        let size = entry.size.or(tfhd.default_sample_size)?;
        let duration = entry.duration.or(tfhd.default_sample_duration)?;
        let flags = entry.flags.or(tfhd.default_sample_flags)?;
        let end = at.checked_add(size.into())?;
        if at < fragment.header_len.into() || end > fragment.len.into() {
            return None;
        }
        let from = ticks(dts, rate)?;
        let next = dts.checked_add(duration.into())?;
        let decoded = segment_start.plus(from);
        samples.push(SampleRef {
            track,
            offset: fragment.offset.checked_add(at)?,
            size,
            pts: decoded.plus(entry.cts.unwrap_or(0)),
            dts: decoded,
            duration_ticks: u32::try_from(ticks(next, rate)? - from).ok()?,
            key: flags & FLAG_IS_NON_SYNC == 0,
        });
        (at, dts) = (end, next);
    }
    Some(())
}

/// `units` of `rate` a second in ticks, to the nearest.
fn ticks(units: u64, rate: i64) -> Option<i64> {
    let whole = i128::from(units) * i128::from(TICKS_PER_S);
    i64::try_from((whole + i128::from(rate) / 2).checked_div(rate.into())?).ok()
}
