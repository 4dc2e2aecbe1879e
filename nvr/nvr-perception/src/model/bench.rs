//! How long a model takes for a frame, on this machine.
//!
//! Promises: preparation and reading are in the figure; the frame is made up and the same everywhere.
//! Leaves to others: what else runs on the machine (the least time says most where much does), printing (`nvr models`).

use super::density::DensityCounter;
use super::detector::Detector;
use super::error::ModelError;
use super::frame::FrameRgb;
use super::manifest::{Family, Manifest};
use super::movenet::PoseEstimator;
use super::runtime::Runtime;
use std::path::Path;
use std::time::{Duration, Instant};

/// Sides of the frame, those of a usual sub-stream.
const FRAME: (usize, usize) = (640, 360);
/// Most runs.
const RUNS_MAX: usize = 10_000;

/// Times of single frames.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Times {
    /// Half of the frames took less.
    pub median: Duration,
    /// No frame took less.
    pub least: Duration,
}

/// Looks at one frame `runs` times after one that is not counted.
pub fn bench(
    runtime: &Runtime,
    manifest: &Manifest,
    file: &Path,
    threads: usize,
    runs: usize,
) -> Result<Times, ModelError> {
    measure(runtime, manifest, file, threads, |done, _| done < runs.max(1)).map(|(times, _)| times)
}

/// Looks at one frame again and again for `wait`, after one look that is not counted; the times and how many looks.
pub fn bench_for(
    runtime: &Runtime,
    manifest: &Manifest,
    file: &Path,
    threads: usize,
    wait: Duration,
) -> Result<(Times, usize), ModelError> {
    measure(runtime, manifest, file, threads, |done, spent| done == 0 || spent < wait)
}

fn measure(
    runtime: &Runtime,
    manifest: &Manifest,
    file: &Path,
    threads: usize,
    goes_on: impl Fn(usize, Duration) -> bool,
) -> Result<(Times, usize), ModelError> {
    let (width, height) = FRAME;
    let data: Vec<u8> = (0..width * height * 3).map(|i| (i * 7919 % 251) as u8).collect();
    let frame = FrameRgb::new(width, height, width * 3, &data)?;
    let mut look: Box<dyn FnMut() -> Result<(), ModelError>> = match manifest.output.family {
        Family::Movenet => {
            let mut poses = PoseEstimator::open(runtime, manifest, file, threads)?;
            Box::new(move || poses.estimate(&frame).map(drop))
        }
        Family::Density => {
            let mut density = DensityCounter::open(runtime, manifest, file, threads)?;
            Box::new(move || density.count(&frame).map(drop))
        }
        Family::Nanodet | Family::Yolox | Family::Ssd => {
            let mut detector = Detector::open(runtime, manifest, file, threads)?;
            Box::new(move || detector.detect(&frame).map(drop))
        }
    };
    look()?;
    let mut times = Vec::new();
    let began = Instant::now();
    while times.len() < RUNS_MAX && goes_on(times.len(), began.elapsed()) {
        let start = Instant::now();
        look()?;
        times.push(start.elapsed());
    }
    let looks = times.len();
    Ok((summary(times), looks))
}

fn summary(mut times: Vec<Duration>) -> Times {
    times.sort();
    let at = |i: usize| times.get(i).copied().unwrap_or_default();
    Times { median: at(times.len() / 2), least: at(0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(ms: &[u64], median: u64, least: u64) {
        let times = summary(ms.iter().map(|t| Duration::from_millis(*t)).collect());
        let expected = Times { median: Duration::from_millis(median), least: Duration::from_millis(least) };
        assert_eq!(times, expected);
    }

    #[test]
    fn summaries() {
        check(&[], 0, 0);
        check(&[5], 5, 5);
        check(&[9, 1, 5], 5, 1);
    }
}
