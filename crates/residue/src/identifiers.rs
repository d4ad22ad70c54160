//! What a caller knows of a person, in every spelling that a leak might use.

use crate::encodings::{self, Unit};
use std::fmt;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// One identifier of one person.
#[derive(Clone, PartialEq, Eq)]
pub struct Needle {
    /// What it is; this decides its spellings.
    pub kind: NeedleKind,
    /// The identifier as the caller knows it.
    pub text: String,
}

/// What a needle is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NeedleKind {
    /// A person's name, as PN (PS3.5 §6.2.1, with its groups), as `Family, Given` or as words.
    Name,
    /// An NHS number, or another number.
    Number,
    /// A birth date: `yyyymmdd`, `yyyy-mm-dd` or `dd/mm/yyyy`.
    Date,
    /// An address: its lines apart from each other.
    Address,
    /// A UID of the original objects.
    Uid,
    /// An accession number, a local identifier, anything else.
    Other,
}

impl Needle {
    /// A needle.
    pub fn new(kind: NeedleKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }
}

impl fmt::Debug for Needle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Needle({:?})", self.kind)
    }
}

/// Where and next to what a spelling counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// One part of a name: a whole word, or beside another part of it. A word that is common in headers counts alone
    /// only where a person's name stands.
    NamePart { part: u16, common: bool },
    /// Digits: a whole run.
    Digits,
    /// A date.
    Date { compact: bool },
    /// A whole word of letters and digits.
    Word,
    /// A UID: whole components.
    Uid,
    /// A number in binary.
    Binary,
}

/// What is known of one byte pattern of the automaton.
pub(crate) struct Entry {
    pub(crate) needle: usize,
    pub(crate) kind: NeedleKind,
    pub(crate) rule: Rule,
    pub(crate) unit: Unit,
    pub(crate) encoding: &'static str,
    pub(crate) chars: usize,
    /// Han, kana or hangul: written without spaces, so no word ends there.
    pub(crate) ideographic: bool,
}

/// Words that stand in headers for reasons of their own; a person's name may be one of them.
const COMMON_WORDS: &[&str] = &[
    "abdomen",
    "acquisition",
    "agfa",
    "air",
    "an",
    "and",
    "angle",
    "ankle",
    "anterior",
    "arm",
    "at",
    "axial",
    "back",
    "bas",
    "bay",
    "bin",
    "black",
    "body",
    "bolus",
    "bone",
    "brain",
    "breast",
    "canon",
    "care",
    "case",
    "center",
    "central",
    "centre",
    "chest",
    "child",
    "city",
    "clinical",
    "color",
    "contrast",
    "cook",
    "coronal",
    "cross",
    "ct",
    "day",
    "derived",
    "detail",
    "diagnostic",
    "dixon",
    "do",
    "dose",
    "east",
    "elbow",
    "end",
    "erect",
    "fast",
    "field",
    "film",
    "filter",
    "fine",
    "flash",
    "foot",
    "for",
    "frame",
    "fuji",
    "gain",
    "ge",
    "general",
    "go",
    "gold",
    "gray",
    "grey",
    "green",
    "hall",
    "hand",
    "hard",
    "head",
    "helical",
    "high",
    "hip",
    "hologic",
    "hospital",
    "image",
    "in",
    "iris",
    "knee",
    "large",
    "lateral",
    "left",
    "light",
    "line",
    "localizer",
    "long",
    "lossy",
    "lung",
    "main",
    "major",
    "mark",
    "mass",
    "may",
    "medical",
    "mono",
    "monochrome",
    "mr",
    "neck",
    "no",
    "none",
    "north",
    "off",
    "on",
    "open",
    "or",
    "original",
    "park",
    "part",
    "pelvis",
    "philips",
    "phase",
    "plain",
    "portable",
    "posterior",
    "power",
    "presentation",
    "primary",
    "prone",
    "radiology",
    "read",
    "right",
    "routine",
    "royal",
    "scan",
    "sharp",
    "short",
    "shoulder",
    "siemens",
    "slice",
    "small",
    "smooth",
    "so",
    "soft",
    "south",
    "spine",
    "spiral",
    "stable",
    "standard",
    "supine",
    "thick",
    "thin",
    "thorax",
    "to",
    "tube",
    "unit",
    "van",
    "view",
    "volume",
    "ward",
    "water",
    "west",
    "white",
    "wood",
    "yes",
    "young",
];

/// How many parts of one name are told apart.
const NAME_PARTS_MAX: usize = 24;

/// Every byte pattern of these needles, and what is known of each.
pub(crate) fn compile(needles: &[Needle]) -> (Vec<Vec<u8>>, Vec<Entry>) {
    let (mut patterns, mut entries) = (Vec::new(), Vec::new());
    for (index, needle) in needles.iter().enumerate() {
        let mut known: Vec<(Vec<u8>, Unit, Rule)> = Vec::new();
        for (text, rule) in spellings(needle) {
            let (chars, ideographic) = (text.chars().count(), text.chars().any(is_ideographic));
            for mut form in encodings::encode(&text) {
                form.bytes.make_ascii_lowercase();
                let key = (form.bytes, form.unit, rule);
                if !known.contains(&key) {
                    entries.push(Entry {
                        needle: index,
                        kind: needle.kind,
                        rule,
                        unit: form.unit,
                        encoding: form.name,
                        chars,
                        ideographic,
                    });
                    known.push(key);
                }
            }
        }
        patterns.extend(known.into_iter().map(|(bytes, _, _)| bytes));
        for bytes in binary_numbers(needle) {
            let (rule, unit) = (Rule::Binary, Unit::Binary);
            let kind = needle.kind;
            entries.push(Entry {
                needle: index,
                kind,
                rule,
                unit,
                encoding: "binary",
                chars: 8,
                ideographic: false,
            });
            patterns.push(bytes);
        }
    }
    (patterns, entries)
}

fn spellings(needle: &Needle) -> Vec<(String, Rule)> {
    let text = needle.text.trim_matches([' ', '\0']);
    if text.is_empty() {
        return Vec::new();
    }
    match needle.kind {
        NeedleKind::Name => name_parts(text),
        NeedleKind::Number => number(text),
        NeedleKind::Date => date(text).unwrap_or_else(|| number(text)),
        NeedleKind::Address => address(text),
        NeedleKind::Uid => vec![(text.to_owned(), Rule::Uid)],
        NeedleKind::Other => number(text),
    }
}

/// The parts of a name, each with and without its accents, apostrophes and hyphens; joins are found by neighbourhood.
fn name_parts(text: &str) -> Vec<(String, Rule)> {
    let mut parts: Vec<&str> = Vec::new();
    for group in text.split('=') {
        let marked = group.contains(['^', ',']);
        let mut components: Vec<&str> =
            group.split(|c: char| if marked { matches!(c, '^' | ',') } else { c.is_whitespace() }).collect();
        if group.contains('^') {
            components.truncate(3); // prefix and suffix (Dr, Mrs, PhD) name nobody
        }
        let words =
            components.clone().into_iter().flat_map(|component| component.split([' ', '-', '\u{3000}']));
        parts.extend(components.into_iter().chain(words).map(str::trim));
    }
    parts.retain(|part| part.chars().count() >= 2 || part.chars().any(is_ideographic));
    parts.dedup();
    parts.truncate(NAME_PARTS_MAX);
    let mut spelled: Vec<(String, Rule)> = Vec::new();
    for (part, text) in (0..).zip(parts) {
        for form in variants(text) {
            let common = COMMON_WORDS.contains(&form.to_lowercase().as_str());
            let rule = Rule::NamePart { part, common };
            if !spelled.iter().any(|(known, _)| *known == form) {
                spelled.push((form, rule));
            }
        }
    }
    spelled
}

/// Cases, accents and joints of one word.
fn variants(text: &str) -> Vec<String> {
    let mut forms = vec![text.to_owned()];
    if text.contains(['\'', '\u{2019}', '-', ' ']) {
        let without = |with: &str| text.split(['\'', '\u{2019}', '-', ' ']).collect::<Vec<_>>().join(with);
        forms.extend([without(""), text.replace('\'', "\u{2019}"), text.replace('\u{2019}', "'")]);
        forms.extend([text.replace('-', " "), text.replace(' ', "-"), text.replace('\'', " ")]);
    }
    if !text.is_ascii() {
        for form in forms.clone() {
            forms.extend([form.nfc().collect(), form.nfd().collect(), form.nfkc().collect()]);
            forms.extend([folded(&form, false), folded(&form, true)]);
        }
        for form in forms.clone() {
            forms.extend([form.to_lowercase(), form.to_uppercase()]);
        }
    }
    forms.sort_unstable();
    forms.dedup();
    forms.retain(|form| !form.trim().is_empty());
    forms
}

/// Without accents: `ö` becomes `o`, or `oe` where the language writes it so.
fn folded(text: &str, expanded: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.nfc().flat_map(char::to_lowercase) {
        match c {
            'ä' | 'ö' | 'ü' if expanded => out.extend([c.nfd().next().unwrap_or(c), 'e']),
            'ø' if expanded => out.push_str("oe"),
            'å' if expanded => out.push_str("aa"),
            'ß' => out.push_str("ss"),
            'æ' => out.push_str("ae"),
            'œ' => out.push_str("oe"),
            'þ' => out.push_str("th"),
            'ø' => out.push('o'),
            'ł' => out.push('l'),
            'đ' | 'ð' => out.push('d'),
            'ı' => out.push('i'),
            other if is_ideographic(other) => out.push(other), // kana keep their voicing marks
            other => out.extend(other.nfd().filter(|c| !is_combining_mark(*c))),
        }
    }
    out
}

/// A number, or an identifier of letters and digits: as it is, and without its separators.
fn number(text: &str) -> Vec<(String, Rule)> {
    let bare: String = text.chars().filter(|c| !matches!(c, ' ' | '-' | '.' | '/')).collect();
    if !bare.bytes().all(|byte| byte.is_ascii_digit()) {
        let mut spelled = vec![(text.to_owned(), Rule::Word)];
        if bare != text && bare.chars().count() >= 6 {
            spelled.push((bare, Rule::Word));
        }
        return spelled;
    }
    let mut spelled = vec![text.to_owned(), bare.clone()];
    if bare.len() == 10 {
        let (first, second, third) = (&bare[..3], &bare[3..6], &bare[6..]);
        spelled.extend([" ", "-", ".", "^", "\u{a0}"].map(|sep| [first, second, third].join(sep)));
    }
    let full_width = |c: char| char::from_u32(u32::from(c) - u32::from('0') + 0xFF10).unwrap_or(c);
    if bare.len() >= 8 {
        spelled.push(bare.chars().map(full_width).collect());
    }
    spelled.sort_unstable();
    spelled.dedup();
    spelled.into_iter().map(|text| (text, Rule::Digits)).collect()
}

/// A number of more than 32 bits as an integer and as a float, in both byte orders.
fn binary_numbers(needle: &Needle) -> Vec<Vec<u8>> {
    let wanted = needle.kind == NeedleKind::Number;
    let bare: String = needle.text.chars().filter(|c| !matches!(c, ' ' | '-' | '\0')).collect();
    let Some(value) = bare.parse::<u32>().err().and_then(|_| bare.parse::<u64>().ok()).filter(|_| wanted)
    else {
        return Vec::new();
    };
    let mut forms = vec![value.to_le_bytes().to_vec(), value.to_be_bytes().to_vec()];
    if let Ok(float) = bare.parse::<f64>() {
        forms.extend([float.to_le_bytes().to_vec(), float.to_be_bytes().to_vec()]);
    }
    forms
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Every way in which a date is written; `None` where the text is no date.
fn date(text: &str) -> Option<Vec<(String, Rule)>> {
    let digits: Vec<&str> = text.split(['-', '/', '.']).collect();
    let (year, month, day) = match digits.as_slice() {
        [whole] if whole.len() == 8 && whole.is_ascii() => (&whole[..4], &whole[4..6], &whole[6..]),
        [year, month, day] if year.len() == 4 => (*year, *month, *day),
        [day, month, year] if year.len() == 4 => (*year, *month, *day),
        _ => return None,
    };
    let number = |text: &str| text.parse::<u8>().ok();
    let (month, day) = (number(month)?, number(day)?);
    year.parse::<u16>().ok()?;
    let name = MONTHS.get(usize::from(month.checked_sub(1)?))?;
    let (mm, dd, yy, short) = (format!("{month:02}"), format!("{day:02}"), &year[2..], &name[..3]);
    let mut spelled = Vec::new();
    for compact in [format!("{year}{mm}{dd}"), format!("{dd}{mm}{year}"), format!("{mm}{dd}{year}")] {
        spelled.push((compact, Rule::Date { compact: true }));
    }
    let mut spaced = Vec::new();
    for sep in ["-", "/", ".", " "] {
        spaced.push([year, &mm, &dd].join(sep));
        spaced.push([&dd, &mm, year].join(sep));
        spaced.push([&mm, &dd, year].join(sep));
        spaced.push(format!("{day}{sep}{month}{sep}{year}"));
        spaced.push(format!("{month}{sep}{day}{sep}{year}"));
        if sep != " " {
            spaced.push([&dd, &mm, yy].join(sep));
        }
    }
    for month in [*name, short] {
        for day in [dd.clone(), day.to_string()] {
            spaced.extend(["-", " ", "", "/"].map(|sep| [&day, month, year].join(sep)));
            spaced.extend([format!("{month} {day}, {year}"), format!("{month} {day} {year}")]);
        }
    }
    spaced.sort_unstable();
    spaced.dedup();
    spelled.extend(spaced.into_iter().map(|text| (text, Rule::Date { compact: false })));
    Some(spelled)
}

/// Each line of an address that says more than a town: two words or more, or a postcode.
fn address(text: &str) -> Vec<(String, Rule)> {
    let mut spelled: Vec<String> = Vec::new();
    for line in text.split([',', '\n', '\r', '^', '\\', ';']) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let line_has_digit = line.contains(|c: char| c.is_ascii_digit());
        if words.concat().chars().count() < 5 || (words.len() < 2 && !line_has_digit) {
            continue;
        }
        for sep in [" ", "", "^", "_", "-", ", ", "  "] {
            spelled.extend(variants(&words.join(sep)));
        }
    }
    spelled.sort_unstable();
    spelled.dedup();
    spelled.into_iter().map(|text| (text, Rule::Word)).collect()
}

pub(crate) fn is_ideographic(c: char) -> bool {
    matches!(u32::from(c), 0x1100..=0x11FF | 0x2E80..=0x2FDF | 0x3005..=0x312F | 0x3130..=0x318F | 0x31A0..=0x9FFF
        | 0xAC00..=0xD7AF | 0xF900..=0xFAFF | 0xFF66..=0xFF9F | 0x2_0000..=0x3_FFFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(kind: NeedleKind, text: &str) -> Vec<String> {
        spellings(&Needle::new(kind, text)).into_iter().map(|(text, _)| text).collect()
    }

    #[test]
    fn a_name_loses_its_accents_and_joints() {
        let parts = texts(NeedleKind::Name, "Müller-O'Brien^Zoë^^Dr");
        for wanted in ["müller", "muller", "mueller", "MÜLLER", "o'brien", "zoe", "Zoë", "müllerobrien"] {
            assert!(
                parts.iter().any(|part| part.to_lowercase() == wanted.to_lowercase()),
                "{wanted} in {parts:?}"
            );
        }
        assert!(!parts.iter().any(|part| part == "Dr"));
    }

    #[test]
    fn a_number_is_grouped_as_people_write_it() {
        let forms = texts(NeedleKind::Number, "999 123 4578");
        for wanted in ["9991234578", "999 123 4578", "999-123-4578", "９９９１２３４５７８"] {
            assert!(forms.iter().any(|form| form == wanted), "{wanted}");
        }
    }

    #[test]
    fn a_date_is_written_in_many_ways() {
        let forms = texts(NeedleKind::Date, "1950-03-02");
        for wanted in
            ["19500302", "02/03/1950", "02.03.1950", "02031950", "2 March 1950", "02-Mar-1950", "02/03/50"]
        {
            assert!(forms.iter().any(|form| form == wanted), "{wanted}");
        }
        assert_eq!(texts(NeedleKind::Date, "unknown"), ["unknown"]);
    }

    #[test]
    fn a_town_alone_is_no_address() {
        let forms = texts(NeedleKind::Address, "12 High Street, Springfield, LS1 4AP");
        assert!(forms.iter().any(|form| form == "12 High Street"));
        assert!(forms.iter().any(|form| form == "LS14AP"));
        assert!(!forms.iter().any(|form| form == "Springfield"));
    }

    #[test]
    fn a_needle_does_not_print_itself() {
        assert_eq!(format!("{:?}", Needle::new(NeedleKind::Name, "Doe^Jane")), "Needle(Name)");
    }
}
