//! `nvr doctor`: examines this box, one line a check, each with what to do.
//!
//! Promises: changes nothing (a disk's test file is gone again); every check has a limit of time; a check that cannot be made
//!   says so; a line is printed when its check is over. Ends with 1 when something fails.
//! Leaves to others: the configuration's mistakes one by one (`nvr check`), a plugin's steps (`nvr plugins verify`).

mod child;
mod clock;
mod detection;
mod disk;
mod host;
mod recorder;

use super::plugins::source::Source;
use super::verdict::Verdicts;
use crate::args::{Cli, DoctorArgs};
use nvr_base::config;
use serde_json::json;
use std::process::ExitCode;

/// Runs it.
pub(crate) fn run(cli: &Cli, args: &DoctorArgs) -> anyhow::Result<ExitCode> {
    let mut verdicts = Verdicts::new(cli.json);
    let loaded = config::load(&cli.config);
    verdicts.say(recorder::configuration(&cli.config, &loaded))?;
    if let Some(config) = &loaded.config {
        verdicts.say(recorder::daemon(config))?;
        for folder in &config.storage.paths {
            verdicts.say(disk::examine(folder, config.storage.keep_free_percent))?;
        }
    }
    verdicts.say(clock::examine())?;
    verdicts.say(host::kernel())?;
    verdicts.say(host::open_files(loaded.config.as_ref().map_or(0, |c| c.streams().len())))?;
    verdicts.say(host::programs())?;
    verdicts.say(detection::gstreamer())?;
    verdicts.say(detection::models(&super::models::place(loaded.config.as_ref(), &args.models)))?;
    let source = Source::of(loaded.config.as_ref(), &args.plugins);
    detection::plugins(&source, &mut |verdict| verdicts.say(verdict))?;
    verdicts.end("doctor-summary", &json!({"version": env!("CARGO_PKG_VERSION"), "config": cli.config}))
}
