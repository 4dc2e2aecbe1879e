//! The session machine: connecting, live, waiting; when to try again and what to say about it.
//!
//! Promises: pure; every outage becomes one typed `Down`, again when its reason changes; waits are bounded
//! and jittered; after a refused login the camera is left alone for 35 minutes, since cameras lock addresses out.
//! Leaves to others: connecting and timers (`driver`), what failed (`failure`).

use crate::failure::{Failure, FailureKind};
use nvr_base::{CameraState, GapReason, Mono, Utc};
use std::time::Duration;

/// First wait after a failure; doubles with every further one.
pub const BACKOFF_MIN: Duration = Duration::from_secs(1);
/// Longest wait after ordinary failures.
pub const BACKOFF_MAX: Duration = Duration::from_secs(60);
/// One attempt per this time after a final 401: longer than the half hour for which cameras lock an address out.
pub const CREDENTIALS_WAIT: Duration = Duration::from_secs(35 * 60);
/// First wait when the camera had no session left.
pub const EXHAUSTED_MIN: Duration = Duration::from_secs(30);
/// Longest wait when the camera has no session left.
pub const EXHAUSTED_MAX: Duration = Duration::from_secs(5 * 60);
/// Wait when the stream has no codec that is recorded: someone has to set the camera up first.
pub const UNSUPPORTED_WAIT: Duration = Duration::from_secs(10 * 60);
/// Live for this long, and the failures before are forgotten.
pub const STABLE_AFTER: Duration = Duration::from_secs(60);
/// An attempt to connect may take this long, all steps together, unless the configuration says otherwise.
pub const CONNECT_DEFAULT: Duration = Duration::from_secs(20);
/// No sample for this long is a stall, unless the configuration says otherwise.
pub const STALL_DEFAULT: Duration = Duration::from_secs(10);
/// How long a fresh connection is kept that brings no sample, at first: cameras with a long GOP begin with a
/// key frame. Four times as long with every further one, up to [`FIRST_SAMPLE_MAX`]. Shown as stalled meanwhile.
pub const FIRST_SAMPLE_MIN: Duration = Duration::from_secs(30);
/// Longest time that a fresh connection without a sample is kept.
pub const FIRST_SAMPLE_MAX: Duration = Duration::from_secs(5 * 60);
/// Connections to one camera at once: its main and its sub-stream.
pub const SESSIONS_MAX: usize = 2;
/// Without parameters for this long while pictures arrive, the camera is broken. Cameras that send parameters
/// only with their key frames may take a long GOP to get there.
pub const PARAMETERS_WAIT_MAX: Duration = Duration::from_secs(5 * 60);
/// Units skipped in a row after which the camera is broken.
pub const SKIPPED_MAX: u32 = 64;

/// How long a session waits for its camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// For a connection, all steps together.
    pub connect: Duration,
    /// For a sample.
    pub stall: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { connect: CONNECT_DEFAULT, stall: STALL_DEFAULT }
    }
}

/// An instant on both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Wall clock.
    pub utc: Utc,
    /// Monotonic clock.
    pub mono: Mono,
}

/// What happens to a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The connection stands; frames are awaited.
    Connected,
    /// A sample was recorded.
    Sample,
    /// The camera lives, though nothing could be recorded: a unit was skipped or parameters are awaited.
    Alive,
    /// The connection, or the attempt to make one, ended.
    Failed(Failure),
    /// The time that [`Session::deadline`] named has come.
    Timer,
    /// Someone asks for an attempt at once.
    RetryNow,
    /// The session ends, for this reason.
    Stop(GapReason),
}

/// What the driver does about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Start an attempt to connect.
    Connect,
    /// Give the attempt or the connection up.
    Disconnect,
    /// Tell the recorder that nothing comes.
    Down {
        /// Why.
        reason: GapReason,
        /// Since when.
        since: Utc,
    },
    /// The session is over.
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Connecting {
        since: Mono,
    },
    /// Kept `until`, unless something comes; `said` that it is stalled.
    Connected {
        alive: Mono,
        until: Mono,
        said: bool,
    },
    Live {
        alive: Mono,
        since: Mono,
    },
    Waiting {
        until: Mono,
    },
    Stopped,
}

/// One session's state. Feed it with [`Session::step`].
#[derive(Debug)]
pub struct Session {
    name: String,
    phase: Phase,
    shown: CameraState,
    shown_since: Utc,
    why: Option<String>,
    last_kind: Option<FailureKind>,
    failures: u32,
    /// Connections in a row that brought no sample.
    silent: u32,
    down: Option<GapReason>,
    /// Last sample, or the start of the session: where an outage begins.
    recorded: Utc,
    patience: Patience,
    connects: u64,
    rng: fastrand::Rng,
}

impl Session {
    /// A session that is to connect at once; the driver performs the returned action.
    /// `name` is the camera in sentences, `seed` makes the jitter.
    pub fn start(name: String, patience: Patience, seed: u64, now: Now) -> (Self, Vec<Action>) {
        let session = Self {
            name,
            phase: Phase::Connecting { since: now.mono },
            shown: CameraState::Connecting,
            shown_since: now.utc,
            why: None,
            last_kind: None,
            failures: 0,
            silent: 0,
            down: None,
            recorded: now.utc,
            patience,
            connects: 0,
            rng: fastrand::Rng::with_seed(seed),
        };
        (session, vec![Action::Connect])
    }

    /// State as status shows it, and since when.
    pub fn state(&self) -> (CameraState, Utc) {
        (self.shown, self.shown_since)
    }

    /// Why it is not live.
    pub fn why(&self) -> Option<&str> {
        self.why.as_deref()
    }

    /// Connections made so far.
    pub fn connects(&self) -> u64 {
        self.connects
    }

    /// When [`Event::Timer`] is due; `None` when nothing is awaited.
    pub fn deadline(&self) -> Option<Mono> {
        match self.phase {
            Phase::Connecting { since } => Some(since + self.patience.connect),
            Phase::Connected { until, said: true, .. } => Some(until),
            Phase::Connected { alive, until, .. } => Some(until.min(alive + self.patience.stall)),
            Phase::Live { alive, .. } => Some(alive + self.patience.stall),
            Phase::Waiting { until } => Some(until),
            Phase::Stopped => None,
        }
    }

    /// One step.
    pub fn step(&mut self, event: Event, now: Now) -> Vec<Action> {
        match (event, self.phase) {
            (_, Phase::Stopped) => Vec::new(),
            (Event::Stop(reason), _) => self.stop(reason, now),
            (Event::Sample, Phase::Live { since, .. }) => {
                self.recorded = now.utc;
                self.phase = Phase::Live { alive: now.mono, since };
                if self.failures > 0 && now.mono.since(since) >= STABLE_AFTER {
                    self.failures = 0;
                }
                Vec::new()
            }
            (Event::Sample, Phase::Connected { .. }) => {
                self.recorded = now.utc;
                self.phase = Phase::Live { alive: now.mono, since: now.mono };
                self.silent = 0;
                self.down = None;
                self.why = None;
                self.show(CameraState::Live, now);
                Vec::new()
            }
            (Event::Alive, Phase::Connected { until, said, .. }) => {
                let until = until.max(now.mono + self.patience.stall);
                self.phase = Phase::Connected { alive: now.mono, until, said };
                Vec::new()
            }
            (Event::Alive, Phase::Live { since, .. }) => {
                self.phase = Phase::Live { alive: now.mono, since };
                Vec::new()
            }
            (Event::Connected, Phase::Connecting { .. }) => {
                let keep =
                    FIRST_SAMPLE_MIN.saturating_mul(4u32.saturating_pow(self.silent)).min(FIRST_SAMPLE_MAX);
                let until = now.mono + keep.max(self.patience.stall);
                self.phase = Phase::Connected { alive: now.mono, until, said: false };
                self.silent = self.silent.saturating_add(1);
                self.connects += 1;
                Vec::new()
            }
            (
                Event::Failed(failure),
                Phase::Connecting { .. } | Phase::Connected { .. } | Phase::Live { .. },
            ) => self.fail(failure, now, Vec::new()),
            (Event::Timer, _) => self.timer(now),
            (Event::RetryNow, Phase::Waiting { .. }) => self.connect(now),
            // A late word of a connection that was given up, a retry of what already runs.
            (Event::Sample | Event::Alive | Event::Connected | Event::Failed(_) | Event::RetryNow, _) => {
                Vec::new()
            }
        }
    }

    fn timer(&mut self, now: Now) -> Vec<Action> {
        if self.deadline().is_none_or(|due| due > now.mono) {
            return Vec::new();
        }
        let Patience { connect, stall } = self.patience;
        let stalled = Failure::new(
            FailureKind::Stalled,
            format!(
                "{}: connected, but no picture for {} s; check the camera's stream settings and the network",
                self.name,
                stall.as_secs()
            ),
        );
        match self.phase {
            Phase::Waiting { .. } => self.connect(now),
            Phase::Connecting { .. } => {
                let why = format!(
                    "{}: no connection within {} s; check that the camera is on and its address is right",
                    self.name,
                    connect.as_secs()
                );
                self.fail(Failure::new(FailureKind::Down, why), now, vec![Action::Disconnect])
            }
            Phase::Connected { alive, until, said: false } if until > now.mono => {
                self.phase = Phase::Connected { alive, until, said: true };
                let mut actions = Vec::new();
                self.why = Some(stalled.why);
                self.show(CameraState::Stalled, now);
                self.say_down(GapReason::CameraStalled, now, &mut actions);
                actions
            }
            _ => self.fail(stalled, now, vec![Action::Disconnect]),
        }
    }

    fn connect(&mut self, now: Now) -> Vec<Action> {
        self.phase = Phase::Connecting { since: now.mono };
        // What is known of a long outage stays on show while it is tried again.
        if self.shown == CameraState::Backoff {
            self.show(CameraState::Connecting, now);
        }
        vec![Action::Connect]
    }

    fn fail(&mut self, failure: Failure, now: Now, mut actions: Vec<Action>) -> Vec<Action> {
        if let Phase::Live { since, .. } = self.phase
            && now.mono.since(since) >= STABLE_AFTER
        {
            self.failures = 0;
        }
        // Waits of one kind do not lengthen those of another.
        if self.last_kind.is_some_and(|last| last != failure.kind)
            && failure.kind == FailureKind::SessionsExhausted
        {
            self.failures = 0;
        }
        let wait = self.wait(failure.kind);
        self.failures = self.failures.saturating_add(1);
        self.last_kind = Some(failure.kind);
        self.phase = Phase::Waiting { until: now.mono + wait };
        self.show(
            match failure.kind {
                FailureKind::CredentialsRefused | FailureKind::SessionsExhausted => {
                    CameraState::CredentialsRefused
                }
                FailureKind::UnsupportedCodec => CameraState::UnsupportedCodec,
                FailureKind::Stalled => CameraState::Stalled,
                FailureKind::Down | FailureKind::Broken | FailureKind::Panicked => CameraState::Backoff,
            },
            now,
        );
        self.why = Some(failure.why);
        self.say_down(failure.kind.gap(), now, &mut actions);
        actions
    }

    /// Half of the exponential wait is sure, the other half is chance, so that cameras do not come back in step.
    fn wait(&mut self, kind: FailureKind) -> Duration {
        let (min, max) = match kind {
            FailureKind::CredentialsRefused => return CREDENTIALS_WAIT,
            FailureKind::UnsupportedCodec => return UNSUPPORTED_WAIT,
            FailureKind::SessionsExhausted => (EXHAUSTED_MIN, EXHAUSTED_MAX),
            FailureKind::Down | FailureKind::Broken | FailureKind::Stalled | FailureKind::Panicked => {
                (BACKOFF_MIN, BACKOFF_MAX)
            }
        };
        let full = min.saturating_mul(1u32.checked_shl(self.failures).unwrap_or(u32::MAX)).min(max);
        full.mul_f64(0.5 + 0.5 * self.rng.f64())
    }

    fn stop(&mut self, reason: GapReason, now: Now) -> Vec<Action> {
        let mut actions = Vec::new();
        if !matches!(self.phase, Phase::Waiting { .. }) {
            actions.push(Action::Disconnect);
        }
        self.phase = Phase::Stopped;
        self.why = None;
        self.show(CameraState::Stopped, now);
        self.say_down(reason, now, &mut actions);
        actions.push(Action::End);
        actions
    }

    fn say_down(&mut self, reason: GapReason, now: Now, actions: &mut Vec<Action>) {
        if self.down == Some(reason) {
            return;
        }
        // The first reason holds since the last sample, a change of reason since it was seen.
        let since = if self.down.is_none() { self.recorded.min(now.utc) } else { now.utc };
        self.down = Some(reason);
        actions.push(Action::Down { reason, since });
    }

    fn show(&mut self, state: CameraState, now: Now) {
        if self.shown != state {
            self.shown = state;
            self.shown_since = now.utc;
        }
    }
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
