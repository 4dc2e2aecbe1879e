//! Segments on disk: fragments, files, journal, sled index, retention, recovery, verification, export.
//!
//! Promises: recording waits for no index, reader or network; segment files and the journal are the truth and
//! the index is a cache that can be made again; every second of a stream is recorded or has a typed gap.
//! Leaves to others: cameras (`nvr-ingest`), sockets and commands (`nvr-gateway`, `nvr`), words (texts).

pub mod config;
pub mod disk;
pub mod error;
pub mod export;
pub mod lock;
pub mod rebuild;
pub mod status;
pub mod store;
pub mod timeline;
pub mod verify;

pub use config::{CameraRetention, PlacementPolicy, RetentionConfig, StoreConfig};
pub use disk::{Disk, RealDisk};
pub use error::{Result, StoreError};
pub use export::{ExportReport, ExportRequest, ExportSink, ExportedFile, KeyPicture};
pub use lock::FootageLock;
pub use rebuild::RebuildReport;
pub use status::{DiskStatus, IndexState, StoreStatus, StreamStoreStatus};
pub use store::{Store, StreamRecorder};
pub use timeline::{Hole, Span, Timeline};
pub use verify::{Finding, FindingKind, VerifyReport};
pub mod mp4;
