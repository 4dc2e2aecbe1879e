//! The rule: where there is a crowd, much of what moves is fast and gets somewhere, far beyond what is usual, for the dwell.
//!
//! Promises: pure. One situation is one object of the whole zone. Nothing is said before the first seconds are learnt;
//! what runs is never learnt while it is new, and is usual when it has lasted for five minutes. People whom the tracker
//! follows and who stand contradict a picture that runs (a train behind a full platform, cheering).
//! Leaves to others: the figures (`measure`), what is usual (`usual`).

use crate::body::Body;
use crate::carry::Carry;
use crate::flow::{flow, grid};
use crate::keys::Keys;
use crate::measure::{Measure, Yard};
use crate::plane::Plane;
use crate::runners::Runners;
use crate::usual::{Norm, Source, Usual};
use nvr_plugin_api::rule::{Change, Episode, Holds};
use nvr_plugin_api::{Event, EventType, Input, Label, Phase, Rect, Track};

/// Fast is at least this, body lengths a second: between a brisk walk (2 m/s: 1.2) and a jog (2.5 m/s: 1.5), …
const RUNS: f32 = 1.3;
/// … and at least so many times what is usual here.
const RUNS_TIMES: f32 = 1.6;
/// At least so much of what moves is fast: standing legs, and those who do not run, leave less than all.
const SHARE_MIN: f32 = 0.35;
/// Beyond what is usual by so many median absolute deviations, …
const DEVIATIONS: f32 = 5.0;
/// … each taken for at least this: of the share, …
const SHARE_DEVIATION_MIN: f32 = 0.03;
/// … and of log2(1 + energy): together twice the usual energy.
const ENERGY_DEVIATION_MIN: f32 = 0.2;
/// Once it runs, it runs down to so much of each limit: runners leave the picture one by one.
const HYSTERESIS: f32 = 0.6;
/// Moments are averaged over this time, seconds.
const AVERAGE_S: f32 = 0.3;
/// Nothing is said before so much of the scene is known, seconds.
const KNOWN_S: f32 = 5.0;
/// A crowd is where as many people as must run were seen at once within this time, µs.
const CROWD_US: i64 = 10_000_000;
/// With so many people followed …
const FOLLOWED_MIN: usize = 3;
/// … the fastest quarter must move like this, body lengths a second: slower than a stroll they stand.
const FOLLOWED_MOVE: f32 = 0.5;
/// People are followed when seen for so long, µs.
const FOLLOWED_US: i64 = 500_000;
/// What has run for so long is usual, µs.
const SETTLED_US: i64 = 300_000_000;
/// Longest time between two pictures that are compared, µs.
const SPAN_US_MAX: i64 = 350_000;
/// Less than this, in people, is not learnt: noise.
const LEARN_MOVING_MIN: f32 = 0.5;

/// What the measure is compared with.
#[derive(Debug, Clone, Copy)]
struct Limits {
    runners: f32,
    share: f32,
    energy: f32,
    source: Source,
}

impl Limits {
    fn of(keys: &Keys, norm: &Norm) -> Self {
        let beyond = |usual: Option<(f32, f32)>, least: f32| {
            usual.map_or(0.0, |(median, deviation)| median + DEVIATIONS * deviation.max(least))
        };
        let energy = beyond(norm.energy, ENERGY_DEVIATION_MIN);
        Self {
            runners: keys.min_runners as f32,
            share: beyond(norm.share, SHARE_DEVIATION_MIN).max(SHARE_MIN),
            energy: energy.exp2() - 1.0,
            source: norm.source,
        }
    }
}

/// The rule over one camera's pictures.
#[derive(Debug)]
pub(crate) struct CrowdMovement {
    keys: Keys,
    body: Body,
    carry: Carry,
    runners: Runners,
    usual: Usual,
    plane: Option<(i64, Plane)>,
    mean: Measure,
    known_s: f32,
    crowd_us: Option<i64>,
    since_us: Option<i64>,
    episode: Episode,
    objects: u64,
    alert: Option<(Rect, f32, f32, f32)>,
}

impl CrowdMovement {
    pub(crate) fn new(keys: &Keys) -> Self {
        Self {
            keys: keys.clone(),
            body: Body::default(),
            carry: Carry::default(),
            runners: Runners::default(),
            usual: Usual::default(),
            plane: None,
            mean: Measure::default(),
            known_s: 0.0,
            crowd_us: None,
            since_us: None,
            episode: Episode::default(),
            objects: 0,
            alert: None,
        }
    }

    /// One picture and its scene.
    pub(crate) fn step(&mut self, input: &Input<'_>) -> Option<Event> {
        let at_us = input.scene.at_us;
        let plane = Plane::of(input.gray.as_ref()?);
        let was = self.plane.take();
        let span_us = was.as_ref().map_or(0, |(was_us, _)| at_us - was_us);
        let seen = if (1..=SPAN_US_MAX).contains(&span_us) && !input.gap {
            let span_s = span_us as f32 / 1e6;
            self.body.learn(input.scene, span_s);
            self.usual.pass(input.wall_us, span_s);
            was.and_then(|(_, was)| self.look(&was, &plane, span_s, input))
        } else {
            self.carry = Carry::default();
            None
        };
        self.plane = Some((at_us, plane));
        let (holds, limits) = match seen {
            Some((runs, limits)) => {
                self.since_us = runs.then(|| self.since_us.unwrap_or(at_us));
                (self.since_us.map_or(Holds::No, Holds::Since), Some(limits))
            }
            None => (Holds::Unknown, None),
        };
        let change = self.episode.update(at_us, holds, self.keys.dwell_us)?;
        self.tell(change, limits)
    }

    /// Whether a crowd runs; `None` when that cannot be seen.
    fn look(&mut self, was: &Plane, is: &Plane, span_s: f32, input: &Input<'_>) -> Option<(bool, Limits)> {
        let motions = flow(was, is)?;
        self.carry.take(grid(is), &motions, span_s);
        let norm = self.usual.norm(input.wall_us);
        let limits = Limits::of(&self.keys, &norm);
        let yard = Yard {
            keys: &self.keys,
            body: &self.body,
            carry: &self.carry,
            scene: input.scene,
            aspect: input.aspect,
            size: (is.width, is.height),
            fast: norm.speed.map_or(RUNS, |usual| RUNS.max(RUNS_TIMES * usual)),
        };
        let mut speeds = Vec::with_capacity(motions.len());
        let now = yard.measure(&motions, span_s, &mut speeds)?;
        self.mean.follow(&now, 1.0 - (-span_s / AVERAGE_S).exp());
        let crowd = self.crowd(input);
        let known = self.known_s >= KNOWN_S;
        self.known_s += span_s;
        let least = if self.since_us.is_some() { HYSTERESIS } else { 1.0 };
        let mean = &self.mean;
        let runs = mean.fast >= least * limits.runners
            && mean.share() >= least * limits.share
            && mean.energy >= least * limits.energy;
        let followed = self.runners.take(&self.followed(input), span_s);
        let followed = followed.runs(limits.runners, self.since_us.is_some());
        let runs = (runs && crowd || followed) && known;
        let settled = self.since_us.is_some_and(|since_us| input.scene.at_us - since_us >= SETTLED_US);
        if !runs || settled {
            self.learn(&speeds, span_s);
        }
        Some((runs, limits))
    }

    /// Speeds of those who are followed, body lengths a second.
    fn followed(&self, input: &Input<'_>) -> Vec<f32> {
        let at_us = input.scene.at_us;
        let here = |r: &Rect| self.keys.zone.contains(r.foot()) || self.keys.zone.contains(r.centre());
        let known = |t: &&Track| {
            t.label == Label::PERSON && t.observed && at_us - t.first_seen_us >= FOLLOWED_US && here(&t.rect)
        };
        let speed =
            |t: &Track| (t.velocity.0 * input.aspect).hypot(t.velocity.1) / t.rect.h.max(f32::EPSILON);
        input.scene.tracks.iter().filter(known).map(speed).collect()
    }

    /// Whether there are people enough, and those who are followed do not stand.
    fn crowd(&mut self, input: &Input<'_>) -> bool {
        let at_us = input.scene.at_us;
        let here = |r: &Rect| self.keys.zone.contains(r.foot()) || self.keys.zone.contains(r.centre());
        let people = input.scene.tracks.iter().filter(|t| t.label == Label::PERSON && t.observed);
        let people: Vec<&Track> = people.filter(|t| here(&t.rect)).collect();
        if people.len() >= self.keys.min_runners as usize {
            self.crowd_us = Some(at_us);
        }
        let speed =
            |t: &&Track| (t.velocity.0 * input.aspect).hypot(t.velocity.1) / t.rect.h.max(f32::EPSILON);
        let followed = people.iter().filter(|t| at_us - t.first_seen_us >= FOLLOWED_US);
        let mut speeds: Vec<f32> = followed.map(speed).collect();
        speeds.sort_by(f32::total_cmp);
        let quick = speeds.get(speeds.len() * 3 / 4).filter(|_| speeds.len() >= FOLLOWED_MIN);
        self.crowd_us.is_some_and(|seen_us| at_us - seen_us <= CROWD_US)
            && quick.is_none_or(|quick| *quick >= FOLLOWED_MOVE)
    }

    fn learn(&mut self, speeds: &[(f32, f32)], span_s: f32) {
        let mean = &self.mean;
        if mean.moving < LEARN_MOVING_MIN {
            return;
        }
        self.usual.learn(|past| {
            speeds.iter().for_each(|(speed, person)| past.speed.add(*speed, person * span_s));
            past.share.add(mean.share(), span_s);
            past.energy.add((1.0 + mean.energy).log2(), span_s);
        });
    }

    fn tell(&mut self, change: Change, limits: Option<Limits>) -> Option<Event> {
        let (phase, (since_us, start_us), end_us) = match change {
            Change::Begin { since_us, start_us } => (Phase::Begin, (since_us, start_us), None),
            Change::End { since_us, start_us, end_us } => (Phase::End, (since_us, start_us), Some(end_us)),
        };
        let mut detail = String::new();
        if phase == Phase::Begin {
            let limits = limits?;
            let mean = &self.mean;
            self.objects += 1;
            let share = mean.share();
            let score = 0.5 + 0.5 * ((share - limits.share) / (1.0 - limits.share).max(0.01)).clamp(0.0, 1.0);
            let picture = Rect { x: 0.0, y: 0.0, w: 1.0, h: 1.0 };
            self.alert = Some((mean.area.unwrap_or(picture), score, share, limits.share));
            let history = match limits.source {
                Source::Nothing => "none",
                Source::Lately => "lately",
                Source::Hour => "hour",
            };
            let (runners, speed, entropy) = (mean.fast, mean.speed(), mean.entropy());
            let (energy, usual) = (mean.energy, limits.energy);
            detail = format!(
                "runners={runners:.0} share={share:.2} speed_bodies_per_s={speed:.1} entropy={entropy:.2} \
                 energy={energy:.0}/{usual:.0} history={history} known_s={:.0}",
                self.known_s
            );
        }
        let (rect, score, measured, threshold) = self.alert?;
        Some(Event {
            kind: EventType::CrowdMovement,
            phase,
            object: self.objects,
            since_us,
            start_us,
            end_us,
            rect,
            score,
            measured,
            threshold,
            detail,
        })
    }
}
