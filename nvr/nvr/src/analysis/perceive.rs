//! One `nvr-perceive live`: its process, what it says of itself, and what it says of cameras.
//!
//! Promises: what it says is checked; a breach of the protocol, a message of another mode, or its end is one sentence.
//! Leaves to others: when it runs (`supervision`), what it is told (`line`).

use crate::child::{PERCEIVE_VARIABLE, Sibling};
use nvr_base::media_channel::{ChannelError, MediaChannel};
use nvr_base::media_protocol::{Layer, LayerState, MESSAGE_LEN_MAX};
use nvr_base::perceive_protocol::{
    Counters, FromPerceive, LIVE_ARGUMENT, LiveOrder, ToPerceive, receive_from_perceive,
};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;

/// What was heard.
#[derive(Debug)]
pub(super) enum Heard {
    /// Nothing waits.
    Nothing,
    /// It is ready.
    Hello,
    /// A message that belongs to a live child.
    Message(Box<FromPerceive>, Option<OwnedFd>),
    /// No more will come, and why if it said so.
    Ended(Option<String>),
}

/// A running child. Dropping it kills it.
#[derive(Debug)]
pub(super) struct Perceive {
    sibling: Sibling,
    channel: Arc<MediaChannel>,
    buffer: Vec<u8>,
    /// Id of its detector.
    pub(super) detector: Option<String>,
    /// Its sandbox.
    pub(super) layers: Vec<Layer>,
    /// What it did.
    pub(super) counters: Counters,
}

impl Perceive {
    /// Starts it; its channel is for whoever orders.
    pub(super) fn start(program: &Path, order: &LiveOrder) -> anyhow::Result<(Self, Arc<MediaChannel>)> {
        let (sibling, channel) = Sibling::start(program, PERCEIVE_VARIABLE, LIVE_ARGUMENT)?;
        channel.send(&ToPerceive::Live(order.clone()))?;
        let channel = Arc::new(channel);
        let perceive = Self {
            sibling,
            channel: channel.clone(),
            buffer: vec![0; MESSAGE_LEN_MAX],
            detector: None,
            layers: Vec::new(),
            counters: Counters::default(),
        };
        Ok((perceive, channel))
    }

    /// The next message, without waiting.
    pub(super) fn hear(&mut self) -> Heard {
        match receive_from_perceive(&self.channel, &mut self.buffer) {
            Ok((FromPerceive::Hello { layers, detector }, _)) => {
                for layer in &layers {
                    if let LayerState::Unavailable(why) = &layer.state {
                        tracing::warn!(layer = ?layer.kind, why, "the sandbox of nvr-perceive lacks a layer");
                    }
                }
                (self.detector, self.layers) = (Some(detector), layers);
                Heard::Hello
            }
            Ok((FromPerceive::Fatal { what }, _)) => Heard::Ended(Some(what)),
            Ok((FromPerceive::End(_), _)) => {
                Heard::Ended(Some("nvr-perceive said what belongs to a replay; install one build".into()))
            }
            Ok((message, fd)) => {
                if let FromPerceive::Counters(counters) = &message {
                    self.counters = *counters;
                }
                Heard::Message(Box::new(message), fd)
            }
            Err(ChannelError::WouldBlock) => Heard::Nothing,
            Err(ChannelError::Closed) => Heard::Ended(None),
            Err(error) => Heard::Ended(Some(format!(
                "nvr-perceive breaks the protocol: {error}; install the same build as nvr"
            ))),
        }
    }

    /// Ends it; how it ended.
    pub(super) fn end(self) -> String {
        self.sibling.end()
    }
}

impl AsFd for Perceive {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.channel.as_fd()
    }
}
