//! Days of the calendar, as plain numbers: the simulation needs no clock and no time zone.

/// A day, counted from 1 January 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i32);

impl Day {
    /// The day of a year, month and day of the Gregorian calendar.
    pub const fn of(year: i32, month: i32, day: i32) -> Self {
        // Years begin in March, so that the leap day comes last.
        let y = if month <= 2 { year - 1 } else { year };
        let era = y.div_euclid(400);
        let of_era = y - era * 400;
        let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        Self(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
    }

    /// Year, month and day.
    pub const fn civil(self) -> (i32, i32, i32) {
        let z = self.0 + 719_468;
        let era = z.div_euclid(146_097);
        let of_era = z - era * 146_097;
        let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let march = (5 * of_year + 2) / 153;
        let month = if march < 10 { march + 3 } else { march - 9 };
        let year = year + era * 400 + if month <= 2 { 1 } else { 0 };
        (year, month, of_year - (153 * march + 2) / 5 + 1)
    }

    /// The day so many days later (or earlier).
    pub const fn plus(self, days: i32) -> Self {
        Self(self.0 + days)
    }

    /// The same date so many years later (or earlier); 29 February becomes 28 February.
    pub fn plus_years(self, years: i32) -> Self {
        let (y, m, d) = self.civil();
        let candidate = Self::of(y + years, m, d);
        if candidate.civil().1 == m { candidate } else { candidate.plus(-1) }
    }

    /// Whole years from this day to another.
    pub fn years_until(self, later: Self) -> i32 {
        let (y0, m0, d0) = self.civil();
        let (y1, m1, d1) = later.civil();
        y1 - y0 - i32::from((m1, d1) < (m0, d0))
    }

    /// `YYYYMMDD`, a DICOM DA value (PS3.5 §6.2).
    pub fn dicom(self) -> String {
        let (y, m, d) = self.civil();
        format!("{y:04}{m:02}{d:02}")
    }

    /// `YYYY-MM-DD`.
    pub fn iso(self) -> String {
        let (y, m, d) = self.civil();
        format!("{y:04}-{m:02}-{d:02}")
    }

    /// `DD/MM/YYYY`.
    pub fn british(self) -> String {
        let (y, m, d) = self.civil();
        format!("{d:02}/{m:02}/{y:04}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_count_as_the_calendar_does() {
        assert_eq!(Day::of(1970, 1, 1), Day(0));
        assert_eq!(Day::of(2020, 3, 1).0 - Day::of(2020, 2, 28).0, 2);
        for n in [-40_000, -1, 0, 59, 60, 18_321, 18_322, 50_000] {
            let (y, m, d) = Day(n).civil();
            assert_eq!(Day::of(y, m, d), Day(n));
        }
        assert_eq!(Day::of(2020, 2, 29).plus_years(-3).iso(), "2017-02-28");
        assert_eq!(Day::of(1950, 6, 2).years_until(Day::of(2020, 6, 1)), 69);
        assert_eq!(Day::of(2021, 1, 5).british(), "05/01/2021");
    }
}
