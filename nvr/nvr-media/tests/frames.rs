//! Frames of files that ffmpeg makes: containers, B-frames, odd rates, sides, and files that are none.
//!
//! Promises: every frame and its media time is compared, and two runs with each other.
//! Leaves to others: real footage (`examples/frames.rs`), the sandbox (`nvr-perceive`).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)] // A test fails by panicking.

use nvr_media::frames::{Frame, FrameReader};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

fn made(folder: &Path, name: &str, arguments: &str) -> PathBuf {
    let path = folder.join(name);
    let done = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin"])
        .args(arguments.split_whitespace())
        .arg(&path)
        .status()
        .expect("ffmpeg, of Debian's package ffmpeg");
    assert!(done.success(), "{arguments}");
    path
}

fn read(path: &Path) -> Result<Vec<Frame>, String> {
    let mut reader = FrameReader::new(File::open(path).unwrap().into()).map_err(|e| e.what)?;
    let mut frames = Vec::new();
    while let Some(frame) = reader.next_frame().map_err(|e| e.what)? {
        frames.push(frame);
    }
    assert_eq!(reader.untimed, 0);
    Ok(frames)
}

/// 20 frames made with `arguments` come at multiples of `step_us`, two µs more or less, in `size`.
fn check(name: &str, arguments: &str, step_us: i64, size: (usize, usize)) {
    let folder = tempfile::tempdir().unwrap();
    let path = made(folder.path(), name, arguments);
    let frames = read(&path).unwrap_or_else(|why| panic!("{name}: {why}"));
    assert_eq!(frames.len(), 20, "{name}");
    for (n, frame) in (0_i64..).zip(&frames) {
        let late_us = (frame.at_us - n * step_us).abs();
        assert!(late_us <= 1000, "{name}: frame {n} at {} us", frame.at_us);
        assert_eq!((frame.width, frame.height), size, "{name}");
    }
    assert!(read(&path).unwrap() == frames, "{name}: two runs differ");
}

#[test]
fn media_time_and_pictures() {
    let source = "-f lavfi -i testsrc2=size=320x180:rate=10";
    check(
        "bframes.mp4",
        &format!("{source} -frames:v 20 -c:v libx264 -bf 3 -pix_fmt yuv420p"),
        100_000,
        (320, 180),
    );
    check(
        "late.mp4",
        &format!("{source} -frames:v 20 -c:v libx264 -bf 2 -output_ts_offset 7"),
        100_000,
        (320, 180),
    );
    check("old.avi", &format!("{source} -frames:v 20 -c:v mpeg4"), 100_000, (320, 180));
    check(
        "odd.mkv",
        &format!("{source} -vf scale=81:61 -frames:v 20 -c:v libx264 -pix_fmt yuv444p"),
        100_000,
        (81, 61),
    );
    check(
        "hevc.mp4",
        &format!("{source} -frames:v 20 -c:v libx265 -x265-params log-level=0"),
        100_000,
        (320, 180),
    );
    check(
        "slow.mp4",
        "-f lavfi -i testsrc2=size=64x64:rate=1/3 -frames:v 20 -c:v libx264",
        3_000_000,
        (64, 64),
    );
}

#[test]
fn sound_beside_the_pictures() {
    let arguments = "-f lavfi -i testsrc2=size=64x64:rate=10 -f lavfi -i sine -t 2 -c:v libx264 -c:a aac";
    check("sound.mp4", arguments, 100_000, (64, 64));
}

#[test]
fn files_that_are_no_film() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in
        [("empty.mp4", &b""[..]), ("text.mp4", b"hello, this is no film"), ("cut.mp4", b"\0\0\0\x18ftypisom")]
    {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let why = read(&path).expect_err(name);
        assert!(why.starts_with("the file cannot be decoded: "), "{name}: {why}");
    }
    let sound = made(folder.path(), "sound.wav", "-f lavfi -i sine -t 1");
    assert!(read(&sound).is_err());
}
