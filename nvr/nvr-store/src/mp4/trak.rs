//! The boxes around a track's sample table, the same in segments and in exports.
//!
//! Promises: what every player expects of a self-contained ISO base media track (ISO/IEC 14496-12 §8.3 to §8.7).
//! Leaves to others: the sample entries (`entry`), the tables (`init`: empty; `table`: full).

use super::encode::EncodeError;
use super::entry::{put_audio_entry, put_video_entry};
use mp4_atom::{BufMut as _, Dinf, Dref, Edts, Elst, Encode as _, Hdlr, Mdhd, Mvhd, Smhd, Tkhd, Url, Vmhd};
use nvr_base::{AudioFormat, TICKS_PER_S, Ticks, VideoFormat};

/// Seconds from 1904, where the times of `mvhd` begin, to 1970.
const MP4_EPOCH_S: i64 = 2_082_844_800;

/// What a track's boxes hold besides tables.
pub(super) struct TrackHead<'a> {
    pub(super) id: u32,
    pub(super) entries: Entries<'a>,
    /// Duration in the movie, ticks; 0 in a segment.
    pub(super) movie_duration: u64,
    /// Duration of the media, units of its timescale; 0 in a segment.
    pub(super) media_duration: u64,
    /// Which part of the media is shown, and when.
    pub(super) edits: Option<Elst>,
    /// When it begins.
    pub(super) start: Ticks,
}

/// Sample entries of a track; never empty.
pub(super) enum Entries<'a> {
    Video(&'a [VideoFormat]),
    Audio(&'a [AudioFormat]),
}

fn creation_time(start: Ticks) -> u64 {
    u64::try_from(start.0.div_euclid(TICKS_PER_S) + MP4_EPOCH_S).unwrap_or(0)
}

/// Appends `mvhd` of a movie of `tracks` tracks; its timescale is that of [`Ticks`].
pub(super) fn put_mvhd(
    out: &mut Vec<u8>,
    start: Ticks,
    duration: u64,
    tracks: u32,
) -> Result<(), EncodeError> {
    let time = creation_time(start);
    Mvhd {
        creation_time: time,
        modification_time: time,
        timescale: TICKS_PER_S as u32,
        duration,
        rate: 1.into(),
        volume: 1.into(),
        matrix: Default::default(),
        next_track_id: tracks + 1,
    }
    .encode(out)?;
    Ok(())
}

/// Appends `trak`; `tables` appends what follows `stsd` in `stbl`.
pub(super) fn put_trak(
    out: &mut Vec<u8>,
    head: &TrackHead<'_>,
    tables: impl FnOnce(&mut Vec<u8>) -> Result<(), mp4_atom::Error>,
) -> Result<(), EncodeError> {
    let mut stsd = 0_u32.to_be_bytes().to_vec();
    let (timescale, handler, name, width, height) = match head.entries {
        Entries::Video(formats) => {
            stsd.extend_from_slice(&(formats.len() as u32).to_be_bytes());
            for format in formats {
                put_video_entry(&mut stsd, format)?;
            }
            let width = formats.iter().map(|f| f.width).max().unwrap_or(0);
            let height = formats.iter().map(|f| f.height).max().unwrap_or(0);
            (TICKS_PER_S as u32, b"vide", "VideoHandler", width, height)
        }
        Entries::Audio(formats) => {
            stsd.extend_from_slice(&(formats.len() as u32).to_be_bytes());
            for format in formats {
                put_audio_entry(&mut stsd, format)?;
            }
            (formats.first().map_or(1, |f| f.rate_hz), b"soun", "SoundHandler", 0, 0)
        }
    };
    let time = creation_time(head.start);
    let video = handler == b"vide";
    out.encode_atom(b"trak", |out| {
        Tkhd {
            creation_time: time,
            modification_time: time,
            track_id: head.id,
            duration: head.movie_duration,
            alternate_group: if video { 0 } else { 1 },
            enabled: true,
            in_movie: true,
            volume: if video { 0.into() } else { 1.into() },
            width: width.into(),
            height: height.into(),
            ..Tkhd::default()
        }
        .encode(out)?;
        if let Some(elst) = &head.edits {
            Edts { elst: Some(elst.clone()) }.encode(out)?;
        }
        out.encode_atom(b"mdia", |out| {
            Mdhd {
                creation_time: time,
                modification_time: time,
                timescale,
                duration: head.media_duration,
                language: "und".into(),
            }
            .encode(out)?;
            Hdlr { handler: handler.into(), name: name.into() }.encode(out)?;
            out.encode_atom(b"minf", |out| {
                if video {
                    Vmhd::default().encode(out)?
                } else {
                    Smhd::default().encode(out)?
                }
                Dinf { dref: Dref { entries: vec![Url::default().into()] } }.encode(out)?;
                out.encode_atom(b"stbl", |out| {
                    out.encode_atom(b"stsd", |out| stsd.as_slice().encode(out))?;
                    tables(out)
                })
            })
        })
    })?;
    Ok(())
}
