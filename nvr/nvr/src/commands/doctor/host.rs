//! The machine and the installation: kernel, limits, programs.
//!
//! Promises: reads only. Leaves to others: what a sandbox got of the kernel (`detection`).

use crate::child::program;
use crate::commands::verdict::Verdict;
use nvr_base::text::{Arg, text};
use rustix::process::{Resource, getrlimit};

/// The kernel's version.
const RELEASE: &str = "/proc/sys/kernel/osrelease";
/// The kernel's security modules.
const LSM: &str = "/sys/kernel/security/lsm";
/// What seccomp filters may do.
const SECCOMP: &str = "/proc/sys/kernel/seccomp/actions_avail";
/// Descriptors a stream needs: its connection, its segment, and room for commands.
const FILES_PER_STREAM: u64 = 4;
/// Descriptors the recorder needs beside its streams.
const FILES_BASE: u64 = 256;
/// Children of the recorder.
const PROGRAMS: [&str; 3] = ["nvr-media", "nvr-perceive", "nvr-worker"];

/// Which kernel, and whether it can confine children.
pub(super) fn kernel() -> Verdict {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let release = read(RELEASE).unwrap_or_default();
    judge(release.trim(), read(LSM).as_deref(), read(SECCOMP).as_deref())
}

fn judge(release: &str, modules: Option<&str>, actions: Option<&str>) -> Verdict {
    let landlock = modules.map(|all| all.trim().split(',').any(|m| m == "landlock"));
    let seccomp = actions.is_some_and(|all| all.split_whitespace().any(|a| a == "kill_process"));
    let release = ("release", Arg::from(release));
    match (landlock, seccomp) {
        (Some(false), _) => Verdict::warn(
            "kernel",
            text("kernel-no-landlock", &[release]),
            text("kernel-landlock-remedy", &[]),
        ),
        (_, false) => {
            Verdict::warn("kernel", text("kernel-no-seccomp", &[release]), text("kernel-seccomp-remedy", &[]))
        }
        (Some(true), true) => Verdict::ok("kernel", text("kernel-both", &[release])),
        // Where the list cannot be read, the sandbox of a worker shows below what there is.
        (None, true) => Verdict::ok("kernel", text("kernel-seccomp", &[release])),
    }
}

/// Whether the account may open as many files as the streams need.
pub(super) fn open_files(streams: usize) -> Verdict {
    let most = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
    let wanted = FILES_BASE + FILES_PER_STREAM * streams as u64;
    let args = [("most", Arg::from(most)), ("wanted", Arg::from(wanted)), ("streams", Arg::from(streams))];
    let what = text("files-limit", &args);
    if most >= wanted {
        Verdict::ok("files", what)
    } else {
        Verdict::warn("files", what, text("files-remedy", &args))
    }
}

/// Whether the children are there.
pub(super) fn programs() -> Verdict {
    let is_there = |name: &str| {
        let path = program(name);
        let in_path = || {
            let folders = std::env::var_os("PATH").unwrap_or_default();
            std::env::split_paths(&folders).any(|folder| folder.join(name).is_file())
        };
        path.is_file() || in_path()
    };
    let missing: Vec<&str> = PROGRAMS.into_iter().filter(|name| !is_there(name)).collect();
    if missing.is_empty() {
        return Verdict::ok("programs", PROGRAMS.join(", "));
    }
    let what = text("programs-missing", &[("names", Arg::from(missing.join(", ")))]);
    Verdict::fail("programs", what, text("programs-remedy", &[]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::verdict::Level;

    #[test]
    fn kernels() {
        let check = |modules, actions, level| assert_eq!(judge("6.1", modules, actions).level, level);
        check(Some("capability,landlock,yama\n"), Some("kill_process errno\n"), Level::Ok);
        check(None, Some("kill_process errno"), Level::Ok);
        check(Some("capability"), Some("kill_process"), Level::Warn);
        check(Some("landlock"), None, Level::Warn);
    }

    #[test]
    fn limits() {
        assert_eq!(open_files(0).level, Level::Ok);
        assert_eq!(open_files(usize::MAX / 8).level, Level::Warn);
    }
}
