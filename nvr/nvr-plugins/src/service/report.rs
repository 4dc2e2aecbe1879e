//! What there is to show of the service: rules, cameras.
//!
//! Promises: plain data, by id. Leaves to others: showing it.

use super::instance::State;
use super::{Presence, Service, Tally};
use nvr_base::blind::BlindReason;
use serde::Serialize;

/// One rule.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RuleReport {
    /// Its id.
    pub rule: String,
    /// Its camera.
    pub camera: String,
    /// What it looks for.
    pub situation: String,
    /// Somebody watches.
    pub is_watched: bool,
    /// Why nobody does.
    pub blind: Option<BlindReason>,
    /// The plugin's own reason, where it refuses the rule.
    pub why: Option<String>,
    /// Whose words count: `id version (hash)`.
    pub plugin: Option<String>,
    /// Pixels a metre at its far edge; null while the camera is not calibrated or has sent nothing.
    pub px_per_m: Option<f64>,
    /// What was said to begin and not to end.
    pub open: usize,
    /// Events, over all generations.
    pub events: u64,
    /// Counts, over all generations.
    pub samples: u64,
    /// Of the generation that is heard.
    pub tally: Tally,
}

/// One camera.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CameraReport {
    /// Its id.
    pub camera: String,
    /// It sends.
    pub is_up: bool,
    /// Frames a second its rules need.
    pub wanted_fps: Option<f32>,
    /// Frames a second they get, once perception has said so.
    pub given_fps: Option<f32>,
    /// Frames analysed.
    pub analysed: u64,
    /// Why it cannot be analysed.
    pub trouble: Option<String>,
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Report {
    /// Rules, by id.
    pub rules: Vec<RuleReport>,
    /// Cameras with rules.
    pub cameras: Vec<CameraReport>,
    /// Frames in rings that belonged to no order.
    pub strays: u64,
}

impl Service {
    /// What there is to show.
    pub fn report(&self) -> Report {
        let rules = self.rules.values().map(|armed| {
            let voice = armed.voice();
            let plugin = voice.and_then(|v| Some(self.seats.get(&v.worker)?.plugin.label.clone()));
            let refusal = |v: &super::instance::Instance| match &v.state {
                State::Refused(why) => Some(why.clone()),
                _ => None,
            };
            RuleReport {
                rule: armed.rule.id.clone(),
                camera: armed.rule.camera.as_ref().map(ToString::to_string).unwrap_or_default(),
                situation: armed.rule.situation.to_string(),
                is_watched: armed.said == Some(None),
                blind: armed.said.flatten(),
                why: voice.and_then(refusal),
                plugin,
                px_per_m: armed.px_per_m,
                open: armed.open.len(),
                events: armed.events,
                samples: armed.samples,
                tally: voice.map(|v| v.tally).unwrap_or_default(),
            }
        });
        let cameras = self.cameras.values().filter(|c| c.order.is_some()).map(|camera| CameraReport {
            camera: camera.id.to_string(),
            is_up: camera.presence == Presence::Up,
            wanted_fps: camera.order.as_ref().map(|o| o.fps),
            given_fps: camera.given_fps,
            analysed: camera.analysed,
            trouble: camera.trouble.clone(),
        });
        Report { rules: rules.collect(), cameras: cameras.collect(), strays: self.strays }
    }
}
