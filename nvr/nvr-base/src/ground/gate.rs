//! The calibration gate: whether a rule's place has the pixels a metre that it needs.
//!
//! Promises: pure; without a calibration or a picture's size the answer is unknown, never a guess; a place that reaches the
//! horizon has 0 pixels a metre there.
//! Leaves to others: what follows from it (`nvr check`, the service, `nvr replay`).

use super::Ground;
use crate::geometry::{Line, Polygon};

/// What the gate says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Gate {
    /// Enough, or nothing is needed.
    Met,
    /// Too few.
    Below {
        /// Pixels a metre at the far edge; 0 where it reaches the horizon.
        measured: f64,
        /// Pixels a metre that are needed.
        needed: f64,
    },
    /// The camera is not calibrated, or the size of its picture is not known.
    Unknown,
}

/// Pixels a metre at the far edge of a rule's place: the lowest over its zone and line, over the whole picture when it has
/// neither. `width_px` is the width of the picture that is analysed. `None`: not known.
pub fn px_per_m(
    ground: Option<&Ground>,
    zone: Option<&Polygon>,
    line: Option<&Line>,
    width_px: Option<u32>,
) -> Option<f64> {
    let (ground, width_px) = (ground?, width_px.filter(|px| *px > 0)?);
    let line = line.map(|line| Polygon(vec![line.a, line.b]));
    let whole = (zone.is_none() && line.is_none()).then(Polygon::picture);
    let places = zone.into_iter().chain(&line).chain(&whole);
    let scales = places.map(|place| ground.px_per_m_min(place, width_px).unwrap_or(0.0));
    scales.reduce(f64::min)
}

/// Whether `measured` ([`px_per_m`]) is what a rule needs; a need of 0 or none is always met.
pub fn gate(measured: Option<f64>, needed: Option<f64>) -> Gate {
    match (needed.filter(|n| *n > 0.0), measured) {
        (None, _) => Gate::Met,
        (Some(_), None) => Gate::Unknown,
        (Some(needed), Some(measured)) if measured < needed => Gate::Below { measured, needed },
        (Some(_), Some(_)) => Gate::Met,
    }
}
