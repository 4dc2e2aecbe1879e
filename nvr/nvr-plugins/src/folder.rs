//! Snapshots of the plugins folder for the catalogue.
//!
//! Promises: nothing is followed, nothing longer than its limit is read, a file that did not change is not read again.
//! Leaves to others: what to make of it (`catalogue`), when to look (`watch`).

use crate::catalogue::{Content, ENTRIES_MAX, Entry, Kind, LIBRARY_LEN_MAX, plugin_of};
use crate::manifest::MANIFEST_LEN_MAX;
use crate::signature::SIGNATURE_LEN_MAX;
use crate::staging::{hash_of, read_plain};
use std::collections::BTreeMap;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What tells one state of a file from another: inode, length, modification time and change time, in nanoseconds.
type Stamp = (u64, u64, i64, i64);

/// A folder and what was read of it.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    read: BTreeMap<String, (Stamp, Content)>,
}

impl Folder {
    /// Nothing is read yet.
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), read: BTreeMap::new() }
    }

    /// Its entries now, in the order of their names; one more than the limit where there are more.
    ///
    /// # Errors
    /// The folder cannot be listed.
    pub fn list(&mut self) -> std::io::Result<Vec<Entry>> {
        let mut names: Vec<std::ffi::OsString> = Vec::new();
        for entry in std::fs::read_dir(&self.path)?.take(ENTRIES_MAX + 1) {
            names.push(entry?.file_name());
        }
        names.sort();
        let mut before = std::mem::take(&mut self.read);
        let mut entries = Vec::new();
        for file in names {
            let path = self.path.join(&file);
            // Gone since the listing: it is no entry.
            let Ok(metadata) = std::fs::symlink_metadata(&path) else { continue };
            let name = file.to_string_lossy().into_owned();
            let kind = kind(&metadata);
            let stamp = stamp(&metadata);
            let content = match before.remove(&name) {
                Some((then, content)) if then == stamp => content,
                _ => read(&path, &name, kind, metadata.len()),
            };
            // A failed read is tried again.
            if !matches!(content, Content::Failed(_)) {
                self.read.insert(name.clone(), (stamp, content.clone()));
            }
            entries.push(Entry { name, kind, len: metadata.len(), content });
        }
        Ok(entries)
    }
}

fn kind(metadata: &Metadata) -> Kind {
    match metadata.file_type() {
        t if t.is_symlink() => Kind::Symlink,
        t if t.is_dir() => Kind::Directory,
        t if t.is_file() => Kind::File,
        _ => Kind::Other,
    }
}

fn stamp(metadata: &Metadata) -> Stamp {
    let ns = |s: i64, ns: i64| s.saturating_mul(1_000_000_000).saturating_add(ns);
    let modified = ns(metadata.mtime(), metadata.mtime_nsec());
    (metadata.ino(), metadata.len(), modified, ns(metadata.ctime(), metadata.ctime_nsec()))
}

fn read(path: &Path, name: &str, kind: Kind, len: u64) -> Content {
    let is_library = name.ends_with(".so");
    let len_max = match name {
        _ if is_library => LIBRARY_LEN_MAX,
        n if n.ends_with(".minisig") => SIGNATURE_LEN_MAX as u64,
        _ => MANIFEST_LEN_MAX as u64,
    };
    if kind != Kind::File || len > len_max || plugin_of(name).is_none() {
        return Content::Unread;
    }
    match read_plain(path, len_max) {
        Ok(bytes) if is_library => Content::Hash(hash_of(&bytes)),
        Ok(bytes) => Content::Text(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) => Content::Failed(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_everything_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::write(at("liba.so"), b"library").unwrap();
        std::fs::write(at("a.toml"), b"id = 1").unwrap();
        std::fs::write(at("readme"), b"x").unwrap();
        std::fs::create_dir(at("libd.so")).unwrap();
        std::os::unix::fs::symlink("/etc/hostname", at("libl.so")).unwrap();
        std::fs::File::create(at("libz.so")).unwrap().set_len(2 << 30).unwrap();
        std::fs::write(at("z.toml"), vec![b'#'; MANIFEST_LEN_MAX + 1]).unwrap();
        let mut folder = Folder::new(dir.path());
        let shape = |entries: Vec<Entry>| -> Vec<(String, Kind, Content)> {
            entries.into_iter().map(|e| (e.name, e.kind, e.content)).collect()
        };
        let unread = |name: &str, kind| (name.to_owned(), kind, Content::Unread);
        let expected = vec![
            ("a.toml".to_owned(), Kind::File, Content::Text("id = 1".into())),
            ("liba.so".to_owned(), Kind::File, Content::Hash(hash_of(b"library"))),
            unread("libd.so", Kind::Directory),
            unread("libl.so", Kind::Symlink),
            unread("libz.so", Kind::File),
            unread("readme", Kind::File),
            unread("z.toml", Kind::File),
        ];
        assert_eq!(shape(folder.list().unwrap()), expected);
        assert_eq!(shape(folder.list().unwrap()), expected, "the second look");
        std::fs::write(at("liba.so"), b"another").unwrap();
        let changed = folder.list().unwrap().into_iter().nth(1).unwrap();
        assert_eq!(changed.content, Content::Hash(hash_of(b"another")));
    }
}
