//! Small pictures as text: what is drawn of an overlay, and where.
#![allow(clippy::unwrap_used, reason = "a test may stop on what it did not expect")]

use super::super::canvas::testing::shown;
use super::*;
use nvr_base::overlay::{OverlayReader, OverlayWriter};
use nvr_base::{Label, TrackId};

/// The picture of `overlay` alone, without letters in the way: only the rows and columns of `part` (x, y, w, h).
fn drawn(head: &Head, overlays: &[Overlay], at_us: i64, size: (usize, usize)) -> Canvas {
    let mut writer = OverlayWriter::new(Vec::new(), head).unwrap();
    overlays.iter().for_each(|overlay| writer.add(overlay).unwrap());
    let bytes = writer.finish().unwrap();
    let mut show = Show::new(OverlayReader::new(bytes.as_slice()).unwrap().1);
    show.go_to(at_us).unwrap();
    let mut canvas = Canvas::new(size.0, size.1, Vec::new());
    draw(&mut canvas, head, &show, at_us);
    canvas
}

fn part(canvas: &Canvas, (x, y, w, h): (usize, usize, usize, usize)) -> String {
    let text = shown(canvas);
    let rows = text.lines().skip(y).take(h);
    rows.map(|row| row.chars().skip(x).take(w).collect::<String>()).collect::<Vec<_>>().join("\n")
}

fn rect(x: f32, y: f32, w: f32, h: f32) -> Rect {
    Rect { x: x / 199.0, y: y / 149.0, w: w / 199.0, h: h / 149.0 }
}

fn mark(label: Label, rect: Rect, observed: bool) -> Mark {
    Mark { id: TrackId(1), label, score: 0.8, rect, observed }
}

/// A part of a picture of 200 × 150 pixels is as expected.
fn check(head: &Head, overlay: Overlay, region: (usize, usize, usize, usize), expected: &str) {
    let canvas = drawn(head, &[overlay], 0, (200, 150));
    let expected: Vec<_> = expected.split_whitespace().collect();
    let got = part(&canvas, region);
    assert_eq!(got, expected.join("\n"), "\n{got}");
}

fn marks(mark: Mark) -> Overlay {
    Overlay { marks: vec![mark], ..Overlay::default() }
}

#[test]
fn boxes_by_class_and_predicted_ones_thin() {
    let person = "GGGGGG GGGGGG GG..GG GG..GG GGGGGG GGGGGG";
    let none = Head::default();
    let at = rect(100.0, 60.0, 5.0, 5.0);
    check(&none, marks(mark(Label::PERSON, at, true)), (100, 60, 6, 6), person);
    let predicted = "GGGGGG G....G G....G G....G G....G GGGGGG";
    check(&none, marks(mark(Label::PERSON, at, false)), (100, 60, 6, 6), predicted);
    check(&none, marks(mark(Label::CAR, at, true)), (100, 60, 6, 6), &person.replace('G', "B"));
}

#[test]
fn an_alert_is_red_over_its_track() {
    let head =
        Head { shapes: vec![Shape { name: "q".into(), ..Shape::default() }], masks: vec![], weather: None };
    let at = rect(100.0, 60.0, 7.0, 7.0);
    let flag = Flag { rule: 0, rect: at, text: "q".into() };
    let overlay = Overlay { flags: vec![flag], ..marks(mark(Label::PERSON, at, true)) };
    check(
        &head,
        overlay.clone(),
        (100, 60, 8, 8),
        "RRRRRRRR RRRRRRRR RRRRRRRR RRR..RRR RRR..RRR RRRRRRRR RRRRRRRR RRRRRRRR",
    );
    // And in words at the top: white on red.
    let banner = part(&drawn(&head, &[overlay], 0, (200, 150)), (0, 0, 10, 12));
    assert!(banner.contains('#') && banner.contains('R') && !banner.contains('G'), "{banner}");
}

#[test]
fn zones_masks_and_lines() {
    let square = |x: f32, y: f32, side: f32| {
        let r = rect(x, y, side, side);
        Polygon(
            [(r.x, r.y), (r.right(), r.y), (r.right(), r.bottom()), (r.x, r.bottom())]
                .map(|(x, y)| At { x, y })
                .to_vec(),
        )
    };
    let mask = Head { masks: vec![square(100.0, 60.0, 4.0)], ..Head::default() };
    check(&mask, Overlay::default(), (99, 59, 6, 6), "...... .????? .????? .????? .????? .?????");
    // The line is walked from left to right, so that forward is down (DESIGN: rules and replay).
    let across = nvr_base::Line { a: At { x: 0.2, y: 0.5 }, b: At { x: 0.8, y: 0.5 } };
    let line = |directions| Shape { line: Some(across), directions, ..Shape::default() };
    let arrows = |directions| {
        let head = Head { shapes: vec![line(directions)], masks: vec![], weather: None };
        let canvas = drawn(&head, &[], 0, (200, 150));
        let yellow = |y| part(&canvas, (90, y, 20, 15)).matches('y').count() > 0;
        (yellow(55), yellow(80))
    };
    assert_eq!(arrows((true, false)), (false, true), "forward is down");
    assert_eq!(arrows((false, true)), (true, false));
    assert_eq!(arrows((true, true)), (true, true));
}

#[test]
fn trails_join_foot_points() {
    let at = |x: f32| rect(x, 60.0, 0.0, 20.0);
    let walk = [0, 1, 2]
        .map(|n| Overlay { at_us: n, ..marks(mark(Label::PERSON, at(100.0 + 10.0 * n as f32), true)) });
    let canvas = drawn(&Head::default(), &walk, 2, (200, 150));
    assert_eq!(part(&canvas, (101, 80, 17, 1)), "G".repeat(17));
    assert_eq!(part(&canvas, (80, 80, 17, 1)), ".".repeat(17));
}

#[test]
fn hostile_overlays_draw_without_panic() {
    let far = rect(-3000.0, -2000.0, 3100.0, 2100.0);
    let shape = Shape {
        name: "é".repeat(200),
        line: Some(nvr_base::Line { a: At { x: 0.5, y: 0.5 }, b: At { x: 0.5, y: 0.5 } }),
        directions: (true, true),
        zone: Some(Polygon(vec![])),
        allowed: Some(At { x: 0.0, y: 0.0 }),
    };
    let head =
        Head { shapes: vec![shape], masks: vec![Polygon(vec![At { x: -9.0, y: 9.0 }])], weather: None };
    let inverted = Rect { w: -0.5, h: -0.5, ..far };
    let flags = vec![Flag { rule: 0, rect: inverted, text: "\u{4e2d}\u{1b}[31m".repeat(60) }; 20];
    let marks = vec![mark(Label::CAR, far, true), mark(Label::DOG, inverted, false)];
    let overlay = Overlay { marks, flags, more: u32::MAX, notes: vec!["x".repeat(500); 8], at_us: 0 };
    for size in [(1, 1), (2, 500), (64, 48), (320, 240)] {
        drawn(&head, std::slice::from_ref(&overlay), i64::MAX, size);
    }
}

#[test]
fn the_time_reads_as_a_clock() {
    for (us, expected) in
        [(0, "0:00.000"), (63_240_400, "1:03.240"), (3_723_456_000, "1:02:03.456"), (-5, "0:00.000")]
    {
        assert_eq!(clock(us), expected);
    }
}
