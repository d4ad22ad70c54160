//! The names that both houses use: slugs, trusts by their ODS code, days, SOP Instance UIDs.
//!
//! Each is read once, by `parse`, which admits no character that could mean something to a path, a shell or a page.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A name that is not what it should be. The text is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// Not a slug.
    #[error("not a slug: 1 to 64 of a-z, 0-9 and single hyphens inside, beginning with a letter or digit")]
    Slug,
    /// Not an organisation code.
    #[error("not an ODS code: 2 to 12 of A-Z and 0-9")]
    OdsCode,
    /// Not a day.
    #[error("not a day of the calendar written YYYY-MM-DD")]
    Day,
    /// Not a UID.
    #[error("not a UID (PS3.5 §9.1): 1 to 64 characters, digits separated by single dots")]
    Uid,
    /// Not the name of an object of a consignment.
    #[error("not a name that a consignment may hold")]
    Item,
    /// Not a pseudonym.
    #[error("not a pseudonym: a prefix of 1 to 16 letters or digits, then 20 characters A-Z or 2-7")]
    Pseudonym,
    /// A label with characters it may not have.
    #[error("not a label: 1 to 128 letters, digits, blanks and . _ + : / ( ) , -")]
    Label,
}

/// Gives a parsed name its `Display`, `AsRef<str>`, and its door for serde.
macro_rules! name {
    ($type:ident) => {
        impl $type {
            /// Its characters.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl AsRef<str> for $type {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
        impl TryFrom<String> for $type {
            type Error = InvalidName;
            fn try_from(text: String) -> Result<Self, InvalidName> {
                Self::parse(&text)
            }
        }
        impl From<$type> for String {
            fn from(name: $type) -> Self {
                name.0
            }
        }
        impl std::str::FromStr for $type {
            type Err = InvalidName;
            fn from_str(text: &str) -> Result<Self, InvalidName> {
                Self::parse(text)
            }
        }
    };
}
pub(crate) use name;

/// A short name in lower case: a hub, a project, a reason code.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Slug(String);

impl Slug {
    /// Reads 1 to 64 of `a-z 0-9 -`; no hyphen at either end, nor two together.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let part = |part: &str| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        };
        if text.len() <= 64 && text.split('-').all(part) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidName::Slug)
        }
    }
}
name!(Slug);

/// The Organisation Data Service code of a trust, e.g. `REM`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OdsCode(String);

impl OdsCode {
    /// Reads 2 to 12 of `A-Z 0-9`.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let code = (2..=12).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        if code { Ok(Self(text.to_owned())) } else { Err(InvalidName::OdsCode) }
    }
}
name!(OdsCode);

/// The outgoing SOP Instance UID of an image: a new one, which identifies nobody, so it may print.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct InstanceUid(String);

impl InstanceUid {
    /// Reads a UID of PS3.5 §9.1, without padding.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let part = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if text.len() <= 64 && text.split('.').all(part) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidName::Uid)
        }
    }
}
name!(InstanceUid);

/// A word or two that describe a tool or a profile, e.g. `PS3.15 2024b`: nothing a page or a log could trip over.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Label(String);

impl Label {
    /// Reads 1 to 128 letters, digits, blanks and `. _ + : / ( ) , -`.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let fits = (1..=128).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b" ._+:/(),-".contains(&b));
        if fits { Ok(Self(text.to_owned())) } else { Err(InvalidName::Label) }
    }
}
name!(Label);

/// A day of the proleptic Gregorian calendar, years 1 to 9999, written `YYYY-MM-DD`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Day {
    year: u16,
    month: u8,
    day: u8,
}

impl Day {
    /// The day, if the calendar has it.
    pub fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let last = match month {
            2 => 28 + u8::from(leap),
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return None,
        };
        ((1..=9999).contains(&year) && (1..=last).contains(&day)).then_some(Self { year, month, day })
    }

    /// Reads `YYYY-MM-DD`.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        Self::read(text, '-', [0, 1, 2], [4, 2, 2]).ok_or(InvalidName::Day)
    }

    /// The year, month and day of the month.
    pub fn parts(self) -> (u16, u8, u8) {
        (self.year, self.month, self.day)
    }

    /// Days since 1970-01-01.
    pub fn days_since_1970(self) -> i32 {
        // Counted from 1 March of year 0, so that a leap day is the last of its year.
        let (year, month) = (i32::from(self.year), i32::from(self.month));
        let year = if month <= 2 { year - 1 } else { year };
        let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + i32::from(self.day) - 1;
        year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468
    }

    /// The day that lies so many days after 1970-01-01, within years 1 to 9999.
    pub fn from_days_since_1970(days: i32) -> Option<Self> {
        let days = i64::from(days) + 719_468;
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = (month_from_march + 2) % 12 + 1;
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        Self::new(u16::try_from(year).ok()?, u8::try_from(month).ok()?, u8::try_from(day).ok()?)
    }

    /// The day so many days later (or earlier), if the calendar reaches it.
    pub fn plus_days(self, days: i32) -> Option<Self> {
        Self::from_days_since_1970(self.days_since_1970().checked_add(days)?)
    }

    /// Reads three numbers of fixed widths; `order` says which of them is year, month and day.
    pub(crate) fn read(text: &str, separator: char, order: [usize; 3], widths: [usize; 3]) -> Option<Self> {
        let mut parts = text.split(separator);
        let mut numbers = [0_u16; 3];
        for (number, width) in numbers.iter_mut().zip(widths) {
            let part = parts.next()?;
            if part.len() != width || !part.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
            *number = part.parse().ok()?;
        }
        let [year, month, day] = order.map(|at| numbers[at]);
        parts.next().is_none().then_some(())?;
        Self::new(year, u8::try_from(month).ok()?, u8::try_from(day).ok()?)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl fmt::Debug for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Day({self})")
    }
}

impl TryFrom<String> for Day {
    type Error = InvalidName;
    fn try_from(text: String) -> Result<Self, InvalidName> {
        Self::parse(&text)
    }
}

impl From<Day> for String {
    fn from(day: Day) -> Self {
        day.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn no_name_holds_a_path() {
        for bad in ["", ".", "..", "a/b", "a\\b", "a--b", "-a", "a-", "A", "a b", "a\0", &"a".repeat(65)] {
            assert_eq!(Slug::parse(bad), Err(InvalidName::Slug));
        }
        assert!(Slug::parse("cheshire-and-merseyside-1").is_ok());
        assert_eq!(OdsCode::parse("r/m"), Err(InvalidName::OdsCode));
        assert_eq!(InstanceUid::parse("1..2"), Err(InvalidName::Uid));
        assert_eq!(InstanceUid::parse("1.2/3"), Err(InvalidName::Uid));
        assert_eq!(Label::parse("a\nb"), Err(InvalidName::Label));
    }

    #[test]
    fn only_days_of_the_calendar() {
        assert_eq!(Day::parse("2020-02-29").unwrap().to_string(), "2020-02-29");
        for bad in
            ["2021-02-29", "1900-02-29", "2020-13-01", "2020-1-1", "0000-01-01", "2020-01-01-", "+020-01-01"]
        {
            assert_eq!(Day::parse(bad), Err(InvalidName::Day));
        }
        assert_eq!(Day::parse("1970-01-01").unwrap().days_since_1970(), 0);
        assert_eq!(Day::parse("2020-03-01").unwrap().plus_days(-1), Day::new(2020, 2, 29));
        assert_eq!(Day::parse("9999-12-31").unwrap().plus_days(1), None);
    }

    proptest! {
        #[test]
        fn days_count_back_and_forth(days in -719_162_i32..2_932_896) {
            let day = Day::from_days_since_1970(days).unwrap();
            prop_assert_eq!(day.days_since_1970(), days);
            prop_assert_eq!(Day::parse(&day.to_string()), Ok(day));
            prop_assert!(day < day.plus_days(1).unwrap());
        }
    }
}
