//! `nvr replay --annotate`: keeps what was seen of each frame, and has it drawn on the film when the replay is over.
//!
//! Promises: memory does not grow with the film (a temporary file takes it); the output appears under its name only when
//!   it is whole; an alert's box follows the track that raised it while that is there.
//! Leaves to others: drawing (`nvr-perceive annotate`), the file's form (`nvr_base::overlay`), alerts (`nvr_alerts`).

mod child;

use super::interrupt::Interrupt;
use crate::args::AnnotateArgs;
use crate::child::perceive_program;
use anyhow::{Context, bail};
use child::Drawer;
use nvr_alerts::raise::Alert;
use nvr_base::annotate_protocol::Make;
use nvr_base::geometry::{Point, Rect};
use nvr_base::media_protocol::bounded_text;
use nvr_base::overlay::{ALERTS_MAX, Flag, Head, Mark, NOTES_MAX, Overlay, OverlayWriter, Shape};
use nvr_base::rule::{Direction, Rule, RulesFile};
use nvr_base::scene::{Scene, Track, TrackId};
use nvr_base::text::{Arg, text};
use nvr_base::weather::Weather;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

/// A track is the one that raised an alert when it and the alert's box cover each other at least this much.
const SAME_IOU_MIN: f32 = 0.5;

/// What is being kept.
#[derive(Debug)]
pub(super) struct Annotation {
    out: PathBuf,
    is_film: bool,
    at_us: Option<i64>,
    words: Vec<(String, &'static str)>,
    file: tempfile::NamedTempFile,
    writer: OverlayWriter<BufWriter<File>>,
    followed: Followed,
    moment: Moment,
}

impl Annotation {
    /// Begins; none when no annotation is asked for.
    pub(super) fn start(
        args: &AnnotateArgs,
        rules: &RulesFile,
        weather: Option<Weather>,
    ) -> anyhow::Result<Option<Self>> {
        let Some(out) = args.annotate.clone() else { return Ok(None) };
        let is_film = match out.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase).as_deref() {
            Some("mp4") => true,
            Some("png") => false,
            _ => bail!("{}: --annotate writes .mp4 (the film) or .png (one frame)", out.display()),
        };
        if is_film && args.at.is_some() {
            bail!("--at chooses the frame of a .png; {} holds all of them", out.display());
        }
        let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty());
        if !folder.is_none_or(Path::is_dir) {
            bail!("{}: there is no such folder; make it first", out.display());
        }
        let about = "cannot make a temporary file for what is seen";
        let file = tempfile::NamedTempFile::new().context(about)?;
        let writer =
            OverlayWriter::new(BufWriter::new(file.reopen().context(about)?), &head(rules, weather))?;
        let words = rules.rules.iter().map(|rule| (rule.id.clone(), rule.situation.as_str())).collect();
        let at_us = args.at.map(|s| (s * 1e6).round() as i64);
        let (followed, moment) = (Followed::default(), Moment::default());
        Ok(Some(Self { out, is_film, at_us, words, file, writer, followed, moment }))
    }

    /// Keeps one frame: its scene, the alerts that last, by number of their rule, and lines of text.
    pub(super) fn frame<'a>(
        &mut self,
        scene: &Scene,
        open: impl Iterator<Item = (usize, &'a Alert)>,
        notes: impl Iterator<Item = String>,
    ) -> anyhow::Result<()> {
        let open: Vec<_> = open.collect();
        self.moment.look(scene, open.iter().map(|(_, alert)| alert.start_us).min());
        let rects = self.followed.step(&scene.tracks, &open);
        let more = u32::try_from(open.len().saturating_sub(ALERTS_MAX)).unwrap_or(u32::MAX);
        let flags = open.iter().zip(rects).take(ALERTS_MAX);
        let overlay = Overlay {
            at_us: scene.at_us,
            marks: scene.tracks.iter().map(Mark::from).collect(),
            flags: flags.map(|((rule, alert), rect)| self.flag(*rule, alert, rect)).collect(),
            more,
            notes: notes.take(NOTES_MAX).map(|note| bounded_text(&note)).collect(),
        };
        Ok(self.writer.add(&overlay)?)
    }

    fn flag(&self, rule: usize, alert: &Alert, rect: Rect) -> Flag {
        let (id, situation) =
            self.words.get(rule).map_or(("", ""), |(id, situation)| (id.as_str(), *situation));
        let number = |value: f32| Arg::from(format!("{value:.2}"));
        let (measured, threshold) = alert.measured;
        let words = [
            ("rule", Arg::from(id)),
            ("situation", Arg::from(situation)),
            ("measured", number(measured)),
            ("threshold", number(threshold)),
        ];
        let text = bounded_text(&text("annotate-alert", &words));
        Flag { rule: u16::try_from(rule).unwrap_or(u16::MAX), rect, text }
    }

    /// Has everything drawn, and gives the output its name.
    pub(super) fn finish(self, clip: &Path, interrupt: &Interrupt) -> anyhow::Result<()> {
        self.writer.finish()?;
        let make = match self.is_film {
            true => Make::Film,
            false => Make::Picture { at_us: self.at_us.unwrap_or_else(|| self.moment.chosen_us()) },
        };
        let part = Part::create(&self.out)?;
        let clip = File::open(clip).with_context(|| format!("cannot open {}", clip.display()))?;
        let overlays = File::open(self.file.path()).context("cannot read what was kept")?;
        let mut drawer = Drawer::start(&perceive_program(), make)?;
        drawer.give(&clip, &overlays, &part.file)?;
        drawer.wait(interrupt).with_context(|| format!("writing {}", self.out.display()))?;
        part.name(&self.out)
    }
}

/// The output while it is written: `NAME.part`. Dropping it removes it.
#[derive(Debug)]
struct Part {
    path: PathBuf,
    file: File,
}

impl Part {
    fn create(out: &Path) -> anyhow::Result<Self> {
        let mut path = out.to_owned().into_os_string();
        path.push(".part");
        let path = PathBuf::from(path);
        let file = File::create(&path).with_context(|| format!("writing {}", path.display()))?;
        Ok(Self { path, file })
    }

    fn name(self, out: &Path) -> anyhow::Result<()> {
        let named = self.file.sync_all().and_then(|()| std::fs::rename(&self.path, out));
        named.with_context(|| format!("writing {}", out.display()))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // After it was given its name it is not there any more.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Which frame a single picture shows: the first alert's, else the one with the most tracks.
#[derive(Debug, Default)]
struct Moment {
    first_alert_us: Option<i64>,
    busiest: Option<(usize, i64)>,
}

impl Moment {
    fn look(&mut self, scene: &Scene, alert_us: Option<i64>) {
        // The frame in which it was told: one that was analysed, at or after the alert's start.
        if alert_us.is_some() && self.first_alert_us.is_none() {
            self.first_alert_us = Some(scene.at_us);
        }
        if self.busiest.is_none_or(|(most, _)| scene.tracks.len() > most) {
            self.busiest = Some((scene.tracks.len(), scene.at_us));
        }
    }

    fn chosen_us(&self) -> i64 {
        self.first_alert_us.or(self.busiest.map(|(_, at_us)| at_us)).unwrap_or(0)
    }
}

/// Where alerts are now: an alert's own box says where it was raised.
#[derive(Debug, Default)]
struct Followed {
    /// By rule and number of the alert: its track, and its box.
    alerts: BTreeMap<(usize, u64), (Option<TrackId>, Rect)>,
}

impl Followed {
    /// The boxes of the alerts that last, in their order; those that are over are forgotten.
    fn step(&mut self, tracks: &[Track], open: &[(usize, &Alert)]) -> Vec<Rect> {
        let mut now = BTreeMap::new();
        let mut rects = Vec::new();
        for (rule, alert) in open {
            let key = (*rule, alert.number);
            let (id, mut rect) =
                self.alerts.get(&key).copied().unwrap_or_else(|| (raiser(tracks, alert.rect), alert.rect));
            if let Some(track) = tracks.iter().find(|track| Some(track.id) == id) {
                rect = track.rect;
            }
            now.insert(key, (id, rect));
            rects.push(rect);
        }
        self.alerts = now;
        rects
    }
}

/// The track at an alert's box, if one is.
fn raiser(tracks: &[Track], rect: Rect) -> Option<TrackId> {
    let like = tracks.iter().map(|track| (track.rect.iou(&rect), track.id));
    like.filter(|(iou, _)| *iou >= SAME_IOU_MIN).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, id)| id)
}

/// What is the same in every frame.
fn head(rules: &RulesFile, weather: Option<Weather>) -> Head {
    Head { shapes: rules.rules.iter().map(shape).collect(), masks: rules.camera.masks.clone(), weather }
}

fn shape(rule: &Rule) -> Shape {
    let vector = rule.extra.get("allowed_direction").and_then(|value| {
        let numbers = value.as_array()?.iter().map(|n| n.as_float().or(n.as_integer().map(|n| n as f64)));
        match numbers.collect::<Option<Vec<_>>>()?.as_slice() {
            // As long as it is: only where it points is drawn.
            [x, y] if x.hypot(*y) > 0.0 => {
                let length = x.hypot(*y);
                Some(Point { x: (x / length) as f32, y: (y / length) as f32 })
            }
            _ => None,
        }
    });
    let both = rule.direction == Direction::Both;
    Shape {
        name: rule.id.clone(),
        zone: rule.zone.clone(),
        line: rule.line,
        directions: (
            both || rule.direction == Direction::Forward,
            both || rule.direction == Direction::Backward,
        ),
        allowed: vector,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on what it did not expect")]

    use super::*;
    use nvr_base::Label;
    use nvr_base::config::parse_rules;

    fn at(x: f32) -> Rect {
        Rect { x, y: 0.5, w: 0.1, h: 0.2 }
    }

    fn track(id: u64, x: f32) -> Track {
        let (id, label, rect) = (TrackId(id), Label::PERSON, at(x));
        let (velocity, first_seen_us, last_seen_us) = ((0.0, 0.0), 0, 0);
        Track { id, label, score: 0.9, rect, velocity, first_seen_us, last_seen_us, observed: true }
    }

    fn alert(number: u64, x: f32) -> Alert {
        Alert { number, start_us: 0, end_us: None, rect: at(x), score: 0.9, measured: (1.0, 0.0) }
    }

    #[test]
    fn an_alert_follows_its_track() {
        let mut followed = Followed::default();
        let one = alert(0, 0.30);
        let mut check = |tracks: &[Track], open: &[(usize, &Alert)], expected: &[f32]| {
            let got: Vec<f32> = followed.step(tracks, open).iter().map(|rect| rect.x).collect();
            assert_eq!(got, expected);
        };
        check(&[track(1, 0.31), track(2, 0.36)], &[(0, &one)], &[0.31]);
        check(&[track(1, 0.60), track(2, 0.30)], &[(0, &one)], &[0.60]);
        check(&[track(2, 0.30)], &[(0, &one)], &[0.60]);
        check(&[track(1, 0.70)], &[], &[]);
        // Raised where no track is: it stays.
        check(&[track(1, 0.70)], &[(3, &alert(1, 0.1))], &[0.1]);
        check(&[track(5, 0.10)], &[(3, &alert(1, 0.1))], &[0.1]);
    }

    #[test]
    fn the_moment_of_a_picture() {
        let check = |frames: &[(i64, usize, bool)], expected: i64| {
            let mut moment = Moment::default();
            for (at_us, tracks, alert) in frames {
                let tracks = vec![track(1, 0.0); *tracks];
                moment.look(&Scene { at_us: *at_us, tracks, ..Scene::default() }, alert.then_some(0));
            }
            assert_eq!(moment.chosen_us(), expected, "{frames:?}");
        };
        check(&[], 0);
        check(&[(0, 0, false), (1, 2, false), (2, 3, false), (3, 3, false)], 2);
        check(&[(0, 9, false), (1, 0, true), (2, 0, true)], 1);
    }

    #[test]
    fn rules_become_shapes() {
        let file = "[[rule]]\nid = \"q\"\nsituation = \"wrong-way\"\nline = [[0,0.5],[1,0.5]]\ndirection = \"forward\"\n\
                    allowed_direction = [0, -2]\n";
        let (rules, _) = parse_rules(Path::new("rules.toml"), file);
        let [got] = head(&rules.unwrap(), None).shapes.try_into().unwrap();
        assert_eq!((got.name.as_str(), got.directions, got.zone), ("q", (true, false), None));
        assert_eq!(got.allowed, Some(Point { x: 0.0, y: -1.0 }));
    }

    #[test]
    fn orders_that_make_no_sense() {
        let check = |out: &str, at: Option<f64>, expected: &str| {
            let args = AnnotateArgs { annotate: Some(out.into()), at };
            let why = Annotation::start(&args, &RulesFile::default(), None).expect_err(out).to_string();
            assert!(why.contains(expected), "{why}");
        };
        check("film.avi", None, ".mp4");
        check("film", None, ".mp4");
        check("film.mp4", Some(1.0), "--at");
        check("/no/such/folder/film.mp4", None, "no such folder");
        let none = AnnotateArgs { annotate: None, at: None };
        assert!(Annotation::start(&none, &RulesFile::default(), None).unwrap().is_none());
    }
}
