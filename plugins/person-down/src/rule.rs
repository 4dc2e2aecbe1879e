//! The rule: a body in the zone fell and has been lying there for the dwell.
//!
//! Promises: pure. Poses see those who lie and detectors of boxes do not; boxes see those who are too small or too many for
//! poses. Where both see one body it is one alert, and a pose that is not down outweighs a box that is. The alert begins at
//! a look that sees the body down, never in between. Leaves to others: what down is (`body`), dwell (`nvr_plugin_api::rule`).

use crate::body::{Body, FALL_US_MAX};
use crate::sighting::Sighting;
use nvr_plugin_api::rule::{Change, CommonKeys, Episode, Holds, POSES_MAX, Pose};
use nvr_plugin_api::{Event, EventType, Label, Phase, Polygon, Rect, Scene, Track, TrackId};

/// Field default of the time on the ground, seconds: who sits down for a moment, or kneels, is up again.
pub(crate) const DWELL_S: f64 = 15.0;
/// Times it must have been seen down: one is an error of the model.
const SIGHTINGS_MIN: u32 = 2;
/// A body is where it was seen last, give or take so much of its height; a fall moves hips by 0.5, and a step.
const REACH: f32 = 1.0;
/// Another who stands up out of a fall as it is seen, so near: it was two bodies, one of them lying.
const SWAP_REACH: f32 = 1.5;
/// Bodies followed at a time by each means; more are a crowd, where nobody can be seen to fall.
const BODIES_MAX: usize = 64;
/// So much of a box covered by another's, and it may show half a body.
const HIDDEN_SHARE: f32 = 0.2;
/// An alert's body is the same as another's so near.
const SAME_REACH: f32 = 1.5;

/// The rule over one camera's scenes.
#[derive(Debug)]
pub(crate) struct PersonDown {
    zone: Polygon,
    dwell_us: i64,
    poses: Vec<Watched>,
    boxes: Vec<Watched>,
    objects: u64,
}

#[derive(Debug)]
struct Watched {
    body: Body,
    /// Of a box.
    track: Option<TrackId>,
    episode: Episode,
    alert: Option<Alert>,
}

#[derive(Debug, Clone, Copy)]
struct Alert {
    object: u64,
    rect: Rect,
    score: f32,
}

impl PersonDown {
    pub(crate) fn new(keys: &CommonKeys) -> Self {
        Self {
            zone: keys.zone.clone().unwrap_or_else(Polygon::picture),
            dwell_us: keys.time_us(DWELL_S),
            poses: Vec::new(),
            boxes: Vec::new(),
            objects: 0,
        }
    }

    /// One scene; `poses` are the joints of all bodies when the model has looked.
    pub(crate) fn step(&mut self, scene: &Scene, poses: Option<&[f32]>, aspect: f32) -> Vec<Event> {
        let at_us = scene.at_us;
        if let Some(joints) = poses {
            let seen: Vec<Sighting> =
                Pose::all(joints).filter_map(|p| Sighting::of_pose(&p, aspect)).collect();
            self.look_at_poses(&seen, at_us);
        }
        self.look_at_boxes(scene, aspect);
        let mut events = Vec::new();
        for n in 0..self.poses.len() + self.boxes.len() {
            events.extend(self.judge(n, at_us));
        }
        let keep = |w: &Watched| w.body.is_known(at_us) || w.alert.is_some();
        self.poses.retain(keep);
        self.boxes.retain(keep);
        events
    }

    /// Gives each pose to the nearest body, nearest pairs first.
    fn look_at_poses(&mut self, seen: &[Sighting], at_us: i64) {
        let mut pairs: Vec<(usize, usize, f32)> = Vec::new();
        for (s, sighting) in seen.iter().enumerate() {
            for (b, watched) in self.poses.iter().enumerate() {
                let off = distance(&watched.body, sighting.place);
                if off <= REACH {
                    pairs.push((s, b, off));
                }
            }
        }
        pairs.sort_by(|a, b| a.2.total_cmp(&b.2));
        let (mut taken, mut given) = (vec![false; self.poses.len()], vec![false; seen.len()]);
        for (s, b, _) in pairs {
            let free = taken.get(b) == Some(&false) && given.get(s) == Some(&false);
            if let (true, Some(sighting), Some(watched)) = (free, seen.get(s), self.poses.get_mut(b)) {
                watched.body.see(*sighting, at_us);
                // In such a look one seems to have become another: nobody is seen to fall.
                if seen.len() >= POSES_MAX && watched.body.fallen().is_some_and(|f| f.down_us == at_us) {
                    watched.body.never_fell();
                }
                taken.iter_mut().skip(b).take(1).for_each(|t| *t = true);
                given.iter_mut().skip(s).take(1).for_each(|g| *g = true);
            }
        }
        for (sighting, _) in seen.iter().zip(&given).filter(|(_, given)| !**given) {
            if sighting.upright {
                for watched in &mut self.poses {
                    let fresh = watched.body.fallen().is_some_and(|f| at_us - f.down_us <= FALL_US_MAX);
                    if fresh && distance(&watched.body, sighting.place) <= SWAP_REACH {
                        watched.body.never_fell();
                    }
                }
            }
            if self.poses.len() < BODIES_MAX {
                self.poses.push(Watched::new(Body::new(*sighting, at_us), None));
            }
        }
    }

    fn look_at_boxes(&mut self, scene: &Scene, aspect: f32) {
        for track in scene.tracks.iter().filter(|t| t.label == Label::PERSON) {
            let Some(seen) = Sighting::of_box(track, aspect) else { continue };
            // A pose of this moment in the box that is not down knows better.
            let knows = |w: &Watched| {
                let [x, y] = w.body.last.place;
                let inside = track.rect.contains(nvr_plugin_api::Point { x: x / aspect, y });
                inside && w.body.last_us == scene.at_us && w.body.fallen().is_none()
            };
            if !seen.upright && self.poses.iter().any(knows) {
                continue;
            }
            // Who is half hidden by another has half a box.
            let hides = |t: &Track| {
                let shared = t.rect.intersection_area(&track.rect) / track.rect.area().max(f32::EPSILON);
                t.id != track.id && t.label == Label::PERSON && shared > HIDDEN_SHARE
            };
            if !seen.upright && scene.tracks.iter().any(hides) {
                continue;
            }
            let by_id = self.boxes.iter().position(|w| w.track == Some(track.id));
            // Who falls is lost by the tracker and found again as another track.
            let gone = |w: &Watched| {
                let alive = scene.tracks.iter().any(|t| w.track == Some(t.id) && t.observed);
                !alive && w.body.last_us < track.first_seen_us && distance(&w.body, seen.place) <= REACH
            };
            // Among others a box changes hands.
            let alone = !scene.tracks.iter().any(|t| {
                let middle = t.rect.centre();
                let off = (middle.x * aspect - seen.place[0]).hypot(middle.y - seen.place[1]);
                t.id != track.id && t.label == Label::PERSON && off <= SWAP_REACH * t.rect.h.max(seen.size)
            });
            match by_id.or_else(|| self.boxes.iter().position(gone).filter(|_| alone)) {
                Some(n) => {
                    if let Some(watched) = self.boxes.get_mut(n) {
                        watched.track = Some(track.id);
                        watched.body.see(seen, scene.at_us);
                        if !alone && watched.body.fallen().is_some_and(|f| f.down_us == scene.at_us) {
                            watched.body.never_fell();
                        }
                    }
                }
                None if self.boxes.len() < BODIES_MAX => {
                    self.boxes.push(Watched::new(Body::new(seen, scene.at_us), Some(track.id)));
                }
                None => {}
            }
        }
    }

    fn judge(&mut self, n: usize, at_us: i64) -> Option<Event> {
        let others: Vec<(u64, [f32; 2])> = (self.poses.iter().chain(&self.boxes))
            .filter_map(|w| w.alert.map(|a| (a.object, w.body.last.place)))
            .collect();
        let poses = self.poses.len();
        let watched = if n < poses { self.poses.get_mut(n) } else { self.boxes.get_mut(n - poses) }?;
        let body = &watched.body;
        let fallen = body.fallen().filter(|_| body.is_known(at_us));
        let holds = match fallen {
            None => Holds::No,
            Some(f) if watched.episode.is_open() => Holds::Since(f.since_us),
            Some(_) if !self.zone.contains(body.last.ground()) => Holds::No,
            Some(f) if f.seen_us == at_us && at_us - f.since_us < self.dwell_us => Holds::Since(f.since_us),
            Some(f) if f.seen_us == at_us && f.sightings >= SIGHTINGS_MIN => Holds::Since(f.since_us),
            Some(_) => Holds::Unknown,
        };
        let (low, seen) = (fallen.map_or(0.0, |f| f.low), body.last);
        // Who moved on the ground begins again.
        if let (Episode::Pending { since_us }, Some(f)) = (watched.episode, fallen)
            && f.since_us > since_us
        {
            watched.episode = Episode::Idle;
        }
        let change = watched.episode.update(at_us, holds, self.dwell_us)?;
        let Change::Begin { since_us, start_us } = change else { return watched.end(change, self.dwell_us) };
        let reach = SAME_REACH * watched.body.height();
        let near = |p: &[f32; 2]| (p[0] - seen.place[0]).hypot(p[1] - seen.place[1]) <= reach;
        if others.iter().any(|(_, place)| near(place)) {
            return None; // said already
        }
        self.objects += 1;
        watched.alert = Some(Alert { object: self.objects, rect: seen.rect, score: seen.score });
        Some(Event {
            kind: EventType::PersonDown,
            phase: Phase::Begin,
            object: self.objects,
            since_us,
            start_us,
            end_us: None,
            rect: seen.rect,
            score: seen.score,
            measured: (start_us - since_us) as f32 / 1e6,
            threshold: self.dwell_us as f32 / 1e6,
            detail: format!("by={} height={:.2}", if n < poses { "pose" } else { "box" }, low.max(0.0)),
        })
    }
}

impl Watched {
    fn new(body: Body, track: Option<TrackId>) -> Self {
        Self { body, track, episode: Episode::default(), alert: None }
    }

    fn end(&mut self, change: Change, dwell_us: i64) -> Option<Event> {
        let Change::End { since_us, start_us, end_us } = change else { return None };
        let alert = self.alert.take()?;
        Some(Event {
            kind: EventType::PersonDown,
            phase: Phase::End,
            object: alert.object,
            since_us,
            start_us,
            end_us: Some(end_us),
            rect: alert.rect,
            score: alert.score,
            measured: (end_us - since_us) as f32 / 1e6,
            threshold: dwell_us as f32 / 1e6,
            detail: String::new(),
        })
    }
}

/// How far a place is from a body, in the body's heights.
fn distance(body: &Body, place: [f32; 2]) -> f32 {
    let [x, y] = body.last.place;
    (x - place[0]).hypot(y - place[1]) / body.height()
}
