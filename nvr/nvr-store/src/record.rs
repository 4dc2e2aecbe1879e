//! Journal records: what a line of the journal can say.
//!
//! Promises: append-only: kinds and fields are added, never changed; an older reader skips kinds it does not know.
//! Leaves to others: lines and files (`journal`), what follows from a record (`index`, `journal_state`).

use crate::lock::FootageLock;
use crate::timeline::Hole;
use crate::watch::Watch;
use nvr_base::alert::{Alert, Entry};
use nvr_base::blind::BlindReason;
use nvr_base::count::Count;
use nvr_base::{CameraId, GapReason, RunEpoch, StreamId, Utc};
use serde::{Deserialize, Serialize};

/// One line: when, in which run, what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// When it was written.
    pub at: Utc,
    /// The run that wrote it.
    pub run: RunEpoch,
    /// What happened.
    #[serde(flatten)]
    pub record: Record,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Record {
    /// The first line of every journal file: all that a start needs from the files before.
    Checkpoint {
        /// Locks in force.
        locks: Vec<FootageLock>,
        /// Gaps that are open.
        open_gaps: Vec<StreamGap>,
        /// The run that records or recorded last.
        last_run: Option<RunSpan>,
        /// As [`Record::Indexed`].
        #[serde(default)]
        indexed_until: Option<Utc>,
        /// As [`Record::DayReopened`], since the last recovery, with the run.
        #[serde(default)]
        days_reopened: Vec<(StreamId, Utc, RunEpoch)>,
        /// Paths of [`Record::SegmentPoisoned`], since the last recovery, with the run.
        #[serde(default)]
        poisoned: Vec<(String, RunEpoch)>,
        /// Run of the last [`Record::FlushFailed`] since the last recovery.
        #[serde(default)]
        flush_failed: Option<RunEpoch>,
        /// Alerts that are kept in memory.
        #[serde(default)]
        alerts: Vec<Alert>,
        /// How each rule stands.
        #[serde(default)]
        watches: Vec<Watch>,
    },
    /// A run begins to record.
    RunStarted {
        /// Until when the run before is known to have been alive.
        alive_until: Option<Utc>,
        /// That run ended in good order.
        clean: bool,
    },
    /// A run ends in good order.
    RunStopped,
    /// Nothing else to say for a while, and still alive.
    Alive,
    /// A gap began and lasts.
    GapOpened {
        /// Whose.
        stream: StreamId,
        /// First unrecorded instant.
        from: Utc,
        /// Why.
        reason: GapReason,
    },
    /// The open gap that began at `from` ended.
    GapClosed {
        /// Whose.
        stream: StreamId,
        /// First unrecorded instant.
        from: Utc,
        /// First recorded instant after it; `from` itself when nothing is missing after all.
        to: Utc,
    },
    /// A gap that is over.
    Gap {
        /// Whose.
        stream: StreamId,
        /// First unrecorded instant.
        from: Utc,
        /// First recorded instant after it.
        to: Utc,
        /// Why.
        reason: GapReason,
    },
    /// An interval is locked.
    Locked {
        /// The lock.
        lock: FootageLock,
    },
    /// A range is taken out of every lock of a camera.
    Unlocked {
        /// The camera.
        camera: CameraId,
        /// First instant of the range.
        from: Utc,
        /// First instant after it.
        to: Utc,
        /// Why.
        reason: String,
        /// Who.
        who: String,
    },
    /// A write or flush failed: the segment was closed as it stood.
    SegmentPoisoned {
        /// Path inside the disk's root.
        path: String,
        /// First instant that may be lost.
        from: Utc,
        /// End of what was written.
        to: Utc,
        /// What the system said.
        why: String,
    },
    /// A flush failed: whatever this run leaves without an index row is in doubt.
    FlushFailed {
        /// What the system said.
        why: String,
    },
    /// A segment is damaged before its tail.
    SegmentDamaged {
        /// Path inside the disk's root.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// A torn tail was cut off a segment.
    TailCut {
        /// Path inside the disk's root.
        path: String,
        /// Bytes cut.
        bytes: u64,
    },
    /// A file that never held a whole fragment was removed.
    StubRemoved {
        /// Path inside the disk's root.
        path: String,
        /// Its bytes.
        bytes: u64,
    },
    /// A stream writes into an earlier day than before: recovery looks there too.
    DayReopened {
        /// Whose.
        stream: StreamId,
        /// An instant of that day.
        day: Utc,
    },
    /// Retention removed segments.
    Expired {
        /// Whose.
        stream: StreamId,
        /// End of the latest of them.
        until: Utc,
        /// How many.
        segments: u64,
        /// Bytes of them.
        bytes: u64,
    },
    /// Every segment that ended before is in the index.
    Indexed {
        /// Until then.
        until: Utc,
    },
    /// Recovery at start-up is done.
    Recovered {
        /// Files looked at.
        files: u64,
        /// Files indexed.
        indexed: u64,
        /// Torn tails cut.
        cut: u64,
        /// Damaged files.
        damaged: u64,
    },
    /// The index was made again.
    Rebuilt {
        /// Segments in it.
        segments: u64,
        /// Why.
        why: String,
    },
    /// Something of an alert: references and numbers, never a picture.
    Alert {
        /// What.
        entry: Entry,
    },
    /// Something the technician should know: a plugin was turned away, crashed, is in quarantine.
    Trouble {
        /// Of what.
        subject: String,
        /// What.
        what: String,
    },
    /// A rule raised more alerts than it may.
    AlertsNotRaised {
        /// The rule's id.
        rule: String,
        /// How many were not raised.
        n: u64,
    },
    /// From now on a rule is watched, or not, for a reason.
    RuleWatch {
        /// Number of this line among those of its run: one that comes again after a newer one changes nothing.
        number: u64,
        /// The rule's id.
        rule: String,
        /// Its camera.
        camera: CameraId,
        /// Since when.
        from: Utc,
        /// Why nobody watches; watched when absent.
        blind: Option<BlindReason>,
    },
    /// A rule left the configuration.
    RuleGone {
        /// As [`Record::RuleWatch`].
        number: u64,
        /// The rule's id.
        rule: String,
        /// Since when.
        from: Utc,
    },
    /// What a rule counted in a minute, or in a part of it.
    Counted {
        /// Number of this line among those of its run: one that stands twice in the journal counts once.
        number: u64,
        /// The rule's id.
        rule: String,
        /// Its camera.
        camera: CameraId,
        /// Start of the minute.
        minute: Utc,
        /// The numbers.
        counts: Vec<Count>,
    },
    /// Lines were lost: the disk of the journal could not take them.
    LinesLost {
        /// How many.
        lines: u64,
    },
    /// Damaged lines were found and skipped at start-up.
    LinesDamaged {
        /// Number of the journal file.
        file: u64,
        /// How many.
        lines: u64,
    },
}

/// A gap of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamGap {
    /// Whose.
    pub stream: StreamId,
    /// From when, why.
    pub gap: Hole,
}

/// When a run recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunSpan {
    /// Which.
    pub run: RunEpoch,
    /// Since when.
    pub from: Utc,
    /// Until when it is known to have been alive.
    pub to: Utc,
    /// It ended in good order.
    pub clean: bool,
}
