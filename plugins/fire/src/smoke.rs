//! Smoke: a gray veil before what always stood there, never still, that grows and rises.
//!
//! Promises: pure; bounded memory: five numbers a cell and one picture's luma. What is told: shadows and lamps (edges stay
//! as sharp, nothing moves in them), people and vehicles (hidden by their boxes; they bring edges and do not rise), fog,
//! clouds and the camera's exposure (everywhere at once), steam (it stands as large as it came: `rule`).
//! Leaves to others: how long it must last and grow (`rule`).
//!
//! After Töreyin, Dedeoğlu and Çetin (2005): smoke takes high-frequency energy from the edges of the background and colour
//! from its pixels; and Yuan (2008): block motion, gathered over time, points upwards.

use crate::cells::{CELL_PX, Grid};
use crate::look::{Cell, Look};

/// The scene is followed with this time, seconds; …
const FOLLOW_S: f32 = 30.0;
/// … where smoke may be, with this one: what stays is the scene some day.
const FOLLOW_SMOKE_S: f32 = 300.0;
/// A cell that is not known for so long says nothing, seconds.
const KNOWN_S: f32 = 2.0;
/// A cell has changed with so many levels of luma; …
const CHANGE_MIN: f32 = 14.0;
/// … it has edges to be veiled with so much detail, levels; …
const DETAIL_MIN: f32 = 5.0;
/// … and is veiled with less than this of it.
const VEILED: f32 = 0.6;
/// Gray: mean distance of the strongest channel from the weakest, levels (Chen and others 2006: 15 to 20, and the light of
/// flames around).
const TINT_MAX: f32 = 30.0;
/// Stirred: its luma changes from look to look by this on average, levels. A wall is still, a passer-by is not smooth.
const STIRRED: (f32, f32) = (1.2, 25.0);
/// … over this time, seconds.
const STIRRED_S: f32 = 1.5;
/// Cells of a region: one in a hundred of a picture of 48 × 27.
const CELLS_MIN: usize = 13;
/// Veiled cells, and their share of those that had edges.
const VEILED_MIN: (usize, f32) = (4, 0.5);
/// Smoke stays where it is: its cell has been smoky for so much of the last time …
const LASTING_MIN: f32 = 0.6;
/// … which is looked at with this time, seconds. Who walks has walked on.
const LASTING_S: f32 = 1.5;
/// A cell is sharpened when its detail is so many times what it was and so many levels more: people and things bring edges,
/// smoke takes them.
const SHARPENED: (f32, f32) = (1.3, 3.0);
/// Of a region's cells at most so many.
const SHARPENED_MAX: f32 = 0.15;
/// More changed cells than this are the light or the camera, not smoke.
const EVERYWHERE: f32 = 0.6;
/// Block motion: pixels to try to each side, and how much better than none a motion must be.
const REACH_PX: i32 = 3;
const BETTER: f32 = 0.9;
/// Motions are gathered over this time, seconds.
const MOTION_S: f32 = 4.0;
/// Share of motions that point upwards: of eight directions three do, by chance 0.38.
const UPWARD_MIN: f32 = 0.5;
/// Motions before that says anything.
const MOTIONS_MIN: f32 = 12.0;

/// A region that may be smoke.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plume {
    pub(crate) cells: Vec<usize>,
    /// Share of its motions that point upwards.
    pub(crate) upward: f32,
    /// Share of its edges that are veiled.
    pub(crate) veiled: f32,
}

#[derive(Debug, Clone, Copy, Default)]
struct Usual {
    luma: f32,
    detail: f32,
    /// For how long it is known, seconds.
    known_s: f32,
    /// Luma at the last look, and how much it changes.
    last: f32,
    stirred: f32,
    /// How much of the last time it was smoky.
    lasting: f32,
}

/// The scene without smoke.
#[derive(Debug, Default)]
pub(crate) struct Smoke {
    grid: Option<Grid>,
    usual: Vec<Usual>,
    /// The last look's luma.
    last: Vec<u8>,
    last_us: Option<i64>,
    /// Gathered motions: up, and all.
    motions: (f32, f32),
}

impl Smoke {
    /// Time was lost: nothing is compared over the gap.
    pub(crate) fn interrupt(&mut self) {
        self.last.clear();
        self.last_us = None;
    }

    /// One look, as for flames. Out: the largest region that veils and is stirred, with how it moves.
    pub(crate) fn step(
        &mut self,
        look: &Look,
        at_us: i64,
        counts: &[bool],
        hidden: &[bool],
    ) -> Option<Plume> {
        if self.grid != Some(look.grid) {
            let usual = vec![Usual::default(); look.grid.len()];
            *self = Self { grid: Some(look.grid), usual, ..Self::default() };
        }
        let span_s = self.last_us.replace(at_us).map_or(0, |last| (at_us - last).max(0)) as f32 / 1e6;
        let span_s = span_s.min(1.0);
        let mut changed = 0;
        let mut marked = vec![false; look.grid.len()];
        for (n, (usual, cell)) in self.usual.iter_mut().zip(&look.cells).enumerate() {
            let known = usual.known_s >= KNOWN_S;
            let differs = known && usual.differs(cell);
            changed += usize::from(differs);
            usual.stir(cell, span_s);
            let smoky = known && usual.is_smoky(cell);
            usual.lasting += (span_s / LASTING_S).min(1.0) * (f32::from(u8::from(smoky)) - usual.lasting);
            let lasts = smoky && usual.lasting >= LASTING_MIN;
            let is_free = hidden.get(n) == Some(&false);
            if let Some(mark) = marked.get_mut(n) {
                *mark = lasts && is_free && counts.get(n) == Some(&true);
            }
            if is_free {
                usual.learn(cell, span_s, if smoky { FOLLOW_SMOKE_S } else { FOLLOW_S });
            }
        }
        let everywhere = changed as f32 > EVERYWHERE * look.grid.len() as f32;
        let cells = look.grid.regions(marked, CELLS_MIN).into_iter().max_by_key(Vec::len);
        let cells = cells.filter(|_| !everywhere && span_s > 0.0);
        let keep = (1.0 - span_s / MOTION_S).max(0.0);
        self.motions = (self.motions.0 * keep, self.motions.1 * keep);
        let plume = cells.and_then(|cells| {
            self.gather(look, &cells);
            self.judge(look, cells)
        });
        self.last.clone_from(&look.luma);
        plume
    }

    fn judge(&self, look: &Look, cells: Vec<usize>) -> Option<Plume> {
        let pairs = cells.iter().filter_map(|n| Some((self.usual.get(*n)?, look.cells.get(*n)?)));
        let edges = pairs.clone().filter(|(usual, _)| usual.detail >= DETAIL_MIN).count();
        let sharp = pairs.clone().filter(|(usual, cell)| usual.is_sharpened(cell)).count();
        let veils = pairs.filter(|(usual, cell)| usual.is_veiled(cell)).count();
        let (veiled, (up, all)) = (veils as f32 / edges.max(1) as f32, self.motions);
        let upward = if all >= MOTIONS_MIN { up / all } else { 0.0 };
        let smoke = sharp as f32 <= SHARPENED_MAX * cells.len() as f32
            && veils >= VEILED_MIN.0
            && veiled >= VEILED_MIN.1
            && upward >= UPWARD_MIN;
        smoke.then_some(Plume { cells, upward, veiled })
    }

    /// Where the region's blocks have moved since the last look.
    fn gather(&mut self, look: &Look, cells: &[usize]) {
        let (mut up, mut all) = self.motions;
        for cell in cells {
            if let Some((dx, dy)) = motion(look, &self.last, *cell) {
                all += 1.0;
                up += if dy < 0 && dy.abs() >= dx.abs() { 1.0 } else { 0.0 };
            }
        }
        self.motions = (up, all);
    }
}

impl Usual {
    fn differs(&self, cell: &Cell) -> bool {
        (cell.luma - self.luma).abs() >= CHANGE_MIN
    }

    fn is_veiled(&self, cell: &Cell) -> bool {
        self.detail >= DETAIL_MIN && cell.detail <= VEILED * self.detail
    }

    fn is_sharpened(&self, cell: &Cell) -> bool {
        cell.detail >= SHARPENED.0 * self.detail + SHARPENED.1
    }

    fn is_smoky(&self, cell: &Cell) -> bool {
        let stirred = (STIRRED.0..=STIRRED.1).contains(&self.stirred);
        stirred && cell.tint <= TINT_MAX && (self.differs(cell) || self.is_veiled(cell))
    }

    fn stir(&mut self, cell: &Cell, span_s: f32) {
        let change = if self.known_s > 0.0 { (cell.luma - self.last).abs() } else { 0.0 };
        self.stirred += (span_s / STIRRED_S).min(1.0) * (change - self.stirred);
        self.last = cell.luma;
    }

    fn learn(&mut self, cell: &Cell, span_s: f32, follow_s: f32) {
        if self.known_s <= 0.0 {
            (self.luma, self.detail) = (cell.luma, cell.detail);
        }
        self.known_s = (self.known_s + span_s.max(f32::EPSILON)).min(FOLLOW_S);
        let share = span_s / if follow_s > FOLLOW_S { follow_s } else { self.known_s.max(span_s) };
        self.luma += share * (cell.luma - self.luma);
        self.detail += share * (cell.detail - self.detail);
    }
}

/// How the block of 8 × 8 pixels around a cell has moved since the last look, pixels, when a motion explains it better
/// than none.
fn motion(look: &Look, last: &[u8], cell: usize) -> Option<(i32, i32)> {
    let width = look.grid.columns * CELL_PX;
    let height = look.grid.rows * CELL_PX;
    if last.len() != look.luma.len() {
        return None;
    }
    let margin = CELL_PX / 2 + REACH_PX.unsigned_abs() as usize;
    let (x, y) = (cell % look.grid.columns * CELL_PX, cell / look.grid.columns * CELL_PX);
    let inside =
        x >= margin && y >= margin && x + CELL_PX + margin <= width && y + CELL_PX + margin <= height;
    let (left, top) = (x.checked_sub(CELL_PX / 2).filter(|_| inside)?, y.checked_sub(CELL_PX / 2)?);
    let side = 2 * CELL_PX;
    let difference = |dx: i32, dy: i32| -> u32 {
        let row = |of: &[u8], x: i32, y: i32| {
            let at = usize::try_from(y).unwrap_or(0) * width + usize::try_from(x).unwrap_or(0);
            of.get(at..at + side).map_or([0; 2 * CELL_PX], |row| row.try_into().unwrap_or_default())
        };
        let (left, top) = (left as i32, top as i32);
        let one = |r: i32| {
            let (now, then) = (row(&look.luma, left, top + r), row(last, left - dx, top + r - dy));
            now.iter().zip(then).map(|(a, b)| u32::from(a.abs_diff(b))).sum::<u32>()
        };
        (0..side as i32).map(one).sum()
    };
    let still = difference(0, 0);
    let shifts = (-REACH_PX..=REACH_PX).flat_map(|dy| (-REACH_PX..=REACH_PX).map(move |dx| (dx, dy)));
    let best = shifts.map(|(dx, dy)| (difference(dx, dy), (dx, dy))).min_by_key(|(sum, _)| *sum);
    let (sum, way) = best?;
    ((sum as f32) < BETTER * still as f32 && way != (0, 0)).then_some(way)
}
