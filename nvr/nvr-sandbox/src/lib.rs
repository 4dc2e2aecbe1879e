//! What a child process takes away from itself before it touches bytes of a camera, a file or a plugin: the layers that
//! all children share. A crate of its own, so that the worker of plugins links no GStreamer.
//!
//! Promises: every layer is applied or named with the reason why it is not, none is skipped in silence.
//! Leaves to others: which files, limits and system calls (`nvr-media`, `nvr-worker`), in which order.

pub mod priority;
mod start;

pub use start::{CHANNEL_FD, ignore_stop_signals, take_channel};

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetStatus, Scope,
};
use nvr_base::media_protocol::{Layer, LayerKind, LayerState, bounded_text};
use rustix::process::{Resource, Rlimit, setrlimit};
use seccompiler::{BpfProgram, TargetArch};
use std::path::PathBuf;

/// The version of landlock whose rights are taken away, as far as the kernel knows them.
pub const LANDLOCK: ABI = ABI::V6;

/// A layer, and what came of it.
pub fn layer(kind: LayerKind, result: Result<LayerState, String>) -> Layer {
    Layer { kind, state: result.unwrap_or_else(|why| LayerState::Unavailable(bounded_text(&why))) }
}

/// No program it starts could gain rights.
///
/// # Errors
/// The system's refusal.
pub fn no_new_privs() -> Result<LayerState, String> {
    rustix::thread::set_no_new_privs(true).map_err(|e| e.to_string())?;
    Ok(LayerState::Applied)
}

/// Resource limits, soft and hard.
///
/// # Errors
/// Which of them the system refuses.
pub fn limits(limits: &[(Resource, u64)]) -> Result<LayerState, String> {
    for &(resource, value) in limits {
        let limit = Rlimit { current: Some(value), maximum: Some(value) };
        setrlimit(resource, limit).map_err(|e| format!("{resource:?}: {e}"))?;
    }
    Ok(LayerState::Applied)
}

/// A network namespace of its own: no interface is up in it. Needs a privilege, or a user namespace.
///
/// # Errors
/// The kernel allows none.
pub fn no_network() -> Result<LayerState, String> {
    use rustix::thread::{UnshareFlags, unshare_unsafe};
    // SAFETY: the danger of `unshare` is `CLONE_FILES`, with which threads see different descriptors; it is not used.
    #[allow(unsafe_code)]
    let unshare = |flags| unsafe { unshare_unsafe(flags) };
    unshare(UnshareFlags::NEWNET)
        .or_else(|_| unshare(UnshareFlags::NEWUSER | UnshareFlags::NEWNET))
        .map_err(|e| format!("the kernel allows no network namespace: {e}"))?;
    Ok(LayerState::Applied)
}

/// Nothing but these paths, with these rights; what is not there needs no rule. Call it while there is one thread.
///
/// # Errors
/// The kernel has no landlock, or refuses a rule.
pub fn files(
    paths: impl IntoIterator<Item = (PathBuf, landlock::BitFlags<AccessFs>)>,
) -> Result<LayerState, String> {
    let error = |e: landlock::RulesetError| e.to_string();
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(LANDLOCK))
        .map_err(error)?
        .handle_access(AccessNet::from_all(LANDLOCK))
        .map_err(error)?
        .scope(Scope::from_all(LANDLOCK))
        .map_err(error)?
        .create()
        .map_err(error)?;
    for (path, access) in paths {
        let Ok(fd) = PathFd::new(&path) else { continue };
        let access = if path.is_dir() { access } else { access & AccessFs::from_file(LANDLOCK) };
        rules = rules.add_rule(PathBeneath::new(fd, access)).map_err(error)?;
    }
    let status = rules.restrict_self().map_err(error)?;
    match (status.ruleset, threads()) {
        (RulesetStatus::NotEnforced, _) => Err("the kernel has no landlock".to_owned()),
        (_, n) if n > 1 => Ok(LayerState::Partly(format!("{} threads started before it", n - 1))),
        (RulesetStatus::FullyEnforced, _) => Ok(LayerState::Applied),
        (RulesetStatus::PartiallyEnforced, _) => Ok(LayerState::Partly(
            "this kernel's landlock has files, but not all of devices, network, signals".into(),
        )),
    }
}

/// Threads of this process; without `/proc` only this one is known.
fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").map_or(1, Iterator::count)
}

/// Filters of system calls for this machine, each applied to all threads or to this one and those it starts.
///
/// # Errors
/// The architecture is not known, a filter cannot be made, or the kernel refuses it.
pub fn system_calls(
    make: impl FnOnce(TargetArch) -> Result<Vec<BpfProgram>, seccompiler::Error>,
    all_threads: bool,
) -> Result<LayerState, String> {
    let arch = std::env::consts::ARCH.try_into().map_err(|e: seccompiler::BackendError| e.to_string())?;
    for program in make(arch).map_err(|e| e.to_string())? {
        let applied = match all_threads {
            true => seccompiler::apply_filter_all_threads(&program),
            false => seccompiler::apply_filter(&program),
        };
        applied.map_err(|e| e.to_string())?;
    }
    Ok(LayerState::Applied)
}
