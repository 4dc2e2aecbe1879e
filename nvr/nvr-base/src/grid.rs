//! Which frames of a camera are taken for a rate: the first at or after each multiple of a step.
//!
//! Promises: media time alone decides, so every run takes the same frames; the grid does not drift; of two grids of one
//!   camera the slower takes only frames that the faster takes, when their rates divide.
//! Leaves to others: which rates there are (rules, plugins, the planner).

/// Lowest and highest rate, in frames a second.
const FPS: (f64, f64) = (0.001, 1000.0);
/// A frame that comes this share of a step early counts as in time: rounding of presentation times, and what jitter a
/// camera has, must never make 10 frames a second 5.
const EARLY: f64 = 0.1;

/// The frames of one rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Grid {
    fps: f64,
    early_us: i64,
    next_us: i64,
}

impl Grid {
    /// `fps` frames a second of what a camera sends; the first frame is one of them.
    pub fn new(fps: f32) -> Self {
        Self::within(fps, fps)
    }

    /// `fps` frames a second of those that another grid, of `outer_fps`, takes.
    pub fn within(fps: f32, outer_fps: f32) -> Self {
        let clamp = |fps: f32| f64::from(fps).clamp(FPS.0, FPS.1);
        let early_us = (1e6 * EARLY / clamp(outer_fps)) as i64;
        Self { fps: clamp(fps), early_us, next_us: 0 }
    }

    /// The rate that is a whole fraction of `outer_fps` and at most `fps`: the two grids share their frames.
    pub fn fraction(fps: f32, outer_fps: f32) -> f32 {
        let parts = (f64::from(outer_fps) / f64::from(fps) - 1e-3).ceil().max(1.0);
        if parts.is_finite() { (f64::from(outer_fps) / parts) as f32 } else { fps }
    }

    /// Whether [`Self::takes`] would take the frame at `at_us`.
    pub fn is_due(&self, at_us: i64) -> bool {
        at_us >= self.next_us.saturating_sub(self.early_us)
    }

    /// Whether the frame at `at_us`, in media time, is taken.
    pub fn takes(&mut self, at_us: i64) -> bool {
        if !self.is_due(at_us) {
            return false;
        }
        // A millionth of a step: rounding of the multiplication.
        let slot = (at_us.saturating_add(self.early_us) as f64 * self.fps / 1e6 + 1e-6).floor();
        self.next_us = ((slot + 1.0) * 1e6 / self.fps).round() as i64;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames of a file of `file_fps` that are taken at `fps`.
    fn check(file_fps: f64, fps: f32, expected: &[i64]) {
        let mut grid = Grid::new(fps);
        let times: Vec<i64> = (0..12).map(|n| (f64::from(n) * 1e6 / file_fps).round() as i64).collect();
        let taken: Vec<i64> = (0..12).filter(|n| grid.takes(times[*n as usize])).collect();
        assert_eq!(taken, expected, "{file_fps} frames a second taken at {fps}");
    }

    #[test]
    fn frames_by_media_time() {
        check(10.0, 10.0, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
        check(9.99, 10.0, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
        check(10.01, 10.0, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
        check(10.0, 5.0, &[0, 2, 4, 6, 8, 10]);
        check(30.0, 10.0, &[0, 3, 6, 9]);
        check(25.0, 10.0, &[0, 3, 5, 8, 10]);
        check(2.0, 10.0, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    }

    /// Frames with a jitter and holes: the slower grid takes only what the faster takes, at a rate that divides.
    #[test]
    fn slower_grids_lie_on_faster_ones() {
        for (camera, fast, want) in [(10.0, 5.0, 2.0), (10.0, 10.0, 3.0), (12.0, 6.0, 6.0), (10.0, 3.0, 1.4)]
        {
            let slow = Grid::fraction(want, fast);
            assert!(slow <= want && slow > want / 2.0, "{want} of {fast} is {slow}");
            let mut outer = Grid::new(camera);
            let (mut inner, mut inmost) = (Grid::within(fast, camera), Grid::within(slow, camera));
            let mut taken = [0; 3];
            for n in 0..20_000_i64 {
                let at_us = n * 40_000 + n * 7919 % 9_000;
                if n % 97 > 90 || !outer.takes(at_us) {
                    continue;
                }
                let (of_inner, of_inmost) = (inner.takes(at_us), inmost.takes(at_us));
                assert!(of_inner || !of_inmost, "{at_us} µs, {slow} on {fast} of {camera}");
                taken = [taken[0] + 1, taken[1] + i32::from(of_inner), taken[2] + i32::from(of_inmost)];
            }
            assert!(taken[0] >= taken[1] && taken[1] >= taken[2] && taken[2] > 600, "{taken:?}");
        }
    }
}
