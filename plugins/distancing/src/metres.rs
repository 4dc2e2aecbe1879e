//! Metres between two people: by the camera's ground calibration, else by their own height in the picture.
//!
//! Promises: pure; where nobody can say (the horizon, people of clearly different height) there is no distance.
//! Leaves to others: calibrating; lens distortion.

use nvr_plugin_api::rule::CommonKeys;
use nvr_plugin_api::{Ground, Rect};

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
#[derive(Debug, Clone)]
pub(crate) enum Metres {
    /// By the camera's calibration.
    Ground(Ground),
    /// By the people's height.
    Bodies,
}

impl Metres {
    /// As the camera allows.
    pub(crate) fn of(keys: &CommonKeys) -> Self {
        keys.ground.clone().map_or(Self::Bodies, Self::Ground)
    }

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
            Self::Ground(ground) => ground.distance_m(a.foot(), b.foot()).map(|metres| metres as f32),
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
