//! Wrong way on scripted scenes: who moves where, and which alerts that is.
//!
//! Promises: runs through the C boundary, as in a worker. Leaves to others: real footage (`nvr replay`).

use nvr_plugin_api::Label;
use nvr_plugin_api::testkit::{Script, check, check_refused};
use wrong_way::WrongWayDetector;

/// Down is allowed.
const DOWN: &str = r#"{"allowed_direction":[0,1]}"#;
const DOWN_SHORT: &str = r#"{"allowed_direction":[0,1],"dwell_s":0.4}"#;
const DOWN_LEFT_HALF: &str = r#"{"allowed_direction":[0,1],"zone":[[0,0],[0.5,0],[0.5,1],[0,1]]}"#;

fn expect(rule: &str, script: &Script, expected: &[&str]) {
    check::<WrongWayDetector>(rule, script, expected);
}

#[test]
fn against_it() {
    // Three lengths of 0.1 at 0.1 a second.
    let up = Script::new(12.0).car(1, &[(0.0, 0.3, 0.95), (8.0, 0.3, 0.15)]);
    expect(DOWN, &up, &["3.0 begin wrong-way #1 label=car", "11.0 end wrong-way #1 3.0..8.0"]);
    expect(DOWN_SHORT, &up, &["1.1 begin wrong-way #1 label=car", "11.0 end wrong-way #1 1.1..8.0"]);
    let fast = Script::new(2.5).car(1, &[(0.0, 0.3, 0.95), (2.5, 0.3, 0.2)]);
    expect(DOWN, &fast, &["2.0 begin wrong-way #1 label=car"]);
}

#[test]
fn with_it() {
    let down = Script::new(9.0).car(1, &[(0.0, 0.3, 0.15), (8.0, 0.3, 0.95)]);
    expect(DOWN, &down, &[]);
    expect(r#"{"allowed_direction":[0,-1]}"#, &down, &["3.1 begin wrong-way #1 label=car"]);
}

#[test]
fn stopping() {
    let stops = Script::new(60.0)
        .car(1, &[(0.0, 0.3, 0.2), (3.0, 0.3, 0.6), (50.0, 0.3, 0.6), (55.0, 0.3, 0.95)])
        .trembling(0.02);
    expect(DOWN_SHORT, &stops, &[]);
}

#[test]
fn u_turn_at_the_edge() {
    // It comes in, turns and leaves again, within two lengths; and one that backs into a parking place.
    let turns = Script::new(6.0).car(1, &[(0.0, 0.3, 0.9), (1.0, 0.32, 0.8), (2.0, 0.4, 0.95)]);
    expect(DOWN, &turns, &[]);
    let backs = Script::new(9.0).car(1, &[(0.0, 0.3, 0.2), (4.0, 0.3, 0.7), (8.0, 0.3, 0.5)]);
    expect(DOWN, &backs, &[]);
}

#[test]
fn walking_across() {
    let across = Script::new(12.0).person(1, &[(0.0, 0.05, 0.7), (12.0, 0.95, 0.62)]);
    expect(DOWN, &across, &[]);
    let slant = Script::new(12.0).track(1, Label::PERSON, 0.1, &[(0.0, 0.05, 0.9), (12.0, 0.95, 0.55)]);
    expect(DOWN, &slant, &[]);
}

#[test]
fn outside_the_zone_and_other_classes() {
    let beside = Script::new(9.0).car(1, &[(0.0, 0.7, 0.95), (8.0, 0.7, 0.15)]);
    expect(DOWN_LEFT_HALF, &beside, &[]);
    let dog = Script::new(9.0).track(1, Label::DOG, 0.1, &[(0.0, 0.3, 0.95), (8.0, 0.3, 0.15)]);
    expect(DOWN, &dog, &[]);
}

#[test]
fn what_is_predicted_moves_nothing() {
    let hidden = Script::new(9.0).car(1, &[(0.0, 0.3, 0.95), (8.0, 0.3, 0.15)]).hidden(0.5, 9.0);
    expect(DOWN, &hidden, &[]);
}

#[test]
fn who_turns_round_ends_it_and_begins_again() {
    let turns = Script::new(20.0).car(
        1,
        &[(0.0, 0.3, 0.95), (6.0, 0.3, 0.35), (10.0, 0.3, 0.75), (15.0, 0.3, 0.25), (20.0, 0.3, 0.25)],
    );
    let expected = [
        "3.0 begin wrong-way #1 label=car",
        "9.4 end wrong-way #1 3.0..6.4",
        "13.0 begin wrong-way #2 label=car",
        "18.9 end wrong-way #2 13.0..15.9",
    ];
    expect(DOWN, &turns, &expected);
}

#[test]
fn rules_that_cannot_work() {
    check_refused::<WrongWayDetector>("{}", "allowed_direction");
    check_refused::<WrongWayDetector>(r#"{"allowed_direction":[0,0]}"#, "allowed_direction");
}
