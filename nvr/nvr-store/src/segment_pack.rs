//! Segment rows of one stream as one value: rows in order, each as what differs from the one before.
//!
//! Promises: rows come back exactly; anything unreadable is `None`; a usual row takes some eight bytes.
//! Leaves to others: which rows are together, and the stream they share (`segment_rows`).
//!
//! A value is a version, then rows: a byte of [`Row`] bits, what they announce, and the step of the number and of the
//! bytes. Numbers are postcard's varints, signed ones zigzag; differences wrap, so that none overflows.

use crate::mp4::SegmentName;
use crate::row::{DiskId, SegmentRow};
use nvr_base::{RunEpoch, StreamId, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// First byte of every value.
const VERSION: u8 = 2;
/// Microseconds of the unit of a name's start.
const NAME_UNIT_US: i64 = 1000;

/// The row is suspect.
const SUSPECT: u8 = 1;
/// Disk and run follow: they are not those of the row before.
const PLACE: u8 = 1 << 1;
/// What changed of the time between the last row's end and this start follows, µs.
const GAP: u8 = 1 << 2;
/// What changed of the length follows, µs.
const LENGTH: u8 = 1 << 3;
/// What changed of the count of fragments follows.
const FRAGMENTS: u8 = 1 << 4;
/// The start in the name follows, as the start less it, µs: it is not the start in whole milliseconds.
const NAME: u8 = 1 << 5;
const KNOWN: u8 = SUSPECT | PLACE | GAP | LENGTH | FRAGMENTS | NAME;

/// What the next row is told from.
#[derive(Debug, Default, Clone, Copy)]
struct Before {
    sequence: i64,
    sequence_step: i64,
    end_us: i64,
    gap_us: i64,
    length_us: i64,
    bytes: i64,
    fragments: u32,
    disk: u32,
    run: u32,
}

/// The start that a name has unless it says otherwise.
fn name_start(start_us: i64) -> i64 {
    start_us.div_euclid(NAME_UNIT_US).wrapping_mul(NAME_UNIT_US)
}

/// The value of `rows`, which are of one stream and in order.
pub(crate) fn encode(rows: &[SegmentRow]) -> Vec<u8> {
    let mut out = Out(vec![VERSION]);
    let mut before = Before::default();
    for row in rows {
        let sequence = row.name.sequence as i64;
        let now = Before {
            sequence,
            sequence_step: sequence.wrapping_sub(before.sequence),
            end_us: row.end.0,
            gap_us: row.start.0.wrapping_sub(before.end_us),
            length_us: row.end.0.wrapping_sub(row.start.0),
            bytes: row.bytes as i64,
            fragments: row.fragments,
            disk: row.disk.0,
            run: row.run.0,
        };
        let bit = |is: bool, bit: u8| if is { bit } else { 0 };
        let flags = bit(row.suspect, SUSPECT)
            | bit((now.disk, now.run) != (before.disk, before.run), PLACE)
            | bit(now.gap_us != before.gap_us, GAP)
            | bit(now.length_us != before.length_us, LENGTH)
            | bit(now.fragments != before.fragments, FRAGMENTS)
            | bit(row.name.start.0 != name_start(row.start.0), NAME);
        out.put(&flags);
        if flags & PLACE != 0 {
            out.put(&(now.disk, now.run));
        }
        if flags & GAP != 0 {
            out.put(&now.gap_us.wrapping_sub(before.gap_us));
        }
        if flags & LENGTH != 0 {
            out.put(&now.length_us.wrapping_sub(before.length_us));
        }
        if flags & FRAGMENTS != 0 {
            out.put(&(i64::from(now.fragments) - i64::from(before.fragments)));
        }
        if flags & NAME != 0 {
            out.put(&row.start.0.wrapping_sub(row.name.start.0));
        }
        out.put(&now.sequence_step.wrapping_sub(before.sequence_step));
        out.put(&now.bytes.wrapping_sub(before.bytes));
        before = now;
    }
    out.0
}

/// The rows of a value.
pub(crate) fn decode(stream: &StreamId, value: &[u8]) -> Option<Vec<SegmentRow>> {
    let mut left = In(value.strip_prefix(&[VERSION])?);
    let mut rows = Vec::new();
    let mut before = Before::default();
    while !left.0.is_empty() {
        let flags: u8 = left.take()?;
        if flags & !KNOWN != 0 {
            return None;
        }
        let mut now = before;
        if flags & PLACE != 0 {
            (now.disk, now.run) = left.take()?;
        }
        if flags & GAP != 0 {
            now.gap_us = before.gap_us.wrapping_add(left.take()?);
        }
        if flags & LENGTH != 0 {
            now.length_us = before.length_us.wrapping_add(left.take()?);
        }
        if flags & FRAGMENTS != 0 {
            let fragments = i64::from(before.fragments).checked_add(left.take()?)?;
            now.fragments = u32::try_from(fragments).ok()?;
        }
        let start = before.end_us.wrapping_add(now.gap_us);
        let named = if flags & NAME != 0 { start.wrapping_sub(left.take()?) } else { name_start(start) };
        now.sequence_step = before.sequence_step.wrapping_add(left.take()?);
        now.sequence = before.sequence.wrapping_add(now.sequence_step);
        now.bytes = before.bytes.wrapping_add(left.take()?);
        now.end_us = start.wrapping_add(now.length_us);
        rows.push(SegmentRow {
            name: SegmentName { stream: stream.clone(), sequence: now.sequence as u64, start: Utc(named) },
            disk: DiskId(now.disk),
            run: RunEpoch(now.run),
            start: Utc(start),
            end: Utc(now.end_us),
            bytes: now.bytes as u64,
            fragments: now.fragments,
            suspect: flags & SUSPECT != 0,
        });
        before = now;
    }
    Some(rows)
}

struct Out(Vec<u8>);

impl Out {
    fn put(&mut self, value: &impl Serialize) {
        // Plain numbers into memory: nothing in it can fail.
        self.0 = postcard::to_extend(value, std::mem::take(&mut self.0)).unwrap_or_default();
    }
}

struct In<'a>(&'a [u8]);

impl In<'_> {
    fn take<T: DeserializeOwned>(&mut self) -> Option<T> {
        let (value, left) = postcard::take_from_bytes(self.0).ok()?;
        self.0 = left;
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nvr_base::StreamKind;

    fn stream() -> StreamId {
        StreamId::new("gate".parse().unwrap(), StreamKind::Sub)
    }

    fn row(sequence: u64, start: i64, length: i64, bytes: u64) -> SegmentRow {
        SegmentRow {
            name: SegmentName::new(stream(), sequence, Utc(start)),
            disk: DiskId(u32::MAX),
            run: RunEpoch(7),
            start: Utc(start),
            end: Utc(start.wrapping_add(length)),
            bytes,
            fragments: 60,
            suspect: false,
        }
    }

    /// `rows` come back from at most `bytes_max` bytes; no shorter value is read as all of them.
    fn check(rows: &[SegmentRow], bytes_max: usize) {
        let value = encode(rows);
        assert!(value.len() <= bytes_max, "{} bytes", value.len());
        assert_eq!(decode(&stream(), &value).as_deref(), Some(rows));
        for len in 0..value.len() {
            assert_ne!(decode(&stream(), &value[..len]).as_deref(), Some(rows), "cut to {len}");
        }
    }

    #[test]
    fn rows_round_trip() {
        let t = 1_764_000_000_123_457;
        check(&[], 1);
        check(&[row(9, t, 60_000_000, 30 << 20)], 40);
        check(&[row(u64::MAX, i64::MIN, -1, u64::MAX), row(0, i64::MAX, i64::MIN, 0)], 90);
        let mut odd = row(1, t, 1, 1);
        odd.name.start = Utc(-77);
        odd.suspect = true;
        check(&[odd.clone(), SegmentRow { disk: DiskId(0), fragments: u32::MAX, ..odd }], 90);
        // An hour as it is usually recorded: one follows another, lengths by a frame or two, sizes by a tenth.
        let mut random = fastrand::Rng::with_seed(1);
        let (mut end, mut hour) = (t, Vec::new());
        for i in 0..60 {
            let length = 60_000_000 + 40_000 * random.i64(-1..=1) + random.i64(-11..=11);
            hour.push(row(i * 100 + random.u64(0..20), end, length, random.u64(27 << 20..33 << 20)));
            end += length;
        }
        check(&hour, 60 * 9 + 30);
    }

    #[test]
    fn what_is_no_value_is_none() {
        let bad: [&[u8]; 5] = [&[], &[1], &[VERSION, 0x40], &[VERSION, 0], &[VERSION, FRAGMENTS, 1, 0, 0]];
        for value in bad {
            assert_eq!(decode(&stream(), value), None, "{value:?}");
        }
        let mut random = fastrand::Rng::with_seed(2);
        for _ in 0..20_000 {
            let mut value: Vec<u8> = (0..random.usize(..60)).map(|_| random.u8(..)).collect();
            value.insert(0, VERSION);
            let _ = decode(&stream(), &value);
        }
    }
}
