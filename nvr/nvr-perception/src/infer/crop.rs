//! A part of a decoded frame, at full resolution.
//!
//! Promises: pure; inside the frame; begins at even pixels, where colour has its own; never empty.
//! Leaves to others: scaling (`nvr-media`).

use nvr_base::Rect;
use nvr_media::frames::Frame;

/// A box is enlarged by this share of its sides on every side: detectors cut feet and hands off.
const MARGIN: f32 = 0.1;
/// Smallest side of a crop, pixels.
const SIDE_PX_MIN: usize = 8;

/// The part of `frame` around `rect`, a little larger, and what part of the picture it is.
pub(super) fn cut(frame: &Frame, rect: &Rect) -> (Frame, Rect) {
    let (x, width) = span(rect.x, rect.w, frame.width);
    let (y, height) = span(rect.y, rect.h, frame.height);
    let [luma, blue, red] = &frame.planes;
    let half = (x / 2, y / 2, width.div_ceil(2), height.div_ceil(2));
    let columns = frame.width.div_ceil(2);
    let planes =
        [part(luma, frame.width, (x, y, width, height)), part(blue, columns, half), part(red, columns, half)];
    let share = |px: usize, of: usize| px as f32 / of as f32;
    let region = Rect {
        x: share(x, frame.width),
        y: share(y, frame.height),
        w: share(width, frame.width),
        h: share(height, frame.height),
    };
    (Frame { at_us: frame.at_us, width, height, full_range: frame.full_range, planes }, region)
}

/// First pixel, even, and number of pixels of a side of the box.
fn span(from: f32, len: f32, side: usize) -> (usize, usize) {
    let px = |at: f32| (at * side as f32).clamp(0.0, side as f32);
    let (from, to) =
        (px(from - len * MARGIN).floor() as usize, px(from + len * (1.0 + MARGIN)).ceil() as usize);
    let least = SIDE_PX_MIN.min(side);
    let first = from.min(side - least) / 2 * 2;
    (first, to.saturating_sub(first).clamp(least, side - first))
}

fn part(plane: &[u8], columns: usize, (x, y, width, height): (usize, usize, usize, usize)) -> Vec<u8> {
    let rows = plane.chunks(columns.max(1)).skip(y).take(height);
    rows.flat_map(|row| row.get(x..x + width).unwrap_or_default()).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame whose luma is the column and whose blue is the row.
    fn frame(width: usize, height: usize) -> Frame {
        let (w, h) = (width.div_ceil(2), height.div_ceil(2));
        let luma = (0..width * height).map(|n| (n % width) as u8).collect();
        let blue = (0..w * h).map(|n| (n / w) as u8).collect();
        Frame { at_us: 7, width, height, full_range: true, planes: [luma, blue, vec![128; w * h]] }
    }

    fn check(size: (usize, usize), rect: [f32; 4], expected: (usize, usize, usize, usize)) {
        let [x, y, w, h] = rect;
        let (crop, region) = cut(&frame(size.0, size.1), &Rect { x, y, w, h });
        let [luma, blue, red] = &crop.planes;
        let (ex, ey, ew, eh) = expected;
        assert_eq!((crop.width, crop.height), (ew, eh), "{rect:?} of {size:?}");
        let half = ew.div_ceil(2) * eh.div_ceil(2);
        assert_eq!((luma.len(), blue.len(), red.len()), (ew * eh, half, half));
        assert_eq!((luma.first(), blue.first()), (Some(&(ex as u8)), Some(&((ey / 2) as u8))));
        assert_eq!((region.x * size.0 as f32).round() as usize, ex);
        assert_eq!((region.h * size.1 as f32).round() as usize, eh);
    }

    #[test]
    fn crops() {
        check((100, 50), [0.2, 0.2, 0.2, 0.2], (18, 8, 24, 13)); // 20..40 and 10..20, a tenth more, from even pixels
        check((100, 50), [0.0, 0.0, 1.0, 1.0], (0, 0, 100, 50));
        check((100, 50), [0.9, 0.8, 0.5, 0.5], (84, 36, 16, 14)); // cut at the edge
        check((101, 51), [0.99, 0.99, 0.01, 0.01], (92, 42, 9, 9)); // never too small
        check((100, 50), [2.0, -3.0, 0.1, 0.1], (92, 0, 8, 8)); // outside
        check((4, 4), [0.5, 0.5, 0.1, 0.1], (0, 0, 4, 4));
    }
}
