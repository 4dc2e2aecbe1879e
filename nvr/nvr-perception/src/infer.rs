//! The models that plugins declared: which of them look at what of a frame, within their rates, and what they answer.
//!
//! Promises: choosing is pure and by media time; a rate is never exceeded over a second; all results of a frame fit its
//!   limits, and what does not fit is left for the next frame or counted; no point of a face is in a result, no pixel
//!   under a mask in an input.
//! Leaves to others: what results mean (plugins), sessions (`engine`).

mod answer;
mod choice;
mod crop;

pub use answer::Model;

use crate::analyse::AnalyseError;
use crate::engine::{Engine, size_for};
use crate::mask::{Mask, PICTURE};
use answer::Answer;
use choice::{Choice, Target};
use nvr_base::Rect;
use nvr_base::analysis::{Answered, FLOATS_MAX, INFERENCES_MAX, Inference, InferenceOrder, LooksAt};
use nvr_base::scene::Scene;
use nvr_media::frames::Frame;
use std::collections::BTreeMap;
use std::time::Instant;

/// Track of what is about the whole picture.
const WHOLE: u64 = 0;
/// What a model said of a picture in which nothing moves holds for so long, µs: less than a rule waits for someone who is
/// not seen, should the gate have missed a movement.
const STILL_US_MAX: i64 = 5_000_000;

/// The declared models of one camera.
#[derive(Debug, Default)]
pub struct Looks {
    choices: Vec<Choice>,
    /// What each model last said of the whole picture, and when it looked.
    whole: BTreeMap<String, (i64, Answer)>,
    /// Results that did not fit a frame's limits.
    left_out: u64,
}

impl Looks {
    /// `fps`: the rate at which the camera is analysed.
    pub fn new(orders: &[InferenceOrder], fps: f32) -> Self {
        Self {
            choices: orders.iter().map(|order| Choice::new(order, fps)).collect(),
            whole: BTreeMap::new(),
            left_out: 0,
        }
    }

    /// A plugin asks for crops of tracks of the next frame.
    pub fn ask(&mut self, order: u16, tracks: &[u64]) {
        if let Some(choice) = self.choices.get_mut(usize::from(order)) {
            choice.ask(tracks);
        }
    }

    /// Results that did not fit the limits of their frame.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Runs what is due on a frame. Models that are not open are passed over. `detected`: a detector looked, so that a
    /// track that is not observed is not there. Where it had no reason to, because nothing moves, what a model said of the
    /// whole picture still holds, for [`STILL_US_MAX`].
    ///
    /// # Errors
    /// The frame cannot be scaled, or a model fails on it.
    pub(crate) fn run(
        &mut self,
        frame: &Frame,
        scene: &Scene,
        detected: bool,
        mask: &mut Mask,
        engine: &mut Engine,
    ) -> Result<Vec<Answered>, AnalyseError> {
        let mut answered: Vec<Answered> = Vec::new();
        let mut floats = 0;
        // One model looks once at one thing, however many orders want it.
        let mut known: BTreeMap<(String, u64), (Rect, Answer)> = BTreeMap::new();
        let fresh = |looked_us: i64| (0..=STILL_US_MAX).contains(&scene.at_us.saturating_sub(looked_us));
        for (model, (looked_us, answer)) in self.whole.iter().filter(|_| !detected) {
            if fresh(*looked_us) {
                known.insert((model.clone(), WHOLE), (PICTURE, answer.clone()));
            }
        }
        for (number, choice) in self.choices.iter_mut().enumerate() {
            for target in choice.choose(scene, detected) {
                let model = choice.model().to_owned();
                let key = (model.clone(), target.track);
                if !known.contains_key(&key) {
                    let Some(found) = look(frame, &target, &model, mask, engine)? else { break };
                    if target.track == WHOLE {
                        self.whole.insert(model.clone(), (scene.at_us, found.1.clone()));
                    }
                    known.insert(key.clone(), found);
                }
                let Some((region, answer)) = known.get(&key) else { continue };
                if answered.len() >= INFERENCES_MAX || floats + answer.data.len() > FLOATS_MAX {
                    self.left_out += 1;
                    continue;
                }
                floats += answer.data.len();
                choice.looked(&target, scene.at_us);
                if target.track == WHOLE && !answer.data.is_empty() {
                    choice.found(scene.at_us);
                }
                let inference = Inference {
                    model,
                    track: target.track,
                    at_us: scene.at_us,
                    kind: answer.kind,
                    dims: answer.dims.clone(),
                    region: *region,
                    data: answer.data.clone(),
                };
                answered.push(Answered { order: u16::try_from(number).unwrap_or(u16::MAX), inference });
            }
        }
        Ok(answered)
    }
}

/// A model's look at a target; none when the model is not open.
fn look(
    frame: &Frame,
    target: &Target,
    model: &str,
    mask: &mut Mask,
    engine: &mut Engine,
) -> Result<Option<(Rect, Answer)>, AnalyseError> {
    let began = Instant::now();
    let Some((model, scaler)) = engine.model(model) else { return Ok(None) };
    let (rgb, size, region) = match target.rect {
        None => {
            let size = size_for(model.input(), (frame.width, frame.height));
            let mut rgb = scaler.rgb(frame, size.0, size.1)?;
            mask.paint(&mut rgb, size, 3);
            (rgb, size, PICTURE)
        }
        Some(rect) => {
            let (crop, region) = crop::cut(frame, &rect);
            let wanted = size_for(model.input(), (crop.width, crop.height));
            // Enlarging is the model's own affair.
            let size = (wanted.0.min(crop.width), wanted.1.min(crop.height));
            let mut rgb = scaler.rgb(&crop, size.0, size.1)?;
            mask.paint_region(&mut rgb, size, 3, &region);
            (rgb, size, region)
        }
    };
    let scaled = Instant::now();
    let answer = model.look(&rgb, size, &region)?;
    engine.spent.scale += scaled - began;
    engine.spent.models += scaled.elapsed();
    Ok(Some((region, answer)))
}

/// Whether `labels` has the bit of a label.
fn has(labels: [u64; 2], index: usize) -> bool {
    labels.get(index / 64).is_some_and(|word| word >> (index % 64) & 1 == 1)
}

/// Whether an order is about tracks.
fn is_of_tracks(order: &InferenceOrder) -> bool {
    order.looks_at != LooksAt::Frame
}
