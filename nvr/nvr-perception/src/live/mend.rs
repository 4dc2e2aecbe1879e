//! A camera that cannot be decoded: when to try again, and what to say.
//!
//! Promises: pure; a trouble is told once until a picture comes; the first try is at the next key frame, later ones after
//!   [`WAIT_US_MAX`] at most.
//! Leaves to others: decoding (`eye`).

/// First and longest wait before another try, µs.
const WAIT_US: i64 = 1_000_000;
/// Longest wait before another try, µs.
pub const WAIT_US_MAX: i64 = 30_000_000;
/// Key frames, and samples, without one picture that are a failure too.
const KEYS_IN_VAIN_MAX: u32 = 3;
/// H.264 holds back up to 16 pictures for their order; nothing is held back of key frames that stand alone.
const SAMPLES_IN_VAIN_MAX: u32 = 20;

/// The health of one camera's stream.
#[derive(Debug, Clone, Default)]
pub struct Mend {
    failures: u32,
    retry_us: i64,
    is_told: bool,
    keys: u32,
    samples: u32,
}

impl Mend {
    /// Whether to try a key frame now.
    pub fn may_try(&self, now_us: i64) -> bool {
        now_us >= self.retry_us
    }

    /// A sample went in. True: so many went in without one picture that it is a failure.
    pub fn fed(&mut self, key: bool, alone: bool) -> bool {
        let counts = if alone { SAMPLES_IN_VAIN_MAX / KEYS_IN_VAIN_MAX + 1 } else { 1 };
        self.samples = self.samples.saturating_add(counts);
        self.keys = self.keys.saturating_add(u32::from(key));
        self.keys >= KEYS_IN_VAIN_MAX && self.samples >= SAMPLES_IN_VAIN_MAX
    }

    /// The decoder gave up. True: to be told.
    pub fn failed(&mut self, now_us: i64) -> bool {
        let doublings = self.failures.checked_sub(1);
        let wait = doublings.map_or(0, |n| WAIT_US.saturating_mul(1 << n.min(10)).min(WAIT_US_MAX));
        self.retry_us = now_us.saturating_add(wait);
        self.failures = self.failures.saturating_add(1);
        (self.keys, self.samples) = (0, 0);
        !std::mem::replace(&mut self.is_told, true)
    }

    /// A picture came out: all is well.
    pub fn shown(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_bound_and_trouble_is_told_once() {
        let mut mend = Mend::default();
        let told: Vec<bool> = (0..12).map(|_| mend.failed(0)).collect();
        assert_eq!(told.iter().filter(|told| **told).count(), 1);
        assert!(mend.may_try(WAIT_US_MAX) && !mend.may_try(WAIT_US_MAX - 1));
        mend.shown();
        assert!(mend.may_try(0) && mend.failed(0));
        let mut mend = Mend::default();
        mend.failed(100);
        assert!(mend.may_try(100));
        mend.failed(100);
        assert!(!mend.may_try(100 + WAIT_US - 1) && mend.may_try(100 + WAIT_US));
    }

    /// `K`, `p`, and `A` alone go in; out: after which one it is a failure.
    fn check(samples: &str, expected: Option<usize>) {
        let mut mend = Mend::default();
        assert_eq!(samples.chars().position(|s| mend.fed(s != 'p', s == 'A')), expected, "{samples}");
    }

    #[test]
    fn samples_in_vain() {
        check(&"K".repeat(30), Some(19));
        check("AAAA", Some(2));
        check("KppKppKpp", None);
        check(&"Kpp".repeat(9), Some(19));
        check("KppppppppppKppppppppppppp", None);
        check("KpppppppppppppKpppppppKp", Some(22));
    }
}
