//! Unix sockets at paths of any length.
//!
//! Promises: the kernel's limit of 107 bytes on a socket's path is nobody's concern: a longer one is reached through its
//! folder's descriptor. Leaves to others: who listens and who asks.

use rustix::fs::{Mode, OFlags};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// Longest path that fits a socket address (`sun_path` with its end).
const PATH_BYTES_MAX: usize = 107;

/// Listens at `path`.
///
/// # Errors
/// The system's.
pub fn bind(path: &Path) -> io::Result<UnixListener> {
    through(path, |path| UnixListener::bind(path))
}

/// Connects to `path`.
///
/// # Errors
/// The system's.
pub fn connect(path: &Path) -> io::Result<UnixStream> {
    through(path, |path| UnixStream::connect(path))
}

fn through<T>(path: &Path, then: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    if path.as_os_str().len() <= PATH_BYTES_MAX {
        return then(path);
    }
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let folder = rustix::fs::open(folder, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    then(&PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd())).join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_paths_work_as_short_ones() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("a".repeat(120));
        std::fs::create_dir(&deep).unwrap();
        for path in [folder.path().join("s"), deep.join("s")] {
            assert!(connect(&path).is_err(), "nobody there");
            let _listener = bind(&path).unwrap();
            assert!(path.exists() && connect(&path).is_ok(), "{}", path.display());
        }
    }
}
