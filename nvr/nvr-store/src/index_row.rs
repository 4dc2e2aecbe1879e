//! Index rows as bytes: keys that sort by stream and time, compact values.
//!
//! Promises: byte order of keys is the order of streams, starts and numbers; anything unreadable is `None`.
//! Leaves to others: the tree they are kept in (`index`).

use crate::mp4::SegmentName;
use crate::row::{DiskId, SegmentRow};
use nvr_base::{RunEpoch, StreamId, StreamKind, Utc};
use serde::{Deserialize, Serialize};

/// First byte of every value.
const VERSION: u8 = 1;
/// Bytes of a key after the stream: start and number.
const TAIL_LEN: usize = 16;

#[derive(Serialize, Deserialize)]
struct Value {
    version: u8,
    disk: u32,
    run: u32,
    /// `start` minus the start in the name: less than a millisecond.
    start_us: i64,
    length_us: i64,
    bytes: u64,
    fragments: u32,
    suspect: bool,
}

/// The part of a key that all rows of a stream share: camera, 0, kind.
pub(crate) fn stream_key(stream: &StreamId) -> Vec<u8> {
    let mut key = Vec::with_capacity(stream.camera.as_str().len() + 2 + TAIL_LEN);
    key.extend_from_slice(stream.camera.as_str().as_bytes());
    key.push(0);
    key.push(match stream.kind {
        StreamKind::Main => 0,
        StreamKind::Sub => 1,
    });
    key
}

/// An instant whose byte order is its order.
fn ordered(t: i64) -> [u8; 8] {
    ((t as u64) ^ (1 << 63)).to_be_bytes()
}

fn unordered(bytes: &[u8]) -> Option<i64> {
    Some((u64::from_be_bytes(bytes.try_into().ok()?) ^ (1 << 63)) as i64)
}

/// The first key of `stream` at or after `at`.
pub(crate) fn key_at(stream: &StreamId, at: Utc) -> Vec<u8> {
    let mut key = stream_key(stream);
    key.extend_from_slice(&ordered(at.0));
    key
}

/// The key of a segment.
pub(crate) fn key(name: &SegmentName) -> Vec<u8> {
    let mut key = key_at(&name.stream, name.start);
    key.extend_from_slice(&name.sequence.to_be_bytes());
    key
}

/// The stream at the head of a key, and the rest.
pub(crate) fn parse_stream(key: &[u8]) -> Option<(StreamId, &[u8])> {
    let zero = key.iter().position(|b| *b == 0)?;
    let camera = std::str::from_utf8(key.get(..zero)?).ok()?.parse().ok()?;
    let kind = match key.get(zero + 1)? {
        0 => StreamKind::Main,
        1 => StreamKind::Sub,
        _ => return None,
    };
    Some((StreamId::new(camera, kind), key.get(zero + 2..)?))
}

/// The instant in a key made by [`key_at`].
pub(crate) fn parse_at(key: &[u8]) -> Option<(StreamId, Utc)> {
    let (stream, rest) = parse_stream(key)?;
    Some((stream, Utc(unordered(rest.get(..8)?)?)))
}

/// The value of a row.
pub(crate) fn value(row: &SegmentRow) -> Vec<u8> {
    let value = Value {
        version: VERSION,
        disk: row.disk.0,
        run: row.run.0,
        start_us: row.start.micros_since(row.name.start),
        length_us: row.end.micros_since(row.start),
        bytes: row.bytes,
        fragments: row.fragments,
        suspect: row.suspect,
    };
    // A plain struct of numbers: nothing in it can fail.
    postcard::to_stdvec(&value).unwrap_or_default()
}

/// The row of a key and its value.
pub(crate) fn parse(key: &[u8], value: &[u8]) -> Option<SegmentRow> {
    let (stream, rest) = parse_stream(key)?;
    if rest.len() != TAIL_LEN {
        return None;
    }
    let start = Utc(unordered(rest.get(..8)?)?);
    let sequence = u64::from_be_bytes(rest.get(8..)?.try_into().ok()?);
    let v: Value = postcard::from_bytes(value).ok()?;
    let row_start = start.plus_micros(v.start_us);
    (v.version == VERSION).then(|| SegmentRow {
        name: SegmentName::new(stream, sequence, start),
        disk: DiskId(v.disk),
        run: RunEpoch(v.run),
        start: row_start,
        end: row_start.plus_micros(v.length_us),
        bytes: v.bytes,
        fragments: v.fragments,
        suspect: v.suspect,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(camera: &str, kind: StreamKind, start: i64, sequence: u64) -> SegmentRow {
        SegmentRow {
            name: SegmentName::new(StreamId::new(camera.parse().unwrap(), kind), sequence, Utc(start)),
            disk: DiskId(u32::MAX),
            run: RunEpoch(7),
            start: Utc(start),
            end: Utc(start + 60_000_000),
            bytes: 30 << 20,
            fragments: 60,
            suspect: sequence.is_multiple_of(2),
        }
    }

    #[test]
    fn rows_round_trip_and_sort() {
        use StreamKind::{Main, Sub};
        let rows = [
            row("a", Main, -5_000_001, 1),
            row("a", Main, 1_764_000_000_123_457, 9),
            row("a", Main, 1_764_000_000_123_999, 10),
            row("a", Main, 1_764_000_060_123_457, 2),
            row("a", Sub, 0, 3),
            row("a-b", Main, 0, 1),
            row("b", Main, 0, 1),
        ];
        let keys: Vec<_> = rows.iter().map(|r| key(&r.name)).collect();
        assert!(keys.is_sorted());
        for (row, key) in rows.iter().zip(&keys) {
            let value = value(row);
            assert!(value.len() <= 32, "{} bytes", value.len());
            assert_eq!(parse(key, &value).as_ref(), Some(row));
            assert_eq!(parse(key, &value[1..]), None);
            assert_eq!(parse(&key[1..], &[]), None);
        }
    }
}
