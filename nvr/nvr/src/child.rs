//! A sibling program as a child: started with a socket as standard input, ended and reaped with its handle.
//!
//! Promises: nothing of this process's environment or descriptors reaches it but its socket and where its libraries are;
//!   no process and no zombie is left behind.
//! Leaves to others: what is said on the socket, when to start and to kill (`supervision`).

use crate::terminal::complain;
use anyhow::{Context, anyhow};
use nvr_base::media_channel::{ChannelError, MediaChannel};
use nvr_base::media_protocol::{Layer, LayerState};
use nvr_base::still_protocol::ENVIRONMENT;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

/// Names another `nvr-perceive`.
pub(crate) const PERCEIVE_VARIABLE: &str = "NVR_PERCEIVE";
/// Variables that the child needs of this process's: where plugins and libraries are.
const VARIABLES: [&str; 2] = ["GST_PLUGIN_PATH", "LD_LIBRARY_PATH"];

/// Says which layers of a child's sandbox are missing.
pub(crate) fn complain_of(name: &str, layers: Vec<Layer>) {
    for layer in layers {
        if let LayerState::Unavailable(why) = layer.state {
            complain(&format!("the sandbox of {name} lacks {:?}: {why}", layer.kind));
        }
    }
}

/// A running child. Dropping it kills and reaps it.
#[derive(Debug)]
pub(crate) struct Sibling(Child);

/// The program `name`: beside this one, else by `PATH`.
pub(crate) fn program(name: &str) -> PathBuf {
    let beside = std::env::current_exe().ok().and_then(|me| Some(me.parent()?.join(name)));
    beside.filter(|path| path.is_file()).unwrap_or_else(|| PathBuf::from(name))
}

/// `nvr-perceive`: what [`PERCEIVE_VARIABLE`] says, else as [`program`].
pub(crate) fn perceive_program() -> PathBuf {
    std::env::var_os(PERCEIVE_VARIABLE).map_or_else(|| program("nvr-perceive"), PathBuf::from)
}

impl Sibling {
    /// Starts `program`, which `variable` may name, with one argument; the other end of its socket.
    ///
    /// # Errors
    /// Why it does not start, with the remedy.
    pub(crate) fn start(
        program: &Path,
        variable: &str,
        argument: &str,
    ) -> anyhow::Result<(Self, MediaChannel)> {
        let (ours, theirs) = MediaChannel::pair()?;
        let mut command = Command::new(program);
        command.arg(argument).stdin(theirs).stdout(Stdio::null()).stderr(Stdio::null());
        let kept = VARIABLES.iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
        command.env_clear().envs(kept).envs(ENVIRONMENT);
        let child = command.spawn().with_context(|| {
            format!("cannot start {}; install it beside nvr, or set {variable}", program.display())
        })?;
        // The child's end lives in the child alone: when that ends, this one reads the end.
        drop(command);
        Ok((Self(child), ours))
    }

    /// Waits until it ends by itself: for one that has closed its socket.
    ///
    /// # Errors
    /// The system does not say.
    pub(crate) fn wait(&mut self) -> std::io::Result<ExitStatus> {
        self.0.wait()
    }

    /// Why nothing more is received from it, when `error` is what receiving said and `doing` what it was at.
    pub(crate) fn lost(&mut self, name: &str, doing: &str, error: &ChannelError) -> anyhow::Error {
        const REMEDY: &str = "install the same build as nvr";
        if !matches!(error, ChannelError::Closed) {
            return anyhow!("{name} breaks the protocol: {error}; {REMEDY}");
        }
        match self.0.wait() {
            Ok(status) if status.signal().is_some() => anyhow!("{name} crashed {doing} ({status})"),
            Ok(status) => anyhow!("{name} ended without a word ({status}); {REMEDY}"),
            Err(error) => error.into(),
        }
    }

    /// Ends it at once; how it ended, in words.
    pub(crate) fn end(mut self) -> String {
        // One that has ended by itself is not killed any more: its own end is what is wanted.
        let ended = self.0.try_wait().ok().flatten();
        let was_alive = ended.is_none();
        let status = ended.or_else(|| {
            let _ = self.0.kill();
            self.0.wait().ok()
        });
        match status {
            _ if was_alive => "it was stopped".to_owned(),
            Some(status) => match status.signal() {
                Some(signal) => format!("it crashed (signal {signal})"),
                None => format!("it ended with code {}", status.code().unwrap_or(-1)),
            },
            None => "it is gone".to_owned(),
        }
    }
}

impl Drop for Sibling {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
