//! A model ready to run: its manifest, its session, and how a frame becomes its input.
//!
//! Promises: only a model of the family that is wanted is loaded; what was read is what runs.
//! Leaves to others: reading files (`detector::read`), what the outputs mean (a file a family).

use super::error::ModelError;
use super::frame::FrameRgb;
use super::letterbox::{Letterbox, Placement};
use super::manifest::{Family, Manifest};
use super::runtime::Runtime;
use super::session::{Session, View};

/// Manifest, session, input.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) manifest: Manifest,
    session: Session,
    letterbox: Letterbox,
}

impl Loaded {
    /// Loads the model from bytes that are its manifest's. `wanted` names what it is to give.
    ///
    /// # Errors
    /// Another family; ONNX Runtime refuses the bytes.
    pub(super) fn of_bytes(
        runtime: &Runtime,
        manifest: &Manifest,
        bytes: &[u8],
        threads: usize,
        wanted: &'static str,
        fits: impl Fn(Family) -> bool,
    ) -> Result<Self, ModelError> {
        let family = manifest.output.family;
        if !fits(family) {
            return Err(ModelError::Family { id: manifest.id.clone(), family: family.name(), wanted });
        }
        let session = Session::open(runtime, manifest, bytes, threads)?;
        Ok(Self { manifest: manifest.clone(), session, letterbox: Letterbox::new(&manifest.input) })
    }

    /// Runs it on a frame; `read` makes of the outputs what they mean.
    ///
    /// # Errors
    /// The run fails, or `read` does.
    pub(super) fn run<R>(
        &mut self,
        frame: &FrameRgb<'_>,
        read: impl FnOnce(&Manifest, &[View<'_>], Placement) -> Result<R, ModelError>,
    ) -> Result<R, ModelError> {
        let (pixels, placement) = self.letterbox.prepare(frame);
        let manifest = &self.manifest;
        self.session.run(pixels, |views| read(manifest, views, placement))
    }
}
