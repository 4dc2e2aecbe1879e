//! When a rule is on duty: days and hours of local time, `Mo-Su 22:00-06:00`.
//!
//! Promises: pure; bounded; the text form round-trips; hours that cross midnight belong to the day they began on.
//! Leaves to others: the local time (`[site] timezone`), what happens off duty (alerts, blind intervals).

use jiff::civil::{DateTime, Weekday};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// Longest schedule, in characters.
pub const SCHEDULE_CHARS_MAX: usize = 400;

/// Most spans of one schedule.
pub const SPANS_MAX: usize = 64;

const MINUTES_PER_DAY: u16 = 24 * 60;

const DAYS: [&str; 7] = ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"];

/// Why a text is no schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// Nothing in it.
    #[error("a schedule is empty")]
    Empty,
    /// Longer than [`SCHEDULE_CHARS_MAX`] or more than [`SPANS_MAX`] spans.
    #[error("a schedule is too long")]
    TooLong,
    /// Not Mo, Tu, We, Th, Fr, Sa, Su.
    #[error("a day of a schedule is none of Mo, Tu, We, Th, Fr, Sa, Su")]
    Day,
    /// Not HH:MM-HH:MM between 00:00 and 24:00.
    #[error("hours of a schedule are not HH:MM-HH:MM")]
    Hours,
    /// Begins and ends at the same time: a day or nothing, nobody knows.
    #[error("hours of a schedule begin and end at the same minute; write 00:00-24:00 for the whole day")]
    NoLength,
}

/// One span of hours on some days. `to_min` at or below `from_min` is on the next day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    /// One bit a weekday, Monday the lowest.
    days: u8,
    from_min: u16,
    to_min: u16,
}

/// Days and hours of local time; the default is always.
///
/// Grammar: `always`, or parts joined by `;`, each `DAYS HOURS`, `DAYS` (whole days) or `HOURS` (every day). DAYS is a
/// list of days and ranges (`Mo-Fr,Su`; `Fr-Mo` goes round the week), HOURS a list of `HH:MM-HH:MM`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Schedule {
    /// Empty: always.
    spans: Vec<Span>,
}

impl Schedule {
    /// Whether it is always on duty.
    pub fn is_always(&self) -> bool {
        self.spans.is_empty()
    }
}

/// Whether `schedule` is on duty at `local` time; beginnings belong to a span, ends do not.
pub fn holds(schedule: &Schedule, local: DateTime) -> bool {
    if schedule.is_always() {
        return true;
    }
    let today = day_bit(local.date().weekday());
    let yesterday = if today == 1 { 1 << 6 } else { today >> 1 };
    let minute = local.hour() as u16 * 60 + local.minute() as u16;
    schedule.spans.iter().any(|span| {
        if span.from_min < span.to_min {
            return span.days & today != 0 && (span.from_min..span.to_min).contains(&minute);
        }
        (span.days & today != 0 && minute >= span.from_min)
            || (span.days & yesterday != 0 && minute < span.to_min)
    })
}

fn day_bit(day: Weekday) -> u8 {
    1 << (day.to_monday_zero_offset() as u8)
}

impl FromStr for Schedule {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Self, ScheduleError> {
        if text.chars().count() > SCHEDULE_CHARS_MAX {
            return Err(ScheduleError::TooLong);
        }
        if text.trim().is_empty() {
            return Err(ScheduleError::Empty);
        }
        if text.trim() == "always" {
            return Ok(Self::default());
        }
        let mut spans = Vec::new();
        for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
            read_part(part, &mut spans)?;
            if spans.len() > SPANS_MAX {
                return Err(ScheduleError::TooLong);
            }
        }
        if spans.is_empty() { Err(ScheduleError::Empty) } else { Ok(Self { spans }) }
    }
}

fn read_part(part: &str, spans: &mut Vec<Span>) -> Result<(), ScheduleError> {
    // Days begin with a letter, hours with a digit; blanks may stand after commas.
    let at = part.find(|c: char| c.is_ascii_digit()).unwrap_or(part.len());
    let (days, hours) = part.split_at(at);
    let days = match days.trim().trim_end_matches(':') {
        "" => 0x7f,
        days => read_days(days)?,
    };
    if hours.is_empty() {
        spans.push(Span { days, from_min: 0, to_min: MINUTES_PER_DAY });
        return Ok(());
    }
    for span in hours.split(',') {
        let (from, to) = span.split_once('-').ok_or(ScheduleError::Hours)?;
        let (from_min, to_min) = (read_minute(from.trim())?, read_minute(to.trim())?);
        if from_min == to_min {
            return Err(ScheduleError::NoLength);
        }
        // 24:00 is an end; as a beginning it is the next day's 00:00, which is surely a mistake.
        if from_min == MINUTES_PER_DAY {
            return Err(ScheduleError::Hours);
        }
        spans.push(Span { days, from_min, to_min });
    }
    Ok(())
}

fn read_days(text: &str) -> Result<u8, ScheduleError> {
    let mut days = 0;
    for part in text.split(',').map(str::trim) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (mut day, last) = (read_day(first.trim())?, read_day(last.trim())?);
        days |= 1 << day;
        while day != last {
            day = (day + 1) % 7;
            days |= 1 << day;
        }
    }
    Ok(days)
}

fn read_day(text: &str) -> Result<usize, ScheduleError> {
    DAYS.iter().position(|day| day.eq_ignore_ascii_case(text)).ok_or(ScheduleError::Day)
}

fn read_minute(text: &str) -> Result<u16, ScheduleError> {
    let number = |part: &str| {
        let plain = !part.is_empty() && part.len() <= 2 && part.bytes().all(|b| b.is_ascii_digit());
        if plain { part.parse::<u16>().ok() } else { None }
    };
    let (hour, minute) = text.split_once(':').ok_or(ScheduleError::Hours)?;
    match (number(hour), number(minute).filter(|_| minute.len() == 2)) {
        (Some(24), Some(0)) => Ok(MINUTES_PER_DAY),
        (Some(hour), Some(minute)) if hour < 24 && minute < 60 => Ok(hour * 60 + minute),
        _ => Err(ScheduleError::Hours),
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_always() {
            return f.write_str("always");
        }
        for (i, span) in self.spans.iter().enumerate() {
            if i > 0 {
                f.write_str("; ")?;
            }
            let mut comma = "";
            for run in runs(span.days) {
                write!(f, "{comma}{run}")?;
                comma = ",";
            }
            let (from, to) = (span.from_min, span.to_min);
            write!(f, " {:02}:{:02}-{:02}:{:02}", from / 60, from % 60, to / 60, to % 60)?;
        }
        Ok(())
    }
}

/// `Mo-Fr`, `Su`: the runs of days that follow each other.
fn runs(days: u8) -> Vec<String> {
    let mut found: Vec<(usize, usize)> = Vec::new();
    for day in (0..7).filter(|day| days & (1 << day) != 0) {
        match found.last_mut() {
            Some((_, last)) if *last + 1 == day => *last = day,
            _ => found.push((day, day)),
        }
    }
    let name = |day: usize| DAYS.get(day).copied().unwrap_or_default();
    let text = |(a, b): (usize, usize)| {
        if a == b { name(a).to_owned() } else { format!("{}-{}", name(a), name(b)) }
    };
    found.into_iter().map(text).collect()
}

impl Serialize for Schedule {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Schedule {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on what it did not expect")]

    use super::*;

    /// 2026-11-23 is a Monday.
    fn on_duty(schedule: &str, local: &str, expected: bool) {
        let parsed: Schedule = schedule.parse().unwrap();
        assert_eq!(holds(&parsed, local.parse().unwrap()), expected, "{schedule} at {local}");
        assert_eq!(parsed.to_string().parse(), Ok(parsed), "{schedule}");
    }

    #[test]
    fn on_and_off_duty() {
        on_duty("always", "2026-11-23T03:00", true);
        let night = "Mo-Su 22:00-06:00";
        on_duty(night, "2026-11-23T22:00", true);
        on_duty(night, "2026-11-23T21:59:59", false);
        on_duty(night, "2026-11-24T05:59:59", true);
        on_duty(night, "2026-11-24T06:00", false);
        // The night of Friday ends on Saturday morning; Monday morning belongs to Sunday.
        let week = "Mo-Fr 22:00-06:00";
        on_duty(week, "2026-11-28T05:00", true);
        on_duty(week, "2026-11-28T23:00", false);
        on_duty(week, "2026-11-23T05:00", false);
        on_duty("Su 22:00-06:00", "2026-11-23T05:00", true);
        on_duty("Fr-Mo 08:00-24:00", "2026-11-23T23:59", true);
        on_duty("Fr-Mo 08:00-24:00", "2026-11-24T08:00", false);
        on_duty("sa,su", "2026-11-29T12:00", true);
        on_duty("Sa, Su", "2026-11-23T12:00", false);
        on_duty("8:00-12:00, 14:00-18:00", "2026-11-23T13:00", false);
        on_duty("8:00-12:00, 14:00-18:00", "2026-11-23T14:00", true);
        on_duty("Mo-Fr 08:00-18:00; Sa 10:00-12:00", "2026-11-28T11:00", true);
        on_duty("Mo-Fr 08:00-18:00; Sa 10:00-12:00", "2026-11-28T13:00", false);
    }

    #[test]
    fn what_is_no_schedule() {
        for (text, expected) in [
            ("", ScheduleError::Empty),
            (" ; ", ScheduleError::Empty),
            ("Mo-Xx 08:00-09:00", ScheduleError::Day),
            ("Lu 08:00-09:00", ScheduleError::Day),
            ("Mo 08:00", ScheduleError::Hours),
            ("Mo 8-9", ScheduleError::Hours),
            ("Mo 08:00-25:00", ScheduleError::Hours),
            ("Mo 08:60-09:00", ScheduleError::Hours),
            ("Mo 24:00-06:00", ScheduleError::Hours),
            ("Mo 08:00-09:00,", ScheduleError::Hours),
            ("Mo 00:00-00:00", ScheduleError::NoLength),
            (&"Mo;".repeat(200), ScheduleError::TooLong),
            (&"Mo;".repeat(100), ScheduleError::TooLong),
        ] {
            assert_eq!(text.parse::<Schedule>(), Err(expected), "{text}");
        }
    }
}
