//! V4L2 cameras: a [`Source`] whose frames come from an `nvr-media` child process.
//!
//! Promises: no byte of the device and no C code in this process; one child at a time for a device; a child that hangs
//!   or lies is killed; a device that comes back is tried at once.
//! Leaves to others: what messages mean (`feed`), the process (`child`), waits and gaps (`session`, `assembler`),
//!   capture itself (`nvr-media`).

mod child;
mod feed;

use crate::failure::{Failure, FailureKind};
use crate::handle::SessionHandle;
use crate::ingest::Ingest;
use crate::session::STALL_DEFAULT;
use crate::source::{Items, Offer, Source};
use child::{Children, Connection};
use feed::{Feed, Heard};
use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream;
use nvr_base::config::V4l2Options;
use nvr_base::media_protocol::{LayerState, Start};
use nvr_base::{SampleSink, StreamId};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How often a missing device's path is looked for.
pub const REPLUG_POLL: Duration = Duration::from_secs(1);
/// The environment variable that names another child program than the one beside this one.
pub const CHILD_VARIABLE: &str = "NVR_MEDIA";
/// The child's file name.
const CHILD_NAME: &str = "nvr-media";

/// A V4L2 stream, as configured. Two equal ones need no restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct V4l2Config {
    /// The stream it feeds.
    pub stream: StreamId,
    /// The device node, best by a stable path: `/dev/v4l/by-path/…`.
    pub device: PathBuf,
    /// What to ask of the device.
    pub options: V4l2Options,
}

impl V4l2Config {
    /// The order for the child.
    ///
    /// # Errors
    /// The path is no UTF-8: it cannot be named to the child, nor to people.
    fn start(&self) -> Result<Start, Failure> {
        let device = self.device.to_str().ok_or_else(|| {
            let why = format!("{}: the device's path must be UTF-8", self.device.display());
            Failure::new(FailureKind::Down, why)
        })?;
        let small = |value: Option<u32>| value.map_or(0, |v| u16::try_from(v).unwrap_or(u16::MAX));
        Ok(Start {
            device: device.to_owned(),
            width: small(self.options.width),
            height: small(self.options.height),
            fps: small(self.options.fps),
            fourcc: self.options.format.and_then(|name| name.as_bytes().try_into().ok()),
            kbit_s: self.options.bitrate_kbps.unwrap_or(0),
        })
    }
}

/// Starts a session on a V4L2 camera.
pub fn add(ingest: &Ingest, config: V4l2Config, sink: Box<dyn SampleSink>) -> SessionHandle {
    let stream = config.stream.clone();
    ingest.add_source(stream, STALL_DEFAULT, Box::new(V4l2Source::new(config, child_program())), sink)
}

/// The child program: [`CHILD_VARIABLE`], else beside this program, else by `PATH`.
pub fn child_program() -> PathBuf {
    let beside = std::env::current_exe().ok().and_then(|me| Some(me.parent()?.join(CHILD_NAME)));
    choose_program(std::env::var_os(CHILD_VARIABLE), beside)
}

fn choose_program(variable: Option<OsString>, beside: Option<PathBuf>) -> PathBuf {
    variable.map(PathBuf::from).or(beside).unwrap_or_else(|| PathBuf::from(CHILD_NAME))
}

/// A V4L2 camera.
#[derive(Debug)]
pub struct V4l2Source {
    config: V4l2Config,
    program: PathBuf,
    children: Arc<Children>,
    /// The device was not there at the last try.
    missing: bool,
}

impl V4l2Source {
    /// The camera of `config`, captured by the child `program`.
    pub fn new(config: V4l2Config, program: impl Into<PathBuf>) -> Self {
        Self { config, program: program.into(), children: Arc::default(), missing: false }
    }

    fn there(&self) -> bool {
        Path::exists(&self.config.device)
    }

    async fn start_child(&mut self) -> Result<(Offer, Items), Failure> {
        self.missing = !self.there();
        if self.missing {
            let why = format!("{}: no such device; plug the camera in, or correct its path", self.name());
            return Err(Failure::new(FailureKind::Down, why));
        }
        let start = self.config.start()?;
        let mut connection = self.children.start(&self.program, &start, &self.name()).await?;
        let mut feed = Feed::new(self.name());
        // Nothing counts before the child says that its sandbox is up.
        let Heard::Hello { layers, how } = feed.hear(connection.next().await?)? else {
            let why =
                format!("{}: nvr-media sent pictures before its report; install the same build", self.name());
            return Err(Failure::new(FailureKind::Broken, why));
        };
        tracing::info!(stream = %self.config.stream, how, "capturing");
        for layer in &layers {
            match &layer.state {
                LayerState::Applied => {}
                LayerState::Partly(why) => {
                    tracing::info!(stream = %self.config.stream, layer = ?layer.kind, why, "sandbox layer in part");
                }
                LayerState::Unavailable(why) => {
                    tracing::warn!(stream = %self.config.stream, layer = ?layer.kind, why, "no such sandbox layer");
                }
            }
        }
        let items = stream::unfold((Some(connection), feed), |(connection, mut feed)| async move {
            let mut connection: Connection = connection?;
            let heard = loop {
                if let Some(item) = feed.next() {
                    return Some((Ok(item), (Some(connection), feed)));
                }
                let heard = match connection.next().await {
                    Ok(message) => feed.hear(message),
                    Err(failure) => Err(failure),
                };
                if heard.is_err() {
                    break heard;
                }
            };
            heard.err().map(|failure| (Err(failure), (None, feed)))
        });
        Ok((Offer::default(), Box::pin(items)))
    }
}

impl Source for V4l2Source {
    fn connect(&mut self) -> BoxFuture<'_, Result<(Offer, Items), Failure>> {
        self.start_child().boxed()
    }

    fn worth_a_try(&mut self) -> BoxFuture<'_, ()> {
        async move {
            let mut gone = self.missing;
            loop {
                tokio::time::sleep(REPLUG_POLL).await;
                let there = self.there();
                if gone && there {
                    return;
                }
                gone |= !there;
            }
        }
        .boxed()
    }

    fn name(&self) -> String {
        self.config.device.display().to_string()
    }
}

#[cfg(test)]
#[path = "v4l2/tests.rs"]
mod tests;
