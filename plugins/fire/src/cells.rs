//! Cells: the grid laid over a picture, and the regions of cells that hang together.
//!
//! Promises: pure; a region is connected over edges and corners. Leaves to others: which cells are marked and why.

use nvr_plugin_api::{Point, Rect};

/// Side of a cell, pixels.
pub(crate) const CELL_PX: usize = 4;

/// The grid of one picture size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grid {
    pub(crate) columns: usize,
    pub(crate) rows: usize,
}

impl Grid {
    /// How many cells.
    pub(crate) fn len(&self) -> usize {
        self.columns * self.rows
    }

    /// The centre of a cell, 0..1.
    pub(crate) fn centre(&self, cell: usize) -> Point {
        let (x, y) = (cell % self.columns.max(1), cell / self.columns.max(1));
        Point { x: (x as f32 + 0.5) / self.columns as f32, y: (y as f32 + 0.5) / self.rows as f32 }
    }

    /// The box around cells, 0..1.
    pub(crate) fn around(&self, cells: &[usize]) -> Rect {
        let (mut left, mut top, mut right, mut bottom) = (self.columns, self.rows, 0, 0);
        for cell in cells {
            let (x, y) = (cell % self.columns.max(1), cell / self.columns.max(1));
            (left, right) = (left.min(x), right.max(x + 1));
            (top, bottom) = (top.min(y), bottom.max(y + 1));
        }
        let (w, h) = (self.columns as f32, self.rows as f32);
        Rect {
            x: left as f32 / w,
            y: top as f32 / h,
            w: right.saturating_sub(left) as f32 / w,
            h: bottom.saturating_sub(top) as f32 / h,
        }
    }

    /// The marked cells that hang together, with at least so many.
    pub(crate) fn regions(&self, mut marked: Vec<bool>, cells_min: usize) -> Vec<Vec<usize>> {
        let mut regions = Vec::new();
        for first in 0..self.len() {
            if !take(&mut marked, first) {
                continue;
            }
            let (mut region, mut next) = (vec![first], 0);
            while let Some(cell) = region.get(next).copied() {
                next += 1;
                for beside in self.beside(cell) {
                    if take(&mut marked, beside) {
                        region.push(beside);
                    }
                }
            }
            if region.len() >= cells_min {
                regions.push(region);
            }
        }
        regions
    }

    /// The cells around one.
    fn beside(&self, cell: usize) -> impl Iterator<Item = usize> + use<> {
        let (columns, rows) = (self.columns, self.rows);
        let (x, y) = (cell % columns.max(1), cell / columns.max(1));
        let near = |n: usize, end: usize| n.saturating_sub(1)..(n + 2).min(end);
        near(y, rows)
            .flat_map(move |b| near(x, columns).map(move |a| b * columns + a))
            .filter(move |n| *n != cell)
    }
}

/// Whether it was marked; it is not any more.
fn take(marked: &mut [bool], cell: usize) -> bool {
    marked.get_mut(cell).is_some_and(std::mem::take)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A drawing, `#` marked; sizes of its regions of two and more.
    fn check(rows: &[&str], expected: &[usize]) {
        let grid = Grid { columns: rows.first().map_or(0, |r| r.len()), rows: rows.len() };
        let marked = rows.iter().flat_map(|r| r.bytes().map(|b| b == b'#')).collect();
        let sizes: Vec<usize> = grid.regions(marked, 2).iter().map(Vec::len).collect();
        assert_eq!(sizes, expected, "{rows:?}");
    }

    #[test]
    fn what_hangs_together() {
        check(&["##..", "..#.", "#..."], &[3]);
        check(&["#..#", "#..#"], &[2, 2]);
        check(&["#.#.", "....", "#..."], &[]);
        check(&[], &[]);
    }
}
