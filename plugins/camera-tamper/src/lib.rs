//! Camera tampering: the camera is covered, turned away, out of focus, or its picture stands still.
//!
//! Promises: descriptor, needs and texts of the situation. One gray picture in half a second and nothing else: no tracks,
//! no model. Leaves to others: the rule (`rule`), what a picture shows (`sight`), what is usual (`reference`, `hours`,
//! `still`).
//!
//! The regime is private-site because the list has no other for what raises alerts and is none of the eight.

mod hours;
mod keys;
mod reference;
mod rule;
mod sight;
mod still;

use keys::Keys;
use nvr_plugin_api::{
    Descriptor, Detector, EventType, FrameNeed, Input, LabelSet, Needs, Output, Regime, export_detector,
};
use rule::CameraTamper;

/// Pictures a second: half a second is as exact as a dwell of seconds asks.
const FPS: f32 = 2.0;
/// With fewer, a cover of the dwell's length may pass between two pictures.
const FPS_MIN: f32 = 0.5;
/// Pixels, at most: a cell is 1/80 of the width, and a lens out of focus by 1/200 of it shows.
const SIZE: (u32, u32) = (320, 180);

/// One rule on one camera.
#[derive(Debug)]
pub struct CameraTamperDetector {
    keys: Keys,
    rule: CameraTamper,
}

impl Detector for CameraTamperDetector {
    fn template() -> Needs {
        Needs {
            labels: LabelSet::EMPTY,
            min_score: 0.0,
            fps: FPS,
            fps_min: FPS_MIN,
            history_s: 0.0,
            gray: Some(FrameNeed { width: SIZE.0, height: SIZE.1, fps_max: FPS }),
            rgb: None,
            inference: Vec::new(),
        }
    }

    fn create(config: &str) -> Result<Self, String> {
        let keys = Keys::read(config)?;
        Ok(Self { rule: CameraTamper::new(&keys), keys })
    }

    fn needs(&self) -> Needs {
        Self::template()
    }

    fn process(&mut self, input: &Input<'_>, out: &mut Output<'_>) {
        let Some(frame) = &input.gray else { return };
        if let Some(event) = self.rule.step(frame, input.scene.at_us, input.wall_us, input.gap) {
            out.emit(&event);
        }
    }

    fn reset(&mut self) {
        self.rule = CameraTamper::new(&self.keys);
    }
}

export_detector!(
    CameraTamperDetector,
    Descriptor {
        id: "camera-tamper",
        name: "Camera tampering",
        version: env!("CARGO_PKG_VERSION"),
        situation: "camera-tamper",
        texts: include_str!("../texts.json"),
        config_schema: keys::SCHEMA,
        event_types: &[
            EventType::CameraCovered,
            EventType::CameraTurned,
            EventType::CameraDefocused,
            EventType::CameraFrozen,
        ],
        regime: Regime::PrivateSite,
        counts: false,
        warmup_s: 20.0,
        min_px_per_m: 0.0,
        process_budget_us: 2_000,
    }
);
