//! Shared pieces of the tests over the whole: the repository's files, the built binaries, a recorder under test.
//!
//! Promises: every wait has a deadline and says what it waited for. Leaves to others: the assertions.

// A helper of tests that cannot go on fails the test.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

pub mod plugins;
pub mod recorder;
pub mod repo;
pub mod wait;
pub mod zoo;

use std::path::PathBuf;

/// The built program `name`, from the folder that `tests/run` names or beside this test.
///
/// # Panics
/// When it was not built: a test that cannot run must not pass.
pub fn binary(name: &str) -> PathBuf {
    let beside = || {
        let mut folder = std::env::current_exe().expect("own path");
        while folder.file_name().is_some_and(|f| f != "debug" && f != "release") {
            folder.pop();
        }
        folder
    };
    let folder = std::env::var_os("NVR_BIN_DIR").map_or_else(beside, PathBuf::from);
    let path = folder.join(name);
    assert!(
        path.exists(),
        "{} is not built: run tests/run, or cargo build --workspace first",
        path.display()
    );
    path
}
