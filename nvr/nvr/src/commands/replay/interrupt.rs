//! Ctrl-C and the signals that stop a service, as a flag.
//!
//! Promises: after the first signal the flag is up; whoever looks at it can leave in good order, so that children are
//!   reaped and temporary files removed. Leaves to others: looking.

use anyhow::Context;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::signal::unix::{SignalKind, signal};

/// What a shell expects of a program that Ctrl-C ended.
pub(super) const EXIT_CODE: u8 = 130;

/// Whether a signal came.
#[derive(Debug, Clone, Default)]
pub(super) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Catches the signals from now on.
    pub(super) fn watch() -> anyhow::Result<Self> {
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
    pub(super) fn came(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
