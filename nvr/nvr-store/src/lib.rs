//! Segments on disk: fragments, files, journal, sled index, retention, recovery, verification, export.
//!
//! Promises: recording waits for no index, reader or network; segment files and the journal are the truth and
//! the index is a cache that can be made again; every second of a stream is recorded or has a typed gap.
//! Leaves to others: cameras (`nvr-ingest`), sockets and commands (`nvr-gateway`, `nvr`), words (texts).

pub mod config;
pub mod disk;
mod disk_state;
pub mod error;
mod evict;
pub mod export;
#[cfg(test)]
mod fault_disk;
mod flush;
mod folders;
pub mod gaps;
mod index;
mod index_open;
mod index_row;
mod indexer;
mod inspect;
pub mod journal;
pub mod journal_file;
pub mod journal_state;
pub mod lock;
pub mod mp4;
mod open;
mod open_segment;
pub mod placement;
mod query;
pub mod rebuild;
pub mod record;
pub mod recorder;
mod recover;
pub mod retention;
pub mod row;
mod segment_pack;
mod segment_rows;
pub mod segmenter;
mod sequences;
mod shared;
#[cfg(test)]
mod sim;
mod slot;
pub mod status;
pub mod store;
mod threads;
pub mod timeline;
pub mod verify;
pub mod watch;
mod writer;

pub use config::{CameraRetention, PlacementPolicy, RetentionConfig, StoreConfig};
pub use disk::{Disk, RealDisk};
pub use error::{Result, StoreError};
pub use export::{ExportReport, ExportRequest, ExportSink, ExportedFile, KeyPicture};
pub use lock::FootageLock;
pub use rebuild::RebuildReport;
pub use recorder::StreamRecorder;
pub use status::{DiskStatus, IndexState, StoreStatus, StreamStoreStatus};
pub use store::{Counted, Store};
pub use timeline::{Hole, Span, Timeline};
pub use verify::{Finding, FindingKind, VerifyReport};
pub use watch::{Blind, Watch};
