//! Forbidden vehicle on scripted scenes: what drives where, and which alerts that is.
//!
//! Promises: runs through the C boundary, as in a worker. Leaves to others: real footage (`nvr replay`).

use forbidden_vehicle::ForbiddenVehicleDetector;
use nvr_plugin_api::Label;
use nvr_plugin_api::testkit::{Script, check, check_refused};

/// The lower half; nothing is allowed.
const NONE: &str = r#"{"zone":[[0,0.5],[1,0.5],[1,1],[0,1]]}"#;
const BUS_LANE: &str = r#"{"zone":[[0,0.5],[1,0.5],[1,1],[0,1]],"allow":["bicycle","bus"]}"#;
const NO_TRUCKS: &str = r#"{"zone":[[0,0.5],[1,0.5],[1,1],[0,1]],"classes":["truck"]}"#;
const NO_BICYCLES: &str = r#"{"allow":["vehicle"]}"#;
/// Along the lower half.
const THROUGH: [(f64, f32, f32); 2] = [(0.0, 0.1, 0.8), (2.0, 0.9, 0.8)];

fn expect(rule: &str, script: &Script, expected: &[&str]) {
    check::<ForbiddenVehicleDetector>(rule, script, expected);
}

fn drives(label: Label) -> Script {
    Script::new(2.0).track(1, label, 0.2, &THROUGH)
}

#[test]
fn what_is_not_allowed() {
    expect(BUS_LANE, &drives(Label::CAR), &["1.0 begin zone-entry #1 label=car"]);
    expect(BUS_LANE, &drives(Label::TRUCK), &["1.0 begin zone-entry #1 label=truck"]);
    expect(BUS_LANE, &drives(Label::MOTORCYCLE), &["1.0 begin zone-entry #1 label=motorcycle"]);
    expect(NONE, &drives(Label::BICYCLE), &["1.0 begin zone-entry #1 label=bicycle"]);
    expect(NO_TRUCKS, &drives(Label::TRUCK), &["1.0 begin zone-entry #1 label=truck"]);
    expect(NO_BICYCLES, &drives(Label::BICYCLE), &["1.0 begin zone-entry #1 label=bicycle"]);
}

#[test]
fn what_is_allowed_and_what_is_no_vehicle() {
    expect(BUS_LANE, &drives(Label::BUS), &[]);
    expect(BUS_LANE, &drives(Label::BICYCLE), &[]);
    expect(NO_TRUCKS, &drives(Label::CAR), &[]);
    expect(NO_BICYCLES, &drives(Label::BUS), &[]);
    expect(NONE, &drives(Label::PERSON), &[]);
    expect(NONE, &drives(Label::TRAIN), &[]);
}

#[test]
fn comes_parks_and_leaves() {
    let path = [(0.0, 0.5, 0.3), (2.0, 0.5, 0.7), (20.0, 0.5, 0.7), (22.0, 0.5, 0.3), (26.0, 0.5, 0.3)];
    let parks = Script::new(26.0).car(1, &path);
    expect(BUS_LANE, &parks, &["2.0 begin zone-entry #1 label=car", "24.0 end zone-entry #1 2.0..21.0"]);
    let long = r#"{"zone":[[0,0.5],[1,0.5],[1,1],[0,1]],"dwell_s":10}"#;
    expect(long, &parks, &["11.0 begin zone-entry #1 label=car", "24.0 end zone-entry #1 11.0..21.0"]);
}

#[test]
fn outside_or_at_the_edge_for_a_moment() {
    let beside = Script::new(5.0).car(1, &[(0.0, 0.1, 0.4), (5.0, 0.9, 0.4)]);
    expect(NONE, &beside, &[]);
    let turns =
        Script::new(4.0).car(1, &[(0.0, 0.5, 0.3), (1.0, 0.5, 0.55), (2.0, 0.5, 0.3), (4.0, 0.5, 0.2)]);
    expect(NONE, &turns, &[]);
}

#[test]
fn a_bus_that_is_a_truck_too_is_a_bus() {
    let both = Script::new(2.0).track(1, Label::TRUCK, 0.2, &THROUGH).track(2, Label::BUS, 0.21, &THROUGH);
    expect(BUS_LANE, &both, &[]);
    // Another vehicle beside it is another vehicle.
    let two = Script::new(2.0).track(1, Label::BUS, 0.2, &THROUGH).track(
        2,
        Label::TRUCK,
        0.2,
        &[(0.0, 0.1, 0.95), (2.0, 0.9, 0.95)],
    );
    expect(BUS_LANE, &two, &["1.0 begin zone-entry #1 label=truck"]);
}

#[test]
fn a_bus_that_was_a_truck_at_first() {
    // Called a bus later than a truck: doubt until two of three sightings agree, which they never do.
    let changes = Script::new(4.0).track(1, Label::TRUCK, 0.2, &[(0.0, 0.1, 0.8), (4.0, 0.9, 0.8)]).track(
        2,
        Label::BUS,
        0.2,
        &[(0.5, 0.2, 0.8), (4.0, 0.9, 0.8)],
    );
    expect(BUS_LANE, &changes, &[]);
}

#[test]
fn what_is_predicted_enters_nothing() {
    let hidden = Script::new(4.0).car(1, &[(0.0, 0.5, 0.3), (4.0, 0.5, 0.9)]).hidden(1.0, 4.1);
    expect(NONE, &hidden, &[]);
}

#[test]
fn a_track_that_dies_and_comes_back_is_the_same_vehicle() {
    let blinks = Script::new(6.0)
        .car(1, &[(0.0, 0.3, 0.8), (2.0, 0.3, 0.8)])
        .car(2, &[(4.0, 0.31, 0.8), (6.0, 0.31, 0.8)]);
    expect(NONE, &blinks, &["1.0 begin zone-entry #1 label=car"]);
}

#[test]
fn rules_that_cannot_work() {
    let refused = check_refused::<ForbiddenVehicleDetector>;
    refused(r#"{"allow":["person"]}"#, "allow: `person`");
    refused(r#"{"allow":["tank"]}"#, "allow");
    refused(r#"{"classes":["bag"]}"#, "classes: `bag`");
    refused(r#"{"allow":["bicycle","vehicle"]}"#, "nothing is left");
    refused(r#"{"classes":["truck"],"allow":["truck"]}"#, "nothing is left");
    refused(r#"{"line":[[0,0.5],[1,0.5]]}"#, "line");
}
