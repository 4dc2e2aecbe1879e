//! Typed ids: camera, stream, run.
//!
//! Promises: a `CameraId` is always safe as a folder name, a journal key and a word on a terminal.
//! Leaves to others: what the ids stand for.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// Longest camera id, in bytes.
pub const CAMERA_ID_LEN_MAX: usize = 48;

/// Why a text is no id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The text is empty or longer than [`CAMERA_ID_LEN_MAX`].
    #[error("camera id `{0}` must have 1 to {CAMERA_ID_LEN_MAX} characters")]
    Length(String),
    /// A character outside `a-z 0-9 - _`, or a first one that is neither letter nor digit.
    #[error("camera id `{0}` may hold only a-z, 0-9, `-` and `_`, and starts with a letter or digit")]
    Character(String),
    /// Neither `main` nor `sub`.
    #[error("stream `{0}` is neither `main` nor `sub`")]
    Stream(String),
}

/// A camera's name for machines: `[a-z0-9][a-z0-9_-]*`, at most [`CAMERA_ID_LEN_MAX`] bytes.
///
/// ```
/// # use nvr_base::CameraId;
/// assert!("north-gate".parse::<CameraId>().is_ok());
/// assert!("../etc".parse::<CameraId>().is_err());
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CameraId(Arc<str>);

impl CameraId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for CameraId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        if text.is_empty() || text.len() > CAMERA_ID_LEN_MAX {
            return Err(IdError::Length(text.chars().take(CAMERA_ID_LEN_MAX).collect()));
        }
        let first_ok = text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
        let rest_ok =
            text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_');
        if first_ok && rest_ok { Ok(Self(text.into())) } else { Err(IdError::Character(text.into())) }
    }
}

impl TryFrom<String> for CameraId {
    type Error = IdError;
    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<CameraId> for String {
    fn from(id: CameraId) -> String {
        id.0.as_ref().to_owned()
    }
}

impl fmt::Display for CameraId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for CameraId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CameraId({})", self.0)
    }
}

/// Which of a camera's two streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StreamKind {
    /// Full resolution: what export reads.
    Main,
    /// Small pictures: what scrubbing, the wall and analysis read.
    Sub,
}

impl StreamKind {
    /// `main` or `sub`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::Sub => "sub",
        }
    }
}

impl fmt::Display for StreamKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::str::FromStr for StreamKind {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        match text {
            "main" => Ok(Self::Main),
            "sub" => Ok(Self::Sub),
            other => Err(IdError::Stream(other.chars().take(32).collect())),
        }
    }
}

/// One stream of one camera.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StreamId {
    /// The camera.
    pub camera: CameraId,
    /// Main or sub.
    pub kind: StreamKind,
}

impl StreamId {
    /// The stream `kind` of `camera`.
    pub fn new(camera: CameraId, kind: StreamKind) -> Self {
        Self { camera, kind }
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.camera, self.kind)
    }
}

/// Number of a run of the recorder on a store: one more at every start, kept on disk, never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunEpoch(pub u32);

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, good: bool) {
        assert_eq!(text.parse::<CameraId>().is_ok(), good, "{text:?}");
    }

    #[test]
    fn camera_ids() {
        for good in ["a", "gate-1", "0_x", &"a".repeat(48)] {
            check(good, true);
        }
        for bad in ["", "-a", "_a", "A", "a/b", "..", "a b", "é", "a\u{1b}[2J", &"a".repeat(49)] {
            check(bad, false);
        }
    }
}
