//! `nvr plugins`: makes plugin files ready to drop in, and says what is in a folder of them.
//!
//! Promises: a plugin's code runs in the sandboxed worker alone, here too; a manifest appears after its library, each
//!   by rename, so that a recorder that watches the folder never sees half of either.
//! Leaves to others: running them (`nvr_plugins`), signing (minisign).

use super::replay::{folder, program};
use crate::args::{Cli, PluginsCommand};
use crate::terminal::{print_json, print_line};
use anyhow::{Context, bail};
use nvr_plugins::manifest::{MANIFEST_LEN_MAX, Manifest};
use nvr_plugins::staging::{hash_of, read_plain};
use nvr_plugins::worker::{Launch, MEMORY_BYTES_MAX, Worker};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Longest library, bytes.
const LIBRARY_BYTES_MAX: u64 = 64 << 20;

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
            for manifest in manifests(&folder)? {
                let m = &manifest;
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
    let bytes = read_plain(&library, LIBRARY_BYTES_MAX)?;
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
    put(&out.join(format!("lib{}.so", d.id)), &bytes)?;
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

/// The manifests of a folder, by file name.
fn manifests(folder: &Path) -> anyhow::Result<Vec<Manifest>> {
    let about = || format!("cannot read the plugins folder {}; name one with --plugins", folder.display());
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder).with_context(about)?.filter_map(|e| Some(e.ok()?.path())).collect();
    paths.sort();
    let mut all = Vec::new();
    for path in paths.iter().filter(|p| p.extension().is_some_and(|e| e == "toml")) {
        let bytes = read_plain(path, MANIFEST_LEN_MAX as u64)?;
        match Manifest::parse(&String::from_utf8_lossy(&bytes)) {
            Ok(manifest) => all.push(manifest),
            Err(error) => bail!("{}: {error}", path.display()),
        }
    }
    Ok(all)
}
