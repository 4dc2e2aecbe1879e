//! Zone entry on scripted scenes: who walks where, and which alerts that is.
//!
//! Promises: runs through the C boundary, as in a worker. Leaves to others: real footage (`nvr replay`).

use nvr_plugin_api::Label;
use nvr_plugin_api::testkit::{Script, check, check_refused};
use zone_entry::ZoneEntryDetector;

/// The lower left of the picture.
const ZONE: &str = r#"{"id":"a","zone":[[0,0.6],[0.6,0.6],[0.6,1],[0,1]]}"#;
const ZONE_5S: &str = r#"{"zone":[[0,0.6],[0.6,0.6],[0.6,1],[0,1]],"dwell_s":5}"#;
const LINE: &str = r#"{"line":[[0,0.5],[1,0.5]]}"#;
const LINE_FORWARD: &str = r#"{"line":[[0,0.5],[1,0.5]],"direction":"forward"}"#;
const LINE_SHORT: &str = r#"{"line":[[0.4,0.5],[0.6,0.5]]}"#;
const EITHER: &str = r#"{"line":[[0,0.5],[1,0.5]],"zone":[[0,0.8],[1,0.8],[1,1],[0,1]]}"#;

fn expect(rule: &str, script: &Script, expected: &[&str]) {
    check::<ZoneEntryDetector>(rule, script, expected);
}

#[test]
fn entering_staying_leaving() {
    let through = Script::new(12.0).person(1, &[(0.0, 0.89, 0.8), (4.0, 0.1, 0.8), (8.0, 0.89, 0.8)]);
    expect(ZONE, &through, &["1.8 begin zone-entry #1 label=person", "9.5 end zone-entry #1 1.8..6.5"]);
}

#[test]
fn first_seen_inside_counts_from_first_sight() {
    let inside = Script::new(6.0).person(1, &[(1.0, 0.3, 0.9), (6.0, 0.3, 0.9)]);
    expect(ZONE, &inside, &["1.3 begin zone-entry #1 label=person"]);
    expect(ZONE_5S, &inside, &["6.0 begin zone-entry #1 label=person"]);
}

#[test]
fn the_foot_decides() {
    // The box reaches into the zone, the foot does not; and the other way round.
    let beside = Script::new(5.0).person(1, &[(0.0, 0.63, 0.8), (5.0, 0.63, 0.8)]);
    expect(ZONE, &beside, &[]);
    let tall = Script::new(2.0).track(1, Label::PERSON, 0.6, &[(0.0, 0.3, 0.65), (2.0, 0.3, 0.65)]);
    expect(ZONE, &tall, &["0.3 begin zone-entry #1 label=person"]);
}

#[test]
fn too_short_for_the_dwell() {
    let passes = Script::new(9.0).person(1, &[(0.0, 0.3, 0.5), (4.0, 0.3, 0.7), (8.0, 0.3, 0.5)]);
    expect(ZONE_5S, &passes, &[]);
    let two_halves = Script::new(12.0).person(
        1,
        &[
            (0.0, 0.3, 0.8),
            (3.0, 0.3, 0.8),
            (3.1, 0.3, 0.5),
            (3.9, 0.3, 0.5),
            (4.0, 0.3, 0.8),
            (8.0, 0.3, 0.8),
        ],
    );
    expect(ZONE_5S, &two_halves, &[]);
}

#[test]
fn trembling_at_the_edge_is_one_object() {
    let edge = Script::new(20.0).person(1, &[(0.0, 0.3, 0.605), (20.0, 0.3, 0.605)]).trembling(0.02);
    let lines = nvr_plugin_api::testkit::run::<ZoneEntryDetector>(ZONE, &edge);
    assert!(lines.as_ref().is_ok_and(|l| l.len() <= 1), "{lines:?}");
}

#[test]
fn a_track_that_dies_and_comes_back_is_the_same_object() {
    let blinks = Script::new(14.0)
        .person(1, &[(0.0, 0.3, 0.8), (2.0, 0.3, 0.8)])
        .person(2, &[(4.0, 0.32, 0.8), (6.0, 0.32, 0.8)])
        .person(3, &[(7.5, 0.3, 0.81), (9.0, 0.3, 0.81)]);
    expect(ZONE, &blinks, &["0.3 begin zone-entry #1 label=person", "12.0 end zone-entry #1 0.3..9.0"]);
}

#[test]
fn a_dwell_survives_a_blink() {
    let blinks = Script::new(7.0)
        .person(1, &[(0.0, 0.3, 0.8), (2.0, 0.3, 0.8)])
        .person(2, &[(3.0, 0.32, 0.8), (7.0, 0.32, 0.8)]);
    expect(ZONE_5S, &blinks, &["5.0 begin zone-entry #1 label=person"]);
}

#[test]
fn another_one_or_later_is_another_object() {
    let two = Script::new(4.0)
        .person(1, &[(0.0, 0.1, 0.8), (4.0, 0.1, 0.8)])
        .person(2, &[(1.0, 0.5, 0.8), (4.0, 0.5, 0.8)]);
    expect(ZONE, &two, &["0.3 begin zone-entry #1 label=person", "1.3 begin zone-entry #2 label=person"]);
    let later = Script::new(8.0)
        .person(1, &[(0.0, 0.3, 0.8), (2.0, 0.3, 0.8)])
        .person(2, &[(6.0, 0.3, 0.8), (8.0, 0.3, 0.8)]);
    let expected = [
        "0.3 begin zone-entry #1 label=person",
        "5.0 end zone-entry #1 0.3..2.0",
        "6.3 begin zone-entry #2 label=person",
    ];
    expect(ZONE, &later, &expected);
}

#[test]
fn what_is_predicted_enters_nothing() {
    let hidden = Script::new(4.0).person(1, &[(0.0, 0.9, 0.8), (4.0, 0.3, 0.8)]).hidden(1.0, 4.1);
    expect(ZONE, &hidden, &[]);
}

#[test]
fn classes() {
    let dog_and_car = Script::new(1.0)
        .track(1, Label::DOG, 0.1, &[(0.0, 0.3, 0.8), (1.0, 0.3, 0.8)])
        .car(2, &[(0.0, 0.5, 0.9), (1.0, 0.5, 0.9)]);
    expect(ZONE, &dog_and_car, &["0.3 begin zone-entry #1 label=car"]);
    expect(r#"{"classes":["animal"]}"#, &dog_and_car, &["0.3 begin zone-entry #1 label=dog"]);
    expect(r#"{"classes":["bus"]}"#, &dog_and_car, &[]);
}

#[test]
fn a_bicycle_comes_with_its_rider() {
    let path = [(0.0, 0.89, 0.8), (4.0, 0.1, 0.8)];
    let rides = Script::new(4.0).track(1, Label::BICYCLE, 0.12, &path).track(
        2,
        Label::PERSON,
        0.2,
        &[(0.0, 0.89, 0.76), (4.0, 0.1, 0.76)],
    );
    expect(
        r#"{"zone":[[0,0.6],[0.6,0.6],[0.6,1],[0,1]],"classes":["person","bicycle"]}"#,
        &rides,
        &["1.8 begin zone-entry #1 label=bicycle"],
    );
    let walks_past = Script::new(4.0)
        .track(1, Label::BICYCLE, 0.12, &[(0.0, 0.8, 0.8), (4.0, 0.8, 0.8)])
        .track(2, Label::PERSON, 0.2, &path);
    expect(
        r#"{"zone":[[0,0.6],[0.6,0.6],[0.6,1],[0,1]],"classes":["person","bicycle"]}"#,
        &walks_past,
        &["1.8 begin zone-entry #1 label=person"],
    );
}

#[test]
fn crossing_a_line() {
    let down = Script::new(5.0).person(1, &[(0.0, 0.5, 0.305), (4.0, 0.5, 0.7)]);
    let up = Script::new(5.0).person(1, &[(0.0, 0.5, 0.695), (4.0, 0.5, 0.3)]);
    expect(LINE, &down, &["2.2 begin line-crossed #1 label=person direction=forward"]);
    expect(LINE, &up, &["2.2 begin line-crossed #1 label=person direction=backward"]);
    expect(LINE_FORWARD, &up, &[]);
    let long = Script::new(6.0).person(1, &[(0.0, 0.5, 0.305), (4.0, 0.5, 0.7), (6.0, 0.5, 0.9)]);
    expect(
        LINE,
        &long,
        &["2.2 begin line-crossed #1 label=person direction=forward", "5.2 end line-crossed #1 2.2..2.2"],
    );
}

#[test]
fn what_is_no_crossing() {
    let turns = Script::new(5.0).person(1, &[(0.0, 0.5, 0.3), (2.0, 0.5, 0.51), (4.0, 0.5, 0.3)]);
    expect(LINE, &turns, &[]);
    let stands_on_it = Script::new(20.0).person(1, &[(0.0, 0.5, 0.5), (20.0, 0.5, 0.5)]).trembling(0.015);
    expect(LINE, &stands_on_it, &[]);
    let beside = Script::new(5.0).person(1, &[(0.0, 0.2, 0.3), (4.0, 0.2, 0.7)]);
    expect(LINE_SHORT, &beside, &[]);
    let inside = Script::new(5.0).person(1, &[(0.0, 0.5, 0.9), (4.0, 0.6, 0.9)]);
    expect(LINE, &inside, &[]); // a line and no zone: being anywhere is nothing
}

#[test]
fn there_and_back_within_seconds_is_one_object() {
    let u_turn = Script::new(9.0).person(1, &[(0.0, 0.5, 0.405), (2.0, 0.5, 0.6), (4.0, 0.5, 0.405)]);
    expect(
        LINE,
        &u_turn,
        &["1.2 begin line-crossed #1 label=person direction=forward", "6.3 end line-crossed #1 1.2..3.3"],
    );
}

#[test]
fn crossing_while_nobody_looks() {
    let behind_a_pillar = Script::new(4.0)
        .person(1, &[(0.0, 0.5, 0.3), (1.5, 0.5, 0.45)])
        .person(2, &[(2.5, 0.5, 0.55), (4.0, 0.5, 0.7)]);
    expect(LINE, &behind_a_pillar, &["2.5 begin line-crossed #1 label=person direction=forward"]);
}

#[test]
fn line_or_zone() {
    let both = Script::new(5.0).person(1, &[(0.0, 0.5, 0.3), (5.0, 0.5, 0.95)]);
    expect(EITHER, &both, &["1.7 begin line-crossed #1 label=person direction=forward"]);
}

#[test]
fn a_dwell_beyond_the_line() {
    let rule = r#"{"line":[[0,0.5],[1,0.5]],"dwell_s":1}"#;
    let stays = Script::new(4.0).person(1, &[(0.0, 0.5, 0.4), (2.0, 0.5, 0.6), (4.0, 0.5, 0.6)]);
    expect(rule, &stays, &["2.2 begin line-crossed #1 label=person direction=forward"]);
    let returns = Script::new(5.0).person(1, &[(0.0, 0.5, 0.4), (1.5, 0.5, 0.55), (3.0, 0.5, 0.4)]);
    let back_only = r#"{"line":[[0,0.5],[1,0.5]],"dwell_s":1.5,"direction":"forward"}"#;
    expect(back_only, &returns, &[]);
}

#[test]
fn rules_that_cannot_work() {
    check_refused::<ZoneEntryDetector>(r#"{"zone":[[0,0],[1,1]]}"#, "zone");
    check_refused::<ZoneEntryDetector>(r#"{"classes":["smile"]}"#, "smile");
}
