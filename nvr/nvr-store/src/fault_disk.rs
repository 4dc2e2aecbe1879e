//! A disk in memory that fails as disks do, by seeded dice: for simulations.
//!
//! Promises: what a successful flush covered is there after a power cut; of the rest each write is kept, torn or lost,
//! and a file may be gone; a failed flush drops what it should have covered from later flushes, as Linux does.
//! Leaves to others: what is expected of the store (`sim`).

use crate::disk::{Disk, DiskFile, Entry, Space};
use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How likely each fault is, in a thousand.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Faults {
    pub(crate) write_eio: u32,
    pub(crate) short_write: u32,
    pub(crate) flush_eio: u32,
}

#[derive(Debug, Clone)]
enum Change {
    Write { at: u64, bytes: Vec<u8> },
    Truncate(u64),
}

#[derive(Debug, Clone, Default)]
struct Node {
    data: Vec<u8>,
    /// What a power cut leaves for sure; `None` while the file itself may vanish.
    durable: Option<Vec<u8>>,
    /// Space kept for it, bytes from its beginning.
    reserved: u64,
    /// Since then, in order.
    changes: Vec<Change>,
    /// A flush failed over these changes: later ones do not cover them any more.
    forgotten: bool,
}

#[derive(Debug)]
struct Inner {
    files: BTreeMap<PathBuf, Node>,
    /// Removed, but a power cut may bring it back.
    removed: BTreeMap<PathBuf, Node>,
    folders: BTreeSet<PathBuf>,
    rng: fastrand::Rng,
    faults: Faults,
    capacity: u64,
    used_by_others: u64,
    /// What others use is what a quota withholds: free space does not show it.
    quota: bool,
    locked: BTreeSet<PathBuf>,
    flushes: u64,
}

/// The disk; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct FaultDisk(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct FaultFile {
    disk: FaultDisk,
    path: PathBuf,
}

struct Guard(FaultDisk, PathBuf);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.lock_inner().locked.remove(&self.1);
    }
}

impl FaultDisk {
    pub(crate) fn new(seed: u64, capacity: u64) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            files: BTreeMap::new(),
            removed: BTreeMap::new(),
            folders: BTreeSet::new(),
            rng: fastrand::Rng::with_seed(seed),
            faults: Faults::default(),
            capacity,
            used_by_others: 0,
            quota: false,
            locked: BTreeSet::new(),
            flushes: 0,
        })))
    }

    fn lock_inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_faults(&self, faults: Faults) {
        self.lock_inner().faults = faults;
    }

    /// Somebody else fills the disk up to `free` bytes.
    pub(crate) fn fill_up_to(&self, free: u64) {
        let mut inner = self.lock_inner();
        inner.quota = false;
        inner.used_by_others = inner.capacity.saturating_sub(inner.used()).saturating_sub(free);
    }

    /// A quota of this user leaves `free` bytes.
    pub(crate) fn set_quota(&self, free: u64) {
        self.fill_up_to(free);
        self.lock_inner().quota = true;
    }

    pub(crate) fn empty_others(&self) {
        let mut inner = self.lock_inner();
        (inner.used_by_others, inner.quota) = (0, false);
    }

    /// The power fails and comes back.
    pub(crate) fn power_cut(&self) {
        let mut inner = self.lock_inner();
        let Inner { files, removed, rng, locked, .. } = &mut *inner;
        locked.clear();
        for (path, node) in std::mem::take(removed) {
            if rng.bool() && node.durable.is_some() {
                files.entry(path).or_insert(node);
            }
        }
        files.retain(|_, node| node.after_power_cut(rng));
    }

    /// The process is killed: what was written stays. When a failed flush could not be `told` to the journal, nobody
    /// can know of it afterwards: then this disk lets the next flush cover everything after all.
    pub(crate) fn kill(&self, told: bool) {
        let mut inner = self.lock_inner();
        inner.locked.clear();
        if !told || inner.faults.write_eio > 0 {
            inner.files.values_mut().for_each(|n| n.forgotten = false);
        }
    }

    /// Flips one bit of a file.
    pub(crate) fn flip(&self, path: &Path, byte: usize) {
        let mut inner = self.lock_inner();
        if let Some(b) = inner.files.get_mut(path).and_then(|n| n.data.get_mut(byte)) {
            *b ^= 1;
        }
    }

    pub(crate) fn files(&self) -> Vec<PathBuf> {
        self.lock_inner().files.keys().cloned().collect()
    }
}

impl Node {
    /// What is left; false when the file is gone.
    fn after_power_cut(&mut self, rng: &mut fastrand::Rng) -> bool {
        let Some(mut data) = self.durable.clone() else {
            // Never flushed: gone, or there as far as dice say.
            if rng.bool() {
                return false;
            }
            self.durable = Some(Vec::new());
            return self.after_power_cut(rng);
        };
        let mut extended = false;
        for change in std::mem::take(&mut self.changes) {
            match change {
                Change::Truncate(len) if rng.bool() => data.truncate(len as usize),
                Change::Truncate(_) => {}
                // A file system grows a file in order: after a lost write, a later one finds zeros before it.
                Change::Write { at, bytes } => match rng.u8(0..4) {
                    0 => extended = true,
                    1 => {
                        let part = rng.usize(0..=bytes.len());
                        put(&mut data, at, bytes.get(..part).unwrap_or_default());
                    }
                    _ if extended && rng.bool() => {}
                    _ => put(&mut data, at, &bytes),
                },
            }
        }
        self.durable = Some(data.clone());
        self.data = data;
        self.forgotten = false;
        true
    }
}

fn put(data: &mut Vec<u8>, at: u64, bytes: &[u8]) {
    if bytes.is_empty() {
        return;
    }
    let end = at as usize + bytes.len();
    if data.len() < end {
        data.resize(end, 0);
    }
    if let Some(to) = data.get_mut(at as usize..end) {
        to.copy_from_slice(bytes);
    }
}

impl Inner {
    fn used(&self) -> u64 {
        self.files.values().map(|n| n.reserved.max(n.data.len() as u64)).sum()
    }

    fn dice(&mut self, per_mille: u32) -> bool {
        self.rng.u32(0..1000) < per_mille
    }

    fn node(&mut self, path: &Path) -> io::Result<&mut Node> {
        self.files.get_mut(path).ok_or_else(|| ErrorKind::NotFound.into())
    }

    fn full(&self) -> io::Error {
        if self.quota { ErrorKind::QuotaExceeded.into() } else { ErrorKind::StorageFull.into() }
    }

    fn write(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let own = self.files.get(path).map_or(0, |n| n.reserved.saturating_sub(n.data.len() as u64));
        let free = self.capacity.saturating_sub(self.used() + self.used_by_others) + own;
        let free = usize::try_from(free).unwrap_or(usize::MAX);
        let (eio, short) = (self.faults.write_eio, self.faults.short_write);
        let (fails, cut) = (self.dice(eio), self.dice(short));
        let part = if fails || cut { self.rng.usize(0..=bytes.len()) } else { bytes.len() };
        let part = part.min(free);
        let node = self.node(path)?;
        let at = node.data.len() as u64;
        let written = bytes.get(..part).unwrap_or_default();
        put(&mut node.data, at, written);
        node.changes.push(Change::Write { at, bytes: written.to_vec() });
        match part {
            n if n == bytes.len() && !fails => Ok(()),
            n if n == free => Err(self.full()),
            _ => Err(io::Error::other("simulated I/O error")),
        }
    }

    fn sync(&mut self, path: &Path) {
        if let Some(node) = self.files.get_mut(path).filter(|n| !n.forgotten) {
            node.durable = Some(node.data.clone());
            node.changes.clear();
        }
    }
}

impl DiskFile for FaultFile {
    fn append(&mut self, slices: &mut [IoSlice<'_>]) -> io::Result<()> {
        let bytes: Vec<u8> = slices.iter().flat_map(|s| s.iter().copied()).collect();
        self.disk.lock_inner().write(&self.path, &bytes)
    }

    fn preallocate(&mut self, offset: u64, bytes: u64) -> io::Result<()> {
        let mut inner = self.disk.lock_inner();
        let free = inner.capacity.saturating_sub(inner.used() + inner.used_by_others);
        let node = inner.node(&self.path)?;
        if (offset + bytes).saturating_sub(node.reserved.max(node.data.len() as u64)) > free {
            return Err(inner.full());
        }
        node.reserved = node.reserved.max(offset + bytes);
        Ok(())
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        let mut inner = self.disk.lock_inner();
        let node = inner.node(&self.path)?;
        node.reserved = len;
        if (len as usize) < node.data.len() {
            node.data.truncate(len as usize);
            node.changes.push(Change::Truncate(len));
        }
        Ok(())
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut inner = self.disk.lock_inner();
        let data = &inner.node(&self.path)?.data;
        let rest = data.get(offset as usize..).unwrap_or_default();
        let n = rest.len().min(buf.len());
        buf.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        Ok(n)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.lock_inner().node(&self.path)?.data.len() as u64)
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut inner = self.disk.lock_inner();
        if inner.node(&self.path)?.forgotten {
            return Err(io::Error::other("simulated flush error, found late"));
        }
        inner.sync(&self.path);
        Ok(())
    }
}

impl Disk for FaultDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut inner = self.lock_inner();
        if inner.files.contains_key(path) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        inner.folders.extend(path.ancestors().skip(1).map(Path::to_path_buf));
        inner.files.insert(path.to_path_buf(), Node::default());
        Ok(Box::new(FaultFile { disk: self.clone(), path: path.to_path_buf() }))
    }

    fn open_append(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.lock_inner().files.entry(path.to_path_buf()).or_default();
        Ok(Box::new(FaultFile { disk: self.clone(), path: path.to_path_buf() }))
    }

    fn open_read(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.lock_inner().node(path)?;
        Ok(Box::new(FaultFile { disk: self.clone(), path: path.to_path_buf() }))
    }

    fn read(&self, path: &Path, _len_max: u64) -> io::Result<Vec<u8>> {
        Ok(self.lock_inner().node(path)?.data.clone())
    }

    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let (data, durable) = (bytes.to_vec(), Some(bytes.to_vec()));
        let node = Node { data, durable, ..Node::default() };
        self.lock_inner().files.insert(path.to_path_buf(), node);
        Ok(())
    }

    fn create_folder(&self, path: &Path) -> io::Result<()> {
        self.lock_inner().folders.extend(path.ancestors().map(Path::to_path_buf));
        Ok(())
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        let inner = self.lock_inner();
        let mut names = BTreeMap::new();
        for (file, folder) in
            inner.files.keys().map(|f| (f, false)).chain(inner.folders.iter().map(|f| (f, true)))
        {
            let mut rest = file.strip_prefix(path).into_iter().flat_map(Path::iter);
            if let Some(name) = rest.next().and_then(|n| n.to_str()) {
                *names.entry(name.to_owned()).or_insert(false) |= folder || rest.next().is_some();
            }
        }
        Ok(names.into_iter().map(|(name, folder)| Entry { name, folder }).collect())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut inner = self.lock_inner();
        let node = inner.files.remove(from).ok_or(ErrorKind::NotFound)?;
        inner.files.insert(to.to_path_buf(), node);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut inner = self.lock_inner();
        let node = inner.files.remove(path).ok_or(ErrorKind::NotFound)?;
        inner.removed.insert(path.to_path_buf(), node);
        Ok(())
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        let mut inner = self.lock_inner();
        if inner.files.keys().any(|f| f.starts_with(path)) {
            return Err(ErrorKind::DirectoryNotEmpty.into());
        }
        inner.folders.remove(path);
        Ok(())
    }

    fn sync_all(&self, root: &Path) -> io::Result<()> {
        let mut inner = self.lock_inner();
        inner.flushes += 1;
        let fails = {
            let flush_eio = inner.faults.flush_eio;
            inner.dice(flush_eio)
        };
        let paths: Vec<PathBuf> = inner.files.keys().filter(|p| p.starts_with(root)).cloned().collect();
        for path in paths {
            if fails {
                // Whatever was dirty is marked clean, and never comes to the disk.
                if let Some(node) = inner.files.get_mut(&path).filter(|n| !n.changes.is_empty()) {
                    node.forgotten = true;
                }
            } else {
                inner.sync(&path);
            }
        }
        if fails {
            return Err(io::Error::other("simulated flush error"));
        }
        inner.removed.clear();
        Ok(())
    }

    fn space(&self, _root: &Path) -> io::Result<Space> {
        let inner = self.lock_inner();
        let hidden = if inner.quota { 0 } else { inner.used_by_others };
        let free = inner.capacity.saturating_sub(inner.used() + hidden);
        Ok(Space { free, total: inner.capacity })
    }

    fn lock(&self, path: &Path, holder: &str) -> io::Result<Box<dyn Any + Send + Sync>> {
        if self.lock_inner().locked.insert(path.to_path_buf()) {
            Ok(Box::new(Guard(self.clone(), path.to_path_buf())))
        } else {
            Err(io::Error::new(ErrorKind::WouldBlock, holder.to_owned()))
        }
    }
}
