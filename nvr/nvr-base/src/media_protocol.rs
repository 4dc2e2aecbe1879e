//! What the recorder and its `nvr-media` child say to each other: message types, their bytes and their limits.
//!
//! Promises: one datagram is `[version][postcard message][sample bytes]`, at most [`MESSAGE_LEN_MAX`]; a message that
//!   breaks a limit is refused by [`decode_from_child`] with the limit's name, and nothing of it is used.
//! Leaves to others: moving datagrams and memfds (`media_channel`), what a refusal costs the child (`nvr-ingest`).

use crate::format::{Codec, Format};
use crate::time::Mono;
use serde::{Deserialize, Serialize};

/// Version of this protocol: the first byte of every datagram. Parent and child are built together; another
/// version means that an update was half done.
pub const VERSION: u8 = 1;
/// Longest datagram, in bytes.
pub const MESSAGE_LEN_MAX: usize = 64 * 1024;
/// Longest sample that travels inside its datagram, in bytes; a longer one comes in a memfd.
pub const INLINE_LEN_MAX: usize = 60 * 1024;
/// Longest sample, in bytes: the recorder's limit of an access unit.
pub const SAMPLE_LEN_MAX: u32 = 8 * 1024 * 1024;
/// Longest text in a message, in bytes.
pub const TEXT_LEN_MAX: usize = 512;
/// Longest `avcC` body, in bytes.
pub const CONFIG_LEN_MAX: usize = 4096;
/// Largest width and height, in pixels.
pub const SIDE_PX_MAX: u16 = 8192;
/// Layers a sandbox report may name.
pub const LAYERS_MAX: usize = 8;

/// What the child is to capture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// Device node, best a stable one: `/dev/v4l/by-path/…`.
    pub device: String,
    /// Wanted width in pixels; 0: the device's largest up to 1920.
    pub width: u16,
    /// Wanted height in pixels; 0: the device's largest up to 1080.
    pub height: u16,
    /// Wanted frames per second; 0: 25.
    pub fps: u16,
    /// Wanted V4L2 pixel format (`MJPG`, `YUYV`, …); `None`: the best the device has.
    pub fourcc: Option<[u8; 4]>,
    /// Bit rate of the encoder, kbit/s; 0: from picture size and frame rate.
    pub kbit_s: u32,
}

/// From the recorder to the child.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToChild {
    /// The first message, once.
    Start(Start),
    /// End in good order.
    Stop,
}

/// A layer of the child's sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LayerKind {
    /// `PR_SET_NO_NEW_PRIVS`.
    NoNewPrivs,
    /// Resource limits: no core, no file, bounded memory and threads.
    Limits,
    /// A network namespace without interfaces.
    Network,
    /// Landlock: nothing but plugin libraries, the device and encoders.
    Files,
    /// seccomp: no sockets, no exec, no new processes.
    Syscalls,
}

/// Whether a layer holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum LayerState {
    /// As intended.
    Applied,
    /// Part of it, with what is missing.
    Partly(String),
    /// Not available on this machine, with the reason.
    Unavailable(String),
}

/// One layer and its state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    /// Which.
    pub kind: LayerKind,
    /// Whether it holds.
    pub state: LayerState,
}

/// Why frames are missing while the device goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LossCause {
    /// The driver marked the buffer as damaged (`V4L2_BUF_FLAG_ERROR`).
    BufferError,
    /// Numbers are missing in the buffers' sequence.
    SequenceHole,
    /// The timestamps jumped forward with no number missing.
    TimeHole,
    /// The bytes are no picture of the promised format.
    Broken,
    /// The encoder, or the recorder, did not keep up.
    Overrun,
    /// No frame has come for longer than the stall limit; sent again while it lasts.
    Stalled,
}

/// Why the child gives up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FatalCause {
    /// The device node is not there, or went away.
    Gone,
    /// Another program uses the device.
    Busy,
    /// No permission to open the device.
    Refused,
    /// Not a capture device, or no format that can be recorded.
    Unsupported,
    /// The device or its driver reported an error.
    Device,
    /// No encoder works.
    Encoder,
    /// The child itself failed.
    Internal,
}

/// From the child to the recorder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromChild {
    /// The device is open and the sandbox is up; nothing of the device's bytes was read before this.
    Hello {
        /// Every layer, applied or not.
        layers: Vec<Layer>,
        /// What is captured and how, for status: `YUYV 640x360 at 30/s, x264enc`.
        how: String,
    },
    /// What the following samples are.
    Format(Format),
    /// One access unit; its bytes follow the message, or come in a memfd.
    Sample {
        /// Capture time, by [`crate::SystemClock`]'s monotonic clock.
        pts: Mono,
        /// A decoder can start here.
        key: bool,
        /// Length of the access unit, in bytes.
        len: u32,
    },
    /// Frames are missing.
    Lost {
        /// Why.
        cause: LossCause,
        /// How many, as far as is known.
        frames: u32,
        /// The time of the last good frame, or when waiting began.
        since: Mono,
    },
    /// The last message of a child that gives up.
    Fatal {
        /// Why.
        cause: FatalCause,
        /// A sentence naming what failed and the remedy.
        what: String,
    },
}

/// Why a datagram is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// Longer than [`MESSAGE_LEN_MAX`], or empty.
    #[error("a message of {0} bytes is outside 1 to {MESSAGE_LEN_MAX}")]
    Length(usize),
    /// Another version: parent and child are not of one build.
    #[error("protocol version {0} instead of {VERSION}: install all programs of nvr from the same build")]
    Version(u8),
    /// No message of this protocol.
    #[error("not a message of this protocol: {0}")]
    Malformed(String),
    /// A value beyond its limit, or a combination that makes no sense.
    #[error("a message breaks a limit: {0}")]
    Limit(&'static str),
}

/// The bytes of `message` without a sample's data.
///
/// # Errors
/// [`ProtocolError::Length`] when it does not fit a datagram.
pub fn encode<T: Serialize>(message: &T) -> Result<Vec<u8>, ProtocolError> {
    let bytes =
        postcard::to_extend(message, vec![VERSION]).map_err(|e| ProtocolError::Malformed(e.to_string()))?;
    if bytes.len() > MESSAGE_LEN_MAX { Err(ProtocolError::Length(bytes.len())) } else { Ok(bytes) }
}

/// Splits a datagram into its message and the data behind it.
///
/// # Errors
/// What makes it no message.
pub fn decode<'a, T: Deserialize<'a>>(datagram: &'a [u8]) -> Result<(T, &'a [u8]), ProtocolError> {
    if datagram.len() > MESSAGE_LEN_MAX {
        return Err(ProtocolError::Length(datagram.len()));
    }
    match datagram.split_first() {
        None => Err(ProtocolError::Length(0)),
        Some((&VERSION, rest)) => {
            postcard::take_from_bytes(rest).map_err(|e| ProtocolError::Malformed(e.to_string()))
        }
        Some((&other, _)) => Err(ProtocolError::Version(other)),
    }
}

/// Reads a datagram from the recorder.
///
/// # Errors
/// What makes it no message.
pub fn decode_to_child(datagram: &[u8]) -> Result<ToChild, ProtocolError> {
    let (message, rest) = decode::<ToChild>(datagram)?;
    match &message {
        _ if !rest.is_empty() => Err(ProtocolError::Limit("bytes after the message")),
        ToChild::Start(start) if start.device.len() > TEXT_LEN_MAX => {
            Err(ProtocolError::Limit("device path length"))
        }
        _ => Ok(message),
    }
}

/// Reads a datagram from the child, which is not trusted: every length and combination is checked.
/// `has_memfd` says whether a descriptor came with it. Returns the message and the sample's inline bytes.
///
/// # Errors
/// What makes it no message, or which limit it breaks.
pub fn decode_from_child(datagram: &[u8], has_memfd: bool) -> Result<(FromChild, &[u8]), ProtocolError> {
    let (message, rest) = decode::<FromChild>(datagram)?;
    let is_sample = matches!(message, FromChild::Sample { .. });
    if !is_sample && (has_memfd || !rest.is_empty()) {
        return Err(ProtocolError::Limit("data beside a message that carries none"));
    }
    check(&message)?;
    if let FromChild::Sample { len, .. } = message {
        let fits = if has_memfd { rest.is_empty() } else { rest.len() == len as usize };
        if !fits {
            return Err(ProtocolError::Limit("sample length and data disagree"));
        }
    }
    Ok((message, rest))
}

fn check(message: &FromChild) -> Result<(), ProtocolError> {
    let text =
        |t: &str| if t.len() > TEXT_LEN_MAX { Err(ProtocolError::Limit("text length")) } else { Ok(()) };
    match message {
        FromChild::Hello { layers, how } => {
            if layers.len() > LAYERS_MAX {
                return Err(ProtocolError::Limit("number of sandbox layers"));
            }
            for layer in layers {
                if let LayerState::Partly(why) | LayerState::Unavailable(why) = &layer.state {
                    text(why)?;
                }
            }
            text(how)
        }
        FromChild::Format(format) => check_format(format),
        FromChild::Sample { len, .. } if *len == 0 || *len > SAMPLE_LEN_MAX => {
            Err(ProtocolError::Limit("sample length"))
        }
        FromChild::Sample { .. } | FromChild::Lost { .. } => Ok(()),
        FromChild::Fatal { what, .. } => text(what),
    }
}

fn check_format(format: &Format) -> Result<(), ProtocolError> {
    let video = &format.video;
    if format.audio.is_some() {
        return Err(ProtocolError::Limit("sound from a capture child"));
    }
    if video.width == 0 || video.height == 0 || video.width > SIDE_PX_MAX || video.height > SIDE_PX_MAX {
        return Err(ProtocolError::Limit("picture size"));
    }
    // An avcC body is version 1 and has at least seven bytes (ISO/IEC 14496-15 §5.3.3.1.2).
    match video.codec {
        Codec::Mjpeg if video.config.is_empty() => Ok(()),
        Codec::H264
            if video.config.len() >= 7
                && video.config.len() <= CONFIG_LEN_MAX
                && video.config.first() == Some(&1) =>
        {
            Ok(())
        }
        Codec::Mjpeg | Codec::H264 => Err(ProtocolError::Limit("codec parameters")),
        Codec::H265 | Codec::Aac | Codec::Ulaw | Codec::Alaw => Err(ProtocolError::Limit("codec")),
    }
}

/// `text` cut to [`TEXT_LEN_MAX`] bytes at a character's end, without control characters.
pub fn bounded_text(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars().map(|c| if c.is_control() { ' ' } else { c }) {
        if out.len() + c.len_utf8() > TEXT_LEN_MAX {
            break;
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
#[path = "media_protocol_tests.rs"]
mod tests;
