//! Verify: reads every segment, checks every checksum, and compares with the index.
//!
//! Promises: changes nothing; runs while recording runs; bounded memory.
//! Leaves to others: repair (`recover`), making the index again (`rebuild`).

use crate::disk::Reader;
use crate::disk_state::DiskState;
use crate::error::Result;
use crate::index::Index;
use crate::mp4::{Depth, ScanError, SegmentName, Tail, scan};
use crate::recover::each_segment;
use crate::shared::Shared;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::PathBuf;

/// Most findings a report lists; all are counted.
pub const FINDINGS_MAX: usize = 1000;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct VerifyReport {
    /// Segment files read.
    pub segments: u64,
    /// Whole fragments in them.
    pub fragments: u64,
    /// Bytes of the files.
    pub bytes: u64,
    /// Files with a torn tail, or still being written.
    pub torn: u64,
    /// Damaged files: a checksum or a box does not hold before the tail.
    pub bad: u64,
    /// Files that the index does not know.
    pub unindexed: u64,
    /// Index rows whose file is gone.
    pub missing: u64,
    /// What was found, at most [`FINDINGS_MAX`].
    pub findings: Vec<Finding>,
}

/// Kind of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FindingKind {
    /// A torn tail, or still being written.
    Torn,
    /// Damaged.
    Bad,
    /// Not in the index.
    Unindexed,
    /// In the index, but no file.
    Missing,
}

/// One thing found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The file.
    pub path: PathBuf,
    /// What kind.
    pub kind: FindingKind,
    /// In words.
    pub what: String,
}

impl VerifyReport {
    fn find(&mut self, path: PathBuf, kind: FindingKind, what: String) {
        match kind {
            FindingKind::Torn => self.torn += 1,
            FindingKind::Bad => self.bad += 1,
            FindingKind::Unindexed => self.unindexed += 1,
            FindingKind::Missing => self.missing += 1,
        }
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(Finding { path, kind, what });
        }
    }
}

/// Verifies a store.
pub(crate) fn verify(shared: &Shared, progress: &mut dyn FnMut(u64, u64)) -> Result<VerifyReport> {
    let index = shared.index()?;
    let mut report = VerifyReport::default();
    let mut total = 0;
    for state in &shared.disks {
        each_segment(shared, state, &|_, _| true, &mut |_| {
            total += 1;
            Ok(true)
        })?;
    }
    for state in &shared.disks {
        each_segment(shared, state, &|_, _| true, &mut |name| {
            file(shared, &index, state, name, &mut report)?;
            progress(report.segments, total);
            Ok(true)
        })?;
    }
    missing(shared, &index, &mut report)?;
    Ok(report)
}

fn file(
    shared: &Shared,
    index: &Index,
    state: &DiskState,
    name: &SegmentName,
    report: &mut VerifyReport,
) -> Result<()> {
    let path = state.root.join(name.path());
    // The index second: a segment that is no longer live is in it.
    let live = shared
        .find_slot(&name.stream)
        .and_then(|s| s.live_segments().into_iter().find(|l| l.row.name.sequence == name.sequence));
    let unindexed = live.is_none() && index.get(name)?.is_none();
    let open = live.filter(|l| l.open).map(|l| l.row.bytes);
    let scanned = shared.disk.open_read(&path).and_then(|file| {
        let file = Reader(file);
        // An open segment is whole up to what its writer says.
        let len = open.map_or_else(|| file.0.len(), Ok)?;
        match scan(&file, len, Depth::Checksums) {
            Err(ScanError::Io { source, .. }) => Err(source),
            other => Ok((len, other)),
        }
    });
    let (len, scanned) = match scanned {
        Ok(scanned) => scanned,
        // Retention was faster.
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            return Ok(());
        }
        Err(e) => {
            report.segments += 1;
            report.find(path, FindingKind::Bad, format!("it cannot be read: {e}"));
            return Ok(());
        }
    };
    report.segments += 1;
    report.bytes += len;
    if unindexed {
        report.find(path.clone(), FindingKind::Unindexed, "the index does not know it".into());
    }
    match scanned {
        Ok(found) => {
            report.fragments += found.fragments.len() as u64;
            let (kind, what) = match found.tail {
                Tail::Clean => return Ok(()),
                Tail::Open if open.is_some() => (FindingKind::Torn, "it is being written".into()),
                Tail::Open => (FindingKind::Torn, "it was not closed".into()),
                Tail::Torn { at } => {
                    (FindingKind::Torn, format!("it ends in half a fragment, from byte {at}"))
                }
                Tail::Bad { offset, what } => (FindingKind::Bad, format!("damaged at byte {offset}: {what}")),
            };
            report.find(path, kind, what);
        }
        Err(e @ ScanError::NoInit { .. }) => report.find(path, FindingKind::Torn, e.to_string()),
        Err(e) => report.find(path, FindingKind::Bad, e.to_string()),
    }
    Ok(())
}

/// Index rows without a file.
fn missing(shared: &Shared, index: &Index, report: &mut VerifyReport) -> Result<()> {
    let mut gone = Vec::new();
    index.all(&mut |row| {
        let path = shared.path_of(&row);
        let there = path.as_ref().is_some_and(|path| match shared.disk.open_read(path) {
            Err(e) => e.kind() != io::ErrorKind::NotFound,
            Ok(_) => true,
        });
        if !there {
            gone.push((row.name.clone(), path.unwrap_or_else(|| row.path())));
        }
        gone.len() < 10 * FINDINGS_MAX
    })?;
    for (name, path) in gone {
        // Unless retention was at work between the two looks.
        if index.get(&name)?.is_some() {
            report.find(path, FindingKind::Missing, "the index knows it, but there is no such file".into());
        }
    }
    Ok(())
}
