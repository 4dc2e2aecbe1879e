//! A detector dropped in, replaced and removed while cameras are recorded.
//!
//! Promises: the real recorder, host, workers and a real plugin in C; perception is a stand-in that needs no model. Leaves to
//! others: what a model sees (`nvr replay` over clips), every turn of a generation (`nvr_plugins`).

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)] // a test that cannot go on fails

use nvr_tests::plugins::{children, copy, packed, perceive};
use nvr_tests::recorder::{Cameras, Recorder};
use nvr_tests::wait;
use serde_json::Value;
use std::path::PathBuf;
use std::time::Instant;

/// How long a change may take on a busy machine, seconds.
const CHANGE_S_MAX: u64 = 60;

struct Rig {
    recorder: Recorder,
    folder: tempfile::TempDir,
}

impl Rig {
    fn analysis(&self) -> Value {
        self.recorder.try_json(&["status"]).map(|status| status["analysis"].clone()).unwrap_or_default()
    }

    fn rule(&self) -> Option<Value> {
        self.analysis()["rules"].as_array()?.iter().find(|r| r["rule"] == "gate-zone").cloned()
    }

    fn wait(&self, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        let came = wait::within(CHANGE_S_MAX, || self.rule().filter(&is_it));
        came.unwrap_or_else(|| panic!("not {what}: {:#}\nlog:\n{}", self.analysis(), self.recorder.log()))
    }

    fn plugins(&self) -> PathBuf {
        self.folder.path().join("plugins")
    }

    fn configure(&self, cameras: &Cameras, rule: &str) {
        let camera = |n: u32, id: &str| {
            format!("[[camera]]\nid = \"{id}\"\nurl = \"rtsp://127.0.0.1:{}/cam{n}\"\n", cameras.port)
        };
        let plugins = format!("[plugins]\npath = \"{}\"\nallow_unsigned = true\n", self.plugins().display());
        let site = "[site]\nregime = \"private-site\"\n";
        let all = [site, &plugins, &camera(0, "gate"), &camera(1, "yard"), rule].concat();
        self.recorder.configure(&self.recorder.storage(), &all);
    }

    /// Media time, µs, and number of what was said to begin, in the order of the log.
    fn begins(&self) -> Vec<(i64, u64)> {
        let field = |line: &str, name: &str| {
            let rest = line.split(&format!(" {name}=")).nth(1)?;
            rest.split_whitespace().next()?.parse::<i64>().ok()
        };
        let log = self.recorder.log();
        let lines = log.lines().filter(|l| l.contains("phase=Begin"));
        lines.filter_map(|l| Some((field(l, "at_us")?, field(l, "object")?.cast_unsigned()))).collect()
    }
}

const RULE: &str = "[[rule]]\nid = \"gate-zone\"\ncamera = \"gate\"\nsituation = \"zone-entry\"\n";

#[test]
fn drop_in_replace_remove() {
    let cameras = Cameras::start(&["--bitrate-kbps", "500", "--count", "2"]);
    let mut rig = Rig { recorder: Recorder::new(&[]), folder: tempfile::tempdir().unwrap() };
    std::fs::create_dir(rig.plugins()).unwrap();
    let built = [1, 2].map(|version| {
        let folder = rig.folder.path().join(version.to_string());
        std::fs::create_dir(&folder).unwrap();
        packed(&folder, "steady", version)
    });
    rig.configure(&cameras, RULE);
    rig.recorder.start_with(&[("NVR_PERCEIVE", &perceive(rig.folder.path()))]);
    rig.recorder.wait_state("gate", "live");
    rig.wait("armed", |rule| rule["is_watched"] == false);

    // Dropped in: watched, and the first event.
    let dropped = Instant::now();
    copy(&built[0], &rig.plugins());
    let first = rig.wait("heard", |rule| rule["events"].as_u64() >= Some(1));
    eprintln!("first event {:.1} s after the files were copied", dropped.elapsed().as_secs_f64());
    assert_eq!((&first["is_watched"], &first["blind"]), (&true.into(), &Value::Null), "{first}");
    let cameras_analysed = rig.analysis()["cameras"].as_array().map(Vec::len);
    assert_eq!(cameras_analysed, Some(1), "a camera without rules is not analysed");
    let events = |rule: &Value| rule["events"].as_u64().unwrap_or(0);
    rig.wait("going on", |rule| events(rule) >= events(&first) + 4);

    // Replaced: another generation speaks, and nothing is lost or said twice.
    let before = first["plugin"].clone();
    copy(&built[1], &rig.plugins());
    let second = rig.wait("replaced", |rule| rule["plugin"].is_string() && rule["plugin"] != before);
    let last = rig.wait("going on", |rule| events(rule) >= events(&second) + 6);
    assert_eq!(last["is_watched"], true, "{last}");
    assert_eq!(last["tally"]["missed"], 0, "{last}");
    let begins = rig.begins();
    let numbers: Vec<u64> = begins.iter().map(|(_, object)| *object).collect();
    let expected: Vec<u64> = (1..=numbers.len() as u64).collect();
    assert_eq!(numbers, expected, "every object begins once, whoever speaks");
    // The first stays; of the others one begins with every tenth frame, 2 s apart.
    let times: Vec<i64> = begins.iter().skip(1).map(|(at_us, _)| *at_us).collect();
    let steps: Vec<i64> = times.windows(2).map(|pair| (pair[1] - pair[0]) / 100_000).collect();
    assert!(steps.len() >= 4 && steps.iter().all(|s| (19..=21).contains(s)), "{begins:?}");

    // Removed: blind, with the reason, and what is open does not stay open.
    std::fs::remove_file(rig.plugins().join("libzone-entry.so")).unwrap();
    let blind = rig.wait("blind", |rule| rule["blind"] == "plugin-down");
    assert_eq!((&blind["open"], &blind["plugin"]), (&0.into(), &Value::Null), "{blind}");
    assert!(rig.recorder.log().contains("interrupted"));

    // The rule goes, the recording stays.
    rig.configure(&cameras, "");
    let gone = wait::within(CHANGE_S_MAX, || rig.rule().is_none().then_some(()));
    assert!(gone.is_some(), "{:#}", rig.analysis());
    for camera in ["gate", "yard"] {
        rig.recorder.wait_recorded(camera, 2.0);
        let timeline = rig.recorder.json(&["timeline", "--camera", camera]);
        assert_eq!(timeline["gaps"], serde_json::json!([]), "{camera}: {timeline}");
        assert_eq!(timeline["spans"].as_array().map(Vec::len), Some(1), "{camera}: {timeline}");
    }
    let children = children(rig.recorder.daemon().0.id());
    assert_eq!(children, Vec::<String>::new(), "without rules nothing but the recorder runs");
    rig.recorder.stop();
    assert!(!rig.recorder.log().contains(" ERROR "), "{}", rig.recorder.log());
}

#[test]
fn perception_that_dies_is_started_again() {
    let cameras = Cameras::start(&["--bitrate-kbps", "500", "--count", "2"]);
    let mut rig = Rig { recorder: Recorder::new(&[]), folder: tempfile::tempdir().unwrap() };
    std::fs::create_dir(rig.plugins()).unwrap();
    copy(&packed(rig.folder.path(), "gazing", 1), &rig.plugins());
    rig.configure(&cameras, RULE);
    rig.recorder.start_with(&[("NVR_PERCEIVE", &perceive(rig.folder.path()))]);
    // Its events are frames out of the ring, which has two slots: those that are done come back.
    let events = |rule: &Value| rule["events"].as_u64().unwrap_or(0);
    rig.wait("watched, with frames", |rule| rule["is_watched"] == true && events(rule) >= 8);
    let daemon = rig.recorder.daemon().0.id();
    let of_name = |name: &str| {
        let found = children(daemon).into_iter().filter(|c| c.contains(name));
        found.filter_map(|c| c.split_whitespace().next()?.parse::<i32>().ok()).next()
    };
    let kill = |pid: i32| {
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    };
    kill(of_name("perceive").expect("perception runs"));
    let blind = rig.wait("blind", |rule| rule["blind"] == "analysis-down");
    // The worker was given the new ring.
    rig.wait("watched again", |rule| rule["is_watched"] == true && events(rule) >= events(&blind) + 8);
    kill(of_name("nvr-worker").expect("a worker runs"));
    rig.wait("blind", |rule| rule["blind"] == "plugin-down");
    rig.wait("watched again", |rule| rule["is_watched"] == true);
    for camera in ["gate", "yard"] {
        rig.recorder.wait_recorded(camera, 2.0);
        let timeline = rig.recorder.json(&["timeline", "--camera", camera]);
        assert_eq!(timeline["gaps"], serde_json::json!([]), "{camera}: {timeline}");
    }
    rig.recorder.stop();
}
