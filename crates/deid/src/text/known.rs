//! The identifiers that are known of a person, as they are compared with text: joined, in small letters, without accents.

use super::dates::{self, Written};
use super::passage::{Passage, fold, is_word_char};
use super::{Identifier, IdentifierKind};
use std::collections::HashSet;
use submission::names::Day;

/// Fewer digits of an identifier, zeros and letters before them aside, stand in any text by chance.
const DIGITS_MIN: usize = 4;
/// As do fewer letters and digits of the name of an organisation.
const CHARS_MIN: usize = 3;
/// As do fewer characters of two words of an address.
const PAIR_CHARS_MIN: usize = 5;
/// Parts of one name that are compared; nobody has more.
const NAME_PARTS_MAX: usize = 32;
/// Pieces of text that are joined to be compared with one identifier.
const PIECES_MAX: usize = 16;
/// What may stand between two pieces of one identifier.
const GAP_CHARS_MAX: usize = 3;
/// Two parts of a name that make so many letters are found inside other words too.
const JOINED_CHARS_MIN: usize = 8;

/// What stands before a name.
pub(super) const TITLES: &[&str] = &[
    "mr",
    "mrs",
    "ms",
    "miss",
    "mx",
    "dr",
    "doctor",
    "prof",
    "professor",
    "sir",
    "dame",
    "lady",
    "lord",
    "rev",
    "revd",
    "sister",
    "nurse",
    "matron",
    "master",
];
/// What stands behind one, and belongs to none.
const SUFFIXES: &[&str] = &["phd", "md", "frcr", "mbbs", "jr", "sr"];

/// Words of addresses that say nothing by themselves, though some are names of towns elsewhere.
const ADDRESS_WORDS: &[&str] = &[
    "avenue",
    "back",
    "bank",
    "bottom",
    "bridge",
    "care",
    "centre",
    "church",
    "close",
    "corner",
    "court",
    "cross",
    "drive",
    "east",
    "farm",
    "field",
    "first",
    "flat",
    "floor",
    "front",
    "gate",
    "great",
    "green",
    "ground",
    "grove",
    "hall",
    "head",
    "high",
    "hill",
    "home",
    "hospital",
    "house",
    "lane",
    "left",
    "line",
    "little",
    "long",
    "lower",
    "main",
    "middle",
    "near",
    "nursing",
    "park",
    "place",
    "rear",
    "right",
    "road",
    "room",
    "second",
    "side",
    "south",
    "north",
    "street",
    "terrace",
    "third",
    "tree",
    "unit",
    "upper",
    "vale",
    "view",
    "walk",
    "ward",
    "water",
    "west",
    "white",
    "wood",
    "with",
    "from",
    "care",
    "health",
    "general",
    "county",
    "infirmary",
    "square",
    "united",
    "clinic",
    "diagnostic",
    "diagnostics",
    "imaging",
    "medical",
    "practice",
    "radiology",
    "screening",
    "surgery",
    "university",
];

/// All of one person, or of one object.
#[derive(Default)]
pub(super) struct Known {
    keys: HashSet<String>,
    /// First bytes of the keys: most text is passed over by these.
    starts: Vec<u8>,
    longest: usize,
    /// For each name its parts; the same number means spellings of the same part.
    names: Vec<Vec<(usize, String)>>,
    /// First letters of the parts of names.
    initials: String,
    pub(super) days: Vec<Day>,
    /// Days on which something was done.
    done: Vec<Day>,
}

impl Known {
    pub(super) fn of(identifiers: &[Identifier]) -> Self {
        let mut known = Self::default();
        for identifier in identifiers {
            let text = identifier.text.trim_matches([' ', '\0']);
            match identifier.kind {
                IdentifierKind::Name => text.split('\\').for_each(|name| known.add_name(name)),
                IdentifierKind::Date => match parse_day(text) {
                    Some(day) => known.days.push(day),
                    None => known.add_number(text),
                },
                IdentifierKind::Day => known.done.extend(parse_day(text)),
                IdentifierKind::Address => known.add_address(text),
                IdentifierKind::Organisation => known.add_organisation(text),
                IdentifierKind::Number | IdentifierKind::Uid | IdentifierKind::Other => {
                    known.add_number(text)
                }
            }
        }
        known
    }

    fn add(&mut self, key: String) {
        self.longest = self.longest.max(key.len());
        if let Some(first) = key.bytes().next().filter(|first| !self.starts.contains(first)) {
            self.starts.push(first);
        }
        self.keys.insert(key);
    }

    /// PN with its groups (PS3.5 §6.2.1), `Family, Given`, or words.
    fn add_name(&mut self, text: &str) {
        let mut parts: Vec<(usize, String)> = Vec::new();
        let mut count = 0;
        for group in text.split('=') {
            let marked = group.contains(['^', ',']);
            let components =
                group.split(|c: char| if marked { matches!(c, '^' | ',') } else { c.is_whitespace() });
            for (place, component) in components.enumerate() {
                let words = component.split(|c: char| !c.is_alphanumeric());
                for spelled in std::iter::once(component).chain(words) {
                    count += 1;
                    let is_title = |key: &str| {
                        (TITLES.contains(&key) || SUFFIXES.contains(&key)) && (place > 2 || key == "mr")
                    };
                    for key in keys_of(spelled) {
                        if key.chars().count() > 1 && !is_title(&key) && parts.len() < NAME_PARTS_MAX {
                            parts.push((count, key));
                        }
                    }
                }
            }
        }
        for (_, part) in &parts {
            self.initials.extend(part.chars().next());
            if let Some(rest) = part.strip_prefix("mc").filter(|rest| rest.len() > 2) {
                self.add(format!("mac{rest}"));
            } else if let Some(rest) = part.strip_prefix("mac").filter(|rest| rest.len() > 2) {
                self.add(format!("mc{rest}"));
            }
            self.add(part.clone());
        }
        self.names.push(parts);
    }

    fn add_number(&mut self, text: &str) {
        for key in keys_of(text) {
            if key.bytes().all(|byte| byte.is_ascii_digit()) {
                let bare = key.trim_start_matches('0');
                if bare.len() >= DIGITS_MIN {
                    self.add(bare.to_owned());
                }
                self.add(key);
            } else {
                let digits = key.trim_start_matches(|c: char| !c.is_ascii_digit()).trim_start_matches('0');
                if digits.len() >= DIGITS_MIN {
                    self.add(digits.to_owned());
                }
                self.add(key);
            }
        }
    }

    /// Each line, each two words that follow each other, and each word that says something by itself.
    fn add_address(&mut self, text: &str) {
        for line in text.split([',', '\n', '\r', '^', '\\', ';', '=']) {
            let words: Vec<&str> =
                line.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
            let pairs = words.windows(2).map(<[&str]>::concat).filter(|pair| pair.len() >= PAIR_CHARS_MIN);
            let whole = std::iter::once(words.concat()).filter(|line| line.len() >= PAIR_CHARS_MIN);
            let telling = words.iter().map(|word| (*word).to_owned()).filter(|word| {
                let key = word.to_lowercase();
                key.len() > 3
                    && key.bytes().any(|b| b.is_ascii_alphabetic())
                    && !ADDRESS_WORDS.contains(&key.as_str())
            });
            for spelled in pairs.chain(whole).chain(telling) {
                keys_of(&spelled).into_iter().for_each(|key| self.add(key));
            }
        }
    }

    /// The whole, if it is more than one plain word: departments are called Radiology.
    fn add_organisation(&mut self, text: &str) {
        for name in text.split(['\\', '^', '=']) {
            let words = name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).count();
            if words > 1 || name.contains(|c: char| c.is_ascii_digit()) {
                let long = |key: &String| key.chars().count() >= CHARS_MIN;
                keys_of(name).into_iter().filter(long).for_each(|key| self.add(key));
            }
        }
    }

    /// Whether the letter is an initial of one of the names.
    pub(super) fn has_initial(&self, letter: &str) -> bool {
        !letter.is_empty() && self.initials.contains(letter)
    }

    /// Removes every identifier.
    pub(super) fn remove_from(&self, passage: &mut Passage<'_>) {
        if !self.keys.is_empty() {
            self.remove_keys(passage);
        }
        if self.names.iter().any(|parts| parts.len() > 1) {
            self.remove_joined_parts(passage);
        }
        if !self.days.is_empty() {
            self.remove_days(passage);
        }
    }

    /// Pieces that make an identifier when they are joined.
    fn remove_keys(&self, passage: &mut Passage<'_>) {
        let mut joined = String::new();
        for first in 0..passage.pieces.len() {
            self.remove_key_at(passage, first, &mut joined);
        }
    }

    fn remove_key_at(&self, passage: &mut Passage<'_>, first: usize, joined: &mut String) {
        let starts =
            |key: &str| key.bytes().next().is_some_and(|byte| byte == b'0' || self.starts.contains(&byte));
        joined.clear();
        for piece in first..passage.pieces.len().min(first + PIECES_MAX) {
            joined.push_str(passage.key(piece));
            let bare = joined.trim_start_matches('0');
            if bare.len() > self.longest || !starts(joined) {
                break;
            }
            if self.keys.contains(joined.as_str()) || (bare.len() < joined.len() && self.keys.contains(bare))
            {
                passage.remove_pieces(first..piece + 1);
            }
            let gap = passage.gap_after_piece(piece);
            if gap.len() > GAP_CHARS_MAX || gap.contains('\n') {
                break;
            }
        }
        let written = passage.written(first..first + 1);
        if !written.is_ascii() {
            let mut expanded = String::new();
            fold(written, true, &mut expanded);
            if self.keys.contains(&expanded) {
                passage.remove_pieces(first..first + 1);
            }
        }
    }

    /// Two parts of one name side by side, inside words or across what stands between two.
    fn remove_joined_parts(&self, passage: &mut Passage<'_>) {
        for word in 0..passage.words.len() {
            let (here, next) = (passage.word_key(word), passage.word_key(word + 1));
            let (mut inside, mut across) = (false, false);
            for parts in &self.names {
                for (number, part) in parts {
                    let follows = |rest: &str| {
                        parts.iter().any(|(other, next)| {
                            other != number
                                && part.len() + next.len() >= JOINED_CHARS_MIN
                                && rest.starts_with(next.as_str())
                        })
                    };
                    across |= here.ends_with(part.as_str()) && follows(next);
                    if here.len() >= JOINED_CHARS_MIN
                        && let Some(at) = here.find(part.as_str())
                    {
                        inside |= follows(&here[at + part.len()..]);
                    }
                }
            }
            if inside || across {
                passage.remove(word..word + 1 + usize::from(across));
            }
        }
    }

    /// Known days: those found as dates, and their numbers side by side in any order.
    fn remove_days(&self, passage: &mut Passage<'_>) {
        for first in 0..passage.pieces.len() {
            if let Some(end) = day_at(&self.days, passage, first) {
                passage.remove_pieces(first..end);
            }
        }
    }

    /// Days on which something was done, where they were not found as dates: `03 04 19`.
    pub(super) fn remove_days_done(&self, passage: &mut Passage<'_>) {
        for first in 0..if self.done.is_empty() { 0 } else { passage.pieces.len() } {
            let is_date = |piece: usize| passage.words[passage.pieces[piece].word].is_date;
            if let Some(end) = day_at(&self.done, passage, first)
                && !(first..end).any(is_date)
            {
                passage.remove_pieces(first..end);
            }
        }
    }

    /// Whether these are a known year, month and day, whatever the time behind them.
    pub(super) fn is_day(&self, value: &str) -> bool {
        let day = value.trim_start().get(..8).and_then(parse_day);
        day.is_some_and(|day| self.days.contains(&day))
    }

    pub(super) fn is_known_day(&self, date: &Written) -> bool {
        date.is_any(&self.days)
    }
}

/// Day, month and year of one of these days in any order from this piece on; where they end.
fn day_at(days: &[Day], passage: &Passage<'_>, first: usize) -> Option<usize> {
    let mut fields = Vec::with_capacity(3);
    let mut piece = first;
    while fields.len() < 3 {
        let key = passage.key(piece);
        match (fields.len(), key) {
            (1.., "st" | "nd" | "rd" | "th" | "of") => {}
            _ if dates::month_named(key).is_some() => fields.push(key),
            _ if key.len() <= 4 && passage.pieces.get(piece)?.digits => fields.push(key),
            _ => return None,
        }
        if fields.len() < 3 && passage.gap_after_piece(piece).len() > GAP_CHARS_MAX {
            return None;
        }
        piece += 1;
    }
    let &[a, b, c] = fields.as_slice() else { return None };
    let orders = [[c, b, a], [c, a, b], [a, b, c], [a, c, b]];
    let is_known = |[y, m, d]: [&str; 3]| days.iter().any(|day| is_day(*day, y, m, d));
    orders.into_iter().any(is_known).then_some(piece)
}

fn is_day(day: Day, y: &str, m: &str, d: &str) -> bool {
    let (year, month, of_month) = day.parts();
    let number = |text: &str| text.parse::<u16>().ok();
    let same_year = match y.len() {
        4 => number(y) == Some(year),
        2 => number(y) == Some(year % 100),
        _ => false,
    };
    let same_month = dates::month_named(m).or_else(|| m.parse().ok()) == Some(month);
    same_year && same_month && number(d) == Some(u16::from(of_month))
}

/// The text's letters and digits joined, without accents; where it has accents, also as written without. What is no letter and yet
/// part of a word counts in one more: UTF-8 that was read as Latin-1 (`MÃ¼ller`), which is a spelling too.
fn keys_of(text: &str) -> Vec<String> {
    let plain: String = text.chars().filter(|c| c.is_alphanumeric() || is_mark(*c)).collect();
    let mut keys = Vec::with_capacity(2);
    let mut add = |plain: &str, expanded| {
        let mut key = String::with_capacity(plain.len());
        fold(plain, expanded, &mut key);
        if !key.is_empty() && !keys.contains(&key) {
            keys.push(key);
        }
    };
    add(&plain, false);
    if !text.is_ascii() {
        add(&plain, true);
        let misread: String = text.bytes().map(char::from).collect();
        for written in [text, &misread] {
            let as_word: String = written.chars().filter(|c| is_word_char(*c)).collect();
            add(&as_word, false);
        }
    }
    keys
}

fn is_mark(c: char) -> bool {
    unicode_normalization::char::is_combining_mark(c)
}

/// `yyyymmdd`, `yyyy-mm-dd` or `dd/mm/yyyy`, with any separator.
fn parse_day(text: &str) -> Option<Day> {
    let parts: Vec<&str> = text.split(['-', '/', '.']).collect();
    let (y, m, d) = match parts.as_slice() {
        [whole] if whole.len() == 8 && whole.is_ascii() => (&whole[..4], &whole[4..6], &whole[6..]),
        [y, m, d] if y.len() == 4 => (*y, *m, *d),
        [d, m, y] if y.len() == 4 => (*y, *m, *d),
        _ => return None,
    };
    Day::new(y.parse().ok()?, m.parse().ok()?, d.parse().ok()?)
}
