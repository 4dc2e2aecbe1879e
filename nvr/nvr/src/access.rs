//! How a command reaches the store: through the daemon's socket, or by opening the store itself.
//!
//! Promises: sled has one owner: the store is opened here only when no daemon answers, and the store's own lock
//! decides races. Both ways answer the same commands with the same JSON.
//! Leaves to others: the answers (`operations`), showing them (`commands`).

use crate::operations;
use crate::settings;
use anyhow::{Context, bail};
use nvr_base::config::Config;
use nvr_base::{Clock, SystemClock};
use nvr_gateway::{Client, ClientError, Command, Peer, ReplySink};
use nvr_store::{RealDisk, Store, StoreError};
use std::sync::Arc;
use std::time::Duration;

/// How long a stopped store may take to open its index and finish recovery.
const READY_WAIT_MAX: Duration = Duration::from_secs(600);

/// How long another holder of the store is waited for.
const LOCK_WAIT_MAX: Duration = Duration::from_secs(10);
/// How often it is tried.
const LOCK_RETRY_EVERY: Duration = Duration::from_millis(50);

/// The daemon, or the store itself.
enum Access {
    /// A daemon answers.
    Daemon(Client),
    /// No daemon: the store is open here.
    Own(Store, Box<Config>),
}

/// Asks one command of the daemon of `config`, or of its store.
///
/// # Errors
/// A sentence that names the thing and the remedy.
pub(crate) fn ask(
    config: &Config,
    command: Command,
    sink: &mut dyn ReplySink,
) -> anyhow::Result<serde_json::Value> {
    let mut access = Access::open(config)?;
    let answer = access.ask(command, sink);
    access.close()?;
    answer
}

impl Access {
    /// Finds the daemon of `config`, else opens its store. Whoever else has the store just now is waited for.
    fn open(config: &Config) -> anyhow::Result<Self> {
        let began = SystemClock.mono();
        let store = loop {
            match Client::connect(&config.server.socket) {
                Ok(client) => return Ok(Self::Daemon(client)),
                Err(ClientError::NotRunning(_)) => {}
                Err(error) => return Err(error.into()),
            }
            match Store::open(settings::store(config), Arc::new(SystemClock), Arc::new(RealDisk::default())) {
                Err(StoreError::Locked { .. }) if SystemClock.mono().since(began) < LOCK_WAIT_MAX => {
                    std::thread::sleep(LOCK_RETRY_EVERY);
                }
                other => break other.context("opening the store (no daemon answers)")?,
            }
        };
        if !store.ready(READY_WAIT_MAX) {
            let note = store.status().index_note.unwrap_or_default();
            bail!("the index is not ready after {} s: {note}", READY_WAIT_MAX.as_secs());
        }
        Ok(Self::Own(store, Box::new(config.clone())))
    }

    /// Asks one command.
    fn ask(&mut self, command: Command, sink: &mut dyn ReplySink) -> anyhow::Result<serde_json::Value> {
        match self {
            Self::Daemon(client) => Ok(client.ask(command, sink)?),
            Self::Own(store, config) => {
                let stopped = operations::Subject { store, config, live: None, desk: None };
                operations::run(&stopped, &Peer::own(), command, sink).map_err(anyhow::Error::msg)
            }
        }
    }

    /// Closes the store when it was opened here.
    fn close(self) -> anyhow::Result<()> {
        match self {
            Self::Daemon(_) => Ok(()),
            Self::Own(store, _) => store.close().context("closing the store"),
        }
    }
}
