//! Pictures that are lossy JPEG and stay it: text is blanked in their own blocks (PS3.15 E.3.1; ISO/IEC 10918-1).
#![expect(clippy::cast_possible_truncation, reason = "sizes and samples of a small picture")]

use super::pixels::{
    HEIGHT, TEXT, WIDTH, bench, codes, image, out, run_length_coded, soft, strokes, written,
};
use super::*;
use crate::pixels::Review;
use crate::profile::{LossyJpeg, PixelSettings};
use dicom::part10::Layout;
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

/// A picture in 8 bits, as JPEG.
fn coded(cells: &[u16], colors: ColorType) -> Vec<u8> {
    let samples = if matches!(colors, ColorType::Luma) { 1 } else { 3 };
    let tinted = |cell: u16| (0..samples).map(move |n| (cell / 4 / (n + 1)) as u8);
    let bytes: Vec<u8> = cells.iter().copied().flat_map(tinted).collect();
    let mut stream = Vec::new();
    let mut encoder = Encoder::new(&mut stream, 92);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    encoder.encode(&bytes, WIDTH as u16, HEIGHT as u16, colors).unwrap();
    stream
}

/// A CT of these frames.
fn file(frames: &[Vec<u8>], colors: ColorType) -> Vec<u8> {
    let (mut set, _) = image(&vec![Vec::new(); frames.len()]);
    for (tag, value) in [(tags::BITS_ALLOCATED, 8_u16), (tags::BITS_STORED, 8), (tags::HIGH_BIT, 7)] {
        set.put(Element::bytes_of(tag, VR::US, value.to_le_bytes()));
    }
    if !matches!(colors, ColorType::Luma) {
        set.put(Element::bytes_of(tags::SAMPLES_PER_PIXEL, VR::US, 3_u16.to_le_bytes()));
        set.put(Element::bytes_of(tags::PLANAR_CONFIGURATION, VR::US, [0, 0]));
        set.put_text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "YBR_FULL_422");
    }
    let meta = FileMeta { transfer_syntax: transfer_syntax::JPEG_BASELINE.to_owned(), ..FileMeta::default() };
    let frames: Vec<Vec<u8>> = frames.iter().cloned().map(even).collect();
    let mut bytes = Vec::new();
    let frames: Vec<&[u8]> = frames.iter().map(Vec::as_slice).collect();
    Object::new(meta, set).with_encapsulated_pixels(&frames).write(&mut bytes).unwrap();
    bytes
}

fn even(mut frame: Vec<u8>) -> Vec<u8> {
    frame.resize(frame.len().next_multiple_of(2), 0);
    frame
}

fn cleaned(file: Vec<u8>, lossy_jpeg: LossyJpeg) -> (Object, Inspection) {
    let bench = bench();
    let settings = PixelSettings { lossy_jpeg, ..PixelSettings::default() };
    let policy = PixelPolicy::new(ForProcessing::Reject).with(&settings);
    let verdict = bench.clean(file, &[]).clean_pixels(&policy, Review::Pending);
    out(&bench, verdict)
}

/// The frames of an object that is JPEG, each decoded.
fn decoded(object: &mut Object) -> Vec<Vec<u8>> {
    let Layout::Encapsulated { fragments, .. } = object.pixels.clone().unwrap().layout else {
        panic!("it is native")
    };
    let streams = fragments.iter().map(|span| object.read_span(*span).unwrap());
    streams.map(|stream| jpeg_decoder::Decoder::new(stream.as_slice()).decode().unwrap()).collect()
}

#[test]
fn lossy_jpeg_stays_jpeg_without_its_text_and_keeps_what_is_beside_it() {
    for colors in [ColorType::Luma, ColorType::Rgb] {
        let samples = if matches!(colors, ColorType::Luma) { 1 } else { 3 };
        let streams = [coded(&soft(), colors), coded(&written(soft(), TEXT), colors)];
        let before = streams.each_ref().map(|s| jpeg_decoder::Decoder::new(s.as_slice()).decode().unwrap());
        let (mut object, inspection) = cleaned(file(&streams, colors), LossyJpeg::Keep);
        assert_eq!(object.meta.transfer_syntax, transfer_syntax::JPEG_BASELINE);
        assert!(
            inspection.is_rewritten
                && inspection.extent.code() == "read"
                && codes(&object).contains(&"113101")
        );
        let after = decoded(&mut object);
        assert_eq!(after[0], before[0], "a frame without text");
        for (x, y) in strokes(TEXT, 10, 12) {
            assert!(after[1][(y * WIDTH + x) * samples] < 24, "a stroke is left at {x}, {y}");
        }
        // Beyond the units that a box touches, and where colours are smoothed, each sample stays.
        let reach = 18;
        let is_near = |n: usize| {
            let (x, y) = ((n / samples % WIDTH) as u32, (n / samples / WIDTH) as u32);
            inspection.regions.iter().any(|r| {
                (r.left.saturating_sub(reach)..r.left + r.width + reach).contains(&x)
                    && (r.top.saturating_sub(reach)..r.top + r.height + reach).contains(&y)
            })
        };
        let far: Vec<usize> = (0..before[1].len()).filter(|n| !is_near(*n)).collect();
        assert!(far.len() > before[1].len() / 2);
        assert!(far.into_iter().all(|n| after[1][n] == before[1][n]));
        // Clean as it is, it goes out as it came.
        let mut again = Vec::new();
        object.write(&mut again).unwrap();
        let (mut object, inspection) = cleaned(again, LossyJpeg::Keep);
        assert!(!inspection.is_rewritten);
        assert_eq!(decoded(&mut object), after);
    }
}

/// Nothing is blanked in them, and still only what is decoded goes out: what one program shows of them another may not.
#[test]
fn a_stream_that_holds_more_than_it_shows_goes_out_decoded() {
    let plain = coded(&soft(), ColorType::Luma);
    let (object, inspection) = cleaned(file(std::slice::from_ref(&plain), ColorType::Luma), LossyJpeg::Keep);
    assert_eq!(object.meta.transfer_syntax, transfer_syntax::JPEG_BASELINE);
    assert!(!inspection.is_rewritten);
    let place = |stream: &[u8], marker: [u8; 2]| stream.windows(2).position(|two| two == marker).unwrap();
    let text = coded(&written(soft(), TEXT), ColorType::Luma);
    let twice = [&plain[..plain.len() - 2], &text[place(&text, [0xFF, 0xDA])..]].concat();
    // The text stands below the last row that is shown.
    let shown = HEIGHT - 7;
    let mut below = soft();
    let visible = |(_, y): &(usize, usize)| *y < HEIGHT;
    strokes("SENTINEL", 10, shown + 1)
        .into_iter()
        .filter(visible)
        .for_each(|(x, y)| below[y * WIDTH + x] = 1000);
    let mut cut_off = coded(&below, ColorType::Luma);
    let rows = place(&cut_off, [0xFF, 0xC0]) + 5;
    cut_off[rows..rows + 2].copy_from_slice(&(shown as u16).to_be_bytes());
    for (stream, rows) in [(twice, HEIGHT), (cut_off, shown)] {
        let mut object = part10::open(
            Box::new(Cursor::new(file(std::slice::from_ref(&stream), ColorType::Luma))),
            &Limits::default(),
        )
        .unwrap();
        object.dataset.put(Element::bytes_of(tags::ROWS, VR::US, (rows as u16).to_le_bytes()));
        // Encapsulated Pixel Data Value Total Length (7FE0,0003).
        let total = Tag(0x7FE0, 0x0003);
        object.dataset.put(Element::bytes_of(total, VR::UV, 4711_u64.to_le_bytes()));
        let mut bytes = Vec::new();
        object.write(&mut bytes).unwrap();
        let (object, inspection) = cleaned(bytes, LossyJpeg::Keep);
        assert_eq!(object.meta.transfer_syntax, transfer_syntax::EXPLICIT_VR_LITTLE_ENDIAN);
        assert!(inspection.is_rewritten && inspection.regions.is_empty());
        assert!(!object.dataset.contains(total));
    }
}

#[test]
fn lossy_jpeg_is_decoded_unless_the_project_says_otherwise() {
    let file = file(&[coded(&written(soft(), TEXT), ColorType::Luma)], ColorType::Luma);
    let (object, inspection) = cleaned(file, LossyJpeg::default());
    assert_eq!(object.meta.transfer_syntax, transfer_syntax::EXPLICIT_VR_LITTLE_ENDIAN);
    assert_eq!(object.dataset.text(tags::LOSSY_IMAGE_COMPRESSION), Some("01"));
    assert!(inspection.is_rewritten);
}

#[test]
fn what_is_not_lossy_jpeg_is_decoded_in_any_case() {
    let (object, inspection) = cleaned(run_length_coded(&[written(soft(), TEXT)]), LossyJpeg::Keep);
    assert_eq!(object.meta.transfer_syntax, transfer_syntax::EXPLICIT_VR_LITTLE_ENDIAN);
    assert!(inspection.is_rewritten);
}
