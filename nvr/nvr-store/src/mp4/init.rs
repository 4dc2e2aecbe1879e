//! The head of a segment: `ftyp`, `moov` with `mvex`, and our identity box.
//!
//! Promises: any player opens the segment as it stands; the format comes back byte for byte; a flipped bit is found.
//! Leaves to others: fragments (`encode`), sample entries (`entry`).

use super::bytes::{BOX_HEADER_LEN, Cursor, box_header, find_box};
use super::checksum;
use super::encode::EncodeError;
use super::entry::{parse_audio_entry, parse_video_entry};
use super::identity::{SegmentIdentity, set_u32};
use super::moof::{FLAGS_NON_SYNC, FLAGS_SYNC};
use super::trak::{Entries, TrackHead, put_mvhd, put_trak};
use mp4_atom::{BufMut as _, Encode as _, Ftyp, Mvex, Stco, Stsc, Stsz, Stts, Trex};
use nvr_base::{Codec, Format, RunEpoch, StreamId, Ticks};

/// Track id of the picture.
pub const VIDEO_TRACK: u32 = 1;
/// Track id of the sound.
pub const AUDIO_TRACK: u32 = 2;
/// Longest head of a segment, bytes.
pub const INIT_LEN_MAX: usize = 64 * 1024;

/// What a segment's head needs besides its format.
#[derive(Debug, Clone, Copy)]
pub struct InitContext<'a> {
    /// Whose footage.
    pub stream: &'a StreamId,
    /// The run of the recorder that writes it.
    pub run: RunEpoch,
    /// Media time zero: [`super::Fragment::first_dts`] of its first fragment.
    pub segment_start: Ticks,
}

/// The first bytes of a segment of `format`.
///
/// # Errors
/// [`EncodeError`] when the format's parameters fit no box.
pub fn encode_init(format: &Format, cx: &InitContext<'_>) -> Result<Vec<u8>, EncodeError> {
    let mut out = Vec::with_capacity(1024 + format.video.config.len());
    Ftyp {
        major_brand: b"iso6".into(),
        minor_version: 0,
        compatible_brands: vec![b"iso6".into(), b"iso5".into(), b"mp41".into()],
    }
    .encode(&mut out)?;
    put_moov(&mut out, format, cx).map_err(|e| name_stream(e, cx.stream))?;
    let identity = SegmentIdentity {
        stream: cx.stream.clone(),
        run: cx.run,
        start: cx.segment_start,
        reorder_depth: format.video.reorder_depth,
    };
    let hole = identity.put(&mut out);
    if out.len() > INIT_LEN_MAX {
        let (size, max) = (out.len() as u64, INIT_LEN_MAX as u64);
        return Err(EncodeError::TooLarge {
            what: "head of a segment",
            stream: cx.stream.to_string(),
            size,
            max,
        });
    }
    let crc = checksum::around(&out, hole);
    set_u32(&mut out, hole, crc);
    Ok(out)
}

fn name_stream(e: EncodeError, id: &StreamId) -> EncodeError {
    match e {
        EncodeError::Unfit { what, why, .. } => EncodeError::Unfit { what, stream: id.to_string(), why },
        EncodeError::TooLarge { what, size, max, .. } => {
            EncodeError::TooLarge { what, stream: id.to_string(), size, max }
        }
        e => e,
    }
}

fn put_moov(out: &mut Vec<u8>, format: &Format, cx: &InitContext<'_>) -> Result<(), EncodeError> {
    let audio = format.audio.as_slice();
    let video = std::slice::from_ref(&format.video);
    let mut moov = Vec::with_capacity(1024);
    put_mvhd(&mut moov, cx.segment_start, 0, if audio.is_empty() { 1 } else { 2 })?;
    let head = |id, entries| TrackHead {
        id,
        entries,
        movie_duration: 0,
        media_duration: 0,
        edits: None,
        start: cx.segment_start,
    };
    put_trak(&mut moov, &head(VIDEO_TRACK, Entries::Video(video)), put_empty_tables)?;
    let video_flags = if format.video.codec == Codec::Mjpeg { FLAGS_SYNC } else { FLAGS_NON_SYNC };
    let mut trex = vec![trex(VIDEO_TRACK, video_flags)];
    if !audio.is_empty() {
        put_trak(&mut moov, &head(AUDIO_TRACK, Entries::Audio(audio)), put_empty_tables)?;
        trex.push(self::trex(AUDIO_TRACK, FLAGS_SYNC));
    }
    Mvex { mehd: None, trex }.encode(&mut moov)?;
    out.encode_atom(b"moov", |out| moov.as_slice().encode(out))?;
    Ok(())
}

fn trex(track_id: u32, default_sample_flags: u32) -> Trex {
    Trex { track_id, default_sample_description_index: 1, default_sample_flags, ..Trex::default() }
}

fn put_empty_tables(out: &mut Vec<u8>) -> Result<(), mp4_atom::Error> {
    Stts::default().encode(out)?;
    Stsc::default().encode(out)?;
    Stsz::default().encode(out)?;
    Stco::default().encode(out)
}

/// A segment's head, read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Init {
    pub(super) format: Format,
    pub(super) stream: StreamId,
    pub(super) run: RunEpoch,
    pub(super) segment_start: Ticks,
    pub(super) len: u32,
}

/// Why no head was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InitFault {
    /// The bytes given end before it does; at least so many are needed.
    Short(usize),
    /// It is no head of ours, or damaged.
    Damaged(&'static str),
}

/// Reads the head at the beginning of `bytes`.
pub(super) fn parse_init(bytes: &[u8]) -> Result<Init, InitFault> {
    let mut at = 0_usize;
    let mut bodies: [&[u8]; 3] = [&[]; 3];
    for (body, kind) in bodies.iter_mut().zip([b"ftyp", b"moov", b"uuid"]) {
        let header = bytes.get(at..at + BOX_HEADER_LEN).ok_or(InitFault::Short(at + BOX_HEADER_LEN))?;
        let (size, found) =
            box_header(header).ok_or(InitFault::Damaged("a box of the head has an impossible size"))?;
        if found != *kind {
            return Err(InitFault::Damaged("the head is not `ftyp moov uuid`"));
        }
        let end = at.saturating_add(size as usize);
        if end > INIT_LEN_MAX {
            return Err(InitFault::Damaged("the head is longer than any this recorder writes"));
        }
        *body = bytes.get(at + BOX_HEADER_LEN..end).ok_or(InitFault::Short(end))?;
        at = end;
    }
    let [_, moov, uuid] = bodies;
    let (identity, crc) =
        SegmentIdentity::parse(uuid).ok_or(InitFault::Damaged("the segment's identity box is none"))?;
    let whole = bytes.get(..at).unwrap_or_default();
    if checksum::around(whole, at.saturating_sub(4)) != crc {
        return Err(InitFault::Damaged("the head's checksum does not match"));
    }
    let format = parse_moov(moov, identity.reorder_depth)
        .ok_or(InitFault::Damaged("the head describes no known format"))?;
    Ok(Init {
        format,
        stream: identity.stream,
        run: identity.run,
        segment_start: identity.start,
        len: at as u32,
    })
}

fn parse_moov(moov: &[u8], reorder_depth: u8) -> Option<Format> {
    let (mut video, mut audio) = (None, None);
    let mut boxes = Cursor(moov);
    while let Some((kind, trak)) = boxes.next_box() {
        if kind != *b"trak" {
            continue;
        }
        let mdia = find_box(trak, *b"mdia")?;
        // mdhd version 1: flags, two 64-bit times, then the timescale.
        let timescale = Cursor(find_box(mdia, *b"mdhd")?.get(20..)?).u32()?;
        let stsd = find_box(find_box(find_box(mdia, *b"minf")?, *b"stbl")?, *b"stsd")?;
        let (kind, entry) = Cursor(stsd.get(8..)?).next_box()?;
        match find_box(mdia, *b"hdlr")?.get(8..12)? {
            b"vide" => video = Some(parse_video_entry(kind, entry, reorder_depth)?),
            b"soun" => audio = Some(parse_audio_entry(kind, entry, timescale).filter(|a| a.rate_hz > 0)?),
            _ => return None,
        }
    }
    Some(Format { video: video?, audio })
}

#[cfg(test)]
mod tests {
    use super::*;
    use nvr_base::{AudioFormat, StreamKind, VideoFormat};

    fn format(codec: Codec, config: &[u8], audio: Option<(Codec, u32, &[u8])>) -> Format {
        Format {
            video: VideoFormat {
                codec,
                width: 1920,
                height: 1080,
                config: config.to_vec(),
                reorder_depth: 2,
            },
            audio: audio.map(|(codec, rate_hz, config)| AudioFormat {
                codec,
                rate_hz,
                channels: 1,
                config: config.to_vec(),
            }),
        }
    }

    fn check(format: Format, ok: bool) {
        let stream = StreamId::new("gate".parse().unwrap(), StreamKind::Sub);
        let cx = InitContext { stream: &stream, run: RunEpoch(7), segment_start: Ticks(1 << 47) };
        let Ok(bytes) = encode_init(&format, &cx) else { return assert!(!ok, "{format:?}") };
        assert!(ok, "{format:?}");
        let init = parse_init(&bytes).unwrap();
        let len = bytes.len() as u32;
        assert_eq!(
            init,
            Init { format, stream: stream.clone(), run: cx.run, segment_start: cx.segment_start, len }
        );
        for cut in 0..bytes.len() {
            assert!(matches!(parse_init(&bytes[..cut]), Err(InitFault::Short(n)) if n > cut), "cut at {cut}");
        }
        for bit in 0..bytes.len() * 8 {
            let mut bad = bytes.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(parse_init(&bad).is_err(), "bit {bit} flipped");
        }
    }

    #[test]
    fn formats_come_back_and_damage_is_seen() {
        check(format(Codec::H264, b"any record", None), true);
        check(format(Codec::H265, &[1; 40], Some((Codec::Aac, 44_100, &[0x12, 0x10]))), true);
        check(format(Codec::Mjpeg, b"", Some((Codec::Ulaw, 8000, b""))), true);
        check(format(Codec::Mjpeg, b"", Some((Codec::Alaw, 96_000, b""))), true);
        check(format(Codec::Mjpeg, b"x", None), false);
        check(format(Codec::H264, b"", None), false);
        check(format(Codec::Aac, b"", None), false);
        check(format(Codec::H264, &[1; 40_000], None), false);
        check(format(Codec::Mjpeg, b"", Some((Codec::Aac, 8000, b""))), false);
        check(format(Codec::Mjpeg, b"", Some((Codec::Aac, 8000, &[1; 65]))), false);
        check(format(Codec::Mjpeg, b"", Some((Codec::Ulaw, 0, b""))), false);
    }
}
