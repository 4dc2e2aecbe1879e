//! What a client can ask and what comes back.
//!
//! Promises: a closed list of commands, a version in every request, unknown fields refused.
//! Leaves to others: carrying them (`frame`), allowing them (`role`), doing them (the `nvr` binary).

use nvr_base::alert::{Action, AlertId, AlertState};
use nvr_base::{CameraId, StreamKind, Utc};
use serde::{Deserialize, Serialize};

/// Version of the protocol; a daemon and a client of other versions refuse each other by name.
pub const PROTOCOL_VERSION: u32 = 1;

/// One request; a connection carries one after the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// [`PROTOCOL_VERSION`] of the client.
    pub version: u32,
    /// What to do.
    pub command: Command,
}

/// The commands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Command {
    /// State of every camera and disk.
    Status {},
    /// Recorded spans and gaps of one stream.
    Timeline {
        /// Whose.
        camera: CameraId,
        /// Which stream.
        stream: StreamKind,
        /// Start; the first footage when absent.
        from: Option<Utc>,
        /// End; now when absent.
        to: Option<Utc>,
    },
    /// Footage as a plain MP4, without transcoding.
    Export {
        /// Whose.
        camera: CameraId,
        /// Which stream.
        stream: StreamKind,
        /// Start.
        from: Utc,
        /// End.
        to: Utc,
    },
    /// The key frame at or before an instant, encoded.
    Picture {
        /// Whose.
        camera: CameraId,
        /// Which stream; the sub-stream where there is one when absent.
        stream: Option<StreamKind>,
        /// When.
        at: Utc,
    },
    /// Reads every segment and checks every checksum.
    Verify {},
    /// Makes the index again from segments and journal.
    Rebuild {},
    /// Protects footage from retention.
    Lock {
        /// Whose.
        camera: CameraId,
        /// Start.
        from: Utc,
        /// End.
        to: Utc,
        /// Why.
        reason: String,
    },
    /// Ends a protection.
    Unlock {
        /// Whose.
        camera: CameraId,
        /// Start.
        from: Utc,
        /// End.
        to: Utc,
        /// Why.
        reason: String,
    },
    /// The protections in force.
    Locks {},
    /// Alerts, and what persons did with them.
    Alerts {
        /// Only this state.
        state: Option<AlertState>,
        /// Only this camera.
        camera: Option<CameraId>,
        /// Only this rule.
        rule: Option<String>,
        /// Those that lasted then or began later; the newest that can be handled when absent.
        from: Option<Utc>,
        /// Those that began before.
        to: Option<Utc>,
    },
    /// Does something with an alert.
    AlertAct {
        /// Which.
        id: AlertId,
        /// What.
        action: Action,
        /// Why.
        reason: Option<String>,
    },
    /// What counting rules counted.
    Counts {
        /// Only this rule.
        rule: Option<String>,
        /// Only this camera.
        camera: Option<CameraId>,
        /// Start; a day ago when absent.
        from: Option<Utc>,
        /// End; now when absent.
        to: Option<Utc>,
        /// Length of the periods, minutes.
        minutes: u32,
    },
    /// When rules were not watched.
    Blind {
        /// Only this rule.
        rule: Option<String>,
        /// Only this camera.
        camera: Option<CameraId>,
        /// Start; a day ago when absent.
        from: Option<Utc>,
        /// End; now when absent.
        to: Option<Utc>,
    },
}

/// What comes back: any number of `Progress`, `Part` and chunk frames, then one `Done` or `Failed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    /// How far it is, in the command's own unit.
    Progress {
        /// So much.
        done: u64,
        /// Of so much.
        total: u64,
    },
    /// The chunk frames that follow belong to file `index` (0-based).
    Part {
        /// Which file.
        index: u32,
        /// Its size; 0 where only the answer at the end tells it, as with exports.
        bytes: u64,
    },
    /// The answer.
    Done(serde_json::Value),
    /// A sentence that names the thing and the remedy.
    Failed(String),
}

/// The client is gone, or could not take what was sent.
#[derive(Debug, thiserror::Error)]
#[error("the receiver of the reply is gone: {0}")]
pub struct SinkClosed(#[from] pub std::io::Error);

/// Where a running command's replies go: a socket, or the terminal of a command that opened the store itself.
pub trait ReplySink {
    /// How far it is.
    ///
    /// # Errors
    /// [`SinkClosed`] ends the command.
    fn progress(&mut self, done: u64, total: u64) -> Result<(), SinkClosed>;
    /// Begins file `index` of `bytes`, 0 when not known yet.
    ///
    /// # Errors
    /// [`SinkClosed`] ends the command.
    fn part(&mut self, index: u32, bytes: u64) -> Result<(), SinkClosed>;
    /// A piece of the current file.
    ///
    /// # Errors
    /// [`SinkClosed`] ends the command.
    fn chunk(&mut self, bytes: &[u8]) -> Result<(), SinkClosed>;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, good: bool) {
        assert_eq!(serde_json::from_str::<Request>(json).is_ok(), good, "{json}");
    }

    #[test]
    fn requests_are_a_closed_list() {
        check(r#"{"version":1,"command":{"status":{}}}"#, true);
        check(
            r#"{"version":1,"command":{"timeline":{"camera":"gate","stream":"main","from":null,"to":null}}}"#,
            true,
        );
        check(
            r#"{"version":1,"command":{"timeline":{"camera":"../x","stream":"main","from":null,"to":null}}}"#,
            false,
        );
        check(r#"{"version":1,"command":{"status":{"x":1}}}"#, false);
        check(r#"{"version":1,"command":{"alert-act":{"id":"1-2","action":"take","reason":null}}}"#, true);
        check(r#"{"version":1,"command":{"alert-act":{"id":"1","action":"take","reason":null}}}"#, false);
        check(r#"{"version":1,"command":{"alert-act":{"id":"1-2","action":"erase","reason":null}}}"#, false);
        check(r#"{"version":1,"command":{"reboot":{}}}"#, false);
        check(r#"{"version":1,"command":{"status":{}},"sudo":true}"#, false);
    }
}
