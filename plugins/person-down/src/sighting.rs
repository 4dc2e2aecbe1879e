//! A sighting: what one pose or one box says of a body, in picture heights.
//!
//! Promises: pure; a pose without shoulders and hips, and a box that is only predicted, say nothing. No point of a face gets
//! here. Leaves to others: whose body it is, and whether it fell (`body`).

use nvr_plugin_api::rule::{Joint, Pose};
use nvr_plugin_api::{Point, Rect, Track};

/// A torso that leans less stands, sits or kneels; a stride or a stoop stays below, …
const LEAN_UPRIGHT_DEG: f32 = 40.0;
/// … and one that leans more is across.
const LEAN_FLAT_DEG: f32 = 45.0;
/// Hips over feet, in torsos: standing 1.6, on a chair 0.9, on the floor about 0.
const LEGS_UPRIGHT: f32 = 0.5;
/// Height over width of a box: standing 2.5, on a chair 1.5, bent 1.
const BOX_UPRIGHT: f32 = 1.3;
/// Width over height of a box: lying across 2 and more, bent 1.
const BOX_FLAT: f32 = 1.2;

/// One look at a body.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sighting {
    /// Hips, or the middle of a box: x times the aspect, y.
    pub(crate) place: [f32; 2],
    /// y of the shoulders, or of a box's upper edge.
    pub(crate) top: f32,
    /// y of the ankles, or of a box's lower edge; none when they are out of sight.
    pub(crate) foot: Option<f32>,
    /// Length of the torso, or height of a box.
    pub(crate) size: f32,
    /// By its own shape: stands, sits on something or kneels.
    pub(crate) upright: bool,
    /// By its own shape: lies across.
    pub(crate) flat: bool,
    /// All of it, normalised to the picture.
    pub(crate) rect: Rect,
    /// How sure, 0..1.
    pub(crate) score: f32,
}

impl Sighting {
    /// Of a pose; one side is enough: who lies on the side hides the other.
    pub(crate) fn of_pose(pose: &Pose, aspect: f32) -> Option<Self> {
        let (shoulders, hips) = (pose.middle(Joint::Shoulder)?, pose.middle(Joint::Hip)?);
        let (knees, ankles) = (pose.middle(Joint::Knee), pose.middle(Joint::Ankle));
        let (dx, up) = ((shoulders[0] - hips[0]) * aspect, hips[1] - shoulders[1]);
        let size = dx.hypot(up);
        let lean_deg = dx.abs().atan2(up).to_degrees();
        let legs = ankles.or(knees).is_some_and(|a| a[1] - hips[1] >= LEGS_UPRIGHT * size);
        let (rect, score) = pose.extent();
        Some(Self {
            place: [hips[0] * aspect, hips[1]],
            top: shoulders[1],
            foot: ankles.map(|a| a[1]),
            size,
            upright: lean_deg < LEAN_UPRIGHT_DEG && legs,
            flat: lean_deg >= LEAN_FLAT_DEG,
            rect,
            score,
        })
    }

    /// Of the box of a person.
    pub(crate) fn of_box(track: &Track, aspect: f32) -> Option<Self> {
        let rect = track.rect;
        let (w, h) = (rect.w * aspect, rect.h);
        let seen = track.observed && w > 0.0 && h > 0.0;
        seen.then(|| Self {
            place: [rect.centre().x * aspect, rect.centre().y],
            top: rect.y,
            foot: Some(rect.bottom()),
            size: h,
            upright: h >= BOX_UPRIGHT * w,
            flat: w >= BOX_FLAT * h,
            rect,
            score: track.score.clamp(0.0, 1.0),
        })
    }

    /// Where it touches the ground, normalised to the picture.
    pub(crate) fn ground(&self) -> Point {
        self.rect.foot()
    }
}
