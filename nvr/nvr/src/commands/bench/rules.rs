//! One rule of each plugin: what is measured when nobody says what to watch for.
//!
//! Promises: rules that a plugin accepts without knowing the scene; a manifest that is not sound is said and left out.
//! Leaves to others: reading them (`nvr_base::rule`).

use crate::commands::plugins::manifests;
use crate::terminal::complain;
use anyhow::bail;
use nvr_base::rule::Situation;
use std::path::Path;

/// What the plugins of a folder look for.
pub(super) fn situations(folder: &Path) -> anyhow::Result<Vec<Situation>> {
    let mut all = Vec::new();
    for (path, manifest) in manifests(folder)? {
        match manifest.map(|manifest| Situation::from_id(&manifest.id).ok_or(manifest.id)) {
            Ok(Ok(situation)) => all.push(situation),
            Ok(Err(id)) => complain(&format!("{}: no rule can name `{id}`; left out", path.display())),
            Err(why) => complain(&format!("{}: {why}; left out", path.display())),
        }
    }
    if all.is_empty() {
        bail!("no plugin in {}; put some there with `nvr plugins pack`", folder.display());
    }
    Ok(all)
}

/// What a rule of a situation needs beside its defaults.
pub(super) fn keys(situation: Situation) -> &'static str {
    match situation {
        Situation::ZoneEntry => {
            "zone = [[0.0, 0.5], [1.0, 0.5], [1.0, 1.0], [0.0, 1.0]]\nclasses = [\"person\"]\n"
        }
        Situation::Counting => "line = [[0.0, 0.5], [1.0, 0.5]]\n",
        Situation::WrongWay => "allowed_direction = [0.0, -1.0]\n",
        Situation::CrowdDensity => "max_persons = 25\n",
        Situation::Distancing => "min_distance_m = 1.0\n",
        _ => "",
    }
}

/// A rules file of one rule each, for a replay.
pub(super) fn to_toml(situations: &[Situation]) -> String {
    situations
        .iter()
        .map(|s| format!("[[rule]]\nid = \"{s}\"\nsituation = \"{s}\"\n{}\n", keys(*s)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use nvr_base::config::parse_rules;

    #[test]
    fn every_situation_has_a_rule_that_can_be_read() {
        let all: Vec<Situation> = Situation::ALL.iter().map(|(_, situation)| *situation).collect();
        let (rules, findings) = parse_rules(Path::new("rules.toml"), &to_toml(&all));
        assert!(findings.is_empty(), "{findings:?}");
        assert_eq!(rules.map(|rules| rules.rules.len()), Some(all.len()));
    }
}
