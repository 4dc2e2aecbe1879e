//! Tidiness of the whole tree, as data: what must be everywhere and what must be nowhere.
//!
//! Promises: names the file and the line of what is untidy. Leaves to others: formatting (rustfmt), lints (clippy).

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)] // a test that cannot go on fails

use nvr_tests::repo::{Source, files, root, sources};
use std::process::Command;

/// Past this a file hides a second noun.
const LINES_MAX: usize = 500;

/// What may stand at the top level.
const TOP: &[&str] = &[
    "Cargo.toml",
    "Cargo.lock",
    "README.md",
    "LICENSE",
    "CHANGELOG.md",
    "clippy.toml",
    "deny.toml",
    "rustfmt.toml",
    "nvr",
    "plugins",
    "plugin-api",
    "models",
    "appliance",
    "tests",
    ".ci",
    ".gitignore",
    ".cargo",
    ".gitattributes",
];

/// Where `unsafe` may stand: the sandbox, the plugin boundary, the memory shared with workers.
const UNSAFE_ALLOWED: &[&str] = &[
    "nvr/nvr-media/src/sandbox",
    "nvr/nvr-perception/src/ring.rs",
    "nvr/nvr-worker/",
    "plugin-api/src/",
    "plugin-api/tests/",
];

fn report(what: &str, found: Vec<String>) {
    assert!(found.is_empty(), "{what}:\n{}", found.join("\n"));
}

fn lines_with(sources: &[Source], bad: impl Fn(&Source, &str) -> bool) -> Vec<String> {
    let hit = |s: &Source| {
        let numbered = s.text.lines().enumerate();
        numbered
            .filter(|(_, l)| bad(s, l))
            .map(|(n, l)| format!("{}:{}: {}", s.path, n + 1, l.trim()))
            .collect::<Vec<_>>()
    };
    sources.iter().flat_map(hit).collect()
}

#[test]
fn every_file_says_what_it_is() {
    let silent = sources().into_iter().filter(|s| !s.text.starts_with("//!")).map(|s| s.path).collect();
    report("files that do not start with `//!`", silent);
}

#[test]
fn no_file_hides_a_second_noun() {
    let long =
        sources().into_iter().map(|s| (s.text.lines().count(), s.path)).filter(|(n, _)| *n > LINES_MAX);
    report("files over the length limit", long.map(|(n, p)| format!("{p}: {n} lines")).collect());
}

#[test]
fn nothing_is_left_undone() {
    let marks = [
        "to".to_owned() + "do!(",
        "unimple".to_owned() + "mented!(",
        "#[ig".to_owned() + "nore",
        "FIX".to_owned() + "ME",
    ];
    report("left undone", lines_with(&sources(), |_, l| marks.iter().any(|m| l.contains(m.as_str()))));
}

#[test]
fn tests_do_not_sleep() {
    let sleep = "thread::".to_owned() + "sleep";
    let tests: Vec<_> = sources().into_iter().filter(|s| s.path.contains("/tests/")).collect();
    report(
        "sleeps in tests (wait on a condition with a deadline: nvr_tests::wait)",
        lines_with(&tests, |_, l| l.contains(&sleep)),
    );
}

#[test]
fn unsafe_stands_only_where_it_may() {
    let block = "unsafe".to_owned() + " {";
    let found = lines_with(&sources(), |s, l| {
        l.contains(&block) && !UNSAFE_ALLOWED.iter().any(|p| s.path.starts_with(p))
    });
    report("unsafe outside the sandbox and the plugin boundary", found);
}

#[test]
fn top_level_is_the_agreed_one() {
    let top = files().into_iter().map(|f| f.split('/').next().unwrap_or_default().to_owned());
    let mut strange: Vec<_> = top.filter(|t| !TOP.contains(&t.as_str())).collect();
    strange.dedup();
    report("strange entries at the top level", strange);
}

#[test]
fn every_dependency_says_why() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let table = manifest.split("[workspace.dependencies]").nth(1).unwrap().split("\n[").next().unwrap();
    let silent = table.lines().filter(|l| l.contains('=') && !l.starts_with('#'));
    let silent = silent.filter(|l| !l.contains('#') && !l.contains("path = ")).map(str::to_owned).collect();
    report("dependencies without a reason beside them", silent);
}

#[test]
fn documents_and_code_speak_of_the_project_alone() {
    let hosts = ["debian", "pypi", "pythonhosted", "npmjs", "crates"].map(|h| format!("{h}."));
    let own = root().display().to_string();
    let mut found = Vec::new();
    for path in files() {
        if path == "Cargo.lock" || path.contains("/vendor/") {
            continue;
        }
        let Ok(text) = std::fs::read_to_string(root().join(&path)) else { continue };
        for (n, line) in text.lines().enumerate() {
            let host = line.contains("://")
                && hosts.iter().any(|h| {
                    line.split("://").skip(1).any(|u| u.split('/').next().unwrap_or("").contains(h.as_str()))
                });
            if host || line.contains(&own) {
                found.push(format!("{path}:{}: {}", n + 1, line.trim()));
            }
        }
    }
    report("registry hosts or paths of this machine", found);
}

#[test]
fn readme_maps_every_crate_and_names_the_two_commands() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let mut missing: Vec<String> = ["appliance/demo", "tests/run"]
        .iter()
        .filter(|c| !readme.contains(**c))
        .map(|c| (*c).to_owned())
        .collect();
    for path in files() {
        if let Some(folder) = path.strip_suffix("/Cargo.toml")
            && !folder.contains("/vendor")
        {
            let name = folder.rsplit('/').next().unwrap_or_default();
            if !readme.contains(&format!("`{name}`")) && !readme.contains(&format!("{folder}/")) {
                missing.push(folder.to_owned());
            }
        }
    }
    report("not in the README", missing);
}

#[test]
fn the_recorder_links_no_decoder() {
    let binary = nvr_tests::binary("nvr");
    let out = Command::new("ldd").arg(&binary).output().unwrap();
    assert!(out.status.success(), "ldd {}", binary.display());
    let linked = String::from_utf8_lossy(&out.stdout).into_owned();
    let native =
        linked.lines().filter(|l| ["gst", "glib", "onnx", "avcodec", "v4l"].iter().any(|n| l.contains(n)));
    report("native media code linked into the recording process", native.map(str::to_owned).collect());
}
