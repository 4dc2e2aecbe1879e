//! The log: standard error, where the service manager keeps it.
//!
//! Promises: one line an event, no secrets, control characters escaped; `NVR_LOG` and `-v` set the level.
//! Leaves to others: rotation (journald).

use tracing_subscriber::EnvFilter;

/// Starts logging; `verbose` is the number of `-v`.
pub(crate) fn start(verbose: u8) {
    let default = match verbose {
        0 => "info,retina=warn,sled=warn",
        1 => "debug,sled=info",
        _ => "trace,sled=info",
    };
    let filter = EnvFilter::try_from_env("NVR_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    // A second start, as in tests, changes nothing.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .try_init();
    let _ = tracing_log::LogTracer::init();
}
