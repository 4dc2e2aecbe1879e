//! Flow: what moved from one picture to the next, cell by cell, the camera's own motion taken off.
//!
//! Promises: pure, no memory; a cell moves only when it is found again elsewhere much better than in place, has something
//! to be known by, and the place it came from has changed too (background that a body uncovers has not come from
//! anywhere). In doubt the shorter way is taken. Leaves to others: what its speed means (`measure`).
//!
//! Block matching by sums of absolute differences, full search, to half a pixel by a parabola; the camera's shift is the
//! median of cells all over the picture. A picture that differs nearly everywhere even so (zoom, a blow, a flash) has no
//! flow.

use crate::plane::{Plane, WINDOW_AREA, WINDOW_PX};

/// From cell to cell, pixels.
pub(crate) const CELL_PX: usize = 4;
/// How far a cell is searched, pixels.
const REACH_PX: i32 = 8;
/// … and the whole picture.
const SHAKE_PX: i32 = 6;
/// A window has changed when its pixels differ by so many levels on average, …
const CHANGED_LEVELS: u32 = 4;
/// … and by so many times what the quietest quarter of the cells does: noise.
const NOISE_TIMES: u32 = 3;
/// … but never more than this: beyond it is no noise, …
const NOISE_LEVELS_MAX: u32 = 8;
/// … and is known again by as much contrast, and by this share of what changed.
const KNOWN_LEVELS: u32 = 4;
const KNOWN_SHARE: f32 = 0.4;
/// Found again: the difference is at most this share of that in place.
const FOUND_SHARE: f32 = 0.6;
/// A pixel further away must be better by so much: a quarter of a level.
const PER_PIXEL: u32 = WINDOW_AREA / 4;
/// Cells that tell how the camera moved, at most and at least.
const PROBES: (usize, usize) = (96, 12);
/// With more of the cells changed there is no flow.
const CHANGED_SHARE_MAX: f32 = 0.6;

/// A cell that moves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Motion {
    /// Column and row.
    pub(crate) cell: (usize, usize),
    /// Pixels since the picture before.
    pub(crate) by: (f32, f32),
}

/// Columns and rows of cells.
pub(crate) fn grid(plane: &Plane) -> (usize, usize) {
    let cells = |pixels: usize| pixels.saturating_sub(WINDOW_PX - CELL_PX) / CELL_PX;
    (cells(plane.width), cells(plane.height))
}

/// Middle of a cell, pixels.
pub(crate) fn middle(cell: (usize, usize)) -> (f32, f32) {
    let at = |n: usize| (n * CELL_PX + WINDOW_PX / 2) as f32;
    (at(cell.0), at(cell.1))
}

/// What moved; `None` when the picture as a whole changed.
pub(crate) fn flow(was: &Plane, is: &Plane) -> Option<Vec<Motion>> {
    let (columns, rows) = grid(is);
    if (was.width, was.height) != (is.width, is.height) || columns * rows < PROBES.1 {
        return None;
    }
    let shift = shake(was, is, columns, rows);
    let cells = move || (0..rows).flat_map(move |row| (0..columns).map(move |column| (column, row)));
    let in_place: Vec<Option<u32>> = cells().map(|cell| difference(was, is, cell, shift, u32::MAX)).collect();
    let changed = changed_from(in_place.iter().flatten().copied().collect());
    let is_changed = |d: &Option<u32>| d.is_some_and(|d| d >= changed);
    let changed_cells = in_place.iter().filter(|d| is_changed(d)).count();
    if changed_cells as f32 > CHANGED_SHARE_MAX * in_place.len() as f32 {
        return None;
    }
    let mut motions = Vec::with_capacity(changed_cells);
    for (cell, here) in cells().zip(&in_place) {
        let Some(here) = here.filter(|d| *d >= changed) else { continue };
        let (x, y) = (cell.0 * CELL_PX, cell.1 * CELL_PX);
        let known = is.contrast(x, y);
        if known < KNOWN_LEVELS * WINDOW_AREA || (known as f32) < KNOWN_SHARE * here as f32 {
            continue;
        }
        let (by, least) = search(was, is, cell, shift, here, REACH_PX);
        if by == (0, 0)
            || least as f32 > FOUND_SHARE * here as f32
            || !left(was, is, cell, by, shift, changed)
        {
            continue;
        }
        motions.push(Motion { cell, by: finer(was, is, cell, by, shift, least) });
    }
    Some(motions)
}

/// From which difference on a window has changed.
fn changed_from(mut differences: Vec<u32>) -> u32 {
    let quarter = differences.len() / 4;
    let noise = match differences.is_empty() {
        true => 0,
        false => *differences.select_nth_unstable(quarter).1,
    };
    (CHANGED_LEVELS * WINDOW_AREA).max((NOISE_TIMES * noise).min(NOISE_LEVELS_MAX * WINDOW_AREA))
}

/// A cell against the place from which it would have come if it had moved by `by` (the camera's shift added).
fn difference(was: &Plane, is: &Plane, cell: (usize, usize), by: (i32, i32), enough: u32) -> Option<u32> {
    let (x, y) = (cell.0 * CELL_PX, cell.1 * CELL_PX);
    let from = |n: usize, by: i32| i32::try_from(n).unwrap_or(i32::MAX) - by;
    is.difference((x, y), was, (from(x, by.0), from(y, by.1)), enough)
}

/// Where a cell came from, and how well that fits: the shortest way of those that fit alike.
fn search(
    was: &Plane,
    is: &Plane,
    cell: (usize, usize),
    shift: (i32, i32),
    here: u32,
    reach: i32,
) -> ((i32, i32), u32) {
    let mut best = ((0, 0), here, here);
    for dy in -reach..=reach {
        for dx in -reach..=reach {
            let toll = PER_PIXEL * (dx.unsigned_abs() + dy.unsigned_abs());
            if toll >= best.2 {
                continue;
            }
            let by = (dx + shift.0, dy + shift.1);
            let Some(found) = difference(was, is, cell, by, best.2 - toll) else { continue };
            if found + toll < best.2 {
                best = ((dx, dy), found, found + toll);
            }
        }
    }
    (best.0, best.1)
}

/// Whether the place a cell came from has changed since.
fn left(
    was: &Plane,
    is: &Plane,
    cell: (usize, usize),
    by: (i32, i32),
    shift: (i32, i32),
    changed: u32,
) -> bool {
    let at = |n: usize, by: i32| usize::try_from(i32::try_from(n * CELL_PX).unwrap_or(i32::MAX) - by).ok();
    let (Some(x), Some(y)) = (at(cell.0, by.0), at(cell.1, by.1)) else { return false };
    if x + WINDOW_PX > is.width || y + WINDOW_PX > is.height {
        return true;
    }
    let from = |n: usize, by: i32| i32::try_from(n).unwrap_or(i32::MAX) - by;
    let then = (from(x, shift.0), from(y, shift.1));
    is.difference((x, y), was, then, u32::MAX).is_none_or(|d| d >= changed)
}

/// To parts of a pixel.
fn finer(
    was: &Plane,
    is: &Plane,
    cell: (usize, usize),
    by: (i32, i32),
    shift: (i32, i32),
    least: u32,
) -> (f32, f32) {
    let at = |dx: i32, dy: i32| {
        let by = (by.0 + shift.0 + dx, by.1 + shift.1 + dy);
        difference(was, is, cell, by, u32::MAX).map(|d| d as f32)
    };
    let vertex = |before: Option<f32>, after: Option<f32>| {
        let (Some(a), Some(b)) = (before, after) else { return 0.0 };
        let curve = a + b - 2.0 * least as f32;
        if curve > 0.0 { ((a - b) / (2.0 * curve)).clamp(-0.5, 0.5) } else { 0.0 }
    };
    (by.0 as f32 + vertex(at(-1, 0), at(1, 0)), by.1 as f32 + vertex(at(0, -1), at(0, 1)))
}

/// By how much the whole picture moved: the median of cells all over it.
fn shake(was: &Plane, is: &Plane, columns: usize, rows: usize) -> (i32, i32) {
    let step = (columns * rows / (3 * PROBES.0)).max(1);
    let cells = (0..columns * rows).step_by(step).map(|n| (n % columns, n / columns));
    let known = |c: &(usize, usize)| is.contrast(c.0 * CELL_PX, c.1 * CELL_PX) >= KNOWN_LEVELS * WINDOW_AREA;
    let known: Vec<(usize, usize)> = cells.filter(known).collect();
    if known.len() < PROBES.1 {
        return (0, 0);
    }
    let thin = known.len().div_ceil(PROBES.0);
    let (mut right, mut down) = (Vec::with_capacity(PROBES.0), Vec::with_capacity(PROBES.0));
    for cell in known.into_iter().step_by(thin) {
        let Some(here) = difference(was, is, cell, (0, 0), u32::MAX) else { continue };
        let found = if here < CHANGED_LEVELS * WINDOW_AREA / 2 {
            (0, 0)
        } else {
            search(was, is, cell, (0, 0), here, SHAKE_PX).0
        };
        right.push(found.0);
        down.push(found.1);
    }
    let median = |mut values: Vec<i32>| {
        let middle = values.len() / 2;
        if values.is_empty() { 0 } else { *values.select_nth_unstable(middle).1 }
    };
    (median(right), median(down))
}

#[cfg(test)]
mod tests {
    use super::*;
    use nvr_plugin_api::Frame;

    const W: usize = 96;
    const H: usize = 64;

    /// Always the same for the same, 0..40.
    fn grain(x: i32, y: i32) -> u8 {
        let n = (x.wrapping_mul(0x9E37) ^ y.wrapping_mul(0x85EB)).wrapping_mul(0x2C1B_3C6D);
        ((n >> 16) & 0x3F) as u8
    }

    /// Ground, and a body of 12×24 pixels with its left upper corner at a place.
    fn scene(body: (i32, i32), camera: (i32, i32), light: u8) -> Plane {
        let paint = |n: usize| {
            let (x, y) = ((n % W) as i32 + camera.0, (n / W) as i32 + camera.1);
            let (u, v) = (x - body.0, y - body.1);
            let inside = (0..12).contains(&u) && (0..24).contains(&v);
            light + if inside { 60 + 2 * grain(u / 3 + 900, v / 3) } else { 40 + grain(x / 4, y / 4) / 2 }
        };
        let data: Vec<u8> = (0..W * H).map(paint).collect();
        let (width, height) = (W as u32, H as u32);
        Plane::of(&Frame { data: &data, width, height, stride: width, channels: 1 })
    }

    /// From the first to the second; the median motion of the cells that moved, whole pixels, and whether there were any.
    fn check(was: &Plane, is: &Plane, expected: Option<(i32, i32)>) {
        let motions = flow(was, is).unwrap_or_else(|| panic!("no flow"));
        let median = |of: fn(&Motion) -> f32| {
            let mut all: Vec<f32> = motions.iter().map(of).collect();
            all.sort_by(f32::total_cmp);
            all.get(all.len() / 2).map(|n| n.round() as i32)
        };
        let found = median(|m| m.by.0).zip(median(|m| m.by.1));
        assert_eq!(found, expected, "{motions:?}");
    }

    #[test]
    fn a_body_moves() {
        check(&scene((30, 20), (0, 0), 0), &scene((35, 20), (0, 0), 0), Some((5, 0)));
        check(&scene((30, 20), (0, 0), 0), &scene((28, 23), (0, 0), 0), Some((-2, 3)));
    }

    #[test]
    fn light_changes() {
        check(&scene((30, 20), (0, 0), 0), &scene((30, 20), (0, 0), 50), None);
        check(&scene((30, 20), (0, 0), 0), &scene((35, 20), (0, 0), 50), Some((5, 0)));
    }

    #[test]
    fn camera_shakes() {
        check(&scene((30, 20), (0, 0), 0), &scene((30, 20), (3, -2), 0), None);
        check(&scene((30, 20), (0, 0), 0), &scene((35, 20), (3, -2), 0), Some((5, 0)));
    }

    #[test]
    fn another_picture_has_no_flow() {
        assert_eq!(flow(&scene((30, 20), (0, 0), 0), &scene((30, 20), (500, 700), 0)), None);
    }
}
