//! Clean Pixel Data through the wall: pictures with text in them, and what becomes of them (PS3.15 E.3.1).
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "sizes and samples of a small picture"
)]

use super::*;
use crate::pixels::Review;
use crate::profile::{DeviceRegions, InspectPrimary, PixelSettings};
use std::io::Read;
use std::num::NonZeroU32;

pub(super) const WIDTH: usize = 256;
pub(super) const HEIGHT: usize = 160;
pub(super) const TEXT: &str = "SENTINEL ANNA 1953";
const ULTRASOUND: &str = "1.2.840.10008.5.1.4.1.1.6.1";

/// Five columns of seven rows each, the lowest bit on top.
const GLYPHS: [(char, [u8; 5]); 11] = [
    ('S', [0x46, 0x49, 0x49, 0x49, 0x31]),
    ('E', [0x7F, 0x49, 0x49, 0x49, 0x41]),
    ('N', [0x7F, 0x04, 0x08, 0x10, 0x7F]),
    ('T', [0x01, 0x01, 0x7F, 0x01, 0x01]),
    ('I', [0x00, 0x41, 0x7F, 0x41, 0x00]),
    ('L', [0x7F, 0x40, 0x40, 0x40, 0x40]),
    ('A', [0x7E, 0x11, 0x11, 0x11, 0x7E]),
    ('1', [0x00, 0x42, 0x7F, 0x40, 0x00]),
    ('9', [0x06, 0x49, 0x49, 0x29, 0x1E]),
    ('5', [0x27, 0x45, 0x45, 0x45, 0x39]),
    ('3', [0x21, 0x41, 0x45, 0x4B, 0x31]),
];

/// The pixels of a text whose upper left corner is here, each dot two pixels wide and high.
pub(super) fn strokes(text: &str, left: usize, top: usize) -> Vec<(usize, usize)> {
    let mut pixels = Vec::new();
    for (n, letter) in text.chars().enumerate() {
        let Some((_, columns)) = GLYPHS.iter().find(|(known, _)| *known == letter) else { continue };
        for (x, column) in columns.iter().enumerate() {
            for y in (0..7).filter(|y| column >> y & 1 == 1) {
                let (x, y) = (left + (n * 6 + x) * 2, top + y * 2);
                pixels.extend([(x, y), (x + 1, y), (x, y + 1), (x + 1, y + 1)]);
            }
        }
    }
    pixels
}

/// A soft picture with some noise and no text, in 16 bits; nothing in it is below 40.
pub(super) fn soft() -> Vec<u16> {
    let cell = |n: usize| {
        let (x, y) = ((n % WIDTH) as f64 - 128.0, (n / WIDTH) as f64 - 80.0);
        let mixed = (n as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let noise = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB) >> 40;
        (700.0 - (x * x + y * y * 2.0).sqrt() * 4.0).max(40.0) as u16 + (noise % 8 + noise / 8 % 8) as u16
    };
    (0..WIDTH * HEIGHT).map(cell).collect()
}

pub(super) fn written(mut cells: Vec<u16>, text: &str) -> Vec<u16> {
    strokes(text, 10, 12).into_iter().for_each(|(x, y)| cells[y * WIDTH + x] = 1000);
    cells
}

fn words(cells: &[u16]) -> Vec<u8> {
    cells.iter().flat_map(|cell| cell.to_le_bytes()).collect()
}

/// A CT of that size whose frames are these.
pub(super) fn image(frames: &[Vec<u16>]) -> (Dataset, Vec<u8>) {
    let mut set = ct();
    for (tag, value) in [
        (tags::ROWS, HEIGHT as u16),
        (tags::COLUMNS, WIDTH as u16),
        (tags::BITS_STORED, 12),
        (tags::HIGH_BIT, 11),
        (tags::PIXEL_REPRESENTATION, 0),
    ] {
        set.put(Element::bytes_of(tag, VR::US, value.to_le_bytes()));
    }
    set.put_text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2");
    if frames.len() > 1 {
        set.put_text(tags::NUMBER_OF_FRAMES, VR::IS, &frames.len().to_string());
    }
    (set, frames.iter().flat_map(|frame| words(frame)).collect())
}

fn stored(set: Dataset, pixels: Vec<u8>) -> Vec<u8> {
    let syntax = transfer_syntax::EXPLICIT_VR_LITTLE_ENDIAN.to_owned();
    let mut bytes = Vec::new();
    let meta = FileMeta { transfer_syntax: syntax, ..FileMeta::default() };
    Object::new(meta, set).with_native_pixels(VR::OW, pixels).write(&mut bytes).unwrap();
    bytes
}

pub(super) fn bench() -> Bench {
    Bench::with(&["clean-pixel-data", "retain-device-identity"])
}

fn judge(bench: &Bench, file: Vec<u8>, review: Review) -> PixelVerdict {
    bench.clean(file, &[]).clean_pixels(&PixelPolicy::new(ForProcessing::Reject), review)
}

/// What goes out, opened again, and what was done to its pixels.
pub(super) fn out(bench: &Bench, verdict: PixelVerdict) -> (Object, Inspection) {
    let PixelVerdict::Clear(instance) = verdict else { panic!("{verdict:?}") };
    let mut bytes = Cursor::new(Vec::new());
    let (written, _) = instance.verify_and_write(&mut bytes, &bench.verifier, &bench.signer, 42).unwrap();
    let object = part10::open(Box::new(Cursor::new(bytes.into_inner())), &Limits::default()).unwrap();
    (object, written.inspection().clone())
}

fn cells(object: &mut Object) -> Vec<u16> {
    let mut bytes = Vec::new();
    object.pixel_reader().unwrap().unwrap().read_to_end(&mut bytes).unwrap();
    bytes.chunks(2).map(|cell| u16::from_le_bytes([cell[0], cell[1]])).collect()
}

pub(super) fn codes(object: &Object) -> Vec<&str> {
    let items = object.dataset.items(tags::DEIDENTIFICATION_METHOD_CODE_SEQUENCE);
    items.iter().filter_map(|item| item.text(tags::CODE_VALUE)).collect()
}

fn reasons(verdict: PixelVerdict) -> Vec<&'static str> {
    let PixelVerdict::Review { reasons, .. } = verdict else { panic!("{verdict:?}") };
    reasons.into_iter().map(PixelReason::code).collect()
}

#[test]
fn text_is_blanked_and_every_bit_outside_the_boxes_stays() {
    let (bench, before) = (bench(), written(soft(), TEXT));
    let (set, pixels) = image(std::slice::from_ref(&before));
    let (mut object, inspection) = out(&bench, judge(&bench, stored(set, pixels), Review::Pending));
    let after = cells(&mut object);
    for (x, y) in strokes(TEXT, 10, 12) {
        assert_eq!(after[y * WIDTH + x], 40, "a stroke is left at {x}, {y}");
    }
    let is_in = |n: usize| {
        let (x, y) = ((n % WIDTH) as u32, (n / WIDTH) as u32);
        inspection
            .regions
            .iter()
            .any(|r| x >= r.left && y >= r.top && x < r.left + r.width && y < r.top + r.height)
    };
    assert!((0..after.len()).all(|n| is_in(n) || after[n] == before[n]));
    assert_eq!((inspection.extent.code(), inspection.frames, inspection.is_rewritten), ("read", 1, true));
    assert_eq!(object.dataset.text(tags::BURNED_IN_ANNOTATION), Some("NO"));
    assert!(codes(&object).contains(&"113101"));
}

#[test]
fn a_picture_without_text_goes_out_as_it_came_and_says_that_it_is_clean() {
    let (bench, (set, pixels)) = (bench(), image(&[soft()]));
    let (mut object, inspection) = out(&bench, judge(&bench, stored(set, pixels), Review::Pending));
    assert_eq!(cells(&mut object), soft());
    assert!(!inspection.is_rewritten && inspection.regions.is_empty());
    assert_eq!(object.dataset.text(tags::BURNED_IN_ANNOTATION), Some("NO"));
    assert!(codes(&object).contains(&"113101"));
}

#[test]
fn text_in_one_frame_of_many_is_found() {
    let bench = bench();
    let frames = [soft(), soft(), written(soft(), TEXT), soft()];
    let (set, pixels) = image(&frames);
    let (mut object, inspection) = out(&bench, judge(&bench, stored(set, pixels), Review::Pending));
    assert_eq!(inspection.frames, 4);
    let (after, size) = (cells(&mut object), WIDTH * HEIGHT);
    assert_eq!(after[..2 * size], frames[..2].concat());
    assert!(strokes(TEXT, 10, 12).into_iter().all(|(x, y)| after[2 * size + y * WIDTH + x] == 40));
    assert_eq!(after[3 * size..], frames[3]);
}

/// An encoder of PS3.5 Annex G that only writes literals.
fn run_length(cells: &[u16]) -> Vec<u8> {
    let plane = |high: bool| {
        let bytes: Vec<u8> = cells.iter().map(|cell| cell.to_le_bytes()[usize::from(high)]).collect();
        bytes.chunks(128).flat_map(|run| [&[run.len() as u8 - 1], run].concat()).collect::<Vec<_>>()
    };
    let (high, low) = (plane(true), plane(false));
    let mut frame = [2, 64, 64 + high.len() as u32].map(u32::to_le_bytes).concat();
    frame.resize(64, 0);
    [frame, high, low].concat()
}

pub(super) fn run_length_coded(frames: &[Vec<u16>]) -> Vec<u8> {
    let (set, _) = image(frames);
    let meta = FileMeta { transfer_syntax: transfer_syntax::RLE_LOSSLESS.to_owned(), ..FileMeta::default() };
    let frames: Vec<Vec<u8>> = frames.iter().map(|frame| run_length(frame)).collect();
    let frames: Vec<&[u8]> = frames.iter().map(Vec::as_slice).collect();
    let mut bytes = Vec::new();
    Object::new(meta, set).with_encapsulated_pixels(&frames).write(&mut bytes).unwrap();
    bytes
}

#[test]
fn a_compressed_picture_is_stored_without_compression_only_where_something_was_blanked() {
    let bench = bench();
    let clean = judge(&bench, run_length_coded(&[soft(), soft()]), Review::Pending);
    let (object, _) = out(&bench, clean);
    assert_eq!(object.meta.transfer_syntax, transfer_syntax::RLE_LOSSLESS);
    let text = judge(&bench, run_length_coded(&[soft(), written(soft(), TEXT)]), Review::Pending);
    let (mut object, _) = out(&bench, text);
    assert_eq!(object.meta.transfer_syntax, transfer_syntax::EXPLICIT_VR_LITTLE_ENDIAN);
    let after = cells(&mut object);
    assert_eq!(after[..WIDTH * HEIGHT], soft());
    assert!(strokes(TEXT, 10, 12).into_iter().all(|(x, y)| after[(HEIGHT + y) * WIDTH + x] == 40));
}

#[test]
fn what_is_clean_is_not_changed_again() {
    let bench = bench();
    let (set, pixels) = image(&[written(soft(), TEXT)]);
    let (mut object, _) = out(&bench, judge(&bench, stored(set.clone(), pixels), Review::Pending));
    let once = cells(&mut object);
    let (mut object, inspection) = out(&bench, judge(&bench, stored(set, words(&once)), Review::Pending));
    assert_eq!((cells(&mut object), inspection.is_rewritten), (once, false));
}

#[test]
fn text_in_bits_that_nobody_is_shown_is_cleared() {
    let bench = bench();
    let mut hidden = soft();
    strokes(TEXT, 10, 12).into_iter().for_each(|(x, y)| hidden[y * WIDTH + x] |= 0x8000);
    let (set, pixels) = image(&[hidden]);
    let (mut object, inspection) = out(&bench, judge(&bench, stored(set, pixels), Review::Pending));
    assert_eq!(cells(&mut object), soft());
    assert!(inspection.is_rewritten && inspection.regions.is_empty());
}

/// Of pixel data that holds more than frames only what is decoded goes out.
#[test]
fn what_belongs_to_no_frame_does_not_go_out() {
    let bench = bench();
    let (set, pixels) = image(&[soft()]);
    let behind = [pixels, TEXT.as_bytes().to_vec()].concat();
    let mut run_length = run_length(&soft());
    run_length[40..40 + TEXT.len()].copy_from_slice(TEXT.as_bytes());
    let meta = FileMeta { transfer_syntax: transfer_syntax::RLE_LOSSLESS.to_owned(), ..FileMeta::default() };
    let mut in_header = Vec::new();
    Object::new(meta, set.clone()).with_encapsulated_pixels(&[&run_length]).write(&mut in_header).unwrap();
    for file in [stored(set, behind), in_header] {
        let needle = TEXT.as_bytes();
        assert!(file.windows(needle.len()).any(|bytes| bytes == needle));
        let (mut object, inspection) = out(&bench, judge(&bench, file, Review::Pending));
        assert!(inspection.is_rewritten && inspection.regions.is_empty());
        assert_eq!(cells(&mut object), soft());
    }
}

#[test]
fn what_is_declared_and_not_found_waits_for_a_person() {
    let bench = bench();
    let (mut set, pixels) = image(&[soft()]);
    set.put_text(tags::BURNED_IN_ANNOTATION, VR::CS, "YES");
    let file = stored(set, pixels);
    assert_eq!(reasons(judge(&bench, file.clone(), Review::Pending)), ["pixels-declared-not-found"]);
    let (object, inspection) = out(&bench, judge(&bench, file, Review::Released));
    assert_eq!(inspection.extent.code(), "person");
    assert_eq!(object.dataset.text(tags::BURNED_IN_ANNOTATION), Some("NO"));
}

#[test]
fn a_page_of_text_waits_for_a_person() {
    let mut page = vec![0; WIDTH * HEIGHT];
    for line in 0..8 {
        let strokes = strokes("SENTINEL ANNA 1953 SE", 2, line * 19 + 4);
        strokes.into_iter().for_each(|(x, y)| page[y * WIDTH + x] = 1000);
    }
    let (set, pixels) = image(&[page]);
    let verdict = judge(&bench(), stored(set, pixels), Review::Pending);
    assert!(matches!(&verdict, PixelVerdict::Review { boxes, .. } if !boxes.is_empty()), "{verdict:?}");
    assert_eq!(reasons(verdict), ["pixels-mostly-text"]);
}

#[test]
fn a_persons_boxes_are_blanked_in_every_frame() {
    let bench = bench();
    let (set, pixels) = image(&[written(soft(), "A"), soft()]);
    let boxes = vec![Region { left: 8, top: 8, width: 20, height: 20 }];
    let (mut object, inspection) =
        out(&bench, judge(&bench, stored(set, pixels), Review::Masked(boxes.clone())));
    let after = cells(&mut object);
    for frame in 0..2 {
        for (x, y) in (8..28).flat_map(|y| (8..28).map(move |x| (x, y))) {
            assert_eq!(after[(frame * HEIGHT + y) * WIDTH + x], 40);
        }
    }
    assert_eq!((inspection.extent.code(), inspection.regions), ("person", boxes));
}

#[test]
fn under_a_rule_its_boxes_are_blanked_and_the_rest_is_read() {
    let bench = bench();
    let (mut set, pixels) = image(&[written(soft(), "SENTINEL"), soft()]);
    set.put_text(tags::BURNED_IN_ANNOTATION, VR::CS, "YES");
    let corner = Region { left: (WIDTH - 4) as u32, top: (HEIGHT - 4) as u32, width: 4, height: 4 };
    let file = stored(set, pixels);
    let (mut object, inspection) = out(&bench, judge(&bench, file.clone(), Review::Ruled(vec![corner])));
    assert_eq!(inspection.extent.code(), "read");
    assert!(inspection.regions.contains(&corner) && inspection.regions.len() > 1, "the text was not found");
    let ruled = cells(&mut object);
    let (mut object, _) = out(&bench, judge(&bench, file, Review::Masked(vec![corner])));
    let by_person = cells(&mut object);
    assert_ne!(ruled, by_person, "a person's word about the rest counts, a rule's does not");
}

#[test]
fn what_cannot_be_decoded_is_held_and_a_release_does_not_help() {
    let bench = bench();
    let (set, pixels) = image(&[soft()]);
    let mut short = run_length(&soft());
    short.truncate(3000);
    let mut broken = vec![0xFF, 0xD8, 0xFF, 0xC3, 0, 11, 12];
    broken.extend([0, HEIGHT as u8, 1, 0, 1, 1, 0x11, 0, 0xFF, 0xDA, 0, 8, 1, 1, 0, 1, 0, 0, 0xFF, 0xD9]);
    for (syntax, frame) in [
        (transfer_syntax::RLE_LOSSLESS, short),
        (transfer_syntax::JPEG_LOSSLESS_SV1, broken.clone()),
        ("1.2.840.10008.1.2.4.80", broken.clone()),
        ("1.2.840.10008.1.2.4.90", broken.clone()),
        ("1.2.840.10008.1.2.4.201", broken),
        ("1.2.840.10008.1.2.4.102", pixels),
    ] {
        let meta = FileMeta { transfer_syntax: syntax.to_owned(), ..FileMeta::default() };
        let mut file = Vec::new();
        Object::new(meta, set.clone()).with_encapsulated_pixels(&[&frame]).write(&mut file).unwrap();
        for review in [Review::Pending, Review::Released] {
            let codes = reasons(judge(&bench, file.clone(), review));
            assert!(codes.iter().all(|code| code.starts_with("pixel")), "{syntax}: {codes:?}");
        }
    }
}

#[test]
fn ultrasound_shows_its_regions_only() {
    let bench = bench();
    let mut cells_in = soft();
    for (n, cell) in cells_in.iter_mut().enumerate() {
        *cell = if n % WIDTH >= 40 && n / WIDTH >= 30 { *cell } else { 300 };
    }
    let (mut set, pixels) = image(&[cells_in.clone()]);
    set.put_text(tags::SOP_CLASS_UID, VR::UI, ULTRASOUND);
    set.put_text(tags::MODALITY, VR::CS, "US");
    let corners = [
        (tags::REGION_LOCATION_MIN_X0, 40_u32),
        (tags::REGION_LOCATION_MIN_Y0, 30),
        (tags::REGION_LOCATION_MAX_X1, WIDTH as u32 - 1),
        (tags::REGION_LOCATION_MAX_Y1, HEIGHT as u32 - 1),
    ];
    let corners = corners.map(|(tag, place)| Element::bytes_of(tag, VR::UL, place.to_le_bytes()));
    let region: Dataset = corners.into_iter().collect();
    set.put(Element::items_of(tags::SEQUENCE_OF_ULTRASOUND_REGIONS, vec![region]));
    let (mut object, inspection) = out(&bench, judge(&bench, stored(set, pixels), Review::Pending));
    let after = cells(&mut object);
    let darkest = cells_in.iter().copied().min().unwrap();
    assert!(inspection.is_rewritten);
    for (n, cell) in after.into_iter().enumerate() {
        let inside = n % WIDTH >= 40 && n / WIDTH >= 30;
        assert_eq!(cell, if inside { cells_in[n] } else { darkest }, "{n}");
    }
}

#[test]
fn a_projects_device_region_is_blanked_for_that_device_and_format_only() {
    let bench = bench();
    let device = |rows| DeviceRegions {
        manufacturer: "Example Ltd".into(),
        model: "scanner 1".into(),
        rows,
        columns: WIDTH as u32,
        boxes: vec![[0, 0, WIDTH as u32, 10]],
        reason: "its top line".into(),
    };
    let (mut set, pixels) = image(&[soft()]);
    set.put_text(tags::MANUFACTURER, VR::LO, "EXAMPLE LTD");
    set.put_text(tags::MANUFACTURER_MODEL_NAME, VR::LO, "Scanner 1");
    for (rows, blanked) in [(HEIGHT as u32, true), (HEIGHT as u32 + 1, false)] {
        let settings = PixelSettings { devices: vec![device(rows)], ..PixelSettings::default() };
        let policy = PixelPolicy::new(ForProcessing::Reject).with(&settings);
        let verdict =
            bench.clean(stored(set.clone(), pixels.clone()), &[]).clean_pixels(&policy, Review::Pending);
        let (mut object, _) = out(&bench, verdict);
        let (after, before) = (cells(&mut object), soft());
        assert_eq!(after[..10 * WIDTH].iter().all(|cell| *cell == 40), blanked);
        assert_eq!(after[10 * WIDTH..], before[10 * WIDTH..]);
    }
}

#[test]
fn of_primary_ct_one_in_so_many_is_read_and_the_others_say_so() {
    let bench = bench();
    let every = InspectPrimary::Every(NonZeroU32::new(3).unwrap());
    let settings = PixelSettings { inspect_primary: every, ..PixelSettings::default() };
    let policy = PixelPolicy::new(ForProcessing::Reject).with(&settings);
    let mut read = 0;
    for n in 0..30 {
        let (mut set, pixels) = image(&[soft()]);
        set.put_text(tags::SOP_INSTANCE_UID, VR::UI, &format!("1.2.826.0.1.3680043.9.1.{n}"));
        let again =
            bench.clean(stored(set.clone(), pixels.clone()), &[]).clean_pixels(&policy, Review::Pending);
        let (object, inspection) = out(&bench, again);
        let is_read = inspection.extent.code() == "read";
        read += u32::from(is_read);
        assert_eq!(codes(&object).contains(&"113101"), is_read);
        let methods: Vec<&str> = object.dataset.texts(tags::DEIDENTIFICATION_METHOD).collect();
        assert_eq!(methods.contains(&"Clean Pixel Data"), is_read);
        let twice =
            bench.clean(stored(set.clone(), pixels.clone()), &[]).clean_pixels(&policy, Review::Pending);
        assert_eq!(out(&bench, twice).1, inspection, "the choice is the same each time");
        set.put_text(tags::BURNED_IN_ANNOTATION, VR::CS, "YES");
        let doubtful = bench.clean(stored(set, pixels), &[]).clean_pixels(&policy, Review::Pending);
        assert_eq!(reasons(doubtful), ["pixels-declared-not-found"], "what is suspicious is never left out");
    }
    assert!((4..17).contains(&read), "{read} of 30");
}

#[test]
fn what_has_no_pixels_passes_once_the_rest_of_it_is_cleaned() {
    let plan = "1.2.840.10008.5.1.4.1.1.481.5";
    let report = "1.2.840.10008.5.1.4.1.1.88.11";
    let pdf = "1.2.840.10008.5.1.4.1.1.104.1";
    let judged = |class: &str, bench: &Bench| {
        let mut set = ct();
        set.put_text(tags::SOP_CLASS_UID, VR::UI, class);
        let meta = FileMeta {
            transfer_syntax: transfer_syntax::EXPLICIT_VR_LITTLE_ENDIAN.to_owned(),
            ..FileMeta::default()
        };
        let mut bytes = Vec::new();
        Object::new(meta, set).write(&mut bytes).unwrap();
        judge(bench, bytes, Review::Pending)
    };
    let bench = bench();
    let (object, inspection) = out(&bench, judged(plan, &bench));
    assert_eq!(inspection.extent.code(), "no-pixels");
    assert!(!codes(&object).contains(&"113101"), "there was nothing to clean");
    assert!(reasons(judged(report, &bench)).contains(&"pixels-class-not-listed"));
    assert_eq!(reasons(judged(pdf, &bench)), ["encapsulated-document"]);
    assert!(reasons(judged(plan, &Bench::new())).contains(&"pixels-class-not-listed"));
}

#[test]
fn doses_are_values_and_no_picture() {
    let (bench, (mut set, pixels)) = (bench(), image(&[soft()]));
    set.put_text(tags::SOP_CLASS_UID, VR::UI, "1.2.840.10008.5.1.4.1.1.481.2");
    let (object, inspection) = out(&bench, judge(&bench, stored(set, pixels), Review::Pending));
    assert_eq!(inspection.extent.code(), "values");
    assert!(!codes(&object).contains(&"113101"));
}

#[test]
fn a_reviewer_sees_the_frame_in_its_window() {
    let (mut set, pixels) = image(&[soft(), written(soft(), TEXT)]);
    set.put_text(tags::WINDOW_CENTER, VR::DS, "500");
    set.put_text(tags::WINDOW_WIDTH, VR::DS, "100");
    let mut opened = Instance::open(Box::new(Cursor::new(stored(set, pixels))), &Limits::default()).unwrap();
    assert_eq!(opened.frames(), 2);
    let picture = opened.picture(1).unwrap();
    assert_eq!((picture.width, picture.height), (WIDTH as u32, HEIGHT as u32));
    assert_eq!(picture.rgb.len(), WIDTH * HEIGHT * 3);
    for (n, cell) in written(soft(), TEXT).into_iter().enumerate() {
        let shown = picture.rgb[n * 3];
        assert!((cell > 450 || shown == 0) && (cell < 550 || shown == 255), "{cell} {shown}");
    }
    assert_eq!(opened.picture(2), Err(PixelReason::NoPixelData));
}
