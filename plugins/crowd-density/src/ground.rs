//! The ground: square metres of a zone, by the camera's homography.
//!
//! Promises: pure; a zone on or beyond the horizon has no area. Leaves to others: calibrating.

use nvr_plugin_api::{Point, Polygon};

/// Smallest zone that is believed, m²: below it one person more is another density.
const AREA_M2_MIN: f32 = 1.0;

/// From the normalised picture to metres, row major.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ground(pub(crate) [f64; 9]);

impl Ground {
    /// A point of the picture on the ground, and its homogeneous scale.
    fn metres(&self, p: &Point) -> ([f64; 2], f64) {
        let [a, b, c, d, e, f, g, h, i] = self.0;
        let (x, y) = (f64::from(p.x), f64::from(p.y));
        let w = g * x + h * y + i;
        ([(a * x + b * y + c) / w, (d * x + e * y + f) / w], w)
    }

    /// Square metres of a zone; none when a corner has no place on the ground.
    pub(crate) fn area_m2(&self, zone: &Polygon) -> Option<f32> {
        let corners: Vec<([f64; 2], f64)> = zone.0.iter().map(|p| self.metres(p)).collect();
        let side = corners.first()?.1.signum();
        let on_ground = |(p, w): &([f64; 2], f64)| w * side > 1e-6 && p.iter().all(|n| n.is_finite());
        if !corners.iter().all(on_ground) {
            return None;
        }
        let next = corners.iter().cycle().skip(1);
        let twice: f64 = corners.iter().zip(next).map(|((a, _), (b, _))| a[0] * b[1] - b[0] * a[1]).sum();
        let area = (twice / 2.0).abs() as f32;
        (area.is_finite() && area >= AREA_M2_MIN).then_some(area)
    }
}
