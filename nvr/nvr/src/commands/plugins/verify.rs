//! `nvr plugins verify`: what the recorder does with a plugin before it may serve, step by step.
//!
//! Promises: the recorder's own staging, agreement and self-test, in the sandboxed worker; every step is printed; a step
//!   that cannot be made without an earlier one is not pretended. It takes [`TEST_WAIT_MAX`] and two handshakes at most.
//! Leaves to others: whether its alerts are right (its own tests, the labelled clips).
//!
//! [`TEST_WAIT_MAX`]: nvr_plugins::selftest::TEST_WAIT_MAX

use super::shelf::{Item, Signed, State, find};
use super::source::Source;
use super::{layer_words, word};
use crate::args::{Cli, FolderArgs};
use crate::child::program;
use crate::commands::verdict::{Verdict, Verdicts};
use anyhow::{Context, bail};
use nvr_base::media_protocol::Layer;
use nvr_base::text::{Arg, text};
use nvr_plugins::agreement::agree;
use nvr_plugins::catalogue::{LIBRARY_LEN_MAX, plugin_of};
use nvr_plugins::descriptor::Descriptor;
use nvr_plugins::manifest::{MANIFEST_LEN_MAX, Manifest};
use nvr_plugins::outstanding::Counters;
use nvr_plugins::selftest;
use nvr_plugins::signature::Trust;
use nvr_plugins::staging::{hash_of, read_plain, stage};
use nvr_plugins::worker::{Launch, MEMORY_BYTES_MAX, Worker};
use serde_json::json;
use std::path::Path;
use std::process::ExitCode;

/// Bytes of a MiB in KiB.
const KIB_PER_MIB: u32 = 1024;

/// What a loaded plugin said and did.
#[derive(Debug, Default)]
pub(crate) struct Examined {
    /// What it says it is; none when it does not load.
    pub(crate) descriptor: Option<Descriptor>,
    /// Its sandbox.
    pub(crate) layers: Vec<Layer>,
    /// What it did in the self-test; none when it failed.
    pub(crate) counters: Option<Counters>,
}

/// Runs it.
pub(super) fn run(cli: &Cli, plugin: &Path, args: &FolderArgs) -> anyhow::Result<ExitCode> {
    let item = locate(plugin, &Source::new(&cli.config, args))?;
    let mut verdicts = Verdicts::new(cli.json);
    examine(&item, &mut |verdict| verdicts.say(verdict))?;
    verdicts.end("plugins-verified", &json!({"name": item.name, "folder": item.folder}))
}

/// A name of the folder, or a library with its manifest beside it.
fn locate(plugin: &Path, source: &Source) -> anyhow::Result<Item> {
    let shown = plugin.to_str().with_context(|| format!("{}: not a UTF-8 path", plugin.display()))?;
    if !shown.contains('/') && plugin_of(&format!("{shown}.toml")).is_some() {
        return find(source, shown);
    }
    let name = plugin.file_name().and_then(|f| f.to_str()).filter(|f| f.ends_with(".so")).and_then(plugin_of);
    let Some(name) = name else {
        bail!("{shown}: neither a plugin's name nor a file libNAME.so; make one with `nvr plugins pack`")
    };
    let folder = plugin.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    find(&source.at(folder), &name)
}

/// Asks a plugin in its sandboxed worker what it is, as the recorder does before the self-test.
///
/// # Errors
/// Why the recorder would not take it, or what keeps it from saying.
pub(crate) fn ask(item: &Item) -> Result<Descriptor, String> {
    let manifest = match (&item.manifest, item.state) {
        (Some(manifest), State::Ready) => manifest,
        _ => return Err(item.why.clone().unwrap_or_default()),
    };
    let store = tempfile::tempdir().map_err(|e| e.to_string())?;
    // Its signature is judged already: that is its state.
    let trust = Trust::new(&[], true).map_err(|e| e.to_string())?;
    let copy = stage(&item.folder, &item.name, manifest.sha256, None, &trust, store.path())
        .map_err(|e| e.to_string())?;
    let (program, library) = (program("nvr-worker"), copy.path);
    let worker = Worker::start(&Launch { program, library, memory_bytes_max: MEMORY_BYTES_MAX })
        .map_err(|ended| ended.0)?;
    agree(manifest, worker.descriptor())?;
    Ok(worker.descriptor().clone())
}

/// Examines a plugin and says every step.
///
/// # Errors
/// What `say` answers; a temporary folder cannot be made.
pub(crate) fn examine(
    item: &Item,
    say: &mut dyn FnMut(Verdict) -> anyhow::Result<()>,
) -> anyhow::Result<Examined> {
    let mut done = Examined::default();
    let Some((bytes, manifest)) = files(item, say)? else { return Ok(done) };
    let hash = hash_of(&bytes);
    if hash != manifest.sha256 {
        let what = format!("{hash} ≠ {}", manifest.sha256);
        say(Verdict::fail("hash", what, text("plugins-hash-remedy", &[])))?;
        return Ok(done);
    }
    say(Verdict::ok("hash", hash.to_string()))?;
    say(signature(item))?;
    let store = tempfile::tempdir().context("cannot make a temporary folder")?;
    let trust = Trust::new(&[], true)?;
    let copy = match stage(&item.folder, &item.name, manifest.sha256, None, &trust, store.path()) {
        Ok(copy) => copy,
        Err(why) => {
            say(Verdict::fail("load", why.to_string(), ""))?;
            return Ok(done);
        }
    };
    let launch =
        Launch { program: program("nvr-worker"), library: copy.path, memory_bytes_max: MEMORY_BYTES_MAX };
    let worker = match Worker::start(&launch) {
        Ok(worker) => worker,
        Err(why) => {
            say(Verdict::fail("load", why.0, text("plugins-load-remedy", &[])))?;
            return Ok(done);
        }
    };
    let descriptor = worker.descriptor().clone();
    let (major, minor) = descriptor.abi;
    say(Verdict::ok("load", format!("{} {}, ABI {major}.{minor}", descriptor.id, descriptor.version)))?;
    done.layers = worker.layers().to_vec();
    drop(worker);
    sandbox(&done.layers).into_iter().try_for_each(&mut *say)?;
    let agreed = agree(&manifest, &descriptor);
    done.descriptor = Some(descriptor);
    if let Err(why) = agreed {
        say(Verdict::fail("agreement", why, text("plugins-pack-remedy", &[])))?;
        return Ok(done);
    }
    say(Verdict::ok("agreement", text("plugins-agree", &[])))?;
    match selftest::run(&launch, &manifest) {
        Err(why) => say(Verdict::fail("self-test", why, text("plugins-test-remedy", &[])))?,
        Ok(worker) => {
            let counters = *worker.counters();
            let budget_us = done.descriptor.as_ref().map_or(0, |d| d.process_budget_us);
            done.counters = Some(counters);
            say(tested(&counters, budget_us))?;
        }
    }
    Ok(done)
}

/// The library's bytes and the manifest; nothing when one of them is not there or not sound.
fn files(
    item: &Item,
    say: &mut dyn FnMut(Verdict) -> anyhow::Result<()>,
) -> anyhow::Result<Option<(Vec<u8>, Manifest)>> {
    let bytes = match read_plain(&item.library(), LIBRARY_LEN_MAX) {
        Ok(bytes) => bytes,
        Err(why) => {
            let why = item.why.clone().unwrap_or_else(|| why.to_string());
            say(Verdict::fail("library", why, text("plugins-pack-remedy", &[])))?;
            return Ok(None);
        }
    };
    say(Verdict::ok("library", format!("{}, {} kB", item.library().display(), bytes.len() / 1000)))?;
    let path = item.folder.join(format!("{}.toml", item.name));
    let manifest = read_plain(&path, MANIFEST_LEN_MAX as u64)
        .map_err(|e| e.to_string())
        .and_then(|text| Manifest::parse(&String::from_utf8_lossy(&text)).map_err(|e| e.to_string()));
    match manifest {
        Ok(manifest) => {
            let m = &manifest;
            let what = format!("{} {}, {}, {}", m.id, m.version, m.situation, word(&m.regime));
            say(Verdict::ok("manifest", what))?;
            Ok(Some((bytes, manifest)))
        }
        Err(why) => {
            say(Verdict::fail("manifest", why, text("plugins-pack-remedy", &[])))?;
            Ok(None)
        }
    }
}

fn signature(item: &Item) -> Verdict {
    let remedy = |id: &str| text(id, &[]);
    match item.signed {
        Signed::Yes => Verdict::ok("signature", text("signed-yes", &[])),
        Signed::No if item.state == State::Refused => {
            Verdict::fail("signature", text("signed-no", &[]), remedy("plugins-sign-remedy"))
        }
        Signed::No => Verdict::warn("signature", text("signed-no", &[]), remedy("plugins-sign-remedy")),
        Signed::Unchecked => {
            Verdict::warn("signature", text("signed-unchecked", &[]), remedy("plugins-key-remedy"))
        }
        Signed::Wrong => {
            let why = item.why.clone().unwrap_or_else(|| text("signed-wrong", &[]));
            Verdict::fail("signature", why, remedy("plugins-sign-remedy"))
        }
    }
}

/// One line when every layer holds, else one line for each that does not.
pub(crate) fn sandbox(layers: &[Layer]) -> Vec<Verdict> {
    let words: Vec<(String, bool)> = layers.iter().map(layer_words).collect();
    let mut missing: Vec<Verdict> = words
        .iter()
        .filter(|(_, holds)| !holds)
        .map(|(what, _)| Verdict::warn("sandbox", what, text("sandbox-remedy", &[])))
        .collect();
    if missing.is_empty() {
        let all = words.into_iter().map(|(what, _)| what).collect::<Vec<_>>().join("; ");
        missing.push(Verdict::ok("sandbox", all));
    }
    missing
}

fn tested(counters: &Counters, budget_us: u32) -> Verdict {
    let args = [
        ("scenes", Arg::from(counters.done)),
        ("mean", Arg::from(counters.took_us.checked_div(counters.done).unwrap_or(0))),
        ("most", Arg::from(counters.took_us_max)),
        ("budget", Arg::from(budget_us)),
        ("memory", Arg::from(counters.memory_kib / KIB_PER_MIB)),
    ];
    let what = text("plugins-tested", &args);
    if counters.over_budget > 0 {
        Verdict::warn("self-test", what, text("plugins-budget-remedy", &[]))
    } else {
        Verdict::ok("self-test", what)
    }
}
