//! `nvr-perceive replay | annotate | live`: analyses a file, draws what was seen, analyses cameras; `nvr` starts them, nobody
//! by hand. `nvr-perceive models`: the answers of `nvr models`.
//!
//! Promises: exit code 0 when the work was done to its end, 1 after a failure, 2 when started wrongly.
//! Leaves to others: everything else (`replay`, `annotate`, `live`, `models_cli`).

use nvr_base::annotate_protocol::ANNOTATE_ARGUMENT;
use nvr_base::media_channel::MediaChannel;
use nvr_base::perceive_protocol::{LIVE_ARGUMENT, REPLAY_ARGUMENT};
use nvr_perception::models_cli;
use std::process::ExitCode;

const USAGE: &str = "usage: nvr-perceive replay|annotate|live, with a socket as standard input: `nvr` starts it; nvr-perceive models";

#[allow(clippy::print_stderr)] // Before the parent's socket is known there is no other place.
fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    if let [first, rest @ ..] = arguments.as_slice()
        && first == models_cli::ARGUMENT
    {
        return ExitCode::from(models_cli::run(rest));
    }
    let life: Result<fn(MediaChannel) -> bool, _> = match arguments.as_slice() {
        [one] if one == REPLAY_ARGUMENT => Ok(|channel| nvr_perception::replay::run(&channel).is_ok()),
        [one] if one == LIVE_ARGUMENT => Ok(|channel| nvr_perception::live::run(channel).is_ok()),
        [one] if one == ANNOTATE_ARGUMENT => Ok(|channel| nvr_perception::annotate::run(&channel).is_ok()),
        _ => Err("one argument is expected".to_owned()),
    };
    match life.and_then(|life| Ok((life, nvr_media::sandbox::take_channel()?))) {
        Ok((life, fd)) => {
            let code = i32::from(!life(MediaChannel::from_fd(fd)));
            // Not by returning: tearing decoders down may hang.
            std::process::exit(code)
        }
        Err(why) => {
            eprintln!("nvr-perceive: {why}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}
