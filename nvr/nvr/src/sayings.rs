//! What the analysis says to whoever handles it: events, counts, blindness, trouble of a plugin.
//!
//! Promises: nobody who implements this makes the analysis wait.
//! Leaves to others: saying it (`analysis`), alerts and the journal (`desk`).

use nvr_base::blind::BlindReason;
use nvr_base::{CameraId, Utc};
use nvr_plugins::protocol::{Event, Sample};

/// A media time and the same instant in UTC: what turns the media times of an event into UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Media time, µs.
    pub(crate) at_us: i64,
    /// The same instant.
    pub(crate) utc: Utc,
}

/// Whoever handles it.
pub(crate) trait Sayings: Send + Sync + std::fmt::Debug {
    /// A plugin said something of a rule's camera. `plugin` is `id version (first digits of its hash)`.
    fn event(&self, rule: &str, camera: &CameraId, plugin: &str, now: Moment, event: &Event);
    /// A plugin counted.
    fn sample(&self, rule: &str, camera: &CameraId, now: Moment, sample: &Sample);
    /// From now on a rule is blind for this reason, or watched. Said when it changes.
    fn blind(&self, rule: &str, camera: &CameraId, reason: Option<BlindReason>);
    /// Open situations of a rule are over: its plugin, its camera or the analysis went away.
    fn interrupted(&self, rule: &str, camera: &CameraId);
    /// A sentence for the technician: a plugin was turned away, crashed, is in quarantine.
    fn system(&self, subject: &str, what: &str);
}

/// Writes it to the log, for the technician; the desk does so beside the journal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Log;

impl Sayings for Log {
    fn event(&self, rule: &str, camera: &CameraId, plugin: &str, now: Moment, event: &Event) {
        tracing::info!(
            rule, %camera, plugin, at = %now.utc, at_us = now.at_us, phase = ?event.phase, object = event.object,
            "event"
        );
    }

    fn sample(&self, rule: &str, camera: &CameraId, now: Moment, sample: &Sample) {
        tracing::debug!(rule, %camera, at = %now.utc, series = sample.series, n = sample.n, "counted");
    }

    fn blind(&self, rule: &str, camera: &CameraId, reason: Option<BlindReason>) {
        match reason {
            Some(reason) => tracing::warn!(rule, %camera, %reason, "blind"),
            None => tracing::info!(rule, %camera, "watched"),
        }
    }

    fn interrupted(&self, rule: &str, camera: &CameraId) {
        tracing::warn!(rule, %camera, "interrupted");
    }

    fn system(&self, subject: &str, what: &str) {
        tracing::warn!(subject, "{what}");
    }
}
