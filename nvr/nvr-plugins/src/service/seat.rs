//! One running worker as the service sees it: its part, its instances, its ring and what of it is leased.
//!
//! Promises: an offset is released once, when the last instance that has it in hand is done.
//! Leaves to others: its process (`worker`), its turns (`generation`).

use super::Plugin;
use crate::protocol::InstanceId;
use nvr_base::analysis::{FrameRef, RingNumber};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Its part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// It has passed its test and waits.
    Taken,
    /// It is given everything and is not heard.
    Warming,
    /// It is heard.
    Serving,
    /// It is given nothing more.
    Leaving,
}

/// Its ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ring {
    pub(super) number: RingNumber,
    pub(super) len: u64,
    /// Perception was asked for it.
    pub(super) is_asked: bool,
    /// The worker has it.
    pub(super) is_ready: bool,
}

#[derive(Debug)]
pub(super) struct Seat {
    pub(super) plugin: Plugin,
    pub(super) part: Part,
    /// Rule of each instance.
    pub(super) rules: BTreeMap<InstanceId, String>,
    /// Instances of rules that are gone and have something in hand: the frames that go with it.
    pub(super) orphans: BTreeMap<InstanceId, Vec<u64>>,
    /// Instances that are over and have nothing in hand: to be ended, in this order.
    over: VecDeque<InstanceId>,
    /// Those the worker was asked to end.
    ending: BTreeSet<InstanceId>,
    pub(super) ring: Option<Ring>,
    last_instance: InstanceId,
    /// How many instances have the frame at an offset in hand.
    leases: BTreeMap<u64, u32>,
}

impl Seat {
    pub(super) fn new(plugin: Plugin) -> Self {
        Self {
            plugin,
            part: Part::Taken,
            rules: BTreeMap::new(),
            orphans: BTreeMap::new(),
            over: VecDeque::new(),
            ending: BTreeSet::new(),
            ring: None,
            last_instance: 0,
            leases: BTreeMap::new(),
        }
    }

    /// Whether it is given inputs.
    pub(super) fn is_fed(&self) -> bool {
        matches!(self.part, Part::Warming | Part::Serving)
    }

    /// A number for a new instance.
    pub(super) fn next_instance(&mut self, rule: &str) -> InstanceId {
        self.last_instance += 1;
        self.rules.insert(self.last_instance, rule.to_owned());
        self.last_instance
    }

    /// An instance is over and has nothing in hand.
    pub(super) fn is_over(&mut self, number: InstanceId) {
        self.over.push_back(number);
    }

    /// The instances to end now, so that the worker is not asked to end more than `max` at a time.
    pub(super) fn end_next(&mut self, max: usize) -> Vec<InstanceId> {
        let room = max.saturating_sub(self.ending.len()).min(self.over.len());
        let next: Vec<InstanceId> = self.over.drain(..room).collect();
        self.ending.extend(&next);
        next
    }

    /// The worker has ended an instance.
    pub(super) fn has_ended(&mut self, number: InstanceId) {
        self.rules.remove(&number);
        self.ending.remove(&number);
    }

    /// An instance takes frames in hand.
    pub(super) fn lease(&mut self, frames: &[FrameRef]) {
        for frame in frames {
            *self.leases.entry(frame.offset).or_default() += 1;
        }
    }

    /// An instance is done with frames; the offsets that nobody has any more.
    pub(super) fn give_back(&mut self, offsets: &[u64]) -> Vec<u64> {
        let mut free = Vec::new();
        for offset in offsets {
            // Unknown: the ring was another one then.
            let Some(count) = self.leases.get_mut(offset) else { continue };
            *count -= 1;
            if *count == 0 {
                self.leases.remove(offset);
                free.push(*offset);
            }
        }
        free
    }

    /// The ring is a new one, or none: nothing of the old one is leased.
    pub(super) fn forget_leases(&mut self) {
        self.leases.clear();
    }
}
