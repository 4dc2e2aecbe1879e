//! Locked intervals: footage that retention never evicts.
//!
//! Promises: a lock is in force once the call returns, and after any crash.
//! Leaves to others: who may lock (`nvr-gateway`), evicting the rest (`retention`).

use nvr_base::{CameraId, Utc};
use serde::{Deserialize, Serialize};

/// Most locks a store keeps.
pub const LOCKS_MAX: usize = 10_000;

/// One locked interval of all streams of a camera.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FootageLock {
    /// The camera.
    pub camera: CameraId,
    /// First instant kept.
    pub from: Utc,
    /// First instant no longer kept.
    pub to: Utc,
    /// Why, in the operator's words.
    pub reason: String,
    /// Who locked it.
    pub who: String,
    /// When.
    pub at: Utc,
}
