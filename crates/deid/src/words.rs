//! Words that descriptions lose for no other reason than that no list has them: a region's reviewer may know them, and approve them in
//! the project (`[[deidentification.allow]]`).

use crate::custody::Sensitive;
use crate::profile::{Action, Profile, Types};
use crate::tags::codes;
use crate::text::TextCleaner;
use dicom::dataset::Dataset;
use dicom::tag::{self, Tag, VR, tags};

/// A word of an object, in small letters, and the attribute that it stands in. It may be anybody's name.
pub type UnknownWord = (Sensitive<String>, Tag);

/// Those of a data set and of the items in it, each with its attribute once.
pub(crate) fn of(
    dataset: &Dataset,
    (profile, types): (&Profile, Types),
    text: &TextCleaner,
    sequence: Option<Tag>,
    into: &mut Vec<UnknownWord>,
) {
    for element in dataset {
        let tag = element.tag;
        element.items().iter().for_each(|item| of(item, (profile, types), text, Some(tag), into));
        if !tag::entry(tag).is_some_and(|entry| is_cleaned(profile, types, sequence, tag, entry.vr)) {
            continue;
        }
        let words = element.text().map(|value| text.unknown_words(value)).unwrap_or_default();
        for word in words {
            if !into.iter().any(|(known, at)| *at == tag && *known.inside() == word) {
                into.push((Sensitive::new(word), tag));
            }
        }
    }
}

/// Whether the profile cleans the text of an attribute word by word.
fn is_cleaned(profile: &Profile, types: Types, sequence: Option<Tag>, tag: Tag, vr: VR) -> bool {
    let rule = profile.rule_in(types, sequence, tag, vr);
    let is_text = tag::is_charset_text(vr) && vr != VR::PN;
    // Codes are judged by their schemes, and their meanings as text.
    let is_code = codes::is_part(tag) && tag != tags::CODE_MEANING;
    is_text && !tag::is_private(tag) && !is_code && rule.action == Action::Clean
}
