//! Keys: what a rule of this situation may say.
//!
//! Promises: exactly one limit; a limit to the square metre only with a ground calibration. Leaves to others: the common
//! keys' own checks.

use nvr_plugin_api::Polygon;
use nvr_plugin_api::rule::CommonKeys;
use serde::Deserialize;

/// The schema of its own keys.
pub(crate) const SCHEMA: &str = r#"{"type":"object","properties":{
"max_persons":{"type":"integer","minimum":1,"maximum":100000,"description":"more people than this in the zone"},
"max_persons_per_m2":{"type":"number","exclusiveMinimum":0,"maximum":10,"description":"more people than this to the square metre; needs a ground calibration. Fruin, standing: 0.8 C, 1.1 to 1.4 free choice; 2.5 warning; 4 alarm; 5 and more danger"},
"method":{"enum":["tracks","density","auto"],"default":"tracks","description":"tracks: boxes of people; density: the model mcnn-shtech-b, for people too small or too many for boxes; auto: boxes while people are large, the model when they are small. density and auto need the model installed"}
},"additionalProperties":false,"examples":[{"max_persons":25}]}"#;

/// Smallest zone that is believed, m²: below it one person more is another density.
const AREA_M2_MIN: f64 = 1.0;
/// Field default of the time, seconds: a group that crosses is gone before.
const DWELL_S: f64 = 30.0;

/// How people are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Method {
    /// Tracks of people.
    #[default]
    Tracks,
    /// The density map.
    Density,
    /// By the people's size in the picture.
    Auto,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Own {
    max_persons: Option<u32>,
    max_persons_per_m2: Option<f32>,
    method: Method,
}

/// All that counts.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    pub(crate) zone: Polygon,
    pub(crate) dwell_us: i64,
    pub(crate) method: Method,
    /// People, or people to the square metre.
    pub(crate) limit: f32,
    /// Square metres of the zone, when the limit is to one.
    pub(crate) area_m2: Option<f32>,
}

impl Keys {
    pub(crate) fn read(config: &str) -> Result<Self, String> {
        let common = CommonKeys::read(config)?;
        let own: Own = serde_json::from_str(config).map_err(|e| e.to_string())?;
        if common.line.is_some() {
            return Err("line: a crowd is in a zone, not on a line".to_owned());
        }
        let zone = common.zone.clone().unwrap_or_else(Polygon::picture);
        let (limit, area_m2) = match (own.max_persons, own.max_persons_per_m2) {
            (Some(0), None) => return Err("max_persons: at least 1".to_owned()),
            (Some(n), None) => (n as f32, None),
            (None, Some(n)) if !(n > 0.0 && n <= 10.0) => {
                return Err("max_persons_per_m2: above 0, at most 10".to_owned());
            }
            (None, Some(n)) => {
                let ground = common.ground.as_ref().ok_or(
                    "max_persons_per_m2: needs a ground calibration of the camera; without one set max_persons",
                )?;
                let area = ground.area_m2(&zone).filter(|area| *area >= AREA_M2_MIN).ok_or(
                    "max_persons_per_m2: the zone reaches the horizon of the ground calibration; draw a nearer one",
                )?;
                (n, Some(area as f32))
            }
            _ => return Err("set max_persons or max_persons_per_m2, one of the two".to_owned()),
        };
        Ok(Self { zone, dwell_us: common.time_us(DWELL_S), method: own.method, limit, area_m2 })
    }
}
