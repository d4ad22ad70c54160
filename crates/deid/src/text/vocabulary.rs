//! The words that may stay: a fixed list, and what numbers and their units look like.

use super::passage::Passage;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::Range;
use std::sync::OnceLock;

const WORDS: &str = include_str!("../../../../profiles/vocabulary.txt");
const EPONYMS: &str = include_str!("../../../../profiles/eponyms.csv");
const NAMES: &str = include_str!("../../../../profiles/vocabulary-names.csv");

/// Units and other endings that stand after a number.
const UNITS: &[&str] = &[
    "mm", "cm", "m", "um", "µm", "nm", "kv", "kvp", "ma", "mas", "ms", "msec", "s", "sec", "secs", "min",
    "mins", "h", "hr", "hrs", "t", "ml", "l", "cc", "g", "mg", "mcg", "ug", "µg", "kg", "hz", "khz", "mhz",
    "w", "wk", "wks", "d", "y", "yr", "yrs", "mo", "hu", "gy", "cgy", "mgy", "msv", "mbq", "gbq", "bq", "lb",
    "fps", "bpm", "px", "pt", "k", "x", "st", "nd", "rd", "th", "deg", "mmhg", "kpa", "ppm", "fr", "f", "ch",
    "sl", "ph", "b", "u", "i", "kw", "mw", "kbq", "mci", "uci", "µci", "mmol", "umol", "µmol", "mol", "iu",
    "dl",
];
/// Those that may stand apart from their number, and after another and a stroke: as they are written, or in capitals where all is.
const UNITS_APART: &[&str] = &[
    "mm", "cm", "mL", "ml", "dl", "dL", "l", "L", "mg", "µg", "ug", "mcg", "kg", "g", "kV", "kVp", "mA",
    "mAs", "ms", "sec", "min", "bpm", "Hz", "kHz", "MHz", "Gy", "cGy", "mGy", "mSv", "Bq", "kBq", "MBq",
    "GBq", "mCi", "µCi", "uCi", "mmol", "µmol", "umol", "mol", "IU", "mmHg", "kPa",
];
/// Fewer letters in capitals may be anything.
const CAPITALS_MIN: usize = 3;

/// Short names of what is set at a scanner, which are written with four digits after them.
const SETTINGS: &[&str] = &["b", "tr", "te", "ti", "fov", "bval", "w", "l", "ww", "wl", "wc", "x", "td", "t"];

/// Digits that one word may have in all: three dimensions of a volume.
const DIGITS_MAX: usize = 12;

fn words() -> &'static HashSet<&'static str> {
    static SET: OnceLock<HashSet<&'static str>> = OnceLock::new();
    SET.get_or_init(|| WORDS.lines().filter(|line| !line.starts_with('#')).collect())
}

/// How far a word that is also a name is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AlsoName {
    /// Hardly anybody is called so, and no description does without it: it goes after a title only.
    Seldom,
    /// Many are called so: it goes beside any word that is not known.
    Often,
}

/// Whether a name stays before what many names of diseases stand before.
#[cfg(test)]
pub(super) fn is_common_eponym(key: &str) -> bool {
    eponyms().get(key).is_some_and(Vec::is_empty)
}

/// Whether a word of the vocabulary is a name as well.
pub(super) fn also_name(key: &str) -> Option<AlsoName> {
    static MAP: OnceLock<HashMap<&'static str, AlsoName>> = OnceLock::new();
    let map = MAP.get_or_init(|| {
        let rows = NAMES.lines().filter(|line| !line.starts_with('#'));
        rows.filter_map(|line| {
            let mut cells = line.split(',');
            let word = cells.next()?;
            let how = if cells.next()? == "often" { AlsoName::Often } else { AlsoName::Seldom };
            Some((word, how))
        })
        .collect()
    });
    map.get(key).copied()
}

/// The words that each eponym stands before; none where they are those of `*`.
fn eponyms() -> &'static HashMap<&'static str, Vec<&'static str>> {
    static MAP: OnceLock<HashMap<&'static str, Vec<&'static str>>> = OnceLock::new();
    MAP.get_or_init(|| {
        let rows = EPONYMS.lines().filter(|line| !line.starts_with('#')).skip(1);
        let words = |list: &'static str| list.split('|').filter(|word| !word.is_empty()).collect();
        rows.filter_map(|line| line.split_once(',')).map(|(name, list)| (name, words(list))).collect()
    })
}

/// Whether the eponym stands before this word.
fn found(name: &str, word: &str) -> bool {
    let own = eponyms().get(name).filter(|own| !own.is_empty()).or_else(|| eponyms().get("*"));
    own.is_some_and(|own| own.contains(&word))
}

/// Names of one disease, at most.
const EPONYMS_MAX: usize = 3;

/// Whether the word is a name before what it found, or one of several that hyphens join: `Guillain-Barré syndrome`. Who has an
/// initial before the name, other than that of a side, found nothing.
fn is_eponym(passage: &Passage<'_>, word: usize) -> bool {
    let key = |word: usize| passage.word_key(word);
    let is_side = word > 0 && matches!(key(word - 1), "l" | "r");
    let is_initial = word > 0 && passage.word(word - 1).len() == 1 && !is_side;
    let is_joined = |word: usize| matches!(passage.gap_before(word), "-" | "–");
    if is_initial || !eponyms().contains_key(key(word)) {
        return false;
    }
    let mut last = word;
    while is_joined(last + 1) && last < word + EPONYMS_MAX && eponyms().contains_key(key(last + 1)) {
        last += 1;
    }
    let possessive = key(last + 1) == "s" && matches!(passage.gap_before(last + 1), "'" | "’");
    let next = last + 1 + usize::from(possessive);
    let is_found = passage.gap_before(next) == " " && found(key(last), key(next));
    // `Child-Pugh B7`
    is_found || (key(word) == "pugh" && word > 0 && is_joined(word) && key(word - 1) == "child")
}

/// Whether the word is a unit and stands where one does: after a number, or after another unit and a stroke.
fn is_unit_apart(passage: &Passage<'_>, word: usize) -> bool {
    let written = passage.word(word);
    let is_unit = |text: &str| {
        let in_capitals = |unit: &&str| unit.len() >= CAPITALS_MIN && unit.to_uppercase() == text;
        UNITS_APART.iter().any(|unit| *unit == text || (!passage.mixed && in_capitals(unit)))
    };
    let Some(before) = word.checked_sub(1).map(|before| passage.word(before)).filter(|_| is_unit(written))
    else {
        return false;
    };
    match passage.gap_before(word) {
        " " | "\u{a0}" => before.ends_with(|c: char| c.is_ascii_digit()),
        "/" => is_unit(before.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.')),
        _ => false,
    }
}

/// What may stay.
pub(super) struct Vocabulary<'a> {
    pub(super) allowed: &'a BTreeSet<String>,
}

impl Vocabulary<'_> {
    /// Whether the word stands in the list, or was approved.
    pub(super) fn has(&self, key: &str) -> bool {
        words().contains(key) || self.allowed.contains(key)
    }

    /// Whether a word may stay.
    pub(super) fn admits(&self, passage: &Passage<'_>, word: usize) -> bool {
        self.admits_word(passage, word) || is_unit_apart(passage, word) || is_eponym(passage, word)
    }

    /// Whether a word may stay by itself, whatever stands around it.
    pub(super) fn admits_word(&self, passage: &Passage<'_>, word: usize) -> bool {
        let text = passage.word(word);
        let whole =
            if text.is_ascii() { self.has(passage.word_key(word)) } else { self.has(&text.to_lowercase()) };
        (whole && !text.contains('.')) || self.admits_pieces(passage, word)
    }

    /// A number with its unit, a code with its number, words in CamelCase.
    fn admits_pieces(&self, passage: &Passage<'_>, word: usize) -> bool {
        let Some(range) = passage.words.get(word).map(|word| word.pieces.clone()) else { return false };
        let (mut at, mut digits, mut singles) = (range.start, 0, 0);
        while at < range.end {
            let is_digits = passage.pieces[at].digits;
            let mut end = at + 1;
            while end < range.end && passage.pieces[end].digits == is_digits {
                end += 1;
            }
            if is_digits {
                let before = if at > range.start { passage.key(at - 1) } else { "" };
                let unit = if end < range.end { passage.key(end) } else { "" };
                let number = passage.written(at..end);
                digits += number.len();
                if !admits_number(number, before, unit) {
                    return false;
                }
            } else {
                let letters = passage.written(at..end);
                singles += usize::from(letters.len() == 1);
                if !self.admits_letters(passage, at..end, at > range.start) {
                    return false;
                }
            }
            at = end;
        }
        // A few letters and digits by turns are an identifier rather than a code.
        digits <= DIGITS_MAX && singles <= 3 && (singles < 2 || digits <= 4)
    }

    /// Whether these letters are known: a unit after a number, a single letter, the whole, or word by word.
    fn admits_letters(&self, passage: &Passage<'_>, pieces: Range<usize>, after_number: bool) -> bool {
        let letters = passage.written(pieces.clone());
        let lower = letters.to_lowercase();
        let known_piece = |piece| passage.key(piece).len() > 1 && self.has(passage.key(piece));
        (after_number && UNITS.contains(&lower.as_str()))
            || (lower.len() == 1 && lower.is_ascii() && !lower.as_bytes()[0].is_ascii_control())
            || self.has(&lower)
            || (letters.is_ascii() && pieces.clone().all(known_piece))
    }
}

/// Up to four digits, after letters that are no setting three; decimals.
fn admits_number(number: &str, before: &str, unit: &str) -> bool {
    let limit = match (before, unit) {
        (_, "ms" | "msec") => 5,
        ("", _) => 4,
        (setting, _) if SETTINGS.contains(&setting) => 4,
        (_, unit) if UNITS.contains(&unit) => 4,
        _ => 3,
    };
    match number.split_once('.') {
        None => number.len() <= limit,
        Some((whole, decimals)) => whole.len() <= 4 && decimals.len() <= 6 && !decimals.contains('.'),
    }
}
