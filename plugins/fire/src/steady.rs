//! Steady: whether the camera stood still between two looks.
//!
//! Promises: pure. One shift for the whole picture, in parts of a pixel, by least squares over luma and its gradients (Lucas
//! and Kanade 1981); a change of light has no direction and cancels out, what moves by itself is clipped.
//! Leaves to others: what to do about it (`rule`).

use crate::cells::CELL_PX;
use crate::look::Look;

/// A shift of this many pixels of the small picture moves the edges of a sign enough to look like flicker.
const SHIFT_PX: f32 = 0.2;
/// A pixel says at most so many levels of change: beyond it is a thing that moves.
const CHANGE_MAX: i32 = 24;
/// With less gradient than this, levels² a pixel, there is nothing to tell a shift from.
const GRADIENT_MIN: f32 = 4.0;

/// Whether the camera moved since a look with this luma.
pub(crate) fn has_moved(look: &Look, last: &[u8]) -> bool {
    let (dx, dy) = shift(look, last);
    dx.hypot(dy) >= SHIFT_PX
}

/// How far the picture has shifted, pixels right and down.
fn shift(look: &Look, last: &[u8]) -> (f32, f32) {
    let width = look.grid.columns * CELL_PX;
    if last.len() != look.luma.len() || width < 3 {
        return (0.0, 0.0);
    }
    let [mut xx, mut xy, mut yy, mut xt, mut yt, mut n] = [0i64; 6];
    let rows = |of: &'_ [u8]| of.chunks_exact(width).map(<[u8]>::to_vec).collect::<Vec<_>>();
    let (now, then) = (rows(&look.luma), rows(last));
    let triples = then.iter().zip(then.iter().skip(2)).zip(then.iter().zip(&now).skip(1));
    for ((above, below), (here, now)) in triples {
        let sides = here.iter().zip(here.iter().skip(2));
        let ends = above.iter().zip(below).zip(here.iter().zip(now)).skip(1);
        for ((left, right), ((above, below), (then, now))) in sides.zip(ends) {
            let gx = (i32::from(*right) - i32::from(*left)) / 2;
            let gy = (i32::from(*below) - i32::from(*above)) / 2;
            let change = (i32::from(*now) - i32::from(*then)).clamp(-CHANGE_MAX, CHANGE_MAX);
            let [gx, gy, change] = [gx, gy, change].map(i64::from);
            (xx, xy, yy) = (xx + gx * gx, xy + gx * gy, yy + gy * gy);
            (xt, yt, n) = (xt + gx * change, yt + gy * change, n + 1);
        }
    }
    let [xx, xy, yy, xt, yt, n] = [xx, xy, yy, xt, yt, n].map(|sum| sum as f32);
    let room = xx * yy - xy * xy;
    if xx.min(yy) < GRADIENT_MIN * n || room <= 0.0 {
        return (0.0, 0.0);
    }
    ((xy * yt - yy * xt) / room, (xy * xt - xx * yt) / room)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nvr_plugin_api::Frame;

    const SIDE: u32 = 64;

    /// A picture of waves, moved by so many pixels right and down and lit by so much.
    fn look(right: f32, down: f32, light: f32) -> Look {
        let level = |n: u32| {
            let (x, y) = ((n % SIDE) as f32 - right, (n / SIDE) as f32 - down);
            ((110.0 + 30.0 * (x / 4.0).sin() + 30.0 * (y / 5.0 + x / 9.0).sin()) * light) as u8
        };
        let data: Vec<u8> = (0..SIDE * SIDE).flat_map(|n| [level(n); 3]).collect();
        let frame = Frame { data: &data, width: SIDE, height: SIDE, stride: SIDE * 3, channels: 3 };
        Look::of(&frame).unwrap_or_else(|| panic!("no look"))
    }

    fn check((right, down): (f32, f32), light: f32, expected: bool) {
        let moved = has_moved(&look(right, down, light), &look(0.0, 0.0, 1.0).luma);
        assert_eq!(moved, expected, "{right} right, {down} down, light {light}");
    }

    #[test]
    fn a_shift_is_told_from_light() {
        check((0.0, 0.0), 1.0, false);
        check((0.0, 0.0), 1.1, false);
        check((0.5, 0.0), 1.0, true);
        check((0.0, -1.0), 1.0, true);
    }
}
