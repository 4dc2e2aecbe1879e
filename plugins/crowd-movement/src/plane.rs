//! Plane: a gray picture without its light, and how much two places of two planes differ.
//!
//! Promises: pure; a change of the light, however sudden, leaves it as it was but for contrast. A window that would reach
//! beyond the picture differs from everything. Leaves to others: what moved (`flow`).

use nvr_plugin_api::Frame;

/// Side of a window, pixels.
pub(crate) const WINDOW_PX: usize = 8;
/// Pixels of a window.
pub(crate) const WINDOW_AREA: u32 = (WINDOW_PX * WINDOW_PX) as u32;
/// The mean of so many pixels to each side is the light.
const AROUND_PX: usize = 4;
/// A level of the light itself.
const MIDDLE: u8 = 128;

/// Levels around [`MIDDLE`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plane {
    pub(crate) width: usize,
    pub(crate) height: usize,
    levels: Vec<u8>,
}

impl Plane {
    pub(crate) fn of(frame: &Frame<'_>) -> Self {
        let (width, height) = (frame.width as usize, frame.height as usize);
        // Sums over everything above and left of a pixel.
        let stride = width + 1;
        let mut sums = vec![0u32; stride];
        for row in frame.rows() {
            let above = sums.len() - stride;
            let mut line = 0u32;
            sums.push(0);
            for (x, level) in row.iter().enumerate() {
                line += u32::from(*level);
                let up = sums.get(above + x + 1).copied().unwrap_or(0);
                sums.push(up + line);
            }
        }
        let sum = |x: usize, y: usize| sums.get(y * stride + x).copied().unwrap_or(0);
        let mut levels = Vec::with_capacity(width * height);
        for (y, row) in frame.rows().enumerate() {
            let (top, bottom) = (y.saturating_sub(AROUND_PX), (y + AROUND_PX + 1).min(height));
            for (x, level) in row.iter().enumerate() {
                let (left, right) = (x.saturating_sub(AROUND_PX), (x + AROUND_PX + 1).min(width));
                let area = ((bottom - top) * (right - left)) as u32;
                let all = (sum(right, bottom) + sum(left, top)) - (sum(left, bottom) + sum(right, top));
                let light = (all + area / 2) / area.max(1);
                let above = i32::from(MIDDLE) + i32::from(*level) - i32::try_from(light).unwrap_or(0);
                levels.push(u8::try_from(above.clamp(0, 255)).unwrap_or(MIDDLE));
            }
        }
        Self { width, height, levels }
    }

    fn line(&self, x: usize, y: usize) -> Option<&[u8; WINDOW_PX]> {
        self.levels.get(y * self.width + x..)?.first_chunk()
    }

    /// Sum of the levels' distances from the light in the window at `x`, `y`.
    pub(crate) fn contrast(&self, x: usize, y: usize) -> u32 {
        let lines = (0..WINDOW_PX).filter_map(|n| self.line(x, y + n));
        lines.flatten().map(|level| u32::from(level.abs_diff(MIDDLE))).sum()
    }

    /// Sum of absolute differences between the window at `here` and that of `other` at `there`; at least `enough` when it
    /// is not less than that. `None` when a window leaves the picture.
    pub(crate) fn difference(
        &self,
        here: (usize, usize),
        other: &Self,
        there: (i32, i32),
        enough: u32,
    ) -> Option<u32> {
        let (x, y) = (usize::try_from(there.0).ok()?, usize::try_from(there.1).ok()?);
        if x + WINDOW_PX > other.width || y + WINDOW_PX > other.height {
            return None;
        }
        let mut sum = 0u32;
        for n in 0..WINDOW_PX {
            let (a, b) = (self.line(here.0, here.1 + n)?, other.line(x, y + n)?);
            sum += a.iter().zip(b).map(|(p, q)| u32::from(p.abs_diff(*q))).sum::<u32>();
            if sum >= enough {
                break;
            }
        }
        Some(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const W: usize = 32;

    fn plane(paint: impl Fn(usize, usize) -> u8) -> Plane {
        let data: Vec<u8> = (0..W * W).map(|n| paint(n % W, n / W)).collect();
        let side = W as u32;
        Plane::of(&Frame { data: &data, width: side, height: side, stride: side, channels: 1 })
    }

    fn stone(x: usize, y: usize) -> u8 {
        60 + 40 * ((x / 5 + 3 * (y / 4)) % 3) as u8
    }

    /// How much a pixel of the window in the middle differs, on average.
    fn check(after: impl Fn(usize, usize) -> u8, there: (i32, i32), expected: std::ops::RangeInclusive<u32>) {
        let found = plane(after).difference((12, 12), &plane(stone), there, u32::MAX);
        let mean = found.map(|sum| sum / WINDOW_AREA);
        assert!(mean.is_some_and(|mean| expected.contains(&mean)), "{mean:?} is not in {expected:?}");
    }

    #[test]
    fn light_and_motion() {
        check(stone, (12, 12), 0..=0);
        check(|x, y| stone(x, y) + 70, (12, 12), 0..=0);
        check(|x, y| stone(x + 3, y), (12, 12), 5..=90);
        check(|x, y| stone(x + 3, y), (15, 12), 0..=3);
    }

    #[test]
    fn beyond_the_picture() {
        assert_eq!(plane(stone).difference((12, 12), &plane(stone), (-1, 0), 9), None);
        assert_eq!(plane(stone).difference((12, 12), &plane(stone), (30, 0), 9), None);
    }
}
