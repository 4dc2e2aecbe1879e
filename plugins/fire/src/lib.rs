//! Fire: flames and smoke in the picture. **It replaces no fire alarm**: it sees what the camera sees, late, and never in
//! the dark behind a door; detectors and call points stay what the law asks for.
//!
//! Promises: descriptor, needs and texts of the situation. One small colour picture five times a second, and boxes of people
//! and vehicles where a detector runs anyway. Leaves to others: what a picture shows (`look`), flames (`flame`), smoke
//! (`smoke`), alerts (`rule`).
//!
//! Method and sources. No model: every step can be explained to who asks why an alert was raised.
//!
//! | what | how | after |
//! |---|---|---|
//! | flame colour | rules in YCbCr against the picture's own means, and a light of its own (red near full) | Celik and Demirel, *Fire detection in video sequences using a generic color model*, Fire Safety Journal 44, 2009; Chen, Wu and Chiou, *An early fire-detection method based on image processing*, ICIP 2004 |
//! | flicker | cells whose flame light keeps rising and falling, out of order, where it stays | Töreyin, Dedeoğlu, Güdükbay and Çetin, *Computer vision based method for real-time fire and flame detection*, Pattern Recognition Letters 27, 2006; Phillips, Shah and Lobo, *Flame recognition in video*, Pattern Recognition Letters 23, 2002 |
//! | no beacon | a flame never looks the same twice; what turns or blinks comes again | here (`flame`) |
//! | no shaking camera | the whole picture's shift, in parts of a pixel; nothing is judged while it moves | Lucas and Kanade, *An iterative image registration technique*, IJCAI 1981 |
//! | no cloth | a flame is yellow where it is bright and red where it is not; shaded cloth keeps its hue | black body; Celik and Demirel, section on the flame's core |
//! | smoke | gray, veils the edges that always stood, never still, grows, rises | Töreyin, Dedeoğlu and Çetin, *Wavelet based real-time smoke detection in video*, EUSIPCO 2005; Yuan, *A fast accumulative motion orientation model based on integral image for video smoke detection*, Pattern Recognition Letters 29, 2008 |
//!
//! A flame flickers at 1 to 10 Hz and more; five pictures a second do not measure that frequency, and need not: sampled
//! too slowly, an irregular signal stays irregular, and a regular one stays regular.
//!
//! Where the picture has no colour (night, black and white) the light must be near white and must be new: brightness,
//! growth and flicker are all there is. That is weaker, and asks for a larger area.

mod cells;
mod flame;
mod keys;
mod look;
mod rule;
mod smoke;
mod steady;

use keys::Keys;
use nvr_plugin_api::{
    Class, Descriptor, Detector, EventType, FrameNeed, Input, Needs, Output, Regime, export_detector,
};
use rule::Fire;

/// Pictures a second.
const FPS: f32 = 5.0;
/// With fewer, ten pictures take longer than a flame's flicker is worth.
const FPS_MIN: f32 = 2.0;
/// Pixels, at most: a cell is 1/48 of the width.
const SIZE: (u32, u32) = (192, 144);
/// Least score of a detection that may start a track.
const MIN_SCORE: f32 = 0.35;

/// One rule on one camera.
#[derive(Debug)]
pub struct FireDetector {
    keys: Keys,
    rule: Fire,
}

impl Detector for FireDetector {
    fn template() -> Needs {
        Needs {
            fps_min: FPS_MIN,
            rgb: Some(FrameNeed { width: SIZE.0, height: SIZE.1, fps_max: FPS }),
            ..Needs::tracks(&[Class::Person, Class::Bicycle, Class::Vehicle], MIN_SCORE, FPS)
        }
    }

    fn create(config: &str) -> Result<Self, String> {
        let keys = Keys::read(config)?;
        Ok(Self { rule: Fire::new(&keys), keys })
    }

    fn needs(&self) -> Needs {
        Self::template()
    }

    fn process(&mut self, input: &Input<'_>, out: &mut Output<'_>) {
        let Some(frame) = &input.rgb else { return };
        if let Some(event) = self.rule.step(frame, input.scene, input.gap) {
            out.emit(&event);
        }
    }

    fn reset(&mut self) {
        self.rule = Fire::new(&self.keys);
    }
}

export_detector!(
    FireDetector,
    Descriptor {
        id: "fire",
        name: "Fire (replaces no fire alarm)",
        version: env!("CARGO_PKG_VERSION"),
        situation: "fire",
        texts: include_str!("../texts.json"),
        config_schema: keys::SCHEMA,
        event_types: &[EventType::Fire, EventType::Smoke],
        regime: Regime::EventEight,
        counts: false,
        warmup_s: 20.0,
        min_px_per_m: 0.0,
        process_budget_us: 5_000,
    }
);
