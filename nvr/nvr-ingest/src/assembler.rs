//! Frames to stream events: formats before samples, one epoch after another.
//!
//! Promises: pure; in the order the recorder relies on: `Format` first, one per epoch, `dts` strictly rising
//! within it; no frame is dropped for its time; a hole in the pictures is a typed gap.
//! Leaves to others: media time (`timeline`), decoding times (`reorder`), connections and outages (`session`).

use crate::reorder::{REORDER_MAX, Reorder};
use crate::session::Now;
use crate::source::{AudioFrame, Frame};
use crate::timeline::Timeline;
use nvr_base::{Codec, Format, GapReason, Sample, SampleSink, StreamEvent, TICKS_PER_S, Ticks, Track};

/// Pictures this far apart may be a hole: nothing was recorded between them.
pub const HOLE_MIN_TICKS: i64 = 2 * TICKS_PER_S;
/// And are one when they are this many times as far apart as they usually are.
pub const HOLE_INTERVALS: i64 = 8;

/// What became of sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// It was handed on.
    Kept,
    /// It had no place: no format with sound, no picture yet, or a time before its predecessor's.
    Discarded,
}

/// Makes the events of one stream. Lives across connections, so that what was learned stays.
#[derive(Debug, Default)]
pub struct Assembler {
    video: Timeline,
    audio: Timeline,
    reorder: Option<Reorder>,
    format: Option<Format>,
    /// `format` is still to be announced, and why the epoch before it ended.
    announce: Option<Option<GapReason>>,
    /// Depth learned from the stream itself, where its parameters say less.
    learned_depth: u8,
    last_video_pts: Option<Ticks>,
    last_audio_dts: Option<Ticks>,
    usual_interval: i64,
    /// The source said that pictures are missing before the next one.
    missing: Option<GapReason>,
}

impl Assembler {
    /// Knows nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A new connection: the next frame begins a new epoch.
    pub fn connected(&mut self) {
        *self = Self { learned_depth: self.learned_depth, ..Self::default() };
    }

    /// Parameters of the frames that follow. The same as before changes nothing.
    pub fn format(&mut self, mut format: Format) {
        if matches!(format.video.codec, Codec::H264 | Codec::H265) {
            format.video.reorder_depth = format.video.reorder_depth.max(self.learned_depth);
        }
        if self.format.as_ref() != Some(&format) {
            self.format = Some(format);
            self.new_epoch(None);
        }
    }

    /// Pictures are missing before the next one, and the source knows why: a typed gap however short, and a new epoch.
    pub fn missing(&mut self, reason: GapReason) {
        self.missing.get_or_insert(reason);
    }

    /// A picture. Gives false when it cannot be recorded because no parameters are known.
    pub fn video(&mut self, frame: Frame, now: Now, sink: &mut dyn SampleSink) -> bool {
        if self.format.is_none() {
            return false;
        }
        let placed = self.video.place(frame.timestamp, frame.rate_hz, now);
        let missing = self.missing.take();
        let mut down = None;
        if let Some(reason) = placed.epoch {
            self.new_epoch(Some(reason));
            self.audio.reset();
        } else if let Some(reason) = missing {
            // Every picture lasts until the next was due.
            let end = self.last_video_pts.map(|last| last.plus(self.usual_interval.max(0)).min(placed.pts));
            down = end.map(|end| StreamEvent::Down { reason, since: end.to_utc() });
            self.new_epoch(Some(reason));
        } else if let Some(reason) = self.hole(placed.pts, frame.lost) {
            self.new_epoch(Some(reason));
        }
        let Some((pts, dts)) = self.order(placed.pts) else { return false };
        self.last_video_pts = Some(pts);
        if let Some(down) = down {
            sink.accept(down);
        }
        if let (Some(after), Some(format)) = (self.announce.take(), &self.format) {
            sink.accept(StreamEvent::Format { format: format.clone(), after });
        }
        sink.accept(StreamEvent::Sample(Sample {
            track: Track::Video,
            pts,
            dts,
            duration_ticks: 0,
            key: frame.key,
            data: frame.data,
        }));
        true
    }

    /// Sound. It follows the picture: before the first one and across a pending epoch it is discarded.
    pub fn audio(&mut self, frame: AudioFrame, now: Now, sink: &mut dyn SampleSink) -> Heard {
        let recordable = self.format.as_ref().is_some_and(|f| f.audio.is_some());
        if !recordable || self.announce.is_some() || self.last_video_pts.is_none() {
            return Heard::Discarded;
        }
        let at = self.audio.place(frame.timestamp, frame.rate_hz, now).pts;
        if self.last_audio_dts.is_some_and(|last| at <= last) {
            return Heard::Discarded;
        }
        self.last_audio_dts = Some(at);
        let length = i64::from(frame.length) * TICKS_PER_S / i64::from(frame.rate_hz.max(1));
        sink.accept(StreamEvent::Sample(Sample {
            track: Track::Audio,
            pts: at,
            dts: at,
            duration_ticks: u32::try_from(length).unwrap_or(0),
            key: true,
            data: frame.data,
        }));
        Heard::Kept
    }

    /// Decoding time, learning a larger depth where the stream needs one.
    fn order(&mut self, pts: Ticks) -> Option<(Ticks, Ticks)> {
        for _ in 0..=u32::from(REORDER_MAX) + 1 {
            let depth = self.format.as_ref().map_or(0, |f| f.video.reorder_depth);
            let reorder = self.reorder.get_or_insert_with(|| Reorder::new(depth));
            if let Ok(times) = reorder.next(pts) {
                return Some(times);
            }
            let format = self.format.as_mut()?;
            if matches!(format.video.codec, Codec::H264 | Codec::H265) && depth < REORDER_MAX {
                format.video.reorder_depth = depth + 1;
                self.learned_depth = depth + 1;
            }
            self.new_epoch(None);
        }
        None
    }

    /// Is there a hole before `pts`, and why?
    fn hole(&mut self, pts: Ticks, lost: u32) -> Option<GapReason> {
        let interval = pts.since(self.last_video_pts?);
        let is_hole = interval > HOLE_MIN_TICKS
            && self.usual_interval > 0
            && interval > self.usual_interval.saturating_mul(HOLE_INTERVALS);
        if interval > 0 {
            let weight = if self.usual_interval == 0 { 1 } else { 8 };
            self.usual_interval += (interval - self.usual_interval) / weight;
        }
        match (is_hole, lost) {
            (false, _) => None,
            (true, 0) => Some(GapReason::CameraStalled),
            (true, _) => Some(GapReason::PacketLoss),
        }
    }

    fn new_epoch(&mut self, reason: Option<GapReason>) {
        // A pending announcement keeps its reason: the first thing that went wrong.
        let reason = self.announce.flatten().or(reason);
        self.announce = Some(reason);
        self.reorder = None;
        self.last_audio_dts = None;
        self.last_video_pts = None;
    }
}

#[cfg(test)]
#[path = "assembler_tests.rs"]
mod tests;
