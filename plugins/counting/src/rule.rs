//! The rule: each object that crosses the line counts once per direction, under the first of the rule's classes that has
//! its label; with a zone, or without a line, what is inside is counted as it is now.
//!
//! Promises: pure. A track that dies at the line and comes back beyond it counts, and not twice. The first count is an
//! event too: it says that counting works. `dwell_s` is how long one must stay beyond the line, or inside; none by default.
//! Leaves to others: what crossing and continuity are (`nvr_plugin_api::rule`), adding up (the host).

use nvr_plugin_api::rule::{
    Change, CommonKeys, Crossing, Episode, Holds, LineDirection, Relay, class_of, is_watched,
};
use nvr_plugin_api::{
    Class, Direction, Event, EventType, Line, Phase, Polygon, Rect, Sample, Scene, Series, Track,
};
use std::collections::BTreeMap;

/// Field default of the dwell: what is beyond the line by a tenth of its height has crossed.
const DWELL_S: f64 = 0.0;
/// An occupancy is said at most so often.
const OCCUPANCY_EVERY_US: i64 = 1_000_000;

/// The rule over one camera's scenes.
#[derive(Debug)]
pub(crate) struct Counting {
    zone: Option<Polygon>,
    line: Option<Line>,
    direction: LineDirection,
    dwell_us: i64,
    classes: Vec<Class>,
    relay: Relay,
    watched: BTreeMap<u64, Watched>,
    /// By place in `classes`: the last value said, and when.
    occupancy: Vec<Option<(u32, i64)>>,
    first: First,
}

/// One object.
#[derive(Debug, Default)]
struct Watched {
    crossing: Crossing,
    /// The crossing that waits for its dwell.
    crossed: Option<(Direction, i64)>,
    inside_since: Option<i64>,
}

/// The event of the first count.
#[derive(Debug, Default)]
struct First {
    episode: Episode,
    by: Option<(Rect, f32)>,
}

impl Counting {
    pub(crate) fn new(keys: &CommonKeys) -> Self {
        let classes = keys.classes();
        Self {
            zone: keys.watched_zone(),
            line: keys.line,
            direction: keys.direction,
            dwell_us: keys.time_us(DWELL_S),
            occupancy: vec![None; classes.len()],
            classes,
            relay: Relay::default(),
            watched: BTreeMap::new(),
            first: First::default(),
        }
    }

    /// One scene.
    pub(crate) fn step(&mut self, scene: &Scene, aspect: f32) -> (Vec<Sample>, Option<Event>) {
        let at_us = scene.at_us;
        let counts = |t: &&Track| is_watched(&self.classes, t, scene);
        let tracks: Vec<Track> = scene.tracks.iter().filter(counts).copied().collect();
        for object in self.relay.update(scene, &tracks, aspect) {
            self.watched.remove(&object);
        }
        let mut samples = Vec::new();
        let mut inside = vec![0u32; self.classes.len()];
        let mut by = None;
        for held in self.relay.held().iter().filter(|h| h.present) {
            let Some(class) = class_of(&self.classes, held.track.label) else { continue };
            let watched = self.watched.entry(held.object).or_default();
            if held.track.observed
                && let Some(direction) = self.line.as_ref().and_then(|line| {
                    watched.cross(line, self.direction, &held.track.rect, aspect, at_us, self.dwell_us)
                })
            {
                samples.push(Sample { series: Series::Crossings, class, direction, n: 1, at_us });
                by = by.or(Some(held.track));
            }
            if self.zone.as_ref().is_some_and(|z| watched.is_in(z, &held.track, at_us, self.dwell_us)) {
                let place = self.classes.iter().position(|c| *c == class);
                inside.iter_mut().enumerate().filter(|(n, _)| Some(*n) == place).for_each(|(_, n)| *n += 1);
                by = by.or(Some(held.track));
            }
        }
        if self.zone.is_some() {
            samples.extend(self.occupancy(&inside, at_us));
        }
        (samples, self.first.step(by, at_us))
    }

    /// What changed, at most once a second and class; the first value is said even when it is 0.
    fn occupancy(&mut self, inside: &[u32], at_us: i64) -> Vec<Sample> {
        let mut samples = Vec::new();
        for ((class, n), last) in self.classes.iter().zip(inside).zip(&mut self.occupancy) {
            let due = last.is_none_or(|(was, said_us)| was != *n && at_us - said_us >= OCCUPANCY_EVERY_US);
            if due {
                *last = Some((*n, at_us));
                let (series, direction) = (Series::Occupancy, Direction::None);
                samples.push(Sample { series, class: *class, direction, n: *n, at_us });
            }
        }
        samples
    }
}

impl Watched {
    /// The direction, once it has crossed and stayed beyond for the dwell.
    fn cross(
        &mut self,
        line: &Line,
        takes: LineDirection,
        rect: &Rect,
        aspect: f32,
        at_us: i64,
        dwell_us: i64,
    ) -> Option<Direction> {
        if let Some(direction) = self.crossing.update(line, rect, aspect).filter(|d| takes.takes(*d)) {
            self.crossed = Some((direction, at_us));
        }
        self.crossed = self.crossed.filter(|(d, _)| self.crossing.is_beyond(*d));
        self.crossed.take_if(|(_, since)| at_us - *since >= dwell_us).map(|(d, _)| d)
    }

    /// A predicted box moves nothing: what is not seen stays where it was seen.
    fn is_in(&mut self, zone: &Polygon, track: &Track, at_us: i64, dwell_us: i64) -> bool {
        if track.observed {
            let inside = zone.contains(track.rect.foot());
            self.inside_since = inside.then(|| self.inside_since.unwrap_or(at_us));
        }
        self.inside_since.is_some_and(|since| at_us - since >= dwell_us)
    }
}

impl First {
    fn step(&mut self, by: Option<Track>, at_us: i64) -> Option<Event> {
        let holds = match (by, self.by) {
            (Some(track), None) => {
                self.by = Some((track.rect, track.score));
                Holds::Since(at_us)
            }
            _ => Holds::No,
        };
        let change = self.episode.update(at_us, holds, 0)?;
        let (rect, score) = self.by?;
        let (phase, since_us, start_us, end_us) = match change {
            Change::Begin { since_us, start_us } => (Phase::Begin, since_us, start_us, None),
            Change::End { since_us, start_us, end_us } => (Phase::End, since_us, start_us, Some(end_us)),
        };
        Some(Event {
            kind: EventType::FirstCount,
            phase,
            object: 1,
            since_us,
            start_us,
            end_us,
            rect,
            score,
            measured: 1.0,
            threshold: 1.0,
            detail: String::new(),
        })
    }
}
