//! From a frame to a model's input and back: scaling, fitting, channel order, normalisation.
//!
//! Promises: boxes found in the input come back where they are in the picture; the tensor has the manifest's size whatever
//! the frame's; nothing is allocated once the first frame of a size has been seen.
//! Leaves to others: coarse scaling (decode near the model's size: this is bilinear with two taps, half-pixel centres, as
//! the models were trained with; a frame several times larger than the input would be sampled too thinly).

use super::frame::FrameRgb;
use super::manifest::{Fit, Input, Layout, Number, Order};
use nvr_base::geometry::Rect;

/// The numbers of an input tensor.
#[derive(Debug, Clone, PartialEq)]
pub enum Numbers {
    /// 32-bit floats.
    F32(Vec<f32>),
    /// 32-bit integers.
    I32(Vec<i32>),
}

/// An input tensor.
#[derive(Debug, Clone, PartialEq)]
pub struct Pixels {
    /// Its four sides; the first is 1.
    pub shape: [usize; 4],
    /// As many numbers as the sides multiply to.
    pub numbers: Numbers,
}

/// Where the picture lies in the input, in the input's pixels; it starts at the top left.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placement {
    /// Width of the picture in the input.
    pub width: f32,
    /// Its height.
    pub height: f32,
}

impl Placement {
    /// A box of the input as a box of the picture, clipped to it; `None` if nothing of it is left or it is no box.
    pub fn to_picture(&self, x0: f32, y0: f32, x1: f32, y1: f32) -> Option<Rect> {
        let clip = |v: f32, side: f32| (v / side).clamp(0.0, 1.0);
        let (x, y) = (clip(x0, self.width), clip(y0, self.height));
        let (w, h) = (clip(x1, self.width) - x, clip(y1, self.height) - y);
        (w > 0.0 && h > 0.0).then_some(Rect { x, y, w, h })
    }
}

/// Which two source pixels make a pixel, and how much of the second.
#[derive(Debug, Clone, Copy)]
struct Tap {
    first: usize,
    second: usize,
    share: f32,
}

fn taps(from: usize, to: usize) -> Vec<Tap> {
    let ratio = from as f32 / to as f32;
    let last = from.saturating_sub(1);
    let tap = |i: usize| {
        let at = ((i as f32 + 0.5) * ratio - 0.5).clamp(0.0, last as f32);
        let first = (at as usize).min(last);
        Tap { first, second: (first + 1).min(last), share: at - first as f32 }
    };
    (0..to).map(tap).collect()
}

/// Makes input tensors; keeps its buffers from frame to frame.
#[derive(Debug)]
pub struct Letterbox {
    input: Input,
    gain: [f32; 3],
    offset: [f32; 3],
    size: (usize, usize),
    across: Vec<Tap>,
    down: Vec<Tap>,
    row: Vec<f32>,
    pixels: Pixels,
}

impl Letterbox {
    /// For a model's input.
    pub fn new(input: &Input) -> Self {
        let channels = input.order.channels();
        let count = input.width * input.height * channels;
        let shape = match input.layout {
            Layout::Nchw => [1, channels, input.height, input.width],
            Layout::Nhwc => [1, input.height, input.width, channels],
        };
        let numbers = match input.number {
            Number::F32 => Numbers::F32(vec![0.0; count]),
            Number::I32 => Numbers::I32(vec![0; count]),
        };
        let (mut gain, mut offset) = ([1.0; 3], [0.0; 3]);
        for (c, (g, o)) in gain.iter_mut().zip(offset.iter_mut()).enumerate() {
            *g = 1.0 / input.std.get(c).copied().unwrap_or(1.0);
            *o = -input.mean.get(c).copied().unwrap_or(0.0) * *g;
        }
        Self {
            input: input.clone(),
            gain,
            offset,
            size: (0, 0),
            across: Vec::new(),
            down: Vec::new(),
            row: vec![0.0; input.width * channels],
            pixels: Pixels { shape, numbers },
        }
    }

    /// The input tensor of a frame, and where the picture lies in it.
    pub fn prepare(&mut self, frame: &FrameRgb<'_>) -> (&Pixels, Placement) {
        let (width, height) = (frame.width(), frame.height());
        let (inner_w, inner_h, placement) = place(&self.input, width, height);
        if self.size != (width, height) {
            self.size = (width, height);
            self.across = taps(width, inner_w);
            self.down = taps(height, inner_h);
        }
        let channels = self.input.order.channels();
        for y in 0..self.input.height {
            self.row.fill(f32::from(self.input.pad));
            if let Some(tap) = self.down.get(y) {
                let rows = (frame.row(tap.first), frame.row(tap.second));
                sample(&mut self.row, &self.across, rows, tap.share, self.input.order);
            }
            let row = Row { values: &self.row, y, channels, gain: self.gain, offset: self.offset };
            match &mut self.pixels.numbers {
                Numbers::F32(out) => row.store(out, &self.input, |v| v),
                Numbers::I32(out) => row.store(out, &self.input, |v| (v + 0.5) as i32), // none is below zero
            }
        }
        (&self.pixels, placement)
    }
}

/// Size of the picture inside the input, whole pixels, and the exact scale back.
fn place(input: &Input, width: usize, height: usize) -> (usize, usize, Placement) {
    match input.fit {
        Fit::Stretch => {
            let placement = Placement { width: input.width as f32, height: input.height as f32 };
            (input.width, input.height, placement)
        }
        Fit::Letterbox => {
            let ratio = (input.width as f32 / width as f32).min(input.height as f32 / height as f32);
            let side = |n: usize, most: usize| ((n as f32 * ratio) as usize).clamp(1, most);
            let (w, h) = (side(width, input.width), side(height, input.height));
            (w, h, Placement { width: w as f32, height: h as f32 })
        }
    }
}

/// One row of the input from two rows of the frame, interleaved, channels in the model's order, still 0..255.
fn sample(out: &mut [f32], across: &[Tap], (upper, lower): (&[u8], &[u8]), share: f32, order: Order) {
    let pixel = |row: &[u8], x: usize| match row.get(x * 3..x * 3 + 3) {
        Some(&[r, g, b]) => [f32::from(r), f32::from(g), f32::from(b)],
        _ => [0.0; 3],
    };
    let blend = |a: f32, b: f32, s: f32| a + (b - a) * s;
    for (tap, out) in across.iter().zip(out.chunks_exact_mut(order.channels())) {
        let (a, b) = (pixel(upper, tap.first), pixel(upper, tap.second));
        let (c, d) = (pixel(lower, tap.first), pixel(lower, tap.second));
        let [ra, ga, ba] = a;
        let [rb, gb, bb] = b;
        let [rc, gc, bc] = c;
        let [rd, gd, bd] = d;
        let mix = |a, b, c, d| blend(blend(a, b, tap.share), blend(c, d, tap.share), share);
        let (r, g, b) = (mix(ra, rb, rc, rd), mix(ga, gb, gc, gd), mix(ba, bb, bc, bd));
        let values = match order {
            Order::Rgb => [r, g, b],
            Order::Bgr => [b, g, r],
            Order::Gray => [0.299 * r + 0.587 * g + 0.114 * b; 3],
        };
        for (o, v) in out.iter_mut().zip(values) {
            *o = v;
        }
    }
}

struct Row<'a> {
    values: &'a [f32],
    y: usize,
    channels: usize,
    gain: [f32; 3],
    offset: [f32; 3],
}

impl Row<'_> {
    fn store<T>(&self, out: &mut [T], input: &Input, number: impl Fn(f32) -> T) {
        let plane = input.width * input.height;
        for (c, (gain, offset)) in self.gain.iter().zip(self.offset).enumerate().take(self.channels) {
            let values = self.values.iter().skip(c).step_by(self.channels).map(|v| number(v * gain + offset));
            let (start, step) = match input.layout {
                Layout::Nchw => (c * plane + self.y * input.width, 1),
                Layout::Nhwc => (self.y * input.width * self.channels + c, self.channels),
            };
            let Some(target) = out.get_mut(start..) else { return };
            target.iter_mut().step_by(step).take(input.width).zip(values).for_each(|(o, v)| *o = v);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop on what it did not expect")]

    use super::*;

    fn input(order: Order, fit: Fit, layout: Layout, number: Number) -> Input {
        let (mean, std) = (Vec::new(), Vec::new());
        let tensor = "image".to_owned();
        Input { tensor, layout, number, width: 4, height: 4, order, fit, pad: 114, mean, std }
    }

    /// A frame of 2 × 1 pixels, left (10, 20, 30), right (110, 120, 130), into an input of 4 × 4.
    fn check(input: Input, expected: &[(usize, f32)], picture: [f32; 2]) {
        let data = [10, 20, 30, 110, 120, 130];
        let frame = FrameRgb::new(2, 1, 6, &data).unwrap();
        let mut letterbox = Letterbox::new(&input);
        let (pixels, placement) = letterbox.prepare(&frame);
        let numbers: Vec<f32> = match &pixels.numbers {
            Numbers::F32(v) => v.clone(),
            Numbers::I32(v) => v.iter().map(|v| *v as f32).collect(),
        };
        assert_eq!(numbers.len(), pixels.shape.iter().product::<usize>());
        for (at, value) in expected {
            assert!((numbers[*at] - value).abs() < 1e-3, "at {at}: {} is not {value}", numbers[*at]);
        }
        assert_eq!([placement.width, placement.height], picture);
    }

    #[test]
    fn tensors() {
        use Fit::{Letterbox as Box, Stretch};
        // Planes, blue first; half-pixel centres give 1/4 and 3/4 between the two pixels.
        let bgr = input(Order::Bgr, Stretch, Layout::Nchw, Number::F32);
        check(
            bgr,
            &[(0, 30.0), (1, 55.0), (2, 105.0), (3, 130.0), (12, 30.0), (32, 10.0), (47, 110.0)],
            [4.0, 4.0],
        );
        // The picture fills two of four rows, padding the rest.
        let boxed = input(Order::Rgb, Box, Layout::Nchw, Number::F32);
        check(boxed, &[(0, 10.0), (7, 110.0), (8, 114.0), (15, 114.0), (16, 20.0)], [4.0, 2.0]);
        // Interleaved whole numbers.
        let whole = input(Order::Rgb, Box, Layout::Nhwc, Number::I32);
        check(whole, &[(0, 10.0), (1, 20.0), (2, 30.0), (3, 35.0), (24, 114.0)], [4.0, 2.0]);
        let gray = input(Order::Gray, Stretch, Layout::Nchw, Number::F32);
        check(gray, &[(0, 18.15), (15, 118.15)], [4.0, 4.0]);
        let mut scaled = input(Order::Bgr, Stretch, Layout::Nchw, Number::F32);
        (scaled.mean, scaled.std) = (vec![10.0, 0.0, 0.0], vec![2.0, 1.0, 10.0]);
        check(scaled, &[(0, 10.0), (16, 20.0), (32, 1.0)], [4.0, 4.0]);
    }

    #[test]
    fn boxes_come_back() {
        let placed = |fit, width, height| {
            place(&Input { fit, ..input(Order::Rgb, fit, Layout::Nchw, Number::F32) }, width, height).2
        };
        let back = |p: Placement, b: [f32; 4]| p.to_picture(b[0], b[1], b[2], b[3]).map(Rect::to_array);
        let wide = placed(Fit::Letterbox, 200, 100); // 4 × 2 in 4 × 4
        assert_eq!(back(wide, [1.0, 0.5, 3.0, 1.0]), Some([0.25, 0.25, 0.5, 0.25]));
        assert_eq!(back(wide, [-1.0, 1.0, 9.0, 9.0]), Some([0.0, 0.5, 1.0, 0.5])); // clipped
        assert_eq!(back(wide, [0.0, 3.0, 4.0, 4.0]), None); // in the padding
        assert_eq!(back(wide, [2.0, 1.0, 1.0, 2.0]), None);
        assert_eq!(back(wide, [f32::NAN, 0.0, 1.0, 1.0]), None);
        let stretched = placed(Fit::Stretch, 200, 100);
        assert_eq!(back(stretched, [1.0, 1.0, 3.0, 3.0]), Some([0.25, 0.25, 0.5, 0.5]));
    }
}
