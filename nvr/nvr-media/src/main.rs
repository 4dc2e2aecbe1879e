//! `nvr-media capture`: the recorder's child for V4L2 cameras, started by `nvr serve`.
//! `nvr-media still`: decodes one key frame, started by `nvr picture`. Neither is started by hand.
//!
//! Promises: exit code 0 after a stop in good order, 1 after a failure, 2 when started wrongly.
//! Leaves to others: everything else (`child`, `still`).

use nvr_base::media_channel::MediaChannel;
use nvr_base::still_protocol;
use std::process::ExitCode;

const USAGE: &str =
    "usage: nvr-media capture|still, with a socket as standard input; `nvr serve` and `nvr picture` start it";

#[allow(clippy::print_stderr)] // Before the recorder's socket is known there is no other place.
fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let run = match arguments.as_slice() {
        [one] if one == "capture" => nvr_media::child::run,
        [one] if one == still_protocol::ARGUMENT => nvr_media::still::run,
        _ => {
            eprintln!("nvr-media: {USAGE}");
            return ExitCode::from(2);
        }
    };
    let channel = match nvr_media::sandbox::take_channel() {
        Ok(fd) => MediaChannel::from_fd(fd),
        Err(why) => {
            eprintln!("nvr-media: {why}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let code = match run(channel) {
        Ok(()) => 0,
        Err(_) => 1,
    };
    // Not by returning: tearing libraries and mapped buffers down may hang or crash on a device that is gone.
    std::process::exit(code)
}
