//! How far a replay is, on standard error, when that is a terminal and nobody asked for JSON.
//!
//! Promises: nothing is drawn elsewhere; the line is gone when it is dropped. Leaves to others: answers (`report`).

use indicatif::{ProgressBar, ProgressStyle};
use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

/// How often the line changes.
const EVERY: Duration = Duration::from_millis(200);

/// The line.
#[derive(Debug)]
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    began: Instant,
    drawn: Instant,
}

impl Progress {
    /// Begins now.
    pub(super) fn new(json: bool) -> Self {
        let bar = (!json && stderr().is_terminal()).then(ProgressBar::new_spinner);
        if let (Some(bar), Ok(style)) = (&bar, ProgressStyle::with_template("{spinner} {msg}")) {
            bar.set_style(style);
        }
        let now = Instant::now();
        Self { bar, began: now, drawn: now }
    }

    /// The frame of this media time is done.
    pub(super) fn at(&mut self, at_us: i64) {
        let Some(bar) = &self.bar else { return };
        if self.drawn.elapsed() >= EVERY {
            self.drawn = Instant::now();
            bar.set_message(words(at_us, self.began.elapsed()));
            bar.tick();
        }
    }
}

impl Progress {
    /// Does what prints lines, with this one out of the way.
    pub(super) fn aside<T>(&self, print: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Media time and how many times faster than it was taken: `1:02:03 10.0x`.
fn words(at_us: i64, took: Duration) -> String {
    let seconds = at_us.max(0) / 1_000_000;
    let speed = at_us as f64 / 1e6 / took.as_secs_f64().max(1e-3);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{hours}:{minutes:02}:{seconds:02} {speed:.1}x")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_and_speed() {
        assert_eq!(words(3_723_900_000, Duration::from_secs(372)), "1:02:03 10.0x");
        assert_eq!(words(0, Duration::ZERO), "0:00:00 0.0x");
    }
}
