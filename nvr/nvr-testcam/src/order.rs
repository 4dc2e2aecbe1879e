//! From picture order to times, for byte streams that carry none.
//!
//! Promises: `pts >= dts`, every presentation time used once, equal distances.
//! Leaves to others: reading picture order counts (`h264`, `h265`).

use crate::media::Slot;

/// What the order of one picture depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Picture {
    /// Order counts start anew here, and nothing after is shown before it.
    pub(crate) starts_sequence: bool,
    /// Picture order count; `None` means shown in decoding order.
    pub(crate) order: Option<i64>,
}

/// Decoding and presentation times at `fps`, 90 kHz, and the length of the clip.
pub(crate) fn schedule(pictures: &[Picture], fps: f64) -> (Vec<Slot>, i64) {
    let mut rank = vec![0usize; pictures.len()];
    let mut start = 0;
    while start < pictures.len() {
        let end = pictures
            .iter()
            .skip(start + 1)
            .position(|p| p.starts_sequence)
            .map_or(pictures.len(), |n| start + 1 + n);
        let mut shown: Vec<usize> = (start..end).collect();
        if pictures.get(start..end).is_some_and(|s| s.iter().all(|p| p.order.is_some())) {
            shown.sort_by_key(|&i| pictures.get(i).and_then(|p| p.order));
        }
        for (n, &i) in shown.iter().enumerate() {
            if let Some(r) = rank.get_mut(i) {
                *r = start + n;
            }
        }
        start = end;
    }
    let delay = rank.iter().enumerate().map(|(i, &r)| i.saturating_sub(r)).max().unwrap_or(0);
    let tick = |n: usize| (n as f64 * nvr_base::TICKS_PER_S as f64 / fps).round() as i64;
    let slots =
        rank.iter().enumerate().map(|(i, &r)| Slot { unit: i, dts: tick(i), pts: tick(r + delay) }).collect();
    (slots, tick(pictures.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(orders: &[Option<i64>], expected_frames: &[i64]) {
        let pictures: Vec<Picture> =
            orders.iter().map(|&order| Picture { starts_sequence: order == Some(0), order }).collect();
        let (slots, len) = schedule(&pictures, 25.0);
        assert_eq!(slots.iter().map(|s| s.pts / 3600).collect::<Vec<_>>(), expected_frames);
        assert!(slots.iter().all(|s| s.pts >= s.dts));
        assert_eq!(len, orders.len() as i64 * 3600);
    }

    #[test]
    fn orders() {
        check(&[], &[]);
        check(&[None, None], &[0, 1]);
        check(&[Some(0), Some(2), Some(4)], &[0, 1, 2]);
        // I P B B P B B, twice
        let gop = [Some(0), Some(6), Some(2), Some(4), Some(12), Some(8), Some(10)];
        check(&[gop, gop].concat(), &[1, 4, 2, 3, 7, 5, 6, 8, 11, 9, 10, 14, 12, 13]);
        check(&[Some(0), Some(6), None], &[0, 1, 2]);
    }

    #[test]
    fn odd_rates_do_not_drift() {
        let pictures = vec![Picture { starts_sequence: false, order: None }; 30_000];
        let (_, len) = schedule(&pictures, 30_000.0 / 1001.0);
        assert_eq!(len, 1001 * 90_000);
    }
}
