//! Crowd density on scripted scenes: who is where, what the map says, and which alerts that is.
//!
//! Promises: runs through the C boundary, as in a worker. Leaves to others: real footage (`nvr replay`).

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use crowd_density::CrowdDensityDetector;
use nvr_plugin_api::host::{InferenceData, Plugin};
use nvr_plugin_api::testkit::{Script, check, check_refused};
use nvr_plugin_api::{Label, Rect, ResultKind};

const TEN: &str = r#"{"max_persons":10}"#;
/// Ten metres to each side of the picture.
const PER_M2: &str = r#"{"max_persons_per_m2":0.1,"ground":[10,0,0,0,10,0,0,0,1]}"#;

fn expect(rule: &str, script: &Script, expected: &[&str]) {
    check::<CrowdDensityDetector>(rule, script, expected);
}

/// So many people of a height from one second to another, in rows.
fn group(mut script: Script, first: u64, n: u64, height: f32, from_s: f64, to_s: f64) -> Script {
    for k in 0..n {
        let (x, y) = (0.05 + 0.11 * (k % 9) as f32, 0.5 + 0.25 * (k / 9) as f32);
        script = script.track(first + k, Label::PERSON, height, &[(from_s, x, y), (to_s, x, y)]);
    }
    script
}

#[test]
fn more_than_so_many() {
    let crowd = group(Script::new(90.0), 1, 12, 0.2, 5.0, 60.0);
    expect(
        TEN,
        &crowd,
        &[
            "35.2 begin crowd-density #1 count=12.0 people=12 by=tracks",
            "63.2 end crowd-density #1 35.2..60.2",
        ],
    );
    expect(
        PER_M2,
        &crowd,
        &[
            "35.2 begin crowd-density #1 density=0.1 people=12 by=tracks",
            "63.2 end crowd-density #1 35.2..60.2",
        ],
    );
    expect(r#"{"max_persons":10,"zone":[[0,0],[1,0],[1,0.3],[0,0.3]]}"#, &crowd, &[]);
}

#[test]
fn just_under() {
    expect(TEN, &group(Script::new(60.0), 1, 10, 0.2, 0.0, 60.0), &[]);
}

#[test]
fn a_group_that_crosses() {
    expect(TEN, &group(Script::new(60.0), 1, 15, 0.2, 5.0, 30.0), &[]);
}

#[test]
fn hovering_about_the_limit_is_one_alert() {
    let mut script = group(Script::new(120.0), 1, 9, 0.2, 0.0, 120.0);
    for n in 0..10 {
        let from_s = f64::from(n) * 12.0;
        script = group(script, 100 + 10 * n as u64, 2, 0.2, from_s, from_s + 6.0);
    }
    expect(TEN, &script, &["30.0 begin crowd-density #1 count=11.0 people=11 by=tracks"]);
}

#[test]
fn others_are_no_people() {
    let mut script = Script::new(60.0);
    for k in 0..20 {
        script = script.car(k + 1, &[(0.0, 0.04 * k as f32, 0.6), (60.0, 0.04 * k as f32, 0.6)]);
    }
    expect(TEN, &script, &[]);
}

/// When it begins, with a map of so many people in the upper and the lower half, beside the script's tracks.
fn with_map(rule: &str, script: &Script, halves: [f32; 2]) -> Option<String> {
    let plugin = Plugin::in_process::<CrowdDensityDetector>().unwrap();
    let mut instance = plugin.create(rule).unwrap();
    assert_eq!(instance.needs().inference.len(), 1, "{rule} asks for the map");
    instance.start().unwrap();
    let map = InferenceData {
        model: "mcnn-shtech-b",
        track: None,
        at_us: 0,
        kind: ResultKind::Grid,
        dims: &[2, 1, 1],
        region: Rect { x: 0.0, y: 0.0, w: 1.0, h: 1.0 },
        data: &halves,
    };
    for (n, scene) in (0..).zip(script.scenes()) {
        let mut input = script.input(&scene, n);
        let maps = [map];
        input.inference = &maps;
        if let Some(event) = instance.process(&input).unwrap().events.first() {
            return Some(format!("{:.0} {}", event.start_us as f64 / 1e6, event.detail));
        }
    }
    None
}

#[test]
fn the_map() {
    let nobody = Script::new(40.0);
    let map = |rule: &str| with_map(rule, &nobody, [50.0, 4.0]);
    assert_eq!(
        map(r#"{"max_persons":10,"method":"density"}"#).unwrap(),
        "30 count=54.0 people=54 by=density-map"
    );
    let lower = r#"{"max_persons":10,"method":"density","zone":[[0,0.5],[1,0.5],[1,1],[0,1]]}"#;
    assert_eq!(map(lower), None);
}

#[test]
fn auto_goes_by_the_size_of_people() {
    let auto = r#"{"max_persons":30,"method":"auto"}"#;
    let large = group(Script::new(40.0), 1, 12, 0.2, 0.0, 40.0);
    let small = group(Script::new(40.0), 1, 12, 0.04, 0.0, 40.0);
    // A pattern (a flag, empty seats) beside large people, and one without anybody.
    assert_eq!(with_map(auto, &large, [50.0, 0.0]), None);
    assert_eq!(with_map(r#"{"max_persons":10,"method":"auto"}"#, &Script::new(40.0), [12.0, 3.0]), None);
    // A throng: boxes find half of it.
    let throng = group(Script::new(40.0), 1, 17, 0.2, 0.0, 40.0);
    assert_eq!(with_map(auto, &throng, [50.0, 0.0]).unwrap(), "30 count=34.0 people=34 by=both");
    assert_eq!(with_map(auto, &small, [50.0, 0.0]).unwrap(), "30 count=50.0 people=50 by=density-map");
}

#[test]
fn what_cannot_work() {
    check_refused::<CrowdDensityDetector>("{}", "max_persons");
    check_refused::<CrowdDensityDetector>(r#"{"max_persons":0}"#, "max_persons");
    check_refused::<CrowdDensityDetector>(r#"{"max_persons":5,"max_persons_per_m2":2}"#, "one of the two");
    check_refused::<CrowdDensityDetector>(r#"{"max_persons_per_m2":2}"#, "ground calibration");
    let horizon = r#"{"max_persons_per_m2":2,"ground":[1,0,0,0,1,0,0,1,-0.5]}"#;
    check_refused::<CrowdDensityDetector>(horizon, "horizon");
    check_refused::<CrowdDensityDetector>(r#"{"max_persons":5,"method":"magic"}"#, "magic");
    check_refused::<CrowdDensityDetector>(r#"{"max_persons":5,"line":[[0,0.5],[1,0.5]]}"#, "line");
}
