//! Looks at a JPEG picture from a camera (ITU-T T.81): is it whole, and how large is it?
//!
//! Promises: pure; no input panics; reads markers only, decodes nothing.
//! Leaves to others: showing the picture.

/// Most marker segments before the scan.
const SEGMENTS_MAX: usize = 64;
/// Most bytes a driver may pad after the end of the picture.
const PADDING_LEN_MAX: usize = 4096;

const SOI: [u8; 2] = [0xff, 0xd8];
const EOI: [u8; 2] = [0xff, 0xd9];

/// Why bytes are no whole JPEG picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JpegError {
    /// No start-of-image marker.
    #[error("no start of a JPEG picture")]
    Start,
    /// No end-of-image marker: the transfer was cut.
    #[error("no end of a JPEG picture: the transfer was cut")]
    End,
    /// No frame header that says the size.
    #[error("no frame header in a JPEG picture")]
    Header,
}

/// A whole picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Jpeg<'a> {
    /// From start to end of image, padding cut off.
    pub data: &'a [u8],
    /// Width in pixels.
    pub width: u16,
    /// Height in pixels.
    pub height: u16,
}

/// Checks that `bytes` hold one whole picture.
///
/// # Errors
/// What is missing.
pub fn check(bytes: &[u8]) -> Result<Jpeg<'_>, JpegError> {
    if !bytes.starts_with(&SOI) {
        return Err(JpegError::Start);
    }
    let tail_from = bytes.len().saturating_sub(PADDING_LEN_MAX);
    let tail = bytes.get(tail_from..).unwrap_or_default();
    let end = tail.windows(2).rposition(|pair| pair == EOI).ok_or(JpegError::End)?;
    // Only zeros may follow: anything else is the rest of a picture whose start was lost.
    if tail.get(end + 2..).is_some_and(|rest| rest.iter().any(|b| *b != 0)) {
        return Err(JpegError::End);
    }
    let data = bytes.get(..tail_from + end + 2).ok_or(JpegError::End)?;
    let (width, height) = size(data).ok_or(JpegError::Header)?;
    Ok(Jpeg { data, width, height })
}

/// Walks the marker segments (T.81 §B.1.1.4) to the frame header (§B.2.2).
fn size(data: &[u8]) -> Option<(u16, u16)> {
    let mut at = SOI.len();
    for _ in 0..SEGMENTS_MAX {
        let marker = match data.get(at..at + 2)? {
            [0xff, 0xff] => {
                at += 1;
                continue;
            }
            [0xff, marker] => *marker,
            _ => return None,
        };
        let len = usize::from(u16_at(data, at + 2)?);
        match marker {
            // SOF0 to SOF15, except DHT (c4), JPG (c8) and DAC (cc).
            0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                let (height, width) = (u16_at(data, at + 5)?, u16_at(data, at + 7)?);
                return (width > 0 && height > 0).then_some((width, height));
            }
            0xda | 0xd9 => return None,
            _ if len < 2 => return None,
            _ => at += 2 + len,
        }
    }
    None
}

fn u16_at(data: &[u8], at: usize) -> Option<u16> {
    data.get(at..at + 2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const APP0: [u8; 6] = [0xff, 0xe0, 0, 4, 1, 2];
    const SOF: [u8; 11] = [0xff, 0xc0, 0, 9, 8, 1, 104, 2, 128, 1, 0];
    const SCAN: [u8; 6] = [0xff, 0xda, 0, 2, 0x12, 0x34];

    fn check_bytes(parts: &[&[u8]], expected: Result<(u16, u16, usize), JpegError>) {
        let bytes = parts.concat();
        assert_eq!(check(&bytes).map(|j| (j.width, j.height, j.data.len())), expected, "{parts:?}");
    }

    #[test]
    fn pictures() {
        check_bytes(&[&SOI, &APP0, &SOF, &SCAN, &EOI], Ok((640, 360, 27)));
        check_bytes(&[&SOI, &SOF, &SCAN, &EOI, &[0; 100]], Ok((640, 360, 21)));
        check_bytes(&[&SOI, &[0xff], &SOF, &SCAN, &EOI], Ok((640, 360, 22)));
        check_bytes(&[&SOI, &SOF, &SCAN], Err(JpegError::End));
        check_bytes(&[&SOI, &SOF, &SCAN, &EOI, &[0; PADDING_LEN_MAX]], Err(JpegError::End));
        check_bytes(&[&SOI, &SOF, &SCAN, &EOI, b"junk"], Err(JpegError::End));
        check_bytes(&[&APP0, &SOF, &SCAN, &EOI], Err(JpegError::Start));
        check_bytes(&[], Err(JpegError::Start));
        check_bytes(&[&SOI], Err(JpegError::End));
        check_bytes(&[&SOI, &EOI], Err(JpegError::Header));
        check_bytes(&[&SOI, &SCAN, &EOI], Err(JpegError::Header));
        check_bytes(&[&SOI, &[0xff, 0xe0, 0, 0], &SOF, &EOI], Err(JpegError::Header));
        check_bytes(&[&SOI, &[0xff, 0xe0, 0xff, 0xff], &SOF, &EOI], Err(JpegError::Header));
        check_bytes(&[&SOI, &[0xff, 0xc0, 0, 9, 8, 0, 0, 0, 0, 1, 0], &EOI], Err(JpegError::Header));
        check_bytes(&[&SOI, &APP0.repeat(SEGMENTS_MAX), &SOF, &EOI], Err(JpegError::Header));
    }
}
