//! Forbidden vehicle: a vehicle of a class that the rule does not allow is in a zone.
//!
//! It is a zone entry: the situation it belongs to, and the events it says, are those. Promises: descriptor, needs and texts.
//! Leaves to others: the rule itself (`rule`), which classes it forbids (`keys`).

mod keys;
mod rule;

use keys::{Keys, ROAD};
use nvr_plugin_api::{
    Descriptor, Detector, EventType, Input, LabelSet, Needs, Output, Regime, export_detector,
};
use rule::ForbiddenVehicle;

/// Inputs a second, and the fewest: what drives through at 30 km/h is in a zone for two seconds.
const FPS: (f32, f32) = (5.0, 2.0);
/// Least score of a detection that may start a track.
const MIN_SCORE: f32 = 0.35;
/// Its own key.
const SCHEMA: &str = r#"{"type":"object","properties":{
"allow":{"type":"array","items":{"type":"string"},"description":"vehicles that may be there: bicycle, car, motorcycle, bus, truck, or vehicle for the last four; absent: none"}
},"additionalProperties":false,"examples":[{"allow":["bicycle","bus"]}]}"#;

/// One rule on one camera.
#[derive(Debug)]
pub struct ForbiddenVehicleDetector {
    keys: Keys,
    rule: ForbiddenVehicle,
}

impl Detector for ForbiddenVehicleDetector {
    fn template() -> Needs {
        Needs { fps_min: FPS.1, ..Needs::tracks(&ROAD, MIN_SCORE, FPS.0) }
    }

    fn create(config: &str) -> Result<Self, String> {
        let keys = Keys::read(config)?;
        Ok(Self { rule: ForbiddenVehicle::new(&keys), keys })
    }

    /// Those that are allowed too: what is detected as one of each is in doubt.
    fn needs(&self) -> Needs {
        Needs { labels: LabelSet::of_classes(&ROAD), ..Self::template() }
    }

    fn process(&mut self, input: &Input<'_>, out: &mut Output<'_>) {
        for event in self.rule.step(input.scene, input.aspect) {
            out.emit(&event);
        }
    }

    fn reset(&mut self) {
        self.rule = ForbiddenVehicle::new(&self.keys);
    }
}

export_detector!(
    ForbiddenVehicleDetector,
    Descriptor {
        id: "forbidden-vehicle",
        name: "Forbidden vehicle",
        version: env!("CARGO_PKG_VERSION"),
        situation: "zone-entry",
        texts: include_str!("../texts.json"),
        config_schema: SCHEMA,
        event_types: &[EventType::ZoneEntry],
        regime: Regime::EventEight,
        counts: false,
        warmup_s: 1.0,
        min_px_per_m: 20.0,
        process_budget_us: 2_000,
    }
);
