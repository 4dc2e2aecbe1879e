//! What the socket answers of alerts, counts and blind intervals, daemon or not.
//!
//! Promises: the fields scripts rely on stay; every answer is bounded, the newest are kept.
//! Leaves to others: what an alert is (`nvr_base::alert`), keeping it (`nvr-store`), who may do what
//! (`nvr_alerts::act`, the gateway's roles).

use crate::operations::Subject;
use nvr_alerts::act::{Act, act};
use nvr_alerts::count::{Adding, MINUTE_US};
use nvr_base::alert::{Action, Alert, AlertId, AlertState};
use nvr_base::{CameraId, Clock, SystemClock, Utc};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Most alerts of one answer.
const ALERTS_MAX: usize = 5000;
/// Most numbers of one answer.
const COUNTS_MAX: usize = 20_000;
/// What is answered when no start is asked for, µs.
const BACK_US: i64 = 86_400_000_000;
/// Longest period of counts, minutes.
const MINUTES_MAX: u32 = 1440;

/// Which alerts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted {
    /// Only this state.
    pub(crate) state: Option<AlertState>,
    /// Only this camera.
    pub(crate) camera: Option<CameraId>,
    /// Only this rule.
    pub(crate) rule: Option<String>,
    /// Those that lasted then or began later.
    pub(crate) from: Option<Utc>,
    /// Those that began before.
    pub(crate) to: Option<Utc>,
}

impl Wanted {
    fn is_of(&self, rule: &str, camera: &CameraId) -> bool {
        self.rule.as_ref().is_none_or(|wanted| wanted == rule)
            && self.camera.as_ref().is_none_or(|wanted| wanted == camera)
    }

    fn takes(&self, alert: &Alert) -> bool {
        self.is_of(&alert.raised.rule, &alert.raised.camera)
            && self.state.is_none_or(|state| alert.handling.state == state)
            && self.to.is_none_or(|to| alert.raised.start < to)
    }

    fn begin(&self) -> Utc {
        self.from.unwrap_or_else(|| SystemClock.utc().plus_micros(-BACK_US))
    }
}

/// An alert, as scripts read it.
pub(crate) fn alert_json(alert: &Alert) -> Value {
    let (raised, handling, measured) = (&alert.raised, &alert.handling, &alert.raised.measured);
    let (clip_from, clip_to) = alert.clip();
    json!({
        "id": raised.id, "rule": raised.rule, "situation": raised.situation, "event": raised.event,
        "camera": raised.camera, "severity": raised.severity, "instruction": raised.instruction,
        "start": raised.start, "end": alert.end, "interrupted": alert.interrupted,
        "measured": measured.measured, "threshold": measured.threshold, "score": measured.score,
        "box": measured.place,
        "state": handling.state, "by": handling.by, "decision": handling.verdict, "reason": handling.reason,
        "plugin": raised.plugin,
        "clip": { "camera": raised.camera, "from": clip_from, "to": clip_to },
        "picture": { "camera": raised.camera, "at": raised.picture_at },
    })
}

/// The alerts wanted, oldest first: the newest that can be handled, or out of the journal when a start is asked for.
pub(crate) fn alerts(on: &Subject<'_>, wanted: &Wanted) -> Result<Value, String> {
    let all = match wanted.from {
        Some(from) => on.store.alerts_since(from, ALERTS_MAX).map_err(|e| e.to_string())?,
        None => on.store.alerts(),
    };
    let alerts: Vec<Value> = all.iter().filter(|alert| wanted.takes(alert)).map(alert_json).collect();
    Ok(json!({ "alerts": alerts }))
}

/// What `who` does with an alert; the alert as it stands then.
pub(crate) fn handle(
    on: &Subject<'_>,
    who: &str,
    id: AlertId,
    action: Action,
    reason: Option<&str>,
) -> Result<Value, String> {
    let decided = on.store.handle(id, |alert, at| {
        act(alert, &Act { who, action, reason, at }).map_err(|refused| refused.to_string())
    });
    decided.map(|alert| alert_json(&alert)).map_err(|e| e.to_string())
}

/// What was counted, in periods of `minutes`.
pub(crate) fn counts(on: &Subject<'_>, wanted: &Wanted, minutes: u32) -> Result<Value, String> {
    if !(1..=MINUTES_MAX).contains(&minutes) {
        return Err(format!("a period of {minutes} minutes: choose 1 to {MINUTES_MAX}"));
    }
    if let Some(desk) = on.desk {
        desk.say_counts();
    }
    let mut adding = Adding::new(i64::from(minutes) * MINUTE_US, COUNTS_MAX);
    let mut cameras: BTreeMap<String, CameraId> = BTreeMap::new();
    on.store
        .counted_since(wanted.begin(), &mut |counted| {
            if wanted.is_of(counted.rule, counted.camera) && wanted.to.is_none_or(|to| counted.minute < to) {
                if !cameras.contains_key(counted.rule) {
                    cameras.insert(counted.rule.to_owned(), counted.camera.clone());
                }
                adding.take(counted.rule, counted.minute, counted.counts);
            }
        })
        .map_err(|e| e.to_string())?;
    let row = |(at, rule, count): (Utc, &str, &nvr_base::count::Count)| {
        json!({
            "rule": rule, "camera": cameras.get(rule), "at": at, "minutes": minutes, "series": count.key.series,
            "class": count.key.class, "direction": count.key.direction, "n": count.n, "max": count.max,
        })
    };
    let rows: Vec<Value> = adding.rows().map(row).collect();
    Ok(json!({ "counts": rows, "left_off": adding.left_off() }))
}

/// When rules were not watched, and why.
pub(crate) fn blind(on: &Subject<'_>, wanted: &Wanted) -> Result<Value, String> {
    let all = on.store.blind_since(wanted.begin(), on.live.is_some()).map_err(|e| e.to_string())?;
    let blind: Vec<_> = all
        .into_iter()
        .filter(|b| wanted.is_of(&b.rule, &b.camera) && wanted.to.is_none_or(|to| b.from < to))
        .collect();
    serde_json::to_value(json!({ "blind": blind })).map_err(|e| e.to_string())
}
