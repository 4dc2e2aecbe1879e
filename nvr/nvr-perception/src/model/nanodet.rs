//! NanoDet's output: per stride a map of class scores and a map of distances to the four sides.
//!
//! Each distance is a distribution over 11 whole numbers of strides; its expectation is the distance (generalised focal
//! loss, Li et al. 2020, arXiv 2006.04388). A cell's centre is half a stride inside it.
//!
//! Promises: a shape that does not fit is an error; numbers that are not finite give no box.
//! Leaves to others: overlapping boxes (`nms`).

use super::error::ModelError;
use super::letterbox::Placement;
use super::manifest::Manifest;
use super::session::View;
use super::yolox::{best, shape_error};
use nvr_base::scene::Detection;

/// Bins of one distance.
const BINS: usize = 11;

/// The boxes of one frame. `outputs`: the score maps `[1, cells, classes]` (sigmoid done), then the distance maps
/// `[1, cells, 44]`, both in the order of the manifest's strides.
pub fn read(
    manifest: &Manifest,
    outputs: &[View<'_>],
    placement: Placement,
    score_min: f32,
) -> Result<Vec<Detection>, ModelError> {
    let classes = manifest.labels.len();
    let strides = &manifest.output.strides;
    let mut boxes = Vec::new();
    let (scores, distances) = outputs.split_at(strides.len().min(outputs.len()));
    for ((stride, scores), distances) in strides.iter().zip(scores).zip(distances) {
        let (columns, rows) = (manifest.input.width / stride, manifest.input.height / stride);
        if scores.shape != [1, (columns * rows) as i64, classes as i64] {
            return Err(shape_error(manifest, scores, "expected 1, cells, classes"));
        }
        if distances.shape != [1, (columns * rows) as i64, 4 * BINS as i64] {
            return Err(shape_error(manifest, distances, "expected 1, cells, 44"));
        }
        let cells = scores.data.chunks_exact(classes).zip(distances.data.chunks_exact(4 * BINS)).enumerate();
        for (cell, (scores, distances)) in cells {
            let Some((label, score)) = best(scores, &manifest.labels, score_min) else { continue };
            let centre = |i: usize| (i as f32 + 0.5) * *stride as f32;
            let (x, y) = (centre(cell % columns), centre(cell / columns));
            let mut sides = [0.0; 4];
            for (side, bins) in sides.iter_mut().zip(distances.chunks_exact(BINS)) {
                *side = expectation(bins) * *stride as f32;
            }
            let [left, top, right, bottom] = sides;
            if let Some(rect) = placement.to_picture(x - left, y - top, x + right, y + bottom) {
                boxes.push(Detection { label, score, rect });
            }
        }
    }
    Ok(boxes)
}

/// Mean of the bins' numbers under their softmax.
fn expectation(bins: &[f32]) -> f32 {
    let most = bins.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let (mut sum, mut weighted) = (0.0, 0.0);
    for (i, bin) in bins.iter().enumerate() {
        let e = (bin - most).exp();
        sum += e;
        weighted += e * i as f32;
    }
    weighted / sum
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop on what it did not expect")]

    use super::*;
    use crate::model::yolox::tests::{same, tiny};

    const CELLS: usize = 4; // 2 × 2 of stride 8 in 16 × 16

    /// Score of person and bicycle in each cell; distances in strides, whole or half, alike in all cells.
    fn check(scores: [[f32; 2]; CELLS], sides: [f32; 4], expected: &[(usize, f32, [f32; 4])]) {
        let manifest = tiny("nanodet", &["s", "d"], "[\"person\", \"bicycle\"]", "strides = [8]");
        let mut bins = Vec::new();
        for side in sides {
            for bin in 0..BINS {
                let near = (bin as f32 - side).abs();
                bins.push(if near < 0.75 { 30.0 } else { -30.0 }); // half: two bins share
            }
        }
        let distances = bins.repeat(CELLS);
        let scores = scores.concat();
        let views = [
            View { name: "s", shape: &[1, 4, 2], data: &scores },
            View { name: "d", shape: &[1, 4, 44], data: &distances },
        ];
        let placement = Placement { width: 16.0, height: 16.0 };
        same(&read(&manifest, &views, placement, 0.4).unwrap(), expected);
    }

    #[test]
    fn boxes() {
        let nothing = [0.1, 0.1];
        check([nothing; 4], [1.0; 4], &[]);
        // The second cell's centre is (12, 4).
        check(
            [nothing, [0.9, 0.2], nothing, nothing],
            [0.5, 0.5, 0.5, 1.5],
            &[(0, 0.9, [0.5, 0.0, 0.5, 1.0])],
        );
        check([nothing, nothing, [0.4, 0.6], nothing], [0.5; 4], &[(1, 0.6, [0.0, 0.5, 0.5, 0.5])]);
        check([[f32::NAN, 0.1], nothing, nothing, nothing], [0.5; 4], &[]);
        // Distances without size give no box.
        check([[0.9, 0.1], nothing, nothing, nothing], [0.0; 4], &[]);
    }

    #[test]
    fn wrong_shapes() {
        let manifest = tiny("nanodet", &["s", "d"], "[\"person\", \"bicycle\"]", "strides = [8]");
        let data = [0.0; 8];
        let view = View { name: "s", shape: &[1, 2, 4], data: &data };
        let placement = Placement { width: 16.0, height: 16.0 };
        assert!(read(&manifest, &[view, view], placement, 0.4).is_err());
    }
}
