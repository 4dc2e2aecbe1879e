//! `nvr-media capture`: the recorder's child for V4L2 cameras. Started by `nvr serve`, not by hand.
//!
//! Promises: exit code 0 after a stop in good order, 1 after a failure, 2 when started wrongly.
//! Leaves to others: everything else (`child`).

use nvr_base::media_channel::MediaChannel;
use std::process::ExitCode;

const USAGE: &str =
    "usage: nvr-media capture, with the recorder's socket on descriptor 3; `nvr serve` starts it";

#[allow(clippy::print_stderr)] // Before the recorder's socket is known there is no other place.
fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    if arguments != ["capture"] {
        eprintln!("nvr-media: {USAGE}");
        return ExitCode::from(2);
    }
    let channel = match nvr_media::sandbox::take_channel() {
        Ok(fd) => MediaChannel::from_fd(fd),
        Err(why) => {
            eprintln!("nvr-media: {why}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let code = match nvr_media::child::run(channel) {
        Ok(()) => 0,
        Err(_) => 1,
    };
    // Not by returning: tearing libraries and mapped buffers down may hang or crash on a device that is gone.
    std::process::exit(code)
}
