//! The motion gate: whether anything moves in a small gray picture, and where.
//!
//! Promises: pure; what a mask covers is never looked at, not even for the light; slow light is followed, sudden light is
//! said and is not motion; bounded boxes; a picture of 160×90 costs about 0.1 ms.
//! Leaves to others: scaling (`nvr-media`), whether a track asks for a detection although nothing moves.
//!
//! A running average a pixel and a running noise a block (after Wren et al. 1997, "Pfinder", with blocks of 4×4 instead
//! of a covariance a pixel). The light of the whole picture is the median of all differences.

use nvr_base::{Point, Polygon, Rect};

/// Side of a block, in pixels.
pub const BLOCK_PX: usize = 4;
/// Largest picture, in pixels.
pub const PIXELS_MAX: usize = 640 * 360;
/// Most boxes; what is beyond is joined into the last one.
pub const BOXES_MAX: usize = 32;

/// A block moves when its difference is above this many times its noise and [`LEVELS_MIN`] above it.
const NOISE_FACTOR: f32 = 2.5;
/// Least difference above the noise, in gray levels.
const LEVELS_MIN: f32 = 3.0;
/// A block without a moving neighbour needs this many times the difference: it may be a flicker.
const ALONE_FACTOR: f32 = 2.0;
/// Noise of a block that has not been looked at yet, in gray levels.
const NOISE_FIRST: f32 = 2.0;
/// Most noise that is believed: leaves in a storm, not a street.
const NOISE_MAX: f32 = 25.0;
/// Time in which the background follows, in seconds, where nothing moves and where something does: what stays
/// for minutes is background.
const BACKGROUND_S: f32 = 8.0;
const BACKGROUND_MOVING_S: f32 = 90.0;
/// The same of the noise.
const NOISE_S: f32 = 10.0;
const NOISE_MOVING_S: f32 = 120.0;
/// A change of the whole picture by as many levels between two pictures is the light.
const LIGHT_LEVELS: f32 = 12.0;
/// As is a change of more than this share of it.
const LIGHT_SHARE: f32 = 0.7;
/// Time the background is learnt, in seconds; and at least as many pictures.
const LEARNING_S: f32 = 2.0;
const LEARNING_PICTURES: u32 = 3;
/// Longest time between two pictures that counts.
const GAP_S_MAX: f32 = 10.0;

/// Why there is no gate, or no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GateError {
    /// No pixels, or more than [`PIXELS_MAX`].
    #[error("motion gate: a picture of {width}×{height} is empty or above {PIXELS_MAX} pixels")]
    Size {
        /// Pixels.
        width: usize,
        /// Pixels.
        height: usize,
    },
    /// The picture has other dimensions than the gate.
    #[error("motion gate: a picture of {found} bytes was given, {wanted} are needed")]
    Bytes {
        /// Bytes given.
        found: usize,
        /// Width times height of the gate.
        wanted: usize,
    },
}

/// What the gate says of one picture.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Motion {
    /// Share of the picture that moves, 0..1.
    pub share: f32,
    /// Where: boxes around neighbouring moving blocks, largest first.
    pub boxes: Vec<Rect>,
    /// The light of the whole picture changed at once (lamp, infra-red switch, exposure) or the camera moved; detection
    /// should look, and the gate learns anew.
    pub light_changed: bool,
    /// The background is not known yet: what is said of motion is not reliable, detection should look.
    pub learning: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Block {
    /// Pixels that may be looked at.
    pixels: u32,
    noise: f32,
    /// Mean absolute difference in this picture.
    difference: f32,
    moving: bool,
}

/// The gate of one camera.
#[derive(Debug, Clone)]
pub struct Gate {
    width: usize,
    height: usize,
    columns: usize,
    /// Whether a pixel may be looked at.
    open: Vec<bool>,
    background: Vec<f32>,
    blocks: Vec<Block>,
    last_us: Option<i64>,
    learnt_s: f32,
    learnt_pictures: u32,
}

impl Gate {
    /// A gate for pictures of `width`×`height` pixels that never looks under `masks`.
    pub fn new(width: usize, height: usize, masks: &[Polygon]) -> Result<Self, GateError> {
        let pixels = width.saturating_mul(height);
        if pixels == 0 || pixels > PIXELS_MAX {
            return Err(GateError::Size { width, height });
        }
        let columns = width.div_ceil(BLOCK_PX);
        let blocks = Block { noise: NOISE_FIRST, ..Block::default() };
        let mut gate = Self {
            width,
            height,
            columns,
            open: vec![true; pixels],
            background: vec![0.0; pixels],
            blocks: vec![blocks; columns * height.div_ceil(BLOCK_PX)],
            last_us: None,
            learnt_s: 0.0,
            learnt_pictures: 0,
        };
        for (i, open) in gate.open.iter_mut().enumerate() {
            let x = (i % width) as f32 + 0.5;
            let y = (i / width) as f32 + 0.5;
            let point = Point { x: x / width as f32, y: y / height as f32 };
            *open = !masks.iter().any(|mask| mask.contains(point));
            let block = (i / width / BLOCK_PX) * columns + (i % width) / BLOCK_PX;
            if let Some(block) = gate.blocks.get_mut(block).filter(|_| *open) {
                block.pixels += 1;
            }
        }
        Ok(gate)
    }

    /// Looks at one picture: `gray` holds its rows without padding, `at_us` is media time.
    pub fn look(&mut self, at_us: i64, gray: &[u8]) -> Result<Motion, GateError> {
        if gray.len() != self.open.len() {
            return Err(GateError::Bytes { found: gray.len(), wanted: self.open.len() });
        }
        let Some(last_us) = self.last_us.replace(at_us) else {
            self.start(gray);
            return Ok(Motion { learning: true, ..Motion::default() });
        };
        let gap_s = (at_us.saturating_sub(last_us) as f32 / 1e6).clamp(0.0, GAP_S_MAX);
        let shift = self.light_shift(gray);
        self.compare(gray, shift);
        let open = self.blocks.iter().filter(|b| b.pixels > 0).count().max(1);
        let moving = self.blocks.iter().filter(|b| b.moving).count();
        self.learnt_s += gap_s;
        self.learnt_pictures = self.learnt_pictures.saturating_add(1);
        let learning = self.learnt_s < LEARNING_S || self.learnt_pictures < LEARNING_PICTURES;
        // Before the noise is known, much of a bad picture may seem to move.
        let all_moves = !learning && moving as f32 / open as f32 > LIGHT_SHARE;
        let light_changed = shift.abs() >= LIGHT_LEVELS || all_moves;
        if light_changed {
            // Nothing of the old background is worth keeping; the noise of the blocks is.
            self.start(gray);
            return Ok(Motion { light_changed, learning: true, ..Motion::default() });
        }
        self.learn(gray, gap_s, shift, learning);
        let share = self.moving_share();
        Ok(Motion { share, boxes: self.boxes(), light_changed, learning })
    }

    fn start(&mut self, gray: &[u8]) {
        for (background, level) in self.background.iter_mut().zip(gray) {
            *background = f32::from(*level);
        }
        self.learnt_s = 0.0;
        self.learnt_pictures = 0;
    }

    /// The median difference to the background, in gray levels.
    fn light_shift(&self, gray: &[u8]) -> f32 {
        let mut counts = [0_u32; 511];
        let mut total = 0;
        for ((level, background), _) in
            gray.iter().zip(&self.background).zip(&self.open).filter(|(_, open)| **open)
        {
            // Rounds: what is cut off is positive.
            let bin = (f32::from(*level) - background + 255.5) as usize;
            if let Some(count) = counts.get_mut(bin) {
                *count += 1;
                total += 1;
            }
        }
        let mut below = 0;
        let median = counts.iter().position(|count| {
            below += count;
            below * 2 > total
        });
        median.map_or(0.0, |bin| bin as f32 - 255.0)
    }

    /// Decides for each block whether it moves.
    fn compare(&mut self, gray: &[u8], shift: f32) {
        for block in &mut self.blocks {
            block.difference = 0.0;
        }
        let rows = gray.chunks(self.width).zip(self.background.chunks(self.width));
        for (y, ((levels, backgrounds), opens)) in rows.zip(self.open.chunks(self.width)).enumerate() {
            let first = (y / BLOCK_PX) * self.columns;
            let row = self.blocks.get_mut(first..first + self.columns).unwrap_or_default();
            let parts = levels.chunks(BLOCK_PX).zip(backgrounds.chunks(BLOCK_PX));
            for (block, ((levels, backgrounds), opens)) in
                row.iter_mut().zip(parts.zip(opens.chunks(BLOCK_PX)))
            {
                let pixels = levels.iter().zip(backgrounds).zip(opens);
                block.difference += pixels
                    .map(|((l, b), open)| if *open { (f32::from(*l) - b - shift).abs() } else { 0.0 })
                    .sum::<f32>();
            }
        }
        let strength: Vec<f32> = self
            .blocks
            .iter_mut()
            .map(|block| {
                block.difference /= block.pixels.max(1) as f32;
                block.difference / (block.noise * NOISE_FACTOR).max(block.noise + LEVELS_MIN)
            })
            .collect();
        let strong = |i: usize| strength.get(i).is_some_and(|s| *s > 1.0);
        for i in 0..self.blocks.len() {
            let alone = !neighbours(i, self.columns, self.blocks.len()).any(strong);
            let least = if alone { ALONE_FACTOR } else { 1.0 };
            let moving = strength.get(i).is_some_and(|s| *s > least);
            if let Some(block) = self.blocks.get_mut(i) {
                block.moving = moving && block.pixels > 0;
            }
        }
    }

    /// Lets background and noise follow.
    fn learn(&mut self, gray: &[u8], gap_s: f32, shift: f32, learning: bool) {
        let rate = |time_s: f32| 1.0 - (-gap_s / time_s).exp();
        // While it learns, the average over the pictures so far.
        let first = 1.0 / (self.learnt_pictures as f32 + 1.0);
        let (quiet, moving) =
            if learning { (first, first) } else { (rate(BACKGROUND_S), rate(BACKGROUND_MOVING_S)) };
        let rows = self.background.chunks_mut(self.width).zip(gray.chunks(self.width));
        for (y, (backgrounds, levels)) in rows.enumerate() {
            let blocks = self.blocks.get(y / BLOCK_PX * self.columns..).unwrap_or_default();
            let parts = backgrounds.chunks_mut(BLOCK_PX).zip(levels.chunks(BLOCK_PX));
            for ((backgrounds, levels), block) in parts.zip(blocks) {
                let rate = if block.moving { moving } else { quiet };
                for (background, level) in backgrounds.iter_mut().zip(levels) {
                    let lit = *background + shift;
                    *background = lit + rate * (f32::from(*level) - lit);
                }
            }
        }
        let (quiet, moving) = if learning { (first, first) } else { (rate(NOISE_S), rate(NOISE_MOVING_S)) };
        for block in &mut self.blocks {
            let rate = if block.moving { moving } else { quiet };
            block.noise = (block.noise + rate * (block.difference - block.noise)).clamp(0.5, NOISE_MAX);
        }
    }

    fn block_rect(&self, index: usize) -> Rect {
        let (x, y) = ((index % self.columns) * BLOCK_PX, (index / self.columns) * BLOCK_PX);
        let (right, bottom) = ((x + BLOCK_PX).min(self.width), (y + BLOCK_PX).min(self.height));
        let (w, h) = (self.width as f32, self.height as f32);
        Rect { x: x as f32 / w, y: y as f32 / h, w: (right - x) as f32 / w, h: (bottom - y) as f32 / h }
    }

    fn moving_share(&self) -> f32 {
        let moving = self.blocks.iter().enumerate().filter(|(_, b)| b.moving);
        moving.map(|(i, _)| self.block_rect(i).area()).sum::<f32>().clamp(0.0, 1.0)
    }

    /// Boxes around groups of moving blocks that touch, corners included.
    fn boxes(&self) -> Vec<Rect> {
        let moves = |i: usize| self.blocks.get(i).is_some_and(|b| b.moving);
        let mut seen = vec![false; self.blocks.len()];
        let mut boxes: Vec<Rect> = Vec::new();
        for start in 0..self.blocks.len() {
            let mut rect: Option<Rect> = None;
            let mut waiting = vec![start];
            while let Some(i) = waiting.pop() {
                if !moves(i) || seen.get(i).copied().unwrap_or(true) {
                    continue;
                }
                if let Some(seen) = seen.get_mut(i) {
                    *seen = true;
                }
                let own = self.block_rect(i);
                rect = Some(rect.map_or(own, |r| around(&r, &own)));
                waiting.extend(neighbours(i, self.columns, self.blocks.len()));
            }
            boxes.extend(rect);
        }
        boxes.sort_by(|a, b| {
            b.area().total_cmp(&a.area()).then(a.y.total_cmp(&b.y)).then(a.x.total_cmp(&b.x))
        });
        if let Some(rest) =
            boxes.get(BOXES_MAX - 1..).and_then(|r| r.iter().copied().reduce(|a, b| around(&a, &b)))
        {
            boxes.truncate(BOXES_MAX - 1);
            boxes.push(rest);
        }
        boxes
    }
}

/// The box around two boxes.
fn around(a: &Rect, b: &Rect) -> Rect {
    let (x, y) = (a.x.min(b.x), a.y.min(b.y));
    Rect { x, y, w: a.right().max(b.right()) - x, h: a.bottom().max(b.bottom()) - y }
}

/// The up to eight blocks that touch one.
fn neighbours(index: usize, columns: usize, count: usize) -> impl Iterator<Item = usize> {
    let (x, y) = ((index % columns) as i64, (index / columns) as i64);
    let columns = columns as i64;
    let steps = (-1..=1).flat_map(|dy| (-1..=1).map(move |dx| (dx, dy)));
    steps.filter(|step| *step != (0, 0)).filter_map(move |(dx, dy)| {
        let (nx, ny) = (x + dx, y + dy);
        let inside = (0..columns).contains(&nx) && ny >= 0;
        usize::try_from(ny * columns + nx).ok().filter(|i| inside && *i < count)
    })
}

#[cfg(test)]
mod tests;
