//! Fake RTSP cameras with the field's faults, for tests, benchmarks and demonstrations.
//!
//! Promises: `/cam0` … and `/cam0/sub` … on 127.0.0.1 over TCP and UDP, from files or made without an encoder,
//! endless and continuous; packets made once, so that a hundred cameras cost little.
//! Leaves to others: recording them.
//!
//! Data flow: `file`/`synthetic` → `media` → `packetize` → `track` → `server` (when) → `player` (which) →
//! `fault` (how badly) → `session` (out).
#![warn(missing_docs)]

mod annexb;
mod args;
mod audio;
mod auth;
mod bits;
mod config;
mod dialogue;
mod error;
mod fault;
mod file;
mod h264;
mod h265;
mod jpeg;
mod media;
mod mp4;
mod order;
mod outbox;
mod packetize;
mod player;
mod quirk;
mod request;
mod rtp;
mod sdp;
mod server;
mod session;
mod stats;
mod synthetic;
mod testcam;
mod track;

pub use args::TestcamArgs;
pub use config::{AfterFrames, AuthScheme, CAMERAS_MAX, Credentials, Pacing, Sound, Source, TestcamConfig};
pub use error::TestcamError;
pub use quirk::{Quirk, QuirkError};
pub use stats::{SESSIONS_LISTED_MAX, SessionStats, Stats, StreamStats};
pub use synthetic::Synthetic;
pub use testcam::Testcam;
