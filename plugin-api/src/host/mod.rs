//! The host's side of the boundary: a library's entry in, safe calls out.
//!
//! Promises: versions are read before any call; what is not on a closed list, not declared or over a limit is refused and
//! counted; nothing a plugin returns is followed without a bound. It cannot defend against a plugin that corrupts memory:
//! that is what the worker's process is for.
//! Leaves to others: loading the library, the sandbox, budgets and kills (`nvr-worker`, `nvr-plugins`).

#![allow(unsafe_code, reason = "the C boundary")]

mod about;
mod context;
mod instance;

pub use about::About;
pub use context::{Ask, Refusal, Said};
pub use instance::{FrameData, InferenceData, InputData, Instance};

use crate::abi;
use crate::glue::{Export, entry, slice, text};

/// Why a plugin cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PluginError {
    /// Made for another version.
    #[error("plugin is of ABI {major}.{minor}, this host takes {}.{}", abi::ABI_MAJOR, abi::ABI_MINOR)]
    Version {
        /// Its major version.
        major: u32,
        /// Its minor version.
        minor: u32,
    },
    /// It contradicts the header.
    #[error("plugin breaks the contract: {0}")]
    Contract(&'static str),
    /// A call was answered with an error.
    #[error("plugin's `{call}` failed ({status}): {why}")]
    Failed {
        /// Which call.
        call: &'static str,
        /// `NVR_ERR…`.
        status: i32,
        /// What it said.
        why: String,
    },
}

/// A library whose versions fit, initialised, with its descriptor read.
#[derive(Debug)]
pub struct Plugin {
    entry: abi::Entry,
    factory: abi::Factory,
    about: About,
}

impl Plugin {
    /// Opens a library by its exported symbol: versions, `init`, factory, descriptor.
    ///
    /// # Errors
    /// See [`PluginError`].
    ///
    /// # Safety
    /// `found` is the symbol `nvr_plugin_entry` of a library that stays loaded for as long as this and its instances
    /// live, and its functions keep to the header.
    pub unsafe fn open(found: *const abi::Entry) -> Result<Self, PluginError> {
        // SAFETY: null or the symbol: the caller's promise; the two versions come first whatever the rest looks like.
        let Some(versions) = (unsafe { found.cast::<[u32; 2]>().as_ref() }) else {
            return Err(PluginError::Contract("no entry"));
        };
        let [major, minor] = *versions;
        if (major, minor) != (abi::ABI_MAJOR, abi::ABI_MINOR) {
            return Err(PluginError::Version { major, minor });
        }
        // SAFETY: the versions are ours, so the whole struct is.
        let entry = unsafe { *found };
        let (Some(init), Some(get_factory)) = (entry.init, entry.get_factory) else {
            return Err(PluginError::Contract("a function of the entry is null"));
        };
        // SAFETY: the first call, once, with a buffer of ours.
        call("init", |err| unsafe { init(err) })?;
        // SAFETY: after init; the text outlives the call.
        let factory = unsafe { get_factory(abi::Str::of(abi::FACTORY_DETECTOR)) }.cast::<abi::Factory>();
        if factory.is_null() || !factory.is_aligned() {
            return Err(PluginError::Contract("no factory nvr.detector/1"));
        }
        // SAFETY: not null, aligned; what get_factory returns lives until deinit.
        let factory = unsafe { *factory };
        let Some(descriptor) = factory.descriptor else {
            return Err(PluginError::Contract("`descriptor` is null"));
        };
        // SAFETY: after init; what it returns lives until deinit.
        let about = unsafe { About::read(descriptor()) }.map_err(PluginError::Contract)?;
        Ok(Self { entry, factory, about })
    }

    /// A detector of this process, through the same boundary: for tests of detectors.
    ///
    /// # Errors
    /// See [`PluginError`].
    pub fn in_process<E: Export>() -> Result<Self, PluginError> {
        let entry = entry::<E>();
        // SAFETY: the entry is made by `glue`, of functions of this program.
        unsafe { Self::open(&raw const entry) }
    }

    /// What it says of itself.
    pub fn about(&self) -> &About {
        &self.about
    }

    /// Makes an instance for one rule; `config` as the header says.
    ///
    /// # Errors
    /// See [`PluginError`]; `Failed` with the plugin's words when the rule cannot work.
    pub fn create(&self, config: &str) -> Result<Instance, PluginError> {
        let create = self.factory.create.ok_or(PluginError::Contract("`create` is null"))?;
        Instance::new(create, config, &self.about)
    }

    /// The last call. Every instance must have been dropped.
    pub fn close(self) {
        if let Some(deinit) = self.entry.deinit {
            // SAFETY: once: `self` is gone after it.
            unsafe { deinit() };
        }
    }
}

/// One call with a buffer for its error.
fn call(name: &'static str, f: impl FnOnce(*mut abi::Buf) -> i32) -> Result<(), PluginError> {
    let mut bytes = [0u8; abi::ERR_BYTES_MAX];
    let mut buf = abi::Buf { ptr: bytes.as_mut_ptr(), cap: bytes.len() as u64, len: 0 };
    let status = f(&raw mut buf);
    if status == abi::OK {
        return Ok(());
    }
    let len = usize::try_from(buf.len).unwrap_or(0).min(bytes.len());
    let why = String::from_utf8_lossy(bytes.get(..len).unwrap_or(&[])).into_owned();
    Err(PluginError::Failed { call: name, status, why })
}
