//! The threads of a store: a writer and a flusher a disk, one for the index. Their number does not grow with cameras.
//!
//! Promises: joined on closing, each after it has done all it was given.
//! Leaves to others: what they do (`writer`, `flush`, `indexer`).

use crate::error::{Result, StoreError};
use crate::flush::Flusher;
use crate::indexer::Indexer;
use crate::shared::Shared;
use crate::writer::Writer;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

/// Longest wait of the writer and index threads for something to do.
const TICK: Duration = Duration::from_millis(500);

/// Handles of the running threads.
#[derive(Debug)]
pub(crate) struct Threads {
    writers: Vec<JoinHandle<()>>,
    flushers: Vec<(Sender<SyncSender<bool>>, JoinHandle<()>)>,
    index: Option<JoinHandle<()>>,
}

fn spawn(name: String, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    Builder::new().name(name.clone()).spawn(work).map_err(|source| StoreError::Thread { name, source })
}

impl Threads {
    /// Starts all.
    pub(crate) fn start(shared: &Arc<Shared>) -> Result<Self> {
        let mut threads = Self { writers: Vec::new(), flushers: Vec::new(), index: None };
        for (i, state) in shared.disks.iter().enumerate() {
            let writer = Writer::new(shared.clone(), state.clone(), i == 0);
            let (s, d) = (shared.clone(), state.clone());
            threads.writers.push(spawn(format!("write-{i}"), move || run_writer(&s, &d, writer))?);
            let (sender, receiver) = channel();
            let flusher = Flusher::new(shared.clone(), state.clone(), i == 0);
            let s = shared.clone();
            let handle = spawn(format!("flush-{i}"), move || run_flusher(&s, &receiver, flusher))?;
            threads.flushers.push((sender, handle));
        }
        let (s, indexer) = (shared.clone(), Indexer::new(shared.clone()));
        threads.index = Some(spawn("index".into(), move || run_indexer(&s, indexer))?);
        Ok(threads)
    }

    /// Asks every flusher for a flush now; `reply` gets one answer each.
    pub(crate) fn flush(&self, reply: &SyncSender<bool>) -> usize {
        self.flushers.iter().filter(|(sender, _)| sender.send(reply.clone()).is_ok()).count()
    }

    /// Joins all, in the order that lets each finish its work. Queues must be closing.
    pub(crate) fn join(self, shared: &Shared) {
        let end = |handle: JoinHandle<()>| {
            if handle.join().is_err() {
                tracing::error!("a thread of the store had panicked");
            }
        };
        shared.disks.iter().for_each(|d| d.queue.close());
        self.writers.into_iter().for_each(end);
        for (sender, handle) in self.flushers {
            drop(sender);
            end(handle);
        }
        shared.index_queue.close();
        self.index.into_iter().for_each(end);
    }
}

fn run_writer(shared: &Shared, disk: &crate::disk_state::DiskState, mut writer: Writer) {
    let mut batch = Vec::new();
    let mut looked = Instant::now();
    loop {
        let open = disk.queue.drain(&mut batch, TICK);
        if shared.is_dead() {
            return;
        }
        writer.turn(&mut batch);
        if looked.elapsed() >= TICK {
            looked = Instant::now();
            writer.close_idle();
        }
        if !open {
            return writer.close_all();
        }
    }
}

fn run_flusher(shared: &Shared, asked: &Receiver<SyncSender<bool>>, mut flusher: Flusher) {
    loop {
        let got = asked.recv_timeout(shared.config.flush_interval);
        if shared.is_dead() {
            return;
        }
        let durable = flusher.turn();
        match got {
            Ok(reply) => {
                let _ = reply.try_send(durable);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn run_indexer(shared: &Shared, mut indexer: Indexer) {
    indexer.start();
    let mut batch = Vec::new();
    loop {
        let open = shared.index_queue.drain(&mut batch, TICK);
        if shared.is_dead() {
            return;
        }
        indexer.turn(&mut batch);
        if !open {
            return indexer.finish();
        }
    }
}
