//! The rule: the scene is lost (covered, turned), blurred (out of focus) or stopped (frozen), for the dwell.
//!
//! Promises: pure. One situation is one object of the whole picture, whatever it turns into: its kind is the one seen
//! longest until it began. Nothing is said before the scene is known for as long as the dwell. A loss is never learnt
//! while it is new; what has stayed for an hour and shows a scene is the scene: the camera was set anew.
//! Leaves to others: what a picture shows (`sight`), what is usual (`reference`, `hours`, `still`).

use crate::hours::Hours;
use crate::keys::Keys;
use crate::reference::{Likeness, Reference};
use crate::sight::Sight;
use crate::still::Still;
use nvr_plugin_api::rule::{Change, Episode, Holds};
use nvr_plugin_api::{Event, EventType, Frame, Phase, Point, Rect};

/// A lost scene with less than this of its edge strength is covered; with more it is another scene.
const PLAIN: f32 = 0.35;
/// An alert lasts until the measure is back by as much: a hand that lets a little through.
const BACK: f32 = 0.15;
/// The scene must be known for the dwell, at least this and at most that, seconds: fewer than eight pictures do not tell
/// an edge that stands from one that walks.
const KNOWN_S: (f32, f32) = (4.0, 20.0);
/// What has stayed for so long is the scene, seconds.
const SETTLED_S: f32 = 3_600.0;
/// Longest time between two pictures that counts as seen, µs.
const SPAN_US_MAX: i64 = 5_000_000;
/// The whole picture.
const PICTURE: Rect = Rect { x: 0.0, y: 0.0, w: 1.0, h: 1.0 };

/// What is wrong in one picture.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Finding {
    kind: EventType,
    since_us: i64,
    measured: f32,
    threshold: f32,
}

/// The rule over one camera's pictures.
#[derive(Debug)]
pub(crate) struct CameraTamper {
    keys: Keys,
    known_s: f32,
    reference: Option<Reference>,
    /// What is seen instead of the scene.
    other: Option<Reference>,
    hours: Hours,
    still: Still,
    last_us: Option<i64>,
    episode: Episode,
    /// How long each kind was seen before the alert, µs.
    seen: Vec<(EventType, i64)>,
    alert: Option<Finding>,
    objects: u64,
}

impl CameraTamper {
    pub(crate) fn new(keys: &Keys) -> Self {
        Self {
            keys: keys.clone(),
            known_s: (keys.dwell_us as f32 / 1e6).clamp(KNOWN_S.0, KNOWN_S.1),
            reference: None,
            other: None,
            hours: Hours::default(),
            still: Still::new(keys.dwell_us),
            last_us: None,
            episode: Episode::default(),
            seen: Vec::new(),
            alert: None,
            objects: 0,
        }
    }

    /// One picture.
    pub(crate) fn step(&mut self, frame: &Frame<'_>, at_us: i64, wall_us: i64, gap: bool) -> Option<Event> {
        let sight = Sight::of(frame)?;
        let span_us = self.last_us.replace(at_us).map_or(0, |last| (at_us - last).clamp(0, SPAN_US_MAX));
        let same_since = self.still.look(frame, at_us, gap);
        let wrong = self.look(&sight, at_us, wall_us, span_us);
        let frozen =
            same_since.zip(self.still.needed_us()).filter(|(since, needed)| at_us - since >= *needed);
        let frozen = frozen.map(|(since_us, needed_us)| Finding {
            kind: EventType::CameraFrozen,
            since_us,
            measured: (at_us - since_us) as f32 / 1e6,
            threshold: needed_us as f32 / 1e6,
        });
        self.tell(wrong.or(frozen), at_us, span_us)
    }

    /// Compares with the scene, and learns.
    fn look(&mut self, sight: &Sight, at_us: i64, wall_us: i64, span_us: i64) -> Option<Finding> {
        let span_s = span_us as f32 / 1e6;
        let zone = &self.keys.zone;
        let fresh = || {
            let watched = |x, y| zone.as_ref().is_none_or(|z| z.contains(Point { x, y }));
            Reference::new(sight.columns, sight.rows, watched)
        };
        let reference = self.reference.take().filter(|r| r.fits(sight));
        let mut reference = reference.unwrap_or_else(fresh);
        let known = reference.learnt_s() >= self.known_s;
        let mut finding = None;
        let likeness = reference.compare(sight).filter(|_| known);
        if let Some(likeness) = likeness
            && let Some(found) = self.judge(&likeness, at_us)
        {
            let alike = |look: &&Reference| {
                look.fits(sight) && look.compare(sight).is_some_and(|l| self.judge(&l, at_us).is_none())
            };
            let usual = self.hours.looks(wall_us).find(alike).cloned();
            let dark = sight.is_dark() && likeness.strength < PLAIN;
            self.hours.pass(wall_us, span_us, dark, Some(&reference));
            let other = self.other.get_or_insert_with(fresh);
            other.learn(sight, span_s);
            let settled = other.learnt_s() >= SETTLED_S
                && other.compare(sight).is_some_and(|l| l.lost < self.keys.lost_share);
            if let Some(usual) = usual {
                reference = usual;
            } else if settled {
                reference = self.other.take().unwrap_or(reference);
            } else if !(dark && self.hours.is_dark(wall_us)) {
                finding = Some(found);
            }
        } else {
            self.other = None;
            self.hours.pass(wall_us, span_us, false, Some(&reference));
            // The less it shows of the scene, the less it says of it.
            let shown = likeness.map_or(1.0, |l| 1.0 - l.lost);
            reference.learn(sight, span_s * shown);
        }
        self.reference = Some(reference);
        finding
    }

    /// What is wrong with a likeness.
    fn judge(&self, likeness: &Likeness, at_us: i64) -> Option<Finding> {
        let back = if self.episode.is_open() { BACK } else { 0.0 };
        let (lost_share, sharpness_share) = (self.keys.lost_share, self.keys.sharpness_share);
        if likeness.lost >= lost_share - back {
            let covered = likeness.strength < PLAIN;
            let kind = if covered { EventType::CameraCovered } else { EventType::CameraTurned };
            return Some(Finding { kind, since_us: at_us, measured: likeness.lost, threshold: lost_share });
        }
        let sharpness = likeness.sharpness.filter(|s| *s < sharpness_share + back)?;
        Some(Finding {
            kind: EventType::CameraDefocused,
            since_us: at_us,
            measured: sharpness,
            threshold: sharpness_share,
        })
    }

    /// From what is wrong to an alert.
    fn tell(&mut self, finding: Option<Finding>, at_us: i64, span_us: i64) -> Option<Event> {
        if let Some(found) = finding.filter(|_| !self.episode.is_open()) {
            match self.seen.iter_mut().find(|(kind, _)| *kind == found.kind) {
                Some((_, long_us)) => *long_us += span_us,
                None => self.seen.push((found.kind, span_us)),
            }
        }
        let holds = finding.map_or(Holds::No, |f| Holds::Since(f.since_us));
        let change = self.episode.update(at_us, holds, self.keys.dwell_us);
        if finding.is_none() && self.episode.is_idle() {
            self.seen.clear();
        }
        match change? {
            Change::Begin { since_us, start_us } => {
                let longest = self.seen.iter().max_by_key(|(_, long_us)| *long_us).map(|(kind, _)| *kind);
                let found = finding?;
                let kind = longest.unwrap_or(found.kind);
                self.seen.clear();
                self.objects += 1;
                self.alert = Some(Finding { kind, ..found });
                self.event(Phase::Begin, since_us, start_us, None)
            }
            Change::End { since_us, start_us, end_us } => {
                let event = self.event(Phase::End, since_us, start_us, Some(end_us));
                self.alert = None;
                event
            }
        }
    }

    fn event(&self, phase: Phase, since_us: i64, start_us: i64, end_us: Option<i64>) -> Option<Event> {
        let alert = self.alert?;
        let Finding { kind, measured, threshold, .. } = alert;
        // How far beyond the threshold, of what is possible.
        let beyond = match kind {
            EventType::CameraFrozen => 1.0,
            EventType::CameraDefocused => 1.0 - measured / threshold,
            _ => (measured - threshold) / (1.0 - threshold),
        };
        Some(Event {
            kind,
            phase,
            object: self.objects,
            since_us,
            start_us,
            end_us,
            rect: PICTURE,
            score: (0.5 + beyond / 2.0).clamp(0.5, 1.0),
            measured,
            threshold,
            detail: String::new(),
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;

    const SIDE: u32 = 64;
    const HOUR_S: i64 = 3_600;

    /// Flagstones of four shades, so many pixels wide and high.
    fn stones(wide: u32, high: u32) -> Vec<u8> {
        let shade = |x: u32, y: u32| 40 + 50 * ((x * x + 3 * y * y + x * y) % 4) as u8;
        (0..SIDE * SIDE).map(|n| shade(n % SIDE / wide, n / SIDE / high)).collect()
    }

    /// Two days at one picture in five seconds; from eight to ten in the evening another picture. Out: when alerts begin,
    /// in full hours.
    fn check(day: &[u8], evening: &[u8], expected: &[(i64, EventType)]) {
        let mut rule = CameraTamper::new(&Keys::read("{}").unwrap());
        let mut begun = Vec::new();
        for second in (0..48 * HOUR_S).step_by(5) {
            let data = if (20..22).contains(&(second / HOUR_S % 24)) { evening } else { day };
            let frame = Frame { data, width: SIDE, height: SIDE, stride: SIDE, channels: 1 };
            let event = rule.step(&frame, second * 1_000_000, second * 1_000_000, false);
            begun.extend(event.filter(|e| e.phase == Phase::Begin).map(|e| (second / HOUR_S, e.kind)));
        }
        assert_eq!(begun, expected);
    }

    #[test]
    fn what_comes_at_this_hour_every_day_is_usual() {
        let dark = vec![2; (SIDE * SIDE) as usize];
        check(&stones(11, 9), &stones(11, 9), &[]);
        check(&stones(11, 9), &dark, &[(20, EventType::CameraCovered)]);
        let turned = EventType::CameraTurned;
        check(&stones(11, 9), &stones(7, 13), &[(20, turned), (22, turned)]);
    }
}
