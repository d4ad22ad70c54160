//! What must end in a named error, and never in a crash or a large allocation.

use super::fixtures::*;
use crate::part10::*;
use crate::uid::transfer_syntax as ts;
use std::io::{Cursor, Write};

fn code(bytes: &[u8]) -> &'static str {
    open_bytes(bytes).unwrap_err().code()
}

#[test]
fn a_length_of_4_gib_in_a_small_file_is_truncation() {
    for body in [
        front(0x42, 0x11, "OB", 0xFFFF_FFF0),
        front(0x7FE0, 0x10, "OW", 0xFFFF_FFF0),
        [front(0x40, 0x275, "SQ", u32::MAX), im_front(0xFFFE, 0xE000, 0xFFFF_FFF0)].concat(),
        [front(0x7FE0, 0x10, "OB", u32::MAX), item(b""), im_front(0xFFFE, 0xE000, 0xFFFF_FFF0)].concat(),
    ] {
        let bytes = explicit_file(&[body, vec![0; 900]].concat());
        assert_eq!(code(&bytes), "truncated");
    }
}

#[test]
fn truncation_names_the_place() {
    let whole = explicit_file(&[el(8, 0x60, "CS", b"CT"), el(0x10, 0x10, "PN", b"A^B ")].concat());
    let error = open_bytes(&whole[..whole.len() - 1]).unwrap_err();
    assert_eq!((error.code(), error.at()), ("truncated", Some(whole.len() as u64 - 12)));
    assert!(error.is_data());
}

#[test]
fn ten_thousand_nested_sequences_are_too_deep() {
    for level in [
        [front(0x40, 0x275, "SQ", u32::MAX), im_front(0xFFFE, 0xE000, u32::MAX)].concat(),
        [front(9, 0x1001, "UN", u32::MAX), im_front(0xFFFE, 0xE000, u32::MAX)].concat(),
    ] {
        assert_eq!(code(&explicit_file(&level.repeat(10_000))), "too-deep");
        let wide = Limits { depth_max: u16::MAX, ..Limits::default() };
        let bytes = explicit_file(&level.repeat(10_000));
        assert_eq!(open(Box::new(Cursor::new(bytes)), &wide).unwrap_err().code(), "too-deep");
    }
    let level = [im_front(0x40, 0x275, u32::MAX), im_front(0xFFFE, 0xE000, u32::MAX)].concat();
    let error = read_dataset(&level.repeat(10_000), ts::IMPLICIT_VR_LITTLE_ENDIAN, &Limits::default());
    assert_eq!(error.unwrap_err().code(), "too-deep");
}

#[test]
fn limits_hold_for_values_elements_items_and_fragments() {
    let limits = Limits { header_bytes_max: 600, elements_max: 50, ..Limits::default() };
    let code = |body: &[u8]| open(Box::new(Cursor::new(explicit_file(body))), &limits).unwrap_err().code();
    assert_eq!(code(&el(0x42, 0x11, "OB", &[1; 600])), "header-too-large");
    assert_eq!(
        code(&[el(8, 0x60, "CS", b"CT"), el(0xFFFA, 0xFFFE, "OB", &[1; 600])].concat()),
        "header-too-large"
    );
    assert_eq!(code(&el(0x40, 0x275, "SQ", &item(b"").repeat(60))), "too-many-elements");
    assert_eq!(
        code(&[front(0x7FE0, 0x10, "OB", u32::MAX), item(b"").repeat(60)].concat()),
        "too-many-elements"
    );
    let many: Vec<u8> = (0..60u8).flat_map(|n| el(0x10, 0x2000 + u16::from(n), "LO", b"")).collect();
    assert_eq!(code(&many), "too-many-elements");
    // Pixel data counts for nothing: it is never loaded.
    let pixels = explicit_file(&el(0x7FE0, 0x10, "OW", &[1; 100_000]));
    assert!(open(Box::new(Cursor::new(pixels)), &limits).is_ok());
}

#[test]
fn elements_in_descending_order_take_no_square_of_their_number() {
    let behind_modality = |rest: Vec<u8>| explicit_file(&[el(8, 0x60, "CS", b"CT"), rest].concat());
    let few = (0..500u16).rev().flat_map(|n| el(0x10, 0x2000 + n, "LO", b"")).collect();
    let object = open(Box::new(Cursor::new(behind_modality(few))), &Limits::default()).unwrap();
    assert_eq!(object.dataset.iter().filter(|element| element.tag.0 == 0x10).count(), 500);
    let many = (0..60_000u32).rev().flat_map(|n| {
        let [low, high] = [n & 0xFF, n >> 8].map(|part| u16::try_from(part).unwrap());
        el(0x10 + 2 * high, 0x2000 + low, "LO", b"")
    });
    assert_eq!(code(&behind_modality(many.collect())), "too-many-elements");
}

#[test]
fn a_deflate_bomb_is_named() {
    let mut bomb = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    bomb.write_all(&vec![0; 8 << 20]).unwrap();
    let bytes = file(ts::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN, &bomb.finish().unwrap());
    assert!(bytes.len() < 20_000);
    let limits = Limits { inflated_bytes_max: 1 << 20, ..Limits::default() };
    let error = open(Box::new(Cursor::new(bytes.clone())), &limits).unwrap_err();
    assert_eq!(error.code(), "inflated-too-large");
    assert_eq!(code(&bytes[..bytes.len() - 400]), "deflate-damaged");
    assert_eq!(code(&file(ts::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN, &[0xFF; 60])), "deflate-damaged");
}

#[test]
fn impossible_lengths_and_items_are_named() {
    for (body, expected) in [
        // An element that overruns its item, and one of undefined length that is no sequence.
        (el(0x40, 0x275, "SQ", &[item(&front(8, 0x60, "CS", 4)), vec![0; 8]].concat()), "bad-length"),
        ([front(0x42, 0x10, "UT", u32::MAX), vec![65; 20]].concat(), "bad-length"),
        // An item at the top, and none where one must be.
        (item(b""), "bad-item"),
        (el(0x40, 0x275, "SQ", &el(8, 0x60, "CS", b"CT")), "bad-item"),
        ([el(8, 0x60, "CS", b"CT"), vec![0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]].concat(), "bad-tag"),
        (el(0x40, 0x275, "SQ", &item(b"")[..6]), "bad-item"),
    ] {
        let bytes = explicit_file(&[body, el(0x50, 0x10, "LO", b"behind")].concat());
        assert_eq!(code(&bytes), expected);
    }
}

/// A source that fails in the middle.
struct Failing(Cursor<Vec<u8>>, u64);

impl std::io::Read for Failing {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        if self.0.position() >= self.1 {
            return Err(std::io::Error::other("the disk has gone"));
        }
        let count = buf.len().min(64);
        self.0.read(&mut buf[..count])
    }
}

impl std::io::Seek for Failing {
    fn seek(&mut self, to: std::io::SeekFrom) -> std::io::Result<u64> {
        self.0.seek(to)
    }
}

#[test]
fn a_failing_source_is_the_worlds_fault() {
    let bytes = explicit_file(&el(0x10, 0x4000, "LT", &[b'x'; 2000]));
    let error = open(Box::new(Failing(Cursor::new(bytes), 900)), &Limits::default()).unwrap_err();
    assert_eq!((error.code(), error.is_data()), ("io", false));
}
