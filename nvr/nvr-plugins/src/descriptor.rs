//! What a plugin says it is and needs, as it travels from the worker.
//!
//! Promises: plain data; [`check`] and [`check_needs`] refuse what breaks a limit.
//! Leaves to others: reading it out of a library (`nvr-worker`), comparing it with the manifest (`agreement`).

use crate::manifest::{LIST_LEN_MAX, Regime};
use crate::protocol::{ProtocolError, TEXT_LEN_MAX};
use serde::{Deserialize, Serialize};

/// Longest configuration schema and longest texts of a descriptor, each, in bytes. What the contract lets a library
/// hold is refused by the worker when both together do not fit a message.
pub const SCHEMA_LEN_MAX: usize = 32 * 1024;

/// What a plugin says it is.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Descriptor {
    /// ABI it was built for.
    pub abi: (u32, u32),
    /// The `situation` of a rule.
    pub id: String,
    /// For people, English.
    pub name: String,
    /// Its own version.
    pub version: String,
    /// What it looks for.
    pub situation: String,
    /// JSON of its texts.
    pub texts: String,
    /// JSON Schema of its own keys in a rule.
    pub config_schema: String,
    /// Names of the event types it may emit.
    pub event_types: Vec<String>,
    /// Under which law it works.
    pub regime: Regime,
    /// Whether it emits events.
    pub emits_events: bool,
    /// Whether it counts.
    pub emits_samples: bool,
    /// What it needs with a rule that says nothing more.
    pub needs: Needs,
    /// Silent time beside the old generation, in seconds.
    pub warmup_s: f32,
    /// Calibration gate of a rule without its own; 0: none.
    pub min_px_per_m: f32,
    /// Of one call of `process`, in µs.
    pub process_budget_us: u32,
}

/// What an instance needs.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Needs {
    /// Labels of the tracks, as bits; none: no tracks.
    pub labels: [u64; 2],
    /// Of detections that may start a track.
    pub min_score: f32,
    /// Inputs a second it works best with.
    pub fps: f32,
    /// With fewer the rule is blind.
    pub fps_min: f32,
    /// Seconds of scenes that are fed again after a start.
    pub history_s: f32,
    /// Gray frames.
    pub gray: Option<FrameNeed>,
    /// Colour frames.
    pub rgb: Option<FrameNeed>,
    /// Models.
    pub inference: Vec<InferenceNeed>,
}

impl Needs {
    /// The words a manifest says this with.
    pub fn words(&self) -> Vec<String> {
        let plain = [
            (self.labels != [0, 0], "tracks"),
            (self.gray.is_some(), "frames-gray"),
            (self.rgb.is_some(), "frames-rgb"),
            (self.history_s > 0.0, "history"),
        ];
        let plain = plain.iter().filter(|(is, _)| *is).map(|(_, word)| (*word).to_owned());
        let mut words: Vec<String> =
            plain.chain(self.inference.iter().map(|i| format!("inference:{}", i.model))).collect();
        words.sort();
        words.dedup();
        words
    }
}

/// Frames of a size and rate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FrameNeed {
    /// Largest width, in pixels.
    pub width: u32,
    /// Largest height, in pixels.
    pub height: u32,
    /// Highest rate.
    pub fps_max: f32,
}

/// Results of a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InferenceNeed {
    /// The model's id.
    pub model: String,
    /// `nvr_region_t`: 1 the frame, 2 crops of tracks, 3 crops asked for.
    pub region: i32,
    /// Of the track.
    pub min_score: f32,
    /// Of the track, as bits.
    pub labels: [u64; 2],
    /// Runs or crops a second.
    pub per_s_max: f32,
}

/// Whether a descriptor is within its limits.
///
/// # Errors
/// Which limit it breaks.
pub(crate) fn check(d: &Descriptor) -> Result<(), ProtocolError> {
    let text =
        |t: &str, max: usize, what| if t.len() > max { Err(ProtocolError::Limit(what)) } else { Ok(()) };
    for short in [&d.id, &d.name, &d.version, &d.situation] {
        text(short, TEXT_LEN_MAX, "text length")?;
    }
    text(&d.texts, SCHEMA_LEN_MAX, "texts length")?;
    text(&d.config_schema, SCHEMA_LEN_MAX, "schema length")?;
    if d.event_types.len() > LIST_LEN_MAX {
        return Err(ProtocolError::Limit("number of event types"));
    }
    if !(0.0..=3600.0).contains(&d.warmup_s) {
        return Err(ProtocolError::Limit("warm-up"));
    }
    check_needs(&d.needs)
}

/// Whether needs are within their limits.
///
/// # Errors
/// Which limit they break.
pub(crate) fn check_needs(needs: &Needs) -> Result<(), ProtocolError> {
    if needs.inference.len() > LIST_LEN_MAX || needs.inference.iter().any(|i| i.model.len() > TEXT_LEN_MAX) {
        return Err(ProtocolError::Limit("inference needs"));
    }
    let numbers = [needs.min_score, needs.fps, needs.fps_min, needs.history_s];
    if numbers.iter().all(|n| n.is_finite() && *n >= 0.0) {
        Ok(())
    } else {
        Err(ProtocolError::Limit("a number of the needs"))
    }
}
