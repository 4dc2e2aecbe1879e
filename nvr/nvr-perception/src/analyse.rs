//! One frame of one camera in, what was made of it out: scene, frames for plugins, results of models. A file and a live
//! camera go through the same step.
//!
//! Promises: frames are chosen by media time alone, on grids that do not drift; what a mask covers never reaches a model
//!   or a plugin; the same frames give the same scenes; a frame that finds no room in its ring is left out and counted.
//! Leaves to others: decoding (`nvr-media`), whether a detector need look (`gate`), what scenes mean (plugins), how many
//!   frames a second (`plan`), waiting for room (`replay`).

use crate::engine::{Engine, size_for};
use crate::infer::Looks;
use crate::mask::Mask;
use crate::model::{FrameRgb, ModelError};
use crate::prior::plausible;
use crate::ring::Rings;
use crate::track::{Tracker, TrackerConfig};
use nvr_base::analysis::{
    Analysed, CameraNumber, CameraOrder, Delivered, FrameFormat, FrameOrder, FrameRef, RingNumber,
};
use nvr_base::geometry::Rect;
use nvr_base::grid::Grid;
use nvr_base::scene::{Scene, TrackId};
use nvr_media::failure::Failure;
use nvr_media::frames::Frame;
use std::time::Instant;

/// Why a frame was not analysed.
#[derive(Debug, thiserror::Error)]
pub enum AnalyseError {
    /// Scaling.
    #[error(transparent)]
    Picture(#[from] Failure),
    /// Detecting.
    #[error(transparent)]
    Model(#[from] ModelError),
}

/// Format and size of a picture.
type Kind = (FrameFormat, (u32, u32));

/// The analysis of one camera: all that it remembers from frame to frame.
#[derive(Debug)]
pub struct Camera {
    number: CameraNumber,
    order: CameraOrder,
    grid: Grid,
    /// When a frame of each order is due.
    frames: Vec<Grid>,
    looks: Looks,
    mask: Mask,
    tracker: Option<Followed>,
    /// Tracks that ended outside a step, to be said with the next frame.
    ended: Vec<TrackId>,
    sequence: u64,
}

/// The tracker, and the size of the pictures it follows in.
#[derive(Debug)]
struct Followed {
    tracker: Tracker,
    picture: (usize, usize),
}

impl Camera {
    /// A camera of which nothing was seen yet.
    pub fn new(number: CameraNumber, order: CameraOrder) -> Self {
        let mut camera = Self {
            number,
            order: CameraOrder::default(),
            grid: Grid::new(1.0),
            frames: Vec::new(),
            looks: Looks::default(),
            mask: Mask::default(),
            tracker: None,
            ended: Vec::new(),
            sequence: 0,
        };
        camera.reorder(order);
        camera
    }

    /// From now on other things are to be made; tracks and the count of frames go on.
    pub fn reorder(&mut self, order: CameraOrder) {
        self.mask = Mask::new(order.masks.clone());
        self.order = order;
        self.begin();
    }

    /// A new timeline begins: media times may start anew, all tracks end.
    pub fn restart(&mut self) {
        if let Some(Followed { tracker, .. }) = &mut self.tracker {
            self.ended.extend(tracker.reset());
        }
        self.begin();
    }

    fn begin(&mut self) {
        let fps = self.order.fps;
        self.grid = Grid::new(fps);
        self.frames = self.order.frames.iter().map(|order| Grid::within(order.fps_max, fps)).collect();
        self.looks = Looks::new(&self.order.inference, fps);
    }

    /// What is to be made.
    pub fn order(&self) -> &CameraOrder {
        &self.order
    }

    /// Whether a detector has reason to look although nothing moves: something is followed.
    pub fn is_following(&self) -> bool {
        self.tracker.as_ref().is_some_and(|f| f.tracker.is_following())
    }

    /// Results of models that did not fit the limits of their frame.
    pub fn left_out(&self) -> u64 {
        self.looks.left_out()
    }

    /// Whether the frame at `at_us` is one to analyse. To be asked once a frame: the answer is yes once a step.
    pub fn due(&mut self, at_us: i64) -> bool {
        self.grid.takes(at_us)
    }

    /// A plugin asks for crops of these tracks of the next frame.
    pub fn ask(&mut self, order: u16, tracks: &[u64]) {
        self.looks.ask(order, tracks);
    }

    /// Rings, and bytes in them, that analysing this frame will take: for who wants to wait for room.
    pub fn room(&self, frame: &Frame) -> Vec<(RingNumber, u64)> {
        let due = self.order.frames.iter().zip(&self.frames).filter(|(_, grid)| grid.is_due(frame.at_us));
        due.map(|(order, _)| (order.ring, frame_len(order, picture(frame)))).collect()
    }

    /// Analyses a frame. Without `detect`, because nothing moves, what is followed is held where it is and the detector
    /// does not look. What was asked for but is not there is missing in the answer: frames without room, models that are
    /// not open. `wall_us`, `is_after_gap` and `scene.motion` are the caller's to set.
    ///
    /// # Errors
    /// The frame cannot be scaled, or a model fails on it.
    pub fn analyse(
        &mut self,
        frame: &Frame,
        engine: &mut Engine,
        rings: &Rings,
        detect: bool,
    ) -> Result<Analysed, AnalyseError> {
        let scene = self.follow(frame, engine, detect)?;
        let frames = self.deliver(frame, engine, rings)?;
        let inferences = self.looks.run(frame, &scene, detect, &mut self.mask, engine)?;
        let sequence = self.sequence;
        self.sequence += 1;
        let (camera, picture) = (self.number, picture(frame));
        Ok(Analysed { camera, sequence, picture, scene, frames, inferences, ..Analysed::default() })
    }

    /// Detects and follows.
    fn follow(&mut self, frame: &Frame, engine: &mut Engine, detect: bool) -> Result<Scene, AnalyseError> {
        let size = (frame.width, frame.height);
        let mut ended = std::mem::take(&mut self.ended);
        let is_wanted = self.order.labels != [0, 0];
        let config =
            TrackerConfig { aspect: frame.width as f32 / frame.height as f32, ..engine.tracker_config() };
        let Engine { detector, scaler, spent, .. } = engine;
        let (Some(detector), true) = (detector, is_wanted) else {
            return Ok(Scene { at_us: frame.at_us, ended, ..Scene::default() });
        };
        let began = Instant::now();
        let followed =
            self.tracker.get_or_insert_with(|| Followed { tracker: Tracker::new(config), picture: size });
        if followed.picture != size {
            ended.extend(followed.tracker.reshape(config.aspect));
            followed.picture = size;
        }
        let mut scene = if detect {
            let (width, height) = size_for(&detector.manifest().input, size);
            let mut rgb = scaler.rgb(frame, width, height)?;
            self.mask.paint(&mut rgb, (width, height), 3);
            let scaled = Instant::now();
            let found = detector.detect(&FrameRgb::new(width, height, width * 3, &rgb)?)?;
            let detections: Vec<_> = found.into_iter().map(plausible).collect();
            let detected = Instant::now();
            let scene = followed.tracker.step(frame.at_us, &detections);
            spent.scale += scaled - began;
            spent.detect += detected - scaled;
            spent.track += detected.elapsed();
            scene
        } else {
            let scene = followed.tracker.hold(frame.at_us);
            spent.track += began.elapsed();
            scene
        };
        ended.append(&mut scene.ended);
        for track in &mut scene.tracks {
            track.rect = in_picture(track.rect);
        }
        Ok(Scene { ended, ..scene })
    }

    /// Puts the frames that are due into their rings.
    fn deliver(
        &mut self,
        frame: &Frame,
        engine: &mut Engine,
        rings: &Rings,
    ) -> Result<Vec<Delivered>, AnalyseError> {
        let began = Instant::now();
        let mut delivered = Vec::new();
        // Plugins that want the same picture get copies of one.
        let mut made: Vec<(Kind, Vec<u8>)> = Vec::new();
        for (number, (order, grid)) in self.order.frames.iter().zip(&mut self.frames).enumerate() {
            if !grid.takes(frame.at_us) {
                continue;
            }
            let size = CameraOrder::frame_size(order, picture(frame));
            let key = (order.format, size);
            if !made.iter().any(|(known, _)| *known == key) {
                made.push((key, picture_of(frame, order.format, size, &mut self.mask, engine)?));
            }
            let Some((_, pixels)) = made.iter().find(|(known, _)| *known == key) else { continue };
            let Some(offset) = rings.put(order.ring, pixels) else { continue };
            let ((width, height), stride) = (size, size.0 * order.format.pixel_bytes());
            let frame = FrameRef { format: order.format, offset, width, height, stride };
            delivered.push(Delivered { order: u16::try_from(number).unwrap_or(u16::MAX), frame });
        }
        engine.spent.scale += began.elapsed();
        Ok(delivered)
    }
}

/// Bytes of a frame of this order.
pub fn frame_len(order: &FrameOrder, picture: (u32, u32)) -> u64 {
    let (width, height) = CameraOrder::frame_size(order, picture);
    u64::from(width) * u64::from(height) * u64::from(order.format.pixel_bytes())
}

/// A frame as plugins get it.
fn picture_of(
    frame: &Frame,
    format: FrameFormat,
    (width, height): (u32, u32),
    mask: &mut Mask,
    engine: &mut Engine,
) -> Result<Vec<u8>, AnalyseError> {
    let size = (width as usize, height as usize);
    let (mut pixels, channels) = match format {
        FrameFormat::Gray8 => (full_range(engine.scaler.gray(frame, size.0, size.1)?, frame.full_range), 1),
        FrameFormat::Rgb8 => (engine.scaler.rgb(frame, size.0, size.1)?, 3),
    };
    mask.paint(&mut pixels, size, channels);
    Ok(pixels)
}

/// Luma from 0 to 255: that of most cameras runs from 16 to 235.
fn full_range(mut luma: Vec<u8>, is_full: bool) -> Vec<u8> {
    if !is_full {
        for value in &mut luma {
            let above = u32::from(value.saturating_sub(16));
            *value = u8::try_from((above * 255 + 109) / 219).unwrap_or(u8::MAX);
        }
    }
    luma
}

/// The part of a box that is in the picture: what leaves it is followed beyond the edge, and the contract with plugins
/// knows nothing there.
fn in_picture(rect: Rect) -> Rect {
    let (x, y) = (rect.x.clamp(0.0, 1.0), rect.y.clamp(0.0, 1.0));
    Rect { x, y, w: rect.right().clamp(0.0, 1.0) - x, h: rect.bottom().clamp(0.0, 1.0) - y }
}

fn picture(frame: &Frame) -> (u32, u32) {
    let px = |side: usize| u32::try_from(side).unwrap_or(u32::MAX);
    (px(frame.width), px(frame.height))
}

#[cfg(test)]
#[path = "analyse_tests.rs"]
mod tests;
