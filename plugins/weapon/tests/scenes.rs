//! Weapon on scripted scenes: who goes where with which thing, and which alerts that is.
//!
//! Promises: runs through the C boundary, as in a worker. Leaves to others: real footage (`nvr replay`).

use nvr_plugin_api::Label;
use nvr_plugin_api::testkit::{Script, check, check_refused};
use weapon::WeaponDetector;

const FIELD: &str = "{}";

fn expect(rule: &str, script: &Script, expected: &[&str]) {
    check::<WeaponDetector>(rule, script, expected);
}

/// A thing 0.05 high along a path; a person of the scripts is 0.25 high or so.
fn thing(script: Script, label: &str, path: &[(f64, f32, f32)]) -> Script {
    let label = Label::all().find(|l| l.name() == label).unwrap_or(Label::PERSON);
    script.track(50, label, 0.03, path)
}

fn walker() -> Script {
    Script::new(14.0).person(1, &[(0.0, 0.1, 0.6), (10.0, 0.9, 0.6)])
}

const ALONG: &[(f64, f32, f32)] = &[(0.0, 0.12, 0.55), (10.0, 0.92, 0.55)];

#[test]
fn a_knife_in_a_hand() {
    let case = thing(walker(), "knife", ALONG);
    expect(FIELD, &case, &["1.3 begin weapon #1 label=knife", "13.0 end weapon #1 1.3..10.0"]);
    expect(r#"{"zone":[[0,0.7],[1,0.7],[1,1],[0,1]]}"#, &case, &[]);
}

#[test]
fn a_knife_seen_now_and_then() {
    let case = thing(walker(), "knife", ALONG).hidden(0.6, 1.2);
    expect(FIELD, &case, &["1.3 begin weapon #1 label=knife", "13.0 end weapon #1 1.3..10.0"]);
}

#[test]
fn a_knife_on_a_table() {
    let sits = || Script::new(20.0).person(1, &[(0.0, 0.4, 0.6), (20.0, 0.4, 0.6)]).trembling(0.005);
    expect(FIELD, &thing(sits(), "knife", &[(0.0, 0.43, 0.55), (20.0, 0.43, 0.55)]), &[]);
    expect(FIELD, &thing(walker(), "knife", &[(0.0, 0.5, 0.55), (10.0, 0.5, 0.55)]), &[]);
}

#[test]
fn a_phone_an_umbrella_a_tool() {
    for label in ["cell phone", "umbrella", "scissors", "baseball bat"] {
        expect(FIELD, &thing(walker(), label, ALONG), &[]);
    }
    expect(FIELD, &walker(), &[]);
}

#[test]
fn a_knife_nobody_holds() {
    expect(FIELD, &thing(Script::new(12.0), "knife", ALONG), &[]);
    let far = Script::new(12.0).person(1, &[(0.0, 0.9, 0.6), (10.0, 0.9, 0.6)]);
    expect(FIELD, &thing(far, "knife", &[(0.0, 0.1, 0.5), (10.0, 0.5, 0.5)]), &[]);
}

#[test]
fn what_cannot_work() {
    check_refused::<WeaponDetector>(r#"{"line":[[0,0.5],[1,0.5]]}"#, "line");
}
