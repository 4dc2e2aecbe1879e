//! The desk: what came in for which camera, and which camera a thread takes next.
//!
//! Promises: pure; of the cameras with a picture that is due, the one whose picture has waited longest is next; a camera is
//!   with one thread at a time; a turn takes all that waits of a camera, so that nobody works off what is old; orders reach
//!   a camera in the order given.
//! Leaves to others: locks and threads (`hall`), decoding and analysing (`eye`), rates (`pace`).

use super::flow::Flow;
use super::queue::{Queue, Queued};
use nvr_base::VideoFormat;
use nvr_base::analysis::{CameraNumber, CameraOrder};
use nvr_base::grid::Grid;
use nvr_media::decode::BACK_US_MAX;
use std::collections::{BTreeMap, BTreeSet};

/// Most cameras.
pub const CAMERAS_MAX: usize = 1024;
/// Samples without a due one after which they are decoded all the same: what waits stays short, pictures that are shown
/// late come out.
pub const SAMPLES_UNDUE_MAX: usize = 16;
/// A camera whose oldest sample has waited longer goes on at its newest key frame, µs.
pub const LATE_US: i64 = 1_500_000;
/// Most questions of plugins that wait for a camera's next frame.
pub const ASKS_MAX: usize = 64;
/// Bytes of samples that wait, of all cameras: when they are more, a camera's queue counts as full.
pub const BYTES_MAX: usize = 256 << 20;

/// How often a camera is looked at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// Frames a second; 0: not at all.
    pub fps: f32,
    /// Key frames alone give that rate: nothing else is decoded.
    pub keys_only: bool,
}

/// What a thread takes away.
#[derive(Debug, PartialEq)]
pub struct Job {
    /// Whose.
    pub camera: CameraNumber,
    /// Which of the lives that a camera of this number had.
    pub life: u64,
    /// What to make from now on, when that changed; its rate is the one given.
    pub order: Option<CameraOrder>,
    /// What the samples are from now on, when that changed.
    pub format: Option<VideoFormat>,
    /// All that waited.
    pub samples: Vec<Queued>,
    /// What plugins ask: of which order, which tracks.
    pub asks: Vec<(u16, Vec<u64>)>,
}

#[derive(Debug)]
struct Seat {
    life: u64,
    /// Bytes of the queue as they were counted last.
    counted: usize,
    queue: Queue,
    flow: Flow,
    order: CameraOrder,
    pace: Pace,
    is_new_order: bool,
    asks: Vec<(u16, Vec<u64>)>,
    grid: Grid,
    /// A thread has it.
    is_out: bool,
    /// Its place among those that wait.
    place: Option<(i64, CameraNumber)>,
}

/// All cameras.
#[derive(Debug, Default)]
pub struct Desk {
    seats: BTreeMap<CameraNumber, Seat>,
    waiting: BTreeSet<(i64, CameraNumber)>,
    /// Samples that came.
    pub samples: u64,
    /// Samples thrown away of cameras that are gone.
    dropped_gone: u64,
    bytes: usize,
    lives: u64,
}

impl Desk {
    /// A camera is to be analysed from now on, or differently. False: there are too many.
    pub fn order(&mut self, camera: CameraNumber, order: CameraOrder) -> bool {
        if !self.seats.contains_key(&camera) && self.seats.len() >= CAMERAS_MAX {
            return false;
        }
        let pace = Pace { fps: order.fps, keys_only: false };
        self.lives += 1;
        let life = self.lives;
        let seat = self.seats.entry(camera).or_insert_with(|| Seat {
            life,
            counted: 0,
            queue: Queue::new(),
            flow: Flow::default(),
            order: CameraOrder::default(),
            pace,
            is_new_order: true,
            asks: Vec::new(),
            grid: Grid::new(order.fps),
            is_out: false,
            place: None,
        });
        // Until the planner has thought about it, a new wish is met; a rate that was cut stays cut.
        let is_cut = seat.pace.fps < seat.order.fps;
        let fps = if is_cut { seat.pace.fps.min(order.fps) } else { order.fps };
        seat.pace = Pace { fps, ..seat.pace };
        seat.order = order;
        seat.renew();
        true
    }

    /// A camera is not analysed any more.
    pub fn forget(&mut self, camera: CameraNumber) {
        if let Some(seat) = self.seats.remove(&camera) {
            self.dropped_gone += seat.queue.dropped + seat.queue.len() as u64;
            self.bytes -= seat.counted;
            if let Some(place) = seat.place {
                self.waiting.remove(&place);
            }
        }
    }

    /// What the camera's samples are from now on: a new timeline.
    pub fn format(&mut self, camera: CameraNumber, format: VideoFormat) {
        if let Some(seat) = self.seats.get_mut(&camera) {
            seat.flow = Flow::new(&format);
            seat.queue.format(format);
            seat.grid = Grid::new(seat.pace.fps);
            self.settle(camera);
        }
    }

    /// Samples were left out.
    pub fn hole(&mut self, camera: CameraNumber) {
        if let Some(seat) = self.seats.get_mut(&camera) {
            seat.queue.hole();
        }
    }

    /// A sample came; what it is due for is found out here.
    pub fn sample(&mut self, camera: CameraNumber, mut sample: Queued) {
        self.samples += 1;
        let Some(seat) = self.seats.get_mut(&camera) else {
            self.dropped_gone += 1;
            return;
        };
        if seat.flow.newest_us().is_some_and(|newest| sample.at_us < newest.saturating_sub(BACK_US_MAX)) {
            seat.flow.restart();
            seat.grid = Grid::new(seat.pace.fps);
        }
        seat.flow.sample(sample.at_us, sample.key);
        if seat.pace.fps <= 0.0 {
            // Nobody looks: when somebody does, a key frame comes first.
            seat.queue.hole();
            return;
        }
        // With key frames alone those in between are not missed: each stands alone.
        let is_left_out = seat.pace.keys_only && !sample.key;
        if is_left_out || !seat.queue.is_of_use(sample.key) {
            return;
        }
        sample.due = seat.grid.takes(sample.at_us);
        sample.alone = seat.pace.keys_only;
        if self.bytes + sample.data.len() > BYTES_MAX {
            seat.queue.throw_away();
            seat.queue.dropped += 1;
        } else {
            seat.queue.push(sample);
        }
        self.settle(camera);
    }

    /// A plugin asks for crops of a camera's next frame; too many questions: the newest is not kept.
    pub fn ask(&mut self, camera: CameraNumber, order: u16, tracks: Vec<u64>) {
        if let Some(seat) = self.seats.get_mut(&camera).filter(|seat| seat.asks.len() < ASKS_MAX) {
            seat.asks.push((order, tracks));
        }
    }

    /// The planner gives a camera another rate.
    pub fn pace(&mut self, camera: CameraNumber, pace: Pace) {
        if let Some(seat) = self.seats.get_mut(&camera).filter(|seat| seat.pace != pace) {
            if seat.pace.keys_only && !pace.keys_only {
                // What comes next hangs on what was left out.
                seat.queue.hole();
            }
            seat.pace = pace;
            seat.renew();
        }
    }

    /// The next camera to work on; it is that thread's until [`Self::back`].
    pub fn take(&mut self, now_us: i64) -> Option<Job> {
        let (_, camera) = self.waiting.pop_first()?;
        let seat = self.seats.get_mut(&camera)?;
        (seat.place, seat.is_out) = (None, true);
        if seat.queue.oldest_us().is_some_and(|came| now_us.saturating_sub(came) > LATE_US) {
            seat.queue.skip_to_newest_key();
        }
        let (format, samples) = seat.queue.take();
        self.bytes -= std::mem::take(&mut seat.counted);
        let order = std::mem::take(&mut seat.is_new_order)
            .then(|| CameraOrder { fps: seat.pace.fps.max(f32::MIN_POSITIVE), ..seat.order.clone() });
        let life = seat.life;
        Some(Job { camera, life, order, format, samples, asks: std::mem::take(&mut seat.asks) })
    }

    /// A thread is done with a camera. False: it was forgotten meanwhile.
    pub fn back(&mut self, camera: CameraNumber, life: u64) -> bool {
        let Some(seat) = self.seats.get_mut(&camera).filter(|seat| seat.life == life) else { return false };
        seat.is_out = false;
        self.settle(camera);
        true
    }

    /// Whether a camera waits for a thread.
    pub fn has_work(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Samples thrown away so far.
    pub fn dropped(&self) -> u64 {
        self.dropped_gone + self.seats.values().map(|seat| seat.queue.dropped).sum::<u64>()
    }

    /// Cameras, what they want, what comes of them, and what they get.
    pub fn cameras(&self) -> impl Iterator<Item = (CameraNumber, &CameraOrder, &Flow, Pace)> {
        self.seats.iter().map(|(camera, seat)| (*camera, &seat.order, &seat.flow, seat.pace))
    }

    /// Gives a camera its place among those that wait, if it has reason to.
    fn settle(&mut self, camera: CameraNumber) {
        let Some(seat) = self.seats.get_mut(&camera) else { return };
        let bytes = seat.queue.bytes();
        self.bytes = self.bytes - seat.counted + bytes;
        seat.counted = bytes;
        let many = seat.queue.len() >= SAMPLES_UNDUE_MAX;
        let since = seat.queue.due_us().or_else(|| seat.queue.oldest_us().filter(|_| many));
        let place = since.filter(|_| !seat.is_out).map(|since| (since, camera));
        if place != seat.place {
            if let Some(old) = seat.place {
                self.waiting.remove(&old);
            }
            self.waiting.extend(place);
            seat.place = place;
        }
    }
}

impl Seat {
    fn renew(&mut self) {
        self.is_new_order = true;
        self.grid = Grid::new(self.pace.fps);
    }
}

#[cfg(test)]
#[path = "desk_tests.rs"]
mod tests;
