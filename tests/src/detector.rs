//! Detectors for tests: plugins in C, dropped in as a person would, and a perception that needs no model.
//!
//! Promises: real plugins, packed by `nvr plugins pack`. Leaves to others: what they say (`tests/plugins`).

use crate::{binary, repo};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds a plugin of `tests/plugins` and packs it; `version` only makes another file of it. Library and manifest.
///
/// # Panics
/// When it does not build.
pub fn build(folder: &Path, plugin: &str, version: u8) -> Vec<PathBuf> {
    let (root, library) = (repo::root(), folder.join(format!("lib{plugin}.so")));
    let status = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-w", "-o"])
        .arg(&library)
        .arg(root.join(format!("tests/plugins/{plugin}.c")))
        .arg("-I")
        .arg(root.join("nvr/nvr-worker/tests/zoo"))
        .arg("-I")
        .arg(root.join("plugin-api/include"))
        .status()
        .expect("a C compiler");
    assert!(status.success());
    // The code is the same: the hash is not.
    let mut bytes = std::fs::read(&library).expect("library");
    bytes.push(version);
    std::fs::write(&library, bytes).expect("library");
    let out = folder.join(format!("packed-{plugin}"));
    let packed = Command::new(binary("nvr"))
        .args(["plugins", "pack"])
        .arg(&library)
        .arg("--out")
        .arg(&out)
        .output()
        .expect("nvr runs");
    assert!(packed.status.success(), "{}", String::from_utf8_lossy(&packed.stderr));
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(&out).expect("packed").flatten().map(|entry| entry.path()).collect();
    files.sort();
    files
}

/// As a plain `cp` does it.
///
/// # Panics
/// When it cannot.
pub fn copy(files: &[PathBuf], to: &Path) {
    for file in files {
        std::fs::copy(file, to.join(file.file_name().expect("name"))).expect("copied");
    }
}

/// The stand-in, as the recorder starts its perception.
///
/// # Panics
/// When it cannot be written.
pub fn perceive(folder: &Path) -> PathBuf {
    let script = folder.join("perceive");
    let program = binary("perceive-for-tests");
    std::fs::write(&script, format!("#!/bin/sh\nexec {} \"$@\" <&3 3<&-\n", program.display()))
        .expect("script");
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).expect("script");
    script
}

/// The children of a process, id and name each, zombies too.
///
/// # Panics
/// Without /proc.
pub fn children(of: u32) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").expect("/proc").flatten() {
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        let Some((head, tail)) = stat.rsplit_once(')') else { continue };
        if tail.split_whitespace().nth(1) == Some(&of.to_string()) {
            found.push(head.replace('(', ""));
        }
    }
    found
}
