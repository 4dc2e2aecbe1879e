//! H.265 byte streams: access units, key frames and picture order.
//!
//! Promises: presentation order from picture order counts (H.265 §8.3.1); hostile bytes give an error or a
//! stream in decoding order.
//! Leaves to others: decoding; layers beyond the first.

use crate::annexb::nal_units;
use crate::bits::{BitReader, rbsp};
use crate::media::{Media, Unit};
use crate::order::{Picture, schedule};
use nvr_base::Codec;

/// Bytes of a slice or parameter set that are looked at.
const HEADER_BYTES_MAX: usize = 256;

/// NAL unit type (H.265 §7.3.1.2).
pub(crate) fn kind(nal: &[u8]) -> u8 {
    nal.first().map_or(0, |b| b >> 1 & 63)
}

fn is_slice(k: u8) -> bool {
    k < 32
}

/// Intra random access point: BLA, IDR or CRA (§7.4.2.2, types 16 to 23).
fn is_key(k: u8) -> bool {
    (16..=23).contains(&k)
}

/// The fields of a sequence parameter set that order pictures (§7.3.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sps {
    pub(crate) width: u32,
    pub(crate) height: u32,
    separate_planes: bool,
    poc_lsb_bits: u32,
}

impl Sps {
    /// Reads a NAL unit of type 33; `None` when it is cut short or out of range.
    pub(crate) fn parse(nal: &[u8]) -> Option<Sps> {
        if kind(nal) != 33 {
            return None;
        }
        let raw = rbsp(nal, HEADER_BYTES_MAX);
        let mut r = BitReader::new(raw.get(2..)?);
        r.bits(4)?;
        let sub_layers = r.bits(3)? as usize;
        r.bit()?;
        // profile_tier_level: 88 bits of profile, 8 of level, then what the sub-layers carry (§7.3.3).
        r.skip(96)?;
        let mut present = Vec::new();
        for _ in 0..sub_layers {
            present.push((r.flag()?, r.flag()?));
        }
        if sub_layers > 0 {
            r.skip(2 * (8usize.checked_sub(sub_layers)?))?;
        }
        for (profile, level) in present {
            r.skip(if profile { 88 } else { 0 } + if level { 8 } else { 0 })?;
        }
        r.ue()?;
        let chroma = r.ue()?;
        let separate_planes = chroma == 3 && r.flag()?;
        let (width, height) = (r.ue()?, r.ue()?);
        let mut crop = [0; 4];
        if r.flag()? {
            for c in &mut crop {
                *c = r.ue()?;
            }
        }
        r.ue()?;
        r.ue()?;
        let poc_lsb_bits = r.ue()?.checked_add(4)?;
        if poc_lsb_bits > 16 || width > 16_384 || height > 16_384 {
            return None;
        }
        let unit_x = if matches!(chroma, 1 | 2) { 2 } else { 1 };
        let unit_y = if chroma == 1 { 2 } else { 1 };
        let [left, right, top, bottom] = crop;
        Some(Sps {
            width: width.checked_sub(left.checked_add(right)?.checked_mul(unit_x)?)?,
            height: height.checked_sub(top.checked_add(bottom)?.checked_mul(unit_y)?)?,
            separate_planes,
            poc_lsb_bits,
        })
    }
}

/// The fields of a picture parameter set that shift a slice header (§7.3.2.3).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Pps {
    output_flag: bool,
    extra_bits: u32,
}

impl Pps {
    fn parse(nal: &[u8]) -> Option<Pps> {
        let raw = rbsp(nal, HEADER_BYTES_MAX);
        let mut r = BitReader::new(raw.get(2..)?);
        r.ue()?;
        r.ue()?;
        r.bit()?;
        Some(Pps { output_flag: r.flag()?, extra_bits: r.bits(3)? })
    }
}

/// Least significant bits of the picture order count of a first slice segment (§7.3.6.1).
fn poc_lsb(nal: &[u8], sps: &Sps, pps: &Pps) -> Option<u32> {
    let k = kind(nal);
    if matches!(k, 19 | 20) {
        return Some(0);
    }
    let raw = rbsp(nal, HEADER_BYTES_MAX);
    let mut r = BitReader::new(raw.get(2..)?);
    if !r.flag()? {
        return None;
    }
    if is_key(k) {
        r.bit()?;
    }
    r.ue()?;
    r.bits(pps.extra_bits)?;
    r.ue()?;
    if pps.output_flag {
        r.bit()?;
    }
    if sps.separate_planes {
        r.bits(2)?;
    }
    r.bits(sps.poc_lsb_bits)
}

/// Groups NAL units into access units (§7.4.2.4.4).
pub(crate) fn access_units(nals: &[&[u8]]) -> Vec<Unit> {
    let mut out: Vec<Unit> = Vec::new();
    let mut parts: Vec<Vec<u8>> = Vec::new();
    let (mut has_slice, mut key) = (false, false);
    for nal in nals {
        let k = kind(nal);
        let first_segment = is_slice(k) && nal.get(2).is_some_and(|b| b & 0x80 != 0);
        if has_slice && (first_segment || matches!(k, 32..=35 | 39 | 41..=44 | 48..=55)) {
            out.push(Unit { parts: std::mem::take(&mut parts), key });
            (has_slice, key) = (false, false);
        }
        has_slice |= is_slice(k);
        key |= is_key(k);
        if nal.len() >= 2 && !matches!(k, 35..=37) {
            parts.push(nal.to_vec());
        }
    }
    if has_slice {
        out.push(Unit { parts, key });
    }
    out
}

/// Picture order counts of access units, in coded video sequences.
pub(crate) fn pictures(units: &[Unit], mut sps: Option<Sps>, mut pps: Pps) -> Vec<Picture> {
    let (mut msb, mut prev_lsb) = (0i64, 0i64);
    let mut first = true;
    units
        .iter()
        .map(|unit| {
            for part in &unit.parts {
                match kind(part) {
                    33 => sps = Sps::parse(part).or(sps),
                    34 => pps = Pps::parse(part).unwrap_or(pps),
                    _ => {}
                }
            }
            let slice = unit.parts.iter().find(|p| is_slice(kind(p)));
            let k = slice.map_or(0, |s| kind(s));
            // An IDR or BLA picture starts counting anew; a CRA picture only as the very first (§8.3.1).
            let starts_sequence = (16..=20).contains(&k) || (first && is_key(k));
            first = false;
            let (Some(s), Some(slice)) = (sps, slice) else {
                return Picture { starts_sequence, order: None };
            };
            let Some(lsb) = poc_lsb(slice, &s, &pps).map(i64::from) else {
                return Picture { starts_sequence, order: None };
            };
            let range = 1i64 << s.poc_lsb_bits;
            let mut m = if starts_sequence { 0 } else { msb };
            if !starts_sequence {
                if lsb < prev_lsb && prev_lsb - lsb >= range / 2 {
                    m += range;
                } else if lsb > prev_lsb && lsb - prev_lsb > range / 2 {
                    m -= range;
                }
            }
            let temporal_0 = slice.get(1).is_some_and(|b| b & 7 == 1);
            let skipped_as_reference = (6..=9).contains(&k) || (k <= 14 && k % 2 == 0);
            if starts_sequence || (temporal_0 && !skipped_as_reference) {
                (msb, prev_lsb) = (m, lsb);
            }
            Picture { starts_sequence, order: Some(m + lsb) }
        })
        .collect()
}

/// Media of an Annex B stream at `fps` frames a second.
pub(crate) fn parse(data: &[u8], fps: f64) -> Result<Media, String> {
    let nals = nal_units(data);
    let find = |k: u8| nals.iter().find(|n| kind(n) == k).map(|n| n.to_vec());
    let vps = find(32).ok_or("it has no video parameter set (VPS)")?;
    let sps = find(33).ok_or("it has no sequence parameter set (SPS)")?;
    let pps = find(34).ok_or("it has no picture parameter set (PPS)")?;
    let fields = Sps::parse(&sps).ok_or("its sequence parameter set (SPS) is damaged")?;
    let units = access_units(&nals);
    let (slots, loop_ticks) =
        schedule(&pictures(&units, Some(fields), Pps::parse(&pps).unwrap_or_default()), fps);
    Media {
        codec: Codec::H265,
        clock_hz: nvr_base::TICKS_PER_S as u32,
        channels: 0,
        config: vec![vps, sps, pps],
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

    fn check_units(kinds: &[(u8, bool)], expected: &[&[u8]]) {
        let nals: Vec<Vec<u8>> =
            kinds.iter().map(|(k, first)| vec![k << 1, 1, if *first { 0x80 } else { 0 }]).collect();
        let refs: Vec<&[u8]> = nals.iter().map(Vec::as_slice).collect();
        let got: Vec<Vec<u8>> =
            access_units(&refs).iter().map(|u| u.parts.iter().map(|p| kind(p)).collect()).collect();
        assert_eq!(got, expected);
    }

    #[test]
    fn units() {
        check_units(&[], &[]);
        check_units(
            &[(32, false), (33, false), (34, false), (19, true), (1, true)],
            &[&[32, 33, 34, 19], &[1]],
        );
        check_units(
            &[(35, false), (39, false), (21, true), (21, false), (40, false), (35, false), (0, true)],
            &[&[39, 21, 21, 40], &[0]],
        );
    }

    #[test]
    fn hostile_parameter_sets() {
        assert_eq!(Sps::parse(&[]), None);
        assert_eq!(Sps::parse(&[0xff; 300]), None);
        assert_eq!(Sps::parse(&[0; 300]), None);
        assert!(parse(&[0, 0, 1, 64, 1, 0, 0, 1, 66, 1, 0, 0, 1, 68, 1, 0, 0, 1, 38, 1], 25.0).is_err());
    }
}
