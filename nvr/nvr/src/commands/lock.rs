//! `nvr lock` and `nvr unlock`: protects footage from retention, and ends a protection.
//!
//! Promises: the reason and the account go into the journal; the protections in force are shown.
//! Leaves to others: keeping them (`nvr_store::lock`).

use crate::access;
use crate::args::{Cli, LockArgs};
use crate::terminal::{Bar, print_json, print_line};
use nvr_gateway::Command;
use nvr_store::FootageLock;
use std::process::ExitCode;

/// Runs it; `locks` tells which of the two.
pub(crate) fn run(cli: &Cli, args: &LockArgs, locks: bool) -> anyhow::Result<ExitCode> {
    let config = super::configuration(cli)?;
    let LockArgs { camera, from, to, reason } = args.clone();
    let command = if locks {
        Command::Lock { camera, from, to, reason }
    } else {
        Command::Unlock { camera, from, to, reason }
    };
    let answer = access::ask(&config, command, &mut Bar::new("", false, true))?;
    if cli.json {
        print_json(&answer)?;
        return Ok(ExitCode::SUCCESS);
    }
    for lock in serde_json::from_value::<Vec<FootageLock>>(answer)? {
        print_line(&format!("{}  {}  {}  {} ({})", lock.camera, lock.from, lock.to, lock.reason, lock.who))?;
    }
    Ok(ExitCode::SUCCESS)
}
