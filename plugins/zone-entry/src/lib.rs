//! Zone entry: someone or something of the rule's classes is in a zone, or crossed a line.
//!
//! Promises: descriptor, needs and texts of the situation. Leaves to others: the rule itself (`rule`).

mod rule;

use nvr_plugin_api::rule::CommonKeys;
use nvr_plugin_api::{
    Class, Descriptor, Detector, EventType, Input, LabelSet, Needs, Output, Regime, export_detector,
};
use rule::ZoneEntry;

/// Inputs a second for a zone, and the fewest with which an entry is still seen in time.
const ZONE_FPS: (f32, f32) = (5.0, 1.0);
/// The same for a line: a car that passes close by must be followed from one side to the other.
const LINE_FPS: (f32, f32) = (10.0, 2.0);
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
        Needs {
            fps_min: ZONE_FPS.1,
            ..Needs::tracks(&[Class::Person, Class::Vehicle], MIN_SCORE, ZONE_FPS.0)
        }
    }

    fn create(config: &str) -> Result<Self, String> {
        let keys = CommonKeys::read(config)?;
        Ok(Self { classes: keys.classes(), rule: ZoneEntry::new(&keys), keys })
    }

    fn needs(&self) -> Needs {
        let (fps, fps_min) = if self.keys.line.is_some() { LINE_FPS } else { ZONE_FPS };
        Needs { labels: LabelSet::of_classes(&self.classes), fps, fps_min, ..Self::template() }
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
