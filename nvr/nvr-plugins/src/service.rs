//! Rules × generations: which instance runs in which worker, what each is given of a frame, and whose words count.
//!
//! ```text
//! rules, cameras ─┐                          ┌─▶ to workers: make, feed, reset, end instances
//! host's orders ──┼─▶ Service::step ─────────┼─▶ to perception: cameras' orders, rings, releases, asks
//! workers' words ─┤   (event, now) → actions └─▶ sayings: events, counts, blindness, interruptions
//! frames ─────────┘
//! ```
//!
//! Promises: pure; every rule is an instance in each generation of its plugin that is fed, and exactly one generation is
//!   heard; a change of generation neither loses nor repeats a situation; an instance that is busy misses its own input
//!   and nobody else's; every moment of a rule is watched or has a reason.
//! Leaves to others: processes and sockets (`nvr`), lives of generations (`generation`), perception, alerts.

mod armed;
mod feed;
mod gate;
mod instance;
mod objects;
mod orders;
mod report;
mod seat;
mod settle;
mod slots;

use crate::generation::GenerationId;
use crate::protocol::{Event as PluginEvent, Input, InstanceId, Sample};
use crate::rule_config;
use crate::said::Said;
use armed::Armed;
pub use instance::Tally;
use jiff::civil::DateTime;
use nvr_base::analysis::{Analysed, CameraNumber, CameraOrder, RingNumber};
use nvr_base::blind::BlindReason;
use nvr_base::geometry::Polygon;
use nvr_base::perceive_protocol::Rate;
use nvr_base::rule::Rule;
use nvr_base::{CameraId, Ground};
use orders::Places;
pub use report::{CameraReport, Report, RuleReport};
use seat::{Part, Seat};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How long a start may take before it is a failure, in milliseconds.
pub const STARTING_MS: u64 = 15_000;
/// Longest time without an analysed frame of a camera that is there, in milliseconds.
pub const STALL_MS: u64 = 5_000;

/// One worker: the name of its plugin's files, and which start of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct WorkerKey {
    /// The name of the plugin's files.
    pub plugin: Arc<str>,
    /// Which start.
    pub generation: GenerationId,
}

/// What the service knows of a worker's plugin.
#[derive(Debug, Clone, PartialEq)]
pub struct Plugin {
    /// The `situation` of its rules.
    pub id: String,
    /// `id version (first digits of its hash)`.
    pub label: String,
    /// JSON Schema of its own keys.
    pub schema: String,
    /// Pixels a metre that a rule without its own number should have; 0: none.
    pub min_px_per_m: f32,
}

/// A camera with rules.
#[derive(Debug, Clone, PartialEq)]
pub struct ArmedCamera {
    /// As perception numbers it.
    pub number: CameraNumber,
    /// As people name it.
    pub id: CameraId,
    /// What must not be looked at.
    pub masks: Vec<Polygon>,
    /// Its calibration.
    pub ground: Option<Ground>,
}

/// What happened.
#[derive(Debug)]
pub enum Event {
    /// The rules in force, and their cameras; others are gone.
    Armed {
        /// Cameras with rules.
        cameras: Vec<ArmedCamera>,
        /// The rules; one without a camera of the list is left out.
        rules: Vec<Rule>,
    },
    /// Time has passed; the local time now.
    Tick(DateTime),
    /// A worker that passed its test.
    Taken(WorkerKey, Plugin),
    /// Feed it, do not listen.
    Warm(WorkerKey),
    /// Listen to it from the next frame on, and no more to whoever served its situation.
    CutOver(WorkerKey),
    /// Feed it no more.
    Drain(WorkerKey),
    /// A worker is gone.
    WorkerEnded(WorkerKey),
    /// A worker said something.
    Said(WorkerKey, Said),
    /// A worker took no input: its socket is full.
    NotTaken(WorkerKey, InstanceId),
    /// Perception is ready.
    AnalysisUp,
    /// Perception is gone, with its rings.
    AnalysisDown,
    /// A worker has its ring.
    RingReady(RingNumber),
    /// Perception has analysed a frame.
    Analysed(Box<Analysed>),
    /// Rates of cameras.
    Rates(Vec<Rate>),
    /// A camera's samples cannot be analysed, and why.
    Trouble(CameraNumber, Option<String>),
    /// A camera's pictures are so many pixels wide from now on.
    Picture(CameraNumber, u32),
    /// A camera sends.
    CameraUp(CameraNumber),
    /// A camera does not send.
    CameraDown(CameraNumber),
}

/// What to do.
#[derive(Debug, PartialEq)]
pub enum Action {
    /// Make an instance.
    Create(WorkerKey, InstanceId, String),
    /// End an instance that has nothing in hand.
    Destroy(WorkerKey, InstanceId),
    /// Make an instance forget.
    Reset(WorkerKey, InstanceId),
    /// Give an input; [`Event::NotTaken`] when it is not taken.
    Offer(WorkerKey, Box<Input>),
    /// Stop the worker: nothing is in its hand any more.
    Stop(WorkerKey),
    /// Let perception make a ring for a worker, hand it over, then [`Event::RingReady`].
    Ring {
        /// For whom.
        worker: WorkerKey,
        /// Its number.
        ring: RingNumber,
        /// Its length, in bytes.
        len: u64,
    },
    /// A ring is needed no more.
    DropRing(RingNumber),
    /// Analyse a camera like this.
    Camera(CameraNumber, CameraOrder),
    /// Analyse a camera no more.
    Forget(CameraNumber),
    /// Nobody has this frame any more.
    Release(RingNumber, u64),
    /// A plugin asks for crops of the next frame: camera, place of the model, tracks.
    Ask(CameraNumber, u16, Vec<u64>),
    /// Tell people, and keep it.
    Say(Saying),
}

/// What is told and kept.
#[derive(Debug, Clone, PartialEq)]
pub enum Saying {
    /// A plugin said something.
    Event {
        /// Of which rule.
        rule: String,
        /// Of which camera.
        camera: CameraId,
        /// [`Plugin::label`].
        plugin: String,
        /// Media time and UTC of the frame, µs.
        now: (i64, i64),
        /// What; its object is numbered over all generations.
        event: PluginEvent,
    },
    /// A plugin counted.
    Sample {
        /// Of which rule.
        rule: String,
        /// Of which camera.
        camera: CameraId,
        /// Media time and UTC of the frame, µs.
        now: (i64, i64),
        /// What.
        sample: Sample,
    },
    /// A rule is blind from now on, or watched.
    Blind {
        /// Which rule.
        rule: String,
        /// Of which camera.
        camera: CameraId,
        /// Why; `None`: it is watched.
        reason: Option<BlindReason>,
    },
    /// What a rule has open is over, without an end.
    Interrupted {
        /// Which rule.
        rule: String,
        /// Of which camera.
        camera: CameraId,
    },
    /// A sentence for the technician.
    System {
        /// About what.
        subject: String,
        /// What.
        what: String,
    },
}

/// Whether a camera sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Presence {
    Unknown,
    Up,
    Down,
}

#[derive(Debug)]
struct Camera {
    id: CameraId,
    masks: Vec<Polygon>,
    ground: Option<Ground>,
    /// Width of its pictures, pixels, once one has come.
    width_px: Option<u32>,
    presence: Presence,
    trouble: Option<String>,
    given_fps: Option<f32>,
    /// When a frame of it was analysed last.
    last_ms: u64,
    analysed: u64,
    places: Places,
    /// What perception was told.
    order: Option<CameraOrder>,
}

/// The machine.
#[derive(Debug, Default)]
pub struct Service {
    rules: BTreeMap<String, Armed>,
    cameras: BTreeMap<CameraNumber, Camera>,
    seats: BTreeMap<WorkerKey, Seat>,
    /// Who is to be heard, by situation.
    serving: BTreeMap<String, WorkerKey>,
    is_up: bool,
    local: Option<DateTime>,
    /// Frames whose ring is not known: an answer outside every order.
    strays: u64,
    /// Something changed that [`Service::settle`] looks at.
    is_dirty: bool,
}

impl Service {
    /// Takes an event at `now_ms` (milliseconds of a clock that does not step) and says what to do, in order.
    pub fn step(&mut self, event: Event, now_ms: u64) -> Vec<Action> {
        let mut actions = Vec::new();
        let mut changes = true;
        match event {
            Event::Armed { cameras, rules } => self.arm(cameras, rules, now_ms, &mut actions),
            Event::Tick(local) => self.local = Some(local),
            Event::Taken(key, plugin) => {
                self.seats.insert(key, Seat::new(plugin));
            }
            Event::Warm(key) => self.set_part(&key, Part::Warming),
            Event::CutOver(key) => self.cut_over(&key),
            Event::Drain(key) => self.drain(&key),
            Event::WorkerEnded(key) => self.worker_ended(&key, &mut actions),
            Event::AnalysisUp => self.is_up = true,
            Event::AnalysisDown => self.analysis_down(),
            Event::RingReady(number) => {
                let rings = self.seats.values_mut().filter_map(|s| s.ring.as_mut());
                rings.filter(|r| r.number == number).for_each(|r| r.is_ready = true);
            }
            Event::Rates(rates) => {
                for rate in rates {
                    if let Some(camera) = self.cameras.get_mut(&rate.camera) {
                        camera.given_fps = Some(rate.given_fps);
                    }
                }
            }
            Event::Trouble(number, why) => self.trouble(number, why, &mut actions),
            Event::Picture(number, width_px) => {
                if let Some(camera) = self.cameras.get_mut(&number) {
                    camera.width_px = Some(width_px);
                }
            }
            Event::CameraUp(number) => changes = self.presence(number, Presence::Up),
            Event::CameraDown(number) => changes = self.presence(number, Presence::Down),
            Event::Said(key, said) => {
                self.said(&key, said, &mut actions);
                changes = false;
            }
            Event::NotTaken(key, number) => {
                self.not_taken(&key, number, &mut actions);
                changes = false;
            }
            Event::Analysed(analysed) => {
                self.analysed(&analysed, now_ms, &mut actions);
                changes = false;
            }
        }
        if changes || std::mem::take(&mut self.is_dirty) {
            self.settle(now_ms, &mut actions);
        }
        actions
    }

    fn arm(&mut self, cameras: Vec<ArmedCamera>, rules: Vec<Rule>, now_ms: u64, actions: &mut Vec<Action>) {
        let mut old = std::mem::take(&mut self.rules);
        let mut over = Vec::new();
        for rule in rules {
            let Some(camera) = cameras.iter().find(|c| Some(&c.id) == rule.camera.as_ref()) else { continue };
            let config = rule_config::config(&rule, camera.ground.as_ref()).to_string();
            let is_same = |a: &Armed| {
                a.camera == camera.number && a.config == config && a.rule.situation == rule.situation
            };
            let id = rule.id.clone();
            let armed = match old.remove(&rule.id) {
                Some(known) if is_same(&known) => Armed { rule, ..known },
                known => {
                    over.extend(known);
                    Armed::new(rule, camera.number, config, now_ms)
                }
            };
            self.rules.insert(id, armed);
        }
        over.extend(old.into_values());
        over.into_iter().for_each(|armed| self.disarm(armed, actions));
        for camera in &mut self.cameras {
            if !cameras.iter().any(|c| c.number == *camera.0) {
                camera.1.masks.clear();
            }
        }
        for ArmedCamera { number, id, masks, ground } in cameras {
            let camera = self.cameras.entry(number).or_insert_with(|| Camera {
                id: id.clone(),
                masks: Vec::new(),
                ground: None,
                width_px: None,
                presence: Presence::Unknown,
                trouble: None,
                given_fps: None,
                last_ms: now_ms,
                analysed: 0,
                places: Places::default(),
                order: None,
            });
            (camera.id, camera.masks, camera.ground) = (id, masks, ground);
        }
    }

    fn set_part(&mut self, key: &WorkerKey, part: Part) {
        if let Some(seat) = self.seats.get_mut(key) {
            seat.part = part;
        }
    }

    fn cut_over(&mut self, key: &WorkerKey) {
        let Some(seat) = self.seats.get_mut(key) else { return };
        seat.part = Part::Serving;
        let id = seat.plugin.id.clone();
        if let Some(before) = self.serving.insert(id, key.clone())
            && before != *key
        {
            self.set_part(&before, Part::Leaving);
        }
    }

    fn drain(&mut self, key: &WorkerKey) {
        self.set_part(key, Part::Leaving);
        self.serving.retain(|_, serving| serving != key);
    }

    fn analysis_down(&mut self) {
        self.is_up = false;
        for seat in self.seats.values_mut() {
            seat.forget_leases();
            if let Some(ring) = &mut seat.ring {
                ring.is_ready = false;
                ring.is_asked = false;
            }
        }
        for instance in self.rules.values_mut().flat_map(|a| &mut a.instances) {
            if let Some(in_hand) = &mut instance.in_hand {
                in_hand.leases.clear();
            }
        }
        for camera in self.cameras.values_mut() {
            camera.order = None;
            camera.places = Places::default();
            camera.given_fps = None;
            camera.trouble = None;
        }
    }

    fn trouble(&mut self, number: CameraNumber, why: Option<String>, actions: &mut Vec<Action>) {
        let Some(camera) = self.cameras.get_mut(&number) else { return };
        if let Some(what) = why.clone().filter(|_| camera.trouble != why) {
            actions.push(Action::Say(Saying::System { subject: camera.id.to_string(), what }));
        }
        camera.trouble = why;
    }

    fn presence(&mut self, number: CameraNumber, presence: Presence) -> bool {
        let Some(camera) = self.cameras.get_mut(&number) else { return false };
        let changes = camera.presence != presence;
        camera.presence = presence;
        changes
    }
}

#[cfg(test)]
mod tests;
