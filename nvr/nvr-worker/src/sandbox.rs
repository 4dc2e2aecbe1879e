//! Takes away from this process what a detector does not need, before a byte of the detector runs.
//!
//! Promises: every layer is applied or named with the reason why it is not, none is skipped in silence; the second
//!   stage of the system calls stands before `init` is called.
//! Leaves to others: what a layer is (`nvr-sandbox`), which calls (`syscalls`), reports of broken rules (`last_words`).

use crate::syscalls::{Stage, filter};
use landlock::AccessFs;
use nvr_base::media_protocol::{Layer, LayerKind, LayerState};
pub use nvr_sandbox::{CHANNEL_FD, ignore_stop_signals, take_channel};
use nvr_sandbox::{layer, limits, no_network, no_new_privs};
use rustix::process::Resource;
use std::path::Path;

/// Niceness of a worker: about 1/28 of the weight of a recording thread.
const NICE: i32 = 15;
/// Open files: the standard three, the socket, the memory figure, the library, the frame ring.
const FILES_MAX: u64 = 32;

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
    let bounds = [
        (Resource::Core, 0),
        (Resource::As, memory_bytes_max),
        (Resource::Nofile, FILES_MAX),
        (Resource::Fsize, 0),
        (Resource::Nproc, 0),
    ];
    vec![
        layer(LayerKind::NoNewPrivs, no_new_privs()),
        layer(LayerKind::Network, no_network()),
        layer(LayerKind::Limits, limits(&bounds)),
        layer(LayerKind::Files, nvr_sandbox::files([(library.to_owned(), AccessFs::ReadFile.into())])),
        layer(LayerKind::Syscalls, system_calls(Stage::Loading)),
    ]
}

/// The second stage: no file is opened and no memory made executable any more. It replaces the first in `layers`.
pub fn close(layers: &mut Vec<Layer>) {
    let new = layer(LayerKind::Syscalls, system_calls(Stage::Serving));
    layers.retain(|l| l.kind != LayerKind::Syscalls);
    layers.push(new);
}

fn system_calls(stage: Stage) -> Result<LayerState, String> {
    nvr_sandbox::system_calls(|arch| Ok(vec![filter(stage, std::process::id(), arch)?]), false)
}
