//! Removing footage that retention chose, and making space when there is no index to choose from.
//!
//! Promises: a locked interval is never touched; a row goes only after its file, and after a flush has made that
//! durable, so that no crash leaves a file that no row knows.
//! Leaves to others: the choice (`retention`), when (`indexer`).

use crate::disk_state::{DiskState, RESERVE_FILE};
use crate::error::{Result, StoreError};
use crate::folders::{cameras, days, remove_empty, segments};
use crate::index::Index;
use crate::mp4::SegmentName;
use crate::record::Record;
use crate::retention::{View, bytes_wanted, is_locked, plan};
use crate::row::SegmentRow;
use crate::shared::Shared;
use crate::writer::no_space;
use nvr_base::{StreamId, Utc};
use std::collections::{BTreeMap, HashSet};
use std::io;
use std::sync::PoisonError;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::time::Duration;

/// Oldest rows of a stream that one turn looks at.
const OLDEST_PER_STREAM: usize = 64;
/// Locked rows that are stepped over to find them.
const LOCKED_STEPS_MAX: usize = 100_000;
/// A segment chosen by its name alone may reach this far from its start.
const SEGMENT_SPAN_MAX: Duration = Duration::from_secs(2 * 3600);

/// Removed segments of one turn: end of the latest, how many, bytes.
type Removed = BTreeMap<StreamId, (Utc, u64, u64)>;

/// Takes a new look at the space of every disk.
pub(crate) fn look_at_space(shared: &Shared) {
    for state in &shared.disks {
        match shared.disk.space(&state.root) {
            Ok(space) => state.set_space(space, shared.clock.mono()),
            Err(e) => state.note_error("looking at the free space", &e),
        }
    }
}

/// Bytes that must become free on a disk, as the last look found it.
pub(crate) fn wanted(shared: &Shared, state: &DiskState) -> u64 {
    bytes_wanted(&shared.retention(), state.space(), state.urgent.swap(false, Relaxed))
}

/// One turn of retention over the index; how many segments went.
///
/// # Errors
/// The index's.
pub(crate) fn retain(
    shared: &Shared,
    index: &Index,
    now: Option<Utc>,
    totals: &mut BTreeMap<StreamId, u64>,
    removing: &mut HashSet<u64>,
) -> Result<u64> {
    let locks = shared.journal.state(|s| s.locks.clone());
    let mut oldest = Vec::new();
    for stream in index.streams()? {
        let (mut found, mut steps) = (0, 0);
        index.forward(&stream, &mut |row| {
            steps += 1;
            if !is_locked(&locks, &row) && !removing.contains(&row.name.sequence) {
                found += 1;
                oldest.push(row);
            }
            found < OLDEST_PER_STREAM && steps < LOCKED_STEPS_MAX
        })?;
    }
    let disks: Vec<_> = shared.disks.iter().map(|d| (d.id, wanted(shared, d))).collect();
    let config = shared.retention();
    let view = View { now, config: &config, locks: &locks, disks: &disks, oldest: &oldest, totals };
    let chosen: Vec<SegmentRow> = plan(&view).into_iter().map(|(row, _)| row.clone()).collect();
    let mut removed = Removed::new();
    chosen.iter().for_each(|row| count(&mut removed, row.stream(), row.end, row.bytes));
    if !tell(shared, &removed) {
        return Ok(0);
    }
    let mut gone = 0;
    for row in chosen {
        if remove(shared, &row) {
            gone += 1;
            removing.insert(row.name.sequence);
            if let Some(total) = totals.get_mut(row.stream()) {
                *total = total.saturating_sub(row.bytes);
            }
        }
    }
    for (stream, (until, ..)) in &removed {
        index.prune(stream, *until)?;
    }
    Ok(gone)
}

fn count(removed: &mut Removed, stream: &StreamId, end: Utc, bytes: u64) {
    let entry = removed.entry(stream.clone()).or_insert((end, 0, 0));
    *entry = (entry.0.max(end), entry.1 + 1, entry.2 + bytes);
}

/// Puts into the journal what is about to go, durably: no crash leaves a hole that nothing explains. Whether that
/// is done, or only space is missing for it, which removing makes.
fn tell(shared: &Shared, removed: &Removed) -> bool {
    if removed.is_empty() {
        return true;
    }
    for (stream, &(until, segments, bytes)) in removed {
        shared.note(Record::Expired { stream: stream.clone(), until, segments, bytes });
    }
    match shared.journal.write_durable(shared.clock.utc()) {
        Ok(()) => true,
        Err(error) => {
            tracing::warn!(%error, "retention cannot write the journal");
            matches!(&error, StoreError::Io { source, .. } if no_space(source))
        }
    }
}

/// Removes a segment's file; true when it is gone.
fn remove(shared: &Shared, row: &SegmentRow) -> bool {
    // A disk that is not mounted now keeps its files and its rows.
    let Some(state) = shared.disk_of(row.disk) else { return false };
    remove_file(shared, state, &row.name)
}

fn remove_file(shared: &Shared, state: &DiskState, name: &SegmentName) -> bool {
    match shared.disk.remove(&state.root.join(name.path())) {
        Ok(()) => {
            state.counts.expired.fetch_add(1, Relaxed);
            remove_empty(&*shared.disk, &state.root, name);
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(e) => {
            state.note_error("removing a segment", &e);
            return false;
        }
    }
    state.removed.lock().unwrap_or_else(PoisonError::into_inner).push(name.clone());
    state.dirty.store(true, SeqCst);
    true
}

/// Frees `wanted` bytes on a disk by the names of its files alone, oldest first; how many segments went.
///
/// # Errors
/// The disk's.
pub(crate) fn reclaim_by_name(shared: &Shared, state: &DiskState, wanted: u64) -> io::Result<u64> {
    let disk = &*shared.disk;
    let locks = shared.journal.state(|s| s.locks.clone());
    let (mut freed, mut removed) = (0, Removed::new());
    let mut oldest = Vec::new();
    for camera in cameras(disk, &state.root)? {
        for day in days(disk, &state.root, &camera)? {
            oldest.push((day, camera.clone()));
        }
    }
    oldest.sort_unstable();
    let mut chosen = Vec::new();
    'days: for day in oldest.chunk_by(|a, b| a.0 == b.0) {
        let mut names = Vec::new();
        for (day, camera) in day {
            names.extend(segments(disk, &state.root, camera, day)?);
        }
        names.sort_unstable_by_key(|n| (n.start, n.sequence));
        for name in names {
            if freed >= wanted {
                break 'days;
            }
            let until = name.start + SEGMENT_SPAN_MAX;
            let live = shared.find_slot(&name.stream).is_some_and(|s| s.is_live(name.sequence));
            if live || locks.iter().any(|l| l.covers(&name.stream.camera, name.start, until)) {
                continue;
            }
            let bytes = disk.open_read(&state.root.join(name.path())).and_then(|f| f.len()).unwrap_or(0);
            freed += bytes;
            count(&mut removed, &name.stream, name.start + shared.config.segment_length_max, bytes);
            chosen.push(name);
        }
    }
    if !tell(shared, &removed) {
        return Ok(0);
    }
    Ok(chosen.iter().filter(|name| remove_file(shared, state, name)).count() as u64)
}

/// Keeps a file of `reserve_bytes` on a disk with room for it, to be given up when the disk is full.
pub(crate) fn keep_reserve(shared: &Shared, state: &DiskState) {
    let bytes = shared.config.reserve_bytes;
    if bytes == 0 || state.reserve.load(Relaxed) || state.space().free < bytes.saturating_mul(4) {
        return;
    }
    let path = state.root.join(RESERVE_FILE);
    let made = shared.disk.open_append(&path).and_then(|mut f| f.preallocate(0, bytes));
    match made {
        Ok(()) => state.reserve.store(true, Relaxed),
        Err(e) => {
            tracing::debug!(error = %e, "no reserve file");
            let _ = shared.disk.remove(&path);
        }
    }
}
