//! What PS3.15 Annex E asks of an attribute, read afresh from Table E.1-1: the answer key shares nothing with the engine.

use super::key::Rule;
use dicom::tag::{Tag, VR};
use std::collections::HashMap;
use std::sync::LazyLock;

/// A row of Table E.1-1.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub(super) basic: &'static str,
    device: &'static str,
    patient: &'static str,
    dates: &'static str,
    descriptors: &'static str,
    structured: &'static str,
    graphics: &'static str,
}

/// The rows of single attributes; the patterns (50xx, 60xx, odd groups) are asked for by the code that plants them.
pub(super) static TABLE: LazyLock<HashMap<Tag, Row>> = LazyLock::new(|| {
    let lines = include_str!("table-e.1-1.csv").lines().filter(|line| !line.starts_with('#')).skip(1);
    lines.filter_map(row).collect()
});

fn row(line: &'static str) -> Option<(Tag, Row)> {
    let fields: Vec<&str> = line.split(',').collect();
    let [tag, basic, _, device, patient, dates, descriptors, structured, graphics] = *fields else {
        return None;
    };
    let number = u32::from_str_radix(tag, 16).ok()?;
    let tag = Tag(u16::try_from(number >> 16).ok()?, u16::try_from(number & 0xffff).ok()?);
    Some((tag, Row { basic, device, patient, dates, descriptors, structured, graphics }))
}

/// Attributes of Type 1 or 2 in the IODs of the corpus: they must still be there, if only empty (PS3.3 C.7.1.1 Patient, C.7.2.1
/// General Study, C.7.3.1 General Series; PS3.5 §7.4). Only those of modules that every object here has.
const ALWAYS_THERE: &[Tag] = &[
    Tag(0x0010, 0x0010),
    Tag(0x0010, 0x0020),
    Tag(0x0010, 0x0030),
    Tag(0x0010, 0x0040),
    Tag(0x0008, 0x0020),
    Tag(0x0008, 0x0030),
    Tag(0x0008, 0x0050),
    Tag(0x0008, 0x0090),
    Tag(0x0020, 0x0010),
];

/// Dates that are published: of a version of a code list or of an implant's template. The option for dates would move them (C), and
/// a moved date beside a known one tells how far; so nothing is asked but that a tool does something.
const PUBLISHED: &[Tag] = &[
    Tag(0x0008, 0x0106),
    Tag(0x0008, 0x0107),
    Tag(0x0040, 0xDB06),
    Tag(0x0040, 0xDB07),
    Tag(0x0068, 0x6226),
    Tag(0x0068, 0x6270),
];

/// The answers under the research options and under the Basic Profile alone.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answers {
    pub(super) research: Option<Rule>,
    pub(super) basic: Option<Rule>,
}

impl Answers {
    pub(super) fn both(rule: &Rule) -> Self {
        Self { research: Some(rule.clone()), basic: Some(rule.clone()) }
    }

    pub(super) fn gone() -> Self {
        Self::both(&Rule::Gone { present: false })
    }
}

/// What the table's row of a sequence says of what is inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Inside {
    /// The sequence stays under the research options.
    pub(super) research: bool,
    /// The sequence stays under the Basic Profile.
    pub(super) basic: bool,
}

impl Inside {
    /// At the top of the data set.
    pub(super) const TOP: Self = Self { research: true, basic: true };

    /// Inside a sequence of this tag that stands here.
    ///
    /// A sequence that the table does not list stays and its items are cleaned (PS3.15 E.1.1: the actions apply at every level).
    /// X removes it with all that it holds; so does Z, which empties it; of D, U and the compound codes nothing is asked here,
    /// because a tool may choose. C keeps it.
    pub(super) fn below(self, tag: Tag) -> Self {
        let Some(row) = TABLE.get(&tag) else { return self };
        let kept_by_option = matches!(row.device, "K" | "C")
            || row.patient == "K"
            || row.descriptors == "C"
            || row.structured == "C"
            || row.graphics == "C";
        Self { research: self.research && kept_by_option, basic: false }
    }
}

/// Answers for an attribute with this value representation. `secret`: its value identifies the patient, the hospital or somebody
/// else; `at_top`: it stands at the top level, where the Types of the IOD are known.
pub(super) fn answers(tag: Tag, vr: VR, secret: bool, inside: Inside, at_top: bool) -> Answers {
    let gone = Rule::Gone { present: at_top && ALWAYS_THERE.contains(&tag) };
    let open = match TABLE.get(&tag) {
        Some(row) => listed(row, vr, secret, &gone),
        None => unlisted(vr, secret),
    };
    if PUBLISHED.contains(&tag) {
        return Answers::gone();
    }
    // Inside a sequence that goes, what identifies or would have been changed must be gone; of the rest nothing is asked.
    let shut = |rule: Option<Rule>| match rule {
        Some(Rule::Keep) | None => None,
        Some(_) => Some(Rule::Gone { present: false }),
    };
    Answers {
        research: if inside.research { open.research } else { shut(open.research) },
        basic: if inside.basic { open.basic } else { shut(open.basic) },
    }
}

fn listed(row: &Row, vr: VR, secret: bool, gone: &Rule) -> Answers {
    let dates = matches!(vr, VR::DA | VR::DT | VR::TM);
    let basic = if row.basic == "U" && vr == VR::UI { Rule::Uid } else { gone.clone() };
    let research = if row.dates == "C" && dates {
        // Where the option for dates and another one disagree, the dates win: a true date of calibration beside the moved date of
        // the study would tell how far it was moved.
        Some(Rule::Shift)
    } else if row.dates == "C" {
        // A date in an attribute that is no date (versions of context groups): nobody says what its modified form is.
        None
    } else if row.device == "K" || row.patient == "K" {
        // A value that identifies although its attribute is kept: it must go (E.3.9: options retain, they do not excuse).
        Some(if secret { gone.clone() } else { Rule::Keep })
    } else if cleaned(row) {
        // C: kept, as far as it identifies nobody. Text made of several parts has its own rule.
        Some(if secret { gone.clone() } else { Rule::Keep })
    } else {
        Some(basic.clone())
    };
    // U of a device's own UID under Retain Device Identity is K: above.
    Answers { research, basic: Some(basic) }
}

/// Whether one of the cleaning options is on for this row.
pub(super) fn cleaned(row: &Row) -> bool {
    row.descriptors == "C"
        || row.structured == "C"
        || row.graphics == "C"
        || row.patient == "C"
        || row.device == "C"
}

/// Attributes that the table does not list are kept (PS3.15 E.1.1), unless the value itself identifies.
fn unlisted(vr: VR, secret: bool) -> Answers {
    if secret {
        return Answers::gone();
    }
    match vr {
        // The table lists the UIDs of instances; what is left over are the standard's own.
        VR::UI => Answers::both(&Rule::Keep),
        // Dates that the table forgot: the profile asks for none, the option for dates moves all.
        VR::DA | VR::DT => Answers { research: Some(Rule::Shift), basic: None },
        _ => Answers::both(&Rule::Keep),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(tag: Tag, vr: VR) -> Answers {
        answers(tag, vr, false, Inside::TOP, true)
    }

    #[test]
    fn ps3_15_table_e_1_1_as_it_reads() {
        assert_eq!(TABLE.len(), 617);
        let study_date = of(Tag(0x0008, 0x0020), VR::DA);
        assert_eq!(study_date.research, Some(Rule::Shift));
        assert_eq!(study_date.basic, Some(Rule::Gone { present: true }));
        let sex = of(Tag(0x0010, 0x0040), VR::CS);
        assert_eq!((sex.research, sex.basic), (Some(Rule::Keep), Some(Rule::Gone { present: true })));
        assert_eq!(of(Tag(0x0020, 0x000D), VR::UI), Answers::both(&Rule::Uid));
        assert_eq!(of(Tag(0x0018, 0x0060), VR::DS), Answers::both(&Rule::Keep));
        assert_eq!(of(Tag(0x0018, 0x1000), VR::LO).research, Some(Rule::Keep));
        assert_eq!(of(Tag(0x0010, 0x1040), VR::LO), Answers::gone());
    }
}
