//! The picture size that a camera's sequence parameter sets ask a decoder to make room for.
//!
//! Promises: pure; any bytes are taken, none panic; emulation prevention is undone; what cannot be read has no size.
//! Leaves to others: everything else in those sets (the decoder), what is too large (`decode`).

use nvr_base::Codec;

/// Bytes of a set that are looked at: the size comes early.
const SET_LEN_MAX: usize = 1024;
/// Units of a sample, and sets of a configuration, that are looked at.
const UNITS_MAX: usize = 256;
/// Profiles of H.264 whose sets say how colours are stored (ITU-T H.264 §7.3.2.1.1).
const HIGH: [u32; 13] = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];

struct Bits {
    bytes: Vec<u8>,
    at: usize,
}

impl Bits {
    /// The payload of a unit after its header.
    fn new(payload: &[u8]) -> Self {
        let (mut bytes, mut zeros) = (Vec::new(), 0);
        for byte in payload.iter().take(SET_LEN_MAX) {
            if zeros >= 2 && *byte == 3 {
                zeros = 0;
                continue;
            }
            zeros = if *byte == 0 { zeros + 1 } else { 0 };
            bytes.push(*byte);
        }
        Self { bytes, at: 0 }
    }

    fn u(&mut self, count: u32) -> Option<u32> {
        let mut value = 0_u32;
        for _ in 0..count {
            let byte = self.bytes.get(self.at / 8)?;
            value = value << 1 | u32::from(byte >> (7 - self.at % 8) & 1);
            self.at += 1;
        }
        Some(value)
    }

    fn flag(&mut self) -> Option<bool> {
        Some(self.u(1)? == 1)
    }

    /// Exp-Golomb, §9.1; at most 2^31.
    fn ue(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        (1_u32 << zeros).checked_add(self.u(zeros)?)?.checked_sub(1)
    }

    fn se(&mut self) -> Option<i64> {
        let n = i64::from(self.ue()?);
        Some(if n % 2 == 1 { (n + 1) / 2 } else { -n / 2 })
    }
}

fn h264(unit: &[u8]) -> Option<(u32, u32)> {
    let mut bits = Bits::new(unit.get(1..)?);
    let profile = bits.u(8)?;
    bits.u(16)?;
    bits.ue()?;
    if HIGH.contains(&profile) {
        let colours = bits.ue()?;
        if colours == 3 {
            bits.flag()?;
        }
        bits.ue()?;
        bits.ue()?;
        bits.flag()?;
        if bits.flag()? {
            for list in 0..if colours == 3 { 12 } else { 8 } {
                if bits.flag()? {
                    scaling_list(&mut bits, if list < 6 { 16 } else { 64 })?;
                }
            }
        }
    }
    bits.ue()?;
    match bits.ue()? {
        0 => drop(bits.ue()?),
        1 => {
            bits.flag()?;
            bits.se()?;
            bits.se()?;
            for _ in 0..bits.ue()?.min(255) {
                bits.se()?;
            }
        }
        _ => {}
    }
    bits.ue()?;
    bits.flag()?;
    let blocks = |n: u32| n.checked_add(1)?.checked_mul(16);
    let (width, height) = (blocks(bits.ue()?)?, blocks(bits.ue()?)?);
    let fields = if bits.flag()? { 1 } else { 2 };
    Some((width, height.checked_mul(fields)?))
}

fn scaling_list(bits: &mut Bits, len: usize) -> Option<()> {
    let (mut last, mut next) = (8, 8);
    for _ in 0..len {
        if next != 0 {
            next = (last + bits.se()?) & 0xff;
        }
        last = if next == 0 { last } else { next };
    }
    Some(())
}

/// ITU-T H.265 §7.3.2.2.
fn h265(unit: &[u8]) -> Option<(u32, u32)> {
    let mut bits = Bits::new(unit.get(2..)?);
    bits.u(4)?;
    let layers = bits.u(3)?;
    bits.flag()?;
    // General profile, tier and level.
    bits.u(32)?;
    bits.u(32)?;
    bits.u(32)?;
    let mut more = Vec::new();
    for _ in 0..layers {
        more.push((bits.flag()?, bits.flag()?));
    }
    if layers > 0 {
        bits.u(2 * (8 - layers))?;
    }
    for (profile, level) in more {
        if profile {
            bits.u(32)?;
            bits.u(32)?;
            bits.u(24)?;
        }
        if level {
            bits.u(8)?;
        }
    }
    bits.ue()?;
    if bits.ue()? == 3 {
        bits.flag()?;
    }
    Some((bits.ue()?, bits.ue()?))
}

/// Width and height in pixels, before cropping, of a unit; none when it is no parameter set, or cannot be read.
fn size(codec: Codec, unit: &[u8]) -> Option<(u32, u32)> {
    let header = unit.first()?;
    match codec {
        Codec::H264 if header & 0x1f == 7 => h264(unit),
        Codec::H265 if header >> 1 & 0x3f == 33 => h265(unit),
        _ => None,
    }
}

/// The largest width and the largest height that the sets inside a sample, of units with lengths of four bytes, ask for.
pub(crate) fn largest_in_sample(codec: Codec, data: &[u8]) -> Option<(u32, u32)> {
    let mut rest = data;
    let mut sizes = Vec::new();
    for _ in 0..UNITS_MAX {
        let Some((len, after)) = rest.split_first_chunk::<4>() else { break };
        let len = usize::try_from(u32::from_be_bytes(*len)).unwrap_or(usize::MAX).min(after.len());
        let (unit, behind) = after.split_at_checked(len).unwrap_or((after, &[]));
        sizes.extend(size(codec, unit));
        rest = behind;
    }
    largest(sizes)
}

/// The same of the body of an `avcC` or `hvcC`, which may hold several sets.
pub(crate) fn largest_in_config(codec: Codec, config: &[u8]) -> Option<(u32, u32)> {
    let mut sizes = Vec::new();
    let mut unit = |rest: &mut &[u8]| {
        let (len, after) = rest.split_first_chunk::<2>()?;
        let (set, behind) = after.split_at_checked(u16::from_be_bytes(*len).into())?;
        sizes.extend(size(codec, set));
        *rest = behind;
        Some(())
    };
    if codec == Codec::H264 {
        let mut rest = config.get(6..).unwrap_or_default();
        for _ in 0..config.get(5).map_or(0, |n| n & 0x1f) {
            if unit(&mut rest).is_none() {
                break;
            }
        }
    } else {
        let mut rest = config.get(23..).unwrap_or_default();
        'arrays: for _ in 0..config.get(22).copied().unwrap_or(0) {
            let Some(([_, high, low], after)) = rest.split_first_chunk::<3>() else { break };
            rest = after;
            for _ in 0..u16::from_be_bytes([*high, *low]) {
                if unit(&mut rest).is_none() {
                    break 'arrays;
                }
            }
        }
    }
    largest(sizes)
}

fn largest(sizes: Vec<(u32, u32)>) -> Option<(u32, u32)> {
    sizes.into_iter().reduce(|(w, h), (width, height)| (w.max(width), h.max(height)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        hex.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap_or(0)).collect()
    }

    fn check(codec: Codec, unit: &str, expected: Option<(u32, u32)>) {
        let unit = bytes(unit);
        let sample = [&(unit.len() as u32).to_be_bytes()[..], &unit].concat();
        assert_eq!(largest_in_sample(codec, &sample), expected, "{codec:?} {unit:x?}");
        for cut in 0..sample.len() {
            let _ = largest_in_sample(codec, sample.get(..cut).unwrap_or_default());
        }
    }

    #[test]
    fn sizes() {
        // Baseline, 320 × 192 before cropping; and what is no set, or broken.
        check(Codec::H264, "67 42 c0 0d d9 01 41 96 c0", None.or(Some((320, 192))));
        check(Codec::H264, "65 42 c0 0d", None);
        check(Codec::H264, "67 42 c0 0d 00 00 00 00 00 00", None);
        check(Codec::H265, "42 01", None);
        check(Codec::H265, "42 01 ff ff ff ff", None);
        check(Codec::Mjpeg, "67 42 c0 0d d9 01 41 96 c0", None);
        assert_eq!(largest_in_config(Codec::H264, &[0xff; 300]), None);
        assert_eq!(largest_in_config(Codec::H265, &[0xff; 300]), None);
    }
}
