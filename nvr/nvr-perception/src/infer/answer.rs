//! A declared model and its answers as plugins get them: boxes, joints of bodies, a grid, in the picture's coordinates.
//!
//! Promises: the shapes of the plugin contract (`nvr_result_kind_t`); the points of faces are gone before anything gets
//!   here; a grid has at most [`GRID_CELLS_MAX`] cells and the sum it had.
//! Leaves to others: what is looked at (`choice`), limits of a frame's results (`infer`).

use crate::model::manifest::{Family, Input};
use crate::model::{Density, DensityCounter, Detector, FrameRgb, ModelError, Pose, PoseEstimator, Shelf};
use nvr_base::Rect;
use nvr_base::scene::Detection;

/// `NVR_RESULT_BOXES`, `NVR_RESULT_KEYPOINTS`, `NVR_RESULT_GRID`.
const BOXES: i32 = 1;
const KEYPOINTS: i32 = 2;
const GRID: i32 = 3;

/// Most cells of a grid: a quarter of what all results of a frame may have.
pub(super) const GRID_CELLS_MAX: usize = nvr_base::analysis::FLOATS_MAX / 4;
/// Most boxes of one result.
const BOXES_MAX: usize = 128;

/// What a model said.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answer {
    pub(super) kind: i32,
    pub(super) dims: Vec<u32>,
    pub(super) data: Vec<f32>,
}

/// A declared model, loaded.
#[derive(Debug)]
pub enum Model {
    /// Labelled boxes.
    Boxes(Detector),
    /// Bodies.
    Poses(PoseEstimator),
    /// People per cell.
    Density(DensityCounter),
}

impl Model {
    /// Opens model `id` of the shelf.
    ///
    /// # Errors
    /// It is not there, or ONNX Runtime refuses it.
    pub fn open(shelf: &Shelf, id: &str, threads: usize) -> Result<Self, ModelError> {
        let (runtime, manifest, bytes) = shelf.model(id)?;
        Ok(match manifest.output.family {
            Family::Movenet => Self::Poses(PoseEstimator::of_bytes(runtime, manifest, bytes, threads)?),
            Family::Density => Self::Density(DensityCounter::of_bytes(runtime, manifest, bytes, threads)?),
            Family::Nanodet | Family::Yolox | Family::Ssd => {
                Self::Boxes(Detector::of_bytes(runtime, manifest, bytes, threads)?)
            }
        })
    }

    pub(super) fn input(&self) -> &Input {
        match self {
            Self::Boxes(model) => &model.manifest().input,
            Self::Poses(model) => model.input(),
            Self::Density(model) => model.input(),
        }
    }

    /// Looks at `rgb`, which shows `region` of the picture.
    pub(super) fn look(
        &mut self,
        rgb: &[u8],
        (width, height): (usize, usize),
        region: &Rect,
    ) -> Result<Answer, ModelError> {
        let frame = FrameRgb::new(width, height, width * 3, rgb)?;
        Ok(match self {
            Self::Boxes(model) => boxes(&model.detect(&frame)?, region),
            Self::Poses(model) => poses(&model.estimate(&frame)?, region),
            Self::Density(model) => grid(model.count(&frame)?),
        })
    }
}

fn boxes(found: &[Detection], region: &Rect) -> Answer {
    let found = found.get(..BOXES_MAX.min(found.len())).unwrap_or_default();
    let one = |d: &Detection| {
        let [x, y] = point(d.rect.x, d.rect.y, region);
        [x, y, d.rect.w * region.w, d.rect.h * region.h, d.score, d.label.index() as f32]
    };
    Answer { kind: BOXES, dims: vec![found.len() as u32, 6], data: found.iter().flat_map(one).collect() }
}

fn poses(found: &[Pose], region: &Rect) -> Answer {
    let joints = found.iter().flat_map(|pose| pose.joints);
    let data = joints.flat_map(|joint| {
        let [x, y] = point(joint.at.x, joint.at.y, region);
        [x, y, joint.score]
    });
    let dims = vec![found.len() as u32, crate::model::movenet::JOINTS as u32, 3];
    Answer { kind: KEYPOINTS, dims, data: data.collect() }
}

fn grid(map: Density) -> Answer {
    let map = pooled(map, GRID_CELLS_MAX);
    Answer { kind: GRID, dims: vec![map.rows as u32, map.columns as u32, 1], data: map.cells }
}

/// A map of at most `cells_max` cells of one size: each old cell is added to the new one in which its centre lies.
fn pooled(map: Density, cells_max: usize) -> Density {
    let size = |by: usize| (map.rows.div_ceil(by), map.columns.div_ceil(by));
    let fits = |by: &usize| size(*by).0 * size(*by).1 <= cells_max.max(1);
    let Some(by) = (1..=map.rows.max(map.columns)).find(fits).filter(|by| *by > 1) else { return map };
    let (rows, columns) = size(by);
    let place = |n: usize, old: usize, new: usize| (2 * n + 1) * new / (2 * old);
    let mut cells = vec![0.0; rows * columns];
    for (n, value) in map.cells.iter().enumerate() {
        let row = place(n / map.columns, map.rows, rows);
        let column = place(n % map.columns, map.columns, columns);
        if let Some(cell) = cells.get_mut(row * columns + column) {
            *cell += value;
        }
    }
    Density { columns, rows, cells }
}

/// A point of what the model saw as a point of the picture.
fn point(x: f32, y: f32, region: &Rect) -> [f32; 2] {
    [region.x + x * region.w, region.y + y * region.h]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::movenet::Joint;
    use nvr_base::{Label, Point};

    const REGION: Rect = Rect { x: 0.5, y: 0.25, w: 0.25, h: 0.5 };

    #[test]
    fn coordinates_are_the_pictures() {
        let rect = Rect { x: 0.5, y: 0.5, w: 0.5, h: 0.25 };
        let found = boxes(&[Detection { label: Label::CAR, score: 0.75, rect }], &REGION);
        assert_eq!(
            (found.kind, found.dims, found.data),
            (1, vec![1, 6], vec![0.625, 0.5, 0.125, 0.125, 0.75, 2.0])
        );
        let joints = [Joint { at: Point { x: 1.0, y: 0.0 }, score: 0.5 }; 12];
        let found = poses(&[Pose { rect, score: 0.9, joints }], &REGION);
        assert_eq!((found.kind, found.dims, found.data.len()), (2, vec![1, 12, 3], 36));
        assert_eq!(found.data.get(..3), Some([0.75, 0.25, 0.5].as_slice()));
        assert_eq!(poses(&[], &REGION).dims, [0, 12, 3]);
    }

    fn check(rows: usize, columns: usize, expected: (usize, usize)) {
        let cells: Vec<f32> = (0..rows * columns).map(|n| (n % 3) as f32).collect();
        let sum: f32 = cells.iter().sum();
        let map = pooled(Density { columns, rows, cells }, 100);
        assert_eq!((map.rows, map.columns), expected, "{rows} × {columns}");
        assert_eq!((map.cells.len(), map.cells.iter().sum::<f32>()), (map.rows * map.columns, sum));
    }

    #[test]
    fn grids_keep_their_sum() {
        check(0, 0, (0, 0));
        check(10, 10, (10, 10));
        check(20, 20, (10, 10));
        check(72, 96, (8, 11));
        check(11, 11, (6, 6));
        check(1, 500, (1, 100));
    }
}
