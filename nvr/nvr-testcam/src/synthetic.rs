//! H.264 made without an encoder: vertical bars, a mark that moves, filler up to the wanted bit rate.
//!
//! Promises: constrained baseline streams that decode without an error at any size and GOP length, the same
//! for the same seed; the bit rate is met on average over a GOP, within a frame's rounding.
//! Leaves to others: packets and pacing.
//!
//! Method: Intra_16x16 macroblocks whose only residual is one luma DC level of ±1, CAVLC (H.264 §7.3.5, §9.2).
//! At QP 51 such a level is a step of 14 in brightness (§8.5.10). The first row draws bars by horizontal
//! prediction, the rows below repeat it by vertical prediction, P pictures skip everything but one macroblock.

use crate::bits::BitWriter;
use crate::media::{Media, SLOTS_MAX, Slot, Unit};
use nvr_base::{Codec, TICKS_PER_S};

/// What to make.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Synthetic {
    /// Bit rate of NAL units with 4-byte lengths, in 1000 bit/s; the least possible when it is lower.
    pub kbps: u32,
    /// Width in pixels, even.
    pub width: u32,
    /// Height in pixels, even.
    pub height: u32,
    /// Frames a second.
    pub fps: f64,
    /// Distance of key frames, in seconds.
    pub gop_s: f64,
    /// How many times larger a key frame is than the others.
    pub key_ratio: u32,
    /// Gives sizes and bars.
    pub seed: u64,
    /// Another picture parameter set and level for the same size.
    pub variant: bool,
}

impl Synthetic {
    /// 1920x1080 at 25 frames a second, a key frame every 2 s, five times the size of the others.
    pub fn new(kbps: u32) -> Self {
        Self { kbps, width: 1920, height: 1080, fps: 25.0, gop_s: 2.0, key_ratio: 5, seed: 1, variant: false }
    }

    /// Sequence parameter set (§7.3.2.1.1, VUI of Annex E).
    pub(crate) fn sps(&self) -> Vec<u8> {
        let (w, h) = self.size_mbs();
        let (crop_x, crop_y) = ((w * 16 - self.width) / 2, (h * 16 - self.height) / 2);
        let mut b = BitWriter::default();
        let level = if self.variant { 42 } else { 40 };
        b.bits(8, 66).bits(8, 0xc0).bits(8, level).ue(0);
        b.ue(12).ue(2).ue(1).bits(1, 0).ue(w - 1).ue(h - 1).bits(1, 1).bits(1, 1);
        b.bits(1, 1).ue(0).ue(crop_x).ue(0).ue(crop_y);
        b.bits(1, 1).bits(4, 0); // VUI without aspect ratio, overscan, video signal, chroma location
        b.bits(1, 1).bits(32, 1000).bits(32, (self.fps * 2000.0).round() as u32).bits(1, 1);
        b.bits(3, 0); // neither hypothetical decoder parameters nor picture structure
        b.bits(1, 1).bits(1, 1).ue(0).ue(0).ue(10).ue(10).ue(0).ue(1);
        b.nal(0x67)
    }

    /// Picture parameter set (§7.3.2.2): CAVLC, QP 51 (the variant: 45), deblocking can be switched off.
    pub(crate) fn pps(&self) -> Vec<u8> {
        let mut b = BitWriter::default();
        b.ue(0).ue(0).bits(2, 0).ue(0).ue(0).ue(0).bits(3, 0);
        b.se(self.qp() - 26).se(0).se(0).bits(3, 0b100);
        b.nal(0x68)
    }

    fn qp(&self) -> i32 {
        if self.variant { 45 } else { 51 }
    }

    fn size_mbs(&self) -> (u32, u32) {
        (self.width.div_ceil(16), self.height.div_ceil(16))
    }

    fn key_slice(&self, idr_pic_id: u32) -> Vec<u8> {
        let (w, h) = self.size_mbs();
        let mut b = BitWriter::default();
        b.ue(0).ue(7).ue(0).bits(16, 0).ue(idr_pic_id).bits(2, 0).se(0).ue(1);
        let phase = (self.seed % 32) as u32;
        for x in 0..w {
            // Bars: eight steps up, sixteen down, eight up.
            let up = !(8..24).contains(&((x + phase) % 32));
            macroblock(&mut b, if x == 0 { DC } else { HORIZONTAL }, Some(up), 0);
        }
        for _ in w..w * h {
            macroblock(&mut b, VERTICAL, None, 0);
        }
        b.nal(0x65)
    }

    /// The `n`-th picture after a key frame: one macroblock becomes brighter than the bar above it, or the
    /// same again on the next pass.
    fn delta_slice(&self, n: u32) -> Vec<u8> {
        let (w, h) = self.size_mbs();
        let mut b = BitWriter::default();
        b.ue(0).ue(5).ue(0).bits(16, n & 0xffff).bits(3, 0).se(0).ue(1);
        let at = if h > 1 { (h / 2) * w + (n - 1) % w } else { w * h };
        if at < w * h {
            b.ue(at);
            macroblock(&mut b, VERTICAL, ((n - 1) / w).is_multiple_of(2).then_some(true), 5);
        }
        let rest = (w * h).saturating_sub(at + 1);
        if at >= w * h {
            b.ue(w * h);
        } else if rest > 0 {
            b.ue(rest);
        }
        b.nal(0x61)
    }

    /// The stream: two GOPs, since adjacent key frames must differ in `idr_pic_id`.
    pub(crate) fn media(&self) -> Result<Media, String> {
        let even = |n: u32| (16..=4096).contains(&n) && n.is_multiple_of(2);
        if !even(self.width) || !even(self.height) {
            return Err(format!("{}x{} is no size: even numbers from 16 to 4096", self.width, self.height));
        }
        if !(1.0..=240.0).contains(&self.fps) || !(0.04..=3600.0).contains(&self.gop_s) || self.key_ratio == 0
        {
            return Err("a synthetic stream has 1 to 240 frames and a key frame every 0.04 to 3600 s".into());
        }
        let gop = ((self.gop_s * self.fps).round() as u32).max(1);
        if gop as usize > SLOTS_MAX / 2 {
            return Err(format!("a GOP of {gop} frames is too long"));
        }
        let (sps, pps) = (self.sps(), self.pps());
        let sizes = self.sizes(gop);
        let unit = |n: u32, idr_pic_id: u32| {
            let mut parts = if n == 0 {
                vec![sps.clone(), pps.clone(), self.key_slice(idr_pic_id)]
            } else {
                vec![self.delta_slice(n)]
            };
            let have: usize = parts.iter().map(|p| p.len() + 4).sum();
            let want = sizes.get(n as usize).copied().unwrap_or(0);
            if want >= have + 6 {
                parts.push(filler(want - have - 4));
            }
            Unit { parts, key: n == 0 }
        };
        // Unit 0 is the second GOP's key frame, units 1.. are the first GOP; delta pictures are shared.
        let units: Vec<Unit> = std::iter::once(unit(0, 1)).chain((0..gop).map(|n| unit(n, 0))).collect();
        let tick = |n: u32| (f64::from(n) * TICKS_PER_S as f64 / self.fps).round() as i64;
        let slots = (0..gop * 2)
            .map(|n| Slot {
                unit: if n == gop { 0 } else { (n % gop) as usize + 1 },
                dts: tick(n),
                pts: tick(n),
            })
            .collect();
        Ok(Media {
            codec: Codec::H264,
            clock_hz: TICKS_PER_S as u32,
            channels: 0,
            config: vec![sps, pps],
            size: Some((self.width, self.height)),
            units,
            slots,
            loop_ticks: tick(gop * 2),
        })
    }

    /// Bytes of each access unit of a GOP: ±10 % by the seed, exact in sum.
    fn sizes(&self, gop: u32) -> Vec<usize> {
        let mut rng = fastrand::Rng::with_seed(self.seed);
        let total = f64::from(self.kbps) * 125.0 * f64::from(gop) / self.fps;
        let weights: Vec<f64> = (0..gop)
            .map(|n| if n == 0 { f64::from(self.key_ratio) } else { 0.9 + 0.2 * rng.f64() })
            .collect();
        let sum: f64 = weights.iter().sum();
        let (mut given, mut exact) = (0usize, 0.0);
        weights
            .iter()
            .map(|w| {
                exact += total * w / sum;
                let size = (exact.round() as usize).saturating_sub(given);
                given += size;
                size
            })
            .collect()
    }
}

const VERTICAL: u32 = 0;
const HORIZONTAL: u32 = 1;
const DC: u32 = 2;

/// An Intra_16x16 macroblock without chroma and AC levels (§7.3.5; Table 7-11: `mb_type` 1 + mode), with a
/// luma DC level of +1, -1 or none. `nC` is 0 for all of them (§9.2.1).
fn macroblock(b: &mut BitWriter, mode: u32, step: Option<bool>, type_offset: u32) {
    b.ue(1 + mode + type_offset).ue(0).se(0);
    match step {
        None => b.bits(1, 1),
        // coeff_token 01 (one trailing one), its sign, total_zeros 1 (none)
        Some(up) => b.bits(2, 1).bits(1, u32::from(!up)).bits(1, 1),
    };
}

/// A filler NAL unit (type 12, §7.3.2.7) of `len` bytes, at least 2.
pub(crate) fn filler(len: usize) -> Vec<u8> {
    let mut nal = vec![0xff; len.max(2)];
    if let [first, .., last] = nal.as_mut_slice() {
        (*first, *last) = (12, 0x80);
    }
    nal
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::h264;

    fn check(kbps: u32, width: u32, height: u32, gop_s: f64) {
        let s = Synthetic { width, height, gop_s, ..Synthetic::new(kbps) };
        let m = s.media().unwrap();
        let fields = h264::Sps::parse(&m.config[0]).unwrap();
        assert_eq!((fields.width, fields.height), (width, height));
        let bytes: usize =
            m.slots.iter().map(|s| m.units[s.unit].parts.iter().map(|p| p.len() + 4).sum::<usize>()).sum();
        let got = bytes as f64 * 8.0 * 90.0 / m.loop_ticks as f64;
        assert!((got - f64::from(kbps)).abs() < f64::from(kbps) * 0.01, "{got} instead of {kbps} kbit/s");
        // The access unit parser finds the same units in it.
        let nals: Vec<&[u8]> =
            m.slots.iter().flat_map(|s| m.units[s.unit].parts.iter().map(Vec::as_slice)).collect();
        assert_eq!(h264::access_units(&nals).len(), m.slots.len());
    }

    #[test]
    fn size_rate_and_units() {
        check(4000, 1920, 1080, 2.0);
        check(1000, 1280, 720, 1.0);
        check(300, 640, 360, 2.0);
        check(2000, 1920, 1080, 60.0);
    }

    #[test]
    fn deterministic_by_seed() {
        let a = Synthetic::new(500).media().unwrap();
        assert_eq!(a, Synthetic::new(500).media().unwrap());
        assert_ne!(a, Synthetic { seed: 2, ..Synthetic::new(500) }.media().unwrap());
    }

    #[test]
    fn refuses_impossible_sizes() {
        assert!(Synthetic { width: 15, ..Synthetic::new(500) }.media().is_err());
        assert!(Synthetic { gop_s: f64::NAN, ..Synthetic::new(500) }.media().is_err());
    }
}
