//! Copies a plugin's library out of the plugins folder and verifies the copy.
//!
//! Promises: what runs is what was verified: the copy lies where only the host writes, under a name that its hash makes
//!   unique, and hash and signature are taken of the copy; no link is followed and no more is read than a library may have.
//! Leaves to others: whether the plugin may be loaded at all (`catalogue`, `manifest`), loading it (`nvr-worker`).

use crate::catalogue::{LIBRARY_LEN_MAX, library_name};
use crate::manifest::Hash;
use crate::signature::{SignatureError, Signed, Trust, may_run};
use rustix::fs::{FileType, Mode, OFlags};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// Why there is no verified copy.
#[derive(Debug, thiserror::Error)]
pub enum StagingError {
    /// The system refused an operation.
    #[error("cannot {what} {path}: {source}")]
    Io {
        /// Which operation.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// Not a regular file.
    #[error("{0} is no regular file")]
    Kind(PathBuf),
    /// Longer than a library may be.
    #[error("{0} is longer than {LIBRARY_LEN_MAX} bytes")]
    Long(PathBuf),
    /// The file changed between the look and the copy.
    #[error("the copy's hash is {got:?}, the manifest says {want:?}: replaced while it was copied")]
    Changed {
        /// Of the copy.
        got: Hash,
        /// Of the manifest.
        want: Hash,
    },
    /// Nobody vouches for it.
    #[error(transparent)]
    Signature(#[from] SignatureError),
}

/// A verified copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copy {
    /// Where it lies.
    pub path: PathBuf,
    /// Its hash.
    pub hash: Hash,
    /// Who signed it.
    pub signed: Signed,
}

fn io(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> StagingError + use<> {
    let path = path.to_owned();
    move |source| StagingError::Io { what, path, source }
}

/// Reads a regular file of at most `len_max` bytes without following a link at its end.
///
/// # Errors
/// It is none, longer, or cannot be read.
pub fn read_plain(path: &Path, len_max: u64) -> Result<Vec<u8>, StagingError> {
    // Not blocking: a pipe that nobody writes would be waited for at open.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let fd = rustix::fs::open(path, flags, Mode::empty()).map_err(|e| match e {
        rustix::io::Errno::LOOP => StagingError::Kind(path.to_owned()),
        e => io("open", path)(e.into()),
    })?;
    let stat = rustix::fs::fstat(&fd).map_err(|e| io("look at", path)(e.into()))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(StagingError::Kind(path.to_owned()));
    }
    if u64::try_from(stat.st_size).unwrap_or(u64::MAX) > len_max {
        return Err(StagingError::Long(path.to_owned()));
    }
    // It may grow while it is read.
    let mut bytes = Vec::new();
    let read = File::from(fd).take(len_max + 1).read_to_end(&mut bytes).map_err(io("read", path))?;
    if read as u64 > len_max { Err(StagingError::Long(path.to_owned())) } else { Ok(bytes) }
}

/// SHA-256 of `bytes`.
pub fn hash_of(bytes: &[u8]) -> Hash {
    Hash(Sha256::digest(bytes).into())
}

/// Copies `libNAME.so` of `folder` into `store` and verifies the copy: `want` is its manifest's hash.
///
/// # Errors
/// What is wrong; nothing is left in `store` then.
pub fn stage(
    folder: &Path,
    name: &str,
    want: Hash,
    signature: Option<&str>,
    trust: &Trust,
    store: &Path,
) -> Result<Copy, StagingError> {
    let bytes = read_plain(&folder.join(library_name(name)), LIBRARY_LEN_MAX)?;
    std::fs::create_dir_all(store).map_err(io("make", store))?;
    let path = store.join(format!("{name}-{}.so", want.short()));
    let part = store.join(format!(".{name}-{}.part", want.short()));
    write_new(&part, &bytes)?;
    let result = verify(&part, want, signature, trust)
        .and_then(|signed| std::fs::rename(&part, &path).map(|()| signed).map_err(io("rename", &part)));
    match result {
        Ok(signed) => Ok(Copy { path, hash: want, signed }),
        Err(error) => {
            let _ = std::fs::remove_file(&part);
            Err(error)
        }
    }
}

fn write_new(path: &Path, bytes: &[u8]) -> Result<(), StagingError> {
    // Of a life that ended in the middle of this.
    let _ = std::fs::remove_file(path);
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = rustix::fs::open(path, flags, Mode::RUSR).map_err(|e| io("make", path)(e.into()))?;
    File::from(fd).write_all(bytes).map_err(io("write", path))
}

fn verify(path: &Path, want: Hash, signature: Option<&str>, trust: &Trust) -> Result<Signed, StagingError> {
    let bytes = read_plain(path, LIBRARY_LEN_MAX)?;
    let got = hash_of(&bytes);
    if got != want {
        return Err(StagingError::Changed { got, want });
    }
    Ok(may_run(&bytes, signature, trust)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Puts something in the folder as `libx.so`, stages it, and compares what is said and what lies in the store.
    fn check(put: impl FnOnce(&Path), want: &[u8], expected: &str) {
        let (folder, store) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        put(&folder.path().join("libx.so"));
        let trust = Trust::new(&[], true).unwrap();
        let result = stage(folder.path(), "x", hash_of(want), None, &trust, store.path());
        let left = std::fs::read_dir(store.path()).unwrap().count();
        assert_eq!(left, usize::from(result.is_ok()), "files left in the store");
        let got = match result {
            Ok(copy) => {
                assert_eq!(std::fs::read(&copy.path).unwrap(), want);
                format!("{:?}", copy.signed)
            }
            Err(error) => error.to_string(),
        };
        assert!(got.contains(expected), "{got} instead of {expected}");
    }

    #[test]
    fn what_is_staged_is_what_was_verified() {
        check(|p| std::fs::write(p, b"good").unwrap(), b"good", "Nobody");
        check(|p| std::fs::write(p, b"swapped").unwrap(), b"good", "replaced while it was copied");
        check(|_| {}, b"good", "cannot open");
        check(|p| std::fs::create_dir(p).unwrap(), b"good", "no regular file");
        check(|p| std::os::unix::fs::symlink("/etc/hostname", p).unwrap(), b"good", "no regular file");
        check(|p| File::create(p).unwrap().set_len(2 << 30).unwrap(), b"good", "longer than 67108864");
        let pipe = |p: &Path| rustix::fs::mknodat(rustix::fs::CWD, p, FileType::Fifo, Mode::RUSR, 0).unwrap();
        check(pipe, b"good", "no regular file");
    }

    #[test]
    fn a_second_copy_replaces_the_first() {
        let (folder, store) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(folder.path().join("libx.so"), b"good").unwrap();
        let trust = Trust::new(&[], true).unwrap();
        let once = || stage(folder.path(), "x", hash_of(b"good"), None, &trust, store.path()).unwrap();
        assert_eq!(once(), once());
    }

    #[test]
    fn unsigned_needs_a_word_of_the_administrator() {
        let (folder, store) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(folder.path().join("libx.so"), b"good").unwrap();
        let error = stage(folder.path(), "x", hash_of(b"good"), None, &Trust::default(), store.path());
        assert!(error.unwrap_err().to_string().contains("not signed"));
    }
}
