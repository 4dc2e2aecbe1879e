//! MP4 files as camera footage: `avc1`, `avc3`, `hvc1`, `hev1` and `mp4a` tracks with their own times.
//!
//! Promises: decoding and presentation times as the file has them; damaged tables are an error.
//! Leaves to others: fragmented files (refused with the remedy), edit lists (a constant shift means nothing live).

use crate::h264;
use crate::h265;
use crate::media::{Media, SLOTS_MAX, Slot, Unit};
use mp4_atom::{Atom, Codec as Entry, Decode, Header, Moov, Stbl, StszSamples, Trak};
use nvr_base::{Codec, TICKS_PER_S};

/// Which track of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    Video,
    Audio,
}

/// The first track of that kind.
pub(crate) fn parse(data: &[u8], wanted: Wanted) -> Result<Media, String> {
    let moov = find_moov(data)?;
    for trak in &moov.trak {
        let stbl = &trak.mdia.minf.stbl;
        for entry in &stbl.stsd.codecs {
            let Some((codec, config, nal_length)) = sample_entry(entry) else { continue };
            if (wanted == Wanted::Audio) == (codec == Codec::Aac) {
                return track(data, trak, codec, config, nal_length);
            }
        }
    }
    Err(match wanted {
        Wanted::Video => "it has no H.264 or H.265 track".into(),
        Wanted::Audio => "it has no AAC track".into(),
    })
}

fn find_moov(data: &[u8]) -> Result<Moov, String> {
    let mut rest = data;
    while !rest.is_empty() {
        let mut cursor = rest;
        let header = Header::decode(&mut cursor).map_err(|e| format!("its boxes are damaged: {e}"))?;
        let head = rest.len() - cursor.len();
        let len = header.size.map_or(rest.len(), |body| body.saturating_add(head));
        let boxed = rest.get(..len).ok_or("it is cut short; copy it again")?;
        if header.kind == Moov::KIND {
            let mut boxed = boxed;
            return Moov::decode(&mut boxed).map_err(|e| format!("its `moov` box is damaged: {e}"));
        }
        rest = rest.get(len..).unwrap_or_default();
    }
    Err("it has no `moov` box; copy it with `ffmpeg -c copy` first".into())
}

/// Codec, parameter sets and bytes of a NAL length.
fn sample_entry(entry: &Entry) -> Option<(Codec, Vec<Vec<u8>>, usize)> {
    let avc = |c: &mp4_atom::Avcc| {
        let sets = c.sequence_parameter_sets.iter().chain(&c.picture_parameter_sets).cloned().collect();
        (Codec::H264, sets, usize::from(c.length_size))
    };
    let hevc = |c: &mp4_atom::Hvcc| {
        let mut arrays: Vec<_> = c.arrays.iter().filter(|a| (32..=34).contains(&a.nal_unit_type)).collect();
        arrays.sort_by_key(|a| a.nal_unit_type);
        let sets = arrays.iter().flat_map(|a| a.nalus.iter().cloned()).collect();
        (Codec::H265, sets, usize::from(c.length_size_minus_one) + 1)
    };
    match entry {
        Entry::Avc1(e) => Some(avc(&e.avcc)),
        Entry::Avc3(e) => Some(avc(&e.avcc)),
        Entry::Hvc1(e) => Some(hevc(&e.hvcc)),
        Entry::Hev1(e) => Some(hevc(&e.hvcc)),
        Entry::Mp4a(e) => {
            let asc = e.esds.es_desc.dec_config.dec_specific.as_ref()?.raw.clone();
            (!asc.is_empty()).then(|| (Codec::Aac, vec![asc], 0))
        }
        _ => None,
    }
}

fn track(
    data: &[u8],
    trak: &Trak,
    codec: Codec,
    config: Vec<Vec<u8>>,
    nal_length: usize,
) -> Result<Media, String> {
    let stbl = &trak.mdia.minf.stbl;
    let ranges = sample_ranges(stbl)?;
    if ranges.is_empty() {
        return Err(
            "its track has no samples (a fragmented file?); copy it with `ffmpeg -c copy` first".into()
        );
    }
    let scale = trak.mdia.mdhd.timescale.max(1);
    let clock_hz = if codec == Codec::Aac { scale } else { TICKS_PER_S as u32 };
    let to_clock = |t: i64| (i128::from(t) * i128::from(clock_hz) / i128::from(scale)) as i64;
    let mut deltas =
        stbl.stts.entries.iter().flat_map(|e| std::iter::repeat_n(e.sample_delta, e.sample_count as usize));
    let mut offsets = stbl
        .ctts
        .iter()
        .flat_map(|c| &c.entries)
        .flat_map(|e| std::iter::repeat_n(e.sample_offset, e.sample_count as usize));
    let key_kind = |part: &Vec<u8>| match codec {
        Codec::H264 => h264::kind(part) == 5,
        Codec::H265 => (16..=23).contains(&h265::kind(part)),
        _ => true,
    };
    let (mut units, mut slots, mut at) = (Vec::new(), Vec::new(), 0i64);
    for (unit, (offset, size)) in ranges.iter().enumerate() {
        let bytes = usize::try_from(*offset)
            .ok()
            .and_then(|o| data.get(o..o.checked_add(*size)?))
            .ok_or_else(|| format!("sample {unit} lies outside the file; copy it again"))?;
        let parts =
            if codec == Codec::Aac { vec![bytes.to_vec()] } else { split(bytes, nal_length, codec, unit)? };
        let key = parts.iter().any(key_kind);
        units.push(Unit { parts, key });
        let pts = at.saturating_add(offsets.next().unwrap_or(0));
        slots.push(Slot { unit, dts: to_clock(at), pts: to_clock(pts) });
        let delta = deltas.next().ok_or("its table of times (`stts`) is too short; copy it again")?;
        at = at.saturating_add(i64::from(delta.max(1)));
    }
    let size = config.iter().find_map(|s| match codec {
        Codec::H264 if h264::kind(s) == 7 => h264::Sps::parse(s).map(|f| (f.width, f.height)),
        Codec::H265 if h265::kind(s) == 33 => h265::Sps::parse(s).map(|f| (f.width, f.height)),
        _ => None,
    });
    let channels = if codec == Codec::Aac { channels(&config) } else { 0 };
    Media { codec, clock_hz, channels, config, size, units, slots, loop_ticks: to_clock(at).max(1) }
        .start_at_key()
}

/// Channel configuration of an AudioSpecificConfig (ISO/IEC 14496-3 §1.6.2.1), 2 when it says nothing.
fn channels(config: &[Vec<u8>]) -> u16 {
    match config.first().and_then(|c| c.get(1)).map_or(0, |b| b >> 3 & 15) {
        0 => 2,
        n => u16::from(n),
    }
}

fn split(bytes: &[u8], nal_length: usize, codec: Codec, sample: usize) -> Result<Vec<Vec<u8>>, String> {
    let damaged = || format!("NAL lengths of sample {sample} are damaged; copy it again");
    let (mut rest, mut out) = (bytes, Vec::new());
    while !rest.is_empty() {
        let (head, body) = rest.split_at_checked(nal_length.clamp(1, 4)).ok_or_else(damaged)?;
        let len = head.iter().fold(0usize, |v, b| v << 8 | usize::from(*b));
        let (nal, next) = body.split_at_checked(len).ok_or_else(damaged)?;
        let delimiter = if codec == Codec::H264 { h264::kind(nal) == 9 } else { h265::kind(nal) == 35 };
        if nal.len() >= 2 && !delimiter {
            out.push(nal.to_vec());
        }
        rest = next;
    }
    if out.is_empty() { Err(format!("sample {sample} is empty; copy it again")) } else { Ok(out) }
}

/// Offset and size of each sample (ISO/IEC 14496-12 §8.7).
fn sample_ranges(stbl: &Stbl) -> Result<Vec<(u64, usize)>, String> {
    let sizes: Vec<usize> = match &stbl.stsz.samples {
        StszSamples::Identical { count, size } if *count as usize <= SLOTS_MAX => {
            vec![*size as usize; *count as usize]
        }
        StszSamples::Different { sizes } if sizes.len() <= SLOTS_MAX => {
            sizes.iter().map(|s| *s as usize).collect()
        }
        _ => return Err(format!("more than {SLOTS_MAX} samples; use a shorter file")),
    };
    let chunks: Vec<u64> = match (&stbl.stco, &stbl.co64) {
        (Some(c), _) => c.entries.iter().map(|o| u64::from(*o)).collect(),
        (None, Some(c)) => c.entries.clone(),
        (None, None) => Vec::new(),
    };
    let mut sizes = sizes.into_iter();
    let mut out = Vec::new();
    let mut runs = stbl.stsc.entries.iter().peekable();
    let mut per_chunk = 0;
    for (i, chunk) in chunks.iter().enumerate() {
        while let Some(run) = runs.next_if(|r| r.first_chunk as usize <= i + 1) {
            per_chunk = run.samples_per_chunk as usize;
        }
        let mut at = *chunk;
        for size in sizes.by_ref().take(per_chunk) {
            out.push((at, size));
            at = at.saturating_add(size as u64);
        }
    }
    if sizes.next().is_some() {
        Err("its table of chunks is too short; copy it again".into())
    } else {
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mp4_atom::{Stco, Stsc, StscEntry, Stsz};

    fn check_ranges(chunks: &[u32], runs: &[(u32, u32)], sizes: &[u32], expected: Option<&[(u64, usize)]>) {
        let stbl = Stbl {
            stsz: Stsz { samples: StszSamples::Different { sizes: sizes.to_vec() } },
            stsc: Stsc {
                entries: runs
                    .iter()
                    .map(|&(first_chunk, samples_per_chunk)| StscEntry {
                        first_chunk,
                        samples_per_chunk,
                        sample_description_index: 1,
                    })
                    .collect(),
            },
            stco: Some(Stco { entries: chunks.to_vec() }),
            ..Stbl::default()
        };
        assert_eq!(sample_ranges(&stbl).ok().as_deref(), expected);
    }

    #[test]
    fn ranges() {
        check_ranges(&[], &[], &[], Some(&[]));
        check_ranges(&[100, 500], &[(1, 2), (2, 1)], &[10, 20, 30], Some(&[(100, 10), (110, 20), (500, 30)]));
        check_ranges(&[100], &[(1, 1)], &[10, 20], None);
    }

    #[test]
    fn hostile_files() {
        for bad in [&b""[..], b"\0\0\0\x08moov", b"\0\0\0\x10moov", b"\xff\xff\xff\xffmoov", b"abc"] {
            assert!(parse(bad, Wanted::Video).is_err(), "{bad:?}");
        }
        let split_of = |b: &[u8]| split(b, 4, Codec::H264, 0);
        assert_eq!(split_of(&[0, 0, 0, 2, 0x65, 1]), Ok(vec![vec![0x65, 1]]));
        assert!(split_of(&[0, 0, 0, 3, 0x65, 1]).is_err());
        assert!(split_of(&[0, 0]).is_err());
    }
}
