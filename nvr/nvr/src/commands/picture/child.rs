//! One `nvr-media still` process: started, given a key frame, listened to, killed when late, reaped.
//!
//! Promises: an answer or a sentence within [`ANSWER_WAIT_MAX`]; no process is left behind; whatever the child sends
//!   is checked before it is used.
//! Leaves to others: decoding and its sandbox (`nvr-media`), the messages' limits (`nvr_base`).

use crate::child::Sibling;
use crate::terminal::complain;
use anyhow::bail;
use nvr_base::media_channel::{ChannelError, MediaChannel};
use nvr_base::media_protocol::{FromChild, LayerState, MESSAGE_LEN_MAX};
use nvr_base::still_protocol::{ARGUMENT, DECODE_WAIT_MAX, send_order};
use nvr_base::text::{Arg, text};
use nvr_base::{Codec, VideoFormat};
use nvr_ingest::v4l2::{CHILD_VARIABLE, child_program};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

/// Longest time for everything: starting on a busy machine, decoding, and the answer.
const ANSWER_WAIT_MAX: Duration = DECODE_WAIT_MAX.saturating_mul(3);
/// Messages of one answer.
const MESSAGES_MAX: usize = 3;

/// The JPEG of a key frame.
///
/// # Errors
/// The child cannot be started, is late, crashed, broke the protocol, or says why there is no picture.
pub(super) fn decode(format: &VideoFormat, data: &[u8]) -> anyhow::Result<Vec<u8>> {
    decode_by(&child_program(), format, data, ANSWER_WAIT_MAX)
}

fn decode_by(program: &Path, format: &VideoFormat, data: &[u8], wait: Duration) -> anyhow::Result<Vec<u8>> {
    let deadline = Instant::now() + wait;
    let (mut child, ours) = Sibling::start(program, CHILD_VARIABLE, ARGUMENT)?;
    let answer = send_order(&ours, format, data).and_then(|()| hear(&ours, deadline));
    match answer {
        Ok(Heard::Picture(jpeg)) => Ok(jpeg),
        Ok(Heard::Refused(why)) => bail!(why),
        Err(ChannelError::WouldBlock) => bail!(
            "nvr-media took longer than {} s and was stopped; choose another moment, or try again when the box is less busy",
            wait.as_secs()
        ),
        Err(ChannelError::Closed) => bail!(ended(program, child.wait()?)),
        Err(error) => bail!("nvr-media breaks the protocol: {error}; install the same build as nvr"),
    }
}

/// What is said of a child that ended without an answer.
fn ended(program: &Path, status: ExitStatus) -> String {
    match status.signal() {
        Some(_) => {
            format!("the decoder crashed on this key frame ({status}); choose another moment")
        }
        None => {
            format!("{} ended without a word ({status}); install the same build as nvr", program.display())
        }
    }
}

/// What the child answered.
enum Heard {
    Picture(Vec<u8>),
    Refused(String),
}

fn hear(channel: &MediaChannel, deadline: Instant) -> Result<Heard, ChannelError> {
    let mut buffer = vec![0; MESSAGE_LEN_MAX];
    let (mut confined, mut is_jpeg) = (false, false);
    for _ in 0..MESSAGES_MAX {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = Timespec { tv_sec: left.as_secs().cast_signed(), tv_nsec: left.subsec_nanos().into() };
        match poll(&mut [PollFd::new(channel, PollFlags::IN)], Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(source) => return Err(ChannelError::Io { what: "wait for nvr-media", source }),
        }
        match channel.receive_from_child(&mut buffer)? {
            (FromChild::Hello { layers, .. }, _) => {
                confined = true;
                for layer in layers {
                    if let LayerState::Unavailable(why) = layer.state {
                        let layer = format!("{:?}: {why}", layer.kind);
                        complain(&text("picture-sandbox", &[("layer", Arg::from(layer))]));
                    }
                }
            }
            (FromChild::Format(format), _) => is_jpeg = format.video.codec == Codec::Mjpeg,
            (FromChild::Sample { .. }, jpeg) if confined && is_jpeg => return Ok(Heard::Picture(jpeg)),
            (FromChild::Fatal { what, .. }, _) => return Ok(Heard::Refused(what)),
            (FromChild::Sample { .. } | FromChild::Lost { .. }, _) => break,
        }
    }
    Ok(Heard::Refused("nvr-media's answer is no picture; install the same build as nvr".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `program` is not nvr-media; what is said about it.
    fn check(program: &str, wait: Duration, expected: &str) {
        let format =
            VideoFormat { codec: Codec::H264, width: 8, height: 8, config: vec![1; 9], reorder_depth: 0 };
        let error = format!("{:#}", decode_by(Path::new(program), &format, &[0; 9], wait).unwrap_err());
        assert!(error.contains(expected), "{program}: {error}");
    }

    #[test]
    fn children_that_fail() {
        check("/nowhere/nvr-media", ANSWER_WAIT_MAX, "install it beside nvr, or set NVR_MEDIA");
        check("/bin/true", ANSWER_WAIT_MAX, "ended without a word (");
        check("/usr/bin/yes", Duration::ZERO, "took longer than 0 s");
        let crashed = ended(Path::new("x"), ExitStatus::from_raw(11));
        assert!(crashed.contains("crashed on this key frame (signal: 11 (SIGSEGV))"), "{crashed}");
    }
}
