//! A data set (PS3.5 §7): elements in ascending tag order, text in UTF-8, numbers in little endian.
//!
//! The reader converts text and byte order once, at the door; nothing above it knows of character sets.
//! Values never print: a data set's `Debug` shows tags, value representations and lengths.

use crate::tag::{self, Tag, VR};
use smallvec::SmallVec;
use std::fmt;

/// One data element.
#[derive(Clone, PartialEq)]
pub struct Element {
    /// Its tag.
    pub tag: Tag,
    /// Its value representation as read, or from the dictionary where the syntax is implicit.
    pub vr: VR,
    /// Its value.
    pub value: Value,
}

/// The bytes of a value. Most are so short that they lie in the element itself.
pub type ValueBytes = SmallVec<[u8; 24]>;

/// A value: bytes (UTF-8 text or little-endian numbers, padding kept as read) or the items of a sequence.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// Everything but a sequence.
    Bytes(ValueBytes),
    /// The items of an SQ element (PS3.5 §7.5).
    Items(Vec<Dataset>),
}

/// Elements in ascending order of tag, each tag once.
#[derive(Clone, Default, PartialEq)]
pub struct Dataset {
    elements: Vec<Element>,
}

impl Element {
    /// A text element (UTF-8; several values are joined by a backslash).
    pub fn text_of(tag: Tag, vr: VR, text: &str) -> Self {
        Self { tag, vr, value: Value::Bytes(ValueBytes::from_slice(text.as_bytes())) }
    }

    /// An element of raw bytes, already little endian.
    pub fn bytes_of(tag: Tag, vr: VR, bytes: impl Into<Vec<u8>>) -> Self {
        Self { tag, vr, value: Value::Bytes(bytes.into().into()) }
    }

    /// A sequence.
    pub fn items_of(tag: Tag, items: Vec<Dataset>) -> Self {
        Self { tag, vr: VR::SQ, value: Value::Items(items) }
    }

    /// The bytes of the value; empty for a sequence.
    pub fn bytes(&self) -> &[u8] {
        match &self.value {
            Value::Bytes(bytes) => bytes,
            Value::Items(_) => &[],
        }
    }

    /// The items of a sequence; empty for anything else.
    pub fn items(&self) -> &[Dataset] {
        match &self.value {
            Value::Items(items) => items,
            Value::Bytes(_) => &[],
        }
    }

    /// The whole value as text without its padding; `None` where it is not text.
    pub fn text(&self) -> Option<&str> {
        if !tag::is_text(self.vr) {
            return None;
        }
        std::str::from_utf8(self.bytes()).ok().map(|text| text.trim_end_matches(['\0', ' ']))
    }

    /// Each value of a text element, without padding.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        let several = tag::is_multi_valued_text(self.vr);
        self.text()
            .into_iter()
            .flat_map(move |text| text.split(move |c| several && c == '\\'))
            .map(|value| value.trim_matches([' ', '\0']))
    }

    /// Whether the element has no value.
    pub fn is_empty(&self) -> bool {
        match &self.value {
            Value::Bytes(bytes) => bytes.is_empty(),
            Value::Items(items) => items.is_empty(),
        }
    }
}

impl Dataset {
    /// An empty data set.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty data set with room for so many elements.
    pub(crate) fn with_room(elements: usize) -> Self {
        Self { elements: Vec::with_capacity(elements) }
    }

    /// How many elements it has at its top level.
    pub fn len(&self) -> usize {
        self.elements.len()
    }

    /// Whether it has no element.
    pub fn is_empty(&self) -> bool {
        self.elements.is_empty()
    }

    /// The elements, ascending.
    pub fn iter(&self) -> std::slice::Iter<'_, Element> {
        self.elements.iter()
    }

    /// Each element's tag, value representation and value, to change in place, ascending.
    pub fn values_mut(&mut self) -> impl Iterator<Item = (Tag, &mut VR, &mut Value)> {
        self.elements.iter_mut().map(|element| (element.tag, &mut element.vr, &mut element.value))
    }

    /// Whether there is an element of this tag.
    pub fn contains(&self, tag: Tag) -> bool {
        self.position(tag).is_ok()
    }

    /// The element of this tag.
    pub fn get(&self, tag: Tag) -> Option<&Element> {
        self.position(tag).ok().map(|at| &self.elements[at])
    }

    /// Puts an element, replacing one of the same tag; returns what was there.
    pub fn put(&mut self, element: Element) -> Option<Element> {
        match self.position(element.tag) {
            Ok(at) => Some(std::mem::replace(&mut self.elements[at], element)),
            Err(at) => {
                self.elements.insert(at, element);
                None
            }
        }
    }

    /// Puts a text element.
    pub fn put_text(&mut self, tag: Tag, vr: VR, text: &str) {
        self.put(Element::text_of(tag, vr, text));
    }

    /// Takes an element out.
    pub fn remove(&mut self, tag: Tag) -> Option<Element> {
        self.position(tag).ok().map(|at| self.elements.remove(at))
    }

    /// Rebuilds the data set, element by element: `None` drops it. The tag must not change.
    pub fn map_elements(self, mut f: impl FnMut(Element) -> Option<Element>) -> Self {
        Self { elements: self.elements.into_iter().filter_map(&mut f).collect() }
    }

    /// The text of an element without its padding; `None` where absent, empty or not text.
    pub fn text(&self, tag: Tag) -> Option<&str> {
        self.get(tag).and_then(Element::text).filter(|text| !text.is_empty())
    }

    /// Each value of a text element; nothing where absent.
    pub fn texts(&self, tag: Tag) -> impl Iterator<Item = &str> {
        self.get(tag).into_iter().flat_map(Element::texts)
    }

    /// The items of a sequence; empty where absent.
    pub fn items(&self, tag: Tag) -> &[Dataset] {
        self.get(tag).map(Element::items).unwrap_or_default()
    }

    /// The first value as an integer: US, SS, UL, SL or IS.
    pub fn integer(&self, tag: Tag) -> Option<i64> {
        let element = self.get(tag)?;
        let bytes = element.bytes();
        match element.vr {
            VR::US => bytes.first_chunk().map(|b| i64::from(u16::from_le_bytes(*b))),
            VR::SS => bytes.first_chunk().map(|b| i64::from(i16::from_le_bytes(*b))),
            VR::UL => bytes.first_chunk().map(|b| i64::from(u32::from_le_bytes(*b))),
            VR::SL => bytes.first_chunk().map(|b| i64::from(i32::from_le_bytes(*b))),
            VR::IS => element.texts().next()?.parse().ok(),
            _ => None,
        }
    }
}

impl Dataset {
    fn position(&self, tag: Tag) -> Result<usize, usize> {
        // Elements are nearly always appended in order.
        match self.elements.last() {
            Some(last) if last.tag < tag => Err(self.elements.len()),
            None => Err(0),
            Some(_) => self.elements.binary_search_by_key(&tag, |element| element.tag),
        }
    }
}

impl Extend<Element> for Dataset {
    fn extend<I: IntoIterator<Item = Element>>(&mut self, elements: I) {
        for element in elements {
            self.put(element);
        }
    }
}

impl FromIterator<Element> for Dataset {
    fn from_iter<I: IntoIterator<Item = Element>>(elements: I) -> Self {
        let mut set = Self::new();
        set.extend(elements);
        set
    }
}

impl IntoIterator for Dataset {
    type Item = Element;
    type IntoIter = std::vec::IntoIter<Element>;
    fn into_iter(self) -> Self::IntoIter {
        self.elements.into_iter()
    }
}

impl<'a> IntoIterator for &'a Dataset {
    type Item = &'a Element;
    type IntoIter = std::slice::Iter<'a, Element>;
    fn into_iter(self) -> Self::IntoIter {
        self.elements.iter()
    }
}

impl fmt::Debug for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Value::Bytes(bytes) => write!(f, "{} {} {} bytes", self.tag, self.vr, bytes.len()),
            Value::Items(items) => write!(f, "{} SQ {items:?}", self.tag),
        }
    }
}

impl fmt::Debug for Dataset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.elements).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tag::tags;

    #[test]
    fn elements_stay_in_order_and_unique() {
        let set: Dataset = [
            Element::text_of(tags::PATIENT_ID, VR::LO, "B "),
            Element::text_of(tags::MODALITY, VR::CS, "CT"),
            Element::text_of(tags::PATIENT_ID, VR::LO, "C "),
        ]
        .into_iter()
        .collect();
        assert_eq!(set.iter().map(|e| e.tag).collect::<Vec<_>>(), [tags::MODALITY, tags::PATIENT_ID]);
        assert_eq!(set.text(tags::PATIENT_ID), Some("C"));
    }

    #[test]
    fn debug_shows_no_value() {
        let mut set = Dataset::new();
        set.put_text(tags::PATIENT_NAME, VR::PN, "SENTINEL^ANNA");
        assert!(!format!("{set:?}").contains("SENTINEL"));
    }
}
