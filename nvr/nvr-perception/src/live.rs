//! The life of the live child: take the order, load models and decoders, sandbox, and then analyse what cameras send until
//! the parent closes its end.
//!
//! Promises: no byte of a camera is parsed before the sandbox is up; recording goes first: the child runs at idle priority,
//!   and drops rather than queues; whatever a camera sends, the others go on; whatever ends it is told as the last message.
//! Leaves to others: starting it and starting it again (`nvr serve`), what scenes mean (plugins).
//!
//! Data flow: messages (this thread) → `desk` (what waits, whose turn) → `eye` on one of the threads (decode, gate, detect,
//! follow) → messages; once a second `pace` plans anew. Detection is not batched over cameras: the input of every detector
//! there is (NanoDet-g, YOLOX-nano, person-vehicle-bike) is one picture, `[1, 3, h, w]`; each thread has a session of its own.
//!
//! CPU time, ms, of one picture of 640×360 on a machine that was busy otherwise: decoding 1.3, scaling 0.4, gate 0.1,
//! YOLOX-nano 8.6, following 0.1. The load of 50 cameras on an idle machine is not measured yet (`examples/live_load.rs`).

pub mod desk;
pub mod eye;
pub mod flow;
pub mod hall;
pub mod look;
pub mod mend;
pub mod pace;
pub mod queue;

use crate::engine::Engine;
use crate::model::{ModelError, Shelf, Wanted};
use crate::plan::ModelCost;
use crate::ring::RingError;
use desk::CAMERAS_MAX;
use hall::Hall;
use nvr_base::analysis::{CameraNumber, RING_LEN_MAX};
use nvr_base::media_channel::{ChannelError, MediaChannel};
use nvr_base::media_protocol::{Layer, LayerKind, LayerState, MESSAGE_LEN_MAX, bounded_text};
use nvr_base::perceive_protocol::{FromPerceive, LiveOrder, ToPerceive, receive_to_perceive};
use nvr_media::failure::Failure;
use nvr_media::{decode, sandbox};
use pace::Pacer;
use queue::Queued;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Longest wait for the order, seconds.
const ORDER_WAIT_S_MAX: i64 = 10;
/// Open descriptors: the pools of a decoder's pictures take some for each camera.
const FILES_MAX: u64 = 16 * CAMERAS_MAX as u64;
/// Longest time the parent may leave a message unread.
const SEND_WAIT_MAX: Duration = Duration::from_secs(10);
/// Time from plan to plan, and from counters to counters, µs.
const TICK_US: i64 = 1_000_000;
/// Most messages that are taken in before looking at the clock.
const MESSAGES_MAX: usize = 256;
/// Most rates in one message.
const RATES_MAX: usize = 1000;
/// Cost of a detector whose manifest does not say, ms.
const DETECTOR_MS: f32 = 20.0;

/// Why the child gave up.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// The parent breaks the protocol, or does not read.
    #[error("cannot talk to nvr: {0}")]
    Channel(#[from] ChannelError),
    /// Model or runtime.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// GStreamer.
    #[error(transparent)]
    Media(#[from] Failure),
    /// Memory for frames.
    #[error(transparent)]
    Ring(#[from] RingError),
    /// The system.
    #[error("cannot {what}: {source}")]
    System {
        /// What was tried.
        what: &'static str,
        /// The system's answer.
        source: std::io::Error,
    },
    /// Another message came first.
    #[error("the first message of nvr was no order: nvr and nvr-perceive are not of the same build")]
    NoOrder,
}

/// Runs the child on the socket to `nvr serve`, to its end.
///
/// # Errors
/// Why it gave up; the other end was told, if it still listens. The parent's closing is none.
pub fn run(channel: MediaChannel) -> Result<(), LiveError> {
    sandbox::ignore_stop_signals();
    let channel = Arc::new(channel);
    let result = live(&channel);
    if let Err(why) = &result {
        // The parent may be gone: then nobody is left to tell.
        let _ = channel.send(&FromPerceive::Fatal { what: bounded_text(&why.to_string()) });
    }
    result
}

fn live(channel: &Arc<MediaChannel>) -> Result<(), LiveError> {
    let timeout = rustix::net::sockopt::Timeout::Send;
    rustix::net::sockopt::set_socket_timeout(channel, timeout, Some(SEND_WAIT_MAX))
        .map_err(|e| system("bound sending")(e.into()))?;
    tell_panics(channel);
    let mut buffer = vec![0; MESSAGE_LEN_MAX];
    wait(channel, Timespec { tv_sec: ORDER_WAIT_S_MAX, tv_nsec: 0 });
    let order = match receive_to_perceive(channel, &mut buffer)? {
        (ToPerceive::Live(order), _) => order,
        _ => return Err(LiveError::NoOrder),
    };
    let idle = sandbox::priority::idle();
    let shelf = Arc::new(shelf(&order)?);
    decode::load()?;
    let engines = (0..order.threads).map(|_| Engine::new(shelf.clone())).collect::<Result<Vec<_>, _>>()?;
    let mut layers = sandbox::enter_with(&[], RING_LEN_MAX, FILES_MAX);
    if let Err(why) = idle {
        note(&mut layers, &why);
    }
    let detector = shelf.detector_id().unwrap_or_default().to_owned();
    channel.send(&FromPerceive::Hello { layers, detector })?;
    let hall = Arc::new(Hall::new(channel.clone(), Pacer::new(order.budget_ms_per_s, cost(&shelf))));
    for (number, engine) in engines.into_iter().enumerate() {
        let hall = hall.clone();
        let thread = std::thread::Builder::new().name(format!("analyse-{number}"));
        thread.spawn(move || hall.work(engine)).map_err(system("start a thread"))?;
    }
    listen(&hall, &mut buffer)
}

fn system(what: &'static str) -> impl FnOnce(std::io::Error) -> LiveError {
    move |source| LiveError::System { what, source }
}

/// All models there are. Without a detector, cameras that need none are analysed all the same.
fn shelf(order: &LiveOrder) -> Result<Shelf, ModelError> {
    let folder = Path::new(&order.models);
    match Shelf::read(folder, true, order.detector.as_deref(), &Wanted::All) {
        Err(ModelError::NoDetector { .. }) => Shelf::read(folder, false, None, &Wanted::All),
        shelf => shelf,
    }
}

/// What the detector's manifest says it costs.
fn cost(shelf: &Shelf) -> Option<(String, ModelCost)> {
    let id = shelf.detector_id()?;
    let (_, manifest, _) = shelf.model(id).ok()?;
    let px = |side: usize| u32::try_from(side).unwrap_or(u32::MAX);
    let (width, height) = (px(manifest.input.width), px(manifest.input.height));
    Some((id.to_owned(), ModelCost { ms: DETECTOR_MS, width, height }))
}

/// Says in the report of the limits that the child does not run at idle priority.
fn note(layers: &mut [Layer], why: &str) {
    for layer in layers.iter_mut().filter(|layer| layer.kind == LayerKind::Limits) {
        if layer.state == LayerState::Applied {
            layer.state = LayerState::Partly(bounded_text(&format!("no idle priority: {why}")));
        }
    }
}

/// A panic, also on a thread that analyses, ends the process after it was told.
fn tell_panics(channel: &Arc<MediaChannel>) {
    let channel = channel.clone();
    std::panic::set_hook(Box::new(move |panic| {
        let what = bounded_text(&format!("nvr-perceive: {panic}"));
        let _ = channel.send(&FromPerceive::Fatal { what });
        std::process::abort();
    }));
}

/// Takes messages in until the parent closes its end.
fn listen(hall: &Hall, buffer: &mut [u8]) -> Result<(), LiveError> {
    let mut tick_us = hall.now_us() + TICK_US;
    loop {
        let left_us = (tick_us - hall.now_us()).max(0);
        wait(&hall.channel, Timespec { tv_sec: left_us / 1_000_000, tv_nsec: left_us % 1_000_000 * 1000 });
        for _ in 0..MESSAGES_MAX {
            match receive_to_perceive(&hall.channel, buffer) {
                Ok((message, data)) => hear(hall, message, data)?,
                Err(ChannelError::WouldBlock) => break,
                Err(ChannelError::Closed) => return Ok(()),
                Err(why) => return Err(why.into()),
            }
        }
        match hall.why_closed() {
            None => {}
            Some(None | Some(ChannelError::Closed)) => return Ok(()),
            Some(Some(why)) => return Err(why.into()),
        }
        if hall.now_us() >= tick_us {
            tick_us = hall.now_us() + TICK_US;
            tick(hall)?;
        }
    }
}

fn hear(hall: &Hall, message: ToPerceive, data: Vec<u8>) -> Result<(), LiveError> {
    match message {
        ToPerceive::Live(_) => {}
        ToPerceive::Ring { ring, len } => {
            let fd = hall.rings.make(ring, len)?;
            hall.channel.send_beside(&FromPerceive::Ring { ring, len }, fd.as_fd())?;
        }
        ToPerceive::DropRing { ring } => hall.rings.forget(ring),
        ToPerceive::Release { ring, offset } => hall.rings.release(ring, offset),
        ToPerceive::Camera { camera, order } => {
            if !hall.with(|state| state.desk.order(camera, order)) {
                too_many(hall, camera)?;
            }
        }
        ToPerceive::Forget { camera } => hall.forget(camera),
        ToPerceive::Format { camera, video } => hall.with(|state| state.desk.format(camera, video)),
        ToPerceive::Hole { camera } => hall.with(|state| state.desk.hole(camera)),
        ToPerceive::Ask { camera, order, tracks } => {
            hall.with(|state| state.desk.ask(camera, order, tracks));
        }
        ToPerceive::Sample { camera, at_us, wall_us, key, .. } => {
            let came_us = hall.now_us();
            let sample =
                Queued { at_us, wall_us, key, due: false, alone: false, after_hole: false, came_us, data };
            hall.with(|state| state.desk.sample(camera, sample));
        }
    }
    Ok(())
}

fn too_many(hall: &Hall, camera: CameraNumber) -> Result<(), ChannelError> {
    let why = format!("more than {CAMERAS_MAX} cameras cannot be analysed; disarm the rules of some");
    hall.channel.send(&FromPerceive::Trouble { camera, why: Some(why) })
}

/// Plans anew and says what was done.
fn tick(hall: &Hall) -> Result<(), LiveError> {
    let (rates, mut counters) = hall.with(|state| {
        let (paces, rates) = state.pacer.plan(state.desk.cameras());
        for (camera, pace) in paces {
            state.desk.pace(camera, pace);
        }
        state.counters.samples = state.desk.samples;
        state.counters.samples_dropped = state.desk.dropped();
        (rates, state.counters)
    });
    counters.frames_dropped = hall.rings.dropped();
    for some in rates.chunks(RATES_MAX) {
        hall.channel.send(&FromPerceive::Rates(some.to_vec()))?;
    }
    hall.channel.send(&FromPerceive::Counters(counters))?;
    Ok(())
}

/// Waits for a message, or until the time is up.
fn wait(channel: &MediaChannel, time: Timespec) {
    // An interrupted wait is a short one.
    let _ = poll(&mut [PollFd::new(channel, PollFlags::IN)], Some(&time));
}
