//! Measures a store of 30 days × 50 cameras, main and sub-stream: how soon it records again, how fast pictures and
//! timelines come. `cargo run --release -p nvr-store --example scale`; the last line is one JSON object.
//!
//! Promises: the store is opened as `nvr serve` opens it, by a process of its own, with cold files; recording goes on
//! while pictures and timelines are asked for; all of it again after a SIGKILL. One row in the index for every minute;
//! real files only for the last half hour of three streams, and no picture is asked elsewhere. Where recovery and
//! retention look for files (the days since the index was last complete, the oldest row of each stream) there are
//! empty ones.
//! Leaves to others: judging the figures (`tests/full` puts them into its table).

#![expect(clippy::print_stdout, reason = "a program that prints what it measured")]

use nvr_base::{
    CameraId, Clock, Codec, FakeClock, Format, Mono, RunEpoch, Sample, SampleSink, StreamEvent, StreamId,
    StreamKind, SystemClock, Ticks, Track, Utc, VideoFormat,
};
use nvr_store::mp4::SegmentName;
use nvr_store::row::{DiskId, SegmentRow};
use nvr_store::timeline::{Hole, Known, timeline};
use nvr_store::{RealDisk, Store, StoreConfig, StreamRecorder};
use std::error::Error;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Duration, Instant};

type Res<T> = Result<T, Box<dyn Error>>;

const CAMERAS: usize = 50;
const DAYS: i64 = 30;
const MINUTE_US: i64 = 60_000_000;
const DAY_US: i64 = 1440 * MINUTE_US;
/// Minutes of one camera that are really recorded.
const REAL_MINUTES: i64 = 30;
/// What is really recorded: place in the list of streams, seconds between key frames.
const REAL: [(usize, i64); 3] = [(0, 2), (1, 4), (3, 250)];
const PICTURES: usize = 200;
/// How long a recorder lives that is killed.
const KILLED_AFTER: Duration = Duration::from_secs(5);
/// Gap entries of the flapping camera whose timeline is measured by itself.
const FLAPS: i64 = 3000;

/// All streams: main and sub of each camera.
fn streams() -> Res<Vec<StreamId>> {
    let mut streams = Vec::new();
    for camera in 0..CAMERAS {
        let camera: CameraId = format!("camera-{camera:02}").parse()?;
        streams.extend([StreamKind::Main, StreamKind::Sub].map(|kind| StreamId::new(camera.clone(), kind)));
    }
    Ok(streams)
}

/// The system's clock, set to another time.
#[derive(Debug, Clone, Copy)]
struct Shifted(i64);

impl Clock for Shifted {
    fn utc(&self) -> Utc {
        SystemClock.utc().plus_micros(self.0)
    }

    fn mono(&self) -> Mono {
        SystemClock.mono()
    }
}

/// A camera that never was: right sizes and times, no picture.
struct Source {
    recorder: StreamRecorder,
    start: Ticks,
    frame: i64,
    fps: i64,
    gop: i64,
    frame_bytes: usize,
}

impl Source {
    fn new(store: &Store, stream: StreamId, start: Utc, gop_s: i64) -> Self {
        let main = stream.kind == StreamKind::Main;
        let (width, height) = if main { (1920, 1080) } else { (640, 360) };
        let (kbit_s, fps) = if main { (4000, 25) } else { (300, 10) };
        let config = vec![1, 66, 0, 30, 0xff, 0xe0, 0];
        let video = VideoFormat { codec: Codec::H264, width, height, config, reorder_depth: 0 };
        let mut recorder = store.recorder(stream);
        let format = Format { video, audio: None };
        recorder.accept(StreamEvent::Format { format, after: None });
        // A key frame has five times the bytes of another one.
        let frame_bytes = (kbit_s * 125 * gop_s / (fps * gop_s + 4)) as usize;
        Self { recorder, start: start.to_ticks(), frame: 0, fps, gop: fps * gop_s, frame_bytes }
    }

    fn time(&self) -> Ticks {
        self.start.plus(self.frame * 90_000 / self.fps)
    }

    /// Sends what is due at `now`.
    fn run_to(&mut self, now: Utc) {
        while self.time() <= now.to_ticks() {
            let (key, dts) = (self.frame % self.gop == 0, self.time());
            let data = vec![self.frame as u8; self.frame_bytes * if key { 5 } else { 1 }];
            let sample = Sample { track: Track::Video, pts: dts, dts, duration_ticks: 0, key, data };
            self.recorder.accept(StreamEvent::Sample(sample));
            self.frame += 1;
        }
    }
}

fn open(root: &Path, clock: Arc<dyn Clock>) -> Res<Store> {
    let config = StoreConfig { disks: vec![root.to_path_buf()], ..StoreConfig::default() };
    Ok(Store::open(config, clock, Arc::new(RealDisk::default()))?)
}

/// Makes the store: rows in the order in which recording makes them, then the real half hour.
fn fill(root: &Path) -> Res<()> {
    // Ten minutes before midnight, when the folders that recovery looks at are fullest.
    let midnight = SystemClock.utc().0.div_euclid(DAY_US) * DAY_US;
    let now = Utc(midnight - 10 * MINUTE_US);
    let real = now.plus_micros(-REAL_MINUTES * MINUTE_US);
    let first = now.plus_micros(-(DAYS * 1440 - 30) * MINUTE_US);
    let recent = Utc(midnight - DAY_US);
    fs::create_dir_all(root)?;
    // The counter as the runs before would have left it.
    fs::write(root.join("run"), format!("1 {}\n", CAMERAS as i64 * 2 * DAYS * 1440 + 1))?;
    let clock = Arc::new(FakeClock::new(real));
    let store = open(root, clock.clone())?;
    if !store.ready(Duration::from_secs(60)) {
        return Err("the new store is not ready".into());
    }
    let disk = DiskId(u32::from_str_radix(fs::read_to_string(root.join("disk-id"))?.trim(), 16)?);
    let streams = streams()?;
    let (mut sequence, mut start) = (1, first);
    let mut random = fastrand::Rng::with_seed(1);
    while start.plus_micros(MINUTE_US) <= now {
        let mut rows = Vec::with_capacity(streams.len());
        for (i, stream) in streams.iter().enumerate() {
            let start = start.plus_micros(i as i64 * 500_123);
            // Ends a millisecond or so before the next begins, as real ones nearly touch.
            let end = start.plus_micros(MINUTE_US - 1000 - random.i64(0..50));
            if end > real && REAL.iter().any(|r| r.0 == i) {
                continue;
            }
            let name = SegmentName::new(stream.clone(), sequence, start);
            sequence += 1;
            // No two are of one size: rows of the same numbers would take less of the index than real ones.
            let bytes: u64 = if stream.kind == StreamKind::Main { 30_000_000 } else { 2_250_000 };
            let bytes = bytes + random.u64(0..bytes / 5);
            let path = root.join(name.path());
            if start.micros_since(first) < MINUTE_US || start >= recent {
                fs::create_dir_all(path.parent().ok_or("no folder")?)?;
                File::create(&path)?;
            } else if start.0.rem_euclid(DAY_US) < MINUTE_US {
                fs::create_dir_all(path.parent().ok_or("no folder")?)?;
            }
            let run = RunEpoch(1);
            let row = SegmentRow { name, disk, run, start, end, bytes, fragments: 60, suspect: false };
            rows.push(row);
        }
        store.add_rows(&rows)?;
        start = start.plus_micros(MINUTE_US);
    }
    let real_of = |(i, gop_s): (usize, i64)| Some(Source::new(&store, streams.get(i)?.clone(), real, gop_s));
    let mut sources: Vec<Source> = REAL.into_iter().filter_map(real_of).collect();
    while clock.utc() < now {
        clock.advance(Duration::from_secs(5));
        sources.iter_mut().for_each(|s| s.run_to(clock.utc()));
        store.sync()?;
    }
    drop(sources);
    store.sync()?;
    store.close()?;
    // The clock of the runs that follow goes on from here.
    fs::write(root.join("end"), format!("{} {}", now.0, now.micros_since(SystemClock.utc())))?;
    println!("{} rows made", sequence - 1);
    Ok(())
}

/// Files below `folder`.
fn files(folder: &Path, out: &mut Vec<PathBuf>) -> Res<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() { files(&entry.path(), out)? } else { out.push(entry.path()) }
    }
    Ok(())
}

/// Takes files out of the page cache.
fn cool(files: &[PathBuf]) -> Res<()> {
    for path in files {
        rustix::fs::fadvise(File::open(path)?, 0, None, rustix::fs::Advice::DontNeed)?;
    }
    Ok(())
}

fn ms(d: Duration) -> f64 {
    (d.as_secs_f64() * 100_000.0).round() / 100.0
}

fn mb(bytes: u64) -> u64 {
    bytes >> 20
}

/// Median, 99th percentile and maximum, ms.
fn spread(mut times: Vec<Duration>) -> Res<serde_json::Value> {
    times.sort_unstable();
    let at = |share: usize| times.get((times.len() * share / 100).min(times.len() - 1)).copied().map(ms);
    Ok(serde_json::json!({ "p50": at(50), "p99": at(99), "max": at(100) }))
}

/// A line of `/proc/self/status`, bytes.
fn memory(what: &str) -> Res<u64> {
    let text = fs::read_to_string("/proc/self/status")?;
    let line = text.lines().find(|l| l.starts_with(what)).ok_or("no such line")?;
    Ok(line.split_whitespace().nth(1).ok_or("no number")?.parse::<u64>()? << 10)
}

/// Asks for `PICTURES` pictures at random moments of the real half hour. With `files`, each from cold.
fn pictures(store: &Store, (i, gop_s): (usize, i64), end: Utc, cold: &[PathBuf]) -> Res<serde_json::Value> {
    let stream = streams()?.swap_remove(i);
    let mut times = Vec::new();
    for _ in 0..PICTURES {
        let at = end.plus_micros(-fastrand::i64(10_000_000..REAL_MINUTES * MINUTE_US));
        cool(cold)?;
        let begun = Instant::now();
        let picture = store.picture(&stream, at)?;
        times.push(begun.elapsed());
        let late = at.micros_since(picture.at);
        if !(0..=gop_s * 1_000_000).contains(&late) || picture.data.is_empty() {
            return Err(format!("the picture for {at} of {stream} is of {}", picture.at).into());
        }
    }
    spread(times)
}

/// The timeline of a camera that flaps, without a store: what the arithmetic costs, ms.
fn flapping() -> f64 {
    let t = |minute: i64| Utc(minute * MINUTE_US);
    let mut known = Known { now: t(DAYS * 1440), ..Known::default() };
    let every = DAYS * 1440 / FLAPS;
    for minute in 0..DAYS * 1440 {
        let end = if minute % every == 0 { -30_000_000 } else { -1000 };
        let end = t(minute + 1).plus_micros(end);
        known.recorded.push((t(minute), end));
        if minute % every == 0 {
            let reason = nvr_base::GapReason::CameraDown;
            known.entries.push(Hole { from: end, to: Some(t(minute + 1)), reason });
        }
    }
    let begun = Instant::now();
    std::hint::black_box(timeline(&known, None, None));
    ms(begun.elapsed())
}

/// The end of the real footage, and a clock that goes on from there.
fn clock(root: &Path) -> Res<(Utc, Shifted)> {
    let text = fs::read_to_string(root.join("end"))?;
    let (end, shift) = text.split_once(' ').ok_or("`end` holds two numbers")?;
    Ok((Utc(end.parse()?), Shifted(shift.parse()?)))
}

/// A recorder of every stream, from now on.
fn record_all(store: &Store, clock: Shifted) -> Res<Vec<Source>> {
    let gop_s = |kind| if kind == StreamKind::Main { 2 } else { 4 };
    Ok(streams()?.into_iter().map(|s| Source::new(store, s.clone(), clock.utc(), gop_s(s.kind))).collect())
}

/// Records everything until it is killed.
fn record(root: &Path) -> Res<()> {
    let (_, clock) = clock(root)?;
    let store = open(root, Arc::new(clock))?;
    let mut sources = record_all(&store, clock)?;
    loop {
        sources.iter_mut().for_each(|s| s.run_to(clock.utc()));
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn measure(root: &Path) -> Res<serde_json::Value> {
    let (mut sled, mut all) = (Vec::new(), Vec::new());
    files(&root.join("index"), &mut sled)?;
    for camera in ["segments/camera-00", "segments/camera-01"] {
        files(&root.join(camera), &mut all)?;
    }
    let real: Vec<PathBuf> = all.into_iter().filter(|p| fs::metadata(p).is_ok_and(|m| m.len() > 0)).collect();
    let sled_bytes: u64 = sled.iter().filter_map(|p| Some(fs::metadata(p).ok()?.len())).sum();
    cool(&sled)?;
    cool(&real)?;
    let (end, clock) = clock(root)?;

    let begun = Instant::now();
    let store = open(root, Arc::new(clock))?;
    let opened = begun.elapsed();
    let mut sources = record_all(&store, clock)?;
    let stop = Arc::new(AtomicBool::new(false));
    let feeder = std::thread::spawn({
        let stop = stop.clone();
        move || {
            while !stop.load(SeqCst) {
                sources.iter_mut().for_each(|s| s.run_to(clock.utc()));
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    });
    let waiter = std::thread::spawn({
        let store = store.clone();
        move || store.ready(Duration::from_secs(120)).then(|| begun.elapsed())
    });
    let (mut first, mut last) = (None, None);
    while last.is_none() && begun.elapsed() < Duration::from_secs(60) {
        let status = store.status();
        let written = status.streams.iter().filter(|s| s.fragments > 0).count();
        first = first.or_else(|| (written > 0).then(|| begun.elapsed()));
        last = (written == 2 * CAMERAS).then(|| begun.elapsed());
        std::thread::sleep(Duration::from_millis(5));
    }
    let ready = waiter.join().map_err(|_| "the waiter panicked")?.ok_or("the store is not ready")?;
    let rss_ready = memory("VmRSS:")?;

    let mut json = serde_json::json!({
        "rows": CAMERAS as i64 * 2 * (DAYS * 1440 - 30),
        "open_ms": ms(opened),
        "first_fragment_ms": first.map(ms),
        "all_streams_written_ms": last.map(ms),
        "ready_ms": ms(ready),
    });
    for (what, real_stream) in ["main", "sub", "sub_gop_250_s"].into_iter().zip(REAL) {
        json[format!("picture_{what}_cold_ms")] = pictures(&store, real_stream, end, &real)?;
        json[format!("picture_{what}_ms")] = pictures(&store, real_stream, end, &[])?;
    }
    let mut times = Vec::new();
    for stream in streams()? {
        let begun = Instant::now();
        let timeline = store.timeline(&stream, None, None)?;
        times.push(begun.elapsed());
        if timeline.spans.is_empty() {
            return Err(format!("{stream} has no timeline").into());
        }
    }
    json["timeline_30_days_ms"] = spread(times)?;
    json["timeline_flapping_ms"] = flapping().into();
    let begun = Instant::now();
    let status = store.status();
    json["status_ms"] = ms(begun.elapsed()).into();
    stop.store(true, SeqCst);
    feeder.join().map_err(|_| "the feeder panicked")?;
    let lost: u64 = status.streams.iter().map(|s| s.fragments_lost).sum();
    json["fragments_lost"] = lost.into();
    json["sled_mb"] = mb(sled_bytes).into();
    json["rss_ready_mb"] = mb(rss_ready).into();
    json["rss_max_mb"] = mb(memory("VmHWM:")?).into();
    store.close()?;
    Ok(json)
}

/// Runs this program again and returns the last line of its output.
fn child(what: &str, root: &Path) -> Res<String> {
    let out = Command::new(std::env::current_exe()?).arg(what).arg(root).stderr(Stdio::inherit()).output()?;
    if !out.status.success() {
        return Err(format!("`scale {what}` failed").into());
    }
    Ok(String::from_utf8(out.stdout)?.lines().last().unwrap_or_default().to_owned())
}

fn main() -> Res<()> {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    match args.as_slice() {
        [what, root] if what == "fill" => fill(Path::new(root)),
        [what, root] if what == "record" => record(Path::new(root)),
        [what, root] if what == "measure" => {
            println!("{}", measure(Path::new(root))?);
            Ok(())
        }
        [] => {
            let folder = tempfile::tempdir()?;
            let root = folder.path().join("store");
            child("fill", &root)?;
            let mut json: serde_json::Value = serde_json::from_str(&child("measure", &root)?)?;
            let mut recorder = Command::new(std::env::current_exe()?).arg("record").arg(&root).spawn()?;
            std::thread::sleep(KILLED_AFTER);
            recorder.kill()?;
            recorder.wait()?;
            json["after_kill"] = serde_json::from_str(&child("measure", &root)?)?;
            println!("{json}");
            Ok(())
        }
        _ => Err("usage: scale [fill FOLDER | measure FOLDER | record FOLDER]".into()),
    }
}
