//! A decoded frame as models take it: packed RGB bytes, borrowed.
//!
//! Promises: every row is inside the bytes; no side is zero or above [`SIDE_MAX`].
//! Leaves to others: where the bytes live, other pixel layouts (`nvr-media` converts).

use super::error::ModelError;

/// Longest side of a frame, pixels.
pub const SIDE_MAX: usize = 16_384;

/// A picture of `height` rows of `width` pixels of 3 bytes: red, green, blue.
#[derive(Debug, Clone, Copy)]
pub struct FrameRgb<'a> {
    width: usize,
    height: usize,
    stride: usize,
    data: &'a [u8],
}

impl<'a> FrameRgb<'a> {
    /// A frame over bytes; `stride` is the number of bytes from one row to the next. The last row need not be padded.
    pub fn new(width: usize, height: usize, stride: usize, data: &'a [u8]) -> Result<Self, ModelError> {
        let wrong = ModelError::Frame { width, height, stride, bytes: data.len() };
        if width == 0 || height == 0 || width > SIDE_MAX || height > SIDE_MAX || stride < width * 3 {
            return Err(wrong);
        }
        match stride.checked_mul(height - 1).and_then(|n| n.checked_add(width * 3)) {
            Some(needed) if needed <= data.len() => Ok(Self { width, height, stride, data }),
            _ => Err(wrong),
        }
    }

    /// Pixels a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// The `width * 3` bytes of a row; empty beyond the last.
    pub fn row(&self, y: usize) -> &'a [u8] {
        let start = y.saturating_mul(self.stride);
        if y < self.height { self.data.get(start..start + self.width * 3).unwrap_or(&[]) } else { &[] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(width: usize, height: usize, stride: usize, bytes: usize, expected: bool) {
        let data = vec![0; bytes];
        let made = FrameRgb::new(width, height, stride, &data);
        assert_eq!(made.is_ok(), expected, "{width}x{height} stride {stride} in {bytes}");
    }

    #[test]
    fn only_what_fits() {
        check(2, 2, 6, 12, true);
        check(2, 2, 8, 14, true); // no padding behind the last row
        check(2, 2, 8, 13, false);
        check(2, 2, 5, 12, false);
        check(0, 2, 6, 12, false);
        check(2, 0, 6, 12, false);
        check(2, 2, usize::MAX, 12, false);
        check(SIDE_MAX + 1, 1, SIDE_MAX * 4, SIDE_MAX * 4, false);
    }
}
