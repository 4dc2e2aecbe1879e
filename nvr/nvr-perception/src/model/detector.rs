//! A detector: a frame in, labelled boxes out.
//!
//! Promises: the file is read once, hashed, and those very bytes are run; detections are best first, inside the picture,
//! at most [`DETECTIONS_MAX`](super::nms::DETECTIONS_MAX), and the same for the same frame.
//! Leaves to others: which frames (`gate`, `plan`), which boxes are the same object as before (`track`).

use super::catalogue::sha256_hex;
use super::error::ModelError;
use super::frame::FrameRgb;
use super::loaded::Loaded;
use super::manifest::{Family, Manifest};
use super::nms::suppress;
use super::runtime::Runtime;
use super::{nanodet, ssd, yolox};
use nvr_base::scene::Detection;
use std::io::Read;
use std::path::Path;

/// A detecting model, loaded.
#[derive(Debug)]
pub struct Detector {
    model: Loaded,
    score_min: f32,
}

impl Detector {
    /// Loads the model from a file with the manifest's hash; `threads` is 1 where results must repeat.
    pub fn open(
        runtime: &Runtime,
        manifest: &Manifest,
        file: &Path,
        threads: usize,
    ) -> Result<Self, ModelError> {
        Self::of_bytes(runtime, manifest, &read(manifest, file)?, threads)
    }

    /// Loads the model from bytes, which [`read`] has checked.
    pub fn of_bytes(
        runtime: &Runtime,
        manifest: &Manifest,
        bytes: &[u8],
        threads: usize,
    ) -> Result<Self, ModelError> {
        let model = Loaded::of_bytes(runtime, manifest, bytes, threads, "labelled boxes", Family::detects)?;
        Ok(Self { model, score_min: manifest.output.score_min })
    }

    /// Gives detections from another score on than the manifest's; trackers use weak ones too.
    pub fn with_score_min(mut self, score_min: f32) -> Self {
        self.score_min = score_min.clamp(0.01, 1.0); // below it every cell is a box
        self
    }

    /// The manifest it runs on.
    pub fn manifest(&self) -> &Manifest {
        &self.model.manifest
    }

    /// What is in a frame, best first.
    pub fn detect(&mut self, frame: &FrameRgb<'_>) -> Result<Vec<Detection>, ModelError> {
        let score_min = self.score_min;
        let boxes = self.model.run(frame, |manifest, views, placement| match manifest.output.family {
            Family::Nanodet => nanodet::read(manifest, views, placement, score_min),
            Family::Yolox => yolox::read(manifest, views, placement, score_min),
            Family::Ssd => ssd::read(manifest, views, placement, score_min),
            Family::Movenet | Family::Density => Ok(Vec::new()), // `open` refuses them
        })?;
        Ok(suppress(boxes, self.model.manifest.output.nms_iou))
    }
}

/// Reads a model's file and checks that it is the manifest's.
pub fn read(manifest: &Manifest, file: &Path) -> Result<Vec<u8>, ModelError> {
    let wrong = |source| ModelError::File { step: "read model", path: file.to_path_buf(), source };
    let mut bytes = Vec::new();
    let open = std::fs::File::open(file).map_err(wrong)?;
    open.take(manifest.bytes + 1).read_to_end(&mut bytes).map_err(wrong)?;
    let found = sha256_hex(&bytes);
    if found != manifest.sha256 {
        let (id, expected) = (manifest.id.clone(), manifest.sha256.clone());
        return Err(ModelError::Hash { id, path: file.to_path_buf(), found, expected });
    }
    Ok(bytes)
}
