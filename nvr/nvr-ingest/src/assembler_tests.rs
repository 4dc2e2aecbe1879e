//! Tables for epochs, order and holes.

use super::*;
use nvr_base::{AudioFormat, Mono, Utc, VideoFormat};

const T0: i64 = 1_764_000_000_000_000;
const FRAME: i64 = 3_600;

fn format(depth: u8, width: u16, sound: bool) -> Format {
    Format {
        video: VideoFormat { codec: Codec::H264, width, height: 360, config: vec![1], reorder_depth: depth },
        audio: sound.then(|| AudioFormat { codec: Codec::Ulaw, rate_hz: 8_000, channels: 1, config: vec![] }),
    }
}

fn now(us: i64) -> Now {
    Now { utc: Utc(T0 + us), mono: Mono((5_000_000 + us) as u64) }
}

enum In {
    Connected,
    Format(Format),
    /// Picture: number in presentation order, packets lost.
    Frame(i64, u32),
    /// Sound: number of 20 ms packets.
    Sound(i64),
    /// The source says that pictures are missing.
    Missing(GapReason),
}

/// What came out, in short: `F640 d0 -` for a format (width, depth, reason), `v3` or `a1` for samples.
fn run(inputs: Vec<In>) -> Vec<String> {
    let mut assembler = Assembler::new();
    let mut out: Vec<StreamEvent> = Vec::new();
    let mut arrived = 0;
    for input in inputs {
        match input {
            In::Connected => assembler.connected(),
            In::Format(format) => assembler.format(format),
            In::Missing(reason) => assembler.missing(reason),
            In::Frame(number, lost) => {
                // A frame arrives when it was shown, or right after its predecessor when it is shown earlier.
                arrived = (number * 40_000).max(arrived + 1_000);
                let frame = Frame {
                    timestamp: 1_000 + number * FRAME,
                    rate_hz: 90_000,
                    key: false,
                    lost,
                    data: vec![number as u8],
                };
                assembler.video(frame, now(arrived), &mut out);
            }
            In::Sound(number) => {
                let frame = AudioFrame {
                    timestamp: number * 160,
                    rate_hz: 8_000,
                    length: 160,
                    lost: 0,
                    data: vec![0],
                };
                assembler.audio(frame, now(arrived), &mut out);
            }
        }
    }
    let mut last_dts = None;
    let mut texts = Vec::new();
    for event in out {
        texts.push(match event {
            StreamEvent::Format { format, after } => {
                last_dts = None;
                let after = after.map_or("-".to_owned(), |r| r.to_string());
                format!("F{} d{} {after}", format.video.width, format.video.reorder_depth)
            }
            StreamEvent::Sample(s) if s.track == Track::Video => {
                assert!(s.dts <= s.pts && last_dts < Some(s.dts), "{last_dts:?} {s:?}");
                last_dts = Some(s.dts);
                format!("v{}", s.data[0])
            }
            StreamEvent::Sample(s) => {
                assert_eq!(s.duration_ticks, 1_800);
                "a".to_owned()
            }
            // In milliseconds; the first picture arrives at 1.
            StreamEvent::Down { reason, since } => {
                format!("{reason} {}", (since.0 - T0 + 500).div_euclid(1000))
            }
        });
    }
    texts
}

fn check(inputs: Vec<In>, expected: &[&str]) {
    assert_eq!(run(inputs), expected);
}

use In::{Connected, Format as Fmt, Frame as F, Missing, Sound};

#[test]
fn the_format_comes_first_and_once() {
    check(
        vec![F(0, 0), Fmt(format(0, 640, false)), F(1, 0), Fmt(format(0, 640, false)), F(2, 0)],
        &["F640 d0 -", "v1", "v2"],
    );
}

#[test]
fn changed_parameters_begin_a_new_epoch_with_the_next_frame() {
    check(
        vec![Fmt(format(0, 640, false)), F(0, 0), Fmt(format(0, 1280, false)), F(1, 0)],
        &["F640 d0 -", "v0", "F1280 d0 -", "v1"],
    );
}

#[test]
fn a_new_connection_begins_a_new_epoch() {
    check(
        vec![Fmt(format(0, 640, false)), F(0, 0), Connected, F(1, 0), Fmt(format(0, 640, false)), F(2, 0)],
        &["F640 d0 -", "v0", "F640 d0 -", "v2"],
    );
}

#[test]
fn undeclared_b_frames_are_learned_and_stay_learned() {
    check(
        vec![
            Fmt(format(0, 640, false)),
            F(0, 0),
            F(3, 0),
            F(1, 0),
            F(2, 0),
            F(6, 0),
            F(4, 0),
            F(5, 0),
            Connected,
            Fmt(format(0, 640, false)),
            F(9, 0),
            F(7, 0),
        ],
        &["F640 d0 -", "v0", "v3", "F640 d1 -", "v1", "v2", "v6", "v4", "v5", "F640 d1 -", "v9", "v7"],
    );
}

#[test]
fn a_hole_that_the_source_names_is_a_gap_however_short() {
    use GapReason::{CameraBroken, PacketLoss};
    check(
        vec![
            Fmt(format(0, 640, false)),
            Missing(PacketLoss),
            F(0, 0),
            F(1, 0),
            Missing(CameraBroken),
            Missing(PacketLoss),
            F(3, 1),
            F(4, 0),
        ],
        &["F640 d0 packet-loss", "v0", "v1", "camera-broken 81", "F640 d0 camera-broken", "v3", "v4"],
    );
}

#[test]
fn holes_are_typed_gaps() {
    let mut lossy = vec![Fmt(format(0, 640, false))];
    lossy.extend((0..20).map(|i| F(i, 0)));
    lossy.extend([F(100, 7), F(101, 0), F(200, 0), F(240, 0)]);
    let got = run(lossy);
    assert_eq!(
        got[20..],
        ["v19", "F640 d0 packet-loss", "v100", "v101", "F640 d0 camera-stalled", "v200", "v240"]
    );
    // A camera of one picture in four seconds has no holes.
    let slow: Vec<In> =
        std::iter::once(Fmt(format(0, 640, false))).chain((0..5).map(|i| F(i * 100, 0))).collect();
    assert_eq!(run(slow).iter().filter(|t| t.starts_with('F')).count(), 1);
}

#[test]
fn sound_follows_the_picture() {
    check(
        vec![Sound(0), Fmt(format(0, 640, true)), Sound(1), F(0, 0), Sound(2), Sound(3), Sound(3), F(1, 0)],
        &["F640 d0 -", "v0", "a", "a", "v1"],
    );
    check(vec![Fmt(format(0, 640, false)), F(0, 0), Sound(2)], &["F640 d0 -", "v0"]);
}

#[test]
fn a_jump_of_the_camera_and_repeated_stamps_lose_no_frame() {
    check(
        vec![Fmt(format(0, 640, false)), F(50, 0), F(50, 0), F(51, 0), F(0, 0), F(1, 0)],
        &["F640 d0 -", "v50", "v50", "v51", "v0", "F640 d0 camera-clock-step", "v1"],
    );
}
