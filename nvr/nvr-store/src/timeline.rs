//! The timeline of a stream: what is recorded and what is not, with the reason.
//!
//! Promises: spans and gaps cover the asked range without overlap or silence; a hole that nothing explains is a gap
//! `unexplained`; the same input gives the same answer.
//! Leaves to others: where rows and gap entries come from (`index`, `slot`), words (texts).

use nvr_base::{GapReason, Utc};
use serde::{Deserialize, Serialize};

/// Recorded time without a hole. `to` is `None` while it grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// First recorded instant.
    pub from: Utc,
    /// End of the last sample.
    pub to: Option<Utc>,
}

/// Time without footage. `to` is `None` while it lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hole {
    /// First unrecorded instant.
    pub from: Utc,
    /// First recorded instant after it.
    pub to: Option<Utc>,
    /// Why.
    pub reason: GapReason,
}

/// What is recorded of a stream in a range, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Timeline {
    /// Recorded.
    pub spans: Vec<Span>,
    /// Not recorded.
    pub gaps: Vec<Hole>,
}
