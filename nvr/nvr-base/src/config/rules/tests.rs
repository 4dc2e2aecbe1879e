//! Tables: text in, rules or findings out.

#![allow(clippy::unwrap_used, reason = "a test may stop on what it did not expect")]

use super::*;
use crate::config::Severity;
use crate::text::{Locale, Texts};

/// `line:column key id` of each finding; rules exactly when none is an error.
#[track_caller]
fn check(text: &str, expected: &[&str]) {
    let (rules, findings) = parse_rules(Path::new("r.toml"), text);
    let errors = findings.iter().any(|f| f.severity() == Severity::Error);
    assert_eq!(rules.is_none(), errors, "{text}\n{findings:?}");
    let found: Vec<String> = findings
        .iter()
        .map(|f| {
            let place = f.place.map_or(String::new(), |p| format!("{}:{} ", p.line, p.column));
            format!("{place}{} {}", f.key, f.id.as_str())
        })
        .collect();
    assert_eq!(found, expected, "\n{text}");
}

/// `lines` in a rule; the first of them is line 3.
#[track_caller]
fn check_rule(lines: &str, expected: &[&str]) {
    check(&format!("[[rule]]\nsituation = \"zone-entry\"\n{lines}"), expected);
}

#[track_caller]
fn rules(text: &str) -> RulesFile {
    let (rules, findings) = parse_rules(Path::new("r.toml"), text);
    assert!(findings.is_empty(), "{findings:?}");
    rules.unwrap()
}

const WHOLE: &str = r#"
[camera]                          # optional
masks = [[[0,0],[0.5,0],[0.5,0.1],[0,0.1]]]

[[rule]]
id = "quay-night"
situation = "zone-entry"
schedule = "Mo-Su 22:00-06:00"
severity = 1
instruction = "Call the platform chief, ext. 4410"
rearm_s = 30
min_px_per_m = 40
zone = [[0,0.6],[0.6,0.6],[0.6,1],[0,1]]
line = [[0,0.5],[1,0.5]]
direction = "forward"
dwell_s = 2.5
classes = ["person","vehicle","dog","person"]
allowed_direction = [0,-1]
nested = { list = [1, 2.5, "x"], on = true }
"#;

#[test]
fn a_whole_rule() {
    let file = rules(WHOLE);
    assert_eq!(file.camera.masks.len(), 1);
    let rule = file.rules.first().unwrap();
    assert_eq!((rule.id.as_str(), rule.id_derived), ("quay-night", false));
    assert_eq!(rule.situation, Situation::ZoneEntry);
    assert_eq!(rule.schedule.to_string(), "Mo-Su 22:00-06:00");
    assert_eq!((rule.severity, rule.rearm_s, rule.dwell_s), (1, 30.0, Some(2.5)));
    assert_eq!(rule.instruction.as_deref(), Some("Call the platform chief, ext. 4410"));
    assert_eq!(rule.min_px_per_m, Some(40.0));
    assert_eq!(rule.zone.as_ref().map(|z| z.0.len()), Some(4));
    assert_eq!(rule.line, Some(Line { a: [0.0, 0.5].into(), b: [1.0, 0.5].into() }));
    assert_eq!(rule.direction, Direction::Forward);
    let dog = "dog".parse().unwrap();
    assert_eq!(rule.classes, Some(vec![Class::Person, Class::Vehicle, Class::Only(dog)]));
    let extra: toml::Table =
        toml::from_str("allowed_direction = [0,-1]\nnested = { list = [1, 2.5, \"x\"], on = true }").unwrap();
    assert_eq!(rule.extra, extra);
    let unknown = rule.unknown_extra(Path::new("r.toml"), &["allowed_direction"]);
    let found: Vec<(String, &str)> = unknown.iter().map(|f| (f.location(), f.key.as_str())).collect();
    assert_eq!(found, [("r.toml:19:1".to_owned(), "rule[quay-night].nested")]);
}

#[test]
fn what_is_absent() {
    let file = rules("[[rule]]\nsituation = \"fire\"\n");
    let rule = file.rules.first().unwrap();
    assert!(
        rule.schedule.is_always() && rule.zone.is_none() && rule.classes.is_none() && rule.dwell_s.is_none()
    );
    assert_eq!((rule.severity, rule.rearm_s, rule.direction), (2, 0.0, Direction::Both));
    assert!(rule.watches_zone());
    assert!(rules("").rules.is_empty());
}

#[test]
fn missing_ids_are_made_up_and_stay() {
    let text = r#"rule = [{situation="fire"}, {situation="counting"}, {situation="fire", id="fire-2"}, {situation="fire"},
        {situation="fire"}]"#;
    let ids: Vec<(String, bool)> = rules(text).rules.into_iter().map(|r| (r.id, r.id_derived)).collect();
    let expected =
        [("fire-1", true), ("counting-1", true), ("fire-2", false), ("fire-3", true), ("fire-4", true)];
    assert_eq!(ids, expected.map(|(id, derived)| (id.to_owned(), derived)));
}

#[test]
fn mistakes_and_their_places() {
    check("[[rule]]\n", &["1:1 rule[#1].situation missing-key"]);
    check("rule = 3\n", &["1:8 rule wrong-type"]);
    check("rule = [3]\n", &["1:9 rule wrong-type"]);
    check("[rules]\n", &["1:2 rules unknown-key"]);
    check("[camera]\nmask = []\n", &["2:1 camera.mask unknown-key"]);
    check("[camera]\nmasks = [[[0,0],[1,1]]]\n", &["2:10 camera.masks bad-mask"]);
    check("[[rule]\n", &["1:1 rule[#1].situation missing-key", "1:8  syntax"]);
    check("[[rule]]\nsituation = \"zone-enty\"\n", &["2:13 rule[#1].situation not-a-choice"]);
    check_rule("id = \"a b\"\n", &["3:6 rule[#1].id bad-rule-id"]);
    check_rule("id = \"a\"\nseverity = 4\n", &["4:12 rule[a].severity out-of-range"]);
    check_rule(
        "id = \"a\"\n[[rule]]\nid = \"a\"\nsituation = \"fire\"\n",
        &["4:1 rule[a].id duplicate-rule-id"],
    );
    check_rule("schedule = \"Mo 8h\"\n", &["3:12 rule[#1].schedule bad-schedule"]);
    check_rule("zone = [[0,0],[1,0]]\n", &["3:8 rule[#1].zone bad-zone"]);
    check_rule("zone = [[0,0],[1,0],[0.5,0]]\n", &["3:8 rule[#1].zone bad-zone"]);
    check_rule("zone = [[0,0],[1,0],[1,1.01]]\n", &["3:8 rule[#1].zone bad-zone"]);
    check_rule("zone = [[0,0],[1,0],[1,nan]]\n", &["3:8 rule[#1].zone bad-zone"]);
    check_rule(&format!("zone = [{}]\n", "[0,0],".repeat(65)), &["3:8 rule[#1].zone too-many-entries"]);
    check_rule("line = [[0,0.5]]\n", &["3:8 rule[#1].line bad-line"]);
    check_rule("line = [[0,0.5],[0,0.5]]\n", &["3:8 rule[#1].line bad-line"]);
    check_rule("direction = \"forward\"\n", &["3:1 rule[#1].direction key-without"]);
    check_rule("dwell_s = -1\n", &["3:11 rule[#1].dwell_s out-of-range"]);
    check_rule("dwell_s = inf\n", &["3:11 rule[#1].dwell_s out-of-range"]);
    check_rule("dwell_s = \"5\"\n", &["3:11 rule[#1].dwell_s wrong-type"]);
    check_rule("classes = [\"persons\"]\n", &["3:12 rule[#1].classes bad-class"]);
    check_rule("classes = []\n", &["3:11 rule[#1].classes empty-text"]);
    check_rule("camera = \"gate\"\n", &["3:1 rule[#1].camera unknown-key"]);
    check_rule("x = inf\n", &["3:1 rule[#1].x out-of-range"]);
    check_rule(&format!("x = [{}]\n", "1,".repeat(300)), &["3:1 rule[#1].x too-many-entries"]);
    check(&"[[rule]]\nsituation = \"fire\"\n".repeat(1001), &["1:1 rule too-many-entries"]);
}

#[test]
fn findings_name_file_and_remedy() {
    let (_, findings) = parse_rules(Path::new("night.toml"), "[[rule]]\nsituation = \"zone-enty\"\n");
    let finding = findings.first().unwrap();
    assert_eq!(finding.location(), "night.toml:2:13");
    let texts = Texts::new(Locale::En);
    assert!(finding.remedy(&texts).contains("zone-entry"), "{}", finding.remedy(&texts));
}

#[test]
fn torn_files_never_panic() {
    for end in (0..WHOLE.len()).filter(|end| WHOLE.is_char_boundary(*end)) {
        parse_rules(Path::new("r.toml"), WHOLE.get(..end).unwrap());
    }
}
