//! Person down: someone who was upright has fallen and stays on the ground.
//!
//! Promises: descriptor, needs and texts of the situation. Leaves to others: the rule itself (`rule`), what a look says
//! (`sighting`), what a fall is (`body`).

mod body;
mod rule;
mod sighting;

use nvr_plugin_api::rule::CommonKeys;
use nvr_plugin_api::{
    Class, Descriptor, Detector, EventType, InferenceNeed, Input, LabelSet, Needs, Output, Regime, Region,
    ResultKind, export_detector,
};
use rule::{DWELL_S, PersonDown};

/// Finds bodies that lie, which detectors of boxes miss.
const MODEL: &str = "movenet-multipose";
/// Inputs a second, and the fewest: a fall takes a second, and must be seen from up to down.
const FPS: (f32, f32) = (5.0, 1.0);
/// Least score of a detection that may start a track.
const MIN_SCORE: f32 = 0.35;
/// Looks of the model a second: once is enough to see a fall of 2 s; a short dwell needs two looks within it.
const LOOKS_PER_S: (f32, f32) = (1.0, 3.0);

/// One rule on one camera.
#[derive(Debug)]
pub struct PersonDownDetector {
    keys: CommonKeys,
    rule: PersonDown,
}

impl PersonDownDetector {
    fn needs_at(looks_per_s: f32) -> Needs {
        let looks = InferenceNeed {
            model: MODEL.to_owned(),
            region: Region::Frame,
            // Who falls was followed before.
            labels: LabelSet::of_classes(&[Class::Person]),
            min_score: 0.0,
            per_s_max: looks_per_s,
        };
        let tracks = Needs::tracks(&[Class::Person], MIN_SCORE, FPS.0);
        Needs { fps_min: FPS.1, inference: vec![looks], ..tracks }
    }
}

impl Detector for PersonDownDetector {
    fn template() -> Needs {
        Self::needs_at(LOOKS_PER_S.0)
    }

    fn create(config: &str) -> Result<Self, String> {
        let keys = CommonKeys::read(config)?;
        if keys.line.is_some() {
            return Err("line: someone lies in a zone, not on a line".to_owned());
        }
        Ok(Self { rule: PersonDown::new(&keys), keys })
    }

    fn needs(&self) -> Needs {
        let dwell_s = self.keys.dwell_s.unwrap_or(DWELL_S) as f32;
        Self::needs_at((2.0 / dwell_s.max(0.1)).clamp(LOOKS_PER_S.0, LOOKS_PER_S.1))
    }

    fn process(&mut self, input: &Input<'_>, out: &mut Output<'_>) {
        let poses = input.inference.iter().filter(|i| i.model == MODEL && i.kind == ResultKind::Keypoints);
        for event in self.rule.step(input.scene, poses.map(|i| i.data).next_back(), input.aspect) {
            out.emit(&event);
        }
    }

    fn reset(&mut self) {
        self.rule = PersonDown::new(&self.keys);
    }
}

export_detector!(
    PersonDownDetector,
    Descriptor {
        id: "person-down",
        name: "Person down",
        version: env!("CARGO_PKG_VERSION"),
        situation: "person-down",
        texts: include_str!("../texts.json"),
        config_schema: r#"{"type":"object","properties":{},"additionalProperties":false}"#,
        event_types: &[EventType::PersonDown],
        regime: Regime::EventEight,
        counts: false,
        warmup_s: 3.0,
        min_px_per_m: 40.0,
        process_budget_us: 2_000,
    }
);
