//! Sight: what one gray picture shows of the structure of a scene, cell by cell.
//!
//! Promises: pure; with `reference`, 0.15 ms of one core for 320×180 pixels (measured). A change of brightness or contrast,
//! or a swap of light and dark, leaves the direction of an edge as it was; sensor noise is measured in the picture itself
//! and taken off.
//! Leaves to others: what is usual (`reference`), what it means (`rule`).
//!
//! A cell is 4×4 pixels. The gradient between cells is kept as a doubled angle (a structure tensor, Förstner 1987): edges
//! of opposite contrast are the same edge, and the mean of many sights is long only where an edge always stands.

use nvr_plugin_api::Frame;

/// Side of a cell, pixels.
pub(crate) const CELL_PX: usize = 4;
/// Fewest cells of a side: below, nothing can be told.
const SIDE_CELLS_MIN: usize = 16;
/// An edge between cells of this many gray levels is half believed: shading of smooth things makes one or two, contours more.
const LEVELS_HALF: f32 = 3.0;
/// … and so much more for each level of noise between pixels: twice what is left of it between cells.
const NOISE_SHARE: f32 = 0.4;
/// The flattest tenth of the cells shows the noise alone.
const FLAT_SHARE: usize = 10;
/// Darker than this on average nothing is to be seen, gray levels of 255.
const DARK_LEVEL: f32 = 24.0;

/// The gray with which masks are painted over: no scene has it evenly, to the level, for long.
const MASK_LEVEL: f32 = 114.0;

/// One cell.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Cell {
    /// Edge direction around it, doubled angle, length 0..1: how much of one direction, and how sure.
    pub(crate) edge: (f32, f32),
    /// Mean gradient between cells around it, gray levels a cell.
    pub(crate) strength: f32,
    /// Mean square of the differences between neighbouring pixels in it, gray levels², noise taken off.
    pub(crate) detail: f32,
    /// Whether it is all paint.
    pub(crate) masked: bool,
}

/// One picture.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sight {
    pub(crate) columns: usize,
    pub(crate) rows: usize,
    /// Row by row.
    pub(crate) cells: Vec<Cell>,
    /// Mean gray level.
    pub(crate) level: f32,
}

impl Sight {
    /// `None` when the picture is too small to tell anything.
    pub(crate) fn of(frame: &Frame<'_>) -> Option<Self> {
        let (columns, rows) = (frame.width as usize / CELL_PX, frame.height as usize / CELL_PX);
        if columns < SIDE_CELLS_MIN || rows < SIDE_CELLS_MIN {
            return None;
        }
        let (levels, details) = means(frame, columns, rows);
        let noise = noise_of(&details);
        let gradients = gradients(&levels, columns, rows);
        let half = LEVELS_HALF + NOISE_SHARE * noise.sqrt();
        let mut cells = around(&gradients, columns, half);
        for (cell, (detail, level)) in cells.iter_mut().zip(details.iter().zip(&levels)) {
            cell.detail = (detail - noise).max(0.0);
            cell.masked = *detail == 0.0 && *level == MASK_LEVEL;
        }
        let level = levels.iter().sum::<f32>() / levels.len().max(1) as f32;
        Some(Self { columns, rows, cells, level })
    }

    /// Whether it is too dark to see.
    pub(crate) fn is_dark(&self) -> bool {
        self.level < DARK_LEVEL
    }
}

/// Mean level, and mean square of the differences between neighbouring pixels, of each cell.
fn means(frame: &Frame<'_>, columns: usize, rows: usize) -> (Vec<f32>, Vec<f32>) {
    /// Three differences along and four down in each of four rows.
    const DIFFERENCES: f32 = 28.0;
    let mut levels = Vec::with_capacity(columns * rows);
    let mut details = Vec::with_capacity(columns * rows);
    let last = frame.height.saturating_sub(1);
    for row in 0..rows {
        let mut sums = vec![(0u32, 0u32); columns];
        for line in 0..CELL_PX {
            let y = u32::try_from(row * CELL_PX + line).unwrap_or(last);
            let (here, below) = (frame.row(y), frame.row((y + 1).min(last)));
            let quads = here.chunks_exact(CELL_PX).zip(below.chunks_exact(CELL_PX));
            for (sum, (four, under)) in sums.iter_mut().zip(quads) {
                if let ([a, b, c, d], [e, f, g, h]) = (four, under) {
                    sum.0 += u32::from(*a) + u32::from(*b) + u32::from(*c) + u32::from(*d);
                    let square = |a: &u8, b: &u8| u32::from(a.abs_diff(*b)).pow(2);
                    sum.1 += square(a, b) + square(b, c) + square(c, d);
                    sum.1 += square(a, e) + square(b, f) + square(c, g) + square(d, h);
                }
            }
        }
        levels.extend(sums.iter().map(|s| s.0 as f32 / (CELL_PX * CELL_PX) as f32));
        details.extend(sums.iter().map(|s| s.1 as f32 / DIFFERENCES));
    }
    (levels, details)
}

/// The mean square that the flattest cells still have.
fn noise_of(details: &[f32]) -> f32 {
    let mut sorted = details.to_vec();
    let at = sorted.len() / FLAT_SHARE;
    if at >= sorted.len() {
        return 0.0;
    }
    *sorted.select_nth_unstable_by(at, f32::total_cmp).1
}

/// Of each cell: gradient with its angle doubled, and its strength.
fn gradients(levels: &[f32], columns: usize, rows: usize) -> Vec<[f32; 3]> {
    let row = |y: usize| levels.get(y * columns..(y + 1) * columns).unwrap_or(&[]);
    let mut found = Vec::with_capacity(levels.len());
    for y in 0..rows {
        let (above, here, below) = (row(y.saturating_sub(1)), row(y), row((y + 1).min(rows - 1)));
        let left = here.iter().take(1).chain(here);
        let right = here.iter().skip(1).chain(here.last());
        for ((l, r), (a, b)) in left.zip(right).zip(above.iter().zip(below)) {
            let (gx, gy) = ((r - l) / 2.0, (b - a) / 2.0);
            let strength = gx.hypot(gy);
            let per = if strength > 0.0 { 1.0 / strength } else { 0.0 };
            found.push([(gx * gx - gy * gy) * per, 2.0 * gx * gy * per, strength]);
        }
    }
    found
}

/// The gradients of three by three cells together, as a direction of length 0..1: with `half` levels, half.
fn around(gradients: &[[f32; 3]], columns: usize, half: f32) -> Vec<Cell> {
    let add = |a: &[f32; 3], b: &[f32; 3]| {
        let ([a0, a1, a2], [b0, b1, b2]) = (a, b);
        [a0 + b0, a1 + b1, a2 + b2]
    };
    let three = |from: &[[f32; 3]], step: usize| -> Vec<[f32; 3]> {
        let none = [0.0; 3];
        let before = std::iter::repeat_n(&none, step).chain(from);
        let after = from.iter().skip(step).chain(std::iter::repeat_n(&none, step));
        from.iter().zip(before).zip(after).map(|((here, b), a)| add(&add(here, b), a)).collect()
    };
    // Along the rows the first and last cells borrow from the row beside: two cells of eighty.
    let sums = three(&three(gradients, 1), columns);
    let cell = |[x, y, strength]: &[f32; 3]| {
        let all = strength + 9.0 * half;
        Cell { edge: (x / all, y / all), strength: strength / 9.0, ..Cell::default() }
    };
    sums.iter().map(cell).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const W: u32 = 64;
    const H: u32 = 64;

    /// The sight of a painted picture, at the cell in its middle: direction (doubled angle) and strength.
    fn check(paint: impl Fn(u32, u32) -> u8, direction: (f32, f32), strength_min: f32) {
        let data: Vec<u8> =
            (0..H).flat_map(|y| (0..W).map(move |x| (x, y))).map(|(x, y)| paint(x, y)).collect();
        let frame = Frame { data: &data, width: W, height: H, stride: W, channels: 1 };
        let sight = Sight::of(&frame).unwrap_or_else(|| panic!("no sight"));
        let cell = sight.cells.get(8 * sight.columns + 8).copied().unwrap_or_default();
        let off = (cell.edge.0 - direction.0).hypot(cell.edge.1 - direction.1);
        assert!(off < 0.2, "{cell:?} is not {direction:?}");
        assert!(cell.strength >= strength_min, "{cell:?}");
    }

    #[test]
    fn an_edge_is_the_same_whichever_side_is_light() {
        check(|x, _| if x < 32 { 40 } else { 200 }, (1.0, 0.0), 20.0);
        check(|x, _| if x < 32 { 200 } else { 40 }, (1.0, 0.0), 20.0);
        check(|_, y| if y < 32 { 90 } else { 110 }, (-0.8, 0.0), 3.0);
        check(|x, y| if x + y < 64 { 40 } else { 200 }, (0.0, 1.0), 20.0);
    }

    #[test]
    fn flat_and_noisy_have_none() {
        check(|_, _| 128, (0.0, 0.0), 0.0);
        check(|x, y| 100 + ((x * 7919 + y * 104_729 + x * y * 31) % 23) as u8, (0.0, 0.0), 0.0);
    }

    #[test]
    fn too_small_is_nothing() {
        let data = [0u8; 32 * 32];
        assert!(Sight::of(&Frame { data: &data, width: 32, height: 32, stride: 32, channels: 1 }).is_none());
    }
}
