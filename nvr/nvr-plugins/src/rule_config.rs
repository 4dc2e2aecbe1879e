//! The rule as its plugin reads it: one JSON object of the geometry and the plugin's own keys.
//!
//! Promises: pure; the same object in replay and in service.
//! Leaves to others: the common keys' meaning (`nvr_base::rule`), judging the values (the plugin).

use nvr_base::rule::{Direction, Rule};
use nvr_base::{Class, Ground};
use serde_json::{Map, Value, json};

/// The configuration of the instance that watches `rule` on a camera that is calibrated like this, or not at all.
pub fn config(rule: &Rule, ground: Option<&Ground>) -> Value {
    let own = |(key, value)| Some((String::clone(key), serde_json::to_value::<&toml::Value>(value).ok()?));
    let mut keys: Map<String, Value> = rule.extra.iter().filter_map(own).collect();
    let mut set = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            keys.insert(key.to_owned(), value);
        }
    };
    set("zone", rule.zone.as_ref().map(|zone| json!(zone)));
    set("line", rule.line.as_ref().map(|line| json!(line)));
    let direction = Direction::ALL.iter().find(|(_, d)| *d == rule.direction);
    set("direction", direction.map(|(word, _)| json!(word)));
    set("dwell_s", rule.dwell_s.map(|s| json!(s)));
    let names = |classes: &Vec<Class>| json!(classes.iter().map(ToString::to_string).collect::<Vec<_>>());
    set("classes", rule.classes.as_ref().map(names));
    set("ground", ground.map(|ground| json!(ground)));
    Value::Object(keys)
}

/// Why `rule` is not for a plugin with this configuration schema: a key that is neither common nor the plugin's own.
pub fn unknown_key(rule: &Rule, schema: &str) -> Option<String> {
    let schema: Value = serde_json::from_str(schema).unwrap_or_default();
    let known = |key: &String| schema.get("properties").is_some_and(|p| p.get(key).is_some());
    let key = rule.extra.keys().find(|key| !known(key))?;
    let line = rule.extra_places.get(key).map(|place| format!(" (line {})", place.line)).unwrap_or_default();
    Some(format!("rule `{}`: `{key}`{line} is no key of `{}`; remove it", rule.id, rule.situation))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on what it did not expect")]

    use super::*;
    use nvr_base::config::parse_rules;

    fn rule(keys: &str) -> Rule {
        let text = format!("[[rule]]\nid = \"a\"\nsituation = \"wrong-way\"\n{keys}\n");
        parse_rules("r.toml".as_ref(), &text).0.unwrap().rules.remove(0)
    }

    #[test]
    fn a_rule_as_its_plugin_reads_it() {
        let check = |keys: &str, expected: Value| assert_eq!(config(&rule(keys), None), expected, "{keys}");
        check("", json!({"direction": "both"}));
        check("severity = 1\ndwell_s = 2", json!({"direction": "both", "dwell_s": 2.0}));
        check(
            "allowed_direction = [0, -1]\nclasses = [\"person\"]",
            json!({"direction": "both", "allowed_direction": [0, -1], "classes": ["person"]}),
        );
    }

    #[test]
    fn a_calibrated_camera() {
        let ground = Ground::try_from([2.0, 0.0, 0.0, 0.0, 3.0, 0.0, 0.0, 0.0, 1.0]).unwrap();
        let expected = json!({"direction": "both", "ground": [2.0, 0.0, 0.0, 0.0, 3.0, 0.0, 0.0, 0.0, 1.0]});
        assert_eq!(config(&rule(""), Some(&ground)), expected);
    }

    #[test]
    fn keys_that_are_nobodys() {
        let schema = r#"{"properties": {"allowed_direction": {}}}"#;
        assert_eq!(unknown_key(&rule("allowed_direction = [0, -1]"), schema), None);
        let why = unknown_key(&rule("allowed = 1"), schema).unwrap();
        assert!(why.contains("`allowed` (line 4) is no key of `wrong-way`"), "{why}");
        assert_eq!(unknown_key(&rule(""), "no JSON"), None);
    }
}
