//! Raw pictures through the real encoders, in the open and behind the sandbox.
//!
//! Promises: synthetic pictures only; the sandboxed part runs in a process of its own.
//! Leaves to others: real devices (`tests/vm`).
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, missing_docs)] // A test fails by panicking.

use gstreamer as gst;
use nvr_base::media_channel::{ChannelError, MediaChannel};
use nvr_base::media_protocol::{FromChild, LayerKind, LayerState, MESSAGE_LEN_MAX};
use nvr_base::{Codec, Format, Mono};
use nvr_media::choice::{Choice, Path};
use nvr_media::device::Setting;
use nvr_media::encoder::{Candidate, Encoder, candidates, device_nodes};
use std::sync::Arc;

const FPS: u32 = 10;
const FRAMES: u32 = 45;
/// Pictures of which a key frame is asked.
const ASKED: [u32; 2] = [7, 33];
/// A machine that has been up for a month.
const START_US: u64 = 30 * 86_400_000_000;

fn setting(fourcc: &[u8; 4], width: u32, height: u32, stride: u32, size: u32) -> Setting {
    let choice = Choice { fourcc: *fourcc, path: Path::Raw, width, height, fps: FPS };
    Setting { choice, stride, size }
}

type Pair = (MediaChannel, std::os::fd::OwnedFd);

fn pair() -> Pair {
    MediaChannel::pair().unwrap()
}

/// Encodes [`FRAMES`] pictures and gives what the recorder would get.
fn encode(candidates: &[Candidate], setting: &Setting, (ours, theirs): Pair) -> Vec<(FromChild, Vec<u8>)> {
    let mut encoder =
        Encoder::start(candidates, setting, 0, &Arc::new(MediaChannel::from_fd(theirs))).unwrap();
    let mut got = Vec::new();
    let mut message = vec![0; MESSAGE_LEN_MAX];
    let mut drain = |got: &mut Vec<_>| {
        loop {
            match ours.receive_from_child(&mut message) {
                Ok(one) => got.push(one),
                Err(ChannelError::WouldBlock | ChannelError::Closed) => return,
                Err(error) => panic!("{error}"),
            }
        }
    };
    for i in 0..FRAMES {
        let picture = vec![(i * 5) as u8; setting.size as usize];
        let time = Mono(START_US + u64::from(i) * 1_000_000 / u64::from(FPS));
        // The queue takes a few at a time; a device would lose frames here, this one waits.
        while !encoder.push(&picture, time, ASKED.contains(&i)).unwrap() {
            std::thread::yield_now();
            drain(&mut got);
        }
        drain(&mut got);
    }
    encoder.finish();
    drain(&mut got);
    got
}

fn check(candidates: &[Candidate], setting: &Setting, pair: Pair) {
    let name = candidates[0].name();
    let got = encode(candidates, setting, pair);
    let FromChild::Format(Format { video, audio: None }) = &got[0].0 else {
        panic!("{name}: {:?}", got[0].0)
    };
    assert_eq!((video.codec, video.reorder_depth), (Codec::H264, 0), "{name}");
    assert_eq!(
        (u32::from(video.width), u32::from(video.height)),
        (setting.choice.width, setting.choice.height)
    );
    assert!(video.config.len() > 10, "{name}: {:?}", video.config);
    // Baseline, main or high: 4:2:0 whatever the camera sent (H.264 §A.2).
    assert!(matches!(video.config[1], 66 | 77 | 100), "{name}: profile {}", video.config[1]);
    let mut times = Vec::new();
    let mut keys = Vec::new();
    for (message, data) in &got[1..] {
        let FromChild::Sample { pts, key, len } = message else { panic!("{name}: {message:?}") };
        assert_eq!(*len as usize, data.len());
        // Length-prefixed units that fill the sample exactly.
        let mut rest = &data[..];
        while let Some((length, after)) = rest.split_first_chunk::<4>() {
            rest = &after[u32::from_be_bytes(*length) as usize..];
        }
        assert!(rest.is_empty());
        times.push((pts.0 - START_US) / 1000);
        if *key {
            keys.push((pts.0 - START_US) / 1000);
        }
    }
    let expected: Vec<u64> = (0..u64::from(FRAMES)).map(|i| i * 100).collect();
    assert_eq!(times, expected, "{name}: every picture, in order, at its capture time");
    for due in [0, 700, 2700, 3300] {
        assert!(keys.contains(&due), "{name}: no key frame at {due} ms: {keys:?}");
    }
}

fn each() -> Vec<Vec<Candidate>> {
    gst::init().unwrap();
    let all = candidates();
    assert!(!all.is_empty(), "no H.264 encoder: install gstreamer1.0-plugins-ugly and -bad");
    all.into_iter().map(|candidate| vec![candidate]).collect()
}

#[test]
fn every_encoder_keeps_times_and_key_frames() {
    for candidate in each() {
        check(&candidate, &setting(b"YUYV", 320, 180, 640, 640 * 180), pair());
    }
}

#[test]
fn every_raw_format_with_padded_rows() {
    for (fourcc, stride, size) in [
        (b"NV12", 352, 352 * 180 * 3 / 2),
        (b"NV21", 320, 320 * 180 * 3 / 2),
        (b"YU12", 352, 352 * 180 * 3 / 2),
        (b"YV12", 320, 320 * 180 * 3 / 2),
        (b"YUYV", 704, 704 * 180),
        (b"UYVY", 640, 640 * 180),
        (b"YVYU", 640, 640 * 180),
        (b"GREY", 320, 320 * 180),
        (b"RGB3", 1024, 1024 * 180),
        (b"BGR3", 960, 960 * 180),
    ] {
        let candidates: Vec<_> = each().into_iter().flatten().collect();
        check(&candidates, &setting(fourcc, 320, 180, stride, size), pair());
    }
}

const INNER: &str = "NVR_TEST_INSIDE";

/// Runs in the process that `the_sandbox_holds_and_encoders_work_in_it` starts; does nothing otherwise.
#[test]
fn inside() {
    if std::env::var_os(INNER).is_none() {
        return;
    }
    let each = each();
    let all: Vec<_> = each.iter().flatten().cloned().collect();
    let pairs: Vec<_> = each.iter().map(|_| pair()).collect();
    let layers = nvr_media::sandbox::enter(&device_nodes(&all));
    let state = |kind| layers.iter().find(|layer| layer.kind == kind).map(|layer| layer.state.clone());
    assert_eq!(state(LayerKind::NoNewPrivs), Some(LayerState::Applied));
    assert_eq!(state(LayerKind::Limits), Some(LayerState::Applied));
    assert_eq!(state(LayerKind::Syscalls), Some(LayerState::Applied));
    assert_eq!(layers.len(), 5, "every layer is named: {layers:?}");

    assert!(
        std::net::TcpStream::connect("127.0.0.1:1").is_err_and(|e| e.raw_os_error() == Some(1)),
        "a socket"
    );
    assert!(
        std::os::unix::net::UnixStream::connect("/run/x").is_err_and(|e| e.raw_os_error() == Some(1)),
        "a local socket"
    );
    assert!(std::process::Command::new("/bin/true").status().is_err(), "a new process");
    if !matches!(state(LayerKind::Files), Some(LayerState::Unavailable(_))) {
        assert!(std::fs::read("/etc/passwd").is_err(), "a file that is none of its business");
        assert!(std::fs::write("/tmp/nvr-media-escape", "x").is_err(), "a file written");
    }
    for (candidate, pair) in each.iter().zip(pairs) {
        check(candidate, &setting(b"YUYV", 320, 180, 640, 640 * 180), pair);
    }
    println!("layers: {layers:?}\nheld");
}

#[test]
fn the_sandbox_holds_and_encoders_work_in_it() {
    let me = std::env::current_exe().unwrap();
    let out = std::process::Command::new(me)
        .args(["--exact", "inside", "--nocapture", "--test-threads=1"])
        .env(INNER, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&out.stdout);
    assert!(
        out.status.success() && text.contains("held"),
        "{text}\n{}",
        String::from_utf8_lossy(&out.stderr)
    );
}
