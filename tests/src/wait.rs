//! Waiting on a condition with a deadline.
//!
//! Promises: ends as soon as the condition holds, panics with its name when the deadline passes.

use std::time::{Duration, Instant};

/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Waits until `condition` gives something, at most `seconds`; `None` when the deadline passes.
pub fn within<T>(seconds: u64, mut condition: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    loop {
        let value = condition();
        if value.is_some() || Instant::now() >= deadline {
            return value;
        }
        std::thread::park_timeout(LOOK_EVERY);
    }
}

/// Waits until `condition` gives something, at most `seconds`.
///
/// # Panics
/// When the deadline passes; the message names `what`.
pub fn until<T>(what: &str, seconds: u64, condition: impl FnMut() -> Option<T>) -> T {
    within(seconds, condition).unwrap_or_else(|| panic!("waited {seconds} s in vain for: {what}"))
}
