//! What identifies anybody by its form: numbers of persons and telephones, postcodes, addresses of the network, labelled numbers, great ages.

use super::passage::Passage;
use super::vocabulary::Vocabulary;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::OnceLock;

/// A label of numbers that identify, and how many digits the number must have to be one.
type Label = (&'static [&'static str], usize);

const LABELS: &[Label] = &[
    (&["nhs", "no"], 1),
    (&["nhs", "number"], 1),
    (&["nhs", "num"], 1),
    (&["nhs"], 1),
    (&["hosp", "no"], 1),
    (&["hosp", "number"], 1),
    (&["hosp", "id"], 1),
    (&["hosp"], 3),
    (&["hospital", "no"], 1),
    (&["hospital", "number"], 1),
    (&["hospital", "id"], 1),
    (&["mrn"], 1),
    (&["crn"], 1),
    (&["pas", "no"], 1),
    (&["pas", "number"], 1),
    (&["pas"], 3),
    (&["rxh"], 1),
    (&["patient", "id"], 1),
    (&["patient", "no"], 1),
    (&["patient", "number"], 1),
    (&["pt", "id"], 1),
    (&["pt", "no"], 1),
    (&["pat", "id"], 1),
    (&["pat", "no"], 1),
    (&["pid"], 3),
    (&["id", "no"], 1),
    (&["id", "number"], 1),
    (&["id"], 3),
    (&["chi", "no"], 1),
    (&["chi", "number"], 1),
    (&["chi"], 1),
    (&["h", "c", "no"], 1),
    (&["h", "c", "number"], 1),
    (&["h", "c"], 6),
    (&["hcn"], 1),
    (&["hc", "no"], 1),
    (&["hc", "number"], 1),
    (&["accession", "no"], 1),
    (&["accession", "number"], 1),
    (&["accession"], 1),
    (&["acc", "no"], 1),
    (&["acc"], 3),
    (&["gmc", "no"], 1),
    (&["gmc", "number"], 1),
    (&["gmc"], 1),
    (&["nmc"], 3),
    (&["hcpc"], 1),
    (&["unit", "no"], 1),
    (&["unit", "number"], 1),
    (&["case", "no"], 1),
    (&["case", "number"], 1),
    (&["request", "no"], 1),
    (&["request", "number"], 1),
    (&["order", "no"], 1),
    (&["order", "number"], 1),
    (&["ref", "no"], 1),
    (&["our", "ref"], 1),
    (&["your", "ref"], 1),
    (&["ref"], 3),
    (&["reference", "no"], 1),
    (&["reference", "number"], 1),
    (&["episode", "no"], 1),
    (&["visit", "no"], 1),
    (&["exam", "no"], 1),
    (&["exam", "id"], 1),
    (&["study", "id"], 1),
    (&["xray", "no"], 1),
    (&["ray", "no"], 1),
    (&["film", "no"], 1),
    (&["tel", "no"], 1),
    (&["tel"], 1),
    (&["telephone"], 1),
    (&["phone"], 1),
    (&["mobile"], 6),
    (&["mob"], 6),
    (&["fax"], 1),
    (&["bleep"], 1),
    (&["bleep", "no"], 1),
    (&["pager"], 1),
    (&["ext"], 4),
    (&["extension"], 4),
    (&["dect"], 3),
    (&["ward"], 1),
    (&["bed"], 1),
    (&["bay"], 1),
    (&["dob"], 1),
    (&["d", "o", "b"], 1),
    (&["date", "of", "birth"], 1),
    (&["birth", "date"], 1),
    (&["birthdate"], 1),
    (&["born"], 4),
    (&["yob"], 1),
    (&["year", "of", "birth"], 1),
    (&["ssn"], 3),
    (&["social", "security"], 3),
    (&["social", "security", "no"], 3),
    (&["social", "security", "number"], 3),
    (&["ni", "no"], 3),
    (&["ni", "number"], 3),
    (&["national", "insurance"], 3),
    (&["national", "insurance", "no"], 3),
    (&["national", "insurance", "number"], 3),
    (&["medicare"], 3),
    (&["acct"], 3),
    (&["acct", "no"], 1),
    (&["account"], 4),
    (&["account", "no"], 1),
    (&["account", "number"], 1),
    (&["lab", "no"], 1),
    (&["lab", "number"], 1),
    (&["specimen"], 4),
    (&["specimen", "no"], 1),
    (&["histology"], 4),
    (&["histology", "no"], 1),
    (&["serial", "no"], 1),
    (&["serial", "number"], 1),
    (&["serial", "sn"], 1),
];

/// What has three numbers after it and is the beginning of no National Insurance number: `CT 10 20 30 C`, `TE 10 20 30 a`.
const NUMBERED: &[&str] =
    &["cr", "ct", "dx", "mg", "mr", "nm", "pt", "rf", "sc", "sl", "te", "ti", "tr", "us", "xa"];
/// Digits of a number in groups, at least.
const CHAIN_DIGITS_MIN: usize = 8;
/// How many words after a label may belong to its number.
const LABELLED_WORDS_MAX: usize = 6;
/// The last parts of names of hosts.
const TOP_DOMAINS: &[&str] = &[
    "uk", "com", "org", "net", "nhs", "local", "lan", "internal", "info", "eu", "edu", "gov", "io", "ie",
    "scot", "wales", "cymru", "de", "fr", "biz", "health",
];
/// The areas of UK postcodes (Royal Mail): the letters before the first digit.
const POSTCODE_AREAS: &[&str] = &[
    "AB", "AL", "B", "BA", "BB", "BD", "BF", "BH", "BL", "BN", "BR", "BS", "BT", "BX", "CA", "CB", "CF",
    "CH", "CM", "CO", "CR", "CT", "CV", "CW", "DA", "DD", "DE", "DG", "DH", "DL", "DN", "DT", "DY", "E",
    "EC", "EH", "EN", "EX", "FK", "FY", "G", "GL", "GU", "GY", "HA", "HD", "HG", "HP", "HR", "HS", "HU",
    "HX", "IG", "IM", "IP", "IV", "JE", "KA", "KT", "KW", "KY", "L", "LA", "LD", "LE", "LL", "LN", "LS",
    "LU", "M", "ME", "MK", "ML", "N", "NE", "NG", "NN", "NP", "NR", "NW", "OL", "OX", "PA", "PE", "PH", "PL",
    "PO", "PR", "RG", "RH", "RM", "S", "SA", "SE", "SG", "SK", "SL", "SM", "SN", "SO", "SP", "SR", "SS",
    "ST", "SW", "SY", "TA", "TD", "TF", "TN", "TQ", "TR", "TS", "TW", "UB", "W", "WA", "WC", "WD", "WF",
    "WN", "WR", "WS", "WV", "YO", "ZE",
];
/// Words for streets, after a name.
const STREETS: &[&str] = &[
    "street", "road", "rd", "avenue", "ave", "lane", "grove", "crescent", "gardens", "terrace", "drive",
    "close", "court", "way", "place", "square", "mews", "hill", "view", "walk", "gate", "row", "parade",
];
/// Words before the number of a part of a house.
const DWELLINGS: &[&str] = &["flat", "apartment", "apt", "unit", "room"];
/// Ages above this are rare enough to tell who it is.
const AGE_MAX: u16 = 89;
const AGE_OF_ANYBODY_MAX: u16 = 130;

pub(super) fn remove(passage: &mut Passage<'_>, vocabulary: &Vocabulary<'_>) {
    remove_network_addresses(passage);
    remove_long_numbers(passage);
    remove_insurance_numbers(passage);
    remove_postcodes(passage);
    remove_streets(passage, vocabulary);
    remove_labelled(passage, vocabulary);
    remove_great_ages(passage);
}

/// E-mail addresses, URLs, host names: all that hangs together with them without a blank.
fn remove_network_addresses(passage: &mut Passage<'_>) {
    let mut start = 0;
    while start < passage.words.len() {
        let mut end = start + 1;
        while end < passage.words.len() && !passage.gap_before(end).contains(char::is_whitespace) {
            end += 1;
        }
        if is_network_address(passage, start..end) {
            passage.remove(start..end);
        }
        start = end;
    }
}

fn is_network_address(passage: &Passage<'_>, words: Range<usize>) -> bool {
    let mut gaps = (words.start + 1..words.end).map(|word| passage.gap_before(word));
    let dotted = |word: usize| word > words.start && passage.gap_before(word) == ".";
    let host = || {
        words.clone().any(|word| dotted(word) && TOP_DOMAINS.contains(&passage.word_key(word)))
            || (passage.word_key(words.start) == "www" && words.len() > 1)
    };
    gaps.any(|gap| gap.contains('@') || gap.contains("://") || gap.contains("\\\\")) || host()
}

/// Runs of digits with little between them: telephone numbers, the groups 3-3-4 of NHS numbers, other long numbers in groups.
fn remove_long_numbers(passage: &mut Passage<'_>) {
    let mut start = 0;
    while start < passage.pieces.len() {
        if !passage.pieces[start].digits {
            start += 1;
            continue;
        }
        let mut end = start + 1;
        while end < passage.pieces.len()
            && passage.pieces[end].digits
            && is_number_gap(passage.gap_after_piece(end - 1))
        {
            end += 1;
        }
        for first in start..end {
            if let Some(last) = long_number(passage, first..end) {
                passage.remove_pieces(first..last);
            }
        }
        start = end;
    }
}

/// National Insurance numbers, `AB 12 34 56 C` (HMRC NIM39110): two letters, three pairs of digits, a letter from A to D.
fn remove_insurance_numbers(passage: &mut Passage<'_>) {
    for first in 0..passage.pieces.len() {
        let key = |at: usize| passage.key(first + at);
        let is_pair = |at: usize| {
            passage.pieces.get(first + at).is_some_and(|piece| piece.digits) && key(at).len() == 2
        };
        let letters = key(0).len() == 2 && key(0).bytes().all(|byte| byte.is_ascii_lowercase());
        let near = !NUMBERED.contains(&key(0))
            && (0..4).all(|at| matches!(passage.gap_after_piece(first + at), "" | " " | "-"));
        if letters && (1..4).all(is_pair) && matches!(key(4), "a" | "b" | "c" | "d") && near {
            passage.remove_pieces(first..first + 5);
        }
    }
}

fn is_number_gap(gap: &str) -> bool {
    gap.chars().count() <= 3 && gap.chars().all(|c| " -.()/^\u{a0}".contains(c))
}

/// Where a long number that begins with this piece ends.
fn long_number(passage: &Passage<'_>, pieces: Range<usize>) -> Option<usize> {
    let first = pieces.start;
    let lens: Vec<usize> = pieces.clone().take(16).map(|piece| passage.key(piece).len()).collect();
    if lens.starts_with(&[3, 3, 4]) {
        return Some(first + 3);
    }
    let is_date = |piece: usize| passage.words[passage.pieces[piece].word].is_date;
    let dated = pieces.clone().take(lens.len()).any(is_date);
    let grouped = lens.iter().take_while(|len| **len >= 3).count();
    if !dated && grouped > 1 && lens[..grouped].iter().sum::<usize>() >= 9 {
        return Some(first + grouped);
    }
    if !dated && is_chain(passage, first, &lens) {
        return Some(first + lens.len());
    }
    let before = passage.text[..passage.pieces[first].start].trim_end_matches('(');
    let plus = before.ends_with('+');
    let phone_start = plus || passage.key(first).starts_with('0');
    let mut total = 0;
    for (index, len) in lens.iter().enumerate().take_while(|_| phone_start) {
        total += len;
        // A date and a time are as long as a telephone number, if not written like one.
        let like_phone = || {
            passage
                .written(first..first + index + 1)
                .bytes()
                .all(|b| b.is_ascii_digit() || b" -()".contains(&b))
        };
        if index > 0 && dated && total == 11 && like_phone() {
            return Some(first + index + 1);
        }
        if index > 0 && !dated && total >= 10 {
            return Some(first + lens.len().min(index + 2));
        }
    }
    None
}

/// Whether a number begins here that hyphens part into three groups or more, as `536-22-8714`: what rises or falls all along is a list of
/// values, and what letters lead to is theirs (`b50-400-800`).
fn is_chain(passage: &Passage<'_>, first: usize, lens: &[usize]) -> bool {
    let value = |at: usize| passage.key(first + at).parse::<u64>().unwrap_or(u64::MAX);
    let joints = 0..lens.len().saturating_sub(1);
    let is_whole = passage.words[passage.pieces[first].word].pieces.start == first;
    let is_joined = joints.clone().all(|at| passage.gap_after_piece(first + at) == "-");
    let rises = joints.clone().all(|at| value(at) <= value(at + 1));
    let falls = joints.clone().all(|at| value(at) >= value(at + 1));
    lens.len() >= 3
        && lens.iter().any(|len| *len > 2)
        && lens.iter().sum::<usize>() >= CHAIN_DIGITS_MIN
        && is_whole
        && is_joined
        && !rises
        && !falls
}

fn remove_postcodes(passage: &mut Passage<'_>) {
    for word in 0..passage.words.len() {
        let (text, next) = (passage.word(word), passage.word(word + 1));
        if text.len() > 4 && text.len() <= 7 && text.is_ascii() {
            let (outward, inward) = text.split_at(text.len() - 3);
            if is_postcode(outward, inward) {
                passage.remove(word..word + 1);
            }
        }
        let gap = passage.gap_before(word + 1);
        if gap.trim().is_empty() && gap.chars().count() <= 2 && is_postcode(text, next) {
            passage.remove(word..word + 2);
        }
    }
}

/// `A9`, `A99`, `AA9`, `AA99`, `A9A`, `AA9A` and `9AA`. In small letters `l5 1st` is no postcode.
fn is_postcode(outward: &str, inward: &str) -> bool {
    if !outward.is_ascii() || !(2..=4).contains(&outward.len()) || inward.len() != 3 {
        return false;
    }
    let ordinal =
        matches!(inward, "1st" | "2nd" | "3rd" | "4th" | "5th" | "6th" | "7th" | "8th" | "9th" | "0th");
    let (outward, inward) = (outward.to_ascii_uppercase(), inward.to_ascii_uppercase());
    let letters = outward.bytes().take_while(u8::is_ascii_alphabetic).count();
    let (area, district) = outward.split_at(letters);
    let shaped = match district.as_bytes() {
        [digit] => digit.is_ascii_digit(),
        [digit, last] => digit.is_ascii_digit() && last.is_ascii_alphanumeric(),
        _ => false,
    };
    let letter = |byte: &u8| byte.is_ascii_uppercase() && !b"CIKMOV".contains(byte);
    let inward_shaped =
        matches!(inward.as_bytes(), [digit, a, b] if digit.is_ascii_digit() && letter(a) && letter(b));
    shaped && inward_shaped && !ordinal && POSTCODE_AREAS.contains(&area)
}

/// `12 Elm Grove`, `Flat 3, 12 Elm Grove`: a number and, after one to three words, a word for a street.
fn remove_streets(passage: &mut Passage<'_>, vocabulary: &Vocabulary<'_>) {
    for street in 2..passage.words.len() {
        // `12 High St, Leeds`, and not `ST elevation`, `21st`.
        let closes = passage.gap_before(street + 1);
        let is_st = passage.mixed
            && passage.word(street) == "St"
            && passage.word(street - 1).starts_with(char::is_uppercase)
            && !matches!(passage.word_key(street - 1), "lead" | "leads")
            && (closes.starts_with([',', '.', '\n', ';']) || street + 1 == passage.words.len());
        if !STREETS.contains(&passage.word_key(street)) && !is_st {
            continue;
        }
        let is_number = |word: usize| passage.word(word).bytes().all(|byte| byte.is_ascii_digit());
        let near = (street.saturating_sub(4)..street - 1).rev().find(|word| is_number(*word));
        let Some(number) = near else { continue };
        // A street that is another word too (`2 Lateral View`) must have a name that is unknown.
        let other_word = !is_st && vocabulary.has(passage.word_key(street));
        let capital =
            |word| passage.mixed && !other_word && passage.word(word).starts_with(char::is_uppercase);
        let named = (number + 1..street).any(|word| !vocabulary.admits(passage, word) || capital(word));
        let on_line = (number + 1..=street).all(|word| passage.gap_before(word).chars().count() <= 2);
        if named && on_line {
            let flat =
                number >= 2 && is_number(number - 1) && DWELLINGS.contains(&passage.word_key(number - 2));
            passage.remove(number - if flat { 2 } else { 0 }..street + 1);
        }
    }
}

/// The labels by their first word.
fn labels() -> &'static HashMap<&'static str, Vec<&'static Label>> {
    static LABELS_BY_WORD: OnceLock<HashMap<&str, Vec<&Label>>> = OnceLock::new();
    LABELS_BY_WORD.get_or_init(|| {
        let mut labels: HashMap<&str, Vec<&Label>> = HashMap::new();
        for label in LABELS {
            if let Some(first) = label.0.first() {
                labels.entry(first).or_default().push(label);
            }
        }
        labels
    })
}

/// A label and the number after it.
fn remove_labelled(passage: &mut Passage<'_>, vocabulary: &Vocabulary<'_>) {
    for word in 0..passage.words.len() {
        let Some(labels) = labels().get(passage.word_key(word)) else { continue };
        let matches = |label: &[&str]| {
            (1..label.len()).all(|at| {
                passage.word_key(word + at) == label[at] && passage.gap_before(word + at).len() <= 3
            })
        };
        let longest = labels.iter().filter(|(label, _)| matches(label)).max_by_key(|(label, _)| label.len());
        let Some((label, digits_min)) = longest else { continue };
        let first = word + label.len();
        if let Some(end) = labelled_end(passage, vocabulary, first, *digits_min) {
            passage.remove(word..end);
        }
    }
}

/// Where the number after a label ends: words with digits, perhaps after an unknown prefix.
fn labelled_end(
    passage: &Passage<'_>,
    vocabulary: &Vocabulary<'_>,
    first: usize,
    digits_min: usize,
) -> Option<usize> {
    let (mut end, mut digits) = (None, 0);
    for word in first..passage.words.len().min(first + LABELLED_WORDS_MAX) {
        let gap = passage.gap_before(word);
        if gap.contains('\n') || gap.chars().count() > 4 || (end.is_some() && gap.contains([',', ';'])) {
            break;
        }
        let is_number = passage.word(word).bytes().any(|byte| byte.is_ascii_digit());
        if is_number {
            digits += passage.word(word).bytes().filter(u8::is_ascii_digit).count();
            end = Some(word + 1);
            // More groups of digits only where the first are digits alone, or where they hang together.
            let is_joined = matches!(passage.gap_before(word + 1), "-" | "/");
            if !is_joined && !passage.words[word].pieces.clone().all(|piece| passage.pieces[piece].digits) {
                break;
            }
        } else if end.is_some() {
            if passage.word(word).len() == 1 && matches!(gap, "-" | "/") {
                continue;
            }
            break;
        } else {
            let key = passage.word_key(word);
            let glue = matches!(key, "is" | "was" | "on" | "no" | "number" | "id") || key.len() == 1;
            if !glue && vocabulary.admits(passage, word) {
                break;
            }
        }
    }
    end.filter(|_| digits >= digits_min)
}

/// `92 year old`, `aged 92`, `92yo`, `092Y`, `92F`.
fn remove_great_ages(passage: &mut Passage<'_>) {
    for piece in 0..passage.pieces.len() {
        let key = passage.key(piece);
        let age = key.parse::<u16>().ok().filter(|_| passage.pieces[piece].digits && key.len() <= 3);
        if !age.is_some_and(|age| age > AGE_MAX && age <= AGE_OF_ANYBODY_MAX) {
            continue;
        }
        let word = passage.pieces[piece].word;
        let (next, glued) = (passage.key(piece + 1), passage.gap_after_piece(piece).is_empty());
        let years = matches!(
            next,
            "year" | "years" | "yr" | "yrs" | "yo" | "y" | "yrold" | "yearold" | "yof" | "yom"
        );
        let sexed = glued && matches!(next, "f" | "m") && passage.words[word].pieces.len() == 2;
        let near = passage.gap_after_piece(piece).chars().count() <= 2;
        let labelled = word > 0
            && matches!(passage.word_key(word - 1), "age" | "aged")
            && !passage.gap_before(word).contains('\n');
        if !(labelled || sexed || (years && near)) {
            continue;
        }
        let mut end = word + 1;
        while matches!(
            passage.word_key(end),
            "year" | "years" | "yr" | "yrs" | "yo" | "y" | "o" | "old" | "of" | "age" | "yof" | "yom"
        ) && passage.gap_before(end).len() <= 2
        {
            end += 1;
        }
        passage.remove(word - usize::from(labelled)..end);
    }
}
