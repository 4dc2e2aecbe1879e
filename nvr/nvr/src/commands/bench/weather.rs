//! `nvr bench weather`: what is raised for nothing when it rains, snows, flickers, shakes over a quiet film.
//!
//! Promises: the real `nvr replay`, once without weather and once under each kind; every alert counts as false; the same
//! film and rules give the same counts; Ctrl-C leaves no file behind.
//! Leaves to others: the weather (`nvr-perception`), choosing a film in which nothing happens (the caller).

use super::rules;
use crate::args::{BenchWeatherArgs, Cli};
use crate::commands::replay::folder;
use crate::commands::replay::interrupt::{EXIT_CODE, Interrupt};
use crate::terminal::{Bar, print_json, print_line};
use anyhow::{Context, bail};
use nvr_base::Weather;
use nvr_base::text::{Arg, text};
use nvr_gateway::ReplySink;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

/// What one replay raised.
#[derive(Debug, Default, PartialEq)]
struct Raised {
    /// Alerts by situation.
    alerts: BTreeMap<String, u64>,
    /// Length of the film.
    seconds: f64,
}

/// Runs it.
pub(crate) fn run(cli: &Cli, args: &BenchWeatherArgs) -> anyhow::Result<ExitCode> {
    let interrupt = Interrupt::watch()?;
    let plugins = args.plugins.clone().unwrap_or_else(|| folder("plugins"));
    let own = own_rules(args, &plugins)?;
    let rules = args.rules.as_deref().or(own.as_ref().map(|file| file.path())).context("no rules")?;
    let kinds: Vec<Option<Weather>> = std::iter::once(None).chain(Weather::ALL.map(Some)).collect();
    let mut bar = Bar::new("bench", false, cli.json);
    let mut all = Vec::new();
    for (n, kind) in kinds.iter().enumerate() {
        let raised = replay(args, &plugins, rules, *kind);
        if interrupt.came() {
            return Ok(ExitCode::from(EXIT_CODE));
        }
        all.push((kind.map_or("clear", Weather::as_str), raised?));
        bar.progress(n as u64 + 1, kinds.len() as u64)?;
    }
    drop(bar);
    if cli.json {
        print_json(&to_json(&args.clip, &all))?;
    } else {
        for (kind, raised) in &all {
            let words = [("name", Arg::from(*kind)), ("value", Arg::from(in_words(raised)))];
            print_line(&text("bench-figure", &words))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Rules of our own when none are given; the file is gone when it is dropped.
fn own_rules(args: &BenchWeatherArgs, plugins: &Path) -> anyhow::Result<Option<tempfile::NamedTempFile>> {
    if args.rules.is_some() {
        return Ok(None);
    }
    let about = "cannot make a temporary file for the rules";
    let mut file = tempfile::Builder::new().suffix(".toml").tempfile().context(about)?;
    file.write_all(rules::to_toml(&rules::situations(plugins)?).as_bytes()).context(about)?;
    Ok(Some(file))
}

fn replay(
    args: &BenchWeatherArgs,
    plugins: &Path,
    rules: &Path,
    kind: Option<Weather>,
) -> anyhow::Result<Raised> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["replay", "--json", "--summary", "--rules"]).arg(rules).arg("--plugins").arg(plugins);
    let option = |name: &str, value: Option<PathBuf>| value.map(|value| [PathBuf::from(name), value]);
    let detector = args.detector.as_ref().map(PathBuf::from);
    let weather = kind.map(|kind| PathBuf::from(kind.as_str()));
    let options = [("--models", args.models.clone()), ("--detector", detector), ("--weather", weather)];
    command.args(options.into_iter().filter_map(|(name, value)| option(name, value)).flatten());
    // What it has to say about rules is the same under every sky: once is enough.
    let stderr = if kind.is_none() { Stdio::inherit() } else { Stdio::piped() };
    let done = command.arg("--").arg(&args.clip).stdin(Stdio::null()).stderr(stderr).output()?;
    if !done.status.success() {
        bail!("nvr replay failed ({}) {}", done.status, String::from_utf8_lossy(&done.stderr).trim());
    }
    count(&String::from_utf8_lossy(&done.stdout))
}

/// Alerts by situation, and the film's length, of the lines of a replay.
fn count(lines: &str) -> anyhow::Result<Raised> {
    let mut raised = Raised::default();
    for line in lines.lines() {
        let line: Value = serde_json::from_str(line).context("a line of nvr replay")?;
        if let (Some(situation), Some(_)) = (line["situation"].as_str(), line.get("start_s")) {
            *raised.alerts.entry(situation.to_owned()).or_default() += 1;
        }
        if let Some(seconds) = line["summary"]["seconds"].as_f64() {
            raised.seconds = seconds;
        }
    }
    Ok(raised)
}

fn to_json(clip: &Path, all: &[(&str, Raised)]) -> Value {
    let seconds = all.first().map_or(0.0, |(_, raised)| raised.seconds);
    let each: Map<String, Value> =
        all.iter().map(|(kind, raised)| ((*kind).to_owned(), json!(raised.alerts))).collect();
    json!({"clip": clip.display().to_string(), "seconds": seconds, "false_alerts": each})
}

fn in_words(raised: &Raised) -> String {
    let total: u64 = raised.alerts.values().sum();
    let each: Vec<String> = raised.alerts.iter().map(|(situation, n)| format!("{situation} {n}")).collect();
    let list = if each.is_empty() { String::new() } else { format!(" ({})", each.join(", ")) };
    format!("{total}{list}, {:.0} s", raised.seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alerts_are_counted_by_situation() {
        let lines = concat!(
            "{\"situation\":\"fire\",\"start_s\":1.0}\n{\"situation\":\"fire\",\"start_s\":4.5}\n",
            "{\"situation\":\"counting\",\"tally\":{}}\n{\"summary\":{\"seconds\":60.0}}\n",
        );
        let raised = count(lines).unwrap_or_default();
        assert_eq!(raised, Raised { alerts: BTreeMap::from([("fire".to_owned(), 2)]), seconds: 60.0 });
        assert_eq!(in_words(&raised), "2 (fire 2), 60 s");
        assert_eq!(in_words(&Raised::default()), "0, 0 s");
        assert!(count("no json\n").is_err());
    }
}
