//! H.264 byte streams: access units, key frames and picture order.
//!
//! Promises: presentation order from picture order counts of type 0 and 2 (H.264 §8.2.1); hostile bytes give
//! an error or a stream in decoding order.
//! Leaves to others: decoding; picture order count type 1 is taken as decoding order.

use crate::annexb::nal_units;
use crate::bits::{BitReader, rbsp};
use crate::media::{Media, Unit};
use crate::order::{Picture, schedule};
use nvr_base::Codec;

/// Bytes of a slice or parameter set that are looked at.
const HEADER_BYTES_MAX: usize = 256;

/// The fields of a sequence parameter set that order pictures (H.264 §7.3.2.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sps {
    pub(crate) width: u32,
    pub(crate) height: u32,
    separate_planes: bool,
    frame_num_bits: u32,
    poc_type: u32,
    poc_lsb_bits: u32,
    frame_mbs_only: bool,
}

impl Sps {
    /// Reads a NAL unit of type 7; `None` when it is cut short or out of range.
    pub(crate) fn parse(nal: &[u8]) -> Option<Sps> {
        if kind(nal) != 7 {
            return None;
        }
        let raw = rbsp(nal, HEADER_BYTES_MAX);
        let mut r = BitReader::new(raw.get(1..)?);
        let profile = r.bits(8)?;
        r.skip(16)?;
        r.ue()?;
        let (mut chroma, mut separate_planes) = (1, false);
        if [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135].contains(&profile) {
            chroma = r.ue()?;
            separate_planes = chroma == 3 && r.flag()?;
            r.ue()?;
            r.ue()?;
            r.bit()?;
            if r.flag()? {
                for i in 0..if chroma == 3 { 12 } else { 8 } {
                    if r.flag()? {
                        skip_scaling_list(&mut r, if i < 6 { 16 } else { 64 })?;
                    }
                }
            }
        }
        let frame_num_bits = r.ue()?.checked_add(4)?;
        let poc_type = r.ue()?;
        let mut poc_lsb_bits = 0;
        match poc_type {
            0 => poc_lsb_bits = r.ue()?.checked_add(4)?,
            1 => {
                r.bit()?;
                r.se()?;
                r.se()?;
                for _ in 0..r.ue()?.min(255) {
                    r.se()?;
                }
            }
            _ => {}
        }
        r.ue()?;
        r.bit()?;
        let width_mbs = r.ue()?.checked_add(1)?;
        let height_units = r.ue()?.checked_add(1)?;
        let frame_mbs_only = r.flag()?;
        if !frame_mbs_only {
            r.bit()?;
        }
        r.bit()?;
        let mut crop = [0; 4];
        if r.flag()? {
            for c in &mut crop {
                *c = r.ue()?;
            }
        }
        if frame_num_bits > 16 || poc_lsb_bits > 16 || width_mbs > 1024 || height_units > 1024 {
            return None;
        }
        let fields = if frame_mbs_only { 1 } else { 2 };
        let unit_x = if matches!(chroma, 1 | 2) { 2 } else { 1 };
        let unit_y = if chroma == 1 { 2 * fields } else { fields };
        let [left, right, top, bottom] = crop;
        Some(Sps {
            width: (width_mbs * 16).checked_sub(left.checked_add(right)?.checked_mul(unit_x)?)?,
            height: (height_units * 16 * fields)
                .checked_sub(top.checked_add(bottom)?.checked_mul(unit_y)?)?,
            separate_planes,
            frame_num_bits,
            poc_type,
            poc_lsb_bits,
            frame_mbs_only,
        })
    }
}

fn skip_scaling_list(r: &mut BitReader<'_>, size: usize) -> Option<()> {
    let (mut last, mut next) = (8i32, 8i32);
    for _ in 0..size {
        if next != 0 {
            next = last.checked_add(r.se()?)?.rem_euclid(256);
        }
        if next != 0 {
            last = next;
        }
    }
    Some(())
}

/// NAL unit type.
pub(crate) fn kind(nal: &[u8]) -> u8 {
    nal.first().map_or(0, |b| b & 31)
}

/// A picture starts with this slice (`first_mb_in_slice` is 0, coded as one set bit).
fn first_slice(nal: &[u8]) -> bool {
    nal.get(1).is_some_and(|b| b & 0x80 != 0)
}

/// Least significant bits of the picture order count in a slice header (H.264 §7.3.3).
fn poc_lsb(nal: &[u8], sps: &Sps) -> Option<u32> {
    let raw = rbsp(nal, HEADER_BYTES_MAX);
    let mut r = BitReader::new(raw.get(1..)?);
    r.ue()?;
    r.ue()?;
    r.ue()?;
    if sps.separate_planes {
        r.bits(2)?;
    }
    r.bits(sps.frame_num_bits)?;
    if !sps.frame_mbs_only && r.flag()? {
        r.bit()?;
    }
    if kind(nal) == 5 {
        r.ue()?;
    }
    r.bits(sps.poc_lsb_bits)
}

/// Groups NAL units into access units (H.264 §7.4.1.2.3).
pub(crate) fn access_units(nals: &[&[u8]]) -> Vec<Unit> {
    let mut out: Vec<Unit> = Vec::new();
    let mut parts: Vec<Vec<u8>> = Vec::new();
    let (mut has_slice, mut key) = (false, false);
    for nal in nals {
        let k = kind(nal);
        let slice = matches!(k, 1 | 2 | 5);
        let starts = matches!(k, 6..=9 | 14..=18) || (slice && first_slice(nal));
        if has_slice && starts {
            out.push(Unit { parts: std::mem::take(&mut parts), key });
            (has_slice, key) = (false, false);
        }
        has_slice |= slice;
        key |= k == 5;
        if !matches!(k, 9..=11) {
            parts.push(nal.to_vec()); // delimiters and ends of stream mean nothing in RTP
        }
    }
    if has_slice {
        out.push(Unit { parts, key });
    }
    out
}

/// Picture order counts of access units, in coded video sequences.
pub(crate) fn pictures(units: &[Unit], mut sps: Option<Sps>) -> Vec<Picture> {
    let (mut msb, mut prev_lsb) = (0i64, 0i64);
    units
        .iter()
        .map(|unit| {
            if let Some(s) = unit.parts.iter().rfind(|p| kind(p) == 7).and_then(|p| Sps::parse(p)) {
                sps = Some(s);
            }
            let slice = unit.parts.iter().find(|p| matches!(kind(p), 1 | 2 | 5));
            let (Some(s), Some(slice)) = (sps.filter(|s| s.poc_type == 0), slice) else {
                return Picture { starts_sequence: unit.key, order: None };
            };
            let Some(lsb) = poc_lsb(slice, &s).map(i64::from) else {
                return Picture { starts_sequence: unit.key, order: None };
            };
            if unit.key {
                (msb, prev_lsb) = (0, 0);
            }
            let range = 1i64 << s.poc_lsb_bits;
            let mut m = msb;
            if lsb < prev_lsb && prev_lsb - lsb >= range / 2 {
                m += range;
            } else if lsb > prev_lsb && lsb - prev_lsb > range / 2 {
                m -= range;
            }
            if slice.first().is_some_and(|b| b >> 5 & 3 != 0) {
                (msb, prev_lsb) = (m, lsb);
            }
            Picture { starts_sequence: unit.key, order: Some(m + lsb) }
        })
        .collect()
}

/// Media of an Annex B stream at `fps` frames a second.
pub(crate) fn parse(data: &[u8], fps: f64) -> Result<Media, String> {
    let nals = nal_units(data);
    let find = |k: u8| nals.iter().find(|n| kind(n) == k).map(|n| n.to_vec());
    let sps = find(7).ok_or("it has no sequence parameter set (SPS)")?;
    let pps = find(8).ok_or("it has no picture parameter set (PPS)")?;
    let fields = Sps::parse(&sps).ok_or("its sequence parameter set (SPS) is damaged")?;
    let units = access_units(&nals);
    let (slots, loop_ticks) = schedule(&pictures(&units, Some(fields)), fps);
    Media {
        codec: Codec::H264,
        clock_hz: nvr_base::TICKS_PER_S as u32,
        channels: 0,
        config: vec![sps, pps],
        size: Some((fields.width, fields.height)),
        units,
        slots,
        loop_ticks,
    }
    .start_at_key()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_units(kinds: &[u8], expected: &[&[u8]]) {
        // 0x80: first slice of a picture. Type 1 with the high bit set stands for a further slice.
        let nals: Vec<Vec<u8>> =
            kinds.iter().map(|k| vec![k & 31, if k & 0x80 == 0 { 0x80 } else { 0x40 }]).collect();
        let refs: Vec<&[u8]> = nals.iter().map(Vec::as_slice).collect();
        let got: Vec<Vec<u8>> =
            access_units(&refs).iter().map(|u| u.parts.iter().map(|p| kind(p)).collect()).collect();
        assert_eq!(got, expected);
    }

    #[test]
    fn units() {
        check_units(&[], &[]);
        check_units(&[7, 8, 5, 1, 1], &[&[7, 8, 5], &[1], &[1]]);
        check_units(&[9, 7, 8, 6, 5, 0x81, 9, 1, 12, 9], &[&[7, 8, 6, 5, 1], &[1, 12]]);
        check_units(&[7, 8], &[]);
    }

    #[test]
    fn hostile_parameter_sets() {
        assert_eq!(Sps::parse(&[]), None);
        assert_eq!(Sps::parse(&[0x67]), None);
        assert_eq!(Sps::parse(&[0xff; 300]), None);
        assert_eq!(Sps::parse(&[0; 300]), None);
        assert!(parse(&[0, 0, 1, 0x67, 0, 0, 1, 0x68, 0, 0, 1, 0x65], 25.0).is_err());
    }
}
