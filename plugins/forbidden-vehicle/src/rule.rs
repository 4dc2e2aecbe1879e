//! The rule: a vehicle whose class is forbidden has its foot point in the zone for the dwell.
//!
//! Promises: pure. Seen first inside is in the zone since first sight. What two of three sightings in the zone do not call a
//! forbidden class is allowed, and so is what is detected as an allowed vehicle at the same place: a bus that is a truck to
//! the detector now and then is a bus. Parked is in the zone as well. Predicted boxes move nothing. A bicycle that is pushed
//! is a bicycle. Leaves to others: which classes are forbidden (`keys`), being inside, dwell, continuity and the alerts of an
//! object (`nvr_plugin_api::rule`).

use crate::keys::Keys;
use nvr_plugin_api::rule::{Held, Holds, Inside, Look, Measure, Watch};
use nvr_plugin_api::{Class, Event, EventType, Scene, Track};

/// So much of the sightings in the zone must say that it is forbidden.
const FORBIDDEN_SHARE: f32 = 2.0 / 3.0;
/// Two boxes that share so much are one vehicle, detected as two classes.
const SAME_IOU: f32 = 0.5;

/// The rule over one camera's scenes.
#[derive(Debug)]
pub(crate) struct ForbiddenVehicle {
    keys: Keys,
    watch: Watch<Stay>,
}

/// One vehicle's stay in the zone.
#[derive(Debug, Default)]
struct Stay {
    inside: Inside,
    /// Sightings in the zone, and those that said a forbidden class.
    sightings: (u32, u32),
}

impl ForbiddenVehicle {
    pub(crate) fn new(keys: &Keys) -> Self {
        Self { keys: keys.clone(), watch: Watch::default() }
    }

    /// One scene.
    pub(crate) fn step(&mut self, scene: &Scene, aspect: f32) -> Vec<Event> {
        let is_vehicle =
            |t: &&Track| Class::of(t.label) == Class::Bicycle || Class::Vehicle.contains(t.label);
        let tracks: Vec<Track> = scene.tracks.iter().filter(is_vehicle).copied().collect();
        let keys = &self.keys;
        self.watch.step(scene, &tracks, aspect, |stay, held| {
            let is_allowed = |t: &Track| t.observed && !keys.forbidden.contains(t.label);
            let is_doubtful = tracks.iter().filter(|t| is_allowed(t)).any(|t| is_same(t, &held.track));
            let holds =
                stay.look(keys, held, !is_doubtful && keys.forbidden.contains(held.track.label), scene.at_us);
            Look {
                kind: EventType::ZoneEntry,
                holds,
                dwell_us: keys.dwell_us,
                measure: Measure::Time,
                detail: String::new(),
            }
        })
    }
}

fn is_same(a: &Track, b: &Track) -> bool {
    a.rect.iou(&b.rect) >= SAME_IOU
}

impl Stay {
    fn look(&mut self, keys: &Keys, held: &Held, is_forbidden: bool, at_us: i64) -> Holds {
        let inside = self.inside.update(&keys.zone, held, at_us);
        let (all, forbidden) = self.sightings;
        self.sightings = match inside {
            Holds::No => (0, 0),
            _ if !held.is_seen() => (all, forbidden),
            _ => (all.saturating_add(1), forbidden.saturating_add(u32::from(is_forbidden))),
        };
        let (all, forbidden) = self.sightings;
        match inside {
            Holds::Since(_) if (forbidden as f32) < FORBIDDEN_SHARE * all as f32 => Holds::No,
            holds => holds,
        }
    }
}
