//! The answer to `status`: every camera, every disk, the store.
//!
//! Promises: the fields scripts rely on stay: id, state, since, fps, kbit_s, last_fragment, gaps_today. No secrets.
//! Leaves to others: showing it (`commands::status`).

use crate::operations::Subject;
use crate::rates::Rate;
use nvr_base::config::Camera;
use nvr_base::{CameraState, StreamId, StreamKind, StreamStatus, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// What only the daemon knows.
pub(crate) trait Live {
    /// The session of a stream, with its rates.
    fn session(&self, stream: &StreamId) -> Option<(StreamStatus, Rate)>;
    /// What is wrong with a configuration that was not taken over.
    fn reload_refused(&self) -> Vec<String>;
    /// What the analysis does; null when no rule was ever armed.
    fn analysis(&self) -> Value;
}

/// One stream.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct StreamReport {
    /// What its session does; `stopped` when no daemon runs.
    pub(crate) state: CameraState,
    /// Since when.
    pub(crate) since: Option<Utc>,
    /// Why it is not live.
    pub(crate) why: Option<String>,
    /// Pictures a second, over the last ten seconds.
    pub(crate) fps: f64,
    /// Thousands of bits a second, the same.
    pub(crate) kbit_s: f64,
    /// End of the newest footage.
    pub(crate) last_fragment: Option<Utc>,
    /// Gaps that began or lasted today.
    pub(crate) gaps_today: u64,
    /// Bytes of pictures received in this run.
    pub(crate) received_bytes: u64,
    /// Bytes recorded in this run.
    pub(crate) recorded_bytes: u64,
    /// Fragments dropped or lost in this run.
    pub(crate) fragments_lost: u64,
    /// Packets lost in this run.
    pub(crate) packets_lost: u64,
    /// Connections made in this run.
    pub(crate) connects: u64,
    /// Sound that was thrown away, in this run.
    pub(crate) audio_discarded: u64,
    /// The camera offers sound.
    pub(crate) sends_audio: bool,
}

/// One camera: its main stream's fields, and each stream's own.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct CameraReport {
    /// Name for machines.
    pub(crate) id: String,
    /// Name for people.
    pub(crate) name: String,
    /// Of the main stream.
    #[serde(flatten)]
    pub(crate) main: StreamReport,
    /// Each stream.
    pub(crate) streams: BTreeMap<StreamKind, StreamReport>,
}

/// Everything.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Report {
    /// A daemon answered.
    pub(crate) running: bool,
    /// The cameras of the configuration.
    pub(crate) cameras: Vec<CameraReport>,
    /// Disks, index, journal.
    pub(crate) store: nvr_store::StoreStatus,
    /// What is wrong with a changed configuration that was not taken over.
    pub(crate) reload_refused: Vec<String>,
    /// Rules, plugins, perception (`analysis::state`); null when no rule was ever armed.
    #[serde(default)]
    pub(crate) analysis: Value,
}

/// Makes the report.
pub(crate) fn report(on: &Subject<'_>) -> Value {
    let store = on.store.status();
    let cameras = on.config.cameras.iter().map(|camera| camera_report(on, &store, camera)).collect();
    let reload_refused = on.live.map(Live::reload_refused).unwrap_or_default();
    let analysis = on.live.map(Live::analysis).unwrap_or_default();
    let report = Report { running: on.live.is_some(), cameras, store, reload_refused, analysis };
    serde_json::to_value(report).unwrap_or_default()
}

fn camera_report(on: &Subject<'_>, store: &nvr_store::StoreStatus, camera: &Camera) -> CameraReport {
    let kinds = [StreamKind::Main, StreamKind::Sub];
    let kinds = kinds.into_iter().filter(|k| *k == StreamKind::Main || camera.sub.is_some());
    let streams: BTreeMap<_, _> =
        kinds.map(|k| (k, stream_report(on, store, &StreamId::new(camera.id.clone(), k)))).collect();
    let main = streams
        .get(&StreamKind::Main)
        .cloned()
        .unwrap_or_else(|| stream_report(on, store, &StreamId::new(camera.id.clone(), StreamKind::Main)));
    CameraReport { id: camera.id.to_string(), name: nvr_base::text::printable(&camera.name), main, streams }
}

fn stream_report(on: &Subject<'_>, store: &nvr_store::StoreStatus, id: &StreamId) -> StreamReport {
    let session = on.live.and_then(|live| live.session(id));
    let (session, rate) = session.map_or((None, Rate::default()), |(s, r)| (Some(s), r));
    let kept = store.streams.iter().find(|s| &s.stream == id);
    let state = session.as_ref().map_or(CameraState::Stopped, |s| s.state);
    // A rate is of now: a camera that is not live has none, whatever its last seconds were.
    let rate = if state == CameraState::Live { rate } else { Rate::default() };
    StreamReport {
        state,
        since: session.as_ref().map(|s| s.since),
        why: session.as_ref().and_then(|s| s.why.as_deref().map(nvr_base::text::printable)),
        fps: rate.fps,
        kbit_s: rate.kbit_s,
        last_fragment: kept.and_then(|s| s.last_fragment).or_else(|| newest(on, id)),
        gaps_today: kept.and_then(|s| s.gaps_today).unwrap_or_default(),
        received_bytes: session.as_ref().map(|s| s.bytes).unwrap_or_default(),
        recorded_bytes: kept.map(|s| s.bytes).unwrap_or_default(),
        fragments_lost: kept.map(|s| s.fragments_lost).unwrap_or_default(),
        packets_lost: session.as_ref().map(|s| s.packets_lost).unwrap_or_default(),
        connects: session.as_ref().map(|s| s.connects).unwrap_or_default(),
        audio_discarded: session.as_ref().map(|s| s.audio_discarded).unwrap_or_default(),
        sends_audio: session.is_some_and(|s| s.sends_audio),
    }
}

/// End of the newest footage on disk, for a store that no daemon writes.
fn newest(on: &Subject<'_>, id: &StreamId) -> Option<Utc> {
    on.live.is_none().then(|| on.store.timeline(id, None, None).ok())??.spans.last()?.to
}
