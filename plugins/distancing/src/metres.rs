//! Metres between two people: by the camera's ground calibration, else by their own height in the picture.
//!
//! Promises: pure; where nobody can say (the horizon, people of clearly different height) there is no distance.
//! Leaves to others: calibrating; lens distortion.

use nvr_plugin_api::{Point, Rect};

/// Height of a grown person, metres: the scale where there is no calibration.
const PERSON_M: f32 = 1.7;
/// Heights of two boxes that differ by more stand at different depths, or one of them is cut off.
const HEIGHT_RATIO_MAX: f32 = 1.3;
/// Without calibration the camera is taken to look down by 30°, between the usual 20° and 45°: a height appears by its
/// cosine, …
const UPRIGHT_SHARE: f32 = 0.866;
/// … ground away from the camera by its sine, ground across in full.
const AWAY_SHARE: f32 = 0.5;

/// How metres are known.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Metres {
    /// From the normalised picture to metres on the ground, row major.
    Ground([f64; 9]),
    /// By the people's height.
    Bodies,
}

impl Metres {
    /// For the alert's detail.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Ground(_) => "ground",
            Self::Bodies => "body-height",
        }
    }

    /// Metres between two people's feet.
    pub(crate) fn between(&self, a: &Rect, b: &Rect, aspect: f32) -> Option<f32> {
        match self {
            Self::Ground(h) => {
                let (p, q) = (on_ground(h, a.foot())?, on_ground(h, b.foot())?);
                Some((p[0] - q[0]).hypot(p[1] - q[1]) as f32)
            }
            Self::Bodies => {
                let (low, high) = (a.h.min(b.h), a.h.max(b.h));
                if low <= 0.0 || high > HEIGHT_RATIO_MAX * low {
                    return None;
                }
                let (p, q) = (a.foot(), b.foot());
                let (across, away) = ((p.x - q.x) * aspect, (p.y - q.y) / AWAY_SHARE);
                Some(across.hypot(away) * PERSON_M * UPRIGHT_SHARE / ((low + high) / 2.0))
            }
        }
    }
}

fn on_ground([a, b, c, d, e, f, g, h, i]: &[f64; 9], p: Point) -> Option<[f64; 2]> {
    let (x, y) = (f64::from(p.x), f64::from(p.y));
    let w = g * x + h * y + i;
    let place = [(a * x + b * y + c) / w, (d * x + e * y + f) / w];
    (w.abs() > 1e-6 && place.iter().all(|n| n.is_finite())).then_some(place)
}
