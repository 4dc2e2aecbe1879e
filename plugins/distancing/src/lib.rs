//! Distancing: people closer to each other than a distance, for a time.
//!
//! Promises: descriptor, needs and texts of the situation. Leaves to others: the rule itself (`rule`), metres (`metres`).

mod metres;
mod rule;

use nvr_plugin_api::rule::CommonKeys;
use nvr_plugin_api::{Class, Descriptor, Detector, EventType, Input, Needs, Output, Regime, export_detector};
use rule::Distancing;
use serde::Deserialize;

/// Inputs a second, and the fewest: people who pass each other must be seen apart.
const FPS: (f32, f32) = (5.0, 1.0);
/// Least score of a detection that may start a track.
const MIN_SCORE: f32 = 0.35;
/// An arm's length.
const DISTANCE_M: f32 = 1.0;
/// Its own key.
const SCHEMA: &str = r#"{"type":"object","properties":{
"min_distance_m":{"type":"number","minimum":0.3,"maximum":20,"default":1.0,"description":"metres between the feet of two people; by the ground calibration, without one by their height in the picture, which is rough"}
},"additionalProperties":false,"examples":[{"min_distance_m":1.5}]}"#;

#[derive(Debug, Deserialize)]
struct Own {
    min_distance_m: Option<f32>,
}

/// One rule on one camera.
#[derive(Debug)]
pub struct DistancingDetector {
    keys: CommonKeys,
    distance_m: f32,
    rule: Distancing,
}

impl Detector for DistancingDetector {
    fn template() -> Needs {
        Needs { fps_min: FPS.1, ..Needs::tracks(&[Class::Person], MIN_SCORE, FPS.0) }
    }

    fn create(config: &str) -> Result<Self, String> {
        let keys = CommonKeys::read(config)?;
        let own: Own = serde_json::from_str(config).map_err(|e| e.to_string())?;
        let distance_m = own.min_distance_m.unwrap_or(DISTANCE_M);
        if !(0.3..=20.0).contains(&distance_m) {
            return Err("min_distance_m: 0.3 to 20".to_owned());
        }
        if keys.line.is_some() {
            return Err("line: people are close in a zone, not on a line".to_owned());
        }
        Ok(Self { rule: Distancing::new(&keys, distance_m), keys, distance_m })
    }

    fn needs(&self) -> Needs {
        Self::template()
    }

    fn process(&mut self, input: &Input<'_>, out: &mut Output<'_>) {
        for event in self.rule.step(input.scene, input.aspect) {
            out.emit(&event);
        }
    }

    fn reset(&mut self) {
        self.rule = Distancing::new(&self.keys, self.distance_m);
    }
}

export_detector!(
    DistancingDetector,
    Descriptor {
        id: "distancing",
        name: "Distancing",
        version: env!("CARGO_PKG_VERSION"),
        situation: "distancing",
        texts: include_str!("../texts.json"),
        config_schema: SCHEMA,
        event_types: &[EventType::Distancing],
        regime: Regime::PrivateSite,
        counts: false,
        warmup_s: 1.0,
        min_px_per_m: 20.0,
        process_budget_us: 5_000,
    }
);
