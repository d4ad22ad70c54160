//! Specific Character Set (0008,0005) at the door: PS3.3 §C.12.1.1.2, PS3.5 §6.1.2.

use super::fixtures::*;
use crate::part10::*;
use crate::tag::{Tag, tags};
use crate::uid::transfer_syntax as ts;

const NAME: (u16, u16) = (0x10, 0x10);

fn name_under(terms: &[u8], name: &[u8]) -> Object {
    let body = [el(8, 5, "CS", terms), el(NAME.0, NAME.1, "PN", name)].concat();
    open_bytes(&explicit_file(&body)).unwrap()
}

#[test]
fn text_comes_out_as_utf8_and_the_data_set_says_so() {
    let kanji = b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B";
    let mut object = name_under(b"\\ISO 2022 IR 87", kanji);
    assert_eq!(object.notes.iter().map(|note| note.kind).collect::<Vec<_>>(), [NoteKind::OddLength]);
    assert_eq!(object.dataset.text(tags::PATIENT_NAME), Some("Yamada^Tarou=山田^太郎=やまだ^たろう"));
    assert_eq!(object.dataset.text(tags::SPECIFIC_CHARACTER_SET), Some("ISO_IR 192"));
    let again = open_bytes(&written(&mut object)).unwrap();
    assert_eq!(again.dataset.text(tags::PATIENT_NAME), object.dataset.text(tags::PATIENT_NAME));
    assert_eq!(name_under(b"ISO_IR 100", b"J\xf6rg").dataset.text(tags::PATIENT_NAME), Some("Jörg"));
}

#[test]
fn items_inherit_the_character_set_or_declare_their_own() {
    let name = |bytes: &[u8]| el(NAME.0, NAME.1, "PN", bytes);
    let body = [
        el(8, 5, "CS", b"ISO_IR 101"),
        el(
            0x10,
            0x1002,
            "SQ",
            &[
                item(&name(b"W\xb1")),
                item(
                    &[
                        el(8, 5, "CS", b"ISO_IR 144"),
                        name(b"\xbb\xee"),
                        el(0x40, 0x275, "SQ", &item(&name(b"\xbb\xee"))),
                    ]
                    .concat(),
                ),
            ]
            .concat(),
        ),
        el(0x7FE0, 0x10, "OW", &[0; 4]),
        el(0xFFFA, 0x1000, "PN", b"W\xb1"),
    ]
    .concat();
    let object = open_bytes(&explicit_file(&body)).unwrap();
    assert_eq!(object.notes, []);
    let items = object.dataset.items(Tag(0x10, 0x1002));
    assert_eq!(items[0].text(tags::PATIENT_NAME), Some("Wą"));
    assert_eq!(items[1].text(tags::PATIENT_NAME), Some("Лю"));
    assert!(!items[1].contains(tags::SPECIFIC_CHARACTER_SET));
    assert_eq!(items[1].items(Tag(0x40, 0x275))[0].text(tags::PATIENT_NAME), Some("Лю"));
    assert_eq!(object.trailing.text(Tag(0xFFFA, 0x1000)), Some("Wą"));
}

#[test]
fn bytes_without_a_declaration_are_guessed_and_noted() {
    for (name, expected) in [("Jörg".as_bytes(), "Jörg"), (b"J\xf6rg", "Jörg")] {
        let object = open_bytes(&explicit_file(&el(NAME.0, NAME.1, "PN", name))).unwrap();
        assert_eq!(object.dataset.text(tags::PATIENT_NAME), Some(expected));
        assert!(object.noted(NoteKind::UncertainText));
    }
    let object = name_under(b"KLINGON ", b"J\xf6rg");
    assert!(object.noted(NoteKind::UnknownCharacterSet));
    assert_eq!(object.dataset.text(tags::PATIENT_NAME), Some("Jörg"));
}

#[test]
fn even_code_strings_come_out_as_utf8_and_so_does_un_that_the_dictionary_knows() {
    let body = [
        el(8, 5, "CS", b"ISO_IR 100"),
        el(8, 0x70, "LO", b"Gr\xfcn"),
        el(0x10, 0x40, "CS", b"\xfc "),
        el(0x10, 0x4000, "UN", b"Gr\xfcn"),
        el(0x11, 0x10, "LO", b"MAKER "),
        el(0x11, 0x1001, "UN", b"Gr\xfcn"),
    ]
    .concat();
    let object = open_bytes(&explicit_file(&body)).unwrap();
    assert_eq!(object.dataset.text(tags::PATIENT_SEX), Some("ü"));
    // The dictionary knows that this is text (PS3.5 §6.2.2 Note 2); of what it does not know the bytes stay.
    assert_eq!(object.dataset.text(tags::PATIENT_COMMENTS), Some("Grün"));
    assert_eq!(object.dataset.get(Tag(0x11, 0x1001)).unwrap().bytes(), b"Gr\xfcn");
}

#[test]
fn a_dimse_identifier_is_converted_too() {
    let bytes = [im(8, 5, b"ISO_IR 100"), im(0x10, 0x10, b"J\xf6rg")].concat();
    let set = read_dataset(&bytes, ts::IMPLICIT_VR_LITTLE_ENDIAN, &Limits::default()).unwrap();
    assert_eq!(set.text(tags::PATIENT_NAME), Some("Jörg"));
}
