//! Frames in the sizes and layouts that models and detectors take.
//!
//! Promises: a picture has no padding; scaling down averages (a box filter over what a pixel covers), so that small
//!   persons do not flicker; the same frame gives the same bytes.
//! Leaves to others: keeping the picture's shape (the caller names both sides), tensors (`nvr-perception`).

use crate::failure::Failure;
use crate::frames::Frame;
use crate::load::unsupported;
use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use yuv::{YuvPlanarImage, YuvRange, YuvStandardMatrix};

/// Longest side that is asked for, pixels.
pub const PICTURE_PX_MAX: usize = 4096;

/// Scales and converts; keeps its tables from frame to frame.
#[derive(Debug, Default)]
pub struct Scaler {
    resizer: Resizer,
}

impl Scaler {
    /// The luma plane as `width` × `height` bytes, 0 black (limited range is not stretched).
    ///
    /// # Errors
    /// A side is 0 or longer than [`PICTURE_PX_MAX`].
    pub fn gray(&mut self, frame: &Frame, width: usize, height: usize) -> Result<Vec<u8>, Failure> {
        let [y, _, _] = &frame.planes;
        self.plane(y, (frame.width, frame.height), (width, height))
    }

    /// `width` × `height` × RGB, three bytes a pixel, ITU-R BT.601 up to 720 lines and BT.709 above.
    ///
    /// # Errors
    /// As [`Self::gray`].
    pub fn rgb(&mut self, frame: &Frame, width: usize, height: usize) -> Result<Vec<u8>, Failure> {
        let [y, u, v] = &frame.planes;
        let half = |(w, h): (usize, usize)| (w.div_ceil(2), h.div_ceil(2));
        let (from, to) = ((frame.width, frame.height), (width, height));
        let luma = self.plane(y, from, to)?;
        let blue = self.plane(u, half(from), half(to))?;
        let red = self.plane(v, half(from), half(to))?;
        let px = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let image = YuvPlanarImage {
            y_plane: &luma,
            y_stride: px(width),
            u_plane: &blue,
            u_stride: px(width.div_ceil(2)),
            v_plane: &red,
            v_stride: px(width.div_ceil(2)),
            width: px(width),
            height: px(height),
        };
        let range = if frame.full_range { YuvRange::Full } else { YuvRange::Limited };
        let matrix = if frame.height > 720 { YuvStandardMatrix::Bt709 } else { YuvStandardMatrix::Bt601 };
        let mut rgb = vec![0; width * height * 3];
        yuv::yuv420_to_rgb(&image, &mut rgb, px(width * 3), range, matrix)
            .map_err(|e| unsupported(format!("cannot convert a frame to RGB: {e}")))?;
        Ok(rgb)
    }

    fn plane(&mut self, plane: &[u8], from: (usize, usize), to: (usize, usize)) -> Result<Vec<u8>, Failure> {
        let fail = |what: String| unsupported(format!("cannot scale a frame: {what}"));
        if [to.0, to.1].iter().any(|side| !(1..=PICTURE_PX_MAX).contains(side)) {
            return Err(fail(format!("{} × {} pixels are asked for", to.0, to.1)));
        }
        if from == to {
            return Ok(plane.to_vec());
        }
        let px = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let source =
            ImageRef::new(px(from.0), px(from.1), plane, PixelType::U8).map_err(|e| fail(e.to_string()))?;
        let mut scaled = Image::new(px(to.0), px(to.1), PixelType::U8);
        let filter = if to.0 * to.1 < from.0 * from.1 { FilterType::Box } else { FilterType::Bilinear };
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter));
        self.resizer.resize(&source, &mut scaled, &options).map_err(|e| fail(e.to_string()))?;
        Ok(scaled.into_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame of one colour in limited range.
    fn flat(width: usize, height: usize, yuv: [u8; 3]) -> Frame {
        let plane = |value, w: usize, h: usize| vec![value; w * h];
        let (w, h) = (width.div_ceil(2), height.div_ceil(2));
        let [y, u, v] = yuv;
        let planes = [plane(y, width, height), plane(u, w, h), plane(v, w, h)];
        Frame { at_us: 0, width, height, full_range: false, planes }
    }

    fn check(yuv: [u8; 3], expected: [u8; 3]) {
        for (width, height, to) in [(64, 48, (32, 24)), (33, 17, (33, 17)), (16, 16, (31, 29))] {
            let rgb = Scaler::default().rgb(&flat(width, height, yuv), to.0, to.1).unwrap();
            assert_eq!(rgb.len(), to.0 * to.1 * 3);
            for pixel in rgb.chunks(3) {
                let near = pixel.iter().zip(expected).all(|(got, want)| got.abs_diff(want) <= 2);
                assert!(near, "{yuv:?} in {to:?}: {pixel:?}, expected {expected:?}");
            }
        }
    }

    #[test]
    fn colours() {
        check([16, 128, 128], [0, 0, 0]);
        check([235, 128, 128], [255, 255, 255]);
        check([81, 90, 240], [255, 0, 0]);
        check([41, 240, 110], [0, 0, 255]);
    }

    #[test]
    fn sizes_out_of_range() {
        let frame = flat(8, 8, [16, 128, 128]);
        for (width, height) in [(0, 8), (8, 0), (PICTURE_PX_MAX + 1, 8)] {
            assert!(Scaler::default().gray(&frame, width, height).is_err());
        }
        assert_eq!(Scaler::default().gray(&frame, 4, 2).unwrap(), vec![16; 8]);
    }
}
