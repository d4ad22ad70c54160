//! The data files of `profiles/`, compiled in and read once.

use super::Action;
use super::ProfileOption;
use super::codes::CodeForm;
use dicom::tag::{self, Tag, VR};
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

/// The edition of PS3.15 whose table is compiled in.
pub(crate) const EDITION: &str = "2024e";
/// The same, as clearances and objects name it.
pub(crate) const EDITION_NAME: &str = "PS3.15 2024e";

const TABLE: &str = include_str!("../../../../profiles/ps3.15-2024e.csv");
const TYPES: &str = include_str!("../../../../profiles/types-2024e.csv");
const SOP_CLASSES: &str = include_str!("../../../../profiles/sop-classes-2024e.csv");
const ADDITIONS: &str = include_str!("../../../../profiles/additions.csv");
const TERMS: &str = include_str!("../../../../profiles/terms.csv");
const CODES: &str = include_str!("../../../../profiles/codes.csv");
const CONCEPTS: &str = include_str!("../../../../profiles/codes-ps3.16.csv");
const IDENTIFYING: &str = include_str!("../../../../profiles/identifying-concepts.csv");
const SCHEMES: &str = include_str!("../../../../profiles/coding-schemes.csv");
const UIDS: &str = include_str!("../../../../profiles/well-known-uids.txt");

/// A coding scheme, a code value, a code meaning (PS3.3 §8).
pub(crate) type Code = (&'static str, &'static str, &'static str);

/// A tag, or a pattern of tags such as (60XX,3000).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pattern {
    value: u32,
    mask: u32,
}

/// Every private group.
const ODD_GROUPS: Pattern = Pattern { value: 0x0001_0000, mask: 0x0001_0000 };

impl Pattern {
    pub(crate) fn exact(tag: Tag) -> Self {
        Self { value: number(tag), mask: u32::MAX }
    }

    /// Eight hexadecimal digits, `X` for any; `ODD` for every private group.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text == "ODD" {
            return Some(ODD_GROUPS);
        }
        if text.len() != 8 {
            return None;
        }
        let value = u32::from_str_radix(&text.replace('X', "0"), 16).ok()?;
        let mask = text.chars().fold(0, |mask, c| (mask << 4) | if c == 'X' { 0 } else { 0xf });
        Some(Self { value, mask })
    }

    pub(crate) fn matches(self, tag: Tag) -> bool {
        number(tag) & self.mask == self.value
    }

    /// The tag, where the pattern has one only.
    pub(crate) fn tag(self) -> Option<Tag> {
        let group = u16::try_from(self.value >> 16).ok()?;
        let element = u16::try_from(self.value & 0xffff).ok()?;
        (self.mask == u32::MAX).then_some(Tag(group, element))
    }
}

impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if *self == ODD_GROUPS {
            return f.write_str("odd group");
        }
        (0..8).rev().try_for_each(|digit| match (self.mask >> (4 * digit)) & 0xf {
            0 => f.write_str("X"),
            _ => write!(f, "{:X}", (self.value >> (4 * digit)) & 0xf),
        })
    }
}

/// The UIDs that the standard registers one by one (PS3.6 Annex A).
pub(crate) fn well_known_uids() -> &'static HashSet<&'static str> {
    static UIDS_READ: LazyLock<HashSet<&'static str>> =
        LazyLock::new(|| UIDS.lines().filter(|line| !line.starts_with('#')).collect());
    &UIDS_READ
}

fn number(tag: Tag) -> u32 {
    (u32::from(tag.0) << 16) | u32::from(tag.1)
}

/// A row of Table E.1-1: the actions of the Basic Profile and of each option but Retain Safe Private, which has a table of its own.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) pattern: Pattern,
    pub(crate) name: &'static str,
    pub(crate) basic: &'static str,
    pub(crate) uids: &'static str,
    pub(crate) device: &'static str,
    pub(crate) institution: &'static str,
    pub(crate) patient: &'static str,
    pub(crate) full_dates: &'static str,
    pub(crate) modified_dates: &'static str,
    pub(crate) descriptors: &'static str,
    pub(crate) structured: &'static str,
    pub(crate) graphics: &'static str,
}

/// The files hold no quotes but around names, so a record is read where it lies.
fn records(file: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    file.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).skip(1).map(split)
}

/// The cells of one line; a cell in double quotes may hold commas.
fn split(line: &'static str) -> Vec<&'static str> {
    let mut cells = Vec::new();
    let mut rest = line;
    loop {
        let (cell, after) = match rest.strip_prefix('"').and_then(|quoted| quoted.split_once('"')) {
            Some((cell, after)) => (cell, after.strip_prefix(',')),
            None => match rest.split_once(',') {
                Some((cell, after)) => (cell, Some(after)),
                None => (rest, None),
            },
        };
        cells.push(cell);
        match after {
            Some(after) => rest = after,
            None => return cells,
        }
    }
}

/// Table E.1-1.
pub(crate) fn table() -> &'static [Row] {
    static ROWS: LazyLock<Vec<Row>> =
        LazyLock::new(|| records(TABLE).filter_map(|cells| row(&cells)).collect());
    &ROWS
}

fn row(cells: &[&'static str]) -> Option<Row> {
    let [
        tag,
        name,
        _iod,
        basic,
        _private,
        uids,
        device,
        institution,
        patient,
        full_dates,
        modified_dates,
        descriptors,
        structured,
        graphics,
    ] = cells
    else {
        return None;
    };
    Some(Row {
        pattern: Pattern::parse(tag)?,
        name,
        basic,
        uids,
        device,
        institution,
        patient,
        full_dates,
        modified_dates,
        descriptors,
        structured,
        graphics,
    })
}

/// The Types of attributes: the sequence that holds it, the attribute, 1 or 2, the IODs.
pub(crate) fn types() -> impl Iterator<Item = (&'static str, &'static str, &'static str, &'static str)> {
    records(TYPES).filter_map(|cells| <[&str; 4]>::try_from(cells).ok().map(<_>::into))
}

/// The storage SOP classes and their IODs.
pub(crate) fn sop_classes() -> impl Iterator<Item = (&'static str, &'static str)> {
    records(SOP_CLASSES).filter_map(|cells| <[&str; 2]>::try_from(cells).ok().map(<_>::into))
}

/// A row of what this project adds.
#[derive(Debug)]
pub(crate) struct Addition {
    pub(crate) pattern: Pattern,
    pub(crate) action: Action,
    /// It stands only where dates do not stay as they are.
    pub(crate) is_version: bool,
    pub(crate) reason: &'static str,
}

/// The keep list and the removals that this project adds to the table.
pub(crate) fn additions() -> &'static [Addition] {
    static ROWS: LazyLock<Vec<Addition>> = LazyLock::new(|| {
        let read = |cells: Vec<&'static str>| {
            let action = match *cells.get(2)? {
                "K" => Action::KeepAtTop,
                "L" => Action::Keep,
                "T" => Action::Terms,
                "M" => Action::Technical,
                "N" => Action::Named,
                "C" => Action::Clean,
                "Z" => Action::Empty,
                _ => Action::Remove,
            };
            let (pattern, is_version) = (Pattern::parse(cells.first()?)?, cells.get(2) == Some(&"V"));
            Some(Addition { pattern, action, is_version, reason: cells.get(3)? })
        };
        records(ADDITIONS).filter_map(read).collect()
    });
    &ROWS
}

/// Terms by the attribute, each by its spelling and by its capitals.
fn terms() -> &'static HashMap<Tag, HashMap<String, &'static str>> {
    static TERMS_BY_TAG: LazyLock<HashMap<Tag, HashMap<String, &'static str>>> = LazyLock::new(|| {
        records(TERMS)
            .filter_map(|cells| {
                let (attribute, values) = (*cells.first()?, *cells.get(1)?);
                let tag = if attribute == "*" { EVERY_CODED } else { tag::by_keyword(attribute)? };
                let mut terms = HashMap::new();
                for term in values.split('|') {
                    terms.entry(term.to_uppercase()).or_insert(term);
                    terms.insert(term.to_owned(), term);
                }
                Some((tag, terms))
            })
            .collect()
    });
    &TERMS_BY_TAG
}

/// Whether terms are listed for this very attribute.
pub(crate) fn has_terms(tag: Tag) -> bool {
    terms().contains_key(&tag)
}

/// The listed term that a value spells, letter case aside.
pub(crate) fn term(tag: Tag, vr: VR, value: &str) -> Option<&'static str> {
    let spelled = value.to_uppercase();
    let listed = |tag| {
        let terms = terms().get(&tag)?;
        terms.get(value).or_else(|| terms.get(&spelled)).copied()
    };
    listed(tag).or_else(|| if vr == VR::CS { listed(EVERY_CODED) } else { None })
}

/// Where the terms that hold for every CS attribute are kept: a tag that no data set has.
const EVERY_CODED: Tag = Tag(0xFFFE, 0xE000);

/// A listed code with each of its meanings, the first of which is written where another is wanted; nothing where it is not listed.
pub(crate) fn codes(scheme: &str, value: &str) -> &'static [Code] {
    static LISTED: LazyLock<Vec<Code>> = LazyLock::new(|| {
        let all = records(CODES).chain(records(CONCEPTS));
        let mut codes: Vec<Code> =
            all.filter_map(|cells| Some((*cells.first()?, *cells.get(1)?, *cells.get(2)?))).collect();
        // Those of one code stay in their order.
        codes.sort_by_key(|code| (code.0, code.1));
        codes
    });
    let from = LISTED.partition_point(|code| (code.0, code.1) < (scheme, value));
    let found = &LISTED[from..];
    &found[..found.partition_point(|code| (code.0, code.1) == (scheme, value))]
}

/// The form that the codes of a public scheme have; `None` for a scheme that is not listed.
pub(crate) fn code_form(scheme: &str) -> Option<CodeForm> {
    static FORMS: LazyLock<HashMap<&'static str, CodeForm>> = LazyLock::new(|| {
        records(SCHEMES)
            .filter_map(|cells| Some((*cells.first()?, CodeForm::parse(cells.get(1)?)?)))
            .collect()
    });
    FORMS.get(scheme).copied()
}

/// Whether the values of content items of this concept identify; then the option with which they stay, if there is one.
pub(crate) fn identifying_concept(scheme: &str, value: &str) -> Option<Option<ProfileOption>> {
    static CONCEPTS: LazyLock<HashMap<[&'static str; 2], Option<ProfileOption>>> = LazyLock::new(|| {
        let of = |cells: Vec<&'static str>| {
            Some(([*cells.first()?, *cells.get(1)?], ProfileOption::parse(cells.last()?).ok()))
        };
        records(IDENTIFYING).filter_map(of).collect()
    });
    CONCEPTS.get(&[scheme, value]).copied()
}

/// The attributes for which the table leaves a choice, with their codes.
#[cfg(test)]
pub(crate) fn compound_rows() -> impl Iterator<Item = (Tag, &'static str)> {
    table()
        .iter()
        .filter(|row| row.basic.contains('/'))
        .filter_map(|row| Some((row.pattern.tag()?, row.basic)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use dicom::tag::tags;

    #[test]
    fn every_line_of_every_file_is_read() {
        let lines = |file: &'static str| records(file).count();
        assert_eq!(lines(TABLE), table().len());
        assert_eq!(lines(ADDITIONS), additions().len());
        for (file, cells) in [
            (TABLE, 14),
            (ADDITIONS, 4),
            (TERMS, 2),
            (CODES, 3),
            (CONCEPTS, 3),
            (TYPES, 4),
            (SOP_CLASSES, 2),
            (SCHEMES, 2),
            (IDENTIFYING, 4),
        ] {
            for record in records(file) {
                assert_eq!(record.len(), cells, "{record:?}");
            }
        }
        for record in records(SCHEMES) {
            assert!(code_form(record[0]).is_some(), "{}", record[0]);
        }
        for record in records(IDENTIFYING) {
            let listed = codes(record[0], record[1]);
            assert!(listed.iter().any(|(_, _, meaning)| *meaning == record[2]), "{record:?}");
            assert_eq!(record[3].is_empty(), ProfileOption::parse(record[3]).is_err(), "{record:?}");
        }
        for record in records(TERMS) {
            assert!(record[0] == "*" || tag::by_keyword(record[0]).is_some(), "{}", record[0]);
        }
        for record in records(ADDITIONS) {
            let tag = Pattern::parse(record[0]).and_then(Pattern::tag);
            assert!(tag.is_none() || tag == tag::by_keyword(record[1]), "{}", record[1]);
        }
    }

    #[test]
    fn a_term_of_a_coded_string_fits_its_vr() {
        for record in records(TERMS) {
            let coded =
                tag::by_keyword(record[0]).and_then(tag::entry).is_some_and(|entry| entry.vr == VR::CS);
            for term in record[1].split('|').filter(|_| coded) {
                assert!(crate::values::is_valid(VR::CS, term.as_bytes()), "{} {term}", record[0]);
            }
        }
    }

    #[test]
    fn a_name_is_no_term() {
        assert_eq!(term(tags::BODY_PART_EXAMINED, VR::CS, "Chest"), Some("CHEST"));
        assert_eq!(term(tags::BODY_PART_EXAMINED, VR::CS, "SENTINEL ANNA"), None);
        assert_eq!(term(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "CHEST"), None);
    }
}
