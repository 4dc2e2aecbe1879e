//! A picture in RGB to draw on.
//!
//! Promises: what lies outside the picture is left out; no coordinate panics.
//! Leaves to others: what is drawn (`draw`), fonts and lines (`embedded-graphics`).

use embedded_graphics::Pixel;
use embedded_graphics::pixelcolor::{Rgb888, RgbColor};
use embedded_graphics::prelude::{Dimensions, DrawTarget, OriginDimensions, Point, Size};
use embedded_graphics::primitives::Rectangle;
use std::convert::Infallible;

/// The picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Canvas {
    width: usize,
    height: usize,
    rgb: Vec<u8>,
}

impl Canvas {
    /// A picture of `width` × `height`; what is missing of `rgb` is black.
    pub(super) fn new(width: usize, height: usize, mut rgb: Vec<u8>) -> Self {
        rgb.resize(width * height * 3, 0);
        Self { width, height, rgb }
    }

    /// Its bytes.
    pub(super) fn into_rgb(self) -> Vec<u8> {
        self.rgb
    }

    fn pixel(&mut self, x: i32, y: i32) -> Option<&mut [u8]> {
        let (x, y) = (usize::try_from(x).ok()?, usize::try_from(y).ok()?);
        let at = (x < self.width && y < self.height).then(|| (y * self.width + x) * 3)?;
        self.rgb.get_mut(at..at + 3)
    }

    /// Lays `colour` over a polygon; `share` of 256 parts are the colour. Where it crosses itself, even-odd decides.
    pub(super) fn tint(&mut self, polygon: &[Point], colour: Rgb888, share: u16) {
        let edges = || polygon.iter().zip(polygon.iter().cycle().skip(1));
        for y in 0..i32::try_from(self.height).unwrap_or(i32::MAX) {
            let middle = f64::from(y) + 0.5;
            let mut crossings: Vec<f64> = edges()
                .filter(|(a, b)| (f64::from(a.y) > middle) != (f64::from(b.y) > middle))
                .map(|(a, b)| {
                    let along = (middle - f64::from(a.y)) / f64::from(b.y - a.y);
                    f64::from(a.x) + along * f64::from(b.x - a.x)
                })
                .collect();
            crossings.sort_by(f64::total_cmp);
            for pair in crossings.chunks_exact(2) {
                let [from, to] = pair else { continue };
                let (from, to) = (from.max(0.0).round() as i32, to.min(self.width as f64).round() as i32);
                (from..to).for_each(|x| self.blend(x, y, colour, share));
            }
        }
    }

    fn blend(&mut self, x: i32, y: i32, colour: Rgb888, share: u16) {
        let Some(pixel) = self.pixel(x, y) else { return };
        for (old, new) in pixel.iter_mut().zip([colour.r(), colour.g(), colour.b()]) {
            let sum = u32::from(*old) * u32::from(256 - share.min(256))
                + u32::from(new) * u32::from(share.min(256));
            *old = (sum >> 8) as u8;
        }
    }

    fn set(&mut self, x: i32, y: i32, colour: Rgb888) {
        if let Some(pixel) = self.pixel(x, y) {
            pixel.copy_from_slice(&[colour.r(), colour.g(), colour.b()]);
        }
    }
}

impl OriginDimensions for Canvas {
    fn size(&self) -> Size {
        let px = |side: usize| u32::try_from(side).unwrap_or(u32::MAX);
        Size::new(px(self.width), px(self.height))
    }
}

impl DrawTarget for Canvas {
    type Color = Rgb888;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Rgb888>>>(&mut self, pixels: I) -> Result<(), Infallible> {
        pixels.into_iter().for_each(|Pixel(at, colour)| self.set(at.x, at.y, colour));
        Ok(())
    }

    fn fill_solid(&mut self, area: &Rectangle, colour: Rgb888) -> Result<(), Infallible> {
        let area = area.intersection(&self.bounding_box());
        for y in area.rows() {
            area.columns().for_each(|x| self.set(x, y, colour));
        }
        Ok(())
    }
}

/// A canvas on which every pixel is a square of `zoom` × `zoom`, from `origin` on: letters for very large pictures.
pub(super) struct Zoomed<'a> {
    pub(super) canvas: &'a mut Canvas,
    pub(super) origin: Point,
    pub(super) zoom: u32,
}

impl Dimensions for Zoomed<'_> {
    fn bounding_box(&self) -> Rectangle {
        Rectangle::new(Point::zero(), self.canvas.size() / self.zoom.max(1))
    }
}

impl DrawTarget for Zoomed<'_> {
    type Color = Rgb888;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Rgb888>>>(&mut self, pixels: I) -> Result<(), Infallible> {
        let zoom = i32::try_from(self.zoom).unwrap_or(1);
        for Pixel(at, colour) in pixels {
            let square = Rectangle::new(self.origin + at * zoom, Size::new_equal(self.zoom));
            self.canvas.fill_solid(&square, colour)?;
        }
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod testing {
    use super::*;

    /// The picture as text, a character a pixel: `.` black, `#` white, `R` `G` `B` mostly that, `y` red and green, else `?`.
    pub(in super::super) fn shown(canvas: &Canvas) -> String {
        let letter = |pixel: &[u8]| match pixel {
            [0..=40, 0..=40, 0..=40] => '.',
            [200..=255, 200..=255, 200..=255] => '#',
            [r, g, b] if *r > 120 && *g < 110 && *b < 110 => 'R',
            [r, g, b] if *g > 120 && *r < 110 && *b < 130 => 'G',
            [r, g, b] if *b > 120 && *r < 110 && *g < 180 => 'B',
            [r, g, b] if *r > 120 && *g > 120 && *b < 110 => 'y',
            _ => '?',
        };
        let rows = canvas.rgb.chunks(canvas.width * 3);
        rows.map(|row| row.chunks(3).map(letter).collect::<String>()).collect::<Vec<_>>().join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::testing::shown;
    use super::*;
    use embedded_graphics::prelude::{Drawable, Primitive};
    use embedded_graphics::primitives::{Line, PrimitiveStyle};

    fn check(expected: &str, paint: impl Fn(&mut Canvas)) {
        let mut canvas = Canvas::new(6, 4, Vec::new());
        paint(&mut canvas);
        let expected: Vec<_> = expected.split_whitespace().collect();
        assert_eq!(shown(&canvas), expected.join("\n"));
    }

    #[test]
    fn what_is_drawn_stays_in_the_picture() {
        check("...... .GG... .GG... ......", |canvas| {
            let Ok(()) = canvas.fill_solid(&Rectangle::new(Point::new(1, 1), Size::new(2, 2)), Rgb888::GREEN);
        });
        check("RRRRRR ...... ...... ......", |canvas| {
            let line = Line::new(Point::new(-50, 0), Point::new(1000, 0));
            let Ok(()) = line.into_styled(PrimitiveStyle::with_stroke(Rgb888::RED, 1)).draw(canvas);
        });
        check("...... ...... ....## ....##", |canvas| {
            let mut zoomed = Zoomed { canvas, origin: Point::new(2, 0), zoom: 2 };
            let Ok(()) = zoomed
                .draw_iter([Pixel(Point::new(1, 1), Rgb888::WHITE), Pixel(Point::new(-2, 9), Rgb888::RED)]);
        });
    }

    #[test]
    fn polygons_are_tinted() {
        let points = |all: &[(i32, i32)]| all.iter().map(|(x, y)| Point::new(*x, *y)).collect::<Vec<_>>();
        check("...... .RRR.. .RRR.. ......", |canvas| {
            canvas.tint(&points(&[(1, 1), (4, 1), (4, 3), (1, 3)]), Rgb888::RED, 256);
        });
        check("R....R R....R R....R RRRRRR", |canvas| {
            let u = [(0, 0), (1, 0), (1, 3), (5, 3), (5, 0), (6, 0), (6, 9), (0, 9)];
            canvas.tint(&points(&u), Rgb888::RED, 256);
        });
        check("...... ...... ...... ......", |canvas| {
            canvas.tint(&points(&[(1, 1), (4, 4)]), Rgb888::RED, 256)
        });
        let mut grey = Canvas::new(1, 1, vec![100, 100, 100]);
        grey.tint(&points(&[(0, 0), (1, 0), (1, 1), (0, 1)]), Rgb888::BLACK, 128);
        assert_eq!(grey.into_rgb(), [50, 50, 50]);
    }
}
