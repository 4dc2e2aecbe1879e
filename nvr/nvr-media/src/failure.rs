//! Why this process gives up: a cause for the recorder and a sentence for people.
//!
//! Promises: every failure names the device or the step, and the remedy.
//! Leaves to others: telling the recorder (`child`), trying again (`nvr-ingest`).

use nvr_base::media_channel::ChannelError;
use nvr_base::media_protocol::FatalCause;
use std::io;

/// The end of a capture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Failure {
    /// Kind of failure, for the recorder.
    pub cause: FatalCause,
    /// A sentence: what failed, and the remedy.
    pub what: String,
}

impl Failure {
    /// A failure of `cause`.
    pub fn new(cause: FatalCause, what: impl Into<String>) -> Self {
        Self { cause, what: what.into() }
    }

    /// What the system answered to `step` on `device`.
    pub fn device(device: &str, step: &str, error: &io::Error) -> Self {
        let (cause, remedy) = match error.raw_os_error() {
            Some(libc::ENOENT | libc::ENODEV | libc::ENXIO) => (FatalCause::Gone, "plug the camera in"),
            Some(libc::EBUSY) => (FatalCause::Busy, "close the other program that uses it"),
            Some(libc::EACCES | libc::EPERM) => {
                (FatalCause::Refused, "add the recorder's user to the group `video`")
            }
            Some(libc::ENOTTY) => (FatalCause::Unsupported, "give the path of a video capture device"),
            _ => (FatalCause::Device, "plug the camera out and in again, and look at the kernel's log"),
        };
        Self::new(cause, format!("{device}: cannot {step}: {error}; {remedy}"))
    }
}

impl From<ChannelError> for Failure {
    fn from(error: ChannelError) -> Self {
        Self::new(FatalCause::Internal, format!("cannot reach the recorder: {error}"))
    }
}
