//! Free text: what is useful stays, what identifies goes (PS3.15 E.3.3, E.3.4, E.3.5).
//!
//! Three rules in this order: every identifier that is known goes, in all its spellings; what looks like an identifier of
//! anybody goes; of the rest a word stays only if it stands in the vocabulary (`profiles/vocabulary.txt`) or was approved.

mod dates;
mod known;
mod passage;
mod patterns;
mod people;
mod vocabulary;

use known::Known;
use passage::{Fate, Passage};
use residue::{Needle, NeedleKind};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use vocabulary::Vocabulary;

/// What an identifier is; this decides its spellings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IdentifierKind {
    /// PN with its groups (PS3.5 §6.2.1), `Family, Given`, or words.
    Name,
    /// An NHS number or another number.
    Number,
    /// `YYYYMMDD`, `YYYY-MM-DD` or `DD/MM/YYYY`.
    Date,
    /// `YYYYMMDD`: a day on which something was done. It goes where it stands as no date is usually written: others are moved or go.
    Day,
    /// An address: its lines apart from each other.
    Address,
    /// An institution, a department, a station, an application entity.
    Organisation,
    /// A UID.
    Uid,
    /// An accession number, a local identifier, anything else.
    Other,
}

/// What identifies the person, as the linkage or the object has it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Identifier {
    pub(crate) kind: IdentifierKind,
    pub(crate) text: String,
}

impl From<&Needle> for Identifier {
    fn from(needle: &Needle) -> Self {
        let kind = match needle.kind {
            NeedleKind::Name => IdentifierKind::Name,
            NeedleKind::Number => IdentifierKind::Number,
            NeedleKind::Date => IdentifierKind::Date,
            NeedleKind::Address => IdentifierKind::Address,
            NeedleKind::Uid => IdentifierKind::Uid,
            NeedleKind::Other => IdentifierKind::Other,
        };
        Self { kind, text: needle.text.clone() }
    }
}

/// Shows the kind only.
impl std::fmt::Debug for Identifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Identifier({:?})", self.kind)
    }
}

/// What becomes of dates in text. A date of birth that is known goes in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DatesInText {
    /// They go.
    Remove,
    /// They are moved by so many days, in the same notation. Those without a year go.
    Shift(i32),
    /// They stay.
    Keep,
}

/// Text that was cleaned.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Cleaned {
    /// What is left; empty where nothing is.
    pub(crate) text: String,
    /// How many runs of words went.
    pub(crate) removed: usize,
}

/// A longer text goes as a whole.
const TEXT_BYTES_MAX: usize = 32 << 20;
/// Text is looked at in stretches of about this length, so memory is bounded.
const PASSAGE_BYTES: usize = 256 << 10;
/// Each round removes something; text that does not settle goes as a whole.
const ROUNDS_MAX: usize = 16;

/// Cleans the texts of one person, or of one object.
pub(crate) struct TextCleaner {
    known: Known,
    dates: DatesInText,
    allowed: Arc<BTreeSet<String>>,
    cleaned: Memory<Cleaned>,
    is_known: Memory<bool>,
}

impl TextCleaner {
    /// `allowed`: further words, in small letters, that a reviewer has approved.
    pub(crate) fn new(
        identifiers: &[Identifier],
        dates: DatesInText,
        allowed: Arc<BTreeSet<String>>,
    ) -> Self {
        let (cleaned, is_known) = (Memory::default(), Memory::default());
        Self { known: Known::of(identifiers), dates, allowed, cleaned, is_known }
    }

    /// What may stay of the text. It is never longer; what may stay as a whole is unchanged.
    pub(crate) fn clean(&self, text: &str) -> Cleaned {
        self.cleaned.recall(text, || self.cleaned_anew(text))
    }

    /// Whether something that is known of the person stands in the text.
    pub(crate) fn is_known(&self, text: &str) -> bool {
        self.is_known.recall(text, || {
            let mut passage = Passage::of(text);
            self.known.remove_from(&mut passage);
            passage.changed()
        })
    }

    /// Whether a date, or a date and a time (DA, DT), is of a day that is known of the person.
    pub(crate) fn is_known_day(&self, value: &str) -> bool {
        self.known.is_day(value)
    }

    fn cleaned_anew(&self, text: &str) -> Cleaned {
        let mut cleaned = Cleaned { text: text.to_owned(), removed: 0 };
        if text.len() > TEXT_BYTES_MAX {
            return Cleaned { text: String::new(), removed: 1 };
        }
        // Dates are moved when all else is gone: a number that is shaped like a date must not escape by moving.
        let resting = if self.dates == DatesInText::Remove { DatesInText::Remove } else { DatesInText::Keep };
        self.settle(&mut cleaned, resting);
        if matches!(self.dates, DatesInText::Shift(_)) && self.round(&mut cleaned, self.dates) {
            self.settle(&mut cleaned, resting);
        }
        cleaned
    }

    /// Rounds until nothing goes any more: what goes can bring together what did not belong together.
    fn settle(&self, cleaned: &mut Cleaned, dates: DatesInText) {
        for _ in 0..ROUNDS_MAX {
            if !self.round(cleaned, dates) {
                return;
            }
        }
        cleaned.text.clear();
    }

    /// One round over the whole text; whether anything changed.
    fn round(&self, cleaned: &mut Cleaned, dates: DatesInText) -> bool {
        let mut changed = false;
        let mut out = String::new();
        let mut rest = cleaned.text.as_str();
        while !rest.is_empty() {
            let (stretch, after) = rest.split_at(stretch_len(rest));
            rest = after;
            let passage = self.judged(stretch, dates);
            if passage.changed() {
                changed = true;
                cleaned.removed += passage.write(&mut out);
            } else {
                out.push_str(stretch);
            }
        }
        if changed {
            cleaned.text = out;
        }
        changed
    }

    /// Words, in small letters, that go for no other reason than that no list has them: a reviewer may know better.
    pub(crate) fn unknown_words(&self, text: &str) -> BTreeSet<String> {
        let vocabulary = Vocabulary { allowed: &self.allowed };
        let passage = self.without_identifiers(&text[..stretch_len(text)], DatesInText::Remove);
        let unknown =
            |word: &usize| passage.words[*word].fate == Fate::Open && !vocabulary.admits(&passage, *word);
        let mut words = BTreeSet::new();
        for word in (0..passage.words.len()).filter(unknown) {
            if !passage.word(word).is_ascii() {
                words.insert(passage.word(word).to_lowercase());
                continue;
            }
            let pieces = passage.words[word].pieces.clone().filter(|piece| !passage.pieces[*piece].digits);
            let keys = pieces.map(|piece| passage.key(piece)).filter(|key| key.len() > 1);
            words.extend(keys.filter(|key| !vocabulary.has(key)).map(str::to_owned));
        }
        words
    }

    /// The stretch with a decision on each of its words.
    fn judged<'t>(&self, text: &'t str, dates: DatesInText) -> Passage<'t> {
        let vocabulary = Vocabulary { allowed: &self.allowed };
        let mut passage = self.without_identifiers(text, dates);
        for word in 0..passage.words.len() {
            if passage.words[word].fate == Fate::Open && !vocabulary.admits(&passage, word) {
                passage.remove(word..word + 1);
            }
        }
        people::remove_beside_unknown(&mut passage, &self.known);
        people::remove_left_over(&mut passage);
        passage
    }

    /// The stretch without what is known of the person and what looks like an identifier of anybody.
    fn without_identifiers<'t>(&self, text: &'t str, dates: DatesInText) -> Passage<'t> {
        let vocabulary = Vocabulary { allowed: &self.allowed };
        let mut passage = Passage::of(text);
        let found = dates::find(&passage).into_iter().map(|date| {
            let fate = match dates {
                _ if self.known.is_known_day(&date) => Fate::Gone,
                DatesInText::Remove => Fate::Gone,
                DatesInText::Keep => Fate::Date,
                DatesInText::Shift(days) => date.moved(&passage, days).map_or(Fate::Gone, Fate::Moved),
            };
            dates::Found { pieces: date.pieces, fate }
        });
        let found = found.collect();
        passage.mark_dates(found);
        self.known.remove_from(&mut passage);
        self.known.remove_days_done(&mut passage);
        patterns::remove(&mut passage, &vocabulary);
        people::remove_spaced_letters(&mut passage);
        people::remove_announced(&mut passage, &vocabulary);
        passage
    }
}

/// What was decided of short texts: the objects of a series say the same again and again.
struct Memory<T>(Mutex<HashMap<String, T>>);

/// Texts that are remembered, and their length in bytes.
const REMEMBERED_MAX: usize = 1_024;
const REMEMBERED_BYTES_MAX: usize = 128;

impl<T> Default for Memory<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone> Memory<T> {
    /// What was decided of this text; decided now if it is not remembered.
    fn recall(&self, text: &str, decide: impl FnOnce() -> T) -> T {
        let remembered = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(decided) = remembered().get(text) {
            return decided.clone();
        }
        let decided = decide();
        let mut remembered = remembered();
        if text.len() <= REMEMBERED_BYTES_MAX && remembered.len() < REMEMBERED_MAX {
            remembered.insert(text.to_owned(), decided.clone());
        }
        decided
    }
}

/// Whether a word stands in the compiled-in vocabulary.
pub(crate) fn is_everyday_word(word: &str) -> bool {
    Vocabulary { allowed: &BTreeSet::new() }.has(&word.to_lowercase())
}

/// Whether a word of the vocabulary is somebody's name as well.
pub(crate) fn is_also_name(word: &str) -> bool {
    vocabulary::also_name(&word.to_lowercase()).is_some()
}

/// Shows nothing of the person.
impl std::fmt::Debug for TextCleaner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TextCleaner(…)")
    }
}

/// The whole of a text, or about as much of a long one as ends with a line or a word.
fn stretch_len(text: &str) -> usize {
    if text.len() <= PASSAGE_BYTES {
        return text.len();
    }
    let limit = (0..=PASSAGE_BYTES).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let head = &text[..limit];
    head.rfind('\n').or_else(|| head.rfind(char::is_whitespace)).map_or(limit, |at| at + 1)
}

#[cfg(test)]
mod tests;
