//! Colours by what a thing is.
//!
//! Promises: a class has one colour, red belongs to alerts alone, and black or white letters can be read on each.
//! Leaves to others: where they are used (`draw`).

use embedded_graphics::pixelcolor::{Rgb888, RgbColor, WebColors};
use nvr_base::{Class, Label};

/// Alerts.
pub(super) const ALERT: Rgb888 = Rgb888::new(230, 20, 20);
/// Zones and lines.
pub(super) const RULE: Rgb888 = Rgb888::new(255, 215, 0);
/// What is not looked at.
pub(super) const MASK: Rgb888 = Rgb888::CSS_DIM_GRAY;
/// Plates of time and notes.
pub(super) const PLATE: Rgb888 = Rgb888::new(20, 20, 20);

/// The colour of a class.
pub(super) fn of(label: Label) -> Rgb888 {
    match Class::of(label) {
        Class::Person => Rgb888::new(40, 220, 90),
        Class::Bicycle => Rgb888::new(0, 220, 230),
        Class::Vehicle => Rgb888::new(80, 160, 255),
        Class::Bag => Rgb888::new(225, 130, 255),
        Class::Animal => Rgb888::new(255, 160, 120),
        Class::Only(_) => Rgb888::CSS_LIGHT_GRAY,
    }
}

/// Letters on a plate of `colour`: black on light ones (luma of ITU-R BT.601), white on dark ones.
pub(super) fn letters_on(colour: Rgb888) -> Rgb888 {
    let luma = 299 * u32::from(colour.r()) + 587 * u32::from(colour.g()) + 114 * u32::from(colour.b());
    if luma > 110_000 { Rgb888::BLACK } else { Rgb888::WHITE }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_can_be_read() {
        for (plate, expected) in [
            (ALERT, Rgb888::WHITE),
            (PLATE, Rgb888::WHITE),
            (MASK, Rgb888::WHITE),
            (RULE, Rgb888::BLACK),
            (of(Label::PERSON), Rgb888::BLACK),
            (of(Label::CAR), Rgb888::BLACK),
        ] {
            assert_eq!(letters_on(plate), expected, "{plate:?}");
        }
    }
}
