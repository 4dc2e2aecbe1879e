//! Weapon, experimental: a knife in someone's hand.
//!
//! Promises: descriptor, needs and texts of the situation. It knows knives only, and only as well as a detector of everyday
//! things does: no freely licensed model knows guns, and none of ours is trained (`plugins/ACCURACY.md` has its record).
//! Leaves to others: the rule itself (`rule`).

mod rule;

use nvr_plugin_api::rule::CommonKeys;
use nvr_plugin_api::{Descriptor, Detector, EventType, Input, Label, Needs, Output, Regime, export_detector};
use rule::Weapon;

/// Inputs a second, and the fewest: a blade is seen now and then only.
const FPS: (f32, f32) = (5.0, 2.0);
/// Least score of a detection that may start a track.
const MIN_SCORE: f32 = 0.4;

/// One rule on one camera.
#[derive(Debug)]
pub struct WeaponDetector {
    keys: CommonKeys,
    rule: Weapon,
}

impl Detector for WeaponDetector {
    fn template() -> Needs {
        let labels = [Label::PERSON, Label::KNIFE].into_iter().collect();
        Needs { labels, fps_min: FPS.1, ..Needs::tracks(&[], MIN_SCORE, FPS.0) }
    }

    fn create(config: &str) -> Result<Self, String> {
        let keys = CommonKeys::read(config)?;
        if keys.line.is_some() {
            return Err("line: a weapon is held in a zone, not over a line".to_owned());
        }
        Ok(Self { rule: Weapon::new(&keys), keys })
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
        self.rule = Weapon::new(&self.keys);
    }
}

export_detector!(
    WeaponDetector,
    Descriptor {
        id: "weapon",
        name: "Weapon (experimental: knives only)",
        version: env!("CARGO_PKG_VERSION"),
        situation: "weapon",
        texts: include_str!("../texts.json"),
        config_schema: r#"{"type":"object","properties":{},"additionalProperties":false}"#,
        event_types: &[EventType::Weapon],
        regime: Regime::EventEight,
        counts: false,
        warmup_s: 1.0,
        min_px_per_m: 250.0,
        process_budget_us: 5_000,
    }
);
