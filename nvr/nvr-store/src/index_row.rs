//! Keys of the index: streams, instants of one, segments.
//!
//! Promises: byte order of keys is the order of streams, starts and numbers; anything unreadable is `None`.
//! Leaves to others: the trees they are kept in (`index`), values (`segment_pack`).

use crate::mp4::SegmentName;
use nvr_base::{StreamId, StreamKind, Utc};

/// Bytes of a key after the stream: start and number.
const TAIL_LEN: usize = 16;

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
    prefix_at(&stream_key(stream), at)
}

/// The first key at or after `at` of those that begin with `prefix`, a stream's part of a key.
pub(crate) fn prefix_at(prefix: &[u8], at: Utc) -> Vec<u8> {
    let mut key = Vec::with_capacity(prefix.len() + TAIL_LEN);
    key.extend_from_slice(prefix);
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

/// The segment of a key made by [`key`].
pub(crate) fn from_key(key: &[u8]) -> Option<SegmentName> {
    let (stream, rest) = parse_stream(key)?;
    let (start, sequence) = rest.split_first_chunk::<8>()?;
    let sequence = u64::from_be_bytes(sequence.try_into().ok()?);
    Some(SegmentName { stream, sequence, start: Utc(unordered(start)?) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_and_are_read_back() {
        use StreamKind::{Main, Sub};
        let names = [
            ("a", Main, -5_000_001, 1),
            ("a", Main, 1_764_000_000_123_000, 9),
            ("a", Main, 1_764_000_000_123_000, 10),
            ("a", Main, 1_764_000_060_123_000, 2),
            ("a", Sub, 0, 3),
            ("a-b", Main, 0, 1),
            ("b", Main, 0, 1),
        ]
        .map(|(camera, kind, start, sequence)| {
            let stream = StreamId::new(camera.parse().unwrap(), kind);
            SegmentName { stream, sequence, start: Utc(start) }
        });
        let keys: Vec<_> = names.iter().map(key).collect();
        assert!(keys.is_sorted());
        for (name, key) in names.iter().zip(&keys) {
            assert_eq!(from_key(key).as_ref(), Some(name));
            assert_eq!(parse_at(key), Some((name.stream.clone(), name.start)));
            assert!(key_at(&name.stream, name.start) < *key && stream_key(&name.stream) < *key);
            assert_eq!(from_key(&key[1..]), None);
            assert_eq!(from_key(&key[..key.len() - 1]), None);
        }
    }
}
