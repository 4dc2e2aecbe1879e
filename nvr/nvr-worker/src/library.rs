//! The plugin's library: loaded, its versions read, its factory found.
//!
//! Promises: versions are read before any call; a function that is null is never called; the library is never unloaded.
//! Leaves to others: the sandbox around it (`sandbox`), its instances (`instance`).

use crate::borrowed::{ErrorText, one};
use crate::descriptor;
use libloading::os::unix::{Library as Loaded, RTLD_LOCAL, RTLD_NOW};
use nvr_plugin_api::abi;
use nvr_plugins::protocol::Descriptor;
use std::path::Path;

/// Libraries of the system that a plugin may need: loaded before the sandbox, because afterwards no file but the
/// plugin itself can be opened. What this machine has not, no plugin here needs.
const SYSTEM: [&str; 3] = ["libm.so.6", "libgcc_s.so.1", "libstdc++.so.6"];

/// Loads what plugins lean on.
pub fn load_system() {
    for name in SYSTEM {
        // SAFETY: the system's own libraries, whose constructors are as safe as those this program was started with.
        #[allow(unsafe_code)]
        if let Ok(library) = unsafe { Loaded::open(Some(name), RTLD_NOW | RTLD_LOCAL) } {
            std::mem::forget(library);
        }
    }
}

/// A loaded plugin.
#[derive(Debug)]
pub struct Library {
    entry: abi::Entry,
}

impl Library {
    /// Loads it and reads its versions. Its constructors run here.
    ///
    /// # Errors
    /// It is no library, exports no entry, or was built for another ABI.
    pub fn load(path: &Path) -> Result<Self, String> {
        // SAFETY: this runs foreign code, which is what this process and its sandbox are for.
        #[allow(unsafe_code)]
        let library = unsafe { Loaded::open(Some(path), RTLD_NOW | RTLD_LOCAL) }
            .map_err(|e| format!("it cannot be loaded: {e}"))?;
        // SAFETY: the symbol is looked at as an address only.
        #[allow(unsafe_code)]
        let symbol = unsafe { library.get::<*const abi::Entry>(abi::ENTRY_SYMBOL.as_bytes()) }
            .map(|s| s.into_raw().cast_const().cast::<abi::Entry>())
            .map_err(|_| format!("it exports no `{}`", abi::ENTRY_SYMBOL));
        // Never closed: a destructor of the plugin's could do what it likes, and a new generation is a new process.
        std::mem::forget(library);
        let symbol = symbol?;
        // The two versions alone: with another major the rest may be anything.
        let versions: [u32; 2] = one(symbol.cast()).map_err(|e| format!("its entry: {e}"))?;
        let [major, minor] = versions;
        if (major, minor) != (abi::ABI_MAJOR, abi::ABI_MINOR) {
            let ours = (abi::ABI_MAJOR, abi::ABI_MINOR);
            return Err(format!(
                "it was built for ABI {major}.{minor}, this host speaks {}.{}",
                ours.0, ours.1
            ));
        }
        Ok(Self { entry: one(symbol).map_err(|e| format!("its entry: {e}"))? })
    }

    /// Calls `init` and `get_factory`.
    ///
    /// # Errors
    /// The plugin's refusal, or what is missing.
    pub fn init(&self) -> Result<Factory, String> {
        let (Some(init), Some(get_factory)) = (self.entry.init, self.entry.get_factory) else {
            return Err("its entry lacks a function".into());
        };
        let mut error = ErrorText::default();
        let mut lent = error.lend();
        // SAFETY: the contract's first call, with a buffer that outlives it.
        #[allow(unsafe_code)]
        let status = unsafe { init(&raw mut lent) };
        if status != abi::OK {
            return Err(format!("its `init` failed: {}", error.take(lent.len)));
        }
        // SAFETY: after `init`, as the contract says; the id is a static text.
        #[allow(unsafe_code)]
        let factory = unsafe { get_factory(abi::Str::of(abi::FACTORY_DETECTOR)) };
        let factory = one(factory.cast::<abi::Factory>())
            .map_err(|_| format!("it has no factory `{}`", abi::FACTORY_DETECTOR))?;
        let (Some(describe), Some(create)) = (factory.descriptor, factory.create) else {
            return Err("its factory lacks a function".into());
        };
        // SAFETY: as the contract says; what it returns lives until `deinit`, which is never called before the end.
        #[allow(unsafe_code)]
        let descriptor = unsafe { describe() };
        let versions = (self.entry.abi_major, self.entry.abi_minor);
        Ok(Factory { create, descriptor: descriptor::read(descriptor, versions)? })
    }

    /// Calls `deinit`, after the last instance.
    pub fn deinit(&self) {
        if let Some(deinit) = self.entry.deinit {
            // SAFETY: once, after all instances are destroyed.
            #[allow(unsafe_code)]
            unsafe {
                deinit();
            }
        }
    }
}

/// What makes instances.
#[derive(Debug)]
pub struct Factory {
    /// `create` of the contract.
    pub create: abi::Create,
    /// What the plugin is.
    pub descriptor: Descriptor,
}
