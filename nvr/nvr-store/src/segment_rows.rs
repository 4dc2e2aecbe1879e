//! The tree of segment rows, many rows in one item: sled's memory goes by items, not by bytes.
//!
//! Promises: rows come in the order of stream, start and number, each once, whatever is added or removed meanwhile;
//! a pack never holds more than [`PACK_ROWS_MAX`] rows, however the clock jumps; an unreadable pack is skipped.
//! Leaves to others: bytes (`segment_pack`), what rows mean and sled's panics (`index`).
//!
//! A pack's key is a key of rows: it holds the rows from there to the key of the next pack of its stream. A pack that
//! is full is followed by a new one, or, when the row belongs into it, its upper half moves to one. The new pack is
//! written before the old one is cut: after a crash between the two, what the old one has beyond the key of the new
//! one is not there.

use crate::index_row::{from_key, key, prefix_at, stream_key};
use crate::mp4::SegmentName;
use crate::row::SegmentRow;
use crate::segment_pack::{decode, encode};
use nvr_base::Utc;
use sled::IVec;
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::{PoisonError, RwLock};

/// Most rows of a pack: about an hour of minutes, half a kilobyte. More make what each new row has sled write longer.
const PACK_ROWS_MAX: usize = 64;

/// The tree.
#[derive(Debug)]
pub(crate) struct SegmentRows {
    tree: sled::Tree,
    /// Reading and writing back is one step.
    steps: RwLock<()>,
}

/// A pack in hands.
#[derive(Debug)]
struct Pack {
    key: Vec<u8>,
    rows: Vec<SegmentRow>,
    /// Key of the pack after it, of whatever stream.
    next: Option<IVec>,
    /// The key that it has in the tree, when it is to have an earlier one.
    renamed: Option<IVec>,
}

impl Pack {
    /// Whether the row of this name and key belongs here.
    fn is_home_of(&self, name: &SegmentName, key: &[u8]) -> bool {
        self.key.starts_with(&stream_key(&name.stream))
            && self.key.as_slice() <= key
            && self.next.as_ref().is_none_or(|next| key < &**next)
    }

    fn find(&self, name: &SegmentName) -> Result<usize, usize> {
        find(&self.rows, name)
    }
}

fn find(rows: &[SegmentRow], name: &SegmentName) -> Result<usize, usize> {
    rows.binary_search_by_key(&(name.start, name.sequence), |r| (r.name.start, r.name.sequence))
}

/// The rows of an item before the key `next`; none of an unreadable one.
fn rows_of(item_key: &[u8], value: &[u8], next: Option<&[u8]>) -> Vec<SegmentRow> {
    let stream = from_key(item_key).map(|name| name.stream);
    let mut rows = stream.and_then(|stream| decode(&stream, value)).unwrap_or_default();
    if let Some(next) = next
        && rows.last().is_some_and(|last| key(&last.name).as_slice() >= next)
    {
        rows.retain(|row| key(&row.name).as_slice() < next);
    }
    rows
}

impl SegmentRows {
    /// Rows in `tree`.
    pub(crate) fn new(tree: sled::Tree) -> Self {
        Self { tree, steps: RwLock::new(()) }
    }

    /// Whether there is no row.
    pub(crate) fn is_empty(&self) -> bool {
        self.tree.is_empty()
    }

    fn read<R>(&self, step: impl FnOnce() -> sled::Result<R>) -> sled::Result<R> {
        let _one = self.steps.read().unwrap_or_else(PoisonError::into_inner);
        step()
    }

    /// The last pack with `prefix` that begins at or before `key`.
    fn home(&self, prefix: &[u8], key: &[u8]) -> sled::Result<Option<(IVec, IVec)>> {
        self.tree.range(prefix..=key).next_back().transpose()
    }

    /// The first item after `key`.
    fn after(&self, key: &[u8]) -> sled::Result<Option<(IVec, IVec)>> {
        self.tree.range::<&[u8], _>((Excluded(key), Unbounded)).next().transpose()
    }

    fn load(&self, key: &[u8], value: &[u8]) -> sled::Result<Pack> {
        let next = self.after(key)?.map(|(next, _)| next);
        let rows = rows_of(key, value, next.as_deref());
        Ok(Pack { key: key.to_vec(), rows, next, renamed: None })
    }

    /// The pack that a row of this key goes to.
    fn open(&self, name: &SegmentName, key: &[u8]) -> sled::Result<Pack> {
        let prefix = stream_key(&name.stream);
        if let Some((home, value)) = self.home(&prefix, key)? {
            return self.load(&home, &value);
        }
        // Before all others: into the first, as long as that has room.
        let first = self.after(key)?;
        if let Some((first, value)) = first.as_ref().filter(|(first, _)| first.starts_with(&prefix)) {
            let pack = self.load(first, value)?;
            if pack.rows.len() < PACK_ROWS_MAX {
                return Ok(Pack { key: key.to_vec(), renamed: Some(first.clone()), ..pack });
            }
        }
        let next = first.map(|(first, _)| first);
        Ok(Pack { key: key.to_vec(), rows: Vec::new(), next, renamed: None })
    }

    fn store(&self, pack: &mut Pack) -> sled::Result<()> {
        if pack.rows.is_empty() {
            self.tree.remove(&pack.key)?;
        } else {
            self.tree.insert(&pack.key, encode(&pack.rows))?;
        }
        match pack.renamed.take() {
            Some(old) => self.tree.remove(old).map(drop),
            None => Ok(()),
        }
    }

    /// Adds a row to the pack where it belongs; the pack is then the one that has it.
    fn put(&self, pack: &mut Pack, key_of_row: &[u8], row: &SegmentRow) -> sled::Result<()> {
        let place = match pack.find(&row.name) {
            Ok(same) => {
                if let Some(known) = pack.rows.get_mut(same) {
                    *known = row.clone();
                }
                return Ok(());
            }
            Err(place) => place,
        };
        if pack.rows.len() < PACK_ROWS_MAX {
            pack.rows.insert(place, row.clone());
            return Ok(());
        }
        if place == pack.rows.len() {
            self.store(pack)?;
            pack.key = key_of_row.to_vec();
            pack.rows = vec![row.clone()];
            return Ok(());
        }
        let upper = pack.rows.split_off(PACK_ROWS_MAX / 2);
        let upper_key = upper.first().map(|row| key(&row.name)).unwrap_or_default();
        self.tree.insert(&upper_key, encode(&upper))?;
        if pack.renamed.as_deref() == Some(&upper_key) {
            pack.renamed = None;
        }
        self.store(pack)?;
        if key_of_row < upper_key.as_slice() {
            pack.next = Some(upper_key.into());
        } else {
            pack.key = upper_key;
            pack.rows = upper;
        }
        let place = pack.find(&row.name).unwrap_or_else(|place| place);
        pack.rows.insert(place, row.clone());
        Ok(())
    }

    /// Adds rows, or replaces them; the last of those with one name counts.
    pub(crate) fn insert(&self, rows: &[SegmentRow]) -> sled::Result<()> {
        let mut rows: Vec<_> = rows.iter().map(|row| (key(&row.name), row)).collect();
        rows.sort_by(|a, b| a.0.cmp(&b.0));
        let mut rows = rows.into_iter().peekable();
        while let Some((key, row)) = rows.peek() {
            let _one = self.steps.write().unwrap_or_else(PoisonError::into_inner);
            let mut pack = self.open(&row.name, key)?;
            while let Some((key, row)) = rows.next_if(|(key, row)| pack.is_home_of(&row.name, key)) {
                self.put(&mut pack, &key, row)?;
            }
            self.store(&mut pack)?;
        }
        Ok(())
    }

    /// Removes rows.
    pub(crate) fn remove<'a>(&self, names: impl IntoIterator<Item = &'a SegmentName>) -> sled::Result<()> {
        let mut names: Vec<_> = names.into_iter().map(|name| (key(name), name)).collect();
        names.sort_by(|a, b| a.0.cmp(&b.0));
        let mut names = names.into_iter().peekable();
        while let Some((key, name)) = names.next() {
            let _one = self.steps.write().unwrap_or_else(PoisonError::into_inner);
            let Some((home, value)) = self.home(&stream_key(&name.stream), &key)? else { continue };
            let mut pack = self.load(&home, &value)?;
            let known = pack.rows.len();
            let mut name = Some(name);
            while let Some(one) = name {
                if let Ok(place) = pack.find(one) {
                    pack.rows.remove(place);
                }
                name = names.next_if(|(key, name)| pack.is_home_of(name, key)).map(|(_, name)| name);
            }
            if pack.rows.len() < known {
                self.store(&mut pack)?;
            }
        }
        Ok(())
    }

    /// The row of a segment.
    pub(crate) fn get(&self, name: &SegmentName) -> sled::Result<Option<SegmentRow>> {
        let home = self.read(|| self.home(&stream_key(&name.stream), &key(name)))?;
        let Some((home, value)) = home else { return Ok(None) };
        let mut rows = rows_of(&home, &value, None);
        Ok(find(&rows, name).ok().map(|place| rows.swap_remove(place)))
    }

    /// Calls `each` for rows whose keys begin with `prefix`, named for an instant of `[from, until)`, from the oldest
    /// on, until it says false.
    ///
    /// Each pack is looked up by itself: a step is right whatever happened since the last one, and sled's cache, which
    /// counts looks, is emptied as it is filled.
    pub(crate) fn forward(
        &self,
        prefix: &[u8],
        (from, until): (Utc, Utc),
        each: &mut dyn FnMut(SegmentRow) -> bool,
    ) -> sled::Result<()> {
        let low = prefix_at(prefix, from);
        let mut item = self.read(|| match self.home(prefix, &low)? {
            None => self.after(&low),
            home => Ok(home),
        })?;
        while let Some((key, value)) = item.filter(|(key, _)| key.starts_with(prefix)) {
            let next = self.read(|| self.after(&key))?;
            for row in rows_of(&key, &value, next.as_ref().map(|(next, _)| &**next)) {
                if row.name.start >= until {
                    return Ok(());
                }
                if row.name.start >= from && !each(row) {
                    return Ok(());
                }
            }
            item = next;
        }
        Ok(())
    }

    /// Calls `each` for rows whose keys begin with `prefix`, named for an instant before `until`, from the newest
    /// backwards, until it says false.
    pub(crate) fn back(
        &self,
        prefix: &[u8],
        until: Utc,
        each: &mut dyn FnMut(SegmentRow) -> bool,
    ) -> sled::Result<()> {
        let mut high: IVec = prefix_at(prefix, until).into();
        loop {
            let item = self.read(|| self.tree.range(prefix..&*high).next_back().transpose())?;
            let Some((key, value)) = item else { return Ok(()) };
            for row in rows_of(&key, &value, Some(&high)).into_iter().rev() {
                if !each(row) {
                    return Ok(());
                }
            }
            high = key;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::DiskId;
    use nvr_base::{RunEpoch, StreamId, StreamKind};
    use std::collections::BTreeMap;

    /// What the tree has to be like: the same rows, one by one.
    type Model = BTreeMap<Vec<u8>, SegmentRow>;

    const UNIT_US: i64 = 60_000_000;

    fn tree() -> (tempfile::TempDir, SegmentRows) {
        let dir = tempfile::tempdir().unwrap();
        let db = sled::Config::new().path(dir.path()).cache_capacity(1 << 20).flush_every_ms(None).open();
        (dir, SegmentRows::new(db.unwrap().open_tree("segments").unwrap()))
    }

    fn stream(camera: &str, kind: StreamKind) -> StreamId {
        StreamId::new(camera.parse().unwrap(), kind)
    }

    /// Streams whose keys are neighbours.
    fn streams() -> [StreamId; 4] {
        use StreamKind::{Main, Sub};
        [stream("a", Main), stream("a", Sub), stream("a-b", Main), stream("b", Sub)]
    }

    fn row(stream: &StreamId, start: i64, sequence: u64, bytes: u64) -> SegmentRow {
        SegmentRow {
            name: SegmentName::new(stream.clone(), sequence, Utc(start)),
            disk: DiskId((bytes % 2) as u32),
            run: RunEpoch((bytes % 3) as u32),
            start: Utc(start),
            end: Utc(start + UNIT_US),
            bytes,
            fragments: 60,
            suspect: bytes.is_multiple_of(5),
        }
    }

    fn forward(rows: &SegmentRows, prefix: &[u8], span: (Utc, Utc), count_max: usize) -> Vec<SegmentRow> {
        let mut found = Vec::new();
        let mut each = |row| {
            found.push(row);
            found.len() < count_max
        };
        rows.forward(prefix, span, &mut each).unwrap();
        found
    }

    fn back(rows: &SegmentRows, prefix: &[u8], until: Utc, count_max: usize) -> Vec<SegmentRow> {
        let mut found = Vec::new();
        let mut each = |row| {
            found.push(row);
            found.len() < count_max
        };
        rows.back(prefix, until, &mut each).unwrap();
        found
    }

    const ALWAYS: (Utc, Utc) = (Utc(i64::MIN), Utc(i64::MAX));

    /// Every question has the model's answer, and no pack is empty or too full.
    fn check(rows: &SegmentRows, model: &Model, random: &mut fastrand::Rng) {
        assert_eq!(rows.is_empty(), model.is_empty());
        assert!(forward(rows, &[], ALWAYS, usize::MAX).iter().eq(model.values()), "all");
        for item in rows.tree.iter() {
            let (key, value) = item.unwrap();
            assert!((1..=PACK_ROWS_MAX).contains(&rows_of(&key, &value, None).len()));
        }
        for stream in streams() {
            let prefix = stream_key(&stream);
            let of_stream = || model.values().filter(|row| row.name.stream == stream);
            let moment = |random: &mut fastrand::Rng| {
                let near = of_stream().nth(random.usize(..1 + of_stream().count()));
                Utc(near.map_or(0, |row| row.name.start.0) + random.i64(-1..2))
            };
            let (from, until, count_max) = (moment(random), moment(random), random.usize(1..200));
            let in_span = of_stream().filter(|row| row.name.start >= from && row.name.start < until);
            let found = forward(rows, &prefix, (from, until), count_max);
            assert!(found.iter().eq(in_span.take(count_max)), "forward from {from} to {until}");
            let before = of_stream().filter(|row| row.name.start < until).collect::<Vec<_>>();
            let found = back(rows, &prefix, until, count_max);
            assert!(found.iter().eq(before.into_iter().rev().take(count_max)), "back from {until}");
        }
    }

    /// Rows as a recorder makes them, with clocks that are set, storms and old files found later.
    fn some_rows(random: &mut fastrand::Rng, clock: &mut i64, sequence: &mut u64) -> Vec<SegmentRow> {
        let streams = if random.bool() { streams().to_vec() } else { random.choose_multiple(streams(), 1) };
        match random.u8(..20) {
            0 => *clock = random.i64(0..2000) * UNIT_US,
            1 => *clock -= random.i64(0..3) * UNIT_US,
            _ => {}
        }
        let step = random.choice([UNIT_US, UNIT_US, -UNIT_US, 700, 0]).unwrap();
        let count = random.choice([1, 1, 3, 40, 150]).unwrap();
        let mut rows = Vec::new();
        for _ in 0..count {
            *clock = (*clock + step).max(0);
            *sequence += random.u64(1..4);
            let stream = random.choice(&streams).unwrap();
            rows.push(row(stream, *clock, *sequence, random.u64(..1 << 25)));
        }
        if random.u8(..4) == 0 {
            random.shuffle(&mut rows);
        }
        rows
    }

    #[test]
    fn it_is_like_a_map_of_rows() {
        for seed in 0..12 {
            let mut random = fastrand::Rng::with_seed(seed);
            let (_dir, rows) = tree();
            let (mut model, mut clock, mut sequence) = (Model::new(), 1000 * UNIT_US, 0);
            for turn in 0..120 {
                let some = |model: &Model, random: &mut fastrand::Rng| {
                    let (from, count) = (random.usize(..1 + model.len()), random.usize(1..100));
                    model.values().skip(from).take(count).cloned().collect::<Vec<_>>()
                };
                match random.u8(..10) {
                    0..4 => {
                        let new = some_rows(&mut random, &mut clock, &mut sequence);
                        rows.insert(&new).unwrap();
                        model.extend(new.into_iter().map(|row| (key(&row.name), row)));
                    }
                    4..6 => {
                        let mut changed = some(&model, &mut random);
                        changed.iter_mut().for_each(|row| row.bytes = random.u64(..));
                        rows.insert(&changed).unwrap();
                        model.extend(changed.into_iter().map(|row| (key(&row.name), row)));
                    }
                    6 => {
                        let mut gone = some(&model, &mut random);
                        gone.extend(gone.first().cloned());
                        rows.remove(gone.iter().map(|row| &row.name)).unwrap();
                        gone.iter().for_each(|row| drop(model.remove(&key(&row.name))));
                    }
                    7 => {
                        // Retention: the oldest of a stream, one by one.
                        let stream = random.choice(streams()).unwrap();
                        for gone in forward(&rows, &stream_key(&stream), ALWAYS, random.usize(1..100)) {
                            rows.remove([&gone.name]).unwrap();
                            assert_eq!(model.remove(&key(&gone.name)), Some(gone));
                        }
                    }
                    _ => {
                        for row in some(&model, &mut random) {
                            assert_eq!(rows.get(&row.name).unwrap().as_ref(), Some(&row));
                        }
                        let none = SegmentName::new(stream("a", StreamKind::Main), 0, Utc(clock));
                        assert_eq!(rows.get(&none).unwrap(), None);
                        rows.remove([&none]).unwrap();
                    }
                }
                if turn % 6 == 0 {
                    check(&rows, &model, &mut random);
                }
            }
            check(&rows, &model, &mut random);
            rows.remove(model.values().map(|row| &row.name)).unwrap();
            check(&rows, &Model::new(), &mut random);
        }
    }

    /// Recorded minute by minute, or found the other way round, packs are full: that is what they are for.
    #[test]
    fn packs_are_full() {
        for backwards in [false, true] {
            let (_dir, rows) = tree();
            let stream = stream("a", StreamKind::Main);
            for i in 0..10 * PACK_ROWS_MAX as i64 {
                let i = if backwards { 10_000 - i } else { i };
                rows.insert(&[row(&stream, i * UNIT_US, i as u64, 7)]).unwrap();
            }
            assert_eq!(rows.tree.len(), 10);
        }
    }

    /// An unreadable pack is as if it were not there, and a row that goes into it makes it readable again.
    #[test]
    fn unreadable_packs_are_skipped() {
        let (_dir, rows) = tree();
        let stream = stream("a", StreamKind::Main);
        let all: Vec<_> =
            (0..3 * PACK_ROWS_MAX as i64).map(|i| row(&stream, i * UNIT_US, i as u64, 7)).collect();
        rows.insert(&all).unwrap();
        let (first, rest) = all.split_at(PACK_ROWS_MAX);
        let (lost, last) = rest.split_at(PACK_ROWS_MAX);
        rows.tree.insert(key(&lost[0].name), b"\x02garbage").unwrap();
        rows.tree.insert(b"no key", b"").unwrap();
        let left: Vec<_> = first.iter().chain(last).cloned().collect();
        assert_eq!(forward(&rows, &[], ALWAYS, usize::MAX), left);
        assert!(back(&rows, &stream_key(&stream), ALWAYS.1, usize::MAX).iter().eq(left.iter().rev()));
        assert_eq!(rows.get(&lost[3].name).unwrap(), None);
        rows.remove([&lost[3].name]).unwrap();
        rows.insert(&lost[5..6]).unwrap();
        assert_eq!(rows.get(&lost[5].name).unwrap().as_ref(), lost.get(5));
        assert_eq!(forward(&rows, &[], ALWAYS, usize::MAX).len(), left.len() + 1);
    }

    /// Half of a pack moved to a new one, and a crash came before the old one was cut.
    #[test]
    fn a_crash_while_a_pack_is_halved_doubles_no_row() {
        let (_dir, rows) = tree();
        let stream = stream("a", StreamKind::Main);
        let mut all: Vec<_> =
            (0..PACK_ROWS_MAX as i64).map(|i| row(&stream, i * UNIT_US, i as u64, 7)).collect();
        rows.insert(&all).unwrap();
        let upper = all.split_off(PACK_ROWS_MAX / 2);
        rows.tree.insert(key(&upper[0].name), encode(&upper)).unwrap();
        rows.remove([&upper[1].name]).unwrap();
        all.push(upper[0].clone());
        all.extend_from_slice(&upper[2..]);
        let check = |expected: &[SegmentRow]| {
            assert_eq!(forward(&rows, &[], ALWAYS, usize::MAX), expected);
            assert!(back(&rows, &stream_key(&stream), ALWAYS.1, usize::MAX).iter().eq(expected.iter().rev()));
            assert_eq!(rows.get(&upper[1].name).unwrap(), None);
        };
        check(&all);
        rows.remove([&all[0].name]).unwrap();
        check(&all[1..]);
    }
}
