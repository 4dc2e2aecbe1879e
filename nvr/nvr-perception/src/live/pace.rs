//! How often each camera is analysed: what the stages cost, measured, and the plan made of it.
//!
//! Promises: pure; rates keep within the budget, and when threads do not keep up all the same (the machine is busy with what
//!   goes first), within what they did keep up with; a rate changes only by a tenth or more, so that nothing flutters.
//! Leaves to others: sharing fairly (`plan`), clocks (`eye`), telling the parent (`live`).

use super::desk::Pace;
use super::flow::{Flow, blend};
use crate::plan::{
    Colour, Costs, Decode, FrameNeed, GATE_SIZE, InferenceNeed, LooksAt as PlanLooksAt, ModelCost, Needs,
    PlannedCamera, PlannedRule, ShortReason, plan,
};
use nvr_base::CameraId;
use nvr_base::analysis::{CameraNumber, CameraOrder, FrameFormat, LooksAt};
use nvr_base::perceive_protocol::Rate;
use std::collections::BTreeMap;
use std::time::Duration;

/// Weight of a new measurement.
const WEIGHT: f32 = 0.05;
/// Cost of a model that has not run yet, ms, and its input.
const MODEL_FIRST: ModelCost = ModelCost { ms: 20.0, width: 256, height: 256 };
/// A smaller change of a rate is none.
const CHANGE_MIN: f32 = 0.1;
/// Share of due pictures that may be passed over before the threads count as behind.
const LEFT_OUT_MAX: f32 = 0.03;
/// What is cut when they are, what is given back when they are not, in a period.
const CUT: f32 = 0.85;
const GIVE_BACK: f32 = 1.05;
/// Given back when a thread had nothing to do meanwhile: then what was passed over came in a burst, and time is left.
const GIVE_BACK_RESTED: f32 = 1.25;
/// Time without work, of all threads, from which they were not behind in a period.
const RESTED_MIN: Duration = Duration::from_millis(100);
/// Least budget after cuts, ms a second.
const LIMIT_MIN: f32 = 10.0;
/// A camera sends what is wanted when it sends this share of it: its rate is measured.
const STREAM_SHARE: f32 = 0.9;

/// What one turn of a camera did and cost, in CPU time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Measured {
    /// Whose.
    pub camera: CameraNumber,
    /// Megapixels of a picture.
    pub mpx: f32,
    /// Samples decoded: key frames, others; and what that took, µs.
    pub keys: u32,
    /// Other samples.
    pub deltas: u32,
    /// CPU time of key frames, µs.
    pub key_us: u64,
    /// CPU time of others, µs.
    pub delta_us: u64,
    /// Pictures that came out.
    pub decoded: u64,
    /// Scaling, µs, and megapixels of all sources and targets.
    pub scale_us: u64,
    /// Megapixels in and out.
    pub scaled_mpx: f32,
    /// Motion gate, µs.
    pub gate_us: u64,
    /// Detector, µs.
    pub detect_us: u64,
    /// Tracker, µs.
    pub track_us: u64,
    /// Other models, µs.
    pub models_us: u64,
    /// The one model that ran, and how often; none when it was none or several.
    pub model: Option<(String, u32)>,
    /// Crops that were looked at.
    pub crops: u32,
    /// A picture was analysed.
    pub analysed: bool,
    /// The detector looked at it.
    pub detected: bool,
    /// Something had reason to look: the detector, or models where no detector is wanted.
    pub looked: bool,
    /// Pictures that were due and passed over for a newer one.
    pub left_out: u32,
}

/// The planner of a running child.
#[derive(Debug)]
pub struct Pacer {
    costs: Costs,
    has_detector: bool,
    budget_ms_per_s: f32,
    /// Lower than the budget while the threads do not keep up.
    limit_ms_per_s: f32,
    /// What the last plan costs.
    planned_ms_per_s: f32,
    /// Share of analysed pictures the detector looks at, by camera.
    busy: BTreeMap<CameraNumber, Option<f32>>,
    /// What was told of each camera.
    told: BTreeMap<CameraNumber, Rate>,
    analysed: u32,
    left_out: u32,
    rested: Duration,
}

impl Pacer {
    /// `detector`: its id and what its manifest says it costs.
    pub fn new(budget_ms_per_s: f32, detector: Option<(String, ModelCost)>) -> Self {
        let has_detector = detector.is_some();
        let (id, cost) = detector.unwrap_or_else(|| (String::new(), MODEL_FIRST));
        Self {
            costs: Costs { detector: id.clone(), models: [(id, cost)].into(), ..Costs::default() },
            has_detector,
            budget_ms_per_s,
            limit_ms_per_s: budget_ms_per_s,
            planned_ms_per_s: 0.0,
            busy: BTreeMap::new(),
            told: BTreeMap::new(),
            analysed: 0,
            left_out: 0,
            rested: Duration::ZERO,
        }
    }

    /// A thread had nothing to do for so long.
    pub fn rested(&mut self, time: Duration) {
        self.rested = self.rested.saturating_add(time);
    }

    /// Takes in what a turn cost.
    pub fn measure(&mut self, m: &Measured) {
        let costs = &mut self.costs;
        let ms = |us: u64| us as f32 / 1000.0;
        let mean = |old: &mut f32, new: f32| {
            let mut value = Some(*old);
            blend(&mut value, new, WEIGHT);
            *old = value.unwrap_or(*old);
        };
        if m.mpx > 0.0 {
            if m.keys > 0 {
                mean(&mut costs.decode_key_ms_per_mpx, ms(m.key_us) / m.keys as f32 / m.mpx);
            }
            if m.deltas > 0 {
                mean(&mut costs.decode_ms_per_mpx, ms(m.delta_us) / m.deltas as f32 / m.mpx);
            }
        }
        self.left_out = self.left_out.saturating_add(m.left_out);
        if !m.analysed {
            return;
        }
        self.analysed = self.analysed.saturating_add(1);
        if m.scaled_mpx > 0.0 {
            mean(&mut costs.scale_ms_per_mpx, ms(m.scale_us) / m.scaled_mpx);
        }
        mean(&mut costs.gate_ms, ms(m.gate_us));
        mean(&mut costs.track_ms, ms(m.track_us));
        if m.detected {
            let detector = costs.detector.clone();
            if let Some(model) = costs.models.get_mut(&detector) {
                mean(&mut model.ms, ms(m.detect_us));
            }
        }
        if m.crops > 0 {
            mean(&mut costs.crops_per_frame, m.crops as f32);
        }
        if let Some((id, runs)) = m.model.as_ref().filter(|(_, runs)| *runs > 0) {
            let model = costs.models.entry(id.clone()).or_insert(MODEL_FIRST);
            mean(&mut model.ms, ms(m.models_us) / *runs as f32);
        }
        let looked = if m.looked { 1.0 } else { 0.0 };
        blend(self.busy.entry(m.camera).or_default(), looked, WEIGHT);
    }

    /// Plans for the cameras there are: the paces that change, and the rates to tell.
    pub fn plan<'a>(
        &mut self,
        cameras: impl Iterator<Item = (CameraNumber, &'a CameraOrder, &'a Flow, Pace)>,
    ) -> (Vec<(CameraNumber, Pace)>, Vec<Rate>) {
        self.adapt();
        let cameras: Vec<_> = cameras.collect();
        let (mut planned, mut rules) = (Vec::new(), Vec::new());
        for (number, order, flow, _) in &cameras {
            let Some(id) = id_of(*number) else { continue };
            for inference in &order.inference {
                self.costs.models.entry(inference.model.clone()).or_insert(MODEL_FIRST);
            }
            let mut shape = flow.shape();
            if shape.fps >= order.fps * STREAM_SHARE {
                shape.fps = shape.fps.max(order.fps);
            }
            let busy_share = self.busy.get(number).copied().flatten().unwrap_or(1.0);
            planned.push(PlannedCamera { id: id.clone(), main: shape, sub: None, busy_share });
            let needs = self.needs(order);
            rules.push(PlannedRule { id: id.to_string(), camera: id, severity: order.severity, needs });
        }
        let plan = plan(&planned, &rules, &self.costs, self.limit_ms_per_s);
        self.planned_ms_per_s = plan.cost_ms_per_s;
        let chosen: BTreeMap<&str, _> = plan.cameras.iter().map(|c| (c.camera.as_str(), c)).collect();
        let short: BTreeMap<&str, _> = plan.shortfalls.iter().map(|s| (s.camera.as_str(), s)).collect();
        let (mut paces, mut rates) = (Vec::new(), Vec::new());
        for (number, order, _, now) in &cameras {
            let id = number.to_string();
            let chosen = chosen.get(id.as_str());
            let fps = chosen.map_or(0.0, |c| c.fps);
            let lacks = short.get(id.as_str()).map(|s| s.reason);
            // A stream that has less than wanted is taken whole.
            let whole = matches!(lacks, None | Some(ShortReason::StreamRate)) && fps > 0.0;
            let keys_only = chosen.is_some_and(|c| matches!(c.decode, Decode::MainKeys | Decode::SubKeys));
            let wanted = Pace { fps: if whole { order.fps } else { fps }, keys_only };
            let pace = settle(*now, wanted, order.fps);
            let given_fps = if whole { fps } else { pace.fps };
            let rate = Rate { camera: *number, wanted_fps: order.fps, given_fps };
            if pace != *now {
                paces.push((*number, pace));
            }
            if self.told.get(number).is_none_or(|old| is_news(old, &rate)) {
                rates.push(rate);
                self.told.insert(*number, rate);
            }
        }
        let is_here = |number: &CameraNumber| cameras.iter().any(|(n, ..)| n == number);
        self.told.retain(|number, _| is_here(number));
        self.busy.retain(|number, _| is_here(number));
        (paces, rates)
    }

    /// Cuts what may be used while the threads do not keep up, and gives it back.
    fn adapt(&mut self) {
        let due = self.analysed.saturating_add(self.left_out);
        let passed_over = self.left_out > 1 && self.left_out as f32 > due as f32 * LEFT_OUT_MAX;
        let rested = std::mem::take(&mut self.rested) >= RESTED_MIN;
        self.limit_ms_per_s = match (passed_over, rested) {
            (true, false) => {
                (self.limit_ms_per_s.min(self.planned_ms_per_s.max(LIMIT_MIN)) * CUT).max(LIMIT_MIN)
            }
            (false, false) => self.limit_ms_per_s * GIVE_BACK,
            (_, true) => self.limit_ms_per_s * GIVE_BACK_RESTED,
        };
        self.limit_ms_per_s = self.limit_ms_per_s.min(self.budget_ms_per_s);
        (self.analysed, self.left_out) = (0, 0);
    }

    fn needs(&self, order: &CameraOrder) -> Needs {
        let fps = order.fps;
        let tracked = order.labels != [0, 0] && self.has_detector;
        let (width, height) = GATE_SIZE;
        // Every analysed frame goes through the gate, whatever else is wanted.
        let gate = FrameNeed { width, height, colour: Colour::Gray, fps };
        let frames = order.frames.iter().map(|f| FrameNeed {
            width: f.width,
            height: f.height,
            colour: if f.format == FrameFormat::Gray8 { Colour::Gray } else { Colour::Rgb },
            fps: f.fps_max.min(fps),
        });
        let inference = order.inference.iter().map(|i| InferenceNeed {
            model: i.model.clone(),
            looks_at: if i.looks_at == LooksAt::Frame { PlanLooksAt::Frame } else { PlanLooksAt::Crops },
            fps: i.per_s_max.min(fps),
        });
        Needs {
            tracks_fps: tracked.then_some(fps),
            frames: std::iter::once(gate).chain(frames).collect(),
            inference: inference.collect(),
        }
    }
}

/// The pace after a plan: as it is, unless it changes by enough.
fn settle(now: Pace, planned: Pace, wanted_fps: f32) -> Pace {
    let same = (planned.fps - now.fps).abs() <= now.fps * CHANGE_MIN
        && (now.fps > 0.0) == (planned.fps > 0.0)
        && now.fps <= wanted_fps
        && !(planned.fps >= wanted_fps && now.fps < wanted_fps);
    // Key frames alone only as long as they give the rate.
    if same && now.keys_only == planned.keys_only { now } else { planned }
}

fn is_news(old: &Rate, new: &Rate) -> bool {
    let differs = |a: f32, b: f32| (a - b).abs() > a.abs().max(b.abs()) * CHANGE_MIN;
    let full = |rate: &Rate| rate.given_fps >= rate.wanted_fps;
    old.wanted_fps != new.wanted_fps || full(old) != full(new) || differs(old.given_fps, new.given_fps)
}

fn id_of(camera: CameraNumber) -> Option<CameraId> {
    camera.to_string().parse().ok()
}

#[cfg(test)]
#[path = "pace_tests.rs"]
mod tests;
