//! A sighting: what one pose or one box says of a body, in picture heights.
//!
//! Promises: pure; a pose without shoulders and hips, and a box that is only predicted, say nothing. No point of a face gets
//! here. Leaves to others: whose body it is, and whether it fell (`body`).

use nvr_plugin_api::{Point, Rect, Track};

/// Numbers of one pose: twelve joints of x, y, score.
pub(crate) const POSE_FLOATS: usize = 36;
/// Joints below this are guesses.
const JOINT_SCORE_MIN: f32 = 0.2;
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
    /// Of twelve joints: left and right shoulder, elbow, wrist, hip, knee, ankle.
    pub(crate) fn of_pose(joints: &[f32], aspect: f32) -> Option<Self> {
        let joint = |n: usize| -> Option<[f32; 3]> {
            let found = joints.get(n * 3..n * 3 + 3)?;
            <[f32; 3]>::try_from(found)
                .ok()
                .filter(|[x, y, s]| x.is_finite() && y.is_finite() && *s >= JOINT_SCORE_MIN)
        };
        // One side is enough: who lies on the side hides the other.
        let middle = |left: usize| match (joint(left), joint(left + 1)) {
            (Some(a), Some(b)) => Some([(a[0] + b[0]) / 2.0, (a[1] + b[1]) / 2.0]),
            (Some([x, y, _]), None) | (None, Some([x, y, _])) => Some([x, y]),
            (None, None) => None,
        };
        let (shoulders, hips) = (middle(0)?, middle(6)?);
        let (knees, ankles) = (middle(8), middle(10));
        let (dx, up) = ((shoulders[0] - hips[0]) * aspect, hips[1] - shoulders[1]);
        let size = dx.hypot(up);
        let lean_deg = dx.abs().atan2(up).to_degrees();
        let legs = ankles.or(knees).is_some_and(|a| a[1] - hips[1] >= LEGS_UPRIGHT * size);
        let known: Vec<[f32; 3]> = (0..POSE_FLOATS / 3).filter_map(joint).collect();
        let least = |c: usize| known.iter().filter_map(|j| j.get(c)).copied().fold(f32::INFINITY, f32::min);
        let most =
            |c: usize| known.iter().filter_map(|j| j.get(c)).copied().fold(f32::NEG_INFINITY, f32::max);
        let (x, y) = (least(0).clamp(0.0, 1.0), least(1).clamp(0.0, 1.0));
        let rect = Rect { x, y, w: most(0).clamp(x, 1.0) - x, h: most(1).clamp(y, 1.0) - y };
        let score = known.iter().map(|j| j[2]).sum::<f32>() / known.len().max(1) as f32;
        Some(Self {
            place: [hips[0] * aspect, hips[1]],
            top: shoulders[1],
            foot: ankles.map(|a| a[1]),
            size,
            upright: lean_deg < LEAN_UPRIGHT_DEG && legs,
            flat: lean_deg >= LEAN_FLAT_DEG,
            rect,
            score: score.clamp(0.0, 1.0),
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
