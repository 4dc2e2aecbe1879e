//! Takes away from this process what capture, encoding, decoding and inference do not need, before foreign bytes are
//! touched.
//!
//! Promises: every layer is applied or named with the reason why it is not, none is skipped in silence; called while
//!   there is one thread, so that all later threads inherit it.
//! Leaves to others: what a layer is (`nvr-sandbox`), starting libraries first (`child`), killing a child that misbehaves
//!   (its parent).

use crate::syscalls;
use landlock::{AccessFs, BitFlags};
use nvr_base::media_protocol::{Layer, LayerKind};
pub use nvr_sandbox::{ignore_stop_signals, priority, take_channel};
use nvr_sandbox::{layer, limits, no_network, no_new_privs, system_calls};
use rustix::process::{Resource, getrlimit};
use std::path::PathBuf;

/// Address space, in bytes: raw pictures, encoders, and what GPU drivers map.
const MEMORY_BYTES_MAX: u64 = 8 << 30;
/// Open files: device, socket, libraries, and encoder nodes.
pub const FILES_MAX: u64 = 256;
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

/// Applies all layers. `devices` are the nodes that an encoder opens later; the capture device is open already.
pub fn enter(devices: &[PathBuf]) -> Vec<Layer> {
    enter_with(devices, FILE_BYTES_MAX, FILES_MAX)
}

/// As [`enter`], with files and memfds of at most `file_bytes_max` bytes: for a child that writes a film, or makes rings of
/// frames later; and with at most `files_max` of them open, or as many as this process may: for one with many decoders.
pub fn enter_with(devices: &[PathBuf], file_bytes_max: u64, files_max: u64) -> Vec<Layer> {
    let files_max = getrlimit(Resource::Nofile).maximum.map_or(files_max, |most| files_max.min(most));
    let bounds = [
        (Resource::Core, 0),
        (Resource::As, MEMORY_BYTES_MAX),
        (Resource::Nofile, files_max),
        (Resource::Fsize, file_bytes_max),
    ];
    vec![
        layer(LayerKind::NoNewPrivs, no_new_privs()),
        layer(LayerKind::Limits, limits(&bounds)),
        layer(LayerKind::Network, no_network()),
        layer(LayerKind::Files, nvr_sandbox::files(paths(devices))),
        // `clone3` first: the filters add up, and the strictest answer holds.
        layer(
            LayerKind::Syscalls,
            system_calls(
                |arch| {
                    let filters = [syscalls::no_clone3, syscalls::no_processes, syscalls::only_allowed];
                    filters.iter().map(|filter| filter(arch)).collect()
                },
                true,
            ),
        ),
    ]
}

fn paths(devices: &[PathBuf]) -> impl Iterator<Item = (PathBuf, BitFlags<AccessFs>)> {
    let read_only = AccessFs::ReadFile | AccessFs::ReadDir;
    let device = read_only | AccessFs::WriteFile | AccessFs::IoctlDev;
    let plugins = std::env::var_os("GST_PLUGIN_PATH").unwrap_or_default();
    let plugins: Vec<PathBuf> = std::env::split_paths(&plugins).collect();
    let libraries = READ_ONLY.iter().map(PathBuf::from).chain(plugins);
    libraries.map(move |path| (path, read_only)).chain(devices.iter().map(move |d| (d.clone(), device)))
}
