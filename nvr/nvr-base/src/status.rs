//! What a camera is doing, as status shows it.
//!
//! Promises: one closed list of states, one text form.
//! Leaves to others: reaching them (`nvr-ingest`), showing them in words (texts).

use crate::time::Utc;
use serde::{Deserialize, Serialize};

/// State of one stream's session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CameraState {
    /// Waiting for its first connection, or connecting.
    Connecting,
    /// Samples arrive.
    Live,
    /// Connected, no samples.
    Stalled,
    /// Waiting before the next try.
    Backoff,
    /// Credentials refused or connections exhausted: waits long, since cameras lock addresses out.
    CredentialsRefused,
    /// The stream has no codec that is recorded.
    UnsupportedCodec,
    /// Not recorded, by configuration.
    Stopped,
}

impl CameraState {
    /// All of them, for texts and tests.
    pub const ALL: [CameraState; 7] = [
        Self::Connecting,
        Self::Live,
        Self::Stalled,
        Self::Backoff,
        Self::CredentialsRefused,
        Self::UnsupportedCodec,
        Self::Stopped,
    ];

    /// Stable text, the same as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Live => "live",
            Self::Stalled => "stalled",
            Self::Backoff => "backoff",
            Self::CredentialsRefused => "credentials-refused",
            Self::UnsupportedCodec => "unsupported-codec",
            Self::Stopped => "stopped",
        }
    }
}

/// What a session reports of itself, beside its samples.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamStatus {
    /// Now.
    pub state: CameraState,
    /// Since when.
    pub since: Utc,
    /// A sentence on why, when it is not live: what failed and the remedy. No secrets.
    pub why: Option<String>,
    /// Connections made since start.
    pub connects: u64,
    /// Packets lost since start.
    pub packets_lost: u64,
    /// Sound discarded since start, samples (not allowed or not a stored codec).
    pub audio_discarded: u64,
    /// The camera offers sound.
    pub sends_audio: bool,
    /// Video samples received since start.
    pub samples: u64,
    /// Bytes of them.
    pub bytes: u64,
}
