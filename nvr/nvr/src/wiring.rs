//! `nvr serve`: every stage and queue of the recorder, top to bottom.
//!
//! ```text
//! configuration ──▶ Recorder
//!                     │  one SessionHandle a stream
//!                     ▼
//! camera ──▶ Ingest (a thread per core) ──StreamEvent──▶ Tap ──▶ StreamRecorder ──bounded bytes──▶ writer (one per disk)
//!                                                         │                                 │
//!   Desk ◀─── Analysis (its own picture) ◀──bounded samples──┘                            │
//!                                  sled index ◀──bounded rows── index thread ◀──────────────┤
//!                                                                                           ▼
//! nvr CLI ◀──unix socket──▶ gateway (a fixed number of threads)          segment files + journal ◀── flusher per disk
//! ```
//!
//! Promises: starts recording before the index is open; ends in good order on SIGTERM and SIGINT; the number of threads
//! does not depend on the number of cameras.
//! Leaves to others: each stage's own work.

use crate::analysis::Analysis;
use crate::commands::check;
use crate::desk::Desk;
use crate::door::Door;
use crate::recorder::Recorder;
use crate::reload::Watch;
use crate::{log, settings};
use anyhow::Context;
use nvr_base::config::reload::Change;
use nvr_base::config::{self, Config, Severity};
use nvr_base::text::texts;
use nvr_base::{Clock, SystemClock};
use nvr_gateway::Server;
use nvr_ingest::Ingest;
use nvr_store::{RealDisk, Store, StoreError};
use rustix::process::{Resource, getrlimit, setrlimit};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// How often counters are read for rates.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often the configuration file is compared without a hint.
const RESCAN_EVERY: Duration = Duration::from_secs(30);
/// How long the file must be left alone after a hint before it is read.
const SETTLE: Duration = Duration::from_millis(200);

/// How long another holder of the store is waited for.
const LOCK_WAIT_MAX: Duration = Duration::from_secs(15);
/// How often it is tried.
const LOCK_RETRY_EVERY: Duration = Duration::from_millis(50);

/// Runs the recorder until it is told to stop.
pub(crate) fn serve(file: &Path, verbose: u8) -> anyhow::Result<ExitCode> {
    log::start(verbose);
    raise_file_limit();
    let Some(config) = load(file) else { return Ok(ExitCode::FAILURE) };
    let socket = config.server.socket.clone();

    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    // The socket comes first: from now on commands ask here instead of opening the store themselves.
    let door = Arc::new(Door::new(config.server.clone()));
    let gateway = Server::start(&socket, door.clone())?;
    let store = open_store(&config, &clock).inspect_err(|_| gateway.unlink())?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let ingest = Ingest::start(threads, clock.clone()).context("starting the ingest threads")?;
    let desk = Desk::start(store.clone(), clock.clone(), &config).context("starting the desk")?;
    let analysis = Analysis::new(desk.clone(), clock.clone())?;
    let recorder = Arc::new(Recorder::new(config, store, ingest, analysis, desk, clock));
    recorder.start_all();
    door.open(recorder.clone());
    tracing::info!(socket = %socket.display(), streams = recorder.config().streams().len(), "recording");

    let control =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("control loop")?;
    let ended = control.block_on(attend(&recorder, file));
    tracing::info!("stopping");
    gateway.stop();
    recorder.close().context("closing the store")?;
    ended.map(|()| ExitCode::SUCCESS)
}

/// Every stream needs a socket and a file: as many as the account may have, not the 1024 that programs begin with.
fn raise_file_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "the limit on open files stays as it is");
    }
}

/// Opens the store. A command that opened it before the socket was there has it for a moment: that is waited for.
fn open_store(config: &Config, clock: &Arc<dyn Clock>) -> anyhow::Result<Store> {
    let began = clock.mono();
    loop {
        match Store::open(settings::store(config), clock.clone(), Arc::new(RealDisk::default())) {
            Err(StoreError::Locked { holder, .. }) if clock.mono().since(began) < LOCK_WAIT_MAX => {
                tracing::debug!(holder, "the store is in use; waiting");
                std::thread::sleep(LOCK_RETRY_EVERY);
            }
            other => return other.context("opening the store"),
        }
    }
}

/// Reads and checks the configuration and says everything there is to say about it. A camera with a mistake of its own,
/// such as a password file that is not there, does not keep the others from being recorded.
fn load(file: &Path) -> Option<Config> {
    let loaded = config::load(file);
    for finding in &loaded.findings {
        crate::terminal::complain(&check::sentence(finding, texts()));
    }
    loaded.config
}

/// The control loop: signals, counters, configuration.
async fn attend(recorder: &Recorder, file: &Path) -> anyhow::Result<()> {
    let mut term = signal(SignalKind::terminate()).context("SIGTERM")?;
    let mut int = signal(SignalKind::interrupt()).context("SIGINT")?;
    let mut hup = signal(SignalKind::hangup()).context("SIGHUP")?;
    let mut look = tokio::time::interval(LOOK_EVERY);
    let mut rescan = tokio::time::interval(RESCAN_EVERY);
    let mut watch = Watch::new(file);
    loop {
        tokio::select! {
            _ = term.recv() => return Ok(()),
            _ = int.recv() => return Ok(()),
            _ = look.tick() => recorder.look(),
            () = watch.hint() => {
                tokio::time::sleep(SETTLE).await;
                if watch.differs() { reload(recorder, file) }
            }
            _ = hup.recv() => if watch.differs() { reload(recorder, file) },
            _ = rescan.tick() => if watch.differs() { reload(recorder, file) },
        }
    }
}

/// Takes a changed file over, or says why not; what runs goes on either way.
fn reload(recorder: &Recorder, file: &Path) {
    let loaded = config::load(file);
    let Some(config) = loaded.config else {
        let errors = loaded.findings.iter().filter(|f| f.severity() == Severity::Error);
        return refuse(recorder, errors.map(|f| check::sentence(f, texts())).collect());
    };
    for finding in &loaded.findings {
        tracing::warn!("configuration: {}", check::sentence(finding, texts()));
    }
    for change in recorder.apply(config) {
        match &change {
            Change::DaemonRestart { key } => {
                tracing::warn!(key, "configuration: takes effect at the next start")
            }
            _ => tracing::info!(?change, "configuration"),
        }
    }
}

fn refuse(recorder: &Recorder, why: Vec<String>) {
    for sentence in &why {
        tracing::error!("configuration not taken over: {sentence}");
    }
    recorder.refuse(why);
}
