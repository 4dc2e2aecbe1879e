//! Usual: what this camera saw lately, and at this hour of an earlier day.
//!
//! Promises: bounded memory (25 times three histograms); medians and median absolute deviations, so that an outbreak that
//! is learnt in part does not excuse the next one. An hour is used only half a day after it was learnt; hours are of UTC,
//! and the neighbours of an hour speak with it. Leaves to others: what to learn (`rule`).

const HOURS: i64 = 24;
const HOUR_US: i64 = 3_600_000_000;
/// An hour becomes a memory after so long.
const AGE_US_MIN: i64 = 12 * HOUR_US;
/// "Lately": what was seen fades with this time, seconds.
const LATELY_S: f32 = 300.0;
const BINS: usize = 32;
/// Less than this, seconds of people in motion, says nothing about what is usual.
const SEEN_S_MIN: f32 = 2.0;

/// How often a value was seen, from 0 to `top`.
#[derive(Debug, Clone)]
pub(crate) struct Histogram {
    top: f32,
    bins: [f32; BINS],
}

impl Histogram {
    fn new(top: f32) -> Self {
        Self { top, bins: [0.0; BINS] }
    }

    pub(crate) fn add(&mut self, value: f32, weight: f32) {
        let bin = ((value / self.top * BINS as f32).max(0.0) as usize).min(BINS - 1);
        if let Some(bin) = self.bins.get_mut(bin) {
            *bin += weight;
        }
    }

    fn fade(&mut self, keep: f32) {
        self.bins.iter_mut().for_each(|bin| *bin *= keep);
    }

    /// Median and median absolute deviation; `None` when too little was seen.
    fn middle(&self) -> Option<(f32, f32)> {
        let total: f32 = self.bins.iter().sum();
        if total < SEEN_S_MIN {
            return None;
        }
        let step = self.top / BINS as f32;
        let values = || self.bins.iter().enumerate().map(|(n, w)| ((n as f32 + 0.5) * step, *w));
        let median = weighted_median(values().collect(), total);
        let away = values().map(|(v, w)| ((v - median).abs(), w)).collect();
        Some((median, weighted_median(away, total)))
    }
}

fn weighted_median(mut values: Vec<(f32, f32)>, total: f32) -> f32 {
    values.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut below = 0.0;
    for (value, weight) in values {
        below += weight;
        if below >= total / 2.0 {
            return value;
        }
    }
    0.0
}

/// What was seen of one stretch of time.
#[derive(Debug, Clone)]
pub(crate) struct Past {
    /// Of everything that people do, body lengths a second.
    pub(crate) speed: Histogram,
    /// Share of what moves that is fast, 0..1.
    pub(crate) share: Histogram,
    /// log2(1 + energy).
    pub(crate) energy: Histogram,
}

impl Default for Past {
    fn default() -> Self {
        Self { speed: Histogram::new(6.4), share: Histogram::new(1.0), energy: Histogram::new(8.0) }
    }
}

/// Which past speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// None: too little has moved so far.
    Nothing,
    /// What was seen lately.
    Lately,
    /// And this hour of earlier days.
    Hour,
}

/// The highest of what is usual, lately and at this hour: median and deviation of each.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Norm {
    pub(crate) speed: Option<f32>,
    pub(crate) share: Option<(f32, f32)>,
    pub(crate) energy: Option<(f32, f32)>,
    pub(crate) source: Source,
}

/// A day.
#[derive(Debug, Default)]
pub(crate) struct Usual {
    lately: Past,
    /// By hour of the day, with when it ended; at most [`HOURS`].
    hours: Vec<(i64, i64, Past)>,
    hour: Past,
    now: Option<i64>,
}

impl Usual {
    /// Time passes.
    pub(crate) fn pass(&mut self, wall_us: i64, span_s: f32) {
        let keep = (-span_s / LATELY_S).exp();
        for past in [&mut self.lately.speed, &mut self.lately.share, &mut self.lately.energy] {
            past.fade(keep);
        }
        let hour = wall_us.div_euclid(HOUR_US);
        if let Some(before) = self.now.replace(hour)
            && before != hour
        {
            let slot = before.rem_euclid(HOURS);
            self.hours.retain(|(at, ..)| *at != slot);
            self.hours.push((slot, wall_us, std::mem::take(&mut self.hour)));
        }
    }

    /// What is seen now is usual.
    pub(crate) fn learn(&mut self, mut take: impl FnMut(&mut Past)) {
        take(&mut self.lately);
        take(&mut self.hour);
    }

    pub(crate) fn norm(&self, wall_us: i64) -> Norm {
        let hour = wall_us.div_euclid(HOUR_US).rem_euclid(HOURS);
        let near = [hour, (hour + 1) % HOURS, (hour + HOURS - 1) % HOURS];
        let old = self
            .hours
            .iter()
            .filter(|(at, written_us, _)| near.contains(at) && wall_us - written_us >= AGE_US_MIN);
        let mut norm = Norm { speed: None, share: None, energy: None, source: Source::Nothing };
        let pasts = std::iter::once((Source::Lately, &self.lately));
        for (source, past) in pasts.chain(old.map(|(.., past)| (Source::Hour, past))) {
            let higher = |a: Option<(f32, f32)>, b: Option<(f32, f32)>| match (a, b) {
                (Some(a), Some(b)) => Some(if b.0 > a.0 { b } else { a }),
                (a, b) => a.or(b),
            };
            let speed = past.speed.middle().map(|(median, _)| median);
            norm.speed = match (norm.speed, speed) {
                (Some(a), Some(b)) => Some(f32::max(a, b)),
                (a, b) => a.or(b),
            };
            let share = past.share.middle();
            if share.is_some() {
                norm.source = source;
            }
            norm.share = higher(norm.share, share);
            norm.energy = higher(norm.energy, past.energy.middle());
        }
        norm
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A share seen from hour to hour of the first day, a tenth elsewhere; what is usual at a later minute, in tenths.
    fn check((from, to): (i64, i64), minute: i64, expected: (i32, Source)) {
        let mut usual = Usual::default();
        for now in 0..minute {
            usual.pass(now * 60_000_000, 60.0);
            let share = if (from * 60..to * 60).contains(&now) { 0.6 } else { 0.1 };
            usual.learn(|past| past.share.add(share, 60.0));
        }
        let norm = usual.norm(minute * 60_000_000);
        let found = norm.share.map_or(-1, |(median, _)| (10.0 * median).round() as i32);
        assert_eq!((found, norm.source), expected, "{from} to {to}, minute {minute}");
    }

    #[test]
    fn lately_and_at_this_hour() {
        check((0, 0), 0, (-1, Source::Nothing));
        check((0, 0), 60, (1, Source::Lately));
        check((16, 18), 17 * 60, (6, Source::Lately));
        check((16, 18), 20 * 60, (1, Source::Lately));
        check((16, 18), (24 + 16) * 60 + 5, (6, Source::Hour));
        check((16, 18), (24 + 12) * 60, (1, Source::Hour));
    }

    #[test]
    fn a_short_outbreak_does_not_change_what_is_usual() {
        let mut past = Past::default();
        past.share.add(0.1, 60.0);
        past.share.add(0.9, 10.0);
        assert!(past.share.middle().is_some_and(|(median, mad)| median < 0.15 && mad < 0.05));
    }
}
