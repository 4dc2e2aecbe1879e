//! Counting: what crosses a line, by class and direction; what is in a zone now.
//!
//! Promises: descriptor, needs and texts of the situation. Leaves to others: the rule itself (`rule`), adding up and
//! keeping the series (the host).

mod rule;

use nvr_plugin_api::rule::CommonKeys;
use nvr_plugin_api::{
    Class, Descriptor, Detector, EventType, Input, LabelSet, Needs, Output, Regime, export_detector,
};
use rule::Counting;

/// Inputs a second: a car that passes close by is in the picture for half a second.
const FPS: f32 = 10.0;
/// Least score of a detection that may start a track.
const MIN_SCORE: f32 = 0.35;

/// One rule on one camera.
#[derive(Debug)]
pub struct CountingDetector {
    classes: Vec<Class>,
    keys: CommonKeys,
    rule: Counting,
}

impl Detector for CountingDetector {
    fn template() -> Needs {
        Needs::tracks(&[Class::Person, Class::Vehicle], MIN_SCORE, FPS)
    }

    fn create(config: &str) -> Result<Self, String> {
        let keys = CommonKeys::read(config)?;
        Ok(Self { classes: keys.classes(), rule: Counting::new(&keys), keys })
    }

    fn needs(&self) -> Needs {
        Needs { labels: LabelSet::of_classes(&self.classes), ..Self::template() }
    }

    fn process(&mut self, input: &Input<'_>, out: &mut Output<'_>) {
        let (samples, event) = self.rule.step(input.scene, input.aspect);
        for sample in samples {
            out.emit_sample(&sample);
        }
        if let Some(event) = event {
            out.emit(&event);
        }
    }

    fn reset(&mut self) {
        self.rule = Counting::new(&self.keys);
    }
}

export_detector!(
    CountingDetector,
    Descriptor {
        id: "counting",
        name: "Counting",
        version: env!("CARGO_PKG_VERSION"),
        situation: "counting",
        texts: include_str!("../texts.json"),
        config_schema: r#"{"type":"object","properties":{},"additionalProperties":false}"#,
        event_types: &[EventType::FirstCount],
        regime: Regime::Statistics,
        counts: true,
        warmup_s: 1.0,
        min_px_per_m: 0.0,
        process_budget_us: 2_000,
    }
);
