//! The Type that an attribute has in an object (PS3.5 §7.4), for those whose action depends on it.

use super::{Action, data};
use dicom::tag::{self, Tag};
use rustc_hash::FxHashMap;
use std::collections::HashMap;
use std::sync::LazyLock;

/// A code of Table E.1-1 that leaves a choice; the Type decides (PS3.15 E.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compound {
    /// X/Z.
    RemoveOrEmpty,
    /// X/D.
    RemoveOrDummy,
    /// Z/D.
    EmptyOrDummy,
    /// X/Z/D.
    RemoveEmptyOrDummy,
    /// X/Z/U*.
    RemoveEmptyOrUid,
}

/// What keeps an object valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Type 1 and 1C: a value.
    Value,
    /// Type 2 and 2C: the element, if only empty.
    Element,
    /// Type 3, or not in the IOD.
    Nothing,
}

impl Compound {
    /// The compound code, if it is one.
    pub(crate) fn parse(code: &str) -> Option<Self> {
        Some(match code {
            "X/Z" => Self::RemoveOrEmpty,
            "X/D" => Self::RemoveOrDummy,
            "Z/D" => Self::EmptyOrDummy,
            "X/Z/D" => Self::RemoveEmptyOrDummy,
            "X/Z/U*" => Self::RemoveEmptyOrUid,
            _ => return None,
        })
    }

    /// The action for a need. `None`: the object is of a SOP class that the standard does not have, and what keeps any object valid
    /// is done.
    pub(crate) fn action(self, need: Option<Need>) -> Action {
        match (self, need) {
            (Self::EmptyOrDummy, Some(Need::Nothing)) => Action::Empty,
            (_, Some(Need::Nothing)) => Action::Remove,
            // What needs the sequence needs its references: with mapped UIDs they are as safe as none.
            (Self::RemoveEmptyOrUid, Some(Need::Element)) => Action::Uid,
            (Self::RemoveOrDummy, Some(Need::Element)) => Action::Dummy,
            (_, Some(Need::Element)) => Action::Empty,
            (Self::RemoveOrEmpty, None) => Action::Empty,
            (Self::RemoveEmptyOrUid, Some(Need::Value) | None) => Action::Uid,
            // Z may be a dummy value as well, and must be one where a value is needed.
            (_, Some(Need::Value) | None) => Action::Dummy,
        }
    }
}

type Needs = FxHashMap<(Option<Tag>, Tag), Need>;

/// What the IOD of one object needs.
#[derive(Clone, Copy)]
pub(crate) struct Types(Option<&'static Needs>);

impl Types {
    /// Of the IOD of this SOP class.
    pub(crate) fn of(sop_class: Option<&str>) -> Self {
        static NEEDS_BY_IOD: LazyLock<HashMap<&'static str, Needs>> = LazyLock::new(read);
        static IODS: LazyLock<HashMap<&'static str, &'static str>> =
            LazyLock::new(|| data::sop_classes().collect());
        Self(sop_class.and_then(|uid| NEEDS_BY_IOD.get(IODS.get(uid)?)))
    }

    /// What it needs of an attribute, in an item of this sequence or in the data set itself.
    pub(crate) fn need(self, sequence: Option<Tag>, tag: Tag) -> Option<Need> {
        Some(self.0?.get(&(sequence, tag)).copied().unwrap_or(Need::Nothing))
    }
}

fn read() -> HashMap<&'static str, Needs> {
    // An IOD without a line of its own needs nothing, which is something else than not being known.
    let mut needs: HashMap<&'static str, Needs> =
        data::sop_classes().map(|(_, iod)| (iod, Needs::default())).collect();
    for (sequence, attribute, kind, iods) in data::types() {
        let Some(tag) = tag::by_keyword(attribute) else { continue };
        let sequence = tag::by_keyword(sequence);
        let need = if kind == "1" { Need::Value } else { Need::Element };
        for iod in iods.split(' ') {
            needs.entry(iod).or_default().insert((sequence, tag), need);
        }
    }
    needs
}

#[cfg(test)]
mod tests {
    use super::*;
    use dicom::tag::tags;
    use dicom::uid::sop_class;

    #[test]
    fn every_line_names_what_the_dictionary_knows() {
        for (sequence, attribute, kind, iods) in data::types() {
            assert!(tag::by_keyword(attribute).is_some(), "{attribute}");
            assert!(sequence.is_empty() || tag::by_keyword(sequence).is_some(), "{sequence}");
            assert!(matches!(kind, "1" | "2"), "{attribute} {kind}");
            for iod in iods.split(' ') {
                assert!(data::sop_classes().any(|(_, known)| known == iod), "{iod}");
            }
        }
        assert_eq!(data::sop_classes().count(), 180);
        assert_eq!(data::types().count(), 159);
    }

    /// A sample held against PS3.3 by hand: C.7.5.1, C.8.15.1 (enhanced equipment), C.7.6.1, C.7.3.1, C.7.6.4.
    #[test]
    fn types_are_as_the_standard_gives_them() {
        let ct = Types::of(Some(sop_class::CT_IMAGE));
        assert_eq!(ct.need(None, tags::INSTITUTION_NAME), Some(Need::Nothing));
        assert_eq!(ct.need(None, tags::DEVICE_SERIAL_NUMBER), Some(Need::Nothing));
        assert_eq!(ct.need(None, tags::PATIENT_ID), Some(Need::Element));
        let keyword = |keyword| tag::by_keyword(keyword).unwrap();
        assert_eq!(ct.need(None, keyword("ContrastBolusAgent")), Some(Need::Element));
        assert_eq!(ct.need(None, keyword("ContentDate")), Some(Need::Element));
        let enhanced = Types::of(Some("1.2.840.10008.5.1.4.1.1.2.1"));
        assert_eq!(enhanced.need(None, tags::DEVICE_SERIAL_NUMBER), Some(Need::Value));
        assert_eq!(enhanced.need(None, keyword("ContentDate")), Some(Need::Value));
        assert_eq!(Types::of(Some("1.2.3")).need(None, tags::PATIENT_ID), None);
        assert_eq!(Types::of(None).need(None, tags::PATIENT_ID), None);
    }

    #[test]
    fn the_least_that_keeps_the_object_valid_is_done() {
        let done = |code, need| Compound::parse(code).unwrap().action(need);
        for (code, value, element, nothing, unknown) in [
            ("X/Z", Action::Dummy, Action::Empty, Action::Remove, Action::Empty),
            ("X/D", Action::Dummy, Action::Dummy, Action::Remove, Action::Dummy),
            ("Z/D", Action::Dummy, Action::Empty, Action::Empty, Action::Dummy),
            ("X/Z/D", Action::Dummy, Action::Empty, Action::Remove, Action::Dummy),
            ("X/Z/U*", Action::Uid, Action::Uid, Action::Remove, Action::Uid),
        ] {
            assert_eq!(done(code, Some(Need::Value)), value, "{code}, Type 1");
            assert_eq!(done(code, Some(Need::Element)), element, "{code}, Type 2");
            assert_eq!(done(code, Some(Need::Nothing)), nothing, "{code}, Type 3");
            assert_eq!(done(code, None), unknown, "{code}, a SOP class that nobody knows");
        }
        assert!(["X", "Z", "D", "K", "U", "C"].into_iter().all(|code| Compound::parse(code).is_none()));
    }
}
