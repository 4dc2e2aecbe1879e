//! From two looks at a running recorder to figures.
//!
//! Promises: pure; a figure is of the time between the looks, but for the latencies, which are of the recorder's life.
//! Leaves to others: looking (`analyse`), the status itself (`nvr serve`).

use anyhow::Context;
use nvr_base::latency::LatencySummary;
use nvr_base::perceive_protocol::Counters;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::time::Instant;

/// The stages of [`Counters::stages_us`].
const STAGES: [&str; 6] = ["decode", "scale", "gate", "detect", "track", "other_models"];

/// `analysis` of `nvr status --json`, as far as it is used; what a status does not have is nothing yet.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub(super) struct Analysis {
    perception: Perception,
    plugins: Vec<Plugin>,
    rules: Vec<Rule>,
    cameras: Vec<Camera>,
    /// From a frame's capture to the event that it gave; none where it is not measured.
    event_latency_ms: Option<LatencySummary>,
    /// From a frame's capture to its scene.
    analysed_latency_ms: Option<LatencySummary>,
}

/// The process that detects.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
struct Perception {
    why: Option<String>,
    detector: Option<String>,
    /// None while it is not running.
    counters: Option<Counters>,
}

/// One plugin, and its generations that run.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
struct Plugin {
    plugin: String,
    generations: Vec<Generation>,
}

/// One worker.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
struct Generation {
    counters: Option<Work>,
}

/// What it did.
#[derive(Debug, Clone, Copy, PartialEq, Default, Deserialize)]
#[serde(default)]
struct Work {
    /// Time spent in the plugin, µs.
    took_us: u64,
    /// Inputs that were left out because it was busy.
    dropped: u64,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
struct Rule {
    is_watched: bool,
}

/// One camera.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
struct Camera {
    wanted_fps: Option<f64>,
    given_fps: Option<f64>,
}

impl Analysis {
    /// That of a status.
    pub(super) fn of(status: &Value) -> anyhow::Result<Self> {
        let analysis = status.get("analysis").filter(|analysis| !analysis.is_null());
        let analysis =
            analysis.context("nvr serve says nothing of analysis; see what it says on standard error")?;
        Self::deserialize(analysis).context("nvr serve's status is of another version; use one build")
    }

    /// Rules that somebody watches.
    pub(super) fn watched(&self) -> usize {
        self.rules.iter().filter(|rule| rule.is_watched).count()
    }

    /// Why perception does not run, when it says so.
    pub(super) fn why(&self) -> Option<&str> {
        self.perception.why.as_deref()
    }

    fn work(&self, plugin: &str) -> Work {
        let of = self.plugins.iter().filter(|p| p.plugin == plugin);
        let all = of.flat_map(|p| p.generations.iter().filter_map(|generation| generation.counters));
        all.fold(Work::default(), |sum, one| Work {
            took_us: sum.took_us + one.took_us,
            dropped: sum.dropped + one.dropped,
        })
    }
}

/// One process.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Process {
    pub(super) program: String,
    /// CPU time, s.
    pub(super) cpu_s: f64,
    /// Memory, MB.
    pub(super) rss_mb: f64,
}

/// One look.
#[derive(Debug, Clone)]
pub(super) struct Look {
    pub(super) when: Instant,
    /// The recorder and its children, by id.
    pub(super) processes: BTreeMap<u32, Process>,
    pub(super) analysis: Analysis,
}

/// The figures, per camera and second where their name says so.
pub(super) fn report(before: &Look, after: &Look, cameras: u32) -> Value {
    let seconds = after.when.duration_since(before.when).as_secs_f64().max(1e-6);
    let camera_s = f64::from(cameras.max(1)) * seconds;
    let counters = |look: &Look| look.analysis.perception.counters.unwrap_or_default();
    let (old, new) = (counters(before), counters(after));
    // A child that was started again counts from 0.
    let since = |of: fn(&Counters) -> u64| of(&new).checked_sub(of(&old)).unwrap_or(of(&new));
    let rate = |n: u64| round(n as f64 / camera_s, 3);
    let cost = |us: u64| round(us as f64 / 1000.0 / camera_s, 3);
    let mut stages: Map<String, Value> = STAGES
        .iter()
        .zip(new.stages_us.iter().zip(old.stages_us))
        .map(|(name, (new, old))| ((*name).to_owned(), cost(new.checked_sub(old).unwrap_or(*new)).into()))
        .collect();
    let mut each = Map::new();
    let mut plugins_us = 0;
    let mut inputs_dropped = 0;
    for Plugin { plugin, .. } in &after.analysis.plugins {
        let (earlier, later) = (before.analysis.work(plugin), after.analysis.work(plugin));
        let us = later.took_us.checked_sub(earlier.took_us).unwrap_or(later.took_us);
        inputs_dropped += later.dropped.checked_sub(earlier.dropped).unwrap_or(later.dropped);
        plugins_us += us;
        each.insert(plugin.clone(), cost(us).into());
    }
    stages.insert("plugins".to_owned(), cost(plugins_us).into());
    let programs = programs(before, after);
    let recording = programs.get("nvr").map_or(0.0, |(cpu_s, _)| *cpu_s);
    stages.insert("recording".to_owned(), round(1000.0 * recording / camera_s, 3).into());
    let whole: f64 = programs.values().map(|(cpu_s, _)| cpu_s).sum();
    let processes: Map<String, Value> = programs
        .iter()
        .map(|(name, (cpu_s, rss_mb))| {
            let cpu = round(1000.0 * cpu_s / camera_s, 3);
            (name.clone(), json!({"cpu_ms_per_camera_s": cpu, "rss_mb": round(*rss_mb, 1)}))
        })
        .collect();
    let mean = |of: fn(&Camera) -> Option<f64>| {
        let sum: f64 = after.analysis.cameras.iter().filter_map(of).sum();
        round(sum / f64::from(cameras.max(1)), 3)
    };
    let latency = after.analysis.event_latency_ms;
    let scene = after.analysis.analysed_latency_ms;
    json!({
        "cameras": cameras,
        "seconds": round(seconds, 1),
        "decoded_per_camera_s": rate(since(|c| c.decoded)),
        "analysed_per_camera_s": rate(since(|c| c.analysed)),
        "detected_per_camera_s": rate(since(|c| c.detected)),
        "wanted_per_camera_s": mean(|camera| camera.wanted_fps),
        "planned_per_camera_s": mean(|camera| camera.given_fps),
        "rules_watched": after.analysis.watched(),
        "detector": after.analysis.perception.detector,
        "samples_dropped": since(|c| c.samples_dropped),
        "frames_dropped": since(|c| c.frames_dropped),
        "inputs_dropped": inputs_dropped,
        "analysed_latency_ms_p50": scene.map(|l| l.p50),
        "analysed_latency_ms_p99": scene.map(|l| l.p99),
        "events": latency.map(|l| l.count),
        "event_latency_ms_p50": latency.map(|l| l.p50),
        "event_latency_ms_p99": latency.map(|l| l.p99),
        "stages_ms_per_camera_s": stages,
        "plugins_ms_per_camera_s": each,
        "processes": processes,
        "cpu_ms_per_camera_s": round(1000.0 * whole / camera_s, 3),
        "cores": round(whole / seconds, 2),
    })
}

/// CPU seconds between the looks and megabytes at the second, by program. One that ended in between is left out.
fn programs(before: &Look, after: &Look) -> BTreeMap<String, (f64, f64)> {
    let mut all: BTreeMap<String, (f64, f64)> = BTreeMap::new();
    for (pid, process) in &after.processes {
        let earlier = before.processes.get(pid).map_or(0.0, |p| p.cpu_s);
        let (cpu_s, rss_mb) = all.entry(process.program.clone()).or_default();
        *cpu_s += (process.cpu_s - earlier).max(0.0);
        *rss_mb += process.rss_mb;
    }
    all
}

/// The figures by name, one a line: `stages_ms_per_camera_s.detect`.
pub(super) fn lines(result: &Value) -> Vec<(String, String)> {
    let mut all = Vec::new();
    flatten("", result, &mut all);
    all
}

fn flatten(name: &str, value: &Value, all: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) => {
            for (field, value) in fields {
                let dot = if name.is_empty() { "" } else { "." };
                flatten(&format!("{name}{dot}{field}"), value, all);
            }
        }
        Value::Array(items) => {
            let words = items.iter().filter_map(Value::as_str).collect::<Vec<_>>();
            all.push((name.to_owned(), words.join(", ")));
        }
        Value::String(text) => all.push((name.to_owned(), text.clone())),
        other => all.push((name.to_owned(), other.to_string())),
    }
}

fn round(x: f64, digits: i32) -> f64 {
    (x * 10f64.powi(digits)).round() / 10f64.powi(digits)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on what it did not expect")]

    use super::*;
    use std::time::Duration;

    /// A status whose counters are all `n`, with one plugin.
    fn status(n: u64) -> Value {
        json!({"cameras": [], "analysis": {
            "perception": {"state": "running", "why": null, "detector": "d", "starts": 1, "counters": {
                "samples": n, "samples_dropped": n, "decoded": n, "analysed": n, "detected": n, "frames_dropped": n,
                "stages_us": [n, 0, 0, 3 * n, 0, 0]}},
            "plugins": [{"plugin": "counting", "id": "counting", "generations": [
                {"generation": 1, "counters": null},
                {"generation": 3, "counters": {"took_us": 2 * n, "dropped": n, "answered": n}}]}],
            "rules": [{"rule": "a", "is_watched": true}, {"rule": "b", "is_watched": false}],
            "cameras": [{"camera": "cam0", "wanted_fps": 5.0, "given_fps": 2.0},
                        {"camera": "cam1", "wanted_fps": 5.0, "given_fps": null}],
            "event_latency_ms": {"count": 7, "p50": 300, "p99": 900, "max": 901},
            "analysed_latency_ms": {"count": 9, "p50": 200, "p99": 800, "max": 801},
            "strays": 0,
        }})
    }

    fn look(when: Instant, n: u64, cpu_s: f64) -> Look {
        let process = |program: &str| Process { program: program.into(), cpu_s, rss_mb: 10.0 };
        let named = [(1, process("nvr")), (2, process("nvr-worker")), (3, process("nvr-worker"))];
        Look { when, processes: named.into(), analysis: Analysis::of(&status(n)).unwrap() }
    }

    #[test]
    fn figures_between_two_looks() {
        let start = Instant::now();
        let (before, after) = (look(start, 1000, 1.0), look(start + Duration::from_secs(10), 101_000, 3.0));
        let got = report(&before, &after, 2);
        for (name, expected) in [
            ("analysed_per_camera_s", json!(5000.0)),
            ("detected_per_camera_s", json!(5000.0)),
            ("samples_dropped", json!(100_000)),
            ("wanted_per_camera_s", json!(5.0)),
            ("planned_per_camera_s", json!(1.0)),
            ("rules_watched", json!(1)),
            ("inputs_dropped", json!(100_000)),
            ("detector", json!("d")),
            ("event_latency_ms_p99", json!(900)),
            ("analysed_latency_ms_p50", json!(200)),
            ("cpu_ms_per_camera_s", json!(300.0)),
            ("cores", json!(0.6)),
            ("plugins_ms_per_camera_s", json!({"counting": 10.0})),
        ] {
            assert_eq!(got[name], expected, "{name}");
        }
        let stages = &got["stages_ms_per_camera_s"];
        assert_eq!(
            (&stages["decode"], &stages["detect"], &stages["plugins"], &stages["recording"]),
            (&json!(5.0), &json!(15.0), &json!(10.0), &json!(100.0))
        );
        let workers = &got["processes"]["nvr-worker"];
        assert_eq!(workers, &json!({"cpu_ms_per_camera_s": 200.0, "rss_mb": 20.0}));
        assert!(lines(&got).contains(&("stages_ms_per_camera_s.detect".into(), "15.0".into())));
    }

    #[test]
    fn a_child_that_was_started_again_counts_from_nothing() {
        let start = Instant::now();
        let got = report(&look(start, 5000, 1.0), &look(start + Duration::from_secs(10), 2000, 1.0), 1);
        assert_eq!(got["analysed_per_camera_s"], json!(200.0));
    }

    #[test]
    fn statuses_without_analysis() {
        assert!(Analysis::of(&json!({"cameras": []})).is_err());
        assert!(Analysis::of(&json!({"analysis": null})).is_err());
        assert!(
            Analysis::of(&json!({"analysis": {"perception": {"counters": {"samples": "many"}}}})).is_err()
        );
        assert_eq!(Analysis::of(&json!({"analysis": {}})).unwrap(), Analysis::default());
        let nothing = Look { analysis: Analysis::default(), ..look(Instant::now(), 0, 0.0) };
        assert_eq!(report(&nothing, &nothing, 1)["event_latency_ms_p99"], Value::Null);
    }
}
