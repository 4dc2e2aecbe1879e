//! All that one camera needs to be seen: decoder, motion gate, tracker; one turn of it.
//!
//! Promises: a turn decodes all samples it is given and analyses at most one picture, the newest that is due; whatever samples
//!   hold stays with this camera: a decoder that gives up is made anew at a key frame, a model that fails is told; held by one
//!   thread, so no lock is taken while decoding or detecting.
//! Leaves to others: whose turn it is (`desk`), sending (`hall`), the step of one picture (`analyse`).

use super::desk::{ASKS_MAX, Job};
use super::look::Look;
use super::mend::Mend;
use super::pace::Measured;
use super::queue::Queued;
use crate::analyse::{AnalyseError, Camera};
use crate::engine::Engine;
use crate::gate::{Gate, Motion};
use crate::plan::GATE_SIZE;
use crate::ring::Rings;
use nvr_base::VideoFormat;
use nvr_base::analysis::{Analysed, CameraNumber, CameraOrder};
use nvr_media::decode::{BACK_US_MAX, Decoder, Picture, is_disposable};
use nvr_media::failure::Failure;
use nvr_media::frames::Frame;
use rustix::time::{ClockId, clock_gettime};
use std::collections::{BTreeSet, VecDeque};
use std::time::Instant;

/// Wall clock times of samples that are remembered until their picture comes.
const WALLS_MAX: usize = 64;

/// What came of a turn.
#[derive(Debug, Default)]
pub struct Told {
    /// What was made of a picture.
    pub analysed: Option<Analysed>,
    /// A trouble that began, or was replaced (some), or is over (none).
    pub trouble: Option<Option<String>>,
    /// What it cost.
    pub measured: Measured,
}

/// One camera.
#[derive(Debug)]
pub struct Eye {
    number: CameraNumber,
    camera: Option<Camera>,
    format: Option<VideoFormat>,
    decoder: Option<Decoder>,
    mend: Mend,
    gate: Option<Gate>,
    look: Look,
    walls: VecDeque<(i64, i64)>,
    last_us: Option<i64>,
    /// Something is missing since the last analysed picture.
    gap: bool,
    asks: Vec<(u16, Vec<u64>)>,
    /// Models that could not be opened.
    refused: BTreeSet<String>,
    no_stream: Option<String>,
    no_model: Option<String>,
    told: Option<String>,
}

impl Eye {
    /// A camera of which nothing was seen yet.
    pub fn new(number: CameraNumber) -> Self {
        Self {
            number,
            camera: None,
            format: None,
            decoder: None,
            mend: Mend::default(),
            gate: None,
            look: Look::default(),
            walls: VecDeque::new(),
            last_us: None,
            gap: false,
            asks: Vec::new(),
            refused: BTreeSet::new(),
            no_stream: None,
            no_model: None,
            told: None,
        }
    }

    /// One turn.
    pub fn turn(&mut self, job: Job, engine: &mut Engine, rings: &Rings, now_us: i64) -> Told {
        let mut measured = Measured { camera: self.number, ..Measured::default() };
        if let Some(order) = job.order {
            self.order(order);
        }
        if let Some(format) = job.format {
            self.format(format);
        }
        self.asks.extend(job.asks);
        self.asks.truncate(ASKS_MAX);
        self.open_models(engine);
        let mut newest: Option<Picture> = None;
        for sample in job.samples {
            if let Err(why) = self.decode(sample, now_us, &mut newest, &mut measured) {
                self.decoder = None;
                self.gap |= self.last_us.is_some();
                if self.mend.failed(now_us) {
                    self.no_stream = Some(why.what);
                }
            }
        }
        self.gap |= measured.left_out > 0;
        let analysed = newest.and_then(|picture| match self.see(&picture, engine, rings, &mut measured) {
            Ok(analysed) => analysed,
            Err(why) => {
                self.no_model = Some(why.to_string());
                self.gap = true;
                None
            }
        });
        let now = self.no_stream.clone().or_else(|| self.no_model.clone());
        let trouble = (now != self.told).then(|| now.clone());
        self.told = now;
        Told { analysed, trouble, measured }
    }

    /// Gives back the room of frames that nobody will hear of.
    pub fn take_back(&self, analysed: &Analysed, rings: &Rings) {
        let orders = self.camera.iter().flat_map(|camera| &camera.order().frames).collect::<Vec<_>>();
        for delivered in &analysed.frames {
            if let Some(order) = orders.get(usize::from(delivered.order)) {
                rings.release(order.ring, delivered.frame.offset);
            }
        }
    }

    fn order(&mut self, order: CameraOrder) {
        self.refused.clear();
        self.no_model = None;
        match &mut self.camera {
            None => self.camera = Some(Camera::new(self.number, order)),
            Some(camera) => {
                if camera.order().masks != order.masks {
                    self.gate = None;
                }
                camera.reorder(order);
            }
        }
    }

    fn format(&mut self, format: VideoFormat) {
        self.format = Some(format);
        (self.decoder, self.mend) = (None, Mend::default());
        self.begin();
    }

    /// A new timeline begins.
    fn begin(&mut self) {
        if let Some(camera) = &mut self.camera {
            camera.restart();
        }
        self.gap |= self.last_us.take().is_some();
        (self.gate, self.look) = (None, Look::default());
        self.walls.clear();
    }

    /// Every thread has sessions of its own: those of this camera are opened in the one that has it now.
    fn open_models(&mut self, engine: &mut Engine) {
        let Some(camera) = &self.camera else { return };
        for wanted in &camera.order().inference {
            if self.refused.contains(&wanted.model) {
                continue;
            }
            if let Err(why) = engine.open(&wanted.model) {
                self.refused.insert(wanted.model.clone());
                self.no_model = Some(why.to_string());
            }
        }
        if camera.order().labels != [0, 0] && engine.detector.is_none() && self.no_model.is_none() {
            self.no_model = Some("there is no detector; get the default one with `models/fetch`".to_owned());
        }
    }

    fn decode(
        &mut self,
        sample: Queued,
        now_us: i64,
        newest: &mut Option<Picture>,
        measured: &mut Measured,
    ) -> Result<(), Failure> {
        let (Some(format), Some(camera)) = (&self.format, &mut self.camera) else { return Ok(()) };
        if sample.after_hole {
            self.gap |= self.last_us.is_some();
            if let Some(decoder) = &mut self.decoder {
                decoder.hole();
            }
        }
        if self.decoder.is_none() {
            if !sample.key || !self.mend.may_try(now_us) {
                return Ok(());
            }
            self.decoder = Some(Decoder::new(format)?);
        }
        let Some(decoder) = &mut self.decoder else { return Ok(()) };
        if !sample.due && !sample.key && is_disposable(format, &sample.data) {
            return Ok(());
        }
        if self.walls.len() >= WALLS_MAX {
            self.walls.pop_front();
        }
        self.walls.push_back((sample.at_us, sample.wall_us));
        let began = cpu_us();
        let key = sample.key;
        let pushed = decoder.push(sample.at_us, key, sample.data);
        if sample.alone {
            // Otherwise its picture comes when the next key frames do.
            decoder.show_all();
        }
        let took = cpu_us().saturating_sub(began);
        let (count, sum) = match key {
            true => (&mut measured.keys, &mut measured.key_us),
            false => (&mut measured.deltas, &mut measured.delta_us),
        };
        *count += 1;
        *sum += took;
        pushed?;
        let mut jumped = false;
        while let Some(picture) = decoder.pull() {
            measured.decoded += 1;
            self.mend.shown();
            self.no_stream = None;
            if self.last_us.is_some_and(|last| picture.at_us < last.saturating_sub(BACK_US_MAX)) {
                jumped = true;
                camera.restart();
                self.last_us = None;
            }
            self.last_us = self.last_us.max(Some(picture.at_us));
            if camera.due(picture.at_us) && newest.replace(picture).is_some() {
                measured.left_out += 1;
            }
        }
        if jumped {
            (self.gate, self.look, self.gap) = (None, Look::default(), true);
        }
        if measured.decoded == 0 && self.mend.fed(key, sample.alone) {
            let what = decoder.take_complaint().unwrap_or_else(|| "its samples give no picture".to_owned());
            let remedy = "try another profile of the camera's stream";
            return Err(Failure::new(
                nvr_base::media_protocol::FatalCause::Unsupported,
                format!("{what}; {remedy}"),
            ));
        }
        Ok(())
    }

    /// Gate, detector, tracker, rings, models.
    fn see(
        &mut self,
        picture: &Picture,
        engine: &mut Engine,
        rings: &Rings,
        measured: &mut Measured,
    ) -> Result<Option<Analysed>, AnalyseError> {
        let Some(camera) = &mut self.camera else { return Ok(None) };
        let (began, cpu) = (Instant::now(), cpu_us());
        let before = engine.spent;
        let frame = picture.frame()?;
        let gray = engine.scaler.gray(&frame, GATE_SIZE.0 as usize, GATE_SIZE.1 as usize)?;
        let scaled = cpu_us();
        let motion = motion(&mut self.gate, camera.order(), frame.at_us, &gray);
        measured.gate_us = cpu_us().saturating_sub(scaled);
        let is_wanted = camera.order().labels != [0, 0] && engine.detector.is_some();
        let looks = self.look.decide(frame.at_us, &motion, camera.is_following());
        let detect = is_wanted && looks;
        for (order, tracks) in self.asks.drain(..) {
            camera.ask(order, &tracks);
        }
        let mut analysed = camera.analyse(&frame, engine, rings, looks)?;
        if looks {
            self.look.looked(&analysed.scene, camera.is_following());
        }
        let wall = self.walls.iter().find(|(at_us, _)| *at_us == frame.at_us);
        analysed.wall_us = wall.map_or(0, |(_, wall_us)| *wall_us);
        analysed.scene.motion = motion.share;
        analysed.is_after_gap = std::mem::take(&mut self.gap) && analysed.sequence > 0;
        if self.refused.is_empty() && (is_wanted || camera.order().labels == [0, 0]) {
            self.no_model = None;
        }
        // Times of the engine are by the wall clock: the share of it that this thread ran counts.
        let (wall_us, cpu_us) = (began.elapsed().as_secs_f64() * 1e6, cpu_us().saturating_sub(cpu) as f64);
        let ran = if wall_us > 0.0 { (cpu_us / wall_us).clamp(0.0, 1.0) } else { 1.0 };
        let took = |before: std::time::Duration, after: std::time::Duration| {
            (after.saturating_sub(before).as_secs_f64() * 1e6 * ran) as u64
        };
        let spent = engine.spent;
        measured.scale_us = took(before.scale, spent.scale) + scaled.saturating_sub(cpu);
        measured.detect_us = took(before.detect, spent.detect);
        measured.track_us = took(before.track, spent.track);
        measured.models_us = took(before.models, spent.models);
        (measured.analysed, measured.detected, measured.looked) = (true, detect, looks);
        count(&frame, &analysed, engine, measured);
        Ok(Some(analysed))
    }
}

/// What moves; without a gate, everything is uncertain.
fn motion(gate: &mut Option<Gate>, order: &CameraOrder, at_us: i64, gray: &[u8]) -> Motion {
    if gate.is_none() {
        *gate = Gate::new(GATE_SIZE.0 as usize, GATE_SIZE.1 as usize, &order.masks).ok();
    }
    let unknown = || Motion { learning: true, ..Motion::default() };
    gate.as_mut().and_then(|gate| gate.look(at_us, gray).ok()).unwrap_or_else(unknown)
}

/// What was made, so that its cost can be told apart.
fn count(frame: &Frame, analysed: &Analysed, engine: &Engine, measured: &mut Measured) {
    let mpx = |width: f64, height: f64| (width * height / 1e6) as f32;
    let source = mpx(frame.width as f64, frame.height as f64);
    measured.mpx = source;
    let gate = source + mpx(GATE_SIZE.0.into(), GATE_SIZE.1.into());
    let input = engine.detector.as_ref().filter(|_| measured.detected).map(|d| &d.manifest().input);
    let detected = input.map_or(0.0, |i| source + mpx(i.width as f64, i.height as f64));
    let delivered = analysed.frames.iter().map(|d| source + mpx(d.frame.width.into(), d.frame.height.into()));
    measured.scaled_mpx = gate + detected + delivered.sum::<f32>();
    let models: BTreeSet<&str> = analysed.inferences.iter().map(|a| a.inference.model.as_str()).collect();
    let runs = u32::try_from(analysed.inferences.len()).unwrap_or(u32::MAX);
    // Where nothing moves, an answer may be an old one that cost nothing.
    let one = models.first().filter(|_| models.len() == 1 && measured.looked);
    measured.model = one.map(|id| ((*id).to_owned(), runs));
    let crops = analysed.inferences.iter().filter(|a| a.inference.track != 0).count();
    measured.crops = u32::try_from(crops).unwrap_or(u32::MAX);
}

/// CPU time of this thread, µs.
fn cpu_us() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    u64::try_from(time.tv_sec * 1_000_000 + time.tv_nsec / 1000).unwrap_or(0)
}
