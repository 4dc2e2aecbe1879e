//! `nvr plugin new`: the crate it makes builds outside the workspace, passes its own test, packs and loads.
//!
//! Promises: without the network; its build folder is kept in `target/`, so that only the first run is slow.
//! Leaves to others: the template's rule (`plugin-api`), plugins that misbehave.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)] // a test that cannot go on fails

use nvr_tests::{binary, repo};
use std::path::Path;
use std::process::{Command, Output};

fn run(command: &mut Command) -> Output {
    let shown = format!("{command:?}");
    let out = command.output().unwrap_or_else(|e| panic!("{shown}: {e}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(out.status.success(), "{shown}: {}\n{}\n{}", out.status, text(&out.stdout), text(&out.stderr));
    out
}

fn nvr(arguments: &[&str]) -> serde_json::Value {
    let out = run(Command::new(binary("nvr")).arg("--json").args(arguments));
    serde_json::from_slice(&out.stdout).expect("JSON")
}

fn cargo(folder: &Path, target: &Path, arguments: &[&str]) {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // What the outer cargo tells its tests is not meant for this one.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CARGO_") && name != "CARGO_HOME" {
            command.env_remove(name);
        }
    }
    command.args(arguments).args(["--offline", "--quiet"]).current_dir(folder);
    // Quick to build and small: nothing here is fast or debugged.
    run(command.env("CARGO_TARGET_DIR", target).env("CARGO_PROFILE_DEV_DEBUG", "0"));
}

#[test]
fn a_new_detector_builds_passes_its_test_and_loads() {
    let target = repo::root().join("target/plugin-new");
    // Always the same place, or every run would leave its own build behind.
    let place = target.join("made");
    let _ = std::fs::remove_dir_all(&place);
    std::fs::create_dir_all(&place).unwrap();
    let path = |p: &Path| p.to_str().expect("UTF-8").to_owned();
    let api = path(&repo::root().join("plugin-api"));
    let new = ["plugin", "new", "my-detector", "--dir", &path(&place), "--api", &api];
    assert_eq!(nvr(&new)["member"], false);
    let again = Command::new(binary("nvr")).args(new).output().unwrap();
    assert!(!again.status.success() && String::from_utf8_lossy(&again.stderr).contains("is there already"));

    let folder = place.join("my-detector");
    // The versions that the workspace has, which are on this machine.
    std::fs::copy(repo::root().join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    cargo(&folder, &target, &["test"]);
    cargo(&folder, &target, &["build"]);

    let plugins = place.join("plugins");
    let library = path(&target.join("debug/libmy_detector.so"));
    assert_eq!(nvr(&["plugins", "pack", &library, "--out", &path(&plugins)])["id"], "my-detector");
    let verified = nvr(&["plugins", "verify", "my-detector", "--plugins", &path(&plugins)]);
    assert_eq!(verified["failed"], 0, "{verified:#}");
    let list = nvr(&["plugins", "list", "--plugins", &path(&plugins)]);
    assert_eq!(list["plugins"][0]["state"], "ready", "{list:#}");

    for (order, state) in [("disable", "disabled"), ("enable", "ready")] {
        nvr(&["plugins", order, "my-detector", "--plugins", &path(&plugins)]);
        let list = nvr(&["plugins", "list", "--plugins", &path(&plugins)]);
        assert_eq!(list["plugins"][0]["state"], state, "{list:#}");
    }
}
