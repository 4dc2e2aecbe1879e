//! Ctrl-C and the signals that stop a service, as a flag; and listening to a child until it is up.
//!
//! Promises: after the first signal the flag is up; whoever looks at it can leave in good order, so that children are
//!   reaped and temporary files removed. Leaves to others: looking.

use anyhow::{Context, bail};
use nvr_base::media_channel::MediaChannel;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::signal::unix::{SignalKind, signal};

/// What a shell expects of a program that Ctrl-C ended.
pub(in crate::commands) const EXIT_CODE: u8 = 130;

/// Longest silence of a child: loading a model, a stretch of the film without a frame to analyse, ending a file.
const SILENCE_S_MAX: u32 = 120;

/// Whether a signal came.
#[derive(Debug, Clone, Default)]
pub(in crate::commands) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Catches the signals from now on.
    pub(in crate::commands) fn watch() -> anyhow::Result<Self> {
        let interrupt = Self::default();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let (mut first, mut second) = {
            let _entered = runtime.enter();
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
        };
        let watched = interrupt.clone();
        std::thread::Builder::new()
            .name("signals".into())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! { _ = first.recv() => {}, _ = second.recv() => {} }
                });
                watched.0.store(true, Ordering::Relaxed);
            })
            .context("cannot start a thread")?;
        Ok(interrupt)
    }

    /// Whether one came.
    pub(in crate::commands) fn came(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Waits until `nvr-perceive` says something on `channel`.
    ///
    /// # Errors
    /// A signal came, or it said nothing for [`SILENCE_S_MAX`].
    pub(in crate::commands) fn listen(&self, channel: &MediaChannel) -> anyhow::Result<()> {
        let mut silence_s = 0;
        loop {
            if self.came() {
                bail!("interrupted");
            }
            let wait = Timespec { tv_sec: 1, tv_nsec: 0 };
            match poll(&mut [PollFd::new(channel, PollFlags::IN)], Some(&wait)) {
                Ok(0) if silence_s >= SILENCE_S_MAX => {
                    bail!("nvr-perceive said nothing for {SILENCE_S_MAX} s and was stopped")
                }
                Ok(0) => silence_s += 1,
                Ok(_) => return Ok(()),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error).context("cannot wait for nvr-perceive"),
            }
        }
    }
}
