//! All sessions of a recorder, on a constant number of threads.
//!
//! Promises: one current-thread runtime per thread; both streams of a camera on the same one; adding, stopping
//! and shutting down never wait for a camera.
//! Leaves to others: which cameras there are (`nvr`), the sessions (`driver`).

use crate::config::{SessionConfig, Transport};
use crate::driver::Driver;
use crate::handle::{Order, STOP_WAIT_MAX, SessionHandle, Shared};
use crate::pacer::{Pacer, UdpPace};
use crate::rtsp::RtspSource;
use crate::session::{Patience, SESSIONS_MAX};
use crate::source::Source;
use nvr_base::{CameraId, Clock, GapReason, SampleSink, StreamId};
use retina::client::SessionGroup;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::{Notify, Semaphore};

/// Threads at most, whatever is asked for.
pub const THREADS_MAX: usize = 64;
/// Name look-ups that may run at once on a thread; each takes a thread of its own while it lasts.
const LOOKUPS_MAX: usize = 1;
/// At the end, cameras are told once (`TEARDOWN`); this is how long that may take.
const FAREWELL_MAX: Duration = Duration::from_millis(500);

/// Ingest cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The system gave no thread or no event queue.
    #[error("cannot start ingest thread {index}: {source}; raise the limits on processes and open files")]
    Thread {
        /// Which one, from 0.
        index: usize,
        /// What the system said.
        source: std::io::Error,
    },
}

type Groups = Arc<Mutex<Vec<Arc<SessionGroup>>>>;

struct Worker {
    runtime: tokio::runtime::Handle,
    pacer: Arc<Pacer>,
    quit: Arc<Notify>,
    /// Whose farewells to wait for at the end.
    farewell: Groups,
    thread: Option<JoinHandle<()>>,
}

/// What all sessions of one camera share.
struct Camera {
    worker: usize,
    slots: Arc<Semaphore>,
    group: Arc<SessionGroup>,
    sessions: Vec<Arc<Shared>>,
}

/// All camera sessions. Dropping it stops them as [`Ingest::stop`] does.
pub struct Ingest {
    workers: Vec<Worker>,
    cameras: Mutex<HashMap<CameraId, Camera>>,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Ingest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ingest").field("threads", &self.workers.len()).finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Ingest {
    /// Starts `threads` runtime threads (at least 1, at most [`THREADS_MAX`]); there are never more, but for
    /// short look-ups of cameras that are configured by name.
    ///
    /// # Errors
    /// When the system refuses a thread or its event queue.
    pub fn start(threads: usize, clock: Arc<dyn Clock>) -> Result<Self, IngestError> {
        let workers = (0..threads.clamp(1, THREADS_MAX))
            .map(|index| Worker::start(index).map_err(|source| IngestError::Thread { index, source }))
            .collect::<Result<_, _>>()?;
        Ok(Self { workers, cameras: Mutex::default(), clock })
    }

    /// Starts a session over RTSP. It connects at once and again until it is stopped.
    pub fn add(&self, config: SessionConfig, sink: Box<dyn SampleSink>) -> SessionHandle {
        let (stream, patience) = (config.stream.clone(), config.patience);
        let udp = config.transport == Transport::Udp;
        self.spawn(stream, patience, udp, sink, |group| Box::new(RtspSource::new(config, group)))
    }

    /// Starts a session on any other source, such as a V4L2 camera. No sample for `stall` is a stall.
    pub fn add_source(
        &self,
        stream: StreamId,
        stall: Duration,
        source: Box<dyn Source>,
        sink: Box<dyn SampleSink>,
    ) -> SessionHandle {
        let patience = Patience { stall, ..Patience::default() };
        self.spawn(stream, patience, false, sink, |_| source)
    }

    fn spawn(
        &self,
        stream: StreamId,
        patience: Patience,
        udp: bool,
        sink: Box<dyn SampleSink>,
        source: impl FnOnce(Arc<SessionGroup>) -> Box<dyn Source>,
    ) -> SessionHandle {
        let shared = Arc::new(Shared::new(stream.clone(), self.clock.utc()));
        let mut cameras = lock(&self.cameras);
        for camera in cameras.values_mut() {
            camera.sessions.retain(|session| !session.has_ended());
        }
        cameras.retain(|id, camera| *id == stream.camera || !camera.sessions.is_empty());
        let worker = self.least_busy(&cameras);
        let camera = cameras.entry(stream.camera.clone()).or_insert_with(|| Camera {
            worker,
            slots: Arc::new(Semaphore::new(SESSIONS_MAX)),
            group: Arc::new(SessionGroup::default().named(stream.camera.to_string())),
            sessions: Vec::new(),
        });
        camera.sessions.push(shared.clone());
        let (slots, group, worker) = (camera.slots.clone(), camera.group.clone(), camera.worker);
        drop(cameras);

        // `worker` is an index that `least_busy` gave, and workers are never removed.
        let worker = &self.workers[worker];
        let driver = Driver {
            source: source(group),
            sink,
            shared: shared.clone(),
            clock: self.clock.clone(),
            slots,
            patience,
            seed: fastrand::u64(..),
            _pace: udp.then(|| UdpPace::new(worker.pacer.clone())),
        };
        worker.runtime.spawn(driver.run());
        worker.pacer.ring();
        SessionHandle { shared, pacer: worker.pacer.clone() }
    }

    fn least_busy(&self, cameras: &HashMap<CameraId, Camera>) -> usize {
        let mut sessions = vec![0usize; self.workers.len()];
        for camera in cameras.values() {
            if let Some(count) = sessions.get_mut(camera.worker) {
                *count += camera.sessions.len().max(1);
            }
        }
        sessions.iter().enumerate().min_by_key(|(_, count)| **count).map_or(0, |(index, _)| index)
    }

    /// Sessions at each camera now, connecting or connected; never more than [`SESSIONS_MAX`].
    pub fn sessions_of(&self, camera: &CameraId) -> usize {
        lock(&self.cameras)
            .get(camera)
            .map_or(0, |camera| SESSIONS_MAX.saturating_sub(camera.slots.available_permits()))
    }

    /// Someone begins (`true`) or ends (`false`) to watch live: samples come as they arrive, not once per tick.
    pub fn watch_live(&self, begins: bool) {
        for worker in &self.workers {
            if begins { worker.pacer.hurry() } else { worker.pacer.calm() }
        }
    }

    /// Stops every session as [`GapReason::RecorderStopped`], takes leave of the cameras and ends the threads.
    /// Takes at most about [`STOP_WAIT_MAX`] and half a second.
    pub fn stop(self) {
        drop(self);
    }

    fn shut_down(&mut self) {
        let mut groups: Vec<Vec<Arc<SessionGroup>>> = vec![Vec::new(); self.workers.len()];
        let mut sessions = Vec::new();
        for camera in std::mem::take(&mut *lock(&self.cameras)).into_values() {
            if let Some(groups) = groups.get_mut(camera.worker) {
                groups.push(camera.group);
            }
            sessions.extend(camera.sessions);
        }
        for session in &sessions {
            session.ask(Order::Stop(GapReason::RecorderStopped));
        }
        for worker in &self.workers {
            worker.pacer.hurry();
        }
        let deadline = Instant::now() + STOP_WAIT_MAX;
        for session in &sessions {
            if !session.wait_for_end(deadline.saturating_duration_since(Instant::now())) {
                tracing::warn!(stream = %session.stream, "the session did not end in time; it is cut off");
            }
        }
        for (worker, groups) in self.workers.iter().zip(groups) {
            *lock(&worker.farewell) = groups;
            worker.quit.notify_one();
            worker.pacer.ring();
        }
        for worker in &mut self.workers {
            if let Some(thread) = worker.thread.take()
                && thread.join().is_err()
            {
                tracing::error!("an ingest thread panicked");
            }
        }
    }
}

impl Drop for Ingest {
    fn drop(&mut self) {
        self.shut_down();
    }
}

impl Worker {
    fn start(index: usize) -> Result<Self, std::io::Error> {
        let pacer = Arc::new(Pacer::new());
        let rest = pacer.clone();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(LOOKUPS_MAX)
            .on_thread_park(move || rest.rest())
            .build()?;
        let handle = runtime.handle().clone();
        let quit = Arc::new(Notify::new());
        let farewell = Groups::default();
        let (until, groups) = (quit.clone(), farewell.clone());
        let thread = std::thread::Builder::new().name(format!("ingest-{index}")).spawn(move || {
            runtime.block_on(async {
                until.notified().await;
                let groups = std::mem::take(&mut *lock(&groups));
                let farewells = groups.iter().map(|group| group.await_teardown());
                // A camera that does not answer frees the session by its own time-out.
                let _ = tokio::time::timeout(FAREWELL_MAX, futures::future::join_all(farewells)).await;
            });
            runtime.shutdown_background();
        })?;
        Ok(Self { runtime: handle, pacer, quit, farewell, thread: Some(thread) })
    }
}
