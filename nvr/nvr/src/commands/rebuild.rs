//! `nvr rebuild`: makes the index again from segments and journal.
//!
//! Promises: shows progress, says what was found. Leaves to others: doing it (`nvr_store::rebuild`).

use crate::access;
use crate::args::Cli;
use crate::terminal::{Bar, print_json, print_line};
use nvr_base::text::{Arg, text};
use nvr_gateway::Command;
use nvr_store::RebuildReport;
use std::process::ExitCode;

/// Runs it.
pub(crate) fn run(cli: &Cli) -> anyhow::Result<ExitCode> {
    let config = super::configuration(cli)?;
    let answer = access::ask(&config, Command::Rebuild {}, &mut Bar::new("rebuild", false, cli.json))?;
    if cli.json {
        print_json(&answer)?;
    } else {
        let report: RebuildReport = serde_json::from_value(answer)?;
        let args = [
            ("segments", Arg::from(report.segments)),
            ("megabytes", Arg::from(report.bytes / 1_000_000)),
            ("unreadable", Arg::from(report.unreadable)),
        ];
        print_line(&text("rebuild-summary", &args))?;
    }
    Ok(ExitCode::SUCCESS)
}
