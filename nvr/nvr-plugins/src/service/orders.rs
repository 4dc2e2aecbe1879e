//! What a camera's perception has to make: the union of what its instances need.
//!
//! Promises: pure; the same thing wanted by many is made once, at the highest rate; places of frames and models in the
//!   order stay (`slots`).
//! Leaves to others: which instances are fed (`armed`), making it (`nvr-perception`).

use super::WorkerKey;
use super::slots::Slots;
use crate::protocol::{InferenceNeed, Needs};
use nvr_base::analysis::{
    CameraOrder, FPS_MAX, FRAME_ORDERS_MAX, FrameFormat, FrameOrder, INFERENCES_MAX, InferenceOrder, LooksAt,
    MASKS_MAX, RingNumber,
};
use nvr_base::geometry::Polygon;

/// The rate of what nobody wants but what keeps its place: next to never.
const RESTING_PER_S: f32 = 0.001;
/// Lowest rate of an order.
const FPS_MIN: f32 = 0.1;
/// Frames of each kind that a ring has room for.
const RING_FRAMES: u64 = 6;
/// Shortest ring, in bytes: rules may come later, and a worker's ring keeps its length.
const RING_LEN_MIN: u64 = 8 << 20;
/// Longest ring, in bytes.
const RING_LEN_MAX: u64 = 64 << 20;

/// A kind of frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FrameKey {
    pub(super) worker: WorkerKey,
    pub(super) ring: RingNumber,
    pub(super) format: FrameFormat,
    pub(super) width: u32,
    pub(super) height: u32,
}

/// A kind of results; the score as its bits, so that kinds compare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ModelKey {
    pub(super) model: String,
    pub(super) looks_at: LooksAt,
    pub(super) min_score: u32,
    pub(super) labels: [u64; 2],
}

impl ModelKey {
    /// Of a need; `None` for a region that is none.
    pub(super) fn of(need: &InferenceNeed) -> Option<Self> {
        let looks_at = match need.region {
            1 => LooksAt::Frame,
            2 => LooksAt::Crops,
            3 => LooksAt::Asked,
            _ => return None,
        };
        let (model, min_score, labels) = (need.model.clone(), need.min_score.to_bits(), need.labels);
        Some(Self { model, looks_at, min_score, labels })
    }
}

/// What one instance asks of its camera.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wish<'a> {
    pub(super) worker: &'a WorkerKey,
    pub(super) needs: &'a Needs,
    /// Of its worker, once the worker has it.
    pub(super) ring: Option<RingNumber>,
    pub(super) severity: u8,
}

/// The kinds of frames that `needs` names.
fn frame_keys(wish: &Wish<'_>) -> Vec<(FrameKey, f32)> {
    let Some(ring) = wish.ring else { return Vec::new() };
    let both = [(FrameFormat::Gray8, wish.needs.gray), (FrameFormat::Rgb8, wish.needs.rgb)];
    let key = |(format, need): &(FrameFormat, Option<crate::protocol::FrameNeed>)| {
        let need = (*need)?;
        let (worker, width, height) = (wish.worker.clone(), need.width, need.height);
        Some((FrameKey { worker, ring, format: *format, width, height }, need.fps_max))
    };
    both.iter().filter_map(key).collect()
}

/// Bytes of a ring for these needs; `None` when none wants frames.
pub(super) fn ring_len<'a>(needs: impl Iterator<Item = &'a Needs>) -> Option<u64> {
    let one = |need: Option<crate::protocol::FrameNeed>, format: FrameFormat| {
        need.map_or(0, |n| u64::from(n.width) * u64::from(n.height) * u64::from(format.pixel_bytes()))
    };
    let bytes: u64 =
        needs.map(|n| one(n.gray, FrameFormat::Gray8) + one(n.rgb, FrameFormat::Rgb8)).sum::<u64>();
    (bytes > 0).then(|| (bytes * RING_FRAMES).clamp(RING_LEN_MIN, RING_LEN_MAX))
}

/// The places of a camera's order.
#[derive(Debug, Default)]
pub(super) struct Places {
    pub(super) frames: Slots<FrameKey>,
    pub(super) models: Slots<ModelKey>,
}

impl Places {
    /// The order for these wishes; `None` when there are none.
    pub(super) fn order(
        &mut self,
        wishes: &[Wish<'_>],
        masks: &[Polygon],
        now_ms: u64,
    ) -> Option<CameraOrder> {
        let fps = wishes.iter().map(|w| w.needs.fps).fold(f32::NEG_INFINITY, f32::max);
        let frames = merged(wishes.iter().flat_map(frame_keys), f32::max);
        let needs = wishes.iter().flat_map(|w| &w.needs.inference);
        let models = merged(needs.filter_map(|n| Some((ModelKey::of(n)?, n.per_s_max))), f32::max);
        let frame_keys: Vec<FrameKey> = frames.iter().map(|(key, _)| key.clone()).collect();
        let model_keys: Vec<ModelKey> = models.iter().map(|(key, _)| key.clone()).collect();
        let frames = self.frames.assign(&frame_keys, FRAME_ORDERS_MAX, now_ms).into_iter().map(|(key, _)| {
            FrameOrder {
                ring: key.ring,
                format: key.format,
                width: key.width,
                height: key.height,
                fps_max: rate_of(&frames, &key),
            }
        });
        let inference = self.models.assign(&model_keys, INFERENCES_MAX, now_ms).into_iter();
        let inference = inference.map(|(key, is_wanted)| InferenceOrder {
            // What rests is only made when it is asked for, and nobody does.
            looks_at: if is_wanted { key.looks_at } else { LooksAt::Asked },
            min_score: f32::from_bits(key.min_score),
            labels: key.labels,
            per_s_max: rate_of(&models, &key),
            model: key.model,
        });
        let (frames, inference) = (frames.collect(), inference.collect());
        let labels = wishes.iter().fold([0, 0], |[a, b], w| {
            let [c, d] = w.needs.labels;
            [a | c, b | d]
        });
        (!wishes.is_empty()).then(|| CameraOrder {
            fps: fps.clamp(FPS_MIN, FPS_MAX),
            masks: masks.iter().take(MASKS_MAX).cloned().collect(),
            labels,
            frames,
            inference,
            severity: wishes.iter().map(|w| w.severity).min().unwrap_or(2),
        })
    }
}

fn rate_of<K: PartialEq>(rates: &[(K, f32)], key: &K) -> f32 {
    rates.iter().find(|(k, _)| k == key).map_or(RESTING_PER_S, |(_, rate)| rate.clamp(RESTING_PER_S, 1000.0))
}

/// Each key once.
fn merged<K: PartialEq>(all: impl Iterator<Item = (K, f32)>, both: fn(f32, f32) -> f32) -> Vec<(K, f32)> {
    let mut found: Vec<(K, f32)> = Vec::new();
    for (key, rate) in all {
        match found.iter_mut().find(|(k, _)| *k == key) {
            Some((_, known)) => *known = both(*known, rate),
            None => found.push((key, rate)),
        }
    }
    found
}
