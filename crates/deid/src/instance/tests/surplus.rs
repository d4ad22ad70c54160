//! What stands in the pixel data element and is no pixel never goes out; what is, goes out as it is (PS3.5 §8, §A.4).

use super::*;
use dicom::part10::Layout;
use std::io::Read;

const NEEDLE: &[u8; 20] = b"SENTINEL^JOHN^QUINCY";

/// The encodings, each with frames that can be followed.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Native,
    Jpeg,
    JpegLs,
    Jpeg2000,
    Rle,
}

/// Where the needle goes.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Plant {
    Nowhere,
    Comment,
    Application,
    AfterTheFrame,
    FragmentOfItsOwn,
    OffsetTable,
    ExtendedOffsetTable,
}

fn segment(code: u8, value: &[u8]) -> Vec<u8> {
    let len = u16::try_from(value.len() + 2).unwrap().to_be_bytes();
    [&[0xFF, code], &len[..], value].concat()
}

/// A frame of 4 × 4 cells of 16 bits, as far as markers and lengths go.
fn frame(kind: Kind, plant: Plant, data: &[u8]) -> Vec<u8> {
    let jfif = segment(0xE0, b"JFIF\0\x01\x02\0\0\x01\0\x01\0\0");
    let comment = if plant == Plant::Comment { &NEEDLE[..] } else { b"LEAD Technologies Inc. V1.01" };
    let application = if plant == Plant::Application { segment(0xE1, NEEDLE) } else { Vec::new() };
    // Entropy-coded bytes: no marker among them.
    let data: Vec<u8> = data.iter().map(|byte| byte & 0x7F).collect();
    match kind {
        Kind::Native => [&data[..], &[0; 32]].concat()[..32].to_vec(),
        Kind::Jpeg => {
            let parts =
                [jfif, application, segment(0xFE, comment), segment(0xC3, &[0; 9]), segment(0xDA, &[0; 6])];
            let scan = [&data[..], &[0xFF, 0x00, 0xFF, 0xD0], &data, &[0xFF, 0xD9]].concat();
            [&[0xFF, 0xD8][..], &parts.concat(), &scan].concat()
        }
        Kind::JpegLs => {
            let parts = [application, segment(0xF7, &[0; 9]), segment(0xDA, &[0; 6])].concat();
            // Comments may stand between scans, and bytes below 80 follow FF.
            let scan =
                [&data[..], &[0xFF, 0x7F], &segment(0xFE, comment), &segment(0xDA, &[0; 6]), &data].concat();
            [&[0xFF, 0xD8][..], &parts, &scan, &[0xFF, 0xFF, 0xD9]].concat()
        }
        Kind::Jpeg2000 => {
            let latin = if plant == Plant::Comment {
                [&[0, 1], &NEEDLE[..]].concat()
            } else {
                b"\0\x01Kakadu-v5.2.1".to_vec()
            };
            let tile = [&[0xFF, 0x93][..], &data].concat();
            let len = u32::try_from(tile.len() + 12).unwrap().to_be_bytes();
            let start = segment(0x90, &[&[0, 0][..], &len, &[0, 1]].concat());
            let main = [segment(0x51, &[0; 38]), segment(0x64, &latin), segment(0x52, &[0; 10])].concat();
            [&[0xFF, 0x4F][..], &main, &start, &tile, &[0xFF, 0xD9]].concat()
        }
        Kind::Rle => {
            let literal = |from: usize| {
                [&[15][..], &[&data[from.min(data.len())..], &[0; 16]].concat()[..16], &[0]].concat()
            };
            let mut header = [2u32, 64, 82].map(u32::to_le_bytes).concat();
            header.resize(64, 0);
            if plant == Plant::Application {
                header[40..60].copy_from_slice(NEEDLE);
            }
            [header, literal(0), literal(16)].concat()
        }
    }
}

/// A file of so many frames, and its fragments.
fn planted(kind: Kind, plant: Plant, datas: &[Vec<u8>]) -> (Vec<u8>, Vec<Vec<u8>>) {
    let mut set = ct();
    set.put_text(tags::NUMBER_OF_FRAMES, VR::IS, &datas.len().to_string());
    let mut frames: Vec<Vec<u8>> = datas
        .iter()
        .enumerate()
        .map(|(n, data)| frame(kind, if n == 0 { plant } else { Plant::Nowhere }, data))
        .collect();
    if plant == Plant::ExtendedOffsetTable {
        set.put(Element::bytes_of(Tag(0x7FE0, 0x0001), VR::OV, [&NEEDLE[..], &[0; 4]].concat()));
    }
    if plant == Plant::AfterTheFrame {
        frames.last_mut().unwrap().extend(NEEDLE);
    }
    if plant == Plant::FragmentOfItsOwn {
        frames.push(NEEDLE.to_vec());
    }
    let syntax = match kind {
        Kind::Native => transfer_syntax::EXPLICIT_VR_LITTLE_ENDIAN,
        Kind::Jpeg => transfer_syntax::JPEG_BASELINE,
        Kind::JpegLs => "1.2.840.10008.1.2.4.80",
        Kind::Jpeg2000 => transfer_syntax::JPEG_2000_LOSSLESS,
        Kind::Rle => transfer_syntax::RLE_LOSSLESS,
    };
    let meta = FileMeta { transfer_syntax: syntax.to_owned(), ..FileMeta::default() };
    let mut object = Object::new(meta, set);
    for frame in &mut frames {
        if frame.len() % 2 == 1 {
            frame.push(0);
        }
    }
    object = if matches!(kind, Kind::Native) {
        object.with_native_pixels(VR::OW, frames.concat())
    } else {
        object.with_encapsulated_pixels(&frames.iter().map(Vec::as_slice).collect::<Vec<_>>())
    };
    let mut bytes = Vec::new();
    object.write(&mut bytes).unwrap();
    if plant == Plant::OffsetTable {
        let empty = b"\xFE\xFF\x00\xE0\0\0\0\0";
        let at = bytes.windows(8).position(|window| window == empty).unwrap();
        let table = [&b"\xFE\xFF\x00\xE0\x14\0\0\0"[..], NEEDLE].concat();
        bytes.splice(at..at + 8, table);
    }
    (bytes, frames)
}

fn kinds() -> impl Strategy<Value = Kind> {
    prop::sample::select(vec![Kind::Native, Kind::Jpeg, Kind::JpegLs, Kind::Jpeg2000, Kind::Rle])
}

fn plants() -> impl Strategy<Value = Plant> {
    prop::sample::select(vec![
        Plant::Comment,
        Plant::Application,
        Plant::AfterTheFrame,
        Plant::FragmentOfItsOwn,
        Plant::OffsetTable,
        Plant::ExtendedOffsetTable,
    ])
}

fn datas() -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..4)
}

fn holds(bytes: &[u8]) -> bool {
    bytes.windows(NEEDLE.len()).any(|window| window == NEEDLE)
}

proptest! {
    #[test]
    fn law_what_is_no_pixel_never_goes_out(kind in kinds(), plant in plants(), datas in datas()) {
        let does_not_apply = match kind {
            Kind::Native => matches!(plant, Plant::Comment | Plant::Application | Plant::OffsetTable),
            Kind::Rle => plant == Plant::Comment,
            Kind::Jpeg2000 => plant == Plant::Application,
            Kind::Jpeg | Kind::JpegLs => false,
        };
        prop_assume!(!does_not_apply);
        let (file, _) = planted(kind, plant, &datas);
        prop_assert!(holds(&file), "the needle is not planted");
        match Bench::new().write(file, &[]) {
            Ok((bytes, ..)) => {
                prop_assert!(!holds(&bytes));
                prop_assert_eq!(plant, Plant::Comment, "only comments can be blanked");
            }
            Err(residue) => prop_assert!(residue.code().starts_with("pixel-"), "{}", residue.code()),
        }
    }

    #[test]
    fn law_frames_go_out_as_they_came(kind in kinds(), datas in datas()) {
        let (file, frames) = planted(kind, Plant::Nowhere, &datas);
        let (bytes, _, _) = Bench::new().write(file, &[]).map_err(|residue| TestCaseError::fail(residue.to_string()))?;
        let mut out = part10::open(Box::new(Cursor::new(bytes)), &Limits::default()).unwrap();
        match out.pixels.as_ref().unwrap().layout.clone() {
            Layout::Native { .. } => {
                let mut samples = Vec::new();
                out.pixel_reader().unwrap().unwrap().read_to_end(&mut samples).unwrap();
                prop_assert_eq!(samples, frames.concat());
            }
            Layout::Encapsulated { fragments, .. } => {
                let got: Vec<_> = fragments.iter().map(|span| out.read_span(*span).unwrap()).collect();
                prop_assert_eq!(got, frames);
            }
        }
    }
}

#[test]
fn a_comment_is_blanked_and_nothing_else_moves() {
    let (file, frames) = planted(Kind::Jpeg, Plant::Comment, &[vec![1, 2, 3]]);
    let (bytes, ..) = Bench::new().write(file, &[]).unwrap();
    let at = frames[0].windows(20).position(|window| window == NEEDLE).unwrap();
    let mut expected = frames[0].clone();
    expected[at..at + 20].fill(b' ');
    assert!(bytes.windows(expected.len()).any(|window| window == expected));
}

#[test]
fn fewer_frames_or_bytes_than_declared_are_held_and_a_persons_release_does_not_help() {
    let bench = Bench::new();
    for kind in [Kind::Native, Kind::Jpeg2000] {
        let (file, _) = planted(kind, Plant::Nowhere, &[vec![1], vec![2]]);
        let mut object = part10::open(Box::new(Cursor::new(file)), &Limits::default()).unwrap();
        object.dataset.put_text(tags::NUMBER_OF_FRAMES, VR::IS, "3");
        let mut file = Vec::new();
        object.write(&mut file).unwrap();
        let policy = PixelPolicy::new(ForProcessing::Reject);
        let PixelVerdict::Clear(judged) = bench.clean(file, &[]).clean_pixels(&policy, Review::Released)
        else {
            panic!("the policy has no doubt")
        };
        let mut out = Cursor::new(Vec::new());
        let error = judged.verify_and_write(&mut out, &bench.verifier, &bench.signer, 42).unwrap_err();
        assert_eq!(error.code(), "pixel-length", "{kind:?}");
    }
}

#[test]
fn zeros_behind_native_pixels_say_nothing() {
    let meta = FileMeta {
        transfer_syntax: transfer_syntax::EXPLICIT_VR_LITTLE_ENDIAN.into(),
        ..FileMeta::default()
    };
    let mut bytes = Vec::new();
    Object::new(meta, ct())
        .with_native_pixels(VR::OW, [vec![3; 32], vec![0; 480]].concat())
        .write(&mut bytes)
        .unwrap();
    assert!(Bench::new().write(bytes, &[]).is_ok());
}

#[test]
fn a_stream_that_is_not_known_is_held() {
    let meta = FileMeta { transfer_syntax: "1.2.840.10008.1.2.4.102".into(), ..FileMeta::default() };
    let mut bytes = Vec::new();
    let video = [&b"\0\0\0\x01\x09\x10"[..], NEEDLE].concat();
    Object::new(meta, ct()).with_encapsulated_pixels(&[&video]).write(&mut bytes).unwrap();
    assert_eq!(Bench::new().write(bytes, &[]).unwrap_err().code(), "pixel-stream");
}
