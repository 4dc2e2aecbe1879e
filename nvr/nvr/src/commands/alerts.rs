//! `nvr alerts`: what the rules found, and what persons did with it.
//!
//! Promises: with `--json` one object a line, the same fields with the recorder running or not; `--follow` prints each
//! alert again when something of it changed.
//! Leaves to others: the answers (`crate::answers`), who may do what (`nvr_alerts::act`, the roles).

use crate::access;
use crate::args::{AlertsArgs, AlertsListArgs, Cli};
use crate::terminal::{Bar, print_json, print_line};
use anyhow::Context;
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
    if cli.json { print_json(alert) } else { print_line(&line(alert)) }
}

fn field(alert: &Value, name: &str) -> String {
    alert.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// One alert for people.
fn line(alert: &Value) -> String {
    let state: Option<AlertState> = field(alert, "state").parse().ok();
    let mut standing = state.map_or(String::new(), |s| text(&format!("alert-state-{s}"), &[]));
    if let Some(by) = alert.get("by").and_then(Value::as_str) {
        standing = text("alert-by", &[("state", Arg::from(standing)), ("who", Arg::from(by))]);
    }
    if let Some(decision) = alert.get("decision").and_then(Value::as_str) {
        standing = format!("{standing}, {}", text(&format!("alert-{decision}"), &[]));
    }
    let end =
        alert.get("end").and_then(Value::as_str).map_or_else(|| text("timeline-open", &[]), str::to_owned);
    let severity = alert.get("severity").and_then(Value::as_u64).unwrap_or_default();
    let mut words = format!(
        "{:<8}  {severity}  {}  {end:<24}  {}  {} ({})  {standing}",
        field(alert, "id"),
        field(alert, "start"),
        field(alert, "camera"),
        field(alert, "rule"),
        field(alert, "event"),
    );
    let open = !matches!(state, Some(AlertState::Decided | AlertState::Closed));
    for extra in [field(alert, "reason"), field(alert, "instruction")].iter().take(1 + usize::from(open)) {
        if !extra.is_empty() {
            words.push_str("  — ");
            words.push_str(extra);
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lines_for_people() {
        let alert = json!({
            "id": "12-34", "severity": 1, "start": "2026-11-24T05:00:00.000Z", "end": null, "camera": "gate",
            "rule": "quay", "event": "zone-entry", "state": "taken", "by": "anna", "decision": null,
            "reason": null, "instruction": "Call 4410",
        });
        let shown = line(&alert);
        for part in ["12-34", "gate", "quay", "zone-entry", "anna", "Call 4410"] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
    }
}
