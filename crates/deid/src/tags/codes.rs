//! Codes (PS3.3 §8): a coded entry tells what is researched, and is a place where text hides.
//!
//! A code of a public scheme stays if it has the form of that scheme; one of a local scheme if there is nothing to clean in
//! it. Its meaning is text; where that may not stay whole, the list of this program gives another. A code that may not stay is replaced, so that the
//! sequence that needs one is still valid, and what may stay of its meaning is kept.

use crate::profile::{self, CodeForm, Profile};
use crate::text::{TextCleaner, is_everyday_word};
use dicom::dataset::{Dataset, Element};
use dicom::tag::{Tag, VR, tags};

/// A code as it goes out.
pub(super) struct Coded {
    scheme: String,
    value: String,
    /// Code Value, Long Code Value or URN Code Value (PS3.3 Table 8.8-1).
    place: (Tag, VR),
    version: Option<String>,
    meaning: String,
}

/// Where a code value stands: up to 16 characters, longer, or as a URN or URL.
const PLACES: [(Tag, VR); 3] =
    [(tags::CODE_VALUE, VR::SH), (tags::LONG_CODE_VALUE, VR::UC), (tags::URN_CODE_VALUE, VR::UR)];

/// The longest code value that is looked at: no scheme has longer ones.
const VALUE_CHARS_MAX: usize = 64;

/// Whether this attribute is a part of a code: judged here, together with the others.
pub(crate) fn is_part(tag: Tag) -> bool {
    PLACES.iter().any(|(place, _)| *place == tag)
        || matches!(tag, tags::CODING_SCHEME_DESIGNATOR | tags::CODING_SCHEME_VERSION | tags::CODE_MEANING)
}

/// A scheme that is described and not used (PS3.3 C.12.1.1.6): its designator if it is a public one.
pub(super) fn designator(element: Element) -> Element {
    let is_public = element.text().is_some_and(|scheme| profile::code_form(scheme.trim()).is_some());
    if is_public { element } else { Element::text_of(element.tag, VR::SH, LOCAL) }
}

/// The code of an item, as it may go out; `None` where the item holds none.
pub(super) fn of(item: &Dataset, text: &TextCleaner, sequence: Option<Tag>) -> Option<Coded> {
    if sequence? == tags::CODING_SCHEME_IDENTIFICATION_SEQUENCE
        || !item.iter().any(|element| is_part(element.tag))
    {
        return None;
    }
    Some(kept(item, text).unwrap_or_else(Coded::removed))
}

fn kept(item: &Dataset, text: &TextCleaner) -> Option<Coded> {
    let (place, value) = PLACES.iter().find_map(|place| Some((*place, item.text(place.0)?)))?;
    let scheme = item.text(tags::CODING_SCHEME_DESIGNATOR).unwrap_or_default();
    let listed = profile::listed_codes(scheme, value);
    let is_clean = |part: &str| !part.is_empty() && text.clean(part).text == part;
    if listed.is_empty() && (value.chars().count() > VALUE_CHARS_MAX || text.is_known(value)) {
        return None;
    }
    let (may_stay, scheme) = match profile::code_form(scheme) {
        _ if !listed.is_empty() => (true, scheme),
        Some(form) => (form.fits(value) || is_clean(value), scheme),
        // A hospital's own scheme may bear its name.
        None => (place.1 != VR::UR && is_clean(value), if is_clean(scheme) { scheme } else { LOCAL }),
    };
    let told = item.text(tags::CODE_MEANING).unwrap_or_default();
    let cleaned = if may_stay && is_plain(told, text) { told.to_owned() } else { text.clean(told).text };
    if !may_stay {
        return (!cleaned.is_empty()).then(|| Coded { meaning: cleaned, ..Coded::removed() });
    }
    // The words of the archive say what they say; where they may not stay, the standard's do.
    let is_standard = listed.iter().any(|(_, _, meaning)| *meaning == told);
    let meaning = match listed.first() {
        Some(_) if is_standard => told,
        Some((_, _, meaning)) if cleaned != told || told.is_empty() => meaning,
        _ if cleaned.is_empty() => REMOVED,
        _ => &cleaned,
    };
    let mut coded = Coded::new(scheme, value, place, meaning);
    coded.version = item
        .text(tags::CODING_SCHEME_VERSION)
        .filter(|version| {
            version.chars().count() <= 16 && (CodeForm::Digits.fits(version) || is_clean(version))
        })
        .map(str::to_owned);
    Some(coded)
}

/// Whether an item is a content item whose value is an identifier, by its concept (`profiles/identifying-concepts.csv`).
pub(super) fn identifies(item: &Dataset, profile: &Profile) -> bool {
    let text = |concept: &Dataset, tag| concept.text(tag).unwrap_or_default().trim().to_owned();
    item.items(tags::CONCEPT_NAME_CODE_SEQUENCE).iter().any(|concept| {
        let stays_with = profile::identifying_concept(
            &text(concept, tags::CODING_SCHEME_DESIGNATOR),
            &text(concept, tags::CODE_VALUE),
        );
        stays_with.is_some_and(|option| option.is_none_or(|option| !profile.has(option)))
    })
}

/// Whether a meaning is made of everyday words only, of which none is known of the person. Beside a code that has the form of its
/// scheme, "Subject Name" announces nobody.
fn is_plain(meaning: &str, text: &TextCleaner) -> bool {
    let mut words = meaning.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let is_label = |word: &str| word.len() <= 2 || LABELS.contains(&word.to_lowercase().as_str());
    words.all(|word| is_label(word) || is_everyday_word(word)) && !text.is_known(meaning)
}

/// Words that announce an identifier in text, and are names of concepts here (PS3.16).
const LABELS: [&str; 12] = [
    "name",
    "uid",
    "date",
    "birth",
    "address",
    "telephone",
    "physician",
    "person",
    "doctor",
    "nurse",
    "consultant",
    "identifier",
];

/// The scheme of codes that are local to nobody says where.
const LOCAL: &str = "99LOCAL";
/// The meaning of a code whose meaning may not stay.
const REMOVED: &str = "Removed";

impl Coded {
    fn new(scheme: &str, value: &str, place: (Tag, VR), meaning: &str) -> Self {
        let [scheme, value, meaning] = [scheme, value, meaning].map(str::to_owned);
        Self { scheme, value, place, version: None, meaning }
    }

    /// A code that says nothing.
    pub(super) fn removed() -> Self {
        Self::new("99TRIBUTARY", "REMOVED", PLACES[0], REMOVED)
    }

    /// Puts the code into an item.
    pub(super) fn put(&self, item: &mut Dataset) {
        let (tag, vr) = self.place;
        item.put_text(tag, vr, &self.value);
        if vr != VR::UR || !self.scheme.is_empty() {
            item.put_text(tags::CODING_SCHEME_DESIGNATOR, VR::SH, &self.scheme);
        }
        if let Some(version) = &self.version {
            item.put_text(tags::CODING_SCHEME_VERSION, VR::SH, version);
        }
        item.put_text(tags::CODE_MEANING, VR::LO, &self.meaning);
    }
}
