//! The rule: an object's foot point is in the zone for the dwell; stepping out for less than 3 s does not count as leaving.
//!
//! Promises: pure. One object of the scene is one object of the alerts, even when its track dies and comes back within the
//! 3 s; who comes back later begins anew: nobody is recognised. Predicted boxes move nothing.
//! Leaves to others: dwell and continuity (`nvr_plugin_api::rule`).

use nvr_plugin_api::abi::RELEASE_US;
use nvr_plugin_api::rule::{Change, CommonKeys, Episode, Held, Holds, Relay};
use nvr_plugin_api::{Class, Event, EventType, Phase, Polygon, Rect, Scene, Track};
use std::collections::BTreeMap;

/// Field default of the time, seconds: who waits for someone, reads a sign or ties a shoe is gone before.
const DWELL_S: f64 = 60.0;
/// A track is confirmed, and given, at most so long after its first detection; what is older was watched by nobody.
const CONFIRM_US_MAX: i64 = 2_000_000;

/// The rule over one camera's scenes.
#[derive(Debug)]
pub(crate) struct Loitering {
    zone: Polygon,
    dwell_us: i64,
    classes: Vec<Class>,
    relay: Relay,
    watched: BTreeMap<u64, Watched>,
    objects: u64,
}

/// One object of the scene.
#[derive(Debug, Default)]
struct Watched {
    /// At least once.
    seen: bool,
    /// Since when it is in the zone, and when it was last.
    inside: Option<(i64, i64)>,
    episode: Episode,
    alert: Option<Alert>,
}

#[derive(Debug, Clone, Copy)]
struct Alert {
    object: u64,
    rect: Rect,
    score: f32,
}

impl Loitering {
    pub(crate) fn new(keys: &CommonKeys, classes: &[Class]) -> Self {
        Self {
            zone: keys.zone.clone().unwrap_or_else(Polygon::picture),
            dwell_us: keys.time_us(DWELL_S),
            classes: classes.to_vec(),
            relay: Relay::default(),
            watched: BTreeMap::new(),
            objects: 0,
        }
    }

    /// One scene.
    pub(crate) fn step(&mut self, scene: &Scene, aspect: f32) -> Vec<Event> {
        let watches = |t: &&Track| self.classes.iter().any(|c| c.contains(t.label));
        let tracks: Vec<Track> = scene.tracks.iter().filter(watches).copied().collect();
        self.relay.update(scene, &tracks, aspect);
        let mut events = Vec::new();
        for held in self.relay.held().to_vec() {
            events.extend(self.look(&held, scene.at_us));
        }
        // What is forgotten is outside; it is kept until its alert, if any, has ended.
        let held = self.relay.held();
        for (object, watched) in &mut self.watched {
            if held.iter().all(|h| h.object != *object) {
                let change = watched.episode.update(scene.at_us, Holds::No, self.dwell_us);
                events.extend(change.and_then(|c| watched.end(c, self.dwell_us)));
            }
        }
        self.watched.retain(|object, w| !w.episode.is_idle() || held.iter().any(|h| h.object == *object));
        events
    }

    fn look(&mut self, held: &Held, at_us: i64) -> Option<Event> {
        let watched = self.watched.entry(held.object).or_default();
        let (rect, seen) = (&held.track.rect, held.present && held.track.observed);
        let inside_now = seen && self.zone.contains(rect.foot());
        if inside_now {
            // Seen first inside counts from first sight.
            let first_us = if watched.seen {
                at_us
            } else {
                held.track.first_seen_us.clamp(at_us - CONFIRM_US_MAX, at_us)
            };
            let since_us = watched.inside.map_or(first_us, |(since_us, _)| since_us);
            watched.inside = Some((since_us, at_us));
        }
        watched.seen |= seen;
        watched.inside = watched.inside.filter(|(_, last_us)| at_us - last_us < RELEASE_US);
        let holds = match watched.inside {
            Some((since_us, _)) if inside_now => Holds::Since(since_us),
            Some(_) => Holds::Unknown,
            None => Holds::No,
        };
        let change = watched.episode.update(at_us, holds, self.dwell_us)?;
        let Change::Begin { since_us, start_us } = change else { return watched.end(change, self.dwell_us) };
        self.objects += 1;
        let alert = Alert { object: self.objects, rect: *rect, score: held.track.score };
        watched.alert = Some(alert);
        let detail = format!("label={}", held.track.label.name().replace(' ', "-"));
        Some(alert.event((since_us, start_us, None), start_us - since_us, self.dwell_us, detail))
    }
}

impl Watched {
    fn end(&mut self, change: Change, dwell_us: i64) -> Option<Event> {
        let Change::End { since_us, start_us, end_us } = change else { return None };
        let alert = self.alert.take()?;
        Some(alert.event((since_us, start_us, Some(end_us)), end_us - since_us, dwell_us, String::new()))
    }
}

impl Alert {
    fn event(
        &self,
        (since_us, start_us, end_us): (i64, i64, Option<i64>),
        stayed_us: i64,
        dwell_us: i64,
        detail: String,
    ) -> Event {
        Event {
            kind: EventType::Loitering,
            phase: if end_us.is_some() { Phase::End } else { Phase::Begin },
            object: self.object,
            since_us,
            start_us,
            end_us,
            rect: self.rect,
            score: self.score,
            measured: stayed_us as f32 / 1e6,
            threshold: dwell_us as f32 / 1e6,
            detail,
        }
    }
}
