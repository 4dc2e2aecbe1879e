//! What comes of one camera: size, frames and key frames a second.
//!
//! Promises: pure; media time alone decides, so a burst is no higher rate; numbers a hostile stream gives stay in range.
//! Leaves to others: what that costs (`pace`).

use crate::plan::StreamShape;
use nvr_base::VideoFormat;
use nvr_base::analysis::FPS_MAX;

/// Weight of a new distance between frames.
const WEIGHT: f32 = 0.1;
/// The same of key frames, of which there are few.
const WEIGHT_KEY: f32 = 0.3;
/// Longest distance that counts, in seconds.
const DISTANCE_S_MAX: f32 = 600.0;
/// Frames a second that are believed until some have come.
const FPS_FIRST: f32 = 15.0;

/// The stream of one camera.
#[derive(Debug, Clone, Default)]
pub struct Flow {
    width: u32,
    height: u32,
    newest_us: Option<i64>,
    key_us: Option<i64>,
    /// Seconds from frame to frame, from key frame to key frame.
    distance_s: Option<f32>,
    key_distance_s: Option<f32>,
}

impl Flow {
    /// A stream of which nothing came yet.
    pub fn new(format: &VideoFormat) -> Self {
        Self { width: format.width.into(), height: format.height.into(), ..Self::default() }
    }

    /// The latest time so far.
    pub fn newest_us(&self) -> Option<i64> {
        self.newest_us
    }

    /// Times begin anew; rates are kept.
    pub fn restart(&mut self) {
        (self.newest_us, self.key_us) = (None, None);
    }

    /// A sample came, in decoding order.
    pub fn sample(&mut self, at_us: i64, key: bool) {
        let distance = |from: Option<i64>| {
            let us = at_us.checked_sub(from?)?;
            Some((us as f32 / 1e6).min(DISTANCE_S_MAX))
        };
        if let Some(s) = distance(self.newest_us) {
            // Frames that are shown in another order come behind and before the newest: only what is passed counts.
            if s > 0.0 {
                blend(&mut self.distance_s, s, WEIGHT);
            } else if let Some(sum) = &mut self.distance_s {
                *sum *= 1.0 - WEIGHT;
            }
        }
        self.newest_us = self.newest_us.max(Some(at_us));
        if key {
            if let Some(s) = distance(self.key_us).filter(|s| *s > 0.0) {
                blend(&mut self.key_distance_s, s, WEIGHT_KEY);
            }
            self.key_us = Some(at_us);
        }
    }

    /// As the planner sees it.
    pub fn shape(&self) -> StreamShape {
        let rate = |distance: Option<f32>| distance.map(|s| (1.0 / s.max(0.001)).min(240.0));
        let fps = rate(self.distance_s).unwrap_or(FPS_FIRST);
        StreamShape {
            width: self.width,
            height: self.height,
            fps: fps.clamp(0.01, FPS_MAX * 2.0),
            key_fps: rate(self.key_distance_s).map_or(0.0, |key| key.min(fps)),
        }
    }
}

/// A running average.
pub(super) fn blend(mean: &mut Option<f32>, value: f32, weight: f32) {
    if value.is_finite() {
        *mean = Some(mean.map_or(value, |mean| mean + weight * (value - mean)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(times: impl Iterator<Item = (i64, bool)>, fps: f32, key_fps: f32) {
        let mut flow = Flow::default();
        times.for_each(|(at_us, key)| flow.sample(at_us, key));
        let shape = flow.shape();
        let near = |a: f32, b: f32| (a - b).abs() <= b * 0.15 + 0.01;
        assert!(near(shape.fps, fps) && near(shape.key_fps, key_fps), "{shape:?}");
    }

    #[test]
    fn rates_from_media_time() {
        check((0..100).map(|n| (n * 100_000, n % 20 == 0)), 10.0, 0.5);
        check((0..100).map(|n| (n * 66_667, true)), 15.0, 15.0);
        // P b b P b b: shown 3, 1, 2, 6, 4, 5.
        let shown = |n: i64| n / 3 * 3 + [3, 1, 2].get(n as usize % 3).copied().unwrap_or(0);
        check((0..300).map(|n| (shown(n) * 40_000, n % 75 == 0)), 25.0, 0.333);
        check(std::iter::empty(), FPS_FIRST, 0.0);
        check([(i64::MAX, true), (i64::MIN, true), (0, true)].into_iter(), FPS_FIRST, 0.0);
    }
}
