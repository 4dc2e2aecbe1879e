//! Person down on scripted scenes: bodies of bones, seen from the side or as boxes, and which alerts that is.
//!
//! Promises: runs through the C boundary, as in a worker. Leaves to others: real footage (`nvr replay`).

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use nvr_plugin_api::host::{InferenceData, InputData, Plugin};
use nvr_plugin_api::testkit::{check_refused, run};
use nvr_plugin_api::{Label, Phase, Rect, ResultKind, Scene, Track, TrackId};
use person_down::PersonDownDetector;

/// How a body of 0.4 picture heights holds itself.
#[derive(Clone, Copy, PartialEq)]
enum Body {
    Stands,
    Bends,
    OnChair,
    OnFloor,
    Kneels,
    Crouches,
    OnBench,
    /// Across the picture, as found by the model, and turned towards the camera.
    Lies,
    LiesTowards,
    /// Arms stretched, between two of these.
    PushUp,
    /// Nobody sees it.
    Hidden,
}
use Body::*;

impl Body {
    /// Shoulders, hips, knees, ankles: x from the feet, height over the ground, in body heights.
    fn bones(self) -> [(f32, f32); 4] {
        match self {
            Stands | Hidden => [(0.0, 0.82), (0.0, 0.52), (0.0, 0.28), (0.0, 0.04)],
            Bends => [(0.35, 0.55), (0.0, 0.52), (0.0, 0.28), (0.0, 0.04)],
            OnChair => [(-0.2, 0.6), (-0.2, 0.27), (0.0, 0.28), (0.0, 0.04)],
            OnFloor => [(-0.4, 0.38), (-0.4, 0.06), (-0.2, 0.2), (0.0, 0.04)],
            Kneels => [(0.0, 0.58), (0.0, 0.28), (0.0, 0.04), (-0.2, 0.04)],
            Crouches => [(0.15, 0.42), (-0.05, 0.22), (0.1, 0.28), (0.0, 0.04)],
            OnBench => [(-0.6, 0.36), (-0.3, 0.34), (0.0, 0.34), (0.2, 0.32)],
            Lies => [(-0.8, 0.1), (-0.5, 0.08), (-0.25, 0.1), (0.0, 0.05)],
            LiesTowards => [(0.02, 0.12), (0.0, 0.05), (0.0, -0.05), (0.0, -0.12)],
            PushUp => [(-0.8, 0.32), (-0.5, 0.22), (-0.25, 0.13), (0.0, 0.05)],
        }
    }
}

const HEIGHT: f32 = 0.4;

/// One after another, `(until second, body, x of the feet)`; the last x is kept, or walked to when they differ.
type Play<'a> = &'a [(f64, Body, f32)];

fn at(play: Play<'_>, second: f64) -> Option<(Body, f32)> {
    play.iter().find(|(until, ..)| second < *until).map(|(_, body, x)| (*body, *x))
}

fn joints(body: Body, x: f32) -> Vec<f32> {
    let [shoulder, hip, knee, ankle] = body.bones();
    let all = [shoulder, shoulder, shoulder, hip, knee, ankle];
    let two = |(dx, up): (f32, f32)| {
        let one = [x + dx * HEIGHT, 0.9 - up * HEIGHT, 0.8];
        [one, one].concat()
    };
    all.into_iter().flat_map(two).collect()
}

fn boxed(id: u64, body: Body, x: f32, at_us: i64) -> Track {
    let bones = body.bones();
    let least = |f: fn(&(f32, f32)) -> f32| bones.iter().map(f).fold(f32::INFINITY, f32::min);
    let most = |f: fn(&(f32, f32)) -> f32| bones.iter().map(f).fold(f32::NEG_INFINITY, f32::max);
    // A head above upright shoulders, and limbs around the bones.
    let head = if matches!(body, Lies | LiesTowards | OnBench | PushUp | Bends) { 0.05 } else { 0.18 };
    let (left, right) = (least(|b| b.0) - 0.15, most(|b| b.0) + 0.15);
    let (top, bottom) = (most(|b| b.1) + head, least(|b| b.1) - 0.04);
    let rect = Rect {
        x: x + left * HEIGHT,
        y: 0.9 - top * HEIGHT,
        w: (right - left) * HEIGHT,
        h: (top - bottom) * HEIGHT,
    };
    Track {
        id: TrackId(id),
        label: Label::PERSON,
        score: 0.8,
        rect,
        velocity: (0.0, 0.0),
        first_seen_us: 0,
        last_seen_us: at_us,
        observed: true,
    }
}

/// What sees them.
#[derive(Clone, Copy, PartialEq)]
enum By {
    Poses,
    Boxes,
}

/// Begins and ends, as `B16.0 E20.0`, at five scenes a second, a look of the model each.
fn said(rule: &str, by: By, plays: &[Play<'_>], end_s: f64) -> String {
    let plugin = Plugin::in_process::<PersonDownDetector>().unwrap();
    let mut instance = plugin.create(rule).unwrap();
    instance.start().unwrap();
    let mut lines = Vec::new();
    for n in 0..=(end_s * 5.0) as i64 {
        let at_us = n * 200_000;
        let there: Vec<(u64, Body, f32)> = (1..)
            .zip(plays)
            .filter_map(|(id, play)| at(play, at_us as f64 / 1e6).map(|(body, x)| (id, body, x)))
            .filter(|(_, body, _)| *body != Hidden)
            .collect();
        let tracks = match by {
            By::Boxes => there.iter().map(|(id, body, x)| boxed(*id, *body, *x, at_us)).collect(),
            By::Poses => Vec::new(),
        };
        let scene = Scene { at_us, tracks, ..Scene::default() };
        let data: Vec<f32> = there.iter().flat_map(|(_, body, x)| joints(*body, *x)).collect();
        let dims = [there.len() as u32, 12, 3];
        let look = InferenceData {
            model: "movenet-multipose",
            track: None,
            at_us,
            kind: ResultKind::Keypoints,
            dims: &dims,
            region: Rect { x: 0.0, y: 0.0, w: 1.0, h: 1.0 },
            data: &data,
        };
        let looks = [look];
        let input = InputData {
            scene: &scene,
            wall_us: at_us,
            sequence: n as u64,
            picture: (720, 720),
            history: false,
            gap: false,
            gray: None,
            rgb: None,
            inference: if by == By::Poses { &looks } else { &[] },
        };
        let said = instance.process(&input).unwrap();
        assert_eq!(said.refusal, None);
        lines.extend(said.events.iter().map(|e| match (e.phase, e.end_us) {
            (Phase::Begin, _) => format!("B{:.1}", e.start_us as f64 / 1e6),
            (_, end) => format!("E{:.1}", end.unwrap_or(-1) as f64 / 1e6),
        }));
    }
    lines.join(" ")
}

fn check(rule: &str, plays: &[Play<'_>], end_s: f64, expected: &str) {
    for (by, name) in [(By::Poses, "poses"), (By::Boxes, "boxes")] {
        assert_eq!(said(rule, by, plays, end_s), expected, "by {name} under {rule}");
    }
}

const FIELD: &str = "{}";
const SHORT: &str = r#"{"dwell_s":1}"#;

#[test]
fn falls_and_stays_down() {
    let falls: Play<'_> = &[(4.0, Stands, 0.5), (4.6, Bends, 0.5), (60.0, Lies, 0.6)];
    check(FIELD, &[falls], 40.0, "B19.6");
    check(SHORT, &[falls], 40.0, "B5.6");
    check(r#"{"zone":[[0,0],[0.2,0],[0.2,1],[0,1]]}"#, &[falls], 40.0, "");
    // From a chair, from kneeling, and towards the camera.
    check(FIELD, &[&[(4.0, OnChair, 0.5), (60.0, Lies, 0.6)]], 40.0, "B19.0");
    check(FIELD, &[&[(2.0, Stands, 0.5), (4.0, Kneels, 0.5), (60.0, Lies, 0.6)]], 40.0, "B19.0");
    check(SHORT, &[&[(4.0, Stands, 0.5), (60.0, LiesTowards, 0.5)]], 20.0, "B5.0");
}

#[test]
fn is_helped_up() {
    let up: Play<'_> = &[(4.0, Stands, 0.5), (30.0, Lies, 0.6), (60.0, Stands, 0.6)];
    check(FIELD, &[up], 50.0, "B19.0 E30.0");
    check(FIELD, &[&[(4.0, Stands, 0.5), (12.0, Lies, 0.6), (60.0, Stands, 0.6)]], 50.0, "");
}

#[test]
fn is_seen_now_and_then() {
    let flickers: Play<'_> = &[
        (4.0, Stands, 0.5),
        (6.0, Lies, 0.6),
        (10.0, Hidden, 0.6),
        (10.4, Lies, 0.6),
        (15.0, Hidden, 0.6),
        (20.0, Lies, 0.6),
        (24.0, Hidden, 0.6),
        (30.0, Lies, 0.6),
    ];
    assert_eq!(said(FIELD, By::Poses, &[flickers], 30.0), "B19.0");
}

#[test]
fn sitting() {
    check(SHORT, &[&[(4.0, Stands, 0.5), (30.0, OnChair, 0.5)]], 30.0, "");
    check(SHORT, &[&[(4.0, Stands, 0.5), (5.0, OnChair, 0.5), (30.0, OnFloor, 0.5)]], 30.0, "");
    check(SHORT, &[&[(4.0, Stands, 0.5), (30.0, OnFloor, 0.5)]], 30.0, "");
}

#[test]
fn bending_and_crouching() {
    check(SHORT, &[&[(4.0, Stands, 0.5), (30.0, Bends, 0.5)]], 30.0, "");
    check(SHORT, &[&[(4.0, Stands, 0.5), (30.0, Crouches, 0.5)]], 30.0, "");
}

#[test]
fn kneeling() {
    check(SHORT, &[&[(4.0, Stands, 0.5), (30.0, Kneels, 0.5)]], 30.0, "");
}

#[test]
fn sleeping_rough() {
    // From first sight; then people walk past.
    check(SHORT, &[&[(60.0, Lies, 0.5)]], 40.0, "");
    let walks: Vec<(f64, Body, f32)> =
        (0..40).map(|n| (10.0 + 0.2 * f64::from(n), Stands, 0.025 * n as f32)).collect();
    let walks: Vec<_> = std::iter::once((9.8, Hidden, 0.0)).chain(walks).collect();
    check(SHORT, &[&[(60.0, Lies, 0.5)], &walks], 40.0, "");
}

#[test]
fn lying_down_on_purpose() {
    // On a bench, and slowly on the floor: first it sits.
    check(SHORT, &[&[(4.0, Stands, 0.5), (6.0, OnChair, 0.5), (30.0, OnBench, 0.5)]], 30.0, "");
    check(SHORT, &[&[(4.0, Stands, 0.5), (8.0, OnFloor, 0.5), (30.0, Lies, 0.5)]], 30.0, "");
}

#[test]
fn sport() {
    let mut push_ups: Vec<(f64, Body, f32)> = vec![(4.0, Stands, 0.5)];
    for n in 0..30 {
        push_ups.push((5.0 + 2.0 * f64::from(n), Lies, 0.5));
        push_ups.push((6.0 + 2.0 * f64::from(n), PushUp, 0.5));
    }
    check(FIELD, &[&push_ups], 60.0, "");
    // Rolling and crawling about.
    let crawls: Vec<(f64, Body, f32)> = std::iter::once((4.0, Stands, 0.3))
        .chain((1..40).map(|n| (4.0 + f64::from(n), Lies, 0.3 + 0.15 * (n % 4) as f32)))
        .collect();
    check(FIELD, &[&crawls], 40.0, "");
}

#[test]
fn hidden_by_something() {
    // Walks behind a wall.
    check(SHORT, &[&[(4.0, Stands, 0.5), (30.0, Hidden, 0.5)]], 30.0, "");
}

#[test]
fn what_cannot_work() {
    check_refused::<PersonDownDetector>(r#"{"line":[[0,0.5],[1,0.5]]}"#, "line");
    assert!(run::<PersonDownDetector>(FIELD, &nvr_plugin_api::testkit::Script::new(1.0)).is_ok());
}
