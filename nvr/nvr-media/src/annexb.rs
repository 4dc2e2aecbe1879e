//! H.264 byte streams (ITU-T H.264 Annex B) to the form that is stored: length-prefixed units and an `avcC` body.
//!
//! Promises: pure; no input panics; units and their number are bounded; an access unit without a picture yields none.
//! Leaves to others: where the bytes come from (`capture`, `encoder`).

/// NAL units that one access unit may have.
pub const UNITS_MAX: usize = 256;
/// Longest parameter set, in bytes.
pub const PARAMETER_SET_LEN_MAX: usize = 1024;

const NAL_SLICE: u8 = 1;
const NAL_IDR: u8 = 5;
const NAL_SPS: u8 = 7;
const NAL_PPS: u8 = 8;
const NAL_DELIMITER: u8 = 9;
const NAL_FILLER: u8 = 12;

/// Why bytes are no access unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AnnexBError {
    /// No start code.
    #[error("no start code: not an H.264 byte stream")]
    NoStartCode,
    /// More than [`UNITS_MAX`] units.
    #[error("more than {UNITS_MAX} units in one access unit")]
    Units,
    /// A parameter set too short to be one, or longer than [`PARAMETER_SET_LEN_MAX`].
    #[error("a parameter set of {0} bytes")]
    ParameterSet(usize),
}

/// One access unit in stored form.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AccessUnit {
    /// Units with 4-byte lengths, without parameter sets, delimiters and filler.
    pub data: Vec<u8>,
    /// Has an IDR picture.
    pub key: bool,
}

/// The units of a byte stream, without start codes and trailing zero bytes (H.264 §B.1.1).
pub fn units(stream: &[u8]) -> Result<Vec<&[u8]>, AnnexBError> {
    let mut starts = Vec::new();
    let mut i = 0;
    while let Some(window) = stream.get(i..i + 3) {
        match window {
            [0, 0, 1] => {
                starts.push(i);
                i += 3;
                if starts.len() > UNITS_MAX {
                    return Err(AnnexBError::Units);
                }
            }
            // The third byte decides how far the next start code is at least.
            [_, _, third] if *third > 1 => i += 3,
            _ => i += 1,
        }
    }
    if starts.is_empty() {
        return Err(AnnexBError::NoStartCode);
    }
    let ends = starts.iter().skip(1).copied().chain([stream.len()]);
    let mut out = Vec::with_capacity(starts.len());
    for (start, end) in starts.iter().zip(ends) {
        let mut unit = stream.get(start + 3..end).unwrap_or_default();
        while let [rest @ .., 0] = unit {
            unit = rest;
        }
        if !unit.is_empty() {
            out.push(unit);
        }
    }
    Ok(out)
}

/// Converts access units one by one and keeps the parameter sets.
#[derive(Debug, Default)]
pub struct Converter {
    sps: Vec<u8>,
    pps: Vec<u8>,
}

impl Converter {
    /// Converts one access unit. `None`: it holds no picture.
    ///
    /// # Errors
    /// What makes the bytes no access unit.
    pub fn convert(&mut self, stream: &[u8]) -> Result<Option<AccessUnit>, AnnexBError> {
        let mut out = AccessUnit { data: Vec::with_capacity(stream.len() + 16), key: false };
        let mut picture = false;
        for unit in units(stream)? {
            let kind = unit.first().map_or(0, |header| header & 0x1f);
            match kind {
                NAL_SPS | NAL_PPS => {
                    let len_min = if kind == NAL_SPS { 4 } else { 2 };
                    if unit.len() < len_min || unit.len() > PARAMETER_SET_LEN_MAX {
                        return Err(AnnexBError::ParameterSet(unit.len()));
                    }
                    let kept = if kind == NAL_SPS { &mut self.sps } else { &mut self.pps };
                    if kept != unit {
                        *kept = unit.to_vec();
                    }
                }
                NAL_DELIMITER | NAL_FILLER => {}
                _ => {
                    picture |= (NAL_SLICE..=NAL_IDR).contains(&kind);
                    out.key |= kind == NAL_IDR;
                    let len = u32::try_from(unit.len()).unwrap_or(u32::MAX);
                    out.data.extend_from_slice(&len.to_be_bytes());
                    out.data.extend_from_slice(unit);
                }
            }
        }
        Ok(picture.then_some(out))
    }

    /// The `avcC` body of the parameter sets seen so far (ISO/IEC 14496-15 §5.3.3.1.2); `None` before both came.
    pub fn avcc(&self) -> Option<Vec<u8>> {
        let [_, profile, compatibility, level, ..] = self.sps[..] else { return None };
        if self.pps.is_empty() {
            return None;
        }
        // Version 1, 4-byte lengths (0xfc | 3), one SPS (0xe0 | 1), one PPS.
        let mut out = vec![1, profile, compatibility, level, 0xff, 0xe1];
        out.extend_from_slice(&u16::try_from(self.sps.len()).ok()?.to_be_bytes());
        out.extend_from_slice(&self.sps);
        out.push(1);
        out.extend_from_slice(&u16::try_from(self.pps.len()).ok()?.to_be_bytes());
        out.extend_from_slice(&self.pps);
        // High profiles also state chroma format 4:2:0 and 8 bits, which is all that is encoded or passed here.
        if matches!(profile, 100 | 110 | 122 | 144) {
            out.extend_from_slice(&[0xfd, 0xf8, 0xf8, 0]);
        }
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_units(stream: &[u8], expected: Result<&[&[u8]], AnnexBError>) {
        assert_eq!(units(stream), expected.map(<[&[u8]]>::to_vec), "{stream:?}");
    }

    #[test]
    fn start_codes() {
        check_units(&[0, 0, 1, 9, 16], Ok(&[&[9, 16]]));
        check_units(&[0, 0, 0, 1, 9, 16], Ok(&[&[9, 16]]));
        check_units(&[0, 0, 1, 9, 0, 0, 1, 5, 7, 0, 0, 0], Ok(&[&[9], &[5, 7]]));
        check_units(&[0, 0, 0, 1, 9, 0, 0, 0, 1, 5, 7], Ok(&[&[9], &[5, 7]]));
        check_units(&[1, 2, 3, 0, 0, 1, 5], Ok(&[&[5]]));
        check_units(&[0, 0, 1, 0, 0, 1, 5], Ok(&[&[5]]));
        check_units(&[0, 0, 1], Ok(&[]));
        check_units(&[], Err(AnnexBError::NoStartCode));
        check_units(&[0, 0, 2, 5, 0, 0], Err(AnnexBError::NoStartCode));
        check_units(&[0, 0, 1].repeat(UNITS_MAX + 1), Err(AnnexBError::Units));
    }

    const SPS: [u8; 9] = [0, 0, 0, 1, 0x67, 66, 0xc0, 30, 0xaa];
    const PPS: [u8; 6] = [0, 0, 1, 0x68, 0xce, 0x3c];
    const IDR: [u8; 6] = [0, 0, 1, 0x65, 0x88, 0x84];
    const P: [u8; 5] = [0, 0, 1, 0x41, 0x9a];
    const SEI: [u8; 5] = [0, 0, 1, 0x06, 0x05];

    fn check(parts: &[&[u8]], expected: Result<Option<(&[u8], bool)>, AnnexBError>) {
        let got = Converter::default().convert(&parts.concat());
        let expected = expected.map(|unit| unit.map(|(data, key)| AccessUnit { data: data.to_vec(), key }));
        assert_eq!(got, expected, "{parts:?}");
    }

    #[test]
    fn access_units() {
        check(&[&SPS, &PPS, &IDR], Ok(Some((&[0, 0, 0, 3, 0x65, 0x88, 0x84], true))));
        check(&[&[0, 0, 1, 9, 0xf0], &P], Ok(Some((&[0, 0, 0, 2, 0x41, 0x9a], false))));
        check(&[&SEI, &P], Ok(Some((&[0, 0, 0, 2, 6, 5, 0, 0, 0, 2, 0x41, 0x9a], false))));
        check(&[&SPS, &PPS], Ok(None));
        check(&[&SEI], Ok(None));
        check(&[&[0, 0, 1, 0x67, 66]], Err(AnnexBError::ParameterSet(2)));
        check(&[&[0, 0, 1, 0x68], &[7; 2000]], Err(AnnexBError::ParameterSet(2001)));
        check(&[b"\xff\xd8jpeg"], Err(AnnexBError::NoStartCode));
    }

    #[test]
    fn avcc_has_both_parameter_sets() {
        let mut converter = Converter::default();
        assert_eq!(converter.convert(&SPS), Ok(None));
        assert_eq!(converter.avcc(), None);
        assert_eq!(converter.convert(&PPS), Ok(None));
        let expected =
            [1, 66, 0xc0, 30, 0xff, 0xe1, 0, 5, 0x67, 66, 0xc0, 30, 0xaa, 1, 0, 3, 0x68, 0xce, 0x3c];
        assert_eq!(converter.avcc().as_deref(), Some(&expected[..]));
        assert_eq!(converter.convert(&[0, 0, 1, 0x67, 100, 0, 40]), Ok(None));
        assert!(converter.avcc().is_some_and(|avcc| avcc.ends_with(&[0xfd, 0xf8, 0xf8, 0])));
    }
}
