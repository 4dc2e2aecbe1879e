//! Which overlay a frame has, and where its tracks came from.
//!
//! Promises: a frame has the overlay of the last frame that was analysed, never one of a later frame; bounded:
//!   [`TRAILS_MAX`] trails of [`POINTS_MAX`] points.
//! Leaves to others: drawing (`draw`), the file's limits (`nvr_base::overlay`).

use nvr_base::overlay::{Overlay, OverlayError, OverlayReader};
use nvr_base::{Label, Point, TrackId};
use std::collections::{BTreeMap, VecDeque};
use std::io::Read;

/// How long a trail reaches back, µs.
const TRAIL_US: i64 = 4_000_000;
/// Most points of a trail: its length at the highest rate of analysis.
const POINTS_MAX: usize = 128;
/// Most trails: every track of a frame, and as many that have just ended.
const TRAILS_MAX: usize = 512;

/// Where a track stood.
#[derive(Debug, Clone)]
pub(super) struct Trail {
    /// What it is.
    pub(super) label: Label,
    /// Media times and foot points, oldest first.
    pub(super) points: VecDeque<(i64, Point)>,
}

/// The overlays of a film.
#[derive(Debug)]
pub(super) struct Show<R> {
    reader: OverlayReader<R>,
    next: Option<Overlay>,
    started: bool,
    shown: Option<Overlay>,
    trails: BTreeMap<TrackId, Trail>,
}

impl<R: Read> Show<R> {
    /// Nothing is shown yet.
    pub(super) fn new(reader: OverlayReader<R>) -> Self {
        Self { reader, next: None, started: false, shown: None, trails: BTreeMap::new() }
    }

    /// Goes on to the frame at `at_us`, which is not before the last one.
    ///
    /// # Errors
    /// The overlay file is none.
    pub(super) fn go_to(&mut self, at_us: i64) -> Result<(), OverlayError> {
        if !self.started {
            self.started = true;
            self.next = self.reader.next_overlay()?;
        }
        while let Some(overlay) = self.next.take_if(|next| next.at_us <= at_us) {
            self.extend(&overlay);
            self.shown = Some(overlay);
            self.next = self.reader.next_overlay()?;
        }
        Ok(())
    }
}

impl<R> Show<R> {
    /// The overlay; none before the first analysed frame.
    pub(super) fn overlay(&self) -> Option<&Overlay> {
        self.shown.as_ref()
    }

    /// The trails, by track.
    pub(super) fn trails(&self) -> impl Iterator<Item = &Trail> {
        self.trails.values()
    }

    fn extend(&mut self, overlay: &Overlay) {
        for mark in &overlay.marks {
            if self.trails.len() >= TRAILS_MAX && !self.trails.contains_key(&mark.id) {
                continue;
            }
            let trail = self
                .trails
                .entry(mark.id)
                .or_insert_with(|| Trail { label: mark.label, points: VecDeque::new() });
            trail.label = mark.label;
            trail.points.push_back((overlay.at_us, mark.rect.foot()));
            if trail.points.len() > POINTS_MAX {
                trail.points.pop_front();
            }
        }
        self.trails.retain(|_, trail| {
            trail.points.retain(|(at, _)| overlay.at_us - at <= TRAIL_US);
            !trail.points.is_empty()
        });
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on what it did not expect")]

    use super::*;
    use nvr_base::overlay::{Head, Mark, OverlayWriter};
    use nvr_base::{Label, Rect};

    /// Overlays at `at` seconds, the track walks a tenth of the picture a second and is gone after 3 s.
    fn film(seconds: &[i64]) -> Vec<u8> {
        let mut writer = OverlayWriter::new(Vec::new(), &Head::default()).unwrap();
        for s in seconds {
            let rect = Rect { x: 0.1 * *s as f32, y: 0.0, w: 0.0, h: 0.5 };
            let mark = Mark { id: TrackId(1), label: Label::PERSON, score: 1.0, rect, observed: true };
            let marks = if *s <= 3 { vec![mark] } else { Vec::new() };
            writer.add(&Overlay { at_us: s * 1_000_000, marks, ..Overlay::default() }).unwrap();
        }
        writer.finish().unwrap()
    }

    /// At each time in seconds: the overlay's time and the points of the trail.
    fn check(film: &[u8], expected: &[(f64, Option<i64>, usize)]) {
        let mut show = Show::new(OverlayReader::new(film).unwrap().1);
        for (at, shown, points) in expected {
            show.go_to((at * 1e6) as i64).unwrap();
            let got = show.overlay().map(|overlay| overlay.at_us / 1_000_000);
            let trail = show.trails().map(|trail| trail.points.len()).sum();
            assert_eq!((got, trail), (*shown, *points), "at {at} s");
        }
    }

    #[test]
    fn the_last_overlay_is_held() {
        check(
            &film(&[0, 1, 2]),
            &[(0.0, Some(0), 1), (0.9, Some(0), 1), (1.0, Some(1), 2), (9.0, Some(2), 3)],
        );
        check(&film(&[1]), &[(0.0, None, 0), (0.9, None, 0), (1.5, Some(1), 1)]);
        check(&film(&[]), &[(0.0, None, 0), (5.0, None, 0)]);
    }

    #[test]
    fn trails_fade() {
        let expected = [(3.0, Some(3), 4), (5.0, Some(5), 3), (7.0, Some(7), 1), (8.0, Some(8), 0)];
        check(&film(&[0, 1, 2, 3, 4, 5, 6, 7, 8]), &expected);
    }

    #[test]
    fn a_cut_file_is_an_error() {
        let whole = film(&[0, 1]);
        let mut show = Show::new(OverlayReader::new(&whole[..whole.len() - 1]).unwrap().1);
        assert!(show.go_to(5_000_000).is_err());
    }
}
