//! The commands, one file each. `serve` is `crate::wiring`.
//!
//! Promises: each command loads the configuration the same way. Leaves to others: everything else.

pub(crate) mod alerts;
pub(crate) mod bench;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod counts;
pub(crate) mod doctor;
pub(crate) mod export;
pub(crate) mod lock;
pub(crate) mod man;
pub(crate) mod models;
pub(crate) mod picture;
pub(crate) mod plugins;
pub(crate) mod rebuild;
pub(crate) mod replay;
pub(crate) mod status;
pub(crate) mod testcam;
pub(crate) mod timeline;
pub(crate) mod verdict;
pub(crate) mod verify;

use crate::args::Cli;
use anyhow::bail;
use nvr_base::config::{self, Config, Severity};
use nvr_base::text::texts;

/// The configuration, for a command that needs it. Mistakes that leave it usable are `nvr check`'s to tell.
pub(crate) fn configuration(cli: &Cli) -> anyhow::Result<Config> {
    let loaded = config::load(&cli.config);
    if let Some(config) = loaded.config {
        return Ok(config);
    }
    let mut errors = loaded.findings.iter().filter(|f| f.severity() == Severity::Error);
    match errors.next() {
        Some(first) => bail!(
            "{} (`nvr check` lists everything; {} more)",
            check::sentence(first, texts()),
            errors.count()
        ),
        None => bail!("{}: no configuration", cli.config.display()),
    }
}
