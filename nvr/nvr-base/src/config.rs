//! Configuration: one TOML file, checked as a whole.
//!
//! Promises: every mistake at once, each with its line, key and remedy; nothing secret is ever shown;
//! [`parse_text`] is pure and survives any input; [`reload::plan`] says what a change means.
//! Leaves to others: watching the file (`nvr serve`), writing it, what the settings do.
//!
//! The parser is crate `toml`'s `DeTable`: it keeps spans of keys and values and goes on after a syntax
//! error, where `toml_edit` stops at the first one.

pub mod address;
pub mod camera;
pub mod claim;
mod cross;
mod files;
pub mod finding;
mod ground;
mod line;
pub mod mask;
pub mod plugins;
mod read;
pub mod reload;
mod rules;
pub mod secret;
mod section;
pub mod server;
pub mod site;
pub mod storage;
mod suggest;

pub use address::{Address, RtspAddress};
pub use camera::{Camera, StreamConfig, Transport, V4l2Options};
pub use claim::{Claim, ClaimKind};
pub use files::{Loaded, check_files, load};
pub use finding::{Finding, FindingId, Place, Severity};
pub use plugins::{Models, Plugins, installed};
pub use read::parse_text;
pub(crate) use rules::unknown_key;
pub use rules::{RULE_KEYS, parse_rules};
pub use secret::{Password, Secret, SecretError};
pub use server::{Role, Server};
pub use site::{Regime, Site};
pub use storage::Storage;
pub use suggest::nearest;

use crate::{CameraId, Rule, StreamId, StreamKind};
use std::path::{Path, PathBuf};

/// Longest configuration file, in bytes.
pub const CONFIG_BYTES_MAX: u64 = 1 << 20;

/// Most cameras in one configuration.
pub const CAMERAS_MAX: usize = 1000;

/// Most sessions one camera is asked for: main and sub-stream.
pub const SESSIONS_PER_CAMERA_MAX: usize = 2;

/// A configuration without errors. Paths are absolute once [`Config::resolve`] has run ([`load`] does it).
#[derive(Debug, Clone)]
pub struct Config {
    /// The file it came from; empty when it came from [`parse_text`].
    pub file: PathBuf,
    /// Where footage goes and for how long.
    pub storage: Storage,
    /// The local socket and who may do what.
    pub server: Server,
    /// What kind of place this is.
    pub site: Site,
    /// Where detectors lie, and whose may run.
    pub plugins: Plugins,
    /// Where models lie.
    pub models: Models,
    /// Cameras, in the file's order; their ids are unique.
    pub cameras: Vec<Camera>,
    /// Rules, in the file's order; each names a configured camera, and their ids are unique.
    pub rules: Vec<Rule>,
    /// What the configuration says about files, devices and variables, for [`check_files`].
    pub claims: Vec<Claim>,
}

impl Config {
    /// The camera called `id`.
    pub fn camera(&self, id: &CameraId) -> Option<&Camera> {
        self.cameras.iter().find(|c| &c.id == id)
    }

    /// The streams to record: each needs one session. Streams with `record = false` are left out.
    pub fn streams(&self) -> Vec<StreamConfig> {
        self.cameras.iter().flat_map(|c| c.streams(&self.storage)).collect()
    }

    /// Days to keep footage of `stream`, also for streams and cameras that are not configured any more.
    pub fn keep_days(&self, stream: &StreamId) -> u32 {
        match (self.camera(&stream.camera), stream.kind) {
            (Some(camera), kind) => camera.keep_days(kind, &self.storage),
            (None, StreamKind::Main) => self.storage.keep_days,
            (None, StreamKind::Sub) => self.storage.sub_keep_days,
        }
    }

    /// Rules of a camera, with their places in [`Config::rules`].
    pub fn rules_of<'a>(&'a self, camera: &'a CameraId) -> impl Iterator<Item = (usize, &'a Rule)> {
        self.rules.iter().enumerate().filter(move |(_, rule)| rule.camera.as_ref() == Some(camera))
    }

    /// The rule called `id`.
    pub fn rule(&self, id: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.id == id)
    }

    /// Makes relative paths absolute: they start at `folder`, the one that holds the file.
    pub fn resolve(&mut self, folder: &Path) {
        self.plugins.path = claim::below(folder, &self.plugins.path);
        self.models.path = claim::below(folder, &self.models.path);
        for path in &mut self.storage.paths {
            *path = claim::below(folder, path);
        }
        self.server.socket = claim::below(folder, &self.server.socket);
        for camera in &mut self.cameras {
            if let Some(Password::File(path)) = &mut camera.password {
                *path = claim::below(folder, path);
            }
        }
        claim::resolve(&mut self.claims, folder);
    }
}

#[cfg(test)]
mod rule_tests;
#[cfg(test)]
mod tests;
