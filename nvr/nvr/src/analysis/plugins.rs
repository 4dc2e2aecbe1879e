//! The thread of the plugin host: it looks at the folder, tests what is new, and orders what becomes of workers.
//!
//! Promises: it waits for the folder, a self-test or a report, and for nothing else; its orders go to the analysis in order.
//! Leaves to others: decisions (`nvr_plugins::host`), the workers (`turn`).

use super::bell::Bell;
use nvr_plugins::generation::GenerationId;
use nvr_plugins::host::{Host, Line, Order, Settings};
use nvr_plugins::watch::{self, Watch, Woken};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// What became of a worker.
#[derive(Debug)]
pub(super) enum Report {
    /// It ended, for this reason.
    Died(String, GenerationId, String),
    /// It has stopped as it was told.
    Drained(String, GenerationId),
    /// No more will come.
    Stop,
}

/// A running host.
#[derive(Debug)]
pub(super) struct Plugins {
    reports: Sender<Report>,
    bell: watch::Bell,
    lines: Arc<Mutex<Vec<Line>>>,
    thread: Option<JoinHandle<()>>,
}

impl Plugins {
    /// Starts the thread. Orders go to `orders`, and `wake` is rung.
    pub(super) fn start(settings: Settings, orders: Sender<Order>, wake: Bell) -> std::io::Result<Self> {
        let (reports, inbox) = channel();
        let lines = Arc::new(Mutex::default());
        let watch = Watch::new(&settings.folder);
        let bell = watch.bell();
        let shown = lines.clone();
        let host = Host::new(settings, watch.bell());
        let thread = std::thread::Builder::new()
            .name("plugins".into())
            .spawn(move || run(host, watch, &inbox, &orders, &wake, &shown))?;
        Ok(Self { reports, bell, lines, thread: Some(thread) })
    }

    /// What became of a worker.
    pub(super) fn report(&self, report: Report) {
        // The thread ends only with this handle.
        let _ = self.reports.send(report);
        self.bell.ring();
    }

    /// A handle for threads that end a worker.
    pub(super) fn reporter(&self) -> impl FnOnce(Report) + Send + use<> {
        let (reports, bell) = (self.reports.clone(), self.bell.clone());
        move |report| {
            let _ = reports.send(report);
            bell.ring();
        }
    }

    /// All plugins that were ever offered.
    pub(super) fn lines(&self) -> Vec<Line> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Plugins {
    fn drop(&mut self) {
        self.report(Report::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(
    mut host: Host,
    mut watch: Watch,
    inbox: &Receiver<Report>,
    orders: &Sender<Order>,
    wake: &Bell,
    lines: &Mutex<Vec<Line>>,
) {
    loop {
        let woken = watch.wait(host.due_ms());
        let now = watch.now_ms();
        let mut all = Vec::new();
        loop {
            match inbox.try_recv() {
                Ok(Report::Died(plugin, id, why)) => all.extend(host.died(&plugin, id, &why, now)),
                Ok(Report::Drained(plugin, id)) => all.extend(host.drained(&plugin, id, now)),
                Err(TryRecvError::Empty) => break,
                Ok(Report::Stop) | Err(TryRecvError::Disconnected) => return,
            }
        }
        all.extend(host.tick(now));
        if woken == Woken::Look {
            all.extend(host.look(now));
            watch.looked(host.is_waiting());
        }
        *lines.lock().unwrap_or_else(PoisonError::into_inner) = host.list();
        for order in all {
            if orders.send(order).is_err() {
                return;
            }
        }
        wake.ring();
    }
}
