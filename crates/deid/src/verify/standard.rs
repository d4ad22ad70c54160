//! Values that are the standard's own words from end to end, whoever a patient is called: listed terms, listed codes, and what this
//! program declares. A patient may be called Patient, and every perfusion image says PERFUSION.

use super::Residue;
use crate::profile::{Profile, listed_code};
use crate::tags::codes::is_part;
use dicom::dataset::{Dataset, Element};
use dicom::tag::{VR, tags};
use residue::{FindingKind, NeedleKind};
use std::collections::BTreeMap;

/// What was found, but for names in such values, and for any identifier in the declaration.
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
        (FindingKind::Needle(kind), Some(words)) => *words == Words::Listed && kind != NeedleKind::Name,
        (FindingKind::Pattern(_), Some(_)) => true,
    });
    if findings.is_empty() { Ok(()) } else { Err(Residue::Found(findings)) }
}

/// Whose words a value is.
#[derive(PartialEq, Eq)]
enum Words {
    /// The standard's: they may hold somebody's number by chance only where they are codes, and nobody's name.
    Listed,
    /// The declaration of what was done.
    Declared,
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
            own.insert(place, if is_declaration { Words::Declared } else { Words::Listed });
        } else if path.is_empty() && tag == tags::DEIDENTIFICATION_METHOD && is_declared(element, profile) {
            own.insert(place, Words::Declared);
        } else if element.vr == VR::CS && has_listed_terms(element) {
            own.insert(place, Words::Listed);
        }
    }
}

/// Whether an item holds a listed code with the standard's words for it, and nothing else of a code.
fn is_listed_code(item: &Dataset) -> bool {
    let parts = || item.iter().filter(|element| is_part(element.tag));
    let text = |tag| item.text(tag).unwrap_or_default();
    let listed = listed_code(text(tags::CODING_SCHEME_DESIGNATOR), text(tags::CODE_VALUE));
    parts().count() == 3 && listed.is_some_and(|(_, _, meaning)| meaning == text(tags::CODE_MEANING))
}

fn is_declared(element: &Element, profile: &Profile) -> bool {
    let methods = profile.methods();
    element.texts().all(|value| methods.iter().any(|method| method == value))
}

fn has_listed_terms(element: &Element) -> bool {
    element.texts().all(|value| value.is_empty() || Profile::listed_term(element.tag, value) == Some(value))
}
