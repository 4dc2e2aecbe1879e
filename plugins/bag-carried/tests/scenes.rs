//! Bag carried on scripted scenes: who goes where with which bag, and which alerts that is.
//!
//! Promises: runs through the C boundary, as in a worker. Leaves to others: real footage (`nvr replay`).

use bag_carried::BagCarriedDetector;
use nvr_plugin_api::Label;
use nvr_plugin_api::testkit::{Script, check, check_refused};

const FIELD: &str = "{}";

fn expect(rule: &str, script: &Script, expected: &[&str]) {
    check::<BagCarriedDetector>(rule, script, expected);
}

/// A bag 0.06 high along a path.
fn bag(script: Script, label: &str, path: &[(f64, f32, f32)]) -> Script {
    let label = Label::all().find(|l| l.name() == label).unwrap_or(Label::PERSON);
    script.track(50, label, 0.06, path)
}

fn walker() -> Script {
    Script::new(14.0).person(1, &[(0.0, 0.1, 0.6), (10.0, 0.9, 0.6)])
}

#[test]
fn carried() {
    let case = bag(walker(), "suitcase", &[(0.0, 0.12, 0.58), (10.0, 0.92, 0.58)]);
    let end = "13.0 end bag-carried #1 3.0..10.0";
    expect(FIELD, &case, &["3.0 begin bag-carried #1 label=suitcase", end]);
    expect(
        r#"{"dwell_s":1}"#,
        &case,
        &["1.3 begin bag-carried #1 label=suitcase", "13.0 end bag-carried #1 1.3..10.0"],
    );
    expect(r#"{"zone":[[0,0.7],[1,0.7],[1,1],[0,1]]}"#, &case, &[]);
}

#[test]
fn carried_and_seen_now_and_then() {
    let case = bag(walker(), "handbag", &[(0.0, 0.12, 0.58), (10.0, 0.92, 0.58)]).hidden(1.0, 2.0);
    expect(FIELD, &case, &["3.0 begin bag-carried #1 label=handbag", "13.0 end bag-carried #1 3.0..10.0"]);
}

#[test]
fn standing_by_a_bag() {
    let stands = Script::new(20.0).person(1, &[(0.0, 0.4, 0.6), (20.0, 0.4, 0.6)]).trembling(0.01);
    expect(FIELD, &bag(stands, "suitcase", &[(0.0, 0.42, 0.6), (20.0, 0.42, 0.6)]), &[]);
}

#[test]
fn walking_past_a_bag() {
    expect(r#"{"dwell_s":1}"#, &bag(walker(), "suitcase", &[(0.0, 0.5, 0.58), (10.0, 0.5, 0.58)]), &[]);
}

#[test]
fn what_is_no_bag() {
    expect(FIELD, &bag(walker(), "dog", &[(0.0, 0.12, 0.58), (10.0, 0.92, 0.58)]), &[]);
    expect(FIELD, &walker(), &[]);
}

#[test]
fn what_cannot_work() {
    check_refused::<BagCarriedDetector>(r#"{"line":[[0,0.5],[1,0.5]]}"#, "line");
}
