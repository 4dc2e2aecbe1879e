//! The keys every rule may have.
//!
//! Promises: geometry inside the picture and not degenerate; defaults are those of every rule. Leaves to others: keys of
//! the situation (its own serde struct over the same text), unknown keys (the host, by the schema).

use crate::closed::Direction;
use nvr_base::geometry::{Line, Point, Polygon};
use nvr_base::ground::Ground;
use nvr_base::label::{Class, Label};
use serde::Deserialize;

/// Longest dwell, seconds: a day.
const DWELL_S_MAX: f64 = 86_400.0;
/// Points of a zone.
const POINTS_MAX: usize = 64;
/// Classes of a rule.
const CLASSES_MAX: usize = 16;

/// Which crossings count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LineDirection {
    /// Either.
    #[default]
    Both,
    /// From the left to the right of someone walking from the line's first point to its second.
    Forward,
    /// The other way.
    Backward,
}

impl LineDirection {
    /// Whether a crossing counts.
    pub fn takes(self, direction: Direction) -> bool {
        match self {
            Self::Both => direction != Direction::None,
            Self::Forward => direction == Direction::Forward,
            Self::Backward => direction == Direction::Backward,
        }
    }
}

/// Zone, line, direction, dwell, classes, the camera's ground. Other keys of the rule are left alone.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub struct CommonKeys {
    /// Where; absent: the whole picture, or only the line when there is one.
    pub zone: Option<Polygon>,
    /// For crossings.
    pub line: Option<Line>,
    /// Which crossings count.
    pub direction: LineDirection,
    /// Replaces every time of the situation; absent: its field defaults.
    pub dwell_s: Option<f64>,
    /// What is watched; absent: person and vehicle.
    pub classes: Option<Vec<Class>>,
    /// From the picture to metres: distances, areas, pixels a metre; absent: the camera is not calibrated.
    pub ground: Option<Ground>,
}

impl CommonKeys {
    /// Reads and checks them.
    ///
    /// # Errors
    /// The key and what is wrong with it.
    pub fn read(config: &str) -> Result<Self, String> {
        let keys: Self = serde_json::from_str(config).map_err(|e| e.to_string())?;
        let outside = |p: &Point| !p.in_picture();
        if let Some(zone) = &keys.zone {
            if zone.0.len() > POINTS_MAX || zone.0.iter().any(outside) {
                return Err(format!("zone: at most {POINTS_MAX} points, each within 0..1"));
            }
            if zone.area() <= 0.0 {
                return Err("zone: at least three points that enclose something".to_owned());
            }
        }
        if let Some(line) = &keys.line {
            if outside(&line.a) || outside(&line.b) {
                return Err("line: both points within 0..1".to_owned());
            }
            if line.a == line.b {
                return Err("line: two different points".to_owned());
            }
        }
        if keys.dwell_s.is_some_and(|s| !(0.0..=DWELL_S_MAX).contains(&s)) {
            return Err(format!("dwell_s: 0 to {DWELL_S_MAX} seconds"));
        }
        if keys.classes.as_ref().is_some_and(|c| c.is_empty() || c.len() > CLASSES_MAX) {
            return Err(format!("classes: 1 to {CLASSES_MAX}"));
        }
        Ok(keys)
    }

    /// The classes, by default person and vehicle.
    pub fn classes(&self) -> Vec<Class> {
        self.classes.clone().unwrap_or_else(|| vec![Class::Person, Class::Vehicle])
    }

    /// Where being inside counts: the zone, the whole picture when there is neither zone nor line, nowhere with a line
    /// and no zone.
    pub fn watched_zone(&self) -> Option<Polygon> {
        match (&self.zone, &self.line) {
            (Some(zone), _) => Some(zone.clone()),
            (None, None) => Some(Polygon::picture()),
            (None, Some(_)) => None,
        }
    }

    /// A time of the situation: `dwell_s` when the rule has one, else its field default.
    pub fn time_us(&self, default_s: f64) -> i64 {
        (self.dwell_s.unwrap_or(default_s) * 1e6).round() as i64
    }
}

/// The class a label counts under: the first that has it, in the rule's order.
pub fn class_of(classes: &[Class], label: Label) -> Option<Class> {
    classes.iter().copied().find(|c| c.contains(label))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(config: &str, expected: Result<(), &str>) {
        let got = CommonKeys::read(config).map(drop);
        match (&got, expected) {
            (Ok(()), Ok(())) => {}
            (Err(why), Err(key)) if why.contains(key) => {}
            _ => assert_eq!(got, expected.map_err(str::to_owned), "{config}"),
        }
    }

    #[test]
    fn what_can_work() {
        check("{}", Ok(()));
        check(r#"{"id":"a","zone":[[0,0.6],[0.6,0.6],[0.6,1]],"rearm_s":3}"#, Ok(()));
        check(r#"{"line":[[0,0.5],[1,0.5]],"direction":"forward","dwell_s":0,"classes":["car"]}"#, Ok(()));
    }

    #[test]
    fn what_cannot() {
        check("", Err("EOF"));
        check(r#"{"zone":[[0,0],[1,1]]}"#, Err("zone"));
        check(r#"{"zone":[[0,0],[1,1],[2,0]]}"#, Err("zone"));
        check(r#"{"line":[[0,0.5],[0,0.5]]}"#, Err("line"));
        check(r#"{"line":[[0,0.5],[-1,0.5]]}"#, Err("line"));
        check(r#"{"direction":"up"}"#, Err("up"));
        check(r#"{"dwell_s":-1}"#, Err("dwell_s"));
        check(r#"{"classes":["face"]}"#, Err("face"));
        check(r#"{"classes":[]}"#, Err("classes"));
        check(r#"{"ground":[1,0,0]}"#, Err("length"));
        check(r#"{"ground":[1,0,0,2,0,0,0,0,1]}"#, Err("homography"));
    }

    #[test]
    fn metres_of_a_calibrated_camera() {
        // A picture of 8 m × 6 m, seen from above, 640 pixels wide.
        let keys = CommonKeys::read(r#"{"ground":[8,0,0,0,6,0,0,0,1]}"#).ok();
        let ground = keys.and_then(|keys| keys.ground);
        let p = |x: f32, y: f32| Point { x, y };
        let near = |found: Option<f64>, expected: f64| {
            assert!(found.is_some_and(|n| (n - expected).abs() < 1e-6), "{found:?} is not {expected}");
        };
        let of = |measure: fn(&Ground) -> Option<f64>| ground.as_ref().and_then(measure);
        near(of(|g| g.metres(Point { x: 0.5, y: 0.5 }).map(|[east, _]| east)), 4.0);
        near(ground.as_ref().and_then(|g| g.distance_m(p(0.0, 0.0), p(1.0, 1.0))), 10.0);
        near(ground.as_ref().and_then(|g| g.px_per_m(p(0.5, 0.5), 640)), 80.0);
        near(of(|g| g.area_m2(&Polygon::picture())), 48.0);
        assert_eq!(CommonKeys::read("{}").ok().and_then(|keys| keys.ground), None);
    }

    #[test]
    fn where_it_looks() {
        let zone = |config: &str| CommonKeys::read(config).ok().and_then(|k| k.watched_zone());
        assert_eq!(zone("{}"), Some(Polygon::picture()));
        assert_eq!(zone(r#"{"line":[[0,0.5],[1,0.5]]}"#), None);
        assert!(zone(r#"{"line":[[0,0.5],[1,0.5]],"zone":[[0,0],[1,0],[1,1]]}"#).is_some());
    }
}
