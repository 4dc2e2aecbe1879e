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
/// Largest file that is taken over, bytes: the largest a manifest may name.
const IMPORT_BYTES_MAX: u64 = 1 << 30;
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

/// What became of a file of a folder that is imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Import {
    /// It was taken over.
    Taken(Imported),
    /// It is in the models folder already.
    There {
        /// Where it was found.
        from: PathBuf,
        /// The model.
        id: String,
    },
    /// No manifest names its hash.
    Unknown {
        /// Where it was found.
        from: PathBuf,
    },
}

/// Known models, shipped ones first.
#[derive(Debug, Clone)]
pub struct Catalogue {
    manifests: Vec<Manifest>,
}

#[derive(Deserialize)]
struct Pins {
    id: String,
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

    /// Takes over every file of a folder whose hash a manifest names; what is in the models folder already is left. What
    /// became of each file, in the order of their names.
    pub fn import(&self, from: &Path, folder: &Path) -> Result<Vec<Import>, ModelError> {
        fs::create_dir_all(folder).map_err(file_error("create models folder", folder))?;
        files(from)?.into_iter().map(|path| self.import_file(path, folder)).collect()
    }

    fn import_file(&self, from: PathBuf, folder: &Path) -> Result<Import, ModelError> {
        if from.file_name().is_some_and(|name| name.to_string_lossy().starts_with(LIBRARY)) {
            return import_library(from, folder);
        }
        let bytes = fs::metadata(&from).map_err(file_error("look at", &from))?.len();
        if !self.manifests.iter().any(|m| m.bytes == bytes) {
            return Ok(Import::Unknown { from }); // saves hashing what cannot be a model
        }
        let sha256 = hash_file(&from)?;
        let Some(manifest) = self.manifests.iter().find(|m| m.sha256 == sha256) else {
            return Ok(Import::Unknown { from });
        };
        let id = manifest.id.clone();
        if verify(manifest, folder)? == Presence::Present {
            return Ok(Import::There { from, id });
        }
        let to = folder.join(&manifest.file);
        copy(&from, &to, &id, &sha256)?;
        Ok(Import::Taken(Imported { id, from, to }))
    }
}

/// ONNX Runtime's library, where it has the pinned hash: `libonnxruntime.so` or with a version behind it.
fn import_library(from: PathBuf, folder: &Path) -> Result<Import, ModelError> {
    let pins = library_pins()?;
    if hash_file(&from)? != pins.sha256 {
        return Ok(Import::Unknown { from });
    }
    let (id, to) = (pins.id, folder.join(LIBRARY));
    if verify_library(folder)? == Presence::Present {
        return Ok(Import::There { from, id });
    }
    copy(&from, &to, &id, &pins.sha256)?;
    Ok(Import::Taken(Imported { id, from, to }))
}

fn library_pins() -> Result<Pins, ModelError> {
    toml::from_str(LIBRARY_PINS)
        .map_err(|e| ModelError::Manifest { name: "onnxruntime.toml".to_owned(), why: e.to_string() })
}

/// Whether a model's file is in a folder, by its hash.
pub fn verify(manifest: &Manifest, folder: &Path) -> Result<Presence, ModelError> {
    verify_file(&folder.join(&manifest.file), &manifest.sha256)
}

/// Whether ONNX Runtime's library is in a folder, by the hash that `models/onnxruntime.toml` pins.
pub fn verify_library(folder: &Path) -> Result<Presence, ModelError> {
    verify_file(&folder.join(LIBRARY), &library_pins()?.sha256)
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
fn copy(from: &Path, to: &Path, id: &str, sha256: &str) -> Result<(), ModelError> {
    let part = to.with_extension("part");
    let source = File::open(from).map_err(file_error("read", from))?;
    let mut target = File::create(&part).map_err(file_error("write", &part))?;
    io::copy(&mut source.take(IMPORT_BYTES_MAX), &mut target).map_err(file_error("write", &part))?;
    target.flush().and_then(|()| target.sync_all()).map_err(file_error("flush", &part))?;
    let found = hash_file(&part)?;
    if found != sha256 {
        let _ = fs::remove_file(&part); // the message below is what matters
        let (id, expected) = (id.to_owned(), sha256.to_owned());
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
        let at = |name: &str| from.path().join(name);
        let others = ["longer", "same size"].map(|name| Import::Unknown { from: at(name) });
        let check = |first: Import| {
            let mut expected = vec![first];
            expected.extend(others.clone());
            assert_eq!(all.import(from.path(), models.path()).unwrap(), expected);
        };
        let (id, to) = ("mine".to_owned(), models.path().join("mine.onnx"));
        let taken = Import::Taken(Imported { id: id.clone(), from: at("any name"), to: to.clone() });
        check(taken.clone());
        assert_eq!(verify(mine, models.path()).unwrap(), Presence::Present);
        check(Import::There { from: at("any name"), id });
        fs::write(&to, "broken!").unwrap();
        assert_eq!(verify(mine, models.path()).unwrap(), Presence::Wrong { sha256: sha256_hex(b"broken!") });
        check(taken); // repaired
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
