//! Tables for media time.

use super::*;
use nvr_base::{Mono, Utc};

const T0: i64 = 1_764_000_000_000_000;
const FRAME: i64 = 3_600;

fn at(us: i64, wall_off_us: i64) -> Now {
    Now { utc: Utc(T0 + us + wall_off_us), mono: Mono((5_000_000 + us) as u64) }
}

/// Frames as (camera ticks, arrival µs after start, wall clock offset µs); gives each frame's media time
/// after the start, in ticks, and its epoch.
fn run(frames: impl IntoIterator<Item = (i64, i64, i64)>) -> Vec<(i64, Option<GapReason>)> {
    let mut timeline = Timeline::new();
    let zero = Utc(T0).to_ticks();
    frames
        .into_iter()
        .map(|(camera, us, off)| {
            let placed = timeline.place(camera, 90_000, at(us, off));
            (placed.pts.since(zero), placed.epoch)
        })
        .collect()
}

fn steps(got: &[(i64, Option<GapReason>)]) -> Vec<(usize, GapReason)> {
    got.iter().enumerate().filter_map(|(i, (_, e))| e.map(|e| (i, e))).collect()
}

#[test]
fn durations_are_the_cameras_own() {
    let got = run((0..1000).map(|i| (77 + i * FRAME, i * 40_000 + (i * 7919) % 15_000, 0)));
    assert!(got.windows(2).all(|w| w[1].0 - w[0].0 == FRAME), "no jitter gets through");
    assert_eq!(steps(&got), []);
}

#[test]
fn a_wrong_camera_clock_and_a_wrap_do_not_matter() {
    let wrap = (1i64 << 32) - 10 * FRAME;
    for base in [0, 7 * 60 * 90_000, wrap, -5_000_000] {
        let got = run((0..100).map(|i| (base + i * FRAME, i * 40_000, 0)));
        assert_eq!(got[99].0, 99 * FRAME);
        assert_eq!(steps(&got), []);
    }
}

#[test]
fn a_fast_and_a_slow_camera_are_slewed_within_500_ppm() {
    for ppm in [-400i64, 300, 400] {
        // One hour at 25 fps, the camera's clock off by `ppm`.
        let n = 90_000i64;
        let got = run((0..n).map(|i| (i * FRAME, i * 40_000 - i * 40_000 * ppm / 1_000_000, 0)));
        assert_eq!(steps(&got), [], "{ppm}");
        let end = (n - 1) * FRAME;
        let arrival = end - end * ppm / 1_000_000;
        let error = got[n as usize - 1].0 - arrival;
        assert!(error.abs() < 4 * SLEW_DEAD_BAND_TICKS, "{ppm} ppm leaves {error} ticks");
        let odd = got.windows(2).filter(|w| w[1].0 - w[0].0 != FRAME).count();
        assert!(odd < 1_800, "{ppm}: {odd} durations touched");
        for w in got.windows(2) {
            let d = w[1].0 - w[0].0;
            assert!((d - FRAME).abs() <= SLEW_QUANTUM_TICKS, "{d}");
        }
        // No window of ten seconds is bent by more than 500 ppm (and one quantum).
        for w in got.windows(250) {
            let bent = (w[249].0 - w[0].0 - 249 * FRAME).abs();
            assert!(bent <= 249 * FRAME * SLEW_PPM_MAX / 1_000_000 + SLEW_QUANTUM_TICKS, "{bent}");
        }
    }
}

#[test]
fn the_box_clock_steps() {
    for step in [3_600_000_000i64, -3_600_000_000, 86_400_000_000, -86_400_000_000, 600_000] {
        let got = run((0..20).map(|i| (i * FRAME, i * 40_000, if i < 10 { 0 } else { step })));
        assert_eq!(steps(&got), [(10, GapReason::ClockStep)]);
        assert_eq!(got[10].0 - got[9].0, FRAME + step * 9 / 100, "moved with the clock, pace kept");
    }
    let got = run((0..20).map(|i| (i * FRAME, i * 40_000, if i < 10 { 0 } else { 400_000 })));
    assert_eq!(steps(&got), [], "small steps are slewed");
}

#[test]
fn the_cameras_timestamps_jump() {
    let jump = |by: i64| run((0..20).map(move |i| (i * FRAME + if i < 10 { 0 } else { by }, i * 40_000, 0)));
    for by in [3_600 * 90_000i64, -3_600 * 90_000, 5 * 90_000, -2 * 90_000] {
        let got = jump(by);
        assert_eq!(steps(&got), [(11, GapReason::CameraClockStep)], "{by}: the second frame confirms it");
        for w in got.windows(2) {
            assert!((w[1].0 - w[0].0 - FRAME).abs() < 10, "anchored on arrival");
        }
    }
}

#[test]
fn single_wrong_stamps_are_put_right() {
    for by in [-90_000i64, -3_600 * 90_000, 3_600 * 90_000, i64::from(i32::MIN)] {
        let got = run((0..200).map(|i| (i * FRAME + if i % 25 == 24 { by } else { 0 }, i * 40_000, 0)));
        assert_eq!(steps(&got), [], "{by}");
        assert!(got.windows(2).all(|w| w[1].0 - w[0].0 == FRAME), "{by}");
    }
}

#[test]
fn network_trouble_is_no_step() {
    // Held up for 4 s, then everything at once.
    let got =
        run((0..200).map(|i| (i * FRAME, if i < 100 { i * 40_000 } else { (i * 40_000).max(8_000_000) }, 0)));
    assert_eq!(steps(&got), []);
    assert!(got.windows(2).all(|w| w[1].0 - w[0].0 == FRAME));
    // Lost for 4 s.
    let got =
        run((0..200).filter(|i| !(100..200).contains(i) || *i >= 199).map(|i| (i * FRAME, i * 40_000, 0)));
    assert_eq!(steps(&got), []);
}

#[test]
fn reordered_frames_keep_their_distance() {
    let order = [0i64, 3, 1, 2, 6, 4, 5, 9, 7, 8];
    let got = run(order.iter().enumerate().map(|(i, o)| (o * FRAME, i as i64 * 40_000, 0)));
    for (o, (pts, _)) in order.iter().zip(&got) {
        assert_eq!(*pts, o * FRAME);
    }
}

#[test]
fn a_burst_of_old_frames_is_put_right_by_one_new_epoch() {
    // Three seconds of pictures at once, then live.
    let got = run((0..1000).map(|i| (i * FRAME, ((i - 75) * 40_000).max(0), 0)));
    let steps = steps(&got);
    assert_eq!(steps.len(), 1, "{steps:?}");
    let last = got[999].0 - (999 - 75) * FRAME;
    assert!(last.abs() <= SLEW_DEAD_BAND_TICKS, "{last}");
}

#[test]
fn audio_rates_do_not_drift() {
    let mut timeline = Timeline::new();
    let zero = Utc(T0).to_ticks();
    for i in 0..100_000i64 {
        let us = i * 1024 * 1_000_000 / 44_100;
        let placed = timeline.place(i * 1024, 44_100, at(us, 0));
        assert_eq!(placed.epoch, None);
        assert!((placed.pts.since(zero) - i * 1024 * 90_000 / 44_100).abs() <= 1);
    }
}

#[test]
fn hostile_numbers_do_not_panic() {
    let table = [i64::MIN, i64::MAX, 0, -1, i64::MAX / 2, i64::MIN / 2];
    let mut timeline = Timeline::new();
    for a in table {
        for rate in [0, 1, 90_000, u32::MAX] {
            for utc in [i64::MIN, 0, i64::MAX] {
                timeline.place(a, rate, Now { utc: Utc(utc), mono: Mono(u64::MAX) });
            }
        }
    }
}
