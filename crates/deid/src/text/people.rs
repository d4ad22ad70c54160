//! Names that nobody told of: after titles and after who did what, and words that are names as well beside words that are unknown.

use super::known::{Known, TITLES};
use super::passage::{Fate, Passage};
use super::vocabulary::{AlsoName, Vocabulary, also_name};

/// Which are modalities and diseases too: `MR HEAD`, `DR CHEST`, `MS PROTOCOL`, and `Mr Lumbar Spine`.
const TITLES_OR_CODES: &[&str] = &["mr", "dr", "ms"];
/// Words after which a name follows, if a colon does.
const NAME_LABELS: &[&str] = &[
    "name",
    "surname",
    "forename",
    "forenames",
    "patient",
    "consultant",
    "referrer",
    "radiographer",
    "radiologist",
    "sonographer",
    "operator",
    "physician",
    "clinician",
    "registrar",
    "gp",
    "by",
    "doctor",
    "requester",
    "referring",
    "reporter",
    "typist",
    "technologist",
    "technician",
    "performer",
    "author",
    "signed",
    "clinic",
];
/// Words for people: a name may follow without a colon.
const PERSONS: &[&str] = &[
    "consultant",
    "radiographer",
    "radiologist",
    "sonographer",
    "registrar",
    "technologist",
    "technician",
    "gp",
    "doctor",
    "baby",
    "girl",
    "boy",
];
/// What is done by somebody.
const DEEDS: &[&str] = &[
    "referred",
    "reported",
    "requested",
    "verified",
    "performed",
    "dictated",
    "typed",
    "signed",
    "authorised",
    "authorized",
    "seen",
    "reviewed",
    "scanned",
    "checked",
    "approved",
    "discussed",
    "examined",
    "ordered",
    "read",
    "validated",
    "transcribed",
    "entered",
    "operated",
    "consented",
    "justified",
    "vetted",
    "protocolled",
];
/// Small words that are left over where what they led to is gone.
const CONNECTORS: &[&str] = &[
    "for", "by", "with", "of", "to", "at", "from", "in", "on", "and", "the", "per", "re", "via", "as", "a",
    "an", "is", "was", "no", "date", "dated", "since", "s", "c/o", "his", "her", "dear", "this", "under",
    "named", "called",
];
/// So many words a name may have.
const NAME_WORDS_MAX: usize = 4;
/// So many letters in a row are a word.
const SPACED_LETTERS_MIN: usize = 4;

/// Names after titles, labels and deeds.
pub(super) fn remove_announced(passage: &mut Passage<'_>, vocabulary: &Vocabulary<'_>) {
    for word in 0..passage.words.len() {
        if passage.words[word].fate != Fate::Open {
            continue;
        }
        if TITLES.contains(&passage.word_key(word)) {
            let dotted = passage.gap_before(word + 1).starts_with('.');
            let code = !dotted && TITLES_OR_CODES.contains(&passage.word_key(word));
            let capitals = code && !passage.word(word).contains(char::is_lowercase);
            let is_doubtful = !passage.mixed || capitals || (code && passage.titled);
            let lead = if is_doubtful { Lead::Doubtful } else { Lead::Title };
            if let Some(end) = name_end(passage, vocabulary, word + 1, lead) {
                let stays = capitals && !passage.mixed;
                passage.remove(word + usize::from(stays)..end);
            }
        } else if let Some(first) = after_label(passage, word)
            && let Some(end) = name_end(passage, vocabulary, first, Lead::of_label(passage.word_key(word)))
        {
            passage.remove(word..end);
        } else if is_initial(passage, word)
            && also_name(passage.word_key(word + 1)).is_some()
            && !in_collocation(passage, word + 1)
        {
            passage.remove(word..word + 2);
        } else if PERSONS.contains(&passage.word_key(word))
            && passage.gap_before(word + 1) == " "
            && (!passage.mixed || passage.word(word + 1).starts_with(char::is_uppercase))
            && let Some(end) = name_end(passage, vocabulary, word + 1, Lead::Doubtful)
        {
            passage.remove(word + 1..end);
        }
    }
}

/// A letter that stands for a forename, before a surname: `J. White`, and not `L. foot`, `2 m. long`.
fn is_initial(passage: &Passage<'_>, word: usize) -> bool {
    let (key, text, next) = (passage.word_key(word), passage.word(word), passage.word(word + 1));
    let is_capital = text.len() == 1 && text.starts_with(|c: char| c.is_ascii_uppercase());
    let is_side = matches!(key, "l" | "r") && also_name(passage.word_key(word + 1)) != Some(AlsoName::Often);
    let dot = passage.gap_before(word + 1);
    is_capital && !is_side && (dot == "." || dot == ". ") && next.starts_with(char::is_uppercase)
}

/// The word after `reported by`, `Name:`, `discussed with`.
fn after_label(passage: &Passage<'_>, word: usize) -> Option<usize> {
    let key = passage.word_key(word);
    let next = passage.word_key(word + 1);
    let near =
        |word| passage.gap_before(word).chars().count() <= 3 && !passage.gap_before(word).contains('.');
    if key == "d" && next == "w" && passage.gap_before(word + 1) == "/" && near(word + 2) {
        return Some(word + 2);
    }
    if DEEDS.contains(&key) && matches!(next, "by" | "with" | "for") && near(word + 1) && near(word + 2) {
        return Some(word + 2);
    }
    // `Dictated R Young`
    let is_initial =
        passage.word(word + 1).len() == 1 && passage.word(word + 1).starts_with(char::is_uppercase);
    if DEEDS.contains(&key) && is_initial && also_name(passage.word_key(word + 2)).is_some() && near(word + 1)
    {
        return Some(word + 1);
    }
    let colon = passage.gap_before(word + 1).trim_start().starts_with(':');
    (NAME_LABELS.contains(&key) && colon && near(word + 1)).then_some(word + 1)
}

/// What leads to a name: how sure it is that one follows.
#[derive(Clone, Copy, PartialEq)]
enum Lead {
    /// A title that is nothing else: words with a capital are a name, and words that are names as well.
    Title,
    /// A label of the staff: words that are names as well are a name. `Consultant: Chin`
    Staff,
    /// What may lead to something else: the name begins with what is no word. `Patient: head first`, `MR HEAD`
    Doubtful,
}

impl Lead {
    fn of_label(key: &str) -> Self {
        if matches!(key, "patient" | "name" | "clinic") { Self::Doubtful } else { Self::Staff }
    }
}

/// Where the name that may begin here ends; `None` if no name does.
fn name_end(passage: &Passage<'_>, vocabulary: &Vocabulary<'_>, first: usize, lead: Lead) -> Option<usize> {
    let mut found = false;
    let mut end = first;
    while end < passage.words.len() && end < first + NAME_WORDS_MAX {
        let (gap, key, text) = (passage.gap_before(end), passage.word_key(end), passage.word(end));
        if gap.chars().count() > 3
            || (end > first && gap.contains(['.', ';', ':']) && passage.word(end - 1).len() > 1)
        {
            break;
        }
        if text.bytes().any(|byte| byte.is_ascii_digit()) {
            break;
        }
        let title = TITLES.contains(&key);
        let initial = text.len() == 1 && (text.starts_with(char::is_uppercase) || !passage.mixed);
        let unknown = passage.is_gone(end) || !vocabulary.admits_word(passage, end);
        let capital =
            passage.mixed && text.starts_with(char::is_uppercase) && text.chars().any(char::is_lowercase);
        let also = also_name(key);
        let name = unknown || (also == Some(AlsoName::Often) && !in_collocation(passage, end));
        let may_be = match lead {
            Lead::Title => capital || also.is_some(),
            Lead::Staff => also.is_some(),
            Lead::Doubtful => false,
        };
        let first_name = !found && !initial && may_be;
        if !(title || initial || name || first_name || (found && capital && also.is_some())) {
            break;
        }
        found |= name || first_name;
        end += 1;
    }
    found.then_some(end)
}

/// `white matter`, `long axis`, `X-ray`: words that are no names here.
fn in_collocation(passage: &Passage<'_>, word: usize) -> bool {
    let before = word.checked_sub(1).map_or("", |before| passage.word_key(before));
    matches!(
        (passage.word_key(word), passage.word_key(word + 1)),
        ("white" | "gray" | "grey", "matter") | ("long" | "short", "axis" | "bone" | "bones")
    ) || (before, passage.word_key(word)) == ("x", "ray")
}

/// Words written letter by letter: `S M I T H`.
pub(super) fn remove_spaced_letters(passage: &mut Passage<'_>) {
    let mut start = 0;
    while start < passage.words.len() {
        let mut end = start;
        while passage.word(end).len() == 1
            && passage.word_key(end).bytes().all(|byte| byte.is_ascii_alphabetic())
            && (end == start
                || passage.gap_before(end).chars().all(|c| matches!(c, ' ' | '.' | '-' | '_' | '\t')))
        {
            end += 1;
        }
        if end - start >= SPACED_LETTERS_MIN {
            passage.remove(start..end);
        }
        start = end.max(start + 1);
    }
}

/// Words that are names as well, and initials, beside words that went.
pub(super) fn remove_beside_unknown(passage: &mut Passage<'_>, known: &Known) {
    for word in 0..passage.words.len() {
        if word > 0 && passage.is_gone(word - 1) && goes_along(passage, known, word, word - 1) {
            passage.remove(word..word + 1);
        }
    }
    for word in (0..passage.words.len()).rev() {
        if passage.is_gone(word + 1) && goes_along(passage, known, word, word + 1) {
            passage.remove(word..word + 1);
        }
    }
}

fn goes_along(passage: &Passage<'_>, known: &Known, word: usize, gone: usize) -> bool {
    if passage.words[word].fate != Fate::Open {
        return false;
    }
    let gap = passage.gap_before(word.max(gone));
    let (key, text) = (passage.word_key(word), passage.word(word));
    let near = gap.chars().count() <= 3 && !gap.contains(['\n', ';', ':']);
    let glued = !gap.contains(char::is_whitespace);
    let gone_is_word = !passage.word(gone).contains(|c: char| c.is_ascii_digit());
    if !near {
        return false;
    }
    if key == "s" && matches!(gap, "'" | "’") && gone < word {
        return true;
    }
    if glued && text.bytes().filter(u8::is_ascii_digit).count() >= 3 && matches!(gap, "-" | "/" | "." | "_") {
        return true;
    }
    let sentence = gap.contains('.') && gone > word && text.len() > 1;
    if sentence || !gone_is_word && !glued {
        return false;
    }
    if text.len() == 1 {
        let letter = text.starts_with(|c: char| c.is_ascii_uppercase());
        let side = matches!(key, "l" | "r");
        return known.has_initial(key) || (letter && (!side || gap.starts_with('.')));
    }
    also_name(key) == Some(AlsoName::Often)
        && !in_collocation(passage, word)
        && (!passage.mixed || text.starts_with(char::is_uppercase))
}

/// What led to something that is gone, and what leads on from it at the start of a line.
pub(super) fn remove_left_over(passage: &mut Passage<'_>) {
    for word in (0..passage.words.len()).rev() {
        if passage.is_gone(word) || !passage.is_gone(word + 1) || passage.words[word].fate != Fate::Open {
            continue;
        }
        let gap = passage.gap_before(word + 1);
        let mut end = word + 1;
        while passage.is_gone(end) {
            end += 1;
        }
        let closes =
            end == passage.words.len() || passage.gap_before(end).contains(['\n', '.', ';', ',', ')']);
        let connects = CONNECTORS.contains(&passage.word_key(word)) && !gap.contains(['.', '\n', ')']);
        let dates = passage.words[word + 1].is_date && connects;
        let labels = gap.trim_start().starts_with(':');
        if dates || (closes && (connects || labels)) {
            passage.remove(word..word + 1);
        }
    }
    for word in 1..passage.words.len() {
        let connects = matches!(passage.word_key(word), "for" | "and" | "by" | "with" | "of" | "to" | "s");
        if !connects || passage.words[word].fate != Fate::Open || passage.gap_before(word).contains('\n') {
            continue;
        }
        let first_gone = (0..word).rev().take_while(|before| passage.is_gone(*before)).last();
        if first_gone.is_some_and(|first| first == 0 || passage.gap_before(first).contains('\n')) {
            passage.remove(word..word + 1);
        }
    }
}
