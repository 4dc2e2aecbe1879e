//! What a counting rule counted: crossings by class and direction.
//!
//! Promises: every class of the rule is there, with zeros; adding up is all it does.
//! Leaves to others: what a crossing is (the plugin).

use nvr_base::Class;
use nvr_plugins::protocol::Sample;
use nvr_plugins::vocabulary::class_name;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fmt;

/// `NVR_SERIES_CROSSINGS` and the directions of the plugin contract.
const CROSSINGS: i32 = 1;
const FORWARD: i32 = 1;
const BACKWARD: i32 = 2;

/// Crossings.
#[derive(Debug)]
pub(super) struct Tally {
    /// Forward and backward, by class.
    sums: BTreeMap<String, [u64; 2]>,
}

impl Tally {
    /// Nothing was counted yet; without classes those of every rule.
    pub(super) fn new(classes: Option<&[Class]>) -> Self {
        let classes = classes.unwrap_or(&[Class::Person, Class::Vehicle]);
        let sums = classes.iter().map(|class| (class.to_string(), [0, 0])).collect();
        Self { sums }
    }

    /// Adds a sample.
    pub(super) fn add(&mut self, sample: &Sample) {
        let way = match sample.direction {
            FORWARD => 0,
            BACKWARD => 1,
            _ => return,
        };
        if sample.series != CROSSINGS || sample.n == 0 {
            return;
        }
        let Some(sums) = class_name(sample.class).and_then(|class| self.sums.get_mut(&class)) else { return };
        if let Some(sum) = sums.get_mut(way) {
            *sum += u64::from(sample.n);
        }
    }

    /// `{"person":{"forward":4,"backward":0}}`
    pub(super) fn to_json(&self) -> Value {
        let each = |(class, [forward, backward]): (&String, &[u64; 2])| {
            (class.clone(), json!({"forward": forward, "backward": backward}))
        };
        Value::Object(self.sums.iter().map(each).collect::<Map<_, _>>())
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let each = |(class, [forward, backward]): (&String, &[u64; 2])| {
            format!("{class} {forward} forward, {backward} backward")
        };
        f.write_str(&self.sums.iter().map(each).collect::<Vec<_>>().join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(samples: &[(i32, i32, u32)], expected: &str) {
        let mut tally = Tally::new(None);
        for (class, direction, n) in samples {
            let sample = Sample { series: CROSSINGS, class: *class, direction: *direction, n: *n, at_us: 0 };
            tally.add(&sample);
        }
        assert_eq!(tally.to_string(), expected);
    }

    #[test]
    fn sums() {
        check(&[], "person 0 forward, 0 backward; vehicle 0 forward, 0 backward");
        check(
            &[(0, 1, 2), (0, 1, 1), (256, 2, 1)],
            "person 3 forward, 0 backward; vehicle 0 forward, 1 backward",
        );
        check(
            &[(257, 1, 9), (0, 0, 9), (999, 1, 1)],
            "person 0 forward, 0 backward; vehicle 0 forward, 0 backward",
        );
    }
}
