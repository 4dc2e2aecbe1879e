//! Flame: a region of cells whose light has the colour of a flame, flickers out of order, and stays.
//!
//! Promises: pure; bounded memory: the last [`WINDOW`] looks, three bytes a cell each. What is told: a beacon (it comes
//! again), a sign or a sunset (it does not flicker), headlights (they pass), a red flag or red clothes (no hot core).
//! Leaves to others: how long it must last (`rule`), which cells do not count (people, moving vehicles).

use crate::cells::Grid;
use crate::look::{Cell, Look};
use std::collections::VecDeque;

/// Looks that are judged together: three seconds at five a second.
const WINDOW: usize = 15;
/// A window longer than this is none: the pictures are too few, µs.
const WINDOW_US_MAX: i64 = 10_000_000;
/// A cell has the light of a flame with so many of its 16 pixels.
const PIXELS_MIN: u8 = 3;
/// It flickers when its light changes by this from look to look on average, levels: noise and an encoder's ripple make 1
/// to 3, the edge of a flame 20 and more.
const CHANGE_MIN: f32 = 16.0;
/// A turn from rising to falling counts when both are of so many levels.
const TURN: i32 = 5;
/// Of 13 places where light may turn an irregular one turns at 8.7 (two of three: Kendall's turning points), what passes
/// or shades turns at one or two.
const TURNS_MIN: usize = 5;
/// It stays: its light is there in so many of the looks. What drives by is gone.
const PRESENT_MIN: usize = 6;
/// Cells of a region; a cell is 1/48 of the picture's width. Without colour less is known, and more asked for.
const CELLS_MIN: (usize, usize) = (3, 8);
/// Of a region's flame pixels so many are hot, and so many glow: films of flames have a tenth to four fifths hot and, where
/// the picture is overexposed, few that glow; paint, cloth and skin have one or the other.
const KINDS_MIN: (f32, f32) = (0.08, 0.02);
/// The light of a flame has no ceiling: how far its brighter looks lie apart, of all it changes by. What is lit and now and
/// then covered (a yellow road marking under a crowd) is as bright each time it shows.
const CEILING_MIN: f32 = 0.1;
/// Distance of a look from its nearest other one, against that of neighbours in time: what blinks or turns comes again (0 to
/// 0.2), a flame of a few cells does not (0.5 to 0.9).
const NEVER_AGAIN_MIN: f32 = 0.4;
/// Without colour: the light is new when its cell was usually without, as a share of looks.
const USUAL_MAX: f32 = 0.3;
/// … which is followed with this time, seconds.
const USUAL_S: f32 = 60.0;
/// … and must be known for so long, seconds.
const KNOWN_S: f32 = 2.0;

/// A region that burns.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Burning {
    pub(crate) cells: Vec<usize>,
    /// Mean change of its light from look to look, levels.
    pub(crate) flicker: f32,
    /// How little its looks come again, 0..1.
    pub(crate) never_again: f32,
    /// When the window began.
    pub(crate) since_us: i64,
}

/// What is asked of its flicker, levels.
pub(crate) const FLICKER_MIN: f32 = CHANGE_MIN;

#[derive(Debug, Clone)]
struct Lights {
    at_us: i64,
    cells: Vec<Light>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Light {
    light: u8,
    flame: u8,
    hot: u8,
    glow: u8,
    /// People or moving vehicles are there.
    hidden: bool,
}

impl Light {
    fn of(cell: &Cell, hidden: bool) -> Self {
        let Cell { light, flame, hot, glow, .. } = *cell;
        Self { light, flame, hot, glow, hidden }
    }
}

/// The last looks.
#[derive(Debug, Default)]
pub(crate) struct Flames {
    lights: VecDeque<Lights>,
    coloured: bool,
    grid: Option<Grid>,
    /// Without colour: how usual a light is in each cell, 0..1, and for how long that is known, seconds.
    usual: Vec<f32>,
    known_s: f32,
}

impl Flames {
    /// Forgets the looks: time was lost, or the picture jumped.
    pub(crate) fn interrupt(&mut self) {
        self.lights.clear();
    }

    /// One look; `counts` says which cells are watched, `hidden` where something moves that is no flame. Out: the
    /// regions that burn.
    pub(crate) fn step(&mut self, look: &Look, at_us: i64, counts: &[bool], hidden: &[bool]) -> Vec<Burning> {
        if self.grid != Some(look.grid) || self.coloured != look.coloured {
            *self = Self { grid: Some(look.grid), coloured: look.coloured, ..Self::default() };
            self.usual = vec![0.0; look.grid.len()];
        }
        let span_s = self.lights.back().map_or(0, |last| (at_us - last.at_us).max(0)) as f32 / 1e6;
        self.learn(look, span_s.min(1.0));
        if self.lights.len() >= WINDOW {
            self.lights.pop_front();
        }
        let cells = look.cells.iter().zip(hidden).map(|(cell, hidden)| Light::of(cell, *hidden)).collect();
        self.lights.push_back(Lights { at_us, cells });
        let since_us = self.lights.front().map_or(at_us, |l| l.at_us);
        if self.lights.len() < WINDOW || at_us - since_us > WINDOW_US_MAX {
            return Vec::new();
        }
        let marked = (0..look.grid.len()).map(|n| counts.get(n) == Some(&true) && self.flickers(n)).collect();
        let least = if look.coloured { CELLS_MIN.0 } else { CELLS_MIN.1 };
        let regions = look.grid.regions(marked, least);
        regions.into_iter().filter_map(|cells| self.judge(cells, since_us)).collect()
    }

    fn learn(&mut self, look: &Look, span_s: f32) {
        if look.coloured {
            return;
        }
        self.known_s += span_s;
        let share = span_s / self.known_s.clamp(span_s.max(f32::EPSILON), USUAL_S);
        for (usual, cell) in self.usual.iter_mut().zip(&look.cells) {
            let there = if cell.flame >= PIXELS_MIN { 1.0 } else { 0.0 };
            *usual += share * (there - *usual);
        }
    }

    fn series(&self, cell: usize) -> impl Iterator<Item = Light> + '_ {
        self.lights.iter().map(move |l| l.cells.get(cell).copied().unwrap_or_default())
    }

    /// Mean change of a cell's light, and how often it turns.
    fn changes(&self, cell: usize) -> (f32, usize) {
        let (mut sum, mut turns, mut trend) = (0, 0, 0);
        let mut last: Option<i32> = None;
        // From where the light has risen or fallen.
        let mut corner = 0;
        for light in self.series(cell).map(|l| i32::from(l.light)) {
            if let Some(last) = last {
                sum += (light - last).abs();
                let way = (light - corner).signum();
                if trend == 0 || way == trend {
                    if (light - corner).abs() >= TURN {
                        (trend, corner) = (way, light);
                    }
                } else if (light - corner).abs() >= TURN {
                    turns += 1;
                    (trend, corner) = (way, light);
                }
            } else {
                corner = light;
            }
            last = Some(light);
        }
        (sum as f32 / (WINDOW - 1) as f32, turns)
    }

    fn flickers(&self, cell: usize) -> bool {
        let there = self.series(cell).filter(|l| l.flame >= PIXELS_MIN).count();
        if there < PRESENT_MIN || self.series(cell).any(|l| l.hidden) {
            return false;
        }
        let is_new = self.coloured
            || self.known_s >= KNOWN_S && self.usual.get(cell).is_some_and(|usual| *usual <= USUAL_MAX);
        let (change, turns) = self.changes(cell);
        is_new && change >= CHANGE_MIN && turns >= TURNS_MIN
    }

    /// Whether a region has the colours of a flame, and never comes again.
    fn judge(&self, cells: Vec<usize>, since_us: i64) -> Option<Burning> {
        let (mut flame, mut hot, mut glow) = (0u32, 0u32, 0u32);
        for light in cells.iter().flat_map(|cell| self.series(*cell)) {
            flame += u32::from(light.flame);
            hot += u32::from(light.hot);
            glow += u32::from(light.glow);
        }
        let share = |n: u32| n as f32 / flame.max(1) as f32;
        if self.coloured && (share(hot) < KINDS_MIN.0 || share(glow) < KINDS_MIN.1) {
            return None;
        }
        if self.ceiling(&cells) < CEILING_MIN {
            return None;
        }
        let never_again = self.never_again(&cells);
        let change: f32 = cells.iter().map(|cell| self.changes(*cell).0).sum();
        let flicker = change / cells.len().max(1) as f32;
        (never_again >= NEVER_AGAIN_MIN).then_some(Burning { cells, flicker, never_again, since_us })
    }

    /// How far the brightest third of a cell's looks spreads, of all its looks; mean over the cells.
    fn ceiling(&self, cells: &[usize]) -> f32 {
        let spread = |cell: &usize| {
            let mut lights: Vec<u8> = self.series(*cell).map(|l| l.light).collect();
            lights.sort_unstable();
            let at = |n: usize| f32::from(lights.get(n).copied().unwrap_or(0));
            let most = at(lights.len().saturating_sub(1));
            (most - at(lights.len() - lights.len() / 3)) / (most - at(0)).max(1.0)
        };
        cells.iter().map(spread).sum::<f32>() / cells.len().max(1) as f32
    }

    /// How far a look is from the nearest one that is not its neighbour, against the distance of neighbours.
    fn never_again(&self, cells: &[usize]) -> f32 {
        let light = |l: &Lights, n: &usize| l.cells.get(*n).map_or(0, |c| i32::from(c.light));
        let vectors: Vec<Vec<i32>> =
            self.lights.iter().map(|l| cells.iter().map(|n| light(l, n)).collect()).collect();
        let distance = |a: &[i32], b: &[i32]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<i32>();
        let step: i32 = vectors.iter().zip(vectors.iter().skip(1)).map(|(a, b)| distance(a, b)).sum();
        let nearest = |n: usize, v: &[i32]| {
            let others = vectors.iter().enumerate().filter(|(m, _)| m.abs_diff(n) > 1);
            others.map(|(_, other)| distance(v, other)).min().unwrap_or(0)
        };
        let sum: i32 = vectors.iter().enumerate().map(|(n, v)| nearest(n, v)).sum();
        let looks = vectors.len().max(2) as f32;
        (sum as f32 / looks) / (step as f32 / (looks - 1.0)).max(1.0)
    }
}
