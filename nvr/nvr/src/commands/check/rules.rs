//! What `nvr check` says of rules beyond their text: whether their plugins are there.
//!
//! Promises: a rule whose plugin is absent is a warning with its place, never an error: the recorder waits for it.
//! Leaves to others: a rule's own text (`nvr_base::config`), whether a plugin is signed and runs (the recorder).

use crate::commands::plugins::manifests;
use nvr_base::config::{Config, Finding, FindingId};
use nvr_base::text::Arg;
use serde_json::{Value, json};

/// A warning for each rule without a plugin.
pub(super) fn without_plugin(config: &Config) -> Vec<Finding> {
    let folder = &config.plugins.path;
    // A folder that cannot be read is as good as empty: the sentence names it.
    let found = manifests(folder).unwrap_or_default();
    let ids: Vec<String> = found.into_iter().filter_map(|(_, manifest)| Some(manifest.ok()?.id)).collect();
    let missing = config.rules.iter().filter(|rule| !ids.iter().any(|id| id == rule.situation.as_str()));
    let finding = |rule: &nvr_base::Rule| Finding {
        file: config.file.clone(),
        place: rule.place,
        key: format!("rule[{}].situation", rule.id),
        id: FindingId::PluginMissing,
        args: vec![
            ("value", Arg::from(rule.situation.as_str())),
            ("path", Arg::from(folder.display().to_string())),
        ],
    };
    missing.map(finding).collect()
}

/// The rules, for scripts; `measured` are their pixels a metre.
pub(super) fn as_json(config: &Config, measured: &[Option<f64>]) -> Vec<Value> {
    let rule = |(rule, px_per_m): (&nvr_base::Rule, &Option<f64>)| {
        json!({
            "id": rule.id, "id_derived": rule.id_derived, "situation": rule.situation.as_str(),
            "camera": rule.camera, "schedule": rule.schedule.to_string(), "severity": rule.severity,
            "px_per_m": px_per_m, "min_px_per_m": rule.min_px_per_m,
        })
    };
    config.rules.iter().zip(measured).map(rule).collect()
}
