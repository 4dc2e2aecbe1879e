//! `nvr status`: what every camera is doing.
//!
//! Promises: JSON for scripts; a table for people; `--watch` draws it again every second and says when the daemon is
//! gone. Leaves to others: the numbers (`crate::status`).

mod analysis;

use crate::access;
use crate::args::{Cli, StatusArgs};
use crate::status::{CameraReport, Report, StreamReport};
use crate::terminal::{Bar, print_json, print_line};
use nvr_base::config::Config;
use nvr_base::text::{Arg, printable, text};
use nvr_base::{Clock, SystemClock, Utc};
use nvr_gateway::Command;
use serde_json::Value;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

/// How often `--watch` draws.
const WATCH_EVERY: Duration = Duration::from_secs(1);

/// Runs it.
pub(crate) fn run(cli: &Cli, args: &StatusArgs) -> anyhow::Result<ExitCode> {
    let config = super::configuration(cli)?;
    if args.watch {
        return watch(cli, &config);
    }
    let answer = ask(&config)?;
    if cli.json {
        print_json(&answer)?;
    } else {
        let report: Report = serde_json::from_value(answer)?;
        lines(&report, SystemClock.utc()).iter().try_for_each(|line| print_line(line))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn ask(config: &Config) -> anyhow::Result<Value> {
    access::ask(config, Command::Status {}, &mut Bar::new("", false, true))
}

fn watch(cli: &Cli, config: &Config) -> anyhow::Result<ExitCode> {
    let clear = if std::io::stdout().is_terminal() { "\u{1b}[H\u{1b}[J" } else { "" };
    loop {
        let shown = match nvr_gateway::Client::connect(&config.server.socket) {
            Ok(mut client) => {
                client.ask(Command::Status {}, &mut Bar::new("", false, true)).map_err(|e| e.to_string())
            }
            Err(error) => Err(error.to_string()),
        };
        let mut out = std::io::stdout().lock();
        match shown {
            Ok(answer) if cli.json => writeln!(out, "{answer}")?,
            Ok(answer) => {
                let report: Report = serde_json::from_value(answer)?;
                write!(out, "{clear}")?;
                for line in lines(&report, SystemClock.utc()) {
                    writeln!(out, "{}", printable(&line))?;
                }
            }
            Err(why) => writeln!(out, "{clear}{}", printable(&why))?,
        }
        out.flush()?;
        drop(out);
        std::thread::sleep(WATCH_EVERY);
    }
}

/// The table, pure.
fn lines(report: &Report, now: Utc) -> Vec<String> {
    let id_width = report.cameras.iter().map(|c| c.id.chars().count()).max().unwrap_or(0).max(6);
    let mut out = Vec::new();
    if !report.running {
        out.push(text("status-stopped", &[]));
    }
    out.push(format!("{:id_width$}  {}", text("status-camera", &[]), text("status-columns", &[])));
    for camera in &report.cameras {
        for (kind, stream) in &camera.streams {
            out.push(format!("{:id_width$}  {}", camera.id, row(kind.as_str(), stream, now)));
        }
        out.extend(reasons(camera));
    }
    for disk in &report.store.disks {
        let free = (disk.free_bytes * 100).checked_div(disk.total_bytes).unwrap_or(0);
        let args = [
            ("path", Arg::from(disk.path.display().to_string())),
            ("free", Arg::from(free)),
            ("flush", Arg::from(disk.flush_ms_max)),
            ("dropped", Arg::from(disk.queue.dropped)),
            ("errors", Arg::from(disk.errors)),
        ];
        out.push(text("status-disk", &args));
    }
    out.extend(analysis::lines(&report.analysis));
    if report.store.index != nvr_store::IndexState::Ready {
        out.extend(report.store.index_note.clone());
    }
    out.extend(
        report
            .reload_refused
            .iter()
            .map(|why| text("status-reload-refused", &[("why", Arg::from(why.as_str()))])),
    );
    out
}

fn row(kind: &str, stream: &StreamReport, now: Utc) -> String {
    let age = stream.last_fragment.map_or_else(|| "-".to_owned(), |t| age_of(now.micros_since(t)));
    let state = text(&format!("state-{}", stream.state.as_str()), &[]);
    format!(
        "{kind:4}  {state:<14}  {:>5.1}  {:>8.1}  {age:>8}  {:>4}",
        stream.fps, stream.kbit_s, stream.gaps_today
    )
}

fn age_of(us: i64) -> String {
    match us / 1_000_000 {
        s if s < 120 => format!("{:.1} s", us as f64 / 1e6),
        s if s < 7200 => format!("{} min", s / 60),
        s => format!("{} h", s / 3600),
    }
}

fn reasons(camera: &CameraReport) -> Vec<String> {
    let mut reasons: Vec<_> =
        camera.streams.values().filter_map(|s| s.why.as_deref()).map(|why| format!("  {why}")).collect();
    reasons.dedup();
    reasons
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_short() {
        for (us, shown) in
            [(800_000, "0.8 s"), (119_000_000, "119.0 s"), (600_000_000, "10 min"), (7_200_000_000, "2 h")]
        {
            assert_eq!(age_of(us), shown);
        }
    }
}
