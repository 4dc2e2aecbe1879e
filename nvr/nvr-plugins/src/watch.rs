//! When to look at the plugins folder: soon after a hint, and on a timer though no hint came.
//!
//! Promises: a burst of changes is one look, no longer than [`DEBOUNCE_MS_MAX`] late; without hints (a network file
//!   system, a lost watch) there is a look every [`RESCAN_MS`]. `Pace` is pure, `Watch` waits with it.
//! Leaves to others: what is there (`folder`), what it means (`catalogue`).

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::time::{Duration, Instant};

/// Quiet time after a hint before the look, in milliseconds.
pub const DEBOUNCE_MS: u64 = 100;
/// Longest time from the first hint to the look, in milliseconds.
pub const DEBOUNCE_MS_MAX: u64 = 500;
/// From one look to the next without hints, in milliseconds.
pub const RESCAN_MS: u64 = 5_000;
/// The same while the catalogue waits for a file to become whole.
pub const RESCAN_WAITING_MS: u64 = 1_000;

/// Decides when the next look is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    looked_ms: u64,
    hinted: Option<(u64, u64)>,
    is_waiting: bool,
}

impl Pace {
    /// After a look at `now_ms`; `is_waiting` as the catalogue says.
    pub fn looked(now_ms: u64, is_waiting: bool) -> Self {
        Self { looked_ms: now_ms, hinted: None, is_waiting }
    }

    /// Something changed at `now_ms`.
    pub fn hint(&mut self, now_ms: u64) {
        let first = self.hinted.map_or(now_ms, |(first, _)| first);
        self.hinted = Some((first, now_ms));
    }

    /// When the next look is due.
    pub fn due_ms(&self) -> u64 {
        let rescan = if self.is_waiting { RESCAN_WAITING_MS } else { RESCAN_MS };
        let timer = self.looked_ms.saturating_add(rescan);
        self.hinted.map_or(timer, |(first, last)| {
            timer.min(last.saturating_add(DEBOUNCE_MS)).min(first.saturating_add(DEBOUNCE_MS_MAX))
        })
    }
}

/// What ended a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Woken {
    /// Look at the folder.
    Look,
    /// Whoever holds the [`Bell`] wants this thread.
    Rung,
    /// The caller's own time has come.
    Timeout,
}

enum Hint {
    Changed,
    Rung,
}

/// Wakes a waiting [`Watch`] from another thread.
#[derive(Debug, Clone)]
pub struct Bell(SyncSender<Hint>);

impl Bell {
    /// Ends the wait, or the next one.
    pub fn ring(&self) {
        // Full: a wake-up is there already.
        let _ = self.0.try_send(Hint::Rung);
    }
}

impl std::fmt::Debug for Hint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if matches!(self, Self::Changed) { "Changed" } else { "Rung" })
    }
}

/// Waits for the time to look.
#[derive(Debug)]
pub struct Watch {
    path: PathBuf,
    hints: Receiver<Hint>,
    bell: Bell,
    watcher: Option<RecommendedWatcher>,
    pace: Pace,
    started: Instant,
}

impl Watch {
    /// Watches `path`, whether it is there yet or not. The first look is due at once.
    pub fn new(path: &Path) -> Self {
        // Two slots: more hints say no more.
        let (sender, hints) = sync_channel(2);
        let pace = Pace { looked_ms: 0, hinted: Some((0, 0)), is_waiting: false };
        let started = Instant::now();
        let (path, bell) = (path.to_owned(), Bell(sender));
        Self { path, hints, bell, watcher: None, pace, started }
    }

    /// A handle that wakes [`Self::wait`].
    pub fn bell(&self) -> Bell {
        self.bell.clone()
    }

    /// Milliseconds of this watch's clock, which [`Catalogue::look`](crate::catalogue::Catalogue::look) is given.
    pub fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// The look was taken.
    pub fn looked(&mut self, is_waiting: bool) {
        self.pace = Pace::looked(self.now_ms(), is_waiting);
    }

    /// Waits until a look is due, the bell rings, or `until_ms` of this watch's clock.
    pub fn wait(&mut self, until_ms: Option<u64>) -> Woken {
        self.watch_again();
        loop {
            let now = self.now_ms();
            if now >= self.pace.due_ms() {
                return Woken::Look;
            }
            if until_ms.is_some_and(|until| now >= until) {
                return Woken::Timeout;
            }
            let until = self.pace.due_ms().min(until_ms.unwrap_or(u64::MAX));
            match self.hints.recv_timeout(Duration::from_millis(until.saturating_sub(now))) {
                Ok(Hint::Rung) => return Woken::Rung,
                Ok(Hint::Changed) => {
                    self.pace.hint(self.now_ms());
                    while let Ok(hint) = self.hints.try_recv() {
                        if matches!(hint, Hint::Rung) {
                            return Woken::Rung;
                        }
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
        }
    }

    /// The bell rang since the last wait.
    pub fn is_rung(&self) -> bool {
        !matches!(self.hints.try_recv(), Err(TryRecvError::Empty))
    }

    /// A folder that was not there, or was replaced, is watched from now on; the timer covers the time before.
    fn watch_again(&mut self) {
        if self.watcher.is_some() && self.path.is_dir() {
            return;
        }
        self.watcher = None;
        if !self.path.is_dir() {
            return;
        }
        let sender = self.bell.0.clone();
        let hint = move |event: notify::Result<notify::Event>| {
            // Our own reading is no change.
            if !event.is_ok_and(|e| e.kind.is_access()) {
                let _ = sender.try_send(Hint::Changed);
            }
        };
        let watcher = notify::recommended_watcher(hint).and_then(|mut watcher| {
            watcher.watch(&self.path, RecursiveMode::NonRecursive)?;
            Ok(watcher)
        });
        match watcher {
            Ok(watcher) => self.watcher = Some(watcher),
            Err(error) => {
                tracing::warn!(path = %self.path.display(), %error, "plugins folder: looked at on a timer only")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_the_next_look_is_due() {
        let check = |is_waiting: bool, hints: &[u64], expected: u64| {
            let mut pace = Pace::looked(1000, is_waiting);
            hints.iter().for_each(|at| pace.hint(*at));
            assert_eq!(pace.due_ms(), expected, "{hints:?}");
        };
        check(false, &[], 6000);
        check(true, &[], 2000);
        check(false, &[1200], 1300);
        check(false, &[1200, 1250], 1350);
        check(false, &[1200, 1290, 1380, 1470, 1560, 1650], 1700);
        check(false, &[5990], 6000);
    }

    #[test]
    fn a_new_file_is_seen_before_the_timer() {
        let dir = tempfile::tempdir().unwrap();
        let mut watch = Watch::new(dir.path());
        assert_eq!(watch.wait(None), Woken::Look);
        watch.looked(false);
        let before = watch.now_ms();
        std::fs::write(dir.path().join("liba.so"), b"x").unwrap();
        assert_eq!(watch.wait(Some(before + RESCAN_MS / 2)), Woken::Look);
    }

    #[test]
    fn a_bell_wakes() {
        let dir = tempfile::tempdir().unwrap();
        let mut watch = Watch::new(dir.path());
        assert_eq!(watch.wait(None), Woken::Look);
        watch.looked(false);
        watch.bell().ring();
        assert_eq!(watch.wait(None), Woken::Rung);
    }
}
