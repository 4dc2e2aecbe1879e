//! Everything the store asks of a file system, as a trait, and the real one.
//!
//! Promises: one method, one system call or a named few; errors are the system's own; no path is invented here.
//! Leaves to others: faults in tests (`fault_disk`), what the files mean.

use std::any::Any;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, IoSlice, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Most slices one `writev` takes (Linux `UIO_MAXIOV`).
const IOV_MAX: usize = 1024;

/// An open file.
#[allow(clippy::len_without_is_empty)] // a length may fail, and nobody asks whether it is 0
pub trait DiskFile: Send + Sync + std::fmt::Debug {
    /// Appends all slices, in order, at the end of what was written through this handle.
    ///
    /// # Errors
    /// The system's; what was written before the error stays.
    fn append(&mut self, slices: &mut [IoSlice<'_>]) -> io::Result<()>;
    /// Reserves `bytes` from `offset` without changing the file's length (`fallocate` with `KEEP_SIZE`).
    ///
    /// # Errors
    /// The system's; recording goes on without.
    fn preallocate(&mut self, offset: u64, bytes: u64) -> io::Result<()>;
    /// Sets the length, giving back what was reserved beyond it.
    ///
    /// # Errors
    /// The system's.
    fn truncate(&mut self, len: u64) -> io::Result<()>;
    /// Reads some bytes at `offset`; 0 at the end.
    ///
    /// # Errors
    /// The system's.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Length in bytes.
    ///
    /// # Errors
    /// The system's.
    fn len(&self) -> io::Result<u64>;
    /// Makes this file's data durable (`fdatasync`).
    ///
    /// # Errors
    /// The system's.
    fn sync(&mut self) -> io::Result<()>;
}

/// An open file as the boxes' reader wants it.
#[derive(Debug)]
pub struct Reader(pub Box<dyn DiskFile>);

impl crate::mp4::ReadAt for Reader {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buf, offset)
    }
}

/// One entry of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// A folder.
    pub folder: bool,
}

/// Space of a file system, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Space {
    /// What an unprivileged process may still use.
    pub free: u64,
    /// All of it.
    pub total: u64,
}

/// A file system, or a test's idea of one. Paths are absolute.
pub trait Disk: Send + Sync + std::fmt::Debug {
    /// Creates a file, with its folders; fails if it exists.
    ///
    /// # Errors
    /// The system's.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Opens for appending and truncating; creates it when missing.
    ///
    /// # Errors
    /// The system's.
    fn open_append(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Opens for reading.
    ///
    /// # Errors
    /// The system's.
    fn open_read(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Reads a small file; at most `len_max` bytes of it.
    ///
    /// # Errors
    /// The system's; `FileTooLarge` beyond `len_max`.
    fn read(&self, path: &Path, len_max: u64) -> io::Result<Vec<u8>>;
    /// Replaces a small file so that after any crash it is the old or the new one, and durable on return.
    ///
    /// # Errors
    /// The system's; the old file stays.
    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()>;
    /// Makes a folder and those above it.
    ///
    /// # Errors
    /// The system's.
    fn create_folder(&self, path: &Path) -> io::Result<()>;
    /// Entries of a folder, sorted by name; names that are no text are left out.
    ///
    /// # Errors
    /// The system's.
    fn list(&self, path: &Path) -> io::Result<Vec<Entry>>;
    /// Renames within a file system.
    ///
    /// # Errors
    /// The system's.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    ///
    /// # Errors
    /// The system's.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Removes an empty folder.
    ///
    /// # Errors
    /// The system's.
    fn remove_folder(&self, path: &Path) -> io::Result<()>;
    /// Makes everything on the file system of `root` durable: one flush (`syncfs`), which also reports write-back
    /// errors since the last one (Linux 5.8).
    ///
    /// # Errors
    /// The system's: then nothing since the last success is known to be durable.
    fn sync_all(&self, root: &Path) -> io::Result<()>;
    /// Free and total space of the file system of `root`.
    ///
    /// # Errors
    /// The system's.
    fn space(&self, root: &Path) -> io::Result<Space>;
    /// Takes the lock file `path` until the guard is dropped, and writes `holder` into it.
    ///
    /// # Errors
    /// `WouldBlock` with the holder's text when another process has it; otherwise the system's.
    fn lock(&self, path: &Path, holder: &str) -> io::Result<Box<dyn Any + Send + Sync>>;
}

/// The operating system's file systems.
#[derive(Debug, Default)]
pub struct RealDisk {
    /// Root folders kept open, so that `syncfs` sees every error since the last one.
    roots: std::sync::Mutex<std::collections::HashMap<PathBuf, Arc<File>>>,
}

impl RealDisk {
    fn root(&self, root: &Path) -> io::Result<Arc<File>> {
        let mut roots = self.roots.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(file) = roots.get(root) {
            return Ok(file.clone());
        }
        let file = Arc::new(File::open(root)?);
        roots.insert(root.to_path_buf(), file.clone());
        Ok(file)
    }
}

#[derive(Debug)]
struct RealFile {
    file: File,
}

impl DiskFile for RealFile {
    fn append(&mut self, mut slices: &mut [IoSlice<'_>]) -> io::Result<()> {
        while !slices.is_empty() {
            let batch = slices.len().min(IOV_MAX);
            match self.file.write_vectored(&slices[..batch]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => IoSlice::advance_slices(&mut slices, n),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    fn preallocate(&mut self, offset: u64, bytes: u64) -> io::Result<()> {
        Ok(rustix::fs::fallocate(&self.file, rustix::fs::FallocateFlags::KEEP_SIZE, offset, bytes)?)
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buf, offset)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }
}

impl Disk for RealDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let open = || OpenOptions::new().read(true).append(true).create_new(true).open(path);
        let file = match open() {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                if let Some(folder) = path.parent() {
                    std::fs::create_dir_all(folder)?;
                }
                open()?
            }
            other => other?,
        };
        Ok(Box::new(RealFile { file }))
    }

    fn open_append(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        Ok(Box::new(RealFile { file }))
    }

    fn open_read(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(RealFile { file: File::open(path)? }))
    }

    fn read(&self, path: &Path, len_max: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(path)?.take(len_max.saturating_add(1)).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > len_max { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(bytes) }
    }

    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut name = path.as_os_str().to_owned();
        name.push(".new");
        let new = PathBuf::from(name);
        let mut file = File::create(&new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&new, path)?;
        match path.parent() {
            Some(folder) => File::open(folder)?.sync_all(),
            None => Ok(()),
        }
    }

    fn create_folder(&self, path: &Path) -> io::Result<()> {
        std::fs::create_dir_all(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in std::fs::read_dir(path)? {
            let entry = entry?;
            if let Ok(name) = entry.file_name().into_string() {
                entries.push(Entry { name, folder: entry.file_type()?.is_dir() });
            }
        }
        entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_dir(path)
    }

    fn sync_all(&self, root: &Path) -> io::Result<()> {
        Ok(rustix::fs::syncfs(&*self.root(root)?)?)
    }

    fn space(&self, root: &Path) -> io::Result<Space> {
        let s = rustix::fs::statvfs(root)?;
        Ok(Space {
            free: s.f_bavail.saturating_mul(s.f_frsize),
            total: s.f_blocks.saturating_mul(s.f_frsize),
        })
    }

    fn lock(&self, path: &Path, holder: &str) -> io::Result<Box<dyn Any + Send + Sync>> {
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let _ = file.take(256).read_to_string(&mut text);
                return Err(io::Error::new(io::ErrorKind::WouldBlock, text));
            }
            Err(TryLockError::Error(e)) => return Err(e),
        }
        file.set_len(0)?;
        file.write_all(holder.as_bytes())?;
        Ok(Box::new(file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_behave_as_the_trait_says() {
        let dir = tempfile::tempdir().unwrap();
        let disk = RealDisk::default();
        let path = dir.path().join("a/b/c");
        let mut file = disk.create(&path).unwrap();
        assert!(disk.create(&path).is_err(), "never overwrites");
        file.preallocate(0, 1 << 16).unwrap();
        let parts: Vec<[u8; 1]> = (0..3000u32).map(|i| [i as u8]).collect();
        let mut slices: Vec<IoSlice<'_>> = parts.iter().map(|p| IoSlice::new(p)).collect();
        file.append(&mut slices).unwrap();
        assert_eq!(file.len().unwrap(), 3000, "preallocation changes no length");
        file.truncate(2000).unwrap();
        let mut buf = [0; 2];
        assert_eq!(file.read_at(&mut buf, 1998).unwrap(), 2);
        assert_eq!(buf, [1998u32 as u8, 1999u32 as u8]);
        assert_eq!(file.read_at(&mut buf, 1999).unwrap(), 1);
        file.sync().unwrap();
        disk.sync_all(dir.path()).unwrap();
        assert!(disk.space(dir.path()).unwrap().free > 0);
        disk.replace(&dir.path().join("x"), b"1").unwrap();
        disk.replace(&dir.path().join("x"), b"2").unwrap();
        assert_eq!(disk.read(&dir.path().join("x"), 1).unwrap(), b"2");
        assert!(disk.read(&dir.path().join("x"), 0).is_err());
        let names: Vec<_> = disk.list(dir.path()).unwrap().into_iter().map(|e| (e.name, e.folder)).collect();
        assert_eq!(names, [("a".to_owned(), true), ("x".to_owned(), false)]);
    }

    #[test]
    fn a_lock_names_its_holder() {
        let dir = tempfile::tempdir().unwrap();
        let disk = RealDisk::default();
        let path = dir.path().join("lock");
        let held = disk.lock(&path, "process 7").unwrap();
        let refused = disk.lock(&path, "process 8").unwrap_err();
        assert_eq!((refused.kind(), refused.to_string().as_str()), (io::ErrorKind::WouldBlock, "process 7"));
        drop(held);
        assert!(disk.lock(&path, "process 8").is_ok());
    }
}
