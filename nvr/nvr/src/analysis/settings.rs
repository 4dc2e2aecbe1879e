//! From the configuration to what the analysis is told.
//!
//! Promises: pure but for the names of cameras' numbers, which stay for a run; a rule that is not armed is not here.
//! Leaves to others: reading the configuration, arming.

use crate::child::{perceive_program, program};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use nvr_base::analysis::{CameraNumber, MASKS_MAX};
use nvr_base::blind::BlindReason;
use nvr_base::config::Config;
use nvr_base::perceive_protocol::LiveOrder;
use nvr_base::rule::Rule;
use nvr_base::{CameraId, StreamId, Utc};
use nvr_plugins::host;
use nvr_plugins::service::ArmedCamera;
use nvr_plugins::signature::Trust;
use nvr_plugins::worker::MEMORY_BYTES_MAX;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// CPU milliseconds a second and core that the analysis may use; recording goes first anyway, by priority.
const BUDGET_MS_PER_CORE: f32 = 800.0;

/// The zone whose hours schedules mean.
#[derive(Debug, Clone)]
pub(super) struct Zone(TimeZone);

impl Zone {
    /// The local time.
    pub(super) fn local(&self, now: Utc) -> DateTime {
        let instant = jiff::Timestamp::from_microsecond(now.0).unwrap_or_default();
        self.0.to_datetime(instant)
    }
}

/// What the plugin host is told.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct HostSettings {
    folder: PathBuf,
    store: PathBuf,
    trusted_keys: Vec<String>,
    allow_unsigned: bool,
}

/// What perception is told at its start.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct LiveSettings {
    models: String,
    detector: Option<String>,
}

/// What the analysis is told.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Armed rules; each names a camera.
    pub(super) rules: Vec<Rule>,
    /// Rules that nobody looks for at all: rule, camera, why.
    pub(super) blind: Vec<(String, CameraId, BlindReason)>,
    /// Cameras of the armed rules.
    pub(super) cameras: Vec<ArmedCamera>,
    /// The streams that are analysed.
    pub(super) streams: BTreeMap<StreamId, CameraNumber>,
    pub(super) host: HostSettings,
    pub(super) live: LiveSettings,
    pub(super) timezone: Zone,
    /// `nvr-perceive`.
    pub(super) perceive: PathBuf,
    /// `nvr-worker`.
    worker: PathBuf,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            rules: Vec::new(),
            blind: Vec::new(),
            cameras: Vec::new(),
            streams: BTreeMap::new(),
            host: HostSettings::default(),
            live: LiveSettings::default(),
            timezone: Zone(TimeZone::UTC),
            perceive: PathBuf::new(),
            worker: PathBuf::new(),
        }
    }
}

/// Numbers of cameras: given once, for a run.
#[derive(Debug, Default)]
pub(crate) struct Numbers(BTreeMap<CameraId, CameraNumber>);

impl Numbers {
    fn of(&mut self, camera: &CameraId) -> Option<CameraNumber> {
        if let Some(number) = self.0.get(camera) {
            return Some(*number);
        }
        let next = CameraNumber::try_from(self.0.len()).ok()?;
        self.0.insert(camera.clone(), next);
        Some(next)
    }
}

impl Settings {
    /// Of a configuration; `is_armed` says which of its rules may look.
    pub(crate) fn new(config: &Config, is_armed: impl Fn(&Rule) -> bool, numbers: &mut Numbers) -> Self {
        let mut all = Self::default();
        let (rules, unarmed): (Vec<Rule>, Vec<Rule>) = config.rules.iter().cloned().partition(is_armed);
        let blind = |rule: &Rule, reason| Some((rule.id.clone(), rule.camera.clone()?, reason));
        all.blind.extend(unarmed.iter().filter_map(|rule| blind(rule, BlindReason::NotAuthorised)));
        for camera in &config.cameras {
            if !rules.iter().any(|rule| rule.camera.as_ref() == Some(&camera.id)) {
                continue;
            }
            let Some(kind) = camera.analysed() else { continue };
            let Some(number) = numbers.of(&camera.id) else { continue };
            let masks = camera.masks.iter().take(MASKS_MAX).cloned().collect();
            all.cameras.push(ArmedCamera {
                number,
                id: camera.id.clone(),
                masks,
                ground: camera.ground.clone(),
            });
            all.streams.insert(StreamId::new(camera.id.clone(), kind), number);
        }
        let is_seen = |rule: &Rule| all.cameras.iter().any(|c| Some(&c.id) == rule.camera.as_ref());
        let (rules, unseen): (Vec<Rule>, Vec<Rule>) = rules.into_iter().partition(is_seen);
        // A camera of which no stream is recorded has no pictures to look at.
        all.blind.extend(unseen.iter().filter_map(|rule| blind(rule, BlindReason::CameraDown)));
        all.rules = rules;
        all.host = HostSettings {
            folder: config.plugins.path.clone(),
            // Beside the footage: a place that only the recorder writes.
            store: config.storage.paths.first().map(|path| path.join("plugins")).unwrap_or_default(),
            trusted_keys: config.plugins.trusted_keys.clone(),
            allow_unsigned: config.plugins.allow_unsigned,
        };
        let detector = config.models.detector.clone();
        all.live = LiveSettings { models: config.models.path.to_string_lossy().into_owned(), detector };
        let zone = config.site.timezone.as_deref().and_then(|name| TimeZone::get(name).ok());
        all.timezone = Zone(zone.unwrap_or_else(TimeZone::system));
        all.perceive = perceive_program();
        all.worker = program("nvr-worker");
        all
    }

    /// For the plugin host; `None`, and logged, when a key is none.
    pub(super) fn host_settings(&self) -> Option<host::Settings> {
        match Trust::new(&self.host.trusted_keys, self.host.allow_unsigned) {
            Ok(trust) => Some(host::Settings {
                folder: self.host.folder.clone(),
                store: self.host.store.clone(),
                program: self.worker.clone(),
                memory_bytes_max: MEMORY_BYTES_MAX,
                trust,
            }),
            Err(error) => {
                tracing::error!(%error, "no plugin is loaded");
                None
            }
        }
    }

    /// For perception.
    pub(super) fn live_order(&self) -> LiveOrder {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        LiveOrder {
            models: self.live.models.clone(),
            detector: self.live.detector.clone(),
            threads: u16::try_from(cores).unwrap_or(1).clamp(1, nvr_base::perceive_protocol::THREADS_MAX),
            budget_ms_per_s: BUDGET_MS_PER_CORE * cores as f32,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on what it did not expect")]

    use super::*;
    use nvr_base::config::parse_text;

    /// Cameras as streams with numbers, armed rules, and who is blind.
    fn check(cameras: &str, is_armed: bool, streams: &[&str], blind: &[&str]) {
        let rules = ["gate", "yard"].map(|camera| {
            format!("[[rule]]\nid = \"{camera}-fire\"\nsituation = \"fire\"\ncamera = \"{camera}\"\n")
        });
        let (config, findings) = parse_text(&format!("storage.path = \"/s\"\n{cameras}{}", rules.concat()));
        let config = config.ok_or(findings).unwrap();
        let settings = Settings::new(&config, |_| is_armed, &mut Numbers::default());
        let found: Vec<String> = settings.streams.iter().map(|(s, n)| format!("{s} {n}")).collect();
        assert_eq!(found, streams, "{cameras}");
        let found: Vec<String> =
            settings.blind.iter().map(|(rule, _, reason)| format!("{rule} {reason}")).collect();
        assert_eq!(found, blind, "{cameras}");
        assert_eq!(settings.rules.len(), 2 - blind.len());
    }

    #[test]
    fn which_streams_are_analysed() {
        let camera = |id: &str, keys: &str| {
            format!("[[camera]]\nid = \"{id}\"\nurl = \"rtsp://192.0.2.1/{id}\"\n{keys}\n")
        };
        let sub = "sub_url = \"rtsp://192.0.2.1/sub\"";
        let both = camera("gate", sub) + &camera("yard", "");
        check(&both, true, &["gate/sub 0", "yard/main 1"], &[]);
        check(&both, false, &[], &["gate-fire not-authorised", "yard-fire not-authorised"]);
        let main = camera("gate", &format!("{sub}\nrecord_sub = false")) + &camera("yard", "record = false");
        check(&main, true, &["gate/main 0"], &["yard-fire camera-down"]);
    }
}
