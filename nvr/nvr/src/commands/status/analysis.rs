//! The analysis for people: a line for each rule and each plugin.
//!
//! Promises: pure; whatever the daemon says makes lines, what it does not say is left out.
//! Leaves to others: the fields (`crate::analysis`).

use nvr_base::text::{Arg, text};
use serde_json::Value;

/// The lines; none where no rule was ever armed.
pub(super) fn lines(analysis: &Value) -> Vec<String> {
    let mut out = Vec::new();
    if let Some(why) = words(analysis.get("perception").unwrap_or(&Value::Null), "why") {
        out.push(text("status-analysis", &[("why", Arg::from(why))]));
    }
    let rules = list(analysis, "rules");
    out.extend(rules.iter().map(rule));
    for of in list(analysis, "plugins") {
        plugin(of, rules, &mut out);
    }
    out
}

fn list<'a>(of: &'a Value, name: &str) -> &'a [Value] {
    of.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn words<'a>(of: &'a Value, name: &str) -> Option<&'a str> {
    of.get(name).and_then(Value::as_str)
}

fn number(of: &Value, name: &str) -> u64 {
    of.get(name).and_then(Value::as_u64).unwrap_or_default()
}

fn rule(of: &Value) -> String {
    let state = match words(of, "blind") {
        Some(reason) => {
            let reason = text(&format!("blind-{reason}"), &[]);
            let why = words(of, "why").map_or(reason.clone(), |why| format!("{reason}: {why}"));
            text("status-blind", &[("why", Arg::from(why))])
        }
        None => text("status-watched", &[]),
    };
    let args = [
        ("rule", Arg::from(words(of, "rule").unwrap_or_default())),
        ("camera", Arg::from(words(of, "camera").unwrap_or_default())),
        ("state", Arg::from(state)),
        ("open", Arg::from(number(of, "open"))),
        ("events", Arg::from(number(of, "events"))),
    ];
    text("status-rule", &args)
}

fn plugin(of: &Value, rules: &[Value], out: &mut Vec<String>) {
    let name = Arg::from(words(of, "plugin").unwrap_or_default());
    let version = Arg::from(words(of, "version").unwrap_or("?"));
    let its = |rule: &&Value| words(of, "id").is_some() && words(rule, "situation") == words(of, "id");
    let missed: u64 =
        rules.iter().filter(its).filter_map(|rule| Some(number(rule.get("tally")?, "missed"))).sum();
    let generations = list(of, "generations");
    if generations.is_empty() {
        out.push(text("status-plugin-away", &[("plugin", name), ("version", version)]));
    } else {
        for generation in generations {
            let phase = words(generation, "phase").unwrap_or_default();
            let counters = generation.get("counters").unwrap_or(&Value::Null);
            let args = [
                ("plugin", name.clone()),
                ("version", version.clone()),
                ("phase", Arg::from(text(&format!("status-phase-{phase}"), &[]))),
                ("generation", Arg::from(number(generation, "generation"))),
                ("events", Arg::from(number(counters, "events"))),
                ("missed", Arg::from(missed)),
            ];
            out.push(text("status-plugin", &args));
        }
    }
    let quarantine = list(of, "quarantine");
    for one in quarantine {
        let args = [
            ("hash", Arg::from(words(one, "hash").unwrap_or_default())),
            ("why", Arg::from(words(one, "why").unwrap_or_default())),
        ];
        out.push(format!("  {}", text("status-quarantine", &args)));
    }
    // The last reason is often that of the quarantine.
    let is_said =
        |why: &str| quarantine.iter().any(|one| words(one, "why").is_some_and(|w| w.ends_with(why)));
    out.extend(words(of, "why").filter(|why| !is_said(why)).map(|why| format!("  {why}")));
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(analysis: &Value, expected: &[&str]) {
        // A test's language is that of whoever runs it: numbers and names are the same in all.
        let got = lines(analysis);
        assert_eq!(got.len(), expected.len(), "{got:?}");
        for (got, expected) in got.iter().zip(expected) {
            assert!(expected.split(' ').all(|word| got.contains(word)), "{got}: {expected}");
        }
    }

    #[test]
    fn lines_of_rules_and_plugins() {
        check(&Value::Null, &[]);
        check(&json!({"perception": {"why": null}, "rules": [], "plugins": []}), &[]);
        let rules = json!([
            {"rule": "a", "camera": "gate", "situation": "fire", "blind": null, "open": 2, "events": 7,
             "tally": {"missed": 3}},
            {"rule": "b", "camera": "yard", "situation": "weapon", "blind": "refused", "why": "no zone", "open": 0,
             "events": 0, "tally": {"missed": 0}}]);
        let plugins = json!([
            {"plugin": "fire", "id": "fire", "version": "1.2", "why": null, "quarantine": [],
             "generations": [{"generation": 4, "phase": "live", "counters": {"events": 9}}]},
            {"plugin": "bad", "id": null, "version": null, "why": "it hung", "generations": [],
             "quarantine": [{"hash": "abcdef", "why": "5 crashes, the last: it hung"}]},
            {"plugin": "worse", "why": "it fell", "generations": [], "quarantine": []}]);
        check(
            &json!({"perception": {"why": "no model"}, "rules": rules, "plugins": plugins}),
            &[
                "no model",
                "a gate 2 7",
                "b yard no zone",
                "fire 1.2 4 9 3",
                "bad",
                "abcdef 5 crashes",
                "worse",
                "it fell",
            ],
        );
    }
}
