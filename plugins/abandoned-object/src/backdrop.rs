//! Backdrop: what has always been there, and what is new and stands still, cell by cell.
//!
//! Promises: pure, bounded memory. Two backgrounds: a slow one that only what agrees with it moves, and a fast one, the
//! level a cell has kept for a second while it differs from the slow. What passes in front deletes nothing; a change of
//! exposure is taken off; a change of the whole picture is learnt anew. Cells under a person are not looked at.
//! Leaves to others: which cells belong together and what they are (`blob`), how long is too long (`rule`).

use nvr_plugin_api::{Frame, Rect};

/// Side of a cell, pixels: averages the sensor's noise, keeps a bag several cells wide.
const CELL_PX: usize = 2;
/// Most cells of a side: a frame larger than asked for is cut.
const SIDE_CELLS_MAX: usize = 320;
/// A cell is other than its background from this many levels …
const OTHER_LEVELS: f32 = 6.0;
/// … and so much of its level (a dark thing before a dark wall differs by little), …
const OTHER_SHARE: f32 = 0.05;
/// … and so many times its usual unrest.
const OTHER_UNRESTS: f32 = 3.0;
/// No picture is calmer than this, levels.
const UNREST_MIN: f32 = 0.7;
/// The slow background follows what agrees with it with this time, seconds: the drift of daylight.
const SLOW_S: f32 = 30.0;
/// Longest time between two pictures that counts as seen, µs.
const SPAN_US_MAX: i64 = 2_000_000;
/// It is learnt for so long at the start, µs.
const LEARN_US: i64 = 1_500_000;
/// A new level stands after so long, µs: three pictures.
const STANDS_US: i64 = 1_000_000;
/// A background is one when it was seen for so long before it changed, µs; before, the new level is the background.
const AGREED_US: i64 = 3_000_000;
/// When the old level is back for so long, the new one is gone, µs.
const GONE_US: i64 = 1_500_000;
/// A new level not seen for so long behind other levels is forgotten, µs.
const HIDDEN_US_MAX: i64 = 20_000_000;
/// When so much of the picture differs it is the light or the camera.
const UPSET_SHARE: f32 = 0.5;
/// … and when that has lasted for so long, the scene is another, µs.
const UPSET_US: i64 = 4_000_000;

/// One cell.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cell {
    /// Level of the slow background.
    pub(crate) slow: f32,
    /// Level now, exposure taken off.
    pub(crate) now: f32,
    /// Mean difference between picture and slow background while they agree.
    unrest: f32,
    /// How long they have agreed, µs.
    agreed_us: i64,
    /// The new level that stands, if any.
    pub(crate) stands: Option<Stands>,
    /// A new level that may come to stand, and since when.
    comes: Option<(f32, i64)>,
    /// A person or vehicle is before it.
    pub(crate) covered: bool,
}

/// A new level that stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stands {
    pub(crate) level: f32,
    /// How far the picture strays from it, by its surroundings' usual unrest: 1 is as calm.
    pub(crate) strays: f32,
    pub(crate) since_us: i64,
    pub(crate) seen_us: i64,
}

/// The cells of one camera.
#[derive(Debug, Default)]
pub(crate) struct Backdrop {
    pub(crate) columns: usize,
    pub(crate) rows: usize,
    /// Row by row.
    pub(crate) cells: Vec<Cell>,
    begun_us: Option<i64>,
    last_us: i64,
    upset_since: Option<i64>,
}

impl Backdrop {
    /// One picture; `covers` are boxes that are not looked at. False when the picture tells nothing.
    pub(crate) fn look(&mut self, frame: &Frame<'_>, covers: &[Rect], at_us: i64) -> bool {
        let (columns, rows) = (
            (frame.width as usize / CELL_PX).min(SIDE_CELLS_MAX),
            (frame.height as usize / CELL_PX).min(SIDE_CELLS_MAX),
        );
        if columns < 8 || rows < 8 {
            return false;
        }
        let levels = levels(frame, columns, rows);
        if (self.columns, self.rows) != (columns, rows) {
            let cell = |level: &f32| Cell { slow: *level, unrest: 1.0, ..Cell::default() };
            let cells = levels.iter().map(cell).collect();
            *self = Self { columns, rows, cells, ..Self::default() };
        }
        let span_us = (at_us - self.last_us).clamp(0, SPAN_US_MAX);
        self.last_us = at_us;
        let begun_us = *self.begun_us.get_or_insert(at_us);
        self.cover(covers);
        let offset = self.offset(&levels);
        let mut other = 0usize;
        for (cell, level) in self.cells.iter_mut().zip(&levels) {
            cell.now = level - offset;
            other += usize::from(!cell.covered && cell.is_other(cell.slow));
        }
        if at_us - begun_us < LEARN_US {
            for cell in self.cells.iter_mut().filter(|c| !c.covered) {
                cell.slow += 0.4 * (cell.now - cell.slow);
            }
            return true;
        }
        let open = self.cells.iter().filter(|c| !c.covered).count();
        if other as f32 > UPSET_SHARE * open as f32 {
            if at_us - *self.upset_since.get_or_insert(at_us) >= UPSET_US {
                *self = Self::default();
            }
            return false;
        }
        self.upset_since = None;
        self.cells.iter_mut().filter(|c| !c.covered).for_each(|c| c.step(at_us, span_us));
        true
    }

    pub(crate) fn at(&self, x: usize, y: usize) -> Option<&Cell> {
        if x < self.columns { self.cells.get(y * self.columns + x) } else { None }
    }

    /// What stands in these cells becomes the background.
    pub(crate) fn adopt(&mut self, cells: &[usize]) {
        for index in cells {
            if let Some(cell) = self.cells.get_mut(*index) {
                cell.slow = cell.stands.map_or(cell.now, |s| s.level);
                (cell.stands, cell.comes) = (None, None);
            }
        }
    }

    fn cover(&mut self, covers: &[Rect]) {
        self.cells.iter_mut().for_each(|c| c.covered = false);
        let (columns, rows) = (self.columns, self.rows);
        for cover in covers {
            let span = |from: f32, to: f32, n: usize| {
                let at = |v: f32| (v * n as f32).floor().clamp(0.0, n as f32) as usize;
                (at(from), (at(to) + 1).min(n))
            };
            let (left, right) = span(cover.x, cover.right(), columns);
            let (top, bottom) = span(cover.y, cover.bottom(), rows);
            for row in self.cells.chunks_mut(columns).take(bottom).skip(top) {
                row.iter_mut().take(right).skip(left).for_each(|c| c.covered = true);
            }
        }
    }

    /// By how much the whole picture is lighter than the background: the median.
    fn offset(&self, levels: &[f32]) -> f32 {
        let pairs = self.cells.iter().zip(levels).step_by(7);
        let mut off: Vec<f32> = pairs.filter(|(c, _)| !c.covered).map(|(c, l)| l - c.slow).collect();
        let middle = off.len() / 2;
        if off.is_empty() { 0.0 } else { *off.select_nth_unstable_by(middle, f32::total_cmp).1 }
    }
}

impl Cell {
    fn is_other(&self, than: f32) -> bool {
        let least = OTHER_LEVELS + OTHER_SHARE * than.max(0.0) + OTHER_UNRESTS * self.unrest;
        (self.now - than).abs() > least
    }

    fn step(&mut self, at_us: i64, span_us: i64) {
        let follow = span_us as f32 / 1e6 / SLOW_S;
        if !self.is_other(self.slow) {
            let off = self.now - self.slow;
            self.slow += follow * off;
            self.unrest += follow * (off.abs() - self.unrest);
            self.agreed_us += span_us;
            self.comes = None;
            self.stands = self.stands.filter(|s| at_us - s.seen_us < GONE_US);
            return;
        }
        if let Some(stands) = self.stands.filter(|s| !self.is_other(s.level)) {
            let off = self.now - stands.level;
            let strays = stands.strays + 0.2 * (off.abs() / self.unrest.max(UNREST_MIN) - stands.strays);
            self.stands = Some(Stands { level: stands.level + 0.2 * off, strays, seen_us: at_us, ..stands });
            self.comes = None;
            return;
        }
        self.stands = self.stands.filter(|s| at_us - s.seen_us < HIDDEN_US_MAX);
        match self.comes.filter(|(level, _)| !self.is_other(*level)) {
            Some((level, since_us)) if at_us - since_us >= STANDS_US => {
                if self.agreed_us < AGREED_US {
                    (self.slow, self.agreed_us) = (level, at_us - since_us);
                } else {
                    self.stands = Some(Stands { level, strays: 0.0, since_us, seen_us: at_us });
                }
                self.comes = None;
            }
            Some(_) => {}
            None => self.comes = Some((self.now, at_us)),
        }
    }
}

/// Mean level of each cell.
fn levels(frame: &Frame<'_>, columns: usize, rows: usize) -> Vec<f32> {
    let mut found = Vec::with_capacity(columns * rows);
    for row in 0..rows {
        let y = u32::try_from(row * CELL_PX).unwrap_or(0);
        let pairs = frame.row(y).chunks_exact(CELL_PX).zip(frame.row(y + 1).chunks_exact(CELL_PX));
        let sum = |(a, b): (&[u8], &[u8])| a.iter().chain(b).map(|v| u32::from(*v)).sum::<u32>();
        found.extend(pairs.take(columns).map(|pair| sum(pair) as f32 / (CELL_PX * CELL_PX) as f32));
    }
    found.resize(columns * rows, 0.0);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One letter a half second is the level of the picture's middle; out: `S` while it stands.
    fn check(levels: &str, expected: &str) {
        let mut backdrop = Backdrop::default();
        let mut said = String::new();
        for (n, letter) in (0i64..).zip(levels.bytes()) {
            let level = |x: u32, y: u32| {
                if (20..28).contains(&x) && (20..28).contains(&y) { (letter - b'a') * 20 } else { 60 }
            };
            let data: Vec<u8> = (0..48).flat_map(|y| (0..48).map(move |x| level(x, y))).collect();
            let frame = Frame { data: &data, width: 48, height: 48, stride: 48, channels: 1 };
            backdrop.look(&frame, &[], n * 500_000);
            said.push(if backdrop.at(12, 12).is_some_and(|c| c.stands.is_some()) { 'S' } else { '-' });
        }
        assert_eq!(said, expected, "{levels}");
    }

    #[test]
    fn what_stands() {
        check("ddddddddddhhhhhddddd", "------------SSSSS---");
        check("ddddddddddhdhdhdhddd", "--------------------");
        check("ddddddddddhhhhakhhhd", "------------SSSSSSSS");
        // Nobody knows yet what was behind it.
        check("ddddhhhhhhhhhhhh", "----------------");
    }
}
