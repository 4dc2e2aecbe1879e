//! A stock player reads every kind of stream without a word, over TCP and UDP.
//!
//! Promises: pictures are counted and decoded by ffmpeg, not by us.
//! Leaves to others: quirks. Needs `ffmpeg` with libx264 and libx265 (Debian's has both).
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use nvr_testcam::{AfterFrames, AuthScheme, Credentials, Sound, Source, Synthetic, Testcam, TestcamConfig};
use std::path::{Path, PathBuf};
use std::process::Command;

fn run(program: &str, args: &[&str]) -> (String, String) {
    let out = Command::new(program)
        .args(args)
        .output()
        .unwrap_or_else(|e| panic!("cannot run {program} ({e}); install Debian's package ffmpeg"));
    (
        String::from_utf8_lossy(&out.stdout).trim().to_owned(),
        String::from_utf8_lossy(&out.stderr).trim().to_owned(),
    )
}

/// Two seconds of a moving pattern, 50 frames, encoded with `options` into `name`.
fn clip(dir: &Path, name: &str, options: &str) -> PathBuf {
    let path = dir.join(name);
    let mut args = "-v error -y -f lavfi -i testsrc2=size=320x240:rate=25:duration=2 -f lavfi \
                    -i sine=frequency=500:sample_rate=48000:duration=2"
        .split_whitespace()
        .collect::<Vec<_>>();
    args.extend(options.split_whitespace());
    args.push(path.to_str().unwrap());
    assert_eq!(run("ffmpeg", &args).1, "", "{options}");
    path
}

/// ffmpeg decodes `frames` pictures of the stream; returns their presentation times in milliseconds.
fn decode(cams: &Testcam, transport: &str, url: &str, frames: usize) -> Vec<i64> {
    let n = frames.to_string();
    let args =
        "-v warning -rtsp_transport TRANSPORT -i URL -map 0:v -fps_mode passthrough -copyts -frames:v N \
                -f framecrc -"
            .split_whitespace()
            .map(|a| match a {
                "TRANSPORT" => transport,
                "URL" => url,
                "N" => &n,
                a => a,
            })
            .collect::<Vec<_>>();
    let (out, words) = run("ffmpeg", &args);
    // Said of every RTSP stream whose first packet is not of time 0, and of JPEG's range.
    let words: Vec<&str> = words
        .lines()
        .filter(|l| {
            ![
                "max delay reached",
                "deprecated pixel format",
                "not enough frames to estimate rate",
                "full chroma",
            ]
            .iter()
            .any(|s| l.contains(s))
        })
        .collect();
    assert!(words.is_empty(), "{words:?}; {:?}", cams.stats());
    let base: f64 = out
        .lines()
        .find_map(|l| l.strip_prefix("#tb 0: 1/"))
        .map(|s| s.parse().unwrap())
        .unwrap_or_else(|| panic!("no time base in {out}"));
    out.lines()
        .filter(|l| !l.starts_with('#'))
        .map(|l| {
            let pts: f64 = l.split(',').nth(2).unwrap().trim().parse().unwrap();
            (pts * 1000.0 / base).round() as i64
        })
        .collect()
}

/// Two laps and a half of the clip, every picture 40 ms after the one before, over TCP and UDP.
fn check(source: Source, sound: Option<Sound>) {
    for transport in ["tcp", "udp"] {
        let mut c = TestcamConfig::new(source.clone());
        c.sound.clone_from(&sound);
        c.speed = 4.0;
        let cams = Testcam::start(c).unwrap();
        let times = decode(&cams, transport, &cams.url(0), 125);
        assert_eq!(times.len(), 125, "{source:?} over {transport}");
        let steps: Vec<i64> = times.windows(2).map(|w| w[1] - w[0]).collect();
        assert!(steps.iter().all(|s| (39..=41).contains(s)), "{source:?} over {transport}: {steps:?}");
    }
}

fn check_clip(name: &str, options: &str, sound: Option<(&str, &str)>) {
    let dir = tempfile::tempdir().unwrap();
    let sound = sound.map(|(name, options)| Sound::File(clip(dir.path(), name, options)));
    check(Source::File(clip(dir.path(), name, options)), sound);
}

#[test]
fn h264_byte_stream() {
    check_clip("a.h264", "-map 0:v -c:v libx264 -bf 0 -g 25", None);
}

#[test]
fn h264_byte_stream_with_b_frames() {
    check_clip(
        "a.h264",
        "-map 0:v -c:v libx264 -bf 3 -x264-params b-pyramid=normal:bframes=3:b-adapt=0 -g 25",
        None,
    );
}

#[test]
fn h264_mp4_with_b_frames() {
    check_clip("a.mp4", "-map 0:v -c:v libx264 -bf 3 -g 25", None);
}

#[test]
fn h265_byte_stream_and_mp4() {
    check_clip("a.h265", "-map 0:v -c:v libx265 -x265-params log-level=none:bframes=0:keyint=25", None);
    check_clip(
        "a.mp4",
        "-map 0:v -c:v libx265 -x265-params log-level=none:bframes=3:open-gop=0:keyint=25 -tag:v hvc1",
        None,
    );
}

#[test]
fn h265_byte_stream_with_b_frames() {
    check_clip(
        "a.h265",
        "-map 0:v -c:v libx265 -x265-params log-level=none:bframes=3:open-gop=0:keyint=25",
        None,
    );
}

#[test]
fn mjpeg() {
    check_clip(
        "a.mjpeg",
        "-map 0:v -c:v mjpeg -huffman default -q:v 5 -pix_fmt yuvj420p -f image2pipe",
        None,
    );
}

#[test]
fn sound_beside_the_picture() {
    let video = "-map 0:v -c:v libx264 -bf 0 -g 25";
    check_clip("a.h264", video, Some(("a.aac", "-map 1:a -c:a aac -f adts")));
    check_clip("a.h264", video, Some(("a.mp4", "-map 1:a -c:a aac")));
    check_clip("a.h264", video, Some(("a.ulaw", "-map 1:a -ac 1 -ar 8000 -c:a pcm_mulaw -f mulaw")));
}

#[test]
fn synthetic_decodes_cleanly() {
    check(Source::Synthetic(Synthetic { gop_s: 1.0, ..Synthetic::new(4000) }), None);
    check(Source::Synthetic(Synthetic { width: 642, height: 362, gop_s: 0.2, ..Synthetic::new(100) }), None);
}

#[test]
fn passwords() {
    for scheme in [AuthScheme::Basic, AuthScheme::Digest, AuthScheme::DigestSha256] {
        let mut c = TestcamConfig::synthetic(500);
        c.credentials = Some(Credentials { user: "u".into(), password: "p".into(), scheme });
        c.speed = 4.0;
        let cams = Testcam::start(c).unwrap();
        let url = cams.url(0).replace("rtsp://", "rtsp://u:p@");
        let (_, words) = run("ffprobe", &["-v", "error", "-rtsp_transport", "tcp", &url]);
        // Debian's ffmpeg knows MD5 only.
        assert_eq!(words.is_empty(), scheme != AuthScheme::DigestSha256, "{scheme:?}: {words}");
        let (_, words) = run("ffprobe", &["-v", "error", "-rtsp_transport", "tcp", &cams.url(0)]);
        assert!(words.contains("401"), "{words}");
    }
}

#[test]
fn every_frame_arrives() {
    let mut c = TestcamConfig::synthetic(1000);
    (c.frames_max, c.after_frames, c.speed) = (Some(77), AfterFrames::Close, 4.0);
    let cams = Testcam::start(c).unwrap();
    let args = "-v error -rtsp_transport tcp -count_packets -select_streams v -show_entries stream=nb_read_packets \
                -of csv=p=0";
    let url = cams.url(0);
    let args: Vec<&str> = args.split_whitespace().chain([url.as_str()]).collect();
    assert_eq!(run("ffprobe", &args), ("77".into(), String::new()));
    assert_eq!(cams.stop().unwrap().frames, 77);
}

#[test]
fn pictures_of_the_synthetic_stream_move() {
    let cams = Testcam::start(TestcamConfig { speed: 4.0, ..TestcamConfig::synthetic(500) }).unwrap();
    let url = cams.url(0);
    let args = "-v error -rtsp_transport tcp -i URL -frames:v 20 -f framemd5 -";
    let args: Vec<&str> = args.split_whitespace().map(|a| if a == "URL" { &url } else { a }).collect();
    let (out, _) = run("ffmpeg", &args);
    let mut sums: Vec<&str> =
        out.lines().filter(|l| !l.starts_with('#')).filter_map(|l| l.rsplit(',').next()).collect();
    assert_eq!(sums.len(), 20);
    sums.sort_unstable();
    sums.dedup();
    assert_eq!(sums.len(), 20, "each picture differs");
}

/// Damaged files are refused or served, never a panic: bytes changed, taken out, cut off.
#[test]
fn damaged_files() {
    let dir = tempfile::tempdir().unwrap();
    let b_frames = "-map 0:v -c:v libx264 -bf 3 -g 25";
    let h265 = "-map 0:v -c:v libx265 -x265-params log-level=none:keyint=25";
    let files = [
        clip(dir.path(), "a.h264", b_frames),
        clip(dir.path(), "a.mp4", b_frames),
        clip(dir.path(), "a.h265", h265),
        clip(dir.path(), "b.mp4", &format!("{h265} -tag:v hvc1 -movflags faststart")),
        clip(dir.path(), "a.mjpeg", "-map 0:v -c:v mjpeg -huffman default -q:v 20 -frames:v 5 -f image2pipe"),
        clip(dir.path(), "a.aac", "-map 1:a -c:a aac -f adts"),
        clip(dir.path(), "c.mp4", "-map 1:a -c:a aac -movflags faststart"),
    ];
    let mut rng = fastrand::Rng::with_seed(3);
    let target = dir.path().join("damaged");
    let mut served = 0;
    for file in &files {
        let whole = std::fs::read(file).unwrap();
        for n in 0..60 {
            let mut data = whole.clone();
            // The heads of files decide: half of the damage is there (MP4 may have it at the end).
            let from = if n % 4 == 1 { data.len().saturating_sub(3000) } else { 0 };
            let to = if n % 4 == 0 { data.len().min(3000) } else { data.len() };
            for _ in 0..rng.usize(1..20) {
                data[rng.usize(from..to)] = rng.u8(..);
            }
            match n % 3 {
                0 => data.truncate(rng.usize(0..data.len())),
                1 => {
                    let at = rng.usize(from..to);
                    data.drain(at..(at + rng.usize(0..100)).min(data.len()));
                }
                _ => {}
            }
            std::fs::write(&target, &data).unwrap();
            let sound = file.extension().is_some_and(|e| e == "aac") || file.ends_with("c.mp4");
            let mut c = if sound { TestcamConfig::synthetic(100) } else { TestcamConfig::file(&target) };
            c.sound = sound.then(|| Sound::File(target.clone()));
            served += usize::from(Testcam::start(c).is_ok());
        }
    }
    assert!(served > 0, "some damage is only in the pictures");
}
