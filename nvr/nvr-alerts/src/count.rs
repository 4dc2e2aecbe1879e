//! Counting: samples of plugins become one set of numbers a minute, and those become a series.
//!
//! Promises: crossings add up, occupancy is the last and the most; memory is bounded by [`KEYS_MAX`], what is beyond is
//! counted; what is said of a part of a minute adds up with the other parts.
//! Leaves to others: what a crossing is (plugins), keeping numbers (`nvr-store`).

use nvr_base::Utc;
use nvr_base::count::{Count, CountKey};
use std::collections::BTreeMap;

/// Most numbers that wait, over all rules.
pub const KEYS_MAX: usize = 10_000;

/// Microseconds in a minute.
pub const MINUTE_US: i64 = 60_000_000;

/// The numbers of one rule in one minute.
pub type Minute = (String, Utc, Vec<Count>);

/// Numbers that wait to be said.
#[derive(Debug, Clone, Default)]
pub struct Minutes {
    waiting: BTreeMap<(Utc, String), BTreeMap<CountKey, Count>>,
    keys: usize,
    dropped: u64,
}

/// Start of the period of `us` microseconds that `at` lies in.
pub fn period(at: Utc, us: i64) -> Utc {
    Utc(at.0.div_euclid(us.max(1)).saturating_mul(us.max(1)))
}

impl Minutes {
    /// Takes one sample.
    pub fn take(&mut self, rule: &str, at: Utc, sample: Count) {
        let minute = self.waiting.entry((period(at, MINUTE_US), rule.to_owned())).or_default();
        match minute.get_mut(&sample.key) {
            Some(count) => count.add(&sample),
            None if self.keys < KEYS_MAX => {
                self.keys += 1;
                minute.insert(sample.key.clone(), sample);
            }
            None => self.dropped += 1,
        }
    }

    /// All that waits, the part of this minute too: what comes later in it is said on its own.
    pub fn all(&mut self) -> Vec<Minute> {
        self.keys = 0;
        let all = std::mem::take(&mut self.waiting).into_iter().filter(|(_, counts)| !counts.is_empty());
        all.map(|((at, rule), counts)| (rule, at, counts.into_values().collect())).collect()
    }

    /// Samples that were beyond [`KEYS_MAX`].
    pub fn dropped(&self) -> u64 {
        self.dropped
    }
}

/// Adds the numbers of minutes up, over periods of `us` microseconds.
#[derive(Debug, Clone)]
pub struct Adding {
    us: i64,
    rows: BTreeMap<(Utc, String, CountKey), Count>,
    rows_max: usize,
    left_off: u64,
}

impl Adding {
    /// At most `rows_max` numbers; further ones are counted.
    pub fn new(us: i64, rows_max: usize) -> Self {
        Self { us, rows: BTreeMap::new(), rows_max, left_off: 0 }
    }

    /// Takes the numbers of a minute, or of a part of it.
    pub fn take(&mut self, rule: &str, minute: Utc, counts: &[Count]) {
        for count in counts {
            let key = (period(minute, self.us), rule.to_owned(), count.key.clone());
            let full = self.rows.len() >= self.rows_max;
            match self.rows.get_mut(&key) {
                Some(row) => row.add(count),
                None if !full => {
                    self.rows.insert(key, count.clone());
                }
                None => self.left_off += 1,
            }
        }
    }

    /// Period, rule and number, in that order.
    pub fn rows(&self) -> impl Iterator<Item = (Utc, &str, &Count)> {
        self.rows.iter().map(|((at, rule, _), count)| (*at, rule.as_str(), count))
    }

    /// Numbers beyond the limit.
    pub fn left_off(&self) -> u64 {
        self.left_off
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nvr_base::count::{Series, Way};

    fn sample(word: &str) -> (Utc, Count) {
        let (what, at) = word.split_once('@').unwrap_or((word, "0"));
        let (head, n) = what.split_at(1);
        let (series, direction, max) = match head {
            "f" => (Series::Crossings, Some(Way::Forward), None),
            "b" => (Series::Crossings, Some(Way::Backward), None),
            _ => (Series::Occupancy, None, None),
        };
        let key = CountKey { series, class: "person".into(), direction };
        (Utc(at.parse::<i64>().unwrap_or(0) * 1_000_000), Count { key, n: n.parse().unwrap_or(0), max })
    }

    fn shown(counts: &[Count]) -> String {
        let one = |c: &Count| {
            let way = c.key.direction.map_or("o", |w| if w == Way::Forward { "f" } else { "b" });
            format!("{way}{}{}", c.n, c.max.map_or(String::new(), |m| format!("/{m}")))
        };
        counts.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    /// `f2@5`: two forward at 5 s; `!`: all.
    fn check(words: &str, expected: &[&str]) {
        let mut minutes = Minutes::default();
        let mut got = Vec::new();
        for word in words.split_whitespace() {
            if word == "!" {
                let said = minutes.all();
                got.extend(
                    said.iter().map(|(_, at, counts)| format!("{}: {}", at.0 / MINUTE_US, shown(counts))),
                );
            } else {
                let (at, count) = sample(word);
                minutes.take("r", at, count);
            }
        }
        assert_eq!(got, expected, "{words}");
    }

    #[test]
    fn minutes() {
        check("f1@1 f1@59 b1@30 !", &["0: f2 b1"]);
        check("f1@1 f1@61 !", &["0: f1", "1: f1"]);
        check("f1@1 ! ! f2@2 !", &["0: f1", "0: f2"]);
        check("o3@1 o5@2 o2@3 ! !", &["0: o2/5"]);
    }

    #[test]
    fn periods() {
        let mut adding = Adding::new(3600 * 1_000_000, 2);
        let count = |word: &str| vec![sample(word).1];
        adding.take("r", Utc(0), &count("f1"));
        adding.take("r", Utc(30 * MINUTE_US), &count("f2"));
        adding.take("r", Utc(60 * MINUTE_US), &count("f4"));
        adding.take("r", Utc(60 * MINUTE_US), &count("b4"));
        let rows: Vec<(i64, u64)> = adding.rows().map(|(at, _, c)| (at.0 / MINUTE_US, c.n)).collect();
        assert_eq!((rows, adding.left_off()), (vec![(0, 3), (60, 4)], 1));
    }

    #[test]
    fn a_flood_of_keys_is_bounded_and_counted() {
        let mut minutes = Minutes::default();
        for n in 0..KEYS_MAX + 5 {
            minutes.take(&format!("r{n}"), Utc(0), sample("f1").1);
        }
        assert_eq!(minutes.dropped(), 5);
        assert_eq!(minutes.all().len(), KEYS_MAX);
        minutes.take("r", Utc(0), sample("f1").1);
        assert_eq!(minutes.all().len(), 1);
    }
}
