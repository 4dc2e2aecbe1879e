//! The analysis as `nvr status --json` shows it.
//!
//! Promises: plain values, no secrets; fields are only added.
//! Leaves to others: where it is shown (`status`).

use super::turn::{Turn, held};
use nvr_plugins::generation::Phase;
use nvr_plugins::host::Line;
use nvr_plugins::service::WorkerKey;
use serde_json::{Value, json};

/// All of it.
pub(super) fn report(turn: &Turn) -> Value {
    let service = turn.service.report();
    let lines = turn.plugins.as_ref().map(super::plugins::Plugins::lines).unwrap_or_default();
    let (tap_dropped, queue) = turn.parts.taps.count();
    let perceive = turn.perceive.as_ref();
    json!({
        "perception": {
            "state": turn.supervision.word(),
            "why": turn.why,
            "detector": perceive.and_then(|p| p.detector.clone()),
            "sandbox": perceive.map(|p| p.layers.clone()).unwrap_or_default(),
            "starts": turn.supervision.starts,
            "failures": turn.supervision.failed,
            "counters": perceive.map(|p| p.counters),
        },
        "tap": { "dropped": tap_dropped, "queue": queue },
        "line": held(&turn.parts.line).counters,
        "plugins": lines.iter().map(|line| plugin(turn, line)).collect::<Vec<_>>(),
        "rules": service.rules,
        "cameras": service.cameras,
        "strays": service.strays,
        // Since the recorder started.
        "analysed_latency_ms": turn.analysed_latency.summary(),
        "event_latency_ms": turn.event_latency.summary(),
    })
}

fn plugin(turn: &Turn, line: &Line) -> Value {
    let generation = |(id, hash, phase): &(_, nvr_plugins::manifest::Hash, Phase)| {
        let key = WorkerKey { plugin: line.plugin.as_str().into(), generation: *id };
        let worker = turn.workers.get(&key);
        let counters = worker.map(|w| {
            let c = w.counters();
            json!({
                "inputs": c.sent, "dropped": c.dropped, "answered": c.done, "over_budget": c.over_budget,
                "errors": c.errors, "refused": c.refused_limit + c.refused_type + c.refused_value, "events": c.events, "samples": c.samples, "took_us": c.took_us,
                "took_us_max": c.took_us_max, "memory_kib": c.memory_kib,
            })
        });
        let phase = match phase {
            Phase::SelfTest => "self-test",
            Phase::Warming { .. } => "warming",
            Phase::Live { .. } => "live",
            Phase::Draining { .. } => "draining",
        };
        let process = worker.map(nvr_plugins::worker::Worker::process_id);
        json!({ "generation": id.0, "hash": hash.short(), "phase": phase, "process": process, "counters": counters })
    };
    let quarantine = line.quarantine.iter().map(|(hash, why)| json!({ "hash": hash.short(), "why": why }));
    json!({
        "plugin": line.plugin,
        "id": line.manifest.as_ref().map(|m| m.id.clone()),
        "version": line.manifest.as_ref().map(|m| m.version.clone()),
        "is_signed": line.is_signed,
        "generations": line.generations.iter().map(generation).collect::<Vec<_>>(),
        "quarantine": quarantine.collect::<Vec<_>>(),
        "why": line.why,
    })
}
