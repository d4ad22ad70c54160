//! Table E.1-1, every attribute under every option and every pair of options: the file is read once more, with other eyes, and the
//! rules of PS3.15 E.1.1 and E.3 are written down once more, from the text of the standard.

use super::tests::clean_under;
use super::*;
use crate::profile::{Settings, is_well_known};

const TABLE: &str = include_str!("../../../../profiles/ps3.15-2024e.csv");
const ADDITIONS: &str = include_str!("../../../../profiles/additions.csv");

/// The columns of the table that belong to an option (E.3.4 to E.3.11).
const OPTIONS: [(&str, &str); 9] = [
    ("uids", "retain-uids"),
    ("device", "retain-device-identity"),
    ("institution", "retain-institution-identity"),
    ("patient", "retain-patient-characteristics"),
    ("full_dates", "retain-longitudinal-full-dates"),
    ("modified_dates", "retain-longitudinal-modified-dates"),
    ("descriptors", "clean-descriptors"),
    ("structured", "clean-structured-content"),
    ("graphics", "clean-graphics"),
];

/// What may be seen of an attribute afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    Gone,
    Empty,
    Same,
    /// A value that tells nothing of the first.
    Other,
    /// The word that everybody may read, without the name beside it.
    Cleaned,
    /// The day before: the offset of the test's person.
    DayBefore,
}

/// The surname that may be read nowhere, and the word that may.
const NAME: &str = "SENTINEL";
const WORD: &str = "CHEST";

/// Every row: its tag, its keyword, its codes by column.
fn rows() -> Vec<(Tag, csv::StringRecord, csv::StringRecord)> {
    let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).from_reader(TABLE.as_bytes());
    let headers = reader.headers().unwrap().clone();
    let tag = |text: &str| {
        // Patterns stand for one of their tags: the data of a plane.
        let number = u32::from_str_radix(&text.replace("XXXXXX", "003000").replace('X', "0"), 16).ok()?;
        Some(Tag(u16::try_from(number >> 16).unwrap(), u16::try_from(number & 0xffff).unwrap()))
    };
    let rows = reader.records().map(Result::unwrap);
    rows.filter_map(|row| Some((tag(&row[0])?, headers.clone(), row))).collect()
}

/// What this program removes or empties beyond the table, which says so itself with a reason; and what it writes anew.
fn is_ours(tag: Tag) -> bool {
    let digits = format!("{:04X}{:04X}", tag.0, tag.1);
    ADDITIONS.lines().any(|line| line.starts_with(&digits))
        || tag.0 & 0xff00 == 0x6000
        || tag.0 <= 0x0002
        || matches!(tag, tags::PATIENT_NAME | tags::PATIENT_ID | tags::DEIDENTIFICATION_METHOD)
}

/// The code that decides (E.3): dates as modified before anything; what one option keeps before what another cleans; the Basic Profile
/// where no option speaks.
fn deciding<'r>(headers: &csv::StringRecord, row: &'r csv::StringRecord, options: &[&str]) -> &'r str {
    let column = |name: &str| &row[headers.iter().position(|header| header == name).unwrap()];
    let mut spoken = Vec::new();
    for (name, option) in OPTIONS {
        if options.contains(&option) && !column(name).is_empty() {
            spoken.push((name, column(name)));
        }
    }
    if let Some((_, code)) = spoken.iter().find(|(name, _)| *name == "modified_dates") {
        return code;
    }
    let one = |wanted: &str| spoken.iter().find(|(_, code)| *code == wanted).map(|(_, code)| *code);
    one("K").or_else(|| one("C")).unwrap_or_else(|| column("basic"))
}

/// What has to be seen, for a code and a VR, in an object of a SOP class that the standard does not have, where nothing may be missing
/// that could be needed.
fn expected(code: &str, tag: Tag, vr: VR) -> Seen {
    let is_point_in_time = matches!(vr, VR::DA | VR::DT);
    match code {
        "X" => Seen::Gone,
        "Z" | "X/Z" => Seen::Empty,
        "K" if vr == VR::SQ => Seen::Cleaned,
        "K" => Seen::Same,
        "C" if is_point_in_time => Seen::DayBefore,
        "C" if matches!(vr, VR::TM | VR::CS) || tag == tags::TIMEZONE_OFFSET_FROM_UTC => Seen::Same,
        "C" => Seen::Cleaned,
        "U" | "X/Z/U*" if vr == VR::SQ => Seen::Cleaned,
        _ => Seen::Other,
    }
}

/// A value of the VR that bears the name where the VR has room for one.
fn planted(tag: Tag, vr: VR, code: &str) -> Element {
    let value = match vr {
        VR::SQ => {
            let words = [
                Element::text_of(tags::LOSSY_IMAGE_COMPRESSION_METHOD, VR::CS, "ISO_10918_1"),
                Element::text_of(tags::PATIENT_COMMENTS, VR::LT, NAME),
            ];
            return Element::items_of(tag, vec![words.into_iter().collect()]);
        }
        VR::DA => "20200301",
        VR::DT => "20200301101010",
        VR::TM => "101010",
        VR::UI => "1.2.826.0.1.3680043.9.77",
        VR::AS => "045Y",
        VR::CS if tag == tags::PATIENT_SEX => "F",
        VR::CS if tag == tags::PREGNANCY_STATUS => "0001",
        VR::CS => "YES",
        VR::DS | VR::IS => "70",
        VR::US | VR::SS | VR::UL | VR::OB | VR::OW | VR::UN | VR::FL | VR::FD | VR::AT => {
            return Element::bytes_of(tag, vr, [1, 2, 3, 4, 5, 6, 7, 8]);
        }
        VR::SH if tag == tags::TIMEZONE_OFFSET_FROM_UTC => "+0100",
        VR::UR => "http://sentinel.example/anna",
        VR::AE | VR::SH => "CHEST SENTINEL",
        VR::PN => "SENTINEL^ANNA",
        // What is kept is kept whatever it says: the last look asks.
        _ if code == "K" => "Anything at all",
        _ => "CHEST for SENTINEL",
    };
    Element::text_of(tag, vr, value)
}

fn seen(planted: &Element, found: Option<&Element>) -> Seen {
    let Some(found) = found else { return Seen::Gone };
    if found.is_empty() {
        return Seen::Empty;
    }
    if let [item] = found.items() {
        let bears_name = item.iter().any(|element| element.text().is_some_and(|text| text.contains(NAME)));
        let kept = item.contains(tags::LOSSY_IMAGE_COMPRESSION_METHOD);
        return if bears_name {
            Seen::Same
        } else if kept {
            Seen::Cleaned
        } else {
            Seen::Other
        };
    }
    if found.bytes() == planted.bytes() {
        return Seen::Same;
    }
    let text = found.text().unwrap_or_default();
    match found.vr {
        VR::DA | VR::DT if text.starts_with("20200229") => Seen::DayBefore,
        VR::UI if text.split('\\').all(is_well_known) => Seen::Same,
        _ if text.contains(WORD) && !text.contains(NAME) => Seen::Cleaned,
        _ if text.contains(NAME) => Seen::Same,
        _ => Seen::Other,
    }
}

#[test]
fn every_attribute_under_every_option_and_every_pair_is_treated_as_the_table_says() {
    let rows = rows();
    assert!(rows.len() >= 620, "the table is read whole but for the pattern of the private groups");
    let mut sets: Vec<Vec<&str>> = vec![Vec::new()];
    for (at, (_, one)) in OPTIONS.iter().enumerate() {
        sets.push(vec![one]);
        sets.extend(OPTIONS[at + 1..].iter().map(|(_, other)| vec![*one, *other]));
    }
    let exclude = ["retain-longitudinal-full-dates", "retain-longitudinal-modified-dates"];
    sets.retain(|set| !exclude.iter().all(|option| set.contains(option)));
    let mut counts = std::collections::BTreeMap::new();
    let mut wrong = Vec::new();
    for options in &sets {
        let profile = Profile::new(&Settings::basic("table").with_options(options)).unwrap();
        for (tag, headers, row) in rows.iter().filter(|(tag, ..)| !is_ours(*tag)) {
            let Some(entry) = tag::entry(*tag) else { continue };
            let code = match deciding(headers, row, options) {
                // Bytes without a form cannot be cleaned.
                "C" if matches!(entry.vr, VR::OB | VR::OW | VR::UN) => deciding(headers, row, &[]),
                code => code,
            };
            let element = planted(*tag, entry.vr, code);
            let name = Element::text_of(tags::PATIENT_NAME, VR::PN, "SENTINEL^ANNA");
            let out = clean_under(&profile, [element.clone(), name].into_iter().collect());
            let mut expected = expected(code, *tag, entry.vr);
            let found = seen(&element, out.get(*tag));
            // A dummy sequence is cleaned inside, or a code that says nothing.
            if entry.vr == VR::SQ && expected == Seen::Other && found == Seen::Cleaned {
                expected = found;
            }
            *counts.entry(format!("{expected:?}")).or_insert(0) += 1;
            if found != expected {
                wrong.push(format!(
                    "{} {} {code} under {options:?}: {expected:?}, found {found:?}",
                    entry.keyword, entry.vr
                ));
            }
        }
    }
    wrong.sort();
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.iter().take(40).cloned().collect::<Vec<_>>().join("\n")
    );
    println!("{} sets of options, {counts:?}", sets.len());
    assert!(counts.values().all(|count| *count > 100), "{counts:?}");
}
