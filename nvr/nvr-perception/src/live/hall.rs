//! Where the threads meet: the desk, the cameras' eyes, the planner and the counters behind one lock.
//!
//! Promises: the lock is held for looking up and putting back, never while decoding, detecting or sending; a thread that
//!   cannot go on closes the hall, and says why.
//! Leaves to others: what comes in and goes out of turn (`live`), the work itself (`eye`).

use super::desk::Desk;
use super::eye::{Eye, Told};
use super::pace::{Measured, Pacer};
use crate::engine::Engine;
use crate::ring::Rings;
use nvr_base::analysis::CameraNumber;
use nvr_base::media_channel::{ChannelError, MediaChannel};
use nvr_base::media_protocol::bounded_text;
use nvr_base::perceive_protocol::{Counters, FromPerceive};
use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Longest sleep of a thread that has nothing to do.
const IDLE_MAX: Duration = Duration::from_secs(1);

/// What the threads share.
#[derive(Debug)]
pub struct State {
    /// What waits.
    pub desk: Desk,
    /// Rates.
    pub pacer: Pacer,
    /// What was done.
    pub counters: Counters,
    eyes: BTreeMap<CameraNumber, (u64, Eye)>,
    closed: bool,
    why: Option<ChannelError>,
}

/// The hall.
#[derive(Debug)]
pub struct Hall {
    state: Mutex<State>,
    work: Condvar,
    began: Instant,
    /// To the parent.
    pub channel: Arc<MediaChannel>,
    /// Frames for plugins.
    pub rings: Rings,
}

impl Hall {
    /// An empty one.
    pub fn new(channel: Arc<MediaChannel>, pacer: Pacer) -> Self {
        let state = State {
            desk: Desk::default(),
            pacer,
            counters: Counters::default(),
            eyes: BTreeMap::new(),
            closed: false,
            why: None,
        };
        let (work, began, rings) = (Condvar::new(), Instant::now(), Rings::default());
        Self { state: Mutex::new(state), work, began, channel, rings }
    }

    /// This process' clock, µs.
    pub fn now_us(&self) -> i64 {
        i64::try_from(self.began.elapsed().as_micros()).unwrap_or(i64::MAX)
    }

    /// What is shared; wakes a thread when there is work once the caller is done.
    pub fn with<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.lock();
        let out = change(&mut state);
        if state.desk.has_work() {
            self.work.notify_one();
        }
        out
    }

    /// A camera is gone: what a thread has of it goes when the thread is done.
    pub fn forget(&self, camera: CameraNumber) {
        let eye = self.with(|state| {
            state.desk.forget(camera);
            state.eyes.remove(&camera)
        });
        // Its decoder ends outside the lock.
        drop(eye);
    }

    /// Why the threads ended, if they did.
    pub fn why_closed(&self) -> Option<Option<ChannelError>> {
        let mut state = self.lock();
        state.closed.then(|| state.why.take())
    }

    /// A thread that analyses, until the hall closes.
    pub fn work(&self, mut engine: Engine) {
        loop {
            let mut state = self.lock();
            let job = loop {
                if state.closed {
                    return;
                }
                match state.desk.take(self.now_us()) {
                    Some(job) => break job,
                    None => {
                        let began = Instant::now();
                        let waited = self.work.wait_timeout(state, IDLE_MAX);
                        state = waited.unwrap_or_else(PoisonError::into_inner).0;
                        state.pacer.rested(began.elapsed());
                    }
                }
            };
            if state.desk.has_work() {
                self.work.notify_one();
            }
            let (camera, life) = (job.camera, job.life);
            let known = state.eyes.remove(&camera).filter(|(of, _)| *of == life);
            drop(state);
            let mut eye = known.map_or_else(|| Eye::new(camera), |(_, eye)| eye);
            let told = eye.turn(job, &mut engine, &self.rings, self.now_us());
            let measured = told.measured.clone();
            if let Err(why) = self.tell(camera, &eye, told) {
                let mut state = self.lock();
                (state.closed, state.why) = (true, Some(why));
                self.work.notify_all();
                return;
            }
            let gone = self.with(|state| {
                count(&mut state.counters, &measured);
                state.pacer.measure(&measured);
                if state.desk.back(camera, life) {
                    state.eyes.insert(camera, (life, eye));
                    return None;
                }
                Some(eye)
            });
            drop(gone);
        }
    }

    fn tell(&self, camera: CameraNumber, eye: &Eye, told: Told) -> Result<(), ChannelError> {
        if let Some(why) = told.trouble {
            let why = why.map(|text| bounded_text(&text));
            self.channel.send(&FromPerceive::Trouble { camera, why })?;
        }
        let Some(analysed) = told.analysed else { return Ok(()) };
        let message = FromPerceive::Analysed(Box::new(analysed));
        let sent = self.channel.send(&message);
        if let (Err(ChannelError::Protocol(_)), FromPerceive::Analysed(analysed)) = (&sent, &message) {
            // Too much for one message: this one is lost, the next one may fit.
            eye.take_back(analysed, &self.rings);
            return Ok(());
        }
        sent
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn count(counters: &mut Counters, m: &Measured) {
    counters.decoded += m.decoded;
    counters.analysed += u64::from(m.analysed);
    counters.detected += u64::from(m.detected);
    let stages = [m.key_us + m.delta_us, m.scale_us, m.gate_us, m.detect_us, m.track_us, m.models_us];
    for (sum, us) in counters.stages_us.iter_mut().zip(stages) {
        *sum += us;
    }
}
