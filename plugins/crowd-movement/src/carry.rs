//! Carry: whether what moves in a cell gets anywhere.
//!
//! Promises: pure; memory of one value a cell. Arms that wave, flags and people who jump in place move fast and get nowhere:
//! their mean motion over half a second is small. A leg that swings is averaged with the body it belongs to.
//! Leaves to others: which cells move (`flow`).

use crate::flow::Motion;

/// Motion is averaged over this time, seconds: a jump or a wave takes about as long.
const AVERAGE_S: f32 = 0.5;
/// So many moments of motion make an average.
const MOMENTS_MIN: f32 = 1.5;

/// Sums of what moved, fading.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    /// Pixels a second.
    by: (f32, f32),
    moments: f32,
}

/// The cells of one camera.
#[derive(Debug, Default)]
pub(crate) struct Carry {
    columns: usize,
    sums: Vec<Sum>,
}

impl Carry {
    /// The motions of one picture, `span_s` after the one before.
    pub(crate) fn take(&mut self, (columns, rows): (usize, usize), motions: &[Motion], span_s: f32) {
        if self.columns != columns || self.sums.len() != columns * rows {
            self.columns = columns;
            self.sums = vec![Sum::default(); columns * rows];
        }
        let fade = (-span_s / AVERAGE_S).exp();
        for sum in &mut self.sums {
            *sum = Sum { by: (sum.by.0 * fade, sum.by.1 * fade), moments: sum.moments * fade };
        }
        for motion in motions {
            let (column, row) = motion.cell;
            if let Some(sum) = self.sums.get_mut(row * columns + column) {
                sum.by.0 += motion.by.0 / span_s;
                sum.by.1 += motion.by.1 / span_s;
                sum.moments += 1.0;
            }
        }
    }

    /// Mean motion around a cell, pixels a second; `None` while too little has moved there.
    pub(crate) fn around(&self, (column, row): (usize, usize)) -> Option<(f32, f32)> {
        let mut all = Sum::default();
        let mut most = 0.0f32;
        for y in row.saturating_sub(1)..=row + 1 {
            for x in column.saturating_sub(1)..(column + 2).min(self.columns) {
                if let Some(sum) = self.sums.get(y * self.columns + x) {
                    all.by.0 += sum.by.0;
                    all.by.1 += sum.by.1;
                    all.moments += sum.moments;
                    most = most.max(sum.moments);
                }
            }
        }
        (most >= MOMENTS_MIN).then(|| (all.by.0 / all.moments, all.by.1 / all.moments))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Motions of one cell, a tenth of a second apart; out: mean speed along x at the end, pixels a second, rounded.
    fn check(steps: &[f32], expected: Option<i32>) {
        let mut carry = Carry::default();
        for by in steps {
            let motion = Motion { cell: (2, 2), by: (*by, 0.0) };
            let motions = if *by == 0.0 { vec![] } else { vec![motion] };
            carry.take((5, 5), &motions, 0.1);
        }
        assert_eq!(carry.around((2, 3)).map(|v| v.0.round() as i32), expected, "{steps:?}");
    }

    #[test]
    fn who_runs_gets_somewhere() {
        check(&[4.0, 4.0, 4.0], Some(40));
        check(&[0.0, 4.0], None);
    }

    #[test]
    fn who_jumps_does_not() {
        check(&[4.0, 4.0, -4.0, -4.0, 4.0, 4.0, -4.0, -4.0], Some(-8));
    }
}
