//! Keys: what a rule of this situation may say.
//!
//! Promises: limits are those of the schema, and checked again here. Leaves to others: the common keys' own checks.

use nvr_plugin_api::rule::CommonKeys;
use nvr_plugin_api::{Ground, Polygon};
use serde::Deserialize;

/// The schema of its own keys.
pub(crate) const SCHEMA: &str = r#"{"type":"object","properties":{
"min_runners":{"type":"integer","minimum":2,"maximum":100,"default":4,"description":"a crowd runs when at least so many people's worth of the picture does"}
},"additionalProperties":false}"#;

/// Field default of the time, seconds: a start for a bus or a game of catch is over before.
const DWELL_S: f64 = 3.0;
/// Three friends who hurry are no crowd.
const MIN_RUNNERS: u32 = 4;

#[derive(Debug, Deserialize)]
#[serde(default)]
struct Own {
    min_runners: u32,
}

impl Default for Own {
    fn default() -> Self {
        Self { min_runners: MIN_RUNNERS }
    }
}

/// All that counts.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    pub(crate) zone: Polygon,
    pub(crate) dwell_us: i64,
    pub(crate) min_runners: u32,
    pub(crate) ground: Option<Ground>,
}

impl Keys {
    pub(crate) fn read(config: &str) -> Result<Self, String> {
        let common = CommonKeys::read(config)?;
        let own: Own = serde_json::from_str(config).map_err(|e| e.to_string())?;
        if common.line.is_some() {
            return Err("line: a crowd is in a zone, not on a line".to_owned());
        }
        if !(2..=100).contains(&own.min_runners) {
            return Err("min_runners: 2 to 100".to_owned());
        }
        Ok(Self {
            dwell_us: common.time_us(DWELL_S),
            zone: common.zone.unwrap_or_else(Polygon::picture),
            min_runners: own.min_runners,
            ground: common.ground,
        })
    }
}
