//! What the rest of the recorder holds of a running session.
//!
//! Promises: everything here may be called from any thread and returns at once, except `stop`, which waits
//! for the session's last event, at most [`STOP_WAIT_MAX`].
//! Leaves to others: the session itself (`driver`).

use crate::pacer::Pacer;
use nvr_base::{CameraState, GapReason, StreamId, StreamStatus, Utc};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Longest wait for a session's last event.
pub const STOP_WAIT_MAX: Duration = Duration::from_secs(2);

/// What a session counts.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) connects: AtomicU64,
    pub(crate) packets_lost: AtomicU64,
    pub(crate) audio_discarded: AtomicU64,
    pub(crate) sends_audio: AtomicBool,
    pub(crate) samples: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) skipped: AtomicU64,
    pub(crate) panics: AtomicU64,
}

#[derive(Debug)]
struct Shown {
    state: CameraState,
    since: Utc,
    why: Option<String>,
}

/// What someone asks of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    RetryNow,
    Stop(GapReason),
}

#[derive(Debug, Default)]
struct Orders {
    retry: bool,
    stop: Option<GapReason>,
    ended: bool,
}

/// What the session's task and its handle share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) stream: StreamId,
    pub(crate) counters: Counters,
    shown: Mutex<Shown>,
    orders: Mutex<Orders>,
    ended: Condvar,
    bell: tokio::sync::Notify,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Plain values, replaced whole: whole after any panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(crate) fn new(stream: StreamId, now: Utc) -> Self {
        Self {
            stream,
            counters: Counters::default(),
            shown: Mutex::new(Shown { state: CameraState::Connecting, since: now, why: None }),
            orders: Mutex::new(Orders::default()),
            ended: Condvar::new(),
            bell: tokio::sync::Notify::new(),
        }
    }

    /// What status shows from now on. True when it is news: another reason, or no reason and another state.
    pub(crate) fn show(&self, state: CameraState, since: Utc, why: Option<String>) -> bool {
        let mut shown = lock(&self.shown);
        let news = shown.why != why || (why.is_none() && shown.state != state);
        *shown = Shown { state, since, why };
        news
    }

    /// Waits for the next order. Giving the wait up loses none.
    pub(crate) async fn order(&self) -> Order {
        loop {
            {
                let mut orders = lock(&self.orders);
                if let Some(reason) = orders.stop {
                    return Order::Stop(reason);
                }
                if std::mem::take(&mut orders.retry) {
                    return Order::RetryNow;
                }
            }
            self.bell.notified().await;
        }
    }

    pub(crate) fn ask(&self, order: Order) {
        {
            let mut orders = lock(&self.orders);
            match order {
                Order::RetryNow => orders.retry = true,
                Order::Stop(reason) => {
                    orders.stop.get_or_insert(reason);
                }
            }
        }
        self.bell.notify_one();
    }

    pub(crate) fn has_ended(&self) -> bool {
        lock(&self.orders).ended
    }

    pub(crate) fn end(&self) {
        lock(&self.orders).ended = true;
        self.ended.notify_all();
    }

    /// True once the session has sent its last event, false when `wait` went by before.
    pub(crate) fn wait_for_end(&self, wait: Duration) -> bool {
        let deadline = Instant::now() + wait;
        let mut orders = lock(&self.orders);
        while !orders.ended {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            orders = self.ended.wait_timeout(orders, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }
}

/// A running session. Dropping it stops the session as [`GapReason::RecorderStopped`], without waiting.
#[derive(Debug)]
pub struct SessionHandle {
    pub(crate) shared: Arc<Shared>,
    pub(crate) pacer: Arc<Pacer>,
}

impl SessionHandle {
    /// The stream it feeds.
    pub fn stream(&self) -> &StreamId {
        &self.shared.stream
    }

    /// State and counters now.
    pub fn status(&self) -> StreamStatus {
        let count = &self.shared.counters;
        let shown = lock(&self.shared.shown);
        StreamStatus {
            state: shown.state,
            since: shown.since,
            why: shown.why.clone(),
            connects: count.connects.load(Ordering::Relaxed),
            packets_lost: count.packets_lost.load(Ordering::Relaxed),
            audio_discarded: count.audio_discarded.load(Ordering::Relaxed),
            sends_audio: count.sends_audio.load(Ordering::Relaxed),
            samples: count.samples.load(Ordering::Relaxed),
            bytes: count.bytes.load(Ordering::Relaxed),
        }
    }

    /// Units skipped since start: empty, broken, or without a picture.
    pub fn skipped(&self) -> u64 {
        self.shared.counters.skipped.load(Ordering::Relaxed)
    }

    /// Panics contained since start. Anything but 0 is a fault of ours.
    pub fn panics(&self) -> u64 {
        self.shared.counters.panics.load(Ordering::Relaxed)
    }

    /// Connects at once when the session waits; does nothing otherwise.
    pub fn retry_now(&self) {
        self.shared.ask(Order::RetryNow);
        self.pacer.ring();
    }

    /// Asks the session to end for `reason` and does not wait. Stop many this way first, then each with [`stop`](Self::stop).
    pub fn ask_to_stop(&self, reason: GapReason) {
        self.shared.ask(Order::Stop(reason));
        self.pacer.ring();
    }

    /// Ends the session: its last event is `Down` with `reason`, then its sink is dropped. Waits for that, at
    /// most [`STOP_WAIT_MAX`]; gives false when it took longer. A second reason changes nothing.
    pub fn stop(&self, reason: GapReason) -> bool {
        self.ask_to_stop(reason);
        self.shared.wait_for_end(STOP_WAIT_MAX)
    }
}

impl Drop for SessionHandle {
    fn drop(&mut self) {
        self.ask_to_stop(GapReason::RecorderStopped);
    }
}
