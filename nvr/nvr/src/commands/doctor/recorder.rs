//! The configuration and the recorder that runs with it.
//!
//! Promises: asks, changes nothing. Leaves to others: every mistake with its line (`nvr check`), every camera (`nvr status`).

use crate::commands::check::sentence;
use crate::commands::verdict::Verdict;
use crate::terminal::Bar;
use nvr_base::config::{Config, Loaded, Severity};
use nvr_base::text::{Arg, text, texts};
use nvr_gateway::{Client, ClientError, Command};
use serde_json::Value;
use std::path::Path;

/// Whether it loads.
pub(super) fn configuration(file: &Path, loaded: &Loaded) -> Verdict {
    let (errors, warnings) = loaded.count();
    let args = [
        ("file", Arg::from(file.display().to_string())),
        ("cameras", Arg::from(loaded.config.as_ref().map_or(0, |c| c.cameras.len()))),
    ];
    let first = |severity| {
        let first = loaded.findings.iter().find(|f| f.severity() == severity);
        first.map(|f| sentence(f, texts())).unwrap_or_default()
    };
    let remedy = || text("doctor-check-remedy", &[]);
    match (loaded.config.is_some(), errors, warnings) {
        (false, _, _) | (_, 1.., _) => Verdict::fail("configuration", first(Severity::Error), remedy()),
        (true, 0, 1..) => Verdict::warn("configuration", first(Severity::Warning), remedy()),
        (true, 0, 0) => Verdict::ok("configuration", text("doctor-configuration", &args)),
    }
}

/// Whether it runs, and how its cameras are.
pub(super) fn daemon(config: &Config) -> Verdict {
    let socket = &config.server.socket;
    let path = Arg::from(socket.display().to_string());
    let mut client = match Client::connect(socket) {
        Ok(client) => client,
        Err(ClientError::NotRunning(_)) => {
            let what = text("daemon-stopped", &[("socket", path)]);
            return Verdict::warn("daemon", what, text("daemon-remedy", &[]));
        }
        Err(error) => return Verdict::fail("daemon", error.to_string(), text("daemon-access-remedy", &[])),
    };
    match client.ask(Command::Status {}, &mut Bar::new("", false, true)) {
        Ok(answer) => cameras(&answer),
        Err(error) => Verdict::fail("daemon", error.to_string(), text("daemon-remedy", &[])),
    }
}

fn cameras(answer: &Value) -> Verdict {
    let all: Vec<&Value> = answer.get("cameras").and_then(Value::as_array).into_iter().flatten().collect();
    let is_live = |c: &&&Value| c.get("state").and_then(Value::as_str) == Some("live");
    let live = all.iter().filter(is_live).count();
    let what = text("daemon-runs", &[("cameras", Arg::from(all.len())), ("live", Arg::from(live))]);
    if live == all.len() {
        Verdict::ok("daemon", what)
    } else {
        Verdict::warn("daemon", what, text("daemon-cameras-remedy", &[]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::verdict::Level;
    use nvr_base::config::load;
    use serde_json::json;

    #[test]
    fn cameras_that_are_not_live_are_a_warning() {
        let check = |states: &[&str], level| {
            let cameras: Vec<Value> = states.iter().map(|s| json!({"state": s})).collect();
            assert_eq!(super::cameras(&json!({"cameras": cameras})).level, level, "{states:?}");
        };
        check(&[], Level::Ok);
        check(&["live", "live"], Level::Ok);
        check(&["live", "backoff"], Level::Warn);
    }

    #[test]
    fn configurations() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("nvr.toml");
        let check = |text: &str, level| {
            std::fs::write(&file, text).unwrap();
            let verdict = configuration(&file, &load(&file));
            assert_eq!(verdict.level, level, "{verdict:?}");
        };
        check("[storage]\n", Level::Fail);
        check(
            "[storage]\npath = \"/tmp\"\n[[camera]]\nid = \"gate\"\nurl = \"rtsp://10.0.0.1/a\"\n",
            Level::Ok,
        );
    }
}
