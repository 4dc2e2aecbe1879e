//! Plugins for tests: built from C, packed and dropped in as a person would; and a stand-in for perception.
//!
//! Promises: what is built lies where it is asked to, complete. Leaves to others: what they do (`tests/plugins`, the zoo).

use crate::{binary, repo};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds the C file `source` of the repository into `library`; `defines` are `NAME=VALUE` or `NAME`.
///
/// # Panics
/// When it does not build.
pub fn build(source: &str, defines: &[String], library: &Path) {
    let root = repo::root();
    let status = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-w", "-o"])
        .arg(library)
        .args(defines.iter().map(|define| format!("-D{define}")))
        .arg(root.join(source))
        .arg("-I")
        .arg(root.join("nvr/nvr-worker/tests/zoo"))
        .arg("-I")
        .arg(root.join("plugin-api/include"))
        .status()
        .expect("a C compiler");
    assert!(status.success(), "{source} does not build");
}

/// The manifest of `library`, an animal of the zoo.
///
/// # Panics
/// When the library cannot be read.
pub fn zoo_manifest(id: &str, needs: &str, library: &Path) -> String {
    let out = Command::new("sha256sum").arg(library).output().expect("sha256sum");
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let sha256 = text.split_whitespace().next().expect("a hash");
    format!(
        "id = \"{id}\"\nversion = \"1.0.0\"\nabi = \"0.1\"\nsituation = \"zone-entry\"\nneeds = [{needs}]\n\
         event_types = [\"zone-entry\"]\nregime = \"event-eight\"\nsha256 = \"{sha256}\"\n"
    )
}

/// The stand-in for perception, as the recorder starts its own: a script in `folder`.
///
/// # Panics
/// When it cannot be written.
pub fn perceive(folder: &Path) -> PathBuf {
    let script = folder.join("perceive");
    let program = binary("perceive-for-tests");
    std::fs::write(&script, format!("#!/bin/sh\nexec {} \"$@\"\n", program.display())).expect("a script");
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).expect("a script");
    script
}

/// Builds a plugin of `tests/plugins` and packs it; `version` only makes another file of it. Library and manifest.
///
/// # Panics
/// When it does not build.
pub fn packed(folder: &Path, plugin: &str, version: u8) -> Vec<PathBuf> {
    let library = folder.join(format!("lib{plugin}.so"));
    build(&format!("tests/plugins/{plugin}.c"), &[], &library);
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
