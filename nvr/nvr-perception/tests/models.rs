//! The fetched models on made-up frames: they load, say nothing of nothing, and say the same twice.
//!
//! Promises: skips with a sentence where the runtime or a file is absent (`models/fetch` gets them; `NVR_MODELS_DIR` names
//! another folder). Leaves to others: how good they are (the labelled clips), how a tensor is read (each family's tests).

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)] // a test that cannot go on fails
#![allow(clippy::print_stderr)] // a skipped test says so

use nvr_perception::model::catalogue::{Presence, verify, verify_library};
use nvr_perception::model::{
    Catalogue, DensityCounter, Detector, FrameRgb, Manifest, PoseEstimator, Runtime,
};
use std::path::PathBuf;

fn folder() -> PathBuf {
    let default = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/models");
    std::env::var_os("NVR_MODELS_DIR").map_or_else(default, PathBuf::from)
}

/// The runtime and the models whose files are there; says what is not.
fn present() -> Option<(Runtime, Vec<Manifest>)> {
    let folder = folder();
    if verify_library(&folder).unwrap() != Presence::Present {
        eprintln!("skipped: no ONNX Runtime in {}; models/fetch gets it", folder.display());
        return None;
    }
    let runtime = Runtime::load_from_folder(&folder).unwrap();
    let mut models = Catalogue::open(&folder).unwrap().manifests().to_vec();
    models.retain(|m| match verify(m, &folder).unwrap() {
        Presence::Present => true,
        absent => {
            eprintln!("skipped: {} is {absent:?} in {}", m.id, folder.display());
            false
        }
    });
    Some((runtime, models))
}

/// A grey frame with a darker upright shape in it.
fn frame(width: usize, height: usize) -> Vec<u8> {
    let dark = |x: usize, y: usize| x.abs_diff(width / 2) < width / 16 && y.abs_diff(height / 2) < height / 4;
    (0..width * height).flat_map(|i| if dark(i % width, i / width) { [60; 3] } else { [128; 3] }).collect()
}

#[test]
fn models_say_the_same_twice() {
    let Some((runtime, models)) = present() else { return };
    let folder = folder();
    for m in &models {
        let path = folder.join(&m.file);
        let (wide, tiny) = ((640, 360, frame(640, 360)), (33, 7, frame(33, 7)));
        let frames = [&wide, &tiny].map(|(w, h, data)| FrameRgb::new(*w, *h, w * 3, data).unwrap());
        if m.output.family.detects() {
            let mut detector = Detector::open(&runtime, m, &path, 1).unwrap().with_score_min(0.05);
            let first = frames.map(|f| detector.detect(&f).unwrap());
            let mut again = Detector::open(&runtime, m, &path, 1).unwrap().with_score_min(0.05);
            assert_eq!(first, frames.map(|f| again.detect(&f).unwrap()), "{}", m.id);
            assert!(first.iter().flatten().all(|d| d.rect.right() <= 1.0001 && d.rect.bottom() <= 1.0001));
        } else if let Ok(mut poses) = PoseEstimator::open(&runtime, m, &path, 1) {
            let first = frames.map(|f| poses.estimate(&f).unwrap());
            assert_eq!(first, frames.map(|f| poses.estimate(&f).unwrap()), "{}", m.id);
        } else {
            let mut density = DensityCounter::open(&runtime, m, &path, 1).unwrap();
            assert!(frames.iter().all(|f| density.count(f).unwrap().count() >= 0.0), "{}", m.id);
        }
    }
}

#[test]
fn only_the_manifests_file_opens() {
    let Some((runtime, models)) = present() else { return };
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("model.onnx");
    for m in models.iter().filter(|m| m.output.family.detects()) {
        assert!(Detector::open(&runtime, m, &file, 1).unwrap_err().to_string().contains("read model"));
        std::fs::write(&file, b"not a model").unwrap();
        assert!(Detector::open(&runtime, m, &file, 1).unwrap_err().to_string().contains("sha256"));
        // A tensor of another name: the hash is right, the manifest is not.
        let mut other = m.clone();
        other.output.tensors = vec!["embedding".to_owned(); other.output.tensors.len()];
        let told = Detector::open(&runtime, &other, &folder().join(&m.file), 1).unwrap_err().to_string();
        assert!(told.contains("embedding"), "{told}");
        assert!(PoseEstimator::open(&runtime, m, &folder().join(&m.file), 1).is_err());
        std::fs::remove_file(&file).unwrap();
    }
}

#[test]
fn a_library_that_is_none_is_an_error() {
    let scratch = tempfile::tempdir().unwrap();
    assert!(Runtime::load_from_folder(scratch.path()).unwrap_err().to_string().contains("models/fetch"));
    // The process may have loaded the right one in another test; then that one is given.
    std::fs::write(scratch.path().join("libonnxruntime.so"), b"\x7fELF").unwrap();
    if let Err(e) = Runtime::load_from_folder(scratch.path()) {
        assert!(e.to_string().contains("load ONNX Runtime"), "{e}");
    }
}
