//! A fake camera, an ingest and sinks that remember, for tests.

use nvr_base::{
    CameraState, Clock, Format, GapReason, Sample, SampleSink, StreamEvent, StreamId, StreamKind,
    StreamStatus,
};
use nvr_base::{SystemClock, Track};
use nvr_ingest::{Ingest, SessionConfig, SessionHandle};
use nvr_testcam::{Quirk, Source, Synthetic, Testcam, TestcamConfig};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// Nothing takes longer, on a machine that does other things too.
const DEADLINE: Duration = Duration::from_secs(60);

/// What a sink saw.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    pub(crate) formats: Vec<(Format, Option<GapReason>)>,
    pub(crate) samples: Vec<Sample>,
    pub(crate) sounds: Vec<Sample>,
    pub(crate) downs: Vec<GapReason>,
    /// Epochs that began with a key frame.
    pub(crate) key_starts: usize,
    pub(crate) ended: bool,
    last_dts: [Option<i64>; 2],
    open: bool,
}

impl Seen {
    /// Checks the promised order of events and keeps them, without their bytes.
    fn take(&mut self, event: StreamEvent) {
        match event {
            StreamEvent::Format { format, after } => {
                self.formats.push((format, after));
                self.last_dts = [None; 2];
                self.open = true;
            }
            StreamEvent::Sample(mut sample) => {
                assert!(self.open, "a sample without a format");
                assert!(!sample.data.is_empty() && sample.dts <= sample.pts, "{sample:?}");
                let last = &mut self.last_dts[usize::from(sample.track == Track::Audio)];
                assert!(last.is_none_or(|last| last < sample.dts.0), "dts {} after {last:?}", sample.dts.0);
                if last.is_none() && sample.track == Track::Video && sample.key {
                    self.key_starts += 1;
                }
                *last = Some(sample.dts.0);
                sample.data = Vec::new();
                if sample.track == Track::Audio {
                    self.sounds.push(sample)
                } else {
                    self.samples.push(sample)
                }
            }
            StreamEvent::Down { reason, since } => {
                assert!(since <= SystemClock.utc());
                self.downs.push(reason);
                self.open = false;
            }
        }
    }

    /// How far the last sample's media time lies behind the clock, when it is fresh.
    pub(crate) fn behind_now_s(&self) -> f64 {
        let last = self.samples.last().unwrap().pts.to_utc();
        SystemClock.utc().micros_since(last) as f64 / 1e6
    }
}

#[derive(Clone, Default)]
struct Shared(Arc<(Mutex<Seen>, Condvar)>);

struct Sink {
    shared: Shared,
    panic_after: Option<usize>,
}

impl SampleSink for Sink {
    fn accept(&mut self, event: StreamEvent) {
        let mut seen = self.shared.0.0.lock().unwrap();
        seen.take(event);
        let panics = self.panic_after.is_some_and(|n| seen.samples.len() == n);
        drop(seen);
        self.shared.0.1.notify_all();
        if panics {
            self.panic_after = None;
            panic!("a sink that fails once");
        }
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        if let Ok(mut seen) = self.shared.0.0.lock() {
            seen.ended = true;
        }
        self.shared.0.1.notify_all();
    }
}

/// A session under test.
pub(crate) struct Session {
    pub(crate) handle: SessionHandle,
    shared: Shared,
}

impl Session {
    pub(crate) fn seen(&self) -> Seen {
        self.shared.0.0.lock().unwrap().clone()
    }

    /// Waits until the sink has seen what `until` asks for.
    pub(crate) fn wait(&self, what: &str, until: impl Fn(&Seen) -> bool) -> Seen {
        let start = Instant::now();
        let mut seen = self.shared.0.0.lock().unwrap();
        while !until(&seen) {
            assert!(start.elapsed() < DEADLINE, "{what}: {:?}\n{:?}", self.handle.status(), seen.downs);
            seen = self.shared.0.1.wait_timeout(seen, Duration::from_millis(50)).unwrap().0;
        }
        seen.clone()
    }

    /// Waits for a state; it may follow the event that announces it.
    pub(crate) fn wait_state(&self, state: CameraState) -> StreamStatus {
        self.wait(state.as_str(), |_| self.handle.status().state == state);
        self.handle.status()
    }
}

/// Fake cameras and an ingest of one thread.
pub(crate) struct Rig {
    pub(crate) ingest: Ingest,
    pub(crate) cameras: Testcam,
}

/// A small synthetic camera with faults.
pub(crate) fn quirky(quirks: &[Quirk]) -> TestcamConfig {
    // A session begins with a key frame: short GOPs make short tests.
    let mut config = TestcamConfig::new(Source::Synthetic(Synthetic { gop_s: 0.4, ..Synthetic::new(500) }));
    config.quirks = quirks.to_vec();
    config
}

impl Rig {
    pub(crate) fn new(config: TestcamConfig) -> Self {
        Self {
            ingest: Ingest::start(1, Arc::new(SystemClock)).unwrap(),
            cameras: Testcam::start(config).unwrap(),
        }
    }

    pub(crate) fn url(&self, camera: u32) -> String {
        self.cameras.url(camera)
    }

    /// A session on the rig's camera `n`.
    pub(crate) fn session(&self, n: u32, tune: impl FnOnce(&mut SessionConfig)) -> Session {
        self.session_at(&self.url(n), &format!("cam{n}"), StreamKind::Main, tune)
    }

    pub(crate) fn session_at(
        &self,
        url: &str,
        id: &str,
        kind: StreamKind,
        tune: impl FnOnce(&mut SessionConfig),
    ) -> Session {
        self.add(url, id, kind, tune, None)
    }

    /// A session whose sink panics once, after so many samples.
    pub(crate) fn panicking_session(&self, id: &str, samples: usize) -> Session {
        self.add(&self.url(0), id, StreamKind::Main, |_| (), Some(samples))
    }

    fn add(
        &self,
        url: &str,
        id: &str,
        kind: StreamKind,
        tune: impl FnOnce(&mut SessionConfig),
        panic_after: Option<usize>,
    ) -> Session {
        let mut config = SessionConfig::new(StreamId::new(id.parse().unwrap(), kind), url.parse().unwrap());
        tune(&mut config);
        let shared = Shared::default();
        let handle = self.ingest.add(config, Box::new(Sink { shared: shared.clone(), panic_after }));
        Session { handle, shared }
    }
}

/// Resident memory of this process.
pub(crate) fn rss_kib() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 4
}
