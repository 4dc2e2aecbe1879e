//! Measure: how much of the picture runs, in people; how fast, how far spread, and whether together or apart.
//!
//! Promises: pure. What vehicles and bicycles cover does not count, nor what lies outside the zone, nor what is too small
//! to be measured. Speed is in body lengths a second at that place of the picture: a walk is 0.8 (1.4 m/s of 1.7 m), a run
//! 1.5 and more. Leaves to others: what moves (`flow`), what it means (`rule`).

use crate::body::Body;
use crate::carry::Carry;
use crate::flow::{CELL_PX, Motion, middle};
use crate::keys::Keys;
use nvr_plugin_api::{Class, Label, Point, Rect, Scene};

/// Slower than this it stands, body lengths a second.
const MOVES: f32 = 0.2;
/// Smaller people cannot be measured, pixels.
const HEIGHT_PX_MIN: f32 = 6.0;
/// A person is so wide, body lengths.
const WIDE: f32 = 0.35;
/// A window sees a body that it touches by half.
const SEEN_PX: f32 = 4.0;
/// What carries people, and is no crowd that runs.
pub(crate) const RIDDEN: [Class; 3] = [Class::Vehicle, Class::Bicycle, Class::Only(Label::TRAIN)];
/// A box may be off by so much.
const ROOM: f32 = 1.3;
/// Directions.
pub(crate) const WAYS: usize = 8;
/// Cells of the fast that the box leaves out to each side: one in so many.
const STRAY: usize = 20;

/// One moment, or the mean of some.
#[derive(Debug, Clone, Default)]
pub(crate) struct Measure {
    /// People's worth of picture that moves, and that is fast.
    pub(crate) moving: f32,
    pub(crate) fast: f32,
    /// Of the fast, what lies on people whom the tracker follows.
    pub(crate) on_people: f32,
    /// Sum of people times squared speed.
    pub(crate) energy: f32,
    /// Sum of people times speed of the fast.
    pub(crate) haste: f32,
    /// The fast, by direction.
    pub(crate) ways: [f32; WAYS],
    /// Where they are.
    pub(crate) area: Option<Rect>,
}

impl Measure {
    /// Of what moves, how much is fast, 0..1.
    pub(crate) fn share(&self) -> f32 {
        if self.moving > 0.0 { self.fast / self.moving } else { 0.0 }
    }

    /// Mean speed of the fast, body lengths a second.
    pub(crate) fn speed(&self) -> f32 {
        if self.fast > 0.0 { self.haste / self.fast } else { 0.0 }
    }

    /// Entropy of the directions (Shannon), 0 one way .. 1 all ways alike.
    pub(crate) fn entropy(&self) -> f32 {
        let all: f32 = self.ways.iter().sum();
        let of = |part: &f32| {
            let p = part / all;
            if p > 0.0 { -p * p.ln() } else { 0.0 }
        };
        if all > 0.0 { self.ways.iter().map(of).sum::<f32>() / (WAYS as f32).ln() } else { 0.0 }
    }

    /// Moves towards `new` by a share.
    pub(crate) fn follow(&mut self, new: &Measure, share: f32) {
        let pairs = [
            (&mut self.moving, new.moving),
            (&mut self.fast, new.fast),
            (&mut self.on_people, new.on_people),
            (&mut self.energy, new.energy),
            (&mut self.haste, new.haste),
        ];
        for (mean, now) in pairs.into_iter().chain(self.ways.iter_mut().zip(new.ways)) {
            *mean += share * (now - *mean);
        }
        self.area = new.area.or(self.area);
    }
}

/// What one camera's picture is measured against.
#[derive(Debug)]
pub(crate) struct Yard<'a> {
    pub(crate) keys: &'a Keys,
    pub(crate) body: &'a Body,
    pub(crate) carry: &'a Carry,
    pub(crate) scene: &'a Scene,
    pub(crate) aspect: f32,
    /// Pixels.
    pub(crate) size: (usize, usize),
    /// From which speed on it is fast, body lengths a second.
    pub(crate) fast: f32,
}

impl Yard<'_> {
    /// The motions of one picture; `speeds` takes each speed with how much of a person has it. `None` while nobody knows
    /// how large people are.
    pub(crate) fn measure(
        &self,
        motions: &[Motion],
        span_s: f32,
        speeds: &mut Vec<(f32, f32)>,
    ) -> Option<Measure> {
        let (wide, high) = (self.size.0 as f32, self.size.1 as f32);
        let centre = Point { x: 0.5, y: 0.5 };
        self.body.height(centre, self.keys.ground.as_ref(), self.aspect)?;
        let boxes = |classes: &[Class]| -> Vec<Rect> {
            let tracks = self.scene.tracks.iter().filter(|t| classes.iter().any(|c| c.contains(t.label)));
            tracks.map(|t| Rect::around(t.rect.centre(), t.rect.w * ROOM, t.rect.h * ROOM)).collect()
        };
        let (vehicles, people) = (boxes(&RIDDEN), boxes(&[Class::Person]));
        let mut found = Measure::default();
        let (mut columns, mut rows) = (Vec::new(), Vec::new());
        for motion in motions {
            let (x, y) = middle(motion.cell);
            let p = Point { x: x / wide, y: y / high };
            let Some(height) = self.body.height(p, self.keys.ground.as_ref(), self.aspect) else { continue };
            let foot = Point { x: p.x, y: (p.y + height / 2.0).min(1.0) };
            let height_px = height * high;
            if height_px < HEIGHT_PX_MIN
                || !(self.keys.zone.contains(p) || self.keys.zone.contains(foot))
                || vehicles.iter().any(|v| v.contains(p))
            {
                continue;
            }
            let now = motion.by.0.hypot(motion.by.1) / span_s / height_px;
            if now < MOVES {
                continue;
            }
            let person = (CELL_PX * CELL_PX) as f32 / ((WIDE * height_px + SEEN_PX) * (height_px + SEEN_PX));
            found.moving += person;
            let Some(mean) = self.carry.around(motion.cell) else { continue };
            let speed = now.min(mean.0.hypot(mean.1) / height_px);
            found.energy += person * speed * speed;
            speeds.push((speed, person));
            if speed >= self.fast {
                found.fast += person;
                found.haste += person * speed;
                if people.iter().any(|r| r.contains(p)) {
                    found.on_people += person;
                }
                if let Some(way) = found.ways.get_mut(way_of(mean)) {
                    *way += person;
                }
                columns.push(p.x);
                rows.push(p.y);
            }
        }
        found.area = span(&mut columns).zip(span(&mut rows)).map(|((x, right), (y, bottom))| Rect {
            x,
            y,
            w: right - x,
            h: bottom - y,
        });
        Some(found)
    }
}

/// Which of the directions.
fn way_of(by: (f32, f32)) -> usize {
    let turn = by.1.atan2(by.0) / std::f32::consts::TAU + 1.0;
    ((turn * WAYS as f32).round() as usize) % WAYS
}

/// From where to where, without strays.
fn span(values: &mut [f32]) -> Option<(f32, f32)> {
    values.sort_by(f32::total_cmp);
    let stray = values.len() / STRAY;
    values.get(stray).copied().zip(values.get(values.len().checked_sub(stray + 1)?).copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(ways: [f32; WAYS], expected: f32) {
        let measure = Measure { ways, ..Measure::default() };
        assert!((measure.entropy() - expected).abs() < 0.01, "{ways:?}: {}", measure.entropy());
    }

    #[test]
    fn together_and_apart() {
        check([0.0; WAYS], 0.0);
        check([4.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], 0.0);
        check([1.0; WAYS], 1.0);
        check([2.0, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0], 0.333);
    }
}
