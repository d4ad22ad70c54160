//! The writer (PS3.10 §7, PS3.5 §6.2, §7).

use super::fixtures::*;
use crate::dataset::{Dataset, Element, Value};
use crate::part10::*;
use crate::tag::{Tag, VR, tags};
use crate::uid::{IMPLEMENTATION_CLASS_UID, transfer_syntax as ts};

fn ct() -> Object {
    let meta = FileMeta { transfer_syntax: ts::EXPLICIT_VR_LITTLE_ENDIAN.into(), ..FileMeta::default() };
    let pixels: Vec<u8> = (0..32).collect();
    Object::new(meta, ct_header()).with_native_pixels(VR::OW, pixels)
}

fn even(set: Dataset) -> Dataset {
    set.map_elements(|mut element| {
        match &mut element.value {
            Value::Bytes(bytes) if bytes.len() % 2 == 1 => {
                bytes.push(if element.vr == VR::UI { 0 } else { b' ' });
            }
            Value::Items(items) => items.iter_mut().for_each(|item| *item = even(std::mem::take(item))),
            Value::Bytes(_) => {}
        }
        Some(element)
    })
}

#[test]
fn what_is_written_opens_as_the_same_object() {
    let mut object = ct();
    object.trailing.put(Element::bytes_of(Tag(0xFFFA, 0xFFFA), VR::SQ, Vec::new()));
    let bytes = written(&mut object);
    let mut again = open_bytes(&bytes).unwrap();
    assert_eq!(again.notes, []);
    assert_eq!(again.dataset, even(ct_header()));
    assert_eq!(again.trailing.len(), 1);
    assert_eq!(again.pixels.as_ref().unwrap().layout, Layout::Native { len: 32 });
    assert_eq!(written(&mut again), bytes, "writing is idempotent");
}

#[test]
fn ps3_10_7_1_group_0002_is_rebuilt() {
    let bytes = written(&mut ct());
    assert_eq!((&bytes[..128], &bytes[128..132]), (&[0u8; 128][..], &b"DICM"[..]));
    // The group length counts to the end of group 0002.
    let length = u32::from_le_bytes(bytes[140..144].try_into().unwrap()) as usize;
    assert_eq!(bytes[144 + length..][..4], [0x08, 0x00, 0x05, 0x00]);
    let meta = open_bytes(&bytes).unwrap().meta;
    assert_eq!((meta.sop_class.as_str(), meta.sop_instance.as_str()), (CT, "1.2.3"));
    assert_eq!(meta.implementation_class.as_deref(), Some(IMPLEMENTATION_CLASS_UID));
    assert_eq!(meta.source_ae, None);
}

#[test]
fn group_0002_names_the_instance_that_the_data_set_names() {
    let mut object = open_bytes(&written(&mut ct())).unwrap();
    object.dataset.put_text(tags::SOP_INSTANCE_UID, VR::UI, "2.25.7");
    assert_eq!(open_bytes(&written(&mut object)).unwrap().meta.sop_instance, "2.25.7");
}

#[test]
fn values_are_padded_to_even_length() {
    let mut out = Vec::new();
    let mut set = Dataset::new();
    set.put_text(tags::PATIENT_ID, VR::LO, "A");
    set.put_text(tags::STUDY_INSTANCE_UID, VR::UI, "1.2");
    write_dataset(&set, ts::EXPLICIT_VR_LITTLE_ENDIAN, &mut out);
    assert_eq!(out, [el(0x10, 0x20, "LO", b"A "), el(0x20, 0x0D, "UI", b"1.2\0")].concat());
}

#[test]
fn ps3_5_6_2_2_a_value_too_long_for_its_vr_is_written_as_un() {
    let mut set = Dataset::new();
    set.put_text(tags::PATIENT_COMMENTS, VR::LT, &"x".repeat(70_000));
    let mut out = Vec::new();
    write_dataset(&set, ts::EXPLICIT_VR_LITTLE_ENDIAN, &mut out);
    assert_eq!(out[..12], front(0x10, 0x4000, "UN", 70_000));
    // The implicit form has room for it.
    let mut out = Vec::new();
    write_dataset(&set, ts::IMPLICIT_VR_LITTLE_ENDIAN, &mut out);
    assert_eq!(out[..8], im_front(0x10, 0x4000, 70_000));
}

#[test]
fn identifiers_travel_in_both_little_endian_forms() {
    for syntax in [ts::IMPLICIT_VR_LITTLE_ENDIAN, ts::EXPLICIT_VR_LITTLE_ENDIAN] {
        let mut set = even(ct_header());
        set.remove(Tag(0x0029, 0x1010));
        let mut out = Vec::new();
        write_dataset(&set, syntax, &mut out);
        assert_eq!(read_dataset(&out, syntax, &Limits::default()).unwrap(), set);
    }
}

#[test]
fn debug_of_an_object_shows_no_value() {
    let object = open_bytes(&written(&mut ct())).unwrap();
    let shown = format!("{object:?}");
    assert!(!shown.contains("Änne") && !shown.contains("1.2.3\"") && !shown.contains("ORIGINAL"), "{shown}");
}
