//! `nvr picture`: the picture of a moment.
//!
//! Promises: nothing yet. Leaves to others: decoding.

use crate::args::{Cli, PictureArgs};
use std::process::ExitCode;

/// Runs it.
pub(crate) fn run(_: &Cli, _: &PictureArgs) -> anyhow::Result<ExitCode> {
    anyhow::bail!("pictures come with the next step")
}
