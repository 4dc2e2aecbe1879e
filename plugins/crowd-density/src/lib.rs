//! Crowd density: more people in a zone than a limit, or more to the square metre.
//!
//! Promises: descriptor, needs and texts of the situation. Without a ground calibration it counts, and says "count".
//! Leaves to others: the rule itself (`rule`), square metres (the camera's calibration).
//!
//! Levels to choose from (Fruin, *Pedestrian Planning and Design*, 1971; for `max_persons_per_m2`):
//!
//! | level | walking, persons/m² | standing, persons/m² | what it is like |
//! |---|---|---|---|
//! | A | up to 0.31 | up to 0.83 | free |
//! | B | 0.43 | 1.1 | small conflicts |
//! | C | 0.72 | 1.5 | restricted |
//! | D | 1.1 | 3.6 | most are hindered; queues |
//! | E | 2.2 | 5.4 | shuffling; for short times only |
//! | F | above | above | pressure; breakdown |
//!
//! In use: 2.5 warns, 4 alarms.

mod keys;
mod rule;

use keys::{Keys, Method, SCHEMA};
use nvr_plugin_api::{
    Class, Descriptor, Detector, EventType, InferenceNeed, Input, LabelSet, Needs, Output, Regime, Region,
    ResultKind, export_detector,
};
use rule::CrowdDensity;

/// The density map. It is none of the default models: only a rule that asks for it needs it.
const MODEL: &str = "mcnn-shtech-b";
/// Inputs a second, and the fewest: crowds are slow.
const FPS: (f32, f32) = (2.0, 0.5);
/// Maps a second.
const MAPS_PER_S: f32 = 1.0;
/// Least score of a detection that may start a track.
const MIN_SCORE: f32 = 0.35;

/// One rule on one camera.
#[derive(Debug)]
pub struct CrowdDensityDetector {
    keys: Keys,
    rule: CrowdDensity,
}

impl Detector for CrowdDensityDetector {
    fn template() -> Needs {
        Needs { fps_min: FPS.1, ..Needs::tracks(&[Class::Person], MIN_SCORE, FPS.0) }
    }

    fn create(config: &str) -> Result<Self, String> {
        let keys = Keys::read(config)?;
        Ok(Self { rule: CrowdDensity::new(&keys), keys })
    }

    fn needs(&self) -> Needs {
        let map = InferenceNeed {
            model: MODEL.to_owned(),
            region: Region::Frame,
            labels: LabelSet::EMPTY,
            min_score: 0.0,
            per_s_max: MAPS_PER_S,
        };
        let template = Self::template();
        match self.keys.method {
            Method::Tracks => template,
            Method::Auto => Needs { inference: vec![map], ..template },
            Method::Density => Needs { inference: vec![map], labels: LabelSet::EMPTY, ..template },
        }
    }

    fn process(&mut self, input: &Input<'_>, out: &mut Output<'_>) {
        let mut maps = input.inference.iter().filter(|i| i.model == MODEL && i.kind == ResultKind::Grid);
        if let Some(event) = self.rule.step(input.scene, maps.next_back()) {
            out.emit(&event);
        }
    }

    fn reset(&mut self) {
        self.rule = CrowdDensity::new(&self.keys);
    }
}

export_detector!(
    CrowdDensityDetector,
    Descriptor {
        id: "crowd-density",
        name: "Crowd density",
        version: env!("CARGO_PKG_VERSION"),
        situation: "crowd-density",
        texts: include_str!("../texts.json"),
        config_schema: SCHEMA,
        event_types: &[EventType::CrowdDensity],
        regime: Regime::EventEight,
        counts: false,
        warmup_s: 3.0,
        min_px_per_m: 10.0,
        process_budget_us: 5_000,
    }
);
