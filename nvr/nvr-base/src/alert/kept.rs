//! Alerts that are kept: a bounded collection that entries are applied to.
//!
//! Promises: memory is bounded by the number of alerts; the oldest that are closed and over go first.
//! Leaves to others: what an entry does to one alert (`alert`), all alerts there ever were (`nvr-store`'s journal).

use super::{Alert, AlertId, AlertState, Entry};
use crate::Utc;
use std::collections::BTreeMap;

/// Most alerts a running recorder keeps in memory; the journal has all.
pub const KEPT_MAX: usize = 1000;

/// Alerts by number, bounded.
#[derive(Debug, Clone, PartialEq)]
pub struct Alerts {
    kept: BTreeMap<AlertId, Alert>,
    max: usize,
}

impl Default for Alerts {
    fn default() -> Self {
        Self::new(KEPT_MAX)
    }
}

impl Alerts {
    /// None; keeps at most `max`.
    pub fn new(max: usize) -> Self {
        Self { kept: BTreeMap::new(), max: max.max(1) }
    }

    /// Takes an entry that was written at `at`; one of an alert that is not kept is left out.
    pub fn apply(&mut self, at: Utc, entry: &Entry) {
        match entry {
            Entry::Raised(raised) => self.insert(Alert::new((**raised).clone())),
            _ => {
                if let Some(alert) = self.kept.get_mut(&entry.id()) {
                    alert.apply(at, entry);
                }
            }
        }
    }

    /// Adds an alert unless it is there.
    pub fn insert(&mut self, alert: Alert) {
        self.kept.entry(alert.raised.id).or_insert(alert);
        while self.kept.len() > self.max {
            let done = |a: &&Alert| a.handling.state == AlertState::Closed && a.end.is_some();
            let oldest = self.kept.values().find(done).or_else(|| self.kept.values().next());
            let Some(id) = oldest.map(|alert| alert.raised.id) else { break };
            self.kept.remove(&id);
        }
    }

    /// Ends what lasted when the run before `run` ended, at `at`.
    pub fn interrupt(&mut self, run: u32, at: Utc) {
        for alert in self.kept.values_mut().filter(|a| a.raised.id.run != run && a.end.is_none()) {
            alert.end = Some(at.max(alert.raised.start));
            alert.interrupted = true;
        }
    }

    /// The alert called `id`.
    pub fn get(&self, id: AlertId) -> Option<&Alert> {
        self.kept.get(&id)
    }

    /// All of them, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Alert> {
        self.kept.values()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{handled, raised};
    use super::*;

    #[test]
    fn the_oldest_closed_go_first() {
        let mut alerts = Alerts::new(3);
        let check = |alerts: &Alerts, expected: &[u32]| {
            let numbers: Vec<u32> = alerts.iter().map(|a| a.raised.id.number).collect();
            assert_eq!(numbers, expected);
        };
        for number in 1..=3 {
            alerts.apply(Utc(0), &Entry::Raised(Box::new(raised(number))));
        }
        alerts.apply(Utc(0), &handled(2, 1, AlertState::Closed));
        alerts.interrupt(2, Utc(9));
        alerts.apply(Utc(0), &Entry::Raised(Box::new(raised(4))));
        check(&alerts, &[1, 3, 4]);
        alerts.apply(Utc(0), &Entry::Raised(Box::new(raised(5))));
        check(&alerts, &[3, 4, 5]);
        alerts.apply(Utc(0), &handled(1, 1, AlertState::Closed));
        check(&alerts, &[3, 4, 5]);
    }
}
