//! The store's part in alerts: entries, blind intervals and counts in the journal.
//!
//! Promises: saying something waits for no disk; what a person does is durable on return, and decided in one step with
//! the state it is decided on; answers about the past read the journal from the asked time on, bounded.
//! Leaves to others: what an alert is (`nvr_base::alert`), who may do what (`nvr_alerts`, the gateway).

use super::Store;
use crate::error::{Result, StoreError};
use crate::record::{Line, Record};
use crate::watch::{Blind, Watch, Watches};
use nvr_base::alert::{Alert, AlertId, Alerts, Entry};
use nvr_base::count::Count;
use nvr_base::{CameraId, Utc};
use std::collections::BTreeMap;

/// Most blind intervals of one answer; the newest are kept.
const BLIND_MAX: usize = 20_000;

/// What a rule counted in a minute or a part of it.
#[derive(Debug, Clone, Copy)]
pub struct Counted<'a> {
    /// The rule's id.
    pub rule: &'a str,
    /// Its camera.
    pub camera: &'a CameraId,
    /// Start of the minute.
    pub minute: Utc,
    /// The numbers.
    pub counts: &'a [Count],
}

impl Store {
    /// The run this is.
    pub fn run(&self) -> u32 {
        self.0.shared.run().0
    }

    /// Puts a record into the journal, at the next flush.
    pub fn note(&self, record: Record) {
        self.0.shared.note(record);
    }

    /// How each rule stands, as the journal says.
    pub fn watches(&self) -> Vec<Watch> {
        self.0.shared.journal.state(|state| state.watches.iter().cloned().collect())
    }

    /// The newest alerts, oldest first: those that can be handled.
    pub fn alerts(&self) -> Vec<Alert> {
        let mut alerts = self.0.shared.journal.state(|state| state.alerts.clone());
        self.end_all(&mut alerts);
        alerts.iter().cloned().collect()
    }

    /// While nothing records, what lasted is over since the last run ended.
    fn end_all(&self, alerts: &mut Alerts) {
        let last = self.0.shared.journal.state(|state| state.last_run);
        if let Some(last) = last.filter(|_| !self.0.shared.is_recording()) {
            alerts.interrupt(self.run(), last.to);
        }
    }

    /// Does something with an alert: `decide` makes the entry, or says why not. Durable on return.
    ///
    /// # Errors
    /// [`StoreError::NoAlert`], [`StoreError::Refused`] with the words of `decide`, or a journal that cannot be written.
    pub fn handle(
        &self,
        id: AlertId,
        decide: impl FnOnce(&Alert, Utc) -> std::result::Result<Entry, String>,
    ) -> Result<Alert> {
        let shared = &self.0.shared;
        let now = shared.clock.utc();
        shared.journal.append_decided::<StoreError>(now, |state| {
            let alert = state.alerts.get(id).ok_or(StoreError::NoAlert(id))?;
            Ok(Record::Alert { entry: decide(alert, now).map_err(StoreError::Refused)? })
        })?;
        shared.journal.state(|state| state.alerts.get(id).cloned()).ok_or(StoreError::NoAlert(id))
    }

    /// Alerts since `from` out of the journal, oldest first, at most `max` of the newest, as they stand now.
    ///
    /// # Errors
    /// A journal that cannot be read.
    pub fn alerts_since(&self, from: Utc, max: usize) -> Result<Vec<Alert>> {
        let mut alerts = Alerts::new(max);
        self.read_since(from, &mut |line| match &line.record {
            Record::Checkpoint { alerts: before, .. } => before.iter().for_each(|a| alerts.insert(a.clone())),
            Record::Alert { entry } => alerts.apply(line.at, entry),
            Record::RunStarted { alive_until, .. } => {
                alerts.interrupt(line.run.0, alive_until.unwrap_or(line.at));
            }
            _ => {}
        })?;
        self.end_all(&mut alerts);
        Ok(alerts.iter().filter(|a| a.end.is_none_or(|end| end >= from)).cloned().collect())
    }

    /// Intervals in which rules were not watched, since `from`, oldest first, at most 20,000. `running` says
    /// whether a recorder runs: when none does, nobody watches since the last one ended.
    ///
    /// # Errors
    /// A journal that cannot be read.
    pub fn blind_since(&self, from: Utc, running: bool) -> Result<Vec<Blind>> {
        let (mut watches, mut found, mut begun) = (Watches::default(), Vec::new(), false);
        let mut last_run = None;
        self.read_since(from, &mut |line| {
            if let Record::Checkpoint { watches: before, last_run: run, .. } = &line.record
                && !begun
            {
                watches.restore(before);
                last_run = *run;
            }
            begun = true;
            watches.apply(line, &mut |blind| {
                if blind.to.is_none_or(|to| to > from) {
                    found.push(blind);
                }
            });
            if found.len() >= 2 * BLIND_MAX {
                found.drain(..BLIND_MAX);
            }
        })?;
        if !running {
            let ended = self.0.shared.journal.state(|state| state.last_run).or(last_run);
            let alive_until = ended.map(|run| run.to);
            let record = Record::RunStarted { alive_until, clean: true };
            let run = nvr_base::RunEpoch(u32::MAX);
            watches.apply(&Line { at: self.0.shared.clock.utc(), run, record }, &mut |_| {});
        }
        found.extend(watches.lasting());
        // A line may stand twice in the journal after a failed flush.
        found.sort();
        found.dedup();
        let more = found.len().saturating_sub(BLIND_MAX);
        found.drain(..more);
        Ok(found)
    }

    /// Calls `each` with what was counted since `from`, each line once.
    ///
    /// # Errors
    /// A journal that cannot be read.
    pub fn counted_since(&self, from: Utc, each: &mut dyn FnMut(Counted<'_>)) -> Result<()> {
        let mut highest: BTreeMap<u32, u64> = BTreeMap::new();
        self.read_since(from, &mut |line| {
            let Record::Counted { number, rule, camera, minute, counts } = &line.record else { return };
            let known = highest.entry(line.run.0).or_default();
            if *number > *known {
                *known = *number;
                if *minute >= from {
                    each(Counted { rule, camera, minute: *minute, counts });
                }
            }
        })
    }

    /// Reads the journal's lines from a little before `from`.
    fn read_since(&self, from: Utc, each: &mut dyn FnMut(&Line)) -> Result<()> {
        let journal = &self.0.shared.journal;
        let _ = journal.write(self.0.shared.clock.utc()); // a disk that takes no lines still gives those it has
        journal.read_from(journal.position_of(from)?, each).map(drop)
    }
}
