//! Pixel data stays in its source, whatever its form, and what follows it is read (PS3.5 §8, §A.4).

use super::fixtures::*;
use crate::part10::*;
use crate::tag::{Tag, VR, tags};
use crate::uid::transfer_syntax as ts;
use std::io::Read;

fn native(body: &[u8]) -> Vec<u8> {
    [el(8, 0x60, "CS", b"CT"), body.to_vec()].concat()
}

fn value(object: &mut Object) -> Vec<u8> {
    let mut bytes = Vec::new();
    object.pixel_reader().unwrap().unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

#[test]
fn native_pixels_are_copied_and_what_follows_is_read() {
    let samples: Vec<u8> = (0..=255).cycle().take(1_300_001).collect();
    let tail = [el(0xFFFA, 0xFFFA, "SQ", b""), el(0xFFFC, 0xFFFC, "OB", b"pad!")].concat();
    let bytes = explicit_file(&[native(&el(0x7FE0, 0x10, "OW", &samples)), tail].concat());
    let mut object = open_bytes(&bytes).unwrap();
    assert_eq!(object.pixels.as_ref().unwrap().layout, Layout::Native { len: 1_300_001 });
    assert_eq!(object.dataset.get(tags::PIXEL_DATA), None);
    assert_eq!(object.trailing.iter().map(|e| e.tag).collect::<Vec<_>>(), [Tag(0xFFFA, 0xFFFA)]);
    assert!(value(&mut object) == samples);
    let out = written(&mut object);
    let mut again = open_bytes(&out).unwrap();
    let padded = [&samples[..], &[0]].concat();
    assert!(value(&mut again) == padded, "odd pixel data is padded");
    assert_eq!(again.trailing.len(), 1);
}

#[test]
fn big_endian_words_are_swapped_on_the_way_out() {
    for (vr, expected) in [("OW", [2u8, 1, 4, 3]), ("OB", [1, 2, 3, 4])] {
        let body = [el_be(8, 0x60, "CS", b"CT"), el_be(0x7FE0, 0x10, vr, &[1, 2, 3, 4])].concat();
        let mut object = open_bytes(&file(ts::EXPLICIT_VR_BIG_ENDIAN, &body)).unwrap();
        assert_eq!(value(&mut object), expected);
        let mut again = open_bytes(&written(&mut object)).unwrap();
        assert_eq!(again.meta.transfer_syntax, ts::EXPLICIT_VR_LITTLE_ENDIAN);
        assert_eq!(value(&mut again), expected);
    }
}

#[test]
fn big_endian_cells_of_32_bits_in_ow_are_not_guessed() {
    let body = [el_be(0x28, 0x100, "US", &[0, 32]), el_be(0x7FE0, 0x10, "OW", &[1, 2, 3, 4])].concat();
    let error = open_bytes(&file(ts::EXPLICIT_VR_BIG_ENDIAN, &body)).unwrap_err();
    assert_eq!(error.code(), "pixel-encoding");
}

#[test]
fn big_endian_pixels_larger_than_the_copy_buffer() {
    let samples: Vec<u8> = (0..=255).cycle().take(1 << 20).collect();
    let body = [el_be(8, 0x60, "CS", b"CT"), el_be(0x7FE0, 0x10, "OW", &samples)].concat();
    let mut object = open_bytes(&file(ts::EXPLICIT_VR_BIG_ENDIAN, &body)).unwrap();
    let swapped: Vec<u8> = samples.chunks(2).flat_map(|word| [word[1], word[0]]).collect();
    assert!(value(&mut object) == swapped);
    assert!(value(&mut open_bytes(&written(&mut object)).unwrap()) == swapped);
}

#[test]
fn float_and_implicit_pixels() {
    let body = native(&el(0x7FE0, 0x08, "OF", &[0; 8]));
    assert_eq!(open_bytes(&explicit_file(&body)).unwrap().pixels.unwrap().vr, VR::OF);
    let body = [im(8, 0x60, b"CT"), im(0x7FE0, 0x10, &[1, 2])].concat();
    let mut object = open_bytes(&file(ts::IMPLICIT_VR_LITTLE_ENDIAN, &body)).unwrap();
    assert_eq!(object.pixels.as_ref().unwrap().vr, VR::OW);
    assert_eq!(value(&mut open_bytes(&written(&mut object)).unwrap()), [1, 2]);
}

#[test]
fn encapsulated_pixels_keep_their_syntax_and_bytes() {
    let items = [item(&[0, 0, 0, 0]), item(b"frame one!"), item(b"frame two!")].concat();
    let body = [front(0x7FE0, 0x10, "OB", u32::MAX), items, end_of_sequence(), el(0xFFFA, 0xFFFA, "SQ", b"")]
        .concat();
    let bytes = file(ts::JPEG_BASELINE, &native(&body));
    let mut object = open_bytes(&bytes).unwrap();
    assert_eq!(object.notes, []);
    let Layout::Encapsulated { offset_table, fragments } = object.pixels.clone().unwrap().layout else {
        panic!("not encapsulated")
    };
    assert_eq!((offset_table.len, fragments.len()), (4, 2));
    assert_eq!(object.read_span(fragments[1]).unwrap(), b"frame two!");
    let out = written(&mut object);
    assert!(out.ends_with(&body));
    assert_eq!(open_bytes(&out).unwrap().meta.transfer_syntax, ts::JPEG_BASELINE);
}

#[test]
fn a_missing_sequence_delimiter_is_forgiven_and_mended() {
    let body = native(&[front(0x7FE0, 0x10, "OB", u32::MAX), item(b""), item(b"frame1")].concat());
    let mut object = open_bytes(&file(ts::RLE_LOSSLESS, &body)).unwrap();
    assert!(object.noted(NoteKind::MissingDelimiter));
    let out = written(&mut object);
    assert!(out.ends_with(&[item(b"frame1"), end_of_sequence()].concat()));
    assert_eq!(open_bytes(&out).unwrap().notes, []);
}

#[test]
fn odd_fragments_are_padded_and_offset_tables_that_would_lie_are_emptied() {
    let fragments = [item(&[0, 0, 0, 0, 13, 0, 0, 0]), item(b"odd!!"), item(b"even")].concat();
    let table = el(0x7FE0, 0x01, "OV", &[0; 16]);
    let pixels = [front(0x7FE0, 0x10, "OB", u32::MAX), fragments, end_of_sequence()].concat();
    let body = native(&[table, pixels].concat());
    let mut object = open_bytes(&file(ts::JPEG_2000_LOSSLESS, &body)).unwrap();
    let out = written(&mut object);
    let expected = [item(b""), item(b"odd!!\0"), item(b"even"), end_of_sequence()].concat();
    assert!(out.ends_with(&expected));
    assert!(!open_bytes(&out).unwrap().dataset.contains(Tag(0x7FE0, 0x01)));
}

#[test]
fn pixels_that_contradict_the_syntax_are_refused_unless_they_prove_native() {
    let encapsulated = native(&[front(0x7FE0, 0x10, "OB", u32::MAX), item(b""), end_of_sequence()].concat());
    assert_eq!(open_bytes(&explicit_file(&encapsulated)).unwrap_err().code(), "pixel-encoding");
    let image = |len: usize| {
        let sizes = [0x10u16, 0x11, 0x100].map(|e| el(0x28, e, "US", &[8, 0])).concat();
        file(ts::JPEG_BASELINE, &native(&[sizes, el(0x7FE0, 0x10, "OB", &vec![0; len])].concat()))
    };
    assert_eq!(open_bytes(&image(62)).unwrap_err().code(), "pixel-encoding");
    let mut object = open_bytes(&image(64)).unwrap();
    assert!(object.noted(NoteKind::WrongTransferSyntax));
    assert_eq!(
        open_bytes(&written(&mut object)).unwrap().meta.transfer_syntax,
        ts::EXPLICIT_VR_LITTLE_ENDIAN
    );
}

#[test]
fn elements_around_the_pixels_are_sorted_by_tag() {
    let pixels = el(0x7FE0, 0x10, "OW", &[1, 2]);
    let body = [el(0xFFFA, 0xFFFA, "SQ", b""), pixels.clone(), pixels, el(8, 0x60, "CS", b"CT")].concat();
    let object = open_bytes(&explicit_file(&body)).unwrap();
    assert!(object.noted(NoteKind::OutOfOrder) && object.noted(NoteKind::Repeated));
    assert_eq!(object.dataset.text(tags::MODALITY), Some("CT"));
    assert!(object.trailing.contains(Tag(0xFFFA, 0xFFFA)) && object.trailing.len() == 1);
}

#[test]
fn compressed_pixels_of_an_icon_are_dropped_and_uncompressed_ones_kept() {
    let icon = [front(0x7FE0, 0x10, "OB", u32::MAX), item(b""), item(b"jpeg"), end_of_sequence()].concat();
    let body = el(0x88, 0x200, "SQ", &item(&[el(0x28, 0x10, "US", &[1, 0]), icon].concat()));
    let object = open_bytes(&explicit_file(&body)).unwrap();
    assert!(object.noted(NoteKind::NestedPixelData));
    assert_eq!(object.dataset.items(tags::ICON_IMAGE_SEQUENCE)[0].len(), 1);
    let body = el(0x88, 0x200, "SQ", &item(&el(0x7FE0, 0x10, "OB", b"icon")));
    let object = open_bytes(&explicit_file(&body)).unwrap();
    assert!(object.pixels.is_none());
    assert_eq!(object.dataset.items(tags::ICON_IMAGE_SEQUENCE)[0].len(), 1);
}

#[test]
fn objects_made_in_memory_open_again() {
    let meta = FileMeta { transfer_syntax: ts::JPEG_BASELINE.into(), ..FileMeta::default() };
    let mut object = Object::new(meta, ct_header()).with_encapsulated_pixels(&[b"one", b"four"]);
    let again = open_bytes(&written(&mut object)).unwrap();
    assert!(
        matches!(again.pixels.unwrap().layout, Layout::Encapsulated { fragments, .. } if fragments.len() == 2)
    );
}

#[test]
fn a_body_that_became_shorter_is_an_error_not_a_short_file() {
    let bytes = explicit_file(&native(&el(0x7FE0, 0x10, "OW", &[7; 1000])));
    let mut object = open_bytes(&bytes).unwrap();
    object.pixels.as_mut().unwrap().layout = Layout::Native { len: 2000 };
    assert_eq!(object.write(&mut Vec::new()).unwrap_err().code(), "body-truncated");
}
