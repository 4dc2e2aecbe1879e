//! What the analysis of a camera has to make, and what it made of one frame: the nouns that perception, the plugin host
//! and the recorder share.
//!
//! Promises: plain data; [`CameraOrder::check`] and [`Analysed::check`] refuse what breaks a limit, with its name.
//! Leaves to others: messages (`perceive_protocol`), making it (`nvr-perception`), what plugins are told (`nvr-plugins`).

use crate::geometry::{Polygon, Rect};
use crate::media_protocol::{ProtocolError, TEXT_LEN_MAX};
use crate::scene::{Scene, TRACKS_MAX};
use serde::{Deserialize, Serialize};

/// Most frames a second that are analysed.
pub const FPS_MAX: f32 = 30.0;
/// Most masks of a camera.
pub const MASKS_MAX: usize = 64;
/// Most kinds of frames a camera's rules may want: one for each rule and format.
pub const FRAME_ORDERS_MAX: usize = 64;
/// Longest side of a frame for a plugin, in pixels.
pub const FRAME_PX_MAX: u32 = 1920;
/// Most models a camera's rules may want, and most results of one frame.
pub const INFERENCES_MAX: usize = 64;
/// Most floats of all results of one frame.
pub const FLOATS_MAX: usize = 8 * 1024;
/// Most rings: one for each plugin that wants frames.
pub const RINGS_MAX: usize = 64;
/// Longest ring, in bytes.
pub const RING_LEN_MAX: u64 = 256 << 20;

/// The analysis' number of a camera: as the order that named it says.
pub type CameraNumber = u16;
/// Number of a ring: one for each running plugin.
pub type RingNumber = u16;

/// Format of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FrameFormat {
    /// One byte a pixel.
    Gray8,
    /// Three bytes a pixel: R, G, B.
    Rgb8,
}

impl FrameFormat {
    /// Bytes of a pixel.
    pub fn pixel_bytes(self) -> u32 {
        match self {
            Self::Gray8 => 1,
            Self::Rgb8 => 3,
        }
    }
}

/// Where a frame lies in the ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrameRef {
    /// Its format.
    pub format: FrameFormat,
    /// First byte.
    pub offset: u64,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Bytes from one row to the next.
    pub stride: u32,
}

/// A model's result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Inference {
    /// The model's id.
    pub model: String,
    /// The track whose box it saw; 0: the whole picture.
    pub track: u64,
    /// Media time of the frame it ran on, µs.
    pub at_us: i64,
    /// `nvr_result_kind_t`.
    pub kind: i32,
    /// Sizes, 1 to 4.
    pub dims: Vec<u32>,
    /// What it saw of the picture.
    pub region: Rect,
    /// Row-major values.
    pub data: Vec<f32>,
}

/// Frames for a plugin. The size is the largest: the picture's shape is kept, nothing is enlarged.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FrameOrder {
    /// The ring of the plugin.
    pub ring: RingNumber,
    /// Format.
    pub format: FrameFormat,
    /// Largest width, in pixels.
    pub width: u32,
    /// Largest height, in pixels.
    pub height: u32,
    /// Highest rate.
    pub fps_max: f32,
}

/// What a model looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LooksAt {
    /// The whole picture.
    Frame,
    /// The boxes of tracks.
    Crops,
    /// The boxes of the tracks a plugin asked for.
    Asked,
}

/// Results of a model for a plugin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InferenceOrder {
    /// The model's id.
    pub model: String,
    /// What it looks at.
    pub looks_at: LooksAt,
    /// Crops: least score of the track.
    pub min_score: f32,
    /// Crops: labels of the tracks, as bits. Whole picture: looked at only where such tracks are or were; none: always.
    pub labels: [u64; 2],
    /// Most runs, or crops, a second.
    pub per_s_max: f32,
}

/// What the rules of a camera need together.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct CameraOrder {
    /// Frames a second to analyse, above 0 and at most [`FPS_MAX`].
    pub fps: f32,
    /// What must not be looked at.
    pub masks: Vec<Polygon>,
    /// Labels of the tracks, as bits; none: nothing is detected or followed.
    pub labels: [u64; 2],
    /// Frames.
    pub frames: Vec<FrameOrder>,
    /// Models.
    pub inference: Vec<InferenceOrder>,
    /// 1 urgent .. 3 note: the most urgent rule. With too little time, urgent cameras keep their rate longest.
    pub severity: u8,
}

/// A frame in a ring; leased until it is released.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivered {
    /// Which of the camera's [`CameraOrder::frames`].
    pub order: u16,
    /// Where it lies.
    pub frame: FrameRef,
}

/// A result for one of the camera's [`CameraOrder::inference`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answered {
    /// Which.
    pub order: u16,
    /// The result.
    pub inference: Inference,
}

/// What was made of one frame.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Analysed {
    /// Whose frame.
    pub camera: CameraNumber,
    /// Its number among the camera's analysed ones, from 0.
    pub sequence: u64,
    /// UTC of the frame, µs since 1970; 0 in a file.
    pub wall_us: i64,
    /// Size of the picture, pixels.
    pub picture: (u32, u32),
    /// Frames were lost or left out since the last one that was analysed: the camera was away, or the machine too busy.
    pub is_after_gap: bool,
    /// What is in it.
    pub scene: Scene,
    /// Frames for plugins.
    pub frames: Vec<Delivered>,
    /// Results for plugins.
    pub inferences: Vec<Answered>,
}

impl CameraOrder {
    /// Whether every value is within its limit.
    ///
    /// # Errors
    /// The limit that is broken.
    pub fn check(&self) -> Result<(), ProtocolError> {
        let side = |px: u32| (1..=FRAME_PX_MAX).contains(&px);
        let rate = |fps: f32| fps > 0.0 && fps <= 1000.0;
        let frame = |f: &FrameOrder| {
            side(f.width) && side(f.height) && rate(f.fps_max) && usize::from(f.ring) < RINGS_MAX
        };
        let model = |i: &InferenceOrder| i.model.len() <= TEXT_LEN_MAX && rate(i.per_s_max);
        let limits = [
            ("frames a second", self.fps > 0.0 && self.fps <= FPS_MAX),
            ("number of masks", self.masks.len() <= MASKS_MAX),
            ("frames for plugins", self.frames.len() <= FRAME_ORDERS_MAX && self.frames.iter().all(frame)),
            ("models", self.inference.len() <= INFERENCES_MAX && self.inference.iter().all(model)),
        ];
        broken(&limits)
    }

    /// Size in which a frame of `picture` pixels is delivered: the largest of its shape inside the order, never enlarged.
    pub fn frame_size(order: &FrameOrder, picture: (u32, u32)) -> (u32, u32) {
        let (width, height) = (f64::from(picture.0.max(1)), f64::from(picture.1.max(1)));
        let ratio = (f64::from(order.width) / width).min(f64::from(order.height) / height).min(1.0);
        let side = |px: f64, max: u32| ((px * ratio).round() as u32).clamp(1, max.max(1));
        (side(width, order.width), side(height, order.height))
    }
}

impl Analysed {
    /// Whether what a child says is within the limits.
    ///
    /// # Errors
    /// The limit that is broken.
    pub fn check(&self) -> Result<(), ProtocolError> {
        let floats: usize = self.inferences.iter().map(|i| i.inference.data.len()).sum();
        let shaped = |i: &Inference| {
            let product = i.dims.iter().try_fold(1_u64, |p, d| p.checked_mul(u64::from(*d)));
            (1..=4).contains(&i.dims.len())
                && product == Some(i.data.len() as u64)
                && i.model.len() <= TEXT_LEN_MAX
        };
        let limits = [
            ("number of tracks", self.scene.tracks.len() <= TRACKS_MAX),
            ("number of ended tracks", self.scene.ended.len() <= 2 * TRACKS_MAX),
            ("number of frames", self.frames.len() <= FRAME_ORDERS_MAX),
            ("number of results", self.inferences.len() <= INFERENCES_MAX),
            ("floats of results", floats <= FLOATS_MAX),
            ("shape of a result", self.inferences.iter().all(|i| shaped(&i.inference))),
        ];
        broken(&limits)
    }
}

fn broken(limits: &[(&'static str, bool)]) -> Result<(), ProtocolError> {
    limits.iter().find(|(_, holds)| !holds).map_or(Ok(()), |(what, _)| Err(ProtocolError::Limit(what)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_keep_their_shape() {
        let order =
            |width, height| FrameOrder { ring: 0, format: FrameFormat::Gray8, width, height, fps_max: 1.0 };
        let check = |order: FrameOrder, picture, expected| {
            assert_eq!(CameraOrder::frame_size(&order, picture), expected, "{picture:?}");
        };
        check(order(320, 320), (1920, 1080), (320, 180));
        check(order(320, 320), (406, 720), (180, 320));
        check(order(320, 320), (160, 90), (160, 90));
        check(order(320, 320), (4000, 1), (320, 1));
        check(order(320, 320), (0, 0), (1, 1));
    }
}
