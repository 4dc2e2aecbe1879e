//! Alerts, counts and blind intervals of a running recorder: what an operator sees and does, and what is left after a kill.
//!
//! Promises: the real recorder, host, workers and plugins in C; perception is a stand-in. Leaves to others: what a model
//! sees (`nvr replay` over clips), every turn of an alert (`nvr_alerts`), who may do what (the gateway's roles).

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)] // a test that cannot go on fails

use nvr_base::Utc;
use nvr_tests::plugins::{copy, packed, perceive};
use nvr_tests::recorder::{Cameras, Recorder, Running};
use nvr_tests::{binary, wait};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// How long a change may take on a busy machine, seconds.
const CHANGE_S_MAX: u64 = 60;

const RULES: &str = r#"
[[rule]]
id = "gate-zone"
camera = "gate"
situation = "zone-entry"
severity = 1
instruction = "Call 4410"
[[rule]]
id = "gate-count"
camera = "gate"
situation = "counting"
line = [[0.5, 0.2], [0.5, 1]]
"#;

/// What a list prints: one object a line.
fn rows(recorder: &Recorder, args: &[&str]) -> Vec<Value> {
    let out = recorder.run(&[args, &["--json"]].concat());
    let text = String::from_utf8(out.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// Waits until a list shows something that `is_it`.
fn wait_row(recorder: &Recorder, args: &[&str], what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
    let came = wait::within(CHANGE_S_MAX, || rows(recorder, args).into_iter().find(&is_it));
    came.unwrap_or_else(|| panic!("{args:?}, {what}: {:#?}\nlog:\n{}", rows(recorder, args), recorder.log()))
}

fn start(recorder: &mut Recorder, perceive: &Path) {
    recorder.start_with(&[("NVR_PERCEIVE", perceive)]);
    recorder.wait_state("gate", "live");
}

/// One camera, two rules, the two plugins of `tests/plugins` dropped in.
fn site(cameras: &Cameras, recorder: &Recorder, folder: &Path) {
    let plugins = folder.join("plugins");
    std::fs::create_dir(&plugins).unwrap();
    for plugin in ["steady", "counting"] {
        copy(&packed(folder, plugin, 1), &plugins);
    }
    let text = format!(
        "[site]\nregime = \"private-site\"\n[plugins]\npath = \"{}\"\nallow_unsigned = true\n[[camera]]\nid = \"gate\"\n\
         url = \"rtsp://127.0.0.1:{}/cam0\"\n{RULES}",
        plugins.display(),
        cameras.port
    );
    recorder.configure(&recorder.storage(), &text);
}

/// `nvr alerts --follow --json`, and what it prints.
fn follow(recorder: &Recorder) -> (Running, mpsc::Receiver<Value>) {
    let mut child = Command::new(binary("nvr"))
        .args(["alerts", "--follow", "--json", "--config"])
        .arg(recorder.config())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("nvr runs");
    let out = BufReader::new(child.stdout.take().expect("piped"));
    let (says, heard) = mpsc::channel();
    std::thread::spawn(move || {
        for line in out.lines().map_while(Result::ok) {
            let _ = says.send(serde_json::from_str(&line).expect("JSON"));
        }
    });
    (Running(child), heard)
}

#[test]
fn an_alert_is_raised_handled_and_outlives_a_kill() {
    let cameras = Cameras::start(&["--bitrate-kbps", "500"]);
    let (mut recorder, folder) = (Recorder::new(&[]), tempfile::tempdir().unwrap());
    site(&cameras, &recorder, folder.path());
    let perceive = perceive(folder.path());
    start(&mut recorder, &perceive);

    // Raised: every field that scripts read.
    let first = wait_row(&recorder, &["alerts"], "one that is over", |alert| alert["end"].is_string());
    let instant = |value: &Value| value.as_str().unwrap().parse::<Utc>().unwrap();
    let (begun, ended) = (instant(&first["start"]), instant(&first["end"]));
    assert!(ended > begun, "{first}");
    for (field, expected) in [
        ("rule", json!("gate-zone")),
        ("situation", json!("zone-entry")),
        ("event", json!("zone-entry")),
        ("camera", json!("gate")),
        ("severity", json!(1)),
        ("instruction", json!("Call 4410")),
        ("interrupted", json!(false)),
        ("measured", json!(0.0)),
        ("threshold", json!(0.0)),
        ("score", json!(0.5)),
        ("box", json!([0.0, 0.0, 1.0, 1.0])),
        ("state", json!("raised")),
        ("by", Value::Null),
        ("decision", Value::Null),
        ("reason", Value::Null),
        ("picture", json!({ "camera": "gate", "at": begun.to_string() })),
        (
            "clip",
            json!({
                "camera": "gate", "from": begun.plus_micros(-5_000_000).to_string(),
                "to": ended.plus_micros(5_000_000).to_string(),
            }),
        ),
    ] {
        assert_eq!(first[field], expected, "{field}: {first:#}");
    }
    assert!(first["plugin"].as_str().is_some_and(|p| p.starts_with("zone-entry 1.0.0")), "{first}");
    let id = first["id"].as_str().unwrap();

    // Its picture, as soon as the footage of that moment is on the disk.
    let picture = folder.path().join("alert.jpg");
    let [at, out] = [first["picture"]["at"].as_str().unwrap(), picture.to_str().unwrap()];
    let shown = wait::within(CHANGE_S_MAX, || {
        let shown = recorder.run(&["picture", "--camera", "gate", "--at", at, "--out", out]);
        shown.status.success().then_some(())
    });
    assert!(shown.is_some(), "no picture of {at}: {}", recorder.log());
    assert_eq!(std::fs::read(&picture).unwrap().get(..2), Some(&[0xff, 0xd8][..]), "a JPEG");

    // Handled.
    let act = |words: &[&str]| recorder.run(&[&["alerts"], words, &["--json"]].concat());
    let refused = act(&["close", id]);
    let why = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && why.contains("confirm or reject it first"), "{why}");
    let done = |words: &[&str]| -> Value {
        let out = act(words);
        serde_json::from_slice(&out.stdout)
            .unwrap_or_else(|_| panic!("{words:?}: {}", String::from_utf8_lossy(&out.stderr)))
    };
    let taken = done(&["take", id]);
    assert_eq!((&taken["state"], taken["by"].is_string()), (&json!("taken"), true), "{taken}");
    let confirmed = done(&["confirm", id, "--reason", "two persons on the quay"]);
    assert_eq!((&confirmed["state"], &confirmed["decision"]), (&json!("decided"), &json!("confirmed")));
    let closed = done(&["close", id]);
    assert_eq!((&closed["state"], &closed["reason"]), (&json!("closed"), &json!("two persons on the quay")));
    assert_eq!(rows(&recorder, &["alerts", "--state", "closed"]), std::slice::from_ref(&closed));

    // Followed: one that was not there is printed as it comes.
    let known: Vec<Value> = rows(&recorder, &["alerts"]).iter().map(|alert| alert["id"].clone()).collect();
    let (following, heard) = follow(&recorder);
    let new = std::iter::from_fn(|| heard.recv_timeout(Duration::from_secs(CHANGE_S_MAX)).ok())
        .find(|alert| !known.contains(&alert["id"]));
    assert_eq!(new.expect("a new alert")["rule"], "gate-zone");
    drop(following);

    // Counted, and written before anyone asks.
    let journal = recorder.storage().join("journal");
    let written = wait::within(CHANGE_S_MAX, || {
        let files = std::fs::read_dir(&journal).ok()?.flatten();
        let mut texts = files.filter_map(|file| std::fs::read(file.path()).ok());
        texts.any(|text| text.windows(11).any(|w| w == b"\"crossings\"")).then_some(())
    });
    assert!(written.is_some(), "no counts in {}", journal.display());

    // Killed: handled stays handled, what lasted is over, what was counted is there.
    recorder.daemon().kill();
    let counted = rows(&recorder, &["counts", "--rule", "gate-count"]);
    let of = |series: &str| counted.iter().find(|row| row["series"] == series).cloned().unwrap_or_default();
    let (crossings, occupancy) = (of("crossings"), of("occupancy"));
    assert!(crossings["n"].as_u64() >= Some(1), "{counted:#?}");
    assert_eq!((&crossings["direction"], &crossings["class"]), (&json!("forward"), &json!("person")));
    assert_eq!(
        (&occupancy["n"], &occupancy["max"], &occupancy["camera"]),
        (&json!(2), &json!(2), &json!("gate"))
    );
    start(&mut recorder, &perceive);
    let after = rows(&recorder, &["alerts"]);
    assert!(after.contains(&closed), "{after:#?}");
    let lasted = after.iter().filter(|alert| alert["interrupted"] == true).count();
    assert!(lasted >= 1, "object 1 stays as long as it is watched: {after:#?}");
    let run = id.split('-').next().unwrap();
    let of_old_run = |alert: &Value| alert["id"].as_str().is_some_and(|id| id.split('-').next() == Some(run));
    assert!(after.iter().filter(|a| of_old_run(a)).all(|a| a["end"].is_string()), "{after:#?}");
    assert!(after.iter().all(|alert| alert["rule"] == "gate-zone"), "counting raises no alert: {after:#?}");
    wait_row(&recorder, &["alerts"], "one of the new run", |alert| !of_old_run(alert));

    // Blind: while it started, while nobody recorded, and since the plugin went.
    std::fs::remove_file(folder.path().join("plugins/libzone-entry.so")).unwrap();
    let of_zone = ["blind", "--rule", "gate-zone"];
    wait_row(&recorder, &of_zone, "blind now", |row| row["reason"] == "plugin-down" && row["to"].is_null());
    let reasons: Vec<Value> = rows(&recorder, &of_zone).iter().map(|row| row["reason"].clone()).collect();
    assert_eq!(reasons.first(), Some(&json!("starting")), "{reasons:?}");
    let open = wait::within(CHANGE_S_MAX, || {
        rows(&recorder, &["alerts"]).iter().all(|alert| alert["end"].is_string()).then_some(())
    });
    assert!(open.is_some(), "a plugin that went leaves nothing open: {:#?}", rows(&recorder, &["alerts"]));
    recorder.stop();
}
