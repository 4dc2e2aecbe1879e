//! Crowd density: a map whose sum over a region is the number of people in it (MCNN, Zhang et al. 2016).
//!
//! Promises: a shape that does not fit is an error; cells that are not finite or below zero count nothing.
//! Leaves to others: what is too many (the crowd-density plugin).

use super::detector;
use super::error::ModelError;
use super::frame::FrameRgb;
use super::loaded::Loaded;
use super::manifest::{Family, Manifest};
use super::runtime::Runtime;
use super::session::View;
use super::yolox::shape_error;
use nvr_base::geometry::{Point, Polygon};
use std::path::Path;

/// Most cells of a map.
const CELLS_MAX: usize = 1 << 20;

/// People per cell.
#[derive(Debug, Clone, PartialEq)]
pub struct Density {
    /// Cells a row.
    pub columns: usize,
    /// Rows.
    pub rows: usize,
    /// People in each cell, row by row; none below zero.
    pub cells: Vec<f32>,
}

impl Density {
    /// People in the picture.
    pub fn count(&self) -> f32 {
        self.cells.iter().sum()
    }

    /// People in the cells whose centre lies in a zone.
    pub fn count_in(&self, zone: &Polygon) -> f32 {
        let centre = |i: usize| Point {
            x: ((i % self.columns.max(1)) as f32 + 0.5) / self.columns.max(1) as f32,
            y: ((i / self.columns.max(1)) as f32 + 0.5) / self.rows.max(1) as f32,
        };
        self.cells.iter().enumerate().filter(|(i, _)| zone.contains(centre(*i))).map(|(_, v)| v).sum()
    }
}

/// The map of one frame. `outputs`: one tensor `[1, 1, rows, columns]`.
pub fn read(manifest: &Manifest, outputs: &[View<'_>]) -> Result<Density, ModelError> {
    let empty = Density { columns: 0, rows: 0, cells: Vec::new() };
    let [map] = outputs else { return Ok(empty) };
    let side = |n: i64| usize::try_from(n).ok().filter(|n| *n > 0);
    let (rows, columns) = match map.shape {
        [1, 1, rows, columns] => (side(*rows), side(*columns)),
        _ => (None, None),
    };
    match (rows, columns) {
        (Some(rows), Some(columns)) if map.data.len() <= CELLS_MAX && rows * columns == map.data.len() => {
            let cells = map.data.iter().map(|v| if v.is_finite() { v.max(0.0) } else { 0.0 }).collect();
            Ok(Density { columns, rows, cells })
        }
        _ => Err(shape_error(manifest, map, "expected 1, 1, rows, columns")),
    }
}

/// A density model, loaded.
#[derive(Debug)]
pub struct DensityCounter(Loaded);

impl DensityCounter {
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
        Loaded::of_bytes(runtime, manifest, bytes, threads, "density", |f| f == Family::Density).map(Self)
    }

    /// What goes in.
    pub fn input(&self) -> &super::manifest::Input {
        &self.0.manifest.input
    }

    /// The density of a frame.
    pub fn count(&mut self, frame: &FrameRgb<'_>) -> Result<Density, ModelError> {
        self.0.run(frame, |manifest, views, _| read(manifest, views))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on what it did not expect")]

    use super::*;
    use crate::model::yolox::tests::tiny;

    fn check(shape: &[i64], data: &[f32], expected: Option<f32>) {
        let manifest = tiny("density", &["d"], "[\"person\"]", "");
        let map = read(&manifest, &[View { name: "d", shape, data }]);
        assert_eq!(map.ok().map(|m| m.count()), expected);
    }

    #[test]
    fn counts() {
        check(&[1, 1, 2, 2], &[1.0, 0.5, 0.25, 0.25], Some(2.0));
        check(&[1, 1, 2, 2], &[1.0, -0.5, f32::NAN, 0.5], Some(1.5));
        check(&[1, 1, 2, 3], &[0.0; 4], None);
        check(&[1, 1, -2, -2], &[0.0; 4], None);
        check(&[2, 2], &[0.0; 4], None);
        let map = Density { columns: 2, rows: 2, cells: vec![1.0, 2.0, 4.0, 8.0] };
        let right = [[0.5, 0.0], [1.0, 0.0], [1.0, 1.0], [0.5, 1.0]].map(Point::from).to_vec();
        assert_eq!(map.count_in(&Polygon(right)), 10.0);
    }
}
