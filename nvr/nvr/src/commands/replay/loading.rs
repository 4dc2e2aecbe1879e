//! A plugin for a replay: found in a folder, verified, tested and started.
//!
//! Promises: the real staging, self-test and worker.
//! Leaves to others: unsigned plugins: a replay runs what the caller points at; instances (`detectors`).

use crate::commands::plugins::manifests;
use anyhow::{Context, bail};
use nvr_plugins::manifest::Manifest;
use nvr_plugins::selftest;
use nvr_plugins::signature::Trust;
use nvr_plugins::staging;
use nvr_plugins::worker::{Launch, MEMORY_BYTES_MAX, Worker};
use std::path::Path;

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
