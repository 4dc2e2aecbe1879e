//! One `nvr-perceive annotate` process: started, given its files, listened to, killed when it hangs, reaped.
//!
//! Promises: the output is whole, or a sentence why it is not; no process is left behind.
//! Leaves to others: drawing and its sandbox (`nvr-perception`), the messages' limits (`nvr_base`).

use super::super::interrupt::Interrupt;
use crate::terminal::complain;
use anyhow::{Context, bail};
use command_fds::{CommandFdExt, FdMapping};
use nvr_base::annotate_protocol::{ANNOTATE_ARGUMENT, FromAnnotate, Make, ToAnnotate, receive_from_annotate};
use nvr_base::media_channel::{ChannelError, MediaChannel};
use nvr_base::media_protocol::{LayerState, MESSAGE_LEN_MAX};
use nvr_base::still_protocol::ENVIRONMENT;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// The descriptor on which the child finds its socket.
const CHANNEL_FD: i32 = 3;
/// Longest silence: it says once a second how far it is, and ends the file within a minute.
const SILENCE_S_MAX: u32 = 120;
/// Variables that the child needs of this process's: where plugins and libraries are.
const VARIABLES: [&str; 2] = ["GST_PLUGIN_PATH", "LD_LIBRARY_PATH"];

/// A running child. Dropping it kills it.
#[derive(Debug)]
pub(super) struct Drawer {
    child: Child,
    channel: MediaChannel,
    buffer: Vec<u8>,
}

impl Drawer {
    /// Starts it.
    pub(super) fn start(program: &Path, make: Make) -> anyhow::Result<Self> {
        let (ours, theirs) = MediaChannel::pair()?;
        let mut command = Command::new(program);
        command.arg(ANNOTATE_ARGUMENT).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let kept = VARIABLES.iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
        command.env_clear().envs(kept).envs(ENVIRONMENT);
        command.fd_mappings(vec![FdMapping { parent_fd: theirs, child_fd: CHANNEL_FD }])?;
        let child = command
            .spawn()
            .with_context(|| format!("cannot start {}; install it beside nvr", program.display()))?;
        // The child's end lives in the child alone: when that ends, this one reads the end.
        drop(command);
        let drawer = Self { child, channel: ours, buffer: vec![0; MESSAGE_LEN_MAX] };
        drawer.channel.send(&ToAnnotate::Make(make))?;
        Ok(drawer)
    }

    /// Gives it its files.
    pub(super) fn give(&self, clip: &File, overlays: &File, output: &File) -> anyhow::Result<()> {
        let files =
            [(ToAnnotate::Clip, clip), (ToAnnotate::Overlays, overlays), (ToAnnotate::Output, output)];
        for (message, file) in files {
            self.channel.send_beside(&message, file.as_fd()).context("cannot talk to nvr-perceive")?;
        }
        Ok(())
    }

    /// Waits until it is done.
    pub(super) fn wait(&mut self, interrupt: &Interrupt) -> anyhow::Result<()> {
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
                    silence_s = 0;
                    if self.hear()? {
                        return Ok(());
                    }
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error).context("cannot wait for nvr-perceive"),
            }
        }
    }

    /// Takes one message; true when the output is whole.
    fn hear(&mut self) -> anyhow::Result<bool> {
        match receive_from_annotate(&self.channel, &mut self.buffer) {
            Ok(FromAnnotate::Hello { layers, .. }) => {
                for layer in layers {
                    if let LayerState::Unavailable(why) = layer.state {
                        complain(&format!("the sandbox of nvr-perceive lacks {:?}: {why}", layer.kind));
                    }
                }
                Ok(false)
            }
            Ok(FromAnnotate::Drawn { .. }) | Err(ChannelError::WouldBlock) => Ok(false),
            Ok(FromAnnotate::End { frames: 0, .. }) => bail!("there is no frame to draw on"),
            Ok(FromAnnotate::End { .. }) => Ok(true),
            Ok(FromAnnotate::Fatal { what }) => bail!("{what}"),
            Err(ChannelError::Closed) => {
                let status = self.child.wait()?;
                match status.signal() {
                    Some(_) => bail!("nvr-perceive crashed while it drew ({status})"),
                    None => {
                        bail!("nvr-perceive ended without a word ({status}); install the same build as nvr")
                    }
                }
            }
            Err(error) => bail!("nvr-perceive breaks the protocol: {error}; install the same build as nvr"),
        }
    }
}

impl Drop for Drawer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
