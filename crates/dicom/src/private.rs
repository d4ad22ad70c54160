//! Private elements: whose an element is (PS3.5 §7.8.1), and which are known to identify nobody (PS3.15 E.3.10).

use crate::dataset::{Dataset, Element};
use crate::tag::{Tag, VR, is_multi_valued_text, is_private};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::LazyLock;

/// The blocks that private creators have reserved in one data set, or in one item: each stands for itself.
#[derive(Debug, Default)]
pub struct Blocks {
    creators: BTreeMap<Tag, String>,
    /// The creators of what stands in a block.
    used: BTreeSet<Tag>,
}

impl Blocks {
    /// Those of this set.
    pub fn of(set: &Dataset) -> Self {
        let creators = set.iter().filter(|element| is_creator(element.tag));
        let named = |text: &str| text.trim_matches([' ', '\0']).to_owned();
        Self {
            creators: creators.filter_map(|element| Some((element.tag, named(element.text()?)))).collect(),
            used: set.iter().filter_map(|element| creator_of(element.tag)).collect(),
        }
    }

    /// Who has reserved the block that an element is in; `None`: nobody, or it is no private data element.
    pub fn creator(&self, tag: Tag) -> Option<&str> {
        self.creators.get(&creator_of(tag)?).map(String::as_str)
    }

    /// Whether a private element of this set is known to be safe; a creator is if anything stands in its block, for that is
    /// looked at itself.
    pub fn is_safe(&self, element: &Element) -> bool {
        let listed = self.creator(element.tag).and_then(|creator| safe(creator, element.tag));
        listed.is_some_and(|safe| safe.allows(element)) || self.used.contains(&element.tag)
    }
}

/// Whether the element reserves a block.
fn is_creator(tag: Tag) -> bool {
    is_private(tag) && (0x0010..=0x00FF).contains(&tag.1)
}

/// The element that reserves the block of a private data element; `None` for what is none.
pub fn creator_of(tag: Tag) -> Option<Tag> {
    (is_private(tag) && tag.1 >= 0x1000).then_some(Tag(tag.0, tag.1 >> 8))
}

/// What a private attribute that is known to be safe looks like; another shape is not known to be safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Safe {
    /// Its VR.
    pub vr: VR,
    values_min: usize,
    values_max: usize,
}

impl Safe {
    /// Whether the element has this VR and so many values as it should, or none.
    pub fn allows(&self, element: &Element) -> bool {
        let bytes = element.bytes();
        let values = match self.vr {
            vr if is_multi_valued_text(vr) => bytes.split(|byte| *byte == b'\\').count(),
            VR::US | VR::SS => bytes.len() / 2,
            VR::FD => bytes.len() / 8,
            _ => bytes.len() / 4,
        };
        element.vr == self.vr
            && element.items().is_empty()
            && (bytes.is_empty() || (self.values_min..=self.values_max).contains(&values))
    }
}

/// The attribute of this creator, if it is known to be safe (`profiles/safe-private.csv`).
pub fn safe(creator: &str, tag: Tag) -> Option<Safe> {
    static BY_PLACE: LazyLock<HashMap<(u16, u16, &str), Safe>> = LazyLock::new(|| rows().collect());
    BY_PLACE.get(&(tag.0, tag.1 & 0x00FF, creator)).copied()
}

/// The list: group, place in the block, creator; and the attribute.
fn rows() -> impl Iterator<Item = ((u16, u16, &'static str), Safe)> {
    const LIST: &str = include_str!("../../../profiles/safe-private.csv");
    LIST.lines().filter(|line| !line.starts_with('#')).skip(1).filter_map(|line| {
        let mut cells = line.splitn(6, ',');
        let mut hex = || u16::from_str_radix(cells.next()?, 16).ok();
        let (group, place) = (hex()?, hex()?);
        let vr = cells.next()?.parse().ok()?;
        let vm = cells.next()?;
        let (min, max) = vm.split_once('-').unwrap_or((vm, vm));
        let values_max = if max == "n" { usize::MAX } else { max.parse().ok()? };
        let safe = Safe { vr, values_min: min.parse().ok()?, values_max };
        Some(((group, place, cells.nth(1)?), safe))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_list_is_read() {
        assert_eq!(rows().count(), 98);
        let vr = |creator, tag| safe(creator, tag).map(|safe| safe.vr);
        assert_eq!(vr("SIEMENS MR HEADER", Tag(0x0019, 0x100C)), Some(VR::IS));
        assert_eq!(vr("SIEMENS MR HEADER", Tag(0x0019, 0xFF0C)), Some(VR::IS), "whichever block");
        assert_eq!(vr("HOLOGIC, Inc.", Tag(0x7E01, 0x1001)), Some(VR::LO));
        assert_eq!(vr("SIEMENS MR HEADER", Tag(0x0019, 0x1008)), None);
        assert_eq!(vr("ACME", Tag(0x0019, 0x100C)), None);
    }

    #[test]
    fn a_safe_attribute_has_as_many_values_as_it_should() {
        let (units, table, gradient) = (Tag(0x0099, 0x1020), Tag(0x0043, 0x106F), Tag(0x0019, 0x100E));
        let units =
            |text: &str| safe("NQHeader", units).unwrap().allows(&Element::text_of(units, VR::SH, text));
        assert!(units("mm3") && units("") && !units("mm3\\WARD 7"));
        let table =
            |text: &str| safe("GEMS_PARM_01", table).unwrap().allows(&Element::text_of(table, VR::DS, text));
        assert!(table("1\\2\\3") && table("1\\2\\3\\4") && !table("1\\2") && !table("1\\2\\3\\4\\5"));
        let floats = |vr, n: usize| Element::bytes_of(gradient, vr, vec![0; 8 * n]);
        let gradient = safe("SIEMENS MR HEADER", gradient).unwrap();
        assert!(gradient.allows(&floats(VR::FD, 3)));
        assert!(!gradient.allows(&floats(VR::FD, 4)) && !gradient.allows(&floats(VR::FL, 3)));
    }

    #[test]
    fn a_block_is_its_creators_in_its_own_set_only() {
        let set: Dataset = [
            Element::text_of(Tag(0x0019, 0x0010), VR::LO, "ACME 1.1 "),
            Element::text_of(Tag(0x0019, 0x00FF), VR::LO, "OTHER"),
            Element::text_of(Tag(0x0018, 0x0010), VR::LO, "no creator"),
        ]
        .into_iter()
        .collect();
        let blocks = Blocks::of(&set);
        assert_eq!(blocks.creator(Tag(0x0019, 0x1001)), Some("ACME 1.1"));
        assert_eq!(blocks.creator(Tag(0x0019, 0xFF01)), Some("OTHER"));
        assert_eq!(blocks.creator(Tag(0x0019, 0x1101)), None);
        assert_eq!(blocks.creator(Tag(0x0019, 0x0010)), None, "a creator is in no block");
        assert_eq!(blocks.creator(Tag(0x0018, 0x1001)), None);
    }

    #[test]
    fn a_creator_is_safe_with_what_stands_in_its_block_only() {
        let creator = Element::text_of(Tag(0x0019, 0x0010), VR::LO, "SIEMENS MR HEADER");
        let b_value = Element::text_of(Tag(0x0019, 0x100C), VR::IS, "1000");
        let other = Element::text_of(Tag(0x0019, 0x1008), VR::CS, "IMAGE NUM 4");
        let safe = |elements: &[&Element]| {
            let set: Dataset = elements.iter().map(|element| (*element).clone()).collect();
            let blocks = Blocks::of(&set);
            set.iter().map(|element| blocks.is_safe(element)).collect::<Vec<_>>()
        };
        assert_eq!(safe(&[&creator, &b_value]), [true, true]);
        assert_eq!(safe(&[&creator, &other]), [true, false]);
        assert_eq!(safe(&[&creator]), [false]);
        assert_eq!(safe(&[&b_value]), [false]);
    }
}
