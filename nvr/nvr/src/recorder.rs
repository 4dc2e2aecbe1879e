//! The running recorder: the store, a session per stream, and the configuration in force.
//!
//! Promises: a changed camera restarts alone; a stream that cannot start is shown with its reason, the others go on.
//! Leaves to others: what a session does (`nvr-ingest`), what is kept (`nvr-store`), which stage hangs on which
//! (`wiring`).

use crate::analysis::{self, Analysis, Numbers};
use crate::desk::Desk;
use crate::operations::{self, Subject};
use crate::rates::{Rate, Rates};
use crate::settings;
use crate::status::Live;
use nvr_alerts::arm::{grants, may_arm};
use nvr_base::config::reload::{self, Change};
use nvr_base::config::{Address, Config, StreamConfig};
use nvr_base::{CameraState, Clock, GapReason, Rule, StreamId, StreamStatus};
use nvr_gateway::{Command, Operations, Peer, ReplySink, Roles};
use nvr_ingest::v4l2::{self, V4l2Config};
use nvr_ingest::{Ingest, SessionHandle};
use nvr_store::Store;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// Store, sessions, configuration.
#[derive(Debug)]
pub(crate) struct Recorder {
    store: Store,
    ingest: Ingest,
    analysis: Analysis,
    desk: Arc<Desk>,
    /// Of cameras, for the analysis.
    numbers: Mutex<Numbers>,
    clock: Arc<dyn Clock>,
    config: RwLock<Arc<Config>>,
    sessions: Mutex<BTreeMap<StreamId, Session>>,
    rates: Mutex<Rates>,
    reload_refused: Mutex<Vec<String>>,
}

#[derive(Debug)]
struct Session {
    handle: SessionHandle,
    /// What kept the session's settings from being complete, such as a password file.
    note: Option<String>,
}

fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every change under these locks is one step, so a panic leaves nothing half done.
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Recorder {
    /// A recorder that records nothing yet.
    pub(crate) fn new(
        config: Config,
        store: Store,
        ingest: Ingest,
        analysis: Analysis,
        desk: Arc<Desk>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            store,
            ingest,
            analysis,
            desk,
            numbers: Mutex::default(),
            clock,
            config: RwLock::new(Arc::new(config)),
            sessions: Mutex::default(),
            rates: Mutex::default(),
            reload_refused: Mutex::default(),
        }
    }

    /// The configuration in force.
    pub(crate) fn config(&self) -> Arc<Config> {
        self.config.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Starts a session for every stream of the configuration.
    pub(crate) fn start_all(&self) {
        // First, so that the analysis hears of a camera that does not answer from its first word on.
        self.analyse();
        let streams = self.config().streams();
        streams.iter().for_each(|stream| self.start(stream));
    }

    /// Tells desk and analysis what the configuration in force wants of them. Rules that are not armed are not analysed.
    fn analyse(&self) {
        let config = self.config();
        self.desk.configure(&config);
        let (grants, now) = (grants(&config), self.clock.utc());
        let armed = |rule: &Rule| may_arm(rule, &grants, now).is_armed();
        let settings = analysis::Settings::new(&config, armed, &mut held(&self.numbers));
        self.analysis.apply(settings);
    }

    fn start(&self, stream: &StreamConfig) {
        let sink = self.analysis.sink(&stream.id, self.store.recorder(stream.id.clone()));
        let (handle, note) = match &stream.address {
            Address::V4l2(device) => {
                let config = V4l2Config {
                    stream: stream.id.clone(),
                    device: device.clone(),
                    options: stream.v4l2.clone(),
                };
                (v4l2::add(&self.ingest, config, sink), None)
            }
            Address::Rtsp(_) => {
                let (Some(session), note) = settings::session(stream) else { return };
                (self.ingest.add(session, sink), note)
            }
        };
        if let Some(note) = &note {
            tracing::warn!(stream = %stream.id, "{note}");
        }
        held(&self.sessions).insert(stream.id.clone(), Session { handle, note });
    }

    fn stop(&self, stream: &StreamId, reason: GapReason) {
        let session = held(&self.sessions).remove(stream);
        if let Some(session) = session {
            session.handle.stop(reason);
        }
    }

    /// Takes a checked configuration over: only what changed is touched. Returns what was done.
    pub(crate) fn apply(&self, new: Config) -> Vec<Change> {
        let changes = reload::plan(&self.config(), &new);
        let streams: BTreeMap<_, _> = new.streams().into_iter().map(|s| (s.id.clone(), s)).collect();
        self.store.set_retention(settings::retention(&new));
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(new);
        held(&self.reload_refused).clear();
        for change in &changes {
            match change {
                Change::Add(id) => {
                    if let Some(stream) = streams.get(id) {
                        self.start(stream);
                    }
                }
                Change::Remove(id) => self.stop(id, GapReason::StoppedByPolicy),
                Change::Restart { stream: id, .. } => {
                    self.stop(id, GapReason::Reconfigured);
                    if let Some(stream) = streams.get(id) {
                        self.start(stream);
                    }
                }
                _ => {}
            }
        }
        let concerns_analysis = |change: &Change| !matches!(change, Change::DaemonRestart { .. });
        if changes.iter().any(concerns_analysis) {
            self.analyse();
        }
        // Cameras that wait out a lock-out try again at once when the file was touched: someone is at work.
        for session in held(&self.sessions).values() {
            if session.handle.status().state == CameraState::CredentialsRefused {
                session.handle.retry_now();
            }
        }
        changes
    }

    /// A configuration that is not taken over, and why.
    pub(crate) fn refuse(&self, why: Vec<String>) {
        *held(&self.reload_refused) = why;
    }

    /// Reads every session's counters; called once a second.
    pub(crate) fn look(&self) {
        let now = self.clock.mono();
        let sessions = held(&self.sessions);
        let mut rates = held(&self.rates);
        rates.keep(|stream| sessions.contains_key(stream));
        for (stream, session) in sessions.iter() {
            let status = session.handle.status();
            rates.look(stream, now, status.samples, status.bytes);
        }
    }

    /// Ends every session, then the store. The last fragments are written, segments closed, the stop journalled.
    pub(crate) fn close(&self) -> Result<(), nvr_store::StoreError> {
        let sessions = std::mem::take(&mut *held(&self.sessions));
        for session in sessions.values() {
            session.handle.ask_to_stop(GapReason::RecorderStopped);
        }
        for session in sessions.into_values() {
            session.handle.stop(GapReason::RecorderStopped);
        }
        self.analysis.close();
        self.desk.close();
        self.store.close()
    }
}

impl Live for Recorder {
    fn session(&self, stream: &StreamId) -> Option<(StreamStatus, Rate)> {
        let mut status = {
            let sessions = held(&self.sessions);
            let session = sessions.get(stream)?;
            let mut status = session.handle.status();
            if status.state != CameraState::Live && session.note.is_some() {
                status.why.clone_from(&session.note);
            }
            status
        };
        status.sends_audio |= status.audio_discarded > 0;
        Some((status, held(&self.rates).rate(stream)))
    }

    fn analysis(&self) -> Value {
        self.analysis.status()
    }

    fn reload_refused(&self) -> Vec<String> {
        held(&self.reload_refused).clone()
    }
}

impl Operations for Recorder {
    fn run(&self, peer: &Peer, command: Command, sink: &mut dyn ReplySink) -> Result<Value, String> {
        let config = self.config();
        operations::run(
            &Subject { store: &self.store, config: &config, live: Some(self), desk: Some(&self.desk) },
            peer,
            command,
            sink,
        )
    }

    fn roles(&self) -> Roles {
        Roles::new(Peer::own().uid, self.config().server.clone())
    }
}
