//! Alerts in the simulated site: what is said of them, and what must be left of it after any crash.
//!
//! Promises: after every restart the alerts stand as after some prefix of what was said, and that prefix holds every
//! action that was durable on return; a line that stands twice changes nothing, and what was never counted is not there.
//! Leaves to others: bringing the site there (`sim`).

use crate::record::Record;
use crate::shared::Shared;
use nvr_base::alert::{Action, Alert, AlertId, AlertState, Alerts, Entry, Handling, Measured, Raised};
use nvr_base::count::{Count, CountKey, Series};
use std::collections::BTreeMap;

/// One step in so many says something.
const EVERY: u32 = 40;

/// What was said.
pub(super) struct Talk {
    rng: fastrand::Rng,
    said: Vec<Entry>,
    /// So many of `said` are durable.
    promised: usize,
    next: u32,
    /// Lines that counted, by run.
    counted: BTreeMap<u32, u64>,
}

/// What does not depend on when a run ended.
type Facts = (AlertId, AlertState, u32, u32, Measured);

fn facts(alert: &Alert) -> Facts {
    (alert.raised.id, alert.handling.state, alert.acts, alert.n, alert.raised.measured)
}

impl Talk {
    pub(super) fn new(seed: u64) -> Self {
        let rng = fastrand::Rng::with_seed(seed ^ 0xa1e7);
        Self { rng, said: Vec::new(), promised: 0, next: 1, counted: BTreeMap::new() }
    }

    fn all(&self, n: usize) -> Alerts {
        let mut all = Alerts::default();
        self.said.iter().take(n).for_each(|entry| all.apply(nvr_base::Utc(0), entry));
        all
    }

    /// Now and then says something.
    pub(super) fn step(&mut self, shared: &Shared) {
        if self.rng.u32(0..EVERY) > 0 {
            return;
        }
        let all = self.all(self.said.len());
        let one = self.rng.usize(0..all.len() + 1);
        let place = [0.1, 0.2, 0.3, 0.4];
        let measured = Measured { measured: f64::from(self.rng.u8(..)), threshold: 1.0, score: 0.5, place };
        let Some(alert) = all.iter().nth(one) else { return self.raise(shared, measured) };
        let (id, n, now) = (alert.raised.id, alert.n + 1, shared.clock.utc());
        let entry = match self.rng.u32(0..5) {
            0 => Entry::Updated { id, n, measured },
            1 => Entry::Ended { id, n, end: now, measured, interrupted: self.rng.bool() },
            2 => Entry::Resumed { id, n },
            3 => return self.count(shared),
            _ => return self.act(shared, alert),
        };
        self.said.push(entry.clone());
        shared.note(Record::Alert { entry });
    }

    fn raise(&mut self, shared: &Shared, measured: Measured) {
        let now = shared.clock.utc();
        let entry = Entry::Raised(Box::new(Raised {
            id: AlertId { run: shared.run().0, number: self.next },
            rule: "quay-night".into(),
            situation: "zone-entry".into(),
            event: "zone-entry".into(),
            camera: "cam0".parse().unwrap(),
            severity: 2,
            instruction: None,
            start: now,
            since: now,
            measured,
            plugin: "zone-entry 1.0 (0123)".into(),
            clip_from: now,
            picture_at: now,
        }));
        self.next += 1;
        self.said.push(entry.clone());
        shared.note(Record::Alert { entry });
    }

    /// A person's action: when it returns well, it and all before it must survive.
    fn act(&mut self, shared: &Shared, alert: &Alert) {
        let states = [AlertState::Seen, AlertState::Taken, AlertState::Decided, AlertState::Closed];
        let after = Handling { state: states[self.rng.usize(0..4)], ..Handling::default() };
        let (id, acts, who) = (alert.raised.id, alert.acts + 1, "anna".to_owned());
        let entry = Entry::Handled { id, acts, who, action: Action::Take, after };
        self.said.push(entry.clone());
        let done = shared.journal.append_decided::<crate::StoreError>(shared.clock.utc(), |state| {
            assert_eq!(state.alerts.get(id).map(facts), Some(facts(alert)), "memory and what was said agree");
            Ok(Record::Alert { entry })
        });
        if done.is_ok() {
            self.promised = self.said.len();
        }
    }

    fn count(&mut self, shared: &Shared) {
        let number = self.counted.entry(shared.run().0).or_default();
        *number += 1;
        let key = CountKey { series: Series::Crossings, class: "person".into(), direction: None };
        let (rule, camera) = ("gate-count".to_owned(), "cam0".parse().unwrap());
        let counts = vec![Count { key, n: 1, max: None }];
        shared.note(Record::Counted { number: *number, rule, camera, minute: shared.clock.utc(), counts });
    }

    /// After a restart, before anything else is said.
    pub(super) fn check(&mut self, shared: &Shared) {
        let found: Vec<Facts> = shared.journal.state(|state| state.alerts.iter().map(facts).collect());
        let fits = |n: &usize| self.all(*n).iter().map(facts).collect::<Vec<_>>() == found;
        let kept = (self.promised..=self.said.len()).rev().find(fits);
        let Some(kept) = kept else {
            panic!(
                "{found:#?}\nis no prefix of what was said, of which {} last:\n{:#?}",
                self.promised, self.said
            );
        };
        self.said.truncate(kept);
        let counted = |line: &crate::record::Line| {
            if let Record::Counted { number, .. } = &line.record {
                let said = self.counted.get(&line.run.0).copied().unwrap_or_default();
                assert!(*number <= said, "run {}: line {number} of {said}", line.run.0);
            }
        };
        shared.journal.read_from(Default::default(), &mut |line| counted(line)).unwrap();
    }
}
