//! Crowd movement: many people suddenly run, together or apart.
//!
//! Promises: descriptor, needs and texts of the situation. One small gray picture in a tenth of a second and the boxes of
//! people and vehicles. Leaves to others: what moves and how fast (`flow`, `plane`), whether it gets anywhere (`carry`),
//! how large people are (`body`), what is measured of it (`measure`), what is usual (`usual`), the rule (`rule`).
//!
//! The method: block-matching flow on a coarse grid, in body lengths a second, its extent, its energy and the entropy of
//! its directions against the camera's own history (Adam et al. 2008, "Robust real-time unusual event detection using
//! multiple fixed-location monitors": local flow against the place's own past; Ihaddadene and Djeraba 2008, "Real-time
//! crowd motion analysis": extent, speed and directions of flow together tell a crowd that collapses or flees; Zhong et al.
//! 2007, "Energy based crowd scene analysis": kinetic energy of flow). The social force model (Mehran et al. 2009) advects
//! particles through dense flow and learns bags of words for each scene: a hundred times the cost, and nobody can be told
//! why it raised an alert. Here each alert says how many people's worth of picture runs, how fast, and what is usual.
//!
//! Needs: people of 6 pixels of a picture of 160, that is 7 % of the height of a 16:9 picture, and five pictures a second.
//! Misses: a crowd so dense or so far that no four people are found in ten seconds; one that fills half of the picture and
//! runs one way, which is taken for the camera's own motion; running straight towards or away from the camera, which the
//! picture shows slowly.

mod body;
mod carry;
mod flow;
mod keys;
mod measure;
mod plane;
mod rule;
mod runners;
mod usual;

use keys::Keys;
use nvr_plugin_api::closed::Level;
use nvr_plugin_api::{
    Class, Descriptor, Detector, EventType, FrameNeed, Input, Label, Needs, Output, Regime, export_detector,
};
use rule::CrowdMovement;

/// Pictures a second: a runner goes a fifth of a body length from one to the next.
const FPS: f32 = 10.0;
/// With fewer a runner is out of reach of the search.
const FPS_MIN: f32 = 5.0;
/// Pixels, at most.
const SIZE: (u32, u32) = (160, 120);
/// People, and what carries them.
const SEEN: [Class; 4] = [Class::Person, Class::Vehicle, Class::Bicycle, Class::Only(Label::TRAIN)];
/// Least score of a detection that may start a track.
const MIN_SCORE: f32 = 0.35;

/// One rule on one camera.
#[derive(Debug)]
pub struct CrowdMovementDetector {
    keys: Keys,
    rule: CrowdMovement,
    told: bool,
}

impl Detector for CrowdMovementDetector {
    fn template() -> Needs {
        Needs {
            fps_min: FPS_MIN,
            gray: Some(FrameNeed { width: SIZE.0, height: SIZE.1, fps_max: FPS }),
            ..Needs::tracks(&SEEN, MIN_SCORE, FPS)
        }
    }

    fn create(config: &str) -> Result<Self, String> {
        let keys = Keys::read(config)?;
        Ok(Self { rule: CrowdMovement::new(&keys), keys, told: false })
    }

    fn needs(&self) -> Needs {
        Self::template()
    }

    fn process(&mut self, input: &Input<'_>, out: &mut Output<'_>) {
        if !self.told {
            self.told = true;
            out.log(
                Level::Info,
                "nothing is known of this camera yet: its first seconds are learnt as usual",
            );
        }
        if let Some(event) = self.rule.step(input) {
            out.emit(&event);
        }
    }

    fn reset(&mut self) {
        self.rule = CrowdMovement::new(&self.keys);
        self.told = false;
    }
}

export_detector!(
    CrowdMovementDetector,
    Descriptor {
        id: "crowd-movement",
        name: "Crowd movement",
        version: env!("CARGO_PKG_VERSION"),
        situation: "crowd-movement",
        texts: include_str!("../texts.json"),
        config_schema: keys::SCHEMA,
        event_types: &[EventType::CrowdMovement],
        regime: Regime::EventEight,
        counts: false,
        warmup_s: 20.0,
        min_px_per_m: 10.0,
        process_budget_us: 5_000,
    }
);
