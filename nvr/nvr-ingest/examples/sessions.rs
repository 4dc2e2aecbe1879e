//! Measures ingest alone: connects to cameras, counts what comes, writes nothing.
//!
//! `sessions URL COUNT SECONDS [udp] [prompt]`, where `{}` in URL becomes 0..COUNT. Prints one JSON line:
//! CPU and context switches per camera-second, memory, events.
//!
//! Promises: the same sessions as the recorder's.
//! Leaves to others: recording (`nvr bench record`).

#![allow(clippy::print_stdout)]

use nvr_base::{CameraId, SampleSink, StreamEvent, StreamId, StreamKind, SystemClock};
use nvr_ingest::{Ingest, SessionConfig, Transport};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

#[derive(Default)]
struct Count {
    samples: AtomicU64,
    keys: AtomicU64,
    bytes: AtomicU64,
    formats: AtomicU64,
    downs: AtomicU64,
    interval_ticks_max: AtomicU64,
}

struct Counting {
    count: Arc<Count>,
    last: Option<i64>,
}

impl SampleSink for Counting {
    fn accept(&mut self, event: StreamEvent) {
        match event {
            StreamEvent::Format { .. } => {
                self.count.formats.fetch_add(1, Ordering::Relaxed);
                self.last = None;
            }
            StreamEvent::Sample(sample) => {
                if let Some(last) = self.last {
                    let interval = u64::try_from(sample.dts.0 - last).unwrap_or(0);
                    self.count.interval_ticks_max.fetch_max(interval, Ordering::Relaxed);
                }
                self.last = Some(sample.dts.0);
                self.count.samples.fetch_add(1, Ordering::Relaxed);
                self.count.keys.fetch_add(u64::from(sample.key), Ordering::Relaxed);
                self.count.bytes.fetch_add(sample.data.len() as u64, Ordering::Relaxed);
            }
            StreamEvent::Down { .. } => {
                self.count.downs.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// CPU in ms, voluntary and involuntary context switches of all threads, resident KiB, threads.
fn usage() -> (f64, u64, u64, usize) {
    let mut switches = 0;
    let mut threads = 0;
    for task in std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
        threads += 1;
        let status = std::fs::read_to_string(task.path().join("status")).unwrap_or_default();
        let number =
            |line: &str| line.split_whitespace().nth(1).and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
        switches += status.lines().filter(|l| l.contains("ctxt_switches")).map(number).sum::<u64>();
    }
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let field = |i: usize| fields.get(i).and_then(|f| f.parse::<u64>().ok()).unwrap_or(0);
    let rss_kib = field(21) * 4;
    // sum_exec_runtime in ns, finer than the ticks of /proc/self/stat
    let mut cpu_ns = 0u64;
    for task in std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
        let text = std::fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
        cpu_ns += text.split_whitespace().next().and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
    }
    (cpu_ns as f64 / 1e6, switches, rss_kib, threads)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().collect();
    let [_, url, count, seconds, flags @ ..] = args.as_slice() else {
        return Err("usage: sessions URL COUNT SECONDS [udp] [prompt]".into());
    };
    let (count, seconds): (usize, u64) = (count.parse()?, seconds.parse()?);
    let has = |flag: &str| flags.iter().any(|f| f == flag);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let ingest = Ingest::start(threads, Arc::new(SystemClock))?;
    ingest.watch_live(has("prompt"));
    let counted = Arc::new(Count::default());
    let mut handles = Vec::new();
    for i in 0..count {
        let camera: CameraId = format!("cam{i}").parse()?;
        let url = url.replace("{}", &i.to_string()).parse()?;
        let mut config = SessionConfig::new(StreamId::new(camera, StreamKind::Main), url);
        config.transport = if has("udp") { Transport::Udp } else { Transport::Tcp };
        handles.push(ingest.add(config, Box::new(Counting { count: counted.clone(), last: None })));
    }
    std::thread::sleep(Duration::from_secs(4));
    let start = (usage(), counted.samples.load(Ordering::Relaxed), counted.bytes.load(Ordering::Relaxed));
    std::thread::sleep(Duration::from_secs(seconds));
    let end = (usage(), counted.samples.load(Ordering::Relaxed), counted.bytes.load(Ordering::Relaxed));
    let camera_s = (count as u64 * seconds) as f64;
    let lost: u64 = handles.iter().map(|h| h.status().packets_lost).sum();
    println!(
        "{{\"cpu_ms_per_camera_s\":{:.3},\"switches_per_camera_s\":{:.1},\"rss_kib_per_camera\":{:.0},\"threads\":{},\
         \"samples_per_s\":{:.1},\"kbit_s\":{:.0},\"formats\":{},\"downs\":{},\"lost\":{lost},\"interval_ms_max\":{}}}",
        (end.0.0 - start.0.0) / camera_s,
        (end.0.1 - start.0.1) as f64 / camera_s,
        end.0.2 as f64 / count as f64,
        end.0.3,
        (end.1 - start.1) as f64 / camera_s,
        (end.2 - start.2) as f64 * 8.0 / 1000.0 / camera_s,
        counted.formats.load(Ordering::Relaxed),
        counted.downs.load(Ordering::Relaxed),
        counted.interval_ticks_max.load(Ordering::Relaxed) / 90,
    );
    for handle in handles.iter().take(3) {
        println!("{}: {:?}", handle.stream(), handle.status());
    }
    ingest.stop();
    Ok(())
}
