//! Private elements: whose an element is (PS3.5 §7.8.1), and which are known to identify nobody (PS3.15 E.3.10).

use crate::dataset::Dataset;
use crate::tag::{Tag, VR, is_private};
use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

/// The blocks that private creators have reserved in one data set, or in one item: each stands for itself.
#[derive(Debug, Default)]
pub struct Blocks(BTreeMap<Tag, String>);

impl Blocks {
    /// Those of this set.
    pub fn of(set: &Dataset) -> Self {
        let creators = set.iter().filter(|element| is_creator(element.tag));
        let named = |text: &str| text.trim_matches([' ', '\0']).to_owned();
        Self(creators.filter_map(|element| Some((element.tag, named(element.text()?)))).collect())
    }

    /// Who has reserved the block that an element is in; `None`: nobody, or it is no private data element.
    pub fn creator(&self, tag: Tag) -> Option<&str> {
        self.0.get(&creator_of(tag)?).map(String::as_str)
    }
}

/// Whether the element reserves a block.
pub fn is_creator(tag: Tag) -> bool {
    is_private(tag) && (0x0010..=0x00FF).contains(&tag.1)
}

/// The element that reserves the block of a private data element; `None` for what is none.
pub fn creator_of(tag: Tag) -> Option<Tag> {
    (is_private(tag) && tag.1 >= 0x1000).then_some(Tag(tag.0, tag.1 >> 8))
}

/// The VR of an attribute of this creator that is known to be safe (`profiles/safe-private.csv`).
pub fn safe(creator: &str, tag: Tag) -> Option<VR> {
    static BY_PLACE: LazyLock<HashMap<(u16, u16, &str), VR>> = LazyLock::new(|| rows().collect());
    BY_PLACE.get(&(tag.0, tag.1 & 0x00FF, creator)).copied()
}

/// The list: group, place in the block, creator; and the VR.
fn rows() -> impl Iterator<Item = ((u16, u16, &'static str), VR)> {
    const LIST: &str = include_str!("../../../profiles/safe-private.csv");
    LIST.lines().filter(|line| !line.starts_with('#')).skip(1).filter_map(|line| {
        let mut cells = line.splitn(6, ',');
        let mut hex = || u16::from_str_radix(cells.next()?, 16).ok();
        let (group, place) = (hex()?, hex()?);
        let vr = cells.next()?.parse().ok()?;
        Some(((group, place, cells.nth(2)?), vr))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Element;

    #[test]
    fn every_line_of_the_list_is_read() {
        assert_eq!(rows().count(), 98);
        assert_eq!(safe("SIEMENS MR HEADER", Tag(0x0019, 0x100C)), Some(VR::IS));
        assert_eq!(safe("SIEMENS MR HEADER", Tag(0x0019, 0xFF0C)), Some(VR::IS), "whichever block");
        assert_eq!(safe("HOLOGIC, Inc.", Tag(0x7E01, 0x1001)), Some(VR::LO));
        assert_eq!(safe("SIEMENS MR HEADER", Tag(0x0019, 0x1008)), None);
        assert_eq!(safe("ACME", Tag(0x0019, 0x100C)), None);
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
}
