//! What to remove: a pure choice over index rows.
//!
//! Promises: locked footage is never chosen; the oldest goes first; never more than asked for.
//! Leaves to others: rows (`index`), removing files (`evict`).

use crate::config::RetentionConfig;
use crate::disk::Space;
use crate::lock::FootageLock;
use crate::row::{DiskId, SegmentRow};
use nvr_base::{CameraId, StreamId, Utc};
use std::collections::BTreeMap;

/// A full disk gets a fiftieth of its size, but not less than this, bytes.
const URGENT_MIN: u64 = 1 << 20;
/// Nor more than this.
const URGENT_MAX: u64 = 256 << 20;
const DAY_US: i64 = 86_400_000_000;

/// What the choice is made from.
#[derive(Debug)]
pub struct View<'a> {
    /// Now; `None` when the clock was just set and ages mean nothing.
    pub now: Option<Utc>,
    /// What is kept how long.
    pub config: &'a RetentionConfig,
    /// Locks in force.
    pub locks: &'a [FootageLock],
    /// Disks, and the bytes that must become free on each.
    pub disks: &'a [(DiskId, u64)],
    /// The oldest rows of every stream: for each the same number, or all it has.
    pub oldest: &'a [SegmentRow],
    /// Bytes of all rows of each stream; empty when no limit asks for it.
    pub totals: &'a BTreeMap<StreamId, u64>,
}

/// Why a segment goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It is older than its class is kept.
    Age,
    /// Its disk needs space.
    Space,
    /// Its camera, or the store, holds more bytes than it may.
    Bytes,
}

/// Whether a lock keeps this segment.
pub fn is_locked(locks: &[FootageLock], row: &SegmentRow) -> bool {
    locks.iter().any(|l| l.covers(&row.stream().camera, row.start, row.end))
}

/// Bytes that must become free on a disk; `urgent` when a write just found it full.
pub fn bytes_wanted(config: &RetentionConfig, space: Space, urgent: bool) -> u64 {
    let keep = u128::from(space.total) * u128::from(config.keep_free_percent.min(100)) / 100;
    let keep = u64::try_from(keep).unwrap_or(u64::MAX);
    let least = if urgent { (space.total / 50).clamp(URGENT_MIN, URGENT_MAX) } else { 0 };
    keep.saturating_sub(space.free).max(least)
}

/// The segments that go, oldest first.
pub fn plan<'a>(view: &View<'a>) -> Vec<(&'a SegmentRow, Why)> {
    let mut rows: Vec<&SegmentRow> = view.oldest.iter().filter(|r| !is_locked(view.locks, r)).collect();
    rows.sort_by_key(|r| (r.end, r.name.sequence));
    let mut wanted: BTreeMap<DiskId, u64> = view.disks.iter().copied().collect();
    let mut over_all = view.config.bytes_max.map_or(0, |max| sum(view.totals, |_| true).saturating_sub(max));
    let mut over: BTreeMap<&CameraId, u64> = BTreeMap::new();
    for (camera, own) in &view.config.cameras {
        let total = sum(view.totals, |s| s.camera == *camera);
        over.insert(camera, own.bytes_max.map_or(0, |max| total.saturating_sub(max)));
    }
    let mut plan = Vec::new();
    for row in rows {
        let camera = &row.stream().camera;
        let keep_us = i64::from(view.config.keep_days(camera, row.stream().kind)).saturating_mul(DAY_US);
        let aged = view.now.is_some_and(|now| now.micros_since(row.end) > keep_us);
        let disk = wanted.get(&row.disk).copied().unwrap_or(0);
        let own = over.get(camera).copied().unwrap_or(0);
        let why = match () {
            () if aged => Why::Age,
            () if disk > 0 => Why::Space,
            () if own > 0 || over_all > 0 => Why::Bytes,
            () => continue,
        };
        wanted.entry(row.disk).and_modify(|w| *w = w.saturating_sub(row.bytes));
        over.entry(camera).and_modify(|o| *o = o.saturating_sub(row.bytes));
        over_all = over_all.saturating_sub(row.bytes);
        plan.push((row, why));
    }
    plan
}

fn sum(totals: &BTreeMap<StreamId, u64>, which: impl Fn(&StreamId) -> bool) -> u64 {
    totals.iter().filter(|(s, _)| which(s)).map(|(_, b)| b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::CameraRetention;
    use crate::mp4::SegmentName;
    use Why::{Age, Bytes, Space as NoSpace};
    use nvr_base::StreamKind::{Main, Sub};
    use nvr_base::{RunEpoch, StreamKind};

    fn row(camera: &str, kind: StreamKind, disk: u32, day: i64, sequence: u64) -> SegmentRow {
        let start = Utc(day * DAY_US);
        SegmentRow {
            name: SegmentName::new(StreamId::new(camera.parse().unwrap(), kind), sequence, start),
            disk: DiskId(disk),
            run: RunEpoch(1),
            start,
            end: start.plus_micros(60_000_000),
            bytes: 10,
            fragments: 1,
            suspect: false,
        }
    }

    fn rows() -> Vec<SegmentRow> {
        vec![
            row("a", Main, 1, 0, 1),
            row("a", Main, 2, 5, 2),
            row("a", Main, 1, 9, 3),
            row("a", Sub, 1, 0, 4),
            row("b", Main, 1, 2, 5),
            row("b", Main, 1, 9, 6),
        ]
    }

    fn check(
        change: impl FnOnce(&mut RetentionConfig, &mut Vec<FootageLock>, &mut [Space; 2]),
        expected: &[(u64, Why)],
    ) {
        let mut config = RetentionConfig { keep_free_percent: 10, ..RetentionConfig::default() };
        let (mut locks, mut spaces) = (Vec::new(), [Space { free: 500, total: 1000 }; 2]);
        change(&mut config, &mut locks, &mut spaces);
        let rows = rows();
        let mut totals = BTreeMap::new();
        rows.iter().for_each(|r| *totals.entry(r.stream().clone()).or_insert(0) += r.bytes);
        let view = View {
            now: Some(Utc(10 * DAY_US)),
            config: &config,
            locks: &locks,
            disks: &[1, 2].map(|n| (DiskId(n), bytes_wanted(&config, spaces[n as usize - 1], false))),
            oldest: &rows,
            totals: &totals,
        };
        let got: Vec<(u64, Why)> = plan(&view).into_iter().map(|(r, w)| (r.name.sequence, w)).collect();
        assert_eq!(got, expected);
        let held = plan(&View { now: None, ..view });
        assert!(held.iter().all(|(_, w)| *w != Age));
    }

    fn lock(camera: &str, day: i64) -> FootageLock {
        let (from, to) = (Utc(day * DAY_US), Utc(day * DAY_US + 1));
        FootageLock {
            camera: camera.parse().unwrap(),
            from,
            to,
            reason: String::new(),
            who: String::new(),
            at: from,
        }
    }

    #[test]
    fn plans() {
        check(|_, _, _| {}, &[]);
        check(|c, _, _| c.keep_days_main = 6, &[(1, Age), (5, Age)]);
        check(|c, _, _| c.keep_days_sub = 6, &[(4, Age)]);
        let b = || "b".parse().unwrap();
        check(
            |c, _, _| {
                c.cameras.insert(b(), CameraRetention { keep_days_main: Some(3), ..Default::default() });
            },
            &[(5, Age)],
        );
        check(|_, _, s| s[0].free = 85, &[(1, NoSpace), (4, NoSpace)]);
        check(|_, _, s| s[1].free = 0, &[(2, NoSpace)]);
        check(|c, _, _| c.bytes_max = Some(45), &[(1, Bytes), (4, Bytes)]);
        check(
            |c, _, _| {
                c.cameras.insert(b(), CameraRetention { bytes_max: Some(10), ..Default::default() });
            },
            &[(5, Bytes)],
        );
        check(
            |c, l, s| {
                l.extend([lock("a", 0), lock("a", 5)]);
                c.keep_days_main = 6;
                c.keep_days_sub = 6;
                s[1].free = 0;
            },
            &[(5, Age)],
        );
        check(|c, _, s| (c.keep_free_percent, s[0].free, s[1].free) = (0, 0, 0), &[]);
    }
}
