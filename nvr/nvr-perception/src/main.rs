//! `nvr-perceive replay`: analyses a file for `nvr replay`, which starts it; never started by hand.
//! `nvr-perceive models`: the answers of `nvr models`, which starts it.
//!
//! Promises: exit code 0 when the file was analysed to its end, 1 after a failure, 2 when started wrongly.
//! Leaves to others: everything else (`replay`).

use nvr_base::media_channel::MediaChannel;
use nvr_base::perceive_protocol::REPLAY_ARGUMENT;
use nvr_perception::models_cli;
use std::process::ExitCode;

const USAGE: &str = "usage: nvr-perceive replay, with a socket on descriptor 3; `nvr replay` starts it";

#[allow(clippy::print_stderr)] // Before the parent's socket is known there is no other place.
fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    if let [first, rest @ ..] = arguments.as_slice()
        && first == models_cli::ARGUMENT
    {
        return ExitCode::from(models_cli::run(rest));
    }
    let channel = match arguments.as_slice() {
        [one] if one == REPLAY_ARGUMENT => nvr_media::sandbox::take_channel(),
        _ => Err("one argument is expected".to_owned()),
    };
    match channel {
        Ok(fd) => {
            let code = i32::from(nvr_perception::replay::run(&MediaChannel::from_fd(fd)).is_err());
            // Not by returning: tearing decoders down may hang.
            std::process::exit(code)
        }
        Err(why) => {
            eprintln!("nvr-perceive: {why}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}
