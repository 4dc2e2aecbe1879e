//! ONNX Runtime's library, loaded once a process from a path.
//!
//! Promises: nothing is searched for or downloaded; no telemetry; a library that cannot be loaded is an error with the
//! remedy. A second load gives the first one's library, whatever its path.
//! Leaves to others: getting the library (`models/fetch`), whether its hash is right (`catalogue`).

use super::error::ModelError;
use ort::environment::Environment;
use ort::logging::LogLevel;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// The library's name in a models folder.
pub const LIBRARY: &str = "libonnxruntime.so";

/// The one environment a process may have; kept for as long as the process lives.
static LOADED: Mutex<Option<Runtime>> = Mutex::new(None);

/// The loaded library with its one environment; cheap to clone.
#[derive(Debug, Clone)]
pub struct Runtime {
    environment: Environment,
}

impl Runtime {
    /// Loads the library at a path.
    pub fn load(library: &Path) -> Result<Self, ModelError> {
        let wrong = |why: String| ModelError::Runtime { path: library.to_path_buf(), why };
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = &*loaded {
            return Ok(runtime.clone());
        }
        let absolute = library.canonicalize().map_err(|e| wrong(e.to_string()))?; // `ort` resolves relative ones elsewhere
        let builder = ort::init_from(&absolute).map_err(|e| wrong(e.to_string()))?;
        let environment =
            builder.with_name("nvr").with_telemetry(false).build().map_err(|e| wrong(e.to_string()))?;
        environment.set_log_level(LogLevel::Error);
        Ok(loaded.insert(Self { environment }).clone())
    }

    /// Loads [`LIBRARY`] of a models folder.
    pub fn load_from_folder(folder: &Path) -> Result<Self, ModelError> {
        Self::load(&folder.join(LIBRARY))
    }

    pub(crate) fn environment(&self) -> &Environment {
        &self.environment
    }
}
