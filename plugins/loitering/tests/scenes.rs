//! Loitering on scripted scenes: who stays where, and which alerts that is.
//!
//! Promises: runs through the C boundary, as in a worker. Leaves to others: real footage (`nvr replay`).

use loitering::LoiteringDetector;
use nvr_plugin_api::testkit::{Script, check, check_refused};

/// The lower half.
const FIELD: &str = r#"{"zone":[[0,0.5],[1,0.5],[1,1],[0,1]]}"#;
const SHORT: &str = r#"{"zone":[[0,0.5],[1,0.5],[1,1],[0,1]],"dwell_s":10}"#;

fn expect(rule: &str, script: &Script, expected: &[&str]) {
    check::<LoiteringDetector>(rule, script, expected);
}

#[test]
fn staying_and_leaving() {
    let stays = Script::new(90.0).person(1, &[(0.0, 0.3, 0.8), (40.0, 0.5, 0.9), (80.0, 0.3, 0.8)]);
    expect(FIELD, &stays, &["60.0 begin loitering #1 label=person", "83.0 end loitering #1 60.0..80.0"]);
    expect(SHORT, &stays, &["10.0 begin loitering #1 label=person", "83.0 end loitering #1 10.0..80.0"]);
}

#[test]
fn entering_begins_the_time() {
    let comes =
        Script::new(25.0).person(1, &[(0.0, 0.3, 0.3), (10.0, 0.3, 0.3), (10.1, 0.3, 0.7), (25.0, 0.3, 0.7)]);
    expect(SHORT, &comes, &["20.1 begin loitering #1 label=person"]);
}

#[test]
fn walking_through() {
    let through = Script::new(30.0).person(1, &[(0.0, 0.05, 0.8), (9.0, 0.95, 0.8)]);
    expect(SHORT, &through, &[]);
    // One after the other is nobody who stays.
    let mut many = Script::new(60.0);
    for n in 0..6u8 {
        let t = f64::from(n) * 9.0;
        many = many.person(u64::from(n) + 1, &[(t, 0.05, 0.8), (t + 8.0, 0.95, 0.8)]);
    }
    expect(SHORT, &many, &[]);
}

#[test]
fn stepping_out_for_a_moment() {
    let out = |seconds: f64| {
        Script::new(20.0).person(
            1,
            &[
                (0.0, 0.3, 0.7),
                (5.0, 0.3, 0.7),
                (5.1, 0.3, 0.4),
                (5.0 + seconds, 0.3, 0.4),
                (5.1 + seconds, 0.3, 0.7),
                (20.0, 0.3, 0.7),
            ],
        )
    };
    expect(SHORT, &out(2.0), &["10.0 begin loitering #1 label=person"]);
    expect(SHORT, &out(4.0), &["19.1 begin loitering #1 label=person"]);
}

#[test]
fn a_track_that_dies_and_comes_back_stays_who_comes_back_later_begins_anew() {
    let back = |at: f64| {
        Script::new(at + 9.0)
            .person(1, &[(0.0, 0.3, 0.8), (5.0, 0.3, 0.8)])
            .person(2, &[(at, 0.31, 0.8), (at + 9.0, 0.31, 0.8)])
    };
    expect(SHORT, &back(7.0), &["10.0 begin loitering #1 label=person"]);
    expect(SHORT, &back(9.0), &[]);
}

#[test]
fn a_parked_car_is_nobody() {
    let parked = Script::new(30.0).car(1, &[(0.0, 0.5, 0.8), (30.0, 0.5, 0.8)]);
    expect(SHORT, &parked, &[]);
    let vehicles = r#"{"classes":["vehicle"],"dwell_s":10}"#;
    expect(vehicles, &parked, &["10.0 begin loitering #1 label=car"]);
}

#[test]
fn rules_that_cannot_work() {
    check_refused::<LoiteringDetector>(r#"{"zone":[[0,0],[1,1]]}"#, "zone");
}
