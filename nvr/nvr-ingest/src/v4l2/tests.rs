//! Tests of V4L2 sessions: the feed as a table, and the process with a child that plays a part.

use super::*;
use crate::source::{Frame, Item};
use futures::StreamExt;
use nvr_base::media_channel::MediaChannel;
use nvr_base::media_protocol::{
    FatalCause, FromChild, Layer, LayerKind, LossCause, MESSAGE_LEN_MAX, ToChild, decode_to_child,
};
use nvr_base::{Codec, Format, GapReason, Mono, StreamKind, VideoFormat};
use std::os::fd::AsFd;

const JPEG: &[u8] = &[0xff, 0xd8, 0xff, 0xd9];

fn hello() -> FromChild {
    let layers = vec![Layer { kind: LayerKind::Files, state: LayerState::Applied }];
    FromChild::Hello { layers, how: "JPEG 320x180".into() }
}

fn format() -> Format {
    let video =
        VideoFormat { codec: Codec::Mjpeg, width: 320, height: 180, config: vec![], reorder_depth: 0 };
    Format { video, audio: None }
}

fn sample(ms: u64) -> FromChild {
    FromChild::Sample { pts: Mono(ms * 1000), key: true, len: JPEG.len() as u32 }
}

fn lost(cause: LossCause, frames: u32, since_ms: u64) -> FromChild {
    FromChild::Lost { cause, frames, since: Mono(since_ms * 1000) }
}

/// What the feed makes of messages after `Hello` and `Format`: `+ms` a frame, `+ms/lost`, `!reason` a hole.
fn check(messages: &[FromChild], expected: &str) {
    let mut feed = Feed::new("cam".into());
    let mut got = Vec::new();
    for message in [&[hello(), FromChild::Format(format())], messages].concat() {
        let data = if matches!(message, FromChild::Sample { .. }) { JPEG.to_vec() } else { vec![] };
        if let Err(failure) = feed.hear((message, data)) {
            got.push(format!("{:?}", failure.kind));
        }
        while let Some(item) = feed.next() {
            got.extend(match item {
                Item::Video(frame) if frame.lost == 0 => Some(format!("+{}", frame.timestamp / 1000)),
                Item::Video(frame) => Some(format!("+{}/{}", frame.timestamp / 1000, frame.lost)),
                Item::Hole(reason) => Some(format!("!{reason}")),
                Item::Format(_) => None,
                other => Some(format!("{other:?}")),
            });
        }
    }
    assert_eq!(got.join(" "), expected);
}

#[test]
fn losses_become_typed_holes() {
    use LossCause::{Broken, BufferError, Overrun, SequenceHole, Stalled, TimeHole};
    check(&[sample(100), sample(200)], "+100 +200");
    check(&[sample(100), lost(BufferError, 1, 100), sample(300)], "+100 !camera-broken +300/1");
    check(&[sample(100), lost(Broken, 1, 100), sample(300)], "+100 !camera-broken +300/1");
    check(&[sample(100), lost(SequenceHole, 3, 100), sample(500)], "+100 !packet-loss +500/3");
    check(&[sample(100), lost(TimeHole, 3, 100), sample(500)], "+100 !packet-loss +500/3");
    check(&[sample(100), lost(Overrun, 2, 100), sample(500)], "+100 !packet-loss +500/2");
    let stalled = [
        sample(100),
        lost(Stalled, 0, 100),
        lost(Stalled, 0, 100),
        lost(SequenceHole, 50, 100),
        sample(5200),
    ];
    check(&stalled, "+100 !camera-stalled +5200/50");
}

#[test]
fn frames_from_before_a_loss_do_not_close_it() {
    let late = [sample(100), lost(LossCause::SequenceHole, 2, 300), sample(200), sample(300), sample(600)];
    check(&late, "+100 +200 +300 !packet-loss +600/2");
}

#[test]
fn holes_do_not_make_a_segment_of_every_frame() {
    let mut messages = vec![sample(0)];
    for i in 1..=60 {
        messages.extend([lost(LossCause::SequenceHole, 1, i * 200 - 200), sample(i * 200)]);
    }
    let mut feed = Feed::new("cam".into());
    let mut holes = 0;
    let mut lost = 0;
    for message in [vec![hello(), FromChild::Format(format())], messages].concat() {
        let data = if matches!(message, FromChild::Sample { .. }) { JPEG.to_vec() } else { vec![] };
        feed.hear((message, data)).unwrap();
        while let Some(item) = feed.next() {
            holes += u32::from(matches!(item, Item::Hole(_)));
            lost += if let Item::Video(frame) = item { frame.lost } else { 0 };
        }
    }
    assert_eq!((holes, lost), (2, 60), "12 s of every second frame");
    // A long hole is told however short ago the last one was.
    let long = [sample(0), super::tests::lost(LossCause::BufferError, 1, 0), sample(200)];
    let long = [&long[..], &[super::tests::lost(LossCause::SequenceHole, 9, 200), sample(1200)]].concat();
    check(&long, "+0 !camera-broken +200/1 !packet-loss +1200/9");
}

#[test]
fn a_child_that_lies_or_gives_up() {
    check(&[hello()], "Broken");
    check(&[FromChild::Fatal { cause: FatalCause::Gone, what: "gone".into() }], "Down");
    check(&[FromChild::Fatal { cause: FatalCause::Busy, what: "busy".into() }], "Down");
    check(&[FromChild::Fatal { cause: FatalCause::Unsupported, what: "no".into() }], "UnsupportedCodec");
    check(&[FromChild::Fatal { cause: FatalCause::Encoder, what: "no".into() }], "Broken");
    check(&[FromChild::Sample { pts: Mono(u64::MAX), key: true, len: 4 }], "Broken");
    let mut feed = Feed::new("cam".into());
    feed.hear((hello(), vec![])).unwrap();
    assert!(feed.hear((sample(1), JPEG.to_vec())).is_err(), "a sample before its format");
}

#[test]
fn key_frames_are_what_the_bytes_say() {
    let mut feed = Feed::new("cam".into());
    feed.hear((hello(), vec![])).unwrap();
    let mut h264 = format();
    h264.video.codec = Codec::H264;
    feed.hear((FromChild::Format(h264), vec![])).unwrap();
    for (unit, expected) in [
        (&[0, 0, 0, 2, 0x65, 0x88][..], Some(true)),
        (&[0, 0, 0, 2, 0x41, 0x9a], Some(false)),
        (&[0, 0, 0, 2, 0x06, 0x05], None),
        (&[0xff, 0xff, 0xff, 0xff, 0x06], None),
    ] {
        feed.hear((sample(1), unit.to_vec())).unwrap();
        let key = loop {
            match feed.next().unwrap() {
                Item::Video(frame) => break Some(frame.key),
                Item::Skipped => break None,
                _ => {}
            }
        };
        assert_eq!(key, expected, "{unit:?}");
    }
}

#[test]
fn the_program_is_found() {
    let path = |text: &str| Some(PathBuf::from(text));
    assert_eq!(choose_program(Some("/x/media".into()), path("/y/nvr-media")), PathBuf::from("/x/media"));
    assert_eq!(choose_program(None, path("/y/nvr-media")), PathBuf::from("/y/nvr-media"));
    assert_eq!(choose_program(None, None), PathBuf::from("nvr-media"));
}

/// The child that `fake-child` starts: plays the part that the device's file name says. Does nothing otherwise.
#[test]
fn fake_child() {
    if std::env::var_os("NVR_FAKE_CHILD").is_none() {
        return;
    }
    let channel = MediaChannel::from_fd(std::io::stdin().as_fd().try_clone_to_owned().unwrap());
    let mut buffer = vec![0; MESSAGE_LEN_MAX];
    let wait = || {
        rustix::event::poll(&mut [rustix::event::PollFd::new(&channel, rustix::event::PollFlags::IN)], None)
    };
    wait().unwrap();
    let (len, _) = channel.receive(&mut buffer).unwrap();
    let ToChild::Start(start) = decode_to_child(&buffer[..len]).unwrap() else { panic!() };
    let part = start.device.rsplit('/').next().unwrap();
    let send = |message: FromChild| channel.send(&message).unwrap();
    match part {
        "good" => {
            send(hello());
            send(FromChild::Format(format()));
            for i in 1..=3 {
                channel.send_sample(Mono(i), true, JPEG).unwrap();
            }
            send(FromChild::Fatal { cause: FatalCause::Gone, what: "unplugged".into() });
        }
        "obedient" => {
            send(hello());
            wait().unwrap();
        }
        "hung" => {
            send(hello());
            loop {
                std::thread::park();
            }
        }
        "early" => channel.send_sample(Mono(1), true, JPEG).unwrap(),
        "babble" => {
            send(hello());
            rustix::net::send(&channel, &[7; 100], rustix::net::SendFlags::empty()).unwrap();
            wait().unwrap();
        }
        "mute" => {}
        other => panic!("no part called {other}"),
    }
    std::process::exit(0);
}

/// A source whose device is a file called `part`.
fn source(part: &str) -> (tempfile::TempDir, V4l2Source) {
    let folder = tempfile::tempdir().unwrap();
    let device = folder.path().join(part);
    std::fs::write(&device, "").unwrap();
    let stream = StreamId::new("cam".parse().unwrap(), StreamKind::Main);
    let config = V4l2Config { stream, device, options: V4l2Options::default() };
    let fake = concat!(env!("CARGO_MANIFEST_DIR"), "/src/v4l2/fake-child");
    (folder, V4l2Source::new(config, fake))
}

/// Plays `part` once; gives the items' short form and the end.
async fn play(part: &str) -> (Vec<String>, String) {
    let (_folder, mut source) = source(part);
    let mut items = match source.connect().await {
        Ok((_, items)) => items,
        Err(failure) => return (vec![], format!("{:?}: {}", failure.kind, failure.why)),
    };
    let mut got = Vec::new();
    while let Some(item) = items.next().await {
        match item {
            Ok(Item::Format(_)) => got.push("format".into()),
            Ok(Item::Video(Frame { timestamp, .. })) => got.push(timestamp.to_string()),
            Ok(other) => got.push(format!("{other:?}")),
            Err(failure) => return (got, format!("{:?}: {}", failure.kind, failure.why)),
        }
    }
    (got, "end".into())
}

#[tokio::test]
async fn children_of_every_kind() {
    let (got, end) = play("good").await;
    assert_eq!((got.join(" ").as_str(), end.as_str()), ("format 1 2 3", "Down: unplugged"));
    for (part, word) in [
        ("early", "before its report"),
        ("babble", "breaks the protocol: protocol version 7"),
        ("mute", "ended without a word"),
    ] {
        let (got, end) = play(part).await;
        assert!(got.is_empty() && end.starts_with("Broken: ") && end.contains(word), "{part}: {got:?} {end}");
    }
}

#[tokio::test]
async fn the_next_child_waits_for_the_last() {
    for part in ["obedient", "hung"] {
        let (_folder, mut source) = source(part);
        let (_, items) = source.connect().await.unwrap_or_else(|f| panic!("{part}: {f}"));
        let first = source.children.id();
        drop(items);
        let (_, _items) = source.connect().await.unwrap_or_else(|f| panic!("{part}: {f}"));
        let second = source.children.id();
        assert!(first.is_some() && second.is_some() && first != second, "{part}: {first:?} {second:?}");
        let alive = |id: Option<u32>| std::path::Path::new(&format!("/proc/{}", id.unwrap())).exists();
        assert!(!alive(first) && alive(second), "{part}");
    }
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    let (_folder, source) = source("good");
    let mut source = V4l2Source::new(source.config.clone(), "/nowhere/nvr-media");
    let failure = source.connect().await.map(|_| ()).unwrap_err();
    assert!(failure.why.contains("/nowhere/nvr-media") && failure.why.contains("NVR_MEDIA"), "{failure}");
}

#[tokio::test(start_paused = true)]
async fn a_device_that_comes_back_is_tried_at_once() {
    let (_folder, mut source) = source("good");
    let device = source.config.device.clone();
    let hour = Duration::from_secs(3600);
    assert!(
        tokio::time::timeout(hour, source.worth_a_try()).await.is_err(),
        "a device that is there is no news"
    );
    std::fs::remove_file(&device).unwrap();
    let failure = source.connect().await.map(|_| ()).unwrap_err();
    assert!(failure.kind == FailureKind::Down && failure.why.contains("plug the camera in"), "{failure}");
    assert!(tokio::time::timeout(hour, source.worth_a_try()).await.is_err(), "still missing");
    std::fs::write(&device, "").unwrap();
    assert!(tokio::time::timeout(hour, source.worth_a_try()).await.is_ok(), "it is back");
}

#[test]
fn the_order_says_what_is_configured() {
    let (_folder, source) = source("good");
    let start = |options| V4l2Config { options, ..source.config.clone() }.start().unwrap();
    let empty = start(V4l2Options::default());
    assert_eq!((empty.width, empty.height, empty.fps, empty.fourcc, empty.kbit_s), (0, 0, 0, None, 0));
    let full = V4l2Options {
        width: Some(640),
        height: Some(360),
        fps: Some(10),
        format: Some("YUYV"),
        bitrate_kbps: Some(500),
    };
    let full = start(full);
    assert_eq!(
        (full.width, full.height, full.fps, full.fourcc, full.kbit_s),
        (640, 360, 10, Some(*b"YUYV"), 500)
    );
    assert_eq!(GapReason::CameraDown, FailureKind::Down.gap());
}
