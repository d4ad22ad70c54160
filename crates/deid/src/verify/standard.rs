//! Values that are the standard's own words from end to end, whoever a patient is called: listed terms, listed codes, and what this
//! program declares. A patient may be called Patient, and every perfusion image says PERFUSION. And an institution's own address.

use super::Residue;
use crate::profile::{Action, Profile, listed_codes};
use crate::tags::codes::is_part;
use dicom::dataset::{Dataset, Element};
use dicom::tag::{VR, tags};
use residue::{FindingKind, NeedleKind, PatternKind};
use std::collections::BTreeMap;

/// What was found in what this program wrote, but for names in such values, and for any identifier in the declaration.
pub(crate) fn without_own_words(
    searched: Result<(), Residue>,
    outgoing: &Dataset,
    profile: &Profile,
) -> Result<(), Residue> {
    let Err(Residue::Found(mut findings)) = searched else { return searched };
    let mut own = BTreeMap::new();
    collect(outgoing, profile, false, "", &mut own);
    findings.retain(|finding| match (finding.kind, own.get(&finding.place)) {
        (_, None) => true,
        (FindingKind::Needle(kind), Some(Words::Listed)) => kind != NeedleKind::Name,
        (FindingKind::Needle(_), Some(words)) => *words == Words::Institution,
        (FindingKind::Pattern(kind), Some(Words::Institution)) => kind == PatternKind::NhsNumber,
        (FindingKind::Pattern(_), Some(_)) => true,
    });
    if findings.is_empty() { Ok(()) } else { Err(Residue::Found(findings)) }
}

/// Whose words a value is.
#[derive(PartialEq, Eq)]
enum Words {
    /// The standard's: nobody's name. A number that is found there is still told.
    Listed,
    /// The declaration of what was done: nobody's anything.
    Declared,
    /// An institution's address, where the project keeps it: its postcode and its telephone are no patient's.
    Institution,
}

/// The places of such values, as a search tells them.
fn collect(
    set: &Dataset,
    profile: &Profile,
    is_declaration: bool,
    path: &str,
    own: &mut BTreeMap<String, Words>,
) {
    let is_listed = is_listed_code(set);
    for element in set {
        let tag = element.tag;
        let place = format!("{path}({:04X},{:04X})", tag.0, tag.1);
        for (item, at) in element.items().iter().zip(1..) {
            let is_declaration = path.is_empty() && tag == tags::DEIDENTIFICATION_METHOD_CODE_SEQUENCE;
            collect(item, profile, is_declaration, &format!("{place}[{at}]."), own);
        }
        if is_listed && is_part(tag) {
            let is_own = is_declaration && set.text(tags::CODING_SCHEME_DESIGNATOR) == Some("DCM");
            own.insert(place, if is_own { Words::Declared } else { Words::Listed });
        } else if path.is_empty() && tag == tags::DEIDENTIFICATION_METHOD && is_declared(element, profile) {
            own.insert(place, Words::Declared);
        } else if tag == tags::INSTITUTION_ADDRESS
            && profile.rule(tag).is_some_and(|rule| rule.action == Action::Keep)
        {
            own.insert(place, Words::Institution);
        } else if element.vr == VR::CS && has_listed_terms(element) {
            own.insert(place, Words::Listed);
        }
    }
}

/// Whether an item holds a listed code with the standard's words for it, and nothing else of a code but a version in digits.
fn is_listed_code(item: &Dataset) -> bool {
    let parts = item.iter().filter(|element| is_part(element.tag)).count();
    let text = |tag| item.text(tag).unwrap_or_default();
    let version = item.text(tags::CODING_SCHEME_VERSION);
    let is_whole = parts == 3 + usize::from(version.is_some());
    let listed = listed_codes(text(tags::CODING_SCHEME_DESIGNATOR), text(tags::CODE_VALUE));
    is_whole
        && version.is_none_or(|version| version.bytes().all(|byte| byte.is_ascii_digit()))
        && listed.iter().any(|(_, _, meaning)| *meaning == text(tags::CODE_MEANING))
}

fn is_declared(element: &Element, profile: &Profile) -> bool {
    let methods = profile.methods();
    let is_ours = |value: &str| methods.iter().any(|method| method == value);
    element.vr == VR::LO && element.text().is_some() && element.texts().all(is_ours)
}

fn has_listed_terms(element: &Element) -> bool {
    let is_listed = |value: &str| value.is_empty() || Profile::listed_term(element.tag, value) == Some(value);
    element.text().is_some() && element.texts().all(is_listed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Settings;
    use crate::tags::code_item;
    use crate::verify::Verifier;
    use dicom::part10::{FileMeta, Object};
    use dicom::tag::Tag;
    use dicom::uid::transfer_syntax::EXPLICIT_VR_LITTLE_ENDIAN;
    use residue::{Form, Needle};
    use std::io::Cursor;

    /// Where something is still found.
    fn told(needle: (NeedleKind, &str), elements: impl IntoIterator<Item = Element>) -> Vec<String> {
        let profile =
            Profile::new(&Settings::basic("x").with_options(&["retain-patient-characteristics"])).unwrap();
        let set: Dataset = elements.into_iter().collect();
        let meta = FileMeta { transfer_syntax: EXPLICIT_VR_LITTLE_ENDIAN.into(), ..FileMeta::default() };
        let mut bytes = Cursor::new(Vec::new());
        Object::new(meta, set.clone()).write(&mut bytes).unwrap();
        let searched =
            Verifier::default().search(vec![Needle::new(needle.0, needle.1)], &mut bytes, Form::Dicom);
        assert!(searched.is_err(), "{} is not found at all", needle.1);
        match without_own_words(searched, &set, &profile) {
            Ok(()) => Vec::new(),
            Err(Residue::Found(findings)) => findings.iter().map(|finding| finding.place.clone()).collect(),
            Err(other) => panic!("{other}"),
        }
    }

    fn text(tag: Tag, vr: VR, text: &str) -> Element {
        Element::text_of(tag, vr, text)
    }

    fn code(sequence: Tag, scheme: &str, value: &str, meaning: &str) -> Element {
        Element::items_of(sequence, vec![code_item(scheme, value, meaning)])
    }

    #[test]
    fn a_name_that_the_standard_says_is_nobody_s() {
        let perfusion = (NeedleKind::Name, "Perfusion^Ann");
        assert!(told(perfusion, [text(tags::IMAGE_TYPE, VR::CS, "DERIVED\\PRIMARY\\PERFUSION")]).is_empty());
        let heart = (NeedleKind::Name, "Heart^Ann");
        assert!(told(heart, [code(tags::ANATOMIC_REGION_SEQUENCE, "SRT", "T-32000", "Heart")]).is_empty());
        let patient = (NeedleKind::Name, "Patient^Ann");
        let method = text(tags::DEIDENTIFICATION_METHOD, VR::LO, "Retain Patient Characteristics");
        let sequence = tags::DEIDENTIFICATION_METHOD_CODE_SEQUENCE;
        let declared = code(sequence, "DCM", "113108", "Retain Patient Characteristics Option");
        assert!(told(patient, [method, declared.clone()]).is_empty());
        assert!(told((NeedleKind::Number, "113108"), [declared]).is_empty());
    }

    #[test]
    fn whatever_else_is_found_is_told() {
        let name = (NeedleKind::Name, "Whitlock^Ann");
        let perfusion = (NeedleKind::Name, "Perfusion^Ann");
        let region = tags::ANATOMIC_REGION_SEQUENCE;
        for (needle, element, why) in [
            (name, text(tags::IMAGE_TYPE, VR::CS, "DERIVED\\PRIMARY\\WHITLOCK"), "no term"),
            (
                perfusion,
                text(tags::IMAGE_TYPE, VR::CS, "DERIVED\\PERFUSION\\SOMETHING"),
                "one value is no term",
            ),
            (perfusion, text(tags::SERIES_DESCRIPTION, VR::LO, "Perfusion"), "no coded string"),
            (name, text(tags::DEIDENTIFICATION_METHOD, VR::LO, "Whitlock"), "no method of the profile"),
            (
                name,
                Element::bytes_of(tags::DEIDENTIFICATION_METHOD, VR::OB, *b"Ann Whitlock"),
                "bytes say nothing",
            ),
            (name, code(region, "SRT", "T-32000", "Heart of Whitlock"), "not the standard's meaning"),
            ((NeedleKind::Number, "T-32000"), code(region, "SRT", "T-32000", "Heart"), "a number"),
        ] {
            assert_eq!(told(needle, [element]).len(), 1, "{why}");
        }
    }
}
