//! A model loaded into ONNX Runtime: one tensor in, the manifest's tensors out.
//!
//! Promises: runs on a fixed number of threads without spinning; the same input gives the same output; a model whose
//! tensors are not those of its manifest does not open.
//! Leaves to others: making the tensor (`letterbox`), reading what comes out (the family's module).

use super::error::ModelError;
use super::letterbox::Pixels;
use super::manifest::Manifest;
use super::runtime::Runtime;
use ort::session::Session as OrtSession;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::value::TensorRef;

/// Most threads of one session.
pub const THREADS_MAX: usize = 16;

/// A tensor that came out, borrowed from the run.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its sides.
    pub shape: &'a [i64],
    /// As many numbers as the sides multiply to.
    pub data: &'a [f32],
}

/// A loaded model.
#[derive(Debug)]
pub struct Session {
    id: String,
    inner: OrtSession,
    outputs: Vec<String>,
}

impl Session {
    /// Loads a model from bytes; `threads` is 1 for results that do not depend on the machine's load.
    pub fn open(
        runtime: &Runtime,
        manifest: &Manifest,
        bytes: &[u8],
        threads: usize,
    ) -> Result<Self, ModelError> {
        let wrong = |step, why: String| ModelError::Session { id: manifest.id.clone(), step, why };
        let mut builder =
            configure(runtime, threads.clamp(1, THREADS_MAX)).map_err(|e| wrong("set up", e))?;
        let inner = builder.commit_from_memory(bytes).map_err(|e| wrong("load", e.to_string()))?;
        let inputs: Vec<_> = inner.inputs().iter().map(|i| i.name()).collect();
        if inputs != [manifest.input.tensor.as_str()] {
            let why = format!("takes {inputs:?}, the manifest says {:?}", manifest.input.tensor);
            return Err(wrong("look at its inputs", why));
        }
        for name in &manifest.output.tensors {
            if !inner.outputs().iter().any(|o| o.name() == name) {
                return Err(wrong(
                    "look at its outputs",
                    format!("gives no {name:?}, the manifest says it does"),
                ));
            }
        }
        Ok(Self { id: manifest.id.clone(), inner, outputs: manifest.output.tensors.clone() })
    }

    /// Runs the model on a tensor and lets `read` look at the outputs, in the manifest's order.
    pub fn run<R>(
        &mut self,
        pixels: &Pixels,
        read: impl FnOnce(&[View<'_>]) -> Result<R, ModelError>,
    ) -> Result<R, ModelError> {
        let id = self.id.clone();
        let wrong = |step, e: ort::Error| ModelError::Session { id: id.clone(), step, why: e.to_string() };
        let shape = pixels.shape.map(|n| n as i64);
        let outputs = match &pixels.numbers {
            super::letterbox::Numbers::F32(v) => {
                let tensor =
                    TensorRef::from_array_view((shape, v.as_slice())).map_err(|e| wrong("input", e))?;
                self.inner.run(ort::inputs![tensor])
            }
            super::letterbox::Numbers::I32(v) => {
                let tensor =
                    TensorRef::from_array_view((shape, v.as_slice())).map_err(|e| wrong("input", e))?;
                self.inner.run(ort::inputs![tensor])
            }
        }
        .map_err(|e| wrong("run", e))?;
        let mut views = Vec::with_capacity(self.outputs.len());
        for name in &self.outputs {
            let Some(value) = outputs.get(name) else {
                return Err(ModelError::Session { id, step: "read", why: format!("no output {name:?}") });
            };
            let (shape, data) = value.try_extract_tensor::<f32>().map_err(|e| wrong("read", e))?;
            views.push(View { name, shape, data });
        }
        read(&views)
    }
}

fn configure(runtime: &Runtime, threads: usize) -> Result<SessionBuilder, String> {
    let text = |e: ort::Error<SessionBuilder>| e.to_string();
    let b = OrtSession::builder(runtime.environment()).map_err(|e| e.to_string())?;
    let b = b.with_intra_threads(threads).map_err(text)?;
    let b = b.with_inter_threads(1).map_err(text)?;
    let b = b.with_parallel_execution(false).map_err(text)?;
    let b = b.with_intra_op_spinning(false).map_err(text)?; // an idle analysis costs nothing
    let b = b.with_deterministic_compute(true).map_err(text)?;
    b.with_optimization_level(GraphOptimizationLevel::All).map_err(text)
}
