//! Loitering: someone of the rule's classes, by default a person, stays in a zone for long.
//!
//! Promises: descriptor, needs and texts of the situation. Leaves to others: the rule itself (`rule`).

mod rule;

use nvr_plugin_api::rule::CommonKeys;
use nvr_plugin_api::{
    Class, Descriptor, Detector, EventType, Input, LabelSet, Needs, Output, Regime, export_detector,
};
use rule::Loitering;

/// Inputs a second, and the fewest: who is followed across a crossing of paths stays the same track.
const FPS: (f32, f32) = (5.0, 1.0);
/// Least score of a detection that may start a track.
const MIN_SCORE: f32 = 0.35;

/// One rule on one camera.
#[derive(Debug)]
pub struct LoiteringDetector {
    classes: Vec<Class>,
    keys: CommonKeys,
    rule: Loitering,
}

impl Detector for LoiteringDetector {
    fn template() -> Needs {
        Needs { fps_min: FPS.1, ..Needs::tracks(&[Class::Person], MIN_SCORE, FPS.0) }
    }

    fn create(config: &str) -> Result<Self, String> {
        let keys = CommonKeys::read(config)?;
        let classes = keys.classes.clone().unwrap_or_else(|| vec![Class::Person]);
        Ok(Self { rule: Loitering::new(&keys, &classes), classes, keys })
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
        self.rule = Loitering::new(&self.keys, &self.classes);
    }
}

export_detector!(
    LoiteringDetector,
    Descriptor {
        id: "loitering",
        name: "Loitering",
        version: env!("CARGO_PKG_VERSION"),
        situation: "loitering",
        texts: include_str!("../texts.json"),
        config_schema: r#"{"type":"object","properties":{},"additionalProperties":false}"#,
        event_types: &[EventType::Loitering],
        regime: Regime::PrivateSite,
        counts: false,
        warmup_s: 1.0,
        min_px_per_m: 20.0,
        process_budget_us: 2_000,
    }
);
