//! One track of a camera, packetised, and where in it a moment is.
//!
//! Promises: time goes on without end and without a step, lap after lap of the clip.
//! Leaves to others: numbering per session (`rtp`), sending (`session`).

use crate::media::{Media, Slot};
use crate::packetize::{Template, packetize};
use nvr_base::Codec;

/// A track ready to be played.
#[derive(Debug)]
pub(crate) struct Track {
    /// How it is encoded.
    pub(crate) codec: Codec,
    /// RTP clock, ticks a second.
    pub(crate) clock_hz: u32,
    /// Audio channels; 0 for video.
    pub(crate) channels: u16,
    /// RTP payload type (RFC 3551 §6 or dynamic).
    pub(crate) payload_type: u8,
    /// Parameter sets, or the AudioSpecificConfig.
    pub(crate) config: Vec<Vec<u8>>,
    /// Frames a second on average.
    pub(crate) fps: f64,
    /// Seconds between key frames on average.
    pub(crate) gop_s: f64,
    /// Access units as packets.
    pub(crate) templates: Vec<Template>,
    slots: Vec<Slot>,
    loop_ticks: i64,
}

/// A frame of the endless track.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    lap: i64,
    index: usize,
}

impl Track {
    /// Packetises `media`.
    pub(crate) fn new(media: &Media) -> Track {
        let payload_type = match media.codec {
            Codec::H264 | Codec::H265 => 96,
            Codec::Mjpeg => 26,
            Codec::Aac => 97,
            Codec::Ulaw => 0,
            Codec::Alaw => 8,
        };
        let templates: Vec<Template> =
            media.units.iter().map(|u| packetize(media.codec, payload_type, u)).collect();
        let keys = media.slots.iter().filter(|s| templates.get(s.unit).is_some_and(|t| t.key)).count();
        let seconds = media.loop_ticks as f64 / f64::from(media.clock_hz);
        Track {
            codec: media.codec,
            clock_hz: media.clock_hz,
            channels: media.channels,
            payload_type,
            config: media.config.clone(),
            fps: media.slots.len() as f64 / seconds,
            gop_s: seconds / keys.max(1) as f64,
            templates,
            slots: media.slots.clone(),
            loop_ticks: media.loop_ticks.max(1),
        }
    }

    /// It carries pictures.
    pub(crate) fn is_video(&self) -> bool {
        matches!(self.codec, Codec::H264 | Codec::H265 | Codec::Mjpeg)
    }

    /// Length of one lap, ticks.
    pub(crate) fn loop_ticks(&self) -> i64 {
        self.loop_ticks
    }

    /// The first frame whose decoding time is at or after `ticks`.
    pub(crate) fn locate(&self, ticks: i64) -> Position {
        let lap = ticks.div_euclid(self.loop_ticks);
        let within = ticks.rem_euclid(self.loop_ticks);
        let index = self.slots.partition_point(|s| s.dts < within);
        if index < self.slots.len() { Position { lap, index } } else { Position { lap: lap + 1, index: 0 } }
    }

    /// The frame after `p`.
    pub(crate) fn next(&self, p: Position) -> Position {
        if p.index + 1 < self.slots.len() {
            Position { index: p.index + 1, ..p }
        } else {
            Position { lap: p.lap + 1, index: 0 }
        }
    }

    /// The key frame at or after `p`; `p` itself when the track has none.
    pub(crate) fn next_key(&self, p: Position) -> Position {
        let mut q = p;
        for _ in 0..=self.slots.len() {
            if self.is_key(q) {
                return q;
            }
            q = self.next(q);
        }
        p
    }

    /// A decoder can start at `p`.
    pub(crate) fn is_key(&self, p: Position) -> bool {
        self.slot(p).and_then(|s| self.templates.get(s.unit)).is_some_and(|t| t.key)
    }

    /// Decoding time of `p`, ticks since the start.
    pub(crate) fn dts(&self, p: Position) -> i64 {
        self.slot(p).map_or(0, |s| s.dts) + p.lap * self.loop_ticks
    }

    /// Presentation time of `p`, ticks since the start.
    pub(crate) fn pts(&self, p: Position) -> i64 {
        self.slot(p).map_or(0, |s| s.pts) + p.lap * self.loop_ticks
    }

    /// The packets of `p`, to be patched and sent.
    pub(crate) fn template_mut(&mut self, p: Position) -> Option<&mut Template> {
        let unit = self.slots.get(p.index)?.unit;
        self.templates.get_mut(unit)
    }

    fn slot(&self, p: Position) -> Option<&Slot> {
        self.slots.get(p.index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::Unit;

    #[test]
    fn time_goes_on_over_laps() {
        let media = Media {
            codec: Codec::H264,
            clock_hz: 90_000,
            channels: 0,
            config: Vec::new(),
            size: None,
            units: [true, false, false].iter().map(|&key| Unit { parts: vec![vec![1, 2]], key }).collect(),
            slots: (0..3)
                .map(|i| Slot { unit: i, dts: i as i64 * 3600, pts: i as i64 * 3600 + 7200 })
                .collect(),
            loop_ticks: 10_800,
        };
        let t = Track::new(&media);
        let mut p = t.locate(0);
        for n in 0..10 {
            assert_eq!((t.dts(p), t.pts(p), t.is_key(p)), (n * 3600, n * 3600 + 7200, n % 3 == 0));
            assert_eq!(p, t.locate(n * 3600));
            p = t.next(p);
        }
        assert_eq!(t.dts(t.locate(1)), 3600);
        assert_eq!(t.dts(t.locate(7201)), 10_800);
        assert_eq!(t.dts(t.next_key(t.locate(1))), 10_800);
        assert!((t.fps - 25.0).abs() < 1e-9 && (t.gop_s - 0.12).abs() < 1e-9);
    }
}
