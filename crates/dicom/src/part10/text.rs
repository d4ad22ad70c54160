//! Text becomes UTF-8 once, here; afterwards the data set says so: (0008,0005) is ISO_IR 192.

use super::error::{NoteKind, Notes};
use crate::charset::{CharacterSet, Delimiters};
use crate::dataset::{Dataset, Element, Value, ValueBytes};
use crate::tag::{self, Tag, VR, tags};
use std::borrow::Cow;

/// The term for UTF-8.
pub(super) const UTF_8: &str = "ISO_IR 192";

/// Converts a top-level data set, and what follows its pixel data.
pub(super) fn to_utf8(dataset: &mut Dataset, trailing: &mut Dataset, notes: &mut Notes) {
    let set = declared(dataset, notes).unwrap_or_default();
    convert(dataset, &set, notes);
    convert(trailing, &set, notes);
    dataset.put(Element::text_of(tags::SPECIFIC_CHARACTER_SET, VR::CS, UTF_8));
}

/// What (0008,0005) of this data set declares; `None` where it is silent.
fn declared(dataset: &Dataset, notes: &mut Notes) -> Option<CharacterSet> {
    let element = dataset.get(tags::SPECIFIC_CHARACTER_SET)?;
    // Terms are ASCII; the VR may be anything in a careless file.
    let text = String::from_utf8_lossy(element.bytes());
    if text.trim_matches([' ', '\0']).is_empty() {
        return None;
    }
    let terms: Vec<&str> = text.split('\\').map(|term| term.trim_matches([' ', '\0'])).collect();
    let set = CharacterSet::from_terms(&terms);
    if !set.is_understood() {
        notes.add(NoteKind::UnknownCharacterSet, Some(tags::SPECIFIC_CHARACTER_SET), 0);
    }
    Some(set)
}

fn convert(dataset: &mut Dataset, set: &CharacterSet, notes: &mut Notes) {
    for (tag, vr, value) in dataset.values_mut() {
        match value {
            Value::Bytes(bytes) => convert_value(tag, *vr, bytes, set, notes),
            Value::Items(items) => {
                for item in items {
                    // An item inherits, or declares its own (PS3.3 §C.12.1.1.2).
                    let own = declared(item, notes);
                    convert(item, own.as_ref().unwrap_or(set), notes);
                    item.remove(tags::SPECIFIC_CHARACTER_SET);
                }
            }
        }
    }
}

fn convert_value(tag: Tag, vr: VR, bytes: &mut ValueBytes, set: &CharacterSet, notes: &mut Notes) {
    let converts = tag::is_charset_text(vr) || (tag::is_text(vr) && !bytes.is_ascii());
    if !converts {
        return;
    }
    let decoded = set.decode(bytes, Delimiters::of(vr));
    if !decoded.certain {
        notes.add(NoteKind::UncertainText, Some(tag), 0);
    }
    if let Cow::Owned(text) = decoded.text {
        *bytes = text.into_bytes().into();
    }
}
