//! One `nvr-perceive annotate` process: started, given its files, listened to, killed when it hangs, reaped.
//!
//! Promises: the output is whole, or a sentence why it is not; no process is left behind.
//! Leaves to others: drawing and its sandbox (`nvr-perception`), the messages' limits (`nvr_base`).

use super::super::interrupt::Interrupt;
use crate::child::{PERCEIVE_VARIABLE, Sibling, complain_of};
use anyhow::{Context, bail};
use nvr_base::annotate_protocol::{ANNOTATE_ARGUMENT, FromAnnotate, Make, ToAnnotate, receive_from_annotate};
use nvr_base::media_channel::{ChannelError, MediaChannel};
use nvr_base::media_protocol::MESSAGE_LEN_MAX;
use std::fs::File;
use std::os::fd::AsFd;
use std::path::Path;

/// A running child. Dropping it kills it.
#[derive(Debug)]
pub(super) struct Drawer {
    child: Sibling,
    channel: MediaChannel,
    buffer: Vec<u8>,
}

impl Drawer {
    /// Starts it.
    pub(super) fn start(program: &Path, make: Make) -> anyhow::Result<Self> {
        let (child, channel) = Sibling::start(program, PERCEIVE_VARIABLE, ANNOTATE_ARGUMENT)?;
        let drawer = Self { child, channel, buffer: vec![0; MESSAGE_LEN_MAX] };
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
        loop {
            interrupt.listen(&self.channel)?;
            if self.hear()? {
                return Ok(());
            }
        }
    }

    /// Takes one message; true when the output is whole.
    fn hear(&mut self) -> anyhow::Result<bool> {
        match receive_from_annotate(&self.channel, &mut self.buffer) {
            Ok(FromAnnotate::Hello { layers, .. }) => {
                complain_of("nvr-perceive", layers);
                Ok(false)
            }
            Ok(FromAnnotate::Drawn { .. }) | Err(ChannelError::WouldBlock) => Ok(false),
            Ok(FromAnnotate::End { frames: 0, .. }) => bail!("there is no frame to draw on"),
            Ok(FromAnnotate::End { .. }) => Ok(true),
            Ok(FromAnnotate::Fatal { what }) => bail!("{what}"),
            Err(error) => Err(self.child.lost("nvr-perceive", "while it drew", &error)),
        }
    }
}
