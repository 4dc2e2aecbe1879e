//! `[plugins]` and `[models]`: where detectors and models lie, and whose detectors may run.
//!
//! Promises: nothing unsigned runs unless the configuration says so; a key that is none is an error here, not at the
//! first plugin.
//! Leaves to others: looking into the folders (`files`, the plugin host), checking signatures (`nvr-plugins`).

use super::claim::ClaimKind;
use super::finding::{FindingId, quote};
use super::section::{Report, Section};
use super::storage::PATH_CHARS_MAX;
use std::path::{Path, PathBuf};

/// Where an installed recorder has its plugins and models.
pub const INSTALLED: &str = "/usr/lib/nvr";

/// Most trusted keys.
pub const TRUSTED_KEYS_MAX: usize = 32;

/// Length of a minisign public key in base64: two letters of the algorithm, eight bytes of id, 32 of key.
const KEY_CHARS: usize = 56;

/// Longest id of a detector model, in characters.
const DETECTOR_CHARS_MAX: usize = 64;

/// `[plugins]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plugins {
    /// The folder that plugins are dropped into.
    pub path: PathBuf,
    /// The configuration does not say; [`super::load`] looks beside the program first.
    pub path_is_default: bool,
    /// Plugins without a signature may run.
    pub allow_unsigned: bool,
    /// Minisign public keys in base64, as the second line of a `.pub` file has them.
    pub trusted_keys: Vec<String>,
}

/// `[models]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Models {
    /// The folder with ONNX Runtime, the models and their manifests.
    pub path: PathBuf,
    /// The configuration does not say; [`super::load`] looks beside the program first.
    pub path_is_default: bool,
    /// Id of the detector to use; the best that is there when absent.
    pub detector: Option<String>,
}

impl Default for Plugins {
    fn default() -> Self {
        let path = Path::new(INSTALLED).join("plugins");
        Self { path, path_is_default: true, allow_unsigned: false, trusted_keys: Vec::new() }
    }
}

impl Default for Models {
    fn default() -> Self {
        Self { path: Path::new(INSTALLED).join("models"), path_is_default: true, detector: None }
    }
}

impl Plugins {
    /// Reads `[plugins]`.
    pub(crate) fn read(mut section: Section<'_>, report: &mut Report<'_>) -> Self {
        let path = read_folder(&mut section, report);
        let allow_unsigned = section.flag(report, "allow_unsigned").unwrap_or(false);
        let mut trusted_keys = Vec::new();
        let entries = section.entry("trusted_keys").and_then(|entry| entry.list(report, TRUSTED_KEYS_MAX));
        for entry in entries.into_iter().flatten() {
            let Some(text) = entry.text(report, usize::MAX) else { continue };
            let key = text.text.trim();
            let plain = key.chars().all(|c| c.is_ascii_alphanumeric() || "+/=".contains(c));
            if plain && key.len() == KEY_CHARS && key.starts_with("RW") {
                trusted_keys.push(key.to_owned());
            } else {
                report.add(text.at, &text.key, FindingId::BadTrustedKey, vec![("value", quote(key))]);
            }
        }
        section.finish(report, |_| None);
        let default = Self::default();
        let path_is_default = path.is_none();
        Self { path: path.unwrap_or(default.path), path_is_default, allow_unsigned, trusted_keys }
    }
}

impl Models {
    /// Reads `[models]`.
    pub(crate) fn read(mut section: Section<'_>, report: &mut Report<'_>) -> Self {
        let path = read_folder(&mut section, report);
        let detector = section.text(report, "detector", DETECTOR_CHARS_MAX).map(|t| t.text.to_owned());
        section.finish(report, |_| None);
        let path_is_default = path.is_none();
        Self { path: path.unwrap_or(Self::default().path), path_is_default, detector }
    }
}

fn read_folder(section: &mut Section<'_>, report: &mut Report<'_>) -> Option<PathBuf> {
    let text = section.text(report, "path", PATH_CHARS_MAX)?;
    let path = PathBuf::from(text.text);
    report.claim(text.at, &text.key, ClaimKind::Folder(path.clone()));
    Some(path)
}

/// A folder of the installation: beside the running program or one above, else below [`INSTALLED`].
pub fn installed(name: &str) -> PathBuf {
    let me = std::env::current_exe().ok();
    let near = me.iter().flat_map(|me| me.ancestors().skip(1).take(2)).map(|above| above.join(name));
    near.into_iter().find(|path| path.is_dir()).unwrap_or_else(|| Path::new(INSTALLED).join(name))
}
