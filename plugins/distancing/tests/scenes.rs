//! Distancing on scripted scenes: who stands how far from whom, and which alerts that is.
//!
//! Promises: runs through the C boundary, as in a worker. Leaves to others: real footage (`nvr replay`).

use distancing::DistancingDetector;
use nvr_plugin_api::Label;
use nvr_plugin_api::testkit::{Script, check, check_refused};

/// People are 0.2 high: a metre is 0.136 across.
const FIELD: &str = "{}";
/// Ten metres to each side of the picture.
const GROUND: &str = r#"{"ground":[10,0,0,0,10,0,0,0,1]}"#;

fn expect(rule: &str, script: &Script, expected: &[&str]) {
    check::<DistancingDetector>(rule, script, expected);
}

fn two(apart: f32) -> Script {
    Script::new(12.0)
        .person(1, &[(0.0, 0.4, 0.6), (8.0, 0.4, 0.6)])
        .person(2, &[(0.0, 0.4 + apart, 0.6), (8.0, 0.4 + apart, 0.6)])
}

#[test]
fn close_and_not() {
    let end = "11.0 end distancing #1 3.0..8.0";
    expect(FIELD, &two(0.09), &["3.0 begin distancing #1 distance_m=0.7 by=body-height", end]);
    expect(GROUND, &two(0.09), &["3.0 begin distancing #1 distance_m=0.9 by=ground", end]);
    expect(FIELD, &two(0.15), &[]);
    expect(GROUND, &two(0.15), &[]);
    expect(
        r#"{"min_distance_m":1.5}"#,
        &two(0.15),
        &["3.0 begin distancing #1 distance_m=1.1 by=body-height", end],
    );
    expect(r#"{"zone":[[0,0],[0.45,0],[0.45,1],[0,1]]}"#, &two(0.09), &[]);
}

#[test]
fn walking_together() {
    let walk = |id: u64, script: Script, x: f32| script.person(id, &[(0.0, x, 0.6), (8.0, x + 0.4, 0.6)]);
    let pair = walk(2, walk(1, Script::new(8.0), 0.1), 0.18);
    expect(FIELD, &pair, &["3.0 begin distancing #1 distance_m=0.6 by=body-height"]);
}

#[test]
fn passing_each_other() {
    let pass = Script::new(12.0)
        .person(1, &[(0.0, 0.1, 0.6), (10.0, 0.9, 0.6)])
        .person(2, &[(0.0, 0.9, 0.61), (10.0, 0.1, 0.61)]);
    expect(FIELD, &pass, &[]);
}

#[test]
fn one_far_behind_the_other() {
    let depth = Script::new(12.0).person(1, &[(0.0, 0.4, 0.6), (12.0, 0.4, 0.6)]).track(
        2,
        Label::PERSON,
        0.12,
        &[(0.0, 0.42, 0.55), (12.0, 0.42, 0.55)],
    );
    expect(FIELD, &depth, &[]);
    let behind = Script::new(12.0).person(1, &[(0.0, 0.4, 0.6), (12.0, 0.4, 0.6)]).track(
        2,
        Label::PERSON,
        0.18,
        &[(0.0, 0.42, 0.5), (12.0, 0.42, 0.5)],
    );
    expect(FIELD, &behind, &[]);
}

#[test]
fn a_group_is_one_alert() {
    let group = (0..5).fold(Script::new(20.0), |script, k| {
        let x = 0.3 + 0.1 * k as f32;
        script.person(k + 1, &[(0.0, x, 0.6), (10.0 + k as f64, x, 0.6)])
    });
    expect(
        FIELD,
        &group,
        &["3.0 begin distancing #1 distance_m=0.7 by=body-height", "16.0 end distancing #1 3.0..13.0"],
    );
}

#[test]
fn one_person_detected_twice() {
    expect(FIELD, &two(0.005), &[]);
}

#[test]
fn hidden_for_a_moment() {
    let hidden = two(0.09).hidden(1.0, 2.0);
    expect(
        FIELD,
        &hidden,
        &["3.0 begin distancing #1 distance_m=0.7 by=body-height", "11.0 end distancing #1 3.0..8.0"],
    );
}

#[test]
fn what_cannot_work() {
    check_refused::<DistancingDetector>(r#"{"min_distance_m":0}"#, "min_distance_m");
    check_refused::<DistancingDetector>(r#"{"line":[[0,0.5],[1,0.5]]}"#, "line");
}
