//! Looks at pictures with a model: `detect MODELS_FOLDER MODEL FILE.ppm...`, detections as JSON lines on standard output,
//! and `FILE.MODEL.ppm` with the boxes drawn beside each picture. `RUNS=n` looks n times and says the median time.
//!
//! Promises: reads binary PPM (`ffmpeg -i clip -frames:v 1 x.ppm` makes one). Leaves to others: clips (`nvr replay`).

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example talks on the terminal")]

use nvr_base::geometry::Rect;
use nvr_perception::model::{Catalogue, DensityCounter, Detector, Family, FrameRgb, PoseEstimator, Runtime};
use std::error::Error;
use std::path::Path;
use std::time::Instant;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// A look at a frame: JSON lines, and boxes to draw with their colour.
type Look = (Vec<serde_json::Value>, Vec<(Rect, [u8; 3])>);

type Looker = Box<dyn FnMut(&FrameRgb<'_>) -> Result<Look>>;

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [folder, model, files @ ..] = args.as_slice() else {
        return Err("usage: detect MODELS_FOLDER MODEL FILE.ppm...".into());
    };
    let folder = Path::new(folder);
    let runs: usize = std::env::var("RUNS").ok().and_then(|n| n.parse().ok()).unwrap_or(1);
    let runtime = Runtime::load_from_folder(folder)?;
    let catalogue = Catalogue::open(folder)?;
    let manifest = catalogue.get(model).ok_or("no such model")?;
    let path = folder.join(&manifest.file);
    let mut look: Looker = match manifest.output.family {
        Family::Movenet => {
            let mut poses = PoseEstimator::open(&runtime, manifest, &path, 1)?;
            Box::new(move |f| {
                let found = poses.estimate(f)?;
                let lines =
                    found.iter().map(|p| serde_json::json!({"pose": p.rect.to_array(), "score": p.score}));
                let dot = |p: nvr_base::geometry::Point| (Rect::around(p, 0.006, 0.01), [0, 255, 0]);
                let joints = found.iter().flat_map(|p| p.joints).filter(|j| j.score > 0.2).map(|j| dot(j.at));
                let boxes = found.iter().map(|p| (p.rect, [255, 0, 0]));
                Ok((lines.collect(), boxes.chain(joints).collect()))
            })
        }
        Family::Density => {
            let mut density = DensityCounter::open(&runtime, manifest, &path, 1)?;
            Box::new(move |f| {
                let map = density.count(f)?;
                let line =
                    serde_json::json!({"count": map.count(), "columns": map.columns, "rows": map.rows});
                Ok((vec![line], Vec::new()))
            })
        }
        _ => {
            let mut detector = Detector::open(&runtime, manifest, &path, 1)?;
            Box::new(move |f| {
                let found = detector.detect(f)?;
                let colour = |d: &nvr_base::scene::Detection| {
                    if d.label.index() == 0 { [255, 0, 0] } else { [0, 200, 255] }
                };
                let lines = found.iter().map(serde_json::to_value).collect::<std::result::Result<_, _>>()?;
                Ok((lines, found.iter().map(|d| (d.rect, colour(d))).collect()))
            })
        }
    };
    for file in files {
        let (width, height, mut data) = read_ppm(file)?;
        let frame = FrameRgb::new(width, height, width * 3, &data)?;
        let mut times = Vec::new();
        let mut seen = look(&frame)?;
        for _ in 1..runs {
            let start = Instant::now();
            let again = look(&frame)?;
            times.push(start.elapsed().as_secs_f64() * 1e3);
            if again != seen {
                return Err("two looks at one frame differ".into());
            }
            seen = again;
        }
        times.sort_by(f64::total_cmp);
        if let (Some(median), Some(least)) = (times.get(times.len() / 2), times.first()) {
            eprintln!("{file}: median {median:.1} ms, least {least:.1} ms");
        }
        for mut line in seen.0 {
            if let Some(o) = line.as_object_mut() {
                o.insert("file".to_owned(), file.as_str().into());
            }
            println!("{line}");
        }
        for (rect, colour) in seen.1 {
            draw(&mut data, width, height, rect, colour);
        }
        let out = format!("{}.{model}.ppm", file.trim_end_matches(".ppm"));
        std::fs::write(out, [format!("P6\n{width} {height}\n255\n").as_bytes(), &data].concat())?;
    }
    Ok(())
}

fn read_ppm(file: &str) -> Result<(usize, usize, Vec<u8>)> {
    let bytes = std::fs::read(file)?;
    let header: Vec<usize> =
        bytes.iter().enumerate().filter(|(_, b)| b.is_ascii_whitespace()).map(|(i, _)| i).take(4).collect();
    let end = *header.last().ok_or("no PPM header")?;
    let words: Vec<&str> =
        std::str::from_utf8(bytes.get(..end).ok_or("short")?)?.split_ascii_whitespace().collect();
    match words.as_slice() {
        ["P6", w, h, "255"] => Ok((w.parse()?, h.parse()?, bytes.get(end + 1..).ok_or("short")?.to_vec())),
        _ => Err("not a binary PPM of 8 bits".into()),
    }
}

fn draw(data: &mut [u8], width: usize, height: usize, rect: Rect, colour: [u8; 3]) {
    let at = |v: f32, side: usize| ((v * side as f32) as usize).min(side.saturating_sub(1));
    let (x0, x1) = (at(rect.x, width), at(rect.right(), width));
    let (y0, y1) = (at(rect.y, height), at(rect.bottom(), height));
    let mut dot = |x: usize, y: usize| {
        if let Some(p) = data.get_mut((y * width + x) * 3..(y * width + x) * 3 + 3) {
            p.copy_from_slice(&colour);
        }
    };
    for x in x0..=x1 {
        dot(x, y0);
        dot(x, y1);
    }
    for y in y0..=y1 {
        dot(x0, y);
        dot(x1, y);
    }
}
