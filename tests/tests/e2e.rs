//! The whole recorder on real streams: what a user does, and what must come out.
//!
//! Promises: real programs, real files, real players (ffprobe, ffmpeg). Leaves to others: faults (`faults`).

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)] // a test that cannot go on fails

use nvr_base::Utc;
use nvr_tests::recorder::{Cameras, Recorder, decode_complaints, probe};
use nvr_tests::wait;
use serde_json::Value;

fn url(cameras: &Cameras, path: &str) -> String {
    format!("rtsp://127.0.0.1:{}/{path}", cameras.port)
}

fn instant(value: &Value) -> Utc {
    value.as_str().and_then(|t| t.parse().ok()).unwrap_or_else(|| panic!("no time: {value}"))
}

/// Frames that the fake camera says it sent, over all sessions.
fn sent(totals: &Value) -> u64 {
    totals["frames"].as_u64().expect("frames")
}

#[test]
fn every_frame_sent_is_recorded_and_plays() {
    let cameras = Cameras::start(&["--bitrate-kbps", "2000", "--frames", "200"]);
    let mut recorder = Recorder::new(&[("gate", url(&cameras, "cam0"))]);
    recorder.start();
    recorder.wait_recorded("gate", 7.0);
    recorder.stop();
    let sent = sent(&cameras.totals());
    let mut recorded = 0;
    for segment in recorder.segments() {
        let (complaints, packets) = probe(&segment);
        assert_eq!(complaints, "", "{}", segment.display());
        assert_eq!(decode_complaints(&segment), "", "{}", segment.display());
        recorded += packets;
    }
    assert_eq!(recorded, sent);
    let verify = recorder.json(&["verify"]);
    assert_eq!(
        (&verify["bad"], &verify["unindexed"], &verify["torn"]),
        (&0.into(), &0.into(), &0.into()),
        "{verify}"
    );
}

#[test]
fn timeline_and_export_agree_with_the_daemon_running_and_stopped() {
    let cameras = Cameras::start(&["--bitrate-kbps", "1000", "--count", "2"]);
    let mut recorder = Recorder::new(&[("one", url(&cameras, "cam0")), ("two", url(&cameras, "cam1"))]);
    recorder.start();
    recorder.wait_recorded("one", 8.0);
    recorder.wait_recorded("two", 8.0);
    let running = recorder.json(&["timeline", "--camera", "one"]);
    assert_eq!(running["spans"].as_array().map(Vec::len), Some(1), "{running}");
    assert_eq!(running["gaps"], serde_json::json!([]), "{running}");
    assert!(running["spans"][0]["to"].is_null(), "open while it records: {running}");

    // An export that begins between two key frames: exactly the pictures asked for are shown.
    let from = instant(&running["spans"][0]["from"]).plus_micros(2_500_000);
    let to = from.plus_micros(4_000_000);
    let range = [from.to_string(), to.to_string()];
    let export = |recorder: &Recorder, name: &str| {
        let out = recorder.storage().join(name);
        let file = out.display().to_string();
        let answer = recorder.json(&[
            "export",
            "--camera",
            "one",
            "--from",
            &range[0],
            "--to",
            &range[1],
            "--out",
            &file,
            "--manifest",
        ]);
        let (complaints, packets) = probe(&out);
        assert_eq!(complaints, "", "{answer}");
        assert_eq!(decode_complaints(&out), "", "{answer}");
        assert!(
            (100..=151).contains(&packets),
            "4 s at 25 a second and the way from the key frame: {packets}"
        );
        assert!(out.with_extension("json").exists(), "manifest");
        answer["files"][0]["sha256"].clone()
    };
    let while_running = export(&recorder, "running.mp4");
    recorder.stop();
    assert_eq!(export(&recorder, "stopped.mp4"), while_running, "the same footage is the same file");

    let stopped = recorder.json(&["timeline", "--camera", "one"]);
    assert_eq!(stopped["spans"].as_array().map(Vec::len), Some(1), "{stopped}");
    assert_eq!(instant(&stopped["spans"][0]["from"]), instant(&running["spans"][0]["from"]));
    assert!(!stopped["spans"][0]["to"].is_null(), "{stopped}");

    // The index is a cache: without it everything is found again.
    recorder.run(&["rebuild"]);
    let verify = recorder.json(&["verify"]);
    assert_eq!((&verify["bad"], &verify["unindexed"]), (&0.into(), &0.into()), "{verify}");
    assert_eq!(recorder.json(&["timeline", "--camera", "one"])["spans"], stopped["spans"]);
}

#[test]
fn a_changed_configuration_touches_only_what_changed() {
    let cameras = Cameras::start(&["--bitrate-kbps", "500", "--count", "2"]);
    let mut recorder = Recorder::new(&[("one", url(&cameras, "cam0"))]);
    recorder.start();
    recorder.wait_recorded("one", 2.0);
    let entry = |id: &str, n: usize| {
        format!("[[camera]]\nid = \"{id}\"\nurl = \"{}\"\n", url(&cameras, &format!("cam{n}")))
    };

    recorder.configure(&recorder.storage(), &(entry("one", 0) + &entry("two", 1)));
    recorder.wait_state("two", "live");
    let connects = |id: &str| recorder.camera(id).map(|c| c["connects"].clone());
    assert_eq!(connects("one"), Some(1.into()), "the other camera was not touched");

    recorder.configure(&recorder.storage(), "[[camera]]\nid = \"one\"\nurl = \"http://nowhere\"\n");
    wait::until("the bad configuration is refused", 30, || {
        recorder.log().contains("not taken over").then_some(())
    });
    let check = recorder.run(&["check"]);
    assert!(!check.status.success(), "the person at the keyboard is told the same");
    recorder.configure(&recorder.storage(), &entry("one", 0));
    wait::until("two is gone", 30, || recorder.camera("two").is_none().then_some(()));
    assert_eq!(connects("one"), Some(1.into()), "still not touched");
    recorder.stop();
}

#[test]
fn bad_cameras_are_named_and_the_others_go_on() {
    let good = Cameras::start(&["--bitrate-kbps", "500"]);
    let locked = Cameras::start(&["--bitrate-kbps", "500", "--user", "viewer", "--password", "right"]);
    let strange = Cameras::start(&["--bitrate-kbps", "500", "--quirk", "unknown-codec"]);
    let mut recorder = Recorder::new(&[
        ("good", url(&good, "cam0")),
        ("nobody", "rtsp://127.0.0.1:9/cam0".into()),
        ("locked", url(&locked, "cam0")),
        ("strange", url(&strange, "cam0")),
    ]);
    recorder.start();
    recorder.wait_recorded("good", 3.0);
    for (id, state, word) in [
        ("nobody", "backoff", "127.0.0.1"),
        ("locked", "credentials-refused", "password"),
        ("strange", "unsupported-codec", "VP8"),
    ] {
        let camera = recorder.wait_state(id, state);
        let why = camera["why"].as_str().unwrap_or_default().to_lowercase();
        assert!(why.contains(&word.to_lowercase()), "{id}: {why}");
        let timeline = recorder.json(&["timeline", "--camera", id]);
        assert!(timeline["gaps"].as_array().is_some_and(|g| !g.is_empty()), "{id}: {timeline}");
    }
    let timeline = recorder.json(&["timeline", "--camera", "good"]);
    assert_eq!(timeline["gaps"], serde_json::json!([]), "{timeline}");
    recorder.stop();
}

#[test]
fn an_outage_is_a_typed_gap_as_long_as_it_was() {
    let cameras = Cameras::start(&["--bitrate-kbps", "500"]);
    let port = cameras.port;
    let mut recorder = Recorder::new(&[("gate", url(&cameras, "cam0"))]);
    recorder.start();
    recorder.wait_recorded("gate", 3.0);
    drop(cameras);
    recorder.wait_state("gate", "backoff");
    let again = Cameras::start_at(port, &["--bitrate-kbps", "500"]);
    recorder.wait_state("gate", "live");
    wait::until("a second span", 30, || {
        let timeline = recorder.json(&["timeline", "--camera", "gate"]);
        (timeline["spans"].as_array()?.len() == 2).then_some(())
    });
    let timeline = recorder.json(&["timeline", "--camera", "gate"]);
    let gap = &timeline["gaps"][0];
    assert_eq!(gap["reason"], "camera-down", "{timeline}");
    let joined = |a: &Value, b: &Value| instant(a).micros_since(instant(b)).abs() <= 100_000;
    assert!(joined(&gap["from"], &timeline["spans"][0]["to"]), "{timeline}");
    assert!(joined(&gap["to"], &timeline["spans"][1]["from"]), "{timeline}");
    drop(again);
    recorder.stop();
}

#[test]
fn a_first_start_makes_its_folders() {
    let cameras = Cameras::start(&["--bitrate-kbps", "500"]);
    let mut recorder = Recorder::new(&[]);
    let storage = recorder.storage().join("deep".repeat(30)).join("not yet there");
    let text = format!(
        "[storage]\npath = \"{}\"\nkeep_free_percent = 0\n[[camera]]\nid = \"gate\"\nurl = \"{}\"\n",
        storage.display(),
        url(&cameras, "cam0")
    );
    std::fs::write(recorder.config(), text).expect("configuration");
    recorder.start();
    recorder.wait_recorded("gate", 1.0);
    assert!(storage.join("nvr.sock").exists(), "the default socket, whatever its length");
    recorder.stop();
}
