//! Decoding times from presentation times.
//!
//! Promises: pure; `dts` rises strictly and is at most `pts`; a frame is never held back.
//! Leaves to others: finding the depth in the stream's parameters (`format`), presentation times (`timeline`).
//!
//! Method: with at most `d` frames between a frame's place in decoding order and its place in output order
//! (H.264 `max_num_reorder_frames`, H.265 `sps_max_num_reorder_pics`), the decoding time of a frame is the
//! `d+1`-th largest presentation time seen so far, itself included. The same as ffmpeg's `compute_pkt_fields`.

use nvr_base::Ticks;

/// Deepest reordering that a decoder must allow for (H.264 §A.3.1: `MaxDpbFrames`).
pub const REORDER_MAX: u8 = 16;

/// Decoding starts this long, 0.4 s, before the first presentation time for each frame of depth: the first
/// frame may be one that several frames precede in output order.
const SPACING_TICKS: i64 = 36_000;

/// The presentation time fell behind what the depth allows: the depth was too small.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooShallow;

/// Makes decoding times for one track and one epoch.
#[derive(Debug)]
pub struct Reorder {
    /// The `depth` largest presentation times so far, rising.
    window: Vec<i64>,
    depth: usize,
    last_dts: Option<i64>,
}

impl Reorder {
    /// For streams that reorder by at most `depth` frames; more than [`REORDER_MAX`] is cut down to it.
    pub fn new(depth: u8) -> Self {
        let depth = usize::from(depth.min(REORDER_MAX));
        Self { window: Vec::with_capacity(depth + 1), depth, last_dts: None }
    }

    /// Times of the next frame in decoding order: `(pts, dts)`. A `pts` equal to its predecessor's, as cameras
    /// give that cut one picture in two, is moved by a tick.
    ///
    /// # Errors
    /// When no `dts` fits: begin anew with a larger depth.
    pub fn next(&mut self, pts: Ticks) -> Result<(Ticks, Ticks), TooShallow> {
        let mut pts = pts.0;
        if self.depth == 0 {
            if let Some(last) = self.last_dts {
                match pts.saturating_sub(last) {
                    1.. => {}
                    0 => pts = last.saturating_add(1),
                    _ => return Err(TooShallow),
                }
            }
            self.last_dts = Some(pts);
            return Ok((Ticks(pts), Ticks(pts)));
        }
        if self.window.is_empty() {
            let depth = self.depth as i64;
            self.window.extend((1..=depth).rev().map(|i| pts.saturating_sub(i * SPACING_TICKS)));
        }
        let mut dts = self.window.first().copied().unwrap_or(pts).min(pts);
        if let Some(last) = self.last_dts
            && dts <= last
        {
            dts = last.saturating_add(1);
            if dts > pts {
                // One tick is a repeated timestamp, more is a frame from further back.
                if dts.saturating_sub(pts) > 2 {
                    return Err(TooShallow);
                }
                pts = dts;
            }
        }
        let place = self.window.partition_point(|t| *t <= pts);
        self.window.insert(place, pts);
        self.window.remove(0);
        self.last_dts = Some(dts);
        Ok((Ticks(pts), Ticks(dts)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Presentation order numbers in decoding order, at 40 ms a frame.
    fn check(depth: u8, order: &[i64], expected: Result<&[i64], usize>) {
        let mut reorder = Reorder::new(depth);
        let mut got = Vec::new();
        for (i, o) in order.iter().enumerate() {
            match reorder.next(Ticks(o * 3600)) {
                Ok((pts, dts)) => {
                    assert!(dts <= pts, "{order:?} at {i}");
                    assert!(got.last().is_none_or(|last| *last < dts.0), "{order:?} at {i}");
                    got.push(dts.0);
                }
                Err(TooShallow) => {
                    assert_eq!(Err(i), expected.map(|_| ()), "{order:?}");
                    return;
                }
            }
        }
        let frames: Vec<i64> = got.iter().map(|t| t.div_euclid(3600)).collect();
        assert_eq!(Ok(frames.as_slice()), expected, "{order:?} with depth {depth}");
    }

    #[test]
    fn decoding_times() {
        check(0, &[0, 1, 2, 5, 6], Ok(&[0, 1, 2, 5, 6]));
        check(1, &[0, 3, 1, 2, 6, 4, 5, 9], Ok(&[-10, 0, 1, 2, 3, 4, 5, 6]));
        check(2, &[0, 4, 2, 1, 3, 8, 6, 5, 7], Ok(&[-20, -10, 0, 1, 2, 3, 4, 5, 6]));
        check(2, &[0, 1, 2, 3], Ok(&[-20, -10, 0, 1]));
        check(1, &[3, 1, 2, 6, 4, 5], Ok(&[-7, 1, 2, 3, 4, 5]));
        check(0, &[0, 3, 1], Err(2));
        check(1, &[0, 4, 2, 1], Err(3));
    }

    #[test]
    fn repeated_timestamps_move_by_ticks() {
        for depth in [0, 1, 4] {
            let mut reorder = Reorder::new(depth);
            let mut last = None;
            for pts in [0, 0, 3600, 3600, 7200] {
                let (pts, dts) = reorder.next(Ticks(pts)).unwrap();
                assert!(dts <= pts && last < Some(dts), "depth {depth}: {dts:?} after {last:?}");
                last = Some(dts);
            }
        }
    }

    #[test]
    fn hostile_numbers_do_not_panic() {
        for depth in [0, 1, 16, 255] {
            let mut reorder = Reorder::new(depth);
            for pts in [i64::MIN, i64::MAX, 0, i64::MAX, i64::MIN, -1] {
                let _ = reorder.next(Ticks(pts));
            }
        }
    }
}
