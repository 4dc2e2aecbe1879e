//! Notices frames that a device lost: damaged buffers, holes in the sequence, holes in time.
//!
//! Promises: pure; every hole is reported once, with the time of the last good frame; drivers that lose silently are
//!   caught by their timestamps.
//! Leaves to others: waiting for a device that sends nothing (`capture`), what a loss means (`nvr-ingest`).

use nvr_base::Mono;
use nvr_base::media_protocol::LossCause;

/// A larger jump of the sequence is a counter that started again, not a hole.
const HOLE_FRAMES_MAX: u32 = 10_000;
/// A hole in time is at least this long, in microseconds: webcams halve their rate in the dark, and that is no loss.
const TIME_HOLE_US_MIN: u64 = 500_000;
/// And at least this many frame intervals.
const TIME_HOLE_INTERVALS_MIN: u64 = 5;
/// A device's stamp further than this from the box's clock is not believed, in microseconds.
const STAMP_AWAY_US_MAX: u64 = 5_000_000;

/// What the driver says of a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Buffer {
    /// The driver's frame counter.
    pub sequence: u32,
    /// Marked as damaged.
    pub error: bool,
    /// The driver's monotonic stamp, where it gives one.
    pub stamp: Option<Mono>,
    /// When it was taken from the driver.
    pub arrived: Mono,
    /// The bytes are a picture.
    pub whole: bool,
}

/// Frames that are missing before, or instead of, this buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loss {
    /// Why.
    pub cause: LossCause,
    /// How many.
    pub frames: u32,
    /// The last good frame's time.
    pub since: Mono,
}

/// What becomes of a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// Its time, when it is a sample.
    pub keep: Option<Mono>,
    /// What to report first.
    pub loss: Option<Loss>,
}

/// Follows one device.
#[derive(Debug, Clone, Copy)]
pub struct Monitor {
    interval_us: u64,
    last: Option<(u32, Mono)>,
    good: Option<Mono>,
}

impl Monitor {
    /// For a device that was asked for `fps` frames a second.
    pub fn new(fps: u32) -> Self {
        Self { interval_us: 1_000_000 / u64::from(fps.max(1)), last: None, good: None }
    }

    /// The last good frame's time.
    pub fn good(&self) -> Option<Mono> {
        self.good
    }

    /// Takes note of a buffer.
    pub fn step(&mut self, buffer: Buffer) -> Verdict {
        let near = |stamp: &Mono| stamp.0.abs_diff(buffer.arrived.0) <= STAMP_AWAY_US_MAX;
        let mut time = buffer.stamp.filter(near).unwrap_or(buffer.arrived);
        // Two frames never share an instant, whatever the driver says.
        if let Some((_, last)) = self.last {
            time = time.max(Mono(last.0 + 1));
        }
        let since = self.good.unwrap_or(time);
        let before = self.last.replace((buffer.sequence, time));
        if buffer.error || !buffer.whole {
            let cause = if buffer.error { LossCause::BufferError } else { LossCause::Broken };
            let hole = before.map_or(0, |(sequence, _)| hole(sequence, buffer.sequence));
            return Verdict { keep: None, loss: Some(Loss { cause, frames: 1 + hole, since }) };
        }
        self.good = Some(time);
        let loss = before.and_then(|(sequence, last)| {
            let frames = hole(sequence, buffer.sequence);
            if frames > 0 {
                return Some(Loss { cause: LossCause::SequenceHole, frames, since });
            }
            let silent_us = time.0.saturating_sub(last.0);
            let limit_us = TIME_HOLE_US_MIN.max(TIME_HOLE_INTERVALS_MIN * self.interval_us);
            let frames = u32::try_from((silent_us / self.interval_us).saturating_sub(1)).unwrap_or(u32::MAX);
            (silent_us > limit_us).then_some(Loss { cause: LossCause::TimeHole, frames, since })
        });
        Verdict { keep: Some(time), loss }
    }
}

/// Numbers missing between two sequence numbers; 0 when the counter stood still, went back or started again.
fn hole(before: u32, now: u32) -> u32 {
    match now.wrapping_sub(before) {
        0 => 0,
        step if step > HOLE_FRAMES_MAX => 0,
        step => step - 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use LossCause::{Broken, BufferError, SequenceHole, TimeHole};

    /// One buffer: sequence, stamp in ms (arrival 1 ms later), damaged, whole.
    type In = (u32, u64, bool, bool);
    /// Time in ms when kept; cause, frames and since in ms when lost.
    type Out = (Option<u64>, Option<(LossCause, u32, u64)>);

    fn check(table: &[(In, Out)]) {
        let mut monitor = Monitor::new(10);
        for ((sequence, ms, error, whole), expected) in table.iter().copied() {
            let stamp = Some(Mono(ms * 1000));
            let arrived = Mono(ms * 1000 + 1000);
            let got = monitor.step(Buffer { sequence, error, stamp, arrived, whole });
            let loss = got.loss.map(|l| (l.cause, l.frames, l.since.0 / 1000));
            assert_eq!((got.keep.map(|t| t.0 / 1000), loss), expected, "sequence {sequence} at {ms} ms");
        }
    }

    #[test]
    fn losses_of_every_kind() {
        check(&[
            ((0, 1000, false, true), (Some(1000), None)),
            ((1, 1100, false, true), (Some(1100), None)),
            ((2, 1200, true, true), (None, Some((BufferError, 1, 1100)))),
            ((3, 1300, false, true), (Some(1300), None)),
            ((7, 1700, false, true), (Some(1700), Some((SequenceHole, 3, 1300)))),
            ((8, 1800, false, false), (None, Some((Broken, 1, 1700)))),
            ((11, 2100, true, true), (None, Some((BufferError, 3, 1700)))),
            ((12, 2200, false, true), (Some(2200), None)),
            ((13, 2700, false, true), (Some(2700), None)),
            ((14, 3300, false, true), (Some(3300), Some((TimeHole, 5, 2700)))),
        ]);
    }

    #[test]
    fn counters_and_clocks_that_lie() {
        check(&[
            ((u32::MAX, 1000, false, true), (Some(1000), None)),
            ((0, 1100, false, true), (Some(1100), None)),
            ((0, 1200, false, true), (Some(1200), None)),
            ((900_000, 1300, false, true), (Some(1300), None)),
            ((5, 1400, false, true), (Some(1400), None)),
            ((6, 1400, false, true), (Some(1400), None)),
            ((7, 1300, false, true), (Some(1400), None)),
        ]);
        let mut monitor = Monitor::new(10);
        let far =
            Buffer { sequence: 0, error: false, stamp: Some(Mono(9)), arrived: Mono(1 << 40), whole: true };
        assert_eq!(monitor.step(far).keep, Some(Mono(1 << 40)), "a stamp far from now is not believed");
        let none = Buffer { sequence: 1, stamp: None, arrived: Mono((1 << 40) + 100_000), ..far };
        assert_eq!(monitor.step(none).keep, Some(Mono((1 << 40) + 100_000)));
    }
}
