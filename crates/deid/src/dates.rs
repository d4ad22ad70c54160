//! Dates: the one offset of a patient applied to DA and to the date part of DT (PS3.5 §6.2; PS3.15 E.3.6).
//!
//! Whole days are added, so times of day (TM, the time part of DT) and all intervals stay as they were.

use submission::names::Day;

/// Reads `YYYYMMDD`, or `YYYY.MM.DD` as the standard's forerunner wrote it (PS3.5 §6.2, DA, note 1), or `YYYY-MM-DD`.
pub fn parse_da(text: &str) -> Option<Day> {
    let bytes = text.as_bytes();
    let (y, m, d) = match bytes.len() {
        8 => (&bytes[..4], &bytes[4..6], &bytes[6..]),
        10 if matches!(bytes[4], b'.' | b'-') && bytes[7] == bytes[4] => {
            (&bytes[..4], &bytes[5..7], &bytes[8..])
        }
        _ => return None,
    };
    Day::new(number(y)?, u8::try_from(number(m)?).ok()?, u8::try_from(number(d)?).ok()?)
}

/// As DICOM writes a day: `YYYYMMDD`.
fn da(day: Day) -> String {
    let (year, month, day) = day.parts();
    format!("{year:04}{month:02}{day:02}")
}

fn number(digits: &[u8]) -> Option<u16> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// One DA value moved by whole days; empty where it was empty or no date.
pub(crate) fn shift_da(value: &str, days: i32) -> String {
    parse_da(value).and_then(|day| day.plus_days(days)).map(da).unwrap_or_default()
}

/// One DT value with its date part moved by whole days; time of day, fraction and offset from UTC stay (PS3.5 §6.2, DT).
///
/// A value that gives only a year, or a year and month, is moved from its first day and keeps its precision.
/// Empty where it was empty or is not a date and time.
pub(crate) fn shift_dt(value: &str, days: i32) -> String {
    dt_parts(value)
        .and_then(|(day, precision, rest)| Some(format!("{}{rest}", &da(day.plus_days(days)?)[..precision])))
        .unwrap_or_default()
}

/// Whether the value is a DT.
pub(crate) fn is_dt(value: &str) -> bool {
    dt_parts(value).is_some()
}

/// The day, how many characters of it the value gives (4, 6, 8), and the rest: time and offset from UTC.
fn dt_parts(value: &str) -> Option<(Day, usize, &str)> {
    if !value.is_ascii() || value.len() > 26 {
        return None;
    }
    let (local, offset) = match value.find(['+', '-']) {
        Some(at) => value.split_at(at),
        None => (value, ""),
    };
    if !offset.is_empty() && !is_utc_offset(offset) {
        return None;
    }
    let precision = local.len().min(8);
    let (date, time) = local.split_at(precision);
    if !time.is_empty() && !is_tm(time) {
        return None;
    }
    let full = match precision {
        4 => format!("{date}0101"),
        6 => format!("{date}01"),
        8 => date.to_owned(),
        _ => return None,
    };
    Some((parse_da(&full)?, precision, &value[precision..]))
}

/// `&ZZXX`: an offset from UTC (PS3.3 C.12.1.1.8, PS3.5 §6.2, DT).
pub(crate) fn is_utc_offset(text: &str) -> bool {
    let Some(digits) = text.strip_prefix(['+', '-']) else { return false };
    digits.len() == 4
        && number(&digits.as_bytes()[..2]).is_some_and(|hours| hours <= 14)
        && number(&digits.as_bytes()[2..]).is_some_and(|minutes| minutes < 60)
}

/// `HH[MM[SS[.FFFFFF]]]`, or with colons as the standard's forerunner wrote it (PS3.5 §6.2, TM).
pub(crate) fn is_tm(text: &str) -> bool {
    if !text.is_ascii() {
        return false;
    }
    let plain = text.replace(':', "");
    let (whole, fraction) = match plain.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (plain.as_str(), None),
    };
    let colons = text.len() - plain.len();
    let bytes = whole.as_bytes();
    let within =
        |at: usize, limit: u16| bytes.len() <= at || number(&bytes[at..at + 2]).is_some_and(|n| n < limit);
    matches!(bytes.len(), 2 | 4 | 6)
        && (colons == 0 || colons == bytes.len() / 2 - 1)
        && within(0, 24)
        && within(2, 60)
        && within(4, 61)
        && fraction.is_none_or(|f| {
            bytes.len() == 6 && (1..=6).contains(&f.len()) && f.bytes().all(|b| b.is_ascii_digit())
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn days_follow_the_gregorian_calendar() {
        assert_eq!(shift_da("20200229", 1), "20200301");
        assert_eq!(shift_da("19000301", -1), "19000228");
        assert_eq!(shift_da("20000301", -1), "20000229");
        assert_eq!(shift_da("2020.01.01", -1), "20191231");
    }

    #[test]
    fn what_is_no_date_becomes_empty() {
        for text in [
            "",
            "20190229",
            "20201301",
            "SMITH",
            "2020010",
            "00010101",
            "20200101-20200202",
            "２０２００１０１",
        ] {
            assert_eq!(shift_da(text, -1), "", "{text}");
        }
    }

    #[test]
    fn a_date_time_keeps_its_time_its_precision_and_its_offset_from_utc() {
        assert_eq!(shift_dt("20200301123456.789012+0100", -1), "20200229123456.789012+0100");
        assert_eq!(shift_dt("20200301", -1), "20200229");
        assert_eq!(shift_dt("202003", -1), "202002");
        assert_eq!(shift_dt("2020-0500", -1), "2019-0500");
        for text in ["20200301SMITH", "2020030125", "20200301120000+9900", "ANNA", "202"] {
            assert_eq!(shift_dt(text, -1), "", "{text}");
        }
    }

    #[test]
    fn times_are_checked() {
        for good in ["12", "1234", "123456", "123456.1", "123456.123456", "23:59:60", "00:00"] {
            assert!(is_tm(good), "{good}");
        }
        for bad in ["", "1", "24", "1260", "123456.", "123456.1234567", "12:3456", "SMITH", "12.5"] {
            assert!(!is_tm(bad), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn intervals_are_kept(a in -700_000_i32..2_900_000, b in -700_000_i32..2_900_000, offset in -3650_i32..0) {
            let (a, b) = (Day::from_days_since_1970(a).unwrap(), Day::from_days_since_1970(b).unwrap());
            let moved = |day: Day| parse_da(&shift_da(&da(day), offset)).unwrap().days_since_1970();
            prop_assert_eq!(moved(a) - moved(b), a.days_since_1970() - b.days_since_1970());
            prop_assert_eq!(moved(a) - a.days_since_1970(), offset);
        }
    }
}
