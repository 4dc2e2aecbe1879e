//! Instants and media time.
//!
//! Promises: UTC everywhere, integers only, RFC 3339 with milliseconds as the one text form.
//! Leaves to others: reading a clock (`clock`), local time on screens.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

/// Media ticks in a second: the RTP clock of every video codec (RFC 6184 §5.1).
pub const TICKS_PER_S: i64 = 90_000;

/// Why a text is no time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an RFC 3339 time such as 2026-11-24T05:21:25.000Z: {why}")]
pub struct TimeError {
    text: String,
    why: String,
}

/// Wall-clock instant, microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Utc(pub i64);

/// Monotonic instant, microseconds since boot, sleep included. Never steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Mono(pub u64);

/// Absolute media time: ticks of 1/90,000 s since 1970-01-01T00:00:00Z on a stream's own slewed clock.
/// Differences of two `Ticks` are exact camera durations for every video frame rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ticks(pub i64);

impl Utc {
    /// From milliseconds since 1970.
    pub fn from_millis(ms: i64) -> Self {
        Self(ms.saturating_mul(1000))
    }

    /// Milliseconds since 1970, rounded down.
    pub fn as_millis(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The same instant in media ticks, rounded down.
    pub fn to_ticks(self) -> Ticks {
        // 90,000 ticks in 1,000,000 µs: 9 in 100.
        Ticks((i128::from(self.0) * 9).div_euclid(100) as i64)
    }

    /// `self - earlier` in microseconds, negative when `earlier` is later.
    pub fn micros_since(self, earlier: Utc) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// This instant moved by `us` microseconds.
    pub fn plus_micros(self, us: i64) -> Self {
        Self(self.0.saturating_add(us))
    }
}

/// An instant on the clocks of this place: `TZ`, else the machine's zone, else UTC.
pub fn local(at: Utc) -> jiff::civil::DateTime {
    let instant = jiff::Timestamp::from_microsecond(at.0).unwrap_or_default();
    instant.to_zoned(jiff::tz::TimeZone::system()).datetime()
}

impl Add<Duration> for Utc {
    type Output = Utc;
    fn add(self, d: Duration) -> Utc {
        self.plus_micros(i64::try_from(d.as_micros()).unwrap_or(i64::MAX))
    }
}

impl Sub<Duration> for Utc {
    type Output = Utc;
    fn sub(self, d: Duration) -> Utc {
        self.plus_micros(-i64::try_from(d.as_micros()).unwrap_or(i64::MAX))
    }
}

impl Add<Duration> for Mono {
    type Output = Mono;
    fn add(self, d: Duration) -> Mono {
        Mono(self.0.saturating_add(u64::try_from(d.as_micros()).unwrap_or(u64::MAX)))
    }
}

impl Mono {
    /// Time from `earlier` to `self`; zero when `earlier` is later.
    pub fn since(self, earlier: Mono) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl Ticks {
    /// The same instant in UTC, rounded to the nearest microsecond.
    pub fn to_utc(self) -> Utc {
        Utc(((i128::from(self.0) * 100 + 4).div_euclid(9)) as i64)
    }

    /// `self - earlier` in ticks.
    pub fn since(self, earlier: Ticks) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// This instant moved by `ticks`.
    pub fn plus(self, ticks: i64) -> Self {
        Self(self.0.saturating_add(ticks))
    }
}

impl fmt::Display for Utc {
    /// `2026-11-24T05:21:25.123Z`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.as_millis()) {
            Ok(t) => write!(f, "{t:.3}"),
            Err(_) => write!(f, "out of range ({} µs)", self.0),
        }
    }
}

impl fmt::Debug for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Utc({self})")
    }
}

impl std::str::FromStr for Utc {
    type Err = TimeError;
    /// Any RFC 3339 text with an offset.
    fn from_str(text: &str) -> Result<Self, TimeError> {
        match text.parse::<jiff::Timestamp>() {
            Ok(t) => Ok(Self(t.as_microsecond())),
            Err(e) => Err(TimeError { text: text.chars().take(64).collect(), why: e.to_string() }),
        }
    }
}

impl Serialize for Utc {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Utc {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_round_trips_to_the_millisecond() {
        for text in ["1970-01-01T00:00:00.000Z", "2026-11-24T05:21:25.123Z", "2026-03-29T01:00:00.000Z"] {
            let t: Utc = text.parse().unwrap();
            assert_eq!(t.to_string(), text);
        }
        assert!("yesterday".parse::<Utc>().is_err());
        assert!("2026-11-24 05:21".parse::<Utc>().is_err());
    }

    #[test]
    fn ticks_and_microseconds_agree_within_one_tick() {
        for us in [0, 1, 40_000, 1_764_000_000_123_457, -1] {
            let back = Utc(us).to_ticks().to_utc();
            assert!((back.0 - us).abs() <= 12, "{us} became {}", back.0);
        }
    }
}
