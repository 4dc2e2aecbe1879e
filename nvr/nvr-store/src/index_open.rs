//! Opening the index so that a bad one never keeps the store from working.
//!
//! Promises: an index whose opening panicked, failed, or did not finish last time is set aside, one of them at most,
//! and an empty one takes its place; never throws footage away.
//! Leaves to others: filling an empty one (`rebuild`).

use crate::error::{Result, StoreError};
use crate::index::Index;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What the marker says of the index in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// It is being opened: found at a start, the opening never finished.
    Opening,
    /// It was opened.
    Open,
    /// It is being filled: found at a start, it is not complete.
    Filling,
}

impl Mark {
    fn as_str(self) -> &'static str {
        match self {
            Self::Opening => "opening",
            Self::Open => "open",
            Self::Filling => "filling",
        }
    }
}

/// The folder of all indexes of a store, and the marker in it.
#[derive(Debug)]
pub(crate) struct IndexHome {
    folder: PathBuf,
    cache_bytes: u64,
}

/// What opening came to.
#[derive(Debug)]
pub(crate) struct OpenedIndex {
    /// The index.
    pub(crate) index: Arc<Index>,
    /// It is empty because of this, and has to be filled and then [`IndexHome::adopt`]ed.
    pub(crate) fill: Option<String>,
}

impl IndexHome {
    /// Indexes live in `folder`.
    pub(crate) fn new(folder: PathBuf, cache_bytes: u64) -> Self {
        Self { folder, cache_bytes }
    }

    fn marker(&self) -> PathBuf {
        self.folder.join("state")
    }

    /// The marker: number of the index in use, and its state.
    fn read(&self) -> Option<(u64, Mark)> {
        let text = fs::read_to_string(self.marker()).ok()?;
        let (number, mark) = text.trim().split_once(' ')?;
        let mark = [Mark::Opening, Mark::Open, Mark::Filling].into_iter().find(|m| m.as_str() == mark)?;
        Some((number.parse().ok()?, mark))
    }

    fn mark(&self, number: u64, mark: Mark) -> io::Result<()> {
        let new = self.folder.join("state.new");
        fs::write(&new, format!("{number} {}\n", mark.as_str()))?;
        fs::File::open(&new)?.sync_all()?;
        fs::rename(new, self.marker())
    }

    fn path(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{number:06}.sled"))
    }

    /// Opens the index in use, or sets it aside and opens an empty one.
    ///
    /// # Errors
    /// When not even an empty index can be opened.
    pub(crate) fn open(&self) -> Result<OpenedIndex> {
        let io = |e| StoreError::io("opening the index folder", &self.folder, e);
        fs::create_dir_all(&self.folder).map_err(io)?;
        let found = self.read();
        self.sweep(found.map(|(number, _)| number));
        let why = match found {
            Some((number, Mark::Open)) if self.path(number).exists() => {
                self.mark(number, Mark::Opening).map_err(io)?;
                match Index::open(&self.path(number), self.cache_bytes) {
                    Ok(index) => {
                        self.mark(number, Mark::Open).map_err(io)?;
                        return Ok(OpenedIndex { index: Arc::new(index), fill: None });
                    }
                    Err(e) => e.to_string(),
                }
            }
            Some((_, Mark::Open)) => "it is gone".to_owned(),
            Some((_, Mark::Opening)) => "its opening did not finish last time".to_owned(),
            Some((_, Mark::Filling)) => "making it did not finish last time".to_owned(),
            None => "there is none yet".to_owned(),
        };
        if let Some((number, _)) = found.filter(|(_, mark)| *mark != Mark::Filling) {
            self.set_aside(number);
        }
        let (number, index) = self.create().map_err(|e| e_with(e, &why))?;
        self.mark(number, Mark::Filling).map_err(io)?;
        Ok(OpenedIndex { index, fill: Some(why) })
    }

    /// A new, empty index beside the one in use.
    pub(crate) fn create(&self) -> Result<(u64, Arc<Index>)> {
        let number = self.numbers().last().map_or(1, |n| n + 1);
        let path = self.path(number);
        Ok((number, Arc::new(Index::open(&path, self.cache_bytes)?)))
    }

    /// The newest index is complete: it is the one in use from now on.
    pub(crate) fn adopt(&self) -> Result<()> {
        let number = self.numbers().last().copied().unwrap_or(1);
        self.mark(number, Mark::Open).map_err(|e| StoreError::io("adopting the index", &self.folder, e))
    }

    /// The index in use is no good: the next start makes it again.
    pub(crate) fn doubt(&self) {
        if let Some((number, _)) = self.read() {
            let _ = self.mark(number, Mark::Opening);
        }
    }

    fn numbers(&self) -> Vec<u64> {
        let Ok(entries) = fs::read_dir(&self.folder) else { return Vec::new() };
        let number = |name: std::ffi::OsString| name.to_str()?.strip_suffix(".sled")?.parse().ok();
        let mut numbers: Vec<u64> = entries.flatten().filter_map(|e| number(e.file_name())).collect();
        numbers.sort_unstable();
        numbers
    }

    /// Removes indexes that are not in use: earlier ones, and unfinished ones.
    fn sweep(&self, in_use: Option<u64>) {
        for number in self.numbers() {
            let unfinished = self.read() == Some((number, Mark::Filling));
            if Some(number) != in_use || unfinished {
                remove(&self.path(number));
            }
        }
    }

    fn set_aside(&self, number: u64) {
        let aside = self.folder.join("set-aside");
        remove(&aside);
        if let Err(error) = fs::rename(self.path(number), &aside) {
            tracing::warn!(%error, "the index could not be set aside");
            remove(&self.path(number));
        }
    }
}

fn e_with(error: StoreError, why: &str) -> StoreError {
    match error {
        StoreError::Index { step, why: e } => StoreError::Index { step, why: format!("{e} (before: {why})") },
        e => e,
    }
}

fn remove(path: &Path) {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(%error, path = %path.display(), "an old index could not be removed");
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes an index, lets `harm` loose on its folder, opens again.
    fn check(harm: impl Fn(&IndexHome), must_fill: bool) {
        let dir = tempfile::tempdir().unwrap();
        let home = IndexHome::new(dir.path().join("index"), 1 << 20);
        let first = home.open().unwrap();
        assert!(first.fill.is_some());
        first.index.flush().unwrap();
        home.adopt().unwrap();
        drop(first);
        harm(&home);
        let again = home.open().unwrap();
        assert_eq!(again.fill.is_some(), must_fill, "{:?}", again.fill);
        assert_eq!(home.numbers().len(), 1);
        home.adopt().unwrap();
        drop(again);
        assert!(home.open().unwrap().fill.is_none());
    }

    #[test]
    fn a_bad_index_is_set_aside() {
        check(|_| {}, false);
        check(|h| fs::remove_file(h.marker()).unwrap(), true);
        check(|h| fs::write(h.marker(), "1 opening").unwrap(), true);
        check(|h| fs::write(h.marker(), "1 filling").unwrap(), true);
        check(|h| fs::write(h.marker(), [0xff, 0]).unwrap(), true);
        check(|h| fs::remove_dir_all(&h.folder).unwrap(), true);
        check(|h| fs::remove_dir_all(h.path(1)).unwrap(), true);
        check(IndexHome::doubt, true);
    }

    #[test]
    fn a_corrupt_index_is_set_aside() {
        let corrupt = |h: &IndexHome| {
            for file in ["conf", "db"] {
                let path = h.path(1).join(file);
                let mut bytes = fs::read(&path).unwrap();
                bytes.iter_mut().for_each(|b| *b = b.wrapping_mul(31).wrapping_add(7));
                fs::write(path, bytes).unwrap();
            }
        };
        check(corrupt, true);
    }

    #[test]
    fn an_index_of_another_layout_is_set_aside() {
        let older = |h: &IndexHome| {
            let db = sled::open(h.path(1)).unwrap();
            db.open_tree("meta").unwrap().insert("layout", "1").unwrap();
            db.flush().unwrap();
        };
        check(older, true);
    }
}
