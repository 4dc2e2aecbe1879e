//! A child's messages as items: formats, frames, and holes with their reasons.
//!
//! Promises: pure; a loss that the child names becomes a typed hole before the first frame after it, never before one
//!   that was captured earlier; holes are at most one in [`HOLE_EVERY_US`], unless they are long; every lost frame counts.
//! Leaves to others: reading messages (`child`), silence (`session`), epochs (`assembler`).

use crate::failure::{Failure, FailureKind};
use crate::format;
use crate::source::{Frame, Item};
use nvr_base::media_protocol::{FatalCause, FromChild, Layer, LossCause};
use nvr_base::{Codec, GapReason, Mono};
use std::collections::VecDeque;

/// A hole begins a new segment: a device that loses every second frame must not make one of each.
pub(super) const HOLE_EVERY_US: u64 = 10_000_000;
/// A hole at least this long is always told.
pub(super) const HOLE_LONG_US: u64 = 1_000_000;

/// What a message was, beside the items it made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Heard {
    /// The child's report.
    Hello {
        /// Layers of its sandbox.
        layers: Vec<Layer>,
        /// What it captures.
        how: String,
    },
    /// Anything else.
    Stream,
}

#[derive(Debug, Clone, Copy)]
struct Loss {
    reason: GapReason,
    since: Mono,
    frames: u32,
}

/// One child's messages.
#[derive(Debug)]
pub(super) struct Feed {
    name: String,
    ready: VecDeque<Item>,
    greeted: bool,
    codec: Option<Codec>,
    loss: Option<Loss>,
    /// When the last hole was told.
    told: Option<Mono>,
    last: Option<Mono>,
}

impl Feed {
    /// For the device that people know as `name`.
    pub(super) fn new(name: String) -> Self {
        Self { name, ready: VecDeque::new(), greeted: false, codec: None, loss: None, told: None, last: None }
    }

    /// The next item, if one is ready. A message makes at most two.
    pub(super) fn next(&mut self) -> Option<Item> {
        self.ready.pop_front()
    }

    /// Takes a message, which passed the protocol's own checks.
    ///
    /// # Errors
    /// The child gave up, or says things in an order that makes no sense.
    pub(super) fn hear(&mut self, (message, data): (FromChild, Vec<u8>)) -> Result<Heard, Failure> {
        match message {
            FromChild::Hello { layers, how } if !self.greeted => {
                self.greeted = true;
                return Ok(Heard::Hello { layers, how });
            }
            FromChild::Fatal { cause, what } => return Err(Failure::new(kind(cause), what)),
            _ if !self.greeted => return Ok(Heard::Stream),
            FromChild::Hello { .. } => return Err(self.lies("it reports twice")),
            FromChild::Format(format) => {
                self.codec = Some(format.video.codec);
                self.ready.push_back(Item::Format(format));
            }
            FromChild::Lost { cause, frames, since } => self.lose(cause, frames, since),
            FromChild::Sample { pts, key, .. } => self.sample(pts, key, data)?,
        }
        Ok(Heard::Stream)
    }

    fn lies(&self, how: &str) -> Failure {
        let why =
            format!("{}: nvr-media breaks the protocol: {how}; install the same build of both", self.name);
        Failure::new(FailureKind::Broken, why)
    }

    fn lose(&mut self, cause: LossCause, frames: u32, since: Mono) {
        let reason = match cause {
            LossCause::BufferError | LossCause::Broken => GapReason::CameraBroken,
            LossCause::SequenceHole | LossCause::TimeHole | LossCause::Overrun => GapReason::PacketLoss,
            LossCause::Stalled => GapReason::CameraStalled,
        };
        // Losses that follow each other are one hole: it began with the first, for the first's reason.
        let before = self.loss.unwrap_or(Loss { reason, since, frames: 0 });
        self.loss = Some(Loss { frames: before.frames.saturating_add(frames), ..before });
    }

    fn sample(&mut self, pts: Mono, claimed_key: bool, data: Vec<u8>) -> Result<(), Failure> {
        let Some(codec) = self.codec else { return Err(self.lies("a sample before its format")) };
        // The child is not believed: what the bytes say decides.
        let Some(key) = format::key(codec, &data) else {
            self.ready.push_back(Item::Skipped);
            return Ok(());
        };
        let key = key && claimed_key;
        let timestamp = i64::try_from(pts.0).map_err(|_| self.lies("a time beyond all clocks"))?;
        // Frames that were in the encoder when the loss was seen are older than it.
        let loss = self.loss.take_if(|loss| pts > loss.since);
        if let Some(loss) = loss {
            let long = pts.0.saturating_sub(loss.since.0) >= HOLE_LONG_US;
            let due = self.told.is_none_or(|told| pts.0.saturating_sub(told.0) >= HOLE_EVERY_US);
            if self.last.is_some() && (long || due) {
                self.told = Some(pts);
                self.ready.push_back(Item::Hole(loss.reason));
            }
        }
        self.last = Some(pts);
        let lost = loss.map_or(0, |loss| loss.frames);
        self.ready.push_back(Item::Video(Frame { timestamp, rate_hz: 1_000_000, key, lost, data }));
        Ok(())
    }
}

fn kind(cause: FatalCause) -> FailureKind {
    match cause {
        FatalCause::Gone | FatalCause::Busy | FatalCause::Refused | FatalCause::Device => FailureKind::Down,
        FatalCause::Unsupported => FailureKind::UnsupportedCodec,
        FatalCause::Encoder | FatalCause::Internal => FailureKind::Broken,
    }
}
