//! The life of the replay child: take the order, load model and decoders, sandbox, analyse the file to its end.
//!
//! Promises: no byte of the file is parsed before the sandbox is up; scenes are sent in order, none is dropped: sending
//!   waits for the reader; whatever ends it is told as the last message.
//! Leaves to others: starting and killing it (`nvr replay`), what scenes mean (plugins).

use crate::analyse::Analyser;
use crate::model::{Catalogue, Detector, ModelError, Runtime};
use nvr_base::analysis::Analysed;
use nvr_base::media_channel::{ChannelError, MediaChannel};
use nvr_base::media_protocol::{MESSAGE_LEN_MAX, bounded_text};
use nvr_base::perceive_protocol::{FromPerceive, ReplayOrder, ReplaySummary, receive_order};
use nvr_media::failure::Failure;
use nvr_media::frames::FrameReader;
use nvr_media::sandbox;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

/// Longest wait for the order, seconds.
const ORDER_WAIT_S_MAX: i64 = 10;
/// Threads of the model: one, so that results repeat.
const THREADS: usize = 1;

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
    Analyse(#[from] crate::analyse::AnalyseError),
    /// The file cannot be opened.
    #[error("{path}: cannot open it: {source}")]
    Clip {
        /// The file.
        path: String,
        /// The system's answer.
        source: std::io::Error,
    },
    /// No detector is in the models folder.
    #[error("no detector in {folder}; get the default ones with `models/fetch {folder}`")]
    NoDetector {
        /// The models folder.
        folder: String,
    },
    /// A detector that is not known.
    #[error("no model is called `{id}`; there are: {known}")]
    UnknownDetector {
        /// As asked for.
        id: String,
        /// Their ids.
        known: String,
    },
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
    let wait = Timespec { tv_sec: ORDER_WAIT_S_MAX, tv_nsec: 0 };
    // An order that does not come shows when it is taken.
    let _ = poll(&mut [PollFd::new(channel, PollFlags::IN)], Some(&wait));
    let order = receive_order(channel, &mut vec![0; MESSAGE_LEN_MAX])?;
    let detector = detector(&order)?;
    let id = detector.manifest().id.clone();
    let clip =
        File::open(&order.clip).map_err(|source| ReplayError::Clip { path: order.clip.clone(), source })?;
    let mut reader = FrameReader::new(clip.into())?;
    let layers = sandbox::enter(&[]);
    channel.send(&FromPerceive::Hello { layers, detector: id })?;
    let mut analyser = Analyser::new(detector, order.camera.fps, order.camera.masks);
    let mut summary = ReplaySummary::default();
    let mut decoding = Duration::ZERO;
    loop {
        let began = Instant::now();
        let Some(frame) = reader.next_frame()? else { break };
        decoding += began.elapsed();
        summary.frames += 1;
        summary.last_us = frame.at_us;
        let Some(scene) = analyser.offer(&frame)? else { continue };
        let px = |side: usize| u32::try_from(side).unwrap_or(u32::MAX);
        let picture = (px(frame.width), px(frame.height));
        let sequence = summary.analysed;
        channel.send(&FromPerceive::Analysed(Box::new(Analysed {
            sequence,
            picture,
            scene,
            ..Analysed::default()
        })))?;
        summary.analysed += 1;
    }
    let us = |d: Duration| u64::try_from(d.as_micros()).unwrap_or(u64::MAX);
    let [scale, detect, track] = analyser.spent.map(us);
    summary.stages_us = [us(decoding), scale, detect, track];
    channel.send(&FromPerceive::End(summary))?;
    Ok(())
}

fn detector(order: &ReplayOrder) -> Result<Detector, ReplayError> {
    let folder = Path::new(&order.models);
    let catalogue = Catalogue::open(folder)?;
    let manifest = match &order.detector {
        Some(id) => catalogue.get(id).ok_or_else(|| ReplayError::UnknownDetector {
            id: id.clone(),
            known: catalogue.manifests().iter().map(|m| m.id.as_str()).collect::<Vec<_>>().join(", "),
        })?,
        None => catalogue
            .best_detector(folder)?
            .ok_or_else(|| ReplayError::NoDetector { folder: order.models.clone() })?,
    };
    let runtime = Runtime::load_from_folder(folder)?;
    Ok(Detector::open(&runtime, manifest, &folder.join(&manifest.file), THREADS)?)
}
