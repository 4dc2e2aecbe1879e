//! Why a connection to a camera ended, and what to do about it.
//!
//! Promises: a closed list; every text is a sentence that names the camera, the step and the remedy, no secrets.
//! Leaves to others: when to try again (`session`).

use nvr_base::GapReason;

/// What kind of end it was: decides the state, the gap's reason and the wait before the next try.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// No answer: unreachable, refused, name unknown, closed by the camera.
    Down,
    /// A final 401: wrong credentials, or an address locked out.
    CredentialsRefused,
    /// 453 or 503: the camera has no session left.
    SessionsExhausted,
    /// No stream with a codec that is recorded.
    UnsupportedCodec,
    /// It talks, but what it says cannot be used: bad RTSP, broken or oversized units.
    Broken,
    /// Connected, no samples.
    Stalled,
    /// Our own fault: the session's task panicked.
    Panicked,
}

impl FailureKind {
    /// The reason its gap carries.
    pub fn gap(self) -> GapReason {
        match self {
            Self::Down => GapReason::CameraDown,
            Self::CredentialsRefused | Self::SessionsExhausted => GapReason::CredentialsRefused,
            Self::UnsupportedCodec => GapReason::UnsupportedCodec,
            Self::Broken | Self::Panicked => GapReason::CameraBroken,
            Self::Stalled => GapReason::CameraStalled,
        }
    }
}

/// The end of a connection or of an attempt to make one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Failure {
    /// What kind.
    pub kind: FailureKind,
    /// A sentence: the camera, the step, the remedy. No secrets.
    pub why: String,
}

impl Failure {
    /// A failure of `kind`; `why` is shown to people.
    pub fn new(kind: FailureKind, why: impl Into<String>) -> Self {
        Self { kind, why: why.into() }
    }
}
