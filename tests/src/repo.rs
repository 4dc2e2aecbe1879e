//! The repository's own files, as git knows them.
//!
//! Promises: tracked and new files, nothing built. Leaves to others: judging them.

use std::path::PathBuf;
use std::process::Command;

/// A Rust file of ours.
#[derive(Debug)]
pub struct Source {
    /// From the top of the repository.
    pub path: String,
    /// What it says.
    pub text: String,
}

/// Top of the repository.
///
/// # Panics
/// When the tests do not lie inside it.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the repository").to_owned()
}

/// Every file git knows or would take, sorted.
///
/// # Panics
/// When git does not answer.
pub fn files() -> Vec<String> {
    let git = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .expect("git runs");
    assert!(git.status.success(), "git ls-files: {}", String::from_utf8_lossy(&git.stderr));
    let mut files: Vec<_> = String::from_utf8_lossy(&git.stdout).lines().map(str::to_owned).collect();
    files.retain(|f| root().join(f).exists());
    files.sort();
    files
}

/// Every Rust file of ours; vendored code is its author's.
///
/// # Panics
/// When one cannot be read.
pub fn sources() -> Vec<Source> {
    let ours = files().into_iter().filter(|f| f.ends_with(".rs") && !f.contains("/vendor/"));
    ours.map(|path| Source { text: std::fs::read_to_string(root().join(&path)).expect("readable"), path })
        .collect()
}
