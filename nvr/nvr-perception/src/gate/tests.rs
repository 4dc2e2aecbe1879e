//! Painted pictures in, motion out.

#![allow(clippy::unwrap_used, reason = "a test may stop on what it did not expect")]

use super::*;

const W: usize = 160;
const H: usize = 90;

/// A textured street with some noise; what is painted on it comes from the test.
fn street(chance: &mut fastrand::Rng, noise: i32, light: i32) -> Vec<u8> {
    (0..W * H)
        .map(|i| {
            let texture = 90 + ((i % W) as i32 * 7 % 40) + ((i / W) as i32 * 11 % 30);
            (texture + light + chance.i32(-noise..=noise)).clamp(0, 255) as u8
        })
        .collect()
}

fn paint(picture: &mut [u8], x: usize, y: usize, w: usize, h: usize, level: u8) {
    for row in picture.chunks_mut(W).skip(y).take(h) {
        row.iter_mut().skip(x).take(w).for_each(|p| *p = level);
    }
}

type Painter<'a> = &'a dyn Fn(&mut fastrand::Rng) -> Vec<u8>;

/// Plays `pictures` after a quiet time of 6 s.
fn play(masks: &[Polygon], noise: i32, step_us: i64, pictures: &[Painter<'_>]) -> Vec<Motion> {
    let mut gate = Gate::new(W, H, masks).unwrap();
    let mut chance = fastrand::Rng::with_seed(5);
    for i in 0..30 {
        gate.look(i * 200_000, &street(&mut chance, noise, 0)).unwrap();
    }
    let show = |(i, picture): (i64, &Painter<'_>)| {
        gate.look(6_000_000 + i * step_us, &picture(&mut chance)).unwrap()
    };
    (0..).zip(pictures).map(show).collect()
}

fn one(masks: &[Polygon], noise: i32, picture: Painter<'_>) -> Motion {
    play(masks, noise, 200_000, &[picture]).remove(0)
}

#[test]
fn nothing_moves_in_noise() {
    for noise in [0, 2, 6, 12] {
        let still = move |c: &mut fastrand::Rng| street(c, noise, 0);
        let pictures: Vec<Painter<'_>> = vec![&still; 20];
        for motion in play(&[], noise, 200_000, &pictures) {
            assert_eq!(
                (motion.share, motion.learning, motion.light_changed),
                (0.0, false, false),
                "noise {noise}"
            );
        }
    }
}

#[test]
fn a_person_is_where_it_is() {
    for (x, y, w, h) in [(40, 30, 6, 18), (100, 60, 4, 10), (0, 0, 8, 8), (150, 80, 10, 10)] {
        let motion = one(&[], 4, &|c| {
            let mut picture = street(c, 4, 0);
            paint(&mut picture, x, y, w, h, 30);
            picture
        });
        let real = Rect {
            x: x as f32 / W as f32,
            y: y as f32 / H as f32,
            w: w as f32 / W as f32,
            h: h as f32 / H as f32,
        };
        let [found] = motion.boxes.as_slice() else { unreachable_boxes(&motion) };
        let covered = found.intersection_area(&real) / real.area();
        assert!(covered > 0.9 && found.area() < real.area() * 5.0, "{real:?} {found:?}");
        assert!(motion.share > 0.0 && motion.share < 0.1);
    }
}

#[allow(clippy::panic, reason = "says what was found")]
fn unreachable_boxes(motion: &Motion) -> ! {
    panic!("one box expected: {motion:?}")
}

#[test]
fn masks_hide_motion_and_light() {
    let left = Polygon([[0.0, 0.0], [0.5, 0.0], [0.5, 1.0], [0.0, 1.0]].map(Point::from).to_vec());
    let hidden = one(std::slice::from_ref(&left), 4, &|c| {
        let mut picture = street(c, 4, 0);
        paint(&mut picture, 0, 0, 80, 90, 250);
        picture
    });
    assert_eq!((hidden.share, hidden.light_changed), (0.0, false));
    let beside = one(&[left], 4, &|c| {
        let mut picture = street(c, 4, 0);
        paint(&mut picture, 100, 40, 10, 20, 250);
        picture
    });
    assert_eq!(beside.boxes.len(), 1);
    let all = one(&[Polygon::picture()], 4, &|c| street(c, 4, 100));
    assert_eq!((all.share, all.light_changed), (0.0, false));
}

#[test]
fn light_is_not_motion() {
    let sudden = one(&[], 4, &|c| street(c, 4, 60));
    assert_eq!((sudden.light_changed, sudden.learning, sudden.share), (true, true, 0.0));
    // A cloud: one level a picture.
    let levels: Vec<_> = (1..40).map(|i| move |c: &mut fastrand::Rng| street(c, 4, i)).collect();
    let cloud: Vec<Painter<'_>> = levels.iter().map(|f| f as Painter<'_>).collect();
    for motion in play(&[], 4, 200_000, &cloud) {
        assert_eq!((motion.share, motion.light_changed), (0.0, false));
    }
    // A person walks in while the cloud passes.
    let motion = one(&[], 4, &|c| {
        let mut picture = street(c, 4, 8);
        paint(&mut picture, 40, 30, 8, 20, 20);
        picture
    });
    assert_eq!((motion.boxes.len(), motion.light_changed), (1, false));
}

#[test]
fn what_stays_becomes_background() {
    let parked = |c: &mut fastrand::Rng| {
        let mut picture = street(c, 4, 0);
        paint(&mut picture, 40, 30, 30, 20, 30);
        picture
    };
    let pictures: Vec<Painter<'_>> = vec![&parked; 120]; // ten minutes
    let motions = play(&[], 4, 5_000_000, &pictures);
    assert!(motions.get(5).unwrap().share > 0.03);
    assert_eq!(motions.last().unwrap().share, 0.0);
}

#[test]
fn starts_by_learning_and_refuses_what_does_not_fit() {
    let mut gate = Gate::new(W, H, &[]).unwrap();
    let mut chance = fastrand::Rng::with_seed(1);
    let learning: Vec<bool> =
        (0..15).map(|i| gate.look(i * 200_000, &street(&mut chance, 4, 0)).unwrap().learning).collect();
    assert_eq!(learning.iter().filter(|l| **l).count(), 10, "{learning:?}");
    assert_eq!(gate.look(9, &[0; 5]), Err(GateError::Bytes { found: 5, wanted: W * H }));
    assert!(Gate::new(0, 90, &[]).is_err() && Gate::new(usize::MAX, 2, &[]).is_err());
    // Odd sizes, backward time.
    let mut odd = Gate::new(7, 5, &[]).unwrap();
    for at_us in [5, 0, i64::MIN, i64::MAX] {
        assert!(odd.look(at_us, &[9; 35]).is_ok());
    }
}

#[test]
fn many_boxes_are_bounded() {
    let motion = one(&[], 2, &|c| {
        let mut picture = street(c, 2, 0);
        for i in 0..80 {
            paint(&mut picture, (i % 16) * 10, (i / 16) * 18, 4, 4, 255);
        }
        picture
    });
    assert_eq!(motion.boxes.len(), BOXES_MAX);
}
