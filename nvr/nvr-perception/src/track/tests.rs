//! Scripted walkers in, tracks out.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop on what it did not expect")]

use super::*;
use nvr_base::{Label, Point};
use std::collections::{BTreeMap, BTreeSet};

/// One scripted object: centres at times, straight between them.
#[derive(Clone)]
struct Walker {
    label: Label,
    size: (f32, f32),
    way: Vec<(f32, f32, f32)>,
    hidden: Vec<(f32, f32)>,
    score: f32,
}

fn walker(way: &[(f32, f32, f32)]) -> Walker {
    Walker { label: Label::PERSON, size: (0.045, 0.2), way: way.to_vec(), hidden: vec![], score: 0.8 }
}

impl Walker {
    fn hidden(mut self, from_s: f32, to_s: f32) -> Self {
        self.hidden.push((from_s, to_s));
        self
    }

    fn at(&self, s: f32) -> Option<Rect> {
        let (a, b) = self.way.iter().zip(self.way.iter().skip(1)).find(|(a, b)| a.0 <= s && s <= b.0)?;
        let t = (s - a.0) / (b.0 - a.0);
        let centre = Point { x: a.1 + (b.1 - a.1) * t, y: a.2 + (b.2 - a.2) * t };
        Some(Rect::around(centre, self.size.0, self.size.1))
    }
}

/// How the camera and the detector are.
#[derive(Clone, Copy)]
struct Play {
    fps: f32,
    length_s: f32,
    /// Noise of box edges, in box heights.
    jitter: f32,
    /// Share of detections that are missing.
    missed: f32,
    /// False detections a frame, each somewhere.
    false_per_frame: f32,
}

const PLAIN: Play = Play { fps: 10.0, length_s: 10.0, jitter: 0.0, missed: 0.0, false_per_frame: 0.0 };

#[derive(Debug, Default)]
struct Played {
    /// The ids each walker had, in order of their first match.
    ids: Vec<Vec<u64>>,
    /// Ids of all scenes.
    all: BTreeSet<u64>,
    /// Ids that ended, in order.
    ended: Vec<u64>,
    scenes: Vec<Scene>,
}

fn play(walkers: &[Walker], play: Play, seed: u64) -> Played {
    let mut tracker = Tracker::new(TrackerConfig::default());
    let mut chance = fastrand::Rng::with_seed(seed);
    let mut played = Played { ids: vec![vec![]; walkers.len()], ..Default::default() };
    for frame in 0..=(play.length_s * play.fps) as i64 {
        let s = frame as f32 / play.fps;
        let mut detections = Vec::new();
        for walker in walkers {
            let hidden = walker.hidden.iter().any(|(from, to)| (*from..*to).contains(&s));
            let missed = chance.f32() < play.missed;
            let mut noise = || (chance.f32() + chance.f32() - 1.0) * play.jitter;
            let (nx, ny, nw, nh) = (noise(), noise(), noise(), noise());
            if let Some(rect) = walker.at(s).filter(|_| !hidden && !missed) {
                let (w, h) = (rect.w, rect.h);
                let rect =
                    Rect { x: rect.x + nx * w, y: rect.y + ny * h, w: w * (1.0 + nw), h: h * (1.0 + nh) };
                detections.push(Detection { label: walker.label, score: walker.score, rect });
            }
        }
        if chance.f32() < play.false_per_frame {
            let centre = Point { x: chance.f32(), y: chance.f32() };
            let rect = Rect::around(centre, 0.05, 0.2);
            detections.push(Detection { label: Label::PERSON, score: 0.6, rect });
        }
        let scene = tracker.step((f64::from(s) * 1e6) as i64, &detections);
        played.all.extend(scene.tracks.iter().map(|t| t.id.0));
        played.ended.extend(scene.ended.iter().map(|id| id.0));
        // A track is the walker's whose box it fits best, and only if no other track fits that walker better.
        for track in scene.tracks.iter().filter(|t| t.observed) {
            let fit = |w: usize| walkers.get(w).and_then(|w| w.at(s)).map_or(0.0, |r| r.iou(&track.rect));
            let best = (0..walkers.len()).max_by(|a, b| fit(*a).total_cmp(&fit(*b))).unwrap();
            let truth = walkers.get(best).and_then(|w| w.at(s));
            let rival = scene.tracks.iter().filter(|t| t.observed && t.id != track.id);
            let beaten = truth.is_some_and(|r| rival.into_iter().any(|t| t.rect.iou(&r) > fit(best)));
            let ids = played.ids.get_mut(best).unwrap();
            if fit(best) > 0.4 && !beaten && ids.last() != Some(&track.id.0) {
                ids.push(track.id.0);
            }
        }
        played.scenes.push(scene);
    }
    played
}

/// Each walker keeps one id, none share one, nothing else is a track; at each rate.
#[track_caller]
fn check(name: &str, walkers: &[Walker], base: Play, rates: &[f32]) {
    for fps in rates {
        for seed in 1..=5 {
            let played = play(walkers, Play { fps: *fps, ..base }, seed);
            let different: BTreeSet<&Vec<u64>> = played.ids.iter().collect();
            let kept = played.ids.iter().all(|ids| ids.len() == 1) && different.len() == walkers.len();
            assert!(kept, "{name}, {fps} fps, seed {seed}: {:?}", played.ids);
            assert_eq!(played.all.len(), walkers.len(), "{name}, {fps} fps, seed {seed}: {:?}", played.all);
        }
    }
}

const RATES: [f32; 4] = [1.0, 2.0, 5.0, 10.0];

fn crossing() -> Vec<Walker> {
    // A walker goes 0.8 of its height a second: 0.09 picture widths at this size.
    vec![walker(&[(0.0, 0.1, 0.5), (10.0, 0.9, 0.5)]), walker(&[(0.0, 0.9, 0.56), (10.0, 0.1, 0.56)])]
}

#[test]
fn one_walker() {
    check("one", &[walker(&[(0.0, 0.1, 0.5), (10.0, 0.9, 0.5)])], PLAIN, &RATES);
    check("stands", &[walker(&[(0.0, 0.5, 0.5), (10.0, 0.5, 0.5)])], PLAIN, &RATES);
    check("jitter", &[walker(&[(0.0, 0.1, 0.5), (10.0, 0.9, 0.5)])], Play { jitter: 0.1, ..PLAIN }, &RATES);
}

#[test]
fn walkers_cross() {
    check("crossing", &crossing(), PLAIN, &RATES);
    check("crossing with jitter", &crossing(), Play { jitter: 0.05, ..PLAIN }, &[2.0, 5.0, 10.0]);
    // The rear one is not seen while the two overlap.
    let [front, rear] = crossing().try_into().unwrap_or_else(|_| panic!("two walkers"));
    check("hidden by the other", &[front, rear.hidden(4.6, 5.5)], PLAIN, &[2.0, 5.0, 10.0]);
}

#[test]
fn side_by_side() {
    let pair =
        [walker(&[(0.0, 0.1, 0.5), (10.0, 0.8, 0.5)]), walker(&[(0.0, 0.16, 0.53), (10.0, 0.86, 0.53)])];
    check("a pair", &pair, Play { jitter: 0.04, ..PLAIN }, &[2.0, 5.0, 10.0]);
}

#[test]
fn hidden_for_a_second() {
    let hidden = walker(&[(0.0, 0.1, 0.5), (10.0, 0.9, 0.5)]).hidden(4.0, 5.0);
    check("walks on", &[hidden], PLAIN, &RATES);
    let turns = walker(&[(0.0, 0.1, 0.5), (4.5, 0.45, 0.5), (10.0, 0.45, 0.9)]).hidden(4.2, 5.2);
    check("turns while hidden", &[turns], PLAIN, &[2.0, 5.0, 10.0]);
    let stops = walker(&[(0.0, 0.1, 0.5), (4.2, 0.45, 0.5), (10.0, 0.45, 0.5)]).hidden(4.0, 6.0);
    check("stops while hidden", &[stops], PLAIN, &[2.0, 5.0, 10.0]);
}

#[test]
fn missed_detections() {
    let base = Play { missed: 0.3, jitter: 0.05, ..PLAIN };
    check("three in ten missed", &[walker(&[(0.0, 0.1, 0.5), (10.0, 0.9, 0.5)])], base, &[5.0, 10.0]);
    let few = Play { missed: 0.15, ..base };
    check("some missed while crossing", &crossing(), few, &[5.0, 10.0]);
}

#[test]
fn false_detections_of_one_frame() {
    let base = Play { false_per_frame: 0.1, ..PLAIN };
    check("with one walker", &[walker(&[(0.0, 0.1, 0.5), (10.0, 0.9, 0.5)])], base, &[5.0, 10.0]);
    let single = play(&[walker(&[(3.0, 0.5, 0.5), (3.05, 0.5, 0.5)])], PLAIN, 1);
    assert!(single.all.is_empty() && single.ended.is_empty(), "{:?}", single.all);
}

#[test]
fn vehicles_at_low_rates() {
    // 2.5 heights long, 12 heights a second is 60 km/h seen from the side.
    let car = Walker {
        label: Label::CAR,
        size: (0.14, 0.1),
        way: vec![(0.0, 0.0, 0.6), (4.0, 1.0, 0.6)],
        hidden: vec![],
        score: 0.7,
    };
    check("a car", &[car], Play { length_s: 4.0, ..PLAIN }, &[2.0, 5.0, 10.0]);
}

#[test]
fn a_changing_rate_keeps_the_track() {
    let walker = walker(&[(0.0, 0.1, 0.5), (10.0, 0.9, 0.5)]);
    let mut tracker = Tracker::new(TrackerConfig::default());
    let mut ids = BTreeSet::new();
    let mut ms = 0_i64;
    for step in [100, 100, 100, 100, 1000, 1000, 200, 100, 500, 500, 1000, 100, 100, 100, 1000, 1000, 1000] {
        let rect = walker.at(ms as f32 / 1000.0).unwrap();
        let scene = tracker.step(ms * 1000, &[Detection { label: Label::PERSON, score: 0.8, rect }]);
        ids.extend(scene.tracks.iter().map(|t| t.id.0));
        ms += step;
    }
    assert_eq!(ids.into_iter().collect::<Vec<_>>(), [1]);
}

#[test]
fn a_track_says_where_how_fast_and_since_when() {
    let played = play(&[walker(&[(0.0, 0.1, 0.5), (10.0, 0.9, 0.5)])], PLAIN, 1);
    let first = played.scenes.iter().find(|s| !s.tracks.is_empty()).unwrap();
    assert_eq!(first.at_us, 100_000); // the second detection, both of them sure
    assert_eq!(first.tracks.first().unwrap().first_seen_us, 0);
    let track = played.scenes.get(60).unwrap().tracks.first().unwrap();
    assert!((track.velocity.0 - 0.08).abs() < 0.005 && track.velocity.1.abs() < 0.005, "{track:?}");
    assert!(track.rect.iou(&Rect::around(Point { x: 0.58, y: 0.5 }, 0.045, 0.2)) > 0.9, "{track:?}");
    assert_eq!(track.last_seen_us, 6_000_000);
}

#[test]
fn a_track_ends_once_and_is_never_used_again() {
    let two = [walker(&[(0.0, 0.2, 0.5), (3.0, 0.3, 0.5)]), walker(&[(7.0, 0.3, 0.5), (10.0, 0.4, 0.5)])];
    let played = play(&two, PLAIN, 1);
    assert_eq!(played.ids, [vec![1], vec![2]]);
    assert_eq!(played.ended, [1]);
    let ended = played.scenes.iter().find(|s| !s.ended.is_empty()).unwrap().at_us;
    assert!((6_000_000..=6_200_000).contains(&ended), "{ended}"); // 3 s after it was seen last
    // One that leaves the picture is over when it is out.
    let out = play(&[walker(&[(0.0, 0.6, 0.5), (4.0, 1.0, 0.5)])], PLAIN, 1);
    let ended = out.scenes.iter().find(|s| !s.ended.is_empty()).unwrap().at_us;
    assert!((4_000_000..5_000_000).contains(&ended), "{ended}");
}

#[test]
fn unsure_detections_go_on_but_do_not_begin() {
    let mut tracker = Tracker::new(TrackerConfig::default());
    let rect = Rect { x: 0.4, y: 0.4, w: 0.05, h: 0.2 };
    let see = |score| [Detection { label: Label::PERSON, score, rect }];
    for i in 0..10 {
        assert!(tracker.step(i * 100_000, &see(0.3)).tracks.is_empty());
    }
    for (i, score) in (10..).zip([0.8, 0.8, 0.8, 0.3, 0.3, 0.3, 0.3]) {
        tracker.step(i * 100_000, &see(score));
    }
    let scene = tracker.step(1_700_000, &see(0.2));
    assert_eq!(scene.tracks.iter().map(|t| (t.id.0, t.observed)).collect::<Vec<_>>(), [(1, true)]);
}

#[test]
fn what_begins_faintly_is_a_track_once_it_is_sure() {
    let confirmed = |scores: &[f32]| {
        let mut tracker = Tracker::new(TrackerConfig::default());
        let rect = Rect { x: 0.4, y: 0.4, w: 0.05, h: 0.2 };
        (0..).zip(scores).find_map(|(i, score)| {
            let scene = tracker.step(i * 100_000, &[Detection { label: Label::PERSON, score: *score, rect }]);
            scene.tracks.first().map(|track| (i, track.first_seen_us))
        })
    };
    assert_eq!(confirmed(&[0.3, 0.3, 0.3, 0.6]), Some((3, 0)));
    assert_eq!(confirmed(&[0.6, 0.3, 0.3]), Some((2, 0)));
    assert_eq!(confirmed(&[0.1, 0.2, 0.6, 0.6, 0.6]), Some((3, 200_000)));
    assert_eq!(confirmed(&[0.55; 20]), Some((2, 0)));
    assert_eq!(confirmed(&[0.9, 0.0, 0.9]), None); // not in frames that follow each other
    assert_eq!(confirmed(&[0.4; 20]), None);
}

#[test]
fn labels_are_voted() {
    let rect = Rect { x: 0.4, y: 0.4, w: 0.2, h: 0.2 };
    let names = |labels: &[Label]| {
        let mut tracker = Tracker::new(TrackerConfig::default());
        let mut counted: BTreeMap<&str, usize> = BTreeMap::new();
        for (i, label) in (0..).zip(labels) {
            let detection = Detection { label: *label, score: 0.7, rect };
            for track in tracker.step(i * 200_000, &[detection]).tracks {
                assert_eq!(track.id.0, 1, "{labels:?}");
                *counted.entry(track.label.name()).or_default() += 1;
            }
        }
        counted
    };
    let (car, truck) = (Label::CAR, Label::TRUCK);
    assert_eq!(names(&[car, car, truck, car, car, truck, car, car]), BTreeMap::from([("car", 7)]));
    // A first slip is outvoted.
    assert_eq!(names(&[truck, car, car, car, car]).keys().last(), Some(&"car"));
    // A person on top of something else is not renamed.
    let mut tracker = Tracker::new(TrackerConfig::default());
    for i in 0..10 {
        let label = if i % 2 == 0 { Label::PERSON } else { Label::BICYCLE };
        let scene = tracker.step(i * 100_000, &[Detection { label, score: 0.8, rect }]);
        let labels: BTreeSet<Label> = scene.tracks.iter().map(|t| t.label).collect();
        assert_eq!(labels.len(), scene.tracks.len());
    }
}

#[test]
fn doubles_are_one() {
    let rect = Rect { x: 0.4, y: 0.4, w: 0.2, h: 0.2 };
    let mut tracker = Tracker::new(TrackerConfig::default());
    for i in 0..20 {
        let of = |label, score, x| Detection { label, score, rect: Rect { x, ..rect } };
        let scene = tracker.step(i * 100_000, &[of(Label::CAR, 0.8, 0.4), of(Label::TRUCK, 0.7, 0.41)]);
        assert!(scene.tracks.len() <= 1);
    }
}

#[test]
fn a_held_frame_ages_nothing() {
    let mut tracker = Tracker::new(TrackerConfig::default());
    let rect = Rect { x: 0.4, y: 0.4, w: 0.05, h: 0.2 };
    let see = [Detection { label: Label::PERSON, score: 0.8, rect }];
    for i in 0..5 {
        tracker.step(i * 100_000, &see);
    }
    for i in 5..200 {
        let scene = tracker.hold(i * 100_000);
        let held: Vec<_> =
            scene.tracks.iter().map(|t| (t.id.0, t.observed, t.rect.iou(&rect) > 0.95)).collect();
        assert_eq!(held, [(1, false, true)]);
    }
    let scene = tracker.step(20_000_000, &see);
    assert_eq!(scene.tracks.iter().map(|t| t.id.0).collect::<Vec<_>>(), [1]);
    assert_eq!(tracker.reset(), [TrackId(1)]);
}

#[test]
fn nonsense_is_survived_and_bounded() {
    let mut tracker = Tracker::new(TrackerConfig { aspect: f32::NAN, ..Default::default() });
    let mut chance = fastrand::Rng::with_seed(7);
    let odd = [f32::NAN, f32::INFINITY, -1.0, 0.0, 1e30, 0.5];
    for i in 0..50_i64 {
        let mut pick = || if chance.bool() { odd[chance.usize(..odd.len())] } else { chance.f32() };
        let detections: Vec<Detection> = (0..400)
            .map(|_| {
                let rect = Rect { x: pick(), y: pick(), w: pick() / 20.0, h: pick() / 20.0 };
                Detection { label: Label::PERSON, score: pick(), rect }
            })
            .collect();
        let scene = tracker.step([i * 100_000, -i, i64::MAX, 0][i as usize % 4], &detections);
        assert!(scene.tracks.len() <= TRACKS_MAX);
        let finite = |t: &Track| t.rect.to_array().iter().all(|n| n.is_finite());
        assert!(scene.tracks.iter().all(finite));
    }
    assert!(tracker.refused() > 0);
}

#[test]
fn the_same_on_every_run() {
    let base = Play { missed: 0.2, jitter: 0.1, false_per_frame: 0.3, ..PLAIN };
    assert_eq!(play(&crossing(), base, 3).scenes, play(&crossing(), base, 3).scenes);
    // Nor does the order of the detections matter.
    let of =
        |x: f32| Detection { label: Label::PERSON, score: 0.8, rect: Rect { x, y: 0.4, w: 0.05, h: 0.2 } };
    let mut there = Tracker::new(TrackerConfig::default());
    let mut back = Tracker::new(TrackerConfig::default());
    for i in 0..10 {
        assert_eq!(there.step(i * 100_000, &[of(0.1), of(0.5)]), back.step(i * 100_000, &[of(0.5), of(0.1)]));
    }
}
