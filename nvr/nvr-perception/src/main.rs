//! `nvr-perceive replay`: analyses a file for `nvr replay`, which starts it; `annotate` draws what it saw; neither is
//! started by hand.
//!
//! Promises: exit code 0 when the work was done to its end, 1 after a failure, 2 when started wrongly.
//! Leaves to others: everything else (`replay`, `annotate`).

use nvr_base::annotate_protocol::ANNOTATE_ARGUMENT;
use nvr_base::media_channel::MediaChannel;
use nvr_base::perceive_protocol::REPLAY_ARGUMENT;
use std::process::ExitCode;

const USAGE: &str =
    "usage: nvr-perceive replay|annotate, with a socket on descriptor 3; `nvr replay` starts it";

#[allow(clippy::print_stderr)] // Before the parent's socket is known there is no other place.
fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let life: Result<fn(&MediaChannel) -> bool, _> = match arguments.as_slice() {
        [one] if one == REPLAY_ARGUMENT => Ok(|channel| nvr_perception::replay::run(channel).is_ok()),
        [one] if one == ANNOTATE_ARGUMENT => Ok(|channel| nvr_perception::annotate::run(channel).is_ok()),
        _ => Err("one argument is expected".to_owned()),
    };
    match life.and_then(|life| Ok((life, nvr_media::sandbox::take_channel()?))) {
        Ok((life, fd)) => {
            let code = i32::from(!life(&MediaChannel::from_fd(fd)));
            // Not by returning: tearing decoders down may hang.
            std::process::exit(code)
        }
        Err(why) => {
            eprintln!("nvr-perceive: {why}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}
