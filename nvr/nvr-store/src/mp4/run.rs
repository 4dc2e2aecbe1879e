//! Runs: fragments of several segments that follow one another without a hole and decode with one set of parameters.
//!
//! Promises: every fragment belongs to one run, in order; a run never spans a change of format.
//! Leaves to others: which part of a run is shown (`plan`).

use super::fragment::FragmentInfo;
use super::scan::SegmentScan;
use nvr_base::{TICKS_PER_S, Ticks};

/// A hole shorter than this, ticks, is jitter of the camera, not a gap: 0.5 s.
pub(super) const HOLE_TICKS_MIN: i64 = TICKS_PER_S / 2;
/// Frames by which the spans of two fragments may overlap or part: pictures are stored in decoding order.
const REORDER_FRAMES: i64 = 4;

/// A fragment and the segment it lies in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Placed<'a> {
    pub(super) segment: usize,
    pub(super) scan: &'a SegmentScan,
    pub(super) info: &'a FragmentInfo,
}

/// Fragments without a hole between them.
pub(super) type Run<'a> = Vec<Placed<'a>>;

/// Splits the fragments of `segments`, which are in order, into runs.
pub(super) fn split(segments: &[SegmentScan]) -> Vec<Run<'_>> {
    let mut runs: Vec<Run<'_>> = Vec::new();
    let placed = segments
        .iter()
        .enumerate()
        .flat_map(|(segment, scan)| scan.fragments.iter().map(move |info| Placed { segment, scan, info }));
    for next in placed {
        match runs.last_mut() {
            Some(run) if run.last().is_some_and(|last| follows(last, &next, last_picture_end(run))) => {
                run.push(next);
            }
            _ => runs.push(vec![next]),
        }
    }
    runs
}

/// When the last picture of `run` ends; fragments of sound alone have none.
fn last_picture_end(run: &Run<'_>) -> Option<Ticks> {
    run.iter().rev().find(|p| p.info.video_samples > 0).map(|p| p.info.end)
}

/// `end` is when the last picture of the run ends.
fn follows(last: &Placed<'_>, next: &Placed<'_>, end: Option<Ticks>) -> bool {
    let Some(end) = end else { return false };
    if last.segment != next.segment && last.scan.format != next.scan.format {
        return false;
    }
    let hole = next.info.start.since(end);
    if next.info.video_samples == 0 {
        // Sound while a picture stands: of slow cameras it comes in fragments of its own.
        return hole < HOLE_TICKS_MIN && next.info.start.since(last.info.start) > -HOLE_TICKS_MIN;
    }
    let frame = |f: &FragmentInfo| f.end.since(f.start) / i64::from(f.video_samples.max(1));
    let jitter = HOLE_TICKS_MIN.max(frame(last.info).max(frame(next.info)).saturating_mul(REORDER_FRAMES));
    (-jitter..=jitter).contains(&hole)
}
