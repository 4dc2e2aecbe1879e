//! The still child: the real binary on real key frames, and on bytes that are none.
//!
//! Promises: key frames are made by ffmpeg; what comes back is judged by ffmpeg.
//! Leaves to others: finding key frames (`nvr-store`), killing a child that hangs (`nvr picture`).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)] // A test fails by panicking.

use nvr_base::media_channel::{ChannelError, MediaChannel};
use nvr_base::media_protocol::{FromChild, LayerKind, LayerState, MESSAGE_LEN_MAX};
use nvr_base::still_protocol::{ARGUMENT, ENVIRONMENT, StillOrder, send_order};
use nvr_base::{Codec, Format, VideoFormat};
use rustix::event::{PollFd, PollFlags, poll};
use std::io::Write;
use std::process::{Child, Command, Stdio};

fn spawn() -> (MediaChannel, Child) {
    let (ours, theirs) = MediaChannel::pair().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_nvr-media"));
    command.arg(ARGUMENT).env_clear().envs(ENVIRONMENT).stdin(theirs);
    (ours, command.spawn().unwrap())
}

/// Everything the child says until it ends, and its exit code.
fn hear(channel: &MediaChannel, mut child: Child) -> (Vec<(FromChild, Vec<u8>)>, Option<i32>) {
    let (mut out, mut buffer) = (Vec::new(), vec![0; MESSAGE_LEN_MAX]);
    loop {
        poll(&mut [PollFd::new(channel, PollFlags::IN)], None).unwrap();
        match channel.receive_from_child(&mut buffer) {
            Ok(message) => out.push(message),
            Err(ChannelError::Closed) => return (out, child.wait().unwrap().code()),
            Err(error) => panic!("{error}"),
        }
    }
}

fn ffmpeg(arguments: &str, input: &[u8]) -> Vec<u8> {
    let arguments = ["-v", "error", "-nostdin"].into_iter().chain(arguments.split_whitespace());
    let mut child = Command::new("ffmpeg")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("ffmpeg, of Debian's package ffmpeg");
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let out = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(out.status.success());
    out.stdout
}

/// The body of the first box called `name`.
fn body<'a>(file: &'a [u8], name: &[u8; 4]) -> &'a [u8] {
    let at = file.windows(4).position(|window| window == name).unwrap();
    let (len, _) = file[at - 4..].split_first_chunk::<4>().unwrap();
    &file[at + 4..at - 4 + u32::from_be_bytes(*len) as usize]
}

/// One key frame: `source` encoded with `options`, as an MP4 has it.
fn key_frame(codec: Codec, source: &str, options: &str) -> (VideoFormat, Vec<u8>) {
    let tag = if codec == Codec::H264 { "avc1" } else { "hvc1" };
    let file = ffmpeg(
        &format!("-f lavfi -i {source} -frames:v 1 {options} -tag:v {tag} -movflags empty_moov -f mp4 -"),
        &[],
    );
    let config = body(&file, if codec == Codec::H264 { b"avcC" } else { b"hvcC" }).to_vec();
    let format = VideoFormat { codec, width: 0, height: 0, config, reorder_depth: 0 };
    (format, body(&file, b"mdat").to_vec())
}

/// Decodes `source` and expects a JPEG of `width` × `height` whose every pixel is `rgb` or near.
fn check(codec: Codec, source: &str, options: &str, (width, height): (u16, u16), rgb: [u8; 3]) {
    let (format, data) = key_frame(codec, source, options);
    let (channel, child) = spawn();
    send_order(&channel, &format, &data).unwrap();
    let (heard, code) = hear(&channel, child);
    let [(FromChild::Hello { layers, how }, _), (FromChild::Format(Format { video, .. }), _), (_, jpeg)] =
        &heard[..]
    else {
        panic!("{:?}", heard.iter().map(|(message, _)| message).collect::<Vec<_>>())
    };
    assert_eq!(
        (video.codec, video.width, video.height, code),
        (Codec::Mjpeg, width, height, Some(0)),
        "{how}"
    );
    for kind in [LayerKind::NoNewPrivs, LayerKind::Limits, LayerKind::Syscalls] {
        let layer = layers.iter().find(|layer| layer.kind == kind).unwrap();
        assert_eq!(layer.state, LayerState::Applied, "{kind:?}");
    }
    let shown = ffmpeg("-f mjpeg -i - -f rawvideo -pix_fmt rgb24 -", jpeg);
    assert_eq!(shown.len(), usize::from(width) * usize::from(height) * 3);
    // jpegenc pads the last blocks of 16 × 16 with what is no picture, which rings by a few levels.
    let whole = |side: u16| usize::from(side / 16 * 16);
    for row in shown.chunks_exact(usize::from(width) * 3).take(whole(height)) {
        for pixel in &row.as_chunks::<3>().0[..whole(width)] {
            let near = pixel.iter().zip(rgb).all(|(got, want)| got.abs_diff(want) <= 4);
            assert!(near, "{how}: {pixel:?} instead of {rgb:?}");
        }
    }
}

#[test]
fn pictures_have_their_size_and_colours() {
    let bt709 = "-vf scale=out_color_matrix=bt709 -colorspace bt709 -color_primaries bt709 -color_trc bt709";
    let x264 = &format!("-c:v libx264 -pix_fmt yuv420p {bt709}");
    check(Codec::H264, "color=0xc02040:s=640x360", x264, (640, 360), [0xc0, 0x20, 0x40]);
    check(Codec::H264, "color=0x2080e0:s=1920x1080", x264, (1920, 1080), [0x20, 0x80, 0xe0]);
    // Cropped to less than whole macroblocks.
    check(Codec::H264, "color=white:s=328x184", x264, (328, 184), [255; 3]);
    let full = "-c:v libx264 -vf scale=out_range=full -pix_fmt yuvj420p";
    check(Codec::H264, "color=black:s=320x180", full, (320, 180), [0; 3]);
    // What the first decoder does not take, the second does: loaded behind the sandbox.
    let interlaced = &format!("{x264} -flags +ildct+ilme");
    check(Codec::H264, "color=0x20c040:s=640x480", interlaced, (640, 480), [0x20, 0xc0, 0x40]);
    let twice_the_colour = &format!("-c:v libx264 -pix_fmt yuv422p {bt709}");
    check(Codec::H264, "color=0xc02040:s=640x480", twice_the_colour, (640, 480), [0xc0, 0x20, 0x40]);
    check(Codec::H264, "color=gray:s=640x480", "-c:v libx264 -pix_fmt gray", (640, 480), [0x80; 3]);
    let x265 = &format!("-c:v libx265 -x265-params log-level=none:info=0 -pix_fmt yuv420p {bt709}");
    check(Codec::H265, "color=0xc02040:s=1280x720", x265, (1280, 720), [0xc0, 0x20, 0x40]);
    let ten_bits = &format!("-c:v libx265 -x265-params log-level=none:info=0 -pix_fmt yuv420p10le {bt709}");
    check(Codec::H265, "color=0xc02040:s=640x360", ten_bits, (640, 360), [0xc0, 0x20, 0x40]);
}

/// Sends `data` as a key frame of `format`: the child must end in good time, with a sentence when there is no picture.
fn check_hostile(format: &VideoFormat, data: &[u8]) -> bool {
    let (channel, child) = spawn();
    send_order(&channel, format, data).unwrap();
    let (heard, code) = hear(&channel, child);
    match heard.last() {
        Some((FromChild::Sample { .. }, _)) => code == Some(0),
        Some((FromChild::Fatal { what, .. }, _)) => {
            assert!(what.contains("key frame"), "{what}");
            assert_eq!(code, Some(1));
            false
        }
        // The decoder crashed: that is why it is a child.
        Some((FromChild::Hello { .. }, _)) if code.is_none() => false,
        other => panic!("{other:?}, exit code {code:?}"),
    }
}

#[test]
fn bytes_that_are_no_key_frame() {
    for (codec, encoder) in
        [(Codec::H264, "-c:v libx264"), (Codec::H265, "-c:v libx265 -x265-params log-level=none:info=0")]
    {
        let options = format!("{encoder} -pix_fmt yuv420p");
        let (format, data) = key_frame(codec, "testsrc2=s=640x360", &options);
        assert!(check_hostile(&format, &data));
        let refused = |data: &[u8]| assert!(!check_hostile(&format, data), "{codec:?}: {} bytes", data.len());
        refused(&[0]);
        refused(&[0xff; 1000]);
        refused(&[0, 0, 0, 1, 0x65].repeat(1000));
        refused(&vec![0; 8 << 20]);
        // Right length, wrong content.
        let noise: Vec<u8> = (0..100_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        refused(&[&100_000u32.to_be_bytes()[..], &noise].concat());
        for config in [vec![], vec![1; 9], format.config[..20].to_vec()] {
            check_hostile(&VideoFormat { config, ..format.clone() }, &data);
        }
        for at in (0..data.len().min(400)).step_by(23) {
            let mut damaged = data.clone();
            damaged[at] ^= 0x5a;
            check_hostile(&format, &damaged);
        }
    }
}

#[test]
fn orders_that_are_none() {
    let (channel, child) = spawn();
    let format = VideoFormat { codec: Codec::Aac, width: 0, height: 0, config: vec![], reorder_depth: 0 };
    channel.send_data(&StillOrder { format, len: 1 }, &[1]).unwrap();
    let (heard, code) = hear(&channel, child);
    assert!(
        matches!(&heard[..], [(FromChild::Fatal { what, .. }, _)] if what.contains("codec")),
        "{heard:?}"
    );
    assert_eq!(code, Some(1));
    let (channel, mut child) = spawn();
    drop(channel);
    assert_eq!(child.wait().unwrap().code(), Some(1));
}
