//! Frame and bit rates from counters.
//!
//! Promises: pure; a mean over the last [`WINDOW`] looks; nothing until there are two.
//! Leaves to others: looking (`recorder`, once a second).

use nvr_base::{Mono, StreamId};
use std::collections::{BTreeMap, VecDeque};

/// Looks that a rate is the mean of, one a second.
pub(crate) const WINDOW: usize = 10;

/// A stream's rates.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Rate {
    /// Pictures in a second.
    pub(crate) fps: f64,
    /// Thousands of bits in a second.
    pub(crate) kbit_s: f64,
}

/// The last looks at every stream.
#[derive(Debug, Default)]
pub(crate) struct Rates(BTreeMap<StreamId, VecDeque<(Mono, u64, u64)>>);

impl Rates {
    /// Takes a look: the counters of `stream` at `now`.
    pub(crate) fn look(&mut self, stream: &StreamId, now: Mono, samples: u64, bytes: u64) {
        let looks = self.0.entry(stream.clone()).or_default();
        if looks.back().is_some_and(|&(_, s, _)| s > samples) {
            looks.clear(); // a restarted session counts from zero
        }
        looks.push_back((now, samples, bytes));
        while looks.len() > WINDOW + 1 {
            looks.pop_front();
        }
    }

    /// The streams that are gone are forgotten.
    pub(crate) fn keep(&mut self, mut wanted: impl FnMut(&StreamId) -> bool) {
        self.0.retain(|stream, _| wanted(stream));
    }

    /// The mean over the window.
    pub(crate) fn rate(&self, stream: &StreamId) -> Rate {
        let looks = self.0.get(stream);
        let Some((first, last)) = looks.and_then(|l| l.front().zip(l.back())) else { return Rate::default() };
        let seconds = last.0.since(first.0).as_secs_f64();
        if seconds <= 0.0 {
            return Rate::default();
        }
        let round = |x: f64| (x * 10.0).round() / 10.0;
        Rate {
            fps: round((last.1 - first.1) as f64 / seconds),
            kbit_s: round(last.2.saturating_sub(first.2) as f64 * 8.0 / 1000.0 / seconds),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nvr_base::StreamKind;

    fn check(looks: &[(u64, u64, u64)], fps: f64, kbit_s: f64) {
        let stream = StreamId::new("gate".parse().unwrap(), StreamKind::Main);
        let mut rates = Rates::default();
        for &(s, samples, bytes) in looks {
            rates.look(&stream, Mono(s * 1_000_000), samples, bytes);
        }
        assert_eq!(rates.rate(&stream), Rate { fps, kbit_s }, "{looks:?}");
    }

    #[test]
    fn rates() {
        check(&[], 0.0, 0.0);
        check(&[(1, 25, 1000)], 0.0, 0.0);
        check(&[(1, 25, 0), (2, 50, 500_000)], 25.0, 4000.0);
        check(&[(1, 900, 9000), (2, 0, 0), (3, 10, 1250)], 10.0, 10.0);
    }
}
