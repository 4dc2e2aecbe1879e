//! A detector to start from: so many of the rule's classes are in the zone at once.
//!
//! Promises: descriptor, needs and the keys of its own. Leaves to others: the rule itself (`rule`).

mod rule;

use nvr_plugin_api::rule::CommonKeys;
use nvr_plugin_api::{
    Class, Descriptor, Detector, EventType, Input, LabelSet, Needs, Output, Regime, export_detector,
};
use rule::Gathering;
use serde::Deserialize;

/// Keys of its own in a rule; `config_schema` below says the same to `nvr check`.
#[derive(Debug, Clone, Copy, Deserialize)]
struct OwnKeys {
    /// So many at once.
    #[serde(default = "at_once_default")]
    at_once: u32,
}

fn at_once_default() -> u32 {
    3
}

/// One rule on one camera.
#[derive(Debug)]
pub struct MyDetector {
    classes: Vec<Class>,
    rule: Gathering,
}

impl Detector for MyDetector {
    fn template() -> Needs {
        Needs::tracks(&[Class::Person, Class::Vehicle], 0.4, 2.0)
    }

    fn create(config: &str) -> Result<Self, String> {
        let keys = CommonKeys::read(config)?;
        let own: OwnKeys = serde_json::from_str(config).map_err(|e| e.to_string())?;
        if own.at_once == 0 {
            return Err("at_once: 1 or more".to_owned());
        }
        Ok(Self { classes: keys.classes(), rule: Gathering::new(&keys, own.at_once) })
    }

    fn needs(&self) -> Needs {
        Needs { labels: LabelSet::of_classes(&self.classes), ..Self::template() }
    }

    fn process(&mut self, input: &Input<'_>, out: &mut Output<'_>) {
        if let Some(event) = self.rule.step(input.scene) {
            out.emit(&event);
        }
    }

    fn reset(&mut self) {
        self.rule.reset();
    }
}

export_detector!(
    MyDetector,
    Descriptor {
        id: env!("CARGO_PKG_NAME"),
        name: "My detector",
        version: env!("CARGO_PKG_VERSION"),
        situation: "crowd-density", // one of the closed list: what it looks for
        texts: r#"{"en":{"name":"My detector","alert":"So many at once"},
                   "fr":{"name":"Mon détecteur","alert":"Tant à la fois"}}"#,
        config_schema: r#"{"type":"object","additionalProperties":false,"properties":{
                   "at_once":{"type":"integer","minimum":1,"description":"so many at once"}}}"#,
        event_types: &[EventType::CrowdDensity],
        regime: Regime::PrivateSite,
        counts: false,
        warmup_s: 1.0,
        min_px_per_m: 0.0,
        process_budget_us: 2_000,
    }
);
