//! Run epochs and segment numbers: one more each time, never reused, whatever crashes.
//!
//! Promises: the file on disk always names a number above every one handed out; a clean end gives back what was not
//! used.
//! Leaves to others: what the numbers name.

use crate::disk::Disk;
use crate::error::{Result, StoreError};
use nvr_base::RunEpoch;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Numbers reserved at a time: a crash skips at most this many.
const BLOCK: u64 = 1_000_000;
/// The next block is reserved when fewer are left.
const LOW: u64 = BLOCK / 2;
/// Longest number file, bytes.
const FILE_LEN_MAX: u64 = 4096;

/// The counters of a store.
#[derive(Debug)]
pub(crate) struct Sequences {
    path: PathBuf,
    run: RunEpoch,
    first: u64,
    next: AtomicU64,
    limit: AtomicU64,
}

impl Sequences {
    /// Reads the counters, counts this run, and makes that durable. `highest` is asked for the highest segment
    /// number in use when the file is missing or unreadable.
    ///
    /// # Errors
    /// The disk's.
    pub(crate) fn open(disk: &dyn Disk, path: &Path, highest: impl FnOnce() -> (u32, u64)) -> Result<Self> {
        let (run, next) = match disk.read(path, FILE_LEN_MAX) {
            Ok(bytes) => parse(&bytes).unwrap_or_else(highest),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => highest(),
            Err(e) => return Err(StoreError::io("reading the run counter", path, e)),
        };
        let sequences = Self {
            path: path.to_path_buf(),
            run: RunEpoch(run.saturating_add(1)),
            first: next,
            next: AtomicU64::new(next),
            limit: AtomicU64::new(next),
        };
        sequences.write(disk, next + BLOCK)?;
        Ok(sequences)
    }

    fn write(&self, disk: &dyn Disk, limit: u64) -> Result<()> {
        let text = format!("{} {limit}\n", self.run.0);
        disk.replace(&self.path, text.as_bytes())
            .map_err(|e| StoreError::io("writing the run counter", &self.path, e))?;
        self.limit.store(limit, Relaxed);
        Ok(())
    }

    /// This run.
    pub(crate) fn run(&self) -> RunEpoch {
        self.run
    }

    /// The first segment number of this run.
    pub(crate) fn first(&self) -> u64 {
        self.first
    }

    /// The next segment number.
    pub(crate) fn next(&self) -> u64 {
        self.next.fetch_add(1, Relaxed)
    }

    /// Reserves the next block when this one runs low. Called from a flusher, never while recording waits.
    pub(crate) fn refill(&self, disk: &dyn Disk) -> Result<()> {
        let next = self.next.load(Relaxed);
        if self.limit.load(Relaxed).saturating_sub(next) < LOW {
            self.write(disk, next + BLOCK)
        } else {
            Ok(())
        }
    }

    /// Gives back what was not used.
    pub(crate) fn close(&self, disk: &dyn Disk) -> Result<()> {
        self.write(disk, self.next.load(Relaxed))
    }
}

fn parse(bytes: &[u8]) -> Option<(u32, u64)> {
    let (run, next) = std::str::from_utf8(bytes).ok()?.trim().split_once(' ')?;
    Some((run.parse().ok()?, next.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::RealDisk;

    #[test]
    fn numbers_are_never_reused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run");
        let disk = RealDisk::default();
        let open = || Sequences::open(&disk, &path, || (0, 1)).unwrap();
        let first = open();
        assert_eq!((first.run(), first.next(), first.next()), (RunEpoch(1), 1, 2));
        first.close(&disk).unwrap();
        let second = open();
        assert_eq!((second.run(), second.next()), (RunEpoch(2), 3), "a clean end wastes none");
        let crashed = open();
        assert_eq!((crashed.run(), crashed.next()), (RunEpoch(3), 3 + BLOCK));
        std::fs::write(&path, b"\0\0\0").unwrap();
        let lost = Sequences::open(&disk, &path, || (9, 77)).unwrap();
        assert_eq!((lost.run(), lost.next()), (RunEpoch(10), 77));
    }
}
