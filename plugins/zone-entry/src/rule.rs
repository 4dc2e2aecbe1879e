//! The rule: an object is in the zone when its foot point is, for its dwell; or it crossed the line.
//!
//! Promises: pure. One object of the scene is one object of the alerts until it has been outside for 3 s, even when its
//! track dies and comes back. Seen first inside is entered, dwell from first sight. With a line and no zone only crossings
//! count; with both, either. Predicted boxes move nothing: what is not seen stays where it was seen.
//! Leaves to others: what crossing, being inside, dwell and continuity are (`nvr_plugin_api::rule`).

use nvr_plugin_api::rule::{
    CommonKeys, Crossing, Held, Holds, Inside, LineDirection, Look, Measure, Watch, is_watched,
};
use nvr_plugin_api::{Class, Direction, Event, EventType, Line, Polygon, Scene, Track};

/// Field default of the dwell in a zone: a single stray box is no entry.
const ZONE_DWELL_S: f64 = 0.3;
/// Field default of the dwell beyond a line: to be beyond it by a tenth of the height is enough.
const LINE_DWELL_S: f64 = 0.0;

/// The rule over one camera's scenes.
#[derive(Debug)]
pub(crate) struct ZoneEntry {
    place: Place,
    classes: Vec<Class>,
    watch: Watch<Watched>,
}

/// Where, and for how long.
#[derive(Debug)]
struct Place {
    zone: Option<Polygon>,
    line: Option<Line>,
    direction: LineDirection,
    zone_dwell_us: i64,
    line_dwell_us: i64,
}

/// One object of the scene.
#[derive(Debug, Default)]
struct Watched {
    crossing: Crossing,
    /// The crossing that waits for its dwell.
    crossed: Option<(Direction, i64)>,
    inside: Inside,
}

impl ZoneEntry {
    pub(crate) fn new(keys: &CommonKeys) -> Self {
        let place = Place {
            zone: keys.watched_zone(),
            line: keys.line,
            direction: keys.direction,
            zone_dwell_us: keys.time_us(ZONE_DWELL_S),
            line_dwell_us: keys.time_us(LINE_DWELL_S),
        };
        Self { place, classes: keys.classes(), watch: Watch::default() }
    }

    /// One scene.
    pub(crate) fn step(&mut self, scene: &Scene, aspect: f32) -> Vec<Event> {
        let watches = |t: &&Track| is_watched(&self.classes, t, scene);
        let tracks: Vec<Track> = scene.tracks.iter().filter(watches).copied().collect();
        let look = |watched: &mut Watched, held: &Held| watched.look(&self.place, held, scene.at_us, aspect);
        self.watch.step(scene, &tracks, aspect, look)
    }
}

impl Watched {
    fn look(&mut self, place: &Place, held: &Held, at_us: i64, aspect: f32) -> Look {
        let crossed = place.line.as_ref().and_then(|line| self.cross(line, place, held, at_us, aspect));
        let inside = place.zone.as_ref().map_or(Holds::No, |zone| self.inside.update(zone, held, at_us));
        let measure = Measure::Time;
        match crossed {
            Some((direction, since_us)) => Look {
                kind: EventType::LineCrossed,
                holds: Holds::Since(since_us),
                dwell_us: place.line_dwell_us,
                measure,
                detail: format!(" direction={direction}"),
            },
            None => Look {
                kind: EventType::ZoneEntry,
                holds: inside,
                dwell_us: place.zone_dwell_us,
                measure,
                detail: String::new(),
            },
        }
    }

    /// The crossing whose dwell is over; said once.
    fn cross(
        &mut self,
        line: &Line,
        place: &Place,
        held: &Held,
        at_us: i64,
        aspect: f32,
    ) -> Option<(Direction, i64)> {
        if !held.is_seen() {
            return None;
        }
        let crossed = self.crossing.update(line, &held.track.rect, aspect);
        if let Some(direction) = crossed.filter(|d| place.direction.takes(*d)) {
            self.crossed = Some((direction, at_us));
        }
        self.crossed = self.crossed.filter(|(d, _)| self.crossing.is_beyond(*d));
        self.crossed.take_if(|(_, since_us)| at_us - *since_us >= place.line_dwell_us)
    }
}
