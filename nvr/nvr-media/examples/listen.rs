//! Plays the recorder for one `nvr-media capture` child: prints what it says, one line a message.
//! `listen NVR-MEDIA DEVICE [WIDTH HEIGHT FPS [FOURCC]]`
//!
//! Promises: the real child on a real device, without a recorder; for the test machine and the technician.
//! Leaves to others: recording (`nvr serve`).
#![allow(clippy::print_stdout, clippy::unwrap_used)] // A tool for people: it prints, and ends at the first fault.

use nvr_base::media_channel::{ChannelError, MediaChannel};
use nvr_base::media_protocol::{MESSAGE_LEN_MAX, Start, ToChild};
use rustix::event::{PollFd, PollFlags, poll};
use std::process::Command;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [program, device, rest @ ..] = &arguments[..] else {
        println!("usage: listen NVR-MEDIA DEVICE [WIDTH HEIGHT FPS [FOURCC]]");
        return;
    };
    let number = |i: usize| rest.get(i).and_then(|text| text.parse().ok()).unwrap_or(0);
    let fourcc = rest.get(3).and_then(|text| text.as_bytes().try_into().ok());
    let (ours, theirs) = MediaChannel::pair().unwrap();
    let mut command = Command::new(program);
    command.arg("capture").stdin(theirs);
    let mut child = command.spawn().unwrap();
    drop(command);
    let start = Start {
        device: device.clone(),
        width: number(0),
        height: number(1),
        fps: number(2),
        fourcc,
        kbit_s: 0,
    };
    ours.send(&ToChild::Start(start)).unwrap();
    let mut buffer = vec![0; MESSAGE_LEN_MAX];
    loop {
        poll(&mut [PollFd::new(&ours, PollFlags::IN)], None).unwrap();
        match ours.receive_from_child(&mut buffer) {
            Ok((message, _)) => println!("{message:?}"),
            Err(ChannelError::WouldBlock) => {}
            Err(error) => {
                println!("end: {error}; exit {:?}", child.wait().unwrap());
                return;
            }
        }
    }
}
