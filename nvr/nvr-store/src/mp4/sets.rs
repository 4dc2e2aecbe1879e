//! Parameter sets of H.264 and H.265, taken out of their configuration record.
//!
//! Promises: bounded by the record; a record that makes no sense gives none.
//! Leaves to others: where they are needed (`movie`).

use super::bytes::Cursor;
use nvr_base::{Codec, VideoFormat};

/// The parameter sets of `format` as a sample carries them: each with its 4-byte length.
pub(super) fn parameter_sets(format: &VideoFormat) -> Vec<u8> {
    let sets = match format.codec {
        Codec::H264 => avc_sets(&format.config),
        Codec::H265 => hevc_sets(&format.config),
        _ => None,
    };
    sets.unwrap_or_default()
}

/// AVCDecoderConfigurationRecord, ISO/IEC 14496-15 §5.3.3.1.
fn avc_sets(record: &[u8]) -> Option<Vec<u8>> {
    let mut c = Cursor(record);
    let mut out = Vec::new();
    c.take(5)?;
    for _ in 0..c.u8()? & 0x1f {
        put_set(&mut c, &mut out)?;
    }
    for _ in 0..c.u8()? {
        put_set(&mut c, &mut out)?;
    }
    Some(out)
}

/// HEVCDecoderConfigurationRecord, ISO/IEC 14496-15 §8.3.3.1.
fn hevc_sets(record: &[u8]) -> Option<Vec<u8>> {
    let mut c = Cursor(record);
    let mut out = Vec::new();
    c.take(22)?;
    for _ in 0..c.u8()? {
        c.u8()?;
        for _ in 0..c.u16()? {
            put_set(&mut c, &mut out)?;
        }
    }
    Some(out)
}

fn put_set(c: &mut Cursor<'_>, out: &mut Vec<u8>) -> Option<()> {
    let len = c.u16()?;
    out.extend_from_slice(&u32::from(len).to_be_bytes());
    out.extend_from_slice(c.take(len.into())?);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(codec: Codec, config: &[u8], expected: &[u8]) {
        let config = config.to_vec();
        let format = VideoFormat { codec, width: 1, height: 1, config, reorder_depth: 0 };
        assert_eq!(parameter_sets(&format), expected);
    }

    #[test]
    fn sets() {
        check(
            Codec::H264,
            &[1, 0, 0, 0, 0xff, 0xe1, 0, 2, 7, 7, 1, 0, 1, 8],
            &[0, 0, 0, 2, 7, 7, 0, 0, 0, 1, 8],
        );
        check(Codec::H264, &[1, 0, 0, 0, 0xff, 0xe1, 0, 9, 7], &[]);
        let mut hvcc = vec![0; 22];
        hvcc.extend_from_slice(&[2, 0xa0, 0, 1, 0, 1, 5, 0xa1, 0, 1, 0, 1, 6]);
        check(Codec::H265, &hvcc, &[0, 0, 0, 1, 5, 0, 0, 0, 1, 6]);
        check(Codec::Mjpeg, &[], &[]);
    }
}
