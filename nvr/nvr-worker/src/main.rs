//! `nvr-worker`: started by the plugin host with a socket as standard input, never by hand.
//!
//! Promises: exit code 0 after a stop in good order, 1 after a failure, 2 when started wrongly.
//! Leaves to others: everything else (`child`).

use std::process::ExitCode;

#[allow(clippy::print_stderr)] // Before the host's socket is known there is no other place.
fn main() -> ExitCode {
    let channel = match nvr_worker::sandbox::take_channel() {
        Ok(fd) => nvr_plugins::channel::Channel::from_fd(fd),
        Err(why) => {
            eprintln!("nvr-worker: {why}");
            return ExitCode::from(2);
        }
    };
    let code = i32::from(nvr_worker::child::run(channel).is_err());
    // Not by returning: destructors of the plugin's libraries are no part of a good end.
    nvr_worker::sandbox::exit_now(code)
}
