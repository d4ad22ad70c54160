//! What the opener forgives, and what it makes of it.

use super::fixtures::*;
use crate::dataset::Element;
use crate::part10::*;
use crate::tag::{Tag, VR, tags};
use crate::uid::transfer_syntax as ts;

/// Modality and a patient's id, explicit.
fn explicit() -> Vec<u8> {
    [el(8, 0x60, "CS", b"CT"), el(0x10, 0x20, "LO", b"ID 7")].concat()
}

fn implicit() -> Vec<u8> {
    [im(8, 0x60, b"CT"), im(0x10, 0x20, b"ID 7")].concat()
}

fn big_endian() -> Vec<u8> {
    [
        el_be(8, 0x60, "CS", b"CT"),
        el_be(0x10, 0x20, "LO", b"ID 7"),
        el_be(0x28, 0x09, "AT", &[0, 0x18, 0x10, 0x63]),
        el_be(0x28, 0x10, "US", &[1, 2]),
    ]
    .concat()
}

fn assert_read(object: &Object) {
    assert_eq!(object.dataset.text(tags::MODALITY), Some("CT"));
    assert_eq!(object.dataset.text(tags::PATIENT_ID), Some("ID 7"));
    assert_eq!(object.dataset.text(tags::SPECIFIC_CHARACTER_SET), Some("ISO_IR 192"));
}

#[test]
fn each_native_syntax_is_read() {
    for (syntax, body) in [
        (ts::EXPLICIT_VR_LITTLE_ENDIAN, explicit()),
        (ts::IMPLICIT_VR_LITTLE_ENDIAN, implicit()),
        (ts::EXPLICIT_VR_BIG_ENDIAN, big_endian()),
    ] {
        let object = open_bytes(&file(syntax, &body)).unwrap();
        assert_eq!(object.notes, [], "{syntax}");
        assert_eq!(object.meta.transfer_syntax, syntax);
        assert_eq!(object.meta.source_ae.as_deref(), Some("SCANNER"));
        assert_read(&object);
    }
    let object = open_bytes(&file(ts::EXPLICIT_VR_BIG_ENDIAN, &big_endian())).unwrap();
    assert_eq!(object.dataset.integer(tags::ROWS), Some(0x0102));
    assert_eq!(object.dataset.get(Tag(0x28, 0x09)).unwrap().bytes(), [0x18, 0, 0x63, 0x10]);
}

#[test]
fn a_bare_data_set_is_recognised_in_each_encoding() {
    for (syntax, body) in [
        (ts::EXPLICIT_VR_LITTLE_ENDIAN, explicit()),
        (ts::IMPLICIT_VR_LITTLE_ENDIAN, implicit()),
        (ts::EXPLICIT_VR_BIG_ENDIAN, big_endian()),
    ] {
        let object = open_bytes(&body).unwrap();
        assert!(object.noted(NoteKind::NoPreamble) && object.noted(NoteKind::NoMeta));
        assert_eq!(object.meta.transfer_syntax, syntax);
        assert_read(&object);
        // And so behind a preamble whose group 0002 was lost.
        let preamble = [&[0; 128][..], b"DICM", &body].concat();
        assert_read(&open_bytes(&preamble).unwrap());
    }
}

#[test]
fn group_0002_without_preamble_or_length_or_syntax() {
    let whole = file(ts::EXPLICIT_VR_LITTLE_ENDIAN, &explicit());
    assert_read(&open_bytes(&whole[132..]).unwrap());
    assert_read(&open_bytes(&whole[128..]).unwrap());
    let without_length = [&whole[..132], &whole[144..]].concat();
    let object = open_bytes(&without_length).unwrap();
    assert_eq!((object.meta.sop_class.as_str(), object.notes.as_slice()), (CT, &[][..]));
    let mut lying = whole.clone();
    lying[140] = 1;
    assert_read(&open_bytes(&lying).unwrap());
    for body in [explicit(), implicit(), big_endian()] {
        let meta = el(2, 2, "UI", b"1.2.840.10008.5.1.4.1.1.2\0");
        let object = open_bytes(&[&[0; 128][..], b"DICM", &meta, &body].concat()).unwrap();
        assert!(object.noted(NoteKind::NoTransferSyntax));
        assert_read(&object);
    }
}

/// Found by fuzzing: a length in group 0002 took the rest of the file for the transfer syntax, which was then written as it stood.
#[test]
fn what_is_too_long_for_a_uid_is_no_transfer_syntax() {
    for body in [explicit(), implicit(), big_endian()] {
        let mut object = open_bytes(&file(&"1.2.840.".repeat(9), &body)).unwrap();
        assert!(object.noted(NoteKind::NoTransferSyntax));
        assert_read(&object);
        assert_read(&open_bytes(&written(&mut object)).unwrap());
    }
}

#[test]
fn a_transfer_syntax_that_lies_is_corrected() {
    for (claimed, body, real) in [
        (ts::EXPLICIT_VR_LITTLE_ENDIAN, implicit(), ts::IMPLICIT_VR_LITTLE_ENDIAN),
        (ts::IMPLICIT_VR_LITTLE_ENDIAN, explicit(), ts::EXPLICIT_VR_LITTLE_ENDIAN),
        (ts::EXPLICIT_VR_BIG_ENDIAN, explicit(), ts::EXPLICIT_VR_LITTLE_ENDIAN),
        (ts::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN, explicit(), ts::EXPLICIT_VR_LITTLE_ENDIAN),
        (ts::EXPLICIT_VR_LITTLE_ENDIAN, big_endian(), ts::EXPLICIT_VR_BIG_ENDIAN),
    ] {
        let object = open_bytes(&file(claimed, &body)).unwrap();
        assert!(object.noted(NoteKind::WrongTransferSyntax), "{claimed}");
        assert_eq!(object.meta.transfer_syntax, real);
        assert_read(&object);
    }
}

#[test]
fn ps3_5_a_5_a_deflated_data_set_with_and_without_zlib_wrapper() {
    use std::io::Write;
    let mut raw = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    raw.write_all(&explicit()).unwrap();
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    zlib.write_all(&explicit()).unwrap();
    for body in [raw.finish().unwrap(), zlib.finish().unwrap()] {
        let mut object = open_bytes(&file(ts::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN, &body)).unwrap();
        assert_read(&object);
        let again = open_bytes(&written(&mut object)).unwrap();
        assert_eq!(again.meta.transfer_syntax, ts::EXPLICIT_VR_LITTLE_ENDIAN);
        assert_read(&again);
    }
}

#[test]
fn other_files_are_not_dicom() {
    for bytes in [
        &b""[..],
        b"PK\x03\x04 a spreadsheet, say, of some length to look at",
        b"Patient,Date\n1,2020-03-01\n",
        &[0; 4096],
        &[0xFF; 300],
        b"\x08\x00",
        b"%PDF-1.7 and so on and so on and so on",
    ] {
        assert_eq!(open_bytes(bytes).unwrap_err().code(), "not-dicom");
    }
}

#[test]
fn ps3_5_7_5_sequences_of_defined_and_undefined_length() {
    let inner = el(0x10, 0x20, "LO", b"IN");
    for (sequence, items) in [
        ([front(0x10, 0x1002, "SQ", u32::MAX), open_item(&inner), end_of_sequence()].concat(), 1),
        ([front(0x10, 0x1002, "SQ", u32::MAX), item(&inner), item(b""), end_of_sequence()].concat(), 2),
        (el(0x10, 0x1002, "SQ", &[open_item(&inner), item(&inner)].concat()), 2),
        (el(0x10, 0x1002, "SQ", b""), 0),
    ] {
        let object = open_bytes(&explicit_file(&[sequence, el(0x10, 0x4000, "LT", b"ok")].concat())).unwrap();
        assert_eq!(object.notes, []);
        assert_eq!(object.dataset.items(Tag(0x10, 0x1002)).len(), items);
        assert_eq!(object.dataset.text(tags::PATIENT_COMMENTS), Some("ok"));
    }
}

#[test]
fn ps3_5_6_2_2_un_of_undefined_length_holds_implicit_items() {
    let private = Tag(0x0009, 0x1001);
    for inner in [im(0x10, 0x20, b"IN"), el(0x10, 0x20, "LO", b"IN")] {
        let body = [front(9, 0x1001, "UN", u32::MAX), item(&inner), end_of_sequence()].concat();
        let object = open_bytes(&explicit_file(&body)).unwrap();
        assert!(object.noted(NoteKind::UnAsSequence));
        assert_eq!(object.dataset.items(private)[0].text(tags::PATIENT_ID), Some("IN"));
    }
    // In implicit form every private sequence looks like this.
    let body = [im_front(9, 0x1001, u32::MAX), open_item(&im(0x10, 0x20, b"IN")), end_of_sequence()].concat();
    let object = open_bytes(&file(ts::IMPLICIT_VR_LITTLE_ENDIAN, &body)).unwrap();
    assert_eq!(object.dataset.items(private)[0].text(tags::PATIENT_ID), Some("IN"));
}

#[test]
fn delimiters_that_are_missing_or_misplaced() {
    let inner = el(0x10, 0x20, "LO", b"IN");
    let tail = el(0x10, 0x4000, "LT", b"ok");
    let start = front(0x10, 0x1002, "SQ", u32::MAX);
    let unfinished = [im_front(0xFFFE, 0xE000, u32::MAX), inner.clone()].concat();
    let stray_item = im(0xFFFE, 0xE00D, b"");
    for body in [
        // No sequence delimiter; no item delimiter; neither end right.
        [start.clone(), open_item(&inner), tail.clone()].concat(),
        [start.clone(), unfinished.clone(), end_of_sequence(), tail.clone()].concat(),
        [start.clone(), unfinished.clone(), open_item(&inner), end_of_sequence(), tail.clone()].concat(),
        // An item delimiter after an item of defined length, inside it, and at the top.
        [start.clone(), item(&inner), stray_item.clone(), end_of_sequence(), tail.clone()].concat(),
        [start, item(&[inner.clone(), stray_item.clone()].concat()), end_of_sequence(), tail.clone()]
            .concat(),
        [el(0x10, 0x1002, "SQ", &item(&inner)), stray_item, end_of_sequence(), tail].concat(),
    ] {
        let object = open_bytes(&explicit_file(&body)).unwrap();
        assert!(object.noted(NoteKind::MissingDelimiter) || object.noted(NoteKind::MisplacedDelimiter));
        assert_eq!(object.dataset.items(Tag(0x10, 0x1002))[0].text(tags::PATIENT_ID), Some("IN"));
        assert_eq!(object.dataset.text(tags::PATIENT_COMMENTS), Some("ok"));
    }
}

#[test]
fn elements_out_of_order_and_repeated() {
    let body =
        [el(0x10, 0x20, "LO", b"ID 7"), el(8, 0x60, "CS", b"CT"), el(0x10, 0x20, "LO", b"late")].concat();
    let object = open_bytes(&explicit_file(&body)).unwrap();
    assert!(object.noted(NoteKind::OutOfOrder) && object.noted(NoteKind::Repeated));
    assert_read(&object);
}

#[test]
fn group_lengths_foreign_groups_and_padding_are_dropped() {
    let body = [el(8, 0, "UL", &[10, 0, 0, 0]), explicit(), el(0xFFFC, 0xFFFC, "OB", &[0; 16])].concat();
    let object = open_bytes(&explicit_file(&body)).unwrap();
    assert_eq!(object.notes.iter().map(|note| note.kind).collect::<Vec<_>>(), [NoteKind::TrailingPadding]);
    assert_eq!(object.dataset.len(), 3);
    let padded = item(&[el(0x10, 0x20, "LO", b"IN"), el(0xFFFC, 0xFFFC, "OB", b"secret")].concat());
    let padded = open_bytes(&explicit_file(&el(0x10, 0x1002, "SQ", &padded))).unwrap();
    assert!(padded.noted(NoteKind::TrailingPadding));
    assert_eq!(padded.dataset.items(Tag(0x10, 0x1002))[0].len(), 1);
    let zeros = open_bytes(&explicit_file(&[explicit(), vec![0; 5000]].concat())).unwrap();
    assert!(zeros.noted(NoteKind::TrailingPadding));
    let foreign = open_bytes(&explicit_file(&[explicit(), el(4, 0x1130, "CS", b"X ")].concat())).unwrap();
    assert!(foreign.noted(NoteKind::ForeignGroup));
    assert_eq!(foreign.dataset.len(), 3);
    let sequence = [front(1, 1, "UN", u32::MAX), open_item(&im(1, 1, b"X ")), end_of_sequence()].concat();
    let foreign = open_bytes(&explicit_file(&[explicit(), sequence].concat())).unwrap();
    assert_eq!(foreign.dataset.len(), 3);
}

#[test]
fn odd_lengths_are_kept_and_unknown_and_implicit_vrs_are_those_of_the_dictionary() {
    let body = [
        el(8, 0x60, "CS", b"CT "),
        el(0x10, 0x10, "PN", b"ODD"),
        el(0x10, 0x20, "LO", b"ID 7"),
        [front(0x10, 0x1010, "ZZ", 2), b"ab".to_vec()].concat(),
        im(0x10, 0x1020, b"1.70"),
        [front(0x10, 0x1030, "??", 0xFFFE)[..6].to_vec(), vec![2, 0], b"xy".to_vec()].concat(),
        el(0x10, 0x4000, "LT", b"ok"),
    ]
    .concat();
    let object = open_bytes(&explicit_file(&body)).unwrap();
    for kind in [NoteKind::OddLength, NoteKind::UnknownVr, NoteKind::ImplicitElement] {
        assert!(object.noted(kind), "{kind:?}");
    }
    assert_eq!(object.dataset.text(tags::PATIENT_NAME), Some("ODD"));
    assert_eq!(object.dataset.text(tags::PATIENT_SIZE), Some("1.70"));
    assert_eq!(
        object.dataset.get(Tag(0x10, 0x1010)),
        Some(&Element::bytes_of(Tag(0x10, 0x1010), VR::AS, *b"ab"))
    );
    assert_eq!(object.dataset.text(tags::PATIENT_COMMENTS), Some("ok"));
}

#[test]
fn ps3_5_a_1_implicit_vr_follows_the_dictionary_and_pixel_representation() {
    for (representation, vr, value) in [(0u16, VR::US, 0xFFFE), (1, VR::SS, -2)] {
        let body = [
            im(0x28, 0x0103, &representation.to_le_bytes()),
            im(0x28, 0x0106, &[0xFE, 0xFF]),
            im(0x28, 0x3006, &[0; 4]),
            im(0x29, 0x0010, b"CREATOR "),
            im(0x29, 0x1010, b"..".as_slice()),
            // Inside an item the data set around it decides.
            im(0x40, 0x9096, &item(&im(0x28, 0x0106, &[0xFE, 0xFF]))),
        ]
        .concat();
        let object = open_bytes(&file(ts::IMPLICIT_VR_LITTLE_ENDIAN, &body)).unwrap();
        let smallest = Tag(0x28, 0x0106);
        assert_eq!(object.dataset.get(smallest).unwrap().vr, vr);
        assert_eq!(object.dataset.integer(smallest), Some(value));
        assert_eq!(object.dataset.items(Tag(0x40, 0x9096))[0].integer(smallest), Some(value));
        assert_eq!(object.dataset.get(tags::LUT_DATA).unwrap().vr, VR::OW);
        assert_eq!(object.dataset.get(Tag(0x29, 0x10)).unwrap().vr, VR::LO);
        assert_eq!(object.dataset.get(Tag(0x29, 0x1010)).unwrap().vr, VR::UN);
    }
}

#[test]
fn a_disagreement_of_group_0002_is_noted() {
    let object = open_bytes(&explicit_file(&el(8, 0x18, "UI", b"1.9.9\0"))).unwrap();
    assert!(object.noted(NoteKind::MetaDisagrees));
    let bare = [el(8, 0x16, "UI", b"1.2\0"), el(8, 0x18, "UI", b"1.9.9\0")].concat();
    let object = open_bytes(&bare).unwrap();
    assert_eq!((object.meta.sop_class.as_str(), object.meta.sop_instance.as_str()), ("1.2", "1.9.9"));
}
