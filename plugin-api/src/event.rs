//! What a detector says: events and samples.
//!
//! Promises: plain data; [`Event::fault`] finds what no honest event has. Leaves to others: turning events into alerts.

use crate::abi;
use crate::closed::{Direction, EventType, Phase, Series};
use nvr_base::geometry::Rect;
use nvr_base::label::Class;

/// One phase of one object.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// What.
    pub kind: EventType,
    /// Where it stands.
    pub phase: Phase,
    /// The plugin's number of the object.
    pub object: u64,
    /// Media time at which the condition became true, µs.
    pub since_us: i64,
    /// Media time at which the alert is raised, dwell included, µs.
    pub start_us: i64,
    /// Media time at which it was last true, µs; only at the end.
    pub end_us: Option<i64>,
    /// Where.
    pub rect: Rect,
    /// How sure, 0..1.
    pub score: f32,
    /// What was measured.
    pub measured: f32,
    /// What it was compared with.
    pub threshold: f32,
    /// `key=value key=value`, at most `abi::DETAIL_BYTES_MAX`.
    pub detail: String,
}

impl Event {
    /// What is wrong with it, if anything: not a number, a box or score outside 0..1, an end before its start.
    pub fn fault(&self) -> Option<&'static str> {
        let Rect { x, y, w, h } = self.rect;
        let numbers = [x, y, w, h, self.score, self.measured, self.threshold];
        if numbers.iter().any(|n| !n.is_finite()) {
            return Some("not a number");
        }
        if w < 0.0 || h < 0.0 || [x, y, x + w, y + h].iter().any(|n| !(-0.5..=1.5).contains(n)) {
            return Some("box far outside the picture");
        }
        if !(0.0..=1.0).contains(&self.score) {
            return Some("score outside 0..1");
        }
        if self.since_us > self.start_us || self.end_us.is_some_and(|end| end < self.since_us) {
            return Some("times out of order");
        }
        if self.end_us.is_some() != (self.phase == Phase::End) {
            return Some("an end time belongs to the end, and only to it");
        }
        (self.detail.len() > abi::DETAIL_BYTES_MAX).then_some("detail too long")
    }
}

/// A count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Into which series.
    pub series: Series,
    /// Of what.
    pub class: Class,
    /// Over a line, or none.
    pub direction: Direction,
    /// How many.
    pub n: u32,
    /// Media time, µs.
    pub at_us: i64,
}
