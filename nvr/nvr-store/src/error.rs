//! What can go wrong with a store, in sentences that name the thing and the remedy.
//!
//! Promises: every error names its step and its object; no panic crosses the facade.
//! Leaves to others: translating them (texts), deciding what an operator does.

use nvr_base::{AlertId, CameraId, StreamId, Utc};
use std::io;
use std::path::{Path, PathBuf};

/// Result of a call on the store.
pub type Result<T> = std::result::Result<T, StoreError>;

/// Why a call on the store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The configuration names no disk.
    #[error("the storage has no disk: set `path` under `[storage]`")]
    NoDisk,
    /// Another process owns the store.
    #[error(
        "the storage {path} is in use by {holder}: stop it first, or use the command while it runs, through its socket"
    )]
    Locked {
        /// First disk of the store.
        path: PathBuf,
        /// Who holds the lock, as the lock file says.
        holder: String,
    },
    /// A file or folder could not be used.
    #[error("{step} {path}: {source}{}", remedy(source))]
    Io {
        /// What was tried.
        step: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The index is not open yet.
    #[error("the index is not open yet ({0}): try again in a moment; recording is not affected")]
    NotReady(&'static str),
    /// The index failed; it is set aside and made again.
    #[error("the index failed while {step}: {why}; it is being made again, recording is not affected")]
    Index {
        /// What was tried.
        step: &'static str,
        /// What went wrong.
        why: String,
    },
    /// No alert has this number, or it is too old to be handled.
    #[error(
        "no alert {0} among the newest; `nvr alerts --from TIME` lists older ones, which cannot be handled any more"
    )]
    NoAlert(AlertId),
    /// An operator's action was refused.
    #[error("{0}")]
    Refused(String),
    /// Nothing is recorded there.
    #[error("camera {stream} has no footage between {from} and {to}")]
    NoFootage {
        /// The stream asked for.
        stream: StreamId,
        /// Start of the range asked for.
        from: Utc,
        /// End of the range asked for.
        to: Utc,
    },
    /// A range that ends before it begins.
    #[error("the range from {from} to {to} is empty: `to` must be later than `from`")]
    EmptyRange {
        /// Start given.
        from: Utc,
        /// End given.
        to: Utc,
    },
    /// No lock of that camera overlaps the range.
    #[error("camera {camera} has no locked interval between {from} and {to}")]
    NoLock {
        /// The camera.
        camera: CameraId,
        /// Start of the range.
        from: Utc,
        /// End of the range.
        to: Utc,
    },
    /// More locks than a store keeps.
    #[error("the storage holds {0} locked intervals already: unlock some first")]
    TooManyLocks(usize),
    /// A segment could not be read as what it should be.
    #[error("segment {path}: {why}; `nvr verify` lists every damaged file")]
    Segment {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The receiver of an export stopped it.
    #[error("the export was stopped: {0}")]
    Stopped(io::Error),
    /// The store is closed.
    #[error("the storage is closed")]
    Closed,
    /// A thread could not be started.
    #[error("starting the thread {name}: {source}")]
    Thread {
        /// Its name.
        name: String,
        /// What the system said.
        source: io::Error,
    },
}

impl StoreError {
    /// An I/O error with its step and object.
    pub(crate) fn io(step: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { step, path: path.to_path_buf(), source }
    }
}

/// The remedy for an I/O error, as the end of a sentence.
fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => ": give the recorder's user the right to read and write there",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ": free space or lower `keep_days`",
        io::ErrorKind::NotFound => ": check that the path exists and the disk is mounted",
        io::ErrorKind::ReadOnlyFilesystem => {
            ": the disk is mounted read-only, often after an error; check it"
        }
        _ => "",
    }
}
