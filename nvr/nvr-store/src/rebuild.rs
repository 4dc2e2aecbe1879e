//! Rebuild: makes the index again from segments and journal.
//!
//! Promises: runs while recording runs; the old index answers until the new one is complete.
//! Leaves to others: the rows themselves (`index`), reading a segment (`inspect`).

use crate::error::{Result, StoreError};
use crate::index::Index;
use crate::record::Record;
use crate::recover::{Walked, each_segment, walk};
use crate::shared::Shared;
use serde::{Deserialize, Serialize};
use std::sync::{Arc, PoisonError};

/// What a rebuild did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RebuildReport {
    /// Segments indexed.
    pub segments: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Files that hold nothing readable, or that the disk would not read.
    pub unreadable: u64,
    /// Torn tails cut.
    pub cut: u64,
}

/// Makes a new index beside the one in use and puts it in its place.
pub(crate) fn rebuild(shared: &Arc<Shared>, progress: &mut dyn FnMut(u64, u64)) -> Result<RebuildReport> {
    let _one = shared.rebuilding.lock().unwrap_or_else(PoisonError::into_inner);
    let (_, index) = shared.index_home.create()?;
    shared.change_indexes(|i| i.filling = Some(index.clone()));
    let filled = fill(shared, &index, progress, &mut |_| !shared.is_dead() && !shared.is_closing());
    shared.change_indexes(|i| i.filling = None);
    let walked = filled?;
    if shared.is_dead() || shared.is_closing() {
        return Err(StoreError::Closed);
    }
    index.flush()?;
    shared.index_home.adopt()?;
    shared.change_indexes(|i| i.current = Some(index));
    shared.note(Record::Rebuilt { segments: walked.indexed, why: "asked for".into() });
    Ok(report(walked))
}

/// Fills an empty index from all files and the whole journal. `breathe` may end it with false.
pub(crate) fn fill(
    shared: &Shared,
    index: &Index,
    progress: &mut dyn FnMut(u64, u64),
    breathe: &mut dyn FnMut(u64) -> bool,
) -> Result<Walked> {
    let mut total = 0;
    for state in &shared.disks {
        // A disk that cannot be listed is met, and counted, again by the walk.
        let _ = each_segment(shared, state, &|_, _| true, &mut |_| {
            total += 1;
            Ok(true)
        });
    }
    let walked = walk(shared, index, true, &|_, _| true, &mut |done| {
        progress(done, total);
        breathe(done)
    })?;
    shared.catch_up()?;
    Ok(walked)
}

fn report(walked: Walked) -> RebuildReport {
    RebuildReport {
        segments: walked.indexed,
        bytes: walked.bytes,
        unreadable: walked.damaged + walked.failed,
        cut: walked.cut,
    }
}
