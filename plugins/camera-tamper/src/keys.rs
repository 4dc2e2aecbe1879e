//! Keys: what a rule of this situation may say.
//!
//! Promises: limits are those of the schema, and checked again here. Leaves to others: the common keys' own checks.

use nvr_plugin_api::Polygon;
use nvr_plugin_api::rule::CommonKeys;
use serde::Deserialize;

/// The schema of its own keys.
pub(crate) const SCHEMA: &str = r#"{"type":"object","properties":{
"lost_share":{"type":"number","minimum":0.5,"maximum":0.95,"default":0.8,"description":"covered or turned when so much of the scene's lasting edges is gone"},
"sharpness_share":{"type":"number","minimum":0.2,"maximum":0.8,"default":0.55,"description":"out of focus below so much of the usual sharpness"}
},"additionalProperties":false}"#;

/// Field default of the time, seconds: a lorry that passes or manoeuvres is gone before.
const DWELL_S: f64 = 20.0;
/// Between what may park before a camera (over 60 % of real film: 0.58 to 0.74 lost; dense crowds: up to 0.62) and what
/// chance leaves of another scene (0.81 to 1). A turn by less than a quarter of the picture may stay below.
const LOST_SHARE: f32 = 0.8;
/// Real film keeps 0.7 and more whatever happens in it; a blur of 1/200 of the picture's width leaves 0.4 to 0.55.
const SHARPNESS_SHARE: f32 = 0.55;

#[derive(Debug, Deserialize)]
#[serde(default)]
struct Own {
    lost_share: f32,
    sharpness_share: f32,
}

impl Default for Own {
    fn default() -> Self {
        Self { lost_share: LOST_SHARE, sharpness_share: SHARPNESS_SHARE }
    }
}

/// All that counts.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    pub(crate) zone: Option<Polygon>,
    pub(crate) dwell_us: i64,
    pub(crate) lost_share: f32,
    pub(crate) sharpness_share: f32,
}

impl Keys {
    pub(crate) fn read(config: &str) -> Result<Self, String> {
        let common = CommonKeys::read(config)?;
        let own: Own = serde_json::from_str(config).map_err(|e| e.to_string())?;
        if !(0.5..=0.95).contains(&own.lost_share) {
            return Err("lost_share: 0.5 to 0.95".to_owned());
        }
        if !(0.2..=0.8).contains(&own.sharpness_share) {
            return Err("sharpness_share: 0.2 to 0.8".to_owned());
        }
        Ok(Self {
            dwell_us: common.time_us(DWELL_S),
            zone: common.zone,
            lost_share: own.lost_share,
            sharpness_share: own.sharpness_share,
        })
    }
}
