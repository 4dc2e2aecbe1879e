//! Access units in stored form, and their parameter sets, to a byte stream (ITU-T H.264 and H.265 Annex B) for decoders.
//!
//! Promises: pure; no input panics; so no parser in C has to look at lengths. The inverse of `annexb`.
//! Leaves to others: what the units hold (the decoder).

use nvr_base::{Codec, VideoFormat};

/// Most parameter sets and units together.
pub const UNITS_MAX: usize = 1024;

const START_CODE: [u8; 4] = [0, 0, 0, 1];
/// Bytes of an `hvcC` body before its number of arrays (ISO/IEC 14496-15 §8.3.3.1.2).
const HVCC_HEAD_LEN: usize = 22;
/// Bytes of an `avcC` body before its number of sequence parameter sets (§5.3.3.1.2).
const AVCC_HEAD_LEN: usize = 5;

/// Why bytes are no access unit in stored form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StoredError {
    /// The parameter sets end early, or are of another version.
    #[error("its codec parameters are no {0} record")]
    Parameters(&'static str),
    /// A unit's length goes past the end.
    #[error("a unit in it is longer than the rest")]
    Length,
    /// More than [`UNITS_MAX`] units.
    #[error("it has more than {UNITS_MAX} units")]
    Units,
    /// No unit at all.
    #[error("it is empty")]
    Empty,
    /// Not H.264 or H.265.
    #[error("{0:?} is not stored as units")]
    Codec(Codec),
}

/// The parameter sets of `format`, then the units of `data`, each behind a start code.
///
/// # Errors
/// What is wrong with them.
pub fn byte_stream(format: &VideoFormat, data: &[u8]) -> Result<Vec<u8>, StoredError> {
    let sets = match format.codec {
        Codec::H264 => avcc(&format.config).ok_or(StoredError::Parameters("avcC"))?,
        Codec::H265 => hvcc(&format.config).ok_or(StoredError::Parameters("hvcC"))?,
        other @ (Codec::Mjpeg | Codec::Aac | Codec::Ulaw | Codec::Alaw) => {
            return Err(StoredError::Codec(other));
        }
    };
    let units = units(data)?;
    if units.is_empty() {
        return Err(StoredError::Empty);
    }
    if sets.len() + units.len() > UNITS_MAX {
        return Err(StoredError::Units);
    }
    let mut out = Vec::with_capacity(format.config.len() + data.len() + START_CODE.len() * sets.len());
    for unit in sets.into_iter().chain(units) {
        out.extend_from_slice(&START_CODE);
        out.extend_from_slice(unit);
    }
    Ok(out)
}

fn units(data: &[u8]) -> Result<Vec<&[u8]>, StoredError> {
    let (mut out, mut rest) = (Vec::new(), data);
    while !rest.is_empty() {
        let (len, after) = rest.split_first_chunk::<4>().ok_or(StoredError::Length)?;
        let len = usize::try_from(u32::from_be_bytes(*len)).map_err(|_| StoredError::Length)?;
        let (unit, after) = after.split_at_checked(len).ok_or(StoredError::Length)?;
        if out.len() >= UNITS_MAX {
            return Err(StoredError::Units);
        }
        if !unit.is_empty() {
            out.push(unit);
        }
        rest = after;
    }
    Ok(out)
}

/// Takes a unit with a 2-byte length off `rest`.
fn short_unit<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (len, after) = rest.split_first_chunk::<2>()?;
    let (unit, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
    *rest = after;
    Some(unit)
}

/// Sequence and picture parameter sets of an `avcC` body; an empty one (`avc3`: sets travel in band) has none.
fn avcc(config: &[u8]) -> Option<Vec<&[u8]>> {
    if config.is_empty() {
        return Some(Vec::new());
    }
    let mut rest = config.get(AVCC_HEAD_LEN..).filter(|_| config.first() == Some(&1))?;
    let mut out = Vec::new();
    for mask in [0x1f, 0xff] {
        let (count, after) = rest.split_first()?;
        rest = after;
        for _ in 0..count & mask {
            out.push(short_unit(&mut rest)?);
        }
    }
    Some(out)
}

/// Parameter sets of an `hvcC` body; an empty one (`hev1`) has none.
fn hvcc(config: &[u8]) -> Option<Vec<&[u8]>> {
    if config.is_empty() {
        return Some(Vec::new());
    }
    let (arrays, mut rest) = config.get(HVCC_HEAD_LEN..)?.split_first()?;
    let mut out = Vec::new();
    for _ in 0..*arrays {
        // Kind of units, then their number.
        let ([_, high, low], after) = rest.split_first_chunk::<3>()?;
        rest = after;
        for _ in 0..u16::from_be_bytes([*high, *low]) {
            out.push(short_unit(&mut rest)?);
            if out.len() > UNITS_MAX {
                return None;
            }
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(codec: Codec, config: &[u8], data: &[u8], expected: Result<&[&[u8]], StoredError>) {
        let format = VideoFormat { codec, width: 8, height: 8, config: config.to_vec(), reorder_depth: 0 };
        let expected = expected.map(|units| {
            units.iter().flat_map(|unit| START_CODE.iter().chain(*unit).copied()).collect::<Vec<u8>>()
        });
        assert_eq!(byte_stream(&format, data), expected, "{config:?} {data:?}");
    }

    const AVCC: [u8; 15] = [1, 66, 0, 30, 0xff, 0xe1, 0, 3, 0x67, 1, 2, 1, 0, 1, 0x68];

    #[test]
    fn h264() {
        let h264 = Codec::H264;
        let unit = [0, 0, 0, 2, 0x65, 9];
        check(h264, &AVCC, &unit, Ok(&[&[0x67, 1, 2], &[0x68], &[0x65, 9]]));
        check(h264, &[&AVCC[..], &[0xfd, 0xf8, 0xf8, 0]].concat(), &unit, Ok(&[&[0x67, 1, 2], &[0x68], &[0x65, 9]]));
        check(h264, &[], &[&unit[..], &[0, 0, 0, 0], &unit].concat(), Ok(&[&[0x65, 9], &[0x65, 9]]));
        for len in 1..AVCC.len() {
            check(h264, &AVCC[..len], &unit, Err(StoredError::Parameters("avcC")));
        }
        check(h264, &[2, 66, 0, 30, 0xff, 0xe0, 0], &unit, Err(StoredError::Parameters("avcC")));
        check(h264, &AVCC, &[], Err(StoredError::Empty));
        check(h264, &AVCC, &[0, 0, 0, 0], Err(StoredError::Empty));
        check(h264, &AVCC, &[0, 0, 0, 3, 0x65, 9], Err(StoredError::Length));
        check(h264, &AVCC, &[0, 0, 0], Err(StoredError::Length));
        check(h264, &AVCC, &[0xff; 40], Err(StoredError::Length));
        check(h264, &AVCC, &[0, 0, 0, 1, 5].repeat(UNITS_MAX + 1), Err(StoredError::Units));
        check(h264, &AVCC, &[0, 0, 0, 1, 5].repeat(UNITS_MAX), Err(StoredError::Units));
        check(Codec::Mjpeg, &[], &unit, Err(StoredError::Codec(Codec::Mjpeg)));
    }

    #[test]
    fn h265() {
        let head = [1; HVCC_HEAD_LEN];
        let unit = [0, 0, 0, 1, 0x26];
        let full = [&head[..], &[2, 0xa0, 0, 1, 0, 2, 0x40, 1, 0xa1, 0, 2, 0, 1, 0x42, 0, 1, 0x43]].concat();
        check(Codec::H265, &full, &unit, Ok(&[&[0x40, 1], &[0x42], &[0x43], &[0x26]]));
        for len in 1..full.len() {
            check(Codec::H265, &full[..len], &unit, Err(StoredError::Parameters("hvcC")));
        }
        let many = [&head[..], &[1, 0xa0, 0xff, 0xff], &[0; 2 * 0xffff]].concat();
        check(Codec::H265, &many, &unit, Err(StoredError::Parameters("hvcC")));
        check(Codec::H265, &[], &unit, Ok(&[&[0x26]]));
    }
}
