//! Encoded media before it is packetised: access units with their times.
//!
//! Promises: at least one unit; video starts at a key frame; times in ticks of `clock_hz`, `dts` rising.
//! Leaves to others: reading files (`file`), making RTP packets (`packetize`).

use nvr_base::Codec;

/// One encoded picture or audio frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unit {
    /// NAL units without start codes; one JPEG; or one audio frame.
    pub(crate) parts: Vec<Vec<u8>>,
    /// A decoder can start here.
    pub(crate) key: bool,
}

/// When a unit is sent and shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot {
    /// Index into the units.
    pub(crate) unit: usize,
    /// Decoding time, ticks since the start of the clip; the time of sending.
    pub(crate) dts: i64,
    /// Presentation time, ticks since the start of the clip; the RTP timestamp.
    pub(crate) pts: i64,
}

/// One track of a clip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Media {
    /// How it is encoded.
    pub(crate) codec: Codec,
    /// RTP clock, ticks a second.
    pub(crate) clock_hz: u32,
    /// Audio channels; 0 for video.
    pub(crate) channels: u16,
    /// Parameter sets in the order VPS, SPS, PPS (video), or the AudioSpecificConfig (AAC).
    pub(crate) config: Vec<Vec<u8>>,
    /// Width and height in pixels, where the parser knows them.
    pub(crate) size: Option<(u32, u32)>,
    /// Encoded units.
    pub(crate) units: Vec<Unit>,
    /// Order and times of sending; a unit may be sent more than once.
    pub(crate) slots: Vec<Slot>,
    /// Length of the clip: what is added to the times of each lap.
    pub(crate) loop_ticks: i64,
}

/// A clip longer than this is refused: an alternation of two files must fit, too.
pub(crate) const SLOTS_MAX: usize = 1_000_000;

/// Longest clip: times beyond it are taken for damage.
const LOOP_S_MAX: i64 = 7 * 24 * 3600;
/// Most frames a second on average.
const RATE_MAX: i64 = 1000;

impl Media {
    /// Drops what precedes the first key frame, and puts parameter sets before key frames that lack them.
    pub(crate) fn start_at_key(mut self) -> Result<Self, String> {
        let first = self
            .slots
            .iter()
            .position(|s| self.units.get(s.unit).is_some_and(|u| u.key))
            .ok_or("it has no key frame; encode it again with one")?;
        self.slots.drain(..first);
        let dts0 = self.slots.first().map_or(0, |s| s.dts);
        for s in &mut self.slots {
            s.dts -= dts0;
            s.pts -= dts0;
        }
        self.loop_ticks -= dts0;
        let (second, most) = (i64::from(self.clock_hz), LOOP_S_MAX * i64::from(self.clock_hz));
        let plausible = |s: &Slot| (0..most).contains(&s.dts) && (-most..most).contains(&s.pts);
        if !(1..most).contains(&self.loop_ticks) || !self.slots.iter().all(plausible) {
            return Err(
                "its times are damaged, or it is longer than a week; copy it with `ffmpeg -c copy`".into()
            );
        }
        if self.slots.len() as i64 * second / self.loop_ticks > RATE_MAX {
            return Err(format!("it has more than {RATE_MAX} frames a second"));
        }
        if let Some(sps) = self.config.first()
            && matches!(self.codec, Codec::H264 | Codec::H265)
        {
            let kind =
                |n: &[u8]| n.first().map(|b| if self.codec == Codec::H264 { b & 31 } else { b >> 1 & 63 });
            let wanted = kind(sps);
            for u in self.units.iter_mut().filter(|u| u.key) {
                if !u.parts.iter().any(|p| kind(p) == wanted) {
                    u.parts.splice(0..0, self.config.iter().cloned());
                }
            }
        }
        Ok(self)
    }

    /// This media for at least `seconds`, then `other` as long, and so on.
    pub(crate) fn alternate(mut self, other: Media, seconds: u32) -> Result<Self, String> {
        if self.codec != other.codec || self.clock_hz != other.clock_hz {
            return Err("the second file has another codec; use two files of the same codec".into());
        }
        let ticks = i64::from(seconds.max(1)) * i64::from(self.clock_hz);
        let first_unit = self.units.len();
        let (slots_a, len_a) = repeat(&self.slots, self.loop_ticks, ticks, 0, 0)?;
        let (slots_b, len_b) = repeat(&other.slots, other.loop_ticks, ticks, first_unit, len_a)?;
        self.units.extend(other.units);
        self.slots = slots_a;
        self.slots.extend(slots_b);
        self.loop_ticks = len_a + len_b;
        Ok(self)
    }
}

fn repeat(
    slots: &[Slot],
    loop_ticks: i64,
    ticks: i64,
    unit_shift: usize,
    shift: i64,
) -> Result<(Vec<Slot>, i64), String> {
    let laps = (ticks + loop_ticks - 1) / loop_ticks.max(1);
    let mut out = Vec::new();
    for lap in 0..laps {
        if out.len() + slots.len() > SLOTS_MAX {
            return Err(format!("more than {SLOTS_MAX} frames; use a shorter file"));
        }
        let at = shift + lap * loop_ticks;
        out.extend(slots.iter().map(|s| Slot {
            unit: s.unit + unit_shift,
            dts: s.dts + at,
            pts: s.pts + at,
        }));
    }
    Ok((out, laps * loop_ticks))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn media(keys: &[bool]) -> Media {
        Media {
            codec: Codec::H264,
            clock_hz: 10,
            channels: 0,
            config: vec![vec![0x67, 1], vec![0x68, 2]],
            size: None,
            units: keys
                .iter()
                .map(|&key| Unit { parts: vec![vec![if key { 0x65 } else { 0x61 }]], key })
                .collect(),
            slots: (0..keys.len()).map(|i| Slot { unit: i, dts: i as i64 * 5, pts: i as i64 * 5 }).collect(),
            loop_ticks: keys.len() as i64 * 5,
        }
    }

    #[test]
    fn leading_delta_frames_go_and_parameter_sets_come() {
        let m = media(&[false, true, false]).start_at_key().unwrap();
        assert_eq!(m.slots, [Slot { unit: 1, dts: 0, pts: 0 }, Slot { unit: 2, dts: 5, pts: 5 }]);
        assert_eq!(m.loop_ticks, 10);
        assert_eq!(m.units[1].parts, [vec![0x67, 1], vec![0x68, 2], vec![0x65]]);
        assert!(media(&[false]).start_at_key().is_err());
    }

    #[test]
    fn alternation_repeats_whole_laps() {
        let m = media(&[true, false]).alternate(media(&[true]), 2).unwrap();
        // 20 ticks: two laps of 10, then four of 5.
        assert_eq!(
            m.slots.iter().map(|s| (s.unit, s.dts)).collect::<Vec<_>>(),
            [(0, 0), (1, 5), (0, 10), (1, 15), (2, 20), (2, 25), (2, 30), (2, 35)]
        );
        assert_eq!(m.loop_ticks, 40);
    }
}
