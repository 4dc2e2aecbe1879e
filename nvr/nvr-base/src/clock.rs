//! Where time comes from.
//!
//! Promises: pure code never reads a clock; tests own both wall and monotonic time.
//! Leaves to others: what a step of the wall clock means (`nvr-ingest`).

use crate::time::{Mono, Utc};
use rustix::time::{ClockId, clock_gettime};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// A source of wall-clock and monotonic time.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// Wall clock; may step.
    fn utc(&self) -> Utc;
    /// Monotonic clock; never steps.
    fn mono(&self) -> Mono;
}

/// The operating system's clocks: `CLOCK_REALTIME` and `CLOCK_BOOTTIME`.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn utc(&self) -> Utc {
        let t = clock_gettime(ClockId::Realtime);
        Utc(t.tv_sec * 1_000_000 + t.tv_nsec / 1000)
    }

    fn mono(&self) -> Mono {
        let t = clock_gettime(ClockId::Boottime);
        Mono(t.tv_sec as u64 * 1_000_000 + t.tv_nsec as u64 / 1000)
    }
}

/// A clock that a test moves by hand.
#[derive(Debug)]
pub struct FakeClock {
    utc_us: AtomicI64,
    mono_us: AtomicU64,
}

impl FakeClock {
    /// Starts at `utc`; monotonic time starts at one hour.
    pub fn new(utc: Utc) -> Self {
        Self { utc_us: AtomicI64::new(utc.0), mono_us: AtomicU64::new(3_600_000_000) }
    }

    /// Time goes by on both clocks.
    pub fn advance(&self, d: Duration) {
        let us = u64::try_from(d.as_micros()).unwrap_or(0);
        self.utc_us.fetch_add(us as i64, Ordering::SeqCst);
        self.mono_us.fetch_add(us, Ordering::SeqCst);
    }

    /// Someone sets the wall clock: it moves by `us`, monotonic time does not.
    pub fn step_utc(&self, us: i64) {
        self.utc_us.fetch_add(us, Ordering::SeqCst);
    }
}

impl Clock for FakeClock {
    fn utc(&self) -> Utc {
        Utc(self.utc_us.load(Ordering::SeqCst))
    }

    fn mono(&self) -> Mono {
        Mono(self.mono_us.load(Ordering::SeqCst))
    }
}
