//! A step of a check and how it came out, one line each: what `nvr plugins verify` and `nvr doctor` print.
//!
//! Promises: a line is printed when its step is over, so a slow check shows where it is; what is not fine has a remedy.
//! Leaves to others: the steps.

use crate::terminal::{print_json, print_line};
use nvr_base::text::{Arg, Texts, text, texts};
use serde::Serialize;
use serde_json::{Value, json};
use std::process::ExitCode;

/// How a step came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    /// As it should be.
    Ok,
    /// It works; something is missing or weak.
    Warn,
    /// It does not work.
    Fail,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Verdict {
    /// What was looked at; `step-ID` names it.
    pub(crate) step: &'static str,
    /// How it came out.
    pub(crate) level: Level,
    /// What was found.
    pub(crate) what: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) remedy: Option<String>,
}

impl Verdict {
    /// It is fine.
    pub(crate) fn ok(step: &'static str, what: impl Into<String>) -> Self {
        Self { step, level: Level::Ok, what: what.into(), remedy: None }
    }

    /// It works, but.
    pub(crate) fn warn(step: &'static str, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { step, level: Level::Warn, what: what.into(), remedy: Some(remedy.into()) }
    }

    /// It does not work.
    pub(crate) fn fail(step: &'static str, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { step, level: Level::Fail, what: what.into(), remedy: Some(remedy.into()) }
    }

    /// Its lines.
    fn lines(&self, texts: &Texts) -> Vec<String> {
        let level = match self.level {
            Level::Ok => "level-ok",
            Level::Warn => "level-warn",
            Level::Fail => "level-fail",
        };
        let step = texts.text(&format!("step-{}", self.step), &[]);
        let mut lines = vec![format!("{:5} {step}: {}", texts.text(level, &[]), self.what)];
        if let Some(remedy) = self.remedy.as_ref().filter(|r| !r.is_empty()) {
            lines.push(format!("      {}", texts.text("remedy", &[("remedy", Arg::from(remedy.as_str()))])));
        }
        lines
    }
}

/// The steps so far. Printed as they come, or at the end as one JSON object.
#[derive(Debug)]
pub(crate) struct Verdicts {
    json: bool,
    all: Vec<Verdict>,
}

impl Verdicts {
    /// None yet.
    pub(crate) fn new(json: bool) -> Self {
        Self { json, all: Vec::new() }
    }

    /// One more.
    pub(crate) fn say(&mut self, verdict: Verdict) -> anyhow::Result<()> {
        if !self.json {
            verdict.lines(texts()).iter().try_for_each(|line| print_line(line))?;
        }
        self.all.push(verdict);
        Ok(())
    }

    /// How often something came out like this.
    fn count(&self, level: Level) -> usize {
        self.all.iter().filter(|v| v.level == level).count()
    }

    /// The summary, or the JSON object with `more` in it; 1 when a step failed.
    pub(crate) fn end(self, summary: &str, more: &Value) -> anyhow::Result<ExitCode> {
        let (failed, warnings) = (self.count(Level::Fail), self.count(Level::Warn));
        if self.json {
            let mut answer =
                json!({"ok": failed == 0, "failed": failed, "warnings": warnings, "steps": self.all});
            if let (Some(answer), Some(more)) = (answer.as_object_mut(), more.as_object()) {
                answer.extend(more.clone());
            }
            print_json(&answer)?;
        } else {
            print_line(&text(summary, &[("failed", Arg::from(failed)), ("warnings", Arg::from(warnings))]))?;
        }
        Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nvr_base::text::Locale;

    fn check(verdict: Verdict, expected: &[&str]) {
        assert_eq!(verdict.lines(&Texts::new(Locale::En)), expected);
    }

    #[test]
    fn every_step_has_its_name() {
        let steps = "library manifest hash signature load sandbox agreement self-test configuration daemon disk clock kernel \
                     files programs decoders models plugins";
        for step in steps.split_whitespace() {
            let id = format!("step-{step}");
            assert_ne!(Texts::new(Locale::En).text(&id, &[]), id);
        }
    }

    #[test]
    fn lines() {
        check(Verdict::ok("hash", "right"), &["ok    hash: right"]);
        check(
            Verdict::warn("signature", "none", "sign it"),
            &["warn  signature: none", "      remedy: sign it"],
        );
        check(Verdict::fail("hash", "wrong", ""), &["fail  hash: wrong"]);
    }
}
