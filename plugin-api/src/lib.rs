//! The contract with detectors. `include/nvr_plugin.h` is the truth; `abi` mirrors it.
#![allow(missing_docs)]
pub mod abi;
pub mod closed;
