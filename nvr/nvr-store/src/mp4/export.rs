//! Footage of an interval as plain, seekable MP4 files: what a plan says, and the bytes in order.
//!
//! Promises: no transcoding, `moov` first, a sequential stream without a seek; what is missing is listed.
//! Leaves to others: making the plan (`plan`), choosing and scanning the segments, the output's name and place.

use super::read::ReadAt;
use super::scan::ScanError;
use nvr_base::Ticks;
use std::io;
use std::sync::Arc;

/// Bytes copied at once.
const COPY_LEN: usize = 256 * 1024;
/// Samples of one export at most, both tracks: 44 hours of 25 frames and 25 sounds a second. Their tables are held
/// in memory.
pub const EXPORT_SAMPLES_MAX: u64 = 8_000_000;

/// Opens the segments of a plan by their index; a plan never needs two at once.
pub trait SegmentSource {
    /// Opens segment `index` of those given to [`super::plan`].
    ///
    /// # Errors
    /// What the system says.
    fn open(&self, index: usize) -> io::Result<Box<dyn ReadAt + '_>>;
}

/// An interval without footage, closed up in the export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExportGap {
    /// When the last picture before it ends.
    pub from: Ticks,
    /// When the first picture after it begins.
    pub to: Ticks,
}

/// A part of an export's payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chunk {
    /// A range of a segment's bytes.
    Segment {
        /// Index of the segment among those given.
        segment: usize,
        /// Where it begins in the segment, bytes.
        offset: u64,
        /// How long it is, bytes.
        len: u64,
    },
    /// These bytes: parameter sets in front of a key frame, in a file whose parameters change. Players that look
    /// only at the first sample entry (ffmpeg's parser is one) need them there.
    Inline(Arc<[u8]>),
}

/// One file of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportFile {
    /// `ftyp`, `moov` and the header of `mdat`.
    pub header: Vec<u8>,
    /// The payload, in order.
    pub chunks: Vec<Chunk>,
    /// Length of the whole file, bytes.
    pub bytes: u64,
    /// When its first shown picture begins.
    pub from: Ticks,
    /// When its last shown picture ends.
    pub to: Ticks,
    /// Pictures shown.
    pub frames: u64,
}

/// An export that can be written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExportPlan {
    /// The files: a new codec starts a new one.
    pub files: Vec<ExportFile>,
    /// Intervals without footage within what was asked.
    pub gaps: Vec<ExportGap>,
}

/// Why there is no export.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// More samples than one export may have.
    #[error("the interval holds more than {max} samples: export shorter intervals one after the other")]
    TooLong {
        /// The limit.
        max: u64,
    },
    /// A segment cannot be opened or read.
    #[error("segment {index} of the export: {source}")]
    Segment {
        /// Which of those given.
        index: usize,
        /// Why.
        source: ScanError,
    },
    /// The caller's progress function said so.
    #[error("the export was stopped")]
    Stopped,
    /// The output refuses the bytes.
    #[error("cannot write the export: {0}")]
    Output(#[source] io::Error),
    /// Parameters that fit no box.
    #[error("the export cannot be described: {0}")]
    Encode(#[from] super::encode::EncodeError),
}

impl ExportFile {
    /// Writes the file's bytes in order, without a seek; `progress` is told the bytes written so far and says
    /// whether to go on.
    ///
    /// # Errors
    /// [`ExportError::Segment`] when a segment went away or became shorter, [`ExportError::Output`],
    /// [`ExportError::Stopped`].
    pub fn write(
        &self,
        source: &dyn SegmentSource,
        out: &mut dyn io::Write,
        progress: &mut dyn FnMut(u64) -> bool,
    ) -> Result<(), ExportError> {
        out.write_all(&self.header).map_err(ExportError::Output)?;
        let mut done = self.header.len() as u64;
        let mut open: Option<(usize, Box<dyn ReadAt + '_>)> = None;
        let mut buffer = vec![0; COPY_LEN];
        for chunk in &self.chunks {
            let (segment, offset, len) = match chunk {
                Chunk::Segment { segment, offset, len } => (*segment, *offset, *len),
                Chunk::Inline(bytes) => {
                    out.write_all(bytes).map_err(ExportError::Output)?;
                    done += bytes.len() as u64;
                    continue;
                }
            };
            let failed = |offset, source| ExportError::Segment {
                index: segment,
                source: ScanError::Io { offset, source },
            };
            let file = match &open {
                Some((at, file)) if *at == segment => file,
                _ => &open.insert((segment, source.open(segment).map_err(|e| failed(0, e))?)).1,
            };
            let (mut at, end) = (offset, offset.saturating_add(len));
            while at < end {
                let n = (end - at).min(COPY_LEN as u64);
                let part = buffer.get_mut(..n as usize).unwrap_or_default();
                file.read_exact_at(part, at).map_err(|e| failed(at, e))?;
                out.write_all(part).map_err(ExportError::Output)?;
                at += n;
                done += n;
                if !progress(done) {
                    return Err(ExportError::Stopped);
                }
            }
        }
        Ok(())
    }
}
