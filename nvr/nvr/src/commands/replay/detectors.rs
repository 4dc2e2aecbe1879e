//! The plugins of a replay: one worker for each plugin the rules name, one instance for each rule.
//!
//! Promises: nothing is simulated; every instance answers an input before the next frame is looked at, so that nothing is
//!   dropped, frames can be given back, and every run is the same; workers work side by side.
//! Leaves to others: what events become (`nvr_alerts`), what is given when (`feed`), finding plugins (`loading`).

use super::feed::Feed;
use super::loading::load;
use super::orders::Orders;
use crate::terminal::complain;
use anyhow::{Context, bail};
use nvr_base::analysis::{Analysed, CameraOrder, LooksAt, RingNumber};
use nvr_base::rule::{Rule, RulesFile};
use nvr_base::scene::TRACKS_MAX;
use nvr_base::schedule::{Schedule, holds};
use nvr_base::time::{Utc, local};
use nvr_plugins::protocol::{Event, Input, InstanceId, Needs, Sample};
use nvr_plugins::rule_config::{config, unknown_key};
use nvr_plugins::worker::{Offered, Said, Worker};
use std::collections::BTreeMap;
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::time::Duration;

/// Longest wait for one answer; a worker that hangs is killed long before.
const ANSWER_WAIT: Duration = Duration::from_secs(10);
/// Log lines of one plugin that are shown.
const LOG_LINES_MAX: u32 = 20;
/// From this level on log lines are shown: errors and warnings.
const LOG_LEVEL_MAX: i32 = 2;

/// What the rules' instances said to one frame.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// Of rule `.0`, in the order of the rules.
    pub(super) events: Vec<(usize, Event)>,
    /// Of rule `.0`.
    pub(super) samples: Vec<(usize, Sample)>,
    /// Tracks whose crops are wanted next, by the number of the order: one entry for each model that can be asked.
    pub(super) asks: BTreeMap<u16, Vec<u64>>,
    /// The same as instances said it.
    asked: Vec<(InstanceId, String, Vec<u64>)>,
}

/// A plugin that runs.
#[derive(Debug)]
struct Plugin {
    id: String,
    worker: Worker,
    /// Log lines shown.
    logged: u32,
}

/// One rule's instance.
#[derive(Debug)]
struct Instance {
    number: InstanceId,
    /// Which of the plugins.
    plugin: usize,
    config: String,
    feed: Feed,
    schedule: Schedule,
    on_duty: bool,
    /// It has fewer pixels a metre than its rule needs.
    is_below_gate: bool,
    /// The orders of models it may ask, by the model's id.
    asks: BTreeMap<String, u16>,
}

/// The running plugins.
#[derive(Debug)]
pub(super) struct Detectors {
    plugins: Vec<Plugin>,
    /// One for each rule, in the rules' order.
    instances: Vec<Instance>,
    /// What perception has to make.
    pub(super) order: CameraOrder,
    /// Whether a rule's plugin counts.
    pub(super) counts: Vec<bool>,
    /// Pixels a metre that a rule's plugin would like; 0: none.
    pub(super) wishes: Vec<f32>,
    /// Copies the workers run.
    _store: tempfile::TempDir,
}

impl Detectors {
    /// Starts the plugins that `rules` name from `folder`, and an instance for each rule.
    pub(super) fn start(program: &Path, folder: &Path, rules: &RulesFile) -> anyhow::Result<Self> {
        let store = tempfile::tempdir().context("cannot make a temporary folder")?;
        let mut plugins: Vec<Plugin> = Vec::new();
        let (mut counts, mut wishes) = (Vec::new(), Vec::new());
        let mut orders = Orders::new(rules.camera.masks.clone());
        let mut made = Vec::new();
        for (n, rule) in rules.rules.iter().enumerate() {
            let id = rule.situation.as_str();
            let plugin = match plugins.iter().position(|p| p.id == id) {
                Some(known) => known,
                None => {
                    let worker = load(program, folder, id, store.path())?;
                    plugins.push(Plugin { id: id.to_owned(), worker, logged: 0 });
                    plugins.len() - 1
                }
            };
            let Some(of) = plugins.get_mut(plugin) else { continue };
            if let Some(why) = unknown_key(rule, &of.worker.descriptor().config_schema) {
                bail!(why);
            }
            let (number, config) =
                (InstanceId::try_from(n)?, config(rule, rules.camera.ground.as_ref()).to_string());
            let needs = of.create(number, &config).with_context(|| format!("rule `{}`", rule.id))?;
            orders.add(plugin, &needs)?;
            counts.push(of.worker.descriptor().emits_samples);
            wishes.push(of.worker.descriptor().min_px_per_m);
            made.push((number, plugin, config, rule));
        }
        let fps = orders.camera.fps;
        let instance = |((number, plugin, config, rule), share): ((_, _, _, &Rule), super::orders::Share)| {
            let models = share.inferences.iter().filter_map(|order| {
                let made = orders.camera.inference.get(usize::from(*order))?;
                (made.looks_at == LooksAt::Asked).then(|| (made.model.clone(), *order))
            });
            let (asks, feed) = (models.collect(), Feed::new(share.clone(), fps));
            Instance {
                number,
                plugin,
                config,
                feed,
                schedule: rule.schedule.clone(),
                on_duty: true,
                is_below_gate: false,
                asks,
            }
        };
        let instances = made.into_iter().zip(orders.shares.clone()).map(instance).collect();
        Ok(Self { plugins, instances, order: orders.camera, counts, wishes, _store: store })
    }

    /// Hands a ring to its plugin; its number is the plugin's.
    pub(super) fn ring(&mut self, ring: RingNumber, fd: BorrowedFd<'_>, len: u64) -> anyhow::Result<()> {
        let plugin = self.plugins.get_mut(usize::from(ring)).context("a ring for no plugin")?;
        plugin.worker.ring(fd, len).with_context(|| format!("plugin `{}`", plugin.id))
    }

    /// Rule `number` has fewer pixels a metre than it needs: it is not run.
    pub(super) fn bar(&mut self, number: usize) {
        if let Some(instance) = self.instances.get_mut(number) {
            instance.is_below_gate = true;
        }
    }

    /// Says what instances did not get and what they said in vain, should that be.
    pub(super) fn complain(&self) {
        for plugin in &self.plugins {
            let c = plugin.worker.counters();
            let refused = [c.refused_limit, c.refused_type, c.refused_value];
            if refused != [0; 3] {
                let [limit, kind, value] = refused;
                complain(&format!(
                    "plugin `{}` said what it may not, which was refused: {limit} over the limit of a call, {kind} of types \
                     it does not declare, {value} with impossible values",
                    plugin.id
                ));
            }
        }
        let left_out: u64 = self.instances.iter().map(|i| i.feed.left_out()).sum();
        if left_out > 0 {
            complain(&format!("{left_out} results of models or ends of tracks did not fit an input"));
        }
    }

    /// Gives every instance that is due a frame and waits for all answers. `start`: when the file began; then schedules
    /// hold.
    pub(super) fn offer(&mut self, analysed: &Analysed, start: Option<Utc>) -> anyhow::Result<Answers> {
        let at_us = analysed.scene.at_us;
        let now = start.map(|start| start.plus_micros(at_us));
        let mut answers = Answers::default();
        let asked = self.instances.iter().flat_map(|i| i.asks.values());
        answers.asks.extend(asked.map(|order| (*order, Vec::new())));
        for instance in &mut self.instances {
            let Some(plugin) = self.plugins.get_mut(instance.plugin) else { continue };
            let on_duty =
                now.is_none_or(|now| holds(&instance.schedule, local(now))) && !instance.is_below_gate;
            if on_duty != instance.on_duty {
                instance.on_duty = on_duty;
                plugin.turn(instance, &mut answers)?;
            }
            let input = instance.feed.take(analysed).filter(|_| on_duty);
            if let Some(input) = input {
                let wall_us = now.unwrap_or(Utc(at_us)).0;
                plugin.offer(Input { instance: instance.number, wall_us, ..input }, &mut answers)?;
            }
        }
        for plugin in &mut self.plugins {
            while plugin.worker.is_busy() {
                plugin.hear(&mut answers)?;
            }
        }
        answers.events.sort_by_key(|(rule, _)| *rule);
        answers.samples.sort_by_key(|(rule, _)| *rule);
        for (instance, model, tracks) in std::mem::take(&mut answers.asked) {
            let of = self.instances.iter().find(|i| i.number == instance);
            let order = of.and_then(|i| i.asks.get(&model)).and_then(|order| answers.asks.get_mut(order));
            if let Some(all) = order {
                all.extend(tracks);
                all.truncate(TRACKS_MAX);
            }
        }
        Ok(answers)
    }
}

impl Plugin {
    /// Makes an instance.
    fn create(&mut self, instance: InstanceId, config: &str) -> anyhow::Result<Needs> {
        self.worker.create(instance, config).with_context(|| format!("plugin `{}`", self.id))?;
        loop {
            for one in self.pump()? {
                match one {
                    Said::Created(of, needs) if of == instance => return Ok(needs),
                    Said::Refused(_, why) => bail!("{why}"),
                    Said::Log(level, text) => self.log(level, &text),
                    _ => {}
                }
            }
        }
    }

    /// Takes an instance off duty, which ends what it has begun, or puts it on duty anew.
    fn turn(&mut self, instance: &mut Instance, answers: &mut Answers) -> anyhow::Result<()> {
        instance.feed.clear();
        if instance.on_duty {
            return self.create(instance.number, &instance.config).map(drop);
        }
        self.worker.destroy(instance.number).with_context(|| format!("plugin `{}`", self.id))?;
        while self.worker.is_busy() {
            self.hear(answers)?;
        }
        Ok(())
    }

    /// Gives an instance an input; when the worker does not take it yet, after what it says.
    fn offer(&mut self, input: Input, answers: &mut Answers) -> anyhow::Result<()> {
        loop {
            let offered =
                self.worker.offer(input.clone()).with_context(|| format!("plugin `{}`", self.id))?;
            match offered {
                Offered::Sent => return Ok(()),
                Offered::Busy if self.worker.is_busy() => self.hear(answers)?,
                Offered::Busy => bail!("plugin `{}` was given an input that it cannot take", self.id),
            }
        }
    }

    /// Listens once.
    fn hear(&mut self, answers: &mut Answers) -> anyhow::Result<()> {
        for one in self.pump()? {
            match one {
                Said::Event(of, _, event) => answers.events.push((of as usize, event)),
                Said::Sample(of, _, sample) => answers.samples.push((of as usize, sample)),
                Said::Ask(of, model, tracks) => answers.asked.push((of, model, tracks)),
                Said::Log(level, text) => self.log(level, &text),
                _ => {}
            }
        }
        Ok(())
    }

    fn pump(&mut self) -> anyhow::Result<Vec<Said>> {
        let said = self.worker.pump(ANSWER_WAIT).with_context(|| format!("plugin `{}`", self.id))?;
        if said.is_empty() {
            bail!("plugin `{}` did not answer", self.id);
        }
        Ok(said)
    }

    /// Shows what a plugin complains of.
    fn log(&mut self, level: i32, text: &str) {
        if level <= LOG_LEVEL_MAX && self.logged < LOG_LINES_MAX {
            self.logged += 1;
            let more = if self.logged == LOG_LINES_MAX { " (no more of its lines are shown)" } else { "" };
            complain(&format!("plugin `{}`: {text}{more}", self.id));
        }
    }
}
