//! Abandoned object on painted scenes: who goes where, what is set down and what else changes, and which alerts that is.
//!
//! Promises: runs through the C boundary, as in a worker. Hard negatives stand by name. A person is painted where the
//! script's track is. Leaves to others: real footage (`nvr replay`).

use abandoned_object::AbandonedObjectDetector;
use nvr_plugin_api::testkit::{Script, check, check_refused};
use nvr_plugin_api::{Label, Rect};

const SHORT: &str = r#"{"dwell_s":5}"#;
const FIELD: &str = "{}";
const W: u32 = 160;
const H: u32 = 90;

/// Foot points `(second, x, y)` of a person 0.3 high.
type Path = &'static [(f64, f32, f32)];

/// Something painted from one second to another: where, and the level at a pixel given the level before.
type Change = (f64, f64, Rect, fn(f64, u32) -> f64);

const BAG: Rect = Rect { x: 0.45, y: 0.58, w: 0.06, h: 0.12 };
/// Comes, sets down at 6 s beside the feet, stands till 8, is out at 12.
const OWNER: Path = &[(0.0, 0.02, 0.7), (6.0, 0.45, 0.72), (8.0, 0.42, 0.72), (12.0, 0.99, 0.75)];
/// The same, but goes on standing 0.2 beside it.
const STAYS: Path = &[(0.0, 0.02, 0.7), (6.0, 0.45, 0.72), (8.0, 0.40, 0.72), (40.0, 0.40, 0.72)];
/// Somebody far off, who sets nothing down.
const FAR: Path = &[(0.0, 0.05, 0.95), (40.0, 0.2, 0.95)];

/// A thing with a buckle.
fn bag(_: f64, x: u32) -> f64 {
    if x.is_multiple_of(4) { 70.0 } else { 25.0 }
}

fn shadow(before: f64, _: u32) -> f64 {
    before * 0.6
}

fn lamp(before: f64, _: u32) -> f64 {
    before * 1.4
}

/// 0..1, always the same for the same.
fn hash(a: f64, b: f64) -> f64 {
    let n = (a * 12.9898 + b * 78.233).sin() * 43_758.545;
    n - n.floor()
}

/// A pavement of slabs.
fn street(x: u32, y: u32) -> f64 {
    110.0 + 20.0 * hash(f64::from(x / 6), f64::from(y / 5))
}

fn has(rect: &Rect, x: u32, y: u32) -> bool {
    let (u, v) = (x as f32 / W as f32, y as f32 / H as f32);
    u >= rect.x && u < rect.right() && v >= rect.y && v < rect.bottom()
}

/// Where a person on a path is painted.
fn body(path: Path, t: f64) -> Option<Rect> {
    let leg = path.windows(2).find(|leg| leg[0].0 <= t && t <= leg[1].0)?;
    let share = ((t - leg[0].0) / (leg[1].0 - leg[0].0)) as f32;
    let (x, y) = (leg[0].1 + share * (leg[1].1 - leg[0].1), leg[0].2 + share * (leg[1].2 - leg[0].2));
    Some(Rect { x: x - 0.04, y: y - 0.3, w: 0.08, h: 0.3 })
}

/// A film in which people walk (all are painted, those of `tracked` have tracks) and things change.
fn film(end_s: f64, tracked: &[Path], untracked: Vec<Path>, changes: Vec<Change>) -> Script {
    let painted: Vec<Path> = tracked.iter().copied().chain(untracked).collect();
    let script = Script::new(end_s).fps(5).picture(1280, 720).gray(W, H, move |t, x, y| {
        let mut level = street(x, y);
        for (from_s, to_s, rect, change) in &changes {
            if (*from_s..*to_s).contains(&t) && has(rect, x, y) {
                level = change(level, x);
            }
        }
        let on = |path: &Path| body(path, t).is_some_and(|rect| has(&rect, x, y));
        if painted.iter().any(on) {
            // Clothes that sway.
            level = 60.0 + 60.0 * hash(f64::from(x / 2) + (t * 3.0).floor(), f64::from(y / 3));
        }
        let noise = 4.0 * (hash(f64::from(x) + t * 7.0, f64::from(y) + t * 13.0) - 0.5);
        (level + noise).round().clamp(0.0, 255.0) as u8
    });
    (1u64..).zip(tracked).fold(script, |s, (id, path)| s.track(id, Label::PERSON, 0.3, path))
}

fn expect(rule: &str, script: &Script, expected: &[&str]) {
    check::<AbandonedObjectDetector>(rule, script, expected);
}

/// A case in which nothing may be said, with a short time and an unowned thing or not.
fn silent(script: &Script) {
    expect(SHORT, script, &[]);
}

#[test]
fn a_bag_set_down_and_left() {
    let case = film(40.0, &[OWNER], vec![], vec![(6.0, 30.0, BAG, bag)]);
    let begin = "15.6 begin abandoned-object #1 owner_left_s=10.6 placed_s=9.2 bag=no";
    expect(SHORT, &case, &[begin, "36.0 end abandoned-object #1 15.6..33.0"]);
}

#[test]
fn the_field_defaults_wait() {
    silent_under_field(&film(100.0, &[OWNER], vec![], vec![(6.0, 100.0, BAG, bag)]));
    let case = film(190.0, &[OWNER], vec![], vec![(6.0, 190.0, BAG, bag)]);
    expect(FIELD, &case, &["160.6 begin abandoned-object #1 owner_left_s=10.6 placed_s=9.2 bag=no"]);
}

fn silent_under_field(script: &Script) {
    expect(FIELD, script, &[]);
}

#[test]
fn put_down_for_a_moment() {
    silent(&film(40.0, &[OWNER], vec![], vec![(6.0, 8.0, BAG, bag)]));
}

#[test]
fn the_owner_stays_near() {
    silent(&film(40.0, &[STAYS], vec![], vec![(6.0, 40.0, BAG, bag)]));
}

#[test]
fn nobody_was_there() {
    silent(&film(40.0, &[], vec![], vec![(6.0, 40.0, BAG, bag)]));
}

#[test]
fn a_shadow() {
    silent(&film(40.0, &[FAR], vec![], vec![(6.0, 40.0, BAG, shadow)]));
}

#[test]
fn a_lamp_goes_on() {
    let half = Rect { x: 0.3, y: 0.3, w: 0.3, h: 0.4 };
    silent(&film(40.0, &[FAR], vec![], vec![(6.0, 40.0, half, lamp)]));
    silent(&film(40.0, &[FAR], vec![], vec![(6.0, 40.0, Rect { x: 0.0, y: 0.0, w: 1.0, h: 1.0 }, lamp)]));
}

#[test]
fn furniture_moved() {
    let there = Rect { x: 0.62, ..BAG };
    silent(&film(60.0, &[OWNER], vec![], vec![(0.0, 7.0, there, bag), (7.0, 60.0, BAG, bag)]));
}

#[test]
fn a_thing_taken_away() {
    silent(&film(40.0, &[OWNER], vec![], vec![(0.0, 7.0, BAG, bag)]));
}

/// The detector loses who stands, sits or lies there.
#[test]
fn a_person_stands_still() {
    const COMES: Path = &[(0.0, 0.02, 0.7), (6.0, 0.45, 0.72), (10.0, 0.45, 0.72)];
    const GOES_ON: Path = &[(10.0, 0.45, 0.72), (60.0, 0.45, 0.72)];
    silent(&film(60.0, &[COMES], vec![GOES_ON], vec![]));
}

#[test]
fn a_person_sits() {
    let low = Rect { x: 0.41, y: 0.56, w: 0.09, h: 0.16 };
    let sways: fn(f64, u32) -> f64 = bag;
    const SITS: Path = &[(0.0, 0.02, 0.7), (6.0, 0.45, 0.72), (9.0, 0.45, 0.72)];
    silent(&film(60.0, &[SITS], vec![], vec![(9.0, 60.0, low, sways)]));
}

#[test]
fn a_person_lies() {
    let flat = Rect { x: 0.35, y: 0.64, w: 0.18, h: 0.08 };
    const LIES: Path = &[(0.0, 0.02, 0.7), (6.0, 0.45, 0.72), (9.0, 0.45, 0.72)];
    silent(&film(60.0, &[LIES], vec![], vec![(9.0, 60.0, flat, bag)]));
}

#[test]
fn a_vehicle_sized_thing() {
    let large = Rect { x: 0.3, y: 0.4, w: 0.4, h: 0.32 };
    silent(&film(60.0, &[FAR], vec![], vec![(9.0, 60.0, large, bag)]));
}

#[test]
fn keys() {
    check_refused::<AbandonedObjectDetector>(r#"{"dwell_s":-1}"#, "dwell_s");
    check_refused::<AbandonedObjectDetector>(r#"{"zone":[[0,0],[1,1]]}"#, "zone");
}
