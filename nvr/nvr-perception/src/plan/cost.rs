//! What analysis costs: CPU milliseconds of each stage, from measurement.
//!
//! Promises: costs never fall when a rate rises, so water filling is exact; numbers that are none count as 0.
//! Leaves to others: the measuring.

use super::{CameraPlan, Decode, Demand, LooksAt, ModelUse, Scale};
use std::collections::BTreeMap;

/// A model's cost and input.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelCost {
    /// One run on one picture or crop, in CPU milliseconds.
    pub ms: f32,
    /// Input, in pixels.
    pub width: u32,
    /// Input, in pixels.
    pub height: u32,
}

/// Costs of this machine, in CPU milliseconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Costs {
    /// Decoding a frame between key frames, a megapixel.
    pub decode_ms_per_mpx: f32,
    /// Decoding a key frame, a megapixel.
    pub decode_key_ms_per_mpx: f32,
    /// Scaling and converting, a megapixel of source and target together.
    pub scale_ms_per_mpx: f32,
    /// Motion gate, one picture.
    pub gate_ms: f32,
    /// Tracking, one frame.
    pub track_ms: f32,
    /// Offering a frame to one rule's plugin, its work included.
    pub rule_ms: f32,
    /// Crops of one frame, on average.
    pub crops_per_frame: f32,
    /// The model that detects for tracks.
    pub detector: String,
    /// Installed models by id.
    pub models: BTreeMap<String, ModelCost>,
}

impl Default for Costs {
    /// Measured on one core of a common server: H.264 of 640×360 takes 0.33 ms a frame and of 1920×1080 3.1, a key frame
    /// of it 17.7; scaling 640×360 to 416×416 0.18. Without any model.
    fn default() -> Self {
        Self {
            decode_ms_per_mpx: 1.5,
            decode_key_ms_per_mpx: 8.5,
            scale_ms_per_mpx: 0.45,
            gate_ms: 0.1,
            track_ms: 0.05,
            rule_ms: 0.05,
            crops_per_frame: 2.0,
            detector: String::new(),
            models: BTreeMap::new(),
        }
    }
}

impl Costs {
    /// What a camera costs at a rate, in CPU milliseconds a second.
    pub(crate) fn of(&self, demand: &Demand<'_>, fps: f32) -> f32 {
        if fps <= 0.0 {
            return 0.0;
        }
        let stream = &demand.stream;
        let source_mpx = mpx(stream.width, stream.height);
        let decode = match keys_serve(demand, fps) {
            true => self.keys_ms(demand),
            false => self.all_ms(demand).max(self.keys_ms(demand)),
        };
        let scaled: f32 = demand
            .scales
            .iter()
            .map(|s| s.fps.min(fps) * (source_mpx + mpx(s.width, s.height)) * self.scale_ms_per_mpx)
            .sum();
        let share = demand.camera.busy_share;
        let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 1.0 };
        let detected: f32 = demand
            .models
            .iter()
            .map(|used| {
                let runs = if used.looks_at == LooksAt::Crops { self.crops_per_frame } else { 1.0 };
                let ms = self.models.get(&used.model).map_or(0.0, |m| m.ms);
                used.fps.min(fps) * share * runs * ms
            })
            .sum();
        let each = self.gate_ms + self.track_ms + self.rule_ms * demand.rules as f32;
        let sum = decode + scaled + detected + fps * each;
        if sum.is_finite() { sum.max(0.0) } else { f32::MAX }
    }

    /// The plan of a camera at a rate.
    pub(crate) fn plan_of(&self, demand: &Demand<'_>, fps: f32) -> CameraPlan {
        let decode = match (demand.is_sub, keys_serve(demand, fps)) {
            (true, true) => Decode::SubKeys,
            (true, false) => Decode::Sub,
            (false, true) => Decode::MainKeys,
            (false, false) => Decode::Main,
        };
        CameraPlan {
            camera: demand.camera.id.clone(),
            decode,
            fps,
            scales: demand.scales.iter().map(|s| Scale { fps: s.fps.min(fps), ..*s }).collect(),
            models: demand.models.iter().map(|m| ModelUse { fps: m.fps.min(fps), ..m.clone() }).collect(),
            cost_ms_per_s: self.of(demand, fps),
        }
    }

    fn keys_ms(&self, demand: &Demand<'_>) -> f32 {
        let stream = &demand.stream;
        stream.key_fps.max(0.0) * mpx(stream.width, stream.height) * self.decode_key_ms_per_mpx
    }

    fn all_ms(&self, demand: &Demand<'_>) -> f32 {
        let stream = &demand.stream;
        // Frames between key frames hang together: to see one, all before it must be decoded.
        let between = (stream.fps - stream.key_fps.max(0.0)).max(0.0);
        between * mpx(stream.width, stream.height) * self.decode_ms_per_mpx + self.keys_ms(demand)
    }
}

/// Whether the key frames alone are enough.
fn keys_serve(demand: &Demand<'_>, fps: f32) -> bool {
    demand.stream.key_fps >= fps
}

fn mpx(width: u32, height: u32) -> f32 {
    (f64::from(width) * f64::from(height) / 1e6) as f32
}
