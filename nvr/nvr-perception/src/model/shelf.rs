//! The models of a process: read and verified while files can still be read, opened when a thread first needs one.
//!
//! Promises: what is taken from the shelf has the hash of its manifest; a model that is not there is named with the
//!   remedy; without a wish for a model nothing is read and ONNX Runtime is not loaded.
//! Leaves to others: the sandbox (enter it after [`Shelf::read`]), what a model is asked (`infer`).

use super::catalogue::{Catalogue, Presence, verify};
use super::detector::{self, Detector};
use super::error::ModelError;
use super::manifest::Manifest;
use super::runtime::Runtime;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Which models besides the detector are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// Those of these ids.
    Only(BTreeSet<String>),
    /// All whose files are there: which ones are asked for shows later.
    All,
}

/// Models in memory.
#[derive(Debug)]
pub struct Shelf {
    folder: PathBuf,
    runtime: Option<Runtime>,
    /// Manifests of all known models, and the bytes of those that were read.
    models: BTreeMap<String, (Manifest, Option<Vec<u8>>)>,
    detector: Option<String>,
}

impl Shelf {
    /// Reads from a models folder. With `detects` the detector too: the one of id `detector`, or the best that is there.
    ///
    /// # Errors
    /// The folder, a manifest or ONNX Runtime cannot be read; the detector is not there. Another model that is not there
    /// shows when it is asked for.
    pub fn read(
        folder: &Path,
        detects: bool,
        detector: Option<&str>,
        wanted: &Wanted,
    ) -> Result<Self, ModelError> {
        let nothing = matches!(wanted, Wanted::Only(ids) if ids.is_empty()) && !detects;
        // A folder that is not there is one without models: what is missing is named below.
        let catalogue =
            if nothing || !folder.is_dir() { Catalogue::shipped()? } else { Catalogue::open(folder)? };
        let detector = match (detects, detector) {
            (false, _) => None,
            (true, Some(id)) => Some(catalogue.get(id).ok_or_else(|| unknown(&catalogue, id))?.id.clone()),
            (true, None) => Some(best(&catalogue, folder)?),
        };
        let mut shelf = Self { folder: folder.to_owned(), runtime: None, models: BTreeMap::new(), detector };
        for manifest in catalogue.manifests() {
            let is_wanted = shelf.detector.as_ref() == Some(&manifest.id)
                || match wanted {
                    Wanted::Only(ids) => ids.contains(&manifest.id),
                    Wanted::All => !manifest.output.family.detects(),
                };
            let is_there = is_wanted && verify(manifest, folder)? == Presence::Present;
            let bytes =
                is_there.then(|| detector::read(manifest, &folder.join(&manifest.file))).transpose()?;
            shelf.models.insert(manifest.id.clone(), (manifest.clone(), bytes));
        }
        if let Some(id) = shelf.detector.clone() {
            shelf.get(&id)?;
        }
        if shelf.models.values().any(|(_, bytes)| bytes.is_some()) {
            shelf.runtime = Some(Runtime::load_from_folder(folder)?);
        }
        Ok(shelf)
    }

    /// Id of the detector, if there is to be one.
    pub fn detector_id(&self) -> Option<&str> {
        self.detector.as_deref()
    }

    /// Opens the detector, if there is to be one.
    ///
    /// # Errors
    /// ONNX Runtime refuses it.
    pub fn open_detector(&self, threads: usize) -> Result<Option<Detector>, ModelError> {
        let Some(id) = &self.detector else { return Ok(None) };
        let (runtime, manifest, bytes) = self.get(id).and_then(|found| self.opened(found))?;
        Detector::of_bytes(runtime, manifest, bytes, threads).map(Some)
    }

    /// What is needed to open a model.
    ///
    /// # Errors
    /// It is not there: its name and the remedy.
    pub fn model(&self, id: &str) -> Result<(&Runtime, &Manifest, &[u8]), ModelError> {
        self.get(id).and_then(|found| self.opened(found))
    }

    fn opened<'a>(
        &'a self,
        (manifest, bytes): (&'a Manifest, &'a [u8]),
    ) -> Result<(&'a Runtime, &'a Manifest, &'a [u8]), ModelError> {
        let runtime = self.runtime.as_ref().ok_or_else(|| absent(manifest, &self.folder))?;
        Ok((runtime, manifest, bytes))
    }

    fn get(&self, id: &str) -> Result<(&Manifest, &[u8]), ModelError> {
        let known = || self.models.keys().cloned().collect::<Vec<_>>().join(", ");
        let (manifest, bytes) = self
            .models
            .get(id)
            .ok_or_else(|| ModelError::Unknown { id: id.chars().take(64).collect(), known: known() })?;
        Ok((manifest, bytes.as_deref().ok_or_else(|| absent(manifest, &self.folder))?))
    }
}

fn best(catalogue: &Catalogue, folder: &Path) -> Result<String, ModelError> {
    let found = catalogue.best_detector(folder)?.map(|m| m.id.clone());
    found.ok_or_else(|| ModelError::NoDetector { folder: folder.to_owned() })
}

fn unknown(catalogue: &Catalogue, id: &str) -> ModelError {
    let known = catalogue.manifests().iter().map(|m| m.id.as_str()).collect::<Vec<_>>().join(", ");
    ModelError::Unknown { id: id.chars().take(64).collect(), known }
}

fn absent(manifest: &Manifest, folder: &Path) -> ModelError {
    let folder = folder.display();
    let remedy = if manifest.default {
        format!("get it with `models/fetch {folder}`")
    } else {
        format!("get {} from {} and put it there", manifest.file, manifest.source)
    };
    ModelError::Absent { id: manifest.id.clone(), folder: folder.to_string(), remedy }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on what it did not expect")]

    use super::*;

    fn check(detects: bool, detector: Option<&str>, model: &str, expected: &[&str]) {
        let empty = tempfile::tempdir().unwrap();
        let wanted = Wanted::Only(BTreeSet::from([model.to_owned()]));
        let asked = Shelf::read(empty.path(), detects, detector, &wanted).and_then(|shelf| {
            shelf
                .model(model)
                .map(|_| ())
                .map_err(|e| ModelError::Manifest { name: String::new(), why: e.to_string() })
        });
        let said = asked.map_or_else(|e| e.to_string(), |()| String::new());
        assert!(expected.iter().all(|word| said.contains(word)), "{said}");
    }

    #[test]
    fn what_is_missing_is_named_with_a_remedy() {
        check(true, None, "x", &["no detector", "models/fetch"]);
        check(true, Some("nanodet-g-416"), "x", &["nanodet-g-416", "models/fetch"]);
        check(true, Some("nano"), "x", &["`nano`", "yolox-nano-416"]);
        check(false, None, "movenet-multipose", &["movenet-multipose", "models/fetch"]);
        check(false, None, "mcnn-shtech-b", &["mcnn-shtech-b.onnx", "github:"]);
        check(false, None, "face", &["`face`"]);
    }

    #[test]
    fn without_a_wish_nothing_is_needed() {
        let shelf = Shelf::read(Path::new("/nowhere"), false, None, &Wanted::Only(BTreeSet::new())).unwrap();
        assert!(shelf.detector_id().is_none() && shelf.open_detector(1).unwrap().is_none());
    }
}
