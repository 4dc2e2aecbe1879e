//! What the journal adds up to: locks, open gaps, the last run, alerts, how rules stand.
//!
//! Promises: pure; the state after a checkpoint equals the state after all lines before it.
//! Leaves to others: reading and writing lines (`journal`), gaps that are over (`index`).

use crate::lock::{FootageLock, LOCKS_MAX, cut};
use crate::record::{Line, Record, RunSpan, StreamGap};
use crate::timeline::Hole;
use crate::watch::Watches;
use nvr_base::alert::Alerts;
use nvr_base::{GapReason, RunEpoch, StreamId, Utc};
use std::collections::BTreeMap;

/// Most reopened days that are remembered between two recoveries; `verify` finds what lies in others.
const DAYS_MAX: usize = 10_000;

/// Most segments in doubt that are remembered between two recoveries.
const POISONED_MAX: usize = 10_000;

/// The state.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct JournalState {
    /// Locks in force, oldest first.
    pub locks: Vec<FootageLock>,
    /// Open gaps: since when and why.
    pub open_gaps: BTreeMap<(StreamId, Utc), GapReason>,
    /// The run that records or recorded last.
    pub last_run: Option<RunSpan>,
    /// Every segment that ended before is in the index.
    pub indexed_until: Option<Utc>,
    /// Earlier days that were written to since the last recovery, and by which run.
    pub days_reopened: BTreeMap<(StreamId, Utc), RunEpoch>,
    /// Segments that a failed disk left in doubt since the last recovery, and of which run.
    pub poisoned: BTreeMap<String, RunEpoch>,
    /// A run in which a flush failed, since the last recovery.
    pub flush_failed: Option<RunEpoch>,
    /// Alerts, the newest; closed ones go first.
    pub alerts: Alerts,
    /// How each rule stands.
    pub watches: Watches,
}

impl JournalState {
    /// Takes one line.
    pub fn apply(&mut self, line: &Line) {
        match &line.record {
            Record::Checkpoint {
                locks,
                open_gaps,
                last_run,
                indexed_until,
                days_reopened,
                poisoned,
                flush_failed,
                alerts,
                watches,
            } => {
                self.alerts = Alerts::default();
                alerts.iter().for_each(|alert| self.alerts.insert(alert.clone()));
                self.watches.restore(watches);
                self.indexed_until = *indexed_until;
                self.days_reopened =
                    days_reopened.iter().map(|(s, t, run)| ((s.clone(), *t), *run)).collect();
                self.flush_failed = *flush_failed;
                self.poisoned = poisoned.iter().cloned().collect();
                self.locks = locks.iter().take(LOCKS_MAX).cloned().collect();
                self.open_gaps =
                    open_gaps.iter().map(|g| ((g.stream.clone(), g.gap.from), g.gap.reason)).collect();
                self.last_run = *last_run;
            }
            Record::RunStarted { alive_until, .. } => {
                self.alerts.interrupt(line.run.0, alive_until.unwrap_or(line.at));
                // What was open ended with the run that had opened it.
                self.open_gaps.clear();
                self.last_run = Some(RunSpan { run: line.run, from: line.at, to: line.at, clean: false });
            }
            Record::GapOpened { stream, from, reason } => {
                self.open_gaps.insert((stream.clone(), *from), *reason);
            }
            Record::GapClosed { stream, from, .. } => {
                self.open_gaps.remove(&(stream.clone(), *from));
            }
            Record::Locked { lock } if self.locks.len() < LOCKS_MAX && !self.locks.contains(lock) => {
                self.locks.push(lock.clone());
                self.locks.sort_by_key(|l| (l.from, l.to));
            }
            Record::Indexed { until } => self.indexed_until = Some(*until),
            Record::DayReopened { stream, day } if self.days_reopened.len() < DAYS_MAX => {
                self.days_reopened.insert((stream.clone(), *day), line.run);
            }
            Record::SegmentPoisoned { path, .. } if self.poisoned.len() < POISONED_MAX => {
                self.poisoned.insert(path.clone(), line.run);
            }
            Record::FlushFailed { .. } => self.flush_failed = Some(line.run),
            // It runs while its own run records: that run's troubles are for the next.
            Record::Recovered { .. } => {
                self.days_reopened.retain(|_, run| *run >= line.run);
                self.poisoned.retain(|_, run| *run >= line.run);
                self.flush_failed = self.flush_failed.filter(|run| *run >= line.run);
            }
            Record::Alert { entry } => self.alerts.apply(line.at, entry),
            Record::Unlocked { camera, from, to, .. } => self.locks = cut(&self.locks, camera, *from, *to),
            _ => {}
        }
        self.watches.apply(line, &mut |_| {});
        if let Some(run) = self.last_run.as_mut().filter(|r| r.run == line.run) {
            // The last, not the latest: the clock may have been set back.
            run.to = line.at;
            run.clean = matches!(line.record, Record::RunStopped);
        }
    }

    /// The state as the first line of a journal file.
    pub fn checkpoint(&self) -> Record {
        let gap = |((stream, from), reason): (&(StreamId, Utc), &GapReason)| StreamGap {
            stream: stream.clone(),
            gap: Hole { from: *from, to: None, reason: *reason },
        };
        Record::Checkpoint {
            locks: self.locks.clone(),
            open_gaps: self.open_gaps.iter().map(gap).collect(),
            last_run: self.last_run,
            indexed_until: self.indexed_until,
            days_reopened: self.days_reopened.iter().map(|((s, t), run)| (s.clone(), *t, *run)).collect(),
            poisoned: self.poisoned.iter().map(|(path, run)| (path.clone(), *run)).collect(),
            flush_failed: self.flush_failed,
            alerts: self.alerts.iter().cloned().collect(),
            watches: self.watches.iter().cloned().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nvr_base::StreamKind;

    fn line(run: u32, s: i64, record: Record) -> Line {
        Line { at: Utc(s * 1_000_000), run: RunEpoch(run), record }
    }

    #[test]
    fn a_checkpoint_stands_for_all_before_it() {
        let stream = StreamId::new("gate".parse().unwrap(), StreamKind::Main);
        let lock = FootageLock {
            camera: stream.camera.clone(),
            from: Utc(0),
            to: Utc(9),
            reason: "r".into(),
            who: "w".into(),
            at: Utc(1),
        };
        let from = Utc(7);
        let lines = [
            line(1, 1, Record::RunStarted { alive_until: None, clean: true }),
            line(1, 2, Record::GapOpened { stream: stream.clone(), from, reason: GapReason::CameraDown }),
            line(1, 3, Record::Locked { lock }),
            line(1, 4, Record::Alive),
        ];
        let mut state = JournalState::default();
        lines.iter().for_each(|l| state.apply(l));
        assert_eq!(state.open_gaps.len(), 1);
        let run = RunSpan { run: RunEpoch(1), from: Utc(1_000_000), to: Utc(4_000_000), clean: false };
        assert_eq!(state.last_run, Some(run));
        let mut again = JournalState::default();
        again.apply(&line(1, 4, state.checkpoint()));
        assert_eq!(again, state);
        again.apply(&line(1, 5, Record::GapClosed { stream, from, to: Utc(8) }));
        again.apply(&line(1, 6, Record::RunStopped));
        assert!(again.open_gaps.is_empty() && again.last_run.is_some_and(|r| r.clean));
        again.apply(&line(2, 9, Record::Alive));
        assert!(
            again.last_run.is_some_and(|r| r.clean),
            "a line of a run that records nothing changes nothing"
        );
    }
}
