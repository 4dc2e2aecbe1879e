//! Files as media, by their content.
//!
//! Promises: one place that knows which formats are taken; every refusal names the file and the remedy.
//! Leaves to others: the formats themselves.

use crate::annexb::nal_units;
use crate::error::TestcamError;
use crate::media::Media;
use crate::{audio, h264, h265, jpeg, mp4};
use std::io::Read;
use std::path::Path;

/// Largest file that is read into memory.
pub(crate) const FILE_BYTES_MAX: u64 = 1 << 30;

fn read(path: &Path) -> Result<Vec<u8>, TestcamError> {
    let error = |source| TestcamError::Read { path: path.to_owned(), source };
    let file = std::fs::File::open(path).map_err(error)?;
    let mut data = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut data).map_err(error)?;
    if data.len() as u64 > FILE_BYTES_MAX {
        let why = format!("it is larger than {} MiB; use a shorter file", FILE_BYTES_MAX >> 20);
        return Err(TestcamError::Media { path: path.to_owned(), why });
    }
    Ok(data)
}

fn is_mp4(data: &[u8]) -> bool {
    matches!(data.get(4..8), Some(b"ftyp" | b"moov" | b"mdat" | b"free" | b"wide"))
}

/// Video of a file: MP4 (H.264, H.265), Annex B (H.264, H.265) or concatenated JPEG pictures. `fps` is for
/// those without times.
pub(crate) fn video(path: &Path, fps: f64) -> Result<Media, TestcamError> {
    let data = read(path)?;
    let media = if is_mp4(&data) {
        mp4::parse(&data, mp4::Wanted::Video)
    } else if data.starts_with(&[0xff, 0xd8]) {
        jpeg::parse(&data, fps)
    } else {
        byte_stream(&data, fps)
    };
    media.map_err(|why| TestcamError::Media { path: path.to_owned(), why })
}

/// H.264 when the stream has an H.264 SPS and PPS, H.265 when it has its three parameter sets.
fn byte_stream(data: &[u8], fps: f64) -> Result<Media, String> {
    const HEAD_BYTES_MAX: usize = 1 << 20;
    let nals = nal_units(data.get(..HEAD_BYTES_MAX).unwrap_or(data));
    let has = |kind: fn(&[u8]) -> u8, k: u8, plausible: fn(&[u8]) -> bool| {
        nals.iter().any(|n| kind(n) == k && plausible(n))
    };
    let sps_265 = |n: &[u8]| h265::Sps::parse(n).is_some();
    let sps_264 = |n: &[u8]| h264::Sps::parse(n).is_some() && n.first().is_some_and(|b| b & 0x80 == 0);
    let any = |_: &[u8]| true;
    if has(h265::kind, 32, any) && has(h265::kind, 33, sps_265) && has(h265::kind, 34, any) {
        h265::parse(data, fps)
    } else if has(h264::kind, 7, sps_264) && has(h264::kind, 8, any) {
        h264::parse(data, fps)
    } else {
        Err("it is neither MP4 nor an H.264 or H.265 byte stream nor JPEG pictures; \
             convert it with `ffmpeg -i FILE -c:v libx264 -bf 0 OUT.h264`"
            .into())
    }
}

/// Sound of a file: AAC of MP4 or ADTS, else raw µ-law.
pub(crate) fn sound(path: &Path) -> Result<Media, TestcamError> {
    let data = read(path)?;
    let media = if is_mp4(&data) {
        mp4::parse(&data, mp4::Wanted::Audio)
    } else if audio::is_adts(&data) {
        audio::parse_adts(&data)
    } else {
        audio::parse_ulaw(&data)
    };
    media.map_err(|why| TestcamError::Media { path: path.to_owned(), why })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, content: &[u8], expected_error: Option<&str>) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        std::fs::write(&path, content).unwrap();
        match (video(&path, 25.0), expected_error) {
            (Ok(_), None) => {}
            (Err(e), Some(part)) => assert!(e.to_string().contains(part), "{e}"),
            (got, want) => panic!("{name}: {got:?}, expected {want:?}"),
        }
    }

    #[test]
    fn content_decides() {
        check("a.txt", b"hello", Some("neither MP4 nor"));
        check("a.mp4", b"\0\0\0\x08ftyp", Some("no `moov`"));
        check("a.jpg", &[0xff, 0xd8, 0xff], Some("picture 0"));
        let m = crate::Synthetic::new(100).media().unwrap();
        let stream: Vec<u8> =
            m.units.iter().skip(1).flat_map(|u| &u.parts).fold(Vec::new(), |mut all, nal| {
                all.extend([0, 0, 0, 1]);
                all.extend(nal);
                all
            });
        check("a.bin", &stream, None);
    }

    #[test]
    fn a_missing_file_is_named() {
        let e = video(Path::new("/nonexistent/clip.h264"), 25.0).unwrap_err().to_string();
        assert!(e.contains("/nonexistent/clip.h264"), "{e}");
    }
}
