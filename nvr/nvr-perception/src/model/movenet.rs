//! MoveNet multipose: boxes and joints of up to six people.
//!
//! Promises: the five points of the face (nose, eyes, ears) are dropped before anything leaves this file; a shape that does
//! not fit is an error; numbers that are not finite give no person.
//! Leaves to others: what a pose means (the person-down plugin).

use super::detector;
use super::error::ModelError;
use super::frame::FrameRgb;
use super::letterbox::Placement;
use super::loaded::Loaded;
use super::manifest::{Family, Manifest};
use super::nms::suppress;
use super::runtime::Runtime;
use super::session::View;
use super::yolox::shape_error;
use nvr_base::geometry::{Point, Rect};
use nvr_base::label::Label;
use nvr_base::scene::Detection;
use std::path::Path;

/// Numbers of one person: 17 × (y, x, score), box y0 x0 y1 x1, score.
const PERSON_NUMBERS: usize = 56;
/// Points of the face, the first of the 17.
const FACE_POINTS: usize = 5;
/// Joints that are given: shoulders, elbows, wrists, hips, knees, ankles, left before right.
pub const JOINTS: usize = 12;

/// A joint of the body.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Joint {
    /// Where it is in the picture; may lie outside.
    pub at: Point,
    /// How sure the model is, 0..1.
    pub score: f32,
}

/// A person's body.
#[derive(Debug, Clone, PartialEq)]
pub struct Pose {
    /// Where the person is.
    pub rect: Rect,
    /// How sure the model is, 0..1.
    pub score: f32,
    /// Left and right shoulder, elbow, wrist, hip, knee, ankle.
    pub joints: [Joint; JOINTS],
}

/// The people of one frame, best first, each once. `outputs`: one tensor `[1, 6, 56]`.
pub fn read(
    manifest: &Manifest,
    outputs: &[View<'_>],
    placement: Placement,
    score_min: f32,
) -> Result<Vec<Pose>, ModelError> {
    let (width, height) = (manifest.input.width as f32, manifest.input.height as f32);
    let mut poses = Vec::new();
    for people in outputs {
        if !matches!(people.shape, [1, _, n] if *n == PERSON_NUMBERS as i64) {
            return Err(shape_error(manifest, people, "expected 1, n, 56"));
        }
        for numbers in people.data.chunks_exact(PERSON_NUMBERS) {
            let (points, rest) = numbers.split_at(PERSON_NUMBERS - 5);
            let [y0, x0, y1, x1, score] = rest else { continue };
            if numbers.iter().any(|n| !n.is_finite()) || *score < score_min {
                continue;
            }
            let Some(rect) = placement.to_picture(x0 * width, y0 * height, x1 * width, y1 * height) else {
                continue;
            };
            let mut joints = [Joint::default(); JOINTS];
            for (joint, point) in joints.iter_mut().zip(points.chunks_exact(3).skip(FACE_POINTS)) {
                if let [y, x, score] = point {
                    let at = Point { x: x * width / placement.width, y: y * height / placement.height };
                    *joint = Joint { at, score: *score };
                }
            }
            poses.push(Pose { rect, score: *score, joints });
        }
    }
    let boxes =
        poses.iter().map(|p| Detection { label: Label::PERSON, score: p.score, rect: p.rect }).collect();
    let kept = suppress(boxes, manifest.output.nms_iou);
    Ok(kept
        .iter()
        .filter_map(|k| poses.iter().find(|p| p.rect == k.rect && p.score == k.score))
        .cloned()
        .collect())
}

/// MoveNet, loaded.
#[derive(Debug)]
pub struct PoseEstimator(Loaded);

impl PoseEstimator {
    /// Loads the model from a file with the manifest's hash.
    pub fn open(
        runtime: &Runtime,
        manifest: &Manifest,
        file: &Path,
        threads: usize,
    ) -> Result<Self, ModelError> {
        Self::of_bytes(runtime, manifest, &detector::read(manifest, file)?, threads)
    }

    /// Loads the model from bytes, which [`detector::read`] has checked.
    pub fn of_bytes(
        runtime: &Runtime,
        manifest: &Manifest,
        bytes: &[u8],
        threads: usize,
    ) -> Result<Self, ModelError> {
        Loaded::of_bytes(runtime, manifest, bytes, threads, "poses", |f| f == Family::Movenet).map(Self)
    }

    /// What goes in.
    pub fn input(&self) -> &super::manifest::Input {
        &self.0.manifest.input
    }

    /// The people of a frame, best first; at most six.
    pub fn estimate(&mut self, frame: &FrameRgb<'_>) -> Result<Vec<Pose>, ModelError> {
        self.0.run(frame, |manifest, views, placement| {
            read(manifest, views, placement, manifest.output.score_min)
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on what it did not expect")]

    use super::*;
    use crate::model::yolox::tests::tiny;

    /// People by score and box; every point of person n lies at (n / 10, 0.5).
    fn check(people: &[(f32, [f32; 4])], expected: &[f32]) {
        let manifest = tiny("movenet", &["p"], "[\"person\"]", "");
        let mut data = Vec::new();
        for (n, (score, [x0, y0, x1, y1])) in people.iter().enumerate() {
            for point in 0..17 {
                data.extend([0.5, n as f32 / 10.0, if point < FACE_POINTS { 0.99 } else { 0.5 }]);
            }
            data.extend([*y0, *x0, *y1, *x1, *score]);
        }
        let view = View { name: "p", shape: &[1, people.len() as i64, 56], data: &data };
        let poses = read(&manifest, &[view], Placement { width: 16.0, height: 8.0 }, 0.3).unwrap();
        assert_eq!(poses.iter().map(|p| p.score).collect::<Vec<_>>(), expected);
        for p in poses {
            assert!(p.joints.iter().all(|j| j.score == 0.5), "a point of the face came out");
            assert!(p.joints.iter().all(|j| j.at.y == 1.0)); // the picture fills half the input's height
        }
    }

    #[test]
    fn people() {
        check(&[], &[]);
        check(&[(0.2, [0.1, 0.1, 0.2, 0.4])], &[]);
        check(&[(0.6, [0.1, 0.1, 0.2, 0.4]), (0.8, [0.5, 0.1, 0.7, 0.4])], &[0.8, 0.6]);
        check(&[(0.6, [0.1, 0.1, 0.2, 0.4]), (0.8, [0.1, 0.1, 0.2, 0.4])], &[0.8]); // one person twice
        check(&[(f32::NAN, [0.1, 0.1, 0.2, 0.4]), (0.5, [0.1, f32::NAN, 0.2, 0.4])], &[]);
    }

    #[test]
    fn wrong_shapes() {
        let manifest = tiny("movenet", &["p"], "[\"person\"]", "");
        let view = View { name: "p", shape: &[1, 6, 51], data: &[0.0; 306] };
        assert!(read(&manifest, &[view], Placement { width: 16.0, height: 16.0 }, 0.3).is_err());
    }
}
