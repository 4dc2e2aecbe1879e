//! Locked intervals: footage that retention never evicts.
//!
//! Promises: a lock is in force once the call returns, and after any crash.
//! Leaves to others: who may lock (`nvr-gateway`), evicting the rest (`retention`).

use nvr_base::{CameraId, Utc};
use serde::{Deserialize, Serialize};

/// Most locks a store keeps.
pub const LOCKS_MAX: usize = 10_000;

/// One locked interval of all streams of a camera.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FootageLock {
    /// The camera.
    pub camera: CameraId,
    /// First instant kept.
    pub from: Utc,
    /// First instant no longer kept.
    pub to: Utc,
    /// Why, in the operator's words.
    pub reason: String,
    /// Who locked it.
    pub who: String,
    /// When.
    pub at: Utc,
}

impl FootageLock {
    /// Whether footage of `camera` in `[from, to]` is kept by this lock. Bounds that only touch count: keeping a
    /// second too much is better than one too few.
    pub fn covers(&self, camera: &CameraId, from: Utc, to: Utc) -> bool {
        self.camera == *camera && self.from <= to && from <= self.to
    }
}

/// `locks` without the range `[from, to)` of `camera`; what a lock holds on either side stays locked.
pub fn cut(locks: &[FootageLock], camera: &CameraId, from: Utc, to: Utc) -> Vec<FootageLock> {
    let mut left = Vec::with_capacity(locks.len());
    for lock in locks {
        if lock.camera != *camera || lock.to <= from || to <= lock.from {
            left.push(lock.clone());
            continue;
        }
        let parts = [(lock.from, from.min(lock.to)), (to.max(lock.from), lock.to)];
        for (a, b) in parts.into_iter().filter(|(a, b)| a < b) {
            left.push(FootageLock { from: a, to: b, ..lock.clone() });
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock(camera: &str, from: i64, to: i64) -> FootageLock {
        let (camera, at) = (camera.parse().unwrap(), Utc(0));
        FootageLock { camera, from: Utc(from), to: Utc(to), reason: "why".into(), who: "me".into(), at }
    }

    fn check(locks: &[FootageLock], range: (i64, i64), expected: &[FootageLock]) {
        assert_eq!(cut(locks, &"a".parse().unwrap(), Utc(range.0), Utc(range.1)), expected, "{range:?}");
    }

    #[test]
    fn cutting_keeps_both_sides() {
        let locks = [lock("a", 10, 20), lock("b", 10, 20)];
        check(&locks, (0, 10), &locks);
        check(&locks, (20, 30), &locks);
        check(&locks, (10, 20), &[lock("b", 10, 20)]);
        check(&locks, (0, 15), &[lock("a", 15, 20), lock("b", 10, 20)]);
        check(&locks, (12, 15), &[lock("a", 10, 12), lock("a", 15, 20), lock("b", 10, 20)]);
    }
}
