//! Building C in a test: the header is checked by the compiler that plugin authors use.
//!
//! Promises: a missing or failing compiler fails the test and shows what it said. Leaves to others: what is built.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)] // a test that cannot go on fails
#![allow(dead_code, reason = "each test file uses its part")]

use std::path::{Path, PathBuf};
use std::process::Command;

fn crate_dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A file of this crate.
pub(crate) fn own(path: &str) -> PathBuf {
    crate_dir().join(path)
}

/// Runs `cc` with the header in reach; every warning is an error.
pub(crate) fn cc(args: &[&str], source: &Path, out: &Path) {
    let mut command = Command::new("cc");
    command.args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-O1", "-I"]).arg(own("include"));
    let done = command.args(args).arg(source).arg("-o").arg(out).arg("-lm").output();
    let done = done.expect("these tests need a C compiler, `cc` (package gcc)");
    assert!(done.status.success(), "cc {}:\n{}", source.display(), String::from_utf8_lossy(&done.stderr));
}

/// What a program prints.
pub(crate) fn run(program: &Path) -> String {
    let done = Command::new(program).output().expect("the program just built runs");
    assert!(done.status.success(), "{}: {}", program.display(), done.status);
    String::from_utf8(done.stdout).expect("it prints ASCII")
}
