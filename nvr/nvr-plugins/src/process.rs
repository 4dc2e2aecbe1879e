//! The operating system's side of a worker: its process, its standard error, its end.
//!
//! Promises: nothing of the host's environment or descriptors reaches it but its socket; no zombie is left; of its
//!   standard error the last [`STDERR_MAX`] bytes are kept.
//! Leaves to others: what is said on the socket (`worker`).

use crate::channel::{Channel, ChannelError};
use crate::ending::Exit;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;

/// How much of the end of standard error is kept, in bytes.
pub const STDERR_MAX: usize = 4096;

/// How to start a worker.
#[derive(Debug, Clone)]
pub struct Launch {
    /// `nvr-worker`.
    pub program: PathBuf,
    /// The verified copy of the library.
    pub library: PathBuf,
    /// Address space, in bytes.
    pub memory_bytes_max: u64,
}

/// Why there is no process.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No socket.
    #[error("cannot make a socket for a worker: {0}")]
    Channel(#[from] ChannelError),
    /// The socket or standard error cannot be set up.
    #[error("cannot hand a socket over: {0}")]
    Descriptors(String),
    /// The program does not start.
    #[error("cannot start {program}: {source}; install it beside nvr")]
    Spawn {
        /// Which.
        program: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
}

/// A worker's process. Dropping it kills and reaps it.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    stderr: Option<ChildStderr>,
    is_reaped: bool,
}

impl Process {
    /// Starts it with one end of a new socket pair, and returns the other.
    pub(crate) fn start(launch: &Launch) -> Result<(Self, Channel), StartError> {
        let (channel, theirs) = Channel::pair()?;
        let mut command = Command::new(&launch.program);
        command.env_clear().stdin(theirs).stdout(Stdio::null()).stderr(Stdio::piped());
        let spawned = command.spawn();
        let mut child =
            spawned.map_err(|source| StartError::Spawn { program: launch.program.clone(), source })?;
        // The child's end lives in the child alone: when that ends, this one reads the end.
        drop(command);
        let stderr = child.stderr.take();
        let process = Self { child, stderr, is_reaped: false };
        if let Some(stderr) = &process.stderr {
            rustix::io::ioctl_fionbio(stderr, true).map_err(|e| StartError::Descriptors(e.to_string()))?;
        }
        Ok((process, channel))
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Appends what it wrote to standard error, and keeps the end of `tail`.
    pub(crate) fn listen(&mut self, tail: &mut String) {
        let Some(stderr) = &mut self.stderr else { return };
        let mut buffer = [0; STDERR_MAX];
        if let Ok(n @ 1..) = stderr.read(&mut buffer) {
            tail.push_str(&String::from_utf8_lossy(buffer.get(..n).unwrap_or_default()));
            let cut = tail.len().saturating_sub(STDERR_MAX);
            let cut = (cut..tail.len()).find(|at| tail.is_char_boundary(*at)).unwrap_or(tail.len());
            tail.drain(..cut);
        }
    }

    /// True when it has ended by then.
    pub(crate) fn exits_within(&self, wait: Duration) -> bool {
        let Some(pid) = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw) else {
            return false;
        };
        let Ok(fd) = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()) else {
            return false;
        };
        let wait = Timespec {
            tv_sec: i64::try_from(wait.as_secs()).unwrap_or(1),
            tv_nsec: i64::from(wait.subsec_nanos()),
        };
        poll(&mut [PollFd::new(&fd, PollFlags::IN)], Some(&wait)).is_ok_and(|n| n > 0)
    }

    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
    }

    /// Waits for its end, which is certain to come: it has ended, or was killed.
    pub(crate) fn reap(&mut self) -> Exit {
        self.is_reaped = true;
        match self.child.wait() {
            Ok(status) => match (status.code(), status.signal()) {
                (Some(code), _) => Exit::Code(code),
                (None, Some(signal)) => Exit::Signal(signal),
                (None, None) => Exit::Unknown,
            },
            Err(_) => Exit::Unknown,
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.is_reaped {
            self.kill();
            self.reap();
        }
    }
}
