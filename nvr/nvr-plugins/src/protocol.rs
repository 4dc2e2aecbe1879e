//! What the host and a worker say to each other: message types, their bytes and their limits.
//!
//! Promises: one datagram is `[version][postcard message]`, at most [`MESSAGE_LEN_MAX`]; what a worker sends is not
//!   trusted: [`decode_from_worker`] refuses what breaks a limit, with the limit's name.
//! Leaves to others: moving datagrams (`channel`), what a refusal costs (`worker`).

use crate::descriptor::check_needs;
pub use crate::descriptor::{Descriptor, FrameNeed, InferenceNeed, Needs};
pub use nvr_base::analysis::{FLOATS_MAX, FrameFormat, FrameRef, INFERENCES_MAX, Inference};
use nvr_base::geometry::Rect;
use nvr_base::media_protocol::{self, LAYERS_MAX, Layer, LayerState};
pub use nvr_base::media_protocol::{MESSAGE_LEN_MAX, ProtocolError, encode};
use nvr_base::scene::{Scene, TRACKS_MAX};
use serde::{Deserialize, Serialize};

/// Longest text of a worker, in bytes; config schemas and texts have limits of their own.
pub const TEXT_LEN_MAX: usize = media_protocol::TEXT_LEN_MAX;
/// Longest configuration of an instance, in bytes: it must fit a message.
pub const CONFIG_LEN_MAX: usize = 60 * 1024;
/// Longest detail of an event, in bytes.
pub const DETAIL_LEN_MAX: usize = 256;
/// Most events, and most samples, one call may emit.
pub const EMITS_MAX: u32 = 64;

/// A rule armed on a camera, as one worker numbers it.
pub type InstanceId = u32;

/// From the host to a worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ToWorker {
    /// The first message, once: sandbox yourself and load this.
    Load {
        /// The verified copy.
        library: String,
        /// Address space the process may have, in bytes.
        memory_bytes_max: u64,
    },
    /// The frame ring, a sealed memfd beside this message; it takes the place of the one before, which perception has
    /// given up.
    Ring {
        /// Its length, in bytes.
        len: u64,
    },
    /// Make and start an instance.
    Create {
        /// Its number.
        instance: InstanceId,
        /// The rule, as one JSON object.
        config: String,
    },
    /// A frame's scene for an instance.
    Process(Box<Input>),
    /// Forget all that was seen.
    Reset {
        /// Which.
        instance: InstanceId,
    },
    /// Stop and destroy an instance.
    Destroy {
        /// Which.
        instance: InstanceId,
    },
    /// Stop all and end.
    Stop,
}

/// What `process` is given.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Input {
    /// For which instance.
    pub instance: InstanceId,
    /// Number of the frame.
    pub sequence: u64,
    /// UTC of the frame, µs since 1970.
    pub wall_us: i64,
    /// Size of the camera's picture, in pixels.
    pub picture: (u32, u32),
    /// Seen before: learn from it, say nothing.
    pub is_history: bool,
    /// Inputs were missed since the last.
    pub is_after_gap: bool,
    /// What perception saw.
    pub scene: Scene,
    /// Frames that lie in the ring, leased until the `Done` of this input.
    pub frames: Vec<FrameRef>,
    /// Results of the models it declared.
    pub inferences: Vec<Inference>,
}

/// Where an event stands in the life of its object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// The condition has held for its dwell.
    Begin,
    /// It lasts.
    Update,
    /// It has been false for 3 s.
    End,
}

/// What a plugin said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Number of its type in the contract; `vocabulary::event_name` names it.
    pub kind: i32,
    /// Begin, update, end.
    pub phase: Phase,
    /// The plugin's number of the object.
    pub object: u64,
    /// Media time the condition became true, µs.
    pub since_us: i64,
    /// Media time of the alert, µs.
    pub start_us: i64,
    /// Media time it was last true, µs; only in the end.
    pub end_us: Option<i64>,
    /// Where.
    pub rect: Rect,
    /// How sure, 0..1.
    pub score: f32,
    /// What was measured.
    pub measured: f32,
    /// What it was compared with.
    pub threshold: f32,
    /// `key=value key=value`.
    pub detail: String,
}

/// What a plugin counted. Numbers as in the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// `nvr_series_t`: 1 crossings, 2 occupancy.
    pub series: i32,
    /// `nvr_class_t`: a label's number, or a group's.
    pub class: i32,
    /// `nvr_direction_t`: 0 none, 1 forward, 2 backward.
    pub direction: i32,
    /// How many.
    pub n: u32,
    /// Media time, µs.
    pub at_us: i64,
}

/// What a call came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Done {
    /// Whose call.
    pub instance: InstanceId,
    /// Of the input.
    pub sequence: u64,
    /// CPU-independent duration of `process`, µs.
    pub took_us: u32,
    /// Emits refused for [`EMITS_MAX`].
    pub refused_limit: u32,
    /// Emits refused for their type, series or class.
    pub refused_type: u32,
    /// Emits refused for their values or their moment.
    pub refused_value: u32,
    /// Longer than the declared budget.
    pub is_over_budget: bool,
    /// `process` answered with an error.
    pub is_error: bool,
    /// Address space of the worker now, in KiB.
    pub memory_kib: u32,
}

/// From a worker to the host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum FromWorker {
    /// Loaded, initialised, sandboxed.
    Ready {
        /// What the plugin is.
        descriptor: Box<Descriptor>,
        /// Every layer of the sandbox.
        layers: Vec<Layer>,
    },
    /// An instance runs.
    Created {
        /// Which.
        instance: InstanceId,
        /// What it needs.
        needs: Needs,
    },
    /// An instance cannot be made.
    Refused {
        /// Which.
        instance: InstanceId,
        /// The plugin's reason.
        why: String,
    },
    /// The plugin said an event.
    Event {
        /// Which instance.
        instance: InstanceId,
        /// During which input.
        sequence: u64,
        /// What.
        event: Event,
    },
    /// The plugin counted.
    Sample {
        /// Which instance.
        instance: InstanceId,
        /// During which input.
        sequence: u64,
        /// What.
        sample: Sample,
    },
    /// The plugin wants crops of tracks on the next frame.
    Ask {
        /// Which instance.
        instance: InstanceId,
        /// Of which model.
        model: String,
        /// Which tracks.
        tracks: Vec<u64>,
    },
    /// `process` returned.
    Done(Done),
    /// The plugin, or the worker, has something to say.
    Log {
        /// `NVR_LOG_…`: 1 error … 4 debug.
        level: i32,
        /// What.
        text: String,
    },
    /// The plugin asked the kernel for what the sandbox refuses, and was told no; each call is said once.
    Denied {
        /// Number of the system call.
        call: i64,
    },
    /// Last words from a signal handler.
    Dying {
        /// Which signal.
        signal: i32,
        /// The forbidden system call that ends the worker, or -1.
        call: i64,
        /// Address space then, in KiB.
        memory_kib: u32,
    },
    /// The last message of a worker that gives up.
    Failed {
        /// A sentence.
        what: String,
    },
    /// An instance is gone.
    Destroyed {
        /// Which.
        instance: InstanceId,
    },
}

fn decode<'a, T: Deserialize<'a>>(datagram: &'a [u8]) -> Result<T, ProtocolError> {
    match media_protocol::decode(datagram)? {
        (message, []) => Ok(message),
        _ => Err(ProtocolError::Limit("bytes after the message")),
    }
}

/// Reads a datagram from the host.
///
/// # Errors
/// What makes it no message.
pub fn decode_to_worker(datagram: &[u8]) -> Result<ToWorker, ProtocolError> {
    let message = decode(datagram)?;
    if let ToWorker::Process(input) = &message {
        check_input(input)?;
    }
    Ok(message)
}

/// Whether an input is within the limits of the contract; the host asks before it sends.
///
/// # Errors
/// Which limit it breaks.
pub fn check_input(input: &Input) -> Result<(), ProtocolError> {
    let limit = |is_within: bool, what| if is_within { Ok(()) } else { Err(ProtocolError::Limit(what)) };
    limit(input.scene.tracks.len() <= TRACKS_MAX, "number of tracks")?;
    limit(input.scene.ended.len() <= 2 * TRACKS_MAX, "number of ended tracks")?;
    limit(input.frames.len() <= 2, "number of frames")?;
    limit(input.inferences.len() <= INFERENCES_MAX, "number of results")?;
    limit(input.inferences.iter().map(|i| i.data.len()).sum::<usize>() <= FLOATS_MAX, "floats of results")?;
    let shaped = |i: &Inference| {
        let product = i.dims.iter().try_fold(1u64, |p, d| p.checked_mul(u64::from(*d)));
        (1..=4).contains(&i.dims.len()) && product == Some(i.data.len() as u64)
    };
    limit(input.inferences.iter().all(shaped), "shape of a result")
}

/// Reads a datagram from a worker, which is not trusted.
///
/// # Errors
/// What makes it no message, or which limit it breaks.
pub fn decode_from_worker(datagram: &[u8]) -> Result<FromWorker, ProtocolError> {
    let message = decode(datagram)?;
    check(&message)?;
    Ok(message)
}

fn check(message: &FromWorker) -> Result<(), ProtocolError> {
    let text =
        |t: &str, max: usize, what| if t.len() > max { Err(ProtocolError::Limit(what)) } else { Ok(()) };
    match message {
        FromWorker::Ready { descriptor, layers } => {
            if layers.len() > LAYERS_MAX {
                return Err(ProtocolError::Limit("number of sandbox layers"));
            }
            for layer in layers {
                if let LayerState::Partly(why) | LayerState::Unavailable(why) = &layer.state {
                    text(why, TEXT_LEN_MAX, "text length")?;
                }
            }
            crate::descriptor::check(descriptor)
        }
        FromWorker::Created { needs, .. } => check_needs(needs),
        FromWorker::Event { event, .. } => check_event(event),
        FromWorker::Ask { model, tracks, .. } => {
            text(model, TEXT_LEN_MAX, "text length")?;
            if tracks.len() > TRACKS_MAX { Err(ProtocolError::Limit("number of tracks")) } else { Ok(()) }
        }
        FromWorker::Refused { why: t, .. }
        | FromWorker::Log { text: t, .. }
        | FromWorker::Failed { what: t } => text(t, TEXT_LEN_MAX, "text length"),
        FromWorker::Sample { .. }
        | FromWorker::Done(_)
        | FromWorker::Denied { .. }
        | FromWorker::Dying { .. }
        | FromWorker::Destroyed { .. } => Ok(()),
    }
}

fn check_event(event: &Event) -> Result<(), ProtocolError> {
    let r = &event.rect;
    let numbers = [r.x, r.y, r.w, r.h, event.score, event.measured, event.threshold];
    if event.detail.len() > DETAIL_LEN_MAX {
        return Err(ProtocolError::Limit("detail length"));
    }
    if !numbers.iter().all(|n| n.is_finite()) || !(0.0..=1.0).contains(&event.score) {
        return Err(ProtocolError::Limit("a number of an event"));
    }
    Ok(())
}

#[cfg(test)]
#[path = "protocol_tests.rs"]
mod tests;
