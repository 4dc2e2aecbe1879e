//! Bag carried: someone moves together with a backpack, a handbag or a suitcase.
//!
//! Promises: descriptor, needs and texts of the situation. Leaves to others: the rule itself (`rule`).

mod rule;

use nvr_plugin_api::rule::CommonKeys;
use nvr_plugin_api::{Class, Descriptor, Detector, EventType, Input, Needs, Output, Regime, export_detector};
use rule::BagCarried;

/// Inputs a second, and the fewest: bags are found now and then, so many looks help.
const FPS: (f32, f32) = (5.0, 2.0);
/// Least score of a detection that may start a track: bags are small, and must go along with a person to count.
const MIN_SCORE: f32 = 0.25;

/// One rule on one camera.
#[derive(Debug)]
pub struct BagCarriedDetector {
    keys: CommonKeys,
    rule: BagCarried,
}

impl Detector for BagCarriedDetector {
    fn template() -> Needs {
        Needs { fps_min: FPS.1, ..Needs::tracks(&[Class::Person, Class::Bag], MIN_SCORE, FPS.0) }
    }

    fn create(config: &str) -> Result<Self, String> {
        let keys = CommonKeys::read(config)?;
        if keys.line.is_some() {
            return Err("line: a bag is carried in a zone, not over a line".to_owned());
        }
        Ok(Self { rule: BagCarried::new(&keys), keys })
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
        self.rule = BagCarried::new(&self.keys);
    }
}

export_detector!(
    BagCarriedDetector,
    Descriptor {
        id: "bag-carried",
        name: "Bag carried",
        version: env!("CARGO_PKG_VERSION"),
        situation: "bag-carried",
        texts: include_str!("../texts.json"),
        config_schema: r#"{"type":"object","properties":{},"additionalProperties":false}"#,
        event_types: &[EventType::BagCarried],
        regime: Regime::PrivateSite,
        counts: false,
        warmup_s: 1.0,
        min_px_per_m: 80.0,
        process_budget_us: 5_000,
    }
);
