//! A segment file that is being written.
//!
//! Promises: after any error the file ends with a whole fragment, or the error says that it cannot be made so;
//! preallocated space is given back on closing.
//! Leaves to others: what to do about an error (`writer`).

use crate::disk::DiskFile;
use crate::disk_state::DiskState;
use crate::mp4::{
    EncodeError, Fragment, FragmentContext, FragmentInfo, InitContext, SegmentName, encode_fragment,
    encode_init, encode_trailer,
};
use crate::row::SegmentRow;
use crate::shared::Shared;
use crate::writer::SegmentTag;
use nvr_base::{Mono, Ticks, Utc};
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// Space reserved for the first segment of a stream, bytes.
const RESERVE_FIRST: u64 = 4 << 20;
/// Least space reserved at a time, bytes.
const RESERVE_MIN: u64 = 256 << 10;
/// Most space reserved at a time, bytes.
const RESERVE_MAX: u64 = 64 << 20;

/// Why a fragment was not written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteError {
    #[error(transparent)]
    Encode(#[from] EncodeError),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The file and what is in it.
#[derive(Debug)]
pub(crate) struct OpenSegment {
    tag: Arc<SegmentTag>,
    file: Box<dyn DiskFile>,
    row: SegmentRow,
    segment_start: Ticks,
    /// The head, until it is written with the first fragment.
    init: Vec<u8>,
    len: u64,
    reserved: u64,
    infos: Vec<FragmentInfo>,
    /// The flush that had begun when it was last written to.
    pub(crate) written_at_flush: u64,
    /// A half fragment could not be cut off.
    broken: bool,
}

impl OpenSegment {
    /// Makes the file of a segment that begins with `fragment`.
    pub(crate) fn create(
        shared: &Shared,
        disk: &DiskState,
        tag: &Arc<SegmentTag>,
        fragment: &Fragment,
    ) -> Result<Self, WriteError> {
        let stream = &tag.slot.stream;
        let segment_start = fragment.first_dts();
        let init = encode_init(&tag.format, &InitContext { stream, run: shared.run(), segment_start })?;
        let start = fragment.start.to_utc();
        let name = SegmentName::new(stream.clone(), shared.sequences.next(), start);
        let (run, bytes, fragments) = (shared.run(), 0, 0);
        let row =
            SegmentRow { name, disk: disk.id, run, start, end: start, bytes, fragments, suspect: false };
        shared.note_day(&row);
        // Before the file exists: whoever lists files must find it here.
        tag.slot.put_live(&row, true);
        let created = shared.disk.create(&disk.root.join(row.path()));
        let mut file = created.inspect_err(|_| tag.slot.drop_live(row.name.sequence))?;
        let last = tag.slot.counts.segment_bytes_last.load(Relaxed);
        let reserved =
            if last == 0 { RESERVE_FIRST } else { (last + last / 16).clamp(RESERVE_MIN, RESERVE_MAX) };
        // Only an optimisation: without it, writing costs more.
        let reserved = if file.preallocate(0, reserved).is_ok() { reserved } else { u64::MAX };
        Ok(Self {
            tag: tag.clone(),
            file,
            row,
            segment_start,
            init,
            len: 0,
            reserved,
            infos: Vec::new(),
            written_at_flush: 0,
            broken: false,
        })
    }

    /// Adds a fragment with one vectored write; returns the bytes written.
    pub(crate) fn append(
        &mut self,
        shared: &Shared,
        fragment: &Fragment,
        utc: Utc,
        mono: Mono,
        header: &mut Vec<u8>,
    ) -> Result<u64, WriteError> {
        header.clear();
        let head = self.init.len() as u64;
        let context = FragmentContext {
            stream: &self.tag.slot.stream,
            run: shared.run(),
            mono,
            utc,
            sequence: self.row.fragments.saturating_add(1),
            segment_start: self.segment_start,
            audio_rate_hz: self.tag.format.audio.as_ref().map(|a| a.rate_hz),
            offset: self.len + head,
        };
        let info = encode_fragment(fragment, &context, header)?;
        let bytes = head + header.len() as u64 + fragment.bytes;
        self.reserve(bytes);
        let mut slices = Vec::with_capacity(2 + fragment.samples());
        if head > 0 {
            slices.push(IoSlice::new(&self.init));
        }
        slices.push(IoSlice::new(header));
        slices.extend(fragment.payload().map(IoSlice::new));
        if let Err(e) = self.file.append(&mut slices) {
            self.broken = self.file.truncate(self.len).is_err();
            self.reserved = self.len;
            return Err(e.into());
        }
        self.init = Vec::new();
        self.len += bytes;
        self.infos.push(info);
        self.row.bytes = self.len;
        self.row.fragments += 1;
        self.row.end = self.row.end.max(fragment.end.to_utc());
        self.tag.slot.grow_live(self.row.name.sequence, self.row.end, self.len, self.row.fragments);
        Ok(bytes)
    }

    fn reserve(&mut self, bytes: u64) {
        if self.len.saturating_add(bytes) > self.reserved {
            let more = (self.len / 4).max(bytes).clamp(RESERVE_MIN, RESERVE_MAX);
            self.reserved =
                if self.file.preallocate(self.len, more).is_ok() { self.len + more } else { u64::MAX };
        }
    }

    /// Ends the file with its index. After an error it stands without, and start-up looks at it again.
    pub(crate) fn close(mut self) -> Result<SegmentRow, (SegmentRow, io::Error)> {
        if self.broken || self.infos.is_empty() {
            return Ok(self.abandon());
        }
        let done = encode_trailer(&self.infos, self.segment_start)
            .map_err(io::Error::other)
            .and_then(|trailer| {
                self.file.append(&mut [IoSlice::new(&trailer)]).inspect_err(|_| {
                    let _ = self.file.truncate(self.len);
                })?;
                Ok(self.len + trailer.len() as u64)
            })
            .and_then(|len| self.file.truncate(len).map(|()| len));
        match done {
            Ok(len) => {
                self.row.bytes = len;
                Ok(self.row.clone())
            }
            Err(e) => Err((self.abandon(), e)),
        }
    }

    /// Leaves the file as it stands.
    pub(crate) fn abandon(mut self) -> SegmentRow {
        let _ = self.file.truncate(self.len);
        self.row.suspect = true;
        self.row.clone()
    }
}
