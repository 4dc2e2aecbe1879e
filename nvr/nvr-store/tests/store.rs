//! The store as others use it: real threads, real files, synthetic samples.
//!
//! Promises: no sleeps; every wait is for something the store says.
//! Leaves to others: faults and power cuts (`src/sim.rs`), real cameras (`tests/`).

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)] // a test that cannot go on fails

use nvr_base::{
    Clock, Codec, FakeClock, Format, GapReason, Sample, SampleSink, StreamEvent, StreamId, StreamKind, Ticks,
    Track, Utc, VideoFormat,
};
use nvr_store::{
    ExportRequest, ExportSink, FindingKind, IndexState, RealDisk, Store, StoreConfig, StoreError,
    StreamRecorder, VerifyReport,
};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

const WAIT: Duration = Duration::from_secs(60);
/// 25 pictures a second.
const FRAME_US: i64 = 40_000;
const FRAME_BYTES: usize = 2000;

struct Site {
    dir: tempfile::TempDir,
    clock: Arc<FakeClock>,
    config: StoreConfig,
}

fn stream(camera: &str) -> StreamId {
    StreamId::new(camera.parse().unwrap(), StreamKind::Main)
}

fn format() -> Format {
    let video = VideoFormat {
        codec: Codec::H264,
        width: 640,
        height: 360,
        config: vec![1, 66, 0, 30],
        reorder_depth: 0,
    };
    Format { video, audio: None }
}

impl Site {
    fn new(disks: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(FakeClock::new("2026-11-24T05:00:00Z".parse().unwrap()));
        let mut config = StoreConfig {
            disks: (0..disks).map(|n| dir.path().join(format!("disk{n}"))).collect(),
            reserve_bytes: 1 << 20,
            ..StoreConfig::default()
        };
        // The machine's own disk may be fuller than this.
        config.retention.keep_free_percent = 0;
        Self { dir, clock, config }
    }

    fn open(&self) -> Store {
        let store =
            Store::open(self.config.clone(), self.clock.clone(), Arc::new(RealDisk::default())).unwrap();
        assert!(store.ready(WAIT), "{:?}", store.status());
        store
    }

    /// Sends `seconds` of pictures with a key frame every second; time goes by.
    fn record(&self, recorders: &mut [StreamRecorder], seconds: i64) {
        for frame in 0..seconds * 25 {
            let at = self.clock.utc().to_ticks();
            for recorder in recorders.iter_mut() {
                recorder.accept(StreamEvent::Sample(sample(at, frame % 25 == 0)));
            }
            self.clock.advance(Duration::from_micros(FRAME_US as u64));
        }
    }

    fn recorders(&self, store: &Store, cameras: &[&str]) -> Vec<StreamRecorder> {
        let start = |camera: &&str| {
            let mut recorder = store.recorder(stream(camera));
            recorder.accept(StreamEvent::Format { format: format(), after: None });
            recorder
        };
        cameras.iter().map(start).collect()
    }

    fn segments(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.dir.path().to_path_buf()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
                if entry.file_type().unwrap().is_dir() {
                    folders.push(entry.path());
                } else if entry.path().extension().is_some_and(|e| e == "mp4") {
                    found.push(entry.path());
                }
            }
        }
        found.sort();
        found
    }
}

fn sample(at: Ticks, key: bool) -> Sample {
    // One NAL unit of the right length.
    let mut data = ((FRAME_BYTES - 4) as u32).to_be_bytes().to_vec();
    data.push(if key { 0x65 } else { 0x41 });
    data.resize(FRAME_BYTES, 0xa5);
    Sample { track: Track::Video, pts: at, dts: at, duration_ticks: 0, key, data }
}

fn verify(store: &Store) -> VerifyReport {
    store.verify(&mut |_, _| {}).unwrap()
}

/// Spans and gaps in whole seconds since 05:00.
type Seconds = (Vec<(i64, Option<i64>)>, Vec<(i64, Option<i64>, GapReason)>);

fn timeline(store: &Store, camera: &str) -> Seconds {
    let t = store.timeline(&stream(camera), None, None).unwrap();
    let zero: Utc = "2026-11-24T05:00:00Z".parse().unwrap();
    let s = |t: Utc| (t.micros_since(zero) + 500_000).div_euclid(1_000_000);
    let spans = t.spans.iter().map(|x| (s(x.from), x.to.map(s))).collect();
    let gaps = t.gaps.iter().map(|x| (s(x.from), x.to.map(s), x.reason)).collect();
    (spans, gaps)
}

#[test]
fn records_says_what_it_has_and_closes() {
    let site = Site::new(1);
    let store = site.open();
    let mut recorders = site.recorders(&store, &["gate", "quay"]);
    site.record(&mut recorders, 130);
    store.sync().unwrap();
    let status = store.status();
    assert_eq!(status.index, IndexState::Ready);
    assert_eq!(status.streams.len(), 2);
    for s in &status.streams {
        assert!(s.open_segment.is_some() && s.gap.is_none());
        assert_eq!((s.gaps, s.gaps_today, s.fragments_lost), (0, Some(0), 0));
        assert!(s.bytes > 6_000_000, "{} bytes", s.bytes);
    }
    assert_eq!(timeline(&store, "gate"), (vec![(0, None)], vec![]));
    let open = verify(&store);
    assert_eq!((open.bad, open.unindexed, open.missing, open.torn), (0, 0, 0, 2), "{:#?}", open.findings);
    drop(recorders);
    store.close().unwrap();
    assert!(matches!(store.sync(), Err(StoreError::Closed)));

    site.clock.advance(Duration::from_secs(70));
    let store = site.open();
    let report = verify(&store);
    assert_eq!((report.bad, report.unindexed, report.missing, report.torn), (0, 0, 0, 0));
    assert_eq!(report.segments, 6, "a segment a minute");
    let stopped = GapReason::RecorderStopped;
    assert_eq!(timeline(&store, "gate"), (vec![(0, Some(130))], vec![(130, None, stopped)]));
    let mut recorders = site.recorders(&store, &["gate"]);
    site.record(&mut recorders, 10);
    store.sync().unwrap();
    let expected = (vec![(0, Some(130)), (200, None)], vec![(130, Some(200), stopped)]);
    assert_eq!(timeline(&store, "gate"), expected);
    assert_eq!(store.streams().unwrap(), [stream("gate"), stream("quay")]);
}

#[test]
fn one_owner_at_a_time_and_it_is_named() {
    let site = Site::new(1);
    let store = site.open();
    let second = Store::open(site.config.clone(), site.clock.clone(), Arc::new(RealDisk::default()));
    let error = second.unwrap_err().to_string();
    assert!(error.contains(&format!("process {}", std::process::id())), "{error}");
    drop(store);
    site.open();
}

#[test]
fn a_killed_run_loses_its_open_fragment_only() {
    let site = Site::new(1);
    let store = site.open();
    let mut recorders = site.recorders(&store, &["gate"]);
    site.record(&mut recorders, 90);
    store.sync().unwrap();
    store.abandon();
    drop(recorders);
    // What a write cut short by the kill leaves.
    let last = site.segments().pop().unwrap();
    let mut bytes = fs::read(&last).unwrap();
    bytes.extend_from_within(..700);
    fs::write(&last, bytes).unwrap();

    site.clock.advance(Duration::from_secs(10));
    let store = site.open();
    let report = verify(&store);
    assert_eq!((report.bad, report.unindexed, report.missing, report.torn), (0, 0, 0, 0));
    let (spans, gaps) = timeline(&store, "gate");
    assert!(matches!(spans[..], [(0, Some(89..=90))]), "{spans:?}");
    assert!(matches!(gaps[..], [(89..=90, None, GapReason::RecorderDown)]), "{gaps:?}");
}

#[test]
fn outages_are_typed_gaps() {
    let site = Site::new(1);
    let store = site.open();
    let mut recorders = site.recorders(&store, &["gate"]);
    site.record(&mut recorders, 10);
    let since = site.clock.utc();
    recorders[0].accept(StreamEvent::Down { reason: GapReason::CameraDown, since });
    site.clock.advance(Duration::from_secs(30));
    store.sync().unwrap();
    let down = GapReason::CameraDown;
    assert_eq!(timeline(&store, "gate"), (vec![(0, Some(10))], vec![(10, None, down)]));
    assert_eq!(store.status().streams[0].gaps_today, Some(1));
    recorders[0].accept(StreamEvent::Format { format: format(), after: None });
    site.record(&mut recorders, 10);
    store.sync().unwrap();
    assert_eq!(timeline(&store, "gate"), (vec![(0, Some(10)), (40, None)], vec![(10, Some(40), down)]));
    // Someone sets the clock ahead.
    site.clock.step_utc(3_600_000_000);
    recorders[0].accept(StreamEvent::Format { format: format(), after: Some(GapReason::ClockStep) });
    site.record(&mut recorders, 10);
    store.sync().unwrap();
    let gaps = vec![(10, Some(40), down), (50, Some(3650), GapReason::ClockStep)];
    assert_eq!(timeline(&store, "gate"), (vec![(0, Some(10)), (40, Some(50)), (3650, None)], gaps));
}

#[test]
fn a_rebuilt_deleted_or_broken_index_is_whole_again() {
    let site = Site::new(1);
    let store = site.open();
    let mut recorders = site.recorders(&store, &["gate", "quay"]);
    site.record(&mut recorders, 70);
    let since = site.clock.utc();
    recorders[1].accept(StreamEvent::Down { reason: GapReason::CredentialsRefused, since });
    store.sync().unwrap();
    let before = (timeline(&store, "gate"), timeline(&store, "quay"));
    let mut told = 0;
    let report = store.rebuild(&mut |done, total| told = done.max(told).min(total)).unwrap();
    assert_eq!((report.unreadable, report.segments), (0, 3), "{report:?}");
    assert_eq!((timeline(&store, "gate"), timeline(&store, "quay")), before);
    site.record(&mut recorders[..1], 5);
    drop(recorders);
    store.close().unwrap();

    let index = site.config.disks[0].join("index");
    let clean = |store: &Store| {
        let report = verify(store);
        assert_eq!((report.bad, report.unindexed, report.missing, report.torn), (0, 0, 0, 0));
        assert_eq!(report.segments, 4);
    };
    let store = site.open();
    clean(&store);
    let before = (timeline(&store, "gate"), timeline(&store, "quay"));
    drop(store);
    fs::remove_dir_all(&index).unwrap();
    let store = site.open();
    clean(&store);
    assert_eq!((timeline(&store, "gate"), timeline(&store, "quay")), before);
    drop(store);
    for entry in fs::read_dir(&index).unwrap().map(Result::unwrap).filter(|e| e.path().is_dir()) {
        for file in ["db", "conf"] {
            fs::write(entry.path().join(file), b"this was an index once").unwrap();
        }
    }
    let store = site.open();
    clean(&store);
    assert!(store.status().index_note.is_some());
    assert_eq!((timeline(&store, "gate"), timeline(&store, "quay")), before);
}

#[test]
fn a_flipped_bit_is_found_and_named() {
    let site = Site::new(1);
    let store = site.open();
    let mut recorders = site.recorders(&store, &["gate"]);
    site.record(&mut recorders, 70);
    drop(recorders);
    store.close().unwrap();
    let first = site.segments().remove(0);
    let mut bytes = fs::read(&first).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&first, bytes).unwrap();
    let report = verify(&site.open());
    assert_eq!((report.bad, report.unindexed, report.missing, report.torn), (1, 0, 0, 0));
    assert_eq!((&report.findings[0].path, report.findings[0].kind), (&first, FindingKind::Bad));
}

#[test]
fn retention_keeps_what_is_locked() {
    let mut site = Site::new(1);
    site.config.retention.keep_days_main = 1;
    let store = site.open();
    let mut recorders = site.recorders(&store, &["gate"]);
    let start = site.clock.utc();
    site.record(&mut recorders, 190);
    drop(recorders);
    store.sync().unwrap();
    let camera = stream("gate").camera;
    let (from, to) = (start.plus_micros(70_000_000), start.plus_micros(80_000_000));
    store.lock_interval(&camera, from, to, "incident 7", "maud").unwrap();
    assert!(matches!(store.lock_interval(&camera, to, from, "", ""), Err(StoreError::EmptyRange { .. })));
    store.close().unwrap();
    assert_eq!(site.segments().len(), 4);

    // Two days later.
    site.clock.advance(Duration::from_secs(2 * 86_400));
    let store = site.open();
    assert_eq!(store.locks().len(), 1, "a lock survives");
    let mut recorders = site.recorders(&store, &["quay"]);
    site.record(&mut recorders, 5);
    until(|| {
        store.sync().unwrap();
        site.clock.advance(Duration::from_secs(11));
        site.segments().iter().filter(|p| p.to_string_lossy().contains("gate")).count() == 1
    });
    // Rows go with the flush after their files.
    store.sync().unwrap();
    let t = store.timeline(&stream("gate"), Some(start), None).unwrap();
    let spans: Vec<_> = t.spans.iter().map(|s| s.from.micros_since(start) / 1_000_000).collect();
    assert_eq!(spans, [60]);
    let reasons: Vec<_> = t.gaps.iter().map(|g| g.reason).collect();
    assert_eq!(reasons[..2], [GapReason::Expired, GapReason::Expired], "{t:#?}");

    store.unlock_interval(&camera, start, to, "closed", "maud").unwrap();
    assert!(matches!(store.unlock_interval(&camera, start, to, "", ""), Err(StoreError::NoLock { .. })));
    until(|| {
        store.sync().unwrap();
        site.clock.advance(Duration::from_secs(11));
        !site.segments().iter().any(|p| p.to_string_lossy().contains("gate"))
    });
    drop(recorders);
    store.close().unwrap();
    assert_eq!(verify(&site.open()).missing, 0);
}

/// Asks until it is so; the store's own threads make it so.
fn until(mut so: impl FnMut() -> bool) {
    for _ in 0..2000 {
        if so() {
            return;
        }
        std::thread::yield_now();
    }
    panic!("never came true");
}

#[test]
fn two_disks_share_the_streams() {
    let site = Site::new(2);
    let store = site.open();
    let cameras = ["a", "b", "c", "d"];
    let mut recorders = site.recorders(&store, &cameras);
    site.record(&mut recorders, 70);
    store.sync().unwrap();
    drop(recorders);
    store.close().unwrap();
    for disk in &site.config.disks {
        assert!(site.segments().iter().any(|p| p.starts_with(disk)), "nothing on {}", disk.display());
    }
    // The order of the disks may change.
    let mut swapped = Site { config: site.config.clone(), ..Site::new(0) };
    swapped.config.disks.reverse();
    swapped.config.index_folder = Some(swapped.dir.path().join("index"));
    let store = swapped.open();
    let report = verify(&store);
    assert_eq!((report.bad, report.unindexed, report.missing, report.torn), (0, 0, 0, 0));
    assert_eq!(report.segments, 8);
}

#[derive(Default)]
struct Files {
    files: Vec<Vec<u8>>,
    stop_after: Option<usize>,
    told: (u64, u64),
}

impl ExportSink for Files {
    fn begin(&mut self, index: usize) -> io::Result<()> {
        assert_eq!(index, self.files.len());
        self.files.push(Vec::new());
        Ok(())
    }

    fn write(&mut self, chunk: &[u8]) -> io::Result<()> {
        self.files.last_mut().unwrap().extend_from_slice(chunk);
        match self.stop_after {
            Some(max) if self.files.iter().map(Vec::len).sum::<usize>() > max => {
                Err(io::Error::other("enough"))
            }
            _ => Ok(()),
        }
    }

    fn progress(&mut self, done: u64, total: u64) -> io::Result<()> {
        self.told = (done, total);
        Ok(())
    }
}

#[test]
fn exports_and_pictures_while_it_records() {
    let site = Site::new(1);
    let store = site.open();
    let mut recorders = site.recorders(&store, &["gate"]);
    let start = site.clock.utc();
    site.record(&mut recorders, 100);
    store.sync().unwrap();
    let at = |s: i64| start.plus_micros(s * 1_000_000);
    let request = |from, to| ExportRequest { stream: stream("gate"), from: at(from), to: at(to) };

    let mut files = Files::default();
    let report = store.export(&request(50, 70), &mut files).unwrap();
    assert_eq!((report.files.len(), report.gaps.len()), (1, 0));
    assert_eq!(report.files[0].frames, 20 * 25, "across a segment's end");
    assert_eq!(report.files[0].bytes, files.files[0].len() as u64);
    assert_eq!(files.told, (report.files[0].bytes, report.files[0].bytes));

    let mut files = Files { stop_after: Some(10_000), ..Files::default() };
    assert!(matches!(store.export(&request(0, 70), &mut files), Err(StoreError::Stopped(_))));
    let nothing = store.export(&request(1000, 1010), &mut Files::default());
    assert!(matches!(nothing, Err(StoreError::NoFootage { .. })));
    assert!(matches!(
        store.export(&request(9, 9), &mut Files::default()),
        Err(StoreError::EmptyRange { .. })
    ));

    for (asked_ms, real_s) in [(30_500, 30), (61_000, 61), (98_100, 98), (-5000, 0)] {
        let picture = store.picture(&stream("gate"), start.plus_micros(asked_ms * 1000)).unwrap();
        let real = picture.at.micros_since(start) as f64 / 1e6;
        assert!((real - real_s as f64).abs() < 0.001, "asked for {asked_ms} ms, got {real} s");
        assert_eq!((picture.data.len(), picture.data[4]), (FRAME_BYTES, 0x65));
        assert_eq!(picture.format, format().video);
    }
    assert!(matches!(store.picture(&stream("nowhere"), start), Err(StoreError::NoFootage { .. })));
}

#[test]
fn recording_begins_before_the_index_is_there() {
    let site = Site::new(1);
    // A folder where the index should be that cannot be one: recording does not care.
    fs::create_dir_all(&site.config.disks[0]).unwrap();
    fs::write(site.config.disks[0].join("index"), b"not a folder").unwrap();
    let store = Store::open(site.config.clone(), site.clock.clone(), Arc::new(RealDisk::default())).unwrap();
    let mut recorders = site.recorders(&store, &["gate"]);
    site.record(&mut recorders, 20);
    until(|| store.status().index == IndexState::Failed);
    store.sync().unwrap();
    assert!(store.status().streams[0].fragments > 10);
    assert!(matches!(store.timeline(&stream("gate"), None, None), Err(StoreError::NotReady(_))));
    drop(recorders);
    store.close().unwrap();
    fs::remove_file(site.config.disks[0].join("index")).unwrap();
    let report = verify(&site.open());
    assert_eq!((report.segments, report.bad, report.unindexed, report.torn), (1, 0, 0, 0));
}

#[test]
fn errors_are_sentences_with_a_remedy() {
    let clock = Arc::new(FakeClock::new(Utc(0)));
    let open = |disks: Vec<PathBuf>| {
        let config = StoreConfig { disks, ..StoreConfig::default() };
        Store::open(config, clock.clone(), Arc::new(RealDisk::default())).unwrap_err().to_string()
    };
    assert!(open(vec![]).contains("`path` under `[storage]`"));
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), b"").unwrap();
    let text = open(vec![dir.path().join("file/store")]);
    assert!(text.contains("file/store") && text.contains("creating the storage folder"), "{text}");
    assert!(Path::new(&text).file_name().is_some());
}
