//! Counting on scripted scenes: who walks where, and what that adds up to.
//!
//! Promises: runs through the C boundary, as in a worker. Leaves to others: real footage (`nvr replay`).

use counting::CountingDetector;
use nvr_plugin_api::Label;
use nvr_plugin_api::testkit::{Script, check, run};

const LINE: &str = r#"{"line":[[0,0.5],[1,0.5]]}"#;
const LINE_VEHICLES: &str = r#"{"line":[[0,0.5],[1,0.5]],"classes":["vehicle"]}"#;
const ZONE: &str = r#"{"zone":[[0,0.5],[1,0.5],[1,1],[0,1]],"classes":["person"]}"#;

/// Only the counts.
fn counts(rule: &str, script: &Script, expected: &[&str]) {
    let lines = run::<CountingDetector>(rule, script);
    let lines = lines.map(|l| l.into_iter().filter(|l| !l.contains("first-count")).collect::<Vec<_>>());
    assert_eq!(lines, Ok(expected.iter().map(|l| (*l).to_owned()).collect()), "under {rule}");
}

#[test]
fn each_direction_and_class() {
    let street = Script::new(6.0)
        .car(1, &[(0.0, 0.3, 0.2), (2.0, 0.3, 0.9)])
        .car(2, &[(1.0, 0.6, 0.9), (3.0, 0.6, 0.2)])
        .person(3, &[(0.0, 0.9, 0.405), (5.0, 0.9, 0.65)])
        .track(4, Label::BUS, 0.3, &[(3.0, 0.5, 0.1), (5.0, 0.5, 0.9)]);
    counts(
        LINE,
        &street,
        &[
            "0.9 crossings vehicle forward 1",
            "2.2 crossings vehicle backward 1",
            "2.4 crossings person forward 1",
            "4.1 crossings vehicle forward 1",
        ],
    );
    counts(
        LINE_VEHICLES,
        &street,
        &[
            "0.9 crossings vehicle forward 1",
            "2.2 crossings vehicle backward 1",
            "4.1 crossings vehicle forward 1",
        ],
    );
    counts(r#"{"line":[[0,0.5],[1,0.5]],"classes":["bus"],"direction":"backward"}"#, &street, &[]);
}

#[test]
fn the_first_count_says_that_it_works() {
    let two = Script::new(6.0)
        .car(1, &[(0.0, 0.3, 0.2), (2.0, 0.3, 0.9)])
        .car(2, &[(1.0, 0.6, 0.9), (3.0, 0.6, 0.2)]);
    check::<CountingDetector>(
        LINE,
        &two,
        &[
            "0.9 begin first-count #1",
            "0.9 crossings vehicle forward 1",
            "2.2 crossings vehicle backward 1",
            "3.9 end first-count #1 0.9..0.9",
        ],
    );
}

#[test]
fn once_per_direction() {
    let paces = Script::new(12.0).person(
        1,
        &[(0.0, 0.5, 0.405), (2.0, 0.5, 0.6), (4.0, 0.5, 0.405), (6.0, 0.5, 0.6), (8.0, 0.5, 0.405)],
    );
    counts(LINE, &paces, &["1.2 crossings person forward 1", "3.3 crossings person backward 1"]);
}

#[test]
fn what_is_no_crossing() {
    let on_the_line = Script::new(30.0).person(1, &[(0.0, 0.5, 0.5), (30.0, 0.5, 0.5)]).trembling(0.018);
    counts(LINE, &on_the_line, &[]);
    let turns = Script::new(5.0).car(1, &[(0.0, 0.5, 0.3), (2.0, 0.5, 0.505), (4.0, 0.5, 0.3)]);
    counts(LINE, &turns, &[]);
    let predicted = Script::new(4.0).car(1, &[(0.0, 0.5, 0.3), (4.0, 0.5, 0.9)]).hidden(1.0, 4.1);
    counts(LINE, &predicted, &[]);
}

#[test]
fn a_track_that_dies_at_the_line_counts_once() {
    let blinks = Script::new(6.0)
        .car(1, &[(0.0, 0.5, 0.3), (1.0, 0.5, 0.48)])
        .car(2, &[(1.4, 0.5, 0.552), (2.0, 0.5, 0.66)])
        .car(3, &[(2.3, 0.5, 0.714), (3.0, 0.5, 0.84)]);
    counts(LINE, &blinks, &["1.4 crossings vehicle forward 1"]);
}

#[test]
fn a_queue_of_cars_counts_each() {
    // Each leaves the picture as the next comes in at the top, one a second.
    let mut road = Script::new(14.0);
    for n in 0..10u8 {
        let t = f64::from(n);
        road = road.car(u64::from(n) + 1, &[(t, 0.5, 0.15), (t + 1.4, 0.5, 0.99)]);
    }
    let lines = run::<CountingDetector>(LINE_VEHICLES, &road).unwrap_or_default();
    assert_eq!(lines.iter().filter(|l| l.ends_with("crossings vehicle forward 1")).count(), 10, "{lines:?}");
}

#[test]
fn few_inputs_a_second() {
    let street = Script::new(6.0).fps(2).car(1, &[(0.0, 0.3, 0.2), (2.0, 0.3, 0.9)]);
    counts(LINE_VEHICLES, &street, &["1.0 crossings vehicle forward 1"]);
}

#[test]
fn occupancy() {
    let room = Script::new(8.0)
        .person(1, &[(1.0, 0.2, 0.9), (6.0, 0.2, 0.9)])
        .person(2, &[(2.0, 0.8, 0.9), (4.0, 0.8, 0.9)]);
    counts(
        ZONE,
        &room,
        &[
            "0.0 occupancy person 0",
            "1.0 occupancy person 1",
            "2.0 occupancy person 2",
            "4.1 occupancy person 1",
            "6.1 occupancy person 0",
        ],
    );
}
