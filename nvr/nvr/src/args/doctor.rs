//! `nvr doctor`, as `clap` reads it.
//!
//! Promises: nothing beyond the options. Leaves to others: what is examined (`commands::doctor`).

use super::models::ModelsFolder;
use super::plugins::FolderArgs;
use clap::Args;

/// Of `nvr doctor`.
pub(super) const EXAMPLES: &str = "Examples:\n  nvr doctor --config nvr.toml\n  nvr doctor --json\n\n\
    Ends with 1 when something fails, 0 when there are only warnings.";

/// `nvr doctor`.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Which plugins.
    #[command(flatten)]
    pub(crate) plugins: FolderArgs,
    /// Which models.
    #[command(flatten)]
    pub(crate) models: ModelsFolder,
}
