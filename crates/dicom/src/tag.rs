//! Tags, value representations and the data dictionary (PS3.5 §6.2, §7.1; PS3.6 §6).

pub use dicom_core::{Tag, VR};
pub use dicom_dictionary_std::tags;

use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry, VirtualVr};
use dicom_dictionary_std::StandardDataDictionary;
use rustc_hash::FxHashMap;
use std::cell::RefCell;

/// What the dictionary says of a standard attribute (PS3.6 §6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The keyword, e.g. `PatientName`.
    pub keyword: &'static str,
    /// The value representation; where the standard allows several, the one safest to write (`OW` for pixels and LUTs).
    pub vr: VR,
}

/// How many tags each thread remembers the entry of, at most: a header has some hundred, and the next has the same.
const REMEMBERED_MAX: usize = 4096;

/// The dictionary entry of a standard attribute; `None` for private and unknown tags.
pub fn entry(tag: Tag) -> Option<Entry> {
    thread_local! {
        static SEEN: RefCell<FxHashMap<Tag, Option<Entry>>> = RefCell::default();
    }
    if is_private(tag) {
        return None;
    }
    SEEN.with_borrow_mut(|seen| {
        if seen.len() == REMEMBERED_MAX {
            seen.clear();
        }
        *seen.entry(tag).or_insert_with(|| look_up(tag))
    })
}

fn look_up(tag: Tag) -> Option<Entry> {
    let entry = StandardDataDictionary.by_tag(tag)?;
    let vr = match entry.vr() {
        VirtualVr::Exact(vr) => vr,
        VirtualVr::Xs => VR::US,
        VirtualVr::Ox | VirtualVr::Px | VirtualVr::Lt => VR::OW,
        _ => VR::UN,
    };
    Some(Entry { keyword: entry.alias(), vr })
}

/// Whether the dictionary allows US or SS, by Pixel Representation (0028,0103) (PS3.5 §A.1, PS3.6 §6).
pub fn is_us_or_ss(tag: Tag) -> bool {
    StandardDataDictionary.by_tag(tag).is_some_and(|entry| matches!(entry.vr(), VirtualVr::Xs))
}

/// The tag of a keyword, e.g. `PatientName`.
pub fn by_keyword(keyword: &str) -> Option<Tag> {
    StandardDataDictionary.by_name(keyword).map(|entry| entry.tag())
}

/// Whether the group is odd: private elements and their creators (PS3.5 §7.8).
pub fn is_private(tag: Tag) -> bool {
    tag.0 % 2 == 1
}

/// Whether the element holds text in the data set's Specific Character Set (PS3.5 §6.1.2.3).
pub fn is_charset_text(vr: VR) -> bool {
    matches!(vr, VR::SH | VR::LO | VR::ST | VR::LT | VR::PN | VR::UC | VR::UT)
}

/// Whether the value is a string of characters at all.
pub fn is_text(vr: VR) -> bool {
    is_charset_text(vr)
        || matches!(
            vr,
            VR::AE | VR::AS | VR::CS | VR::DA | VR::DS | VR::DT | VR::IS | VR::TM | VR::UI | VR::UR
        )
}

/// Whether a backslash separates values; ST, LT, UT and UR hold one value only (PS3.5 §6.2, §6.4).
pub fn is_multi_valued_text(vr: VR) -> bool {
    is_text(vr) && !matches!(vr, VR::ST | VR::LT | VR::UT | VR::UR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dictionary_knows_standard_attributes_and_no_private_ones() {
        assert_eq!(entry(tags::PATIENT_NAME), Some(Entry { keyword: "PatientName", vr: VR::PN }));
        assert_eq!(entry(Tag(0x0009, 0x0010)), None);
        assert_eq!(by_keyword("StudyDate"), Some(tags::STUDY_DATE));
    }
}
