//! Calibrations in, metres or errors out.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop on what it did not expect")]

use super::*;

fn p(x: f32, y: f32) -> Point {
    Point { x, y }
}

/// A camera 4 m up that looks down by 10°, 60° of view across, 16:9: where a point of the ground is in its picture.
fn camera([x, z]: [f64; 2]) -> Point {
    let (height, tilt, aspect) = (4.0, 10_f64.to_radians(), 16.0 / 9.0);
    let focal = aspect / (2.0 * 30_f64.to_radians().tan());
    let depth = z * tilt.cos() + height * tilt.sin();
    let down = height * tilt.cos() - z * tilt.sin();
    p((0.5 + focal * x / depth / aspect) as f32, (0.5 + focal * down / depth) as f32)
}

fn calibrated(ground: [[f64; 2]; 4]) -> Ground {
    Ground::from_points(&ground.map(|m| (camera(m), m))).unwrap()
}

const FIELD: [[f64; 2]; 4] = [[-3.0, 8.0], [3.0, 8.0], [4.0, 20.0], [-4.0, 20.0]];

#[test]
fn four_points_give_metres_everywhere() {
    // Any origin of the metres will do, and the points in any order as long as it is the same one.
    for (shift, turn) in [([0.0, 0.0], 0), ([500.0, -200.0], 1), ([0.0, 3.0], 3)] {
        let mut field = FIELD;
        field.rotate_left(turn);
        let moved = |[x, z]: [f64; 2]| [x + shift[0], z + shift[1]];
        let ground = Ground::from_points(&field.map(|m| (camera(m), moved(m)))).unwrap();
        for metres in [[0.0, 10.0], [2.0, 15.0], [-3.5, 19.0], [0.0, 40.0], [1.0, 7.0]] {
            let [x, z] = ground.metres(camera(metres)).unwrap();
            let [u, v] = moved(metres);
            assert!((x - u).hypot(z - v) < 0.02, "{metres:?}: {x} {z}");
            let back = ground.picture(moved(metres)).unwrap();
            assert!((back.x - camera(metres).x).hypot(back.y - camera(metres).y) < 1e-3);
        }
    }
}

#[test]
fn distances_scales_and_areas() {
    let ground = calibrated(FIELD);
    let (a, b) = ([0.0, 10.0], [3.0, 14.0]);
    assert!((ground.distance_m(camera(a), camera(b)).unwrap() - 5.0).abs() < 0.01);
    // A metre across at 12 m, measured in the picture.
    let wide = f64::from(camera([0.5, 12.0]).x - camera([-0.5, 12.0]).x) * 1920.0;
    let scale = ground.px_per_m(camera([0.0, 12.0]), 1920).unwrap();
    assert!((scale - wide).abs() < 0.5, "{scale} {wide}");
    let zone = Polygon(FIELD.map(camera).to_vec());
    let far = f64::from(camera([0.5, 20.0]).x - camera([-0.5, 20.0]).x) * 1920.0;
    let least = ground.px_per_m_min(&zone, 1920).unwrap();
    assert!((least - far).abs() < 1.0, "{least} {far}");
    assert!((ground.area_m2(&zone).unwrap() - 84.0).abs() < 0.5);
}

#[test]
fn above_the_horizon_there_are_no_metres() {
    let ground = calibrated(FIELD);
    assert_eq!(ground.metres(p(0.5, 0.0)), None);
    assert_eq!(ground.px_per_m(p(0.5, 0.0), 1920), None);
    assert_eq!(ground.area_m2(&Polygon::picture()), None);
    assert_eq!(ground.px_per_m_min(&Polygon::picture(), 1920), None);
    assert!(ground.metres(p(0.5, 0.9)).is_some());
}

#[test]
fn points_that_are_no_calibration() {
    let check =
        |points: &[(Point, [f64; 2])], expected| assert_eq!(Ground::from_points(points), Err(expected));
    let good = FIELD.map(|m| (camera(m), m));
    let with = |i: usize, point: Point, metres: [f64; 2]| {
        let mut points = good;
        points[i] = (point, metres);
        points
    };
    check(&with(2, p(f32::NAN, 0.5), [4.0, 20.0]), GroundError::Value(3));
    check(&with(0, p(0.5, 1.5), [4.0, 20.0]), GroundError::Value(1));
    check(&with(3, good[3].0, [f64::INFINITY, 20.0]), GroundError::Value(4));
    check(&with(1, good[0].0, good[0].1), GroundError::Collinear);
    check(&[0.2, 0.4, 0.6, 0.8].map(|n| (p(n, n), [f64::from(n), 0.0])), GroundError::Collinear);
    check(&with(1, good[1].0, [-3.5, 14.0]), GroundError::Collinear);
    let [a, b, c, d] = good;
    check(&[(a.0, a.1), (b.0, b.1), (c.0, d.1), (d.0, c.1)], GroundError::Order);
    check(&good[..3], GroundError::Count(3));
    check(&[good[0]; 17], GroundError::Count(17));
    check(&[good[0], good[1], good[2], good[0], good[1], good[2]], GroundError::Collinear);
    let metres = [0.0, 14.0];
    let more = |miss: f64| [a, b, c, d, (camera(metres), [miss, 14.0])];
    assert!(Ground::from_points(&more(0.1)).is_ok());
    check(&more(8.0), GroundError::Fit(5));
}

#[test]
fn more_points_are_fitted() {
    let more = [[0.0, 9.0], [2.0, 12.0], [-3.0, 15.0], [1.0, 18.0]];
    // Each 5 cm off, this way and that.
    let all: Vec<[f64; 2]> = FIELD.into_iter().chain(more).collect();
    let off = |(i, [x, z]): (usize, &[f64; 2])| {
        (camera([*x, *z]), if i % 2 == 0 { [x + 0.05, *z] } else { [*x, z - 0.05] })
    };
    let ground = Ground::from_points(&all.iter().enumerate().map(off).collect::<Vec<_>>()).unwrap();
    let exact = Ground::from_points(&all.iter().map(|m| (camera(*m), *m)).collect::<Vec<_>>()).unwrap();
    for metres in [[0.0, 10.0], [2.0, 15.0], [-3.5, 19.0]] {
        let ([x, z], [u, v]) =
            (ground.metres(camera(metres)).unwrap(), exact.metres(camera(metres)).unwrap());
        assert!((x - metres[0]).hypot(z - metres[1]) < 0.15, "{metres:?}: {x} {z}");
        assert!((u - metres[0]).hypot(v - metres[1]) < 0.02, "{metres:?}: {u} {v}");
    }
}

#[test]
fn written_as_nine_numbers() {
    let ground = calibrated(FIELD);
    let text = serde_json::to_string(&ground).unwrap();
    assert_eq!(serde_json::from_str::<Vec<f64>>(&text).unwrap().len(), 9);
    let back: Ground = serde_json::from_str(&text).unwrap();
    assert!(
        (back.distance_m(p(0.4, 0.6), p(0.6, 0.7)).unwrap()
            - ground.distance_m(p(0.4, 0.6), p(0.6, 0.7)).unwrap())
        .abs()
            < 1e-9
    );
    for bad in ["[1,0,0,0,1,0,0,0]", "[1,0,0,1,0,0,0,0,1]", "[]"] {
        assert!(serde_json::from_str::<Ground>(bad).is_err(), "{bad}");
    }
}

#[test]
fn the_gate() {
    let ground = calibrated(FIELD);
    let zone = Polygon(FIELD.map(camera).to_vec());
    let (near, far) = (camera([0.0, 8.0]), camera([0.0, 20.0]));
    let line = |to: Point| crate::Line { a: near, b: to };
    let at = |metres: [f64; 2], width| ground.px_per_m(camera(metres), width).unwrap();
    let check = |zone: Option<&Polygon>, line: Option<crate::Line>, width, expected: Option<f64>| {
        let found = px_per_m(Some(&ground), zone, line.as_ref(), width);
        let same = match (found, expected) {
            (Some(a), Some(b)) => (a - b).abs() < 0.5,
            (a, b) => a == b,
        };
        assert!(same, "{zone:?} {line:?} {width:?}: {found:?} is not {expected:?}");
    };
    check(Some(&zone), None, Some(1920), Some(at([0.0, 20.0], 1920)));
    check(Some(&zone), None, Some(640), Some(at([0.0, 20.0], 640)));
    check(None, Some(line(far)), Some(640), Some(at([0.0, 20.0], 640)));
    check(Some(&zone), Some(line(camera([0.0, 40.0]))), Some(640), Some(at([0.0, 40.0], 640)));
    check(None, Some(line(p(0.5, 0.0))), Some(640), Some(0.0)); // to the horizon
    check(None, None, Some(640), Some(0.0)); // and so does the whole picture
    check(Some(&zone), None, None, None);
    check(Some(&zone), None, Some(0), None);
    assert_eq!(px_per_m(None, Some(&zone), None, Some(640)), None);

    for (measured, needed, expected) in [
        (Some(30.0), Some(40.0), Gate::Below { measured: 30.0, needed: 40.0 }),
        (Some(40.0), Some(40.0), Gate::Met),
        (Some(0.0), Some(0.0), Gate::Met),
        (None, Some(0.0), Gate::Met),
        (None, None, Gate::Met),
        (None, Some(40.0), Gate::Unknown),
    ] {
        assert_eq!(gate(measured, needed), expected, "{measured:?} {needed:?}");
    }
}

fn height(foot: Point, head_y: f32, metres: f64) -> Height {
    Height { foot, head: Point { y: head_y, ..foot }, metres }
}

#[test]
fn two_heights_give_metres() {
    // A camera 3 m up that looks level at the horizon y = 0.3: a person of 1.8 m is 0.6 of the distance below it.
    let stands = |y: f32| height(p(0.5, y), y - 0.6 * (y - 0.3), 1.8);
    let ground = Ground::from_heights(&[stands(0.8), stands(0.5)], 16.0 / 9.0, 60.0).unwrap();
    let same = Ground::from_heights(&[stands(0.5), stands(0.8)], 16.0 / 9.0, 60.0).unwrap();
    assert!((ground.metres(p(0.7, 0.7)).unwrap()[0] - same.metres(p(0.7, 0.7)).unwrap()[0]).abs() < 1e-6);
    assert!(ground.metres(p(0.5, 0.29)).is_none());
    // At y = 0.6 a metre is 0.1 picture heights, so 0.05625 picture widths.
    assert!((ground.px_per_m(p(0.5, 0.6), 1920).unwrap() - 108.0).abs() < 0.1);
    assert!((ground.distance_m(p(0.5, 0.6), p(0.55625, 0.6)).unwrap() - 1.0).abs() < 1e-3);
    // Along the view: focal length 1.5396 heights, 3 m up.
    let depth = |y: f64| 1.5396 * 3.0 / (y - 0.3);
    let along = ground.distance_m(p(0.5, 0.5), p(0.5, 0.8)).unwrap();
    assert!((along - (depth(0.5) - depth(0.8))).abs() < 0.01, "{along}");
}

#[test]
fn heights_that_are_no_calibration() {
    let check = |a, b, view_deg, expected| {
        assert_eq!(Ground::from_heights(&[a, b], 16.0 / 9.0, view_deg), Err(expected));
    };
    let near = height(p(0.5, 0.8), 0.5, 1.8);
    let far = height(p(0.5, 0.5), 0.4, 1.8);
    check(near, near, 60.0, GroundError::SameDistance);
    check(height(p(0.5, 0.5), 0.2, 1.8), height(p(0.5, 0.8), 0.7, 1.8), 60.0, GroundError::SameDistance);
    check(near, height(p(0.5, 0.5), 0.6, 1.8), 60.0, GroundError::NotUpright(2));
    check(height(p(0.5, 0.8), 0.5, 0.0), far, 60.0, GroundError::Value(1));
    check(near, height(p(0.5, 1.5), 0.6, 1.8), 60.0, GroundError::Value(2));
    check(near, far, 0.0, GroundError::View);
    check(near, far, f64::NAN, GroundError::View);
}
