//! Follows recorded detections: `follow DETECTIONS.txt [LINE_Y]`, one line a track, and how many crossed the line.
//!
//! Promises: reads lines `frame AT_US` and, below each, `LABEL SCORE X Y W H` (number of the label, normalised box); with
//! `FPS=n` only so many frames a second, to see what a lower rate does. Leaves to others: detecting.

#![allow(clippy::print_stdout, reason = "an example talks on the terminal")]

use nvr_base::{Class, Detection, Label, Rect, Scene};
use nvr_perception::prior::plausible;
use nvr_perception::track::{Tracker, TrackerConfig};
use std::collections::BTreeMap;
use std::error::Error;

/// What is known of one track.
#[derive(Debug)]
struct Followed {
    class: Class,
    first_us: i64,
    last_us: i64,
    from_y: f32,
    /// Whether its foot is below the line, once it is clearly on one side.
    below: Option<bool>,
}

/// Crossings by class: (downwards, upwards).
type Tally = BTreeMap<Class, (u32, u32)>;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let text = std::fs::read_to_string(args.first().ok_or("usage: follow DETECTIONS.txt [LINE_Y]")?)?;
    let line_y: f32 = args.get(1).map_or(Ok(0.5), |n| n.parse())?;
    let fps: f64 = std::env::var("FPS").ok().map_or(Ok(1000.0), |n| n.parse())?;
    let mut tracker = Tracker::new(TrackerConfig::default());
    let mut followed: BTreeMap<u64, Followed> = BTreeMap::new();
    let mut tally = Tally::new();
    let mut due_us = 0;
    for block in text.split("frame ").skip(1) {
        let mut lines = block.lines();
        let at_us: i64 = lines.next().ok_or("a frame without a time")?.trim().parse()?;
        if at_us < due_us {
            continue;
        }
        due_us += (1e6 / fps) as i64;
        let detections: Vec<Detection> = lines.map(read).collect::<Result<_, _>>()?;
        take(&tracker.step(at_us, &detections), line_y, &mut followed, &mut tally);
    }
    for (id, f) in &followed {
        println!(
            "{id} {} {:.1}-{:.1} s from y {:.2}",
            f.class,
            f.first_us as f64 / 1e6,
            f.last_us as f64 / 1e6,
            f.from_y
        );
    }
    println!("{} tracks; crossed y = {line_y} (down, up): {tally:?}", followed.len());
    Ok(())
}

fn read(line: &str) -> Result<Detection, Box<dyn Error>> {
    let numbers: Vec<f32> = line.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    let [label, score, x, y, w, h] = numbers.as_slice() else { return Err("not six numbers".into()) };
    let label = Label::from_index(*label as usize).ok_or("no such label")?;
    Ok(plausible(Detection { label, score: *score, rect: Rect { x: *x, y: *y, w: *w, h: *h } }))
}

fn take(scene: &Scene, line_y: f32, followed: &mut BTreeMap<u64, Followed>, tally: &mut Tally) {
    for track in &scene.tracks {
        let class = Class::of(track.label);
        let foot = track.rect.foot();
        let f = followed.entry(track.id.0).or_insert(Followed {
            class,
            first_us: track.first_seen_us,
            last_us: 0,
            from_y: foot.y,
            below: None,
        });
        f.class = class;
        f.last_us = track.last_seen_us;
        let margin = 0.1 * track.rect.h;
        let below = if foot.y > line_y + margin {
            true
        } else if foot.y < line_y - margin {
            false
        } else {
            continue;
        };
        if f.below.is_some_and(|was| was != below) {
            let (down, up) = tally.entry(class).or_default();
            *if below { down } else { up } += 1;
        }
        f.below = Some(below);
    }
}
