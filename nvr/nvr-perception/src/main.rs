//! `nvr-perceive replay` analyses a file for `nvr replay`, `nvr-perceive live` cameras for `nvr serve`; they start it, never
//! anybody by hand.
//!
//! Promises: exit code 0 when the file was analysed to its end, or the recorder closed its end; 1 after a failure, 2 when
//!   started wrongly.
//! Leaves to others: everything else (`replay`, `live`).

use nvr_base::media_channel::MediaChannel;
use nvr_base::perceive_protocol::{LIVE_ARGUMENT, REPLAY_ARGUMENT};
use std::process::ExitCode;

const USAGE: &str =
    "usage: nvr-perceive replay|live, with a socket on descriptor 3; `nvr replay` and `nvr serve` start it";

#[allow(clippy::print_stderr)] // Before the parent's socket is known there is no other place.
fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let channel = match arguments.as_slice() {
        [one] if one == REPLAY_ARGUMENT || one == LIVE_ARGUMENT => nvr_media::sandbox::take_channel(),
        _ => Err("one argument is expected".to_owned()),
    };
    match channel {
        Ok(fd) => {
            let channel = MediaChannel::from_fd(fd);
            let failed = match arguments.first().is_some_and(|one| one == LIVE_ARGUMENT) {
                true => nvr_perception::live::run(channel).is_err(),
                false => nvr_perception::replay::run(&channel).is_err(),
            };
            let code = i32::from(failed);
            // Not by returning: tearing decoders down may hang.
            std::process::exit(code)
        }
        Err(why) => {
            eprintln!("nvr-perceive: {why}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}
