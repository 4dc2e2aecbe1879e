//! A single-shot detector's output: boxes of the picture and scores, not suppressed yet (Liu et al. 2016).
//!
//! Promises: a shape that does not fit is an error; numbers that are not finite give no box.
//! Leaves to others: overlapping boxes (`nms`).

use super::error::ModelError;
use super::letterbox::Placement;
use super::manifest::Manifest;
use super::session::View;
use super::yolox::{best, shape_error};
use nvr_base::scene::Detection;

/// The boxes of one frame. `outputs`: boxes `[1, n, 4]` as left, top, right, bottom of the input in 0..1, then scores
/// `[1, n, classes]` (softmax done, the background among them).
pub fn read(
    manifest: &Manifest,
    outputs: &[View<'_>],
    placement: Placement,
    score_min: f32,
) -> Result<Vec<Detection>, ModelError> {
    let [boxes, scores] = outputs else { return Ok(Vec::new()) };
    let classes = manifest.labels.len();
    let [1, n, 4] = boxes.shape else { return Err(shape_error(manifest, boxes, "expected 1, n, 4")) };
    if scores.shape != [1, *n, classes as i64] {
        return Err(shape_error(manifest, scores, "expected 1, n, classes"));
    }
    let (width, height) = (manifest.input.width as f32, manifest.input.height as f32);
    let mut found = Vec::new();
    for (corners, scores) in boxes.data.chunks_exact(4).zip(scores.data.chunks_exact(classes)) {
        let Some((label, score)) = best(scores, &manifest.labels, score_min) else { continue };
        let [x0, y0, x1, y1] = corners else { continue };
        if let Some(rect) = placement.to_picture(x0 * width, y0 * height, x1 * width, y1 * height) {
            found.push(Detection { label, score, rect });
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on what it did not expect")]

    use super::*;
    use crate::model::yolox::tests::{same, tiny};

    fn check(corners: [f32; 4], scores: [f32; 3], expected: &[(usize, f32, [f32; 4])]) {
        let manifest = tiny("ssd", &["b", "s"], "[\"car\", \"person\", \"\"]", "");
        let views = [
            View { name: "b", shape: &[1, 1, 4], data: &corners },
            View { name: "s", shape: &[1, 1, 3], data: &scores },
        ];
        let placement = Placement { width: 16.0, height: 16.0 };
        same(&read(&manifest, &views, placement, 0.3).unwrap(), expected);
    }

    #[test]
    fn boxes() {
        check([0.1, 0.2, 0.3, 0.6], [0.1, 0.8, 0.1], &[(0, 0.8, [0.1, 0.2, 0.2, 0.4])]);
        check([0.1, 0.2, 0.3, 0.6], [0.7, 0.2, 0.1], &[(2, 0.7, [0.1, 0.2, 0.2, 0.4])]);
        check([0.1, 0.2, 0.3, 0.6], [0.35, 0.05, 0.6], &[]); // background
        check([0.1, 0.2, 0.3, 0.6], [0.2, 0.2, 0.2], &[]);
        check([0.3, 0.2, 0.1, 0.6], [0.1, 0.8, 0.1], &[]); // inside out
    }

    #[test]
    fn wrong_shapes() {
        let manifest = tiny("ssd", &["b", "s"], "[\"car\", \"person\", \"\"]", "");
        let view = View { name: "b", shape: &[1, 4], data: &[0.0; 4] };
        let placement = Placement { width: 16.0, height: 16.0 };
        assert!(read(&manifest, &[view, view], placement, 0.3).is_err());
    }
}
