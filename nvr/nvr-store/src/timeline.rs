//! The timeline of a stream: what is recorded and what is not, with the reason.
//!
//! Promises: spans and gaps cover the asked range without overlap or silence; a hole that nothing explains is a gap
//! `unexplained`; the same input gives the same answer.
//! Leaves to others: where rows and gap entries come from (`index`, `slot`), words (texts).

use crate::gaps::GAP_TOLERANCE_US;
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

/// What is known about a stream, for one answer. Order does not matter.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Recorded intervals: one a segment.
    pub recorded: Vec<(Utc, Utc)>,
    /// Gap entries of the journal; an end of `None` is an open gap.
    pub entries: Vec<Hole>,
    /// When no recorder ran: from, to (`None`: still), and whether the run before ended in good order.
    pub stopped: Vec<Stopped>,
    /// Everything before this was removed by retention, unless it is still there.
    pub expired_until: Option<Utc>,
    /// The first instant this stream was ever known.
    pub first_seen: Option<Utc>,
    /// The last recorded interval is growing right now.
    pub live: bool,
    /// Now.
    pub now: Utc,
}

/// Time between two runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped {
    /// End of a run, as well as it is known.
    pub from: Utc,
    /// Start of the next run.
    pub to: Option<Utc>,
    /// The run said goodbye.
    pub clean: bool,
}

/// The timeline of `known` between `from` (default: the first footage or gap entry) and `to` (default: now).
pub fn timeline(known: &Known, from: Option<Utc>, to: Option<Utc>) -> Timeline {
    let merged = merge(known);
    let Some(begin) = begin(known, &merged, from) else { return Timeline::default() };
    // Footage may lie in the future of a clock that was set back.
    let last = merged.last().map_or(known.now, |s| s.1.max(known.now));
    let end = to.unwrap_or(last).min(last);
    let ends_open = |at: Utc| at >= end && to.is_none_or(|to| to > end);
    let mut out = Timeline::default();
    let mut at = begin;
    for (i, (a, b)) in merged.iter().enumerate() {
        // What lies ahead of a clock that was set back does not grow.
        let growing = known.live && i + 1 == merged.len() && *a <= known.now;
        let b = if growing { (*b).max(end) } else { *b };
        if b <= begin || *a >= end {
            continue;
        }
        let a = (*a).max(begin);
        holes(known, at, a, false, &mut out.gaps);
        let open = growing && ends_open(b);
        out.spans.push(Span { from: a, to: (!open).then_some(b.min(end)) });
        at = b.min(end);
    }
    if at < end {
        holes(known, at, end, ends_open(end), &mut out.gaps);
    }
    out
}

/// Sorts and merges intervals that overlap or nearly touch. A gap that was entered, and one between two runs, is kept
/// however short.
fn merge(known: &Known) -> Vec<(Utc, Utc)> {
    let entered = |a: Utc, b: Utc| known.entries.iter().any(|e| e.from < b && e.to.is_some_and(|to| to > a));
    // The start of the run that lies between the starts of two intervals.
    let run_between = |a: Utc, b: Utc| {
        known.stopped.iter().filter_map(|s| s.to).filter(|began| *began > a && *began <= b).min()
    };
    let mut sorted = known.recorded.clone();
    sorted.sort_unstable();
    let mut merged: Vec<(Utc, Utc)> = Vec::new();
    let mut began = Utc(i64::MIN); // of the interval before
    for (a, b) in sorted {
        let run = run_between(began, a);
        began = a;
        let Some(last) = merged.last_mut() else {
            merged.push((a, b.max(a)));
            continue;
        };
        // How long the last picture of a run lasts is an estimate: it may reach past the start of the next run, and no
        // footage of a run can.
        if let Some(run) = run.filter(|run| last.1 > *run && last.1.micros_since(*run) <= GAP_TOLERANCE_US) {
            last.1 = run;
        }
        let hole = a.micros_since(last.1);
        if hole <= 0 || (hole <= GAP_TOLERANCE_US && run.is_none() && !entered(last.1, a)) {
            last.1 = last.1.max(b);
        } else {
            merged.push((a, b.max(a)));
        }
    }
    merged
}

fn begin(known: &Known, merged: &[(Utc, Utc)], from: Option<Utc>) -> Option<Utc> {
    let first_span = merged.first().map(|s| s.0);
    let first_entry =
        known.entries.iter().map(|e| e.from).filter(|f| known.expired_until.is_none_or(|x| *f >= x)).min();
    let first = first_span.into_iter().chain(first_entry).min();
    match from {
        None => first,
        Some(from) => {
            let seen = first.into_iter().chain(known.first_seen).min()?;
            Some(from.max(seen))
        }
    }
}

/// Gives every part of the unrecorded `[a, b)` its reason.
fn holes(known: &Known, a: Utc, b: Utc, open: bool, out: &mut Vec<Hole>) {
    if a >= b {
        return;
    }
    let mut cuts = vec![a, b];
    let inside = |t: Utc| (t > a && t < b).then_some(t);
    for e in &known.entries {
        cuts.extend(inside(e.from));
        cuts.extend(e.to.and_then(inside));
    }
    cuts.extend(known.expired_until.and_then(inside));
    cuts.sort_unstable();
    cuts.dedup();
    let mut pieces: Vec<Hole> = Vec::new();
    for pair in cuts.windows(2) {
        let &[at, to] = pair else { continue };
        let from = if pieces.is_empty() { a } else { at };
        let entry = known
            .entries
            .iter()
            .filter(|e| e.from <= at && e.to.is_none_or(|end| end >= to))
            .max_by_key(|e| e.from);
        let reason = entry.map(|e| e.reason);
        // A sliver between exact entries is an estimate's error: it belongs to its neighbour.
        match (reason, pieces.last_mut()) {
            (None, Some(last)) if to.micros_since(at) <= GAP_TOLERANCE_US => last.to = Some(to),
            (None, None) if to.micros_since(at) <= GAP_TOLERANCE_US && to < b => {}
            (reason, last) => {
                let reason = reason.unwrap_or_else(|| unentered(known, (from, to), (a, b)));
                match last {
                    Some(last) if last.reason == reason => last.to = Some(to),
                    _ => pieces.push(Hole { from, to: Some(to), reason }),
                }
            }
        }
    }
    if let Some(last) = pieces.last_mut().filter(|_| open) {
        last.to = None;
    }
    out.extend(pieces);
}

/// The reason of a piece of a hole without an entry: its own, or else that of the whole.
fn unentered(known: &Known, piece: (Utc, Utc), hole: (Utc, Utc)) -> GapReason {
    let (_, to) = piece;
    if known.expired_until.is_some_and(|until| to <= until) {
        return GapReason::Expired;
    }
    // A run that begins within the hole explains it, even when the clock was set back and the run before seems to
    // have ended later.
    let explains = |s: &Stopped, (from, to): (Utc, Utc)| {
        let begins = s.to.is_some_and(|t| t >= from && t <= to);
        begins || (s.from < to && s.to.is_none_or(|end| end > from))
    };
    let find = |part| known.stopped.iter().rfind(|s| explains(s, part));
    let stop = find(piece).or_else(|| find(hole));
    match stop {
        Some(stop) if stop.clean => GapReason::RecorderStopped,
        Some(_) => GapReason::RecorderDown,
        None => GapReason::Unexplained,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use GapReason::*;

    fn s(seconds: i64) -> Utc {
        Utc(seconds * 1_000_000)
    }

    fn hole(from: i64, to: Option<i64>, reason: GapReason) -> Hole {
        Hole { from: s(from), to: to.map(s), reason }
    }

    fn known(recorded: &[(i64, i64)], entries: &[Hole]) -> Known {
        Known {
            recorded: recorded.iter().map(|(a, b)| (s(*a), s(*b))).collect(),
            entries: entries.to_vec(),
            now: s(1000),
            ..Known::default()
        }
    }

    fn check(
        known: &Known,
        range: (Option<i64>, Option<i64>),
        spans: &[(i64, Option<i64>)],
        gaps: &[(i64, Option<i64>, GapReason)],
    ) {
        let got = timeline(known, range.0.map(s), range.1.map(s));
        let spans: Vec<_> = spans.iter().map(|(a, b)| Span { from: s(*a), to: b.map(s) }).collect();
        let gaps: Vec<_> = gaps.iter().map(|(a, b, r)| hole(*a, *b, *r)).collect();
        assert_eq!(got, Timeline { spans, gaps }, "{known:?} {range:?}");
    }

    #[test]
    fn nothing_known_is_nothing_said() {
        check(&known(&[], &[]), (None, None), &[], &[]);
        check(&known(&[], &[]), (Some(1), Some(2)), &[], &[]);
    }

    #[test]
    fn live_footage_is_an_open_span() {
        let mut k = known(&[(0, 60), (60, 120), (120, 999)], &[]);
        k.live = true;
        check(&k, (None, None), &[(0, None)], &[]);
        check(&k, (Some(30), Some(500)), &[(30, Some(500))], &[]);
        check(&k, (Some(30), Some(5000)), &[(30, None)], &[]);
        // The clock was set back: what is ahead of it does not grow.
        let mut k = known(&[(900, 999), (4500, 4600)], &[hole(999, Some(4500), ClockStep)]);
        k.live = true;
        check(&k, (None, None), &[(900, Some(999)), (4500, Some(4600))], &[(999, Some(4500), ClockStep)]);
    }

    #[test]
    fn holes_have_reasons() {
        let k = known(
            &[(0, 60), (100, 160), (300, 400)],
            &[hole(60, Some(100), CameraDown), hole(400, None, CameraStalled)],
        );
        check(
            &k,
            (None, None),
            &[(0, Some(60)), (100, Some(160)), (300, Some(400))],
            &[(60, Some(100), CameraDown), (160, Some(300), Unexplained), (400, None, CameraStalled)],
        );
        check(&k, (Some(70), Some(110)), &[(100, Some(110))], &[(70, Some(100), CameraDown)]);
        check(&k, (Some(500), Some(600)), &[], &[(500, Some(600), CameraStalled)]);
    }

    #[test]
    fn entries_split_a_hole_and_runs_explain_the_rest() {
        let mut k = known(&[(0, 60), (300, 400)], &[hole(60, Some(100), CameraDown)]);
        k.stopped = vec![Stopped { from: s(110), to: Some(s(290)), clean: false }];
        k.live = true;
        check(
            &k,
            (None, None),
            &[(0, Some(60)), (300, None)],
            &[(60, Some(100), CameraDown), (100, Some(300), RecorderDown)],
        );
        k.live = false;
        k.stopped.push(Stopped { from: s(401), to: None, clean: true });
        check(&k, (Some(350), None), &[(350, Some(400))], &[(400, None, RecorderStopped)]);
    }

    #[test]
    fn a_short_hole_is_a_gap_when_it_was_entered() {
        let at = |ms: i64| Utc::from_millis(ms);
        let mut k = known(&[], &[Hole { from: at(1000), to: Some(at(1100)), reason: CameraBroken }]);
        k.recorded = vec![(at(0), at(1000)), (at(1100), at(2000)), (at(2100), at(1_000_000))];
        let got = timeline(&k, None, None);
        let spans: Vec<_> =
            got.spans.iter().map(|s| (s.from.as_millis(), s.to.map(Utc::as_millis))).collect();
        assert_eq!(spans, [(0, Some(1000)), (1100, Some(1_000_000))]);
        assert_eq!(got.gaps, k.entries);
    }

    #[test]
    fn a_hole_between_two_runs_is_a_gap_however_short() {
        let at = |ms: i64| Utc::from_millis(ms);
        // The end of the run before as the last picture's length has it; the new run's start; its first picture.
        for (end, run, first, gap_from) in [
            (1000, 1050, 1100, 1000),
            (1000, 1000, 1100, 1000),
            (1060, 1050, 1100, 1050),
            (1200, 1050, 1100, 1050),
        ] {
            let k = Known {
                recorded: vec![
                    (at(0), at(500)),
                    (at(500), at(end)),
                    (at(first), at(2000)),
                    (at(2000), at(9000)),
                ],
                stopped: vec![Stopped { from: at(400), to: Some(at(run)), clean: false }],
                now: at(9000),
                ..Known::default()
            };
            let gap = Hole { from: at(gap_from), to: Some(at(first)), reason: RecorderDown };
            assert_eq!(timeline(&k, None, None).gaps, [gap], "{end} {run} {first}");
        }
    }

    #[test]
    fn what_retention_removed_is_expired() {
        let mut k = known(&[(100, 160), (300, 1000)], &[]);
        k.expired_until = Some(s(300));
        k.first_seen = Some(s(10));
        check(&k, (None, None), &[(100, Some(160)), (300, Some(1000))], &[(160, Some(300), Expired)]);
        check(&k, (Some(0), Some(110)), &[(100, Some(110))], &[(10, Some(100), Expired)]);
    }

    #[test]
    fn overlapping_epochs_lose_nothing() {
        check(&known(&[(100, 200), (150, 260), (260, 1000)], &[]), (None, None), &[(100, Some(1000))], &[]);
        // Footage after "now": the clock was set back an hour.
        check(&known(&[(900, 4600), (950, 1000)], &[]), (None, None), &[(900, Some(4600))], &[]);
    }

    #[test]
    fn the_answer_covers_the_range_exactly() {
        let mut rng = fastrand::Rng::with_seed(7);
        for _ in 0..500 {
            let mut k = Known { now: s(500), live: rng.bool(), ..Known::default() };
            for _ in 0..rng.usize(1..8) {
                let a = rng.i64(0..480);
                k.recorded.push((s(a), s(a + rng.i64(1..20))));
            }
            for _ in 0..rng.usize(0..5) {
                let a = rng.i64(0..480);
                k.entries.push(hole(a, Some(a + rng.i64(1..60)), CameraDown));
            }
            let t = timeline(&k, None, None);
            let mut all: Vec<(Utc, Utc)> = t.spans.iter().map(|x| (x.from, x.to.unwrap_or(s(500)))).collect();
            all.extend(t.gaps.iter().map(|x| (x.from, x.to.unwrap_or(s(500)))));
            all.sort_unstable();
            for pair in all.windows(2) {
                assert_eq!(pair[0].1, pair[1].0, "{k:?}\n{t:?}");
            }
            assert_eq!(all.last().map(|x| x.1), Some(s(500)), "{k:?}");
        }
    }
}
