//! What `nvr check` says of calibration: pixels a metre of each rule, and whether they are enough.
//!
//! Promises: warnings only, with their places; what is not known (no calibration, no size of the picture) is said so once.
//! Leaves to others: the measure (`nvr_base::ground`), asking cameras for the size (`probe`) and plugins for their wish (`plugins`).

use nvr_base::StreamId;
use nvr_base::config::{Config, Finding, FindingId};
use nvr_base::ground::{Gate, gate, px_per_m};
use nvr_base::rule::Rule;
use nvr_base::text::{Arg, Texts};
use std::collections::{BTreeMap, BTreeSet};

/// Pixels a metre of every rule at its far edge, as far as they are known; `widths` are those of streams, in pixels.
pub(super) fn measure(config: &Config, widths: &BTreeMap<StreamId, u32>) -> Vec<Option<f64>> {
    let of = |rule: &Rule| {
        let camera = config.camera(rule.camera.as_ref()?)?;
        let width_px = widths.get(&StreamId::new(camera.id.clone(), camera.analysed()?)).copied();
        px_per_m(camera.ground.as_ref(), rule.zone.as_ref(), rule.line.as_ref(), width_px)
    };
    config.rules.iter().map(of).collect()
}

/// Rules with too few, and cameras that ought to be calibrated. `wish` is asked once a plugin, and only where there is
/// something to compare with.
pub(super) fn findings(
    config: &Config,
    measured: &[Option<f64>],
    wish: &dyn Fn(&str) -> Option<f64>,
) -> Vec<Finding> {
    let mut wishes: BTreeMap<&str, Option<f64>> = BTreeMap::new();
    let mut uncalibrated = BTreeSet::new();
    let mut all = Vec::new();
    for (rule, measured) in config.rules.iter().zip(measured) {
        let finding = |key: &str, id, args| Finding {
            file: config.file.clone(),
            place: rule.place,
            key: format!("rule[{}].{key}", rule.id),
            id,
            args,
        };
        let plugin = rule.situation.as_str();
        let (needed, of) = match (rule.min_px_per_m, measured) {
            (Some(own), _) => (Some(own), "rule"),
            (None, Some(_)) => (*wishes.entry(plugin).or_insert_with(|| wish(plugin)), "plugin"),
            (None, None) => continue,
        };
        let camera = rule.camera.as_ref().and_then(|id| config.camera(id));
        match (gate(*measured, needed), camera) {
            (Gate::Below { measured, needed }, _) => {
                let number = |n: f64| Arg::from(format!("{n:.0}"));
                let args =
                    vec![("measured", number(measured)), ("needed", number(needed)), ("of", Arg::from(of))];
                all.push(finding("min_px_per_m", FindingId::BelowGate, args));
            }
            (Gate::Unknown, Some(camera)) if camera.ground.is_none() && uncalibrated.insert(&camera.id) => {
                let args = vec![("value", Arg::from(camera.id.as_str()))];
                all.push(finding("min_px_per_m", FindingId::NotCalibrated, args));
            }
            _ => {}
        }
    }
    all
}

/// What every rule of a calibrated camera has.
pub(super) fn lines(config: &Config, measured: &[Option<f64>], texts: &Texts) -> Vec<String> {
    let line = |(rule, measured): (&Rule, &Option<f64>)| {
        let mut args = vec![("rule", Arg::from(rule.id.as_str()))];
        let is_calibrated = config.camera(rule.camera.as_ref()?)?.ground.is_some();
        match measured {
            Some(px) => {
                args.push(("px", Arg::from(format!("{px:.0}"))));
                Some(texts.text("check-px-per-m", &args))
            }
            None if is_calibrated && rule.min_px_per_m.is_some() => {
                Some(texts.text("check-px-unknown", &args))
            }
            None => None,
        }
    };
    config.rules.iter().zip(measured).filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on what it did not expect")]

    use super::*;
    use nvr_base::config::parse_text;
    use nvr_base::text::Locale;

    /// 3 m up, level: 36 pixels a metre at y = 0.6 of a picture of 640 pixels.
    const LEVEL: &str =
        "ground_heights = [[0.5, 0.8, 0.5, 1.8], [0.5, 0.5, 0.38, 1.8]]\nground_view_deg = 60\n";

    /// Keys of the camera and of two equal rules: what is found and what is said of the first rule.
    fn check(camera: &str, keys: &str, width_px: Option<u32>, found: &[&str], said: &str) {
        let rule =
            |id| format!("[[rule]]\nid = \"{id}\"\ncamera = \"gate\"\nsituation = \"loitering\"\n{keys}");
        let text = format!(
            "storage.path = \"/s\"\n[[camera]]\nid = \"gate\"\nurl = \"rtsp://192.0.2.1/m\"\n{camera}{}{}",
            rule("a"),
            rule("b")
        );
        let config = parse_text(&text).0.unwrap();
        let main = StreamId::new("gate".parse().unwrap(), nvr_base::StreamKind::Main);
        let widths = width_px.into_iter().map(|px| (main.clone(), px)).collect();
        let measured = measure(&config, &widths);
        let texts = Texts::new(Locale::En);
        let findings = findings(&config, &measured, &|_| Some(20.0));
        let words: Vec<String> =
            findings.iter().map(|f| format!("{}: {}", f.key, f.message(&texts))).collect();
        assert_eq!(words.len(), found.len(), "{words:?}");
        for (word, part) in words.iter().zip(found) {
            assert!(word.contains(part), "{word} has no {part}");
        }
        let first = lines(&config, &measured, &texts).into_iter().next().unwrap_or_default();
        assert!(first.contains(said) && first.is_empty() == said.is_empty(), "{first}");
    }

    #[test]
    fn which_rules_see_too_little() {
        let zone = "zone = [[0.2, 0.6], [0.8, 0.6], [0.5, 0.9]]\n";
        let need = |least: u32| format!("{zone}min_px_per_m = {least}\n");
        let own = "has 36 pixels a metre at its far edge and needs 40";
        check(LEVEL, &need(40), Some(640), &[own, own], "a: 36 pixels a metre");
        check(LEVEL, &need(30), Some(640), &[], "a: 36 pixels a metre");
        check(LEVEL, zone, Some(640), &[], "a: 36 pixels a metre");
        let wish = "has 18 pixels a metre at its far edge, and its plugin works from 20 on";
        check(LEVEL, zone, Some(320), &[wish, wish], "a: 18 pixels a metre");
        check(LEVEL, &need(40), None, &[], "--probe");
        check(LEVEL, zone, None, &[], "");
        check("", &need(40), Some(640), &["not calibrated"], "");
        check("", zone, Some(640), &[], "");
    }
}
