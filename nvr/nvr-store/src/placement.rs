//! Which disk takes a new segment: a pure choice.
//!
//! Promises: a failed disk is avoided while another works; a stream stays where it is unless that clearly helps.
//! Leaves to others: measuring space, declaring a disk failed (`disk_state`).

use crate::config::PlacementPolicy;
use crate::disk::Space;

/// A stream moves only to a disk whose free share is higher by this, percent.
const MOVE_PERCENT: u64 = 5;

/// What is known of a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// Its space at the last look.
    pub space: Space,
    /// Writing to it failed lately.
    pub failed: bool,
}

impl Candidate {
    fn free_percent(&self) -> u64 {
        self.space.free.saturating_mul(100).checked_div(self.space.total).unwrap_or(0)
    }
}

/// The disk for the next segment of a stream that is on `current`; `stream` spreads the first choices. With no
/// disk that works, `current` or the first.
pub fn place(policy: PlacementPolicy, disks: &[Candidate], current: Option<usize>, stream: usize) -> usize {
    let good = |i: &usize| disks.get(*i).is_some_and(|d| !d.failed);
    let working: Vec<usize> = (0..disks.len()).filter(good).collect();
    let (Some(first), stay) = (working.first().copied(), current.filter(good)) else {
        return current.unwrap_or(0);
    };
    if policy == PlacementPolicy::FirstGood {
        return first;
    }
    let share = |i: usize| disks.get(i).map_or(0, Candidate::free_percent);
    let best = working.iter().copied().map(share).max().unwrap_or(0);
    match stay {
        Some(i) if share(i) + MOVE_PERCENT >= best => i,
        _ => {
            // Streams that begin together share the disks that are about equally free.
            let near: Vec<usize> = working.into_iter().filter(|i| share(*i) + MOVE_PERCENT >= best).collect();
            near.get(stream % near.len().max(1)).copied().unwrap_or(first)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use PlacementPolicy::{FirstGood, MostFree};

    fn disk(free: u64, failed: bool) -> Candidate {
        Candidate { space: Space { free, total: 100 }, failed }
    }

    fn check(
        policy: PlacementPolicy,
        disks: &[Candidate],
        current: Option<usize>,
        stream: usize,
        expected: usize,
    ) {
        assert_eq!(place(policy, disks, current, stream), expected, "{disks:?} from {current:?}");
    }

    #[test]
    fn places() {
        let (a, b, dead) = (disk(50, false), disk(80, false), disk(99, true));
        check(MostFree, &[a], None, 3, 0);
        check(MostFree, &[a, b, dead], None, 0, 1);
        check(MostFree, &[a, b], Some(0), 0, 1);
        check(MostFree, &[a, disk(54, false)], Some(0), 0, 0);
        check(MostFree, &[a, disk(54, false)], None, 1, 1);
        check(MostFree, &[dead, a], Some(0), 0, 1);
        check(MostFree, &[dead], Some(0), 0, 0);
        check(MostFree, &[], None, 0, 0);
        check(FirstGood, &[a, b], Some(1), 0, 0);
        check(FirstGood, &[dead, b], Some(0), 0, 1);
    }
}
