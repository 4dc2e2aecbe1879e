//! What can go wrong with a model; every message names the step and the object.
//!
//! Promises: no text of a file beyond a bounded piece of it is repeated.
//! Leaves to others: what to do about it.

use std::path::PathBuf;

/// A model that cannot be used, or a frame that it cannot look at.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The manifest's text is not what it must be.
    #[error("model manifest {name}: {why}")]
    Manifest {
        /// File name or id.
        name: String,
        /// What is wrong, with the key.
        why: String,
    },
    /// A file or folder could not be read or written.
    #[error("{step} {}: {source}", path.display())]
    File {
        /// What was tried.
        step: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The file is not the one of the manifest.
    #[error("model {id}: {} has sha256 {found}, the manifest says {expected}", path.display())]
    Hash {
        /// The model.
        id: String,
        /// Its file.
        path: PathBuf,
        /// Hash of the file.
        found: String,
        /// Hash in the manifest.
        expected: String,
    },
    /// ONNX Runtime's library could not be loaded.
    #[error("load ONNX Runtime from {}: {why}. Remedy: models/fetch", path.display())]
    Runtime {
        /// The library.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// ONNX Runtime refused the model or failed on it.
    #[error("model {id}: {step}: {why}")]
    Session {
        /// The model.
        id: String,
        /// What was tried.
        step: &'static str,
        /// What it said.
        why: String,
    },
    /// A tensor does not have the shape its family has.
    #[error("model {id}: output {tensor} has shape {found:?}, {expected}")]
    Shape {
        /// The model.
        id: String,
        /// The tensor.
        tensor: String,
        /// Its shape.
        found: Vec<i64>,
        /// What it must be.
        expected: &'static str,
    },
    /// A model of one kind was asked for another.
    #[error("model {id} is of family {family}, which gives no {wanted}")]
    Family {
        /// The model.
        id: String,
        /// Its family.
        family: &'static str,
        /// What was asked for.
        wanted: &'static str,
    },
    /// The frame's numbers and bytes do not fit together.
    #[error("frame of {width}x{height}, stride {stride}, in {bytes} bytes")]
    Frame {
        /// Pixels a row.
        width: usize,
        /// Rows.
        height: usize,
        /// Bytes from row to row.
        stride: usize,
        /// Bytes given.
        bytes: usize,
    },
    /// A model that no manifest names.
    #[error("no model is called `{id}`; there are: {known}")]
    Unknown {
        /// As asked for.
        id: String,
        /// The ids there are.
        known: String,
    },
    /// A model whose file is not there, or is another file.
    #[error("model {id} is not in {folder}; {remedy}")]
    Absent {
        /// The model.
        id: String,
        /// The models folder.
        folder: String,
        /// How it gets there.
        remedy: String,
    },
    /// No detector is in the models folder.
    #[error("no detector in {}; get the default ones with `models/fetch {}`", folder.display(), folder.display())]
    NoDetector {
        /// The models folder.
        folder: PathBuf,
    },
}
