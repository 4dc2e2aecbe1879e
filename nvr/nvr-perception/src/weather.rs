//! Bad weather over a frame: rain, snow, insects, headlights, flicker, shake, blocks.
//!
//! Promises: pure; media time alone decides what it looks like; only samples change, never the size of a frame; what is drawn scales with the picture. Models are plain: enough to provoke a detector, not to
//! please the eye (streaks after Garg & Nayar 2007, "Vision and rain", without their optics).
//! Leaves to others: which film, and what the detectors say of it (`nvr bench weather`).

use fastrand::Rng;
use nvr_base::Weather;
use nvr_media::frames::Frame;
use std::f32::consts::TAU;

/// Streaks of rain in view.
const STREAKS: usize = 90;
/// Flakes in view.
const FLAKES: usize = 120;
/// Insects at a time.
const INSECTS: usize = 3;
/// Of what stays from frame to frame.
const SEED: u64 = 1;
/// A car passes every so many seconds …
const CAR_EVERY_S: f32 = 11.0;
/// … and takes so many.
const CAR_S: f32 = 3.0;
/// A key frame every so many seconds.
const KEY_EVERY_S: f32 = 4.0;
/// Side of a block, pixels.
const BLOCK: usize = 8;

/// Lays weather over a frame; what it looks like depends on the frame's media time alone.
pub fn over(weather: Weather, frame: &mut Frame) {
    let at_s = frame.at_us as f32 / 1e6;
    if frame.width == 0 || frame.height == 0 {
        return;
    }
    match weather {
        Weather::Rain => rain(frame),
        Weather::Snow => snow(frame, at_s),
        Weather::Insects => insects(frame, at_s),
        Weather::Headlights => headlights(frame, at_s),
        Weather::Flicker => flicker(frame, at_s),
        Weather::Shake => shake(frame, at_s),
        Weather::Blocks => blocks(frame, at_s),
    }
}

fn rain(frame: &mut Frame) {
    // Drops are new in every frame: they fall further than they are long.
    let mut rng = Rng::with_seed(frame.at_us.unsigned_abs());
    for sample in &mut frame.planes[0] {
        *sample = (f32::from(*sample) * 0.85 + 22.0) as u8;
    }
    let (width, height) = (frame.width as f32, frame.height as f32);
    for _ in 0..STREAKS {
        let (x, y) = (rng.f32() * width, rng.f32() * height);
        let (length, lean) = ((0.04 + 0.08 * rng.f32()) * height, 0.08);
        for n in 0..length as usize {
            brighten(frame, x + n as f32 * lean, y + n as f32, 35.0);
        }
    }
}

fn snow(frame: &mut Frame, at_s: f32) {
    let mut rng = Rng::with_seed(SEED);
    let unit = frame.height as f32 / 360.0;
    for _ in 0..FLAKES {
        let (x, y, size) = (rng.f32(), rng.f32(), rng.f32());
        let x = (x + at_s * 0.05 * (size - 0.3)).rem_euclid(1.0) * frame.width as f32;
        let y = (y + at_s * (0.12 + 0.25 * size)).rem_euclid(1.0) * frame.height as f32;
        let radius = (1.0 + 2.5 * size) * unit;
        spot(frame, (x, y), (radius, radius), 110.0);
    }
}

fn insects(frame: &mut Frame, at_s: f32) {
    let mut rng = Rng::with_seed(SEED);
    let [_, u, v] = &mut frame.planes;
    u.iter_mut().chain(v).for_each(|sample| *sample = 128);
    for _ in 0..INSECTS {
        // Two circles of different speed a coordinate: near every place in time, never the same way twice.
        let mut wander = || {
            let (slow, fast, phase) = (0.3 + 0.4 * rng.f32(), 1.1 + rng.f32(), rng.f32());
            0.5 + 0.45 * (TAU * (slow * at_s + phase)).sin() + 0.15 * (TAU * (fast * at_s + phase)).sin()
        };
        let (x, y) = (wander() * frame.width as f32, wander() * frame.height as f32);
        let size = rng.f32();
        let radius = (0.015 + 0.03 * size) * frame.height as f32;
        spot(frame, (x, y), (radius * (1.0 + size.round()), radius), 150.0);
    }
}

/// Adds light to one luma sample.
fn brighten(frame: &mut Frame, x: f32, y: f32, light: f32) {
    let (x, y) = (x as usize, y as usize);
    if x < frame.width
        && y < frame.height
        && let Some(sample) = frame.planes[0].get_mut(y * frame.width + x)
    {
        *sample = (f32::from(*sample) + light).clamp(0.0, 255.0) as u8;
    }
}

/// A soft bright ellipse.
fn spot(frame: &mut Frame, (cx, cy): (f32, f32), (rx, ry): (f32, f32), light: f32) {
    let range =
        |c: f32, r: f32, end: usize| (c - r).max(0.0) as usize..((c + r).max(0.0) as usize + 1).min(end);
    for y in range(cy, ry, frame.height) {
        for x in range(cx, rx, frame.width) {
            let (dx, dy) = ((x as f32 - cx) / rx.max(0.5), (y as f32 - cy) / ry.max(0.5));
            let fall = 1.0 - (dx * dx + dy * dy);
            if fall > 0.0 {
                brighten(frame, x as f32, y as f32, light * fall);
            }
        }
    }
}

fn headlights(frame: &mut Frame, at_s: f32) {
    let passed = at_s.rem_euclid(CAR_EVERY_S) / CAR_S;
    if passed > 1.0 {
        return;
    }
    let (width, height) = (frame.width as f32, frame.height as f32);
    let centre = ((passed * 1.6 - 0.3) * width, height * 0.65);
    spot(frame, centre, (width * 0.3, height * 0.35), 130.0);
}

fn flicker(frame: &mut Frame, at_s: f32) {
    // Two frequencies that share no period, and a step now and then as an automatic exposure makes.
    let gain = 1.0 + 0.10 * (TAU * 1.3 * at_s).sin() + 0.06 * (TAU * 3.1 * at_s).sin();
    let step = if at_s.rem_euclid(17.0) < 6.0 { 1.15 } else { 1.0 };
    for sample in &mut frame.planes[0] {
        *sample = (f32::from(*sample) * gain * step).clamp(0.0, 255.0) as u8;
    }
}

fn shake(frame: &mut Frame, at_s: f32) {
    let sway = |slow: f32, fast: f32| 0.7 * (TAU * slow * at_s).sin() + 0.3 * (TAU * fast * at_s).sin();
    let across = (sway(0.9, 3.7) * 0.008 * frame.width as f32).round() as isize;
    let down = (sway(1.3, 4.1) * 0.005 * frame.height as f32).round() as isize;
    let (width, height) = (frame.width, frame.height);
    for (n, plane) in frame.planes.iter_mut().enumerate() {
        // Chroma has half the samples each way where it has fewer.
        let half = usize::from(n > 0 && plane.len() < width * height);
        let (w, h) = ((width + half) >> half, (height + half) >> half);
        let (dx, dy) = (across >> half, down >> half);
        let from = plane.clone();
        for (y, row) in plane.chunks_exact_mut(w.max(1)).enumerate() {
            let source = y.saturating_add_signed(dy).min(h.saturating_sub(1)) * w;
            for (x, sample) in row.iter_mut().enumerate() {
                let at = source + x.saturating_add_signed(dx).min(w.saturating_sub(1));
                *sample = from.get(at).copied().unwrap_or(*sample);
            }
        }
    }
}

fn blocks(frame: &mut Frame, at_s: f32) {
    // Coarse right after a key frame, finer the longer it lasts.
    let age = at_s.rem_euclid(KEY_EVERY_S) / KEY_EVERY_S;
    let step = (34.0 - 20.0 * age) as i32;
    let (width, height) = (frame.width, frame.height);
    let luma = &mut frame.planes[0];
    for top in (0..height).step_by(BLOCK) {
        for left in (0..width).step_by(BLOCK) {
            let rows = top..(top + BLOCK).min(height);
            let columns = left..(left + BLOCK).min(width);
            let places = || rows.clone().flat_map(|y| columns.clone().map(move |x| y * width + x));
            let count = (rows.len() * columns.len()).max(1) as i32;
            let sum: i32 = places().filter_map(|at| luma.get(at)).map(|s| i32::from(*s)).sum();
            let mean = sum / count;
            for at in places() {
                if let Some(sample) = luma.get_mut(at) {
                    let off = i32::from(*sample) - mean;
                    *sample = (mean + (off + step / 2).div_euclid(step) * step).clamp(0, 255) as u8;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn film(weather: Weather) -> Vec<Frame> {
        (0..20)
            .map(|n| {
                let ramp = |len: usize| (0..len).map(|i| (i * 7 % 200) as u8).collect::<Vec<_>>();
                let planes = [ramp(160 * 90), vec![100; 80 * 45], vec![150; 80 * 45]];
                let mut frame =
                    Frame { at_us: n * 200_000, width: 160, height: 90, full_range: false, planes };
                over(weather, &mut frame);
                frame
            })
            .collect()
    }

    #[test]
    fn every_weather_is_seen_is_the_same_again_and_keeps_the_size() {
        for weather in Weather::ALL {
            let (first, second) = (film(weather), film(weather));
            let mut changed = 0;
            for (a, b) in first.iter().zip(&second) {
                assert_eq!(a.planes, b.planes, "{weather}");
                assert_eq!(a.planes.each_ref().map(Vec::len), [160 * 90, 80 * 45, 80 * 45], "{weather}");
                changed += usize::from(
                    a.planes[0] != (0..160 * 90).map(|i| (i * 7 % 200) as u8).collect::<Vec<_>>(),
                );
            }
            assert!(changed > 5, "{weather}: {changed}");
        }
    }

    #[test]
    fn an_empty_frame_is_left_alone() {
        for weather in Weather::ALL {
            let planes = [vec![], vec![], vec![]];
            over(weather, &mut Frame { at_us: 1, width: 0, height: 0, full_range: true, planes });
        }
    }
}
