//! `nvr models`: gets, checks and measures models. The work is done by `nvr-perceive`, beside this program, for this one
//! links no ONNX Runtime; files come from the network by the script `models/fetch`.
//!
//! Promises: arguments are a fixed list, never a shell's text; the child's output is the answer, its exit code this one's.
//! Leaves to others: everything about models (`nvr_perception::models_cli`), registries (`models/fetch`).

use super::replay::folder;
use crate::args::{Cli, ModelsCommand, ModelsFolder};
use crate::child::program;
use crate::terminal::complain;
use anyhow::{Context, bail};
use nvr_base::config::{self, Config};
use nvr_base::text::{Arg, text};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

/// Where an installation has the script and the manifests that it reads.
const FETCH_INSTALLED: &str = "/usr/lib/nvr/fetch-models/fetch";
/// The script in the repository.
const FETCH: &str = "models/fetch";
/// First argument of `nvr-perceive`.
pub(super) const ARGUMENT: &str = "models";

/// Runs it.
pub(crate) fn run(cli: &Cli, command: &ModelsCommand) -> anyhow::Result<ExitCode> {
    let path = |p: &Path| p.as_os_str().to_owned();
    let config = config::load(&cli.config).config;
    let config = config.as_ref();
    match command {
        ModelsCommand::Fetch { folder } => {
            let folder = target(config, folder);
            fetch(&folder)?;
            perceive(cli, "verify", &folder, &["--default".into()])
        }
        ModelsCommand::List { folder } => perceive(cli, "list", &place(config, folder), &[]),
        ModelsCommand::Verify { folder } => perceive(cli, "verify", &place(config, folder), &[]),
        ModelsCommand::Import { from, folder } => {
            perceive(cli, "import", &target(config, folder), &["--from".into(), path(from)])
        }
        ModelsCommand::Bench { id, seconds, folder } => {
            let mut more: Vec<OsString> = vec!["--seconds".into(), seconds.to_string().into()];
            if let Some(id) = id {
                more.extend(["--id".into(), id.into()]);
            }
            perceive(cli, "bench", &place(config, folder), &more)
        }
    }
}

/// The folder that is meant: the command line's, else the configuration's, else the installation's.
pub(super) fn place(config: Option<&Config>, args: &ModelsFolder) -> PathBuf {
    let configured = || config.map(|c| c.models.path.clone());
    args.models.clone().or_else(configured).unwrap_or_else(|| folder(ARGUMENT))
}

/// The folder to put files into: one that is there, else in the repository's `target`.
fn target(config: Option<&Config>, args: &ModelsFolder) -> PathBuf {
    let place = place(config, args);
    let is_named = args.models.is_some() || config.is_some_and(|c| !c.models.path_is_default);
    if is_named || place.is_dir() {
        return place;
    }
    let built = repository().map(|top| top.join("target").join(ARGUMENT));
    built.unwrap_or(place)
}

/// The repository this program was built in.
fn repository() -> Option<PathBuf> {
    let me = std::env::current_exe().ok()?;
    me.ancestors().find(|above| above.join(FETCH).is_file()).map(Path::to_owned)
}

/// Runs the script; what it says goes to standard error, as progress does.
fn fetch(folder: &Path) -> anyhow::Result<()> {
    let script = repository().map_or_else(|| PathBuf::from(FETCH_INSTALLED), |top| top.join(FETCH));
    if !script.is_file() {
        bail!(
            "{} is not there; install nvr whole, or copy models from another box and use `nvr models import`",
            script.display()
        );
    }
    complain(&text("models-fetching", &[("folder", Arg::from(folder.display().to_string()))]));
    let mut command = Command::new(&script);
    command.arg(folder).stdin(Stdio::null()).stdout(std::io::stderr());
    let status = command.status().with_context(|| format!("cannot start {}", script.display()))?;
    if !status.success() {
        bail!("the models could not be fetched; its reason stands above. What was there is still there");
    }
    Ok(())
}

/// Runs `nvr-perceive models`.
fn perceive(cli: &Cli, what: &str, folder: &Path, more: &[OsString]) -> anyhow::Result<ExitCode> {
    let program = program("nvr-perceive");
    let mut command = Command::new(&program);
    command.arg(ARGUMENT).arg(what).arg("--models").arg(folder).args(more).stdin(Stdio::null());
    if cli.json {
        command.arg("--json");
    }
    let status = command
        .status()
        .with_context(|| format!("cannot start {}; install it beside nvr", program.display()))?;
    match status.code().and_then(|code| u8::try_from(code).ok()) {
        Some(code) => Ok(ExitCode::from(code)),
        None => bail!("nvr-perceive was stopped or crashed ({status})"),
    }
}
