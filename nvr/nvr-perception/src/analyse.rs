//! One camera's frames in, scenes out: which frames are looked at, in which size, detected, tracked.
//!
//! Promises: frames are chosen by media time alone, on a grid that does not drift; what a mask covers never reaches a
//!   model; the same frames give the same scenes.
//! Leaves to others: decoding (`nvr-media`), what scenes mean (plugins), how many frames a second (`plan`).

use crate::model::manifest::Fit;
use crate::model::{Detector, FrameRgb, ModelError};
use crate::prior::plausible;
use crate::track::{Tracker, TrackerConfig};
use nvr_base::geometry::{Point, Polygon};
use nvr_base::scene::Scene;
use nvr_media::failure::Failure;
use nvr_media::frames::Frame;
use nvr_media::picture::Scaler;
use std::time::{Duration, Instant};

/// What replaces masked pixels: the grey that letterboxes are filled with, which detectors know as nothing.
const MASK_GREY: u8 = 114;

/// Why a frame was not analysed.
#[derive(Debug, thiserror::Error)]
pub enum AnalyseError {
    /// Scaling.
    #[error(transparent)]
    Picture(#[from] Failure),
    /// Detecting.
    #[error(transparent)]
    Model(#[from] ModelError),
}

/// Which frames are analysed: the first at or after each multiple of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    step_us: i64,
    next_us: i64,
}

impl Grid {
    /// `fps` frames a second; the first frame is one of them.
    pub fn new(fps: f32) -> Self {
        let step_us = (1e6 / f64::from(fps.clamp(0.01, 1000.0))).round() as i64;
        Self { step_us: step_us.max(1), next_us: 0 }
    }

    /// Whether the frame at `at_us` is analysed. A frame that comes up to a tenth of a step early counts as in time, so
    /// that rounding of presentation times never makes 10 frames a second 5.
    pub fn takes(&mut self, at_us: i64) -> bool {
        if at_us < self.next_us - self.step_us / 10 {
            return false;
        }
        let slot = (at_us + self.step_us / 10).div_euclid(self.step_us);
        self.next_us = (slot + 1) * self.step_us;
        true
    }
}

/// The analysis of one camera.
#[derive(Debug)]
pub struct Analyser {
    detector: Detector,
    tracker: Option<Tracker>,
    scaler: Scaler,
    grid: Grid,
    masks: Vec<Polygon>,
    /// Pixels of the model's picture under a mask, for its size.
    masked: Option<((usize, usize), Vec<usize>)>,
    /// Time spent scaling, detecting, tracking.
    pub spent: [Duration; 3],
}

impl Analyser {
    /// Analyses `fps` frames a second.
    pub fn new(detector: Detector, fps: f32, masks: Vec<Polygon>) -> Self {
        let unsure = TrackerConfig::default().score_unsure;
        Self {
            detector: detector.with_score_min(unsure),
            tracker: None,
            scaler: Scaler::default(),
            grid: Grid::new(fps),
            masks,
            masked: None,
            spent: [Duration::ZERO; 3],
        }
    }

    /// The scene of a frame; none when this frame is not one to analyse.
    ///
    /// # Errors
    /// The frame cannot be scaled, or the model fails on it.
    pub fn offer(&mut self, frame: &Frame) -> Result<Option<Scene>, AnalyseError> {
        if !self.grid.takes(frame.at_us) {
            return Ok(None);
        }
        let began = Instant::now();
        let (width, height) = self.size(frame);
        let mut rgb = self.scaler.rgb(frame, width, height)?;
        self.mask(&mut rgb, width, height);
        let scaled = Instant::now();
        let found = self.detector.detect(&FrameRgb::new(width, height, width * 3, &rgb)?)?;
        let detections: Vec<_> = found.into_iter().map(plausible).collect();
        let detected = Instant::now();
        let aspect = frame.width as f32 / frame.height as f32;
        let tracker = self
            .tracker
            .get_or_insert_with(|| Tracker::new(TrackerConfig { aspect, ..TrackerConfig::default() }));
        let scene = tracker.step(frame.at_us, &detections);
        let took = [scaled - began, detected - scaled, detected.elapsed()];
        for (sum, took) in self.spent.iter_mut().zip(took) {
            *sum += took;
        }
        Ok(Some(scene))
    }

    /// Size in which the model sees a frame: its input's, or the largest of the frame's shape inside it.
    fn size(&self, frame: &Frame) -> (usize, usize) {
        let input = &self.detector.manifest().input;
        match input.fit {
            Fit::Stretch => (input.width, input.height),
            Fit::Letterbox => inside((frame.width, frame.height), (input.width, input.height)),
        }
    }

    fn mask(&mut self, rgb: &mut [u8], width: usize, height: usize) {
        if self.masks.is_empty() {
            return;
        }
        if self.masked.as_ref().is_none_or(|(size, _)| *size != (width, height)) {
            self.masked = Some(((width, height), masked(&self.masks, width, height)));
        }
        for &pixel in self.masked.iter().flat_map(|(_, pixels)| pixels) {
            if let Some(bytes) = rgb.get_mut(pixel * 3..pixel * 3 + 3) {
                bytes.fill(MASK_GREY);
            }
        }
    }
}

/// The largest size of the shape of `picture` inside `bounds`.
fn inside(picture: (usize, usize), bounds: (usize, usize)) -> (usize, usize) {
    let ratio = (bounds.0 as f64 / picture.0 as f64).min(bounds.1 as f64 / picture.1 as f64);
    let side = |px: usize, max: usize| ((px as f64 * ratio).round() as usize).clamp(1, max);
    (side(picture.0, bounds.0), side(picture.1, bounds.1))
}

/// Numbers of the pixels whose centre is under a mask.
fn masked(masks: &[Polygon], width: usize, height: usize) -> Vec<usize> {
    let centre = |n: usize, side: usize| (n as f32 + 0.5) / side as f32;
    let is_masked = |pixel: &usize| {
        let point = Point { x: centre(pixel % width, width), y: centre(pixel / width, height) };
        masks.iter().any(|mask| mask.contains(point))
    };
    (0..width * height).filter(is_masked).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames of a file of `file_fps` that are analysed at `fps`.
    fn check(file_fps: f64, fps: f32, expected: &[i64]) {
        let mut grid = Grid::new(fps);
        let times: Vec<i64> = (0..12).map(|n| (f64::from(n) * 1e6 / file_fps).round() as i64).collect();
        let taken: Vec<i64> = (0..12).filter(|n| grid.takes(times[*n as usize])).collect();
        assert_eq!(taken, expected, "{file_fps} frames a second analysed at {fps}");
    }

    #[test]
    fn frames_by_media_time() {
        check(10.0, 10.0, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
        check(9.99, 10.0, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
        check(10.01, 10.0, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
        check(10.0, 5.0, &[0, 2, 4, 6, 8, 10]);
        check(30.0, 10.0, &[0, 3, 6, 9]);
        check(25.0, 10.0, &[0, 3, 5, 8, 10]);
        check(2.0, 10.0, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    }

    #[test]
    fn sizes_keep_the_shape() {
        assert_eq!(inside((1920, 1080), (416, 416)), (416, 234));
        assert_eq!(inside((406, 720), (416, 416)), (235, 416));
        assert_eq!(inside((4000, 1), (416, 416)), (416, 1));
    }

    #[test]
    fn pixels_under_masks() {
        let left = Polygon([[0.0, 0.0], [0.5, 0.0], [0.5, 1.0], [0.0, 1.0]].map(Point::from).to_vec());
        assert_eq!(masked(&[left], 4, 2), [0, 1, 4, 5]);
        assert_eq!(masked(&[], 4, 2), [0; 0]);
    }
}
