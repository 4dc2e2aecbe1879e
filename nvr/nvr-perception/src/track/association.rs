//! How well a detection fits a target.
//!
//! Promises: pure; similarities 0..2, `None` for pairs that may not be.
//! Leaves to others: who gets whom (`assign`), in which order (`track`).

use super::target::{Seen, Target};
use nvr_base::Class;
use std::f64::consts::{FRAC_PI_2, PI};

/// Least overlap of a sure detection with the predicted box.
pub(crate) const IOU_MIN: f64 = 0.2;
/// The same of an unsure one (ByteTrack's second stage is stricter too).
pub(crate) const IOU_MIN_UNSURE: f64 = 0.4;
/// Overlap at which another name is taken for the same object.
const IOU_MIN_RENAMED: f64 = 0.65;
/// Weight of the direction (OC-SORT's λ).
const MOMENTUM_WEIGHT: f64 = 0.2;
/// Largest squared Mahalanobis distance of a centre: 99 % of two degrees of freedom.
const DISTANCE2_MAX: f64 = 9.21;
/// The same for a target that has not been seen for a while: 95 %.
const DISTANCE2_MAX_LOST: f64 = 5.99;
/// Largest distance in sizes, whatever the filter believes.
const REACH_SIZES: f64 = 3.0;
/// The same for a lost target.
const REACH_SIZES_LOST: f64 = 1.5;
/// Heights may differ by this factor at a distance.
const HEIGHT_RATIO_MAX: f64 = 1.8;
/// A target is lost, not just missed, after this.
pub(crate) const LOST_AFTER_S: f64 = 0.7;

/// Whether the names may belong to one object: the same class, or, on top of each other, two things neither of which is
/// a person.
fn may_be(target: &Target, seen: &Seen, iou: f64) -> bool {
    let (a, b) = (target.class(), Class::of(seen.detection.label));
    a == b || (iou >= IOU_MIN_RENAMED && a != Class::Person && b != Class::Person)
}

/// Overlap with the predicted box, and the direction (OC-SORT's momentum, Cao et al. 2023, §3.3).
pub(crate) fn by_overlap(target: &Target, seen: &Seen, aspect: f64, iou_min: f64) -> Option<f64> {
    let iou = f64::from(target.rect(aspect).iou(&seen.detection.rect));
    (iou >= iou_min && may_be(target, seen, iou)).then(|| iou + momentum(target, seen)).filter(|s| *s > 0.0)
}

/// -0.1..0.1: how well the way to the detection continues the way so far.
fn momentum(target: &Target, seen: &Seen) -> f64 {
    let (Some((ax, ay)), Some((bx, by))) = (target.direction(), target.direction_to(&seen.shape)) else {
        return 0.0;
    };
    let angle = (ax * bx + ay * by).clamp(-1.0, 1.0).acos();
    MOMENTUM_WEIGHT * (FRAC_PI_2 - angle) / PI * f64::from(seen.detection.score)
}

/// Distance of the centres, for low frame rates where boxes do not overlap, and overlap with where it was last seen, for
/// what stopped while hidden (OC-SORT's recovery). Below every similarity by overlap of the same worth.
pub(crate) fn by_distance(target: &Target, seen: &Seen, aspect: f64) -> Option<f64> {
    if !may_be(target, seen, 0.0) {
        return None;
    }
    let here = target.filter.shape();
    let ratio = here.h / seen.shape.h;
    if !(1.0 / HEIGHT_RATIO_MAX..=HEIGHT_RATIO_MAX).contains(&ratio) {
        return None;
    }
    let lost = target.lost_s > LOST_AFTER_S;
    let stayed = f64::from(target.last().rect(aspect).iou(&seen.detection.rect));
    if stayed >= IOU_MIN {
        return Some(0.5 + stayed / 2.0);
    }
    // A lost target does not come back going the other way: that is someone else.
    if lost && momentum(target, seen) < 0.0 {
        return None;
    }
    let (gate, reach) =
        if lost { (DISTANCE2_MAX_LOST, REACH_SIZES_LOST) } else { (DISTANCE2_MAX, REACH_SIZES) };
    let distance = (here.cx - seen.shape.cx).hypot(here.cy - seen.shape.cy) / here.size();
    let possible = distance <= reach && target.filter.distance2(&seen.shape) <= gate;
    let likeness = ratio.min(1.0 / ratio);
    possible.then(|| (1.0 - distance / reach) * likeness * 0.9 + 0.1)
}
