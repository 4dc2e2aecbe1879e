//! The rule: an object's foot point is in the zone for the dwell; stepping out for less than 3 s does not count as leaving.
//!
//! Promises: pure. One object of the scene is one object of the alerts, even when its track dies and comes back within the
//! 3 s; who comes back later begins anew: nobody is recognised. Predicted boxes move nothing.
//! Leaves to others: dwell, continuity and the alerts of an object (`nvr_plugin_api::rule`).

use nvr_plugin_api::abi::RELEASE_US;
use nvr_plugin_api::rule::{CONFIRM_US_MAX, CommonKeys, Held, Holds, Look, Measure, Watch};
use nvr_plugin_api::{Class, Event, EventType, Polygon, Scene, Track};

/// Field default of the time, seconds: who waits for someone, reads a sign or ties a shoe is gone before.
const DWELL_S: f64 = 60.0;

/// The rule over one camera's scenes.
#[derive(Debug)]
pub(crate) struct Loitering {
    zone: Polygon,
    dwell_us: i64,
    classes: Vec<Class>,
    watch: Watch<Watched>,
}

/// One object of the scene.
#[derive(Debug, Default)]
struct Watched {
    /// At least once.
    seen: bool,
    /// Since when it is in the zone, and when it was last.
    inside: Option<(i64, i64)>,
}

impl Loitering {
    pub(crate) fn new(keys: &CommonKeys, classes: &[Class]) -> Self {
        Self {
            zone: keys.zone.clone().unwrap_or_else(Polygon::picture),
            dwell_us: keys.time_us(DWELL_S),
            classes: classes.to_vec(),
            watch: Watch::default(),
        }
    }

    /// One scene.
    pub(crate) fn step(&mut self, scene: &Scene, aspect: f32) -> Vec<Event> {
        let watches = |t: &&Track| self.classes.iter().any(|c| c.contains(t.label));
        let tracks: Vec<Track> = scene.tracks.iter().filter(watches).copied().collect();
        self.watch.step(scene, &tracks, aspect, |watched, held| Look {
            kind: EventType::Loitering,
            holds: watched.look(&self.zone, held, scene.at_us),
            dwell_us: self.dwell_us,
            measure: Measure::Time,
            detail: String::new(),
        })
    }
}

impl Watched {
    fn look(&mut self, zone: &Polygon, held: &Held, at_us: i64) -> Holds {
        let seen = held.is_seen();
        let inside_now = seen && zone.contains(held.track.rect.foot());
        if inside_now {
            // Seen first inside counts from first sight.
            let first_us =
                if self.seen { at_us } else { held.track.first_seen_us.clamp(at_us - CONFIRM_US_MAX, at_us) };
            let since_us = self.inside.map_or(first_us, |(since_us, _)| since_us);
            self.inside = Some((since_us, at_us));
        }
        self.seen |= seen;
        self.inside = self.inside.filter(|(_, last_us)| at_us - last_us < RELEASE_US);
        match self.inside {
            Some((since_us, _)) if inside_now => Holds::Since(since_us),
            Some(_) => Holds::Unknown,
            None => Holds::No,
        }
    }
}
