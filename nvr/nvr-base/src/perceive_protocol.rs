//! What `nvr-perceive` is told and what it answers.
//!
//! ```text
//! replay: ──ReplayOrder──▶  Hello, a Ring each, Analysed …, End       (Release, Ask go the other way)
//! live:   ──Live──▶ Hello;  Ring, Camera, Format, Sample … ──▶ Ring, Analysed, Trouble, Counters
//! ```
//!
//! Promises: a message fits a datagram of the media channel; what the child says is not trusted: a limit that is broken
//!   is an error that names it, and nothing of the message is used.
//! Leaves to others: perception itself (`nvr-perception`), what scenes mean (plugins), what a breach costs (the parent).

use crate::analysis::{Analysed, CameraNumber, CameraOrder, RING_LEN_MAX, RINGS_MAX, RingNumber};
use crate::format::VideoFormat;
use crate::media_channel::{ChannelError, MediaChannel, data_of};
use crate::media_protocol::{
    LAYERS_MAX, Layer, MESSAGE_LEN_MAX, ProtocolError, SAMPLE_LEN_MAX, TEXT_LEN_MAX, decode,
};
use crate::scene::TRACKS_MAX;
use crate::weather::Weather;
use serde::{Deserialize, Serialize};
use std::os::fd::OwnedFd;

/// Argument that makes the child analyse a file.
pub const REPLAY_ARGUMENT: &str = "replay";
/// Argument that makes the child analyse cameras.
pub const LIVE_ARGUMENT: &str = "live";
/// Longest path of an order, bytes.
pub const PATH_LEN_MAX: usize = 4096;
/// Most threads that analyse.
pub const THREADS_MAX: u16 = 256;

/// Analyse a file: every frame that is due, none dropped; with no free slot in a ring it waits for a release.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReplayOrder {
    /// The file.
    pub clip: String,
    /// Folder with ONNX Runtime and the models.
    pub models: String,
    /// Id of the detector; none: the best that is there.
    pub detector: Option<String>,
    /// Bad weather to lay over it.
    pub weather: Option<Weather>,
    /// What to make of its frames; the file is camera 0.
    pub camera: CameraOrder,
}

/// Analyse cameras, as they send.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LiveOrder {
    /// Folder with ONNX Runtime and the models.
    pub models: String,
    /// Id of the detector; none: the best that is there.
    pub detector: Option<String>,
    /// Threads that decode and detect, 1 to [`THREADS_MAX`].
    pub threads: u16,
    /// CPU milliseconds a second that all of it may use: 1000 a core.
    pub budget_ms_per_s: f32,
}

/// To the child; a [`ReplayOrder`] goes before these, and a child that was given one takes `Release` and `Ask` only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ToPerceive {
    /// The first message of a live child.
    Live(LiveOrder),
    /// Make a ring of this length; answered by [`FromPerceive::Ring`]. A ring of that number that is there is given up.
    Ring {
        /// Its number.
        ring: RingNumber,
        /// Its length, in bytes, 1 to [`RING_LEN_MAX`].
        len: u64,
    },
    /// The plugin of this ring is gone: give it up.
    DropRing {
        /// Its number.
        ring: RingNumber,
    },
    /// A camera that is to be analysed from now on, or differently.
    Camera {
        /// Its number.
        camera: CameraNumber,
        /// What to make.
        order: CameraOrder,
    },
    /// A camera that is not analysed any more.
    Forget {
        /// Its number.
        camera: CameraNumber,
    },
    /// What the samples that follow are; a new timeline begins.
    Format {
        /// Whose.
        camera: CameraNumber,
        /// What they are.
        video: VideoFormat,
    },
    /// An access unit; its bytes follow the message, or come in a memfd.
    Sample {
        /// Whose.
        camera: CameraNumber,
        /// Media time of its presentation, µs; rises within a timeline in decoding order but for B-frames.
        at_us: i64,
        /// UTC, µs since 1970.
        wall_us: i64,
        /// A decoder can start here.
        key: bool,
        /// Length, in bytes.
        len: u32,
    },
    /// Samples were left out: nothing is of use before the next key frame.
    Hole {
        /// Whose.
        camera: CameraNumber,
    },
    /// A plugin is done with a frame.
    Release {
        /// Its ring.
        ring: RingNumber,
        /// Where it lay.
        offset: u64,
    },
    /// A plugin asks for crops of these tracks of the camera's next frame. In a replay it is said of every model that can be
    /// asked, after every frame, be it of no tracks: the child waits for it.
    Ask {
        /// Whose.
        camera: CameraNumber,
        /// Which of its models.
        order: u16,
        /// Which tracks.
        tracks: Vec<u64>,
    },
}

/// What the analysis of a file came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ReplaySummary {
    /// Frames in the file.
    pub frames: u64,
    /// Frames that were analysed.
    pub analysed: u64,
    /// Media time of the last frame, µs.
    pub last_us: i64,
    /// Time spent decoding, scaling, detecting, tracking, µs.
    pub stages_us: [u64; 4],
}

/// What a live child did since it started; sent about once a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counters {
    /// Samples that came.
    pub samples: u64,
    /// Samples that were thrown away, up to the next key frame, because decoding did not keep up.
    pub samples_dropped: u64,
    /// Frames that were decoded.
    pub decoded: u64,
    /// Frames that were analysed.
    pub analysed: u64,
    /// Frames that were put through the detector.
    pub detected: u64,
    /// Frames for plugins that were left out for want of a free slot.
    pub frames_dropped: u64,
    /// CPU time, µs: decoding, scaling, motion gate, detecting, tracking, other models.
    pub stages_us: [u64; 6],
}

/// The rate a camera is analysed with.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    /// Which.
    pub camera: CameraNumber,
    /// What its rules need, in frames a second.
    pub wanted_fps: f32,
    /// What they get.
    pub given_fps: f32,
}

/// From the child.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum FromPerceive {
    /// Loaded and sandboxed; bytes of cameras or files are read from now on.
    Hello {
        /// Every layer of the sandbox.
        layers: Vec<Layer>,
        /// Id of the detector.
        detector: String,
    },
    /// A ring; its memfd comes beside the message, sealed against growing, shrinking and future writes.
    Ring {
        /// Its number.
        ring: RingNumber,
        /// Its length, in bytes.
        len: u64,
    },
    /// One analysed frame.
    Analysed(Box<Analysed>),
    /// A camera's samples cannot be analysed, and why; none: they can again.
    Trouble {
        /// Whose.
        camera: CameraNumber,
        /// A sentence with the remedy.
        why: Option<String>,
    },
    /// Rates that changed.
    Rates(Vec<Rate>),
    /// What was done so far.
    Counters(Counters),
    /// The file is over.
    End(ReplaySummary),
    /// There is no more, and why.
    Fatal {
        /// A sentence with the remedy.
        what: String,
    },
}

impl ReplayOrder {
    /// Whether every value is within its limit.
    ///
    /// # Errors
    /// The limit that is broken.
    pub fn check(&self) -> Result<(), ProtocolError> {
        check_paths([&self.clip, &self.models], self.detector.as_deref())?;
        self.camera.check()
    }
}

impl LiveOrder {
    /// Whether every value is within its limit.
    ///
    /// # Errors
    /// The limit that is broken.
    pub fn check(&self) -> Result<(), ProtocolError> {
        check_paths([&self.models], self.detector.as_deref())?;
        limit((1..=THREADS_MAX).contains(&self.threads), "number of threads")?;
        limit(self.budget_ms_per_s.is_finite() && self.budget_ms_per_s >= 0.0, "budget")
    }
}

fn check_paths<const N: usize>(paths: [&String; N], detector: Option<&str>) -> Result<(), ProtocolError> {
    limit(paths.iter().all(|path| path.len() <= PATH_LEN_MAX), "path length")?;
    limit(detector.is_none_or(|d| d.len() <= TEXT_LEN_MAX), "detector name")
}

fn limit(holds: bool, what: &'static str) -> Result<(), ProtocolError> {
    if holds { Ok(()) } else { Err(ProtocolError::Limit(what)) }
}

fn check_ring(ring: RingNumber, len: u64) -> Result<(), ProtocolError> {
    limit(usize::from(ring) < RINGS_MAX && (1..=RING_LEN_MAX).contains(&len), "size or number of a ring")
}

/// Takes the order of a replay, without waiting; `buffer` has at least [`MESSAGE_LEN_MAX`] bytes.
///
/// # Errors
/// As [`MediaChannel::receive`]; the order breaks a limit.
pub fn receive_order(channel: &MediaChannel, buffer: &mut [u8]) -> Result<ReplayOrder, ChannelError> {
    let (order, rest, memfd): (ReplayOrder, _, _) = receive(channel, buffer)?;
    nothing_beside(rest, memfd.is_some())?;
    order.check()?;
    Ok(order)
}

/// Takes one message of the parent, without waiting, and the bytes of a sample.
///
/// # Errors
/// As [`MediaChannel::receive`]; the message breaks a limit.
pub fn receive_to_perceive(
    channel: &MediaChannel,
    buffer: &mut [u8],
) -> Result<(ToPerceive, Vec<u8>), ChannelError> {
    let (message, rest, memfd): (ToPerceive, _, _) = receive(channel, buffer)?;
    if let ToPerceive::Sample { len, .. } = message {
        limit((1..=SAMPLE_LEN_MAX).contains(&len), "sample length")?;
        let data = data_of(len, rest, memfd)?;
        return Ok((message, data));
    }
    nothing_beside(rest, memfd.is_some())?;
    match &message {
        ToPerceive::Live(order) => order.check()?,
        ToPerceive::Camera { order, .. } => order.check()?,
        ToPerceive::Ring { ring, len } => check_ring(*ring, *len)?,
        ToPerceive::Ask { tracks, .. } => limit(tracks.len() <= TRACKS_MAX, "number of tracks")?,
        _ => {}
    }
    Ok((message, Vec::new()))
}

/// Takes one message of the child, without waiting, and the memfd of a ring; `buffer` has at least
/// [`MESSAGE_LEN_MAX`] bytes.
///
/// # Errors
/// As [`MediaChannel::receive`]; the message breaks a limit.
pub fn receive_from_perceive(
    channel: &MediaChannel,
    buffer: &mut [u8],
) -> Result<(FromPerceive, Option<OwnedFd>), ChannelError> {
    let (message, rest, memfd): (FromPerceive, _, _) = receive(channel, buffer)?;
    let is_ring = matches!(message, FromPerceive::Ring { .. });
    nothing_beside(rest, memfd.is_some() != is_ring)?;
    match &message {
        FromPerceive::Hello { layers, detector } => {
            limit(layers.len() <= LAYERS_MAX, "number of sandbox layers")?;
            limit(detector.len() <= TEXT_LEN_MAX, "text length")?;
        }
        FromPerceive::Ring { ring, len } => check_ring(*ring, *len)?,
        FromPerceive::Analysed(analysed) => analysed.check()?,
        FromPerceive::Trouble { why: Some(text), .. } | FromPerceive::Fatal { what: text } => {
            limit(text.len() <= TEXT_LEN_MAX, "text length")?;
        }
        _ => {}
    }
    Ok((message, memfd))
}

/// A message, the bytes behind it and the descriptor beside it.
type Received<'a, T> = (T, &'a [u8], Option<OwnedFd>);

fn receive<'a, T: for<'b> Deserialize<'b>>(
    channel: &MediaChannel,
    buffer: &'a mut [u8],
) -> Result<Received<'a, T>, ChannelError> {
    debug_assert!(buffer.len() >= MESSAGE_LEN_MAX);
    let (len, memfd) = channel.receive(buffer)?;
    let (message, rest) = decode(buffer.get(..len).unwrap_or_default())?;
    Ok((message, rest, memfd))
}

fn nothing_beside(rest: &[u8], wrong_fd: bool) -> Result<(), ProtocolError> {
    limit(rest.is_empty() && !wrong_fd, "data beside a message that carries none, or none beside a ring")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop on what it did not expect")]

    use super::*;
    use crate::analysis::{FrameFormat, FrameOrder, MASKS_MAX};
    use crate::geometry::Polygon;

    fn order(fps: f32, masks: usize, path: usize) -> ReplayOrder {
        ReplayOrder {
            clip: "c".repeat(path),
            models: "m".into(),
            detector: None,
            weather: None,
            camera: CameraOrder { fps, masks: vec![Polygon::picture(); masks], ..CameraOrder::default() },
        }
    }

    fn check(sent: &ReplayOrder, expected: Result<(), &str>) {
        let (ours, theirs) = MediaChannel::pair().unwrap();
        ours.send(sent).unwrap();
        let got = receive_order(&MediaChannel::from_fd(theirs), &mut vec![0; MESSAGE_LEN_MAX]);
        match (got, expected) {
            (Ok(got), Ok(())) => assert_eq!(&got, sent),
            (Err(why), Err(expected)) => assert!(why.to_string().contains(expected), "{why}"),
            (got, expected) => panic!("{got:?}, expected {expected:?}"),
        }
    }

    #[test]
    fn orders_and_their_limits() {
        check(&order(5.0, 2, 10), Ok(()));
        check(&order(0.0, 0, 10), Err("frames a second"));
        check(&order(f32::NAN, 0, 10), Err("frames a second"));
        check(&order(31.0, 0, 10), Err("frames a second"));
        check(&order(5.0, MASKS_MAX + 1, 10), Err("number of masks"));
        check(&order(5.0, 0, PATH_LEN_MAX + 1), Err("path length"));
        let mut wide = order(5.0, 0, 10);
        let (format, width, height) = (FrameFormat::Rgb8, 4000, 10);
        wide.camera.frames.push(FrameOrder { ring: 0, format, width, height, fps_max: 1.0 });
        check(&wide, Err("frames for plugins"));
    }

    #[test]
    fn samples_travel_inside_and_beside() {
        for len in [1_u32, 100, 70_000] {
            let (ours, theirs) = MediaChannel::pair().unwrap();
            let data: Vec<u8> = (0..len).map(|n| (n % 251) as u8).collect();
            let sample = ToPerceive::Sample { camera: 3, at_us: 40, wall_us: 50, key: true, len };
            ours.send_data(&sample, &data).unwrap();
            let got = receive_to_perceive(&MediaChannel::from_fd(theirs), &mut vec![0; MESSAGE_LEN_MAX]);
            assert_eq!(got.unwrap(), (sample, data));
        }
    }

    #[test]
    fn a_ring_without_its_memfd_is_refused() {
        let (ours, theirs) = MediaChannel::pair().unwrap();
        ours.send(&FromPerceive::Ring { ring: 1, len: 4096 }).unwrap();
        let got = receive_from_perceive(&MediaChannel::from_fd(theirs), &mut vec![0; MESSAGE_LEN_MAX]);
        assert!(got.unwrap_err().to_string().contains("ring"));
    }
}
