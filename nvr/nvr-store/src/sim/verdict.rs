//! What must hold after every restart of the simulated site.
//!
//! Promises: each invariant is one look at the real store's answers; a failure shows the journal.
//! Leaves to others: bringing the site there (`sim`).

use super::{CAMERAS, LAST_US, SLACK_US, World, stream};
use crate::inspect::read;
use crate::mp4::{Depth, SegmentName};
use crate::query::timeline_of;
use crate::shared::Shared;
use crate::timeline::Timeline;
use crate::verify::{FindingKind, verify};
use nvr_base::{GapReason, StreamId, Utc};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

impl World {
    /// The invariants. Recovery is done, nothing records.
    pub(super) fn check(&mut self, shared: &Arc<Shared>) {
        let report = verify(shared, &mut |_, _| {}).unwrap();
        let faults: Vec<_> = report.findings.iter().filter(|f| f.kind != FindingKind::Torn).collect();
        assert!(faults.is_empty(), "{faults:#?}\n{}", self.journal(shared));
        let torn: Vec<_> = report.findings.iter().filter(|f| f.kind == FindingKind::Torn).collect();
        assert!(torn.is_empty() || self.dying_disk, "{torn:#?}\n{}", self.journal(shared));
        let fragments = self.fragments();
        for n in 0..CAMERAS {
            let stream = stream(n);
            let timeline = timeline_of(shared, &stream, None, None).unwrap();
            partition(&timeline, &stream);
            self.honest(&timeline, &stream);
            // Such an end may keep footage and lose the journal's line on the hole before it.
            let just_before = |at: Utc| {
                self.cuts.iter().any(|(flushed, cut)| at <= *cut && flushed.micros_since(at) < LAST_US)
            };
            let unexplained: Vec<_> = timeline
                .gaps
                .iter()
                .filter(|g| g.reason == GapReason::Unexplained && !g.to.is_some_and(just_before))
                .collect();
            assert!(
                unexplained.is_empty() || self.step_forgotten,
                "{stream}: {unexplained:#?}\n{timeline:#?}\n{}",
                self.journal(shared)
            );
            for ((s, sequence), (from, to)) in &self.promised {
                // Retention removes whole segments when space is short.
                if *s != stream || !fragments.contains_key(&(s.clone(), *sequence)) && self.space_was_short {
                    continue;
                }
                let kept =
                    timeline.spans.iter().any(|x| x.from <= *from && x.to.is_none_or(|end| end >= *to));
                assert!(
                    kept,
                    "{stream} segment {sequence}: {from:?}..{to:?} was flushed\n{}",
                    self.journal(shared)
                );
            }
        }
        self.promised.retain(|key, _| fragments.contains_key(key));
    }

    /// The journal, to read after a failure.
    fn journal(&self, shared: &Shared) -> String {
        let mut text = String::new();
        let _ = shared.journal.read_from(Default::default(), &mut |line| {
            text.push_str(&format!("{} {} {:?}\n", line.run.0, line.at, line.record));
        });
        text
    }

    /// Fragments on the disk, by segment; none twice.
    fn fragments(&self) -> BTreeMap<(StreamId, u64), usize> {
        let mut found = BTreeMap::new();
        let mut starts = BTreeSet::new();
        for path in self.disk.files() {
            let Some(name) =
                path.strip_prefix("/d").ok().and_then(|p| p.to_str()?.parse::<SegmentName>().ok())
            else {
                continue;
            };
            let (_, scan) =
                read(&self.disk, &path, Depth::Checksums).unwrap_or_else(|e| panic!("{name}: {e}"));
            for f in &scan.fragments {
                let once = starts.insert((name.stream.clone(), f.start, f.mono));
                assert!(once, "{name}: the fragment at {:?} is there twice", f.start);
            }
            found.insert((name.stream.clone(), name.sequence), scan.fragments.len());
        }
        found
    }

    /// No span claims what no camera sent.
    fn honest(&self, timeline: &Timeline, stream: &StreamId) {
        let mut sent = self.sent.get(stream).cloned().unwrap_or_default();
        sent.sort_unstable();
        let mut merged: Vec<(Utc, Utc)> = Vec::new();
        for (a, b) in sent {
            match merged.last_mut() {
                Some(last) if a.micros_since(last.1) <= SLACK_US => last.1 = last.1.max(b),
                _ => merged.push((a, b)),
            }
        }
        for span in &timeline.spans {
            let to = span.to.unwrap_or(span.from);
            let inside = |(a, b): &(Utc, Utc)| *a <= span.from && to.micros_since(*b) <= SLACK_US;
            assert!(merged.iter().any(inside), "{stream}: {span:?} was never sent\n{merged:#?}");
        }
    }
}

/// Spans and gaps cover all time from the first to now, once.
fn partition(timeline: &Timeline, stream: &StreamId) {
    let open = Utc(i64::MAX);
    let mut all: Vec<(Utc, Utc)> = timeline.spans.iter().map(|s| (s.from, s.to.unwrap_or(open))).collect();
    all.extend(timeline.gaps.iter().map(|g| (g.from, g.to.unwrap_or(open))));
    all.sort_unstable();
    for pair in all.windows(2) {
        assert_eq!(pair[0].1, pair[1].0, "{stream}: {timeline:#?}");
    }
}
