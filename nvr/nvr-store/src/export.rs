//! Export: one plain MP4 of a range, without transcoding; and single key pictures.
//!
//! Promises: reads bounded chunks, stops at once when the receiver fails, lists every gap inside the range.
//! Leaves to others: the boxes (`mp4`), files, manifests and progress bars (the receiver).

use crate::timeline::Hole;
use nvr_base::{StreamId, Utc, VideoFormat};
use serde::{Deserialize, Serialize};
use std::io;

/// What to export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportRequest {
    /// The stream.
    pub stream: StreamId,
    /// First instant shown.
    pub from: Utc,
    /// First instant no longer shown.
    pub to: Utc,
}

/// Receives an export. An error from any of its methods ends the export with [`crate::StoreError::Stopped`].
pub trait ExportSink {
    /// File `index` (from 0) begins; what is written next belongs to it.
    ///
    /// # Errors
    /// Whatever stops the export.
    fn begin(&mut self, index: usize) -> io::Result<()>;
    /// Bytes of the current file, in order.
    ///
    /// # Errors
    /// Whatever stops the export.
    fn write(&mut self, chunk: &[u8]) -> io::Result<()>;
    /// `done` of `total` bytes of all files are written.
    ///
    /// # Errors
    /// Whatever stops the export.
    fn progress(&mut self, done: u64, total: u64) -> io::Result<()> {
        let _ = (done, total);
        Ok(())
    }
}

/// What was exported.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ExportReport {
    /// One for each file begun.
    pub files: Vec<ExportedFile>,
    /// Time inside the range that is not recorded; closed up in the files.
    pub gaps: Vec<Hole>,
}

/// One exported file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportedFile {
    /// Its bytes.
    pub bytes: u64,
    /// SHA-256 of them, lower-case hex.
    pub sha256: String,
    /// First instant shown.
    pub from: Utc,
    /// First instant no longer shown.
    pub to: Utc,
    /// Pictures in it.
    pub frames: u64,
}

/// One encoded picture that can be decoded alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPicture {
    /// When it was really taken.
    pub at: Utc,
    /// How it is encoded.
    pub format: VideoFormat,
    /// The encoded access unit.
    pub data: Vec<u8>,
}
