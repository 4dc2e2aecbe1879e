//! When a segment begins and ends: a pure state machine of one stream.
//!
//! Promises: a segment is contiguous, of one epoch, about a minute long; it begins at a key frame unless an epoch, a
//! hole, a failed disk or a very long GOP forces it not to.
//! Leaves to others: files (`writer`), sequence numbers and disks (`recorder`).

use nvr_base::Utc;
use std::time::Duration;

/// How long segments are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentLimits {
    /// A segment rolls at the first key frame after this.
    pub length: Duration,
    /// It rolls anyway after this.
    pub length_max: Duration,
}

/// What happens to a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A fragment is to be kept.
    Fragment {
        /// Its first instant.
        start: Utc,
        /// It begins at a key frame.
        key_first: bool,
    },
    /// What follows has another format or another timeline.
    Epoch,
    /// Time is missing between the last fragment and the next.
    Hole,
    /// The disk failed under the open segment.
    Poisoned,
    /// Nothing follows.
    Stop,
}

/// What to do, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Close the open segment.
    Close,
    /// Open a segment that begins at this instant.
    Open(Utc),
    /// Put the fragment into the open segment.
    Append,
}

/// State: the start of the open segment.
#[derive(Debug)]
pub struct Segmenter {
    limits: SegmentLimits,
    open: Option<Utc>,
}

impl Segmenter {
    /// No segment is open.
    pub fn new(limits: SegmentLimits) -> Self {
        Self { limits, open: None }
    }

    /// Takes one event.
    pub fn step(&mut self, event: Event) -> Vec<Action> {
        let Event::Fragment { start, key_first } = event else {
            return self.open.take().map(|_| Action::Close).into_iter().collect();
        };
        let mut actions = Vec::with_capacity(3);
        if let Some(opened) = self.open
            && self.rolls(start.micros_since(opened), key_first)
        {
            self.open = None;
            actions.push(Action::Close);
        }
        if self.open.is_none() {
            self.open = Some(start);
            actions.push(Action::Open(start));
        }
        actions.push(Action::Append);
        actions
    }

    fn rolls(&self, age_us: i64, key_first: bool) -> bool {
        let over = |limit: Duration| i128::from(age_us) >= limit.as_micros() as i128;
        (key_first && over(self.limits.length)) || over(self.limits.length_max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Action::{Append, Close, Open};

    const KEY: bool = true;

    fn s(seconds: i64) -> Utc {
        Utc(seconds * 1_000_000)
    }

    fn at(seconds: i64, key_first: bool) -> Event {
        Event::Fragment { start: s(seconds), key_first }
    }

    fn check(steps: &[(Event, &[Action])]) {
        let limits = SegmentLimits { length: Duration::from_secs(60), length_max: Duration::from_secs(300) };
        let mut segmenter = Segmenter::new(limits);
        for (event, expected) in steps {
            assert_eq!(segmenter.step(*event), *expected, "{event:?}");
        }
    }

    #[test]
    fn rolls_at_the_first_key_after_a_minute() {
        check(&[
            (at(0, KEY), &[Open(s(0)), Append]),
            (at(59, KEY), &[Append]),
            (at(60, !KEY), &[Append]),
            (at(62, KEY), &[Close, Open(s(62)), Append]),
        ]);
    }

    #[test]
    fn rolls_anyway_after_five_minutes() {
        check(&[
            (at(0, !KEY), &[Open(s(0)), Append]),
            (at(299, !KEY), &[Append]),
            (at(300, !KEY), &[Close, Open(s(300)), Append]),
            (at(301, KEY), &[Append]),
        ]);
    }

    #[test]
    fn epochs_holes_and_failures_end_it() {
        for end in [Event::Epoch, Event::Hole, Event::Poisoned, Event::Stop] {
            check(&[
                (end, &[]),
                (at(5, KEY), &[Open(s(5)), Append]),
                (end, &[Close]),
                (end, &[]),
                (at(3, !KEY), &[Open(s(3)), Append]),
            ]);
        }
    }
}
