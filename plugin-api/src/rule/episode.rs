//! From a condition to an object: it begins when the condition has held for its dwell, and ends when it has been false
//! for 3 s.
//!
//! Promises: one object for one situation, whatever flickers within the 3 s; a condition that stops before its dwell is
//! over starts again at nothing. Leaves to others: what the condition is.

use crate::abi::RELEASE_US;

/// The condition at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// True, and since no later than this media time.
    Since(i64),
    /// False.
    No,
    /// Not to be seen (lost from sight): nothing begins, a dwell goes on, and it is not the truth that keeps an object.
    Unknown,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// An object.
    Begin {
        /// When the condition became true.
        since_us: i64,
        /// Now.
        start_us: i64,
    },
    /// No more.
    End {
        /// As it was at the beginning.
        since_us: i64,
        /// As it was at the beginning.
        start_us: i64,
        /// When it was last true.
        end_us: i64,
    },
}

/// One condition over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Episode {
    /// False.
    #[default]
    Idle,
    /// True for less than its dwell.
    Pending {
        /// When it became true.
        since_us: i64,
    },
    /// An object.
    Open {
        /// When it became true.
        since_us: i64,
        /// When the object began.
        start_us: i64,
        /// When it was last true.
        last_us: i64,
    },
}

impl Episode {
    /// One moment; times do not go back.
    pub fn update(&mut self, at_us: i64, holds: Holds, dwell_us: i64) -> Option<Change> {
        match (*self, holds) {
            (Self::Idle, Holds::Since(since_us)) => self.pend(at_us, since_us.min(at_us), dwell_us),
            (Self::Pending { since_us }, Holds::Since(_)) => self.pend(at_us, since_us, dwell_us),
            (Self::Pending { .. }, Holds::No) => {
                *self = Self::Idle;
                None
            }
            (Self::Open { since_us, start_us, .. }, Holds::Since(_)) => {
                *self = Self::Open { since_us, start_us, last_us: at_us };
                None
            }
            (Self::Open { since_us, start_us, last_us }, _) if at_us - last_us >= RELEASE_US => {
                *self = Self::Idle;
                Some(Change::End { since_us, start_us, end_us: last_us })
            }
            _ => None,
        }
    }

    /// Whether there is neither an object nor one to come.
    pub fn is_idle(&self) -> bool {
        *self == Self::Idle
    }

    /// Whether there is an object.
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Open { .. })
    }

    fn pend(&mut self, at_us: i64, since_us: i64, dwell_us: i64) -> Option<Change> {
        if at_us - since_us < dwell_us {
            *self = Self::Pending { since_us };
            return None;
        }
        *self = Self::Open { since_us, start_us: at_us, last_us: at_us };
        Some(Change::Begin { since_us, start_us: at_us })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One letter a second: `+` true, `-` false, `?` unknown. Out: `B<time>` and `E<time of the last truth>`.
    fn check(seconds: &str, dwell_s: i64, expected: &str) {
        let mut episode = Episode::default();
        let mut since = None;
        let mut said = Vec::new();
        for (second, letter) in (0i64..).zip(seconds.chars()) {
            let at = second * 1_000_000;
            let holds = match letter {
                '+' => Holds::Since(*since.get_or_insert(at)),
                '?' => Holds::Unknown,
                _ => {
                    since = None;
                    Holds::No
                }
            };
            match episode.update(at, holds, dwell_s * 1_000_000) {
                Some(Change::Begin { start_us, .. }) => said.push(format!("B{}", start_us / 1_000_000)),
                Some(Change::End { end_us, .. }) => said.push(format!("E{}", end_us / 1_000_000)),
                None => {}
            }
        }
        assert_eq!(said.join(" "), expected, "{seconds}");
    }

    #[test]
    fn begins_and_ends() {
        check("--++----", 0, "B2 E3");
        check("--++--", 0, "B2");
        check("++++++----", 4, "B4 E5");
        check("++-++-++", 2, "");
        check("++--+---++---", 0, "B0 E4 B8 E9");
        check("++??++---", 3, "B4 E5");
        check("+++???+---", 2, "B2 E2 B6 E6");
        check("++????", 9, "");
    }
}
