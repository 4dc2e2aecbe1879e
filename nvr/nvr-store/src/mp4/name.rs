//! The path of a segment inside its disk's root.
//!
//! Promises: one text for one segment, and back; anything else is refused, so that no foreign file is ever
//! taken for footage or deleted.
//! Leaves to others: folders and files (`nvr-store`'s disk), the next sequence number (its writer).

use nvr_base::{CameraId, StreamId, StreamKind, Utc};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Folder of all segments inside a disk's root.
pub const SEGMENTS_FOLDER: &str = "segments";
/// Digits of a sequence number.
const SEQUENCE_DIGITS: usize = 13;
/// Highest sequence number: a segment a millisecond for 300 years.
pub const SEQUENCE_MAX: u64 = 10_u64.pow(SEQUENCE_DIGITS as u32) - 1;

/// 9999-12-30T00:00:00Z, milliseconds since 1970: about the last instant that has a text in every time zone.
const START_MILLIS_MAX: i64 = 253_402_128_000_000;

/// Why a path names no segment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{path}` is no segment path such as segments/gate/2026/11/24/0000000000042-20261124T052125.123Z.mp4: {what}"
)]
pub struct NameError {
    path: String,
    what: &'static str,
}

/// Name of a segment: unique by its sequence number, readable by its start.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SegmentName {
    /// Whose footage.
    pub stream: StreamId,
    /// Number of the segment in its store: one more each time, never reused. At most [`SEQUENCE_MAX`].
    pub sequence: u64,
    /// Wall clock at its start, to the millisecond.
    pub start: Utc,
}

impl SegmentName {
    /// The name of segment `sequence` of `stream`, begun at `start`: rounded down to the millisecond, and kept
    /// between 1970 and 9999, the years that have a text.
    pub fn new(stream: StreamId, sequence: u64, start: Utc) -> Self {
        let start = Utc::from_millis(start.as_millis().clamp(0, START_MILLIS_MAX));
        Self { stream, sequence: sequence.min(SEQUENCE_MAX), start }
    }

    /// The path inside the disk's root: [`fmt::Display`] as a path.
    pub fn path(&self) -> PathBuf {
        PathBuf::from(self.to_string())
    }
}

impl fmt::Display for SegmentName {
    /// `segments/<camera>/<yyyy>/<mm>/<dd>/<sequence>-<start utc>[-sub].mp4`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // RFC 3339 with milliseconds, always in this shape between the years 0 and 9999.
        let utc = self.start.to_string();
        let (date, time) = utc.split_once('T').unwrap_or((&utc, ""));
        let day = date.replace('-', "/");
        let stamp: String = date
            .chars()
            .filter(|c| *c != '-')
            .chain(['T'])
            .chain(time.chars().filter(|c| *c != ':'))
            .collect();
        let sub = match self.stream.kind {
            StreamKind::Main => "",
            StreamKind::Sub => "-sub",
        };
        write!(
            f,
            "{SEGMENTS_FOLDER}/{}/{day}/{:0SEQUENCE_DIGITS$}-{stamp}{sub}.mp4",
            self.stream.camera, self.sequence
        )
    }
}

impl FromStr for SegmentName {
    type Err = NameError;

    fn from_str(path: &str) -> Result<Self, NameError> {
        let bad = |what| NameError { path: path.chars().take(256).collect(), what };
        let mut parts = path.split('/');
        if parts.next() != Some(SEGMENTS_FOLDER) {
            return Err(bad("the folder is not `segments`"));
        }
        let camera: CameraId = parts.next().unwrap_or("").parse().map_err(|_| bad("no camera id"))?;
        let file = parts.next_back().ok_or_else(|| bad("no file name"))?;
        let stem = file.strip_suffix(".mp4").ok_or_else(|| bad("the file is not `.mp4`"))?;
        let (stem, kind) = match stem.strip_suffix("-sub") {
            Some(stem) => (stem, StreamKind::Sub),
            None => (stem, StreamKind::Main),
        };
        let (sequence, stamp) = stem.split_once('-').ok_or_else(|| bad("no `-` between number and time"))?;
        if sequence.len() != SEQUENCE_DIGITS || !sequence.bytes().all(|b| b.is_ascii_digit()) {
            return Err(bad("the sequence number has not 13 digits"));
        }
        let sequence = sequence.parse().map_err(|_| bad("the sequence number is none"))?;
        let start = parse_stamp(stamp).ok_or_else(|| bad("the start is no UTC time"))?;
        let name = Self { stream: StreamId::new(camera, kind), sequence, start };
        // One text only: this also checks the day's folders and every digit.
        if name.to_string() == path { Ok(name) } else { Err(bad("the day's folder and the start disagree")) }
    }
}

/// `20261124T052125.123Z`
fn parse_stamp(stamp: &str) -> Option<Utc> {
    let (date, time) = stamp.split_once('T')?;
    if date.len() != 8 || !stamp.is_ascii() {
        return None;
    }
    let (y, m, d) = (date.get(..4)?, date.get(4..6)?, date.get(6..)?);
    let (hh, mm, ss) = (time.get(..2)?, time.get(2..4)?, time.get(4..)?);
    format!("{y}-{m}-{d}T{hh}:{mm}:{ss}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, expected: Option<(&str, StreamKind, u64, &str)>) {
        let parsed = path.parse::<SegmentName>().ok();
        let want = expected.map(|(camera, kind, sequence, utc)| {
            SegmentName::new(StreamId::new(camera.parse().unwrap(), kind), sequence, utc.parse().unwrap())
        });
        assert_eq!(parsed, want, "{path}");
        if let Some(name) = want {
            assert_eq!(name.to_string(), path);
        }
    }

    #[test]
    fn names() {
        let ok = "segments/gate/2026/11/24/0000000000042-20261124T052125.123Z.mp4";
        check(ok, Some(("gate", StreamKind::Main, 42, "2026-11-24T05:21:25.123Z")));
        check(
            "segments/quay-2/2026/03/29/9999999999999-20260329T010000.000Z-sub.mp4",
            Some(("quay-2", StreamKind::Sub, SEQUENCE_MAX, "2026-03-29T01:00:00.000Z")),
        );
        for bad in [
            "",
            "segments",
            "segments/gate",
            "/segments/gate/2026/11/24/0000000000042-20261124T052125.123Z.mp4",
            "segments/../2026/11/24/0000000000042-20261124T052125.123Z.mp4",
            "segments/gate/2026/11/25/0000000000042-20261124T052125.123Z.mp4",
            "segments/gate/2026/11/0000000000042-20261124T052125.123Z.mp4",
            "segments/gate/2026/11/24/x/0000000000042-20261124T052125.123Z.mp4",
            "segments/gate/2026/11/24/42-20261124T052125.123Z.mp4",
            "segments/gate/2026/11/24/+000000000042-20261124T052125.123Z.mp4",
            "segments/gate/2026/11/24/0000000000042-20261124T052125.123Z.mp4.tmp",
            "segments/gate/2026/11/24/0000000000042-20261124T052125Z.mp4",
            "segments/gate/2026/11/24/0000000000042-20261124T052125.123456Z.mp4",
            "segments/gate/2026/11/24/0000000000042-20261324T052125.123Z.mp4",
            "segments/gate/2026/11/24/0000000000042-20261124T052125.123Z-main.mp4",
            "segments/gate/2026/11/24/0000000000042-2026\u{e9}124T052125.123Z.mp4",
        ] {
            check(bad, None);
        }
    }

    #[test]
    fn a_clock_gone_mad_still_makes_a_name() {
        for us in [i64::MIN, -1, i64::MAX] {
            let name =
                SegmentName::new(StreamId::new("a".parse().unwrap(), StreamKind::Main), u64::MAX, Utc(us));
            assert_eq!(name.to_string().parse::<SegmentName>(), Ok(name));
        }
    }
}
