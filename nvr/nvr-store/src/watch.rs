//! Blind intervals: what the journal says of rules, added up.
//!
//! Promises: pure; from the first word on a rule to the last, every instant is watched or in one blind interval with a
//! reason; the time between two runs is blind too.
//! Leaves to others: noticing (`nvr`), lines and files (`journal`).

use crate::record::{Line, Record};
use nvr_base::blind::BlindReason;
use nvr_base::{CameraId, RunEpoch, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Most rules that are remembered.
pub const WATCHES_MAX: usize = 2000;

/// How a rule stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// The rule's id.
    pub rule: String,
    /// Its camera.
    pub camera: CameraId,
    /// Since when.
    pub since: Utc,
    /// Why nobody watches; watched when absent.
    pub blind: Option<BlindReason>,
    /// The run that said so.
    pub run: RunEpoch,
    /// Number of the line that said so, in that run.
    pub number: u64,
}

/// Time in which a rule was not watched.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Blind {
    /// First instant.
    pub from: Utc,
    /// First instant after it; `None` while it lasts.
    pub to: Option<Utc>,
    /// The rule's id.
    pub rule: String,
    /// Its camera.
    pub camera: CameraId,
    /// Why.
    pub reason: BlindReason,
}

/// How all rules stand.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Watches(BTreeMap<String, Watch>);

impl Watches {
    /// As a checkpoint says.
    pub fn restore(&mut self, watches: &[Watch]) {
        self.0 = watches.iter().take(WATCHES_MAX).map(|w| (w.rule.clone(), w.clone())).collect();
    }

    /// Takes one line; intervals that are over with it go to `over`.
    pub fn apply(&mut self, line: &Line, over: &mut dyn FnMut(Blind)) {
        match &line.record {
            Record::RuleWatch { number, .. } | Record::RuleGone { number, .. }
                if self.is_old(line, *number) => {}
            Record::RuleWatch { number, rule, camera, from, blind } => {
                let known = self.0.contains_key(rule);
                if !known && self.0.len() >= WATCHES_MAX {
                    return;
                }
                let (camera, since, run, number) = (camera.clone(), *from, line.run, *number);
                let watch = Watch { rule: rule.clone(), camera, since, blind: *blind, run, number };
                if let Some(before) = self.0.insert(rule.clone(), watch) {
                    end(before, since, over);
                }
            }
            Record::RuleGone { rule, from, .. } => {
                if let Some(before) = self.0.remove(rule) {
                    end(before, *from, over);
                }
            }
            Record::RunStarted { alive_until, .. } => {
                for watch in self.0.values_mut().filter(|w| w.run != line.run && w.blind.is_none()) {
                    watch.since = alive_until.unwrap_or(line.at).max(watch.since);
                    watch.blind = Some(BlindReason::AnalysisDown);
                }
            }
            _ => {}
        }
    }

    /// A line that was written again after a failed flush, when what came after it is known already.
    fn is_old(&self, line: &Line, number: u64) -> bool {
        let (Record::RuleWatch { rule, .. } | Record::RuleGone { rule, .. }) = &line.record else {
            return false;
        };
        self.0.get(rule).is_some_and(|watch| (line.run, number) <= (watch.run, watch.number))
    }

    /// How each rule stands, by rule.
    pub fn iter(&self) -> impl Iterator<Item = &Watch> {
        self.0.values()
    }

    /// Intervals that last.
    pub fn lasting(&self) -> impl Iterator<Item = Blind> + '_ {
        self.0.values().filter_map(|w| {
            let (rule, camera) = (w.rule.clone(), w.camera.clone());
            Some(Blind { from: w.since, to: None, rule, camera, reason: w.blind? })
        })
    }
}

fn end(watch: Watch, at: Utc, over: &mut dyn FnMut(Blind)) {
    let Watch { rule, camera, since, blind: Some(reason), .. } = watch else { return };
    // The clock may have been set back meanwhile.
    if at > since {
        over(Blind { from: since, to: Some(at), rule, camera, reason });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words: `2r:plugin-down@5` (run 2: rule r is blind from 5 s), `2r:@7` (watched), `2r!@9` (gone), `3+4@9` (run 3
    /// starts at 9 s, the one before was alive until 4 s); intervals `r plugin-down 5-7`.
    fn check(words: &str, expected: &[&str]) {
        let mut watches = Watches::default();
        let mut got = Vec::new();
        for (word, number) in words.split_whitespace().zip(1..) {
            let (what, at) = word.split_once('@').unwrap();
            let at = Utc(at.parse::<i64>().unwrap() * 1_000_000);
            let (run, what) = what.split_at(1);
            let camera: CameraId = "gate".parse().unwrap();
            let record = if let Some(alive) = what.strip_prefix('+') {
                let alive_until = alive.parse::<i64>().ok().map(|s| Utc(s * 1_000_000));
                Record::RunStarted { alive_until, clean: false }
            } else if let Some(rule) = what.strip_suffix('!') {
                Record::RuleGone { number, rule: rule.into(), from: at }
            } else {
                let (rule, reason) = what.split_once(':').unwrap();
                let blind = BlindReason::ALL.iter().find(|(text, _)| *text == reason).map(|(_, r)| *r);
                Record::RuleWatch { number, rule: rule.into(), camera, from: at, blind }
            };
            let line = Line { at, run: RunEpoch(run.parse().unwrap()), record };
            watches.apply(&line, &mut |blind| got.push(blind));
            watches.apply(&line, &mut |blind| got.push(blind));
            let mut again = Watches::default();
            again.restore(&watches.iter().cloned().collect::<Vec<_>>());
            assert_eq!(again, watches, "a checkpoint stands for all before it");
        }
        got.extend(watches.lasting());
        let s = |t: Utc| t.0 / 1_000_000;
        let shown: Vec<String> = got
            .iter()
            .map(|b| format!("{} {} {}-{}", b.rule, b.reason, s(b.from), b.to.map_or(-1, s)))
            .collect();
        assert_eq!(shown, expected, "{words}");
    }

    #[test]
    fn intervals_have_reasons_and_no_holes() {
        check("1r:starting@1 1r:@3", &["r starting 1-3"]);
        check(
            "1r:starting@1 1r:plugin-down@3 1r:@9 1s:off-schedule@9",
            &["r starting 1-3", "r plugin-down 3-9", "s off-schedule 9--1"],
        );
        check("1r:@1 1r:camera-down@3 1r!@5 1r:@9", &["r camera-down 3-5"]);
        check("1r:too-dark@8 1r:@3", &[]);
    }

    #[test]
    fn between_runs_nobody_watches() {
        check("1r:@1 2+4@9 2r:starting@10 2r:@12", &["r analysis-down 4-10", "r starting 10-12"]);
        check("1r:too-dark@1 2+4@9 2r:@12", &["r too-dark 1-12"]);
        check("2r:@1 2+0@2", &[]);
    }
}
