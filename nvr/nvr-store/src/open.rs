//! Opening a store, up to the moment its threads start: locks, numbers, journal.
//!
//! Promises: a few small reads and one small durable write; nothing whose length grows with the footage.
//! Leaves to others: the index and recovery (`indexer`).

use crate::config::StoreConfig;
use crate::disk::Disk;
use crate::disk_state::{DiskState, RESERVE_FILE};
use crate::error::{Result, StoreError};
use crate::folders::{cameras, days, segments};
use crate::index_open::IndexHome;
use crate::journal::Journal;
use crate::journal_file::highest_run;
use crate::row::DiskId;
use crate::sequences::Sequences;
use crate::shared::{Parts, Shared};
use nvr_base::Clock;
use nvr_base::queue::{Queue, QueueLimit};
use std::any::Any;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// Rows and requests that may wait for the index.
const INDEX_QUEUE: QueueLimit = QueueLimit { items_max: 65_536, bytes_max: u64::MAX };
/// Longest file with a disk's number.
const DISK_ID_LEN_MAX: u64 = 64;

/// A held lock.
type Held = Box<dyn Any + Send + Sync>;

/// Everything but threads.
pub(crate) fn open_shared(config: StoreConfig, clock: Arc<dyn Clock>, disk: Arc<dyn Disk>) -> Result<Shared> {
    let first = config.disks.first().ok_or(StoreError::NoDisk)?.clone();
    let holder = format!("process {} since {}", std::process::id(), clock.utc());
    let (mut locks, mut disks) = (Vec::new(), Vec::new());
    for root in &config.disks {
        match open_disk(&*disk, root, &holder) {
            Ok((id, lock)) => {
                locks.push(lock);
                let state = DiskState::new(id, root.clone(), config.queue);
                // One that a killed run left; it is counted as kept.
                state.reserve.store(disk.open_read(&root.join(RESERVE_FILE)).is_ok(), Relaxed);
                disks.push(Arc::new(state));
            }
            // Without the first disk there is no journal; without another, recording goes on.
            Err(e @ StoreError::Locked { .. }) => return Err(e),
            Err(e) if *root == first => return Err(e),
            Err(e) => {
                tracing::error!(error = %e, "a disk is not used");
                let state = DiskState::new(DiskId(fastrand::u32(..)), root.clone(), config.queue);
                state.note_error("opening", &io::Error::other(e.to_string()));
                state.avoid_for_good();
                disks.push(Arc::new(state));
            }
        }
    }
    let journal_folder = first.join("journal");
    let sequences = Sequences::open(&*disk, &first.join("run"), || {
        (highest_run(&*disk, &journal_folder), highest_sequence(&*disk, &config.disks) + 1)
    })?;
    let (now, max) = (clock.utc(), config.journal_file_bytes_max);
    let (journal, opened) = Journal::open(disk.clone(), &journal_folder, sequences.run(), max, now)?;
    if opened.cut > 0 || opened.damaged > 0 {
        tracing::warn!(bytes_cut = opened.cut, lines_damaged = opened.damaged, "the journal was repaired");
    }
    let index_folder: PathBuf = config.index_folder.clone().unwrap_or_else(|| first.join("index"));
    Ok(Shared::new(Parts {
        index_home: IndexHome::new(index_folder, config.index_cache_bytes),
        index_queue: Queue::new(INDEX_QUEUE),
        store_lock: Box::new(locks),
        config,
        clock,
        disk,
        disks,
        sequences,
        journal,
    }))
}

/// Makes the root folder, takes its lock, and finds or draws its number.
fn open_disk(disk: &dyn Disk, root: &Path, holder: &str) -> Result<(DiskId, Held)> {
    disk.create_folder(root).map_err(|e| StoreError::io("creating the storage folder", root, e))?;
    let path = root.join("lock");
    let lock = disk.lock(&path, holder).map_err(|e| match e.kind() {
        io::ErrorKind::WouldBlock => {
            let holder = e.to_string();
            let holder = if holder.is_empty() { "another process".to_owned() } else { holder };
            StoreError::Locked { path: root.to_path_buf(), holder }
        }
        _ => StoreError::io("locking", &path, e),
    })?;
    let path = root.join("disk-id");
    let known = match disk.read(&path, DISK_ID_LEN_MAX) {
        Ok(bytes) => std::str::from_utf8(&bytes).ok().and_then(|t| u32::from_str_radix(t.trim(), 16).ok()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => None,
        Err(e) => return Err(StoreError::io("reading the disk's number", &path, e)),
    };
    if let Some(id) = known {
        return Ok((DiskId(id), lock));
    }
    let id = fastrand::u32(..);
    disk.replace(&path, format!("{id:08x}\n").as_bytes())
        .map_err(|e| StoreError::io("writing the disk's number", &path, e))?;
    Ok((DiskId(id), lock))
}

/// The highest segment number on any disk; 0 without any. Only asked for when the counter is lost.
fn highest_sequence(disk: &dyn Disk, roots: &[PathBuf]) -> u64 {
    let mut highest = 0;
    for root in roots {
        for camera in cameras(disk, root).unwrap_or_default() {
            for day in days(disk, root, &camera).unwrap_or_default() {
                let names = segments(disk, root, &camera, &day).unwrap_or_default();
                highest = names.into_iter().map(|n| n.sequence).fold(highest, u64::max);
            }
        }
    }
    highest
}
