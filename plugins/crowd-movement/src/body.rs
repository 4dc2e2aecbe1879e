//! Body: how large people are at each height of the picture.
//!
//! Promises: pure, five sums of memory. A straight line from a box's middle to its height, fitted by least squares to the
//! boxes of people (on flat ground it is one, Hoiem et al. 2006), fading over ten minutes; boxes all at one height make a
//! constant. Until people have been seen the camera's ground calibration answers, if there is one.
//! Leaves to others: finding people (perception).

use nvr_plugin_api::{Ground, Label, Point, Scene};

/// Boxes are forgotten with this time, seconds.
const FORGET_S: f32 = 600.0;
/// So many boxes say how large people are: one person for nearly a second, eight for a moment.
const BOXES_MIN: f32 = 8.0;
/// Boxes must spread by so much, picture heights (standard deviation), to have a slope.
const SPREAD_MIN: f32 = 0.05;
/// Nobody is smaller or larger, picture heights.
const HEIGHT: (f32, f32) = (0.02, 1.0);
/// Of a grown person, metres.
const PERSON_M: f64 = 1.7;

/// What the boxes said.
#[derive(Debug, Default)]
pub(crate) struct Body {
    boxes: f32,
    /// Sums of the middle, the height, the middle squared, both multiplied.
    y: f32,
    h: f32,
    yy: f32,
    yh: f32,
}

impl Body {
    /// The people of a scene, `span_s` after the one before.
    pub(crate) fn learn(&mut self, scene: &Scene, span_s: f32) {
        let keep = (-span_s / FORGET_S).exp();
        for sum in [&mut self.boxes, &mut self.y, &mut self.h, &mut self.yy, &mut self.yh] {
            *sum *= keep;
        }
        let whole = |r: &nvr_plugin_api::Rect| r.y > 0.005 && r.bottom() < 0.995 && r.h > HEIGHT.0;
        let people = scene.tracks.iter().filter(|t| t.label == Label::PERSON && t.observed);
        for rect in people.map(|t| t.rect).filter(whole) {
            let y = rect.centre().y;
            self.boxes += 1.0;
            self.y += y;
            self.h += rect.h;
            self.yy += y * y;
            self.yh += y * rect.h;
        }
    }

    /// Height of a person whose middle is at a point, picture heights.
    pub(crate) fn height(&self, p: Point, ground: Option<&Ground>, aspect: f32) -> Option<f32> {
        if self.boxes < BOXES_MIN {
            return ground.and_then(|ground| on_ground(ground, p, aspect));
        }
        let (y, h) = (self.y / self.boxes, self.h / self.boxes);
        let variance = self.yy / self.boxes - y * y;
        let together = self.yh / self.boxes - y * h;
        let slope =
            if variance > SPREAD_MIN * SPREAD_MIN { (together / variance).clamp(0.0, 2.0) } else { 0.0 };
        // What is far beyond the boxes seen is guessed with care.
        Some((h + slope * (p.y - y)).clamp(h / 3.0, h * 3.0).clamp(HEIGHT.0, HEIGHT.1))
    }
}

/// The foot is half a body below the middle.
fn on_ground(ground: &Ground, p: Point, aspect: f32) -> Option<f32> {
    let at = |foot: Point| ground.px_per_m(foot, 1).map(|widths| (widths * PERSON_M) as f32 * aspect);
    let guess = at(p)?;
    at(Point { x: p.x, y: (p.y + guess / 2.0).min(1.0) }).map(|h| h.clamp(HEIGHT.0, HEIGHT.1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use nvr_plugin_api::{Rect, Track, TrackId};

    /// People by their middle and height, each seen for a second; the height at a place, in hundredths.
    fn check(people: &[(f32, f32)], at: f32, expected: Option<i32>) {
        let track = |(y, h): &(f32, f32)| Track {
            id: TrackId(1),
            label: Label::PERSON,
            score: 0.9,
            rect: Rect::around(Point { x: 0.5, y: *y }, h / 2.0, *h),
            velocity: (0.0, 0.0),
            first_seen_us: 0,
            last_seen_us: 0,
            observed: true,
        };
        let scene = Scene { tracks: people.iter().map(track).collect(), ..Scene::default() };
        let mut body = Body::default();
        (0..10).for_each(|_| body.learn(&scene, 0.1));
        let height = body.height(Point { x: 0.5, y: at }, None, 1.0);
        assert_eq!(height.map(|h| (100.0 * h).round() as i32), expected, "{people:?}");
    }

    #[test]
    fn as_large_as_those_seen() {
        check(&[], 0.5, None);
        check(&[(0.5, 0.2)], 0.8, Some(20));
        check(&[(0.3, 0.1), (0.7, 0.3)], 0.5, Some(20));
        check(&[(0.3, 0.1), (0.7, 0.3)], 0.7, Some(30));
    }
}
