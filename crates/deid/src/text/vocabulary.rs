//! The words that may stay: a fixed list, and what numbers and their units look like.

use super::passage::Passage;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::OnceLock;

const WORDS: &str = include_str!("../../../../profiles/vocabulary.txt");
const NAMES: &str = include_str!("../../../../profiles/vocabulary-names.csv");

/// Units and other endings that stand after a number.
const UNITS: &[&str] = &[
    "mm", "cm", "m", "um", "µm", "nm", "kv", "kvp", "ma", "mas", "ms", "msec", "s", "sec", "secs", "min",
    "mins", "h", "hr", "hrs", "t", "ml", "l", "cc", "g", "mg", "mcg", "ug", "µg", "kg", "hz", "khz", "mhz",
    "w", "wk", "wks", "d", "y", "yr", "yrs", "mo", "hu", "gy", "cgy", "mgy", "msv", "mbq", "gbq", "bq", "lb",
    "fps", "bpm", "px", "pt", "k", "x", "st", "nd", "rd", "th", "deg", "mmhg", "kpa", "ppm", "fr", "f", "ch",
    "sl", "ph", "b", "u", "i", "kw", "mw",
];

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
        let (text, key) = (passage.word(word), passage.word_key(word));
        if text.is_ascii() {
            return self.has(key) && !text.contains('.') || self.admits_pieces(passage, word);
        }
        self.has(&text.to_lowercase()) || self.admits_pieces(passage, word)
    }

    /// A number with its unit, a code with its number, words in CamelCase.
    fn admits_pieces(&self, passage: &Passage<'_>, word: usize) -> bool {
        let Some(range) = passage.words.get(word).map(|word| word.pieces.clone()) else { return false };
        let (mut at, mut digits, mut singles) = (range.start, 0, 0);
        let mut before = "";
        while at < range.end {
            if passage.pieces[at].digits {
                let decimal = at + 1 < range.end && passage.gap_after_piece(at) == ".";
                let last = at + usize::from(decimal);
                let unit = passage.key(last + 1);
                let unit = if last + 1 < range.end { unit } else { "" };
                digits += passage.key(at).len() + if decimal { passage.key(last).len() } else { 0 };
                let more_decimals = last + 1 < range.end && passage.gap_after_piece(last) == ".";
                if more_decimals || !admits_number(passage.key(at), decimal, before, unit) {
                    return false;
                }
                (before, at) = ("", last + 1);
            } else {
                let mut end = at + 1;
                while end < range.end && !passage.pieces[end].digits {
                    end += 1;
                }
                let after_number = at > range.start;
                let (known, single) = self.admits_letters(passage, at..end, after_number);
                if !known {
                    return false;
                }
                singles += usize::from(single);
                before = passage.key(end - 1);
                at = end;
            }
        }
        let alone_fits = if range.len() == 1 { true } else { digits <= DIGITS_MAX };
        alone_fits && singles <= 3 && (singles < 2 || digits <= 4)
    }

    /// Whether these letters are known, as a whole or word by word; and whether they are a single letter.
    fn admits_letters(
        &self,
        passage: &Passage<'_>,
        pieces: std::ops::Range<usize>,
        after_number: bool,
    ) -> (bool, bool) {
        let whole: String = pieces.clone().map(|piece| passage.key(piece)).collect();
        let written: String = pieces
            .clone()
            .map(|piece| &passage.text[passage.pieces[piece].start..passage.pieces[piece].end])
            .collect();
        if after_number && UNITS.contains(&written.to_lowercase().as_str()) {
            return (true, false);
        }
        if whole.len() == 1 {
            return (true, true);
        }
        let word_by_word = || {
            pieces.clone().all(|piece| {
                let key = passage.key(piece);
                key.len() > 1 && written.is_ascii() && self.has(key)
            })
        };
        (self.has(&whole) || word_by_word(), false)
    }
}

/// Up to four digits alone or with a unit, three after letters that are no setting; decimals.
fn admits_number(whole: &str, decimal: bool, before: &str, unit: &str) -> bool {
    let limit = match (before, unit) {
        (_, "ms" | "msec") => 5,
        ("", _) => 4,
        (setting, _) if SETTINGS.contains(&setting) => 4,
        (_, unit) if !unit.is_empty() && UNITS.contains(&unit) => 4,
        _ => 3,
    };
    whole.len() <= limit && (!decimal || whole.len() <= 4)
}
