//! A histogram of latencies: how late something was, its median and its worst percent.
//!
//! Promises: pure, a fixed size whatever is added; a quantile is the upper edge of its bucket, so it is never flattered,
//!   and at most a quarter too high; nothing added is lost: what is beyond the last edge is counted there.
//! Leaves to others: clocks, and what is measured from where to where.

use serde::{Deserialize, Serialize};

/// Steps from one power of two to the next.
const STEPS: u32 = 4;
/// Powers of two that are told apart: to 131 s.
const POWERS: u32 = 17;
/// Buckets: 0, 1, 2, 3 ms, then [`STEPS`] a power of two, and the rest.
const BUCKETS: usize = (STEPS + (POWERS - 2) * STEPS + 1) as usize;

/// Latencies, in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Latencies {
    counts: [u64; BUCKETS],
    max_ms: u64,
}

/// What is shown of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LatencySummary {
    /// How many were measured.
    pub count: u64,
    /// Half are no later than this.
    pub p50: u64,
    /// 99 of 100 are no later than this.
    pub p99: u64,
    /// The latest.
    pub max: u64,
}

impl Default for Latencies {
    fn default() -> Self {
        Self { counts: [0; BUCKETS], max_ms: 0 }
    }
}

/// The bucket of a latency: its two bits below the highest one choose within the power of two.
fn bucket(ms: u64) -> usize {
    if ms < u64::from(STEPS) {
        return ms as usize;
    }
    let power = ms.ilog2();
    let step = (ms >> (power - 2)) as u32 & (STEPS - 1);
    (((power - 1) * STEPS + step) as usize).min(BUCKETS - 1)
}

/// The largest latency of a bucket but the last.
fn edge_ms(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    let steps = u64::from(STEPS);
    if bucket < steps {
        return bucket;
    }
    let (power, step) = (bucket / steps + 1, bucket % steps);
    ((steps + step + 1) << (power - 2)) - 1
}

impl Latencies {
    /// One more; what came before its time is 0.
    pub fn add(&mut self, us: i64) {
        let ms = u64::try_from(us).unwrap_or(0).div_ceil(1000);
        if let Some(count) = self.counts.get_mut(bucket(ms)) {
            *count = count.saturating_add(1);
        }
        self.max_ms = self.max_ms.max(ms);
    }

    /// How many were added.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The latency that `share` of all, 0..1, do not exceed, ms; 0 without any.
    pub fn quantile_ms(&self, share: f64) -> u64 {
        let wanted = (self.count() as f64 * share.clamp(0.0, 1.0)).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (n, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                let edge = if n == BUCKETS - 1 { self.max_ms } else { edge_ms(n) };
                return edge.min(self.max_ms);
            }
        }
        0
    }

    /// What is shown of them.
    pub fn summary(&self) -> LatencySummary {
        let (p50, p99) = (self.quantile_ms(0.5), self.quantile_ms(0.99));
        LatencySummary { count: self.count(), p50, p99, max: self.max_ms }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(ms: &[i64], expected: (u64, u64, u64)) {
        let mut latencies = Latencies::default();
        ms.iter().for_each(|ms| latencies.add(ms * 1000));
        let LatencySummary { count, p50, p99, max } = latencies.summary();
        assert_eq!((count, (p50, p99, max)), (ms.len() as u64, expected), "{ms:?}");
    }

    #[test]
    fn quantiles() {
        check(&[], (0, 0, 0));
        check(&[-5], (0, 0, 0));
        check(&[7], (7, 7, 7));
        check(&[1, 2, 3], (2, 3, 3));
        check(&[100, 100, 100, 900], (111, 900, 900));
        check(&[100; 99], (100, 100, 100));
        let mut mostly = vec![20; 98];
        mostly.extend([3000, 5000]);
        check(&mostly, (23, 3071, 5000));
        check(&[10_000_000, 20_000_000], (20_000_000, 20_000_000, 20_000_000));
    }

    #[test]
    fn buckets_meet() {
        for ms in 0..300_000 {
            let n = bucket(ms);
            let fits = n == BUCKETS - 1 || ms <= edge_ms(n) && (n == 0 || ms > edge_ms(n - 1));
            assert!(fits, "{ms} ms in bucket {n}");
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
        assert_eq!(edge_ms(BUCKETS - 2), 131_071);
    }
}
