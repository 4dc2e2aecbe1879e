//! What the plugins folder offers, decided from snapshots of it.
//!
//! Promises: pure: [`Catalogue::look`] takes a listing and the time and says what to do; the same folder twice says
//!   nothing twice; a library is staged only when its manifest is right and its hash is the manifest's; everything
//!   that is turned away has a sentence.
//! Leaves to others: taking the listing (`folder`), copying (`staging`), what a staged plugin lives through (`generation`).

use crate::manifest::{Hash, Manifest};
use std::collections::{BTreeMap, BTreeSet};

/// Largest library, in bytes.
pub const LIBRARY_LEN_MAX: u64 = 64 << 20;
/// How long a library and a manifest that do not fit each other are waited for, in milliseconds: a plain `cp` is
/// many writes, and two files are two `cp`s.
pub const WAIT_MS_MAX: u64 = 10_000;
/// Most entries of the folder that are looked at.
pub const ENTRIES_MAX: usize = 256;
/// Longest plugin name, in bytes.
pub const NAME_LEN_MAX: usize = 64;

/// Folder inside it for plugins that were put aside: it is not looked into.
pub const DISABLED: &str = "disabled";

/// What kind of thing an entry of the folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Directory,
    /// A symbolic link, wherever it leads.
    Symlink,
    /// A pipe, a socket, a device.
    Other,
}

/// What was read of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Not read: not needed, or [`Entry::kind`] and [`Entry::len`] forbid it.
    Unread,
    /// Hash of a library.
    Hash(Hash),
    /// Text of a manifest or a signature.
    Text(String),
    /// Reading failed.
    Failed(String),
}

/// One entry of the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// File name; what is not UTF-8 is replaced by U+FFFD, which no plugin's name has.
    pub name: String,
    /// What it is, itself, not what it points to.
    pub kind: Kind,
    /// Length in bytes.
    pub len: u64,
    /// What was read of it.
    pub content: Content,
}

/// What to do about one plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Copy, verify, and run.
    Stage {
        /// The plugin's name: `foo` of `libfoo.so`.
        name: String,
        /// What its manifest says; the copy must have its hash.
        manifest: Manifest,
        /// Text of `libfoo.so.minisig`, where there is one.
        signature: Option<String>,
    },
    /// Look again by then, though nothing may change.
    Wait {
        /// The plugin's name.
        name: String,
        /// Until when, in the caller's milliseconds.
        until_ms: u64,
        /// What is missing.
        why: String,
    },
    /// Its library is gone.
    Retire {
        /// The plugin's name.
        name: String,
    },
    /// Turned away. A generation of the same name that runs goes on: it is the last good copy.
    Reject {
        /// The plugin's name, or the entry's.
        name: String,
        /// Why.
        why: String,
    },
}

/// The state of one name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Offer {
    /// Last staged hash, manifest and signature, until the library goes.
    staged: Option<(Manifest, Option<String>)>,
    /// What is waited for, and until when.
    waiting: Option<(u64, String)>,
    /// The last reason it was turned away for.
    rejected: Option<String>,
}

/// What was seen and said so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalogue {
    offers: BTreeMap<String, Offer>,
    strange: BTreeMap<String, String>,
}

/// What the files of one name come to.
enum Finding {
    Good(Box<Manifest>, Option<String>),
    /// May become right by itself.
    Unfinished(String),
    Bad(String),
}

impl Catalogue {
    /// Takes a snapshot of the folder at `now_ms` (milliseconds of any clock that does not step) and says what is new.
    pub fn look(&mut self, listing: &[Entry], now_ms: u64) -> Vec<Action> {
        let mut actions = self.look_at_strange(listing);
        let files: BTreeMap<&str, &Entry> =
            listing.iter().take(ENTRIES_MAX).map(|e| (e.name.as_str(), e)).collect();
        let mut names: BTreeSet<String> = files.keys().filter_map(|f| plugin_of(f)).collect();
        names.extend(self.offers.keys().cloned());
        for name in names {
            let get = |file: String| files.get(file.as_str()).copied();
            let library = get(library_name(&name));
            let manifest = get(format!("{name}.toml"));
            let signature = get(format!("lib{name}.so.minisig"));
            let offer = self.offers.entry(name.clone()).or_default();
            if library.is_none() && offer.staged.take().is_some() {
                actions.push(Action::Retire { name: name.clone() });
            }
            if library.is_none() && manifest.is_none() && signature.is_none() {
                self.offers.remove(&name);
                continue;
            }
            let finding = find(library, manifest, signature);
            actions.extend(offer.take(&name, finding, now_ms));
        }
        actions
    }

    /// True while something is waited for: look again soon.
    pub fn is_waiting(&self) -> bool {
        self.offers.values().any(|o| o.waiting.is_some())
    }

    fn look_at_strange(&mut self, listing: &[Entry]) -> Vec<Action> {
        let mut strange = BTreeMap::new();
        if listing.len() > ENTRIES_MAX {
            let why = format!("more than {ENTRIES_MAX} entries: the others are not looked at");
            strange.insert("the folder".to_owned(), why);
        }
        let put_aside = |e: &Entry| e.kind == Kind::Directory && e.name == DISABLED;
        for entry in listing.iter().take(ENTRIES_MAX).filter(|e| !is_hidden(&e.name) && !put_aside(e)) {
            if plugin_of(&entry.name).is_none() {
                let why = match entry.kind {
                    Kind::Directory => "a directory is no plugin".to_owned(),
                    _ => format!(
                        "not libNAME.so, NAME.toml or libNAME.so.minisig with a NAME of 1 to {NAME_LEN_MAX} lower-case \
                         letters, digits, - and _"
                    ),
                };
                strange.insert(shown(&entry.name), why);
            }
        }
        let new = strange.iter().filter(|(name, why)| self.strange.get(*name) != Some(why));
        let actions =
            new.map(|(name, why)| Action::Reject { name: name.clone(), why: why.clone() }).collect();
        self.strange = strange;
        actions
    }
}

impl Offer {
    fn take(&mut self, name: &str, finding: Finding, now_ms: u64) -> Option<Action> {
        let name = name.to_owned();
        match finding {
            Finding::Good(manifest, signature) => {
                self.waiting = None;
                self.rejected = None;
                let manifest = *manifest;
                let new = Some((manifest.clone(), signature.clone()));
                if self.staged == new {
                    return None;
                }
                self.staged = new;
                Some(Action::Stage { name, manifest, signature })
            }
            Finding::Unfinished(why) if self.rejected.as_ref() != Some(&why) => match self.waiting.clone() {
                Some((until, _)) if now_ms >= until => self.reject(name, why),
                Some((until, before)) => {
                    // The same words are said once; a new state of the same wait does not begin it anew.
                    self.waiting = Some((until, why.clone()));
                    (before != why).then_some(Action::Wait { name, until_ms: until, why })
                }
                None => {
                    let until_ms = now_ms.saturating_add(WAIT_MS_MAX);
                    self.waiting = Some((until_ms, why.clone()));
                    Some(Action::Wait { name, until_ms, why })
                }
            },
            Finding::Unfinished(_) => None,
            Finding::Bad(why) => self.reject(name, why),
        }
    }

    fn reject(&mut self, name: String, why: String) -> Option<Action> {
        self.waiting = None;
        if self.rejected.as_ref() == Some(&why) {
            return None;
        }
        self.rejected = Some(why.clone());
        Some(Action::Reject { name, why })
    }
}

fn find(library: Option<&Entry>, manifest: Option<&Entry>, signature: Option<&Entry>) -> Finding {
    for entry in [library, manifest, signature].into_iter().flatten() {
        let what = match entry.kind {
            Kind::File => continue,
            Kind::Directory => "a directory",
            Kind::Symlink => "a symbolic link",
            Kind::Other => "a device, pipe or socket",
        };
        return Finding::Bad(format!("{} is {what}: only regular files are taken", entry.name));
    }
    let Some(library) = library else {
        return Finding::Unfinished("there is no library beside the manifest".into());
    };
    if library.len > LIBRARY_LEN_MAX {
        return Finding::Bad(format!("{} bytes, more than {LIBRARY_LEN_MAX}", library.len));
    }
    let Some(manifest) = manifest else {
        return Finding::Unfinished("there is no manifest beside the library".into());
    };
    let manifest = match &manifest.content {
        Content::Text(text) => match Manifest::parse(text) {
            Ok(manifest) => manifest,
            // Half a file reads as a wrong one; what is forbidden does not get better by waiting.
            Err(e @ crate::manifest::ManifestError::Format(_)) => return Finding::Unfinished(e.to_string()),
            Err(e) => return Finding::Bad(e.to_string()),
        },
        Content::Failed(why) => return Finding::Unfinished(format!("the manifest cannot be read: {why}")),
        Content::Unread | Content::Hash(_) => return Finding::Bad("the manifest is too long".into()),
    };
    match &library.content {
        Content::Hash(hash) if *hash == manifest.sha256 => {}
        Content::Hash(hash) => {
            let (got, want) = (hash.short(), manifest.sha256.short());
            return Finding::Unfinished(format!("the library's hash is {got}…, its manifest says {want}…"));
        }
        Content::Failed(why) => return Finding::Unfinished(format!("the library cannot be read: {why}")),
        Content::Unread | Content::Text(_) => return Finding::Unfinished("the library was not read".into()),
    }
    match signature.map(|s| &s.content) {
        None => Finding::Good(Box::new(manifest), None),
        Some(Content::Text(text)) => Finding::Good(Box::new(manifest), Some(text.clone())),
        Some(_) => Finding::Unfinished("the signature cannot be read".into()),
    }
}

/// `libNAME.so`.
pub fn library_name(name: &str) -> String {
    format!("lib{name}.so")
}

/// The plugin whose library, manifest or signature `file` is.
pub fn plugin_of(file: &str) -> Option<String> {
    let library = |f: &str| f.strip_prefix("lib").and_then(|f| f.strip_suffix(".so")).map(str::to_owned);
    let name = library(file)
        .or_else(|| file.strip_suffix(".minisig").and_then(library))
        .or_else(|| file.strip_suffix(".toml").map(str::to_owned))?;
    let fits = (1..=NAME_LEN_MAX).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_');
    fits.then_some(name)
}

/// Copying tools make such files for a moment.
fn is_hidden(name: &str) -> bool {
    name.starts_with('.')
}

fn shown(name: &str) -> String {
    name.chars().take(NAME_LEN_MAX).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
#[path = "catalogue_tests.rs"]
mod tests;
