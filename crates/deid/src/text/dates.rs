//! Dates in text: found in every common notation, and written again on another day in the same one.

use super::passage::{Fate, Passage, fold};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::OnceLock;
use submission::names::Day;

/// A date found: its pieces and what becomes of it.
pub(super) struct Found {
    pub(super) pieces: Range<usize>,
    pub(super) fate: Fate,
}

/// What one piece says of a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Day,
    Month,
    MonthName,
    Year,
    /// `YYYYMMDD`, with or without a time.
    Compact,
    /// `DDMMYYYY`.
    CompactDayFirst,
    /// `st`, `nd`, `rd`, `th`.
    Ordinal,
}

/// A date as it stands there.
pub(super) struct Written {
    pub(super) pieces: Range<usize>,
    fields: Vec<(usize, Field)>,
    /// None where it lacks the year.
    pub(super) day: Option<Day>,
    /// Whether it names the day of the month.
    pub(super) exact: bool,
    /// The day and the month of one that lacks the year.
    yearless: Option<(u8, u8)>,
}

/// The months in the languages of the scanners; in each the full name and its usual short form.
const MONTHS: [[(&str, &str); 12]; 6] = [
    [
        ("January", "Jan"),
        ("February", "Feb"),
        ("March", "Mar"),
        ("April", "Apr"),
        ("May", "May"),
        ("June", "Jun"),
        ("July", "Jul"),
        ("August", "Aug"),
        ("September", "Sep"),
        ("October", "Oct"),
        ("November", "Nov"),
        ("December", "Dec"),
    ],
    [
        ("Januar", "Jan"),
        ("Februar", "Feb"),
        ("März", "Mär"),
        ("April", "Apr"),
        ("Mai", "Mai"),
        ("Juni", "Jun"),
        ("Juli", "Jul"),
        ("August", "Aug"),
        ("September", "Sep"),
        ("Oktober", "Okt"),
        ("November", "Nov"),
        ("Dezember", "Dez"),
    ],
    [
        ("janvier", "janv"),
        ("février", "févr"),
        ("mars", "mars"),
        ("avril", "avr"),
        ("mai", "mai"),
        ("juin", "juin"),
        ("juillet", "juil"),
        ("août", "août"),
        ("septembre", "sept"),
        ("octobre", "oct"),
        ("novembre", "nov"),
        ("décembre", "déc"),
    ],
    [
        ("enero", "ene"),
        ("febrero", "feb"),
        ("marzo", "mar"),
        ("abril", "abr"),
        ("mayo", "may"),
        ("junio", "jun"),
        ("julio", "jul"),
        ("agosto", "ago"),
        ("septiembre", "sep"),
        ("octubre", "oct"),
        ("noviembre", "nov"),
        ("diciembre", "dic"),
    ],
    [
        ("gennaio", "gen"),
        ("febbraio", "feb"),
        ("marzo", "mar"),
        ("aprile", "apr"),
        ("maggio", "mag"),
        ("giugno", "giu"),
        ("luglio", "lug"),
        ("agosto", "ago"),
        ("settembre", "set"),
        ("ottobre", "ott"),
        ("novembre", "nov"),
        ("dicembre", "dic"),
    ],
    [
        ("januari", "jan"),
        ("februari", "feb"),
        ("maart", "mrt"),
        ("april", "apr"),
        ("mei", "mei"),
        ("juni", "jun"),
        ("juli", "jul"),
        ("augustus", "aug"),
        ("september", "sep"),
        ("oktober", "okt"),
        ("november", "nov"),
        ("december", "dec"),
    ],
];

/// Folded name → month from 1, language, whether it is the full name. The first language that has it counts.
fn months() -> &'static HashMap<String, (u8, usize, bool)> {
    static NAMES: OnceLock<HashMap<String, (u8, usize, bool)>> = OnceLock::new();
    NAMES.get_or_init(|| {
        let mut names = HashMap::from([("sept".to_owned(), (9, 0, false))]);
        for (language, of_year) in MONTHS.iter().enumerate() {
            for (month, (full, short)) in (1..).zip(of_year) {
                for (name, is_full) in [(full, true), (short, false)] {
                    let mut key = String::new();
                    fold(name, false, &mut key);
                    names.entry(key).or_insert((month, language, is_full));
                }
            }
        }
        names
    })
}

/// The month of this name, from 1.
pub(super) fn month_named(key: &str) -> Option<u8> {
    ((3..=10).contains(&key.len())).then(|| months().get(key).map(|(month, ..)| *month))?
}

/// The month of this Roman number.
fn roman(key: &str) -> Option<u8> {
    let months = ["i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii"];
    (1..).zip(months).find(|(_, roman)| *roman == key).map(|(month, _)| month)
}

/// Every date of the passage, from left to right, none inside another.
pub(super) fn find(passage: &Passage<'_>) -> Vec<Written> {
    let mut found: Vec<Written> = Vec::new();
    let mut at = 0;
    while at < passage.pieces.len() {
        let reader = Reader { passage, at, fields: Vec::new() };
        match reader.date() {
            Some(date) => {
                let free = found.last().map_or(0, |last| last.pieces.end);
                found.extend(day_listed_before(passage, &date).filter(|listed| listed.pieces.start >= free));
                at = past_time(passage, &date);
                found.push(date);
            }
            None => at += 1,
        }
    }
    found
}

/// Words before a number that counts or grades, and is no day.
const COUNTED: &[&str] = &[
    "grade", "stage", "series", "image", "images", "slice", "slices", "lesion", "level", "ecog", "score",
    "type", "class", "nodule", "phase", "week", "weeks", "day", "cycle", "segment", "zone",
];

/// The earlier day that a date's month and year are those of as well: `12 and 15 March 2019`. It goes where dates do, and cannot be
/// moved.
fn day_listed_before(passage: &Passage<'_>, date: &Written) -> Option<Written> {
    let Some([(of_month, Field::Day), (_, Field::MonthName)]) = date.fields.get(..2) else { return None };
    let before = date.pieces.start.checked_sub(1)?;
    let is_word = matches!(passage.key(before), "and" | "to" | "or");
    let day = if is_word { before.checked_sub(1)? } else { before };
    let joint = passage.gap_after_piece(day).trim();
    let is_joined = if is_word { joint.is_empty() } else { matches!(joint, "-" | "–" | "/" | "&" | "+") };
    let word = passage.pieces[day].word;
    let is_alone =
        passage.words[word].pieces.len() == 1 && !passage.gap_before(word).ends_with(['-', '.', '/']);
    let is_counted = word > 0 && COUNTED.contains(&passage.word_key(word - 1));
    let number = |piece: usize| passage.key(piece).parse::<u8>().ok().filter(|day| (1..=31).contains(day));
    let is_earlier =
        passage.pieces[day].digits && number(day).is_some_and(|day| Some(day) < number(*of_month));
    let fields = vec![(day, Field::Day)];
    (is_earlier && is_joined && is_alone && !is_counted).then(|| Written {
        pieces: day..day + 1,
        fields,
        day: None,
        exact: true,
        yearless: None,
    })
}

/// The piece after a date, and after a time that is written like one: `2019-04-03_10-22-11`.
fn past_time(passage: &Passage<'_>, date: &Written) -> usize {
    let end = date.pieces.end;
    let number =
        |at: usize| passage.key(end + at).parse::<u8>().ok().filter(|_| passage.key(end + at).len() == 2);
    let (Some(h), Some(m), Some(s)) = (number(0), number(1), number(2)) else { return end };
    let is_glued = matches!(passage.gap_after_piece(end - 1), "_" | "") || passage.key(end - 1) == "t";
    let may_be_day = Day::new(2000 + u16::from(s), m, h).is_some();
    let is_time = h < 24 && m < 60 && s < 61 && date.exact && is_glued && !may_be_day;
    if is_time { end + 3 } else { end }
}

/// Reads one date from this piece on.
struct Reader<'p, 't> {
    passage: &'p Passage<'t>,
    at: usize,
    fields: Vec<(usize, Field)>,
}

impl Reader<'_, '_> {
    fn date(self) -> Option<Written> {
        let piece = self.passage.pieces.get(self.at)?;
        if !piece.digits {
            return if month_named(self.key(self.at)).is_some() { self.month_first() } else { None };
        }
        match piece.end - piece.start {
            8 | 12 | 14 => self.compact(),
            4 => self.year_first(),
            1 | 2 => self.day_first(),
            _ => None,
        }
    }

    fn key(&self, piece: usize) -> &str {
        self.passage.key(piece)
    }

    fn gap(&self, piece: usize) -> &str {
        self.passage.gap_after_piece(piece)
    }

    /// Digits of this length and value.
    fn number(&self, piece: usize, digits: Range<usize>) -> Option<u16> {
        let is_number = self.passage.pieces.get(piece)?.digits;
        let key = self.key(piece);
        (is_number && digits.contains(&key.len())).then(|| key.parse().ok())?
    }

    fn year(&self, piece: usize) -> Option<u16> {
        self.number(piece, 4..5).filter(|year| (1850..2150).contains(year))
    }

    fn short_year(&self, piece: usize) -> Option<u16> {
        self.number(piece, 2..3).map(|year| if year < 50 { 2000 + year } else { 1900 + year })
    }

    fn day_of_month(&self, piece: usize) -> Option<u8> {
        let day = self.number(piece, 1..3)?;
        u8::try_from(day).ok().filter(|day| (1..=31).contains(day))
    }

    fn month_of_year(&self, piece: usize) -> Option<u8> {
        self.day_of_month(piece).filter(|month| *month <= 12)
    }

    fn compact(mut self) -> Option<Written> {
        let digits = self.key(self.at).to_owned();
        let part = |range: Range<usize>| digits.get(range)?.parse::<u16>().ok();
        let day = |y: Range<usize>, m: Range<usize>, d: Range<usize>| {
            let year = part(y).filter(|year| (1880..2100).contains(year))?;
            Day::new(year, u8::try_from(part(m)?).ok()?, u8::try_from(part(d)?).ok()?)
        };
        let year_first = day(0..4, 4..6, 6..8);
        let (day, field) = match year_first {
            Some(day) => (day, Field::Compact),
            None if digits.len() == 8 => (day(4..8, 2..4, 0..2)?, Field::CompactDayFirst),
            None => return None,
        };
        let is_time = |range: Range<usize>, limit| part(range).is_none_or(|number| number < limit);
        if digits.len() > 8 && !(is_time(8..10, 24) && is_time(10..12, 60) && is_time(12..14, 61)) {
            return None;
        }
        self.fields.push((self.at, field));
        let end = self.at + 1;
        self.end(end, Some(day), true)
    }

    /// `1953-04-12`, `1953 Apr 12`.
    fn year_first(mut self) -> Option<Written> {
        let (first, second, third) = (self.at, self.at + 1, self.at + 2);
        let year = self.year(first)?;
        // A range of values begins with hundreds: `2000-10`.
        let is_month_only = self.gap(first) == "-"
            && (1920..2040).contains(&year)
            && !year.is_multiple_of(100)
            && self.key(second).len() == 2
            && !(self.gap(second).starts_with(['-', '.', '/', '_']) && self.number(third, 1..9).is_some());
        if let Some(month) = self.month_of_year(second).filter(|_| is_month_only) {
            self.fields.extend([(first, Field::Year), (second, Field::Month)]);
            return self.end(second + 1, Some(Day::new(year, month, 1)?), false);
        }
        let (month, field) = match month_named(self.key(second)) {
            Some(month) if is_loose(self.gap(first)) && is_loose(self.gap(second)) => {
                (month, Field::MonthName)
            }
            Some(_) => return None,
            None if self.same_separator(first, true) => (self.month_of_year(second)?, Field::Month),
            None => return None,
        };
        let day = self.day_of_month(third)?;
        self.fields.extend([(first, Field::Year), (second, field), (third, Field::Day)]);
        self.end(third + 1, Some(Day::new(year, month, day)?), true)
    }

    /// `12/04/1953`, `12.4.53`, `12th of April 1953`, `12 Apr`, `04/1953`.
    fn day_first(mut self) -> Option<Written> {
        let first = self.at;
        let day = self.day_of_month(first)?;
        let mut next = first + 1;
        let mut marked = false;
        if self.gap(first).is_empty() && matches!(self.key(next), "st" | "nd" | "rd" | "th") {
            self.fields.push((next, Field::Ordinal));
            (next, marked) = (next + 1, true);
        }
        if self.key(next) == "of" && is_loose(self.gap(next - 1)) {
            next += 1;
        }
        if let Some(month) = month_named(self.key(next)).filter(|_| is_loose(self.gap(next - 1))) {
            self.fields.extend([(first, Field::Day), (next, Field::MonthName)]);
            return self.after_day_and_month(next, day, month, marked);
        }
        if marked || next != first + 1 {
            return None;
        }
        if let Some(month) = roman(self.key(next)).filter(|_| self.is_between_alike(next)) {
            self.fields.extend([(first, Field::Day), (next, Field::MonthName)]);
            return self.after_day_and_month(next, day, month, false);
        }
        self.numeric(day)
    }

    fn numeric(mut self, first_number: u8) -> Option<Written> {
        let (first, second, third) = (self.at, self.at + 1, self.at + 2);
        let padded = self.key(first).len() == 2 && self.key(second).len() == 2;
        if let Some(second_number) = self.day_of_month(second).filter(|_| self.same_separator(first, padded))
        {
            // Two digits may be anything, unless nothing but dates is parted so.
            let separator = self.gap(first);
            let short = self
                .short_year(third)
                .filter(|_| matches!(separator, "/" | ".") || (separator == "-" && padded));
            if let Some(year) = self.year(third).or(short) {
                // Read as in the United Kingdom, day first; the other way only where that alone is a date.
                let british = Day::new(year, second_number, first_number);
                let fields =
                    if british.is_some() { [Field::Day, Field::Month] } else { [Field::Month, Field::Day] };
                let day = british.or_else(|| Day::new(year, first_number, second_number))?;
                self.fields.extend([(first, fields[0]), (second, fields[1]), (third, Field::Year)]);
                return self.end(third + 1, Some(day), true);
            }
        }
        let padded = self.key(first).len() == 2;
        let is_joined = self.gap(first) == "/" || (self.gap(first) == "-" && padded);
        if first_number > 12 || !is_joined {
            return None;
        }
        let year = self.year(second).filter(|year| (1900..2100).contains(year))?;
        self.fields.extend([(first, Field::Month), (second, Field::Year)]);
        self.end(second + 1, Some(Day::new(year, first_number, 1)?), false)
    }

    /// The year, if one follows; without one, only what no ordinary word looks like.
    fn after_day_and_month(mut self, name: usize, day: u8, month: u8, marked: bool) -> Option<Written> {
        let year = self.year(name + 1).or_else(|| self.short_year(name + 1));
        if let Some(year) = year.filter(|_| is_loose(self.gap(name))) {
            self.fields.push((name + 1, Field::Year));
            return self.end(name + 2, Some(Day::new(year, month, day)?), true);
        }
        (marked || self.names_a_month(name))
            .then(|| self.end(name + 1, None, true))?
            .map(|date| Written { yearless: Some((day, month)), ..date })
    }

    /// Whether a day and a year stand around it, joined in the same way: `12.IV.1953`.
    fn is_between_alike(&self, month: usize) -> bool {
        let joint = self.gap(month);
        matches!(joint, "." | "-" | "/" | " ")
            && self.gap(month - 1) == joint
            && (self.year(month + 1).is_some() || (joint != " " && self.short_year(month + 1).is_some()))
    }

    /// `April 12th, 1953`, `April 1953`, `Apr '53`, `April 12`.
    fn month_first(mut self) -> Option<Written> {
        let name = self.at;
        let month = month_named(self.key(name))?;
        self.fields.push((name, Field::MonthName));
        if !is_loose(self.gap(name)) {
            return None;
        }
        if let Some(day) = self.day_of_month(name + 1) {
            let apostrophe = self.gap(name).contains(['\'', '’']);
            if let Some(year) = self.short_year(name + 1).filter(|_| apostrophe) {
                self.fields.push((name + 1, Field::Year));
                return self.end(name + 2, Some(Day::new(year, month, 1)?), false);
            }
            self.fields.push((name + 1, Field::Day));
            let mut next = name + 2;
            let marked = matches!(self.key(next), "st" | "nd" | "rd" | "th") && self.gap(name + 1).is_empty();
            if marked {
                self.fields.push((next, Field::Ordinal));
                next += 1;
            }
            if let Some(year) = self.year(next).filter(|_| is_loose(self.gap(next - 1))) {
                self.fields.push((next, Field::Year));
                return self.end(next + 1, Some(Day::new(year, month, day)?), true);
            }
            let date = (marked || self.names_a_month(name)).then(|| self.end(next, None, true))?;
            return date.map(|date| Written { yearless: Some((day, month)), ..date });
        }
        let year = self.year(name + 1)?;
        self.fields.push((name + 1, Field::Year));
        self.end(name + 2, Some(Day::new(year, month, 1)?), false)
    }

    /// Whether the word is the name of a month even without a year beside it: `may`, `mar` and `oct` are other words too.
    fn names_a_month(&self, piece: usize) -> bool {
        let Some(piece_at) = self.passage.pieces.get(piece) else { return false };
        let written = &self.passage.text[piece_at.start..piece_at.end];
        let other_word =
            matches!(self.key(piece), "may" | "mar" | "march" | "oct" | "set" | "mag" | "gen" | "dec");
        let name_like = self.passage.mixed && written.starts_with(char::is_uppercase);
        !other_word || (name_like && !matches!(written, "OCT" | "MAR" | "SET" | "MAG" | "GEN" | "DEC"))
    }

    /// The same separator after this piece and the next: `/`, `-`, `.`, or a blank if the numbers have two digits.
    fn same_separator(&self, first: usize, padded: bool) -> bool {
        let separator = self.gap(first);
        let two_digits = padded && self.key(first + 1).len() == 2;
        // With blanks around them, or behind: `03 / 04 / 2019`, `03. 04. 2019`.
        let plain = if separator.len() <= 3 { separator.trim() } else { separator };
        let is_spaced = two_digits && matches!(plain, "/" | "-" | ".") && self.year(first + 2).is_some();
        separator == self.gap(first + 1)
            && (matches!(separator, "/" | "-" | "." | "_") || (separator == " " && two_digits) || is_spaced)
    }

    /// The date if it stands by itself: no digits before or after that belong to the same number.
    fn end(mut self, end: usize, day: Option<Day>, exact: bool) -> Option<Written> {
        let bytes = self.passage.text.as_bytes();
        let (start_byte, end_byte) =
            (self.passage.pieces.get(self.at)?.start, self.passage.pieces.get(end - 1)?.end);
        let joined = |joint: Option<&u8>, next: Option<&u8>| {
            joint.is_some_and(|byte| b"./-".contains(byte)) && next.is_some_and(u8::is_ascii_digit)
        };
        let mut left = bytes[..start_byte].iter().rev();
        let mut right = bytes[end_byte..].iter();
        let is_whole = exact && self.year(self.at).or(self.year(end - 1)).is_some();
        if (joined(left.next(), left.next()) && !(is_whole && self.is_parted_before()))
            || (joined(right.next(), right.next()) && !(is_whole && self.is_parted_behind(end)))
        {
            return None;
        }
        // The T between date and time (ISO 8601) belongs to neither.
        let glued_t = self.key(end) == "t"
            && self.gap(end - 1).is_empty()
            && self.gap(end).is_empty()
            && self.passage.pieces.get(end + 1).is_some_and(|piece| piece.digits);
        self.fields.sort_unstable_by_key(|(piece, _)| *piece);
        let pieces = self.at..end + usize::from(glued_t);
        Some(Written { pieces, fields: self.fields, day, exact, yearless: None })
    }

    /// Whether a date, or a day of the same month, ends before this one, parted from it by a stroke of another kind: `3/4/2019-5/4/2019`,
    /// `12-15 March 2019`.
    fn is_parted_before(&self) -> bool {
        let Some(before) = self.at.checked_sub(1) else { return false };
        let own = self.gap(self.at);
        let names_month = self.fields.iter().any(|(_, field)| *field == Field::MonthName);
        let ends_date = before >= 2
            && self.year(before).is_some()
            && self.gap(before - 1) == own
            && self.gap(before - 2) == own
            && self.gap(before) != own;
        ends_date
            || (names_month && self.day_of_month(before).is_some() && self.is_first_of_its_number(before))
    }

    /// Whether one begins behind it.
    fn is_parted_behind(&self, end: usize) -> bool {
        let own = self.gap(self.at);
        let goes_on = self.gap(end) == own && self.gap(end + 1) == own && self.year(end + 2).is_some();
        self.day_of_month(end).is_some() && self.gap(end - 1) != own && goes_on
    }

    fn is_first_of_its_number(&self, piece: usize) -> bool {
        let before = &self.passage.text[..self.passage.pieces[piece].start];
        !before.ends_with(['-', '.', '/'])
    }
}

/// What may stand between the parts of a date that names its month.
fn is_loose(gap: &str) -> bool {
    gap.chars().count() <= 3 && gap.chars().all(|c| c.is_whitespace() || "-,./_'’".contains(c))
}

impl Written {
    /// The same notation on a day that lies so many days later; shorter where it would not fit, None where nothing does.
    pub(super) fn moved(&self, passage: &Passage<'_>, days: i32) -> Option<String> {
        let day = self.day?.plus_days(days)?;
        let (first, last) =
            (passage.pieces.get(self.pieces.start)?, passage.pieces.get(self.pieces.end - 1)?);
        let room = passage.text[first.start..last.end].chars().count();
        // A short year in front reads as a day.
        let may_shorten = !self.fields.first().is_some_and(|(_, field)| *field == Field::Year);
        let ways = [(false, false), (true, false), (true, true)];
        ways.into_iter()
            .filter(|(_, short_year)| may_shorten || !short_year)
            .map(|(short_name, short_year)| self.render(passage, day, short_name, short_year))
            .find(|text| text.chars().count() <= room)
    }

    fn render(&self, passage: &Passage<'_>, day: Day, short_name: bool, short_year: bool) -> String {
        let (year, month, day_of_month) = day.parts();
        let numbers = self.fields.iter().filter(|(_, field)| matches!(field, Field::Day | Field::Month));
        let padded = numbers.clone().all(|(piece, _)| passage.key(*piece).len() == 2);
        let number = |value: u8| if padded { format!("{value:02}") } else { value.to_string() };
        let mut out = String::new();
        for piece in self.pieces.clone() {
            let at = &passage.pieces[piece];
            let written = &passage.text[at.start..at.end];
            let field = self.fields.iter().find(|(of, _)| *of == piece).map(|(_, field)| *field);
            match field {
                Some(Field::Day) => out.push_str(&number(day_of_month)),
                Some(Field::Month) => out.push_str(&number(month)),
                Some(Field::MonthName) => {
                    out.push_str(&month_like(written, passage.key(piece), month, short_name))
                }
                Some(Field::Year) if short_year || written.len() == 2 => {
                    out.push_str(&format!("{:02}", year % 100))
                }
                Some(Field::Year) => out.push_str(&format!("{year:04}")),
                Some(Field::Compact) => {
                    out.push_str(&format!("{year:04}{month:02}{day_of_month:02}"));
                    out.push_str(written.get(8..).unwrap_or_default());
                }
                Some(Field::CompactDayFirst) => {
                    out.push_str(&format!("{day_of_month:02}{month:02}{year:04}"))
                }
                Some(Field::Ordinal) => out.push_str(ordinal(day_of_month, written)),
                None => out.push_str(written),
            }
            if piece + 1 < self.pieces.end {
                out.push_str(passage.gap_after_piece(piece));
            }
        }
        out
    }

    /// Whether this is one of these days, in either order of day and month; or the month and the year of one, or its day and month.
    pub(super) fn is_any(&self, days: &[Day]) -> bool {
        let of_year = self.day.map(|day| day.parts());
        days.iter().map(|known| known.parts()).any(|(y, m, d)| match (of_year, self.yearless) {
            (Some((year, month, of_month)), _) if self.exact => {
                y % 100 == year % 100 && ((m, d) == (month, of_month) || (d, m) == (month, of_month))
            }
            (Some((year, month, _)), _) => (y, m) == (year, month),
            (None, yearless) => yearless == Some((d, m)),
        })
    }
}

fn ordinal(day: u8, written: &str) -> &'static str {
    let capital = written.starts_with(char::is_uppercase);
    match (day, capital) {
        (1 | 21 | 31, false) => "st",
        (2 | 22, false) => "nd",
        (3 | 23, false) => "rd",
        (_, false) => "th",
        (1 | 21 | 31, true) => "ST",
        (2 | 22, true) => "ND",
        (3 | 23, true) => "RD",
        (_, true) => "TH",
    }
}

/// The name of a month in the language, the length and the case of another.
fn month_like(written: &str, key: &str, month: u8, short: bool) -> String {
    let (_, language, full) = months().get(key).copied().unwrap_or((0, 0, true));
    let (long, brief) = MONTHS[language][usize::from(month) - 1];
    let name = if full && !short { long } else { brief };
    if written.chars().all(char::is_uppercase) {
        name.to_uppercase()
    } else if written.starts_with(char::is_lowercase) {
        name.to_lowercase()
    } else {
        let mut chars = name.chars();
        chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
    }
}
