//! What can go wrong before cameras are served.
//!
//! Promises: each error names the thing and the remedy.
//! Leaves to others: faults of clients, which end their session and nothing else.

use std::path::PathBuf;

/// Why fake cameras do not start.
#[derive(Debug, thiserror::Error)]
pub enum TestcamError {
    /// A file cannot be read.
    #[error("cannot read `{path}`: {source}; check the path and its permissions")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file is no media that can be served.
    #[error("`{path}` cannot be served: {why}")]
    Media {
        /// The file.
        path: PathBuf,
        /// What is wrong and what would be right.
        why: String,
    },
    /// The configuration contradicts itself.
    #[error("{0}")]
    Config(String),
    /// The port cannot be opened.
    #[error("cannot listen on 127.0.0.1:{port}: {source}; choose another --port, or 0 for a free one")]
    Listen {
        /// The port asked for.
        port: u16,
        /// What the system says.
        source: std::io::Error,
    },
    /// Another call of the operating system failed.
    #[error("{step} failed: {source}")]
    System {
        /// Which step.
        step: &'static str,
        /// What the system says.
        source: std::io::Error,
    },
    /// The serving thread is gone.
    #[error("the fake cameras have ended: {0}")]
    Ended(String),
}
