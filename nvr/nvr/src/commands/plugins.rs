//! `nvr plugins`: makes plugins and their files, says what is in a folder of them, and switches them.
//!
//! Promises: a plugin's code runs in the sandboxed worker alone, here too; files appear by rename, so that a recorder that
//!   watches the folder never sees half of one.
//! Leaves to others: running them (`nvr_plugins`), signing (minisign).

mod info;
mod keys;
mod list;
mod new;
mod pack;
pub(super) mod shelf;
pub(super) mod source;
mod switch;
pub(super) mod verify;

use crate::args::{Cli, PluginsCommand};
use crate::terminal::{print_json, print_line};
use anyhow::Context;
use nvr_base::media_protocol::{Layer, LayerKind, LayerState};
use nvr_base::text::{Arg, text};
use nvr_plugins::manifest::{MANIFEST_LEN_MAX, Manifest, ManifestError};
use nvr_plugins::staging::read_plain;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Runs it.
pub(crate) fn run(cli: &Cli, command: &PluginsCommand) -> anyhow::Result<ExitCode> {
    match command {
        PluginsCommand::New(args) => new::run(cli, args),
        PluginsCommand::Pack { library, out, author } => {
            for one in library {
                let (id, manifest) = pack::pack(one, out, author)?;
                if cli.json {
                    print_json(&json!({"id": id, "manifest": manifest}))?;
                } else {
                    print_line(&format!("{id}: {}", manifest.display()))?;
                }
            }
            Ok(ExitCode::SUCCESS)
        }
        PluginsCommand::List(args) => list::run(cli, args),
        PluginsCommand::Info { name, folder } => info::run(cli, name, folder),
        PluginsCommand::Verify { plugin, folder } => verify::run(cli, plugin, folder),
        PluginsCommand::Disable { name, folder } => switch::run(cli, name, folder, false),
        PluginsCommand::Enable { name, folder } => switch::run(cli, name, folder, true),
    }
}

/// The manifests of a folder in the order of their files; one that is not sound says why.
pub(super) fn manifests(folder: &Path) -> anyhow::Result<Vec<(PathBuf, Result<Manifest, ManifestError>)>> {
    let about = || format!("cannot read the plugins folder {}; name one with --plugins", folder.display());
    let entries = std::fs::read_dir(folder).with_context(about)?;
    let mut paths: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "toml"));
    paths.sort();
    let mut all = Vec::new();
    for path in paths {
        let bytes = read_plain(&path, MANIFEST_LEN_MAX as u64)?;
        let manifest = Manifest::parse(&String::from_utf8_lossy(&bytes));
        all.push((path, manifest));
    }
    Ok(all)
}

/// A layer of a worker's sandbox in words, and whether it holds whole.
pub(super) fn layer_words(layer: &Layer) -> (String, bool) {
    let kind = match layer.kind {
        LayerKind::NoNewPrivs => "layer-privileges",
        LayerKind::Limits => "layer-limits",
        LayerKind::Network => "layer-network",
        LayerKind::Files => "layer-files",
        LayerKind::Syscalls => "layer-calls",
    };
    let kind = Arg::from(text(kind, &[]));
    match &layer.state {
        LayerState::Applied => (text("layer-holds", &[("layer", kind)]), true),
        LayerState::Partly(why) => {
            (text("layer-partly", &[("layer", kind), ("why", Arg::from(why.as_str()))]), false)
        }
        LayerState::Unavailable(why) => {
            (text("layer-missing", &[("layer", kind), ("why", Arg::from(why.as_str()))]), false)
        }
    }
}

/// The value's name in lists and manifests.
pub(super) fn word(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(other) => other.to_string(),
        Err(_) => String::new(),
    }
}
