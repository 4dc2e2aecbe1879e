//! A fragment: what one `moof` and its `mdat` hold, before writing and as found again.
//!
//! Promises: a [`Fragment`] has at least one sample; payload order in the file is video, then audio.
//! Leaves to others: choosing its bounds (`fragmenter`), its bytes (`encode`).

use nvr_base::{Mono, Sample, Ticks, Utc};

/// Samples that are written together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fragment {
    /// Pictures, in decoding order. Empty when only sound came.
    pub video: Vec<Sample>,
    /// Sound, in order.
    pub audio: Vec<Sample>,
    /// Duration of the last picture, ticks; that of any other is the next `dts` minus its own.
    pub video_last_ticks: u32,
    /// Duration of the last sound sample, ticks, when it does not say itself.
    pub audio_last_ticks: u32,
    /// When its first picture is shown; without pictures the first sound's time.
    pub start: Ticks,
    /// When its last picture ends; equal to `start` when it holds only sound.
    pub end: Ticks,
    /// Payload bytes of both tracks.
    pub bytes: u64,
    /// CRC-32C of the payload in the file's order.
    pub payload_crc: u32,
    /// The first picture is a key frame.
    pub key_first: bool,
    /// Key frames in it.
    pub keys: u16,
}

impl Fragment {
    /// Earliest decoding time of both tracks. That of a segment's first fragment is the segment's start: media
    /// time zero of its tracks.
    pub fn first_dts(&self) -> Ticks {
        let first = |samples: &[Sample]| samples.first().map(|s| s.dts);
        match (first(&self.video), first(&self.audio)) {
            (Some(v), Some(a)) => v.min(a),
            (v, a) => v.or(a).unwrap_or(self.start),
        }
    }

    /// The payload slices in the order they go into the file.
    pub fn payload(&self) -> impl Iterator<Item = &[u8]> {
        self.video.iter().chain(&self.audio).map(|s| s.data.as_slice())
    }

    /// Samples of both tracks: the number of payload slices.
    pub fn samples(&self) -> usize {
        self.video.len() + self.audio.len()
    }
}

/// What is known of a fragment in a segment file: from writing it, its identity box, or the segment's index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FragmentInfo {
    /// Where it begins in the file (its `prft`), bytes.
    pub offset: u64,
    /// Its length with all its boxes, bytes.
    pub len: u32,
    /// Length of everything before the payload (`prft uuid moof` and the `mdat` header), bytes.
    pub header_len: u32,
    /// Where its `moof` stands, from `offset`, bytes.
    pub moof_at: u16,
    /// When its first picture is shown.
    pub start: Ticks,
    /// When its last picture ends.
    pub end: Ticks,
    /// Wall clock of its first sample.
    pub utc: Utc,
    /// Monotonic clock of its first sample, within the segment's run.
    pub mono: Mono,
    /// The first picture is a key frame.
    pub key_first: bool,
    /// Key frames in it.
    pub keys: u16,
    /// Pictures in it.
    pub video_samples: u16,
    /// Sound samples in it.
    pub audio_samples: u16,
}

impl FragmentInfo {
    /// Where it ends in the file, bytes.
    pub fn file_end(&self) -> u64 {
        self.offset + u64::from(self.len)
    }

    /// Payload bytes of both tracks.
    pub fn payload_bytes(&self) -> u64 {
        u64::from(self.len.saturating_sub(self.header_len))
    }
}
