//! Notices that the configuration file changed.
//!
//! Promises: events are hints: they are settled, then the file is compared with what was read before; a rescan on a
//! timer finds what no event told. Editors that replace the file are noticed, since its folder is watched.
//! Leaves to others: reading and judging the file (`nvr_base::config`).

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::Notify;

/// Watches one file; `changed` is rung for every hint.
#[derive(Debug)]
pub(crate) struct Watch {
    file: PathBuf,
    last: Option<Vec<u8>>,
    changed: Arc<Notify>,
    _watcher: Option<RecommendedWatcher>,
}

impl Watch {
    /// Begins; what the file holds now counts as known. Without the system's help the timer's rescans remain.
    pub(crate) fn new(file: &Path) -> Self {
        let changed = Arc::new(Notify::new());
        let bell = changed.clone();
        let watcher = notify::recommended_watcher(move |_: notify::Result<notify::Event>| bell.notify_one());
        let folder = file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let watcher = watcher.and_then(|mut w| w.watch(folder, RecursiveMode::NonRecursive).map(|()| w));
        if let Err(error) = &watcher {
            tracing::warn!(%error, "configuration: changes are noticed by the timer only");
        }
        Self { last: std::fs::read(file).ok(), file: file.to_owned(), changed, _watcher: watcher.ok() }
    }

    /// Waits for a hint.
    pub(crate) async fn hint(&self) {
        self.changed.notified().await;
    }

    /// Whether the file holds something else than at the last call.
    pub(crate) fn differs(&mut self) -> bool {
        match std::fs::read(&self.file) {
            Ok(now) if self.last.as_ref() != Some(&now) => {
                self.last = Some(now);
                true
            }
            _ => false, // unreadable for a moment while an editor replaces it; the next hint or rescan looks again
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_other_content_counts() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("nvr.toml");
        std::fs::write(&file, "a").unwrap();
        let mut watch = Watch::new(&file);
        assert!(!watch.differs(), "as it was");
        std::fs::write(&file, "a").unwrap();
        assert!(!watch.differs(), "touched only");
        std::fs::write(&file, "b").unwrap();
        assert!(watch.differs() && !watch.differs());
        std::fs::remove_file(&file).unwrap();
        assert!(!watch.differs(), "gone: what runs stays");
    }
}
