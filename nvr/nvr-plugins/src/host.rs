//! The host of all plugins: from files in a folder to workers that may serve, and the orders what to do with them.
//!
//! Promises: never waits for a plugin: self-tests run on threads of their own, serving workers belong to whoever takes
//!   them; what is turned away or ended is one sentence in an [`Order`] and in [`Host::list`]; one plugin serves a
//!   situation, and another for the same one, under another name, gets its turn when the first is gone.
//! Leaves to others: decisions (`catalogue`, `generation`), when to look (`watch`), instances, inputs and events of a
//!   worker that was taken, and reporting its end with [`Host::died`] or [`Host::drained`].

use crate::catalogue::{self, Catalogue};
use crate::folder::Folder;
use crate::generation::{Action, Event, GenerationId, Lifecycle, Phase};
use crate::manifest::{Hash, Manifest};
use crate::process::Launch;
use crate::signature::{Signed, Trust};
use crate::watch::Bell;
use crate::worker::Worker;
use crate::{selftest, staging};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};

/// Priority of self-tests.
const NICE: i32 = 19;

/// Where things are and whom to trust.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The plugins folder.
    pub folder: PathBuf,
    /// Where copies lie: written by the host alone.
    pub store: PathBuf,
    /// `nvr-worker`.
    pub program: PathBuf,
    /// Address space of a worker, in bytes.
    pub memory_bytes_max: u64,
    /// Trusted keys.
    pub trust: Trust,
}

/// What whoever runs the workers has to do, or to show. `plugin` is the name of its files.
#[derive(Debug)]
pub enum Order {
    /// A worker that has passed its test: keep it until the next order about it.
    Take {
        /// Which plugin.
        plugin: String,
        /// Which start of it.
        generation: GenerationId,
        /// What it is.
        manifest: Manifest,
        /// Its process.
        worker: Box<Worker>,
    },
    /// Give it all instances and inputs, drop what it says.
    Warm(String, GenerationId),
    /// From the next frame on what `to` says counts.
    CutOver {
        /// Which plugin.
        plugin: String,
        /// What served until now.
        from: Option<GenerationId>,
        /// What serves from now on.
        to: GenerationId,
    },
    /// No more inputs; [`Worker::stop`] it, then [`Host::drained`].
    Drain(String, GenerationId),
    /// Drop it, then [`Host::died`].
    Kill(String, GenerationId),
    /// Its rules are blind from now on, and why.
    Blind(String, String),
    /// A system alert.
    Alert(String, String),
    /// An entry of the folder is turned away, and why.
    Rejected(String, String),
    /// An entry of the folder is waited for, and why.
    Waiting(String, String),
}

/// One plugin, for lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The name of its files.
    pub plugin: String,
    /// What its last good manifest says.
    pub manifest: Option<Manifest>,
    /// Whether that copy is signed.
    pub is_signed: bool,
    /// Its generations: hash and phase.
    pub generations: Vec<(GenerationId, Hash, Phase)>,
    /// Hashes in quarantine, and why.
    pub quarantine: Vec<(Hash, String)>,
    /// Why it, or its replacement, was turned away last.
    pub why: Option<String>,
}

/// A copy that was verified.
#[derive(Debug, Clone)]
struct Staged {
    path: PathBuf,
    manifest: Manifest,
    signed: Signed,
}

#[derive(Debug, Default)]
struct Slot {
    life: Lifecycle,
    copies: BTreeMap<Hash, Staged>,
    last: Option<Hash>,
    /// What another plugin of the same situation keeps out: its manifest and signature.
    kept_out: Option<(Manifest, Option<String>)>,
    why: Option<String>,
}

impl Slot {
    /// What the copy that came last serves as.
    fn id(&self) -> Option<&str> {
        let staged = self.copies.get(&self.last?)?;
        Some(&staged.manifest.id)
    }
}

type Tested = (String, GenerationId, Result<Worker, String>);

/// The host.
#[derive(Debug)]
pub struct Host {
    settings: Settings,
    bell: Bell,
    folder: Folder,
    catalogue: Catalogue,
    slots: BTreeMap<String, Slot>,
    tested: (Sender<Tested>, Receiver<Tested>),
}

impl Host {
    /// Nothing is looked at yet. `bell` is rung when a self-test is over.
    pub fn new(settings: Settings, bell: Bell) -> Self {
        let (folder, catalogue) = (Folder::new(&settings.folder), Catalogue::default());
        Self { settings, bell, folder, catalogue, slots: BTreeMap::new(), tested: channel() }
    }

    /// Looks at the folder.
    pub fn look(&mut self, now_ms: u64) -> Vec<Order> {
        let listing = match self.folder.list() {
            Ok(listing) => listing,
            // A folder that is away for a moment takes no plugin out of service.
            Err(e) => {
                return vec![Order::Rejected(self.settings.folder.display().to_string(), e.to_string())];
            }
        };
        let mut orders = Vec::new();
        for action in self.catalogue.look(&listing, now_ms) {
            match action {
                catalogue::Action::Stage { name, manifest, signature } => {
                    self.stage(name, manifest, signature.as_deref(), now_ms, &mut orders);
                }
                catalogue::Action::Retire { name } => {
                    self.slots.entry(name.clone()).or_default().kept_out = None;
                    self.step(&name, Event::Withdrawn, now_ms, &mut orders);
                }
                catalogue::Action::Reject { name, why } => {
                    if let Some(slot) = self.slots.get_mut(&name) {
                        slot.why = Some(why.clone());
                        slot.kept_out = None;
                    }
                    orders.push(Order::Rejected(name, why));
                }
                catalogue::Action::Wait { name, why, .. } => orders.push(Order::Waiting(name, why)),
            }
        }
        self.let_in(now_ms, &mut orders);
        orders
    }

    /// True while the folder holds something unfinished.
    pub fn is_waiting(&self) -> bool {
        self.catalogue.is_waiting()
    }

    /// When [`Self::tick`] has something to do.
    pub fn due_ms(&self) -> Option<u64> {
        self.slots.values().filter_map(|s| s.life.due_ms()).min()
    }

    /// Takes what self-tests found, and what is due.
    pub fn tick(&mut self, now_ms: u64) -> Vec<Order> {
        let mut orders = Vec::new();
        while let Ok((plugin, generation, result)) = self.tested.1.try_recv() {
            self.take_tested(&plugin, generation, result, now_ms, &mut orders);
        }
        let names: Vec<String> = self.slots.keys().cloned().collect();
        for name in names {
            self.step(&name, Event::Tick, now_ms, &mut orders);
        }
        self.let_in(now_ms, &mut orders);
        orders
    }

    /// A worker that was taken has ended, for this reason.
    pub fn died(&mut self, plugin: &str, generation: GenerationId, why: &str, now_ms: u64) -> Vec<Order> {
        let mut orders = Vec::new();
        if let Some(slot) = self.slots.get_mut(plugin) {
            slot.why = Some(why.to_owned());
        }
        self.step(plugin, Event::Died(generation, why.to_owned()), now_ms, &mut orders);
        self.let_in(now_ms, &mut orders);
        orders
    }

    /// A worker that was to drain has stopped.
    pub fn drained(&mut self, plugin: &str, generation: GenerationId, now_ms: u64) -> Vec<Order> {
        let mut orders = Vec::new();
        self.step(plugin, Event::Drained(generation), now_ms, &mut orders);
        self.let_in(now_ms, &mut orders);
        orders
    }

    /// A person lifts the quarantine of a hash.
    pub fn release(&mut self, plugin: &str, hash: Hash, now_ms: u64) -> Vec<Order> {
        let mut orders = Vec::new();
        let id = self.slots.get(plugin).and_then(Slot::id);
        if let Some(why) = id.and_then(|id| self.keeps_out(plugin, id)) {
            orders.push(Order::Rejected(plugin.to_owned(), why));
            return orders;
        }
        self.step(plugin, Event::Released(hash), now_ms, &mut orders);
        orders
    }

    /// All plugins that were ever offered.
    pub fn list(&self) -> Vec<Line> {
        let line = |(name, slot): (&String, &Slot)| {
            let last = slot.last.and_then(|hash| slot.copies.get(&hash));
            Line {
                plugin: name.clone(),
                manifest: last.map(|s| s.manifest.clone()),
                is_signed: last.is_some_and(|s| s.signed != Signed::Nobody),
                generations: slot.life.generations().map(|g| (g.id, g.hash, g.phase)).collect(),
                quarantine: slot.life.quarantine().to_vec(),
                why: slot.why.clone(),
            }
        };
        self.slots.iter().map(line).collect()
    }

    fn stage(
        &mut self,
        name: String,
        manifest: Manifest,
        signature: Option<&str>,
        now_ms: u64,
        orders: &mut Vec<Order>,
    ) {
        if let Some(why) = self.keeps_out(&name, &manifest.id) {
            let slot = self.slots.entry(name.clone()).or_default();
            slot.why = Some(why.clone());
            slot.kept_out = Some((manifest, signature.map(str::to_owned)));
            orders.push(Order::Rejected(name, why));
            return;
        }
        let s = &self.settings;
        let hash = manifest.sha256;
        let copied = staging::stage(&s.folder, &name, hash, signature, &s.trust, &s.store);
        let slot = self.slots.entry(name.clone()).or_default();
        match copied {
            Ok(copy) => {
                let staged = Staged { path: copy.path, manifest, signed: copy.signed };
                slot.copies.insert(hash, staged);
                slot.last = Some(hash);
                slot.why = None;
                self.step(&name, Event::Offered(hash), now_ms, orders);
            }
            Err(error) => {
                slot.why = Some(error.to_string());
                orders.push(Order::Rejected(name, error.to_string()));
            }
        }
    }

    /// Why the plugin `name` may not serve as `id`: another one does.
    fn keeps_out(&self, name: &str, id: &str) -> Option<String> {
        let is_it =
            |(n, slot): &(&String, &Slot)| *n != name && slot.id() == Some(id) && slot.life.is_in_place();
        self.slots.iter().find(is_it).map(|(other, _)| format!("{other} already serves `{id}`"))
    }

    /// Takes in what was kept out, where the place is free now.
    fn let_in(&mut self, now_ms: u64, orders: &mut Vec<Order>) {
        let names: Vec<String> = self.slots.keys().cloned().collect();
        for name in names {
            let id = self.slots.get(&name).and_then(|slot| Some(&slot.kept_out.as_ref()?.0.id));
            if id.is_none_or(|id| self.keeps_out(&name, id).is_some()) {
                continue;
            }
            let kept_out = self.slots.get_mut(&name).and_then(|slot| slot.kept_out.take());
            if let Some((manifest, signature)) = kept_out {
                self.stage(name, manifest, signature.as_deref(), now_ms, orders);
            }
        }
    }

    fn take_tested(
        &mut self,
        plugin: &str,
        generation: GenerationId,
        result: Result<Worker, String>,
        now_ms: u64,
        orders: &mut Vec<Order>,
    ) {
        let Some(slot) = self.slots.get_mut(plugin) else { return };
        // Replaced or removed while it was tested: dropping the worker ends it.
        let Some(hash) = slot.life.generations().find(|g| g.id == generation).map(|g| g.hash) else { return };
        let event = match (result, slot.copies.get(&hash)) {
            (Ok(worker), Some(staged)) => {
                let warmup_ms = (f64::from(worker.descriptor().warmup_s) * 1000.0) as u64;
                let (plugin, manifest) = (plugin.to_owned(), staged.manifest.clone());
                orders.push(Order::Take { plugin, generation, manifest, worker: Box::new(worker) });
                Event::Passed(generation, warmup_ms)
            }
            (Ok(_), None) => Event::Failed(generation, "its copy is gone".into()),
            (Err(why), _) => {
                slot.why = Some(why.clone());
                Event::Failed(generation, why)
            }
        };
        self.step(plugin, event, now_ms, orders);
    }

    fn step(&mut self, plugin: &str, event: Event, now_ms: u64, orders: &mut Vec<Order>) {
        let Some(slot) = self.slots.get_mut(plugin) else { return };
        let name = || plugin.to_owned();
        for action in slot.life.step(event, now_ms) {
            match action {
                Action::SelfTest(id, hash) => {
                    if let Some(staged) = slot.copies.get(&hash) {
                        let launch = Launch {
                            program: self.settings.program.clone(),
                            library: staged.path.clone(),
                            memory_bytes_max: self.settings.memory_bytes_max,
                        };
                        let (manifest, to, bell) =
                            (staged.manifest.clone(), self.tested.0.clone(), self.bell.clone());
                        let plugin = name();
                        std::thread::spawn(move || {
                            wait_for_others();
                            let result = selftest::run(&launch, &manifest);
                            // The host may be gone: then the worker ends with this thread.
                            let _ = to.send((plugin, id, result));
                            bell.ring();
                        });
                    }
                }
                Action::Warm(id) => orders.push(Order::Warm(name(), id)),
                Action::CutOver { from, to } => orders.push(Order::CutOver { plugin: name(), from, to }),
                Action::Drain(id) => orders.push(Order::Drain(name(), id)),
                Action::Kill(id) => orders.push(Order::Kill(name(), id)),
                Action::Blind(why) => orders.push(Order::Blind(name(), why)),
                Action::Alert(why) => orders.push(Order::Alert(name(), why)),
                Action::Forget(hash) => {
                    if let Some(staged) = slot.copies.remove(&hash) {
                        let _ = std::fs::remove_file(staged.path);
                    }
                }
            }
        }
    }
}

/// Lets this thread, and the worker that it starts, have only the time that nobody else wants: what misbehaves in its test
/// takes none from the recording, nor from plugins that serve.
fn wait_for_others() {
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        tracing::debug!(%error, "self-tests run at the usual priority");
    }
}
