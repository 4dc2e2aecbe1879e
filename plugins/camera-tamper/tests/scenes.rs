//! Camera tampering on painted scenes: what is done to a street and its camera, and which alerts that is.
//!
//! Promises: runs through the C boundary, as in a worker. Hard negatives stand by name.
//! Leaves to others: real footage (`nvr replay`).

use camera_tamper::CameraTamperDetector;
use nvr_plugin_api::testkit::{Script, check, check_refused};

const FIELD: &str = r#"{"id":"a"}"#;
const SHORT: &str = r#"{"dwell_s":2}"#;
const W: u32 = 160;
const H: u32 = 90;

/// A street at a second: `x`, `y` in pixels of the camera's picture. Houses with windows, a pavement, a road with marks.
fn street(x: f64, y: f64) -> f64 {
    let (house, wide) = ((x / 23.0).floor(), 23.0);
    let roof = 12.0 + 9.0 * hash(house, 1.0);
    if y < roof {
        return 190.0;
    }
    if y < 52.0 {
        let (u, v) = (x - house * wide, y - roof);
        let window = (4.0..9.0).contains(&(u % 11.0)) && (4.0..10.0).contains(&(v % 14.0));
        let wall = 70.0 + 80.0 * hash(house, 2.0);
        return if window { 35.0 + 60.0 * hash((x / 11.0).floor(), (v / 14.0).floor()) } else { wall };
    }
    if y < 60.0 + 4.0 * hash((x / 31.0).floor(), 7.0) {
        return 150.0;
    }
    let mark = (72.0..75.0).contains(&y) && hash((x / 14.0).floor(), 3.0) > 0.4;
    if mark { 200.0 } else { 85.0 }
}

/// What the camera sees when it is turned away: another street, nearer and from higher up.
fn elsewhere(x: f64, y: f64) -> f64 {
    street(5_000.0 + 0.6 * x, 14.0 + 0.6 * (90.0 - y))
}

/// 0..1, always the same for the same.
fn hash(a: f64, b: f64) -> f64 {
    let n = (a * 12.9898 + b * 78.233).sin() * 43_758.545;
    n - n.floor()
}

/// Sensor noise, levels to either side.
fn noise(t: f64, x: u32, y: u32, levels: f64) -> f64 {
    let mut n = ((t * 2.0) as u32).wrapping_mul(0x9E37_79B9) ^ (y * W + x).wrapping_mul(0x85EB_CA6B);
    n = (n ^ (n >> 15)).wrapping_mul(0x2C1B_3C6D);
    n = (n ^ (n >> 12)).wrapping_mul(0x297A_2D39);
    (f64::from(n ^ (n >> 15)) / f64::from(u32::MAX) - 0.5) * 2.0 * levels
}

/// Two pictures a second of what `level` says, with noise.
fn film(end_s: f64, level: impl Fn(f64, f64, f64) -> f64 + Send + Sync + 'static) -> Script {
    noisy_film(end_s, 2.0, level)
}

fn noisy_film(
    end_s: f64,
    levels: f64,
    level: impl Fn(f64, f64, f64) -> f64 + Send + Sync + 'static,
) -> Script {
    Script::new(end_s).fps(2).picture(1920, 1080).gray(W, H, move |t, x, y| {
        (level(t, f64::from(x), f64::from(y)) + noise(t, x, y, levels)).round().clamp(0.0, 255.0) as u8
    })
}

fn expect(rule: &str, script: &Script, expected: &[&str]) {
    check::<CameraTamperDetector>(rule, script, expected);
}

/// Between two seconds.
fn during(t: f64, from_s: f64, to_s: f64) -> bool {
    (from_s..to_s).contains(&t)
}

#[test]
fn covered() {
    let hand = |t, x, y| if during(t, 60.0, 90.0) { 60.0 + x * 0.1 } else { street(x, y) };
    let expected = ["80.0 begin camera-covered #1", "92.5 end camera-covered #1 80.0..89.5"];
    expect(FIELD, &film(100.0, hand), &expected);
    let expected = ["62.0 begin camera-covered #1", "92.5 end camera-covered #1 62.0..89.5"];
    expect(SHORT, &film(100.0, hand), &expected);
    let tape = |t, x, y| if during(t, 60.0, 90.0) { 3.0 } else { street(x, y) };
    expect(FIELD, &film(85.0, tape), &["80.0 begin camera-covered #1"]);
}

#[test]
fn turned() {
    let away = |t: f64, x, y| if t >= 60.0 { elsewhere(x, y) } else { street(x, y) };
    expect(FIELD, &film(100.0, away), &["80.0 begin camera-turned #1"]);
}

#[test]
fn defocused() {
    // The mean of what lies around, within 4 pixels: a disc, as a lens makes it.
    let around = |x: f64, y: f64| {
        let steps = || (-4..=4).map(f64::from);
        let near = steps().flat_map(|a| steps().map(move |b| (a, b))).filter(|(a, b)| a.hypot(*b) < 4.5);
        let disc: Vec<f64> = near.map(|(a, b)| street(x + a, y + b)).collect();
        disc.iter().sum::<f64>() / disc.len() as f64
    };
    let soft: Vec<f64> = (0..W * H).map(|n| around(f64::from(n % W), f64::from(n / W))).collect();
    let lens = move |t: f64, x: f64, y: f64| {
        if t < 60.0 { street(x, y) } else { soft[y as usize * W as usize + x as usize] }
    };
    expect(FIELD, &film(100.0, lens), &["80.0 begin camera-defocused #1"]);
}

#[test]
fn frozen() {
    let stops = |t: f64, x: u32, y: u32| {
        let t = if during(t, 100.0, 140.0) { 100.0 } else { t };
        (street(f64::from(x), f64::from(y)) + noise(t, x, y, 3.0)).clamp(0.0, 255.0) as u8
    };
    let script = Script::new(150.0).fps(2).gray(W, H, stops);
    let expected = ["120.0 begin camera-frozen #1", "142.5 end camera-frozen #1 120.0..139.5"];
    expect(FIELD, &script, &expected);
}

#[test]
fn covered_after_turned_is_one_alert() {
    let both = |t, x, y| match t {
        t if during(t, 60.0, 85.0) => elsewhere(x, y),
        t if during(t, 85.0, 120.0) => 40.0,
        _ => street(x, y),
    };
    let expected = ["80.0 begin camera-turned #1", "122.5 end camera-turned #1 80.0..119.5"];
    expect(FIELD, &film(140.0, both), &expected);
}

#[test]
fn covered_behind_masks() {
    // Four tenths of the picture are masked in strips: their borders stand whatever is before the lens.
    let masked = |t: f64, x: u32, y: u32| {
        if !(20..140).contains(&x) || (y < 80 && (65..90).contains(&x)) {
            return 114;
        }
        let level = if t >= 60.0 { 40.0 } else { street(f64::from(x), f64::from(y)) };
        (level + noise(t, x, y, 2.0)).clamp(0.0, 255.0) as u8
    };
    expect(FIELD, &Script::new(90.0).fps(2).gray(W, H, masked), &["80.0 begin camera-covered #1"]);
}

#[test]
fn set_anew_is_the_scene_after_an_hour() {
    let away = |t: f64, x, y| if t >= 60.0 { elsewhere(x, y) } else { street(x, y) };
    let script = noisy_film(3_700.0, 0.0, away).fps(1);
    let expected = ["80.0 begin camera-turned #1", "3661.0 end camera-turned #1 80.0..3658.0"];
    expect(FIELD, &script, &expected);
}

#[test]
fn only_the_zone_is_watched() {
    // A tree moves before the right half; the left half is what is watched, and is covered later.
    let halves = |t: f64, x: f64, y: f64| {
        let covered = if x < 80.0 { t >= 90.0 } else { t >= 40.0 };
        if covered { 50.0 } else { street(x, y) }
    };
    let left = r#"{"zone":[[0,0],[0.5,0],[0.5,1],[0,1]]}"#;
    expect(left, &film(120.0, halves), &["110.0 begin camera-covered #1"]);
}

#[test]
fn lorry() {
    // It stops before 60 % of the picture for 18 s, drives on, and comes back for 18 s.
    let passes = |t: f64, x: f64, y: f64| {
        let there = during(t, 60.0, 78.0) || during(t, 85.0, 103.0);
        if there && x < 96.0 && y > 4.0 { if x % 48.0 < 2.0 { 90.0 } else { 175.0 } } else { street(x, y) }
    };
    expect(FIELD, &film(120.0, passes), &[]);
    // One that fills the whole picture, for as long.
    let fills = |t: f64, x: f64, y: f64| if during(t, 60.0, 78.0) { 175.0 } else { street(x, y) };
    expect(FIELD, &film(120.0, fills), &[]);
}

#[test]
fn parked_car() {
    // It parks before 60 % of the picture and stays.
    let parks = |t: f64, x: f64, y: f64| {
        if t >= 60.0 && x < 96.0 && y > 4.0 {
            if x % 48.0 < 2.0 { 90.0 } else { 175.0 }
        } else {
            street(x, y)
        }
    };
    expect(FIELD, &film(600.0, parks), &[]);
}

#[test]
fn dusk() {
    // From day to nearly nothing in twenty minutes, and back in as many.
    let dusk = |t: f64, x, y| street(x, y) * 0.02f64.powf((t.min(2_400.0 - t) / 1_200.0).max(0.0));
    expect(FIELD, &noisy_film(2_400.0, 1.0, dusk).fps(1), &[]);
}

#[test]
fn lamp_switched_on() {
    // Twilight; a street lamp on the left goes on, off and on.
    let lamp = |t: f64, x: f64, y: f64| {
        let on = during(t, 60.0, 120.0) || t >= 150.0;
        let light = if on { 0.5 + 1.6 * (-((x - 40.0) / 60.0).powi(2)).exp() } else { 0.35 };
        street(x, y) * light
    };
    expect(FIELD, &film(240.0, lamp), &[]);
}

#[test]
fn ir_switch() {
    // Other levels (foliage and cloth turn light, the sky dark), the far end dark; the edges stand.
    let night = |t: f64, x: f64, y: f64| {
        let day = street(x, y);
        if t < 60.0 { day } else { (230.0 - day) * 0.7 * (0.4 + 0.6 * y / 90.0) }
    };
    expect(FIELD, &noisy_film(300.0, 4.0, night), &[]);
}

#[test]
fn rain() {
    let streaks = |t: f64, x: f64, y: f64| {
        let drop = t >= 60.0 && hash(x, (t * 2.0).floor() + (y / 12.0).floor() * 17.0) > 0.93;
        street(x, y) * 0.8 + if drop { 60.0 } else { 20.0 }
    };
    expect(FIELD, &film(200.0, streaks), &[]);
}

#[test]
fn shake() {
    let wind = |t: f64, x, y| {
        let sway = if t >= 60.0 { 3.0 } else { 0.0 };
        street(x + (sway * (t * 2.4).sin()).round(), y + (sway * (t * 3.1).cos()).round())
    };
    expect(FIELD, &film(200.0, wind), &[]);
}

#[test]
fn crowd_passes_close() {
    // Heads and shoulders before three quarters of the picture, never the same, for two minutes.
    let crowd = |t: f64, x: f64, y: f64| {
        let (row, step) = ((y / 18.0).floor(), x + t * 37.0);
        let head = ((step % 22.0) - 11.0).hypot((y % 18.0) - 9.0) < 8.0;
        if during(t, 60.0, 180.0) && y > 22.0 && head && hash((step / 22.0).floor(), row) > 0.25 {
            40.0 + 120.0 * hash((step / 22.0).floor(), row + 0.5)
        } else {
            street(x, y)
        }
    };
    expect(FIELD, &film(240.0, crowd), &[]);
}

#[test]
fn static_night_scene() {
    // An encoder that repeats its picture for 16 s, changes it a little with each key frame, and at night for longer.
    let repeats = |t: f64, x: u32, y: u32| {
        let every = if t < 400.0 { 16.0 } else { 30.0 };
        let night = 0.3 * street(f64::from(x), f64::from(y));
        (night + noise((t / every).floor(), x, y, 2.0)).clamp(0.0, 255.0) as u8
    };
    expect(FIELD, &Script::new(900.0).fps(2).gray(W, H, repeats), &[]);
}

#[test]
fn fog_slowly() {
    let fog = |t: f64, x, y| {
        let clear = 1.0 - 0.97 * (t / 1_800.0).min(1.0);
        190.0 + (street(x, y) - 190.0) * clear
    };
    expect(FIELD, &noisy_film(2_400.0, 1.0, fog).fps(1), &[]);
}

#[test]
fn exposure_steps_and_autofocus_hunting() {
    let hunts = |t: f64, x: f64, y: f64| {
        let gain = [1.0, 0.6, 1.3, 0.8][(t / 9.0) as usize % 4];
        let soft = during(t % 30.0, 0.0, 3.0) && t > 60.0;
        let level =
            if soft { (street(x - 3.0, y) + street(x, y) + street(x + 3.0, y)) / 3.0 } else { street(x, y) };
        level * gain
    };
    expect(FIELD, &film(200.0, hunts), &[]);
}

#[test]
fn unknown_scenes_say_nothing() {
    // Covered from the start; a wall; a camera that shows something else before it is known.
    expect(FIELD, &film(120.0, |_, _, _| 30.0), &[]);
    expect(FIELD, &film(60.0, |t: f64, x, y| if t < 8.0 { elsewhere(x, y) } else { street(x, y) }), &[]);
}

#[test]
fn rules_that_cannot_work() {
    check_refused::<CameraTamperDetector>(r#"{"lost_share":0.3}"#, "lost_share");
    check_refused::<CameraTamperDetector>(r#"{"sharpness_share":1}"#, "sharpness_share");
    check_refused::<CameraTamperDetector>(r#"{"dwell_s":-1}"#, "dwell_s");
}
