//! The rule: an object is in the zone when its foot point is, for its dwell; or it crossed the line.
//!
//! Promises: pure. One object of the scene is one object of the alerts until it has been outside for 3 s, even when its
//! track dies and comes back. Seen first inside is entered, dwell from first sight. With a line and no zone only crossings
//! count; with both, either. Predicted boxes move nothing: what is not seen stays where it was seen.
//! Leaves to others: what crossing, dwell and continuity are (`nvr_plugin_api::rule`).

use nvr_plugin_api::rule::{
    Change, CommonKeys, Crossing, Episode, Held, Holds, LineDirection, Relay, is_rider,
};
use nvr_plugin_api::{Class, Direction, Event, EventType, Line, Phase, Polygon, Rect, Scene, Track};
use std::collections::BTreeMap;

/// Field default of the dwell in a zone: a single stray box is no entry.
const ZONE_DWELL_S: f64 = 0.3;
/// Field default of the dwell beyond a line: to be beyond it by a tenth of the height is enough.
const LINE_DWELL_S: f64 = 0.0;
/// A track is confirmed, and given, at most so long after its first detection; what is older was watched by nobody.
const CONFIRM_US_MAX: i64 = 2_000_000;

/// The rule over one camera's scenes.
#[derive(Debug)]
pub(crate) struct ZoneEntry {
    zone: Option<Polygon>,
    line: Option<Line>,
    direction: LineDirection,
    zone_dwell_us: i64,
    line_dwell_us: i64,
    classes: Vec<Class>,
    relay: Relay,
    watched: BTreeMap<u64, Watched>,
    /// Numbers of the alerts' objects given so far.
    objects: u64,
}

/// One object of the scene.
#[derive(Debug)]
struct Watched {
    /// At least once: where it is first seen counts from the first sight.
    seen: bool,
    crossing: Crossing,
    /// The crossing that waits for its dwell.
    crossed: Option<(Direction, i64)>,
    /// Since when its foot is in the zone.
    inside_since: Option<i64>,
    episode: Episode,
    alert: Option<Alert>,
}

/// What was said at its beginning.
#[derive(Debug, Clone, Copy)]
struct Alert {
    object: u64,
    kind: EventType,
    threshold_s: f32,
    rect: Rect,
    score: f32,
}

impl ZoneEntry {
    pub(crate) fn new(keys: &CommonKeys) -> Self {
        Self {
            zone: keys.watched_zone(),
            line: keys.line,
            direction: keys.direction,
            zone_dwell_us: keys.time_us(ZONE_DWELL_S),
            line_dwell_us: keys.time_us(LINE_DWELL_S),
            classes: keys.classes(),
            relay: Relay::default(),
            watched: BTreeMap::new(),
            objects: 0,
        }
    }

    /// One scene.
    pub(crate) fn step(&mut self, scene: &Scene, aspect: f32) -> Vec<Event> {
        let tracks: Vec<Track> = scene.tracks.iter().filter(|t| self.watches(t, scene)).copied().collect();
        let gone = self.relay.update(scene, &tracks, aspect);
        let mut events = Vec::new();
        for held in self.relay.held().to_vec() {
            events.extend(self.look(&held, scene.at_us, aspect));
        }
        // What is forgotten is outside; it is kept until its alert, if any, has ended.
        for (object, watched) in &mut self.watched {
            if gone.contains(object) || self.relay.held().iter().all(|h| h.object != *object) {
                let change = watched.episode.update(scene.at_us, Holds::No, self.zone_dwell_us);
                events.extend(change.and_then(|c| watched.end(c)));
            }
        }
        let held = self.relay.held();
        self.watched.retain(|object, w| !w.episode.is_idle() || held.iter().any(|h| h.object == *object));
        events
    }

    fn watches(&self, track: &Track, scene: &Scene) -> bool {
        let in_class = self.classes.iter().any(|c| c.contains(track.label));
        in_class && !(self.classes.contains(&Class::Bicycle) && is_rider(track, scene))
    }

    fn look(&mut self, held: &Held, at_us: i64, aspect: f32) -> Option<Event> {
        let watched = self.watched.entry(held.object).or_insert_with(|| Watched {
            seen: false,
            crossing: Crossing::default(),
            crossed: None,
            inside_since: None,
            episode: Episode::default(),
            alert: None,
        });
        let (rect, seen) = (&held.track.rect, held.present && held.track.observed);
        if seen {
            let inside = self.zone.as_ref().is_some_and(|z| z.contains(rect.foot()));
            let first_us = held.track.first_seen_us;
            let first_sight = if at_us - first_us <= CONFIRM_US_MAX { first_us } else { at_us };
            let since = if watched.seen { at_us } else { first_sight };
            watched.inside_since = inside.then(|| watched.inside_since.unwrap_or(since));
            if let Some(line) = &self.line {
                let crossed = watched.crossing.update(line, rect, aspect);
                if let Some(direction) = crossed.filter(|d| self.direction.takes(*d)) {
                    watched.crossed = Some((direction, at_us));
                }
                watched.crossed = watched.crossed.filter(|(d, _)| watched.crossing.is_beyond(*d));
            }
            watched.seen = true;
        }
        let crossed = watched.crossed.filter(|(_, since)| seen && at_us - since >= self.line_dwell_us);
        let (holds, dwell_us, kind) = match (crossed, watched.inside_since) {
            (Some((_, since)), _) => (Holds::Since(since), self.line_dwell_us, EventType::LineCrossed),
            (None, _) if !held.present => (Holds::Unknown, self.zone_dwell_us, EventType::ZoneEntry),
            (None, Some(since)) => (Holds::Since(since), self.zone_dwell_us, EventType::ZoneEntry),
            (None, None) => (Holds::No, self.zone_dwell_us, EventType::ZoneEntry),
        };
        if crossed.is_some() {
            watched.crossed = None; // said once
        }
        let change = watched.episode.update(at_us, holds, dwell_us)?;
        let Change::Begin { since_us, start_us } = change else { return watched.end(change) };
        self.objects += 1;
        let threshold_s = dwell_us as f32 / 1e6;
        let alert = Alert { object: self.objects, kind, threshold_s, rect: *rect, score: held.track.score };
        watched.alert = Some(alert);
        let direction = crossed.map_or(String::new(), |(d, _)| format!(" direction={d}"));
        Some(Event {
            kind,
            phase: Phase::Begin,
            object: alert.object,
            since_us,
            start_us,
            end_us: None,
            rect: alert.rect,
            score: alert.score,
            measured: (start_us - since_us) as f32 / 1e6,
            threshold: threshold_s,
            detail: format!("label={}{direction}", held.track.label.name().replace(' ', "-")),
        })
    }
}

impl Watched {
    fn end(&mut self, change: Change) -> Option<Event> {
        let Change::End { since_us, start_us, end_us } = change else { return None };
        let alert = self.alert.take()?;
        Some(Event {
            kind: alert.kind,
            phase: Phase::End,
            object: alert.object,
            since_us,
            start_us,
            end_us: Some(end_us),
            rect: alert.rect,
            score: alert.score,
            measured: (end_us - since_us) as f32 / 1e6,
            threshold: alert.threshold_s,
            detail: String::new(),
        })
    }
}
