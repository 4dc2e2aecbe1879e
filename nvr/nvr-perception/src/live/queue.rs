//! The samples of one camera that wait for a thread.
//!
//! Promises: pure; at most [`SAMPLES_MAX`] samples and [`BYTES_MAX`] bytes wait; when full, or late, everything before the
//!   newest key frame goes, and without one everything up to the next key frame; what goes is counted, and the sample after it
//!   says so.
//! Leaves to others: whose turn it is (`desk`), decoding (`eye`).

use nvr_base::VideoFormat;
use std::collections::VecDeque;

/// Samples that wait: 10 s of 15 frames a second.
pub const SAMPLES_MAX: usize = 150;
/// Bytes that wait; a single longer sample does too.
pub const BYTES_MAX: usize = 4 << 20;

/// A sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    /// Media time of presentation, µs.
    pub at_us: i64,
    /// UTC, µs since 1970.
    pub wall_us: i64,
    /// A decoder can start here.
    pub key: bool,
    /// Its picture is to be analysed.
    pub due: bool,
    /// A key frame of which nothing comes until the next one.
    pub alone: bool,
    /// Samples before it are missing: what the decoder remembers is of no use.
    pub after_hole: bool,
    /// When it came, µs of this process' clock.
    pub came_us: i64,
    /// Its bytes.
    pub data: Vec<u8>,
}

/// What waits of one camera.
#[derive(Debug, Default)]
pub struct Queue {
    /// A format that came before the samples and was not taken yet.
    format: Option<VideoFormat>,
    samples: VecDeque<Queued>,
    bytes: usize,
    /// Nothing is of use before a key frame.
    awaits_key: bool,
    hole: bool,
    /// Samples that were thrown away.
    pub dropped: u64,
}

impl Queue {
    /// A queue that waits for a key frame.
    pub fn new() -> Self {
        Self { awaits_key: true, ..Self::default() }
    }

    /// Samples of another kind follow: what waits is of the past.
    pub fn format(&mut self, format: VideoFormat) {
        self.throw_away();
        self.format = Some(format);
    }

    /// Samples were left out by the parent, or are not wanted for a while.
    pub fn hole(&mut self) {
        self.awaits_key = true;
        self.hole = true;
    }

    /// Whether a sample would be of use: a key frame, or one that follows what is here.
    pub fn is_of_use(&self, key: bool) -> bool {
        key || !self.awaits_key
    }

    /// Takes a sample in; false when it is of no use, since a key frame is awaited.
    pub fn push(&mut self, mut sample: Queued) -> bool {
        if !self.is_of_use(sample.key) {
            return false;
        }
        let fits = |queue: &Self| {
            queue.samples.len() < SAMPLES_MAX
                && (queue.samples.is_empty() || queue.bytes + sample.data.len() <= BYTES_MAX)
        };
        if !fits(self) {
            self.skip_to_newest_key();
        }
        if !fits(self) {
            self.throw_away();
            if !sample.key {
                self.dropped += 1;
                return false;
            }
        }
        self.awaits_key = false;
        sample.after_hole |= std::mem::take(&mut self.hole);
        self.bytes += sample.data.len();
        self.samples.push_back(sample);
        true
    }

    /// Drops what is older than the newest key frame; false when that is the oldest sample, or there is none.
    pub fn skip_to_newest_key(&mut self) -> bool {
        let Some(newest) = self.samples.iter().rposition(|s| s.key).filter(|at| *at > 0) else {
            return false;
        };
        for old in self.samples.drain(..newest) {
            self.bytes -= old.data.len();
            self.dropped += 1;
        }
        if let Some(first) = self.samples.front_mut() {
            first.after_hole = true;
        }
        true
    }

    /// When the oldest sample came.
    pub fn oldest_us(&self) -> Option<i64> {
        self.samples.front().map(|s| s.came_us)
    }

    /// When the oldest sample came whose picture is due.
    pub fn due_us(&self) -> Option<i64> {
        self.samples.iter().find(|s| s.due).map(|s| s.came_us)
    }

    /// Bytes that wait.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Samples that wait.
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// Whether no sample waits.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// Everything that waits.
    pub fn take(&mut self) -> (Option<VideoFormat>, Vec<Queued>) {
        self.bytes = 0;
        (self.format.take(), self.samples.drain(..).collect())
    }

    /// Drops all of it and awaits a key frame.
    pub fn throw_away(&mut self) {
        self.dropped += self.samples.len() as u64;
        self.samples.clear();
        self.bytes = 0;
        self.hole();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on what it did not expect")]

    use super::*;

    /// `K` and `p` are samples, `h` is a hole, `f` a format, `!` skips to the newest key frame; a digit repeats the sample
    /// before it ten to that power times. Out: what waits, numbered as they came, `~` before one after a hole.
    fn check(steps: &str, bytes: usize, expected: &str, dropped: u64) {
        let mut queue = Queue::new();
        let mut number = 0;
        let mut before = ' ';
        for step in steps.chars() {
            let times = step.to_digit(10).map_or(1, |n| 10_usize.pow(n));
            let step = if step.is_ascii_digit() { before } else { step };
            for _ in 0..times {
                match step {
                    'h' => queue.hole(),
                    'f' => queue.format(VideoFormat {
                        codec: nvr_base::Codec::H264,
                        width: 1,
                        height: 1,
                        config: Vec::new(),
                        reorder_depth: 0,
                    }),
                    '!' => {
                        queue.skip_to_newest_key();
                    }
                    _ => {
                        let (key, data) = (step == 'K', vec![0; bytes]);
                        let (due, after_hole) = (false, false);
                        let sample = Queued {
                            at_us: number,
                            wall_us: 0,
                            key,
                            due,
                            alone: false,
                            after_hole,
                            came_us: number,
                            data,
                        };
                        queue.push(sample);
                        number += 1;
                    }
                }
            }
            before = step;
        }
        assert!(queue.bytes <= BYTES_MAX.max(bytes) && queue.len() <= SAMPLES_MAX);
        let (_, samples) = queue.take();
        let shown: Vec<String> =
            samples.iter().map(|s| format!("{}{}", if s.after_hole { "~" } else { "" }, s.at_us)).collect();
        let shown = if shown.len() > 6 {
            format!("{} .. {}", shown.first().unwrap(), shown.last().unwrap())
        } else {
            shown.join(" ")
        };
        assert_eq!((shown.as_str(), queue.dropped), (expected, dropped), "{steps}");
    }

    #[test]
    fn what_waits_is_bounded_and_starts_at_key_frames() {
        check("ppKpp", 10, "2 3 4", 0);
        check("Kpphpp", 10, "0 1 2", 0);
        check("KpphpKp", 10, "0 1 2 ~4 5", 0);
        check("KpfpKp", 10, "~3 4", 2);
        check("KpKpKp!", 10, "~4 5", 4);
        check("Kpp!", 10, "0 1 2", 0);
        // 150 fill it: the 151st makes room by going to the newest key frame, or clears all.
        check("KpKp2p1p1p1p1pppp", 10, "~2 .. 151", 2);
        check("Kp2p1p1p1p1pppppppppp", 10, "", 151);
        check("Kp2p1p1p1p1ppppppKp", 10, "~152 153", 151);
        // Bytes fill it too; one large sample always fits.
        check("KpKp", BYTES_MAX / 3, "~2 3", 2);
        check("K", BYTES_MAX * 2, "0", 0);
        check("KpK", BYTES_MAX * 2, "~2", 2);
    }
}
