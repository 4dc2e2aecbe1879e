//! What `nvr-perceive` is told and what it answers: one order, then scenes until the end.
//!
//! Promises: an order and an answer fit a datagram of the media channel; what the child says is not trusted: a limit
//!   that is broken is an error that names it.
//! Leaves to others: perception itself (`nvr-perception`), what scenes mean (plugins).

use crate::geometry::Polygon;
use crate::media_channel::{ChannelError, MediaChannel};
use crate::media_protocol::{LAYERS_MAX, Layer, MESSAGE_LEN_MAX, ProtocolError, TEXT_LEN_MAX, decode};
use crate::scene::{Scene, TRACKS_MAX};
use serde::{Deserialize, Serialize};

/// Argument that makes the child analyse a file.
pub const REPLAY_ARGUMENT: &str = "replay";
/// Most frames a second that are analysed.
pub const FPS_MAX: f32 = 30.0;
/// Longest path of an order, bytes.
pub const PATH_LEN_MAX: usize = 4096;
/// Most masks of a camera.
pub const MASKS_MAX: usize = 64;

/// Analyse a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReplayOrder {
    /// The file.
    pub clip: String,
    /// Folder with ONNX Runtime and the models.
    pub models: String,
    /// Id of the detector; none: the best that is there.
    pub detector: Option<String>,
    /// Frames a second to analyse, above 0 and at most [`FPS_MAX`].
    pub fps: f32,
    /// What must not be looked at.
    pub masks: Vec<Polygon>,
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

/// From the child.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum FromPerceive {
    /// Loaded and sandboxed; the file is read from now on.
    Hello {
        /// Every layer of the sandbox.
        layers: Vec<Layer>,
        /// Id of the detector.
        detector: String,
    },
    /// One analysed frame.
    Scene {
        /// Its number among the analysed ones, from 0.
        sequence: u64,
        /// Size of the picture, pixels.
        picture: (u32, u32),
        /// What is in it.
        scene: Scene,
    },
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
        let limits = [
            ("path length", self.clip.len().max(self.models.len()) <= PATH_LEN_MAX),
            ("detector name", self.detector.as_ref().is_none_or(|d| d.len() <= TEXT_LEN_MAX)),
            ("frames a second", self.fps > 0.0 && self.fps <= FPS_MAX),
            ("number of masks", self.masks.len() <= MASKS_MAX),
        ];
        limits.iter().find(|(_, holds)| !holds).map_or(Ok(()), |(what, _)| Err(ProtocolError::Limit(what)))
    }
}

/// Takes the order, without waiting; `buffer` has at least [`MESSAGE_LEN_MAX`] bytes.
///
/// # Errors
/// As [`MediaChannel::receive`]; the order breaks a limit.
pub fn receive_order(channel: &MediaChannel, buffer: &mut [u8]) -> Result<ReplayOrder, ChannelError> {
    let order: ReplayOrder = receive(channel, buffer)?;
    order.check()?;
    Ok(order)
}

/// Takes one message of the child, without waiting; `buffer` has at least [`MESSAGE_LEN_MAX`] bytes.
///
/// # Errors
/// As [`MediaChannel::receive`]; the message breaks a limit.
pub fn receive_from_perceive(
    channel: &MediaChannel,
    buffer: &mut [u8],
) -> Result<FromPerceive, ChannelError> {
    let message = receive(channel, buffer)?;
    let broken = match &message {
        FromPerceive::Hello { layers, .. } if layers.len() > LAYERS_MAX => Some("number of sandbox layers"),
        FromPerceive::Hello { detector: text, .. } | FromPerceive::Fatal { what: text } => {
            (text.len() > TEXT_LEN_MAX).then_some("text length")
        }
        FromPerceive::Scene { scene, .. } => (scene.tracks.len() > TRACKS_MAX).then_some("number of tracks"),
        FromPerceive::End(_) => None,
    };
    broken.map_or(Ok(message), |what| Err(ProtocolError::Limit(what).into()))
}

fn receive<T: for<'a> Deserialize<'a>>(channel: &MediaChannel, buffer: &mut [u8]) -> Result<T, ChannelError> {
    debug_assert!(buffer.len() >= MESSAGE_LEN_MAX);
    let (len, memfd) = channel.receive(buffer)?;
    let (message, rest) = decode(buffer.get(..len).unwrap_or_default())?;
    if memfd.is_some() || !rest.is_empty() {
        return Err(ProtocolError::Limit("data beside a message that carries none").into());
    }
    Ok(message)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop on what it did not expect")]

    use super::*;

    fn order(fps: f32, masks: usize, path: usize) -> ReplayOrder {
        ReplayOrder {
            clip: "c".repeat(path),
            models: "m".into(),
            detector: None,
            fps,
            masks: vec![Polygon::picture(); masks],
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
    }
}
