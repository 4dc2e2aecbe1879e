//! Keys: what a rule of this situation may say.
//!
//! Promises: limits are those of the schema, and checked again here. Leaves to others: the common keys' own checks.

use nvr_plugin_api::Polygon;
use nvr_plugin_api::rule::CommonKeys;
use serde::Deserialize;

/// The schema of its own keys.
pub(crate) const SCHEMA: &str = r#"{"type":"object","properties":{
"look_for":{"enum":["flame","smoke","both"],"default":"both","description":"flame only, where steam, dust or exhaust stands in the picture; smoke only, where flames burn at work. This replaces no fire alarm"}
},"additionalProperties":false}"#;

/// Field default for flames, seconds: a lighter or a match is out before.
const FLAME_S: f64 = 5.0;
/// Field default for smoke, seconds: a puff of exhaust or steam is gone before.
const SMOKE_S: f64 = 15.0;

/// What is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LookFor {
    /// Flames.
    Flame,
    /// Smoke.
    Smoke,
    /// Either.
    #[default]
    Both,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Own {
    look_for: LookFor,
}

/// All that counts.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    pub(crate) zone: Polygon,
    /// For how long flames must be seen, µs.
    pub(crate) flame_us: i64,
    /// For how long smoke must be seen, µs.
    pub(crate) smoke_us: i64,
    pub(crate) look_for: LookFor,
}

impl Keys {
    pub(crate) fn read(config: &str) -> Result<Self, String> {
        let common = CommonKeys::read(config)?;
        let own: Own = serde_json::from_str(config).map_err(|e| e.to_string())?;
        if common.line.is_some() {
            return Err("line: a fire is in a zone, not on a line".to_owned());
        }
        Ok(Self {
            flame_us: common.time_us(FLAME_S),
            smoke_us: common.time_us(SMOKE_S),
            zone: common.zone.unwrap_or_else(Polygon::picture),
            look_for: own.look_for,
        })
    }
}
