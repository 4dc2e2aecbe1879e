//! Camera sessions: RTSP and V4L2 in, samples and gaps out.
//!
//! Data flow: [`Ingest`] spreads sessions over its threads; each is a `driver` that runs a [`Source`] (`rtsp`,
//! V4L2) under the pure machines [`session`] (connect, wait, stall), [`assembler`] (epochs), [`timeline`] (media
//! time) and [`reorder`] (decoding times); events leave through [`nvr_base::SampleSink`].
//!
//! Promises: every outage is one typed `Down`; no camera can stop, slow or fill another's session; a constant
//! number of threads; secrets reach no log and no status.
//! Leaves to others: which cameras there are (`nvr`), keeping what arrives (`nvr-store`).

#![warn(missing_docs)]

pub mod assembler;
pub mod config;
mod driver;
pub mod failure;
pub mod format;
pub mod handle;
pub mod ingest;
pub mod pacer;
pub mod reorder;
pub mod rtsp;
pub mod session;
pub mod source;
pub mod timeline;
pub mod v4l2;

pub use config::{Secret, SessionConfig, Transport};
pub use failure::{Failure, FailureKind};
pub use handle::SessionHandle;
pub use ingest::{Ingest, IngestError};
pub use source::Source;
