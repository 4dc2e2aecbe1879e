//! Segments in players: ffprobe counts every packet and ffmpeg decodes without a word.

use crate::mp4::testing::*;
use crate::mp4::*;
use nvr_base::{AudioFormat, Codec, Track};

/// Encodes, writes a segment, lets it be judged whole, open, and cut in the middle of its last fragment.
fn check(args: &str, codec: Codec, audio: Option<AudioFormat>) {
    let dir = tempfile::tempdir().unwrap();
    let made = encode(args, codec, audio);
    let mut expected = vec![made.of(Track::Video).len()];
    expected.extend(made.format.audio.iter().map(|_| made.of(Track::Audio).len()));
    assert!(expected[0] > 20, "{args}");

    let closed = write(&made.format, fragments(&made.samples), true);
    assert!(closed.infos.len() > 2);
    assert_eq!(judge(&closed.bytes, dir.path()), expected, "{args}: closed");
    let open = write(&made.format, fragments(&made.samples), false);
    assert_eq!(judge(&open.bytes, dir.path()), expected, "{args}: open");

    let last = open.infos.last().unwrap();
    let torn = &open.bytes[..last.file_end() as usize - 7];
    let found = scan(&torn, torn.len() as u64, Depth::Checksums).unwrap();
    assert_eq!(found.tail, Tail::Torn { at: last.offset });
    let counts = judge(&torn[..found.good_len as usize], dir.path());
    assert_eq!(counts[0], expected[0] - usize::from(last.video_samples), "{args}: torn");
}

#[test]
fn h264_with_b_frames() {
    check("-t 4 -c:v libx264 -preset veryfast -bf 3 -g 25", Codec::H264, None);
}

#[test]
fn h264_without_b_frames_and_aac() {
    check("-t 4 -c:v libx264 -tune zerolatency -g 50 -c:a aac -ac 1", Codec::H264, Some(aac()));
}

#[test]
fn h265_with_b_frames() {
    check("-t 3 -c:v libx265 -x265-params log-level=none:keyint=25 -tag:v hvc1", Codec::H265, None);
}

#[test]
fn mjpeg_and_ulaw() {
    let audio = AudioFormat { codec: Codec::Ulaw, rate_hz: 8000, channels: 1, config: Vec::new() };
    check("-t 2 -c:v mjpeg -pix_fmt yuvj420p -c:a pcm_mulaw -ar 8000 -ac 1", Codec::Mjpeg, Some(audio));
}

#[test]
fn mjpeg_and_alaw() {
    let audio = AudioFormat { codec: Codec::Alaw, rate_hz: 8000, channels: 1, config: Vec::new() };
    check("-t 2 -c:v mjpeg -pix_fmt yuvj420p -c:a pcm_alaw -ar 8000 -ac 1", Codec::Mjpeg, Some(audio));
}

#[test]
fn a_segment_that_starts_between_key_frames_is_readable() {
    let dir = tempfile::tempdir().unwrap();
    let made = encode("-t 4 -c:v libx264 -tune zerolatency -g 50", Codec::H264, None);
    let rest = &made.samples[20..];
    let written = segment(&made.format, rest);
    assert!(!written.infos[0].key_first);
    let path = dir.path().join("late.mp4");
    std::fs::write(&path, &written.bytes).unwrap();
    // Decoders complain of what refers to pictures that are not there; the container is whole.
    let mut probe = std::process::Command::new("ffprobe");
    probe.args([
        "-v",
        "error",
        "-count_packets",
        "-show_entries",
        "stream=nb_read_packets",
        "-of",
        "csv=p=0",
    ]);
    let out = probe.arg(&path).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&out.stdout).trim(), rest.len().to_string());
    let found = scan(&written.bytes, written.bytes.len() as u64, Depth::Checksums).unwrap();
    assert_eq!(found.tail, Tail::Clean);
    // From its first key frame on it decodes without a word.
    let files = Files(vec![written.bytes]);
    let (plan, exported) = files.export(START, START.plus(400_000));
    assert_eq!(plan.gaps, [ExportGap { from: START, to: START.plus(50 * 3600) }]);
    assert_eq!(judge(&exported[0], dir.path()), [50]);
}
