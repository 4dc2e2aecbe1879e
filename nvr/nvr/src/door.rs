//! What answers on the socket: those who knock wait until the recorder is there, then it answers.
//!
//! Promises: the socket exists from the first moment, so that no command opens a store that the daemon is about to open.
//! Leaves to others: the answers (`recorder`).

use crate::recorder::Recorder;
use nvr_base::config::Server;
use nvr_gateway::{Command, Operations, Peer, ReplySink, Roles};
use serde_json::Value;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// How long a client waits for a recorder that is starting.
const START_WAIT_MAX: Duration = Duration::from_secs(15);

/// The recorder's door.
#[derive(Debug)]
pub(crate) struct Door {
    recorder: Mutex<Option<Arc<Recorder>>>,
    opened: Condvar,
    server: Server,
}

impl Door {
    /// Closed; `server` says who may knock.
    pub(crate) fn new(server: Server) -> Self {
        Self { recorder: Mutex::default(), opened: Condvar::new(), server }
    }

    /// From now on the recorder answers.
    pub(crate) fn open(&self, recorder: Arc<Recorder>) {
        *self.recorder.lock().unwrap_or_else(PoisonError::into_inner) = Some(recorder);
        self.opened.notify_all();
    }

    fn recorder(&self, wait: Duration) -> Option<Arc<Recorder>> {
        let closed = self.recorder.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.opened.wait_timeout_while(closed, wait, |recorder| recorder.is_none());
        waited.unwrap_or_else(PoisonError::into_inner).0.clone()
    }
}

impl Operations for Door {
    fn run(&self, peer: &Peer, command: Command, sink: &mut dyn ReplySink) -> Result<Value, String> {
        match self.recorder(START_WAIT_MAX) {
            Some(recorder) => recorder.run(peer, command, sink),
            None => Err("the recorder is starting: try again in a moment".into()),
        }
    }

    fn roles(&self) -> Roles {
        match self.recorder(Duration::ZERO) {
            Some(recorder) => recorder.roles(),
            None => Roles::new(Peer::own().uid, self.server.clone()),
        }
    }
}
