//! Wrong way: someone or something of the rule's classes moves against the allowed direction.
//!
//! Promises: descriptor, needs and texts of the situation. Leaves to others: the rule itself (`rule`).

mod rule;

use nvr_plugin_api::rule::CommonKeys;
use nvr_plugin_api::{
    Class, Descriptor, Detector, EventType, Input, LabelSet, Needs, Output, Regime, export_detector,
};
use rule::WrongWay;
use serde::Deserialize;

/// Inputs a second, and the fewest: a car must be followed over three of its lengths.
const FPS: (f32, f32) = (10.0, 2.0);
/// Least score of a detection that may start a track.
const MIN_SCORE: f32 = 0.35;
/// Its own key.
const SCHEMA: &str = r#"{"type":"object","properties":{
"allowed_direction":{"type":"array","items":{"type":"number"},"minItems":2,"maxItems":2,"description":"picture vector, x to the right, y down; motion against it is the violation"}
},"required":["allowed_direction"],"additionalProperties":false,"examples":[{"allowed_direction":[0,1]}]}"#;

#[derive(Debug, Deserialize)]
struct Own {
    allowed_direction: Option<[f32; 2]>,
}

/// One rule on one camera.
#[derive(Debug)]
pub struct WrongWayDetector {
    classes: Vec<Class>,
    keys: CommonKeys,
    allowed: [f32; 2],
    rule: WrongWay,
}

impl Detector for WrongWayDetector {
    fn template() -> Needs {
        Needs { fps_min: FPS.1, ..Needs::tracks(&[Class::Person, Class::Vehicle], MIN_SCORE, FPS.0) }
    }

    fn create(config: &str) -> Result<Self, String> {
        let keys = CommonKeys::read(config)?;
        let own: Own = serde_json::from_str(config).map_err(|e| e.to_string())?;
        let allowed = own.allowed_direction.ok_or("allowed_direction: is needed, [x, y] in the picture")?;
        let [x, y] = allowed;
        if !(x.hypot(y) > 0.0 && x.hypot(y).is_finite()) {
            return Err("allowed_direction: two numbers, not both 0".to_owned());
        }
        Ok(Self { classes: keys.classes(), rule: WrongWay::new(&keys, allowed), keys, allowed })
    }

    fn needs(&self) -> Needs {
        Needs { labels: LabelSet::of_classes(&self.classes), ..Self::template() }
    }

    fn process(&mut self, input: &Input<'_>, out: &mut Output<'_>) {
        for event in self.rule.step(input.scene, input.aspect) {
            out.emit(&event);
        }
    }

    fn reset(&mut self) {
        self.rule = WrongWay::new(&self.keys, self.allowed);
    }
}

export_detector!(
    WrongWayDetector,
    Descriptor {
        id: "wrong-way",
        name: "Wrong way",
        version: env!("CARGO_PKG_VERSION"),
        situation: "wrong-way",
        texts: include_str!("../texts.json"),
        config_schema: SCHEMA,
        event_types: &[EventType::WrongWay],
        regime: Regime::EventEight,
        counts: false,
        warmup_s: 1.0,
        min_px_per_m: 20.0,
        process_budget_us: 2_000,
    }
);
