//! Verify: reads every segment, checks every checksum, and compares with the index.
//!
//! Promises: changes nothing; runs while recording runs; bounded memory.
//! Leaves to others: repair (`recover`), making the index again (`rebuild`).

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Most findings a report lists; all are counted.
pub const FINDINGS_MAX: usize = 1000;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct VerifyReport {
    /// Segment files read.
    pub segments: u64,
    /// Whole fragments in them.
    pub fragments: u64,
    /// Bytes of the files.
    pub bytes: u64,
    /// Files with a torn tail, or still being written.
    pub torn: u64,
    /// Damaged files: a checksum or a box does not hold before the tail.
    pub bad: u64,
    /// Files that the index does not know.
    pub unindexed: u64,
    /// Index rows whose file is gone.
    pub missing: u64,
    /// What was found, at most [`FINDINGS_MAX`].
    pub findings: Vec<Finding>,
}

/// Kind of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FindingKind {
    /// A torn tail, or still being written.
    Torn,
    /// Damaged.
    Bad,
    /// Not in the index.
    Unindexed,
    /// In the index, but no file.
    Missing,
}

/// One thing found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The file.
    pub path: PathBuf,
    /// What kind.
    pub kind: FindingKind,
    /// In words.
    pub what: String,
}
