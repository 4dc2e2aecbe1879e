//! One plain MP4 file while its samples are gathered: tables, edits, payload ranges; then its header.
//!
//! Promises: `moov` before `mdat`, every offset right at the first writing.
//! Leaves to others: which samples (`plan`), the tables' encoding (`table`).

use super::encode::{EncodeError, units};
use super::export::{Chunk, ExportFile};
use super::init::{AUDIO_TRACK, VIDEO_TRACK};
use super::samples::SampleRef;
use super::sets::parameter_sets;
use super::table::Tables;
use super::trak::{Entries, TrackHead, put_mvhd, put_trak};
use mp4_atom::{BufMut as _, Elst, ElstEntry, Encode as _, Ftyp};
use nvr_base::{AudioFormat, Format, TICKS_PER_S, Ticks, VideoFormat};
use std::sync::Arc;

/// A difference of sound to its place by the clock that is left alone, ticks: 20 ms, below what is heard or seen.
const SOUND_SLACK_TICKS: i64 = TICKS_PER_S / 50;

/// A part of the media that is shown, in media ticks from the first picture's decoding.
#[derive(Debug, Clone, Copy)]
struct Edit {
    from: i64,
    to: i64,
}

impl Edit {
    fn ticks(&self) -> i64 {
        self.to.saturating_sub(self.from).max(0)
    }
}

/// A file being gathered.
#[derive(Debug, Default)]
pub(super) struct Movie {
    video_formats: Vec<VideoFormat>,
    audio_formats: Vec<AudioFormat>,
    video: Tables,
    audio: Tables,
    chunks: Vec<Chunk>,
    payload: u64,
    edits: Vec<Edit>,
    /// Absolute time minus media time of the current run.
    media_zero: i64,
    /// Presentation time minus media time, in the current edit.
    shown_shift: i64,
    video_entry: u32,
    /// Parameter sets of the current run: they go before its key frames once the file holds two sorts.
    sets: Arc<[u8]>,
    audio_entry: u32,
    /// The last picture: decoding time, and its own duration.
    last: Option<(Ticks, i64)>,
    /// Media time of the last picture.
    last_media: i64,
    /// Presentation time of the first sound, ticks; the sum and the last of the durations, units.
    sound: Option<(i64, i64, i64)>,
    from: Ticks,
    to: Ticks,
    frames: u64,
}

impl Movie {
    /// Whether a run of `format` can go into this file: the same codecs, and one rate of sound.
    pub(super) fn takes(&self, format: &Format) -> bool {
        let video = self.video_formats.first().is_none_or(|v| v.codec == format.video.codec);
        let audio = match (self.audio_formats.first(), &format.audio) {
            (Some(ours), Some(theirs)) => ours.codec == theirs.codec && ours.rate_hz == theirs.rate_hz,
            _ => true,
        };
        video && audio
    }

    /// A run begins with a key frame decoded at `dts` and shown at `key_pts`; what is shown of it begins at `from`.
    pub(super) fn begin_run(&mut self, format: &Format, dts: Ticks, key_pts: Ticks, from: Ticks) {
        self.video_entry = entry(&mut self.video_formats, &format.video);
        self.sets = parameter_sets(&format.video).into();
        if let Some(audio) = &format.audio {
            self.audio_entry = entry(&mut self.audio_formats, audio);
        }
        if let Some((_, own)) = self.last.take() {
            self.end_picture(own);
        } else {
            self.from = from;
        }
        self.media_zero = dts.0.saturating_sub(self.last_media);
        let media = from.0.saturating_sub(self.media_zero);
        let shown: i64 = self.edits.iter().map(Edit::ticks).fold(0, i64::saturating_add);
        match self.edits.last_mut() {
            // Nothing to hide: the part shown goes on, over the few milliseconds by which the runs' delays differ.
            Some(edit) if from <= key_pts => edit.to = edit.to.max(media),
            _ => {
                self.edits.push(Edit { from: media, to: media });
                self.shown_shift = shown.saturating_sub(media);
            }
        }
    }

    fn end_picture(&mut self, duration: i64) {
        let duration = duration.clamp(1, u32::MAX.into());
        self.video.duration(duration as u32);
        self.last_media += duration;
    }

    /// Adds a picture of the current run.
    pub(super) fn picture(&mut self, segment: usize, s: &SampleRef, shown: bool) {
        if let Some((dts, own)) = self.last {
            let told = s.dts.since(dts);
            self.end_picture(if told > 0 { told } else { own });
        }
        self.last = Some((s.dts, s.duration_ticks.max(1).into()));
        let mut size = s.size;
        let before = self.payload;
        if s.key && self.video_formats.len() > 1 && !self.sets.is_empty() {
            size = size.saturating_add(self.sets.len() as u32);
            self.payload += self.sets.len() as u64;
            self.chunks.push(Chunk::Inline(self.sets.clone()));
        }
        self.payload_range(segment, s);
        self.video.sample(before, size, self.video_entry, s.pts.since(s.dts), s.key);
        if shown {
            self.frames += 1;
            let end = s.pts.plus(s.duration_ticks.max(1).into());
            self.to = if self.frames == 1 { end } else { self.to.max(end) };
            let media = end.0.saturating_sub(self.media_zero);
            if let Some(edit) = self.edits.last_mut() {
                edit.to = edit.to.max(media);
            }
        }
    }

    /// Lengthens the last picture by one that is left out.
    pub(super) fn skip_picture(&mut self, s: &SampleRef) {
        if let Some((dts, own)) = &mut self.last {
            *own = s.dts.plus(s.duration_ticks.into()).since(*dts).max(*own);
        }
    }

    /// Adds sound of the current run, at its place by the clock; what overlaps sound already there is left out.
    pub(super) fn sound(&mut self, segment: usize, s: &SampleRef) {
        let Some(rate) = self.audio_formats.first().map(|a| i64::from(a.rate_hz)) else { return };
        let shown = s.pts.0.saturating_sub(self.media_zero).saturating_add(self.shown_shift);
        let own = units(s.duration_ticks.into(), rate).unwrap_or(0).clamp(1, u32::MAX.into());
        if let Some((first, sum, last)) = &mut self.sound {
            let hole = shown
                .saturating_sub(*first)
                .saturating_sub(sum.saturating_add(*last).saturating_mul(TICKS_PER_S) / rate);
            if hole < -SOUND_SLACK_TICKS {
                return;
            }
            let stretch = if hole > SOUND_SLACK_TICKS { units(hole, rate).unwrap_or(0) } else { 0 };
            let duration = last.saturating_add(stretch).clamp(1, u32::MAX.into());
            self.audio.duration(duration as u32);
            (*sum, *last) = (sum.saturating_add(duration), own);
        } else {
            self.sound = Some((shown, 0, own));
        }
        let at = self.payload_range(segment, s);
        self.audio.sample(at, s.size, self.audio_entry, 0, true);
    }

    fn payload_range(&mut self, segment: usize, s: &SampleRef) -> u64 {
        let (at, size) = (self.payload, u64::from(s.size));
        self.payload += size;
        match self.chunks.last_mut() {
            Some(Chunk::Segment { segment: last, offset, len })
                if *last == segment && *offset + *len == s.offset =>
            {
                *len += size;
            }
            _ => self.chunks.push(Chunk::Segment { segment, offset: s.offset, len: size }),
        }
        at
    }

    /// When the last shown picture ends.
    pub(super) fn shown_end(&self) -> Ticks {
        self.to
    }

    /// Samples of both tracks.
    pub(super) fn samples(&self) -> u64 {
        u64::from(self.video.count()) + u64::from(self.audio.count())
    }

    /// No more samples: the file as it will be written.
    pub(super) fn finish(mut self) -> Result<ExportFile, EncodeError> {
        if let Some((_, own)) = self.last.take() {
            self.end_picture(own);
        }
        if let Some((_, _, last)) = self.sound {
            self.audio.duration(last as u32); // Clamped when it was set.
        }
        self.video.finish();
        self.audio.finish();
        let mut out = Vec::new();
        Ftyp {
            major_brand: b"isom".into(),
            minor_version: 512,
            compatible_brands: vec![b"isom".into(), b"iso2".into(), b"mp41".into()],
        }
        .encode(&mut out)?;
        // The length of the header does not depend on the offsets in it: written twice, right the second time.
        let ftyp_len = out.len();
        let wide_mdat = self.payload > u64::from(u32::MAX) - 8;
        let mdat_header = if wide_mdat { 16 } else { 8 };
        self.put_moov(&mut out, 0, false)?;
        let wide = out.len() as u64 + mdat_header + self.payload > u64::from(u32::MAX);
        out.truncate(ftyp_len);
        self.put_moov(&mut out, 0, wide)?;
        let payload_at = out.len() as u64 + mdat_header;
        out.truncate(ftyp_len);
        self.put_moov(&mut out, payload_at, wide)?;
        // mp4-atom writes mdat only with its payload in memory.
        if wide_mdat {
            out.extend_from_slice(b"\0\0\0\x01mdat");
            out.extend_from_slice(&(self.payload + 16).to_be_bytes());
        } else {
            out.extend_from_slice(&(self.payload as u32 + 8).to_be_bytes());
            out.extend_from_slice(b"mdat");
        }
        Ok(ExportFile {
            bytes: out.len() as u64 + self.payload,
            header: out,
            chunks: self.chunks,
            from: self.from,
            to: self.to,
            frames: self.frames,
        })
    }

    fn put_moov(&self, out: &mut Vec<u8>, payload_at: u64, wide: bool) -> Result<(), EncodeError> {
        let edits: Vec<_> = self.edits.iter().map(|e| edit(e.ticks(), Some(e.from))).collect();
        let shown: u64 = edits.iter().map(|e| e.segment_duration).fold(0, u64::saturating_add);
        let rate = self.audio_formats.first().map_or(1, |a| i64::from(a.rate_hz));
        let (first, sum, last) = self.sound.unwrap_or_default();
        let sound_units = sum.saturating_add(last);
        let sound_ticks = sound_units.saturating_mul(TICKS_PER_S) / rate;
        let mut sound_edits = Vec::new();
        if first > 0 {
            sound_edits.push(edit(first, None));
        }
        let hidden = first.min(0).saturating_neg();
        let heard = sound_ticks.saturating_sub(hidden).max(0);
        sound_edits.push(edit(heard, Some(units(hidden, rate).unwrap_or(0))));
        let sounds = self.sound.is_some();

        let start = self.from;
        let mut moov = Vec::new();
        put_mvhd(&mut moov, start, shown, if sounds { 2 } else { 1 })?;
        let head = TrackHead {
            id: VIDEO_TRACK,
            entries: Entries::Video(&self.video_formats),
            movie_duration: shown,
            media_duration: u64::try_from(self.last_media).unwrap_or(0),
            edits: Some(Elst { entries: edits }),
            start,
        };
        put_trak(&mut moov, &head, |out| self.video.put(out, payload_at, wide))?;
        if sounds {
            let head = TrackHead {
                id: AUDIO_TRACK,
                entries: Entries::Audio(&self.audio_formats),
                movie_duration: sound_edits.iter().map(|e| e.segment_duration).fold(0, u64::saturating_add),
                media_duration: u64::try_from(sound_units).unwrap_or(0),
                edits: Some(Elst { entries: sound_edits }),
                start,
            };
            put_trak(&mut moov, &head, |out| self.audio.put(out, payload_at, wide))?;
        }
        out.encode_atom(b"moov", |out| moov.as_slice().encode(out))?;
        Ok(())
    }
}

fn edit(duration: i64, media_time: Option<i64>) -> ElstEntry {
    ElstEntry {
        segment_duration: u64::try_from(duration).unwrap_or(0),
        media_time: media_time.map(|t| u64::try_from(t).unwrap_or(0)),
        media_rate: 1.into(),
    }
}

/// Number of `format` among `formats`, from 1, added when it is new.
fn entry<T: PartialEq + Clone>(formats: &mut Vec<T>, format: &T) -> u32 {
    let found = formats.iter().position(|f| f == format);
    let index = found.unwrap_or_else(|| {
        formats.push(format.clone());
        formats.len() - 1
    });
    index as u32 + 1
}
