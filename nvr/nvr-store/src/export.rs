//! Export: one plain MP4 of a range, without transcoding; and single key pictures.
//!
//! Promises: reads bounded chunks, stops at once when the receiver fails, lists every gap inside the range.
//! Leaves to others: the boxes (`mp4`), files, manifests and progress bars (the receiver).

use crate::error::{Result, StoreError};
use crate::mp4::{ExportError, ExportFile, plan};
use crate::query::{Readable, Sources, export_error, open_row, rows_in, timeline_of};
use crate::shared::Shared;
use crate::timeline::Hole;
use nvr_base::{StreamId, Utc, VideoFormat};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::io;
use std::path::Path;

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

/// Exports a range into `sink`.
pub(crate) fn export(
    shared: &Shared,
    request: &ExportRequest,
    sink: &mut dyn ExportSink,
) -> Result<ExportReport> {
    let ExportRequest { stream, from, to } = request;
    if to <= from {
        return Err(StoreError::EmptyRange { from: *from, to: *to });
    }
    let mut readable = Vec::new();
    for row in rows_in(shared, stream, *from, *to)? {
        match open_row(shared, &row) {
            Ok(r) => readable.push(r),
            // Retention was faster; the timeline says so.
            Err(StoreError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(e),
        }
    }
    let (scans, paths): (Vec<_>, Vec<_>) =
        readable.into_iter().map(|Readable { path, scan }| (scan, path)).unzip();
    let paths: Vec<&Path> = paths.iter().map(|p| p.as_path()).collect();
    let sources = Sources { disk: &*shared.disk, paths: paths.clone() };
    let planned =
        plan(&scans, &sources, from.to_ticks(), to.to_ticks()).map_err(|e| export_error(e, &paths))?;
    if planned.files.is_empty() {
        return Err(StoreError::NoFootage { stream: stream.clone(), from: *from, to: *to });
    }
    let total = planned.files.iter().map(|f| f.bytes).sum();
    let mut report =
        ExportReport { files: Vec::new(), gaps: timeline_of(shared, stream, Some(*from), Some(*to))?.gaps };
    let mut before = 0;
    for (index, file) in planned.files.iter().enumerate() {
        sink.begin(index).map_err(StoreError::Stopped)?;
        let hashed = write(file, &sources, &paths, sink, before, total)?;
        before += file.bytes;
        report.files.push(ExportedFile {
            bytes: file.bytes,
            sha256: hashed,
            from: file.from.to_utc(),
            to: file.to.to_utc(),
            frames: file.frames,
        });
    }
    Ok(report)
}

/// Passes a file to the sink and hashes it.
fn write(
    file: &ExportFile,
    sources: &Sources<'_>,
    paths: &[&Path],
    sink: &mut dyn ExportSink,
    before: u64,
    total: u64,
) -> Result<String> {
    let mut out = Hashing { sink, hash: Sha256::new(), done: before, total };
    match file.write(sources, &mut out, &mut |_| true) {
        Ok(()) => Ok(hex::encode(out.hash.finalize())),
        Err(ExportError::Output(e)) => Err(StoreError::Stopped(e)),
        Err(e) => Err(export_error(e, paths)),
    }
}

struct Hashing<'a> {
    sink: &'a mut dyn ExportSink,
    hash: Sha256,
    done: u64,
    total: u64,
}

impl io::Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.sink.write(bytes)?;
        self.hash.update(bytes);
        self.done += bytes.len() as u64;
        self.sink.progress(self.done, self.total)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
