//! The situations that one instance has open, and the numbers they are known by outside.
//!
//! Promises: a number outside belongs to one object of one rule, whatever generation speaks of it; at a hand-over what
//!   both see goes on under its number, what only the old one sees ends, what only the new one sees begins.
//! Leaves to others: which instance speaks (`armed`).

use crate::protocol::{Event, Phase};
use std::collections::{BTreeMap, VecDeque};

/// Most objects of an instance whose numbers are remembered; the oldest leaves first.
const OBJECTS_MAX: usize = 1024;
/// Least overlap of two places that are the same object.
const IOU_MIN: f32 = 0.3;

/// What one instance has open.
#[derive(Debug, Default)]
pub(super) struct Objects {
    /// From the plugin's number to the one outside.
    numbers: BTreeMap<u64, u64>,
    /// The plugin's numbers, oldest first.
    oldest: VecDeque<u64>,
    /// Last event of each open object, by the plugin's number.
    open: BTreeMap<u64, Event>,
}

impl Objects {
    /// Takes what the instance said; true when it belongs to an object that is open, or opens one.
    pub(super) fn take(&mut self, event: &Event) -> bool {
        match event.phase {
            Phase::Begin if self.open.len() >= OBJECTS_MAX => return false,
            Phase::Begin => {
                self.open.insert(event.object, event.clone());
            }
            Phase::Update => {
                let Some(known) = self.open.get_mut(&event.object) else { return false };
                known.rect = event.rect;
                known.score = event.score;
                known.measured = event.measured;
            }
            Phase::End => return self.open.remove(&event.object).is_some(),
        }
        true
    }

    /// The number outside of the plugin's `object`; `next` is the rule's next free one.
    pub(super) fn number(&mut self, object: u64, next: &mut u64) -> u64 {
        if let Some(number) = self.numbers.get(&object) {
            return *number;
        }
        *next += 1;
        self.name(object, *next);
        *next
    }

    fn name(&mut self, object: u64, number: u64) {
        if self.oldest.len() >= OBJECTS_MAX
            && let Some(oldest) = self.oldest.pop_front()
        {
            self.numbers.remove(&oldest);
        }
        self.oldest.push_back(object);
        self.numbers.insert(object, number);
    }

    /// Everything is forgotten: the instance starts anew.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// `new` speaks from `at_us` on instead of `self`: what there is to say of it.
    pub(super) fn hand_over(&mut self, new: &mut Objects, next: &mut u64, at_us: i64) -> Vec<Event> {
        let mut said = Vec::new();
        let mut left = Vec::new();
        for (object, old) in std::mem::take(&mut self.open) {
            let number = self.number(object, next);
            let same = new.open.get(&object).filter(|e| e.kind == old.kind && e.rect.iou(&old.rect) > 0.0);
            if same.is_some() { new.name(object, number) } else { left.push((number, old)) }
        }
        for (number, old) in left {
            let near = |(n, e): (&u64, &Event)| {
                let iou = e.rect.iou(&old.rect);
                (e.kind == old.kind && iou >= IOU_MIN && !new.numbers.contains_key(n)).then_some((*n, iou))
            };
            match new.open.iter().filter_map(near).max_by(|a, b| a.1.total_cmp(&b.1)) {
                Some((same, _)) => new.name(same, number),
                None => said.push(Event { object: number, phase: Phase::End, end_us: Some(at_us), ..old }),
            }
        }
        let unsaid: Vec<u64> = new.open.keys().filter(|n| !new.numbers.contains_key(n)).copied().collect();
        for object in unsaid {
            let number = new.number(object, next);
            if let Some(event) = new.open.get(&object) {
                said.push(Event { object: number, phase: Phase::Begin, ..event.clone() });
            }
        }
        said
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nvr_base::geometry::Rect;

    fn event(object: u64, x: f32) -> Event {
        Event {
            kind: 1,
            phase: Phase::Begin,
            object,
            since_us: 0,
            start_us: 0,
            end_us: None,
            rect: Rect { x, y: 0.0, w: 0.2, h: 0.2 },
            score: 0.5,
            measured: 0.0,
            threshold: 0.0,
            detail: String::new(),
        }
    }

    /// Open objects of the old and of the new generation as number and place; what is said, as phase and number; the
    /// number outside of the new one's first object.
    fn check(old: &[(u64, f32)], new: &[(u64, f32)], expected: &[(Phase, u64)], first: u64) {
        let (mut before, mut after, mut next) = (Objects::default(), Objects::default(), 0);
        for (object, x) in old {
            assert!(before.take(&event(*object, *x)));
            before.number(*object, &mut next);
        }
        new.iter().for_each(|(object, x)| assert!(after.take(&event(*object, *x))));
        let said = before.hand_over(&mut after, &mut next, 9);
        let said: Vec<_> = said.iter().map(|e| (e.phase, e.object)).collect();
        assert_eq!(said, expected, "{old:?} {new:?}");
        if let Some((object, _)) = new.first() {
            assert_eq!(after.number(*object, &mut next), first, "{old:?} {new:?}");
        }
    }

    #[test]
    fn hand_over() {
        check(&[], &[], &[], 0);
        check(&[(7, 0.1)], &[(7, 0.1)], &[], 1);
        check(&[(7, 0.1)], &[(3, 0.12)], &[], 1);
        check(&[(7, 0.1)], &[], &[(Phase::End, 1)], 0);
        check(&[(7, 0.1)], &[(3, 0.8)], &[(Phase::End, 1), (Phase::Begin, 2)], 2);
        check(&[], &[(3, 0.8)], &[(Phase::Begin, 1)], 1);
        // The same number wins over the same place, and one object is continued once.
        check(&[(1, 0.1), (2, 0.12)], &[(2, 0.1)], &[(Phase::End, 1)], 2);
        check(&[(4, 0.1), (2, 0.12)], &[(2, 0.12), (4, 0.1)], &[], 2);
        // The numbers of two plugins mean nothing to each other.
        check(&[(7, 0.1)], &[(7, 0.8)], &[(Phase::End, 1), (Phase::Begin, 2)], 2);
    }

    #[test]
    fn only_open_objects_go_on() {
        let mut objects = Objects::default();
        let of = |phase| Event { phase, ..event(5, 0.0) };
        assert!(!objects.take(&of(Phase::Update)) && !objects.take(&of(Phase::End)));
        assert!(objects.take(&of(Phase::Begin)) && objects.take(&of(Phase::Update)));
        assert!(objects.take(&of(Phase::End)) && !objects.take(&of(Phase::End)));
    }
}
