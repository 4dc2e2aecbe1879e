//! What one plugin's copies live through: self-test, warm-up, service, drain; and what a crash costs.
//!
//! Promises: pure: [`Lifecycle::step`] takes an event and the time and says what to do; a generation serves until its
//!   successor has proved itself; a hash that keeps crashing is quarantined and the last good copy takes its place.
//!
//! ```text
//! Offered → SelfTest → Warming (silent, beside the old one) → Live → Draining → gone
//!               │          │                                   │
//!               └──────────┴── failed: quarantine              └─ died: back-off → SelfTest … → quarantine → last good
//! ```
//! Leaves to others: copies (`staging`), processes (`worker`), what to be silent or alert about (`nvr-alerts`).

use crate::manifest::Hash;
use std::collections::{BTreeMap, VecDeque};

/// First wait after a crash; doubled with each, in milliseconds.
pub const BACKOFF_MS_MIN: u64 = 1_000;
/// Longest wait after a crash, in milliseconds.
pub const BACKOFF_MS_MAX: u64 = 60_000;
/// Crashes within [`CRASH_WINDOW_MS`] that quarantine a hash.
pub const CRASHES_MAX: usize = 5;
/// How long a crash counts, in milliseconds.
pub const CRASH_WINDOW_MS: u64 = 600_000;
/// A copy that has served so long without a crash is a good one, in milliseconds.
pub const GOOD_MS: u64 = 60_000;
/// Longest drain before the old worker is killed, in milliseconds.
pub const DRAIN_MS_MAX: u64 = 5_000;
/// Most hashes in quarantine; the oldest leaves first.
pub const QUARANTINE_MAX: usize = 32;

/// One start of a worker; counts up and is never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GenerationId(pub u64);

/// Where a generation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// A worker runs it on a synthetic scene.
    SelfTest,
    /// It sees everything and says nothing, until then.
    Warming {
        /// When it takes over, in the caller's milliseconds.
        until_ms: u64,
    },
    /// It serves.
    Live {
        /// Since when.
        since_ms: u64,
    },
    /// It ends what it began, until then.
    Draining {
        /// When it is killed.
        until_ms: u64,
    },
}

/// A generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Generation {
    /// Which.
    pub id: GenerationId,
    /// Of which copy.
    pub hash: Hash,
    /// Where it stands.
    pub phase: Phase,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A verified copy is there.
    Offered(Hash),
    /// The library is gone from the folder.
    Withdrawn,
    /// The self-test went well; the plugin wants so long to warm up.
    Passed(GenerationId, u64),
    /// The self-test, or the handshake, failed.
    Failed(GenerationId, String),
    /// Its worker ended, for this reason.
    Died(GenerationId, String),
    /// It has ended what it began, and its worker is gone.
    Drained(GenerationId),
    /// A person lifts a quarantine.
    Released(Hash),
    /// Time has passed.
    Tick,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Start a worker on this copy and test it.
    SelfTest(GenerationId, Hash),
    /// Give it all instances and inputs, drop what it says.
    Warm(GenerationId),
    /// From the next frame on what `to` says counts. Without `from`, give it all instances first.
    CutOver {
        /// What served until now.
        from: Option<GenerationId>,
        /// What serves from now on.
        to: GenerationId,
    },
    /// No more inputs; stop its instances.
    Drain(GenerationId),
    /// End its worker now.
    Kill(GenerationId),
    /// The rules of this plugin are blind: nothing serves.
    Blind(String),
    /// Tell people: a system alert.
    Alert(String),
    /// Nobody needs this copy any more.
    Forget(Hash),
}

/// One plugin's generations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lifecycle {
    last_id: u64,
    wanted: Option<Hash>,
    live: Option<Generation>,
    coming: Option<Generation>,
    draining: Vec<Generation>,
    /// When to start which copy again.
    retry: Option<(u64, Hash)>,
    crashes: BTreeMap<Hash, VecDeque<u64>>,
    last_good: Option<Hash>,
    quarantine: Vec<(Hash, String)>,
}

impl Lifecycle {
    /// All generations that have a worker.
    pub fn generations(&self) -> impl Iterator<Item = &Generation> {
        self.live.iter().chain(&self.coming).chain(&self.draining)
    }

    /// True while it serves, is about to, ends, or is to be started again: its situation is taken.
    pub fn is_in_place(&self) -> bool {
        self.generations().next().is_some() || self.retry.is_some()
    }

    /// Hashes in quarantine, and why.
    pub fn quarantine(&self) -> &[(Hash, String)] {
        &self.quarantine
    }

    /// The generation that serves.
    pub fn live(&self) -> Option<GenerationId> {
        self.live.map(|g| g.id)
    }

    /// When a [`Event::Tick`] has something to do.
    pub fn due_ms(&self) -> Option<u64> {
        let phases = self.generations().filter_map(|g| match g.phase {
            Phase::Warming { until_ms } | Phase::Draining { until_ms } => Some(until_ms),
            Phase::SelfTest | Phase::Live { .. } => None,
        });
        phases.chain(self.retry.map(|(at, _)| at)).min()
    }

    /// Takes an event at `now_ms` (milliseconds of a clock that does not step) and says what to do, in order.
    pub fn step(&mut self, event: Event, now_ms: u64) -> Vec<Action> {
        let mut actions = Vec::new();
        match event {
            Event::Offered(hash) => self.offered(hash, &mut actions),
            Event::Withdrawn => self.withdrawn(now_ms, &mut actions),
            Event::Passed(id, warmup_ms) => self.passed(id, warmup_ms, now_ms, &mut actions),
            Event::Failed(id, why) | Event::Died(id, why) => self.died(id, &why, now_ms, &mut actions),
            Event::Drained(id) => self.gone(id, &mut actions),
            Event::Released(hash) => {
                self.quarantine.retain(|(h, _)| *h != hash);
                self.crashes.remove(&hash);
                if self.wanted == Some(hash) {
                    self.offered(hash, &mut actions);
                }
            }
            Event::Tick => self.tick(now_ms, &mut actions),
        }
        actions
    }

    fn offered(&mut self, hash: Hash, actions: &mut Vec<Action>) {
        let before = self.wanted.replace(hash);
        if let Some((_, why)) = self.quarantine.iter().find(|(h, _)| *h == hash) {
            actions.push(Action::Alert(format!("{} is in quarantine: {why}", hash.short())));
            return;
        }
        self.retry = None;
        if let Some(coming) = self.coming.take() {
            actions.push(Action::Kill(coming.id));
        }
        if self.live.is_none_or(|live| live.hash != hash) {
            self.test(hash, actions);
        }
        self.forget(before, actions);
    }

    fn withdrawn(&mut self, now_ms: u64, actions: &mut Vec<Action>) {
        self.retry = None;
        let before = [self.wanted.take(), self.last_good.take()];
        if let Some(coming) = self.coming.take() {
            actions.push(Action::Kill(coming.id));
        }
        if let Some(live) = self.live.take() {
            actions.push(Action::Blind("its library was removed".into()));
            self.drain(live, now_ms, actions);
        }
        for hash in before {
            self.forget(hash, actions);
        }
    }

    fn passed(&mut self, id: GenerationId, warmup_ms: u64, now_ms: u64, actions: &mut Vec<Action>) {
        let Some(coming) = self.coming.as_mut().filter(|g| g.id == id) else { return };
        if self.live.is_none() {
            // Nobody serves meanwhile: silence would help nobody.
            self.cut_over(now_ms, actions);
        } else if coming.phase == Phase::SelfTest {
            coming.phase = Phase::Warming { until_ms: now_ms.saturating_add(warmup_ms) };
            actions.push(Action::Warm(id));
        }
    }

    fn died(&mut self, id: GenerationId, why: &str, now_ms: u64, actions: &mut Vec<Action>) {
        if self.draining.iter().any(|g| g.id == id) {
            self.gone(id, actions);
        } else if let Some(live) = self.live.take_if(|g| g.id == id) {
            actions.push(Action::Alert(format!("{} ended: {why}", live.hash.short())));
            match self.coming.map(|g| g.phase) {
                // Its successor has passed its test, and stands in at once.
                Some(Phase::Warming { .. }) => self.cut_over(now_ms, actions),
                _ => actions.push(Action::Blind(why.to_owned())),
            }
            self.crashed(live.hash, why, now_ms, actions);
        } else if let Some(coming) = self.coming.take_if(|g| g.id == id) {
            let served_before =
                self.crashes.contains_key(&coming.hash) || self.last_good == Some(coming.hash);
            if served_before {
                self.crashed(coming.hash, why, now_ms, actions);
            } else {
                self.put_in_quarantine(coming.hash, why, actions);
            }
        }
    }

    /// A copy that served has crashed: again later, or never.
    fn crashed(&mut self, hash: Hash, why: &str, now_ms: u64, actions: &mut Vec<Action>) {
        let crashes = self.crashes.entry(hash).or_default();
        crashes.retain(|at| now_ms.saturating_sub(*at) < CRASH_WINDOW_MS);
        crashes.push_back(now_ms);
        let count = crashes.len();
        if count >= CRASHES_MAX {
            self.put_in_quarantine(hash, &format!("{count} crashes, the last: {why}"), actions);
        } else if self.live.is_none() && self.coming.is_none() {
            let doublings = u32::try_from(count.saturating_sub(1)).unwrap_or(u32::MAX).min(16);
            let wait = BACKOFF_MS_MIN.saturating_mul(1 << doublings).min(BACKOFF_MS_MAX);
            self.retry = Some((now_ms.saturating_add(wait), hash));
        }
    }

    fn put_in_quarantine(&mut self, hash: Hash, why: &str, actions: &mut Vec<Action>) {
        if self.quarantine.len() >= QUARANTINE_MAX {
            self.quarantine.remove(0);
        }
        self.quarantine.push((hash, why.to_owned()));
        self.crashes.remove(&hash);
        self.last_good = self.last_good.filter(|good| *good != hash);
        actions.push(Action::Alert(format!("{} is in quarantine: {why}", hash.short())));
        if self.live.is_none() && self.coming.is_none() {
            match self.last_good {
                Some(good) => {
                    actions.push(Action::Alert(format!("back to the last good copy {}", good.short())));
                    self.test(good, actions);
                }
                None => actions.push(Action::Blind(why.to_owned())),
            }
        }
    }

    fn tick(&mut self, now_ms: u64, actions: &mut Vec<Action>) {
        if let Some(Generation { hash, phase: Phase::Live { since_ms }, .. }) = self.live
            && now_ms.saturating_sub(since_ms) >= GOOD_MS
            && self.last_good != Some(hash)
        {
            let before = self.last_good.replace(hash);
            self.forget(before, actions);
        }
        if let Some(Phase::Warming { until_ms }) = self.coming.map(|g| g.phase)
            && now_ms >= until_ms
        {
            self.cut_over(now_ms, actions);
        }
        if let Some((_, hash)) = self.retry.take_if(|(at, _)| now_ms >= *at) {
            self.test(hash, actions);
        }
        for old in &mut self.draining {
            if let Phase::Draining { until_ms } = old.phase
                && now_ms >= until_ms
            {
                // Killed once: its end is `Died` or `Drained`.
                old.phase = Phase::Draining { until_ms: u64::MAX };
                actions.push(Action::Kill(old.id));
            }
        }
    }

    fn test(&mut self, hash: Hash, actions: &mut Vec<Action>) {
        self.last_id += 1;
        let id = GenerationId(self.last_id);
        self.coming = Some(Generation { id, hash, phase: Phase::SelfTest });
        actions.push(Action::SelfTest(id, hash));
    }

    fn cut_over(&mut self, now_ms: u64, actions: &mut Vec<Action>) {
        let Some(mut new) = self.coming.take() else { return };
        new.phase = Phase::Live { since_ms: now_ms };
        let old = self.live.replace(new);
        actions.push(Action::CutOver { from: old.map(|g| g.id), to: new.id });
        if let Some(old) = old {
            // It was replaced in service, not for a fault: it is what to come back to.
            if !self.crashes.contains_key(&old.hash) {
                let before = self.last_good.replace(old.hash);
                self.forget(before, actions);
            }
            self.drain(old, now_ms, actions);
        }
    }

    fn drain(&mut self, mut old: Generation, now_ms: u64, actions: &mut Vec<Action>) {
        old.phase = Phase::Draining { until_ms: now_ms.saturating_add(DRAIN_MS_MAX) };
        self.draining.push(old);
        actions.push(Action::Drain(old.id));
    }

    fn gone(&mut self, id: GenerationId, actions: &mut Vec<Action>) {
        if let Some(at) = self.draining.iter().position(|g| g.id == id) {
            let old = self.draining.remove(at);
            self.forget(Some(old.hash), actions);
        }
    }

    /// Deletes a copy that nothing needs.
    fn forget(&mut self, hash: Option<Hash>, actions: &mut Vec<Action>) {
        let Some(hash) = hash else { return };
        let retried = self.retry.map(|(_, h)| h);
        let kept = [self.wanted, self.last_good, retried].contains(&Some(hash));
        if !kept && self.generations().all(|g| g.hash != hash) {
            self.crashes.remove(&hash);
            actions.push(Action::Forget(hash));
        }
    }
}

#[cfg(test)]
#[path = "generation_tests.rs"]
mod tests;
