//! A plugin for a replay: found in a folder, verified, tested and started; its rule checked and put into its words.
//!
//! Promises: the real staging, self-test and worker; a key that the plugin does not know is an error with its line.
//! Leaves to others: unsigned plugins: a replay runs what the caller points at; instances (`detectors`).

use crate::commands::plugins::manifests;
use anyhow::{Context, bail};
use nvr_base::Class;
use nvr_base::rule::{Direction, Rule};
use nvr_plugins::manifest::Manifest;
use nvr_plugins::selftest;
use nvr_plugins::signature::Trust;
use nvr_plugins::staging;
use nvr_plugins::worker::{Launch, MEMORY_BYTES_MAX, Worker};
use serde_json::{Map, Value, json};
use std::path::Path;

/// A rule's keys that its plugin does not know are mistakes.
pub(super) fn check_keys(worker: &Worker, rule: &Rule) -> anyhow::Result<()> {
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
pub(super) fn config(rule: &Rule) -> Value {
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
pub(super) fn load(program: &Path, folder: &Path, id: &str, store: &Path) -> anyhow::Result<Worker> {
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
