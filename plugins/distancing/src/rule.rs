//! The rule: two people in the zone have been closer than the distance for the dwell.
//!
//! Promises: pure. A pair is its two objects, whatever becomes of their tracks within 3 s. Pairs that share a person are one
//! group and one alert: six who stand together are fifteen pairs. Who walks together is together. Passing each other is
//! shorter than the dwell. Leaves to others: metres (`metres`), dwell and continuity (`nvr_plugin_api::rule`).

use crate::metres::Metres;
use nvr_plugin_api::rule::{Change, CommonKeys, Episode, Held, Holds, Relay};
use nvr_plugin_api::{Event, EventType, Label, Phase, Polygon, Rect, Scene, Track};
use std::collections::BTreeMap;

/// Field default of the time, seconds.
const DWELL_S: f64 = 3.0;
/// Closer once, they are close up to so many times the distance: boxes tremble.
const HYSTERESIS: f32 = 1.2;
/// Both must be seen in so much of the time: two sightings far apart are no time together.
const SEEN_SHARE: f32 = 0.5;
/// Pairs watched at a time; those that come later wait.
const PAIRS_MAX: usize = 1024;

/// The rule over one camera's scenes.
#[derive(Debug)]
pub(crate) struct Distancing {
    zone: Polygon,
    dwell_us: i64,
    distance_m: f32,
    metres: Metres,
    relay: Relay,
    pairs: BTreeMap<(u64, u64), Pair>,
    objects: u64,
    alerts: BTreeMap<u64, Alert>,
}

#[derive(Debug, Default)]
struct Pair {
    close_since: Option<i64>,
    /// Scenes since then, and those that saw both.
    scenes: (u32, u32),
    episode: Episode,
    /// The alert it belongs to.
    object: Option<u64>,
}

#[derive(Debug, Clone, Copy)]
struct Alert {
    rect: Rect,
    score: f32,
    times: (i64, i64),
    measured_m: f32,
    end_us: i64,
}

impl Distancing {
    pub(crate) fn new(keys: &CommonKeys, distance_m: f32) -> Self {
        Self {
            zone: keys.zone.clone().unwrap_or_else(Polygon::picture),
            dwell_us: keys.time_us(DWELL_S),
            distance_m,
            metres: Metres::of(keys),
            relay: Relay::default(),
            pairs: BTreeMap::new(),
            objects: 0,
            alerts: BTreeMap::new(),
        }
    }

    /// One scene.
    pub(crate) fn step(&mut self, scene: &Scene, aspect: f32) -> Vec<Event> {
        let people: Vec<Track> = scene.tracks.iter().filter(|t| t.label == Label::PERSON).copied().collect();
        self.relay.update(scene, &people, aspect);
        let held = self.relay.held().to_vec();
        let mut events = Vec::new();
        for (n, a) in held.iter().enumerate() {
            for b in held.iter().skip(n + 1) {
                events.extend(self.look(a, b, scene.at_us, aspect));
            }
        }
        let known = |object: u64| held.iter().any(|h| h.object == object);
        for (_, pair) in self.pairs.iter_mut().filter(|((a, b), _)| !known(*a) || !known(*b)) {
            if let Some(Change::End { end_us, .. }) =
                pair.episode.update(scene.at_us, Holds::No, self.dwell_us)
            {
                pair.end(end_us, &mut self.alerts);
            }
        }
        self.pairs
            .retain(|(a, b), p| !p.episode.is_idle() || (known(*a) && known(*b) && p.close_since.is_some()));
        events.extend(self.over());
        events
    }

    fn look(&mut self, a: &Held, b: &Held, at_us: i64, aspect: f32) -> Option<Event> {
        let key = (a.object, b.object);
        let seen = [a, b].iter().all(|h| h.present && h.track.observed);
        let pair = match self.pairs.contains_key(&key) || (seen && self.pairs.len() < PAIRS_MAX) {
            true => self.pairs.entry(key).or_default(),
            false => return None,
        };
        let mut distance_m = None;
        if seen {
            let (p, q) = (a.track.rect, b.track.rect);
            let inside = self.zone.contains(p.foot()) && self.zone.contains(q.foot());
            distance_m = self.metres.between(&p, &q, aspect).filter(|_| inside);
            let limit = self.distance_m * if pair.close_since.is_some() { HYSTERESIS } else { 1.0 };
            let close = distance_m.is_some_and(|d| d < limit);
            pair.close_since = close.then(|| pair.close_since.unwrap_or(at_us));
        }
        pair.scenes = match pair.close_since {
            None => (0, 0),
            Some(_) => (pair.scenes.0.saturating_add(1), pair.scenes.1.saturating_add(u32::from(seen))),
        };
        let enough = pair.scenes.1 as f32 >= SEEN_SHARE * pair.scenes.0 as f32;
        let holds = match pair.close_since {
            None => Holds::No,
            Some(since) if seen && (enough || pair.episode.is_open()) => Holds::Since(since),
            Some(_) => Holds::Unknown,
        };
        match pair.episode.update(at_us, holds, self.dwell_us)? {
            Change::End { end_us, .. } => {
                pair.end(end_us, &mut self.alerts);
                None
            }
            Change::Begin { since_us, start_us } => {
                let shares = |(x, y): &(u64, u64)| [*x, *y].iter().any(|o| *o == key.0 || *o == key.1);
                let group = self.pairs.iter().filter(|(k, _)| shares(k)).find_map(|(_, p)| p.object);
                let object = group.unwrap_or(self.objects + 1);
                if let Some(pair) = self.pairs.get_mut(&key) {
                    pair.object = Some(object);
                }
                if group.is_some() {
                    return None; // one more of a group that was told
                }
                self.objects = object;
                let rect = around(&a.track.rect, &b.track.rect);
                let alert = Alert {
                    rect,
                    score: a.track.score.min(b.track.score).clamp(0.0, 1.0),
                    times: (since_us, start_us),
                    measured_m: distance_m.unwrap_or(self.distance_m),
                    end_us: start_us,
                };
                self.alerts.insert(object, alert);
                let detail = format!("distance_m={:.1} by={}", alert.measured_m, self.metres.name());
                Some(alert.event(Phase::Begin, object, self.distance_m, detail))
            }
        }
    }

    /// Alerts none of whose pairs is left.
    fn over(&mut self) -> Vec<Event> {
        let lasts = |object: u64| self.pairs.values().any(|p| p.object == Some(object));
        let over: Vec<u64> = self.alerts.keys().copied().filter(|o| !lasts(*o)).collect();
        let alerts = &mut self.alerts;
        let end = |object: u64| Some((object, alerts.remove(&object)?));
        let ended: Vec<(u64, Alert)> = over.into_iter().filter_map(end).collect();
        ended.into_iter().map(|(o, a)| a.event(Phase::End, o, self.distance_m, String::new())).collect()
    }
}

impl Pair {
    fn end(&mut self, end_us: i64, alerts: &mut BTreeMap<u64, Alert>) {
        if let Some(alert) = self.object.take().and_then(|o| alerts.get_mut(&o)) {
            alert.end_us = alert.end_us.max(end_us);
        }
    }
}

impl Alert {
    fn event(&self, phase: Phase, object: u64, threshold: f32, detail: String) -> Event {
        Event {
            kind: EventType::Distancing,
            phase,
            object,
            since_us: self.times.0,
            start_us: self.times.1,
            end_us: (phase == Phase::End).then_some(self.end_us),
            rect: self.rect,
            score: self.score,
            measured: self.measured_m,
            threshold,
            detail,
        }
    }
}

fn around(a: &Rect, b: &Rect) -> Rect {
    let (x, y) = (a.x.min(b.x), a.y.min(b.y));
    Rect { x, y, w: a.right().max(b.right()) - x, h: a.bottom().max(b.bottom()) - y }
}
