//! Perception: what is in a frame, once per camera, for all plugins.
//!
//! Promises: the only crate linking ONNX Runtime; everything but the model sessions is pure.
//! Leaves to others: decoding (`nvr-media`), what a scene means (plugins), what is kept (`nvr-alerts`).

pub mod analyse;
pub mod gate;
pub mod ground;
pub mod model;
pub mod models_cli;
pub mod plan;
pub mod prior;
pub mod replay;
pub mod track;
