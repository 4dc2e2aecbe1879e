//! What the commands of the socket do, daemon or not.
//!
//! Promises: one place that turns a [`Command`] into calls of the store; the same JSON from the daemon and from a
//! command that opened the store itself.
//! Leaves to others: who may ask (`nvr_gateway::role`), the store's own rules (`nvr_store`).

use crate::answers::{self, Wanted};
use crate::desk::Desk;
use crate::status::{self, Live};
use nvr_base::config::Config;
use nvr_base::{CameraId, StreamId, StreamKind};
use nvr_gateway::{Command, Peer, ReplySink, SinkClosed};
use nvr_store::{ExportRequest, ExportSink, Store};
use serde_json::{Value, json};
use std::io;
use std::time::Duration;

/// How long a command waits for an index that is being opened.
const INDEX_WAIT_MAX: Duration = Duration::from_secs(10);

/// What a command works on.
pub(crate) struct Subject<'a> {
    /// The store, open.
    pub(crate) store: &'a Store,
    /// The configuration in force.
    pub(crate) config: &'a Config,
    /// The running sessions, when this is the daemon.
    pub(crate) live: Option<&'a dyn Live>,
    /// The desk, when this is the daemon.
    pub(crate) desk: Option<&'a Desk>,
}

/// Runs `command` for `peer`.
///
/// # Errors
/// A sentence that names the thing and the remedy.
pub(crate) fn run(
    on: &Subject<'_>,
    peer: &Peer,
    command: Command,
    sink: &mut dyn ReplySink,
) -> Result<Value, String> {
    let text = |e: nvr_store::StoreError| e.to_string();
    let mut progress = Progress::default();
    let of_journal = matches!(
        command,
        Command::Alerts { .. } | Command::AlertAct { .. } | Command::Counts { .. } | Command::Blind { .. }
    );
    if !of_journal && !matches!(command, Command::Status {} | Command::Locks {}) {
        on.store.ready(INDEX_WAIT_MAX); // not ready after that: the store's own answer says so
    }
    match command {
        Command::Status {} => Ok(status::report(on)),
        Command::Timeline { camera, stream, from, to } => {
            let id = known(on, camera, stream)?;
            json_of(on.store.timeline(&id, from, to).map_err(text)?)
        }
        Command::Export { camera, stream, from, to } => {
            let stream = known(on, camera, stream)?;
            let mut export = Export { sink, progress };
            json_of(on.store.export(&ExportRequest { stream, from, to }, &mut export).map_err(text)?)
        }
        Command::Picture { camera, stream, at } => picture(on, camera, stream, at, sink),
        Command::Verify {} => {
            let report = on.store.verify(&mut |done, total| progress.tell(sink, done, total));
            progress.end()?;
            json_of(report.map_err(text)?)
        }
        Command::Rebuild {} => {
            let report = on.store.rebuild(&mut |done, total| progress.tell(sink, done, total));
            json_of(report.map_err(text)?)
        }
        Command::Lock { camera, from, to, reason } => {
            let camera = known(on, camera, StreamKind::Main)?.camera;
            on.store.lock_interval(&camera, from, to, &reason, &peer.account).map_err(text)?;
            json_of(on.store.locks())
        }
        Command::Unlock { camera, from, to, reason } => {
            on.store.unlock_interval(&camera, from, to, &reason, &peer.account).map_err(text)?;
            json_of(on.store.locks())
        }
        Command::Locks {} => json_of(on.store.locks()),
        Command::Alerts { state, camera, rule, from, to } => {
            answers::alerts(on, &Wanted { state, camera, rule, from, to })
        }
        Command::AlertAct { id, action, reason } => {
            answers::handle(on, &peer.account, id, action, reason.as_deref())
        }
        Command::Counts { rule, camera, from, to, minutes } => {
            answers::counts(on, &Wanted { state: None, camera, rule, from, to }, minutes)
        }
        Command::Blind { rule, camera, from, to } => {
            answers::blind(on, &Wanted { state: None, camera, rule, from, to })
        }
    }
}

fn json_of(value: impl serde::Serialize) -> Result<Value, String> {
    serde_json::to_value(value).map_err(|e| format!("answer not representable: {e}"))
}

/// A camera of the configuration, or one that left it but still has footage.
fn known(on: &Subject<'_>, camera: CameraId, kind: StreamKind) -> Result<StreamId, String> {
    let id = StreamId::new(camera, kind);
    if let Some(camera) = on.config.camera(&id.camera) {
        return match kind {
            StreamKind::Sub if camera.sub.is_none() => Err(format!(
                "camera `{}` has no sub-stream: it has no `sub_url` in the configuration",
                id.camera
            )),
            _ => Ok(id),
        };
    }
    let has_footage = on.store.timeline(&id, None, None).is_ok_and(|t| !t.spans.is_empty());
    if has_footage {
        return Ok(id);
    }
    let ids: Vec<_> = on.config.cameras.iter().map(|c| c.id.as_str()).collect();
    Err(format!("no camera `{}` in the configuration; there are: {}", id.camera, ids.join(", ")))
}

fn picture(
    on: &Subject<'_>,
    camera: CameraId,
    stream: Option<StreamKind>,
    at: nvr_base::Utc,
    sink: &mut dyn ReplySink,
) -> Result<Value, String> {
    let sub = on.config.camera(&camera).is_some_and(|c| c.sub.is_some() && c.record_sub);
    let kind = stream.unwrap_or(if sub { StreamKind::Sub } else { StreamKind::Main });
    let id = known(on, camera, kind)?;
    let picture = on.store.picture(&id, at).map_err(|e| e.to_string())?;
    let bytes = picture.data.len() as u64;
    sink.part(0, bytes).and_then(|()| sink.chunk(&picture.data)).map_err(|e| e.to_string())?;
    Ok(json!({ "at": picture.at, "stream": kind, "format": picture.format, "bytes": bytes }))
}

/// Progress at most every percent, and the memory of a receiver that is gone.
#[derive(Debug, Default)]
struct Progress {
    percent: Option<u64>,
    gone: Option<SinkClosed>,
}

impl Progress {
    fn tell(&mut self, sink: &mut dyn ReplySink, done: u64, total: u64) {
        let percent = (done.saturating_mul(100)).checked_div(total);
        if self.gone.is_none() && self.percent != percent {
            self.percent = percent;
            self.gone = sink.progress(done, total).err();
        }
    }

    fn end(&mut self) -> Result<(), String> {
        self.gone.take().map_or(Ok(()), |e| Err(e.to_string()))
    }
}

struct Export<'a> {
    sink: &'a mut dyn ReplySink,
    progress: Progress,
}

impl ExportSink for Export<'_> {
    fn begin(&mut self, index: usize) -> io::Result<()> {
        self.sink.part(u32::try_from(index).unwrap_or(u32::MAX), 0).map_err(|SinkClosed(e)| e)
    }

    fn write(&mut self, chunk: &[u8]) -> io::Result<()> {
        self.sink.chunk(chunk).map_err(|SinkClosed(e)| e)
    }

    fn progress(&mut self, done: u64, total: u64) -> io::Result<()> {
        self.progress.tell(self.sink, done, total);
        self.progress.gone.take().map_or(Ok(()), |SinkClosed(e)| Err(e))
    }
}
