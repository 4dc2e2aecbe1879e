//! One rule in one generation of its plugin: which frames it is due, what it missed, what it has in hand.
//!
//! Promises: pure; one input at a time; what came on a frame it was not given (ended tracks, results) comes with its next
//!   one; a missed frame is counted and said to it.
//! Leaves to others: whether it speaks (`armed`), the frames it holds leased (`seat`).

use super::WorkerKey;
use super::objects::Objects;
use crate::protocol::{Done, Inference, InstanceId, Needs};
use nvr_base::analysis::{Analysed, FLOATS_MAX, FrameRef, INFERENCES_MAX};
use nvr_base::scene::{TRACKS_MAX, TrackId};

/// Where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    /// The plugin was asked to make it.
    Creating,
    /// It takes inputs.
    Running,
    /// The plugin does not want the rule, and why.
    Refused(String),
}

/// An input that is not answered yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct InHand {
    /// Of the frame.
    pub(super) sequence: u64,
    /// Media time, µs.
    pub(super) at_us: i64,
    /// UTC, µs.
    pub(super) wall_us: i64,
    /// Where its frames lie.
    pub(super) leases: Vec<u64>,
}

/// What it was given and what it cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Tally {
    /// Inputs given.
    pub inputs: u64,
    /// Inputs it was due but busy for.
    pub missed: u64,
    /// Calls over the declared budget.
    pub over_budget: u64,
    /// Time in all calls, µs.
    pub took_us: u64,
    /// Longest call, µs.
    pub took_us_max: u32,
}

#[derive(Debug)]
pub(super) struct Instance {
    pub(super) worker: WorkerKey,
    pub(super) number: InstanceId,
    pub(super) state: State,
    pub(super) needs: Needs,
    pub(super) in_hand: Option<InHand>,
    /// It has to forget before its next input.
    pub(super) is_stale: bool,
    /// Given something since it was made or reset.
    pub(super) has_seen: bool,
    pub(super) objects: Objects,
    pub(super) tally: Tally,
    /// The last moment it answered for: media time and UTC, µs.
    pub(super) last: (i64, i64),
    has_missed: bool,
    next_us: Option<i64>,
    last_us: i64,
    ended: Vec<TrackId>,
    results: Vec<Inference>,
}

impl Instance {
    pub(super) fn new(worker: WorkerKey, number: InstanceId) -> Self {
        Self {
            worker,
            number,
            state: State::Creating,
            needs: Needs::default(),
            in_hand: None,
            is_stale: false,
            has_seen: false,
            objects: Objects::default(),
            tally: Tally::default(),
            last: (0, 0),
            has_missed: false,
            next_us: None,
            last_us: i64::MIN,
            ended: Vec::new(),
            results: Vec::new(),
        }
    }

    pub(super) fn is_running(&self) -> bool {
        self.state == State::Running
    }

    /// Something is asked of it.
    pub(super) fn is_busy(&self) -> bool {
        self.in_hand.is_some() || self.state == State::Creating
    }

    /// Takes note of a frame that is not given to it.
    pub(super) fn skip(&mut self, analysed: &Analysed, results: Vec<Inference>, is_missed: bool) {
        self.has_missed |= analysed.is_after_gap || is_missed;
        self.tally.missed += u64::from(is_missed);
        let room = (2 * TRACKS_MAX).saturating_sub(self.ended.len());
        self.ended.extend(analysed.scene.ended.iter().take(room));
        self.hold(results);
    }

    /// Whether a frame at `at_us` is due, of a camera that is analysed at `fps`.
    pub(super) fn is_due(&self, at_us: i64, fps: f32) -> bool {
        // Half a frame early is the nearest frame to the grid.
        let slack_us = (500_000.0 / f64::from(fps.max(0.1))) as i64;
        self.next_us.is_none_or(|next| at_us + slack_us >= next)
    }

    /// True when the camera's time went back: what was learnt is of another time.
    pub(super) fn goes_back(&self, at_us: i64) -> bool {
        at_us < self.last_us
    }

    /// Forgets, as the plugin does at its reset.
    pub(super) fn reset(&mut self) {
        self.is_stale = false;
        self.has_seen = false;
        self.objects.clear();
        (self.next_us, self.last_us) = (None, i64::MIN);
        self.ended.clear();
        self.results.clear();
    }

    /// Takes a frame in hand; what its input holds beyond the scene: ended tracks, results, whether frames were missed.
    pub(super) fn begin(
        &mut self,
        analysed: &Analysed,
        frames: &[FrameRef],
        results: Vec<Inference>,
    ) -> (Vec<TrackId>, Vec<Inference>, bool) {
        let at_us = analysed.scene.at_us;
        let period_us = (1e6 / f64::from(self.needs.fps.max(0.1))) as i64;
        let on_grid = self.next_us.map_or(at_us, |next| next.saturating_add(period_us));
        // Behind its grid, or fed by something that has a rate of its own: the grid begins anew.
        let is_near = on_grid > at_us && on_grid - at_us <= period_us + period_us / 2;
        self.next_us = Some(if is_near { on_grid } else { at_us.saturating_add(period_us) });
        self.last_us = at_us;
        self.has_seen = true;
        self.tally.inputs += 1;
        self.hold(results);
        self.in_hand = Some(InHand {
            sequence: analysed.sequence,
            at_us,
            wall_us: analysed.wall_us,
            leases: frames.iter().map(|f| f.offset).collect(),
        });
        let is_after_gap = std::mem::take(&mut self.has_missed) || analysed.is_after_gap;
        let mut ended = std::mem::take(&mut self.ended);
        let room = (2 * TRACKS_MAX).saturating_sub(ended.len());
        ended.extend(analysed.scene.ended.iter().take(room));
        (ended, std::mem::take(&mut self.results), is_after_gap)
    }

    /// The input in hand was not taken after all.
    pub(super) fn not_taken(&mut self) -> Option<InHand> {
        self.has_missed = true;
        self.tally.inputs = self.tally.inputs.saturating_sub(1);
        self.tally.missed += 1;
        self.in_hand.take()
    }

    /// The input in hand is answered.
    pub(super) fn done(&mut self, done: &Done) -> Option<InHand> {
        self.tally.over_budget += u64::from(done.is_over_budget);
        self.tally.took_us += u64::from(done.took_us);
        self.tally.took_us_max = self.tally.took_us_max.max(done.took_us);
        let in_hand = self.in_hand.take()?;
        self.last = (in_hand.at_us, in_hand.wall_us);
        Some(in_hand)
    }

    /// Results wait for the next input: of each model and track the last.
    fn hold(&mut self, results: Vec<Inference>) {
        for result in results {
            self.results.retain(|r| (&r.model, r.track) != (&result.model, result.track));
            let floats: usize = self.results.iter().map(|r| r.data.len()).sum();
            if self.results.len() < INFERENCES_MAX && floats + result.data.len() <= FLOATS_MAX {
                self.results.push(result);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generation::GenerationId;
    use nvr_base::scene::Scene;

    /// Which of the frames, at these milliseconds of a camera with `fps`, an instance of `needs_fps` is given.
    fn check(fps: f32, needs_fps: f32, at_ms: &[i64], expected: &[i64]) {
        let worker = WorkerKey { plugin: "zoo".into(), generation: GenerationId(1) };
        let mut instance = Instance::new(worker, 1);
        instance.needs.fps = needs_fps;
        let mut given = Vec::new();
        for ms in at_ms {
            let scene = Scene { at_us: ms * 1000, ended: vec![TrackId(*ms as u64)], ..Scene::default() };
            let analysed = Analysed { scene, ..Analysed::default() };
            if instance.is_due(ms * 1000, fps) {
                let (ended, _, is_after_gap) = instance.begin(&analysed, &[], Vec::new());
                assert!(!is_after_gap, "a frame off its grid is no gap");
                assert_eq!(ended.last(), Some(&TrackId(*ms as u64)));
                given.push(*ms);
            } else {
                instance.skip(&analysed, Vec::new(), false);
            }
        }
        assert_eq!(given, expected, "{fps} {needs_fps}");
    }

    #[test]
    fn the_grid_of_an_instance() {
        let every = |step: i64, until: i64| (0..until).step_by(step as usize).collect::<Vec<_>>();
        check(10.0, 10.0, &every(100, 1000), &every(100, 1000));
        check(10.0, 5.0, &every(100, 1000), &every(200, 1000));
        check(10.0, 2.0, &every(100, 2000), &every(500, 2000));
        check(5.0, 4.0, &every(200, 1400), &[0, 200, 400, 800, 1000, 1200]);
        // A hole shifts the grid, and nothing is caught up.
        check(10.0, 5.0, &[0, 100, 900, 1000, 1100, 1200], &[0, 900, 1100]);
    }
}
