//! Orders, budgets and measurements in, rates out.

#![allow(clippy::unwrap_used, reason = "a test may stop on what it did not expect")]

use super::*;
use nvr_base::{Codec, VideoFormat};

/// A 640×360 stream of 10 frames a second with a key frame every 2 s.
fn flow() -> Flow {
    let format =
        VideoFormat { codec: Codec::H264, width: 640, height: 360, config: Vec::new(), reorder_depth: 0 };
    let mut flow = Flow::new(&format);
    (0..100).for_each(|n| flow.sample(n * 100_000, n % 20 == 0));
    flow
}

fn pacer(budget: f32) -> Pacer {
    Pacer::new(budget, Some(("detector".to_owned(), ModelCost { ms: 20.0, width: 416, height: 416 })))
}

/// Cameras of a wish and a severity each; one plan after the other, each after `measured`.
fn planned(pacer: &mut Pacer, cameras: &mut [(CameraOrder, Pace)], measured: &[Measured]) -> Vec<Rate> {
    measured.iter().for_each(|m| pacer.measure(m));
    let flow = flow();
    let all = cameras.iter().enumerate().map(|(n, (order, pace))| (n as CameraNumber, order, &flow, *pace));
    let (paces, rates) = pacer.plan(all);
    for (number, pace) in paces {
        cameras.get_mut(usize::from(number)).unwrap().1 = pace;
    }
    rates
}

fn camera(fps: f32, severity: u8) -> (CameraOrder, Pace) {
    let order = CameraOrder { fps, severity, labels: [1, 0], ..CameraOrder::default() };
    (order, Pace { fps, keys_only: false })
}

fn check(budget: f32, wishes: &[(f32, u8)], expected: &[f32]) {
    let mut cameras: Vec<_> = wishes.iter().map(|(fps, severity)| camera(*fps, *severity)).collect();
    let mut pacer = pacer(budget);
    let rates = planned(&mut pacer, &mut cameras, &[]);
    let given: Vec<f32> = rates.iter().map(|r| r.given_fps).collect();
    let near = given.iter().zip(expected).all(|(a, b)| (a - b).abs() <= b * 0.06);
    assert!(near && given.len() == expected.len(), "{given:?}, expected {expected:?}");
    assert!(pacer.planned_ms_per_s <= budget + 0.1);
    // What was said once is not said again.
    assert_eq!(planned(&mut pacer, &mut cameras, &[]), []);
}

#[test]
fn rates_within_the_budget() {
    check(1000.0, &[(5.0, 2), (2.0, 2)], &[5.0, 2.0]);
    // A stream of 10 frames a second has no 20.
    check(1000.0, &[(20.0, 2)], &[10.0]);
    check(100.0, &[(5.0, 2), (5.0, 2)], &[2.15, 2.15]);
    // The less urgent one goes when both cannot be served.
    check(10.0, &[(5.0, 3), (5.0, 1)], &[0.0, 0.44]);
    check(0.0, &[(5.0, 1)], &[0.0]);
}

#[test]
fn a_stream_that_has_less_is_taken_whole() {
    let mut cameras = [camera(20.0, 2)];
    planned(&mut pacer(1000.0), &mut cameras, &[]);
    assert_eq!(cameras.first().unwrap().1, Pace { fps: 20.0, keys_only: false });
}

#[test]
fn key_frames_serve_low_rates() {
    let mut cameras = [camera(0.4, 2)];
    planned(&mut pacer(1000.0), &mut cameras, &[]);
    assert_eq!(cameras.first().unwrap().1, Pace { fps: 0.4, keys_only: true });
}

#[test]
fn what_is_measured_counts() {
    let mut cameras = [camera(10.0, 2)];
    let mut pacer = pacer(100.0);
    let before = planned(&mut pacer, &mut cameras, &[]).first().unwrap().given_fps;
    let turn = Measured {
        mpx: 0.23,
        analysed: true,
        detected: true,
        looked: true,
        detect_us: 12_000,
        ..Measured::default()
    };
    let faster = planned(&mut pacer, &mut cameras, &vec![turn.clone(); 200]).first().unwrap().given_fps;
    let idle = Measured { detected: false, looked: false, detect_us: 0, ..turn };
    let quiet = planned(&mut pacer, &mut cameras, &vec![idle; 200]).first().unwrap().given_fps;
    assert!(before < 5.0 && faster > before * 1.5 && quiet >= 10.0, "{before} {faster} {quiet}");
}

#[test]
fn threads_that_do_not_keep_up_are_given_less() {
    let mut cameras = [camera(10.0, 2)];
    let mut pacer = pacer(1000.0);
    planned(&mut pacer, &mut cameras, &[]);
    let turn = |left_out| Measured {
        analysed: true,
        detected: true,
        looked: true,
        detect_us: 20_000,
        left_out,
        mpx: 0.23,
        ..Measured::default()
    };
    for _ in 0..20 {
        planned(&mut pacer, &mut cameras, &[turn(3)]);
    }
    let cut = cameras.first().unwrap().1.fps;
    for _ in 0..200 {
        planned(&mut pacer, &mut cameras, &[turn(0)]);
    }
    assert!(cut < 5.0 && cameras.first().unwrap().1.fps == 10.0, "{cut}");
    // What is passed over although a thread has time came in a burst.
    for _ in 0..20 {
        pacer.rested(RESTED_MIN);
        planned(&mut pacer, &mut cameras, &[turn(3)]);
    }
    assert_eq!(cameras.first().unwrap().1.fps, 10.0);
}

#[test]
fn small_changes_are_none() {
    let settled = |now: f32, planned: f32, wanted: f32| {
        let pace = |fps| Pace { fps, keys_only: false };
        settle(pace(now), pace(planned), wanted).fps
    };
    assert_eq!(settled(5.0, 5.4, 10.0), 5.0);
    assert_eq!(settled(5.0, 5.6, 10.0), 5.6);
    assert_eq!(settled(9.5, 10.0, 10.0), 10.0);
    assert_eq!(settled(0.0, 0.2, 10.0), 0.2);
    assert_eq!(settled(0.2, 0.0, 10.0), 0.0);
    assert_eq!(settled(10.0, 9.8, 9.8), 9.8);
}
