//! What a surveillance picture cannot show: a name that does not fit the size is put right.
//!
//! Promises: pure; only names of things one holds in a hand change, and only when they fill more of the picture than a hand
//! could; persons, bags, animals and vehicles stay what they are.
//! Leaves to others: detecting (`model`), following (`track`).
//!
//! COCO's pictures are taken by people at eye level. Seen from above, a car is a dark box with rounded corners and a lighter
//! middle, and detectors trained on COCO are sure that it is a phone.

use nvr_base::{Detection, Label};

/// A thing held in a hand is smaller than this share of the picture: a phone as large is nearer than 1.3 m to the lens of
/// a camera of 80°, and cameras hang higher.
pub const HELD_AREA_MAX: f32 = 0.02;

/// Box-shaped things of COCO that are held in a hand.
const HELD: [&str; 4] = ["cell phone", "remote", "mouse", "book"];

/// The detection, with a name that its size allows.
pub fn plausible(detection: Detection) -> Detection {
    let held = HELD.contains(&detection.label.name());
    if held && detection.rect.area() > HELD_AREA_MAX {
        return Detection { label: Label::CAR, ..detection };
    }
    detection
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on what it did not expect")]

    use super::*;
    use nvr_base::Rect;

    fn check(label: &str, w: f32, h: f32, expected: &str) {
        let rect = Rect { x: 0.1, y: 0.1, w, h };
        let found = plausible(Detection { label: label.parse().unwrap(), score: 0.8, rect });
        assert_eq!((found.label.name(), found.rect, found.score), (expected, rect, 0.8));
    }

    #[test]
    fn names_fit_sizes() {
        check("cell phone", 0.2, 0.5, "car");
        check("remote", 0.2, 0.2, "car");
        check("cell phone", 0.02, 0.05, "cell phone");
        check("suitcase", 0.2, 0.5, "suitcase");
        check("person", 0.2, 0.5, "person");
        check("laptop", 0.5, 0.5, "laptop");
    }
}
