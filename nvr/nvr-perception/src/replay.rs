//! The life of the replay child: take the order, load models and decoders, make the rings, sandbox, analyse the file to
//! its end.
//!
//! Promises: no byte of the file is parsed before the sandbox is up; what was made of frames is sent in order, none is
//!   dropped: sending waits for the reader, and a frame for room in its rings; whatever ends it is told as the last message.
//! Leaves to others: starting and killing it (`nvr replay`), what scenes mean (plugins).
//!
//! Of every model that plugins may ask for crops of, the parent says after each frame what was asked, be it nothing: so the
//! next frame never comes before the question, and every run is the same.

use crate::analyse::{AnalyseError, Camera, frame_len};
use crate::engine::Engine;
use crate::model::{ModelError, Shelf, Wanted};
use crate::ring::{ALIGNMENT, RingError, Rings};
use crate::weather;
use nvr_base::analysis::{CameraOrder, FRAME_PX_MAX, LooksAt, RING_LEN_MAX, RingNumber};
use nvr_base::media_channel::{ChannelError, MediaChannel};
use nvr_base::media_protocol::{MESSAGE_LEN_MAX, bounded_text};
use nvr_base::perceive_protocol::{
    FromPerceive, ReplayOrder, ReplaySummary, ToPerceive, receive_order, receive_to_perceive,
};
use nvr_media::failure::Failure;
use nvr_media::frames::{Frame, FrameReader};
use nvr_media::sandbox;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::collections::BTreeMap;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Longest wait for the order, seconds.
const ORDER_WAIT_S_MAX: i64 = 10;
/// Longest wait for the parent to release a frame or to ask, seconds; it kills a worker that hangs long before.
const PARENT_WAIT_S_MAX: i64 = 120;
/// Frames of each order that find room in a ring: one being looked at, one being made.
const FRAMES_IN_RING: u64 = 2;

/// Why a file is not analysed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The parent is gone or breaks the protocol.
    #[error("cannot talk to nvr: {0}")]
    Channel(#[from] ChannelError),
    /// Model or runtime.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The file, or GStreamer.
    #[error(transparent)]
    Media(#[from] Failure),
    /// A frame.
    #[error(transparent)]
    Analyse(#[from] AnalyseError),
    /// Memory for frames.
    #[error(transparent)]
    Ring(#[from] RingError),
    /// The file cannot be opened.
    #[error("{path}: cannot open it: {source}")]
    Clip {
        /// The file.
        path: String,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The plugins want more than fits.
    #[error(
        "the frames that one plugin's rules want do not fit {RING_LEN_MAX} bytes; replay with fewer rules at once"
    )]
    Room,
    /// The parent does not go on.
    #[error("nvr did not answer for {PARENT_WAIT_S_MAX} s")]
    Silence,
}

/// Runs the child on the socket to `nvr replay`, to its end.
///
/// # Errors
/// Why it gave up; the other end was told, if it still listens.
pub fn run(channel: &MediaChannel) -> Result<(), ReplayError> {
    sandbox::ignore_stop_signals();
    let result = replay(channel);
    if let Err(why) = &result {
        let what = bounded_text(&why.to_string());
        // The parent may be gone: then nobody is left to tell.
        let _ = channel.send(&FromPerceive::Fatal { what });
    }
    result
}

fn replay(channel: &MediaChannel) -> Result<(), ReplayError> {
    // An order that does not come shows when it is taken.
    wait(channel, ORDER_WAIT_S_MAX);
    let mut buffer = vec![0; MESSAGE_LEN_MAX];
    let order = receive_order(channel, &mut buffer)?;
    let shelf = Arc::new(shelf(&order)?);
    let mut engine = Engine::new(shelf.clone())?;
    for wanted in &order.camera.inference {
        engine.open(&wanted.model)?;
    }
    let clip =
        File::open(&order.clip).map_err(|source| ReplayError::Clip { path: order.clip.clone(), source })?;
    let mut reader = FrameReader::new(clip.into())?;
    let rings = Rings::default();
    // Before the sandbox, which limits the size of files.
    let made = make_rings(&order.camera, &rings)?;
    let layers = sandbox::enter(&[]);
    let detector = shelf.detector_id().unwrap_or_default().to_owned();
    channel.send(&FromPerceive::Hello { layers, detector })?;
    for (ring, len, fd) in made {
        channel.send_beside(&FromPerceive::Ring { ring, len }, fd.as_fd())?;
    }
    let mut parent = Parent { channel, buffer, rings: &rings };
    let mut camera = Camera::new(0, order.camera);
    let mut summary = ReplaySummary::default();
    let mut decoding = Duration::ZERO;
    loop {
        let began = Instant::now();
        let Some(mut frame) = reader.next_frame()? else { break };
        decoding += began.elapsed();
        summary.frames += 1;
        summary.last_us = frame.at_us;
        if !camera.due(frame.at_us) {
            continue;
        }
        if let Some(kind) = order.weather {
            weather::over(kind, &mut frame);
        }
        parent.make_room(&mut camera, &frame)?;
        let analysed = camera.analyse(&frame, &mut engine, &rings, true)?;
        channel.send(&FromPerceive::Analysed(Box::new(analysed)))?;
        summary.analysed += 1;
        parent.hear_asks(&mut camera)?;
    }
    let us = |d: Duration| u64::try_from(d.as_micros()).unwrap_or(u64::MAX);
    let spent = engine.spent;
    summary.stages_us = [us(decoding), us(spent.scale), us(spent.detect + spent.models), us(spent.track)];
    channel.send(&FromPerceive::End(summary))?;
    Ok(())
}

/// The models of an order. Without tracks there is no detector.
fn shelf(order: &ReplayOrder) -> Result<Shelf, ModelError> {
    let wanted = order.camera.inference.iter().map(|i| i.model.clone()).collect();
    let detects = order.camera.labels != [0, 0];
    Shelf::read(Path::new(&order.models), detects, order.detector.as_deref(), &Wanted::Only(wanted))
}

/// The rings of an order: for the largest frames that a picture can give.
fn make_rings(order: &CameraOrder, rings: &Rings) -> Result<Vec<(RingNumber, u64, OwnedFd)>, RingError> {
    let mut lens: BTreeMap<RingNumber, u64> = BTreeMap::new();
    for frame in &order.frames {
        // No picture of another shape has more pixels.
        let largest = frame_len(frame, (FRAME_PX_MAX.min(frame.width), FRAME_PX_MAX.min(frame.height)));
        *lens.entry(frame.ring).or_default() += largest.next_multiple_of(ALIGNMENT) * FRAMES_IN_RING;
    }
    let each = |(ring, len): (RingNumber, u64)| {
        let len = len.min(RING_LEN_MAX);
        Ok((ring, len, rings.make(ring, len)?))
    };
    lens.into_iter().map(each).collect()
}

/// `nvr replay`, as the child hears it.
struct Parent<'a> {
    channel: &'a MediaChannel,
    buffer: Vec<u8>,
    rings: &'a Rings,
}

impl Parent<'_> {
    /// Listens until the frames that are due find room.
    fn make_room(&mut self, camera: &mut Camera, frame: &Frame) -> Result<(), ReplayError> {
        let room = camera.room(frame);
        while !room.is_empty() && !self.rings.fit(&room) {
            if self.rings.are_idle() {
                return Err(ReplayError::Room);
            }
            self.hear(camera)?;
        }
        Ok(())
    }

    /// Listens until it was said of each model what is asked for.
    fn hear_asks(&mut self, camera: &mut Camera) -> Result<(), ReplayError> {
        let asked = camera.order().inference.iter().filter(|i| i.looks_at == LooksAt::Asked).count();
        let mut heard = 0;
        while heard < asked {
            heard += usize::from(self.hear(camera)?);
        }
        Ok(())
    }

    /// Takes one message; true when it was about what is asked for.
    fn hear(&mut self, camera: &mut Camera) -> Result<bool, ReplayError> {
        if !wait(self.channel, PARENT_WAIT_S_MAX) {
            return Err(ReplayError::Silence);
        }
        match receive_to_perceive(self.channel, &mut self.buffer) {
            Ok((ToPerceive::Release { ring, offset }, _)) => self.rings.release(ring, offset),
            Ok((ToPerceive::Ask { order, tracks, .. }, _)) => {
                camera.ask(order, &tracks);
                return Ok(true);
            }
            // What belongs to live cameras means nothing here; an interrupted wait is gone into again.
            Ok(_) | Err(ChannelError::WouldBlock) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(false)
    }
}

/// Waits for something to read; false when nothing came in time.
fn wait(channel: &MediaChannel, seconds_max: i64) -> bool {
    let wait = Timespec { tv_sec: seconds_max, tv_nsec: 0 };
    !matches!(poll(&mut [PollFd::new(channel, PollFlags::IN)], Some(&wait)), Ok(0))
}
