//! The planner: which frames of which camera are decoded, scaled and put through which model, and how often.
//!
//! Promises: pure; the same input gives the same plan; the cost of a plan is within the budget; whoever gets less than
//! wanted is named with the reason, and so is a need that cannot be met; never a queue that grows instead.
//! Leaves to others: measuring the costs (`nvr models bench`, the running children), carrying it out.
//!
//! Shares the budget by max-min fairness (water filling; Bertsekas & Gallager, Data Networks, §6.5.2): all cameras rise
//! together, one that has what it wants stops, and the rest go on until the budget is used. Nobody gains by taking
//! from someone who has less.

mod cost;

pub use cost::{Costs, ModelCost};

use nvr_base::CameraId;

/// Below this rate a camera is not analysed at all: no situation lasts less than its frames are apart. Frames a second.
pub const FPS_MIN: f32 = 0.2;
/// Rates the budget decides are whole numbers of these steps.
const STEPS_PER_FPS: f32 = 100.0;
/// A smaller difference of rates is none, in frames a second.
const FPS_SAME: f32 = 0.01;
/// Size of the motion gate's picture.
pub const GATE_SIZE: (u32, u32) = (160, 90);

/// Colour of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Colour {
    /// One byte a pixel.
    Gray,
    /// Three bytes a pixel.
    Rgb,
}

/// One stream of a camera as the decoder sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StreamShape {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Frames a second.
    pub fps: f32,
    /// Key frames a second; 0 when unknown.
    pub key_fps: f32,
}

/// A camera that can be analysed.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedCamera {
    /// Which.
    pub id: CameraId,
    /// Main stream.
    pub main: StreamShape,
    /// Sub-stream, when it has one.
    pub sub: Option<StreamShape>,
    /// Share of its analysed frames in which something moves or is followed, so that a detector looks: 0..1, measured; 1
    /// until it is.
    pub busy_share: f32,
}

/// A frame a plugin wants to see.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FrameNeed {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Gray or RGB.
    pub colour: Colour,
    /// Frames a second.
    pub fps: f32,
}

/// What a model is asked to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LooksAt {
    /// The whole picture.
    Frame,
    /// Crops of tracks.
    Crops,
}

/// A model a plugin wants results of.
#[derive(Debug, Clone, PartialEq)]
pub struct InferenceNeed {
    /// Id of the model.
    pub model: String,
    /// On what.
    pub looks_at: LooksAt,
    /// Frames a second.
    pub fps: f32,
}

/// What one plugin needs for one rule.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Needs {
    /// Rate of tracks, in frames a second; `None` when it wants none.
    pub tracks_fps: Option<f32>,
    /// Frames.
    pub frames: Vec<FrameNeed>,
    /// Results of models.
    pub inference: Vec<InferenceNeed>,
}

/// A rule that is armed.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedRule {
    /// Its id.
    pub id: String,
    /// Its camera.
    pub camera: CameraId,
    /// 1 urgent .. 3 note: when not all cameras can be analysed, the urgent ones are.
    pub severity: u8,
    /// What its plugin needs.
    pub needs: Needs,
}

/// A scaled picture that is made of decoded frames.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Gray or RGB.
    pub colour: Colour,
    /// Frames a second.
    pub fps: f32,
}

/// A model that runs for a camera.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelUse {
    /// Id of the model.
    pub model: String,
    /// On what.
    pub looks_at: LooksAt,
    /// Most runs a second, before motion is asked.
    pub fps: f32,
}

/// Which stream is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decode {
    /// All frames of the main stream.
    Main,
    /// Key frames of the main stream.
    MainKeys,
    /// All frames of the sub-stream.
    Sub,
    /// Key frames of the sub-stream.
    SubKeys,
}

/// What is done for one camera.
#[derive(Debug, Clone, PartialEq)]
pub struct CameraPlan {
    /// Which.
    pub camera: CameraId,
    /// What is decoded.
    pub decode: Decode,
    /// Analysed frames a second.
    pub fps: f32,
    /// Pictures that are made.
    pub scales: Vec<Scale>,
    /// Models that run.
    pub models: Vec<ModelUse>,
    /// What it costs, in CPU milliseconds a second.
    pub cost_ms_per_s: f32,
}

/// Why a camera gets less than wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShortReason {
    /// Its stream has fewer frames.
    StreamRate,
    /// The processor has no more.
    Budget,
    /// The processor has so little that only more urgent cameras are analysed.
    NotAnalysed,
}

/// A camera that gets less than wanted.
#[derive(Debug, Clone, PartialEq)]
pub struct Shortfall {
    /// Which.
    pub camera: CameraId,
    /// What its rules need.
    pub wanted_fps: f32,
    /// What they get.
    pub given_fps: f32,
    /// Why.
    pub reason: ShortReason,
}

/// A need that cannot be met; the rule is not planned for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unmet {
    /// A rule on a camera that does not exist.
    #[error("rule {rule}: there is no camera {camera}")]
    NoCamera {
        /// The rule.
        rule: String,
        /// The camera it names.
        camera: CameraId,
    },
    /// A model that is not installed.
    #[error("rule {rule}: the model {model} is not installed")]
    NoModel {
        /// The rule.
        rule: String,
        /// The model its plugin needs.
        model: String,
    },
    /// A rate or a size that is no number above 0.
    #[error("rule {rule}: its plugin needs a rate or size that is not above 0")]
    BadNeed {
        /// The rule.
        rule: String,
    },
}

/// The plan.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plan {
    /// Cameras that are analysed, in the order given.
    pub cameras: Vec<CameraPlan>,
    /// Who gets less than wanted, in the order given.
    pub shortfalls: Vec<Shortfall>,
    /// What cannot be met, in the order of the rules.
    pub unmet: Vec<Unmet>,
    /// What it all costs, in CPU milliseconds a second.
    pub cost_ms_per_s: f32,
}

/// What the rules of one camera need together.
#[derive(Debug, Clone)]
pub(crate) struct Demand<'a> {
    pub(crate) camera: &'a PlannedCamera,
    /// Most urgent rule.
    severity: u8,
    /// Rules that look.
    pub(crate) rules: usize,
    wanted_fps: f32,
    pub(crate) scales: Vec<Scale>,
    pub(crate) models: Vec<ModelUse>,
    /// The stream that serves them, and whether it is the sub-stream.
    pub(crate) stream: StreamShape,
    pub(crate) is_sub: bool,
}

/// Plans. `budget_ms_per_s` is what analysis may use: 1000 a core.
pub fn plan(cameras: &[PlannedCamera], rules: &[PlannedRule], costs: &Costs, budget_ms_per_s: f32) -> Plan {
    let (met, unmet) = meet(cameras, rules, costs);
    let demands: Vec<Demand<'_>> = cameras.iter().filter_map(|camera| demand(camera, &met, costs)).collect();
    let mut analysed: Vec<bool> = vec![true; demands.len()];
    let total = |level: f32, analysed: &[bool]| -> f64 {
        let chosen = demands.iter().zip(analysed).filter(|(_, yes)| **yes);
        chosen.map(|(d, _)| f64::from(costs.of(d, given(d, level)))).sum()
    };
    let budget = if budget_ms_per_s.is_finite() { f64::from(budget_ms_per_s.max(0.0)) } else { 0.0 };
    // Below the least rate nobody is served: the least urgent go, the last ones first, until the rest fit.
    while total(FPS_MIN, &analysed) > budget {
        let still = demands.iter().enumerate().filter(|(i, _)| analysed.get(*i).copied().unwrap_or(false));
        let Some((out, _)) = still.max_by_key(|(i, d)| (d.severity, *i)) else { break };
        if let Some(analysed) = analysed.get_mut(out) {
            *analysed = false;
        }
    }
    let level = water_level(&demands, |level| total(level, &analysed) <= budget);
    let mut plan = Plan { unmet, ..Plan::default() };
    for (demand, analysed) in demands.iter().zip(&analysed) {
        let fps = if *analysed { given(demand, level) } else { 0.0 };
        if fps > 0.0 {
            let camera = costs.plan_of(demand, fps);
            plan.cost_ms_per_s += camera.cost_ms_per_s;
            plan.cameras.push(camera);
        }
        let reason = match () {
            () if !*analysed => Some(ShortReason::NotAnalysed),
            () if fps < demand.wanted_fps.min(demand.stream.fps) - FPS_SAME => Some(ShortReason::Budget),
            () if fps < demand.wanted_fps - FPS_SAME => Some(ShortReason::StreamRate),
            () => None,
        };
        plan.shortfalls.extend(reason.map(|reason| Shortfall {
            camera: demand.camera.id.clone(),
            wanted_fps: demand.wanted_fps,
            given_fps: fps,
            reason,
        }));
    }
    plan
}

/// What a camera gets at a level: what it wants, what its stream has, or the level.
fn given(demand: &Demand<'_>, level: f32) -> f32 {
    demand.wanted_fps.min(demand.stream.fps).min(level)
}

/// The highest level that fits, to a step below: cost rises with the level, so halving finds it.
fn water_level(demands: &[Demand<'_>], fits: impl Fn(f32) -> bool) -> f32 {
    let top = demands.iter().map(|d| given(d, f32::MAX)).fold(0.0, f32::max);
    if fits(top) {
        return top;
    }
    let at = |step: u32| step as f32 / STEPS_PER_FPS;
    let (mut low, mut high) = (0_u32, (top * STEPS_PER_FPS).ceil() as u32);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if fits(at(middle)) { low = middle } else { high = middle }
    }
    at(low)
}

/// Sorts out the rules whose needs cannot be met.
fn meet<'a>(
    cameras: &[PlannedCamera],
    rules: &'a [PlannedRule],
    costs: &Costs,
) -> (Vec<&'a PlannedRule>, Vec<Unmet>) {
    let (mut met, mut unmet) = (Vec::new(), Vec::new());
    for rule in rules {
        let id = || rule.id.clone();
        let needs = &rule.needs;
        let tracked = needs.tracks_fps.map(|_| costs.detector.as_str());
        let mut models = needs.inference.iter().map(|n| n.model.as_str()).chain(tracked);
        let rates = needs.tracks_fps.into_iter();
        let rates =
            rates.chain(needs.frames.iter().map(|f| f.fps)).chain(needs.inference.iter().map(|i| i.fps));
        let sizes = needs.frames.iter().all(|f| f.width > 0 && f.height > 0);
        if !cameras.iter().any(|c| c.id == rule.camera) {
            unmet.push(Unmet::NoCamera { rule: id(), camera: rule.camera.clone() });
        } else if let Some(model) = models.find(|m| !costs.models.contains_key(*m)) {
            unmet.push(Unmet::NoModel { rule: id(), model: model.to_owned() });
        } else if !sizes || !rates.into_iter().all(|fps| fps.is_finite() && fps > 0.0) {
            unmet.push(Unmet::BadNeed { rule: id() });
        } else {
            met.push(rule);
        }
    }
    (met, unmet)
}

/// The union of what a camera's rules need; `None` when it has none.
fn demand<'a>(camera: &'a PlannedCamera, rules: &[&PlannedRule], costs: &Costs) -> Option<Demand<'a>> {
    let own: Vec<&&PlannedRule> = rules.iter().filter(|rule| rule.camera == camera.id).collect();
    let severity = own.iter().map(|rule| rule.severity).min()?;
    let mut models: Vec<ModelUse> = Vec::new();
    let mut scales: Vec<Scale> = Vec::new();
    for needs in own.iter().map(|rule| &rule.needs) {
        let detector = needs.tracks_fps.map(|fps| (costs.detector.as_str(), LooksAt::Frame, fps));
        let inference = needs.inference.iter().map(|n| (n.model.as_str(), n.looks_at, n.fps));
        for (model, looks_at, fps) in detector.into_iter().chain(inference) {
            match models.iter_mut().find(|m| m.model == model && m.looks_at == looks_at) {
                Some(used) => used.fps = used.fps.max(fps),
                None => models.push(ModelUse { model: model.to_owned(), looks_at, fps }),
            }
        }
        for n in &needs.frames {
            add_scale(&mut scales, Scale { width: n.width, height: n.height, colour: n.colour, fps: n.fps });
        }
    }
    let rates = models.iter().map(|m| m.fps).chain(scales.iter().map(|s| s.fps));
    let wanted_fps = rates.fold(0.0, f32::max);
    if wanted_fps <= 0.0 {
        return None;
    }
    // Crops are cut from the decoded frame itself, and want the best one there is.
    let crops = models.iter().any(|m| m.looks_at == LooksAt::Crops);
    for used in models.iter().filter(|m| m.looks_at == LooksAt::Frame) {
        if let Some(model) = costs.models.get(&used.model) {
            let (width, height) = (model.width, model.height);
            add_scale(&mut scales, Scale { width, height, colour: Colour::Rgb, fps: used.fps });
        }
    }
    let (width, height) = GATE_SIZE;
    add_scale(&mut scales, Scale { width, height, colour: Colour::Gray, fps: wanted_fps });
    scales.sort_by_key(|s| (s.width, s.height, s.colour));
    models.sort_by(|a, b| (&a.model, a.looks_at).cmp(&(&b.model, b.looks_at)));
    // The sub-stream serves unless a plugin wants larger frames than it has, or crops.
    let frames = own.iter().flat_map(|rule| &rule.needs.frames);
    let larger = |sub: &StreamShape| frames.clone().any(|f| f.width > sub.width || f.height > sub.height);
    let sub = camera.sub.filter(|sub| sub.fps > 0.0 && !crops && !larger(sub));
    let stream = sub.unwrap_or(camera.main);
    let stream =
        StreamShape { fps: if stream.fps.is_finite() { stream.fps.max(0.0) } else { 0.0 }, ..stream };
    Some(Demand {
        camera,
        severity,
        rules: own.len(),
        wanted_fps,
        scales,
        models,
        stream,
        is_sub: sub.is_some(),
    })
}

fn add_scale(scales: &mut Vec<Scale>, new: Scale) {
    let same = |s: &&mut Scale| (s.width, s.height, s.colour) == (new.width, new.height, new.colour);
    match scales.iter_mut().find(same) {
        Some(scale) => scale.fps = scale.fps.max(new.fps),
        None => scales.push(new),
    }
}

#[cfg(test)]
mod tests;
