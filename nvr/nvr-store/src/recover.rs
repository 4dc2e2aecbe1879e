//! Start-up recovery, and the walk over all files that a rebuild makes.
//!
//! Promises: runs while recording runs and leaves this run's files alone; after it, every segment of earlier runs is
//! whole and in the index, or reported.
//! Leaves to others: one file (`inspect`), the index's thread (`indexer`).

use crate::disk_state::DiskState;
use crate::error::{Result, StoreError};
use crate::flush::flush;
use crate::folders::{Day, cameras, day_of, days, segments};
use crate::index::Index;
use crate::inspect::{Doubt, Inspected, TORN_MAX, inspect};
use crate::mp4::SegmentName;
use crate::record::Record;
use crate::row::SegmentRow;
use crate::shared::Shared;
use nvr_base::{CameraId, GapReason, Utc};
use std::collections::BTreeSet;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

/// Folders of days are looked at from this long before the index was last known complete.
const LOOK_BACK: Duration = Duration::from_secs(3600);
/// Rows that go into the index at once.
const BATCH: usize = 256;

/// What a walk did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Walked {
    /// Files looked at.
    pub(crate) files: u64,
    /// Rows added.
    pub(crate) indexed: u64,
    /// Bytes of them.
    pub(crate) bytes: u64,
    /// Torn tails cut.
    pub(crate) cut: u64,
    /// Damaged, removed or unreadable files.
    pub(crate) damaged: u64,
    /// Files that the disk would not read.
    pub(crate) failed: u64,
}

/// Brings `index` up to the files of earlier runs. `breathe` is called now and then; false ends the walk.
///
/// # Errors
/// The index's. A disk that cannot be listed is counted and skipped.
pub(crate) fn recover(
    shared: &Shared,
    index: &Index,
    breathe: &mut dyn FnMut(u64) -> bool,
) -> Result<Walked> {
    forget_missing(shared, index)?;
    let from = shared.before.indexed_until.map(|t| day_of(t - LOOK_BACK));
    let reopened: BTreeSet<(CameraId, Day)> =
        shared.before.days_reopened.keys().map(|(s, t)| (s.camera.clone(), day_of(*t))).collect();
    let wanted = |camera: &CameraId, day: &Day| {
        from.as_ref().is_none_or(|from| day >= from) || reopened.contains(&(camera.clone(), day.clone()))
    };
    let mut walked = walk(shared, index, false, &wanted, breathe)?;
    look_at_doubtful(shared, index, &mut walked)?;
    report(shared, &walked);
    Ok(walked)
}

/// Looks at the segments that a failed disk left in doubt, whatever their day; rows of those that are gone go.
pub(crate) fn look_at_doubtful(shared: &Shared, index: &Index, walked: &mut Walked) -> Result<()> {
    let mut rows = Vec::new();
    let said = shared.before.poisoned.keys().filter_map(|path| path.parse().ok());
    let known = index.suspects()?.into_iter().map(|row| row.name);
    let names: BTreeSet<SegmentName> = said.chain(known).collect();
    for name in names.into_iter().filter(|n| n.sequence < shared.sequences.first()) {
        let path = name.path();
        let mut found = false;
        for state in &shared.disks {
            let there = shared.disk.open_read(&state.root.join(&path)).is_ok();
            if there {
                look_at(shared, index, state, &name, false, walked, &mut rows)?;
            }
            found |= there;
        }
        if !found && index.get(&name)?.is_some_and(|row| shared.disk_of(row.disk).is_some()) {
            index.remove([&name])?;
            blame(shared, &name, name.start);
        }
    }
    put(shared, index, &mut rows)
}

/// Says in the journal that everything of earlier runs is looked at.
pub(crate) fn report(shared: &Shared, walked: &Walked) {
    shared.note(Record::Recovered {
        files: walked.files,
        indexed: walked.indexed,
        cut: walked.cut,
        damaged: walked.damaged + walked.failed,
    });
}

/// Removes rows, as far as retention had come in each stream, whose files are gone: a crash came between the two.
fn forget_missing(shared: &Shared, index: &Index) -> Result<()> {
    for stream in index.streams()? {
        let mut gone = Vec::new();
        let (_, expired_until) = index.bounds(&stream)?;
        index.forward(&stream, &mut |row| {
            let reached = expired_until.is_some_and(|until| row.start <= until);
            let missing = shared.path_of(&row).is_some_and(|path| {
                let found = shared.disk.open_read(&path);
                found.is_err_and(|e| e.kind() == std::io::ErrorKind::NotFound)
            });
            if missing {
                gone.push(row);
            }
            missing || reached
        })?;
        index.remove(gone.iter().map(|row| &row.name))?;
    }
    Ok(())
}

/// Looks at every file of earlier runs in the `wanted` folders and puts their rows into `index`. With `all`, also
/// at files whose row is there.
pub(crate) fn walk(
    shared: &Shared,
    index: &Index,
    all: bool,
    wanted: &dyn Fn(&CameraId, &Day) -> bool,
    breathe: &mut dyn FnMut(u64) -> bool,
) -> Result<Walked> {
    let mut walked = Walked::default();
    let mut rows = Vec::new();
    for state in &shared.disks {
        // A killed run's last writes are in the page cache: what is found whole now must stay so.
        let sound = flush(shared, state).is_ok();
        let mut visit = |name: &SegmentName| -> Result<bool> {
            // Recovery comes to those in doubt by themselves.
            if all || !in_doubt(shared, name) {
                look_at(shared, index, state, name, all, &mut walked, &mut rows)?;
            }
            rows.last_mut().into_iter().filter(|_| !sound).for_each(|row| row.suspect = true);
            if rows.len() >= BATCH {
                put(shared, index, &mut rows)?;
            }
            Ok(breathe(walked.files))
        };
        match each_segment(shared, state, wanted, &mut visit) {
            Ok(true) => {}
            Ok(false) => break,
            Err(StoreError::Io { source, .. }) => {
                state.note_error("listing segments", &source);
                walked.failed += 1;
            }
            Err(e) => return Err(e),
        }
    }
    put(shared, index, &mut rows)?;
    Ok(walked)
}

/// Calls `visit` for every segment of the `wanted` folders of a disk until it says false.
pub(crate) fn each_segment(
    shared: &Shared,
    state: &DiskState,
    wanted: &dyn Fn(&CameraId, &Day) -> bool,
    visit: &mut dyn FnMut(&SegmentName) -> Result<bool>,
) -> Result<bool> {
    let disk = &*shared.disk;
    let io = |e| StoreError::io("listing the segments of", &state.root, e);
    for camera in cameras(disk, &state.root).map_err(io)? {
        for day in days(disk, &state.root, &camera).map_err(io)? {
            if !wanted(&camera, &day) {
                continue;
            }
            for name in segments(disk, &state.root, &camera, &day).map_err(io)? {
                if !visit(&name)? {
                    return Ok(false);
                }
            }
        }
    }
    Ok(true)
}

fn look_at(
    shared: &Shared,
    index: &Index,
    state: &DiskState,
    name: &SegmentName,
    all: bool,
    walked: &mut Walked,
    rows: &mut Vec<SegmentRow>,
) -> Result<()> {
    if name.sequence >= shared.sequences.first() && !all {
        return Ok(());
    }
    if shared.find_slot(&name.stream).is_some_and(|slot| slot.is_live(name.sequence)) {
        return Ok(());
    }
    let known = index.get(name)?;
    let doubt = in_doubt(shared, name);
    if !all && !doubt && known.as_ref().is_some_and(|row| !row.suspect) {
        return Ok(());
    }
    let doubt = match () {
        () if doubt || known.as_ref().is_some_and(|row| row.suspect) => Doubt::Surely,
        () if shared.before.flush_failed.is_some() => Doubt::IfOpen,
        () => Doubt::None,
    };
    walked.files += 1;
    match inspect(&*shared.disk, state, name, doubt) {
        Ok(Inspected::Row { row, records, changed }) => {
            if changed {
                state.dirty.store(true, SeqCst);
            }
            for record in records {
                match record {
                    Record::TailCut { .. } => {
                        walked.cut += 1;
                        blame(shared, name, row.end);
                    }
                    _ => walked.damaged += 1,
                }
                shared.note(record);
            }
            walked.indexed += 1;
            walked.bytes += row.bytes;
            rows.push(row);
        }
        Ok(Inspected::Nothing(record)) => {
            state.dirty.store(true, SeqCst);
            walked.damaged += 1;
            index.remove([name])?;
            blame(shared, name, name.start);
            shared.note(record);
        }
        // Retention was faster.
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
        Err(e) => {
            state.note_error("reading a segment", &e);
            walked.failed += 1;
        }
    }
    Ok(())
}

/// Footage of a torn file is missing from `from` on: whatever hole is found there is the crash's.
fn blame(shared: &Shared, name: &SegmentName, from: Utc) {
    let (stream, to) = (name.stream.clone(), from + TORN_MAX);
    shared.note(Record::Gap { stream, from, to, reason: GapReason::RecorderDown });
}

/// Whether a failed disk left this segment in doubt, in an earlier run.
fn in_doubt(shared: &Shared, name: &SegmentName) -> bool {
    !shared.before.poisoned.is_empty() && shared.before.poisoned.contains_key(&name.to_string())
}

/// Adds rows once their files are durable, and takes those out again whose file retention removed meanwhile.
fn put(shared: &Shared, index: &Index, rows: &mut Vec<SegmentRow>) -> Result<()> {
    for state in shared.disks.iter().filter(|d| d.dirty.load(SeqCst)) {
        if flush(shared, state).is_err() {
            rows.iter_mut().filter(|row| row.disk == state.id).for_each(|row| row.suspect = true);
        }
    }
    index.insert(rows)?;
    for row in rows.drain(..) {
        let gone = shared.path_of(&row).is_some_and(|path| {
            shared.disk.open_read(&path).is_err_and(|e| e.kind() == std::io::ErrorKind::NotFound)
        });
        if gone {
            index.remove([&row.name])?;
        }
    }
    Ok(())
}
