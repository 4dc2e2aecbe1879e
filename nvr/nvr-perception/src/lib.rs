//! Perception: what is in a frame, once per camera, for all plugins.
//!
//! Promises: the only crate linking ONNX Runtime; everything but the model sessions and the rings is pure.
//! Leaves to others: decoding (`nvr-media`), what a scene means (plugins), what is kept (`nvr-alerts`).

pub mod analyse;
pub mod annotate;
pub mod engine;
pub mod gate;
pub mod infer;
pub mod live;
pub mod mask;
pub mod model;
pub mod models_cli;
pub mod plan;
pub mod prior;
pub mod replay;
pub mod ring;
pub mod track;
pub mod weather;
