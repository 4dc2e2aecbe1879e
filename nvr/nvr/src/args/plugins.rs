//! `nvr plugins`, as `clap` reads it.
//!
//! Promises: a plugin's name is one before a command sees it. Leaves to others: what is done (`commands::plugins`).

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Of `nvr plugins`.
pub(super) const EXAMPLES: &str = "Examples:\n  nvr plugins list\n  nvr plugins info zone-entry\n  \
    nvr plugins new my-detector\n  nvr plugins pack target/release/libzone_entry.so --out target/plugins";

/// `nvr plugins`.
#[derive(Debug, Subcommand)]
pub(crate) enum PluginsCommand {
    /// Make the crate of a new detector: it builds, passes its test and loads
    #[command(after_help = "Examples:\n  nvr plugins new my-detector\n  \
                            nvr plugins new my-detector --dir /home/me --api /home/me/nvr/plugin-api")]
    New(NewArgs),

    /// Copy libraries to a folder and write each one's manifest
    #[command(
        after_help = "Example:\n  nvr plugins pack target/release/libzone_entry.so --out target/plugins"
    )]
    Pack {
        /// The libraries
        #[arg(required = true, value_name = "LIB")]
        library: Vec<PathBuf>,
        /// The folder
        #[arg(long, value_name = "FOLDER")]
        out: PathBuf,
        /// Who answers for them
        #[arg(long, value_name = "NAME", default_value = "")]
        author: String,
    },

    /// List the plugins of a folder, and what runs of them
    #[command(
        after_help = "Examples:\n  nvr plugins list\n  nvr plugins list --plugins target/plugins --json"
    )]
    List(FolderArgs),

    /// Show what a plugin says of itself, its keys in a rule, and what it got in a self-test
    #[command(after_help = "Example:\n  nvr plugins info zone-entry")]
    Info {
        /// Its name
        #[arg(value_name = "NAME", value_parser = parse_name)]
        name: String,
        /// Where it lies.
        #[command(flatten)]
        folder: FolderArgs,
    },

    /// Check a plugin as the recorder does: hash, signature, manifest, a self-test in the sandbox
    #[command(
        after_help = "Examples:\n  nvr plugins verify zone-entry\n  nvr plugins verify target/plugins/libzone-entry.so\n\n\
                            Ends with 1 when a step fails, 0 otherwise."
    )]
    Verify {
        /// Its name, or its library
        #[arg(value_name = "NAME|FILE")]
        plugin: PathBuf,
        /// Where it lies.
        #[command(flatten)]
        folder: FolderArgs,
    },

    /// Take a plugin out of service: its files go to `disabled` in the folder
    #[command(after_help = "Example:\n  nvr plugins disable zone-entry")]
    Disable {
        /// Its name
        #[arg(value_name = "NAME", value_parser = parse_name)]
        name: String,
        /// Where it lies.
        #[command(flatten)]
        folder: FolderArgs,
    },

    /// Put a plugin that was disabled into service again
    #[command(after_help = "Example:\n  nvr plugins enable zone-entry")]
    Enable {
        /// Its name
        #[arg(value_name = "NAME", value_parser = parse_name)]
        name: String,
        /// Where it lies.
        #[command(flatten)]
        folder: FolderArgs,
    },
}

/// A plugins folder and whom to trust.
#[derive(Debug, Clone, Args)]
pub(crate) struct FolderArgs {
    /// The folder; when absent `plugins` beside the program or above it
    #[arg(long, value_name = "FOLDER", env = "NVR_PLUGINS")]
    pub(crate) plugins: Option<PathBuf>,
    /// A minisign public key to trust, in base64; can be given several times
    #[arg(long = "trusted-key", value_name = "KEY")]
    pub(crate) trusted_keys: Vec<String>,
}

/// `nvr plugins new`.
#[derive(Debug, Clone, Args)]
pub(crate) struct NewArgs {
    /// Its name: lower-case letters, digits and dashes
    #[arg(value_name = "NAME", value_parser = parse_crate)]
    pub(crate) name: String,
    /// Where its folder is made; when absent the repository's `plugins`, or here
    #[arg(long, value_name = "FOLDER")]
    pub(crate) dir: Option<PathBuf>,
    /// The folder `plugin-api` to build against; when absent the repository's
    #[arg(long, value_name = "FOLDER")]
    pub(crate) api: Option<PathBuf>,
}

/// A name of the files of a plugin.
fn parse_name(text: &str) -> Result<String, String> {
    nvr_plugins::catalogue::plugin_of(&format!("{text}.toml"))
        .ok_or_else(|| "1 to 64 lower-case letters, digits, - and _".to_owned())
}

/// A name that is a crate's, a plugin's and its library's.
fn parse_crate(text: &str) -> Result<String, String> {
    let starts = text.starts_with(|c: char| c.is_ascii_lowercase());
    if !nvr_plugins::manifest::is_id(text) || !starts || text.ends_with('-') || text.contains("--") {
        return Err("lower-case letters, digits and single dashes, a letter first, at most 64".to_owned());
    }
    if let Some(word) = nvr_plugins::vocabulary::forbidden(text) {
        return Err(format!("no plugin may be called `{word}`: what it stands for is never built"));
    }
    if ["test", "core", "std", "alloc", "proc-macro"].contains(&text) || KEYWORDS.contains(&text) {
        return Err("a word of Rust's own; take another".to_owned());
    }
    Ok(text.to_owned())
}

/// What cargo refuses as a crate's name (The Rust Reference, Keywords), and what a crate of its dependencies has.
const KEYWORDS: [&str; 28] = [
    "as",
    "async",
    "await",
    "break",
    "const",
    "continue",
    "crate",
    "dyn",
    "else",
    "enum",
    "extern",
    "false",
    "fn",
    "for",
    "if",
    "impl",
    "in",
    "let",
    "loop",
    "match",
    "mod",
    "move",
    "serde",
    "serde-json",
    "static",
    "struct",
    "trait",
    "type",
];
