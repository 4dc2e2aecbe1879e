//! One `nvr-perceive` process: started, given the order, listened to, killed when it hangs, reaped.
//!
//! Promises: scenes in order, or a sentence why there are no more; no process is left behind.
//! Leaves to others: perception and its sandbox (`nvr-perception`), the messages' limits (`nvr_base`).

use super::interrupt::Interrupt;
use crate::child::{PERCEIVE_VARIABLE, Sibling};
use anyhow::Context;
use nvr_base::media_channel::{ChannelError, MediaChannel};
use nvr_base::media_protocol::MESSAGE_LEN_MAX;
use nvr_base::perceive_protocol::{
    FromPerceive, REPLAY_ARGUMENT, ReplayOrder, ToPerceive, receive_from_perceive,
};
use std::os::fd::OwnedFd;
use std::path::Path;

/// A running child. Dropping it kills it.
#[derive(Debug)]
pub(super) struct Perceive {
    child: Sibling,
    channel: MediaChannel,
    buffer: Vec<u8>,
}

impl Perceive {
    /// Starts it on `order`.
    pub(super) fn start(program: &Path, order: &ReplayOrder) -> anyhow::Result<Self> {
        let (child, channel) = Sibling::start(program, PERCEIVE_VARIABLE, REPLAY_ARGUMENT)?;
        let perceive = Self { child, channel, buffer: vec![0; MESSAGE_LEN_MAX] };
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
        loop {
            interrupt.listen(&self.channel)?;
            if let Some(received) = self.receive()? {
                return Ok(received);
            }
        }
    }

    fn receive(&mut self) -> anyhow::Result<Option<(FromPerceive, Option<OwnedFd>)>> {
        match receive_from_perceive(&self.channel, &mut self.buffer) {
            Ok(received) => Ok(Some(received)),
            Err(ChannelError::WouldBlock) => Ok(None),
            Err(error) => Err(self.child.lost("nvr-perceive", "on this file", &error)),
        }
    }
}
