//! Questions about footage: what is there, which segments, which picture.
//!
//! Promises: segments that are still being written count as far as they are written.
//! Leaves to others: the timeline's arithmetic (`timeline`), boxes (`mp4`).

use crate::disk::{Disk, Reader};
use crate::error::{Result, StoreError};
use crate::export::KeyPicture;
use crate::folders::day_number;
use crate::mp4::{
    Depth, ExportError, ReadAt, SampleRef, ScanError, SegmentScan, SegmentSource, key_before, samples, scan,
};
use crate::record::RunSpan;
use crate::row::SegmentRow;
use crate::shared::Shared;
use crate::slot::{GapsToday, Slot};
use crate::timeline::{Known, Stopped, Timeline, timeline};
use nvr_base::{StreamId, Utc};
use std::io;
use std::path::{Path, PathBuf};

/// Segments that a search for a key frame looks at, backwards and then forwards.
const KEY_SEGMENTS_MAX: usize = 16;
/// Largest encoded picture, bytes.
const PICTURE_BYTES_MAX: u32 = 16 << 20;
const BEGINNING: Utc = Utc(i64::MIN / 4);
const END: Utc = Utc(i64::MAX / 4);

/// A segment opened for reading, as far as it is written.
#[derive(Debug)]
pub(crate) struct Readable {
    pub(crate) path: PathBuf,
    pub(crate) scan: SegmentScan,
}

/// Opens segments by their place in a list.
pub(crate) struct Sources<'a> {
    pub(crate) disk: &'a dyn Disk,
    pub(crate) paths: Vec<&'a Path>,
}

impl SegmentSource for Sources<'_> {
    fn open(&self, index: usize) -> io::Result<Box<dyn ReadAt + '_>> {
        let path = self.paths.get(index).ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(Reader(self.disk.open_read(path)?)))
    }
}

/// The timeline of a stream.
pub(crate) fn timeline_of(
    shared: &Shared,
    stream: &StreamId,
    from: Option<Utc>,
    to: Option<Utc>,
) -> Result<Timeline> {
    shared.catch_up()?;
    let index = shared.index()?;
    let slot = shared.find_slot(stream);
    // Live segments first: between the two looks a segment may move into the index, never out of it.
    let live = slot.as_ref().map(|s| s.live_segments()).unwrap_or_default();
    let standing = slot.as_ref().map(|s| s.standing());
    let mut recorded: Vec<(Utc, Utc)> = Vec::new();
    let mut add = |row: SegmentRow| recorded.push((row.start, row.end));
    index.each_in(stream, from.unwrap_or(BEGINNING), to.unwrap_or(END), &mut add)?;
    recorded.extend(live.iter().filter(|l| l.row.fragments > 0).map(|l| (l.row.start, l.row.end)));
    let (first_seen, expired_until) = index.bounds(stream)?;
    let known = Known {
        live: live.iter().any(|l| l.open && l.row.fragments > 0) && matches!(standing, Some((None, Some(_)))),
        recorded,
        entries: index.gaps(stream)?,
        stopped: stopped(&index.runs()?, shared),
        expired_until,
        first_seen,
        now: shared.clock.utc(),
    };
    Ok(timeline(&known, from, to))
}

/// Time between the runs that recorded.
fn stopped(runs: &[RunSpan], shared: &Shared) -> Vec<Stopped> {
    let mut stopped = Vec::with_capacity(runs.len());
    for (i, run) in runs.iter().enumerate() {
        let next = runs.get(i + 1).map(|r| r.from);
        if next.is_some() || run.run != shared.run() {
            stopped.push(Stopped { from: run.to, to: next, clean: run.clean });
        }
    }
    stopped
}

/// Gaps that began or lasted today; `None` until the index is ready.
pub(crate) fn gaps_today(shared: &Shared, slot: &Slot) -> Option<u64> {
    let now = shared.clock.utc();
    let day = day_number(now);
    if let Some(gaps) = slot.gaps_today(day) {
        return Some(gaps);
    }
    if !shared.wait_ready(std::time::Duration::ZERO) {
        return None;
    }
    let at_count = slot.gap_count();
    let midnight = Utc(day * 86_400_000_000);
    let gaps = timeline_of(shared, &slot.stream, Some(midnight), None).ok()?.gaps.len() as u64;
    slot.set_gaps_today(GapsToday { day, at_count, gaps });
    Some(gaps)
}

/// Rows of a stream that overlap `[from, to]`, those being written included, oldest first.
pub(crate) fn rows_in(shared: &Shared, stream: &StreamId, from: Utc, to: Utc) -> Result<Vec<SegmentRow>> {
    let live = shared.find_slot(stream).map(|s| s.live_segments()).unwrap_or_default();
    let mut rows = shared.index()?.rows(stream, from, to)?;
    for segment in live.into_iter().map(|l| l.row) {
        let known = rows.iter().any(|r| r.name == segment.name);
        if !known && segment.fragments > 0 && segment.end >= from && segment.start <= to {
            rows.push(segment);
        }
    }
    rows.sort_by_key(|r| (r.start, r.name.sequence));
    Ok(rows)
}

/// Reads the headers of a segment, as far as its row says that it is written.
pub(crate) fn open_row(shared: &Shared, row: &SegmentRow) -> Result<Readable> {
    let bad = |path: &Path, why: String| StoreError::Segment { path: path.to_path_buf(), why };
    let path = shared.path_of(row).ok_or_else(|| bad(&row.path(), "its disk is not there".into()))?;
    let io = |e| StoreError::io("reading the segment", &path, e);
    let file = Reader(shared.disk.open_read(&path).map_err(io)?);
    // An open segment may grow while it is read: what its row says is whole.
    let live = shared.find_slot(row.stream()).is_some_and(|s| s.is_live(row.name.sequence));
    let len = if live { row.bytes } else { file.0.len().map_err(io)? };
    match scan(&file, len, Depth::Headers) {
        Ok(scan) => Ok(Readable { path, scan }),
        Err(ScanError::Io { source, .. }) => Err(io(source)),
        Err(e) => Err(bad(&path, e.to_string())),
    }
}

/// An error of the boxes' reader, with the file it is about.
pub(crate) fn export_error(error: ExportError, paths: &[&Path]) -> StoreError {
    let (index, why) = match error {
        ExportError::Segment { index, source } => (index, source.to_string()),
        e => (usize::MAX, e.to_string()),
    };
    StoreError::Segment { path: paths.get(index).map(|p| p.to_path_buf()).unwrap_or_default(), why }
}

/// The key picture at `at`, or the nearest before it; without one, the first after it.
pub(crate) fn picture(shared: &Shared, stream: &StreamId, at: Utc) -> Result<KeyPicture> {
    let no_footage = || StoreError::NoFootage { stream: stream.clone(), from: at, to: at };
    for row in rows_back(shared, stream, at)? {
        // A damaged or just removed file does not hide the pictures before it.
        let Ok(readable) = open_row(shared, &row) else { continue };
        let paths = vec![readable.path.as_path()];
        let sources = Sources { disk: &*shared.disk, paths };
        let scans = std::slice::from_ref(&readable.scan);
        if let Ok(Some(key)) = key_before(scans, &sources, at.to_ticks()) {
            return read_picture(shared, &readable, &key.sample);
        }
    }
    let after = rows_in(shared, stream, at, END)?;
    for row in after.iter().take(KEY_SEGMENTS_MAX) {
        let Ok(readable) = open_row(shared, row) else { continue };
        let file = Reader(
            shared
                .disk
                .open_read(&readable.path)
                .map_err(|e| StoreError::io("reading", &readable.path, e))?,
        );
        for fragment in readable.scan.fragments.iter().filter(|f| f.keys > 0) {
            let found = samples(&file, &readable.scan, fragment).unwrap_or_default();
            let key =
                found.iter().find(|s| s.key && s.track == nvr_base::Track::Video && s.pts.to_utc() >= at);
            if let Some(key) = key {
                return read_picture(shared, &readable, key);
            }
        }
    }
    Err(no_footage())
}

/// Segments that begin at or before `at`, newest first.
fn rows_back(shared: &Shared, stream: &StreamId, at: Utc) -> Result<Vec<SegmentRow>> {
    let live = shared.find_slot(stream).map(|s| s.live_segments()).unwrap_or_default();
    let mut rows: Vec<SegmentRow> =
        live.into_iter().map(|l| l.row).filter(|r| r.fragments > 0 && r.start <= at).collect();
    let mut older = Vec::new();
    shared.index()?.back(stream, at, &mut |row| {
        if !rows.iter().any(|r| r.name == row.name) {
            older.push(row);
        }
        older.len() < KEY_SEGMENTS_MAX
    })?;
    rows.extend(older);
    rows.sort_by_key(|r| std::cmp::Reverse((r.start, r.name.sequence)));
    Ok(rows)
}

fn read_picture(shared: &Shared, readable: &Readable, key: &SampleRef) -> Result<KeyPicture> {
    let io = |e| StoreError::io("reading the picture in", &readable.path, e);
    if key.size > PICTURE_BYTES_MAX {
        return Err(io(io::ErrorKind::FileTooLarge.into()));
    }
    let mut data = vec![0; key.size as usize];
    Reader(shared.disk.open_read(&readable.path).map_err(io)?)
        .read_exact_at(&mut data, key.offset)
        .map_err(io)?;
    Ok(KeyPicture { at: key.pts.to_utc(), format: readable.scan.format.video.clone(), data })
}
