//! The rule: an object in the zone has moved against the allowed direction for the dwell, and for so many of its lengths.
//!
//! Promises: pure. Standing, walking across, a step back and a turn at the edge are none: the way back counts from where the
//! object was furthest ahead, must lead against the direction rather than across it, and must go on. Predicted boxes move
//! nothing. Leaves to others: dwell, continuity and the alerts of an object (`nvr_plugin_api::rule`), learning a direction (it
//! is drawn).

use nvr_plugin_api::rule::{CommonKeys, Held, Holds, Look, Measure, Watch, is_watched};
use nvr_plugin_api::{Class, Event, EventType, Label, Polygon, Scene, Track};

/// Field default of the time, seconds.
const DWELL_S: f64 = 2.0;
/// Body lengths against the direction, in the field default's time; another time scales them: the speed is the same.
const LENGTHS: f32 = 3.0;
/// … but never fewer: a box that trembles or grows moves by less.
const LENGTHS_MIN: f32 = 1.0;
/// Of a way, the part that must lead against the direction: half is 60° to either side.
const AGAINST_SHARE: f32 = 0.5;
/// A step back by less than this of its length is standing.
const STANDS_LENGTHS: f32 = 0.25;
/// Who comes forward again by this of its length has turned round.
const TURNED_LENGTHS: f32 = 0.5;
/// Who has not come further against it for so long has stopped, µs.
const STOPPED_US: i64 = 1_000_000;

/// The rule over one camera's scenes.
#[derive(Debug)]
pub(crate) struct WrongWay {
    terms: Terms,
    classes: Vec<Class>,
    watch: Watch<Watched>,
}

/// Where, which way, how long and how far.
#[derive(Debug)]
struct Terms {
    zone: Polygon,
    allowed: [f32; 2],
    dwell_us: i64,
    lengths: f32,
}

/// One object of the scene.
#[derive(Debug, Default)]
struct Watched {
    way: Option<Way>,
    holds: Option<i64>,
}

/// Where it has been; distances in picture heights.
#[derive(Debug, Clone, Copy)]
struct Way {
    /// Furthest ahead: place, how far along the direction, when.
    ahead: ([f32; 2], f32, i64),
    /// Furthest back since: how far along, when.
    back: (f32, i64),
}

impl WrongWay {
    pub(crate) fn new(keys: &CommonKeys, allowed: [f32; 2]) -> Self {
        let dwell_us = keys.time_us(DWELL_S);
        let lengths = LENGTHS * dwell_us as f32 / (DWELL_S as f32 * 1e6);
        let terms = Terms {
            zone: keys.zone.clone().unwrap_or_else(Polygon::picture),
            allowed,
            dwell_us,
            lengths: lengths.clamp(LENGTHS_MIN, LENGTHS),
        };
        Self { terms, classes: keys.classes(), watch: Watch::default() }
    }

    /// One scene.
    pub(crate) fn step(&mut self, scene: &Scene, aspect: f32) -> Vec<Event> {
        let watches = |t: &&Track| is_watched(&self.classes, t, scene);
        let tracks: Vec<Track> = scene.tracks.iter().filter(watches).copied().collect();
        let look = |watched: &mut Watched, held: &Held| watched.look(&self.terms, held, scene.at_us, aspect);
        self.watch.step(scene, &tracks, aspect, look)
    }
}

impl Watched {
    fn look(&mut self, terms: &Terms, held: &Held, at_us: i64, aspect: f32) -> Look {
        let measured = if held.is_seen() { self.go(terms, &held.track, at_us, aspect) } else { 0.0 };
        let holds = match self.holds {
            Some(_) if !held.present => Holds::Unknown,
            Some(since_us) if at_us - since_us >= terms.dwell_us => Holds::Since(since_us),
            _ => Holds::No,
        };
        Look {
            kind: EventType::WrongWay,
            holds,
            dwell_us: terms.dwell_us,
            measure: Measure::Value { measured, threshold: terms.lengths },
            detail: String::new(),
        }
    }

    /// Goes on to where it is seen; how far against the direction, in its lengths.
    fn go(&mut self, terms: &Terms, track: &Track, at_us: i64, aspect: f32) -> f32 {
        let (rect, foot) = (&track.rect, track.rect.foot());
        if !terms.zone.contains(foot) {
            (self.way, self.holds) = (None, None);
            return 0.0;
        }
        let place = [foot.x * aspect, foot.y];
        let length = rect.h.max(if track.label == Label::PERSON { 0.0 } else { rect.w * aspect });
        // A picture vector: the direction as it is seen, not in the normalised square.
        let [x, y] = [terms.allowed[0] * aspect, terms.allowed[1]];
        let along = (place[0] * x + place[1] * y) / x.hypot(y);
        let way = Way::on(self.way, place, along, length, at_us);
        self.way = Some(way);
        let gone = way.ahead.1 - along;
        let far = (place[0] - way.ahead.0[0]).hypot(place[1] - way.ahead.0[1]);
        let goes_on = at_us - way.back.1 < STOPPED_US;
        let measured = if length > 0.0 { gone / length } else { 0.0 };
        let against = measured >= terms.lengths && gone >= AGAINST_SHARE * far && goes_on;
        self.holds = against.then_some(way.ahead.2);
        measured
    }
}

impl Way {
    /// Goes on to a place.
    fn on(was: Option<Self>, place: [f32; 2], along: f32, length: f32, at_us: i64) -> Self {
        let here = Self { ahead: (place, along, at_us), back: (along, at_us) };
        let Some(mut way) = was else { return here };
        if along >= way.ahead.1 || along > way.back.0 + TURNED_LENGTHS * length {
            return here;
        }
        if way.ahead.1 - along < STANDS_LENGTHS * length {
            way.ahead.2 = at_us;
        }
        if along < way.back.0 {
            way.back = (along, at_us);
        }
        way
    }
}
