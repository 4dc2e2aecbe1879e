//! The calibration gate of a replay: which rules have too few pixels a metre.
//!
//! Promises: pure; a rule that says what it needs and has less is not run, what only its plugin would like is a warning.
//! Leaves to others: the measure (`nvr_base::ground`), not running it (`detectors`).

use nvr_base::ground::{Gate, gate, px_per_m};
use nvr_base::rule::RulesFile;

/// What is to say of a rule.
#[derive(Debug, PartialEq)]
pub(super) struct Verdict {
    /// Its number.
    pub(super) rule: usize,
    /// For people.
    pub(super) sentence: String,
    /// It runs all the same.
    pub(super) is_run: bool,
}

/// Judges every rule; `wishes` are its plugin's pixels a metre, `width_px` is the film's; `None`: no frame was seen yet.
pub(super) fn judge(rules: &RulesFile, wishes: &[f32], width_px: Option<u32>) -> Vec<Verdict> {
    let wishes = wishes.iter().map(|wish| f64::from(*wish));
    let judged = rules.rules.iter().zip(wishes).enumerate().filter_map(|(number, (rule, wish))| {
        let ground = rules.camera.ground.as_ref();
        let measured = px_per_m(ground, rule.zone.as_ref(), rule.line.as_ref(), width_px);
        let (is_run, what) = match (gate(measured, rule.min_px_per_m.or(Some(wish))), rule.min_px_per_m) {
            (Gate::Below { measured, needed }, Some(_)) => (
                false,
                format!("{measured:.0} pixels a metre at its far edge, it needs {needed:.0}: it is not run; draw it nearer"),
            ),
            (Gate::Below { measured, needed }, None) => (
                true,
                format!(
                    "{measured:.0} pixels a metre at its far edge, `{}` works from {needed:.0} on; draw it nearer",
                    rule.situation
                ),
            ),
            (Gate::Unknown, Some(least)) if ground.is_none() => (
                true,
                format!(
                    "min_px_per_m = {least} cannot be checked, its alerts are given; write ground_points or ground_heights \
                     into [camera]"
                ),
            ),
            _ => return None,
        };
        Some(Verdict { rule: number, sentence: format!("rule `{}`: {what}", rule.id), is_run })
    });
    judged.collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on what it did not expect")]

    use super::*;
    use nvr_base::config::parse_rules;

    /// 3 m up, level: 36 pixels a metre at y = 0.6 of a film of 640 pixels.
    const LEVEL: &str =
        "[camera]\nground_heights = [[0.5, 0.8, 0.5, 1.8], [0.5, 0.5, 0.38, 1.8]]\nground_view_deg = 60\n";

    /// Whether it runs, and a part of what is said.
    fn check(camera: &str, keys: &str, width_px: Option<u32>, expected: &[(bool, &str)]) {
        let text = format!("{camera}[[rule]]\nid = \"a\"\nsituation = \"loitering\"\n{keys}");
        let rules = parse_rules("r.toml".as_ref(), &text).0.unwrap();
        let verdicts = judge(&rules, &[20.0], width_px);
        assert_eq!(verdicts.len(), expected.len(), "{keys}: {verdicts:?}");
        for (verdict, (is_run, part)) in verdicts.iter().zip(expected) {
            assert!(verdict.is_run == *is_run && verdict.sentence.contains(part), "{keys}: {verdict:?}");
        }
    }

    #[test]
    fn what_a_film_is_too_small_for() {
        let zone = "zone = [[0.2, 0.6], [0.8, 0.6], [0.5, 0.9]]\n";
        let need = |least: u32| format!("{zone}min_px_per_m = {least}");
        check(LEVEL, &need(40), Some(640), &[(false, "36 pixels a metre at its far edge, it needs 40")]);
        check(LEVEL, &need(30), Some(640), &[]);
        check(LEVEL, &need(30), None, &[]);
        check(LEVEL, zone, Some(640), &[]);
        check(
            LEVEL,
            zone,
            Some(320),
            &[(true, "18 pixels a metre at its far edge, `loitering` works from 20")],
        );
        check(LEVEL, "", Some(640), &[(true, "0 pixels")]);
        check("", zone, Some(320), &[]);
        check("", &need(30), Some(320), &[(true, "cannot be checked")]);
    }
}
