//! The real binary, started as the recorder starts it, on what is no camera.
//!
//! Promises: every way of starting it wrongly gives a typed end and a sentence.
//! Leaves to others: real devices (`tests/vm`).
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, missing_docs)] // A test fails by panicking.

use nvr_base::media_channel::{ChannelError, MediaChannel};
use nvr_base::media_protocol::{FatalCause, FromChild, MESSAGE_LEN_MAX, Start, ToChild};
use rustix::event::{PollFd, PollFlags, poll};
use std::process::{Child, Command};

fn spawn() -> (MediaChannel, Child) {
    let (ours, theirs) = MediaChannel::pair().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_nvr-media"));
    command.arg("capture").stdin(theirs);
    (ours, command.spawn().unwrap())
}

fn receive(channel: &MediaChannel) -> Result<FromChild, ChannelError> {
    poll(&mut [PollFd::new(channel, PollFlags::IN)], None).unwrap();
    channel.receive_from_child(&mut vec![0; MESSAGE_LEN_MAX]).map(|(message, _)| message)
}

/// Sends `orders` and expects one `Fatal` of `cause` with `word` in its sentence, and exit code 1.
fn check(orders: &[ToChild], cause: FatalCause, word: &str) {
    let (channel, mut child) = spawn();
    for order in orders {
        channel.send(order).unwrap();
    }
    let message = receive(&channel).unwrap();
    let FromChild::Fatal { cause: got, what } = &message else { panic!("{message:?}") };
    assert_eq!(*got, cause, "{what}");
    assert!(what.contains(word), "{what}");
    assert!(matches!(receive(&channel), Err(ChannelError::Closed)));
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

fn start(device: &str) -> ToChild {
    ToChild::Start(Start { device: device.into(), width: 0, height: 0, fps: 0, fourcc: None, kbit_s: 0 })
}

#[test]
fn what_is_no_camera_is_named() {
    check(&[start("/dev/v4l/by-path/nowhere")], FatalCause::Gone, "plug the camera in");
    check(&[start("/dev/null")], FatalCause::Unsupported, "/dev/null: the device offers no");
    let ToChild::Start(order) = start("/dev/null") else { unreachable!() };
    let hevc = ToChild::Start(Start { fourcc: Some(*b"HEVC"), ..order });
    check(&[hevc], FatalCause::Unsupported, "HEVC from a device is not recorded");
    check(&[start("a\0b")], FatalCause::Unsupported, "zero byte");
    check(&[ToChild::Stop], FatalCause::Internal, "stopped before");
}

/// The signals a process ignores, as a mask (proc(5), `SigIgn`).
fn ignored(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
    u64::from_str_radix(mask.trim(), 16).unwrap()
}

#[test]
fn a_service_that_is_stopped_does_not_take_it_along() {
    let (channel, mut child) = spawn();
    let term = 1 << (rustix::process::Signal::TERM.as_raw() - 1);
    while ignored(child.id()) & term == 0 {
        std::thread::yield_now();
    }
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::TERM)
        .unwrap();
    channel.send(&start("/dev/null")).unwrap();
    assert!(matches!(receive(&channel), Ok(FromChild::Fatal { .. })));
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

#[test]
fn a_recorder_that_goes_away_ends_it() {
    let (channel, mut child) = spawn();
    drop(channel);
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

#[test]
fn a_person_who_starts_it_is_told() {
    for arguments in [&["capture"][..], &[], &["play"]] {
        let out = Command::new(env!("CARGO_BIN_EXE_nvr-media")).args(arguments).output().unwrap();
        assert_eq!(out.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&out.stderr).contains("nvr serve"), "{arguments:?}");
    }
}
