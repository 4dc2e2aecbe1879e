//! `nvr models` and `nvr doctor` on a box with nothing in it: they say what is missing, and never need the network.
//!
//! Promises: needs no model and no plugin. Leaves to others: models that are there (`nvr-perception`), new plugins
//! (`plugin_new`).

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)] // a test that cannot go on fails

use nvr_tests::binary;
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// Runs `nvr --json` and returns whether it ended well, and its answer.
fn nvr(arguments: &[&str]) -> (bool, Value) {
    let out = Command::new(binary("nvr")).arg("--json").args(arguments).output().expect("nvr runs");
    let answer = serde_json::from_slice(&out.stdout);
    let complaint = String::from_utf8_lossy(&out.stderr).into_owned();
    (out.status.success(), answer.unwrap_or_else(|e| panic!("{arguments:?}: {e}: {complaint}")))
}

fn path(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

#[test]
fn a_folder_without_models() {
    let (models, from) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let folder = ["--models", path(models.path())];
    let (well, list) = nvr(&[&["models", "list"][..], &folder].concat());
    assert!(well && list["detector"].is_null() && list["onnxruntime"] == "absent", "{list:#}");
    assert!(list["models"].as_array().unwrap().iter().all(|m| m["state"] == "absent"), "{list:#}");
    let (well, verified) = nvr(&[&["models", "verify"][..], &folder].concat());
    assert!(!well && verified["ok"] == false, "{verified:#}");
    std::fs::write(from.path().join("some.onnx"), "no model").unwrap();
    let (well, taken) = nvr(&[&["models", "import", path(from.path())][..], &folder].concat());
    assert!(!well && taken["files"][0]["result"] == "unknown", "{taken:#}");
    assert_eq!(std::fs::read_dir(models.path()).unwrap().count(), 0);
}

#[test]
fn the_doctor_names_what_is_missing_with_a_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| path(&dir.path().join(name)).to_owned();
    for folder in ["footage", "plugins", "models"] {
        std::fs::create_dir(at(folder)).unwrap();
    }
    std::fs::write(
        at("nvr.toml"),
        format!(
            "[storage]\npath = {:?}\n[[camera]]\nid = \"gate\"\nurl = \"rtsp://127.0.0.1:9/x\"\n",
            at("footage")
        ),
    )
    .unwrap();
    let (_, answer) =
        nvr(&["doctor", "--config", &at("nvr.toml"), "--plugins", &at("plugins"), "--models", &at("models")]);
    let steps = answer["steps"].as_array().unwrap();
    let level = |step: &str| steps.iter().find(|s| s["step"] == step).map(|s| s["level"].clone());
    assert_eq!(level("configuration"), Some("ok".into()), "{answer:#}");
    for step in ["daemon", "models", "plugins", "sandbox"] {
        assert_eq!(level(step), Some("warn".into()), "{step}: {answer:#}");
    }
    for step in ["disk", "clock", "kernel", "files", "programs", "decoders"] {
        assert!(level(step).is_some(), "{step}: {answer:#}");
    }
    assert!(steps.iter().all(|s| s["level"] == "ok" || s["remedy"].is_string()), "{answer:#}");
    assert_eq!(std::fs::read_dir(at("footage")).unwrap().count(), 0, "nothing is left behind");
}
