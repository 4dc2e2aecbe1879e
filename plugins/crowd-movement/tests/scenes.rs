//! Crowd movement on painted scenes: who walks and who runs on a square, and which alerts that is.
//!
//! Promises: runs through the C boundary, as in a worker. Hard negatives stand by name.
//! Leaves to others: real footage (`nvr replay`).

#![allow(clippy::panic, reason = "a test that cannot go on fails")]

use crowd_movement::CrowdMovementDetector;
use nvr_plugin_api::Label;
use nvr_plugin_api::testkit::{Script, check, check_refused, run};

const FIELD: &str = r#"{"id":"a"}"#;
const SHORT: &str = r#"{"dwell_s":1}"#;
const W: u32 = 160;
const H: u32 = 90;
/// Of everybody, picture heights: 1.7 m.
const TALL: f32 = 0.15;
/// Width of the picture in heights.
const ASPECT: f32 = 16.0 / 9.0;

type Path = Vec<(f64, f32, f32)>;

/// 0..1, always the same for the same.
fn hash(a: i32, b: i32) -> f64 {
    let mut n = (a as u32).wrapping_mul(0x9E37_79B9) ^ (b as u32).wrapping_mul(0x85EB_CA6B);
    n = (n ^ (n >> 15)).wrapping_mul(0x2C1B_3C6D);
    n = (n ^ (n >> 12)).wrapping_mul(0x297A_2D39);
    f64::from(n ^ (n >> 15)) / f64::from(u32::MAX)
}

/// Paving.
fn ground(x: f64, y: f64) -> f64 {
    95.0 + 30.0 * hash((x / 6.0).floor() as i32, (y / 5.0).floor() as i32)
}

/// Foot at a second; none before the first and after the last point.
fn at(path: &Path, t: f64) -> Option<(f64, f64)> {
    path.windows(2).find_map(|leg| match leg {
        [a, b] if (a.0..=b.0).contains(&t) => {
            let share = ((t - a.0) / (b.0 - a.0).max(1e-9)) as f32;
            Some((f64::from(a.1 + share * (b.1 - a.1)), f64::from(a.2 + share * (b.2 - a.2))))
        }
        _ => None,
    })
}

/// The level of a person's clothes at a place of the body, 0..1 each way.
fn clothes(who: i32, u: f64, v: f64) -> f64 {
    30.0 + 200.0 * hash(who * 31 + (u * 3.0) as i32, (v * 7.0) as i32)
}

/// What a pixel shows: people before the ground; `up` lifts a body by so many picture heights.
fn people(paths: &[Path], t: f64, x: f64, y: f64, up: impl Fn(usize, f64) -> f64) -> f64 {
    let tall = f64::from(TALL) * f64::from(H);
    let wide = 0.35 * tall;
    let mut level = ground(x, y);
    for (n, path) in paths.iter().enumerate() {
        let Some((fx, fy)) = at(path, t) else { continue };
        let (u, v) = (x - fx * f64::from(W) + wide / 2.0, y - (fy - up(n, t)) * f64::from(H) + tall);
        if (0.0..wide).contains(&u) && (0.0..tall).contains(&v) {
            level = clothes(n as i32, u / wide, v / tall);
        }
    }
    level
}

/// Sensor noise, three levels to either side.
fn noise(t: f64, x: u32, y: u32) -> f64 {
    6.0 * (hash((t * 10.0).round() as i32 * 977 + x as i32, y as i32) - 0.5)
}

/// Ten pictures a second with tracks of the people.
fn film(end_s: f64, paths: &[Path], paint: impl Fn(f64, f64, f64) -> f64 + Send + Sync + 'static) -> Script {
    let mut script = Script::new(end_s).fps(10).picture(1920, 1080).gray(W, H, move |t, x, y| {
        (paint(t, f64::from(x), f64::from(y)) + noise(t, x, y)).round().clamp(0.0, 255.0) as u8
    });
    for (n, path) in (1..).zip(paths) {
        script = script.track(n, Label::PERSON, TALL, path);
    }
    script
}

fn plain(end_s: f64, paths: Vec<Path>) -> Script {
    let shown = paths.clone();
    film(end_s, &paths, move |t, x, y| people(&shown, t, x, y, |_, _| 0.0))
}

/// From a place on with a speed (body lengths a second) and a direction (turns), for so long.
fn go(from: (f64, f32, f32), speed: f32, turn: f32, for_s: f64) -> (f64, f32, f32) {
    let far = speed * TALL * for_s as f32;
    let (sin, cos) = (turn * std::f32::consts::TAU).sin_cos();
    (from.0 + for_s, from.1 + far * cos / ASPECT, from.2 + far * sin)
}

/// So many people walk to and fro in the middle of the square until `until_s`.
fn milling(n: usize, until_s: f64) -> Vec<Path> {
    let one = |k: usize| {
        let (row, column) = (k / 4, k % 4);
        let home = (0.0, 0.3 + 0.12 * column as f32, 0.45 + 0.14 * row as f32);
        let mut path = vec![home];
        let mut leg = 0;
        while path.last().is_some_and(|p| p.0 < until_s) {
            let last = path[path.len() - 1];
            let way = if leg % 2 == 0 { 0.0 } else { 0.5 };
            let long = 2.0f64.min(until_s - last.0);
            path.push(go(last, 0.6, way + 0.1 * (k % 3) as f32, long));
            leg += 1;
        }
        path
    };
    (0..n).map(one).collect()
}

/// The same people, who then run: each his own way, or all one way, at most out of the picture.
fn then_run(mut paths: Vec<Path>, speed: f32, for_s: f64, way: impl Fn(usize) -> f32) -> Vec<Path> {
    for (n, path) in paths.iter_mut().enumerate() {
        let last = path[path.len() - 1];
        let mut end = last;
        for step in 1..=(for_s * 10.0) as u32 {
            let next = go(last, speed, way(n), f64::from(step) / 10.0);
            if !(0.0..=1.0).contains(&next.1) || !(0.0..=1.1).contains(&next.2) {
                break;
            }
            end = next;
        }
        path.push(end);
    }
    paths
}

fn expect(rule: &str, script: &Script, expected: &[&str]) {
    check::<CrowdMovementDetector>(rule, script, expected);
}

/// One alert, which begins between two seconds, and its kind of motion in the detail.
fn expect_one(rule: &str, script: &Script, between_s: (f64, f64)) {
    let lines = run::<CrowdMovementDetector>(rule, script).unwrap_or_else(|why| panic!("{why}"));
    let begins: Vec<f64> = lines
        .iter()
        .filter(|line| line.contains("begin crowd-movement"))
        .filter_map(|line| line.split(' ').next()?.parse().ok())
        .collect();
    let inside = begins.len() == 1 && begins.iter().all(|s| (between_s.0..=between_s.1).contains(s));
    assert!(inside, "{lines:#?} is not one alert within {between_s:?}");
}

#[test]
fn dispersal() {
    let apart = then_run(milling(12, 20.0), 2.0, 4.0, |n| n as f32 / 12.0);
    expect_one(SHORT, &plain(26.0, apart), (21.0, 22.5));
}

#[test]
fn common_running() {
    let together = then_run(milling(12, 20.0), 2.0, 4.0, |n| 0.01 * (n % 3) as f32);
    expect_one(SHORT, &plain(26.0, together), (21.0, 22.5));
}

#[test]
fn field_default_is_three_seconds() {
    let long = then_run(milling(12, 20.0), 1.6, 4.5, |n| if n % 2 == 0 { 0.0 } else { 0.5 });
    expect_one(FIELD, &plain(28.0, long), (23.0, 24.5));
    let short = then_run(milling(12, 20.0), 2.0, 2.0, |n| n as f32 / 12.0);
    expect(FIELD, &plain(26.0, short), &[]);
}

#[test]
fn after_a_change_of_light() {
    let apart = then_run(milling(12, 20.0), 2.0, 4.0, |n| n as f32 / 12.0);
    let shown = apart.clone();
    let script = film(26.0, &apart, move |t, x, y| {
        let light = if t > 18.0 { 0.7 } else { 1.0 };
        light * people(&shown, t, x, y, |_, _| 0.0)
    });
    expect_one(SHORT, &script, (21.0, 22.7));
}

#[test]
fn walking_densely() {
    // Twenty-four people; more come in from both sides all the time.
    let mut paths = milling(16, 40.0);
    for n in 0..20 {
        let (start_s, row) = (10.0 + f64::from(n), 0.5 + 0.02 * n as f32);
        let (x, way) = if n % 2 == 0 { (0.02, 0.0) } else { (0.98, 0.5) };
        let from = (start_s, x, row);
        paths.push(vec![from, go(from, 0.9, way, 8.0)]);
    }
    expect(SHORT, &plain(40.0, paths), &[]);
}

#[test]
fn cheering() {
    // Everybody jumps up and down, twice a second, as high as a knee.
    let paths = milling(12, 10.0).into_iter().map(|mut path| {
        let last = path[path.len() - 1];
        path.push((30.0, last.1, last.2));
        path
    });
    let paths: Vec<Path> = paths.collect();
    let shown = paths.clone();
    let script = film(30.0, &paths, move |t, x, y| {
        let jump = |n: usize, t: f64| {
            let beat = 2.0 * t + 0.13 * n as f64;
            if t > 10.0 { 0.06 * (std::f64::consts::PI * beat).sin().abs() } else { 0.0 }
        };
        people(&shown, t, x, y, jump)
    });
    expect(SHORT, &script, &[]);
}

#[test]
fn train_arrives() {
    // Behind people who wait on a platform, a train runs through the upper half, and is not recognised as one.
    let paths: Vec<Path> = milling(8, 12.0)
        .into_iter()
        .map(|mut path| {
            let last = path[path.len() - 1];
            path.push((40.0, last.1, last.2));
            path
        })
        .collect();
    let shown = paths.clone();
    let script = film(40.0, &paths, move |t, x, y| {
        let speed = if t < 25.0 { 60.0 } else { 60.0 - 6.0 * (t - 25.0) };
        let gone = if t < 25.0 { 60.0 * (t - 15.0) } else { 600.0 + (speed + 60.0) / 2.0 * (t - 25.0) };
        let body = people(&shown, t, x, y, |_, _| 0.0);
        let behind = (body - ground(x, y)).abs() < 1e-9;
        if behind && (8.0..50.0).contains(&y) && (15.0..35.0).contains(&t) && x < gone {
            return 60.0 + 140.0 * hash(((gone - x) / 7.0).floor() as i32, (y / 8.0).floor() as i32);
        }
        body
    });
    expect(SHORT, &script, &[]);
}

#[test]
fn one_runner() {
    let mut paths = milling(8, 30.0);
    let from = (15.0, 0.02, 0.9);
    paths.push(vec![from, go(from, 2.2, 0.0, 3.8)]);
    expect(SHORT, &plain(30.0, paths), &[]);
}

#[test]
fn cars_pass_behind_people() {
    let paths = milling(8, 40.0);
    let shown = paths.clone();
    let mut script = film(40.0, &paths, move |t, x, y| {
        let body = people(&shown, t, x, y, |_, _| 0.0);
        let behind = (body - ground(x, y)).abs() < 1e-9;
        let car = (0..4).any(|n| {
            let front = (t - 15.0 - 4.0 * f64::from(n)) * 80.0;
            behind && (8.0..28.0).contains(&y) && (front - 50.0..front).contains(&x)
        });
        if car { 40.0 + 160.0 * hash((x - t * 80.0).floor() as i32 / 9, y as i32 / 6) } else { body }
    });
    for n in 0..4u64 {
        let start_s = 15.0 + 4.0 * n as f64;
        let path = [(start_s, -0.15, 0.32), (start_s + 2.7, 1.2, 0.32)];
        script = script.track(100 + n, Label::CAR, 0.6, &path);
    }
    expect(SHORT, &script, &[]);
}

#[test]
fn light_changes() {
    // Lamps go on and off, and a cloud's shadow runs over the square.
    let paths = milling(12, 30.0);
    let shown = paths.clone();
    let script = film(30.0, &paths, move |t, x, y| {
        let lamp = if (t / 3.0) as i32 % 2 == 0 { 1.0 } else { 0.6 };
        let cloud = if t > 15.0 && x < (t - 15.0) * 80.0 { 0.8 } else { 1.0 };
        lamp * cloud * people(&shown, t, x, y, |_, _| 0.0)
    });
    expect(SHORT, &script, &[]);
}

#[test]
fn camera_shakes() {
    let paths = milling(12, 30.0);
    let shown = paths.clone();
    let script = film(30.0, &paths, move |t, x, y| {
        let sway = if t > 12.0 { 4.0 } else { 0.0 };
        let (dx, dy) = (sway * (t * 7.0).sin(), sway * (t * 9.0).cos());
        people(&shown, t, (x + dx).round(), (y + dy).round(), |_, _| 0.0)
    });
    expect(SHORT, &script, &[]);
}

#[test]
fn runners_are_usual_here() {
    // Joggers from the beginning on, and a few more of them later.
    let mut paths: Vec<Path> = Vec::new();
    for n in 0..40 {
        let start_s = if n < 20 { 0.5 * f64::from(n) } else { 10.0 + 0.4 * f64::from(n - 20) };
        let from = (start_s, 0.02, 0.5 + 0.022 * (n % 20) as f32);
        paths.push(vec![from, go(from, 1.8, 0.0, 4.5)]);
    }
    expect(SHORT, &plain(24.0, paths), &[]);
}

#[test]
fn nobody_is_there() {
    // A flag and trees: fast, but no people.
    let script =
        film(
            30.0,
            &[],
            |t, x, y| {
                if y < 40.0 { ground(x + (t * 60.0).round(), y) + 60.0 } else { ground(x, y) }
            },
        );
    expect(SHORT, &script, &[]);
}

#[test]
fn outside_the_zone() {
    let apart = then_run(milling(12, 20.0), 2.0, 4.0, |n| n as f32 / 12.0);
    let corner = r#"{"dwell_s":1,"zone":[[0,0],[0.15,0],[0.15,0.2],[0,0.2]]}"#;
    expect(corner, &plain(26.0, apart), &[]);
}

#[test]
fn rules_that_cannot_work() {
    check_refused::<CrowdMovementDetector>(r#"{"min_runners":1}"#, "min_runners");
    check_refused::<CrowdMovementDetector>(r#"{"line":[[0,0.5],[1,0.5]]}"#, "line");
    check_refused::<CrowdMovementDetector>(r#"{"dwell_s":-1}"#, "dwell_s");
}
