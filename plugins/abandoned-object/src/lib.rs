//! Abandoned object: something was set down, and whoever set it down has gone away from it.
//!
//! Promises: descriptor, needs and texts of the situation. Two gray pictures a second and the tracks of people; a bag
//! that the detector knows helps, and none is needed.
//! Leaves to others: the rule (`rule`), what is new and stands still (`backdrop`), which of it may be a thing (`blob`), who
//! was there (`people`), one thing and its owner (`item`).

mod backdrop;
mod blob;
mod item;
mod people;
mod rule;

use nvr_plugin_api::rule::CommonKeys;
use nvr_plugin_api::{
    Class, Descriptor, Detector, EventType, FrameNeed, Input, LabelSet, Needs, Output, Regime,
    export_detector,
};
use rule::AbandonedObject;

/// Scenes a second: people must be followed while they walk away.
const FPS: f32 = 5.0;
/// With fewer, who left is not known any more.
const FPS_MIN: f32 = 1.0;
/// Gray pictures a second: a thing that stands needs no more.
const GRAY_FPS: f32 = 2.0;
/// Pixels, at most: a bag at the gate's 80 pixels a metre of a 1920 picture is six high.
const SIZE: (u32, u32) = (320, 180);
/// Least score of a detection that may start a track: a person missed is an owner missed.
const MIN_SCORE: f32 = 0.3;

/// One rule on one camera.
#[derive(Debug)]
pub struct AbandonedObjectDetector {
    keys: CommonKeys,
    rule: AbandonedObject,
}

impl Detector for AbandonedObjectDetector {
    fn template() -> Needs {
        Needs {
            labels: LabelSet::of_classes(&[Class::Person, Class::Bag, Class::Vehicle]),
            min_score: MIN_SCORE,
            fps: FPS,
            fps_min: FPS_MIN,
            history_s: 0.0,
            gray: Some(FrameNeed { width: SIZE.0, height: SIZE.1, fps_max: GRAY_FPS }),
            rgb: None,
            inference: Vec::new(),
        }
    }

    fn create(config: &str) -> Result<Self, String> {
        let keys = CommonKeys::read(config)?;
        Ok(Self { rule: AbandonedObject::new(&keys), keys })
    }

    fn needs(&self) -> Needs {
        Self::template()
    }

    fn process(&mut self, input: &Input<'_>, out: &mut Output<'_>) {
        for event in self.rule.step(input.scene, input.gray.as_ref(), input.aspect) {
            out.emit(&event);
        }
    }

    fn reset(&mut self) {
        self.rule = AbandonedObject::new(&self.keys);
    }
}

export_detector!(
    AbandonedObjectDetector,
    Descriptor {
        id: "abandoned-object",
        name: "Abandoned object",
        version: env!("CARGO_PKG_VERSION"),
        situation: "abandoned-object",
        texts: include_str!("../texts.json"),
        config_schema: r#"{"type":"object","properties":{},"additionalProperties":false}"#,
        event_types: &[EventType::AbandonedObject],
        regime: Regime::EventEight,
        counts: false,
        warmup_s: 10.0,
        min_px_per_m: 80.0,
        process_budget_us: 2_000,
    }
);
