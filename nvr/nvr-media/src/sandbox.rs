//! Takes away from this process what capture and encoding do not need, before the device's bytes are touched.
//!
//! Promises: every layer is applied or named with the reason why it is not, none is skipped in silence; called while
//!   there is one thread, so that all later threads inherit it.
//! Leaves to others: starting libraries first (`child`), killing a child that misbehaves (`nvr-ingest`).

pub mod priority;

use crate::syscalls;
use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetStatus, Scope,
};
use nvr_base::media_protocol::{Layer, LayerKind, LayerState, bounded_text};
use rustix::process::{Resource, Rlimit, setrlimit};
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd};
use std::path::PathBuf;

/// The descriptor on which the recorder hands its socket over.
pub const CHANNEL_FD: i32 = 3;
/// Address space, in bytes: raw pictures, encoders, and what GPU drivers map.
const MEMORY_BYTES_MAX: u64 = 8 << 30;
/// Open files: device, socket, libraries, and encoder nodes.
const FILES_MAX: u64 = 256;
/// Longest file: nothing but a sample's memfd is ever written.
const FILE_BYTES_MAX: u64 = 16 << 20;
/// Where libraries and plugins are loaded from, and what they read to know the machine. Read only.
const READ_ONLY: [&str; 9] = [
    "/usr/lib",
    "/usr/local/lib",
    "/lib",
    "/lib64",
    "/etc/ld.so.cache",
    "/proc/cpuinfo",
    "/proc/self",
    "/sys/devices",
    "/sys/class",
];

/// The socket to the recorder.
///
/// # Errors
/// Descriptor 3 is not open, or is no socket of sequenced packets: not started by the recorder.
pub fn take_channel() -> Result<OwnedFd, String> {
    let refusal = || "descriptor 3 is no socket of the recorder: `nvr serve` starts this program".to_owned();
    // SAFETY: borrowed for this look only; a descriptor that is not open gives EBADF, not undefined behaviour.
    #[allow(unsafe_code)]
    let probe = unsafe { BorrowedFd::borrow_raw(CHANNEL_FD) };
    let kind = rustix::net::sockopt::socket_type(probe).map_err(|_| refusal())?;
    if kind != rustix::net::SocketType::SEQPACKET {
        return Err(refusal());
    }
    // Helpers that libraries start before the sandbox must not get it.
    rustix::io::fcntl_setfd(probe, rustix::io::FdFlags::CLOEXEC).map_err(|e| e.to_string())?;
    // SAFETY: it is open, as just seen, and nothing else in this process owns descriptor 3: `main` calls this
    // once, first of all.
    #[allow(unsafe_code)]
    Ok(unsafe { OwnedFd::from_raw_fd(CHANNEL_FD) })
}

/// Signals that stop a service, or Ctrl-C, reach its children too; this one ends with its socket, after the recorder
/// has taken leave of it, so that a stop is not mistaken for a fault.
pub fn ignore_stop_signals() {
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        // SAFETY: `SIG_IGN` installs no handler, so no code of ours can run in a signal's context.
        #[allow(unsafe_code)]
        unsafe {
            libc::signal(signal, libc::SIG_IGN);
        }
    }
}

/// Applies all layers. `devices` are the nodes that an encoder opens later; the capture device is open already.
pub fn enter(devices: &[PathBuf]) -> Vec<Layer> {
    enter_with(devices, FILE_BYTES_MAX)
}

/// As [`enter`], with memfds of at most `file_bytes_max` bytes: for a child that makes rings of frames later.
pub fn enter_with(devices: &[PathBuf], file_bytes_max: u64) -> Vec<Layer> {
    let layer = |kind, result: Result<LayerState, String>| Layer {
        kind,
        state: result.unwrap_or_else(|why| LayerState::Unavailable(bounded_text(&why))),
    };
    vec![
        layer(LayerKind::NoNewPrivs, no_new_privs()),
        layer(LayerKind::Limits, limits(file_bytes_max)),
        layer(LayerKind::Network, no_network()),
        layer(LayerKind::Files, files(devices)),
        layer(LayerKind::Syscalls, system_calls()),
    ]
}

fn no_new_privs() -> Result<LayerState, String> {
    rustix::thread::set_no_new_privs(true).map_err(|e| e.to_string())?;
    Ok(LayerState::Applied)
}

fn limits(file_bytes_max: u64) -> Result<LayerState, String> {
    let limits = [
        (Resource::Core, 0),
        (Resource::As, MEMORY_BYTES_MAX),
        (Resource::Nofile, FILES_MAX),
        (Resource::Fsize, file_bytes_max),
    ];
    for (resource, value) in limits {
        let limit = Rlimit { current: Some(value), maximum: Some(value) };
        setrlimit(resource, limit).map_err(|e| format!("{resource:?}: {e}"))?;
    }
    Ok(LayerState::Applied)
}

/// A network namespace of its own: no interface is up in it. Needs a privilege, or a user namespace.
fn no_network() -> Result<LayerState, String> {
    use rustix::thread::{UnshareFlags, unshare_unsafe};
    // SAFETY: the danger of `unshare` is `CLONE_FILES`, with which threads see different descriptors; it is not used.
    #[allow(unsafe_code)]
    let unshare = |flags| unsafe { unshare_unsafe(flags) };
    unshare(UnshareFlags::NEWNET)
        .or_else(|_| unshare(UnshareFlags::NEWUSER | UnshareFlags::NEWNET))
        .map_err(|e| format!("the kernel allows no network namespace: {e}"))?;
    Ok(LayerState::Applied)
}

fn files(devices: &[PathBuf]) -> Result<LayerState, String> {
    let abi = ABI::V6;
    let error = |e: landlock::RulesetError| e.to_string();
    let read_only = AccessFs::ReadFile | AccessFs::ReadDir;
    let device = read_only | AccessFs::WriteFile | AccessFs::IoctlDev;
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(abi))
        .map_err(error)?
        .handle_access(AccessNet::from_all(abi))
        .map_err(error)?
        .scope(Scope::from_all(abi))
        .map_err(error)?
        .create()
        .map_err(error)?;
    let plugins = std::env::var_os("GST_PLUGIN_PATH").unwrap_or_default();
    let libraries = READ_ONLY.iter().map(PathBuf::from).chain(std::env::split_paths(&plugins));
    let all = libraries.map(|path| (path, read_only)).chain(devices.iter().map(|d| (d.clone(), device)));
    for (path, access) in all {
        // What is not there needs no rule.
        let Ok(fd) = PathFd::new(&path) else { continue };
        let access = if path.is_dir() { access } else { access & AccessFs::from_file(abi) };
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

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").map_or(1, Iterator::count)
}

fn system_calls() -> Result<LayerState, String> {
    let arch = std::env::consts::ARCH.try_into().map_err(|e: seccompiler::BackendError| e.to_string())?;
    // `clone3` first: the filters add up, and the strictest answer holds.
    for program in [syscalls::no_clone3(arch), syscalls::no_processes(arch), syscalls::only_allowed(arch)] {
        let program = program.map_err(|e| e.to_string())?;
        seccompiler::apply_filter_all_threads(&program).map_err(|e| e.to_string())?;
    }
    Ok(LayerState::Applied)
}
