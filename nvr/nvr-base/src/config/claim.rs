//! Claims: what a configuration says about files, devices and variables of this machine.
//!
//! Promises: each remembers its key and place, so that the second step of checking reports as exactly as the first.
//! Leaves to others: looking (`files`).

use super::finding::Place;
use std::path::{Path, PathBuf};

/// What is claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimKind {
    /// A folder for footage.
    Storage(PathBuf),
    /// The socket.
    Socket(PathBuf),
    /// A file with a password.
    PasswordFile(PathBuf),
    /// A variable with a password.
    PasswordEnv(String),
    /// A V4L2 device.
    Device(PathBuf),
    /// A folder of plugins or models.
    Folder(PathBuf),
    /// A time zone.
    Timezone(String),
}

/// One claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// What.
    pub kind: ClaimKind,
    /// Key that says so.
    pub key: String,
    /// Where it says so.
    pub place: Option<Place>,
}

/// `path` as seen from `folder`, without `.` and doubled slashes.
pub(crate) fn below(folder: &Path, path: &Path) -> PathBuf {
    folder.join(path).components().collect()
}

/// Makes the relative paths of `claims` absolute.
pub(crate) fn resolve(claims: &mut [Claim], folder: &Path) {
    for claim in claims {
        match &mut claim.kind {
            ClaimKind::Storage(path)
            | ClaimKind::Socket(path)
            | ClaimKind::PasswordFile(path)
            | ClaimKind::Folder(path)
            | ClaimKind::Device(path) => *path = below(folder, path),
            ClaimKind::PasswordEnv(_) | ClaimKind::Timezone(_) => {}
        }
    }
}
