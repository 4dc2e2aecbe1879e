//! `nvr alerts`: what the rules found, and what persons did with it.
//!
//! Promises: with `--json` one object a line, the same fields with the recorder running or not; `--follow` prints each
//! alert again when something of it changed.
//! Leaves to others: the answers (`crate::answers`), who may do what (`nvr_alerts::act`, the roles).

use crate::access;
use crate::args::{AlertsArgs, AlertsListArgs, Cli};
use crate::terminal::{Bar, print_json, print_line};
use anyhow::Context;
use nvr_base::Utc;
use nvr_base::alert::AlertState;
use nvr_base::text::{Arg, text};
use nvr_gateway::{Client, Command};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

/// How often `--follow` asks.
const FOLLOW_EVERY: Duration = Duration::from_secs(1);

/// Runs it.
pub(crate) fn run(cli: &Cli, args: &AlertsArgs) -> anyhow::Result<ExitCode> {
    let config = super::configuration(cli)?;
    if let Some(command) = &args.command {
        let (action, alert) = command.parts();
        let command = Command::AlertAct { id: alert.id, action, reason: alert.reason.clone() };
        show(cli, &access::ask(&config, command, &mut Bar::new("", false, true))?)?;
        return Ok(ExitCode::SUCCESS);
    }
    if args.list.follow {
        let mut client =
            Client::connect(&config.server.socket).context("--follow needs a running recorder")?;
        return follow(cli, &args.list, &mut client);
    }
    let answer = access::ask(&config, list(&args.list), &mut Bar::new("", false, true))?;
    let alerts = alerts_of(&answer);
    if alerts.is_empty() && !cli.json {
        print_line(&text("alerts-none", &[]))?;
    }
    alerts.iter().try_for_each(|alert| show(cli, alert))?;
    Ok(ExitCode::SUCCESS)
}

fn list(args: &AlertsListArgs) -> Command {
    let AlertsListArgs { state, camera, rule, from, to, .. } = args.clone();
    Command::Alerts { state, camera, rule, from, to }
}

fn alerts_of(answer: &Value) -> &[Value] {
    answer.get("alerts").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn follow(cli: &Cli, args: &AlertsListArgs, client: &mut Client) -> anyhow::Result<ExitCode> {
    let mut shown: BTreeMap<String, Value> = BTreeMap::new();
    loop {
        let answer = client.ask(list(args), &mut Bar::new("", false, true))?;
        let mut now = BTreeMap::new();
        for alert in alerts_of(&answer) {
            let id = field(alert, "id");
            if shown.get(&id) != Some(alert) {
                show(cli, alert)?;
            }
            now.insert(id, alert.clone());
        }
        std::io::stdout().flush()?;
        shown = now;
        std::thread::sleep(FOLLOW_EVERY);
    }
}

fn show(cli: &Cli, alert: &Value) -> anyhow::Result<()> {
    if cli.json { print_json(alert) } else { lines(alert).iter().try_for_each(|line| print_line(line)) }
}

fn field(alert: &Value, name: &str) -> String {
    alert.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// One alert for people: what happened, and under it how it stands. Fits 80 columns as long as names are short.
fn lines(alert: &Value) -> [String; 2] {
    let state: Option<AlertState> = field(alert, "state").parse().ok();
    let mut standing = state.map_or(String::new(), |s| text(&format!("alert-state-{s}"), &[]));
    if let Some(by) = alert.get("by").and_then(Value::as_str) {
        standing = text("alert-by", &[("state", Arg::from(standing)), ("who", Arg::from(by))]);
    }
    if let Some(decision) = alert.get("decision").and_then(Value::as_str) {
        standing = format!("{standing}, {}", text(&format!("alert-{decision}"), &[]));
    }
    if alert.get("interrupted").and_then(Value::as_bool) == Some(true) {
        standing = format!("{standing}; {}", text("alert-interrupted", &[]));
    }
    let open = !matches!(state, Some(AlertState::Decided | AlertState::Closed));
    for extra in [field(alert, "reason"), field(alert, "instruction")].iter().take(1 + usize::from(open)) {
        if !extra.is_empty() {
            standing.push_str(" — ");
            standing.push_str(extra);
        }
    }
    let severity = alert.get("severity").and_then(Value::as_u64).unwrap_or_default();
    let what = format!(
        "{:<8}  {severity}  {}  {:>8}  {}  {} ({})",
        field(alert, "id"),
        // To the second: the JSON has the rest.
        field(alert, "start").chars().take("2026-11-24T05:00:00".len()).chain(['Z']).collect::<String>(),
        lasted(alert),
        field(alert, "camera"),
        field(alert, "rule"),
        field(alert, "event"),
    );
    [what, format!("{:13}{standing}", "")]
}

/// How long it lasted, or that it still does.
fn lasted(alert: &Value) -> String {
    let instant = |name: &str| field(alert, name).parse::<Utc>().ok();
    let Some((start, end)) = instant("start").zip(instant("end")) else { return text("alert-lasts", &[]) };
    match end.micros_since(start) / 1_000_000 {
        s @ ..120 => format!("{s} s"),
        s @ 120..7200 => format!("{} min", s / 60),
        s => format!("{} h", s / 3600),
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        reason = "a test may stop on what it did not expect"
    )]

    use super::*;
    use serde_json::json;

    fn check(changes: Value, expected: &str) {
        let mut alert = json!({
            "id": "12-34", "severity": 1, "start": "2026-11-24T05:00:00.250Z", "end": null, "camera": "gate",
            "rule": "quay", "event": "zone-entry", "state": "taken", "by": "anna", "decision": null,
            "reason": null, "instruction": "Call 4410", "interrupted": false,
        });
        for (field, value) in changes.as_object().unwrap() {
            alert[field] = value.clone();
        }
        // Fluent marks where a name begins and ends.
        let shown = lines(&alert).join("\n").replace(['\u{2068}', '\u{2069}'], "");
        assert_eq!(shown, expected);
        assert!(shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
    }

    #[test]
    fn lines_for_people() {
        check(
            json!({}),
            "12-34     1  2026-11-24T05:00:00Z     lasts  gate  quay (zone-entry)\n             \
             taken by anna — Call 4410",
        );
        check(
            json!({ "end": "2026-11-24T05:03:10.000Z", "state": "closed", "decision": "rejected", "reason": "a fox" }),
            "12-34     1  2026-11-24T05:00:00Z     3 min  gate  quay (zone-entry)\n             \
             closed by anna, rejected — a fox",
        );
        check(
            json!({ "end": "2026-11-24T05:00:09.000Z", "state": "raised", "by": null, "interrupted": true }),
            "12-34     1  2026-11-24T05:00:00Z       8 s  gate  quay (zone-entry)\n             \
             nobody has looked; watching was interrupted — Call 4410",
        );
    }
}
