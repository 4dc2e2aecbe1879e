//! What lies in a plugins folder, as the recorder would see it now, and what was put aside in it.
//!
//! Promises: the recorder's own catalogue decides; nothing is loaded, nothing is changed.
//! Leaves to others: loading and testing (`verify`), which of it runs (`list`).

use super::source::Source;
use anyhow::{Context, bail};
use nvr_plugins::catalogue::{Action, Catalogue, Content, DISABLED, Entry, LIBRARY_LEN_MAX, library_name};
use nvr_plugins::folder::Folder;
use nvr_plugins::manifest::Manifest;
use nvr_plugins::signature::{Signed as By, Trust, may_run};
use nvr_plugins::staging::read_plain;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Whether the recorder would take it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    /// It would.
    Ready,
    /// It was put aside.
    Disabled,
    /// A part of it is missing or does not fit.
    Incomplete,
    /// It would not.
    Refused,
}

/// Who signed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Signed {
    /// A trusted key.
    Yes,
    /// Nobody.
    No,
    /// Someone; no key is known here to compare with.
    Unchecked,
    /// No trusted key, or it is of another file.
    Wrong,
}

/// One plugin of a folder.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    /// `foo` of `libfoo.so`, or an entry that is no plugin.
    pub(crate) name: String,
    /// Where its files are.
    pub(crate) folder: PathBuf,
    /// What its manifest says, where it can be read.
    pub(crate) manifest: Option<Manifest>,
    /// Text of its signature.
    pub(crate) signature: Option<String>,
    /// Who made that.
    pub(crate) signed: Signed,
    /// Whether the recorder would take it.
    pub(crate) state: State,
    /// Why not.
    pub(crate) why: Option<String>,
}

/// Everything in the folder, in the order of names, then what was put aside.
pub(crate) fn items(source: &Source) -> anyhow::Result<Vec<Item>> {
    let mut all = look(source)?;
    let aside = source.folder.join(DISABLED);
    if std::fs::symlink_metadata(&aside).is_ok_and(|m| m.is_dir()) {
        let put_aside =
            look(&source.at(&aside))?.into_iter().map(|item| Item { state: State::Disabled, ..item });
        all.extend(put_aside);
    }
    Ok(all)
}

/// The plugin called `name`, by its files' name or its id; one in service before one that was put aside.
pub(crate) fn find(source: &Source, name: &str) -> anyhow::Result<Item> {
    let mut all = items(source)?;
    let is_it = |i: &Item| i.name == name || i.manifest.as_ref().is_some_and(|m| m.id == name);
    match all.iter().position(is_it) {
        Some(at) => Ok(all.swap_remove(at)),
        None => {
            let known: Vec<_> = all.iter().map(|i| i.name.as_str()).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            bail!("no plugin `{name}` in {}; there are: {known}", source.folder.display())
        }
    }
}

fn look(source: &Source) -> anyhow::Result<Vec<Item>> {
    let folder = source.folder.as_path();
    let about = || format!("cannot read the plugins folder {}; name one with --plugins", folder.display());
    let listing = Folder::new(folder).list().with_context(about)?;
    let trust = Trust::new(&source.keys, source.allow_unsigned.unwrap_or(true))?;
    let mut all = Vec::new();
    for action in Catalogue::default().look(&listing, 0) {
        let mut item = match action {
            Action::Stage { name, manifest, signature } => {
                Item { signature, ..Item::new(name, folder, Some(manifest), State::Ready, None) }
            }
            Action::Wait { name, why, .. } => {
                let manifest = manifest_of(&listing, &name);
                Item::new(name, folder, manifest, State::Incomplete, Some(why))
            }
            Action::Reject { name, why } => {
                let manifest = manifest_of(&listing, &name);
                Item::new(name, folder, manifest, State::Refused, Some(why))
            }
            Action::Retire { .. } => continue,
        };
        item.sign(source, &trust);
        all.push(item);
    }
    all.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(all)
}

fn manifest_of(listing: &[Entry], name: &str) -> Option<Manifest> {
    let file = format!("{name}.toml");
    let entry = listing.iter().find(|e| e.name == file)?;
    match &entry.content {
        Content::Text(text) => Manifest::parse(text).ok(),
        _ => None,
    }
}

impl Item {
    fn new(
        name: String,
        folder: &Path,
        manifest: Option<Manifest>,
        state: State,
        why: Option<String>,
    ) -> Self {
        let folder = folder.to_owned();
        Self { name, folder, manifest, signature: None, signed: Signed::No, state, why }
    }

    /// Its library.
    pub(crate) fn library(&self) -> PathBuf {
        self.folder.join(library_name(&self.name))
    }

    /// Judges its signature as the recorder would.
    fn sign(&mut self, source: &Source, trust: &Trust) {
        let signature = self.signature.as_deref();
        if signature.is_some() && source.keys.is_empty() {
            self.signed = Signed::Unchecked;
            return;
        }
        if self.state != State::Ready {
            return; // the bytes are not those of the manifest anyway
        }
        let judged = read_plain(&self.library(), LIBRARY_LEN_MAX).map_err(|e| e.to_string());
        let judged = judged.and_then(|b| may_run(&b, signature, trust).map_err(|e| e.to_string()));
        match judged {
            Ok(By::Nobody) => {}
            Ok(By::By(_)) => self.signed = Signed::Yes,
            Err(why) => {
                self.signed = if signature.is_some() { Signed::Wrong } else { Signed::No };
                self.state = State::Refused;
                self.why = Some(why);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nvr_plugins::staging::hash_of;

    fn manifest(id: &str, library: &[u8]) -> String {
        format!(
            "id = \"{id}\"\nversion = \"1\"\nabi = \"0.1\"\nsituation = \"fire\"\nregime = \"event-eight\"\nsha256 = \"{}\"\n",
            hash_of(library)
        )
    }

    #[test]
    fn a_folder_with_everything_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
        std::fs::create_dir(dir.path().join(DISABLED)).unwrap();
        put("liba.so", "library");
        put("a.toml", &manifest("fire-a", b"library"));
        put("libb.so", "another");
        put("b.toml", &manifest("fire-b", b"library"));
        put("notes.txt", "");
        put("disabled/libc.so", "library");
        put("disabled/c.toml", &manifest("fire-c", b"library"));
        put("libs.so", "library");
        put("s.toml", &manifest("fire-s", b"library"));
        put("libs.so.minisig", "nonsense");
        let source = |keys: &[String], allow_unsigned| Source {
            folder: dir.path().to_owned(),
            keys: keys.to_vec(),
            allow_unsigned,
        };
        let shape = |keys: &[String]| -> Vec<(String, State, Signed)> {
            items(&source(keys, None)).unwrap().into_iter().map(|i| (i.name, i.state, i.signed)).collect()
        };
        let line = |name: &str, state, signed| (name.to_owned(), state, signed);
        let expected = |s: (String, State, Signed)| {
            vec![
                line("a", State::Ready, Signed::No),
                line("b", State::Incomplete, Signed::No),
                line("notes.txt", State::Refused, Signed::No),
                s,
                line("c", State::Disabled, Signed::No),
            ]
        };
        assert_eq!(shape(&[]), expected(line("s", State::Ready, Signed::Unchecked)));
        let key = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3".to_owned();
        assert_eq!(shape(&[key]), expected(line("s", State::Refused, Signed::Wrong)));
        let found = find(&source(&[], None), "fire-c").unwrap();
        assert_eq!((found.name.as_str(), found.folder), ("c", dir.path().join(DISABLED)));
        let strict = find(&source(&[], Some(false)), "a").unwrap();
        assert_eq!((strict.state, strict.signed), (State::Refused, Signed::No));
        assert!(find(&source(&[], None), "smoke").unwrap_err().to_string().contains("there are: a, b"));
    }
}
