//! Blobs: cells that stand together, and whether they may be a thing that was set down.
//!
//! Promises: pure; bounded by [`BLOBS_MAX`]. A thing has edges of its own that the background lacks; where the background
//! has them and the picture lacks them, something was taken away; where every cell is lighter or darker by one factor, it
//! is light or shadow.
//! Leaves to others: whose it is (`item`), how large a thing may be (`rule`).

use crate::backdrop::{Backdrop, Cell, Stands};
use nvr_plugin_api::Rect;

/// Most blobs of one picture; the largest stay.
const BLOBS_MAX: usize = 32;
/// Fewest cells: less is noise.
const CELLS_MIN: usize = 8;
/// So much of its box is filled by a compact thing.
const FILL_MIN: f32 = 0.35;
/// Longer side over shorter, at most: a strap or a crack is none.
const ELONGATED_MAX: f32 = 4.0;
/// Border edges now over those of the background: a thing from this, …
const EDGES_NEW: f32 = 1.2;
/// … and at least so many levels.
const EDGE_LEVELS_MIN: f32 = 6.0;
/// Under this, something was taken away.
const EDGES_GONE: f32 = 0.8;
/// A shadow keeps at least so much of the light.
const SHADOW_LIGHT_MIN: f32 = 0.3;
/// Light or shadow: the factor's spread over the blob, against the factor, at most.
const SHADOW_SPREAD_MAX: f32 = 0.08;

/// What a blob may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Something new.
    Thing,
    /// A place where something was.
    Gap,
    /// Light or shadow.
    Light,
    /// Too thin, too ragged or too faint to say.
    Unclear,
}

/// Cells that stand together.
#[derive(Debug, Clone)]
pub(crate) struct Blob {
    pub(crate) rect: Rect,
    pub(crate) kind: Kind,
    pub(crate) since_us: i64,
    /// How far its cells stray from their levels, by their backgrounds' unrest.
    pub(crate) strays: f32,
    /// Its mean level, now and before.
    pub(crate) level: f32,
    pub(crate) level_before: f32,
    /// Indices of its cells.
    pub(crate) cells: Vec<usize>,
}

/// The blobs of a backdrop, largest first.
pub(crate) fn blobs(backdrop: &Backdrop) -> Vec<Blob> {
    let mut free: Vec<bool> = backdrop.cells.iter().map(|c| c.stands.is_some()).collect();
    let mut found = Vec::new();
    for start in 0..free.len() {
        if free.get(start).copied().unwrap_or(false) {
            let cells = grow(start, &mut free, backdrop.columns, backdrop.rows);
            if cells.len() >= CELLS_MIN {
                found.push(cells);
            }
        }
    }
    found.sort_by_key(|cells| std::cmp::Reverse(cells.len()));
    found.truncate(BLOBS_MAX);
    found.into_iter().map(|cells| judge(cells, backdrop)).collect()
}

/// All that hangs together within two cells.
fn grow(start: usize, free: &mut [bool], columns: usize, rows: usize) -> Vec<usize> {
    let mut cells = Vec::new();
    let mut open = vec![start];
    if let Some(f) = free.get_mut(start) {
        *f = false;
    }
    while let Some(index) = open.pop() {
        cells.push(index);
        let (x, y) = (index % columns, index / columns);
        for near_y in y.saturating_sub(2)..(y + 3).min(rows) {
            for near_x in x.saturating_sub(2)..(x + 3).min(columns) {
                let near = near_y * columns + near_x;
                if let Some(f) = free.get_mut(near).filter(|f| **f) {
                    *f = false;
                    open.push(near);
                }
            }
        }
    }
    cells
}

fn judge(cells: Vec<usize>, backdrop: &Backdrop) -> Blob {
    let (columns, rows) = (backdrop.columns, backdrop.rows);
    let place = |index: &usize| (index % columns, index / columns);
    let (mut left, mut right, mut top, mut bottom) = (columns, 0, rows, 0);
    for (x, y) in cells.iter().map(place) {
        (left, right) = (left.min(x), right.max(x + 1));
        (top, bottom) = (top.min(y), bottom.max(y + 1));
    }
    let (wide, high) = ((right - left) as f32, (bottom - top) as f32);
    let per = |n: usize, all: usize| n as f32 / all as f32;
    let rect =
        Rect { x: per(left, columns), y: per(top, rows), w: wide / columns as f32, h: high / rows as f32 };
    let stands = || cells.iter().filter_map(|i| backdrop.cells.get(*i)).filter_map(|c| Some((c, c.stands?)));
    let mut since: Vec<i64> = stands().map(|(_, s)| s.since_us).collect();
    let middle = since.len() / 2;
    let since_us = if since.is_empty() { 0 } else { *since.select_nth_unstable(middle).1 };
    let compact =
        cells.len() as f32 >= FILL_MIN * wide * high && wide.max(high) <= ELONGATED_MAX * wide.min(high);
    let strays = stands().map(|(_, s)| s.strays).sum::<f32>() / cells.len().max(1) as f32;
    let mean =
        |of: fn(&(&Cell, Stands)) -> f32| stands().map(|p| of(&p)).sum::<f32>() / cells.len().max(1) as f32;
    let (level, level_before) = (mean(|(_, s)| s.level), mean(|(c, _)| c.slow));
    let (now, was) = edges(&cells, backdrop);
    let kind = if is_light(stands().map(|(c, s)| (s.level, c.slow))) {
        Kind::Light
    } else if now < EDGES_GONE * was {
        Kind::Gap
    } else if compact && now >= EDGES_NEW * was && now >= EDGE_LEVELS_MIN {
        Kind::Thing
    } else {
        Kind::Unclear
    };
    Blob { rect, kind, since_us, strays, level, level_before, cells }
}

/// Mean difference over the blob's border: of what stands now, and of the background.
fn edges(cells: &[usize], backdrop: &Backdrop) -> (f32, f32) {
    let columns = backdrop.columns;
    let is_in = |x: usize, y: usize| backdrop.at(x, y).is_some_and(|c| c.stands.is_some());
    let (mut now, mut was, mut n) = (0.0f32, 0.0f32, 0.0f32);
    for (x, y) in cells.iter().map(|i| (i % columns, i / columns)) {
        let Some(inner) = backdrop.at(x, y) else { continue };
        for (dx, dy) in [(-1i64, 0i64), (1, 0), (0, -1), (0, 1)] {
            let off = |by: i64| {
                let x = usize::try_from(x as i64 + by * dx).ok()?;
                let y = usize::try_from(y as i64 + by * dy).ok()?;
                Some((x, y))
            };
            let (Some(next), Some(beyond)) = (off(1), off(2)) else { continue };
            if is_in(next.0, next.1) || is_in(beyond.0, beyond.1) {
                continue;
            }
            let Some(outer) = backdrop.at(beyond.0, beyond.1) else { continue };
            let level = |c: &Cell| c.stands.map_or(c.slow, |s| s.level);
            now += (level(inner) - level(outer)).abs();
            was += (inner.slow - outer.slow).abs();
            n += 1.0;
        }
    }
    if n > 0.0 { (now / n, was / n) } else { (0.0, 0.0) }
}

/// Whether all of it (now, before) differs by one factor.
fn is_light(pairs: impl Iterator<Item = (f32, f32)>) -> bool {
    let mut factors: Vec<f32> = pairs.map(|(now, was)| (now + 1.0) / (was + 1.0)).collect();
    if factors.len() < CELLS_MIN {
        return false;
    }
    factors.sort_by(f32::total_cmp);
    let at = |share: f32| factors.get((share * factors.len() as f32) as usize).copied().unwrap_or(1.0);
    // The border is half light, half shadow: the middle half counts.
    let (low, middle, high) = (at(0.25), at(0.5), at(0.75));
    middle >= SHADOW_LIGHT_MIN && high - low <= SHADOW_SPREAD_MAX * middle
}
