//! A rule's keys that belong to its plugin, against the plugin's JSON Schema (2020-12, §6 of the validation part).
//!
//! Promises: pure; each mistake is a finding with the key's place and a remedy: a key that is nobody's, a missing one, a
//!   wrong type, a number outside its limits, a word outside its list, a list of the wrong length; at most one a key. A
//!   schema that says less checks less.
//! Leaves to others: the common keys (`nvr_base::config`), patterns and what several keys must have in common (the plugin,
//!   when it is given the rule), asking the plugin for its schema (`worker`).

use crate::rule_config::config;
use nvr_base::config::finding::QUOTE_CHARS_MAX;
use nvr_base::config::{Finding, FindingId, nearest};
use nvr_base::rule::Rule;
use nvr_base::text::Arg;
use serde_json::Value;
use std::path::Path;

/// What is wrong with a value.
type Mistake = (FindingId, Vec<(&'static str, Arg)>);

/// Keyword of a schema, how people write it, and whether it holds.
type Limit = (&'static str, &'static str, fn(f64, f64) -> bool);

/// Limits of a number: their names in a schema, how people write them, and whether they hold.
const LIMITS: [Limit; 4] = [
    ("minimum", "≥", |n, limit| n >= limit),
    ("exclusiveMinimum", ">", |n, limit| n > limit),
    ("maximum", "≤", |n, limit| n <= limit),
    ("exclusiveMaximum", "<", |n, limit| n < limit),
];
/// The same of the length of a list.
const COUNTS: [Limit; 2] =
    [("minItems", "≥", |n, limit| n >= limit), ("maxItems", "≤", |n, limit| n <= limit)];

/// What is wrong with the keys of `rule`, which stands in `file`, for a plugin with this configuration schema.
pub fn findings(file: &Path, rule: &Rule, schema: &str) -> Vec<Finding> {
    let schema: Value = serde_json::from_str(schema).unwrap_or_default();
    let own = schema.get("properties").and_then(Value::as_object);
    let names: Vec<&str> = own.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    let mut all = rule.unknown_extra(file, &names);
    let finding = |key: &str, place, (id, args): Mistake| {
        let key = format!("rule[{}].{}", rule.id, nvr_base::text::printable(key));
        Finding { file: file.to_owned(), place, key, id, args }
    };
    for (key, value) in &rule.extra {
        let Some(of) = own.and_then(|own| own.get(key)) else { continue };
        if let Some((id, mut args)) = mistake(value, of) {
            args.push(("plugin", Arg::from(rule.situation.as_str())));
            all.push(finding(key, rule.extra_places.get(key).copied(), (id, args)));
        }
    }
    // A plugin may ask for a common key too.
    let given = config(rule, None);
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    for name in required.filter_map(Value::as_str).filter(|name| given.get(name).is_none()) {
        all.push(finding(name, rule.place, (FindingId::MissingKey, vec![("name", Arg::from(name))])));
    }
    all
}

/// The first mistake of a value, or of an entry of a list.
fn mistake(value: &toml::Value, of: &Value) -> Option<Mistake> {
    if let Some(choices) = of.get("enum").and_then(Value::as_array) {
        return not_a_choice(value, choices);
    }
    let kinds: Vec<&str> = match of.get("type") {
        Some(Value::String(kind)) => vec![kind],
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if let Some(first) = kinds.first().filter(|_| !kinds.iter().any(|kind| is_of(value, kind))) {
        let args = vec![("expected", Arg::from(word(first))), ("found", Arg::from(found(value)))];
        return Some((FindingId::WrongType, args));
    }
    match value {
        toml::Value::Integer(_) | toml::Value::Float(_) => {
            let number = value.as_float().or_else(|| value.as_integer().map(|n| n as f64))?;
            let limits = broken(number, of, &LIMITS)?;
            Some((FindingId::OutOfLimits, vec![("value", shown(value)), ("limits", Arg::from(limits))]))
        }
        toml::Value::Array(entries) => {
            if let Some(limits) = broken(entries.len() as f64, of, &COUNTS) {
                let args = vec![("count", Arg::from(entries.len())), ("limits", Arg::from(limits))];
                return Some((FindingId::WrongCount, args));
            }
            let of = of.get("items")?;
            entries.iter().find_map(|entry| mistake(entry, of))
        }
        _ => None,
    }
}

fn not_a_choice(value: &toml::Value, choices: &[Value]) -> Option<Mistake> {
    let is_one = serde_json::to_value(value).is_ok_and(|value| choices.contains(&value));
    if is_one {
        return None;
    }
    let words: Vec<String> =
        choices.iter().map(|c| c.as_str().map_or_else(|| c.to_string(), str::to_owned)).collect();
    let names: Vec<&str> = words.iter().map(String::as_str).collect();
    let suggestion = value.as_str().and_then(|text| nearest(text, &names)).unwrap_or("none");
    let args = vec![
        ("value", shown(value)),
        ("choices", Arg::from(names.join(", "))),
        ("suggestion", Arg::from(suggestion)),
    ];
    Some((FindingId::NotAChoice, args))
}

/// All limits in words, when one of them does not hold.
fn broken(number: f64, of: &Value, limits: &[Limit]) -> Option<String> {
    let (mut words, mut all_hold) = (Vec::new(), true);
    for (name, sign, holds) in limits {
        if let Some(limit) = of.get(name).and_then(Value::as_f64) {
            words.push(format!("{sign} {limit}"));
            all_hold &= holds(number, limit);
        }
    }
    (!all_hold).then(|| words.join(", "))
}

/// Whether a value is of a schema's type; a plugin reads a number with a fraction as no whole one, 1.0 too.
fn is_of(value: &toml::Value, kind: &str) -> bool {
    match kind {
        "string" => value.is_str(),
        "integer" => value.is_integer(),
        "number" => value.is_integer() || value.is_float(),
        "boolean" => value.is_bool(),
        "array" => value.is_array(),
        "object" => value.is_table(),
        _ => false,
    }
}

/// A schema's type, as the texts know it.
fn word(kind: &str) -> &'static str {
    match kind {
        "string" => "text",
        "integer" => "integer",
        "number" => "number",
        "boolean" => "boolean",
        "array" => "list",
        _ => "table",
    }
}

/// A value's type, as the texts know it.
fn found(value: &toml::Value) -> &'static str {
    match value {
        toml::Value::String(_) => "text",
        toml::Value::Integer(_) => "integer",
        toml::Value::Float(_) => "number",
        toml::Value::Boolean(_) => "boolean",
        toml::Value::Datetime(_) => "date",
        toml::Value::Array(_) => "list",
        toml::Value::Table(_) => "table",
    }
}

/// A value of the file, cut.
fn shown(value: &toml::Value) -> Arg {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut short: String = text.chars().take(QUOTE_CHARS_MAX).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    Arg::from(short)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on what it did not expect")]

    use super::*;
    use nvr_base::config::parse_rules;
    use nvr_base::text::{Locale, Texts};

    const SCHEMA: &str = r#"{"type":"object","properties":{
        "share":{"type":"number","minimum":0.2,"maximum":0.8},
        "above":{"type":"number","exclusiveMinimum":0},
        "most":{"type":"integer","minimum":1},
        "mode":{"enum":["near","far"]},
        "way":{"type":"array","items":{"type":"number"},"minItems":2,"maxItems":2},
        "on":{"type":["boolean","null"]}
        },"required":["most","zone"]}"#;

    /// Lines of a rule after its first three, and what is found: line and sentence each.
    fn check_with(schema: &str, keys: &str, expected: &[&str]) {
        let text = format!("[[rule]]\nid = \"a\"\nsituation = \"wrong-way\"\n{keys}\n");
        let rule = parse_rules("r.toml".as_ref(), &text).0.unwrap().rules.remove(0);
        let texts = Texts::new(Locale::En);
        let shown: Vec<String> = findings("r.toml".as_ref(), &rule, schema)
            .iter()
            .map(|f| format!("{}: {}", f.place.map_or(0, |p| p.line), f.message(&texts)))
            .collect();
        assert_eq!(shown, expected, "{keys}");
    }

    fn check(key: &str, expected: &[&str]) {
        let zone = "zone = [[0.1, 0.1], [0.9, 0.1], [0.5, 0.9]]";
        let rest = if key.starts_with("most") { zone.to_owned() } else { format!("{zone}\nmost = 2") };
        check_with(SCHEMA, &format!("{key}\n{rest}"), expected);
    }

    #[test]
    fn keys_that_are_taken() {
        for key in ["", "share = 0.2", "share = 0.8", "above = 1", "most = 1", "mode = \"far\"", "on = true"]
        {
            check(key, &[]);
        }
        check("way = [0, -1.5]", &[]);
        check_with("{}", "", &[]);
    }

    #[test]
    fn keys_that_are_not() {
        check("shar = 0.5", &["4: there is no key “shar” here"]);
        check_with("no JSON", "share = 0.5", &["4: there is no key “share” here"]);
        check("share = \"0.5\"", &["4: “rule[a].share” is a text and must be a number"]);
        check("most = 1.0", &["4: “rule[a].most” is a number with a fraction and must be a whole number"]);
        check("way = 1", &["4: “rule[a].way” is a whole number and must be a list"]);
        check("way = [0, \"up\"]", &["4: “rule[a].way” is a text and must be a number"]);
        check("on = 1", &["4: “rule[a].on” is a whole number and must be true or false"]);
    }

    #[test]
    fn values_outside_their_limits() {
        check("share = 0.9", &["4: “rule[a].share” is 0.9 and must be ≥ 0.2, ≤ 0.8"]);
        check("above = 0", &["4: “rule[a].above” is 0 and must be > 0"]);
        check("most = 0", &["4: “rule[a].most” is 0 and must be ≥ 1"]);
        check("mode = \"ner\"", &["4: “rule[a].mode” does not know “ner”"]);
        check("mode = 1", &["4: “rule[a].mode” does not know “1”"]);
        check("way = [1]", &["4: “rule[a].way” has one entry and must have ≥ 2, ≤ 2"]);
    }

    #[test]
    fn keys_that_are_missing() {
        check_with(SCHEMA, "", &["1: the key “most” is missing", "1: the key “zone” is missing"]);
    }
}
