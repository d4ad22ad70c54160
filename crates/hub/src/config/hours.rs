//! Hours of the day, local time: when an archive may be asked, when a consignment may be sent.

use std::fmt;

use chrono::{DateTime, Days, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

/// From `start` (inclusive) to `end` (exclusive) each day, by the wall clock of one time zone; over midnight when end comes
/// before start; always when they are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hours {
    start: NaiveTime,
    end: NaiveTime,
    zone: Tz,
}

impl Hours {
    /// Hours by the wall clock of `zone`.
    pub fn new(start: NaiveTime, end: NaiveTime, zone: Tz) -> Self {
        Self { start, end, zone }
    }

    /// Reads `"20:00"` and `"06:00"`.
    pub(super) fn parse(start: &str, end: &str, zone: Tz) -> Result<Self, String> {
        let time = |text: &str| {
            NaiveTime::parse_from_str(text, "%H:%M")
                .map_err(|_| format!("{text:?} is no time of day; write hours and minutes, as 20:00"))
        };
        Ok(Self::new(time(start)?, time(end)?, zone))
    }

    /// Whether the window is open at that moment.
    pub fn is_open(&self, at: DateTime<Utc>) -> bool {
        let time = at.with_timezone(&self.zone).time();
        match self.start.cmp(&self.end) {
            std::cmp::Ordering::Equal => true,
            std::cmp::Ordering::Less => self.start <= time && time < self.end,
            std::cmp::Ordering::Greater => self.start <= time || time < self.end,
        }
    }

    /// The first moment from `at` on at which the window is open.
    pub fn next_open(&self, at: DateTime<Utc>) -> DateTime<Utc> {
        if self.is_open(at) {
            return at;
        }
        let today = at.with_timezone(&self.zone).date_naive();
        (0..3)
            .filter_map(|day| today.checked_add_days(Days::new(day)))
            .filter_map(|date| self.opening_on(date.and_time(self.start)))
            .find(|opening| *opening >= at)
            .unwrap_or(at)
    }

    /// A wall-clock time that the change to summer time skips counts as the first one after it; one that occurs twice, as its first.
    fn opening_on(&self, local: chrono::NaiveDateTime) -> Option<DateTime<Utc>> {
        (0..=180)
            .find_map(|minutes| {
                self.zone.from_local_datetime(&(local + TimeDelta::minutes(minutes))).earliest()
            })
            .map(|t| t.with_timezone(&Utc))
    }

    /// The time zone whose wall clock counts; also the zone of the hub's calendar days.
    pub fn zone(&self) -> Tz {
        self.zone
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.start == self.end {
            return f.write_str("at any hour");
        }
        write!(f, "{} to {} ({})", self.start.format("%H:%M"), self.end.format("%H:%M"), self.zone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utc(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_window_over_midnight_is_open_at_both_sides_of_it_and_closed_at_its_end() {
        let night = Hours::parse("20:00", "06:00", chrono_tz::Europe::London).unwrap();
        assert!(night.is_open(utc("2026-01-10T20:00:00Z")));
        assert!(night.is_open(utc("2026-01-11T05:59:59Z")));
        assert!(!night.is_open(utc("2026-01-11T06:00:00Z")));
        assert_eq!(night.next_open(utc("2026-01-11T06:00:00Z")), utc("2026-01-11T20:00:00Z"));
    }

    #[test]
    fn the_wall_clock_counts_so_summer_time_moves_the_window() {
        let night = Hours::parse("20:00", "06:00", chrono_tz::Europe::London).unwrap();
        assert_eq!(night.next_open(utc("2026-07-01T12:00:00Z")), utc("2026-07-01T19:00:00Z"));
    }

    #[test]
    fn an_opening_that_the_clock_change_skips_comes_with_the_change() {
        let early = Hours::parse("01:30", "05:00", chrono_tz::Europe::London).unwrap();
        assert_eq!(early.next_open(utc("2026-03-29T00:00:00Z")), utc("2026-03-29T01:00:00Z"));
    }

    #[test]
    fn equal_times_mean_always() {
        let always = Hours::parse("00:00", "00:00", chrono_tz::UTC).unwrap();
        assert!(always.is_open(utc("2026-03-29T13:00:00Z")));
    }
}
