//! Samples and the one stream of events from a camera to its recorder.
//!
//! Promises: in order: `Format` before any `Sample`, one `Format` per epoch; `dts` rises strictly per track.
//! Leaves to others: making them (`nvr-ingest`), keeping them (`nvr-store`).

use crate::format::Format;
use crate::gap::GapReason;
use crate::time::{Ticks, Utc};

/// Which track of a stream a sample belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Track {
    /// The picture.
    Video,
    /// The sound.
    Audio,
}

/// One encoded access unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Picture or sound.
    pub track: Track,
    /// Presentation time.
    pub pts: Ticks,
    /// Decoding time: at most `pts`, and strictly later than the one before on this track.
    pub dts: Ticks,
    /// Length in ticks where the camera tells (audio); 0 when the next sample's `dts` tells.
    pub duration_ticks: u32,
    /// A decoder can start here.
    pub key: bool,
    /// Encoded bytes, as [`crate::Codec`] says.
    pub data: Vec<u8>,
}

/// What a camera's session tells its recorder, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamEvent {
    /// A new epoch begins: first format, changed parameters, or a step of a clock. Samples that follow
    /// are on a new timeline; the recorder starts a new segment at the next sample.
    Format {
        /// What follows.
        format: Format,
        /// Why the epoch before it ended, when footage may be missing between the two.
        after: Option<GapReason>,
    },
    /// An access unit.
    Sample(Sample),
    /// Nothing comes any more, for this reason, since this instant. Sent again when the reason changes.
    Down {
        /// Why.
        reason: GapReason,
        /// Since when, by the box's clock.
        since: Utc,
    },
}

/// Where a session's events go. Never blocks: a full queue is the sink's drop, its count and its gap.
pub trait SampleSink: Send {
    /// Takes one event.
    fn accept(&mut self, event: StreamEvent);
}

/// Collects events, for tests.
impl SampleSink for Vec<StreamEvent> {
    fn accept(&mut self, event: StreamEvent) {
        self.push(event);
    }
}
