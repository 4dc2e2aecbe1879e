//! The analysis thread: what perception, workers, the plugin host and the recorder say goes through the service, and what the
//! service wants is done.
//!
//! Promises: one thread owns the service, the workers and perception's process; it waits in one `poll`, and for nobody;
//!   nothing that a child does ends it.
//! Leaves to others: decisions (`nvr_plugins::service`, `supervision`), samples (`feeder`), what is shown (`state`).

use super::bell::Bell;
use super::line::Line;
use super::perceive::{Heard, Perceive};
use super::plugins::{Plugins, Report};
use super::supervision::{self, Supervision};
use super::{Settings, state};
use crate::sayings::{Moment, Sayings};
use nvr_base::analysis::{CameraNumber, RingNumber};
use nvr_base::latency::Latencies;
use nvr_base::perceive_protocol::{FromPerceive, ToPerceive};
use nvr_base::{Clock, Utc};
use nvr_plugins::host::Order;
use nvr_plugins::said::{Offered, Said};
use nvr_plugins::service::{Action, Event, Plugin, Saying, Service, WorkerKey};
use nvr_plugins::worker::Worker;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::collections::{BTreeMap, VecDeque};
use std::os::fd::AsFd;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often time passes for the machines, and the state is shown anew.
const TICK: Duration = Duration::from_millis(250);
/// Most messages of perception that are taken before workers are listened to.
const MESSAGES_MAX: usize = 64;

/// What the recorder tells the analysis.
#[derive(Debug)]
pub(super) enum Command {
    /// From now on it is like this.
    Apply(Box<Settings>),
    /// A camera's pictures are so many pixels wide.
    Picture(CameraNumber, u32),
    /// A camera sends, or does not.
    Present(CameraNumber, bool),
    /// The end.
    Stop,
}

/// What it is made of.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) commands: Receiver<Command>,
    pub(super) bell: Bell,
    pub(super) line: Arc<Mutex<Line>>,
    pub(super) sayings: Arc<dyn Sayings>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) shown: Arc<Mutex<serde_json::Value>>,
    pub(super) taps: Arc<super::tap::Taps>,
}

/// The thread's state.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) parts: Parts,
    pub(super) settings: Settings,
    pub(super) service: Service,
    pub(super) workers: BTreeMap<WorkerKey, Worker>,
    pub(super) plugins: Option<Plugins>,
    orders: (Sender<Order>, Receiver<Order>),
    pub(super) supervision: Supervision,
    pub(super) perceive: Option<Perceive>,
    pub(super) why: Option<String>,
    rings: BTreeMap<RingNumber, WorkerKey>,
    events: VecDeque<Event>,
    /// From a frame's UTC to what was made of it.
    pub(super) analysed_latency: Latencies,
    /// From a frame's UTC to the event that it gave.
    pub(super) event_latency: Latencies,
    /// The last tick has shown the state.
    is_shown: bool,
}

pub(super) fn held(line: &Mutex<Line>) -> MutexGuard<'_, Line> {
    // Every change under this lock is one step.
    line.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Turn {
    pub(super) fn new(parts: Parts) -> Self {
        Self {
            parts,
            settings: Settings::default(),
            service: Service::default(),
            workers: BTreeMap::new(),
            plugins: None,
            orders: channel(),
            supervision: Supervision::default(),
            perceive: None,
            why: None,
            rings: BTreeMap::new(),
            events: VecDeque::new(),
            analysed_latency: Latencies::default(),
            event_latency: Latencies::default(),
            is_shown: false,
        }
    }

    fn now_ms(&self) -> u64 {
        self.parts.clock.mono().0 / 1000
    }

    /// Runs until it is told to stop; then nothing of it is left.
    pub(super) fn run(mut self) {
        let mut ticked_ms = 0;
        loop {
            let ready = self.wait();
            self.parts.bell.hush();
            while let Ok(command) = self.parts.commands.try_recv() {
                match command {
                    Command::Apply(settings) => self.apply(*settings),
                    Command::Picture(number, px) => self.handle(Event::Picture(number, px)),
                    Command::Present(number, true) => self.handle(Event::CameraUp(number)),
                    Command::Present(number, false) => self.handle(Event::CameraDown(number)),
                    Command::Stop => return self.end(),
                }
            }
            while let Ok(order) = self.orders.1.try_recv() {
                self.follow(order);
            }
            self.hear_perceive();
            self.hear_workers(ready);
            let now_ms = self.now_ms();
            if now_ms.saturating_sub(ticked_ms) >= TICK.as_millis() as u64 {
                ticked_ms = now_ms;
                // One that hangs is found by listening to it.
                self.hear_workers(self.workers.keys().cloned().collect());
                self.tick();
            }
        }
    }

    /// Waits for anything, or for a tick; the workers that have something to say.
    fn wait(&self) -> Vec<WorkerKey> {
        let mut all = vec![PollFd::new(&self.parts.bell, PollFlags::IN)];
        all.extend(self.perceive.as_ref().map(|p| PollFd::from_borrowed_fd(p.as_fd(), PollFlags::IN)));
        all.extend(self.workers.values().map(|w| PollFd::from_borrowed_fd(w.as_fd(), PollFlags::IN)));
        let wait = Timespec { tv_sec: 0, tv_nsec: i64::from(TICK.subsec_nanos()) };
        if let Err(error) = poll(&mut all, Some(&wait))
            && error != rustix::io::Errno::INTR
        {
            tracing::error!(%error, "the analysis cannot wait");
            std::thread::sleep(TICK);
        }
        let others = all.len() - self.workers.len();
        let ready = all.iter().skip(others).map(|fd| !fd.revents().is_empty());
        self.workers.keys().zip(ready).filter(|(_, is_ready)| *is_ready).map(|(key, _)| key.clone()).collect()
    }

    fn tick(&mut self) {
        self.supervise(supervision::Event::Tick);
        let local = self.settings.timezone.local(self.parts.clock.utc());
        self.handle(Event::Tick(local));
        {
            let mut line = held(&self.parts.line);
            line.flush();
            let broken = line.broken.take();
            drop(line);
            if let Some(why) = broken {
                self.supervise(supervision::Event::Failed(why));
            }
        }
        // Every other time is often enough for a reader.
        self.is_shown = !self.is_shown;
        if self.is_shown {
            let shown = state::report(self);
            *self.parts.shown.lock().unwrap_or_else(PoisonError::into_inner) = shown;
        }
    }

    fn end(mut self) {
        // First no more words, then the workers and perception; dropping kills and reaps what does not go.
        self.plugins = None;
        held(&self.parts.line).close();
        if let Some(perceive) = self.perceive.take() {
            perceive.end();
        }
        self.workers.clear();
    }

    fn apply(&mut self, new: Settings) {
        let has_rules = !new.rules.is_empty();
        let other_host = self.settings.host != new.host || self.plugins.is_none();
        let other_models = self.settings.live != new.live;
        self.settings = new;
        let cameras = self.settings.cameras.clone();
        let rules = self.settings.rules.clone();
        self.handle(Event::Armed { cameras, rules });
        if !has_rules || other_host {
            self.stop_host();
        }
        if has_rules && other_host {
            self.start_host();
        }
        if other_models {
            self.supervise(supervision::Event::Wanted(false));
        }
        self.supervise(supervision::Event::Wanted(has_rules));
    }

    /// No rules, another folder, or other trust: what runs was judged by the old one.
    fn stop_host(&mut self) {
        self.plugins = None;
        for key in self.workers.keys().cloned().collect::<Vec<_>>() {
            self.workers.remove(&key);
            self.handle(Event::WorkerEnded(key));
        }
        // What it ordered last is of no use any more.
        self.orders = channel();
    }

    fn start_host(&mut self) {
        let Some(settings) = self.settings.host_settings() else { return };
        match Plugins::start(settings, self.orders.0.clone(), self.parts.bell.clone()) {
            Ok(plugins) => self.plugins = Some(plugins),
            Err(error) => self.parts.sayings.system("plugins", &format!("the host does not start: {error}")),
        }
    }

    /// An order of the plugin host.
    fn follow(&mut self, order: Order) {
        let key = |plugin: &str, generation| WorkerKey { plugin: plugin.into(), generation };
        match order {
            Order::Take { plugin, generation, manifest, worker } => {
                let key = key(&plugin, generation);
                let label = format!("{} {} ({})", manifest.id, manifest.version, manifest.sha256.short());
                let schema = worker.descriptor().config_schema.clone();
                let min_px_per_m = worker.descriptor().min_px_per_m;
                self.workers.insert(key.clone(), *worker);
                self.handle(Event::Taken(key, Plugin { id: manifest.id, label, schema, min_px_per_m }));
            }
            Order::Warm(plugin, id) => self.handle(Event::Warm(key(&plugin, id))),
            Order::CutOver { plugin, to, .. } => {
                tracing::info!(plugin, generation = to.0, "plugin: heard from now on");
                self.handle(Event::CutOver(key(&plugin, to)));
            }
            Order::Drain(plugin, id) => self.handle(Event::Drain(key(&plugin, id))),
            Order::Kill(plugin, id) => self.ended(&key(&plugin, id), "it was killed"),
            Order::Blind(plugin, why) => {
                self.parts.sayings.system(&plugin, &format!("nothing serves: {why}"))
            }
            Order::Alert(plugin, why) => self.parts.sayings.system(&plugin, &why),
            Order::Rejected(plugin, why) => {
                self.parts.sayings.system(&plugin, &format!("turned away: {why}"))
            }
            Order::Waiting(plugin, why) => tracing::debug!(plugin, why, "plugin: waited for"),
        }
    }

    fn supervise(&mut self, event: supervision::Event) {
        for action in self.supervision.step(event, self.now_ms()) {
            match action {
                supervision::Action::Start => {
                    match Perceive::start(&self.settings.perceive, &self.settings.live_order()) {
                        Ok((perceive, channel)) => {
                            self.perceive = Some(perceive);
                            held(&self.parts.line).open(channel);
                        }
                        Err(error) => {
                            let why = format!("{error:#}");
                            return self.supervise(supervision::Event::Failed(why));
                        }
                    }
                }
                supervision::Action::End => {
                    held(&self.parts.line).close();
                    self.rings.clear();
                    if let Some(perceive) = self.perceive.take() {
                        perceive.end();
                    }
                }
                supervision::Action::Up => {
                    self.why = None;
                    self.handle(Event::AnalysisUp);
                }
                supervision::Action::Down(why) => {
                    if let Some(why) = &why {
                        self.parts.sayings.system("analysis", why);
                    }
                    self.why = why;
                    self.handle(Event::AnalysisDown);
                }
            }
        }
    }

    fn hear_perceive(&mut self) {
        for _ in 0..MESSAGES_MAX {
            let Some(perceive) = &mut self.perceive else { return };
            match perceive.hear() {
                Heard::Nothing => return,
                Heard::Ended(why) => {
                    let own = self.perceive.take().map(Perceive::end);
                    let why = why.unwrap_or_else(|| format!("nvr-perceive: {}", own.unwrap_or_default()));
                    return self.supervise(supervision::Event::Failed(why));
                }
                Heard::Hello => self.supervise(supervision::Event::Hello),
                Heard::Message(message, fd) => {
                    self.supervise(supervision::Event::Word);
                    match *message {
                        FromPerceive::Analysed(analysed) => {
                            let late_us = self.parts.clock.utc().micros_since(Utc(analysed.wall_us));
                            self.analysed_latency.add(late_us);
                            self.handle(Event::Analysed(analysed));
                        }
                        FromPerceive::Ring { ring, len } => {
                            let Some(fd) = fd else { continue };
                            self.hand_ring_over(ring, len, fd.as_fd());
                        }
                        FromPerceive::Trouble { camera, why } => self.handle(Event::Trouble(camera, why)),
                        FromPerceive::Rates(rates) => self.handle(Event::Rates(rates)),
                        FromPerceive::Counters(_) | FromPerceive::Hello { .. } => {}
                        FromPerceive::End(_) | FromPerceive::Fatal { .. } => {}
                    }
                }
            }
        }
        // More waits: the others first.
        self.parts.bell.ring();
    }

    fn hand_ring_over(&mut self, ring: RingNumber, len: u64, fd: std::os::fd::BorrowedFd<'_>) {
        let Some(key) = self.rings.get(&ring).cloned() else { return };
        let Some(worker) = self.workers.get_mut(&key) else { return };
        match worker.ring(fd, len) {
            Ok(()) => self.handle(Event::RingReady(ring)),
            Err(ended) => self.ended(&key, &ended.0),
        }
    }

    fn hear_workers(&mut self, ready: Vec<WorkerKey>) {
        for key in ready {
            let Some(worker) = self.workers.get_mut(&key) else { continue };
            match worker.pump(Duration::ZERO) {
                Ok(all) => {
                    for said in all {
                        self.log(&key, &said);
                        self.handle(Event::Said(key.clone(), said));
                    }
                }
                Err(ended) => self.ended(&key, &ended.0),
            }
        }
    }

    fn log(&self, key: &WorkerKey, said: &Said) {
        let plugin = &*key.plugin;
        match said {
            Said::Log(1, text) => tracing::error!(plugin, "plugin: {text}"),
            Said::Log(2, text) => tracing::warn!(plugin, "plugin: {text}"),
            Said::Log(3, text) => tracing::info!(plugin, "plugin: {text}"),
            Said::Log(_, text) => tracing::debug!(plugin, "plugin: {text}"),
            Said::Denied(call) => {
                self.parts.sayings.system(plugin, &format!("it tried what the sandbox refuses: {call}"));
            }
            _ => {}
        }
    }

    /// A worker is gone, or has to go.
    fn ended(&mut self, key: &WorkerKey, why: &str) {
        let Some(worker) = self.workers.remove(key) else { return };
        // A process that was killed takes a while to die: this thread does not wait for it.
        let reaping = std::thread::Builder::new().name("plugin-reap".into()).spawn(move || drop(worker));
        if let Err(error) = reaping {
            tracing::debug!(%error, "a worker was waited for");
        }
        if let Some(plugins) = &self.plugins {
            plugins.report(Report::Died(key.plugin.to_string(), key.generation, why.to_owned()));
        }
        self.handle(Event::WorkerEnded(key.clone()));
    }

    /// An event goes through the service, and what it wants is done; what comes of that goes the same way, in order.
    fn handle(&mut self, event: Event) {
        let is_first = self.events.is_empty();
        self.events.push_back(event);
        // Inside of an action: the loop below takes it in its turn.
        if !is_first {
            return;
        }
        while let Some(event) = self.events.front_mut().map(|e| std::mem::replace(e, Event::AnalysisUp)) {
            let now_ms = self.now_ms();
            for action in self.service.step(event, now_ms) {
                self.act(action);
            }
            self.events.pop_front();
        }
    }

    fn act(&mut self, action: Action) {
        let order = |order| held(&self.parts.line).order(order);
        match action {
            Action::Ring { worker, ring, len } => {
                order(ToPerceive::Ring { ring, len });
                self.rings.insert(ring, worker);
            }
            Action::DropRing(ring) => {
                order(ToPerceive::DropRing { ring });
                self.rings.remove(&ring);
            }
            Action::Camera(camera, of) => order(ToPerceive::Camera { camera, order: of }),
            Action::Forget(camera) => order(ToPerceive::Forget { camera }),
            Action::Release(ring, offset) => order(ToPerceive::Release { ring, offset }),
            Action::Ask(camera, place, tracks) => order(ToPerceive::Ask { camera, order: place, tracks }),
            Action::Stop(key) => self.stop_worker(key),
            Action::Say(saying) => self.say(saying),
            Action::Create(key, instance, config) => self.tell(&key, |w| w.create(instance, &config)),
            Action::Destroy(key, instance) => self.tell(&key, |w| w.destroy(instance)),
            Action::Reset(key, instance) => self.tell(&key, |w| w.reset(instance)),
            Action::Offer(key, input) => {
                let instance = input.instance;
                let Some(worker) = self.workers.get_mut(&key) else { return };
                match worker.offer(*input) {
                    Ok(Offered::Sent) => {}
                    Ok(Offered::Busy) => self.handle(Event::NotTaken(key, instance)),
                    Err(ended) => self.ended(&key, &ended.0),
                }
            }
        }
    }

    fn tell(
        &mut self,
        key: &WorkerKey,
        what: impl FnOnce(&mut Worker) -> Result<(), nvr_plugins::said::Ended>,
    ) {
        if let Some(Err(ended)) = self.workers.get_mut(key).map(what) {
            self.ended(key, &ended.0);
        }
    }

    /// Stops a worker that has nothing in hand, on a thread of its own: it may take two seconds.
    fn stop_worker(&mut self, key: WorkerKey) {
        let Some(worker) = self.workers.remove(&key) else { return };
        let Some(plugins) = &self.plugins else { return };
        let report = plugins.reporter();
        let stopping = std::thread::Builder::new().name("plugin-stop".into()).spawn(move || {
            let (plugin, id) = (key.plugin.to_string(), key.generation);
            report(match worker.stop().1 {
                None => Report::Drained(plugin, id),
                Some(ended) => Report::Died(plugin, id, ended.0),
            });
        });
        // No thread: the worker is dropped with the closure, and the host kills what does not drain.
        if let Err(error) = stopping {
            tracing::error!(%error, "a plugin was killed instead of stopped");
        }
    }

    fn say(&mut self, saying: Saying) {
        let sayings = &self.parts.sayings;
        let moment = |(at_us, wall_us)| Moment { at_us, utc: Utc(wall_us) };
        match saying {
            Saying::Event { rule, camera, plugin, now, event } => {
                self.event_latency.add(self.parts.clock.utc().micros_since(Utc(now.1)));
                sayings.event(&rule, &camera, &plugin, moment(now), &event);
            }
            Saying::Sample { rule, camera, now, sample } => {
                sayings.sample(&rule, &camera, moment(now), &sample);
            }
            Saying::Blind { rule, camera, reason } => sayings.blind(&rule, &camera, reason),
            Saying::Interrupted { rule, camera } => sayings.interrupted(&rule, &camera),
            Saying::System { subject, what } => sayings.system(&subject, &what),
        }
    }
}
