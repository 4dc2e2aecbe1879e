//! Tables: what is said, what the journal keeps.

#![allow(clippy::unwrap_used, reason = "a test may stop on what it did not expect")]

use super::*;
use crate::raise::Phase;

fn rule(id: &str, camera: &str) -> RuleFacts {
    RuleFacts {
        id: id.into(),
        situation: "fire".into(),
        camera: camera.parse().unwrap(),
        severity: 1,
        instruction: Some("call".into()),
        rearm_s: 0.0,
    }
}

fn shown(action: &Action) -> String {
    match action {
        Action::Journal(Entry::Raised(raised)) => {
            format!("raised {} {} {}", raised.id, raised.rule, raised.start.0 / 1_000_000)
        }
        Action::Journal(Entry::Updated { id, measured, .. }) => format!("updated {id} {}", measured.measured),
        Action::Journal(Entry::Ended { id, end, measured, interrupted, .. }) => {
            let how = if *interrupted { "interrupted" } else { "ended" };
            format!("{how} {id} {} {}", end.0 / 1_000_000, measured.measured)
        }
        Action::Journal(Entry::Resumed { id, .. }) => format!("resumed {id}"),
        Action::Journal(Entry::Handled { .. }) => "handled".into(),
        Action::NotRaised { rule, n } => format!("not raised {rule} {n}"),
    }
}

/// Words: `a.b1@5` (of rule a, object 1 begins at 5 s), `u`, `e`; `a.b1@5/2` measures 2; `a.b1@5>` stands further right;
/// `a.i@9` interrupts; `!a@9` leaves rule a alone in the configuration, `!a:yard@9` gives it another camera.
fn check(words: &str, expected: &[&str]) {
    let mut desk = Desk::new(7);
    desk.step(Utc(0), Said::Rules(&[rule("a", "gate"), rule("b", "gate")]));
    let mut got = Vec::new();
    for word in words.split_whitespace() {
        let (what, at) = word.split_once('@').unwrap();
        let right = at.ends_with('>');
        let (at, value) = at.trim_end_matches('>').split_once('/').unwrap_or((at.trim_end_matches('>'), "1"));
        let at = Utc(at.parse::<i64>().unwrap() * 1_000_000);
        let actions = if let Some(rest) = what.strip_prefix('!') {
            let (id, camera) = rest.split_once(':').unwrap_or((rest, "gate"));
            desk.step(at, Said::Rules(&[rule(id, camera)]))
        } else {
            let (id, phase) = what.split_once('.').unwrap();
            let (phase, object) = phase.split_at(1);
            let phase = match phase {
                "b" => Phase::Begin,
                "u" => Phase::Update,
                "e" => Phase::End,
                _ => {
                    got.extend(desk.step(at, Said::Interrupted { rule: id }).iter().map(shown));
                    continue;
                }
            };
            let rect = Rect { x: if right { 0.6 } else { 0.1 }, y: 0.1, w: 0.1, h: 0.2 };
            let measured = (value.parse().unwrap(), 0.5);
            let event = raise::Event {
                object: object.parse().unwrap(),
                phase,
                at_us: at.0,
                rect,
                score: 0.5,
                measured,
            };
            desk.step(at, Said::Event { rule: id, plugin: "p 1 (0)", name: "fire", since: at, event })
        };
        got.extend(actions.iter().map(shown));
    }
    assert_eq!(got, expected, "{words}");
}

#[test]
fn a_situation_is_one_alert() {
    check("a.b1@5 a.u1@6 a.b1@7 a.e1@9", &["raised 7-1 a 5", "ended 7-1 9 1"]);
    check(
        "a.b1@5 b.b1@5 a.b2@6 b.e1@7",
        &["raised 7-1 a 5", "raised 7-2 b 5", "raised 7-3 a 6", "ended 7-2 7 1"],
    );
    check("c.b1@5 c.e1@6", &[]);
}

#[test]
fn what_lasts_is_written_now_and_then() {
    check(
        "a.b1@5/1 a.u1@6/2 a.u1@16/3 a.u1@17/9 a.u1@40/4 a.u1@60/4 a.e1@70/1",
        &["raised 7-1 a 5", "updated 7-1 3", "updated 7-1 9", "ended 7-1 70 9"],
    );
}

#[test]
fn an_interruption_ends_and_the_same_place_resumes() {
    check(
        "a.b1@5 a.i@9 a.b1@20 a.e1@30",
        &["raised 7-1 a 5", "interrupted 7-1 9 1", "resumed 7-1", "ended 7-1 30 1"],
    );
    check("a.b1@5 a.i@9 a.b1@20>", &["raised 7-1 a 5", "interrupted 7-1 9 1", "raised 7-2 a 20"]);
    check("a.b1@5 a.i@9 a.b1@40", &["raised 7-1 a 5", "interrupted 7-1 9 1", "raised 7-2 a 40"]);
    check("a.i@9 a.e1@10", &[]);
}

#[test]
fn rules_that_go_end_what_is_open() {
    check("a.b1@5 b.b1@5 !a@8", &["raised 7-1 a 5", "raised 7-2 b 5", "interrupted 7-2 8 1"]);
    check("a.b1@5 !a:yard@8 a.b1@9", &["raised 7-1 a 5", "interrupted 7-1 8 1", "raised 7-2 a 9"]);
}

#[test]
fn a_flood_is_bounded_and_said() {
    let flood: String = (1..=70).map(|n| format!("a.b{n}@5 ")).collect();
    let mut expected: Vec<String> = (1..=60).map(|n| format!("raised 7-{n} a 5")).collect();
    expected.push("not raised a 10".into());
    expected.push("raised 7-61 a 65".into());
    let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    check(&format!("{flood} a.b99@65"), &expected);
}

#[test]
fn an_alert_says_everything() {
    let mut desk = Desk::new(1);
    desk.step(Utc(0), Said::Rules(&[rule("a", "gate")]));
    let rect = Rect { x: 0.123_456, y: f32::NAN, w: 0.1, h: 0.2 };
    let event = raise::Event {
        object: 1,
        phase: Phase::Begin,
        at_us: 9_000_000,
        rect,
        score: f32::INFINITY,
        measured: (1.5, 1.0),
    };
    let said = Said::Event { rule: "a", plugin: "fire 1 (0)", name: "flames", since: Utc(7_000_000), event };
    let actions = desk.step(Utc(9_100_000), said);
    let Some(Action::Journal(Entry::Raised(alert))) = actions.first() else { unreachable!("{actions:?}") };
    assert_eq!(alert.measured.place, [0.1235, 0.0, 0.1, 0.2]);
    assert_eq!((alert.measured.score, alert.measured.measured, alert.measured.threshold), (0.0, 1.5, 1.0));
    assert_eq!(
        (alert.event.as_str(), alert.severity, alert.instruction.as_deref()),
        ("flames", 1, Some("call"))
    );
    assert_eq!(
        (alert.since, alert.clip_from, alert.picture_at),
        (Utc(7_000_000), Utc(2_000_000), Utc(9_000_000))
    );
}
