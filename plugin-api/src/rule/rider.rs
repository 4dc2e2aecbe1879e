//! A bicycle is counted with its rider: who sits on one is not a person beside it.
//!
//! Promises: a person who walks past a parked bicycle stays a person: both must move together. Leaves to others: whether
//! the rule watches bicycles at all ([`is_watched`] asks only then).

use nvr_base::label::{Class, Label};
use nvr_base::scene::{Scene, Track};

/// The bicycle moves at least at this share of the person's speed, and the other way round.
const TOGETHER: f32 = 0.5;

/// Whether a person rides one of the scene's bicycles.
pub fn is_rider(person: &Track, scene: &Scene) -> bool {
    person.label == Label::PERSON
        && scene.tracks.iter().any(|t| t.label == Label::BICYCLE && rides(person, t))
}

/// Whether a person sits on this bicycle or motorcycle and moves with it.
pub fn rides(person: &Track, bicycle: &Track) -> bool {
    let middle = person.rect.centre();
    let (left, right) = (bicycle.rect.x, bicycle.rect.right());
    let above = person.rect.y < bicycle.rect.y && person.rect.bottom() > bicycle.rect.y;
    let over = person.rect.bottom() <= bicycle.rect.bottom() + 0.2 * bicycle.rect.h;
    let speed = |t: &Track| t.velocity.0.hypot(t.velocity.1);
    let (p, b) = (speed(person), speed(bicycle));
    let along = person.velocity.0 * bicycle.velocity.0 + person.velocity.1 * bicycle.velocity.1;
    let together = b > 0.0 && along > 0.0 && p >= TOGETHER * b && b >= TOGETHER * p;
    (left..=right).contains(&middle.x) && above && over && together
}

/// Whether a rule of these classes watches a track: a bicycle comes with its rider.
pub fn is_watched(classes: &[Class], track: &Track, scene: &Scene) -> bool {
    let in_class = classes.iter().any(|c| c.contains(track.label));
    in_class && !(classes.contains(&Class::Bicycle) && is_rider(track, scene))
}
