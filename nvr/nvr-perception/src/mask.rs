//! What must not be looked at, painted over in every picture that leaves: the detector's, other models', plugins'.
//!
//! Promises: a pixel whose centre is under a polygon is grey, in whichever part of the picture and whichever size.
//! Leaves to others: which polygons (rules, the camera's configuration).

use nvr_base::geometry::{Point, Polygon, Rect};

/// What replaces masked pixels: the grey that letterboxes are filled with, which detectors know as nothing.
pub const MASK_GREY: u8 = 114;
/// Sizes of the whole picture whose pixels are remembered; a camera has few.
const SIZES_MAX: usize = 8;
/// The whole picture.
pub(crate) const PICTURE: Rect = Rect { x: 0.0, y: 0.0, w: 1.0, h: 1.0 };

/// The masks of a camera.
#[derive(Debug, Default)]
pub struct Mask {
    polygons: Vec<Polygon>,
    /// Numbers of the masked pixels, by size of the picture.
    known: Vec<((usize, usize), Vec<usize>)>,
}

impl Mask {
    /// Of these polygons.
    pub fn new(polygons: Vec<Polygon>) -> Self {
        Self { polygons, known: Vec::new() }
    }

    /// Paints a picture of `channels` bytes a pixel that shows all of the camera's picture.
    pub fn paint(&mut self, pixels: &mut [u8], (width, height): (usize, usize), channels: usize) {
        if self.polygons.is_empty() {
            return;
        }
        if !self.known.iter().any(|(size, _)| *size == (width, height)) {
            self.known.truncate(SIZES_MAX - 1);
            self.known.insert(0, ((width, height), masked(&self.polygons, (width, height), &PICTURE)));
        }
        if let Some((_, numbers)) = self.known.iter().find(|(size, _)| *size == (width, height)) {
            fill(pixels, numbers, channels);
        }
    }

    /// Paints a picture that shows `region` of the camera's picture.
    pub fn paint_region(&self, pixels: &mut [u8], size: (usize, usize), channels: usize, region: &Rect) {
        if !self.polygons.is_empty() {
            fill(pixels, &masked(&self.polygons, size, region), channels);
        }
    }
}

fn fill(pixels: &mut [u8], numbers: &[usize], channels: usize) {
    for number in numbers {
        if let Some(bytes) = pixels.get_mut(number * channels..(number + 1) * channels) {
            bytes.fill(MASK_GREY);
        }
    }
}

/// Numbers of the pixels whose centre is under a mask.
fn masked(masks: &[Polygon], (width, height): (usize, usize), region: &Rect) -> Vec<usize> {
    let centre = |n: usize, side: usize| (n as f32 + 0.5) / side as f32;
    let is_masked = |pixel: &usize| {
        let (x, y) = (centre(pixel % width, width), centre(pixel / width, height));
        let point = Point { x: region.x + x * region.w, y: region.y + y * region.h };
        masks.iter().any(|mask| mask.contains(point))
    };
    (0..width * height).filter(is_masked).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left() -> Polygon {
        Polygon([[0.0, 0.0], [0.5, 0.0], [0.5, 1.0], [0.0, 1.0]].map(Point::from).to_vec())
    }

    fn check(masks: Vec<Polygon>, region: Rect, channels: usize, expected: &[usize]) {
        let mut pixels = vec![0; 8 * channels];
        let mut mask = Mask::new(masks);
        if region == PICTURE {
            mask.paint(&mut pixels, (4, 2), channels);
        } else {
            mask.paint_region(&mut pixels, (4, 2), channels, &region);
        }
        let painted: Vec<usize> = (0..8)
            .filter(|n| pixels[n * channels..(n + 1) * channels].iter().all(|b| *b == MASK_GREY))
            .collect();
        assert_eq!(painted, expected);
        assert_eq!(pixels.iter().filter(|b| **b == MASK_GREY).count(), expected.len() * channels);
    }

    #[test]
    fn pixels_under_masks() {
        check(vec![left()], PICTURE, 1, &[0, 1, 4, 5]);
        check(vec![left()], PICTURE, 3, &[0, 1, 4, 5]);
        check(vec![], PICTURE, 3, &[]);
        // The middle half of the picture: its left half is masked.
        check(vec![left()], Rect { x: 0.25, y: 0.0, w: 0.5, h: 1.0 }, 3, &[0, 1, 4, 5]);
        check(vec![left()], Rect { x: 0.5, y: 0.5, w: 0.5, h: 0.5 }, 1, &[]);
    }
}
