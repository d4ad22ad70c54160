//! Attribute matching of C-FIND (PS3.4 §C.2.2.2), on the few attributes that an archive keeps of each instance.

use dicom::dataset::{Dataset, Element, Value};
use dicom::tag::{self, VR, tags};

/// Whether a record matches a key of an identifier. Keys that are not attributes of the record match nothing unless
/// they are empty.
pub(super) fn matches(record: &Dataset, key: &Element) -> bool {
    if let Value::Items(items) = &key.value {
        // Sequence matching (§C.2.2.2.6): one item of the record matches all keys of the key's item.
        let Some(keys) = items.first() else { return true };
        let wanted = |item: &Dataset| keys.iter().all(|key| matches(item, key));
        return keys.iter().all(|key| key.is_empty()) || record.items(key.tag).iter().any(wanted);
    }
    let Some(pattern) = key.text().map(str::trim_start).filter(|text| !text.is_empty()) else {
        return true; // Universal matching (§C.2.2.2.3).
    };
    let texts = |tag| record.texts(tag).map(str::to_owned).collect::<Vec<String>>();
    let mut values: Vec<String> = texts(key.tag);
    if key.tag == other_ids() {
        let others = record.items(tags::OTHER_PATIENT_I_DS_SEQUENCE).iter();
        values.extend(others.filter_map(|item| item.text(tags::PATIENT_ID)).map(str::to_owned));
    }
    let vr = tag::entry(key.tag).map_or(key.vr, |entry| entry.vr);
    match vr {
        // List of UID matching (§C.2.2.2.2).
        VR::UI => {
            pattern.split('\\').any(|uid| values.iter().any(|value| value == uid.trim_matches(['\0', ' '])))
        }
        // Range matching (§C.2.2.2.5).
        VR::DA | VR::TM | VR::DT => values.iter().any(|value| in_range(value, pattern)),
        VR::PN => values.iter().any(|value| name_matches(value, pattern)),
        VR::CS | VR::LO | VR::SH | VR::AE | VR::LT | VR::ST | VR::UT => {
            values.iter().any(|value| wildcard(value, pattern))
        }
        _ => values.iter().any(|value| value == pattern),
    }
}

/// OtherPatientIDs (0010,1000).
#[expect(deprecated, reason = "retired, and still what many archives match on")]
pub(super) fn other_ids() -> tag::Tag {
    tags::OTHER_PATIENT_I_DS
}

fn in_range(value: &str, pattern: &str) -> bool {
    // Times of unequal precision compare by what both have.
    let at_least = |bound: &str| bound.is_empty() || cut(value, bound) >= cut(bound, value);
    let at_most = |bound: &str| bound.is_empty() || cut(value, bound) <= cut(bound, value);
    match pattern.split_once('-') {
        Some((from, to)) => at_least(from.trim()) && at_most(to.trim()),
        None => cut(value, pattern) == cut(pattern, value),
    }
}

fn cut<'a>(text: &'a str, other: &str) -> &'a str {
    text.get(..other.len()).unwrap_or(text)
}

/// Names match without regard to case, whole or by component group, trailing carets aside.
fn name_matches(value: &str, pattern: &str) -> bool {
    let fold = |text: &str| text.trim_end_matches(['^', ' ']).to_lowercase();
    let pattern = fold(pattern);
    std::iter::once(value).chain(value.split('=')).any(|group| wildcard(&fold(group), &pattern))
}

/// Wild card matching (§C.2.2.2.4): `*` is any run of characters, `?` any one.
fn wildcard(value: &str, pattern: &str) -> bool {
    let (value, pattern): (Vec<char>, Vec<char>) = (value.chars().collect(), pattern.chars().collect());
    let (mut v, mut p, mut star) = (0, 0, None);
    while v < value.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, v));
                p += 1;
            }
            Some(c) if *c == '?' || *c == value[v] => {
                (v, p) = (v + 1, p + 1);
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    (p, v) = (at + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Dataset {
        let mut record = Dataset::new();
        record.put_text(tags::PATIENT_NAME, VR::PN, "Tachibana^Yukino=橘^雪乃");
        record.put_text(tags::PATIENT_ID, VR::LO, "LOC0042");
        record.put_text(tags::STUDY_DATE, VR::DA, "20200401");
        record.put_text(tags::STUDY_TIME, VR::TM, "101530.120000");
        record.put_text(tags::MODALITIES_IN_STUDY, VR::CS, "CT\\SR");
        record.put_text(tags::STUDY_INSTANCE_UID, VR::UI, "1.2.3");
        let mut other = Dataset::new();
        other.put_text(tags::PATIENT_ID, VR::LO, "9990001234");
        other.put_text(tags::ISSUER_OF_PATIENT_ID, VR::LO, "NHS");
        record.put(Element::items_of(tags::OTHER_PATIENT_I_DS_SEQUENCE, vec![other]));
        record
    }

    fn asks(tag: tag::Tag, vr: VR, pattern: &str) -> bool {
        matches(&record(), &Element::text_of(tag, vr, pattern))
    }

    #[test]
    fn c_2_2_2_1_single_value_and_3_universal() {
        assert!(asks(tags::PATIENT_ID, VR::LO, "LOC0042"));
        assert!(!asks(tags::PATIENT_ID, VR::LO, "loc0042"));
        assert!(asks(tags::PATIENT_ID, VR::LO, ""));
        assert!(asks(tags::MODALITIES_IN_STUDY, VR::CS, "SR"));
        assert!(!asks(tags::BODY_PART_EXAMINED, VR::CS, "CHEST"));
    }

    #[test]
    fn c_2_2_2_2_list_of_uids() {
        assert!(asks(tags::STUDY_INSTANCE_UID, VR::UI, "1.2.9\\1.2.3"));
        assert!(!asks(tags::STUDY_INSTANCE_UID, VR::UI, "1.2\\1.2.33"));
    }

    #[test]
    fn c_2_2_2_4_wild_cards_and_names() {
        assert!(asks(tags::PATIENT_ID, VR::LO, "L*2"));
        assert!(asks(tags::PATIENT_ID, VR::LO, "LOC004?"));
        assert!(!asks(tags::PATIENT_ID, VR::LO, "?OC"));
        assert!(asks(tags::PATIENT_NAME, VR::PN, "tachibana*"));
        assert!(asks(tags::PATIENT_NAME, VR::PN, "橘^*"));
        assert!(!asks(tags::PATIENT_NAME, VR::PN, "Tachi"));
    }

    #[test]
    fn c_2_2_2_5_ranges() {
        for inside in ["20200401", "20200401-", "-20200401", "20200331-20200402"] {
            assert!(asks(tags::STUDY_DATE, VR::DA, inside), "{inside}");
        }
        for outside in ["20200402-", "-20200331", "20200331"] {
            assert!(!asks(tags::STUDY_DATE, VR::DA, outside), "{outside}");
        }
        assert!(asks(tags::STUDY_TIME, VR::TM, "1015-1016"));
    }

    #[test]
    fn c_2_2_2_6_sequences_and_other_ids() {
        let key = |id: &str| {
            let mut item = Dataset::new();
            item.put_text(tags::PATIENT_ID, VR::LO, id);
            item.put_text(tags::ISSUER_OF_PATIENT_ID, VR::LO, "");
            Element::items_of(tags::OTHER_PATIENT_I_DS_SEQUENCE, vec![item])
        };
        assert!(matches(&record(), &key("9990001234")));
        assert!(!matches(&record(), &key("9990001235")));
        assert!(asks(other_ids(), VR::LO, "9990001234"));
    }
}
