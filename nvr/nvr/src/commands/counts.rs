//! `nvr counts` and `nvr blind`: what counting rules counted, and when rules were not watched.
//!
//! Promises: with `--json` one object a line; times are the start of the period, in UTC.
//! Leaves to others: the answers (`crate::answers`).

use crate::access;
use crate::args::{Cli, CountsArgs, PeriodArg, SpanArgs};
use crate::terminal::{Bar, complain, print_json, print_line};
use nvr_base::text::{Arg, text};
use nvr_gateway::Command;
use serde_json::Value;
use std::process::ExitCode;

/// Runs `nvr counts`.
pub(crate) fn counts(cli: &Cli, args: &CountsArgs) -> anyhow::Result<ExitCode> {
    let CountsArgs { of: SpanArgs { rule, camera, from, to }, by } = args.clone();
    let minutes = match by {
        PeriodArg::Minute => 1,
        PeriodArg::Hour => 60,
    };
    let answer = ask(cli, Command::Counts { rule, camera, from, to, minutes })?;
    let left_off = answer.get("left_off").and_then(Value::as_u64).unwrap_or_default();
    if left_off > 0 {
        complain(&text("counts-left-off", &[("count", Arg::from(left_off))]));
    }
    rows(cli, &answer, "counts", |row| {
        let way = row.get("direction").and_then(Value::as_str).unwrap_or("-");
        let max = row.get("max").and_then(Value::as_u64).map_or(String::new(), |max| format!(" (max {max})"));
        let n = row.get("n").and_then(Value::as_u64).unwrap_or_default();
        let series = format!("{:<10}  {:<10}  {way:<8}", field(row, "series"), field(row, "class"));
        format!("{}  {}  {series}  {n}{max}", field(row, "at"), field(row, "rule"))
    })
}

/// Runs `nvr blind`.
pub(crate) fn blind(cli: &Cli, args: &SpanArgs) -> anyhow::Result<ExitCode> {
    let SpanArgs { rule, camera, from, to } = args.clone();
    let answer = ask(cli, Command::Blind { rule, camera, from, to })?;
    rows(cli, &answer, "blind", |row| {
        let end =
            row.get("to").and_then(Value::as_str).map_or_else(|| text("timeline-open", &[]), str::to_owned);
        let reason = text(&format!("blind-{}", field(row, "reason")), &[]);
        format!(
            "{}  {end:<24}  {}  {}  {reason}",
            field(row, "from"),
            field(row, "camera"),
            field(row, "rule")
        )
    })
}

fn ask(cli: &Cli, command: Command) -> anyhow::Result<Value> {
    access::ask(&super::configuration(cli)?, command, &mut Bar::new("", false, true))
}

fn field<'a>(row: &'a Value, name: &str) -> &'a str {
    row.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn rows(cli: &Cli, answer: &Value, name: &str, line: impl Fn(&Value) -> String) -> anyhow::Result<ExitCode> {
    let rows = answer.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if rows.is_empty() && !cli.json {
        print_line(&text(&format!("{name}-none"), &[]))?;
    }
    for row in rows {
        if cli.json { print_json(row)? } else { print_line(&line(row))? }
    }
    Ok(ExitCode::SUCCESS)
}
