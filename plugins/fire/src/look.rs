//! Look: what one small colour picture shows, cell by cell.
//!
//! Promises: pure. Leaves to others: what it means over time (`flame`, `smoke`).
//!
//! A pixel has the colour of a flame when it passes the rules of Celik and Demirel (Fire Safety Journal 44, 2009) in YCbCr:
//! brighter than its blue-difference, more red than blue by a margin, brighter, redder and less blue than the picture's
//! mean; and when its red is that of a light and not of a lit thing (Chen, Wu and Chiou 2004, a stricter level).
//! Their fitted curves of the third rule were made for one set of pictures and are left out: time decides, not colour.

use crate::cells::{CELL_PX, Grid};
use nvr_plugin_api::Frame;

/// Fewest cells of a side: below, nothing can be told.
const SIDE_CELLS_MIN: usize = 8;
/// Red-difference above blue-difference, levels: their τ.
const RED_OVER_BLUE: i32 = 40;
/// A light's red, levels: a thing lit by the day is seldom so red and so bright.
const LIGHT_RED: i32 = 190;
/// Hot: yellow to white. Green is at least so much of red, and red near full …
const HOT_GREEN: f32 = 0.62;
const HOT_RED: i32 = 225;
/// … and glowing: orange to red. Green is at most so much of red.
const GLOW_GREEN: f32 = 0.58;
/// A picture with less colour than this on average has none: mean distance of a pixel's strongest from its weakest channel,
/// levels. Chroma noise of a night picture makes 2 to 5, a gray winter's day 10 and more.
const COLOUR_MIN: f32 = 6.0;
/// Without colour a flame is near white.
const WHITE: i32 = 235;

/// One cell; shares are pixels of its 16.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Cell {
    /// Light of its flame-coloured pixels, over all its pixels, 0..255.
    pub(crate) light: u8,
    /// Pixels with the colour of a flame …
    pub(crate) flame: u8,
    /// … of them hot …
    pub(crate) hot: u8,
    /// … and glowing.
    pub(crate) glow: u8,
    /// Mean luma.
    pub(crate) luma: f32,
    /// Mean difference of luma between neighbouring pixels: the energy of its edges.
    pub(crate) detail: f32,
    /// Mean distance of the strongest channel from the weakest.
    pub(crate) tint: f32,
}

/// One picture.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Look {
    pub(crate) grid: Grid,
    /// Row by row.
    pub(crate) cells: Vec<Cell>,
    /// Luma of every pixel of the cells, row by row.
    pub(crate) luma: Vec<u8>,
    /// Whether it has colour.
    pub(crate) coloured: bool,
}

#[derive(Debug, Clone, Copy)]
struct Pixel {
    red: i32,
    green: i32,
    blue: i32,
    luma: i32,
    /// Blue-difference and red-difference, 128 none.
    cb: i32,
    cr: i32,
}

impl Pixel {
    fn of([red, green, blue]: [u8; 3]) -> Self {
        let (red, green, blue) = (i32::from(red), i32::from(green), i32::from(blue));
        Self {
            red,
            green,
            blue,
            luma: (77 * red + 150 * green + 29 * blue) >> 8,
            cb: 128 + ((-43 * red - 85 * green + 128 * blue) >> 8),
            cr: 128 + ((128 * red - 107 * green - 21 * blue) >> 8),
        }
    }

    fn tint(&self) -> i32 {
        self.red.max(self.green).max(self.blue) - self.red.min(self.green).min(self.blue)
    }

    /// Whether it has the colour of a flame, in a picture with these means of luma, blue- and red-difference.
    fn is_flame(&self, [luma, cb, cr]: [i32; 3]) -> bool {
        self.red >= LIGHT_RED
            && self.red >= self.green
            && self.green >= self.blue
            && self.luma >= self.cb.max(luma)
            && self.cr - self.cb >= RED_OVER_BLUE
            && self.cb <= cb
            && self.cr >= cr
    }
}

impl Look {
    /// `None` when the picture is too small to tell anything, or has no colours.
    pub(crate) fn of(frame: &Frame<'_>) -> Option<Self> {
        let grid = Grid { columns: frame.width as usize / CELL_PX, rows: frame.height as usize / CELL_PX };
        if grid.columns.min(grid.rows) < SIDE_CELLS_MIN || frame.channels != 3 {
            return None;
        }
        let (width, height) = (grid.columns * CELL_PX, grid.rows * CELL_PX);
        let mut pixels = Vec::with_capacity(width * height);
        for row in frame.rows().take(height) {
            let (triples, _) = row.as_chunks::<3>();
            pixels.extend(triples.iter().take(width).map(|p| Pixel::of(*p)));
        }
        let n = i32::try_from(pixels.len()).unwrap_or(i32::MAX).max(1);
        let sums = pixels
            .iter()
            .fold([0; 4], |[luma, cb, cr, tint], p| [luma + p.luma, cb + p.cb, cr + p.cr, tint + p.tint()]);
        let [luma, cb, cr, tint] = sums;
        let means = [luma / n, cb / n, cr / n];
        let coloured = tint as f32 / n as f32 >= COLOUR_MIN;
        let mut tallies = vec![Tally::default(); grid.len()];
        let rows = || pixels.chunks_exact(width);
        for (y, (row, below)) in rows().zip(rows().skip(1).chain(rows().last())).enumerate() {
            let at = y / CELL_PX * grid.columns;
            let cells = tallies.get_mut(at..at + grid.columns).unwrap_or_default();
            let blocks = row.chunks_exact(CELL_PX).zip(below.chunks_exact(CELL_PX));
            for (tally, (block, under)) in cells.iter_mut().zip(blocks) {
                for (n, (p, under)) in block.iter().zip(under).enumerate() {
                    let beside = block.get(n + 1).unwrap_or(p);
                    tally.edges += (p.luma - beside.luma).abs() + (p.luma - under.luma).abs();
                    tally.add(p, if coloured { p.is_flame(means) } else { p.luma >= WHITE });
                }
            }
        }
        let luma = pixels.iter().map(|p| u8::try_from(p.luma).unwrap_or(u8::MAX)).collect();
        Some(Self { grid, cells: tallies.iter().map(Tally::cell).collect(), luma, coloured })
    }
}

/// Sums over the pixels of a cell.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    light: i32,
    flame: u8,
    hot: u8,
    glow: u8,
    luma: i32,
    edges: i32,
    tint: i32,
}

impl Tally {
    fn add(&mut self, p: &Pixel, flame: bool) {
        self.luma += p.luma;
        self.tint += p.tint();
        if flame {
            let green = p.green as f32 / p.red.max(1) as f32;
            self.light += (p.red + p.green) / 2;
            self.flame += 1;
            self.hot += u8::from(green >= HOT_GREEN && p.red >= HOT_RED);
            self.glow += u8::from(green <= GLOW_GREEN);
        }
    }

    fn cell(&self) -> Cell {
        const PIXELS: i32 = (CELL_PX * CELL_PX) as i32;
        /// Three neighbours along, four below, in each of four rows.
        const NEIGHBOURS: f32 = 28.0;
        Cell {
            light: u8::try_from(self.light / PIXELS).unwrap_or(u8::MAX),
            flame: self.flame,
            hot: self.hot,
            glow: self.glow,
            luma: self.luma as f32 / PIXELS as f32,
            detail: self.edges as f32 / NEIGHBOURS,
            tint: self.tint as f32 / PIXELS as f32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: u32 = 64;

    /// A spot of a colour in the middle of a plain picture: pixels of the cell in its middle that are flame, hot, glowing.
    fn check(plain: [u8; 3], spot: [u8; 3], expected: [u8; 3]) {
        let inside = |n: u32| (24..40).contains(&(n % SIDE)) && (24..40).contains(&(n / SIDE));
        let data: Vec<u8> = (0..SIDE * SIDE).flat_map(|n| if inside(n) { spot } else { plain }).collect();
        let frame = Frame { data: &data, width: SIDE, height: SIDE, stride: SIDE * 3, channels: 3 };
        let look = Look::of(&frame).unwrap_or_else(|| panic!("no look"));
        let cell = look.cells.get(8 * look.grid.columns + 8).copied().unwrap_or_default();
        assert_eq!([cell.flame, cell.hot, cell.glow], expected, "{spot:?} before {plain:?}");
    }

    #[test]
    fn colours_of_flames() {
        let green = [60, 90, 50];
        check(green, [255, 200, 90], [16, 16, 0]);
        check(green, [240, 110, 40], [16, 0, 16]);
        check(green, [255, 240, 160], [16, 16, 0]);
    }

    #[test]
    fn colours_of_other_things() {
        let green = [60, 90, 50];
        for other in [[150, 30, 30], [255, 255, 255], [230, 240, 60], [200, 60, 200], [90, 120, 230]] {
            check(green, other, [0, 0, 0]);
        }
    }

    #[test]
    fn without_colour_white_is_a_light() {
        check([40, 40, 40], [250, 250, 250], [16, 16, 0]);
        check([40, 40, 40], [200, 200, 200], [0, 0, 0]);
    }
}
