//! Rules files, and `[[rule]]` of any file: from text to rules, or to everything that is wrong with the text.
//!
//! Promises: pure, bounded, no panic on any input; every mistake with its place, key and remedy; rules only when there
//! is no error; a missing id is derived from situation and position and differs from all others.
//! Leaves to others: the plugin's own keys (`Rule::unknown_extra`), writing ids back, reading the file.

use super::cross::Cameras;
use super::finding::{Finding, FindingId, quote};
use super::section::{Entry, Report, Section};
use super::site::{Regime, Site};
use super::suggest::nearest;
use super::{CONFIG_BYTES_MAX, ground, mask};
use crate::geometry::{Line, Point, Polygon};
use crate::label::Class;
use crate::rule::{
    CLASSES_MAX, CameraMasks, Direction, EXTRA_VALUES_MAX, INSTRUCTION_CHARS_MAX, RULE_ID_CHARS_MAX,
    RULES_MAX, Rule, RulesFile, SEVERITY_DEFAULT, Situation, ZONE_POINTS_MAX,
};
use crate::schedule::{SCHEDULE_CHARS_MAX, Schedule};
use crate::text::{Arg, printable};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use toml::de::{DeTable, DeValue};

/// The keys every rule may have.
pub const RULE_KEYS: [&str; 13] = [
    "id",
    "situation",
    "schedule",
    "severity",
    "instruction",
    "rearm_s",
    "min_px_per_m",
    "zone",
    "line",
    "direction",
    "dwell_s",
    "classes",
    "camera",
];

/// Longest time of a rule, in seconds: a day.
const SECONDS_MAX: f64 = 86_400.0;

/// Deepest nesting of a plugin's own value.
const EXTRA_DEPTH_MAX: usize = 8;

/// A zone smaller than this share of the picture is a slip: a hundredth of a percent.
const ZONE_AREA_MIN: f32 = 0.0001;

/// Reads a rules file. There is one exactly when no finding is an error. `file` is only named in the findings.
pub fn parse_rules(file: &Path, text: &str) -> (Option<RulesFile>, Vec<Finding>) {
    let mut report = Report::new(text);
    let mut found = None;
    if text.len() as u64 > CONFIG_BYTES_MAX {
        let args = vec![("bytes", Arg::from(text.len())), ("max", Arg::from(CONFIG_BYTES_MAX))];
        report.add(0, "", FindingId::FileTooBig, args);
    } else {
        let (root, errors) = DeTable::parse_recoverable(text.strip_prefix('\u{feff}').unwrap_or(text));
        for error in errors {
            let detail = Arg::from(error.message().lines().next().unwrap_or_default());
            report.add(error.span().map_or(0, |s| s.start), "", FindingId::Syntax, vec![("detail", detail)]);
        }
        let mut root = Section::new(String::new(), root.span(), root.get_ref());
        let mut camera = root.section(&mut report, "camera");
        let masks =
            camera.entry("masks").and_then(|entry| mask::read(&mut report, entry)).unwrap_or_default();
        let ground = ground::read(&mut camera, &mut report);
        camera.finish(&mut report, |_| None);
        let rules = read_rules(&mut root, &mut report, false);
        root.finish(&mut report, |_| None);
        found = Some(RulesFile { camera: CameraMasks { masks, ground }, rules });
    }
    let found = found.filter(|_| !report.has_errors());
    let (mut findings, _) = report.finish();
    for finding in &mut findings {
        finding.file = file.to_owned();
    }
    (found, findings)
}

/// Reads `[[rule]]` of a file; `named_camera` where a rule says which camera it is for.
pub(crate) fn read_rules(root: &mut Section<'_>, report: &mut Report<'_>, named_camera: bool) -> Vec<Rule> {
    let entries = root.entry("rule").and_then(|entry| entry.list(report, RULES_MAX)).unwrap_or_default();
    let mut rules = Vec::new();
    let mut lines: BTreeMap<String, i64> = BTreeMap::new();
    for (i, entry) in entries.into_iter().enumerate() {
        let Entry { value: DeValue::Table(table), at, .. } = entry else {
            entry.wrong_type(report, "table");
            continue;
        };
        let section = Section::new(format!("rule[#{}]", i + 1), at..at, table);
        let Some(rule) = read_rule(section, report, named_camera) else { continue };
        if !rule.id.is_empty() {
            let line = report.line(at);
            if let Some(first) = lines.insert(rule.id.clone(), line) {
                let args = vec![("value", quote(&rule.id)), ("line", Arg::from(first))];
                report.add(at, &format!("rule[{}].id", rule.id), FindingId::DuplicateRuleId, args);
            }
        }
        rules.push(rule);
    }
    derive_ids(&mut rules);
    rules
}

/// Gives rules without an id one: the situation and the position among the rules of that situation, or the next number
/// that is free.
fn derive_ids(rules: &mut [Rule]) {
    let mut taken: BTreeSet<String> = rules.iter().map(|rule| rule.id.clone()).collect();
    let mut positions: BTreeMap<Situation, usize> = BTreeMap::new();
    for rule in rules {
        let position = positions.entry(rule.situation).or_insert(0);
        *position += 1;
        if !rule.id.is_empty() {
            continue;
        }
        let free = (*position..).map(|n| format!("{}-{n}", rule.situation)).find(|id| !taken.contains(id));
        rule.id = free.unwrap_or_default();
        rule.id_derived = true;
        taken.insert(rule.id.clone());
    }
}

/// What concerns rules and the rest of a configuration: their cameras, their ids, whether they may be armed at all.
pub(crate) fn check_armed(rules: &[Rule], site: &Site, cameras: Cameras<'_>, report: &mut Report<'_>) {
    for rule in rules {
        let at = rule.place;
        let key = |name: &str| format!("rule[{}].{name}", rule.id);
        if rule.id_derived {
            report.add_at(at, &key("id"), FindingId::RuleWithoutId, vec![("value", quote(&rule.id))]);
        }
        let Some(camera) = &rule.camera else { continue };
        let ids = cameras.ids();
        if !ids.contains(&camera.as_str()) {
            let args = vec![
                ("value", quote(camera.as_str())),
                ("suggestion", Arg::from(nearest(camera.as_str(), &ids).unwrap_or("none"))),
            ];
            report.add_at(at, &key("camera"), FindingId::UnknownCamera, args);
        }
        let named = cameras.read.iter().find(|c| c.id == *camera);
        if named.is_some_and(|c| !c.record && (c.sub.is_none() || !c.record_sub)) {
            let args = vec![("value", quote(camera.as_str()))];
            report.add_at(at, &key("camera"), FindingId::RuleWithoutStream, args);
        }
    }
    if let Some(first) = rules.first().filter(|_| site.regime != Some(Regime::PrivateSite)) {
        report.add_at(first.place, "rule", FindingId::RulesNotArmed, vec![("rules", Arg::from(rules.len()))]);
    }
}

/// One rule; its id is empty when it has none. `None` when its situation is unknown, which is reported.
fn read_rule(mut section: Section<'_>, report: &mut Report<'_>, named_camera: bool) -> Option<Rule> {
    let at = section.at;
    let id = section.text(report, "id", usize::MAX).and_then(|text| {
        let valid = text.text.len() <= RULE_ID_CHARS_MAX
            && text.text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
        if !valid {
            let args = vec![("value", quote(text.text)), ("max", Arg::from(RULE_ID_CHARS_MAX))];
            report.add(text.at, &text.key, FindingId::BadRuleId, args);
        }
        valid.then(|| text.text.to_owned())
    });
    if let Some(id) = &id {
        section.path = format!("rule[{id}]");
    }
    let camera = if named_camera { read_camera(&mut section, report) } else { None };
    let situation = section.choice(report, "situation", Situation::ALL);
    if situation.is_none() && !section.has("situation") {
        section.missing(report, "situation");
    }
    let rule = Rule {
        id: id.unwrap_or_default(),
        id_derived: false,
        camera,
        situation: situation.unwrap_or(Situation::ZoneEntry),
        schedule: read_schedule(&mut section, report).unwrap_or_default(),
        severity: section
            .integer(report, "severity", 1..=3)
            .and_then(|n| u8::try_from(n).ok())
            .unwrap_or(SEVERITY_DEFAULT),
        instruction: section.text(report, "instruction", INSTRUCTION_CHARS_MAX).map(|t| printable(t.text)),
        rearm_s: section.number(report, "rearm_s", 0.0..=SECONDS_MAX).unwrap_or(0.0),
        min_px_per_m: section.number(report, "min_px_per_m", 0.0..=10_000.0),
        zone: section.entry("zone").and_then(|entry| read_zone(entry, report)),
        line: section.entry("line").and_then(|entry| read_line(entry, report)),
        direction: section.choice(report, "direction", Direction::ALL).unwrap_or_default(),
        dwell_s: section.number(report, "dwell_s", 0.0..=SECONDS_MAX),
        classes: section.entry("classes").and_then(|entry| read_classes(entry, report)),
        extra: toml::Table::new(),
        place: Some(report.place(at)),
        extra_places: BTreeMap::new(),
    };
    if section.has("direction") && !section.has("line") {
        let args = vec![("name", Arg::from("direction")), ("other", Arg::from("line"))];
        report.add(section.key_at("direction"), &section.key("direction"), FindingId::KeyWithout, args);
    }
    situation?;
    Some(read_extra(rule, &section, report, named_camera))
}

fn read_camera(section: &mut Section<'_>, report: &mut Report<'_>) -> Option<crate::CameraId> {
    let Some(entry) = section.entry("camera") else {
        section.missing(report, "camera");
        return None;
    };
    let text = entry.text(report, usize::MAX)?;
    let id = text.text.parse().ok();
    if id.is_none() {
        let args = vec![("value", quote(text.text)), ("max", Arg::from(crate::id::CAMERA_ID_LEN_MAX))];
        report.add(text.at, &text.key, FindingId::BadCameraId, args);
    }
    id
}

fn read_schedule(section: &mut Section<'_>, report: &mut Report<'_>) -> Option<Schedule> {
    let text = section.text(report, "schedule", SCHEDULE_CHARS_MAX)?;
    match text.text.parse() {
        Ok(schedule) => Some(schedule),
        Err(_) => {
            report.add(text.at, &text.key, FindingId::BadSchedule, vec![("value", quote(text.text))]);
            None
        }
    }
}

fn read_zone(entry: Entry<'_>, report: &mut Report<'_>) -> Option<Polygon> {
    let (at, key) = (entry.at, entry.key.clone());
    let points = entry.list(report, ZONE_POINTS_MAX)?;
    let zone: Option<Vec<Point>> = points.iter().map(mask::point).collect();
    let zone = zone.map(Polygon).filter(|zone| zone.0.len() >= 3 && zone.area() >= ZONE_AREA_MIN);
    if zone.is_none() {
        report.add(at, &key, FindingId::BadZone, vec![]);
    }
    zone
}

fn read_line(entry: Entry<'_>, report: &mut Report<'_>) -> Option<Line> {
    let (at, key) = (entry.at, entry.key.clone());
    let points = entry.list(report, ZONE_POINTS_MAX)?;
    let points: Option<Vec<Point>> = points.iter().map(mask::point).collect();
    let line = match points.as_deref() {
        Some([a, b]) if a != b => Some(Line { a: *a, b: *b }),
        _ => None,
    };
    if line.is_none() {
        report.add(at, &key, FindingId::BadLine, vec![]);
    }
    line
}

fn read_classes(entry: Entry<'_>, report: &mut Report<'_>) -> Option<Vec<Class>> {
    let (at, key) = (entry.at, entry.key.clone());
    let entries = entry.list(report, CLASSES_MAX)?;
    if entries.is_empty() {
        report.add(at, &key, FindingId::EmptyText, vec![]);
    }
    let mut classes = Vec::new();
    for entry in entries {
        let Some(text) = entry.text(report, usize::MAX) else { continue };
        match text.text.parse::<Class>() {
            Ok(class) if classes.contains(&class) => {}
            Ok(class) => classes.push(class),
            Err(_) => report.add(text.at, &text.key, FindingId::BadClass, vec![("value", quote(text.text))]),
        }
    }
    Some(classes)
}

/// Keeps the keys that are not common to all rules, with their places, for the plugin's schema.
fn read_extra(mut rule: Rule, section: &Section<'_>, report: &mut Report<'_>, named_camera: bool) -> Rule {
    let mut values = 0;
    for (name, at, value) in section.unknown(&RULE_KEYS) {
        values += 1;
        match toml_value(value, 1, &mut values) {
            Ok(value) => {
                rule.extra_places.insert(name.to_owned(), report.place(at));
                rule.extra.insert(name.to_owned(), value);
            }
            Err(refused) => {
                let key = section.key(&quoted(name));
                let (id, args) = match refused {
                    Refused::TooMany => (
                        FindingId::TooManyEntries,
                        vec![("count", Arg::from(values)), ("max", Arg::from(EXTRA_VALUES_MAX))],
                    ),
                    Refused::Number(text) => (
                        FindingId::OutOfRange,
                        vec![("value", text), ("min", Arg::from("-1e308")), ("max", Arg::from("1e308"))],
                    ),
                };
                report.add(at, &key, id, args);
            }
        }
    }
    if !named_camera && section.has("camera") {
        let known: Vec<&str> = RULE_KEYS.iter().copied().filter(|key| *key != "camera").collect();
        let mut args = unknown_key("camera", &known);
        args.retain(|(name, _)| *name != "suggestion");
        args.push(("suggestion", Arg::from("none")));
        report.add(section.key_at("camera"), &section.key("camera"), FindingId::UnknownKey, args);
    }
    rule
}

fn quoted(name: &str) -> String {
    printable(&name.chars().take(super::finding::QUOTE_CHARS_MAX).collect::<String>())
}

/// Values of the text of an unknown key.
pub(crate) fn unknown_key(name: &str, known: &[&str]) -> Vec<(&'static str, Arg)> {
    vec![
        ("name", quote(name)),
        ("suggestion", Arg::from(super::suggest::nearest(name, known).unwrap_or("none"))),
        ("known", Arg::from(known.join(", "))),
    ]
}

/// Why a plugin's own value is not kept.
enum Refused {
    /// Too many values, or too deep.
    TooMany,
    /// Not finite, or more than 64 bits.
    Number(Arg),
}

/// A plain value of a spanned one.
fn toml_value(value: &DeValue<'_>, depth: usize, values: &mut usize) -> Result<toml::Value, Refused> {
    *values += 1;
    if depth > EXTRA_DEPTH_MAX || *values > EXTRA_VALUES_MAX {
        return Err(Refused::TooMany);
    }
    Ok(match value {
        DeValue::String(text) => toml::Value::String(text.to_string()),
        DeValue::Integer(n) => {
            let number = i64::from_str_radix(n.as_str(), n.radix());
            toml::Value::Integer(number.map_err(|_| Refused::Number(quote(n.as_str())))?)
        }
        DeValue::Float(n) => {
            let number = n.as_str().parse().ok().filter(|number: &f64| number.is_finite());
            toml::Value::Float(number.ok_or_else(|| Refused::Number(quote(n.as_str())))?)
        }
        DeValue::Boolean(flag) => toml::Value::Boolean(*flag),
        DeValue::Datetime(date) => toml::Value::Datetime(*date),
        DeValue::Array(array) => {
            let list: Result<Vec<_>, Refused> =
                array.iter().map(|v| toml_value(v.get_ref(), depth + 1, values)).collect();
            toml::Value::Array(list?)
        }
        DeValue::Table(table) => {
            let mut plain = toml::Table::new();
            for (key, value) in table.iter() {
                plain.insert(key.get_ref().to_string(), toml_value(value.get_ref(), depth + 1, values)?);
            }
            toml::Value::Table(plain)
        }
    })
}

#[cfg(test)]
mod tests;
