//! A body over time: it was upright, it is down, it stays there.
//!
//! Promises: pure. Down is low against the body's own height while it was upright: sitting, bending, kneeling and lying on a
//! bench are higher than that. A body that nobody saw upright within 2 s before has not fallen: it lay down, or was lying.
//! Who moves on the ground (sport, crawling) starts the time again. Leaves to others: which sighting is whose (`rule`).

use crate::sighting::Sighting;

/// From upright to down, µs. How fast a fall is; no time to wait, so `dwell_s` does not replace it. Half a second more for
/// what lies between two looks.
pub(crate) const FALL_US_MAX: i64 = 2_500_000;
/// Height of the shoulders (of a box: its top) over the ground, in those of the upright body: standing 1, on a chair 0.75,
/// kneeling 0.65, bent 0.6, lying on a bench 0.45, sitting on the floor 0.4, lying 0.1 to 0.25.
const LOW: f32 = 0.3;
/// The same for a body that lies across: it cannot be one that sits.
const LOW_FLAT: f32 = 0.4;
/// Height of the hips in the same measure: bent 0.6, crouching 0.3, lying 0.15.
const HIPS_LOW: f32 = 0.3;
/// An upright shape with so much of the upright body's torso has walked towards the camera, not fallen.
const SAME_TORSO: f32 = 0.7;
/// The tallest sighting counts for so long, µs: people come nearer and go away.
const HEIGHT_US: i64 = 5_000_000;
/// A fall rolls out for so long, µs; moving later starts the time again, …
const SETTLE_US: i64 = 1_000_000;
/// … when the place is off by so much of the body's height, …
const MOVED: f32 = 0.25;
/// … or the shoulders are this much higher or lower (a push-up: 0.2), …
const RAISED: f32 = 0.15;
/// … in so many sightings in a row: one is an error of the model.
const MOVED_SIGHTINGS: u32 = 2;
/// Upright sightings in a row that end it: one is an error of the model.
const UP_SIGHTINGS: u32 = 2;
/// Not seen for so long, it is no longer known to lie there, µs: the model misses most looks at some who lie.
const UNSEEN_US_MAX: i64 = 6_000_000;

/// One body.
#[derive(Debug, Clone)]
pub(crate) struct Body {
    pub(crate) last: Sighting,
    pub(crate) last_us: i64,
    upright: Option<Upright>,
    fallen: Option<Fallen>,
}

/// How it was last upright.
#[derive(Debug, Clone, Copy)]
struct Upright {
    ground: f32,
    height: f32,
    height_us: i64,
    size: f32,
    at_us: i64,
}

/// How it lies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fallen {
    /// First seen down.
    pub(crate) down_us: i64,
    /// Lies where it lies since.
    pub(crate) since_us: i64,
    /// Last seen down.
    pub(crate) seen_us: i64,
    /// Times it was seen down.
    pub(crate) sightings: u32,
    /// Height of the shoulders in those of the upright body.
    pub(crate) low: f32,
    place: [f32; 2],
    top: f32,
    moved: u32,
    up: u32,
}

impl Body {
    pub(crate) fn new(seen: Sighting, at_us: i64) -> Self {
        let mut body = Self { last: seen, last_us: at_us, upright: None, fallen: None };
        body.see(seen, at_us);
        body
    }

    /// Its height while upright, else a guess from what is seen.
    pub(crate) fn height(&self) -> f32 {
        self.upright.map_or(2.5 * self.last.size, |u| u.height).max(f32::EPSILON)
    }

    /// How it lies, if it fell.
    pub(crate) fn fallen(&self) -> Option<&Fallen> {
        self.fallen.as_ref()
    }

    /// It was another body that was seen down.
    pub(crate) fn never_fell(&mut self) {
        self.fallen = None;
        self.upright = None;
    }

    /// Whether it lies there as far as anyone knows.
    pub(crate) fn is_known(&self, at_us: i64) -> bool {
        at_us - self.last_us <= UNSEEN_US_MAX
    }

    /// One more look.
    pub(crate) fn see(&mut self, seen: Sighting, at_us: i64) {
        (self.last, self.last_us) = (seen, at_us);
        let low = self.upright.map(|u| (u, (u.ground - seen.top) / u.height.max(f32::EPSILON)));
        let down = low.filter(|(u, low)| {
            let hips = (u.ground - seen.place[1]) / u.height.max(f32::EPSILON);
            let walked = seen.upright && seen.size >= SAME_TORSO * u.size;
            let limit = if seen.flat { LOW_FLAT } else { LOW };
            *low <= limit && hips <= HIPS_LOW && !walked
        });
        let height = self.height();
        match (down, self.fallen.as_mut()) {
            (Some((_, low)), Some(fallen)) => fallen.go_on(&seen, low, height, at_us),
            (Some((u, low)), None) if at_us - u.at_us <= FALL_US_MAX => {
                self.fallen = Some(Fallen {
                    down_us: at_us,
                    since_us: at_us,
                    seen_us: at_us,
                    sightings: 1,
                    low,
                    place: seen.place,
                    top: seen.top,
                    moved: 0,
                    up: 0,
                });
            }
            (Some(_), None) => {}
            (None, fallen) => {
                if let Some(fallen) = fallen {
                    fallen.up += 1;
                    if fallen.up < UP_SIGHTINGS {
                        return;
                    }
                    self.fallen = None;
                }
                if seen.upright {
                    self.stand(&seen, at_us);
                }
            }
        }
    }

    fn stand(&mut self, seen: &Sighting, at_us: i64) {
        let Some(ground) = seen.foot else { return };
        let height = ground - seen.top;
        let tallest = self.upright.filter(|u| u.height > height && at_us - u.height_us <= HEIGHT_US);
        let (height, height_us) = tallest.map_or((height, at_us), |u| (u.height, u.height_us));
        self.upright = Some(Upright { ground, height, height_us, size: seen.size, at_us });
    }
}

impl Fallen {
    fn go_on(&mut self, seen: &Sighting, low: f32, height: f32, at_us: i64) {
        let off = (seen.place[0] - self.place[0]).hypot(seen.place[1] - self.place[1]);
        let moved = off > MOVED * height || (seen.top - self.top).abs() > RAISED * height;
        let settles = at_us - self.down_us <= SETTLE_US;
        self.moved = if moved { self.moved + 1 } else { 0 };
        if settles || self.moved >= MOVED_SIGHTINGS {
            (self.place, self.top) = (seen.place, seen.top);
            self.since_us = if settles { self.since_us } else { at_us };
            self.moved = 0;
        }
        self.low = low;
        self.seen_us = at_us;
        self.sightings += 1;
        self.up = 0;
    }
}
