//! What a replay prints: alerts when they are over or at the end, tallies, and for people the times it took.
//!
//! Promises: the same answers give the same lines. Leaves to others: events to alerts (`nvr_alerts`).

use super::detectors::Answers;
use super::tally::Tally;
use crate::terminal::{print_json, print_line};
use nvr_alerts::raise::{Alert, Event, Outcome, Phase, Raiser};
use nvr_base::perceive_protocol::ReplaySummary;
use nvr_base::rule::RulesFile;
use nvr_plugins::protocol;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What is printed.
pub(super) struct Report<'a> {
    json: bool,
    rules: &'a RulesFile,
    raisers: Vec<Raiser>,
    tallies: BTreeMap<usize, Tally>,
}

impl<'a> Report<'a> {
    pub(super) fn new(json: bool, rules: &'a RulesFile, counts: &[bool]) -> Self {
        let raisers = rules.rules.iter().map(|rule| Raiser::new(rule.rearm_s)).collect();
        let counting = rules.rules.iter().enumerate().filter(|(n, _)| counts.get(*n) == Some(&true));
        let tallies = counting.map(|(n, rule)| (n, Tally::new(rule.classes.as_deref()))).collect();
        Self { json, rules, raisers, tallies }
    }

    /// Alerts are printed when they are over, or at the end.
    pub(super) fn take(&mut self, answers: &Answers) -> anyhow::Result<()> {
        for (number, event) in &answers.events {
            let Some(raiser) = self.raisers.get_mut(*number) else { continue };
            if let Outcome::Ended(alert) = raiser.step(&said(event)) {
                self.alert(*number, &alert)?;
            }
        }
        for (number, sample) in &answers.samples {
            if let Some(tally) = self.tallies.get_mut(number) {
                tally.add(sample);
            }
        }
        Ok(())
    }

    /// Alerts that last, with the numbers of their rules.
    pub(super) fn open(&self) -> impl Iterator<Item = (usize, &Alert)> {
        self.raisers.iter().enumerate().flat_map(|(number, raiser)| raiser.open().map(move |a| (number, a)))
    }

    /// What each counting rule has counted so far, in words.
    pub(super) fn counted(&self) -> impl Iterator<Item = String> {
        let named = |(number, tally): (&usize, &Tally)| {
            Some(format!("{}: {tally}", self.rules.rules.get(*number)?.id))
        };
        self.tallies.iter().filter_map(named)
    }

    /// What lasts, tallies, and what was done: to people, and to scripts that ask for it.
    pub(super) fn end(&mut self, summary: &ReplaySummary, is_summed_up: bool) -> anyhow::Result<()> {
        let open: Vec<(usize, Alert)> =
            self.raisers.iter().enumerate().flat_map(|(n, r)| r.open().map(move |a| (n, *a))).collect();
        for (number, alert) in open {
            self.alert(number, &alert)?;
        }
        for (number, tally) in &self.tallies {
            self.line(*number, json!({"tally": tally.to_json()}), &tally.to_string())?;
        }
        let [decode, scale, detect, track] = summary.stages_us.map(|us| us / 1000);
        if self.json && is_summed_up {
            print_json(&json!({"summary": {
                "frames": summary.frames, "analysed": summary.analysed, "seconds": seconds(summary.last_us),
                "stages_ms": {"decode": decode, "scale": scale, "detect": detect, "track": track},
            }}))?;
        } else if !self.json {
            print_line(&format!(
                "{} of {} frames analysed, {} s; decoding {decode} ms, scaling {scale} ms, detecting {detect} ms, tracking {track} ms",
                summary.analysed,
                summary.frames,
                seconds(summary.last_us),
            ))?;
        }
        Ok(())
    }

    fn alert(&self, number: usize, alert: &Alert) -> anyhow::Result<()> {
        let place = alert.rect.to_array().map(|n| (f64::from(n) * 1e4).round() / 1e4);
        let (start_s, end_s) = (seconds(alert.start_us), alert.end_us.map(seconds));
        let value = json!({
            "start_s": start_s, "end_s": end_s, "box": place, "score": rounded(alert.score),
            "measured": rounded(alert.measured.0), "threshold": rounded(alert.measured.1),
        });
        let until = end_s.map_or("the end".to_owned(), |s| format!("{s} s"));
        self.line(number, value, &format!("{start_s} s to {until}, score {:.2}", alert.score))
    }

    fn line(&self, number: usize, value: Value, words: &str) -> anyhow::Result<()> {
        let Some(rule) = self.rules.rules.get(number) else { return Ok(()) };
        if !self.json {
            return print_line(&format!("{}: {words}", rule.id));
        }
        let mut line = json!({"rule": rule.id, "situation": rule.situation.as_str()});
        if let (Some(all), Value::Object(own)) = (line.as_object_mut(), value) {
            all.extend(own);
        }
        print_json(&line)
    }
}

fn seconds(us: i64) -> f64 {
    (us as f64 / 1e3).round() / 1e3
}

fn rounded(value: f32) -> f64 {
    (f64::from(value) * 1e3).round() / 1e3
}

fn said(event: &protocol::Event) -> Event {
    let (phase, at_us) = match event.phase {
        protocol::Phase::Begin => (Phase::Begin, event.start_us),
        protocol::Phase::Update => (Phase::Update, event.start_us),
        protocol::Phase::End => (Phase::End, event.end_us.unwrap_or(event.start_us)),
    };
    let measured = (event.measured, event.threshold);
    Event { object: event.object, phase, at_us, rect: event.rect, score: event.score, measured }
}
