//! The test every copy passes before it may serve: a worker, one instance, a synthetic scene.
//!
//! Promises: what crashes, hangs, breaks a rule of the sandbox or says what it may not is found on a scene that nobody
//!   cares about; it takes [`TEST_WAIT_MAX`] at most.
//! Leaves to others: whether what it says is right (the plugin's own tests, the labelled clips).

use crate::agreement::agree;
use crate::manifest::Manifest;
use crate::outstanding::Counters;
use crate::protocol::{Input, InstanceId};
use crate::worker::{Launch, Offered, Said, Worker};
use nvr_base::geometry::Rect;
use nvr_base::label::Label;
use nvr_base::scene::{Scene, Track, TrackId};
use std::time::{Duration, Instant};

/// The instance of the test.
const INSTANCE: InstanceId = InstanceId::MAX;
/// Frames of the scene, 5 a second.
const FRAMES: u64 = 20;
/// Longest test after the handshake.
pub const TEST_WAIT_MAX: Duration = Duration::from_secs(10);

/// Starts a worker and tests it. What passes can serve: its test instance is gone.
///
/// # Errors
/// Why it may not serve.
pub fn run(launch: &Launch, manifest: &Manifest) -> Result<Worker, String> {
    let mut worker = Worker::start(launch).map_err(|e| e.0)?;
    agree(manifest, worker.descriptor())?;
    let end = Instant::now() + TEST_WAIT_MAX;
    let config = config(&worker.descriptor().id, &worker.descriptor().config_schema);
    worker.create(INSTANCE, &config).map_err(|e| e.0)?;
    wait(&mut worker, end, |s| matches!(s, Said::Created(..)))?;
    for n in 0..FRAMES {
        if worker.offer(input(n)).map_err(|e| e.0)? == Offered::Sent {
            wait(&mut worker, end, |s| matches!(s, Said::Done(_)))?;
        }
        verdict(worker.counters(), &worker.denied_calls())?;
    }
    worker.reset(INSTANCE).map_err(|e| e.0)?;
    worker.destroy(INSTANCE).map_err(|e| e.0)?;
    wait(&mut worker, end, |s| matches!(s, Said::Destroyed(_)))?;
    verdict(worker.counters(), &worker.denied_calls())?;
    Ok(worker)
}

fn verdict(counters: &Counters, denied: &[String]) -> Result<(), String> {
    let c = counters;
    match () {
        () if !denied.is_empty() => Err(format!("it tried what the sandbox refuses: {}", denied.join(", "))),
        () if c.refused_type > 0 => Err(format!("it emitted undeclared types, {} times", c.refused_type)),
        () if c.refused_limit > 0 => {
            Err(format!("it emitted more than a call may, {} times", c.refused_limit))
        }
        () if c.refused_value > 0 => Err(format!("it emitted impossible events, {} times", c.refused_value)),
        () if c.errors > 0 => Err(format!("`process` failed {} times of {}", c.errors, c.done)),
        () => Ok(()),
    }
}

fn wait(worker: &mut Worker, end: Instant, is_it: impl Fn(&Said) -> bool) -> Result<(), String> {
    loop {
        let left = end.saturating_duration_since(Instant::now());
        for said in worker.pump(left).map_err(|e| e.0)? {
            if let Said::Refused(_, why) = &said {
                return Err(format!(
                    "it refuses the rule of the self-test: {why}; give its schema `examples` with what it needs"
                ));
            }
            if is_it(&said) {
                return Ok(());
            }
        }
        if left.is_zero() {
            return Err(format!("its self-test took longer than {} s", TEST_WAIT_MAX.as_secs()));
        }
    }
}

/// A rule over the whole picture; what more the plugin needs is the first of its schema's `examples` (JSON Schema
/// 2020-12, §9.5 of the validation part).
fn config(id: &str, schema: &str) -> String {
    let schema: serde_json::Value = serde_json::from_str(schema).unwrap_or_default();
    let mut rule = match schema.get("examples").and_then(|e| e.get(0)) {
        Some(serde_json::Value::Object(example)) => example.clone(),
        _ => serde_json::Map::new(),
    };
    rule.insert("id".into(), "self-test".into());
    rule.insert("situation".into(), id.into());
    serde_json::Value::Object(rule).to_string()
}

/// A person walks through the picture, and a second one stands.
fn input(n: u64) -> Input {
    let at_us = i64::try_from(n).unwrap_or(0) * 200_000;
    let track = |id, x: f32, vx| Track {
        id: TrackId(id),
        label: Label::PERSON,
        score: 0.9,
        rect: Rect { x, y: 0.4, w: 0.05, h: 0.2 },
        velocity: (vx, 0.0),
        first_seen_us: 0,
        last_seen_us: at_us,
        observed: true,
    };
    let walked = at_us as f32 / 1e6 * 0.2;
    let scene = Scene {
        at_us,
        tracks: vec![track(1, 0.05 + walked, 0.2), track(2, 0.6, 0.0)],
        ended: vec![],
        motion: 0.02,
    };
    Input { instance: INSTANCE, sequence: n, picture: (640, 360), scene, ..Input::default() }
}
