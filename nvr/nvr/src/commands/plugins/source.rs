//! Which plugins folder is meant, and whose signatures count there: the command line's, else the configuration's.
//!
//! Promises: works without a configuration, for a folder of any kind. Leaves to others: what lies in it (`shelf`).

use crate::args::FolderArgs;
use crate::commands::replay::folder;
use nvr_base::config::{self, Config};
use std::path::{Path, PathBuf};

/// A folder and whom to trust.
#[derive(Debug, Clone, Default)]
pub(crate) struct Source {
    /// The folder.
    pub(crate) folder: PathBuf,
    /// Minisign public keys in base64.
    pub(crate) keys: Vec<String>,
    /// Whether the recorder takes unsigned ones; nothing when there is no configuration that says.
    pub(crate) allow_unsigned: Option<bool>,
}

impl Source {
    /// What `args` and the configuration in `file` mean.
    pub(crate) fn new(file: &Path, args: &FolderArgs) -> Self {
        Self::of(config::load(file).config.as_ref(), args)
    }

    /// The same of a configuration that is loaded.
    pub(crate) fn of(config: Option<&Config>, args: &FolderArgs) -> Self {
        let plugins = config.map(|c| &c.plugins);
        let mut keys = args.trusted_keys.clone();
        keys.extend(plugins.iter().flat_map(|p| p.trusted_keys.iter().cloned()));
        let place = args.plugins.clone().or_else(|| plugins.map(|p| p.path.clone()));
        Self {
            folder: place.unwrap_or_else(|| folder("plugins")),
            keys,
            allow_unsigned: plugins.map(|p| p.allow_unsigned),
        }
    }

    /// Another folder with the same trust.
    pub(crate) fn at(&self, folder: &Path) -> Self {
        Self { folder: folder.to_owned(), ..self.clone() }
    }
}
