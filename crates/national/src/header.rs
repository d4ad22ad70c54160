//! An image's header as JSON, in the shape that the chest imaging database really wrote.
//!
//! It is the DICOM JSON model (PS3.18 Annex F) of everything before the pixel data, with these habits, on which readers
//! rely: a decimal string is a float, an integer string an integer, what does not parse stays text; an empty member among
//! several values is `""`; an empty sequence has `"Value": []`, any other empty element no `Value`; every bulk value is
//! `"InlineBinary": null`; the whole element (0028,3010) is null; file meta information is absent.

use dicom::dataset::{Dataset, Element};
use dicom::tag::{Tag, VR};
use serde_json::{Map, Value, json};

/// VOI LUT Sequence: too large for a header, so null.
const VOI_LUT_SEQUENCE: Tag = Tag(0x0028, 0x3010);
/// The pixel data's group: it and everything after it are absent.
const PIXEL_GROUP: u16 = 0x7fe0;

/// The header of a data set.
pub fn to_json(dataset: &Dataset) -> Value {
    let before_pixels = |element: &&Element| element.tag.0 < PIXEL_GROUP && element.tag.0 != 0x0002;
    object(dataset.iter().filter(before_pixels))
}

fn object<'a>(elements: impl Iterator<Item = &'a Element>) -> Value {
    let member = |element: &Element| {
        let Tag(group, number) = element.tag;
        (format!("{group:04X}{number:04X}"), element_json(element))
    };
    Value::Object(elements.map(member).collect())
}

fn element_json(element: &Element) -> Value {
    if element.tag == VOI_LUT_SEQUENCE {
        return Value::Null;
    }
    let mut members = Map::new();
    members.insert("vr".into(), element.vr.to_string().into());
    if element.vr == VR::SQ {
        let items = element.items().iter().map(|item| object(item.iter())).collect();
        members.insert("Value".into(), Value::Array(items));
    } else if !element.is_empty() {
        if is_bulk(element.vr) {
            members.insert("InlineBinary".into(), Value::Null);
        } else if let Some(values) = values(element) {
            members.insert("Value".into(), Value::Array(values));
        }
    }
    Value::Object(members)
}

fn is_bulk(vr: VR) -> bool {
    matches!(vr, VR::OB | VR::OD | VR::OF | VR::OL | VR::OV | VR::OW | VR::UN)
}

/// The values of an element that is neither a sequence nor bulk; `None` where only padding is there.
fn values(element: &Element) -> Option<Vec<Value>> {
    let bytes = element.bytes();
    let values = match element.vr {
        VR::US => numbers(bytes, |b| json!(u16::from_le_bytes(b))),
        VR::SS => numbers(bytes, |b| json!(i16::from_le_bytes(b))),
        VR::UL => numbers(bytes, |b| json!(u32::from_le_bytes(b))),
        VR::SL => numbers(bytes, |b| json!(i32::from_le_bytes(b))),
        VR::UV => numbers(bytes, |b| json!(u64::from_le_bytes(b))),
        VR::SV => numbers(bytes, |b| json!(i64::from_le_bytes(b))),
        VR::FL => numbers(bytes, |b| json!(f32::from_le_bytes(b))),
        VR::FD => numbers(bytes, |b| json!(f64::from_le_bytes(b))),
        VR::AT => numbers(bytes, |b: [u8; 4]| {
            let word = |at: usize| u16::from_le_bytes([b[at], b[at + 1]]);
            json!(format!("{:04X}{:04X}", word(0), word(2)))
        }),
        vr => {
            let texts: Vec<&str> = element.texts().collect();
            if texts.iter().all(|text| text.is_empty()) && texts.len() < 2 {
                return None;
            }
            texts.into_iter().map(|text| text_value(vr, text)).collect()
        }
    };
    Some(values)
}

fn text_value(vr: VR, text: &str) -> Value {
    let finite = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite());
    match vr {
        VR::DS => finite(text).map_or_else(|| json!(text), |number| json!(number)),
        VR::IS => text.parse::<i64>().map_or_else(|_| json!(text), |number| json!(number)),
        VR::PN if !text.is_empty() => {
            let groups = ["Alphabetic", "Ideographic", "Phonetic"].into_iter().zip(text.split('='));
            Value::Object(groups.map(|(group, name)| (group.to_owned(), json!(name))).collect())
        }
        _ => json!(text),
    }
}

fn numbers<const N: usize>(bytes: &[u8], value: impl Fn([u8; N]) -> Value) -> Vec<Value> {
    bytes.chunks_exact(N).filter_map(|chunk| chunk.try_into().ok().map(&value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use dicom::tag::tags;

    #[test]
    fn the_shape_that_was_really_written() {
        let mut item = Dataset::new();
        item.put_text(tags::CODE_VALUE, VR::SH, "T-1 ");
        item.put(Element::bytes_of(tags::PIXEL_DATA, VR::OW, [0, 0]));
        let set: Dataset = [
            Element::text_of(tags::SPECIFIC_CHARACTER_SET, VR::CS, "ISO_IR 192"),
            Element::text_of(tags::IMAGE_TYPE, VR::CS, "ORIGINAL\\PRIMARY\\\\AXIAL "),
            Element::text_of(tags::STUDY_DATE, VR::DA, ""),
            Element::text_of(tags::PATIENT_NAME, VR::PN, "CovidAAAAAAAAAAAAAAAAAAAA "),
            Element::text_of(tags::SLICE_THICKNESS, VR::DS, "5"),
            Element::text_of(tags::KVP, VR::DS, "abc"),
            Element::text_of(tags::INSTANCE_NUMBER, VR::IS, "7 "),
            Element::text_of(tags::WINDOW_CENTER, VR::DS, "40\\\\80"),
            Element::bytes_of(tags::ROWS, VR::US, 512_u16.to_le_bytes()),
            Element::bytes_of(tags::FRAME_INCREMENT_POINTER, VR::AT, [0x18, 0x00, 0x63, 0x10]),
            Element::items_of(tags::ANATOMIC_REGION_SEQUENCE, vec![item]),
            Element::items_of(tags::REFERENCED_IMAGE_SEQUENCE, vec![]),
            Element::items_of(tags::VOILUT_SEQUENCE, vec![Dataset::new()]),
            Element::bytes_of(tags::RED_PALETTE_COLOR_LOOKUP_TABLE_DATA, VR::OW, [1, 2]),
            Element::bytes_of(tags::GREEN_PALETTE_COLOR_LOOKUP_TABLE_DATA, VR::OW, []),
            Element::bytes_of(tags::PIXEL_DATA, VR::OW, [1, 2]),
            Element::text_of(tags::DATA_SET_TRAILING_PADDING, VR::LO, "x"),
        ]
        .into_iter()
        .collect();
        let expected = json!({
            "00080005": {"vr": "CS", "Value": ["ISO_IR 192"]},
            "00080008": {"vr": "CS", "Value": ["ORIGINAL", "PRIMARY", "", "AXIAL"]},
            "00080020": {"vr": "DA"},
            "00081140": {"vr": "SQ", "Value": []},
            "00082218": {"vr": "SQ", "Value": [{
                "00080100": {"vr": "SH", "Value": ["T-1"]},
                "7FE00010": {"vr": "OW", "InlineBinary": null},
            }]},
            "00100010": {"vr": "PN", "Value": [{"Alphabetic": "CovidAAAAAAAAAAAAAAAAAAAA"}]},
            "00180050": {"vr": "DS", "Value": [5.0]},
            "00180060": {"vr": "DS", "Value": ["abc"]},
            "00200013": {"vr": "IS", "Value": [7]},
            "00280009": {"vr": "AT", "Value": ["00181063"]},
            "00280010": {"vr": "US", "Value": [512]},
            "00281050": {"vr": "DS", "Value": [40.0, "", 80.0]},
            "00281201": {"vr": "OW", "InlineBinary": null},
            "00281202": {"vr": "OW"},
            "00283010": null,
        });
        assert_eq!(to_json(&set), expected);
        let text = serde_json::to_string(&to_json(&set)).unwrap();
        assert!(text.contains("5.0") && !text.contains("FFFC"));
    }
}
