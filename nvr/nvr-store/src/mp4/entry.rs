//! Sample entries: the parameters a decoder needs, as boxes and back.
//!
//! Promises: a codec's configuration record goes in and comes out byte for byte.
//! Leaves to others: making the records (`nvr-ingest`), the boxes around them (`trak`).
//!
//! mp4-atom decodes and re-encodes `avcC`, `hvcC` and `esds` and loses what it does not model (AAC configurations
//! beyond three fields, trailing bytes), and has no `ulaw` and `alaw`: their records are written as bytes here.

use super::bytes::{Cursor, Kind, find_box};
use super::encode::EncodeError;
use mp4_atom::{Audio, BufMut as _, Encode as _, Visual};
use nvr_base::{AudioFormat, Codec, VideoFormat};

/// Longest configuration record of a video codec, bytes.
pub const CONFIG_LEN_MAX: usize = 32 * 1024;
/// Longest AudioSpecificConfig, bytes: every descriptor length around it is one byte.
pub const AAC_CONFIG_LEN_MAX: usize = 64;

/// Fields of a visual sample entry before its boxes (ISO/IEC 14496-12 §12.1.3), bytes.
const VISUAL_LEN: usize = 78;
/// Fields of an audio sample entry before its boxes (§12.2.3), bytes.
const AUDIO_LEN: usize = 28;

fn unfit(what: &'static str, why: String) -> EncodeError {
    EncodeError::Unfit { what, stream: "a stream".into(), why }
}

/// Appends the sample entry of `format`: `avc1` or `hvc1`/`hev1` (ISO/IEC 14496-15 §5.4.2, §8.4.1), `jpeg` (QuickTime).
pub(super) fn put_video_entry(out: &mut Vec<u8>, format: &VideoFormat) -> Result<(), EncodeError> {
    if format.config.len() > CONFIG_LEN_MAX {
        let (size, max) = (format.config.len() as u64, CONFIG_LEN_MAX as u64);
        return Err(EncodeError::TooLarge {
            what: "video configuration",
            stream: "a stream".into(),
            size,
            max,
        });
    }
    let (kind, record): (&Kind, Option<&Kind>) = match format.codec {
        Codec::H264 => (b"avc1", Some(b"avcC")),
        Codec::H265 if sets_complete(&format.config) => (b"hvc1", Some(b"hvcC")),
        Codec::H265 => (b"hev1", Some(b"hvcC")),
        Codec::Mjpeg => (b"jpeg", None),
        other => return Err(unfit("video", format!("{other:?} is a codec of sound"))),
    };
    if record.is_some() == format.config.is_empty() {
        return Err(unfit(
            "video",
            format!("{:?} with a configuration of {} bytes", format.codec, format.config.len()),
        ));
    }
    let visual =
        Visual { data_reference_index: 1, width: format.width, height: format.height, ..Visual::default() };
    out.encode_atom(kind, |out| {
        visual.encode(out)?;
        match record {
            Some(record) => out.encode_atom(record, |out| format.config.as_slice().encode(out)),
            None => Ok(()),
        }
    })?;
    Ok(())
}

/// Whether an `hvcC` says that no parameter sets come in the samples (`array_completeness`, ISO/IEC 14496-15
/// §8.3.3.1): only then `hvc1` is the right name.
fn sets_complete(hvcc: &[u8]) -> bool {
    let mut c = Cursor(hvcc);
    let arrays = c.take(22).and_then(|_| c.u8()).unwrap_or(0);
    (0..arrays).all(|_| {
        let complete = c.u8().is_some_and(|b| b & 0x80 != 0);
        let nals = c.u16().unwrap_or(0);
        for _ in 0..nals {
            let len = c.u16().unwrap_or(0);
            if c.take(len.into()).is_none() {
                return false;
            }
        }
        complete
    })
}

/// Appends the sample entry of `format`: `mp4a` with `esds` (ISO/IEC 14496-14 §5.6), `ulaw`, `alaw` (QuickTime).
pub(super) fn put_audio_entry(out: &mut Vec<u8>, format: &AudioFormat) -> Result<(), EncodeError> {
    let kind: &Kind = match format.codec {
        Codec::Aac => b"mp4a",
        Codec::Ulaw => b"ulaw",
        Codec::Alaw => b"alaw",
        other => return Err(unfit("sound", format!("{other:?} is a codec of pictures"))),
    };
    let aac = format.codec == Codec::Aac;
    if aac == format.config.is_empty() || format.config.len() > AAC_CONFIG_LEN_MAX {
        return Err(unfit(
            "sound",
            format!("{:?} with a configuration of {} bytes", format.codec, format.config.len()),
        ));
    }
    if format.rate_hz == 0 {
        return Err(unfit("sound", "its rate is 0 Hz".into()));
    }
    let audio = Audio {
        data_reference_index: 1,
        channel_count: format.channels,
        sample_size: 16,
        // A rate that does not fit 16 bits stands in mdhd alone, as players expect.
        sample_rate: u16::try_from(format.rate_hz).unwrap_or(0).into(),
    };
    out.encode_atom(kind, |out| {
        audio.encode(out)?;
        if aac { out.encode_atom(b"esds", |out| esds(&format.config).encode(out)) } else { Ok(()) }
    })?;
    Ok(())
}

/// Body of an `esds`: ES descriptor (tag 3), decoder configuration (4: MPEG-4 audio, audio stream), its specific
/// info (5), synchronisation layer (6: MP4); ISO/IEC 14496-1 §7.2.6.
fn esds(config: &[u8]) -> Vec<u8> {
    let len = config.len() as u8; // At most AAC_CONFIG_LEN_MAX.
    let mut out = vec![
        0,
        0,
        0,
        0,
        3,
        len + 23,
        0,
        0,
        0,
        4,
        len + 15,
        0x40,
        0x15,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        5,
        len,
    ];
    out.extend_from_slice(config);
    out.extend_from_slice(&[6, 1, 2]);
    out
}

/// Reads a video sample entry as written by [`put_video_entry`].
pub(super) fn parse_video_entry(kind: Kind, body: &[u8], reorder_depth: u8) -> Option<VideoFormat> {
    let (codec, record): (_, Option<Kind>) = match &kind {
        b"avc1" => (Codec::H264, Some(*b"avcC")),
        b"hvc1" | b"hev1" => (Codec::H265, Some(*b"hvcC")),
        b"jpeg" => (Codec::Mjpeg, None),
        _ => return None,
    };
    let (mut fields, boxes) = body.split_at_checked(VISUAL_LEN).map(|(f, b)| (Cursor(f), b))?;
    fields.take(24)?;
    let (width, height) = (fields.u16()?, fields.u16()?);
    let config = match record {
        Some(record) => find_box(boxes, record)?.to_vec(),
        None => Vec::new(),
    };
    Some(VideoFormat { codec, width, height, config, reorder_depth })
}

/// Reads an audio sample entry as written by [`put_audio_entry`]; the rate is the track's timescale.
pub(super) fn parse_audio_entry(kind: Kind, body: &[u8], rate_hz: u32) -> Option<AudioFormat> {
    let codec = match &kind {
        b"mp4a" => Codec::Aac,
        b"ulaw" => Codec::Ulaw,
        b"alaw" => Codec::Alaw,
        _ => return None,
    };
    let (mut fields, boxes) = body.split_at_checked(AUDIO_LEN).map(|(f, b)| (Cursor(f), b))?;
    fields.take(16)?;
    let channels = fields.u16()?;
    let config = if codec == Codec::Aac {
        let mut c = Cursor(find_box(boxes, *b"esds")?);
        c.take(24)?;
        let (tag, len) = (c.u8()?, c.u8()?);
        if tag != 5 {
            return None;
        }
        c.take(len.into())?.to_vec()
    } else {
        Vec::new()
    };
    Some(AudioFormat { codec, rate_hz, channels, config })
}
