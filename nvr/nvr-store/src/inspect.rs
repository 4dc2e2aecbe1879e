//! One segment file that a run left behind: read, repaired where a crash tore it, turned into a row.
//!
//! Promises: cuts only what a crash can have torn; never removes a whole fragment that a flush had covered; what a
//! failed flush left in doubt is written anew, since the page cache shows bytes that the disk may not have.
//! Leaves to others: which files to look at (`recover`), where the row goes.

use crate::disk::{Disk, Reader};
use crate::disk_state::DiskState;
use crate::mp4::{
    Depth, FragmentInfo, ReadAt, ScanError, SegmentName, SegmentScan, Tail, encode_trailer, scan,
};
use crate::record::Record;
use crate::row::SegmentRow;
use nvr_base::TICKS_PER_S;
use std::io::{self, IoSlice};
use std::path::Path;
use std::time::Duration;

/// A crash can tear what was written this long before: two flush intervals and a slow flush.
pub(crate) const TORN_MAX: Duration = Duration::from_secs(15);
/// A copy goes in pieces of this size, bytes.
const COPY_BYTES: usize = 256 << 10;
const TORN_TICKS_MAX: i64 = TORN_MAX.as_secs() as i64 * TICKS_PER_S;

/// What a file came to.
#[derive(Debug)]
pub(crate) enum Inspected {
    /// It holds footage.
    Row {
        /// For the index.
        row: SegmentRow,
        /// What was done or found, for the journal.
        records: Vec<Record>,
        /// The file was changed: a flush has to cover it.
        changed: bool,
    },
    /// It holds none and is gone, or put aside; what was done.
    Nothing(Record),
}

/// Length and content of a segment file.
///
/// # Errors
/// The disk's as [`ScanError::Io`], and what the scan finds.
pub(crate) fn read(disk: &dyn Disk, path: &Path, depth: Depth) -> Result<(u64, SegmentScan), ScanError> {
    let io = |source| ScanError::Io { offset: 0, source };
    let file = Reader(disk.open_read(path).map_err(io)?);
    let len = file.0.len().map_err(io)?;
    Ok((len, scan(&file, len, depth)?))
}

/// What a failed flush makes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// Nothing.
    None,
    /// If it was not closed, its bytes may be in the page cache only.
    IfOpen,
    /// Its bytes may be in the page cache only.
    Surely,
}

/// Looks at the file `name` on `state`, and repairs a torn tail. One in doubt is checked as a whole and written anew.
///
/// # Errors
/// The disk's; the file is left as it was, or torn as before.
pub(crate) fn inspect(
    disk: &dyn Disk,
    state: &DiskState,
    name: &SegmentName,
    doubt: Doubt,
) -> io::Result<Inspected> {
    let path = state.root.join(name.path());
    let depth = if doubt == Doubt::Surely { Depth::Checksums } else { Depth::Tail };
    let (len, found) = match read(disk, &path, depth) {
        Ok(found) => found,
        Err(ScanError::Io { source, .. }) => return Err(source),
        Err(ScanError::NoInit { len }) => return remove(disk, &path, name, len),
        Err(e) => return put_aside(disk, &path, name, &e.to_string()),
    };
    if doubt == Doubt::IfOpen && found.tail != Tail::Clean {
        return inspect(disk, state, name, Doubt::Surely);
    }
    let mut records = Vec::new();
    let mut fragments = found.fragments.clone();
    // What stands whole from the head on: the scan may name damage further behind first.
    let mut whole = u64::from(found.init_len);
    let follows = fragments.iter().take_while(|f| {
        let next = f.offset == whole;
        whole = if next { f.file_end() } else { whole };
        next
    });
    let follows = follows.count();
    let cut = match found.tail {
        Tail::Clean => false,
        Tail::Open | Tail::Torn { .. } => true,
        Tail::Bad { .. } if torn_by_crash(&fragments, whole) => true,
        Tail::Bad { what, offset } => {
            let why = format!("damaged at byte {offset}: {what}");
            records.push(Record::SegmentDamaged { path: name.to_string(), why });
            false
        }
    };
    let mut bytes = len;
    if doubt == Doubt::Surely {
        rewrite(disk, &path, len)?;
    }
    if cut {
        fragments.truncate(follows);
        if fragments.is_empty() {
            return remove(disk, &path, name, len);
        }
        bytes = cut_and_close(disk, &path, whole, &fragments, &found)?;
        if len > whole {
            records.push(Record::TailCut { path: name.to_string(), bytes: len - whole });
        }
    }
    match row(state, name, &found, &fragments, bytes) {
        Some(row) => Ok(Inspected::Row { row, records, changed: cut || doubt == Doubt::Surely }),
        None => remove(disk, &path, name, len),
    }
}

/// Whether damage at `offset` is so near the end that a power cut explains it.
fn torn_by_crash(fragments: &[FragmentInfo], offset: u64) -> bool {
    let before = fragments.iter().rfind(|f| f.file_end() <= offset).map(|f| f.end);
    let end = fragments.last().map(|f| f.end);
    match (before, end) {
        (Some(before), Some(end)) => end.since(before) <= TORN_TICKS_MAX,
        (None, Some(end)) => fragments.first().is_some_and(|first| end.since(first.start) <= TORN_TICKS_MAX),
        _ => true,
    }
}

/// Cuts the file at `at` and ends it with an index, as if it had been closed in good order.
fn cut_and_close(
    disk: &dyn Disk,
    path: &Path,
    at: u64,
    fragments: &[FragmentInfo],
    found: &SegmentScan,
) -> io::Result<u64> {
    let trailer = encode_trailer(fragments, found.segment_start).map_err(io::Error::other)?;
    let mut file = disk.open_append(path)?;
    file.truncate(at)?;
    if let Err(e) = file.append(&mut [IoSlice::new(&trailer)]) {
        file.truncate(at)?;
        return if crate::writer::no_space(&e) { Ok(at) } else { Err(e) };
    }
    Ok(at + trailer.len() as u64)
}

/// Copies a file and puts the copy in its place.
fn rewrite(disk: &dyn Disk, path: &Path, len: u64) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let new = Path::new(&name);
    match disk.remove(new) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let (from, mut to) = (Reader(disk.open_read(path)?), disk.create(new)?);
    let mut chunk = vec![0; COPY_BYTES];
    let mut at = 0;
    while at < len {
        let n = usize::try_from(len - at).unwrap_or(COPY_BYTES).min(COPY_BYTES);
        let part = chunk.get_mut(..n).unwrap_or_default();
        from.read_exact_at(part, at)?;
        to.append(&mut [IoSlice::new(part)])?;
        at += n as u64;
    }
    // Before the old file goes, or a power cut could leave neither.
    to.sync()?;
    disk.rename(new, path)
}

/// The row of what `fragments` hold, `None` without pictures.
pub(crate) fn row(
    state: &DiskState,
    name: &SegmentName,
    found: &SegmentScan,
    fragments: &[FragmentInfo],
    bytes: u64,
) -> Option<SegmentRow> {
    let start = fragments.iter().map(|f| f.start).min()?.to_utc();
    let end = fragments.iter().map(|f| f.end).max()?.to_utc();
    let fragments = u32::try_from(fragments.len()).unwrap_or(u32::MAX);
    let (name, disk, run) = (name.clone(), state.id, found.run);
    Some(SegmentRow { name, disk, run, start, end, bytes, fragments, suspect: false })
}

fn remove(disk: &dyn Disk, path: &Path, name: &SegmentName, bytes: u64) -> io::Result<Inspected> {
    disk.remove(path)?;
    Ok(Inspected::Nothing(Record::StubRemoved { path: name.to_string(), bytes }))
}

/// The head cannot be read: a crash before the first flush, or damage. The bytes stay, under another name.
fn put_aside(disk: &dyn Disk, path: &Path, name: &SegmentName, why: &str) -> io::Result<Inspected> {
    let mut aside = path.as_os_str().to_owned();
    aside.push(".damaged");
    disk.rename(path, Path::new(&aside))?;
    Ok(Inspected::Nothing(Record::SegmentDamaged { path: name.to_string(), why: why.to_owned() }))
}
