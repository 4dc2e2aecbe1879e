//! Tests of the media protocol: what a hostile child may try.

use super::*;
use crate::format::{AudioFormat, VideoFormat};

fn video(codec: Codec, width: u16, config: Vec<u8>) -> FromChild {
    FromChild::Format(Format {
        video: VideoFormat { codec, width, height: 360, config, reorder_depth: 0 },
        audio: None,
    })
}

fn with_sound() -> FromChild {
    let audio = AudioFormat { codec: Codec::Aac, rate_hz: 48_000, channels: 1, config: vec![] };
    let video =
        VideoFormat { codec: Codec::Mjpeg, width: 640, height: 360, config: vec![], reorder_depth: 0 };
    FromChild::Format(Format { video, audio: Some(audio) })
}

fn sample(len: u32) -> FromChild {
    FromChild::Sample { pts: Mono(5), key: true, len }
}

/// Encodes `message`, appends `data`, and expects the decoder to accept it or to name `limit`.
fn check(message: FromChild, data: &[u8], has_memfd: bool, limit: Option<&'static str>) {
    let mut datagram = encode(&message).unwrap();
    datagram.extend_from_slice(data);
    let got = decode_from_child(&datagram, has_memfd);
    match limit {
        None => assert_eq!(got, Ok((message, data))),
        Some(limit) => assert_eq!(got, Err(ProtocolError::Limit(limit)), "{message:?}"),
    }
}

#[test]
fn a_childs_messages() {
    let avcc = vec![1, 66, 0, 30, 0xff, 0xe0, 0];
    let layer =
        Layer { kind: LayerKind::Files, state: LayerState::Unavailable("x".repeat(TEXT_LEN_MAX + 1)) };
    check(FromChild::Hello { layers: vec![], how: "YUYV".into() }, &[], false, None);
    check(FromChild::Hello { layers: vec![layer; 1], how: String::new() }, &[], false, Some("text length"));
    let quiet = Layer { kind: LayerKind::Files, state: LayerState::Applied };
    let many = FromChild::Hello { layers: vec![quiet; LAYERS_MAX + 1], how: String::new() };
    check(many, &[], false, Some("number of sandbox layers"));
    check(video(Codec::H264, 640, avcc.clone()), &[], false, None);
    check(video(Codec::Mjpeg, 640, vec![]), &[], false, None);
    check(video(Codec::Mjpeg, 640, vec![1]), &[], false, Some("codec parameters"));
    check(video(Codec::H264, 640, vec![]), &[], false, Some("codec parameters"));
    check(video(Codec::H264, 640, vec![2; 7]), &[], false, Some("codec parameters"));
    check(video(Codec::H264, 640, vec![1; CONFIG_LEN_MAX + 1]), &[], false, Some("codec parameters"));
    check(video(Codec::H264, 0, avcc.clone()), &[], false, Some("picture size"));
    check(video(Codec::H264, SIDE_PX_MAX + 1, avcc.clone()), &[], false, Some("picture size"));
    check(video(Codec::H265, 640, avcc), &[], false, Some("codec"));
    check(with_sound(), &[], false, Some("sound from a capture child"));
    check(sample(3), b"abc", false, None);
    check(sample(INLINE_LEN_MAX as u32 + 1), &[], true, None);
    check(sample(0), &[], false, Some("sample length"));
    check(sample(SAMPLE_LEN_MAX + 1), &[], true, Some("sample length"));
    check(sample(u32::MAX), b"abc", false, Some("sample length"));
    check(sample(4), b"abc", false, Some("sample length and data disagree"));
    check(sample(2), b"abc", false, Some("sample length and data disagree"));
    check(sample(3), b"abc", true, Some("sample length and data disagree"));
    let lost = FromChild::Lost { cause: LossCause::SequenceHole, frames: u32::MAX, since: Mono(u64::MAX) };
    check(lost.clone(), &[], false, None);
    check(lost.clone(), b"x", false, Some("data beside a message that carries none"));
    check(lost, &[], true, Some("data beside a message that carries none"));
    let fatal = FromChild::Fatal { cause: FatalCause::Gone, what: "é".repeat(TEXT_LEN_MAX) };
    check(fatal, &[], false, Some("text length"));
}

#[test]
fn bytes_that_are_no_message() {
    assert_eq!(decode_from_child(&[], false), Err(ProtocolError::Length(0)));
    let long = vec![VERSION; MESSAGE_LEN_MAX + 1];
    assert_eq!(decode_from_child(&long, false), Err(ProtocolError::Length(MESSAGE_LEN_MAX + 1)));
    assert_eq!(decode_from_child(&[VERSION + 1, 0], false), Err(ProtocolError::Version(VERSION + 1)));
    // An unknown message, a cut one, a vector longer than the datagram, text that is no UTF-8.
    for bytes in [&[9][..], &[2, 1], &[0, 0xff, 0xff, 0xff, 0xff, 0x0f], &[4, 0, 2, 0xff, 0xfe]] {
        let datagram = [&[VERSION], bytes].concat();
        assert!(matches!(decode_from_child(&datagram, false), Err(ProtocolError::Malformed(_))), "{bytes:?}");
    }
}

#[test]
fn no_bytes_at_all_panic_the_decoder() {
    // Every short datagram of the first message bytes, and every cut of a real one.
    for a in 0..=255 {
        for b in 0..=255 {
            let _ = decode_from_child(&[VERSION, a, b], false);
            let _ = decode_to_child(&[VERSION, a, b]);
        }
    }
    let real = encode(&video(Codec::H264, 640, vec![1; 64])).unwrap();
    for cut in 0..real.len() {
        assert!(decode_from_child(&real[..cut], false).is_err(), "cut at {cut}");
    }
}

#[test]
fn the_recorders_messages() {
    let start = Start {
        device: "/dev/video0".into(),
        width: 640,
        height: 360,
        fps: 10,
        fourcc: Some(*b"YUYV"),
        kbit_s: 500,
    };
    for message in [ToChild::Start(start.clone()), ToChild::Stop] {
        assert_eq!(decode_to_child(&encode(&message).unwrap()), Ok(message));
    }
    let long = ToChild::Start(Start { device: "x".repeat(TEXT_LEN_MAX + 1), ..start });
    assert_eq!(decode_to_child(&encode(&long).unwrap()), Err(ProtocolError::Limit("device path length")));
}

#[test]
fn text_is_cut_at_a_character() {
    assert_eq!(bounded_text("a\u{1b}[2J\n"), "a [2J ");
    assert_eq!(bounded_text(&"é".repeat(400)).len(), TEXT_LEN_MAX);
}
