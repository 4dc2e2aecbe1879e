//! The plugins of a replay: one worker for each plugin the rules name, one instance for each rule.
//!
//! Promises: the real staging, self-test and worker, nothing simulated; an input is answered before the next is given,
//!   so that nothing is dropped and every run is the same.
//! Leaves to others: what events become (`nvr_alerts`), unsigned plugins: a replay runs what the caller points at.

use crate::commands::plugins::manifests;
use anyhow::{Context, bail};
use nvr_base::Class;
use nvr_base::rule::{Direction, Rule};
use nvr_base::scene::Scene;
use nvr_plugins::manifest::Manifest;
use nvr_plugins::protocol::{Event, Input, InstanceId, Sample};
use nvr_plugins::selftest;
use nvr_plugins::signature::Trust;
use nvr_plugins::staging;
use nvr_plugins::worker::{Launch, MEMORY_BYTES_MAX, Offered, Said, Worker};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// Longest wait for one answer; a worker that hangs is killed long before.
const ANSWER_WAIT: Duration = Duration::from_secs(10);

/// What a rule's instance said to one scene.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// Of rule `.0`.
    pub(super) events: Vec<(usize, Event)>,
    /// Of rule `.0`.
    pub(super) samples: Vec<(usize, Sample)>,
}

/// The running plugins.
#[derive(Debug)]
pub(super) struct Detectors {
    /// By plugin id.
    workers: BTreeMap<String, Worker>,
    /// Plugin of each rule, in the rules' order.
    plugins: Vec<String>,
    /// Inputs a second of the rule that needs most.
    pub(super) fps: f32,
    /// Whether a rule's plugin counts.
    pub(super) counts: Vec<bool>,
    /// Copies the workers run.
    _store: tempfile::TempDir,
}

impl Detectors {
    /// Starts the plugins that `rules` name from `folder`.
    pub(super) fn start(program: &Path, folder: &Path, rules: &[Rule]) -> anyhow::Result<Self> {
        let store = tempfile::tempdir().context("cannot make a temporary folder")?;
        let mut all = Self {
            workers: BTreeMap::new(),
            plugins: Vec::new(),
            fps: 1.0,
            counts: Vec::new(),
            _store: store,
        };
        for (number, rule) in rules.iter().enumerate() {
            let plugin = rule.situation.as_str();
            if !all.workers.contains_key(plugin) {
                let worker = load(program, folder, plugin, all._store.path())?;
                all.workers.insert(plugin.to_owned(), worker);
            }
            let Some(worker) = all.workers.get_mut(plugin) else { continue };
            check_keys(worker, rule)?;
            let instance = InstanceId::try_from(number).unwrap_or(InstanceId::MAX);
            worker.create(instance, &config(rule).to_string())?;
            loop {
                let said = worker.pump(ANSWER_WAIT)?;
                if said.is_empty() {
                    bail!("plugin `{plugin}` did not answer");
                }
                let mut created = false;
                for one in said {
                    match one {
                        Said::Created(_, needs) => {
                            all.fps = all.fps.max(needs.fps);
                            created = true;
                        }
                        Said::Refused(_, why) => bail!("rule `{}`: {why}", rule.id),
                        _ => {}
                    }
                }
                if created {
                    break;
                }
            }
            all.counts.push(worker.descriptor().emits_samples);
            all.plugins.push(plugin.to_owned());
        }
        Ok(all)
    }

    /// Gives every rule a scene and waits for all answers.
    pub(super) fn offer(
        &mut self,
        sequence: u64,
        picture: (u32, u32),
        wall_us: i64,
        scene: &Scene,
    ) -> anyhow::Result<Answers> {
        let mut answers = Answers::default();
        for (number, plugin) in self.plugins.iter().enumerate() {
            let Some(worker) = self.workers.get_mut(plugin) else { continue };
            let instance = InstanceId::try_from(number).unwrap_or(InstanceId::MAX);
            let input =
                Input { instance, sequence, wall_us, picture, scene: scene.clone(), ..Input::default() };
            if worker.offer(input)? == Offered::Busy {
                bail!("plugin `{plugin}` was given a scene it cannot take");
            }
            let mut done = false;
            while !done {
                let said = worker.pump(ANSWER_WAIT)?;
                if said.is_empty() {
                    bail!("plugin `{plugin}` did not answer");
                }
                for one in said {
                    match one {
                        Said::Event(_, _, event) => answers.events.push((number, event)),
                        Said::Sample(_, _, sample) => answers.samples.push((number, sample)),
                        Said::Done(of) => done |= of.instance == instance && of.sequence == sequence,
                        _ => {}
                    }
                }
            }
        }
        Ok(answers)
    }
}

/// A rule's keys that its plugin does not know are mistakes.
fn check_keys(worker: &Worker, rule: &Rule) -> anyhow::Result<()> {
    let schema: Value = serde_json::from_str(&worker.descriptor().config_schema).unwrap_or_default();
    let known = |key: &String| schema.get("properties").is_some_and(|p| p.get(key).is_some());
    match rule.extra.keys().find(|key| !known(key)) {
        None => Ok(()),
        Some(key) => {
            let line = rule.extra_places.get(key).map(|place| format!(" (line {})", place.line));
            bail!(
                "rule `{}`: `{key}`{} is no key of `{}`; remove it",
                rule.id,
                line.unwrap_or_default(),
                rule.situation.as_str()
            )
        }
    }
}

/// The rule as its plugin reads it.
fn config(rule: &Rule) -> Value {
    let mut keys: Map<String, Value> = rule
        .extra
        .iter()
        .filter_map(|(key, value)| Some((key.clone(), serde_json::to_value(value).ok()?)))
        .collect();
    let mut set = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            keys.insert(key.to_owned(), value);
        }
    };
    set("zone", rule.zone.as_ref().map(|zone| json!(zone)));
    set("line", rule.line.as_ref().map(|line| json!(line)));
    let direction = Direction::ALL.iter().find(|(_, d)| *d == rule.direction);
    set("direction", direction.map(|(word, _)| json!(word)));
    set("dwell_s", rule.dwell_s.map(|s| json!(s)));
    let names = |classes: &Vec<Class>| json!(classes.iter().map(ToString::to_string).collect::<Vec<_>>());
    set("classes", rule.classes.as_ref().map(names));
    Value::Object(keys)
}

/// Finds, verifies, tests and starts plugin `id`.
fn load(program: &Path, folder: &Path, id: &str, store: &Path) -> anyhow::Result<Worker> {
    let (name, manifest) = find(folder, id)?;
    let trust = Trust::new(&[], true)?;
    let copy = staging::stage(folder, &name, manifest.sha256, None, &trust, store)
        .with_context(|| format!("plugin `{id}` in {}", folder.display()))?;
    let launch =
        Launch { program: program.to_owned(), library: copy.path, memory_bytes_max: MEMORY_BYTES_MAX };
    selftest::run(&launch, &manifest).map_err(|why| anyhow::anyhow!("plugin `{id}`: {why}"))
}

/// The manifest of plugin `id`, and its file's name without the ending.
fn find(folder: &Path, id: &str) -> anyhow::Result<(String, Manifest)> {
    let mut known = Vec::new();
    for (path, manifest) in manifests(folder)? {
        let Ok(manifest) = manifest else { continue };
        let Some(name) = path.file_stem().and_then(|s| s.to_str()) else { continue };
        if manifest.id == id {
            return Ok((name.to_owned(), manifest));
        }
        known.push(manifest.id);
    }
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    bail!("no plugin `{id}` in {}; there are: {known}", folder.display())
}
