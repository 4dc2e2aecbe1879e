//! The rule's keys: where, for how long, and which vehicles are forbidden there.
//!
//! Promises: at least one class of road vehicles is forbidden, and every name is one of them. A tram is none: it stays on its
//! rails. Leaves to others: keys every rule has (`nvr_plugin_api::rule`).

use nvr_plugin_api::rule::CommonKeys;
use nvr_plugin_api::{Class, Label, LabelSet, Polygon};
use serde::Deserialize;

/// Road vehicles.
pub(crate) const ROAD: [Class; 2] = [Class::Bicycle, Class::Vehicle];
/// Field default of the time, seconds: what only turns at the edge of the zone is out again.
const DWELL_S: f64 = 1.0;
/// Names in `allow`, at most.
const ALLOW_MAX: usize = 16;

/// One rule's keys.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    pub(crate) zone: Polygon,
    pub(crate) dwell_us: i64,
    /// Those the rule watches, by default all road vehicles, without those it allows.
    pub(crate) forbidden: LabelSet,
}

#[derive(Debug, Deserialize)]
struct Own {
    #[serde(default)]
    allow: Vec<Class>,
}

impl Keys {
    /// Reads and checks them.
    ///
    /// # Errors
    /// The key and what is wrong with it.
    pub(crate) fn read(config: &str) -> Result<Self, String> {
        let common = CommonKeys::read(config)?;
        let own: Own = serde_json::from_str(config).map_err(|e| format!("allow: {e}"))?;
        if common.line.is_some() {
            return Err("line: a vehicle is in a zone; `zone-entry` watches lines".to_owned());
        }
        if own.allow.len() > ALLOW_MAX {
            return Err(format!("allow: at most {ALLOW_MAX}"));
        }
        let watched = common.classes.clone().unwrap_or_else(|| ROAD.to_vec());
        for (key, classes) in [("classes", &watched), ("allow", &own.allow)] {
            if let Some(class) = classes.iter().find(|c| !is_on_road(**c)) {
                return Err(format!(
                    "{key}: `{class}` is none of bicycle, vehicle, car, motorcycle, bus, truck"
                ));
            }
        }
        let allowed = LabelSet::of_classes(&own.allow);
        let is_forbidden = |l: &Label| !allowed.contains(*l);
        let forbidden: LabelSet = LabelSet::of_classes(&watched).iter().filter(is_forbidden).collect();
        if forbidden.is_empty() {
            return Err(
                "allow: every vehicle that is watched is allowed; nothing is left to forbid".to_owned()
            );
        }
        let zone = common.zone.clone().unwrap_or_else(Polygon::picture);
        Ok(Self { zone, dwell_us: common.time_us(DWELL_S), forbidden })
    }
}

fn is_on_road(class: Class) -> bool {
    LabelSet::of_classes(&[class]).iter().all(|label| ROAD.iter().any(|c| c.contains(label)))
}
