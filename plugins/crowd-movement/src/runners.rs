//! Those who are followed by the tracker: how many of them run, and how many usually do.
//!
//! Promises: pure; three averages. Leaves to others: who is followed (`rule`), those whom nobody can follow (`flow`).

/// Who is faster than this may run, body lengths a second as the picture shows them: a jog of 2.5 m/s (1.5) at 45° to the
/// picture's plane. One who walks so fast across it is one of a few.
const RUNS: f32 = 1.0;
/// Moments are averaged over this time, seconds: a box that jumps is fast for a moment.
const AVERAGE_S: f32 = 0.5;
/// What is usual follows with this time, seconds.
const USUAL_S: f32 = 60.0;
/// So much more of those who are followed run than usual.
const SHARE_MORE: f32 = 0.35;
/// Once they run, down to so much of it.
const HYSTERESIS: f32 = 0.6;

/// Averages of those who are followed.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Runners {
    /// Who is followed.
    count: f32,
    /// Of them who runs.
    share: f32,
    usual: f32,
    known_s: f32,
}

impl Runners {
    /// Takes the speeds of one moment, body lengths a second, `span_s` after the one before.
    pub(crate) fn take(&mut self, speeds: &[f32], span_s: f32) -> Self {
        let (runners, count) =
            (speeds.iter().filter(|speed| **speed >= RUNS).count() as f32, speeds.len() as f32);
        let share = runners / count.max(1.0);
        let follow =
            |mean: &mut f32, now: f32, time_s: f32| *mean += (now - *mean) * (1.0 - (-span_s / time_s).exp());
        follow(&mut self.count, count, AVERAGE_S);
        follow(&mut self.share, share, AVERAGE_S);
        // At first the mean of all that was seen.
        self.known_s = (self.known_s + span_s).min(USUAL_S);
        follow(&mut self.usual, share, self.known_s.max(span_s));
        *self
    }

    /// Whether they are a crowd, of which much more than usual runs.
    pub(crate) fn runs(&self, people_min: f32, is_running: bool) -> bool {
        let least = if is_running { HYSTERESIS } else { 1.0 };
        self.count >= least * people_min && self.share >= self.usual + least * SHARE_MORE
    }
}
