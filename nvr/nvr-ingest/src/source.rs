//! What a camera is to a session: something that connects and then yields frames.
//!
//! Promises: one small trait, so that RTSP and V4L2 cameras share machine, timeline, gaps and status.
//! Leaves to others: connecting (`rtsp`, `v4l2`), deciding what a failure means (`session`).

use crate::failure::Failure;
use futures::Stream;
use futures::future::BoxFuture;
use nvr_base::{AudioFormat, Format, GapReason};
use std::pin::Pin;

/// One encoded access unit as the camera stamped it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The camera's presentation time, in units of 1/`rate_hz`, without wraps.
    pub timestamp: i64,
    /// Units of `timestamp` in a second; 90,000 for RTP video.
    pub rate_hz: u32,
    /// A decoder can start here.
    pub key: bool,
    /// Packets lost before or within it.
    pub lost: u32,
    /// Encoded bytes, as [`nvr_base::Codec`] says.
    pub data: Vec<u8>,
}

/// Sound as the camera stamped it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioFrame {
    /// The camera's time, in units of 1/`rate_hz`, without wraps.
    pub timestamp: i64,
    /// Units of `timestamp` in a second.
    pub rate_hz: u32,
    /// Length in the same units.
    pub length: u32,
    /// Packets lost before it.
    pub lost: u32,
    /// Encoded bytes.
    pub data: Vec<u8>,
}

/// What a connected camera yields, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// Parameters of the frames that follow. Sent before the first frame and whenever they change.
    Format(Format),
    /// A picture.
    Video(Frame),
    /// Sound, only when it was asked for.
    Audio(AudioFrame),
    /// A picture that cannot be recorded yet, because no parameters are known. The camera is alive.
    Unready,
    /// A broken or empty unit was skipped. The camera is alive, but lies.
    Skipped,
    /// Sound that is no stored codec was thrown away.
    AudioDiscarded,
    /// Pictures are missing before the next one, and the source knows why. The next one begins a new epoch.
    Hole(GapReason),
}

/// What a camera said of itself when it was connected.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Offer {
    /// It offers sound, asked for or not.
    pub sends_audio: bool,
    /// The sound that will come, when asked for and recordable.
    pub audio: Option<AudioFormat>,
}

/// The frames of one connection; ends with an error or with `None` when the camera closed it.
pub type Items = Pin<Box<dyn Stream<Item = Result<Item, Failure>> + Send>>;

/// A camera that can be connected again and again.
pub trait Source: Send {
    /// Connects, up to the point where frames flow. Dropping the future gives the attempt up.
    fn connect(&mut self) -> BoxFuture<'_, Result<(Offer, Items), Failure>>;

    /// Ready when a try makes sense before the wait is over: a device was plugged in. Never, unless a source knows.
    fn worth_a_try(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::pending())
    }

    /// The camera as errors name it: host and path, no secrets.
    fn name(&self) -> String;
}
