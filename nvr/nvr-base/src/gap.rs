//! Gaps: seconds of a camera that are not recorded, and why.
//!
//! Promises: a closed, typed list of reasons; every unrecorded second has one.
//! Leaves to others: finding them (`nvr-ingest`, `nvr-store`), keeping them (the journal).

use crate::id::StreamId;
use crate::time::Utc;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a stream was not recorded. The text form is stable: journal, JSON and texts use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GapReason {
    /// No connection: unreachable, refused, closed by the camera.
    CameraDown,
    /// Connected, but no sample came for longer than the stall limit.
    CameraStalled,
    /// The camera refused the credentials, or has no session left.
    CredentialsRefused,
    /// The stream is no codec that is recorded.
    UnsupportedCodec,
    /// The camera sent what cannot be recorded: broken units, oversized units, wrong parameters.
    CameraBroken,
    /// Packets were lost on the way.
    PacketLoss,
    /// The camera's own timestamps jumped.
    CameraClockStep,
    /// The box's clock was set.
    ClockStep,
    /// The disk's queue was full.
    DiskSlow,
    /// No space was left.
    DiskFull,
    /// The disk reported an error.
    DiskError,
    /// The recorder was stopped or restarted in good order.
    RecorderStopped,
    /// The recorder ended without closing: killed, crashed, power cut.
    RecorderDown,
    /// The configuration stopped this stream, or a schedule does.
    StoppedByPolicy,
    /// The configuration of this stream changed and it was restarted.
    Reconfigured,
    /// Footage was lost after recording: a damaged file, a failed flush.
    FootageLost,
    /// Removed by retention.
    Expired,
    /// A hole that no entry of the journal explains: shown as such, never hidden.
    Unexplained,
}

impl GapReason {
    /// All of them, for texts and tests.
    pub const ALL: [GapReason; 18] = [
        Self::CameraDown,
        Self::CameraStalled,
        Self::CredentialsRefused,
        Self::UnsupportedCodec,
        Self::CameraBroken,
        Self::PacketLoss,
        Self::CameraClockStep,
        Self::ClockStep,
        Self::DiskSlow,
        Self::DiskFull,
        Self::DiskError,
        Self::RecorderStopped,
        Self::RecorderDown,
        Self::StoppedByPolicy,
        Self::Reconfigured,
        Self::FootageLost,
        Self::Expired,
        Self::Unexplained,
    ];

    /// Stable text, `camera-down` and the like.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CameraDown => "camera-down",
            Self::CameraStalled => "camera-stalled",
            Self::CredentialsRefused => "credentials-refused",
            Self::UnsupportedCodec => "unsupported-codec",
            Self::CameraBroken => "camera-broken",
            Self::PacketLoss => "packet-loss",
            Self::CameraClockStep => "camera-clock-step",
            Self::ClockStep => "clock-step",
            Self::DiskSlow => "disk-slow",
            Self::DiskFull => "disk-full",
            Self::DiskError => "disk-error",
            Self::RecorderStopped => "recorder-stopped",
            Self::RecorderDown => "recorder-down",
            Self::StoppedByPolicy => "stopped-by-policy",
            Self::Reconfigured => "reconfigured",
            Self::FootageLost => "footage-lost",
            Self::Expired => "expired",
            Self::Unexplained => "unexplained",
        }
    }
}

impl fmt::Display for GapReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One gap of one stream. `to` is `None` while it is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// The stream that was not recorded.
    pub stream: StreamId,
    /// First unrecorded instant.
    pub from: Utc,
    /// First recorded instant after it.
    pub to: Option<Utc>,
    /// Why.
    pub reason: GapReason,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_is_the_wire_form() {
        for reason in GapReason::ALL {
            let json = serde_json::to_string(&reason).unwrap();
            assert_eq!(json, format!("\"{reason}\""));
        }
    }
}
