//! Hours: what the scene looked like at this hour of an earlier day, lit or dark.
//!
//! Promises: 24 looks and no more; a look is used only half a day after it was learnt, so that nothing done now excuses
//! itself; hours are of UTC: a shift by one, as in spring, is covered by the neighbours.
//! Leaves to others: comparing (`reference`), when a look is worth keeping (`rule`).

use crate::reference::Reference;

const HOURS: i64 = 24;
const HOUR_US: i64 = 3_600_000_000;
/// A look becomes a memory after so long.
const AGE_US_MIN: i64 = 12 * HOUR_US;
/// An hour is a dark one when it was dark for so long.
const DARK_US_MIN: i64 = 600_000_000;

#[derive(Debug)]
struct Hour {
    written_us: i64,
    look: Option<Reference>,
    dark_us: i64,
}

/// A day of looks.
#[derive(Debug, Default)]
pub(crate) struct Hours {
    /// By hour of the day; at most [`HOURS`].
    slots: Vec<(i64, Hour)>,
    now: Option<i64>,
    /// Darkness in this hour so far.
    dark_us: i64,
}

impl Hours {
    /// Time passes: at the end of an hour what `reference` knows is kept.
    pub(crate) fn pass(&mut self, wall_us: i64, span_us: i64, dark: bool, reference: Option<&Reference>) {
        let hour = wall_us.div_euclid(HOUR_US);
        if let Some(before) = self.now.replace(hour)
            && before != hour
        {
            let dark_us = std::mem::take(&mut self.dark_us);
            let slot = before.rem_euclid(HOURS);
            self.slots.retain(|(at, _)| *at != slot);
            self.slots.push((slot, Hour { written_us: wall_us, look: reference.cloned(), dark_us }));
        }
        if dark {
            self.dark_us += span_us;
        }
    }

    /// Looks of this hour and its neighbours, of an earlier day.
    pub(crate) fn looks(&self, wall_us: i64) -> impl Iterator<Item = &Reference> {
        self.near(wall_us).filter_map(|hour| hour.look.as_ref())
    }

    /// Whether it was dark at this hour of an earlier day.
    pub(crate) fn is_dark(&self, wall_us: i64) -> bool {
        self.near(wall_us).any(|hour| hour.dark_us >= DARK_US_MIN)
    }

    fn near(&self, wall_us: i64) -> impl Iterator<Item = &Hour> {
        let hour = wall_us.div_euclid(HOUR_US).rem_euclid(HOURS);
        let near = [hour, (hour + 1) % HOURS, (hour + HOURS - 1) % HOURS];
        let old = move |h: &Hour| wall_us - h.written_us >= AGE_US_MIN;
        self.slots.iter().filter(move |(at, h)| near.contains(at) && old(h)).map(|(_, h)| h)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Dark from hour to hour of the first day; is hour `at` (from that day's start) known to be dark?
    fn check((from, to): (i64, i64), at: i64, expected: bool) {
        let mut hours = Hours::default();
        for minute in 0..at * 60 {
            let dark = (from * 60..to * 60).contains(&minute);
            hours.pass(minute * 60_000_000, 60_000_000, dark, None);
        }
        assert_eq!(hours.is_dark(at * HOUR_US), expected, "dark {from} to {to}, at {at}");
    }

    #[test]
    fn dark_at_this_hour_yesterday() {
        check((20, 23), 24 + 20, true);
        check((20, 23), 24 + 19, true);
        check((20, 23), 24 + 12, false);
    }

    #[test]
    fn today_is_no_memory() {
        check((20, 22), 22, false);
        check((20, 23), 24, false);
    }
}
