//! The annotating child as a process: a film and overlays in, a film or a picture out.
//!
//! Promises: every frame and its time is compared, and where colour must be and where not.
//! Leaves to others: what is drawn in detail (`annotate/draw_tests.rs`), names of files (`nvr replay`).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)] // A test fails by panicking.

use nvr_base::annotate_protocol::{ANNOTATE_ARGUMENT, FromAnnotate, Make, ToAnnotate, receive_from_annotate};
use nvr_base::media_channel::{ChannelError, MediaChannel};
use nvr_base::media_protocol::MESSAGE_LEN_MAX;
use nvr_base::overlay::{Flag, Head, Mark, Overlay, OverlayWriter, Shape};
use nvr_base::{Label, Rect, TrackId};
use nvr_media::frames::{Frame, FrameReader};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::fs::File;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Longest wait for a message of the child.
const WAIT: Timespec = Timespec { tv_sec: 60, tv_nsec: 0 };

/// A grey film of 20 frames in 2 s, of `size`.
fn film(folder: &Path, size: &str) -> PathBuf {
    let path = folder.join("film.mp4");
    let done = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-y", "-f", "lavfi", "-i"])
        .arg(format!("color=gray:size={size}:rate=10"))
        .args(["-frames:v", "20", "-c:v", "libx264", "-bf", "2", "-pix_fmt", "yuv420p"])
        .arg(&path)
        .status()
        .expect("ffmpeg, of Debian's package ffmpeg");
    assert!(done.success());
    path
}

/// A person at the left in the first second, an alert at the right in the next.
fn overlays() -> Vec<u8> {
    let head = Head {
        shapes: vec![Shape { name: "quay".into(), ..Shape::default() }],
        masks: vec![],
        weather: None,
    };
    let mut writer = OverlayWriter::new(Vec::new(), &head).unwrap();
    let (left, right) = (Rect { x: 0.1, y: 0.3, w: 0.3, h: 0.5 }, Rect { x: 0.6, y: 0.3, w: 0.3, h: 0.5 });
    let mark = Mark { id: TrackId(1), label: Label::PERSON, score: 0.9, rect: left, observed: true };
    writer.add(&Overlay { at_us: 0, marks: vec![mark], ..Overlay::default() }).unwrap();
    let flag = Flag { rule: 0, rect: right, text: "quay: zone-entry".into() };
    writer.add(&Overlay { at_us: 1_000_000, flags: vec![flag], ..Overlay::default() }).unwrap();
    writer.finish().unwrap()
}

/// Runs the child; its last message.
fn run(make: Make, clip: &Path, overlays: &[u8], out: &Path) -> FromAnnotate {
    let kept = out.with_extension("overlays");
    std::fs::write(&kept, overlays).unwrap();
    let (ours, theirs) = MediaChannel::pair().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_nvr-perceive"));
    command.arg(ANNOTATE_ARGUMENT).env("GST_REGISTRY_DISABLE", "yes");
    command.stdin(theirs).stdout(Stdio::null());
    let mut child = command.spawn().unwrap();
    drop(command);
    ours.send(&ToAnnotate::Make(make)).unwrap();
    for (message, file) in [
        (ToAnnotate::Clip, File::open(clip).unwrap()),
        (ToAnnotate::Overlays, File::open(&kept).unwrap()),
        (ToAnnotate::Output, File::create(out).unwrap()),
    ] {
        ours.send_beside(&message, file.as_fd()).unwrap();
    }
    let mut last = None;
    let buffer = &mut vec![0; MESSAGE_LEN_MAX];
    loop {
        assert_ne!(
            poll(&mut [PollFd::new(&ours, PollFlags::IN)], Some(&WAIT)),
            Ok(0),
            "silence after {last:?}"
        );
        match receive_from_annotate(&ours, buffer) {
            Ok(message) => last = Some(message),
            Err(ChannelError::Closed) => break,
            Err(ChannelError::WouldBlock) => {}
            Err(error) => panic!("{error}"),
        }
    }
    let status = child.wait().unwrap();
    let last = last.expect("a last word");
    assert_eq!(status.success(), matches!(last, FromAnnotate::End { .. }), "{status}, {last:?}");
    last
}

fn frames(path: &Path) -> Vec<Frame> {
    let mut reader = FrameReader::new(File::open(path).unwrap().into()).unwrap();
    std::iter::from_fn(|| reader.next_frame().unwrap()).collect()
}

/// Mean chroma (blue, red) along the left edge of a box at `x`, in pictures.
fn edge(frame: &Frame, x: f32) -> (i32, i32) {
    let (width, height) = (frame.width.div_ceil(2), frame.height.div_ceil(2));
    let column = (x * width as f32).round() as usize;
    let rows = height * 2 / 5..height * 3 / 5;
    let mean = |plane: &[u8]| {
        let sum: usize = rows.clone().map(|y| usize::from(plane[y * width + column])).sum();
        (sum / rows.len()) as i32
    };
    (mean(&frame.planes[1]), mean(&frame.planes[2]))
}

/// Green has little of both, red much of red, grey 128 of each.
fn colour((blue, red): (i32, i32)) -> &'static str {
    match (blue, red) {
        (_, 160..) => "red",
        (..118, ..118) => "green",
        (118..138, 118..138) => "grey",
        _ => "other",
    }
}

#[test]
fn a_film_has_every_frame_and_what_was_seen() {
    for (size, expected) in [("320x240", (320, 240)), ("322x182", (322, 182))] {
        let folder = tempfile::tempdir().unwrap();
        let clip = film(folder.path(), size);
        let out = folder.path().join("seen.mp4");
        let last = run(Make::Film, &clip, &overlays(), &out);
        assert_eq!(last, FromAnnotate::End { frames: 20, at_us: 1_900_000 }, "{size}");
        let got = frames(&out);
        let times: Vec<_> = got.iter().map(|frame| (frame.at_us + 500) / 1000).collect();
        assert_eq!(times, (0..20).map(|n| n * 100).collect::<Vec<_>>());
        for frame in &got {
            assert_eq!((frame.width, frame.height), expected);
            let seen = (colour(edge(frame, 0.1)), colour(edge(frame, 0.6)));
            let wanted = if frame.at_us < 995_000 { ("green", "grey") } else { ("grey", "red") };
            assert_eq!(
                seen,
                wanted,
                "{size} at {} µs: {:?}",
                frame.at_us,
                (edge(frame, 0.1), edge(frame, 0.6))
            );
        }
    }
}

#[test]
fn one_frame_is_a_picture() {
    let folder = tempfile::tempdir().unwrap();
    let clip = film(folder.path(), "320x240");
    let out = folder.path().join("seen.png");
    for (wanted_us, at_us) in [(0, 0), (1_450_000, 1_400_000), (99_000_000, 1_900_000), (-5, 0)] {
        let last = run(Make::Picture { at_us: wanted_us }, &clip, &overlays(), &out);
        assert_eq!(last, FromAnnotate::End { frames: 1, at_us });
        assert_eq!(&std::fs::read(&out).unwrap()[1..4], b"PNG");
    }
}

#[test]
fn files_that_are_none_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let clip = film(folder.path(), "64x64");
    let out = folder.path().join("seen.mp4");
    let whole = overlays();
    for (clip, overlays, expected) in [
        (&clip, &whole[..whole.len() - 1], "cut"),
        (&clip, &b"hello, these are no overlays"[..], "no overlay file"),
        (&clip, &b""[..], "cut"),
        (&folder.path().join("seen.overlays"), &whole[..], "cannot be decoded"),
    ] {
        match run(Make::Film, clip, overlays, &out) {
            FromAnnotate::Fatal { what } => assert!(what.contains(expected), "{what}"),
            other => panic!("{other:?}, expected {expected}"),
        }
    }
}
