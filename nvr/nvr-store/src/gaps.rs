//! The gap ledger of one stream: pure, exact to the microsecond.
//!
//! Promises: every hole longer than [`GAP_TOLERANCE`] between two recorded fragments has one entry with a reason; an
//! open gap closes at the first recorded instant.
//! Leaves to others: keeping entries (`journal`), time between runs (`timeline`), fragments a disk lost (`writer`).

use nvr_base::{GapReason, Mono, Utc};
use std::time::Duration;

/// Shorter holes are none: the length of an epoch's last picture is an estimate.
pub const GAP_TOLERANCE: Duration = Duration::from_millis(250);

/// [`GAP_TOLERANCE`] in microseconds.
pub const GAP_TOLERANCE_US: i64 = GAP_TOLERANCE.as_micros() as i64;

/// What happens to a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// This interval is recorded.
    Recorded {
        /// First instant.
        from: Utc,
        /// First instant after it.
        to: Utc,
        /// Monotonic clock at `from`.
        mono: Mono,
    },
    /// Nothing comes, since then, for this reason.
    Down {
        /// Since when.
        since: Utc,
        /// Why.
        reason: GapReason,
        /// Monotonic clock now.
        mono: Mono,
    },
    /// A sample of this time is not kept: the open gap holds it, wherever the clock was set to meanwhile.
    Missed {
        /// Its time.
        at: Utc,
        /// Monotonic clock now.
        mono: Mono,
    },
    /// If a hole follows, this is why.
    Blame(GapReason),
}

/// What goes into the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// A gap began and lasts.
    Opened {
        /// First unrecorded instant.
        from: Utc,
        /// Why.
        reason: GapReason,
    },
    /// The open gap that began at `from` ended.
    Closed {
        /// First unrecorded instant.
        from: Utc,
        /// First recorded instant after it.
        to: Utc,
    },
    /// A gap that is over already.
    Whole {
        /// First unrecorded instant.
        from: Utc,
        /// First recorded instant after it.
        to: Utc,
        /// Why.
        reason: GapReason,
    },
}

/// An open gap.
#[derive(Debug, Clone, Copy)]
struct Open {
    from: Utc,
    reason: GapReason,
    /// Monotonic clock when it was opened.
    mono: Mono,
}

/// Where a gap ends that began at `from`, when footage begins at `start`, `went` later by the monotonic clock. When
/// the wall clock was set back meanwhile, the gap ends where that clock had come to.
pub fn gap_end(from: Utc, start: Utc, went: Duration) -> Utc {
    if start >= from { start } else { from + went }
}

/// State of one stream's ledger.
#[derive(Debug, Default)]
pub struct Ledger {
    last_end: Option<Utc>,
    open: Option<Open>,
    blame: Option<GapReason>,
    count: u64,
}

impl Ledger {
    /// The gap that is open.
    pub fn open(&self) -> Option<(Utc, GapReason)> {
        self.open.map(|o| (o.from, o.reason))
    }

    /// Gaps so far, the open one included.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// End of the last recorded interval.
    pub fn last_end(&self) -> Option<Utc> {
        self.last_end
    }

    /// Whether a recorded interval that begins at `from` follows the last one without a hole.
    pub fn follows(&self, from: Utc) -> bool {
        self.open.is_none() && self.last_end.is_none_or(|end| from.micros_since(end) <= GAP_TOLERANCE_US)
    }

    /// Takes one event; says what the journal keeps.
    pub fn step(&mut self, event: Event) -> Vec<Entry> {
        match event {
            Event::Blame(reason) => {
                self.blame.get_or_insert(reason);
                Vec::new()
            }
            Event::Missed { at, mono } => self.missed(at, mono),
            Event::Down { since, reason, mono } => self.down(since, reason, mono),
            Event::Recorded { from, to, mono } => {
                let entry = self.recorded(from, mono);
                // After a step backwards the footage that came last is where recording stands.
                self.last_end = Some(to);
                self.blame = None;
                entry.into_iter().collect()
            }
        }
    }

    fn missed(&mut self, at: Utc, mono: Mono) -> Vec<Entry> {
        let Some(open) = self.open.filter(|open| at < open.from) else { return Vec::new() };
        self.open = Some(Open { from: at, mono, ..open });
        let to = gap_end(open.from, at, mono.since(open.mono));
        vec![Entry::Closed { from: open.from, to }, Entry::Opened { from: at, reason: open.reason }]
    }

    fn down(&mut self, since: Utc, reason: GapReason, mono: Mono) -> Vec<Entry> {
        let (from, mut entries) = match self.open {
            Some(open) if open.reason == reason => return Vec::new(),
            // The first reason never applied for any time: the new one takes its place.
            Some(open) if since == open.from => (since, Vec::new()),
            Some(open) => {
                self.count += 1;
                let to = gap_end(open.from, since, mono.since(open.mono));
                (since, vec![Entry::Closed { from: open.from, to }])
            }
            None => {
                self.count += 1;
                (self.last_end.unwrap_or(since), Vec::new())
            }
        };
        self.open = Some(Open { from, reason, mono });
        entries.push(Entry::Opened { from, reason });
        entries
    }

    fn recorded(&mut self, from: Utc, mono: Mono) -> Option<Entry> {
        if let Some(open) = self.open.take() {
            let to = gap_end(open.from, from, mono.since(open.mono));
            return Some(Entry::Closed { from: open.from, to });
        }
        let end = self.last_end?;
        if from.micros_since(end) <= GAP_TOLERANCE_US {
            return None;
        }
        self.count += 1;
        Some(Entry::Whole { from: end, to: from, reason: self.blame.unwrap_or(GapReason::Unexplained) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use GapReason::{CameraDown, CameraStalled, ClockStep, DiskSlow, Unexplained};

    fn ms(ms: i64) -> Utc {
        Utc::from_millis(ms)
    }

    fn rec(from: i64, to: i64) -> Event {
        Event::Recorded { from: ms(from), to: ms(to), mono: Mono(90_000_000) }
    }

    fn down(since: i64, reason: GapReason) -> Event {
        Event::Down { since: ms(since), reason, mono: Mono(87_000_000) }
    }

    fn opened(from: i64, reason: GapReason) -> Entry {
        Entry::Opened { from: ms(from), reason }
    }

    fn closed(from: i64, to: i64) -> Entry {
        Entry::Closed { from: ms(from), to: ms(to) }
    }

    fn whole(from: i64, to: i64, reason: GapReason) -> Entry {
        Entry::Whole { from: ms(from), to: ms(to), reason }
    }

    fn check(events: &[Event], expected: &[Entry], count: u64) {
        let mut ledger = Ledger::default();
        let entries: Vec<Entry> = events.iter().flat_map(|e| ledger.step(*e)).collect();
        assert_eq!(entries, expected, "{events:?}");
        assert_eq!(ledger.count(), count, "{events:?}");
    }

    #[test]
    fn contiguous_footage_has_no_gap() {
        check(&[rec(0, 1000), rec(1000, 2000), rec(2250, 3000), rec(2900, 4000)], &[], 0);
    }

    #[test]
    fn a_hole_is_a_gap_with_the_reason_at_hand() {
        check(&[rec(0, 1000), rec(1251, 2000)], &[whole(1000, 1251, Unexplained)], 1);
        check(
            &[rec(0, 1000), Event::Blame(DiskSlow), rec(5000, 6000), rec(9000, 9500)],
            &[whole(1000, 5000, DiskSlow), whole(6000, 9000, Unexplained)],
            2,
        );
        check(&[rec(0, 1000), Event::Blame(ClockStep), rec(-5000, -4000), rec(-4000, -3000)], &[], 0);
    }

    #[test]
    fn down_counts_from_the_last_footage_and_ends_at_the_next() {
        check(
            &[rec(0, 1000), down(1400, CameraDown), down(3000, CameraDown), rec(9000, 9500)],
            &[opened(1000, CameraDown), closed(1000, 9000)],
            1,
        );
        check(&[down(400, CameraDown), rec(9000, 9500)], &[opened(400, CameraDown), closed(400, 9000)], 1);
    }

    #[test]
    fn a_change_of_reason_splits_the_gap() {
        check(
            &[rec(0, 1000), down(1000, CameraStalled), down(4000, CameraDown), rec(9000, 9500)],
            &[opened(1000, CameraStalled), closed(1000, 4000), opened(4000, CameraDown), closed(4000, 9000)],
            2,
        );
        check(
            &[rec(0, 1000), down(1000, CameraStalled), down(1000, CameraDown)],
            &[opened(1000, CameraStalled), opened(1000, CameraDown)],
            1,
        );
    }

    #[test]
    fn what_is_missed_after_a_step_back_is_in_the_gap() {
        let missed = |at| Event::Missed { at: ms(at), mono: Mono(88_000_000) };
        check(
            &[rec(0, 1000), down(1000, CameraDown), missed(-9000), missed(-8000), rec(-7000, -6000)],
            &[opened(1000, CameraDown), closed(1000, 2000), opened(-9000, CameraDown), closed(-9000, -7000)],
            1,
        );
    }

    #[test]
    fn after_a_step_back_a_gap_ends_where_the_old_clock_had_come_to() {
        check(
            &[rec(0, 1000), down(1000, CameraDown), rec(-9000, -8000)],
            &[opened(1000, CameraDown), closed(1000, 4000)],
            1,
        );
    }
}
