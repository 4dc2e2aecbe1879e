//! What `nvr check` says of rules beyond their text: whether their plugins are there, and take their keys.
//!
//! Promises: a rule whose plugin is absent or does not start is a warning with its place, never an error: the recorder
//!   waits for it; a key that its plugin does not take is an error with the key's place.
//! Leaves to others: a rule's own text (`nvr_base::config`), the schema (`nvr_plugins::rule_schema`), asking the plugins
//!   (`plugins`), whether a plugin is signed and runs (the recorder).

use super::plugins::Described;
use crate::commands::plugins::manifests;
use nvr_base::config::finding::FINDINGS_MAX;
use nvr_base::config::{Config, Finding, FindingId};
use nvr_base::text::Arg;
use nvr_plugins::rule_schema;
use serde_json::{Value, json};
use std::collections::BTreeSet;

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

/// Keys that a rule's plugin does not take, and a warning for each plugin that could not be asked.
pub(super) fn wrong_keys(config: &Config, described: &Described) -> Vec<Finding> {
    let mut all = Vec::new();
    let mut said = BTreeSet::new();
    for rule in &config.rules {
        let plugin = rule.situation.as_str();
        match described.get(plugin) {
            Some(Ok(descriptor)) => {
                all.extend(rule_schema::findings(&config.file, rule, &descriptor.config_schema));
            }
            Some(Err(why)) if said.insert(plugin) => all.push(Finding {
                file: config.file.clone(),
                place: rule.place,
                key: format!("rule[{}].situation", rule.id),
                id: FindingId::PluginNotStarted,
                args: vec![("value", Arg::from(plugin)), ("why", Arg::from(why.as_str()))],
            }),
            _ => {}
        }
    }
    let cut = all.len().saturating_sub(FINDINGS_MAX);
    if cut > 0 {
        all.truncate(FINDINGS_MAX);
        let (file, args) = (config.file.clone(), vec![("count", Arg::from(cut))]);
        all.push(Finding { file, place: None, key: String::new(), id: FindingId::TooManyFindings, args });
    }
    all
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
