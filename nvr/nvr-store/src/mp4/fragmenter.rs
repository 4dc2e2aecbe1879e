//! Gathers samples into fragments.
//!
//! Promises: every sample pushed comes out once, in order within its track, its payload never copied and read once, as it
//! comes and while it is still in the processor's cache, for its checksum; a fragment never exceeds its limits by more than
//! one sample.
//! Leaves to others: epochs and gaps (call [`Fragmenter::finish`] at each), bytes (`encode`).

use super::fragment::Fragment;
use nvr_base::{Sample, TICKS_PER_S, Ticks, Track};

/// Samples of one fragment at most: with its header they fit one vectored write (Linux `UIO_MAXIOV` is 1024).
pub const FRAGMENT_SAMPLES_MAX: usize = 1000;

/// When a fragment closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FragmentLimits {
    /// Closes before a key frame once it is this old, ticks.
    pub key_after_ticks: i64,
    /// Closes at this age whatever comes, ticks.
    pub age_max_ticks: i64,
    /// Closes before a sample that would make it heavier than this, bytes.
    pub bytes_max: u64,
    /// Closes at this many samples, at most [`FRAGMENT_SAMPLES_MAX`].
    pub samples_max: usize,
}

impl Default for FragmentLimits {
    /// 0.5 s before a key frame, 1.5 s, 512 KiB.
    fn default() -> Self {
        Self {
            key_after_ticks: TICKS_PER_S / 2,
            age_max_ticks: TICKS_PER_S * 3 / 2,
            bytes_max: 512 * 1024,
            samples_max: FRAGMENT_SAMPLES_MAX,
        }
    }
}

/// Longest duration a sample is given, ticks: an hour. A longer silence is a gap, not a picture.
const SAMPLE_TICKS_MAX: i64 = 3600 * TICKS_PER_S;
/// Duration of a single sample of which nothing is known, ticks: 1/25 s.
const SAMPLE_TICKS_UNKNOWN: u32 = (TICKS_PER_S / 25) as u32;

/// Pure state machine from samples to fragments of one stream.
#[derive(Debug)]
pub struct Fragmenter {
    limits: FragmentLimits,
    video: Vec<Sample>,
    audio: Vec<Sample>,
    bytes: u64,
    /// CRC-32C of the payload of each track so far, and the sound's bytes.
    video_crc: u32,
    audio_crc: u32,
    audio_bytes: u64,
    keys: u16,
    /// Duration of the previous sample of each track: what `finish` repeats.
    video_ticks: u32,
    audio_ticks: u32,
    /// Decoding time of the last sample of each track, in this fragment or before it.
    video_dts: Option<Ticks>,
    audio_dts: Option<Ticks>,
}

impl Fragmenter {
    /// An empty fragmenter.
    pub fn new(limits: FragmentLimits) -> Self {
        let samples_max = limits.samples_max.clamp(1, FRAGMENT_SAMPLES_MAX);
        Self {
            limits: FragmentLimits { samples_max, ..limits },
            video: Vec::new(),
            audio: Vec::new(),
            bytes: 0,
            video_crc: 0,
            audio_crc: 0,
            audio_bytes: 0,
            keys: 0,
            video_ticks: 0,
            audio_ticks: 0,
            video_dts: None,
            audio_dts: None,
        }
    }

    /// Takes a sample; returns the fragment that it closes, which does not hold it.
    pub fn push(&mut self, sample: Sample) -> Option<Fragment> {
        let closed = if self.closes_before(&sample) { self.close(Some(&sample)) } else { None };
        self.bytes += sample.data.len() as u64;
        let (samples, ticks, last, crc) = match sample.track {
            Track::Video => {
                (&mut self.video, &mut self.video_ticks, &mut self.video_dts, &mut self.video_crc)
            }
            Track::Audio => {
                self.audio_bytes += sample.data.len() as u64;
                (&mut self.audio, &mut self.audio_ticks, &mut self.audio_dts, &mut self.audio_crc)
            }
        };
        *crc = crc32c::crc32c_append(*crc, &sample.data);
        if let Some(last) = last.replace(sample.dts) {
            *ticks = ticks_between(last, sample.dts).unwrap_or(*ticks);
        }
        if sample.track == Track::Video && sample.key {
            self.keys = self.keys.saturating_add(1);
        }
        samples.push(sample);
        closed
    }

    /// Ends the open fragment: the session, the epoch or the segment ends here.
    pub fn finish(&mut self) -> Option<Fragment> {
        let fragment = self.close(None);
        // What follows is on another timeline; the rate stays the best guess.
        (self.video_dts, self.audio_dts) = (None, None);
        fragment
    }

    /// Samples and payload bytes that wait.
    pub fn pending(&self) -> (usize, u64) {
        (self.video.len() + self.audio.len(), self.bytes)
    }

    fn opened_at(&self) -> Option<Ticks> {
        self.video.iter().take(1).chain(self.audio.iter().take(1)).map(|s| s.dts).min()
    }

    fn closes_before(&self, next: &Sample) -> bool {
        let Some(opened) = self.opened_at() else { return false };
        let age = next.dts.since(opened);
        let key = next.track == Track::Video && next.key;
        let samples = self.video.len() + self.audio.len();
        (key && age >= self.limits.key_after_ticks)
            || age >= self.limits.age_max_ticks
            || self.bytes.saturating_add(next.data.len() as u64) > self.limits.bytes_max
            || samples >= self.limits.samples_max
    }

    fn close(&mut self, next: Option<&Sample>) -> Option<Fragment> {
        let video = std::mem::take(&mut self.video);
        let audio = std::mem::take(&mut self.audio);
        // Same size again: the next fragment of a steady stream never grows its list.
        self.video.reserve_exact(video.len());
        self.audio.reserve_exact(audio.len());
        let bytes = std::mem::take(&mut self.bytes);
        let keys = std::mem::take(&mut self.keys);
        let (video_crc, audio_crc) =
            (std::mem::take(&mut self.video_crc), std::mem::take(&mut self.audio_crc));
        let audio_bytes = std::mem::take(&mut self.audio_bytes);
        let payload_crc = super::checksum::joined(video_crc, audio_crc, audio_bytes);
        for (samples, ticks) in [(&video, &mut self.video_ticks), (&audio, &mut self.audio_ticks)] {
            let Some(last) = samples.last() else { continue };
            let told = next.filter(|n| n.track == last.track).and_then(|n| ticks_between(last.dts, n.dts));
            *ticks = match (last.duration_ticks, told, *ticks) {
                (0, Some(told), _) => told,
                (0, None, 0) => SAMPLE_TICKS_UNKNOWN,
                (0, None, before) => before,
                (own, ..) => own,
            };
        }
        let start = video.iter().map(|s| s.pts).min().or(audio.first().map(|s| s.pts))?;
        let end = video.iter().map(|s| s.pts).max().map_or(start, |last| {
            // The picture shown last lasts as long as the one decoded last: the rate is that of the stream.
            last.plus(i64::from(self.video_ticks))
        });
        Some(Fragment {
            key_first: video.first().is_some_and(|s| s.key),
            video_last_ticks: self.video_ticks,
            audio_last_ticks: self.audio_ticks,
            video,
            audio,
            start,
            end,
            bytes,
            payload_crc,
            keys,
        })
    }
}

/// Duration of a sample decoded at `dts` as the next one of its track tells it.
fn ticks_between(dts: Ticks, next: Ticks) -> Option<u32> {
    let ticks = next.since(dts);
    u32::try_from(ticks).ok().filter(|&t| t > 0 && i64::from(t) <= SAMPLE_TICKS_MAX)
}
