//! Zone entry: someone or something of the rule's classes is in a zone, or crossed a line.
//!
//! Promises: descriptor, needs and texts of the situation. Leaves to others: the rule itself (`rule`).

mod rule;

use nvr_plugin_api::rule::CommonKeys;
use nvr_plugin_api::{
    Class, Descriptor, Detector, EventType, Input, LabelSet, Needs, Output, Regime, export_detector,
};
use rule::ZoneEntry;

/// Inputs a second: a person who runs crosses a line in two of them.
const FPS: f32 = 5.0;
/// Least score of a detection that may start a track.
const MIN_SCORE: f32 = 0.35;

/// One rule on one camera.
#[derive(Debug)]
pub struct ZoneEntryDetector {
    classes: Vec<Class>,
    keys: CommonKeys,
    rule: ZoneEntry,
}

impl Detector for ZoneEntryDetector {
    fn template() -> Needs {
        Needs::tracks(&[Class::Person, Class::Vehicle], MIN_SCORE, FPS)
    }

    fn create(config: &str) -> Result<Self, String> {
        let keys = CommonKeys::read(config)?;
        Ok(Self { classes: keys.classes(), rule: ZoneEntry::new(&keys), keys })
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
        self.rule = ZoneEntry::new(&self.keys);
    }
}

export_detector!(
    ZoneEntryDetector,
    Descriptor {
        id: "zone-entry",
        name: "Zone entry",
        version: env!("CARGO_PKG_VERSION"),
        situation: "zone-entry",
        texts: include_str!("../texts.json"),
        config_schema: r#"{"type":"object","properties":{},"additionalProperties":false}"#,
        event_types: &[EventType::ZoneEntry, EventType::LineCrossed],
        regime: Regime::EventEight,
        counts: false,
        warmup_s: 1.0,
        min_px_per_m: 20.0,
        process_budget_us: 2_000,
    }
);
