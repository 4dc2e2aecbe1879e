//! Faults on purpose: killed recorders, full disks, damaged files. Seeded: `NVR_SEEDS` says how many (10).
//!
//! Promises: only the open fragment is lost, every loss has a name, nothing is silently wrong.
//! Leaves to others: power cuts and failing disks (`tests/vm`, the simulation in `nvr-store`).

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)] // a test that cannot go on fails

use nvr_base::{Clock, SystemClock, Utc};
use nvr_tests::recorder::{Cameras, Recorder, probe};
use nvr_tests::wait;
use serde_json::Value;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::process::Command;

/// The open fragment is at most 1.5 s; the rest is delivery: a tick of the ingest thread, the writer's turn.
const LOST_US_MAX: i64 = 2_000_000;

fn seeds() -> u64 {
    std::env::var("NVR_SEEDS").ok().and_then(|s| s.parse().ok()).unwrap_or(10)
}

fn url(cameras: &Cameras, n: usize) -> String {
    format!("rtsp://127.0.0.1:{}/cam{n}", cameras.port)
}

fn instant(value: &Value) -> Option<Utc> {
    value.as_str()?.parse().ok()
}

fn assert_clean(recorder: &Recorder, what: &str) -> Value {
    let verify = recorder.json(&["verify"]);
    assert_eq!((&verify["bad"], &verify["unindexed"]), (&0.into(), &0.into()), "{what}: {verify}");
    verify
}

/// `kill -9` at a seeded moment, with GOPs of half a second to longer than any test.
#[test]
fn killed_it_loses_only_the_open_fragment() {
    let gops = ["0.5", "2", "10", "60", "250"];
    for seed in 0..seeds() {
        let mut dice = fastrand::Rng::with_seed(seed);
        let gop = gops[seed as usize % gops.len()];
        let cameras = Cameras::start(&[
            "--bitrate-kbps",
            "2000",
            "--count",
            "2",
            "--mid-gop",
            "--gop-s",
            gop,
            "--seed",
            &seed.to_string(),
        ]);
        let mut recorder = Recorder::new(&[("a", url(&cameras, 0)), ("b", url(&cameras, 1))]);
        recorder.start();
        recorder.wait_recorded("a", 2.0 + dice.f64() * 2.0);
        recorder.wait_recorded("b", 1.0);
        let killed = SystemClock.utc();
        recorder.daemon().kill();
        recorder.start();
        for id in ["a", "b"] {
            let what = format!("seed {seed}, GOP {gop} s, camera {id}");
            let again = wait::within(60, || {
                let timeline = recorder.try_json(&["timeline", "--camera", id])?;
                let spans = timeline["spans"].as_array()?;
                (spans.len() == 2 && spans[1]["to"].is_null()).then_some(timeline)
            });
            let timeline = again.unwrap_or_else(|| {
                let timeline = recorder.json(&["timeline", "--camera", id]);
                panic!("{what}: not recording again: {timeline}\n{}", recorder.log())
            });
            let kept = instant(&timeline["spans"][0]["to"]).expect("the first span has ended");
            let lost_us = killed.micros_since(kept);
            assert!(lost_us <= LOST_US_MAX, "{what}: {lost_us} µs lost: {timeline}");
            let gaps = timeline["gaps"].as_array().cloned().unwrap_or_default();
            assert_eq!(gaps.len(), 1, "{what}: {timeline}");
            assert_eq!(gaps[0]["reason"], "recorder-down", "{what}: {timeline}");
        }
        recorder.stop();
        assert_clean(&recorder, &format!("seed {seed}"));
        for segment in recorder.segments() {
            let (complaints, packets) = probe(&segment);
            assert!(complaints.is_empty() && packets > 0, "seed {seed}: {}: {complaints}", segment.display());
        }
    }
}

/// A small file system that fills up: typed gaps, no end; space comes back, recording goes on.
#[test]
fn a_full_disk_is_a_gap_and_recording_goes_on_when_space_is_back() {
    let Some(disk) = SmallDisk::mount(24) else {
        eprintln!("skipped: mounting a tmpfs needs root");
        return;
    };
    let cameras = Cameras::start(&["--bitrate-kbps", "8000"]);
    let mut recorder = Recorder::new(&[]);
    let entry = format!("[[camera]]\nid = \"gate\"\nurl = \"{}\"\n", url(&cameras, 0));
    recorder.configure(&disk.0.path().join("store"), &entry);
    let filler = disk.0.path().join("filler");
    recorder.start();
    recorder.wait_state("gate", "live");
    wait::until("footage", 30, || recorder.camera("gate")?["last_fragment"].as_str().map(drop));
    // Somebody else fills the disk.
    let mut fill = std::fs::File::create(&filler).expect("filler");
    while fill.write_all(&[7; 65536]).is_ok() {}
    let gap = |reason: &str| {
        let timeline = recorder.json(&["timeline", "--camera", "gate"]);
        timeline["gaps"].as_array()?.iter().find(|g| g["reason"] == reason).cloned()
    };
    // Retention may make room by removing old footage; with 24 MB there soon is none left.
    wait::until("the full disk is a gap", 60, || gap("disk-full"));
    drop(fill);
    std::fs::remove_file(&filler).expect("space back");
    wait::until("recording again", 60, || {
        let closed = gap("disk-full")?["to"].as_str().map(drop);
        closed.filter(|()| recorder.camera("gate").is_some_and(|c| c["state"] == "live"))
    });
    recorder.stop();
    let verify = recorder.json(&["verify"]);
    assert_eq!(verify["bad"], 0, "{verify}");
}

struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount(megabytes: u32) -> Option<Self> {
        let folder = tempfile::tempdir().ok()?;
        let size = format!("size={megabytes}m");
        let status = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "nvr-test"])
            .arg(folder.path())
            .status()
            .ok()?;
        status.success().then_some(Self(folder))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

fn recorded(seconds: f64) -> Recorder {
    let cameras = Cameras::start(&["--bitrate-kbps", "1000"]);
    let mut recorder = Recorder::new(&[("gate", url(&cameras, 0))]);
    recorder.start();
    recorder.wait_recorded("gate", seconds);
    recorder.stop();
    recorder
}

fn damage(file: &Path, at_permille: u64) {
    let mut file = std::fs::OpenOptions::new().read(true).write(true).open(file).expect("file");
    let len = file.metadata().expect("length").len();
    let at = len * at_permille / 1000;
    let mut byte = [0];
    file.seek(SeekFrom::Start(at)).and_then(|_| file.read_exact(&mut byte)).expect("byte");
    byte[0] ^= 0x10;
    file.seek(SeekFrom::Start(at)).and_then(|_| file.write_all(&byte)).expect("byte");
}

#[test]
fn a_flipped_bit_is_found_and_named() {
    for at in [300, 500, 700] {
        let recorder = recorded(4.0);
        let segment = recorder.segments().into_iter().next().expect("a segment");
        damage(&segment, at);
        let out = recorder.run(&["verify", "--json"]);
        assert!(!out.status.success(), "exit code");
        let verify: Value = serde_json::from_slice(&out.stdout).expect("JSON");
        assert_eq!(verify["bad"], 1, "{verify}");
        let name = segment.file_name().expect("name").to_string_lossy().into_owned();
        assert!(verify["findings"].to_string().contains(&name), "{verify}");
    }
}

#[test]
fn a_lost_or_torn_index_is_made_again() {
    for torn in [false, true] {
        let mut recorder = recorded(3.0);
        let before = recorder.json(&["timeline", "--camera", "gate"]);
        let index = recorder.storage().join("index");
        assert!(index.is_dir(), "the index lies in {}", index.display());
        if torn {
            for entry in std::fs::read_dir(&index).expect("index").flatten() {
                if entry.path().is_file() {
                    damage(&entry.path(), 500);
                    damage(&entry.path(), 100);
                }
            }
        } else {
            std::fs::remove_dir_all(&index).expect("index removed");
        }
        let what = if torn { "torn" } else { "deleted" };
        recorder.start();
        wait::until(&format!("{what}: the daemon answers"), 60, || {
            let status = recorder.try_json(&["status"])?;
            (status["store"]["index"] == "ready").then_some(())
        });
        let timeline = recorder.json(&["timeline", "--camera", "gate"]);
        assert_eq!(timeline["spans"][0], before["spans"][0], "{what}");
        recorder.stop();
        assert_clean(&recorder, what);
    }
}

#[test]
fn a_second_recorder_on_the_same_store_is_refused_by_name() {
    let cameras = Cameras::start(&["--bitrate-kbps", "500"]);
    let mut recorder = Recorder::new(&[("gate", url(&cameras, 0))]);
    recorder.start();
    recorder.wait_recorded("gate", 1.0);
    let out = recorder.run(&["serve"]);
    let words = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(!out.status.success() && words.contains("running daemon"), "{words}");
    recorder.stop();
}
