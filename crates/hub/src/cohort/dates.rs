//! Dates as sheets write them. ISO is understood; anything else must be unambiguous or declared.

use chrono::NaiveDate;

use super::grid::Cell;
use super::problem::Code;

/// The declared order of day and month in a sheet's dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DateOrder {
    /// 31/03/2020
    DayMonthYear,
    /// 03/31/2020
    MonthDayYear,
}

impl DateOrder {
    /// Reads `dmy` or `mdy`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "dmy" => Some(Self::DayMonthYear),
            "mdy" => Some(Self::MonthDayYear),
            _ => None,
        }
    }
}

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// The date of a cell; `None` if it is empty.
pub(super) fn date(cell: &Cell, order: Option<DateOrder>) -> Result<Option<NaiveDate>, Code> {
    match cell {
        Cell::Empty => Ok(None),
        Cell::Date(date) => Ok(Some(*date)),
        // 20200331 as a number is meant as written; 43921 is a spreadsheet's count of days, and nobody's intention.
        Cell::Number(number) => basic_iso(&number.to_string()).map(Some).ok_or(Code::DateBareNumber),
        Cell::Error => Err(Code::CellError),
        Cell::Text(text) if text.trim().is_empty() => Ok(None),
        Cell::Text(text) => written(text, order).map(Some),
    }
}

fn written(text: &str, order: Option<DateOrder>) -> Result<NaiveDate, Code> {
    let text = without_time(text.trim());
    if text.bytes().all(|b| b.is_ascii_digit() || b == b'.') && !is_dotted_date(text) {
        return basic_iso(text).ok_or(Code::DateBareNumber);
    }
    let parts: Vec<&str> = text.split(|c: char| !c.is_alphanumeric()).filter(|p| !p.is_empty()).collect();
    let [first, second, third] = parts[..] else {
        return Err(Code::DateUnreadable);
    };
    if let Some(month) = month_named(second) {
        return ymd(third, month, day_number(first)?);
    }
    if let Some(month) = month_named(first) {
        return ymd(third, month, day_number(second)?);
    }
    if first.len() == 4 {
        return ymd(first, small(second)?, small(third)?);
    }
    numeric(small(first)?, small(second)?, third, order)
}

/// Two numbers and a year: the order is declared, or cannot be mistaken, or is refused.
fn numeric(first: u32, second: u32, year: &str, order: Option<DateOrder>) -> Result<NaiveDate, Code> {
    match order {
        Some(DateOrder::DayMonthYear) => ymd(year, second, first),
        Some(DateOrder::MonthDayYear) => ymd(year, first, second),
        None if first <= 12 && second <= 12 && first != second => {
            ymd(year, first, second).and(Err(Code::DateAmbiguous))
        }
        None if first > 12 => ymd(year, second, first),
        None => ymd(year, first, second),
    }
    .map_err(|code| match (code, order) {
        (Code::DateUnreadable, Some(_)) => Code::DateNotAsDeclared,
        _ => code,
    })
}

/// `2020-03-31T10:20:00` and `31/03/2020 10:20` carry a time of day that does not matter.
fn without_time(text: &str) -> &str {
    match text.find(':') {
        Some(colon) => match text[..colon].rfind(['T', 't', ' ']) {
            Some(gap) if text.as_bytes()[gap + 1..colon].iter().all(u8::is_ascii_digit) => {
                text[..gap].trim_end()
            }
            _ => text,
        },
        None => text,
    }
}

fn is_dotted_date(text: &str) -> bool {
    text.matches('.').count() == 2
}

/// `20200331`
fn basic_iso(text: &str) -> Option<NaiveDate> {
    if text.len() != 8 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    ymd(&text[..4], text[4..6].parse().ok()?, text[6..].parse().ok()?).ok()
}

fn month_named(text: &str) -> Option<u32> {
    let text = text.to_lowercase();
    let at = MONTHS
        .iter()
        .position(|m| text.len() >= 3 && m.starts_with(&text) || (text == "sept" && *m == "september"))?;
    u32::try_from(at + 1).ok()
}

/// `1`, `01` or `1st`
fn day_number(text: &str) -> Result<u32, Code> {
    small(text.trim_end_matches(|c: char| c.is_ascii_alphabetic()))
}

fn small(text: &str) -> Result<u32, Code> {
    if text.len() > 2 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Code::DateUnreadable);
    }
    text.parse().map_err(|_| Code::DateUnreadable)
}

fn ymd(year: &str, month: u32, day: u32) -> Result<NaiveDate, Code> {
    if !year.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Code::DateUnreadable);
    }
    match year.len() {
        2 => Err(Code::DateTwoDigitYear),
        4 => year
            .parse()
            .ok()
            .and_then(|year| NaiveDate::from_ymd_opt(year, month, day))
            .ok_or(Code::DateUnreadable),
        _ => Err(Code::DateUnreadable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, order: Option<DateOrder>) -> Result<String, Code> {
        date(&Cell::Text(text.into()), order).map(|d| d.unwrap().to_string())
    }

    #[test]
    fn iso_dates_need_no_declaration() {
        for text in [
            "2020-03-04",
            "2020-03-04T10:30:00",
            "2020-03-04 10:30",
            "20200304",
            "2020/03/04",
            "4 March 2020",
            "04-Mar-2020",
            "4th Mar 2020",
            "March 4, 2020",
        ] {
            assert_eq!(read(text, None), Ok("2020-03-04".into()), "{text}");
        }
    }

    #[test]
    fn day_and_month_that_could_be_swapped_are_refused_unless_declared() {
        assert_eq!(read("04/03/2020", None), Err(Code::DateAmbiguous));
        assert_eq!(read("04/03/2020", Some(DateOrder::DayMonthYear)), Ok("2020-03-04".into()));
        assert_eq!(read("04.03.2020", Some(DateOrder::MonthDayYear)), Ok("2020-04-03".into()));
        assert_eq!(read("31/03/2020", None), Ok("2020-03-31".into()), "there is no month 31");
        assert_eq!(read("04/04/2020", None), Ok("2020-04-04".into()), "either way the same day");
        assert_eq!(read("31/03/2020", Some(DateOrder::MonthDayYear)), Err(Code::DateNotAsDeclared));
    }

    #[test]
    fn what_spreadsheets_do_to_dates_is_named() {
        assert_eq!(read("43909", None), Err(Code::DateBareNumber));
        assert_eq!(date(&Cell::Number(43909.0), None), Err(Code::DateBareNumber));
        assert_eq!(read("31/03/20", None), Err(Code::DateTwoDigitYear));
        assert_eq!(date(&Cell::Number(20200304.0), None).unwrap().unwrap().to_string(), "2020-03-04");
    }

    #[test]
    fn no_such_day_is_no_date() {
        for text in ["2020-02-30", "31/11/2020", "yesterday", "Q1 2020", "--", "2020-03"] {
            assert_eq!(read(text, None), Err(Code::DateUnreadable), "{text}");
        }
    }
}
