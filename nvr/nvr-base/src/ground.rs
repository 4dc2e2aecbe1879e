//! The ground: from the picture to metres, and how many pixels a metre has.
//!
//! Promises: pure; degenerate input is an error, never a wild number; a point on or above the horizon has no metres.
//! Leaves to others: the words of the file (`config`), what a distance means (plugins), what a low scale costs (`gate`'s
//! callers). Lens distortion is not corrected.
//!
//! Four or more points: the direct linear transform on normalised points (Hartley & Zisserman, Multiple View Geometry, 2nd ed.,
//! algorithm 4.2). Two heights: heights in the picture grow linearly with the distance of the foot from the horizon (ibid.
//! §8.7; Criminisi, Reid, Zisserman 2000), for a camera that is not rolled and looks down gently.

mod gate;
mod matrix;

pub use gate::{Gate, gate, px_per_m};

use crate::{Point, Polygon};
use matrix::{Matrix, apply, inverse, normaliser, product, solve};
use serde::{Deserialize, Serialize};

/// Fewest and most points of a calibration.
pub const POINTS: std::ops::RangeInclusive<usize> = 4..=16;

/// Largest coordinate or height that is believed, in metres.
pub const METRES_MAX: f64 = 10_000.0;
/// Angle of view across when nobody knows it, in degrees: a common fixed lens of 4 mm.
pub const VIEW_DEG_DEFAULT: f64 = 80.0;
/// A triangle of calibration points smaller than this share of the box around all four is a line.
const TRIANGLE_SHARE_MIN: f64 = 0.005;
/// Two heights whose scales differ by less than this factor were taken at one distance.
const SCALE_RATIO_MIN: f64 = 1.05;
/// A point that misses by more than this where the others say it is, in picture widths or heights, was measured wrongly.
const MISS_MAX: f32 = 0.05;
/// Nearer to the horizon than this, in the homogeneous unit where the calibration points have 1: no metres.
const HORIZON: f64 = 1e-3;

/// Why there is no calibration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GroundError {
    /// A number that is not finite, outside the picture or above [`METRES_MAX`].
    #[error(
        "ground calibration: point {0} is not in the picture, or its metres or height are not between 0 and {METRES_MAX}"
    )]
    Value(usize),
    /// Fewer or more points than [`POINTS`].
    #[error("ground calibration: {0} points; it takes 4 to 16")]
    Count(usize),
    /// Three of each four points are on one line, in the picture or on the ground.
    #[error(
        "ground calibration: three of the four points are on one line; take the corners of a rectangle on the ground"
    )]
    Collinear,
    /// The points are in another order on the ground than in the picture.
    #[error("ground calibration: the points have another order on the ground than in the picture")]
    Order,
    /// More than four points, and one lies elsewhere than the others say.
    #[error("ground calibration: point {0} does not fit the others; measure it again")]
    Fit(usize),
    /// Nine numbers that are no calibration.
    #[error("ground calibration: nine numbers that are no homography")]
    Matrix,
    /// The head of a height is not above its foot.
    #[error("ground calibration: height {0} does not stand: its head is not above its foot")]
    NotUpright(usize),
    /// Both heights are at the same distance, or the nearer one is not lower in the picture.
    #[error(
        "ground calibration: the two heights must stand at clearly different distances, the nearer one lower in the picture"
    )]
    SameDistance,
    /// No angle of view between 5 and 170 degrees, or no aspect of a picture.
    #[error("ground calibration: the angle of view must be between 5 and 170 degrees")]
    View,
}

/// A thing of known height that stands on the ground.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Height {
    /// Where it stands.
    pub foot: Point,
    /// Its top.
    pub head: Point,
    /// Its height.
    pub metres: f64,
}

/// A calibrated ground plane; written as nine numbers, row by row, from the normalised picture to metres.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "[f64; 9]", into = "[f64; 9]")]
pub struct Ground {
    /// From normalised picture points to metres, homogeneous; positive third coordinate in front of the camera.
    to_metres: Matrix,
    to_picture: Matrix,
}

impl Ground {
    /// From four or more points of the picture and where they are on the ground, in metres from any origin. More than four
    /// are fitted by least squares.
    ///
    /// # Errors
    /// The first thing that is wrong with them; points are numbered from 1.
    pub fn from_points(points: &[(Point, [f64; 2])]) -> Result<Self, GroundError> {
        if !POINTS.contains(&points.len()) {
            return Err(GroundError::Count(points.len()));
        }
        for (i, (p, [x, y])) in points.iter().enumerate() {
            if !(p.in_picture() && x.abs() <= METRES_MAX && y.abs() <= METRES_MAX) {
                return Err(GroundError::Value(i + 1));
            }
        }
        let picture: Vec<_> = points.iter().map(|(p, _)| [f64::from(p.x), f64::from(p.y)]).collect();
        let ground: Vec<_> = points.iter().map(|(_, metres)| *metres).collect();
        if has_no_quadrilateral(&picture) || has_no_quadrilateral(&ground) {
            return Err(GroundError::Collinear);
        }
        let (from, to) = (normaliser(&picture), normaliser(&ground));
        let mut rows = Vec::with_capacity(2 * points.len());
        for (p, m) in picture.iter().zip(&ground) {
            let ([x, y, _], [u, v, _]) = (apply(&from, *p), apply(&to, *m));
            rows.push([x, y, 1.0, 0.0, 0.0, 0.0, -u * x, -u * y, -u]);
            rows.push([0.0, 0.0, 0.0, x, y, 1.0, -v * x, -v * y, -v]);
        }
        let [a, b, c, d, e, f, g, h, i] = solve(rows).ok_or(GroundError::Collinear)?;
        let normalised = [[a, b, c], [d, e, f], [g, h, i]];
        let back = inverse(&to).ok_or(GroundError::Collinear)?;
        let mut matrix = product(&back, &product(&normalised, &from));
        // All lie in front of the camera, so their third coordinates have one sign; made to have mean 1.
        let thirds: Vec<f64> = picture.iter().map(|p| apply(&matrix, *p)[2]).collect();
        let mean = thirds.iter().sum::<f64>() / thirds.len() as f64;
        if !mean.is_normal() || thirds.iter().any(|t| t / mean <= HORIZON) {
            return Err(GroundError::Order);
        }
        matrix.iter_mut().flatten().for_each(|n| *n /= mean);
        let ground = Self::new(matrix).ok_or(GroundError::Collinear)?;
        let misses = points
            .iter()
            .map(|(p, m)| ground.picture(*m).map_or(f32::INFINITY, |q| (q.x - p.x).hypot(q.y - p.y)));
        let (worst, miss) = misses.enumerate().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or_default();
        if miss > MISS_MAX { Err(GroundError::Fit(worst + 1)) } else { Ok(ground) }
    }

    /// From two things of known height at different distances. `aspect` is the picture's width over its height; `view_deg`
    /// is the angle of view across, which only scales distances along the view.
    ///
    /// # Errors
    /// The first thing that is wrong with them; heights are numbered from 1.
    pub fn from_heights(heights: &[Height; 2], aspect: f64, view_deg: f64) -> Result<Self, GroundError> {
        if !((5.0..=170.0).contains(&view_deg) && aspect.is_finite() && aspect > 0.0) {
            return Err(GroundError::View);
        }
        for (i, height) in heights.iter().enumerate() {
            let plausible = height.metres > 0.0 && height.metres <= METRES_MAX;
            if !height.foot.in_picture() || !height.head.in_picture() || !plausible {
                return Err(GroundError::Value(i + 1));
            }
            if height.head.y >= height.foot.y {
                return Err(GroundError::NotUpright(i + 1));
            }
        }
        // Scale in picture heights a metre, where the foot is.
        let scale = heights.map(|h| f64::from(h.foot.y - h.head.y) / h.metres);
        let row = heights.map(|h| f64::from(h.foot.y));
        let ([s0, s1], [y0, y1]) = (scale, row);
        let (near, far) = if s0 > s1 { ((s0, y0), (s1, y1)) } else { ((s1, y1), (s0, y0)) };
        if near.0 < far.0 * SCALE_RATIO_MIN || near.1 <= far.1 {
            return Err(GroundError::SameDistance);
        }
        // scale(y) = k (y - horizon); 1/k is the height of the camera in metres.
        let k = (near.0 - far.0) / (near.1 - far.1);
        let horizon = far.1 - far.0 / k;
        let focal = aspect / (2.0 * (view_deg.to_radians() / 2.0).tan());
        let middle = (near.1 + far.1) / 2.0 - horizon;
        let unit = 1.0 / middle;
        let matrix = [
            [aspect / k * unit, 0.0, -0.5 * aspect / k * unit],
            [0.0, 0.0, focal / k * unit],
            [0.0, unit, -horizon * unit],
        ];
        Self::new(matrix).ok_or(GroundError::SameDistance)
    }

    fn new(to_metres: Matrix) -> Option<Self> {
        let to_picture = inverse(&to_metres)?;
        let finite = to_metres.iter().chain(&to_picture).flatten().all(|n| n.is_finite());
        finite.then_some(Self { to_metres, to_picture })
    }

    /// Where a point of the picture is on the ground, in metres; `None` on or above the horizon.
    pub fn metres(&self, p: Point) -> Option<[f64; 2]> {
        let [x, y, w] = apply(&self.to_metres, [f64::from(p.x), f64::from(p.y)]);
        (w > HORIZON).then(|| [x / w, y / w])
    }

    /// Where a point of the ground is in the picture, also outside it; `None` behind the camera.
    pub fn picture(&self, metres: [f64; 2]) -> Option<Point> {
        let [x, y, w] = apply(&self.to_picture, metres);
        if w.abs() < 1e-12 {
            return None;
        }
        let p = Point { x: (x / w) as f32, y: (y / w) as f32 };
        self.metres(p).map(|_| p)
    }

    /// Metres between two points of the ground.
    pub fn distance_m(&self, a: Point, b: Point) -> Option<f64> {
        let ([ax, ay], [bx, by]) = (self.metres(a)?, self.metres(b)?);
        Some((ax - bx).hypot(ay - by))
    }

    /// Pixels a metre across the view at a point of the ground, in a picture of `width_px` pixels.
    pub fn px_per_m(&self, p: Point, width_px: u32) -> Option<f64> {
        let [x, y] = self.metres(p)?;
        let [.., w] = apply(&self.to_metres, [f64::from(p.x), f64::from(p.y)]);
        // Derivative of the quotient along x.
        let [[a, ..], [d, ..], [g, ..]] = self.to_metres;
        let (dx, dy) = ((a - x * g) / w, (d - y * g) / w);
        let metres_per_width = dx.hypot(dy);
        (metres_per_width > 0.0).then(|| f64::from(width_px) / metres_per_width)
    }

    /// Fewest pixels a metre on the outline of a zone: at its far edge. `None` when it reaches the horizon.
    pub fn px_per_m_min(&self, zone: &Polygon, width_px: u32) -> Option<f64> {
        let middle = |a: Point, b: Point| Point { x: (a.x + b.x) / 2.0, y: (a.y + b.y) / 2.0 };
        let points = zone.edges().flat_map(|(a, b)| [a, middle(a, b)]);
        let mut least: Option<f64> = None;
        for point in points {
            let scale = self.px_per_m(point, width_px)?;
            least = Some(least.map_or(scale, |l| l.min(scale)));
        }
        least
    }

    /// Square metres of a zone; `None` when it reaches the horizon.
    pub fn area_m2(&self, zone: &Polygon) -> Option<f64> {
        let mut double = 0.0;
        for (a, b) in zone.edges() {
            let ([ax, ay], [bx, by]) = (self.metres(a)?, self.metres(b)?);
            double += ax * by - bx * ay;
        }
        Some(double.abs() / 2.0)
    }
}

impl From<Ground> for [f64; 9] {
    fn from(ground: Ground) -> Self {
        let [[a, b, c], [d, e, f], [g, h, i]] = ground.to_metres;
        [a, b, c, d, e, f, g, h, i]
    }
}

impl TryFrom<[f64; 9]> for Ground {
    type Error = GroundError;

    fn try_from([a, b, c, d, e, f, g, h, i]: [f64; 9]) -> Result<Self, GroundError> {
        Self::new([[a, b, c], [d, e, f], [g, h, i]]).ok_or(GroundError::Matrix)
    }
}

/// Whether no four of the points span a quadrilateral: three of each four are nearly on one line.
fn has_no_quadrilateral(points: &[[f64; 2]]) -> bool {
    let fours = |n: usize| (0..n).flat_map(move |d| (0..d).map(move |c| (c, d)));
    !fours(points.len()).any(|(c, d)| {
        fours(c).any(|(a, b)| match (points.get(a), points.get(b), points.get(c), points.get(d)) {
            (Some(a), Some(b), Some(c), Some(d)) => !has_line(&[*a, *b, *c, *d]),
            _ => false,
        })
    })
}

/// Whether three of four points are nearly on one line.
pub(super) fn has_line(points: &[[f64; 2]; 4]) -> bool {
    let [a, b, c, d] = *points;
    let extent = |axis: usize| {
        let values = points.iter().filter_map(|p| p.get(axis).copied());
        let (low, high) = values.fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(v), h.max(v)));
        high - low
    };
    let least = TRIANGLE_SHARE_MIN * extent(0) * extent(1);
    let double_area =
        |[p, q, r]: [[f64; 2]; 3]| ((q[0] - p[0]) * (r[1] - p[1]) - (r[0] - p[0]) * (q[1] - p[1])).abs();
    least <= 0.0
        || [[a, b, c], [a, b, d], [a, c, d], [b, c, d]].map(double_area).iter().any(|s| *s < 2.0 * least)
}

#[cfg(test)]
mod tests;
