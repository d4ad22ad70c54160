//! Laws: what is written opens as itself; any bytes at all end in an object or a named error.

use super::fixtures::*;
use crate::dataset::{Dataset, Element};
use crate::part10::*;
use crate::tag::{Tag, VR, tags};
use crate::uid::transfer_syntax as ts;
use proptest::prelude::*;
use std::io::Cursor;

fn value_of(vr: VR) -> BoxedStrategy<Vec<u8>> {
    let text = |pattern: &'static str, pad: u8| {
        pattern.prop_map(move |text| {
            let mut bytes = text.into_bytes();
            if bytes.len() % 2 == 1 {
                bytes.push(pad);
            }
            bytes
        })
    };
    match vr {
        VR::UI => text("[0-9.]{0,20}", 0).boxed(),
        VR::LO | VR::PN | VR::LT | VR::UT => text("\\PC{0,20}", b' ').boxed(),
        VR::CS => text("[A-Z0-9_\\\\]{0,16}", b' ').boxed(),
        _ => proptest::collection::vec(any::<[u8; 8]>(), 0..4).prop_map(|words| words.concat()).boxed(),
    }
}

fn element() -> impl Strategy<Value = Element> {
    let vr = prop_oneof![
        Just(VR::UI),
        Just(VR::LO),
        Just(VR::PN),
        Just(VR::LT),
        Just(VR::UT),
        Just(VR::CS),
        Just(VR::US),
        Just(VR::FD),
        Just(VR::AT),
        Just(VR::OB),
        Just(VR::OW),
        Just(VR::UN),
        Just(VR::UV)
    ];
    let tag = (0x0010u16..0x7F00, 1u16..).prop_map(|(group, element)| Tag(group, element));
    (tag, vr).prop_flat_map(|(tag, vr)| value_of(vr).prop_map(move |bytes| Element::bytes_of(tag, vr, bytes)))
}

fn dataset() -> impl Strategy<Value = Dataset> {
    let leaf = proptest::collection::vec(element(), 0..6).prop_map(Dataset::from_iter);
    leaf.prop_recursive(3, 40, 3, |inner| {
        let items = (0x0010u16..0x7F00, 1u16.., proptest::collection::vec(inner, 0..3))
            .prop_map(|(group, number, items)| Element::items_of(Tag(group, number), items));
        proptest::collection::vec(prop_oneof![element(), items], 0..6).prop_map(Dataset::from_iter)
    })
}

fn sample() -> Vec<u8> {
    let mut set = ct_header();
    set.put(Element::bytes_of(tags::PIXEL_SPACING, VR::DS, *b"0.5\\0.5 "));
    let meta = FileMeta { transfer_syntax: ts::EXPLICIT_VR_LITTLE_ENDIAN.into(), ..FileMeta::default() };
    let mut object = Object::new(meta, set).with_native_pixels(VR::OW, vec![7; 64]);
    object.trailing.put(Element::items_of(Tag(0xFFFA, 0xFFFA), vec![ct_header()]));
    written(&mut object)
}

fn encapsulated_sample() -> Vec<u8> {
    let meta = FileMeta { transfer_syntax: ts::RLE_LOSSLESS.into(), ..FileMeta::default() };
    written(&mut Object::new(meta, ct_header()).with_encapsulated_pixels(&[b"one1", b"four"]))
}

/// Whatever opens can be written, and what is then written opens as itself.
fn settles(bytes: &[u8]) -> Result<(), TestCaseError> {
    let limits = Limits { header_bytes_max: 1 << 20, inflated_bytes_max: 1 << 20, ..Limits::default() };
    match open(Box::new(Cursor::new(bytes.to_vec())), &limits) {
        Err(error) => prop_assert!(error.is_data() && error.at().is_none_or(|at| at <= 1 << 21)),
        Ok(mut object) => {
            let once = written(&mut object);
            let mut again = open_bytes(&once).map_err(|e| TestCaseError::fail(e.to_string()))?;
            prop_assert!(written(&mut again) == once);
        }
    }
    for syntax in [ts::IMPLICIT_VR_LITTLE_ENDIAN, ts::EXPLICIT_VR_LITTLE_ENDIAN, ts::EXPLICIT_VR_BIG_ENDIAN] {
        let _ = read_dataset(bytes, syntax, &limits);
    }
    Ok(())
}

proptest! {
    #[test]
    fn what_is_written_opens_as_itself(mut set in dataset(), pixels in proptest::option::of(0usize..40)) {
        set.put_text(tags::SPECIFIC_CHARACTER_SET, VR::CS, "ISO_IR 192");
        let meta = FileMeta { transfer_syntax: ts::EXPLICIT_VR_LITTLE_ENDIAN.into(), ..FileMeta::default() };
        let mut object = Object::new(meta, set.clone());
        if let Some(words) = pixels {
            object = object.with_native_pixels(VR::OW, vec![5; words * 2]);
        }
        let again = open_bytes(&written(&mut object)).unwrap();
        prop_assert_eq!(again.dataset, set);
        prop_assert_eq!(again.notes, []);
        prop_assert_eq!(again.pixels.map(|p| p.layout), pixels.map(|n| Layout::Native { len: n as u64 * 2 }));
    }

    #[test]
    fn truncation_anywhere_is_an_error_or_an_object(cut in 0usize..1200, which in any::<bool>()) {
        let whole = if which { sample() } else { encapsulated_sample() };
        settles(&whole[..cut.min(whole.len())])?;
    }

    #[test]
    fn mutation_anywhere_is_an_error_or_an_object(
        changes in proptest::collection::vec((0usize..1200, any::<u8>()), 1..8),
        which in any::<bool>(),
    ) {
        let mut bytes = if which { sample() } else { encapsulated_sample() };
        for (at, byte) in changes {
            let at = at % bytes.len();
            bytes[at] = byte;
        }
        settles(&bytes)?;
        settles(&bytes[132..])?;
    }

    #[test]
    fn any_bytes_are_an_error_or_an_object(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        settles(&bytes)?;
        settles(&explicit_file(&bytes))?;
        settles(&file(ts::IMPLICIT_VR_LITTLE_ENDIAN, &bytes))?;
        settles(&file(ts::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN, &bytes))?;
    }

    /// Bytes made of plausible pieces go deeper than random ones.
    #[test]
    fn any_pieces_are_an_error_or_an_object(pieces in proptest::collection::vec(piece(), 0..24)) {
        settles(&explicit_file(&pieces.concat()))?;
        settles(&file(ts::IMPLICIT_VR_LITTLE_ENDIAN, &pieces.concat()))?;
    }
}

fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        (0x7FDEu16..0x7FE2, 0u16..0x12, 0u32..9).prop_map(|(g, e, len)| front(g, e, "OB", len)),
        (7u16..0x0B, 0u16..8, 0u32..9).prop_map(|(g, e, len)| front(g, e, "PN", len)),
        (7u16..0x0B, 0u16..8).prop_map(|(g, e)| front(g, e, "SQ", u32::MAX)),
        (7u16..0x0B, 0u16..8).prop_map(|(g, e)| front(g, e, "UN", u32::MAX)),
        (8u16..0x30, 0u16..0x20, 0u32..40).prop_map(|(g, e, len)| im_front(g, e, len)),
        Just(front(0x7FE0, 0x10, "OB", u32::MAX)),
        (0u32..40).prop_map(|len| im_front(0xFFFE, 0xE000, len)),
        Just(im_front(0xFFFE, 0xE000, u32::MAX)),
        Just(im(0xFFFE, 0xE00D, b"")),
        Just(end_of_sequence()),
        proptest::collection::vec(any::<u8>(), 0..12),
    ]
}
