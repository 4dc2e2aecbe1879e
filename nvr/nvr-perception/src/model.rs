//! Models: what they are, where their files are, how a frame goes in and what comes out.
//!
//! Promises: a model is used only if its manifest is sound and its file has the manifest's hash; the same frame gives the
//! same detections on every run; nothing a manifest, a file or an output says can make this code panic.
//! Leaves to others: getting files from the network (`models/fetch`), when a frame is worth a look (`plan`, `gate`).

pub mod bench;
pub mod catalogue;
pub mod density;
pub mod detector;
pub mod error;
pub mod frame;
pub mod letterbox;
mod loaded;
pub mod manifest;
pub mod movenet;
pub mod nanodet;
pub mod nms;
pub mod runtime;
pub mod session;
pub mod shelf;
pub mod ssd;
pub mod yolox;

pub use bench::{Times, bench, bench_for};
pub use catalogue::{Catalogue, Import, Imported, Presence};
pub use density::{Density, DensityCounter};
pub use detector::Detector;
pub use error::ModelError;
pub use frame::FrameRgb;
pub use manifest::{Family, Manifest};
pub use movenet::{Pose, PoseEstimator};
pub use runtime::Runtime;
pub use shelf::{Shelf, Wanted};
