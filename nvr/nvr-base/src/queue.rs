//! A bounded queue between threads, counted in items and bytes.
//!
//! Promises: a push never blocks; what does not fit comes back to the caller and is counted.
//! Leaves to others: what a drop means (the caller turns it into a gap or a counter).

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How much a queue may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueLimit {
    /// Items at most.
    pub items_max: usize,
    /// Weight at most, in bytes.
    pub bytes_max: u64,
}

#[derive(Debug)]
struct Inner<T> {
    items: VecDeque<(T, u64)>,
    bytes: u64,
    bytes_peak: u64,
    closed: bool,
}

#[derive(Debug)]
struct Shared<T> {
    inner: Mutex<Inner<T>>,
    ready: Condvar,
    limit: QueueLimit,
    dropped: AtomicU64,
}

/// Handle to a queue; clones share it.
#[derive(Debug)]
pub struct Queue<T>(Arc<Shared<T>>);

impl<T> Clone for Queue<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// What a queue counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct QueueCount {
    /// Waiting now.
    pub items: usize,
    /// Weight waiting now.
    pub bytes: u64,
    /// Highest weight so far.
    pub bytes_peak: u64,
    /// Refused since start.
    pub dropped: u64,
}

impl<T> Queue<T> {
    /// An empty queue.
    pub fn new(limit: QueueLimit) -> Self {
        Self(Arc::new(Shared {
            inner: Mutex::new(Inner { items: VecDeque::new(), bytes: 0, bytes_peak: 0, closed: false }),
            ready: Condvar::new(),
            limit,
            dropped: AtomicU64::new(0),
        }))
    }

    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        // A panic while holding the lock leaves a queue that is still whole: every change is one step.
        self.0.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds `item` of `bytes` weight; gives it back when the queue is full or closed.
    ///
    /// # Errors
    /// The item itself, after counting it as dropped.
    pub fn push(&self, item: T, bytes: u64) -> Result<(), T> {
        let mut inner = self.lock();
        let full = inner.items.len() >= self.0.limit.items_max
            || (inner.bytes.saturating_add(bytes) > self.0.limit.bytes_max && !inner.items.is_empty());
        if inner.closed || full {
            drop(inner);
            self.0.dropped.fetch_add(1, Ordering::Relaxed);
            return Err(item);
        }
        inner.items.push_back((item, bytes));
        inner.bytes += bytes;
        inner.bytes_peak = inner.bytes_peak.max(inner.bytes);
        drop(inner);
        self.0.ready.notify_one();
        Ok(())
    }

    /// Moves everything that waits into `out`, waiting up to `wait` for the first item.
    /// Returns false once the queue is closed and empty.
    pub fn drain(&self, out: &mut Vec<T>, wait: Duration) -> bool {
        let deadline = Instant::now() + wait;
        let mut inner = self.lock();
        while inner.items.is_empty() && !inner.closed {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            inner = self.0.ready.wait_timeout(inner, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        let open = !inner.closed || !inner.items.is_empty();
        inner.bytes = 0;
        out.extend(inner.items.drain(..).map(|(item, _)| item));
        open
    }

    /// No more pushes; what waits can still be drained.
    pub fn close(&self) {
        self.lock().closed = true;
        self.0.ready.notify_all();
    }

    /// Counters now.
    pub fn count(&self) -> QueueCount {
        let inner = self.lock();
        QueueCount {
            items: inner.items.len(),
            bytes: inner.bytes,
            bytes_peak: inner.bytes_peak,
            dropped: self.0.dropped.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_and_counts_what_does_not_fit() {
        let q = Queue::new(QueueLimit { items_max: 2, bytes_max: 10 });
        assert_eq!(q.push("a", 6), Ok(()));
        assert_eq!(q.push("b", 6), Err("b"), "over in bytes");
        assert_eq!(q.push("c", 4), Ok(()));
        assert_eq!(q.push("d", 0), Err("d"), "over in items");
        assert_eq!(q.count(), QueueCount { items: 2, bytes: 10, bytes_peak: 10, dropped: 2 });
        let mut out = Vec::new();
        assert!(q.drain(&mut out, Duration::ZERO));
        assert_eq!(out, ["a", "c"]);
    }

    #[test]
    fn an_item_heavier_than_the_limit_passes_an_empty_queue() {
        let q = Queue::new(QueueLimit { items_max: 2, bytes_max: 10 });
        assert_eq!(q.push("huge", 100), Ok(()));
    }

    #[test]
    fn closed_and_drained_ends() {
        let q = Queue::new(QueueLimit { items_max: 2, bytes_max: 10 });
        assert_eq!(q.push(1, 1), Ok(()));
        q.close();
        assert_eq!(q.push(2, 1), Err(2));
        let mut out = Vec::new();
        assert!(q.drain(&mut out, Duration::ZERO));
        assert!(!q.drain(&mut out, Duration::ZERO));
        assert_eq!(out, [1]);
    }
}
