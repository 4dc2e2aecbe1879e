//! What the child that draws overlays is told and what it answers.
//!
//! ```text
//! ──Make──▶ ──Clip, Overlays, Output, a descriptor beside each──▶   Hello, Drawn …, End or Fatal
//! ```
//!
//! Promises: the child is given open descriptors, never a path; a message that breaks a limit is an error that names it.
//! Leaves to others: the overlays (`overlay`), drawing (`nvr-perception`), the files' names (`nvr replay`).

use crate::media_channel::{ChannelError, MediaChannel};
use crate::media_protocol::{LAYERS_MAX, Layer, MESSAGE_LEN_MAX, ProtocolError, TEXT_LEN_MAX, decode};
use serde::{Deserialize, Serialize};
use std::os::fd::OwnedFd;

/// Argument that makes `nvr-perceive` draw.
pub const ANNOTATE_ARGUMENT: &str = "annotate";

/// What is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Make {
    /// An MP4 file with every frame.
    Film,
    /// A PNG file of the frame that is shown at this media time, µs.
    Picture {
        /// When.
        at_us: i64,
    },
}

/// To the child, once each and in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToAnnotate {
    /// What is made.
    Make(Make),
    /// The film comes beside this.
    Clip,
    /// The overlay file comes beside this.
    Overlays,
    /// The file to write comes beside this.
    Output,
}

/// From the child.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromAnnotate {
    /// Loaded and sandboxed; bytes of the film are read from now on.
    Hello {
        /// Every layer of the sandbox.
        layers: Vec<Layer>,
        /// GStreamer's name of the encoder.
        encoder: String,
    },
    /// Frames drawn so far; said about once a second.
    Drawn {
        /// How many.
        frames: u64,
    },
    /// The file is whole.
    End {
        /// Frames in it.
        frames: u64,
        /// Media time of the last, µs.
        at_us: i64,
    },
    /// There is no more, and why.
    Fatal {
        /// A sentence with the remedy.
        what: String,
    },
}

/// Takes one message of the parent, without waiting, and what came beside it; `buffer` has at least
/// [`MESSAGE_LEN_MAX`] bytes.
///
/// # Errors
/// As [`MediaChannel::receive`]; a descriptor is missing, or too many.
pub fn receive_to_annotate(
    channel: &MediaChannel,
    buffer: &mut [u8],
) -> Result<(ToAnnotate, Option<OwnedFd>), ChannelError> {
    let (len, fd) = channel.receive(buffer)?;
    let (message, rest): (ToAnnotate, _) = decode(buffer.get(..len).unwrap_or_default())?;
    let wants_fd = !matches!(message, ToAnnotate::Make(_));
    limit(rest.is_empty() && fd.is_some() == wants_fd, "descriptor beside a message")?;
    Ok((message, fd))
}

/// Takes one message of the child, without waiting.
///
/// # Errors
/// As [`MediaChannel::receive`]; the message breaks a limit.
pub fn receive_from_annotate(
    channel: &MediaChannel,
    buffer: &mut [u8],
) -> Result<FromAnnotate, ChannelError> {
    debug_assert!(buffer.len() >= MESSAGE_LEN_MAX);
    let (len, fd) = channel.receive(buffer)?;
    let (message, rest) = decode(buffer.get(..len).unwrap_or_default())?;
    limit(rest.is_empty() && fd.is_none(), "data beside a message that carries none")?;
    match &message {
        FromAnnotate::Hello { layers, encoder } => {
            limit(layers.len() <= LAYERS_MAX, "number of sandbox layers")?;
            limit(encoder.len() <= TEXT_LEN_MAX, "text length")?;
        }
        FromAnnotate::Fatal { what } => limit(what.len() <= TEXT_LEN_MAX, "text length")?,
        FromAnnotate::Drawn { .. } | FromAnnotate::End { .. } => {}
    }
    Ok(message)
}

fn limit(holds: bool, what: &'static str) -> Result<(), ProtocolError> {
    if holds { Ok(()) } else { Err(ProtocolError::Limit(what)) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on what it did not expect")]

    use super::*;
    use std::fs::File;
    use std::os::fd::AsFd;

    fn check(message: ToAnnotate, beside: bool, good: bool) {
        let (ours, theirs) = MediaChannel::pair().unwrap();
        let file = File::open("/dev/null").unwrap();
        if beside { ours.send_beside(&message, file.as_fd()) } else { ours.send(&message) }.unwrap();
        let got = receive_to_annotate(&MediaChannel::from_fd(theirs), &mut vec![0; MESSAGE_LEN_MAX]);
        assert_eq!(got.is_ok_and(|(got, fd)| got == message && fd.is_some() == beside), good, "{message:?}");
    }

    #[test]
    fn files_come_beside_their_messages() {
        check(ToAnnotate::Make(Make::Film), false, true);
        check(ToAnnotate::Make(Make::Picture { at_us: 5 }), true, false);
        for message in [ToAnnotate::Clip, ToAnnotate::Overlays, ToAnnotate::Output] {
            check(message, true, true);
            check(message, false, false);
        }
    }

    #[test]
    fn a_long_word_of_the_child_is_refused() {
        let (ours, theirs) = MediaChannel::pair().unwrap();
        let said = |what: String| {
            ours.send(&FromAnnotate::Fatal { what }).unwrap();
        };
        let theirs = MediaChannel::from_fd(theirs);
        let buffer = &mut vec![0; MESSAGE_LEN_MAX];
        said("x".repeat(TEXT_LEN_MAX));
        assert!(receive_from_annotate(&theirs, buffer).is_ok());
        said("x".repeat(TEXT_LEN_MAX + 1));
        assert!(receive_from_annotate(&theirs, buffer).is_err());
    }
}
