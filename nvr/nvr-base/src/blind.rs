//! Blind intervals: why an armed rule is not watched. They are the denominator of every rate that is stated.
//!
//! Promises: a closed list.
//! Leaves to others: noticing (`nvr`), keeping (`nvr-store`'s journal).

use serde::{Deserialize, Serialize};
use std::fmt;

/// Why nobody watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BlindReason {
    /// The recorder, the analysis or the plugin starts.
    Starting,
    /// Outside the rule's schedule.
    OffSchedule,
    /// The camera does not look where the rule was drawn.
    OffPreset,
    /// Fewer pixels a metre than the rule needs.
    BelowGate,
    /// No light.
    TooDark,
    /// Fewer frames a second than the rule needs.
    RateBelowNeed,
    /// Its plugin is not there, turned away, broken or in quarantine.
    PluginDown,
    /// The analysis itself is not there or has failed.
    AnalysisDown,
    /// No picture of the camera.
    CameraDown,
    /// Not armed: no authorisation in force.
    NotAuthorised,
    /// Its plugin refuses the rule as it is configured.
    Refused,
}

impl BlindReason {
    /// All of them with their text form.
    pub const ALL: [(&'static str, BlindReason); 11] = [
        ("starting", Self::Starting),
        ("off-schedule", Self::OffSchedule),
        ("off-preset", Self::OffPreset),
        ("below-gate", Self::BelowGate),
        ("too-dark", Self::TooDark),
        ("rate-below-need", Self::RateBelowNeed),
        ("plugin-down", Self::PluginDown),
        ("analysis-down", Self::AnalysisDown),
        ("camera-down", Self::CameraDown),
        ("not-authorised", Self::NotAuthorised),
        ("refused", Self::Refused),
    ];

    /// `plugin-down` and the like.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(_, reason)| *reason == self).map_or("", |(text, _)| text)
    }
}

impl fmt::Display for BlindReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
