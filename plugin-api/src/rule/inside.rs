//! Being in a zone: by the foot point, and from first sight on for what is seen first inside.
//!
//! Promises: predicted boxes move nothing: what is not seen stays where it was seen. Leaves to others: dwell (`episode`),
//! continuity (`relay`).

use super::{Held, Holds};
use nvr_base::geometry::Polygon;

/// A track is confirmed, and given, at most so long after its first detection, µs; what is older was watched by nobody.
pub const CONFIRM_US_MAX: i64 = 2_000_000;

/// One object at one zone.
#[derive(Debug, Clone, Copy, Default)]
pub struct Inside {
    /// At least once: where it is first seen counts from the first sight.
    seen: bool,
    since_us: Option<i64>,
}

impl Inside {
    /// One scene: since when its foot is in the zone, or that it is not to be seen.
    pub fn update(&mut self, zone: &Polygon, held: &Held, at_us: i64) -> Holds {
        if held.is_seen() {
            let first_us = held.track.first_seen_us;
            let is_first = !self.seen && at_us - first_us <= CONFIRM_US_MAX;
            let since_us = if is_first { first_us } else { at_us };
            let is_inside = zone.contains(held.track.rect.foot());
            self.since_us = is_inside.then(|| self.since_us.unwrap_or(since_us));
            self.seen = true;
        }
        match self.since_us {
            _ if !held.present => Holds::Unknown,
            Some(since_us) => Holds::Since(since_us),
            None => Holds::No,
        }
    }
}
