//! The inputs a worker has not answered yet, and what it did with the answered ones.
//!
//! Promises: pure: one input per instance at a time, another one is a counted drop; a worker that makes no progress for
//!   [`HANG_MS_MAX`] while it has work is hung; an answer to nothing is a breach.
//! Leaves to others: sending, killing (`worker`).

use crate::protocol::{Done, InstanceId};
use std::collections::BTreeMap;

/// Longest time without progress while there is work, in milliseconds.
pub const HANG_MS_MAX: u64 = 2_000;
/// Stands for the sequence of a request that is no input: make or end an instance.
const REQUEST: u64 = u64::MAX;
/// Errors of `process` in a row that are a crash.
pub const ERRORS_MAX: u32 = 100;

/// What a worker did, since it started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Inputs sent.
    pub sent: u64,
    /// Inputs not sent because the instance, or the socket, was busy.
    pub dropped: u64,
    /// Inputs answered.
    pub done: u64,
    /// Calls over the declared budget.
    pub over_budget: u64,
    /// Calls that answered with an error.
    pub errors: u64,
    /// Events taken.
    pub events: u64,
    /// Samples taken.
    pub samples: u64,
    /// Emits over the limit per call.
    pub refused_limit: u64,
    /// Emits of undeclared types.
    pub refused_type: u64,
    /// Emits with impossible values, or at a wrong moment.
    pub refused_value: u64,
    /// Longest call, in µs.
    pub took_us_max: u32,
    /// Time in all calls, in µs.
    pub took_us: u64,
    /// Last known address space of the worker, in KiB.
    pub memory_kib: u32,
}

/// Inputs under way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outstanding {
    busy: BTreeMap<InstanceId, u64>,
    progress_ms: u64,
    errors_in_a_row: u32,
    counters: Counters,
}

impl Outstanding {
    /// What was done so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The same, to count what this machine does not see.
    pub fn counters_mut(&mut self) -> &mut Counters {
        &mut self.counters
    }

    /// True while the instance has not answered its last input.
    pub fn is_busy(&self, instance: InstanceId) -> bool {
        self.busy.contains_key(&instance)
    }

    /// The input that `instance` works on.
    pub fn sequence(&self, instance: InstanceId) -> Option<u64> {
        self.busy.get(&instance).copied()
    }

    /// True when nothing is under way.
    pub fn is_idle(&self) -> bool {
        self.busy.is_empty()
    }

    /// An input was sent.
    pub fn sent(&mut self, instance: InstanceId, sequence: u64, now_ms: u64) {
        if self.busy.is_empty() {
            self.progress_ms = now_ms;
        }
        self.busy.insert(instance, sequence);
        self.counters.sent += 1;
    }

    /// A request that is no input was sent.
    pub fn asked(&mut self, instance: InstanceId, now_ms: u64) {
        if self.busy.is_empty() {
            self.progress_ms = now_ms;
        }
        self.busy.insert(instance, REQUEST);
    }

    /// Such a request was answered.
    ///
    /// # Errors
    /// There was none.
    pub fn answered(&mut self, instance: InstanceId, now_ms: u64) -> Result<(), &'static str> {
        self.progress_ms = now_ms;
        match self.busy.remove(&instance) {
            Some(REQUEST) => Ok(()),
            _ => Err("it answered a request that was not made"),
        }
    }

    /// An input was not sent.
    pub fn dropped(&mut self) {
        self.counters.dropped += 1;
    }

    /// An answer came.
    ///
    /// # Errors
    /// It answers nothing that was asked, or is one error too many: what is wrong.
    pub fn done(&mut self, done: &Done, now_ms: u64) -> Result<(), &'static str> {
        if self.busy.get(&done.instance) != Some(&done.sequence) {
            return Err("it answered an input that it was not given");
        }
        self.busy.remove(&done.instance);
        self.progress_ms = now_ms;
        let c = &mut self.counters;
        c.done += 1;
        c.over_budget += u64::from(done.is_over_budget);
        c.errors += u64::from(done.is_error);
        c.refused_limit += u64::from(done.refused_limit);
        c.refused_type += u64::from(done.refused_type);
        c.refused_value += u64::from(done.refused_value);
        c.took_us_max = c.took_us_max.max(done.took_us);
        c.took_us += u64::from(done.took_us);
        c.memory_kib = done.memory_kib;
        self.errors_in_a_row = if done.is_error { self.errors_in_a_row + 1 } else { 0 };
        if self.errors_in_a_row >= ERRORS_MAX {
            return Err("every call of `process` answers with an error");
        }
        Ok(())
    }

    /// An instance is gone with what it worked on.
    pub fn destroyed(&mut self, instance: InstanceId) {
        self.busy.remove(&instance);
    }

    /// When the worker is hung if it says nothing until then.
    pub fn hang_ms(&self) -> Option<u64> {
        (!self.busy.is_empty()).then(|| self.progress_ms.saturating_add(HANG_MS_MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(instance: InstanceId, sequence: u64) -> Done {
        Done { instance, sequence, took_us: 10, refused_type: 2, ..Done::default() }
    }

    #[test]
    fn progress_of_one_instance_is_progress_of_the_worker() {
        let mut o = Outstanding::default();
        assert_eq!(o.hang_ms(), None);
        o.sent(1, 7, 100);
        o.sent(2, 8, 1000);
        assert_eq!(o.hang_ms(), Some(100 + HANG_MS_MAX));
        assert!(o.is_busy(1) && o.is_busy(2) && !o.is_busy(3));
        o.done(&done(1, 7), 1500).unwrap();
        assert_eq!(o.hang_ms(), Some(1500 + HANG_MS_MAX));
        o.done(&done(2, 8), 1600).unwrap();
        assert!(o.is_idle() && o.hang_ms().is_none());
        let c = o.counters();
        assert_eq!((c.sent, c.done, c.refused_type, c.took_us), (2, 2, 4, 20));
    }

    #[test]
    fn answers_to_nothing_are_breaches() {
        let mut o = Outstanding::default();
        assert!(o.done(&done(1, 7), 0).is_err());
        o.sent(1, 7, 0);
        assert!(o.done(&done(1, 6), 0).is_err());
        assert!(o.done(&done(2, 7), 0).is_err());
        assert!(o.done(&done(1, 7), 0).is_ok());
        assert!(o.done(&done(1, 7), 0).is_err());
    }

    #[test]
    fn errors_in_a_row_are_a_crash() {
        let mut o = Outstanding::default();
        let run = |o: &mut Outstanding, n: u64, is_error| {
            o.sent(1, n, 0);
            o.done(&Done { is_error, ..done(1, n) }, 0)
        };
        for n in 0..u64::from(ERRORS_MAX) - 1 {
            run(&mut o, n, true).unwrap();
        }
        run(&mut o, 500, false).unwrap();
        for n in 0..u64::from(ERRORS_MAX) - 1 {
            run(&mut o, n, true).unwrap();
        }
        assert!(run(&mut o, 501, true).is_err());
    }
}
