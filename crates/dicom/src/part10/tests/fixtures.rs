//! Byte builders for the tests.

use crate::dataset::{Dataset, Element};
use crate::part10::{Limits, Object, ReadError, encode_meta, open};
use crate::tag::{Tag, VR, tags};
use crate::uid::{sop_class, transfer_syntax as ts};
use std::io::Cursor;

pub(super) const CT: &str = sop_class::CT_IMAGE;

pub(super) fn open_bytes(bytes: &[u8]) -> Result<Object, ReadError> {
    open(Box::new(Cursor::new(bytes.to_vec())), &Limits::default())
}

pub(super) fn written(object: &mut Object) -> Vec<u8> {
    let mut out = Vec::new();
    let count = object.write(&mut out).unwrap();
    assert_eq!(count, out.len() as u64);
    out
}

/// A file with this data set behind a proper preamble and group 0002.
pub(super) fn file(syntax: &str, dataset: &[u8]) -> Vec<u8> {
    let mut bytes = encode_meta(CT, "1.2.3", syntax, Some("SCANNER"));
    bytes.extend_from_slice(dataset);
    bytes
}

pub(super) fn explicit_file(dataset: &[u8]) -> Vec<u8> {
    file(ts::EXPLICIT_VR_LITTLE_ENDIAN, dataset)
}

/// An element in explicit little endian: short form, or long where the VR has it.
pub(super) fn el(group: u16, element: u16, vr: &str, value: &[u8]) -> Vec<u8> {
    let len = u32::try_from(value.len()).unwrap();
    let mut bytes = front(group, element, vr, len);
    bytes.extend_from_slice(value);
    bytes
}

pub(super) fn front(group: u16, element: u16, vr: &str, len: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend_from_slice(&group.to_le_bytes());
    bytes.extend_from_slice(&element.to_le_bytes());
    bytes.extend_from_slice(vr.as_bytes());
    if ["OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"].contains(&vr) {
        bytes.extend_from_slice(&[0, 0]);
        bytes.extend_from_slice(&len.to_le_bytes());
    } else {
        bytes.extend_from_slice(&u16::try_from(len).unwrap().to_le_bytes());
    }
    bytes
}

/// An element in explicit big endian, short form; the value already big endian.
pub(super) fn el_be(group: u16, element: u16, vr: &str, value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend_from_slice(&group.to_be_bytes());
    bytes.extend_from_slice(&element.to_be_bytes());
    bytes.extend_from_slice(vr.as_bytes());
    if ["OW", "OB", "SQ"].contains(&vr) {
        bytes.extend_from_slice(&[0, 0]);
        bytes.extend_from_slice(&u32::try_from(value.len()).unwrap().to_be_bytes());
    } else {
        bytes.extend_from_slice(&u16::try_from(value.len()).unwrap().to_be_bytes());
    }
    bytes.extend_from_slice(value);
    bytes
}

/// An element in implicit little endian; also an item or delimiter.
pub(super) fn im(group: u16, element: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = im_front(group, element, u32::try_from(value.len()).unwrap());
    bytes.extend_from_slice(value);
    bytes
}

pub(super) fn im_front(group: u16, element: u16, len: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend_from_slice(&group.to_le_bytes());
    bytes.extend_from_slice(&element.to_le_bytes());
    bytes.extend_from_slice(&len.to_le_bytes());
    bytes
}

pub(super) fn item(content: &[u8]) -> Vec<u8> {
    im(0xFFFE, 0xE000, content)
}

pub(super) fn open_item(content: &[u8]) -> Vec<u8> {
    [im_front(0xFFFE, 0xE000, u32::MAX), content.to_vec(), im(0xFFFE, 0xE00D, b"")].concat()
}

pub(super) fn end_of_sequence() -> Vec<u8> {
    im(0xFFFE, 0xE0DD, b"")
}

/// A small honest CT header.
pub(super) fn ct_header() -> Dataset {
    let mut set = Dataset::new();
    set.put_text(tags::SPECIFIC_CHARACTER_SET, VR::CS, "ISO_IR 192");
    set.put_text(tags::IMAGE_TYPE, VR::CS, "ORIGINAL\\PRIMARY\\AXIAL ");
    set.put_text(tags::SOP_CLASS_UID, VR::UI, CT);
    set.put_text(tags::SOP_INSTANCE_UID, VR::UI, "1.2.3\0");
    set.put_text(tags::MODALITY, VR::CS, "CT");
    set.put_text(tags::PATIENT_NAME, VR::PN, "Müller^Änne");
    set.put(Element::items_of(
        tags::OTHER_PATIENT_I_DS_SEQUENCE,
        vec![[Element::text_of(tags::PATIENT_ID, VR::LO, "A1")].into_iter().collect(), Dataset::new()],
    ));
    for (tag, value) in [
        (tags::SAMPLES_PER_PIXEL, 1u16),
        (tags::ROWS, 4),
        (tags::COLUMNS, 4),
        (tags::BITS_ALLOCATED, 16),
        (tags::PIXEL_REPRESENTATION, 0),
    ] {
        set.put(Element::bytes_of(tag, VR::US, value.to_le_bytes()));
    }
    set.put(Element::bytes_of(Tag(0x0029, 0x1010), VR::UN, *b"private!"));
    set
}
