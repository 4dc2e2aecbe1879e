//! Takes away from this process what a detector does not need, before a byte of the detector runs.
//!
//! Promises: every layer is applied or named with the reason why it is not, none is skipped in silence; the second
//!   stage of the system calls stands before `init` is called.
//! Leaves to others: which calls (`syscalls`), reports of broken rules (`last_words`).

use crate::syscalls::{Stage, filter};
use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetStatus, Scope,
};
use nvr_base::media_protocol::{Layer, LayerKind, LayerState, bounded_text};
use rustix::process::{Resource, Rlimit, setrlimit};
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd};
use std::path::Path;

/// The descriptor on which the host hands its socket over.
pub const CHANNEL_FD: i32 = 3;
/// Niceness of a worker: about 1/28 of the weight of a recording thread.
const NICE: i32 = 15;
/// Open files: the standard three, the socket, the memory figure, the library, the frame ring.
const FILES_MAX: u64 = 32;

/// The socket to the host.
///
/// # Errors
/// Descriptor 3 is not open, or is no socket of sequenced packets: not started by the host.
pub fn take_channel() -> Result<OwnedFd, String> {
    let refusal =
        || "descriptor 3 is no socket of the plugin host: `nvr serve` starts this program".to_owned();
    // SAFETY: borrowed for this look only; a descriptor that is not open gives EBADF, not undefined behaviour.
    #[allow(unsafe_code)]
    let probe = unsafe { BorrowedFd::borrow_raw(CHANNEL_FD) };
    let kind = rustix::net::sockopt::socket_type(probe).map_err(|_| refusal())?;
    if kind != rustix::net::SocketType::SEQPACKET {
        return Err(refusal());
    }
    // SAFETY: it is open, as just seen, and nothing else in this process owns descriptor 3: `main` calls this
    // once, first of all.
    #[allow(unsafe_code)]
    Ok(unsafe { OwnedFd::from_raw_fd(CHANNEL_FD) })
}

/// Signals that stop a service reach its children too; this one ends with its socket.
pub fn ignore_stop_signals() {
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGPIPE] {
        // SAFETY: `SIG_IGN` installs no handler, so no code of ours can run in a signal's context.
        #[allow(unsafe_code)]
        unsafe {
            libc::signal(signal, libc::SIG_IGN);
        }
    }
}

/// Recording goes first. Not `SCHED_IDLE`: on a box that is busy a worker must not look like one that hangs.
///
/// # Errors
/// The system's refusal.
pub fn lower_priority() -> Result<(), String> {
    if rustix::process::getpriority_process(None).is_ok_and(|now| now >= NICE) {
        return Ok(());
    }
    rustix::process::setpriority_process(None, NICE).map_err(|e| format!("cannot lower its priority: {e}"))
}

/// Ends the process without running the plugin's exit handlers and destructors.
pub fn exit_now(code: i32) -> ! {
    // SAFETY: `_exit` has no preconditions.
    #[allow(unsafe_code)]
    unsafe {
        libc::_exit(code)
    }
}

/// Kills this process `seconds` from now unless called again; 0 calls it off. A hang outlives no host by this.
pub fn alarm(seconds: u32) {
    // SAFETY: `alarm` has no preconditions; SIGALRM keeps its default action, the end of the process.
    #[allow(unsafe_code)]
    unsafe {
        libc::alarm(seconds);
    }
}

/// All layers but the second stage of system calls. `library` is the only file that can be opened from now on.
pub fn enter(library: &Path, memory_bytes_max: u64) -> Vec<Layer> {
    vec![
        layer(LayerKind::NoNewPrivs, no_new_privs()),
        layer(LayerKind::Network, no_network()),
        layer(LayerKind::Limits, limits(memory_bytes_max)),
        layer(LayerKind::Files, files(library)),
        layer(LayerKind::Syscalls, system_calls(Stage::Loading)),
    ]
}

/// The second stage: no file is opened and no memory made executable any more. It replaces the first in `layers`.
pub fn close(layers: &mut Vec<Layer>) {
    let new = layer(LayerKind::Syscalls, system_calls(Stage::Serving));
    layers.retain(|l| l.kind != LayerKind::Syscalls);
    layers.push(new);
}

fn layer(kind: LayerKind, result: Result<LayerState, String>) -> Layer {
    Layer { kind, state: result.unwrap_or_else(|why| LayerState::Unavailable(bounded_text(&why))) }
}

fn no_new_privs() -> Result<LayerState, String> {
    rustix::thread::set_no_new_privs(true).map_err(|e| e.to_string())?;
    Ok(LayerState::Applied)
}

fn limits(memory_bytes_max: u64) -> Result<LayerState, String> {
    let limits = [
        (Resource::Core, 0),
        (Resource::As, memory_bytes_max),
        (Resource::Nofile, FILES_MAX),
        (Resource::Fsize, 0),
        (Resource::Nproc, 0),
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

fn files(library: &Path) -> Result<LayerState, String> {
    let abi = ABI::V6;
    let error = |e: landlock::RulesetError| e.to_string();
    let fd = PathFd::new(library).map_err(|e| e.to_string())?;
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(abi))
        .map_err(error)?
        .handle_access(AccessNet::from_all(abi))
        .map_err(error)?
        .scope(Scope::from_all(abi))
        .map_err(error)?
        .create()
        .map_err(error)?
        .add_rule(PathBeneath::new(fd, AccessFs::ReadFile))
        .map_err(error)?
        .restrict_self()
        .map_err(error)?;
    match status.ruleset {
        RulesetStatus::NotEnforced => Err("the kernel has no landlock".to_owned()),
        RulesetStatus::FullyEnforced => Ok(LayerState::Applied),
        RulesetStatus::PartiallyEnforced => Ok(LayerState::Partly(
            "this kernel's landlock has files, but not all of devices, network, signals".into(),
        )),
    }
}

fn system_calls(stage: Stage) -> Result<LayerState, String> {
    let arch = std::env::consts::ARCH.try_into().map_err(|e: seccompiler::BackendError| e.to_string())?;
    let program = filter(stage, std::process::id(), arch).map_err(|e| e.to_string())?;
    seccompiler::apply_filter(&program).map_err(|e| e.to_string())?;
    Ok(LayerState::Applied)
}
