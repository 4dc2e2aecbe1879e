//! The `nvr-media` process of one device: started, listened to, ended, reaped.
//!
//! Promises: one child at a time; a new one waits until the last is gone, and kills it when it takes too long; no wait
//!   blocks a thread; no zombie outlives its camera.
//! Leaves to others: what it says (`feed`), when to start again (`session`).

use crate::failure::{Failure, FailureKind};
use nvr_base::media_channel::{ChannelError, MediaChannel};
use nvr_base::media_protocol::{FromChild, MESSAGE_LEN_MAX, Start, ToChild};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::Interest;
use tokio::net::UnixDatagram;
use tokio::time::Instant;

/// A child that was told to stop is killed after this long.
pub(super) const STOP_WAIT: Duration = Duration::from_secs(2);
/// A killed child is gone after this long, unless a driver holds it.
pub(super) const KILL_WAIT: Duration = Duration::from_secs(5);
/// How often an ending child is looked at.
const REAP_POLL: Duration = Duration::from_millis(20);

/// The children of one device, one at a time.
#[derive(Debug, Default)]
pub(super) struct Children(Mutex<Option<Child>>);

impl Children {
    fn lock(&self) -> MutexGuard<'_, Option<Child>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts `program` for `start`, after the child before it is gone. `name` is the device, for people.
    ///
    /// # Errors
    /// The program cannot be started, or the last child does not end.
    pub(super) async fn start(
        &self,
        program: &Path,
        start: &Start,
        name: &str,
    ) -> Result<Connection, Failure> {
        self.end_last(name).await?;
        let broken = |why: String| Failure::new(FailureKind::Broken, format!("{name}: {why}"));
        let (ours, theirs) = MediaChannel::pair().map_err(|e| broken(e.to_string()))?;
        let mut command = Command::new(program);
        command.arg("capture").stdin(theirs).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().map_err(|e| {
            broken(format!(
                "cannot start {}: {e}; install it beside nvr, or set NVR_MEDIA",
                program.display()
            ))
        })?;
        *self.lock() = Some(child);
        // The child's end lives in the child alone: when that ends, this one reads the end.
        drop(command);
        ours.send(&ToChild::Start(start.clone()))
            .map_err(|e| broken(format!("nvr-media takes no order: {e}")))?;
        let socket = |e: std::io::Error| broken(format!("cannot wait for a socket: {e}"));
        rustix::io::ioctl_fionbio(&ours, true).map_err(|e| socket(e.into()))?;
        // The same socket once more: tokio has no type of its own for sequenced packets, and only waits with this one.
        let ready = ours.as_fd().try_clone_to_owned().map_err(socket)?;
        let ready = UnixDatagram::from_std(ready.into()).map_err(socket)?;
        Ok(Connection { channel: ours, ready, buffer: vec![0; MESSAGE_LEN_MAX], name: name.to_owned() })
    }

    async fn end_last(&self, name: &str) -> Result<(), Failure> {
        // Its socket is closed, so it ends by itself; a hung one is killed.
        if self.gone_within(STOP_WAIT).await {
            return Ok(());
        }
        if let Some(child) = self.lock().as_mut() {
            let _ = child.kill();
        }
        if self.gone_within(KILL_WAIT).await {
            return Ok(());
        }
        let why = format!(
            "{name}: the driver does not let the last capture go; plug the camera out, or restart the box"
        );
        Err(Failure::new(FailureKind::Broken, why))
    }

    async fn gone_within(&self, wait: Duration) -> bool {
        let end = Instant::now() + wait;
        loop {
            if self.reap() {
                return true;
            }
            if Instant::now() >= end {
                return false;
            }
            tokio::time::sleep(REAP_POLL).await;
        }
    }

    /// True when there is no child (any more).
    fn reap(&self) -> bool {
        let mut slot = self.lock();
        let gone = slot.as_mut().is_none_or(|child| !matches!(child.try_wait(), Ok(None)));
        if gone {
            *slot = None;
        }
        gone
    }

    /// The process that runs now, for tests.
    #[cfg(test)]
    pub(super) fn id(&self) -> Option<u32> {
        self.lock().as_ref().map(Child::id)
    }
}

impl Drop for Children {
    /// The camera is gone from the configuration: its last child is killed, and reaped by a task if need be.
    fn drop(&mut self) {
        let Some(mut child) = self.lock().take() else { return };
        let _ = child.kill();
        if matches!(child.try_wait(), Ok(None))
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            // The task owns the bare child: were it another `Self`, a runtime that shuts down would drop it at once,
            // and each drop would spawn the next.
            runtime.spawn(async move {
                let end = Instant::now() + KILL_WAIT;
                // A child that even then hangs in its driver is left to the system.
                while matches!(child.try_wait(), Ok(None)) && Instant::now() < end {
                    tokio::time::sleep(REAP_POLL).await;
                }
            });
        }
    }
}

/// The socket to a running child. Dropping it tells the child to end.
#[derive(Debug)]
pub(super) struct Connection {
    channel: MediaChannel,
    ready: UnixDatagram,
    buffer: Vec<u8>,
    name: String,
}

impl Connection {
    /// The next checked message and its sample's bytes.
    ///
    /// # Errors
    /// The child ended without a word, or broke the protocol.
    pub(super) async fn next(&mut self) -> Result<(FromChild, Vec<u8>), Failure> {
        let failure = |why: String| Failure::new(FailureKind::Broken, format!("{}: {why}", self.name));
        loop {
            self.ready.readable().await.map_err(|e| failure(format!("cannot wait for nvr-media: {e}")))?;
            let mut refusal = None;
            let received = self.ready.try_io(Interest::READABLE, || {
                self.channel.receive_from_child(&mut self.buffer).map_err(|error| match error {
                    ChannelError::WouldBlock => std::io::ErrorKind::WouldBlock.into(),
                    error => {
                        refusal = Some(error);
                        std::io::ErrorKind::Other.into()
                    }
                })
            });
            match (received, refusal) {
                (Ok(message), _) => return Ok(message),
                (Err(_), None) => {}
                (Err(_), Some(ChannelError::Closed)) => {
                    return Err(failure("nvr-media ended without a word; it is started again".into()));
                }
                (Err(_), Some(error)) => {
                    return Err(failure(format!("nvr-media breaks the protocol: {error}")));
                }
            }
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // In good order where it listens; a closed socket says the same.
        let _ = self.channel.send(&ToChild::Stop);
    }
}
