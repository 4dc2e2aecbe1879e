//! One `nvr-perceive` process: started, given the order, listened to, killed when it hangs, reaped.
//!
//! Promises: scenes in order, or a sentence why there are no more; no process is left behind.
//! Leaves to others: perception and its sandbox (`nvr-perception`), the messages' limits (`nvr_base`).

use super::interrupt::Interrupt;
use anyhow::{Context, bail};
use command_fds::{CommandFdExt, FdMapping};
use nvr_base::media_channel::{ChannelError, MediaChannel};
use nvr_base::media_protocol::MESSAGE_LEN_MAX;
use nvr_base::perceive_protocol::{
    FromPerceive, REPLAY_ARGUMENT, ReplayOrder, ToPerceive, receive_from_perceive,
};
use nvr_base::still_protocol::ENVIRONMENT;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// The descriptor on which the child finds its socket.
const CHANNEL_FD: i32 = 3;
/// Longest silence: loading a model, or a stretch of the file without a frame to analyse.
const SILENCE_S_MAX: u32 = 120;
/// Variables that the child needs of this process's: where plugins and libraries are.
const VARIABLES: [&str; 2] = ["GST_PLUGIN_PATH", "LD_LIBRARY_PATH"];

/// A running child. Dropping it kills it.
#[derive(Debug)]
pub(super) struct Perceive {
    child: Child,
    channel: MediaChannel,
    buffer: Vec<u8>,
}

impl Perceive {
    /// Starts it on `order`.
    pub(super) fn start(program: &PathBuf, order: &ReplayOrder) -> anyhow::Result<Self> {
        let (ours, theirs) = MediaChannel::pair()?;
        let mut command = Command::new(program);
        command.arg(REPLAY_ARGUMENT).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let kept = VARIABLES.iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
        command.env_clear().envs(kept).envs(ENVIRONMENT);
        command.fd_mappings(vec![FdMapping { parent_fd: theirs, child_fd: CHANNEL_FD }])?;
        let child = command
            .spawn()
            .with_context(|| format!("cannot start {}; install it beside nvr", program.display()))?;
        // The child's end lives in the child alone: when that ends, this one reads the end.
        drop(command);
        let perceive = Self { child, channel: ours, buffer: vec![0; MESSAGE_LEN_MAX] };
        perceive.channel.send(order)?;
        Ok(perceive)
    }

    /// Tells it something; it reads between two frames.
    pub(super) fn tell(&self, message: &ToPerceive) -> anyhow::Result<()> {
        match self.channel.send(message) {
            // Why it closed is what it said last, or how it ended: the next message.
            Ok(()) | Err(ChannelError::Closed) => Ok(()),
            Err(error) => Err(error).context("cannot talk to nvr-perceive"),
        }
    }

    /// The next message, and the memory beside it.
    pub(super) fn next(&mut self, interrupt: &Interrupt) -> anyhow::Result<(FromPerceive, Option<OwnedFd>)> {
        let mut silence_s = 0;
        loop {
            if interrupt.came() {
                bail!("interrupted");
            }
            let wait = Timespec { tv_sec: 1, tv_nsec: 0 };
            match poll(&mut [PollFd::new(&self.channel, PollFlags::IN)], Some(&wait)) {
                Ok(0) if silence_s >= SILENCE_S_MAX => {
                    bail!("nvr-perceive said nothing for {SILENCE_S_MAX} s and was stopped")
                }
                Ok(0) => silence_s += 1,
                Ok(_) => {
                    if let Some(received) = self.receive()? {
                        return Ok(received);
                    }
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error).context("cannot wait for nvr-perceive"),
            }
        }
    }

    fn receive(&mut self) -> anyhow::Result<Option<(FromPerceive, Option<OwnedFd>)>> {
        match receive_from_perceive(&self.channel, &mut self.buffer) {
            Ok(received) => Ok(Some(received)),
            Err(ChannelError::WouldBlock) => Ok(None),
            Err(ChannelError::Closed) => {
                let status = self.child.wait()?;
                match status.signal() {
                    Some(_) => bail!("nvr-perceive crashed on this file ({status})"),
                    None => {
                        bail!("nvr-perceive ended without a word ({status}); install the same build as nvr")
                    }
                }
            }
            Err(error) => bail!("nvr-perceive breaks the protocol: {error}; install the same build as nvr"),
        }
    }
}

impl Drop for Perceive {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
