//! Cameras, rules and a budget in, rates out.

#![allow(clippy::unwrap_used, reason = "a test may stop on what it did not expect")]

use super::*;

const SUB: StreamShape = StreamShape { width: 640, height: 360, fps: 10.0, key_fps: 0.5 };
const MAIN: StreamShape = StreamShape { width: 1920, height: 1080, fps: 25.0, key_fps: 0.5 };

fn costs() -> Costs {
    let model = |ms, size| ModelCost { ms, width: size, height: size };
    Costs {
        detector: "detector".into(),
        models: [("detector".to_owned(), model(10.0, 416)), ("pose".to_owned(), model(20.0, 256))].into(),
        ..Costs::default()
    }
}

fn camera(id: &str) -> PlannedCamera {
    PlannedCamera { id: id.parse().unwrap(), main: MAIN, sub: Some(SUB), busy_share: 1.0 }
}

fn rule(camera: &str, severity: u8, needs: Needs) -> PlannedRule {
    PlannedRule { id: format!("{camera}-rule"), camera: camera.parse().unwrap(), severity, needs }
}

fn tracks(fps: f32) -> Needs {
    Needs { tracks_fps: Some(fps), ..Needs::default() }
}

/// Rates of the planned cameras, and who is short: `camera wanted given reason`.
#[track_caller]
fn check(wanted: &[(&str, u8, Needs)], budget: f32, rates: &[(&str, f32)], short: &[&str]) -> Plan {
    let cameras: Vec<PlannedCamera> = wanted.iter().map(|(id, ..)| camera(id)).collect();
    let rules: Vec<PlannedRule> = wanted.iter().map(|(id, s, needs)| rule(id, *s, needs.clone())).collect();
    let plan = plan(&cameras, &rules, &costs(), budget);
    let found: Vec<(&str, f32)> = plan.cameras.iter().map(|c| (c.camera.as_str(), c.fps)).collect();
    let near = |(a, b): (&(&str, f32), &(&str, f32))| a.0 == b.0 && (a.1 - b.1).abs() < 0.06;
    assert!(found.len() == rates.len() && found.iter().zip(rates).all(near), "{found:?}");
    let shortfalls: Vec<String> = plan
        .shortfalls
        .iter()
        .map(|s| format!("{} {} {:.2} {:?}", s.camera, s.wanted_fps, s.given_fps, s.reason))
        .collect();
    assert_eq!(shortfalls, short);
    assert!(plan.cost_ms_per_s <= budget + 0.01, "{} of {budget}", plan.cost_ms_per_s);
    plan
}

#[test]
fn enough_for_all() {
    let plan = check(&[("a", 2, tracks(5.0)), ("b", 2, tracks(2.0))], 1000.0, &[("a", 5.0), ("b", 2.0)], &[]);
    let a = plan.cameras.first().unwrap();
    assert_eq!(a.decode, Decode::Sub);
    let scales: Vec<(u32, u32, Colour)> = a.scales.iter().map(|s| (s.width, s.height, s.colour)).collect();
    assert_eq!(scales, [(160, 90, Colour::Gray), (416, 416, Colour::Rgb)]);
    assert_eq!(a.models, [ModelUse { model: "detector".into(), looks_at: LooksAt::Frame, fps: 5.0 }]);
}

#[test]
fn what_is_short_is_shared_fairly() {
    // Decoding costs 3.4 + 1.0 a camera, a frame 10.5: the modest one keeps its rate, the others share what is left.
    check(
        &[("a", 2, tracks(10.0)), ("b", 2, tracks(1.0)), ("c", 1, tracks(5.0))],
        100.0,
        &[("a", 3.65), ("b", 1.0), ("c", 3.65)],
        &["a 10 3.65 Budget", "c 5 3.65 Budget"],
    );
    // One that is content leaves its share to the other.
    check(
        &[("a", 2, tracks(10.0)), ("b", 2, tracks(3.0))],
        100.0,
        &[("a", 5.71), ("b", 3.0)],
        &["a 10 5.71 Budget"],
    );
}

#[test]
fn key_frames_serve_low_rates() {
    let plan = check(&[("a", 2, tracks(0.5))], 100.0, &[("a", 0.5)], &[]);
    assert_eq!(plan.cameras.first().unwrap().decode, Decode::SubKeys);
    // So little that all frames of the stream cannot be decoded: key frames are.
    let plan = check(&[("a", 2, tracks(5.0))], 8.0, &[("a", 0.5)], &["a 5 0.50 Budget"]);
    assert_eq!(plan.cameras.first().unwrap().decode, Decode::SubKeys);
}

#[test]
fn the_least_urgent_go_first() {
    check(
        &[("a", 3, tracks(5.0)), ("b", 1, tracks(5.0)), ("c", 2, tracks(5.0)), ("d", 2, tracks(5.0))],
        8.0,
        &[("b", 0.28), ("c", 0.28)],
        &["a 5 0.00 NotAnalysed", "b 5 0.28 Budget", "c 5 0.28 Budget", "d 5 0.00 NotAnalysed"],
    );
    for nothing in [0.0, -1.0, f32::NAN] {
        let plan = plan(&[camera("a")], &[rule("a", 1, tracks(5.0))], &costs(), nothing);
        assert_eq!((plan.cameras.len(), plan.shortfalls.len(), plan.cost_ms_per_s), (0, 1, 0.0));
    }
}

#[test]
fn a_stream_has_no_more_frames_than_it_has() {
    check(&[("a", 2, tracks(30.0))], 1000.0, &[("a", 10.0)], &["a 30 10.00 StreamRate"]);
}

#[test]
fn rules_of_one_camera_share_everything() {
    let frames = |fps| Needs {
        frames: vec![FrameNeed { width: 160, height: 90, colour: Colour::Gray, fps }],
        ..Needs::default()
    };
    let rules = [rule("a", 2, tracks(5.0)), rule("a", 2, tracks(2.0)), rule("a", 2, frames(1.0))];
    let plan = plan(&[camera("a"), camera("idle")], &rules, &costs(), 1000.0);
    let [a] = plan.cameras.as_slice() else { unreachable!("one camera: {plan:?}") };
    assert_eq!((a.fps, a.scales.len(), a.models.len()), (5.0, 2, 1));
}

#[test]
fn large_frames_and_crops_want_the_main_stream() {
    let large = FrameNeed { width: 1280, height: 720, colour: Colour::Rgb, fps: 1.0 };
    let pose = InferenceNeed { model: "pose".into(), looks_at: LooksAt::Crops, fps: 2.0 };
    for needs in [
        Needs { frames: vec![large], ..Needs::default() },
        Needs { inference: vec![pose], tracks_fps: Some(2.0), ..Needs::default() },
    ] {
        let plan = plan(&[camera("a")], &[rule("a", 2, needs)], &costs(), 1000.0);
        assert_eq!(plan.cameras.first().unwrap().decode, Decode::Main);
    }
}

#[test]
fn a_quiet_camera_costs_less() {
    let cost = |busy_share| {
        let quiet = PlannedCamera { busy_share, ..camera("a") };
        plan(&[quiet], &[rule("a", 2, tracks(5.0))], &costs(), 1000.0).cost_ms_per_s
    };
    assert!((cost(1.0) - cost(0.2) - 40.0).abs() < 0.01); // 5 a second, 10 ms, 0.8 less
}

#[test]
fn unmet_needs_are_said() {
    let model = |name: &str| Needs {
        inference: vec![InferenceNeed { model: name.into(), looks_at: LooksAt::Frame, fps: 1.0 }],
        ..Needs::default()
    };
    let rules = [
        rule("a", 2, model("smoke")),
        rule("b", 2, tracks(1.0)),
        rule("a", 2, tracks(f32::NAN)),
        rule("a", 2, tracks(1.0)),
    ];
    let plan = plan(&[camera("a")], &rules, &costs(), 1000.0);
    let unmet: Vec<String> = plan.unmet.iter().map(ToString::to_string).collect();
    assert_eq!(
        unmet,
        [
            "rule a-rule: the model smoke is not installed",
            "rule b-rule: there is no camera b",
            "rule a-rule: its plugin needs a rate or size that is not above 0",
        ]
    );
    assert_eq!(plan.cameras.len(), 1);
}

#[test]
fn fifty_cameras_on_two_cores() {
    let ids: Vec<String> = (0..50).map(|i| format!("cam{i}")).collect();
    let cameras: Vec<PlannedCamera> = ids.iter().map(|id| camera(id)).collect();
    let rules: Vec<PlannedRule> = ids.iter().map(|id| rule(id, 2, tracks(5.0))).collect();
    let plan = plan(&cameras, &rules, &costs(), 1500.0);
    assert_eq!(plan.cameras.len(), 50);
    // Fair: all the same, and the next step up would not fit.
    let fps = plan.cameras.first().unwrap().fps;
    assert!(plan.cameras.iter().all(|c| c.fps == fps));
    assert!(plan.cost_ms_per_s <= 1500.0 && plan.cost_ms_per_s > 1490.0, "{}", plan.cost_ms_per_s);
}
