//! What one thread analyses with: the detector's session, those of the other models, the scaler, and the time they took.
//!
//! Promises: a session is opened when it is first needed, from bytes that were read before the sandbox; the same frame
//!   gives the same results.
//! Leaves to others: the state of cameras (`analyse`), which models (`infer`).

use crate::infer::Model;
use crate::model::manifest::Fit;
use crate::model::manifest::Input;
use crate::model::{Detector, ModelError, Shelf};
use crate::track::TrackerConfig;
use nvr_media::picture::Scaler;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Threads of a session: one, so that results repeat; cameras share the cores.
const THREADS: usize = 1;

/// Time spent so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spent {
    /// Scaling and converting.
    pub scale: Duration,
    /// In the detector.
    pub detect: Duration,
    /// Following.
    pub track: Duration,
    /// In other models.
    pub models: Duration,
}

/// One thread's.
#[derive(Debug)]
pub struct Engine {
    shelf: Arc<Shelf>,
    pub(crate) detector: Option<Detector>,
    models: BTreeMap<String, Model>,
    pub(crate) scaler: Scaler,
    /// Time spent so far.
    pub spent: Spent,
}

impl Engine {
    /// With the shelf's detector, if it has one.
    ///
    /// # Errors
    /// ONNX Runtime refuses the detector.
    pub fn new(shelf: Arc<Shelf>) -> Result<Self, ModelError> {
        let detector = shelf.open_detector(THREADS)?.map(|detector| {
            let unsure = tracker_config(Some(&detector)).score_unsure;
            detector.with_score_min(unsure)
        });
        let (models, scaler) = (BTreeMap::new(), Scaler::default());
        Ok(Self { shelf, detector, models, scaler, spent: Spent::default() })
    }

    /// Opens a model, if it is not open yet: ahead of time, so that what is missing shows.
    ///
    /// # Errors
    /// It is not there, or ONNX Runtime refuses it: its name and the remedy.
    pub fn open(&mut self, id: &str) -> Result<(), ModelError> {
        if !self.models.contains_key(id) {
            let model = Model::open(&self.shelf, id, THREADS)?;
            self.models.insert(id.to_owned(), model);
        }
        Ok(())
    }

    /// An open model, and the scaler to make its input with.
    pub(crate) fn model(&mut self, id: &str) -> Option<(&mut Model, &mut Scaler)> {
        Some((self.models.get_mut(id)?, &mut self.scaler))
    }

    /// How the detections of this detector are followed.
    pub(crate) fn tracker_config(&self) -> TrackerConfig {
        tracker_config(self.detector.as_ref())
    }
}

fn tracker_config(detector: Option<&Detector>) -> TrackerConfig {
    let default = TrackerConfig::default();
    let Some(scores) = detector.map(|d| d.manifest().output.scores) else { return default };
    TrackerConfig {
        score_sure: scores.sure.unwrap_or(default.score_sure),
        score_unsure: scores.unsure.unwrap_or(default.score_unsure),
        score_candidate: scores.candidate.unwrap_or(default.score_candidate),
        score_new: scores.new.unwrap_or(default.score_new),
        ..default
    }
}

/// Size in which a model sees a picture: its input's, or the largest of the picture's shape inside it.
pub(crate) fn size_for(input: &Input, picture: (usize, usize)) -> (usize, usize) {
    match input.fit {
        Fit::Stretch => (input.width, input.height),
        Fit::Letterbox => inside(picture, (input.width, input.height)),
    }
}

/// The largest size of the shape of `picture` inside `bounds`.
fn inside(picture: (usize, usize), bounds: (usize, usize)) -> (usize, usize) {
    let ratio = (bounds.0 as f64 / picture.0 as f64).min(bounds.1 as f64 / picture.1 as f64);
    let side = |px: usize, max: usize| ((px as f64 * ratio).round() as usize).clamp(1, max);
    (side(picture.0, bounds.0), side(picture.1, bounds.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_keep_the_shape() {
        assert_eq!(inside((1920, 1080), (416, 416)), (416, 234));
        assert_eq!(inside((406, 720), (416, 416)), (235, 416));
        assert_eq!(inside((4000, 1), (416, 416)), (416, 1));
    }
}
