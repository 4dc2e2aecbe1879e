//! `nvr plugins`: makes plugin files ready to drop in, and says what is in a folder of them.
//!
//! Promises: a plugin's code runs in the sandboxed worker alone, here too; a manifest appears after its library, each
//!   by rename, so that a recorder that watches the folder never sees half of either.
//! Leaves to others: running them (`nvr_plugins`), signing (minisign).

use super::replay::{folder, program};
use crate::args::{Cli, PluginsCommand};
use crate::terminal::{print_json, print_line};
use anyhow::Context;
use nvr_plugins::catalogue::{LIBRARY_LEN_MAX, library_name};
use nvr_plugins::manifest::{MANIFEST_LEN_MAX, Manifest, ManifestError};
use nvr_plugins::staging::{hash_of, read_plain};
use nvr_plugins::worker::{Launch, MEMORY_BYTES_MAX, Worker};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Runs it.
pub(crate) fn run(cli: &Cli, command: &PluginsCommand) -> anyhow::Result<ExitCode> {
    match command {
        PluginsCommand::Pack { library, out, author } => {
            for one in library {
                let (id, manifest) = pack(one, out, author)?;
                if cli.json {
                    print_json(&json!({"id": id, "manifest": manifest}))?;
                } else {
                    print_line(&format!("{id}: {}", manifest.display()))?;
                }
            }
        }
        PluginsCommand::List { plugins } => {
            let folder = plugins.clone().unwrap_or_else(|| folder("plugins"));
            for (path, manifest) in manifests(&folder)? {
                let m = &manifest.with_context(|| path.display().to_string())?;
                if cli.json {
                    print_json(m)?;
                } else {
                    print_line(&format!(
                        "{} {} for ABI {}, {:?}: {}",
                        m.id, m.version, m.abi, m.regime, m.sha256
                    ))?;
                }
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Copies `library` to `out` with the manifest that its own descriptor says.
fn pack(library: &Path, out: &Path, author: &str) -> anyhow::Result<(String, PathBuf)> {
    let library = library.canonicalize().with_context(|| format!("cannot open {}", library.display()))?;
    let bytes = read_plain(&library, LIBRARY_LEN_MAX)?;
    let launch = Launch {
        program: program("nvr-worker"),
        library: library.clone(),
        memory_bytes_max: MEMORY_BYTES_MAX,
    };
    let worker = Worker::start(&launch).with_context(|| format!("{} does not load", library.display()))?;
    let d = worker.descriptor();
    let manifest = Manifest {
        id: d.id.clone(),
        version: d.version.clone(),
        abi: format!("{}.{}", d.abi.0, d.abi.1),
        situation: d.situation.clone(),
        needs: d.needs.words(),
        event_types: d.event_types.clone(),
        regime: d.regime,
        sha256: hash_of(&bytes),
        author: author.to_owned(),
    };
    let text = manifest.to_toml()?;
    std::fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
    put(&out.join(library_name(&d.id)), &bytes)?;
    let path = out.join(format!("{}.toml", d.id));
    put(&path, text.as_bytes())?;
    Ok((d.id.clone(), path))
}

/// Writes a file beside its place, and renames it.
fn put(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let about = || format!("cannot write {}", path.display());
    let folder = path.parent().with_context(about)?;
    let mut part = tempfile::NamedTempFile::new_in(folder).with_context(about)?;
    std::io::Write::write_all(&mut part, bytes).with_context(about)?;
    part.as_file().sync_all().with_context(about)?;
    part.persist(path).with_context(about)?;
    Ok(())
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
