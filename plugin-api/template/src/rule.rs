//! The rule: `at_once` things of the rule's classes stand in the zone, for its dwell.
//!
//! Promises: pure: scenes in, events out; no clock, no file. Leaves to others: what dwell and release are (`Episode`).

use nvr_plugin_api::rule::{Change, CommonKeys, Episode, Holds};
use nvr_plugin_api::{Class, Event, EventType, Phase, Polygon, Rect, Scene};

/// Field default of the dwell.
const DWELL_S: f64 = 2.0;

/// The rule over one camera's scenes.
#[derive(Debug)]
pub(crate) struct Gathering {
    zone: Polygon,
    classes: Vec<Class>,
    dwell_us: i64,
    at_once: u32,
    episode: Episode,
    objects: u64,
}

impl Gathering {
    pub(crate) fn new(keys: &CommonKeys, at_once: u32) -> Self {
        Self {
            zone: keys.zone.clone().unwrap_or_else(Polygon::picture),
            classes: keys.classes(),
            dwell_us: keys.time_us(DWELL_S),
            at_once,
            episode: Episode::default(),
            objects: 0,
        }
    }

    pub(crate) fn reset(&mut self) {
        self.episode = Episode::default();
    }

    /// One scene.
    pub(crate) fn step(&mut self, scene: &Scene) -> Option<Event> {
        let inside = scene.tracks.iter().filter(|t| self.classes.iter().any(|c| c.contains(t.label)));
        let inside = inside.filter(|t| self.zone.contains(t.rect.foot())).count();
        let n = u32::try_from(inside).unwrap_or(u32::MAX);
        let holds = if n >= self.at_once { Holds::Since(scene.at_us) } else { Holds::No };
        let (phase, since_us, start_us, end_us) =
            match self.episode.update(scene.at_us, holds, self.dwell_us)? {
                Change::Begin { since_us, start_us } => {
                    self.objects += 1;
                    (Phase::Begin, since_us, start_us, None)
                }
                Change::End { since_us, start_us, end_us } => (Phase::End, since_us, start_us, Some(end_us)),
            };
        Some(Event {
            kind: EventType::CrowdDensity,
            phase,
            object: self.objects,
            since_us,
            start_us,
            end_us,
            rect: Rect { x: 0.0, y: 0.0, w: 1.0, h: 1.0 },
            score: 1.0,
            measured: n as f32,
            threshold: self.at_once as f32,
            detail: format!("n={n}"),
        })
    }
}
