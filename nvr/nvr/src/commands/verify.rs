//! `nvr verify`: reads every segment and checks every checksum.
//!
//! Promises: exit 1 when something is bad or unindexed; every such file is named.
//! Leaves to others: the reading (`nvr_store::verify`).

use crate::access;
use crate::args::Cli;
use crate::terminal::{Bar, print_json, print_line};
use nvr_base::text::{Arg, text};
use nvr_gateway::Command;
use nvr_store::VerifyReport;
use std::process::ExitCode;

/// Runs it.
pub(crate) fn run(cli: &Cli) -> anyhow::Result<ExitCode> {
    let config = super::configuration(cli)?;
    let answer = access::ask(&config, Command::Verify {}, &mut Bar::new("verify", false, cli.json))?;
    let report: VerifyReport = serde_json::from_value(answer.clone())?;
    if cli.json {
        print_json(&answer)?;
    } else {
        let numbers = [
            ("segments", report.segments),
            ("fragments", report.fragments),
            ("megabytes", report.bytes / 1_000_000),
            ("torn", report.torn),
            ("bad", report.bad),
            ("unindexed", report.unindexed),
        ];
        let args: Vec<_> = numbers.into_iter().map(|(name, n)| (name, Arg::from(n))).collect();
        print_line(&text("verify-summary", &args))?;
        for finding in &report.findings {
            print_line(&format!("{}: {}", finding.path.display(), finding.what))?;
        }
    }
    Ok(if report.bad == 0 && report.unindexed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
