//! Plugins for tests: built from C, with a manifest; and a stand-in for perception.
//!
//! Promises: what is built lies where it is asked to, complete. Leaves to others: what they do.

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
    std::fs::write(&script, format!("#!/bin/sh\nexec {} \"$@\" <&3 3<&-\n", program.display()))
        .expect("a script");
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).expect("a script");
    script
}
