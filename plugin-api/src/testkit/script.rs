//! A scripted scene: who is where, when.
//!
//! Promises: exact and repeatable; a track is in the scenes from the first to the last of its points, both included, and
//! is told as ended once; a picture is painted by the script's own function, pixel by pixel.
//! Leaves to others: running it (`testkit`).

use crate::host::{FrameData, InputData};
use nvr_base::geometry::{Point, Rect};
use nvr_base::label::Label;
use nvr_base::scene::{Scene, Track, TrackId};
use std::sync::Arc;

/// The gray level at a second and a pixel.
type Paint = dyn Fn(f64, u32, u32) -> u8 + Send + Sync;

/// Its red, green and blue.
type PaintColour = dyn Fn(f64, u32, u32) -> [u8; 3] + Send + Sync;

/// Pictures of one size.
struct Pictures<P: ?Sized> {
    width: u32,
    height: u32,
    paint: Arc<P>,
}

impl<P: ?Sized> Clone for Pictures<P> {
    fn clone(&self) -> Self {
        Self { width: self.width, height: self.height, paint: Arc::clone(&self.paint) }
    }
}

impl<P: ?Sized> std::fmt::Debug for Pictures<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pictures({}×{})", self.width, self.height)
    }
}

/// One picture of a script, gray or in colour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    width: u32,
    height: u32,
    stride: u32,
    data: Vec<u8>,
}

impl Picture {
    /// As it is given.
    pub fn frame(&self) -> FrameData<'_> {
        FrameData { data: &self.data, width: self.width, height: self.height, stride: self.stride }
    }
}

#[derive(Debug, Clone)]
struct Actor {
    id: u64,
    label: Label,
    height: f32,
    /// Seconds and foot point.
    path: Vec<(f64, Point)>,
    /// Seconds during which it is predicted, not observed.
    hidden: Vec<(f64, f64)>,
    /// How far the foot trembles, picture heights.
    tremble: f32,
}

/// Tracks by their foot points over time.
#[derive(Debug, Clone)]
pub struct Script {
    fps: u32,
    picture: (u32, u32),
    end_s: f64,
    actors: Vec<Actor>,
    gray: Option<Pictures<Paint>>,
    rgb: Option<Pictures<PaintColour>>,
}

/// 2026-01-01T00:00:00Z: the wall clock of every script starts here.
const WALL_US: i64 = 1_767_225_600_000_000;

impl Script {
    /// A square picture at 10 scenes a second, so many seconds long.
    pub fn new(end_s: f64) -> Self {
        Self { fps: 10, picture: (720, 720), end_s, actors: Vec::new(), gray: None, rgb: None }
    }

    /// Scenes a second.
    #[must_use]
    pub fn fps(mut self, fps: u32) -> Self {
        self.fps = fps.max(1);
        self
    }

    /// Pixels of the picture: its aspect.
    #[must_use]
    pub fn picture(mut self, width: u32, height: u32) -> Self {
        self.picture = (width, height);
        self
    }

    /// A track of a label and box height along foot points `(second, x, y)`, straight between them.
    #[must_use]
    pub fn track(mut self, id: u64, label: Label, height: f32, path: &[(f64, f32, f32)]) -> Self {
        let path = path.iter().map(|(t, x, y)| (*t, Point { x: *x, y: *y })).collect();
        self.actors.push(Actor { id, label, height, path, hidden: Vec::new(), tremble: 0.0 });
        self
    }

    /// A person 0.2 high.
    #[must_use]
    pub fn person(self, id: u64, path: &[(f64, f32, f32)]) -> Self {
        self.track(id, Label::PERSON, 0.2, path)
    }

    /// A car 0.1 high.
    #[must_use]
    pub fn car(self, id: u64, path: &[(f64, f32, f32)]) -> Self {
        self.track(id, Label::CAR, 0.1, path)
    }

    /// The track made last is predicted, not observed, between two seconds.
    #[must_use]
    pub fn hidden(mut self, from_s: f64, to_s: f64) -> Self {
        if let Some(actor) = self.actors.last_mut() {
            actor.hidden.push((from_s, to_s));
        }
        self
    }

    /// The foot of the track made last trembles by so much of the picture's height, always the same way.
    #[must_use]
    pub fn trembling(mut self, by: f32) -> Self {
        if let Some(actor) = self.actors.last_mut() {
            actor.tremble = by;
        }
        self
    }

    /// A gray picture of this size with every scene: `paint(second, x, y)` is the level of a pixel.
    #[must_use]
    pub fn gray(
        mut self,
        width: u32,
        height: u32,
        paint: impl Fn(f64, u32, u32) -> u8 + Send + Sync + 'static,
    ) -> Self {
        self.gray = Some(Pictures { width, height, paint: Arc::new(paint) });
        self
    }

    /// A colour picture of this size with every scene: `paint(second, x, y)` is red, green and blue of a pixel.
    #[must_use]
    pub fn rgb(
        mut self,
        width: u32,
        height: u32,
        paint: impl Fn(f64, u32, u32) -> [u8; 3] + Send + Sync + 'static,
    ) -> Self {
        self.rgb = Some(Pictures { width, height, paint: Arc::new(paint) });
        self
    }

    /// The gray picture of a scene, if the script has any.
    pub fn picture_of(&self, scene: &Scene) -> Option<Picture> {
        let Pictures { width, height, paint } = self.gray.as_ref()?;
        let second = scene.at_us as f64 / 1e6;
        let row = |y: u32| (0..*width).map(move |x| paint(second, x, y));
        let data = (0..*height).flat_map(row).collect();
        Some(Picture { width: *width, height: *height, stride: *width, data })
    }

    /// The colour picture of a scene, if the script has any.
    pub fn colours_of(&self, scene: &Scene) -> Option<Picture> {
        let Pictures { width, height, paint } = self.rgb.as_ref()?;
        let second = scene.at_us as f64 / 1e6;
        let row = |y: u32| (0..*width).flat_map(move |x| paint(second, x, y));
        let data = (0..*height).flat_map(row).collect();
        Some(Picture { width: *width, height: *height, stride: *width * 3, data })
    }

    /// Every scene, in order.
    pub fn scenes(&self) -> impl Iterator<Item = Scene> + '_ {
        let last = (self.end_s * f64::from(self.fps)).round() as i64;
        let at_us = |n: i64| n * 1_000_000 / i64::from(self.fps);
        (0..=last).map(move |n| {
            let t = at_us(n) as f64 / 1e6;
            let before = at_us(n - 1) as f64 / 1e6;
            let mut tracks: Vec<Track> = self.actors.iter().filter_map(|a| a.at(t, n)).collect();
            tracks.sort_by_key(|track| track.id);
            let left = |a: &&Actor| n > 0 && a.at(before, n - 1).is_some() && a.at(t, n).is_none();
            let ended = self.actors.iter().filter(left).map(|a| TrackId(a.id)).collect();
            Scene { at_us: at_us(n), tracks, ended, motion: 0.1 }
        })
    }

    /// A scene as it is given.
    pub fn input<'a>(&self, scene: &'a Scene, sequence: u64) -> InputData<'a> {
        InputData {
            scene,
            wall_us: WALL_US + scene.at_us,
            sequence,
            picture: self.picture,
            history: false,
            gap: false,
            gray: None,
            rgb: None,
            inference: &[],
        }
    }

    /// When it ends, µs.
    pub fn end_us(&self) -> i64 {
        (self.end_s * 1e6) as i64
    }
}

impl Actor {
    fn at(&self, t: f64, frame: i64) -> Option<Track> {
        let (first, last) = (self.path.first()?, self.path.last()?);
        if !(first.0..=last.0).contains(&t) {
            return None;
        }
        let leg = self.path.windows(2).find_map(|leg| match leg {
            [from, to] if t <= to.0 => Some((*from, *to)),
            _ => None,
        });
        let (from, to) = leg.unwrap_or((*first, *first));
        let span = to.0 - from.0;
        let share = if span > 0.0 { ((t - from.0) / span) as f32 } else { 0.0 };
        let per_s = |a: f32, b: f32| if span > 0.0 { (b - a) / span as f32 } else { 0.0 };
        let hidden = self.hidden.iter().any(|(a, b)| (*a..*b).contains(&t));
        // A tremble that never repeats soon: steps of the golden angle.
        let tremble = self.tremble * (frame as f32 * 2.399_963).sin();
        let foot = Point {
            x: from.1.x + share * (to.1.x - from.1.x),
            y: from.1.y + share * (to.1.y - from.1.y) + tremble,
        };
        let (w, h) = (self.height * 0.5, self.height);
        let seen_s = self.hidden.iter().filter(|_| hidden).map(|(a, _)| *a).find(|a| *a <= t).unwrap_or(t);
        Some(Track {
            id: TrackId(self.id),
            label: self.label,
            score: 0.8,
            rect: Rect { x: foot.x - w / 2.0, y: foot.y - h, w, h },
            velocity: (per_s(from.1.x, to.1.x), per_s(from.1.y, to.1.y)),
            first_seen_us: (first.0 * 1e6).round() as i64,
            last_seen_us: (seen_s * 1e6).round() as i64,
            observed: !hidden,
        })
    }
}
