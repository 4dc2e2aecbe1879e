//! How often a runtime thread wakes up.
//!
//! Promises: with nobody watching live, all sockets of a thread are read together once per tick instead of
//! once per packet; a wake-up costs more than the copy it brings. Shutdown and live viewing are prompt.
//! Leaves to others: the sockets (`rtsp`), the threads (`ingest`).
//!
//! Method: before a tokio runtime would wait for its sockets it sleeps to the next boundary of the tick, on a
//! condition variable that others can ring.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The tick when nobody watches live. Two frames of a usual camera: half the wake-ups, reads and acknowledgements of one
/// tick a frame. A prime number of milliseconds, so that no usual frame interval is a multiple of it: within ten seconds a
/// frame comes right before a tick, and the smallest delay that `timeline` looks for is that of the network.
pub const TICK: Duration = Duration::from_millis(67);
/// The tick when a session of the thread uses UDP: its receive buffer must not fill up in between.
pub const TICK_UDP: Duration = Duration::from_millis(4);

#[derive(Debug, Default)]
struct State {
    /// Reasons to wake for every packet: live viewers, a shutdown.
    prompt: usize,
    udp_sessions: usize,
    /// Rung once: the sleep under way ends.
    rung: bool,
}

/// Paces one runtime thread.
#[derive(Debug)]
pub struct Pacer {
    state: Mutex<State>,
    bell: Condvar,
    origin: Instant,
}

impl Default for Pacer {
    fn default() -> Self {
        Self { state: Mutex::new(State::default()), bell: Condvar::new(), origin: Instant::now() }
    }
}

impl Pacer {
    /// Paces by [`TICK`] from now on.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Counters and a flag: whole after any panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sleeps to the next boundary, or until the bell rings. The runtime calls this before it waits.
    pub fn rest(&self) {
        let mut state = self.lock();
        if state.prompt > 0 || std::mem::take(&mut state.rung) {
            return;
        }
        let tick = if state.udp_sessions > 0 { TICK_UDP } else { TICK };
        let wake = self.origin.elapsed() + left_of(self.origin.elapsed(), tick);
        loop {
            let left = wake.saturating_sub(self.origin.elapsed());
            if left.is_zero() || state.prompt > 0 || std::mem::take(&mut state.rung) {
                return;
            }
            state = self.bell.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Ends the sleep under way, or keeps the next one from happening: something waits to be done at once.
    pub fn ring(&self) {
        self.lock().rung = true;
        self.bell.notify_all();
    }

    /// One more reason to wake for every packet.
    pub fn hurry(&self) {
        self.lock().prompt += 1;
        self.bell.notify_all();
    }

    /// One reason less.
    pub fn calm(&self) {
        let mut state = self.lock();
        state.prompt = state.prompt.saturating_sub(1);
    }
}

/// While it lives, a thread paces by [`TICK_UDP`].
#[derive(Debug)]
pub struct UdpPace(Arc<Pacer>);

impl UdpPace {
    /// A session over UDP begins.
    pub fn new(pacer: Arc<Pacer>) -> Self {
        pacer.lock().udp_sessions += 1;
        Self(pacer)
    }
}

impl Drop for UdpPace {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.udp_sessions = state.udp_sessions.saturating_sub(1);
    }
}

/// Time from `now` to the next multiple of `tick`.
fn left_of(now: Duration, tick: Duration) -> Duration {
    let tick_ns = tick.as_nanos().max(1);
    Duration::from_nanos(u64::try_from(tick_ns - now.as_nanos() % tick_ns).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleeps_to_the_boundary() {
        let ms = Duration::from_millis;
        for (now, left) in [(0, 20), (1, 19), (19, 1), (20, 20), (39, 1)] {
            assert_eq!(left_of(ms(now), ms(20)), ms(left), "{now}");
        }
    }

    #[test]
    fn a_rung_bell_and_a_hurry_let_it_pass() {
        // A pacer whose boundary never comes shows by returning at all that nothing was waited for.
        let pacer = Pacer::new();
        pacer.ring();
        pacer.rest();
        pacer.hurry();
        pacer.rest();
        pacer.rest();
        pacer.calm();
        assert_eq!(pacer.lock().prompt, 0);
    }
}
