//! Still: whether the picture has stopped, against how still it usually is.
//!
//! Promises: bounded memory (one picture); a scene that an encoder repeats while nothing moves is not taken for a frozen
//! one: the longest stillness seen alive is remembered. Without life seen before, nothing is said.
//! Leaves to others: how long is long enough for an alert (`rule`).

use nvr_plugin_api::Frame;

/// Two pictures are the same when they differ by less than this share of what they usually differ at least by.
const FLOOR_SHARE: f32 = 0.25;
/// The least usual difference is the least one seen; it rises again by this share of a picture's: over some ten minutes.
const FLOOR_RISES: f32 = 0.0005;
/// A stillness must be so many times as long as the longest that ended by itself.
const LONGEST_TIMES: i64 = 3;
/// Life must have been seen for so many dwells: less proves nothing about the camera.
const ALIVE_DWELLS: i64 = 3;

/// The pictures' likeness to the one before.
#[derive(Debug)]
pub(crate) struct Still {
    dwell_us: i64,
    last: Vec<u8>,
    last_us: Option<i64>,
    /// A low difference between two pictures, gray levels a pixel.
    floor: Option<f32>,
    /// When the picture last changed: since then it has been the same.
    since_us: Option<i64>,
    /// Longest stillness that ended by itself, µs.
    longest_us: i64,
    /// How long pictures have differed, µs.
    alive_us: i64,
}

impl Still {
    pub(crate) fn new(dwell_us: i64) -> Self {
        Self {
            dwell_us,
            last: Vec::new(),
            last_us: None,
            floor: None,
            since_us: None,
            longest_us: 0,
            alive_us: 0,
        }
    }

    /// One picture; since when it has been the same, if it has.
    pub(crate) fn look(&mut self, frame: &Frame<'_>, at_us: i64, gap: bool) -> Option<i64> {
        let (mut sum, mut pixels) = (0u64, 0u64);
        let same_size = self.last.len() == frame.rows().map(<[u8]>::len).sum::<usize>();
        if same_size {
            let width = frame.width.max(1) as usize;
            for (was, row) in self.last.chunks_exact(width).zip(frame.rows()) {
                let row_sum: u32 = was.iter().zip(row).map(|(a, b)| u32::from(a.abs_diff(*b))).sum();
                sum += u64::from(row_sum);
                pixels += row.len() as u64;
            }
        }
        self.last.clear();
        frame.rows().for_each(|row| self.last.extend_from_slice(row));
        let last_us = self.last_us.replace(at_us);
        let (Some(last_us), true) = (last_us, same_size && !gap && pixels > 0) else {
            self.since_us = None;
            return None;
        };
        let difference = sum as f32 / pixels as f32;
        let same = sum == 0 || self.floor.is_some_and(|floor| difference < FLOOR_SHARE * floor);
        if same {
            self.since_us.get_or_insert(last_us);
        } else {
            let floor = self.floor.get_or_insert(difference);
            *floor = difference.min(*floor + FLOOR_RISES * (difference - *floor));
            if let Some(since_us) = self.since_us.take() {
                let still_us = last_us - since_us;
                // What was frozen is no measure of what is usual.
                if self.needed_us().is_none_or(|needed| still_us < needed) {
                    self.longest_us = self.longest_us.max(still_us);
                }
            }
            self.alive_us += at_us - last_us;
        }
        self.since_us
    }

    /// How long a stillness must last to be none of the scene's own; `None`: not known yet.
    pub(crate) fn needed_us(&self) -> Option<i64> {
        let alive = self.alive_us >= ALIVE_DWELLS * self.dwell_us;
        alive.then(|| self.dwell_us.max(LONGEST_TIMES * self.longest_us))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One digit a second: the gray level; out: the seconds at which it is frozen, with a dwell of 2 s.
    fn check(levels: &str, expected: &[i64]) {
        let mut still = Still::new(2_000_000);
        let mut frozen = Vec::new();
        for (second, level) in (0i64..).zip(levels.bytes()) {
            let data = [level; 16];
            let frame = Frame { data: &data, width: 4, height: 4, stride: 4, channels: 1 };
            let at_us = second * 1_000_000;
            let since = still.look(&frame, at_us, false);
            let needed = still.needed_us();
            if since.zip(needed).is_some_and(|(since, needed)| at_us - since >= needed) {
                frozen.push(second);
            }
        }
        assert_eq!(frozen, expected, "{levels}");
    }

    #[test]
    fn a_picture_that_stops() {
        check("13131313333", &[9, 10]);
        check("1313131333313", &[9, 10]);
    }

    #[test]
    fn without_life_before_nothing_is_said() {
        check("1111111111", &[]);
        check("131111111", &[]);
    }

    #[test]
    fn what_repeats_is_not_frozen() {
        // Each picture comes twice: three times is nothing yet, five times is.
        check("1133113311331133111", &[]);
        check("113311331133113311111", &[19, 20]);
    }
}
