//! The models there are: shipped manifests, those a user added, and which of their files are there.
//!
//! Promises: a file counts as a model only by its hash; importing copies through a temporary file and a rename, so a models
//! folder never holds half a file; folders are read up to a limit; symbolic links are not followed out of a folder.
//! Leaves to others: the network (`models/fetch`), words on a screen (`nvr models`).

use super::error::ModelError;
use super::manifest::{MANIFEST_BYTES_MAX, Manifest};
use super::runtime::LIBRARY;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Manifests that are part of the program.
pub const SHIPPED: [(&str, &str); 6] = [
    ("nanodet-g-416.toml", include_str!("../../../../models/nanodet-g-416.toml")),
    ("nanodet-g-416-int8.toml", include_str!("../../../../models/nanodet-g-416-int8.toml")),
    ("movenet-multipose.toml", include_str!("../../../../models/movenet-multipose.toml")),
    ("yolox-nano-416.toml", include_str!("../../../../models/yolox-nano-416.toml")),
    ("person-vehicle-bike-2002.toml", include_str!("../../../../models/person-vehicle-bike-2002.toml")),
    ("mcnn-shtech-b.toml", include_str!("../../../../models/mcnn-shtech-b.toml")),
];
const LIBRARY_PINS: &str = include_str!("../../../../models/onnxruntime.toml");

/// Most entries of a folder that are looked at.
const ENTRIES_MAX: usize = 4096;
/// Most manifests.
const MANIFESTS_MAX: usize = 64;

/// Whether a model's file is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence {
    /// With the right hash.
    Present,
    /// Not at all.
    Absent,
    /// With another hash.
    Wrong {
        /// The hash it has.
        sha256: String,
    },
}

/// A file that was taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The model.
    pub id: String,
    /// Where it was found.
    pub from: PathBuf,
    /// Where it is now.
    pub to: PathBuf,
}

/// Known models, shipped ones first.
#[derive(Debug, Clone)]
pub struct Catalogue {
    manifests: Vec<Manifest>,
}

#[derive(Deserialize)]
struct Pins {
    sha256: String,
}

impl Catalogue {
    /// The shipped models.
    pub fn shipped() -> Result<Self, ModelError> {
        let manifests =
            SHIPPED.iter().map(|(name, text)| Manifest::parse(name, text)).collect::<Result<_, _>>()?;
        Ok(Self { manifests })
    }

    /// The shipped models and the manifests (`*.toml`) of a models folder; an id that is taken is an error.
    pub fn open(folder: &Path) -> Result<Self, ModelError> {
        let mut all = Self::shipped()?;
        for path in files(folder)?.into_iter().filter(|p| p.extension().is_some_and(|e| e == "toml")) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let manifest = Manifest::parse(&name, &read_text(&path)?)?;
            let wrong = |why: String| ModelError::Manifest { name, why };
            if all.get(&manifest.id).is_some() {
                return Err(wrong(format!("id \"{}\" is taken", manifest.id)));
            }
            if all.manifests.len() == MANIFESTS_MAX {
                return Err(wrong(format!("more than {MANIFESTS_MAX} models")));
            }
            all.manifests.push(manifest);
        }
        Ok(all)
    }

    /// All of them.
    pub fn manifests(&self) -> &[Manifest] {
        &self.manifests
    }

    /// One by its id.
    pub fn get(&self, id: &str) -> Option<&Manifest> {
        self.manifests.iter().find(|m| m.id == id)
    }

    /// The detector to use where none is named: of those whose file is there, the one with the highest rank.
    pub fn best_detector(&self, folder: &Path) -> Result<Option<&Manifest>, ModelError> {
        let mut ranked: Vec<_> =
            self.manifests.iter().filter(|m| m.rank > 0 && m.output.family.detects()).collect();
        ranked.sort_by_key(|m| std::cmp::Reverse(m.rank));
        for manifest in ranked {
            if verify(manifest, folder)? == Presence::Present {
                return Ok(Some(manifest));
            }
        }
        Ok(None)
    }

    /// Takes over every file of a folder whose hash a manifest names; what is in the models folder already is left.
    pub fn import(&self, from: &Path, folder: &Path) -> Result<Vec<Imported>, ModelError> {
        fs::create_dir_all(folder).map_err(file_error("create models folder", folder))?;
        let mut taken = Vec::new();
        for path in files(from)? {
            let bytes = fs::metadata(&path).map_err(file_error("look at", &path))?.len();
            if !self.manifests.iter().any(|m| m.bytes == bytes) {
                continue; // saves hashing what cannot be a model
            }
            let sha256 = hash_file(&path)?;
            let Some(manifest) = self.manifests.iter().find(|m| m.sha256 == sha256) else { continue };
            if verify(manifest, folder)? == Presence::Present {
                continue;
            }
            let to = folder.join(&manifest.file);
            copy(&path, &to, manifest)?;
            taken.push(Imported { id: manifest.id.clone(), from: path, to });
        }
        Ok(taken)
    }
}

/// Whether a model's file is in a folder, by its hash.
pub fn verify(manifest: &Manifest, folder: &Path) -> Result<Presence, ModelError> {
    verify_file(&folder.join(&manifest.file), &manifest.sha256)
}

/// Whether ONNX Runtime's library is in a folder, by the hash that `models/onnxruntime.toml` pins.
pub fn verify_library(folder: &Path) -> Result<Presence, ModelError> {
    let pins: Pins = toml::from_str(LIBRARY_PINS)
        .map_err(|e| ModelError::Manifest { name: "onnxruntime.toml".to_owned(), why: e.to_string() })?;
    verify_file(&folder.join(LIBRARY), &pins.sha256)
}

fn verify_file(path: &Path, expected: &str) -> Result<Presence, ModelError> {
    if !path.is_file() {
        return Ok(Presence::Absent);
    }
    let sha256 = hash_file(path)?;
    Ok(if sha256 == expected { Presence::Present } else { Presence::Wrong { sha256 } })
}

pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn hash_file(path: &Path) -> Result<String, ModelError> {
    let wrong = file_error("read", path);
    let mut file = File::open(path).map_err(&wrong)?;
    let mut hash = Sha256::new();
    io::copy(&mut file, &mut hash).map_err(&wrong)?;
    Ok(hex::encode(hash.finalize()))
}

/// Copies, checks what was copied, and only then gives it its name.
fn copy(from: &Path, to: &Path, manifest: &Manifest) -> Result<(), ModelError> {
    let part = to.with_extension("part");
    let source = File::open(from).map_err(file_error("read", from))?;
    let mut target = File::create(&part).map_err(file_error("write", &part))?;
    io::copy(&mut source.take(manifest.bytes), &mut target).map_err(file_error("write", &part))?;
    target.flush().and_then(|()| target.sync_all()).map_err(file_error("flush", &part))?;
    let found = hash_file(&part)?;
    if found != manifest.sha256 {
        let _ = fs::remove_file(&part); // the message below is what matters
        let (id, expected) = (manifest.id.clone(), manifest.sha256.clone());
        return Err(ModelError::Hash { id, path: from.to_path_buf(), found, expected });
    }
    fs::rename(&part, to).map_err(file_error("name", to))
}

/// Plain files of a folder in the order of their names.
fn files(folder: &Path) -> Result<Vec<PathBuf>, ModelError> {
    let wrong = file_error("read folder", folder);
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(&wrong)?.take(ENTRIES_MAX) {
        let entry = entry.map_err(&wrong)?;
        if entry.file_type().map_err(&wrong)?.is_file() {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

fn read_text(path: &Path) -> Result<String, ModelError> {
    let wrong = file_error("read manifest", path);
    let mut text = String::new();
    let file = File::open(path).map_err(&wrong)?;
    file.take(MANIFEST_BYTES_MAX as u64 + 1).read_to_string(&mut text).map_err(&wrong)?;
    Ok(text)
}

fn file_error(step: &'static str, path: &Path) -> impl Fn(io::Error) -> ModelError {
    let path = path.to_path_buf();
    move |source| ModelError::File { step, path: path.clone(), source }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on what it did not expect")]

    use super::*;

    /// A models folder with a manifest for a file of these bytes.
    fn folder(bytes: &[u8]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let (_, text) = SHIPPED.iter().find(|(n, _)| n.starts_with("mcnn")).unwrap();
        let text = text
            .replace("\"mcnn-shtech-b\"", "\"mine\"")
            .replace("mcnn-shtech-b.onnx", "mine.onnx")
            .replace("bytes = 514377", &format!("bytes = {}", bytes.len()))
            .replace("c15b3b353400ac8c8636a008c018fe1260e10b27933de6cfbb7e57332500980e", &sha256_hex(bytes));
        fs::write(folder.path().join("mine.toml"), text).unwrap();
        folder
    }

    #[test]
    fn import_takes_what_a_manifest_names() {
        let (models, from) = (folder(b"a model"), tempfile::tempdir().unwrap());
        let all = Catalogue::open(models.path()).unwrap();
        let mine = all.get("mine").unwrap();
        assert_eq!(verify(mine, models.path()).unwrap(), Presence::Absent);
        for (name, bytes) in
            [("any name", "a model"), ("same size", "another"), ("longer", "a model, nearly")]
        {
            fs::write(from.path().join(name), bytes).unwrap();
        }
        fs::create_dir(from.path().join("folder")).unwrap();
        let taken = all.import(from.path(), models.path()).unwrap();
        let to = models.path().join("mine.onnx");
        let expected = Imported { id: "mine".to_owned(), from: from.path().join("any name"), to: to.clone() };
        assert_eq!(taken, [expected]);
        assert_eq!(verify(mine, models.path()).unwrap(), Presence::Present);
        assert_eq!(all.import(from.path(), models.path()).unwrap(), []); // it is there
        fs::write(&to, "broken!").unwrap();
        assert_eq!(verify(mine, models.path()).unwrap(), Presence::Wrong { sha256: sha256_hex(b"broken!") });
        assert_eq!(all.import(from.path(), models.path()).unwrap().len(), 1); // repaired
        assert_eq!(fs::read(&to).unwrap(), b"a model");
    }

    #[test]
    fn an_id_is_taken_once() {
        let models = folder(b"a model");
        fs::copy(models.path().join("mine.toml"), models.path().join("again.toml")).unwrap();
        assert!(Catalogue::open(models.path()).unwrap_err().to_string().contains("is taken"));
    }

    #[test]
    fn without_files_there_is_no_detector() {
        let empty = tempfile::tempdir().unwrap();
        let all = Catalogue::open(empty.path()).unwrap();
        assert_eq!(all.best_detector(empty.path()).unwrap(), None);
        assert_eq!(verify_library(empty.path()).unwrap(), Presence::Absent);
        assert!(all.manifests().iter().filter(|m| m.default).count() == 3);
    }
}
