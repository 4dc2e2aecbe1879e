//! `nvr testcam`: fake RTSP cameras, faults included.
//!
//! Promises: prints where they are, then one line of JSON with totals when it ends.
//! Leaves to others: everything (`nvr_testcam`).

use crate::args::Cli;
use crate::log;
use std::process::ExitCode;

/// Runs it.
pub(crate) fn run(cli: &Cli, args: &nvr_testcam::TestcamArgs) -> anyhow::Result<ExitCode> {
    log::start(cli.verbose);
    args.run(&mut std::io::stdout())?;
    Ok(ExitCode::SUCCESS)
}
