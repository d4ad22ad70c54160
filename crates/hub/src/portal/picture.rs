//! The picture of one frame, decoded in memory and sent as PNG.

use dicom::part10::{Layout, Object};
use dicom::tag::{Tag, tags};
use std::io::Read;

/// Pixels of a picture at most: a radiograph has some 15 million.
const PIXELS_MAX: u64 = 100_000_000;

/// Why there is no picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoPicture {
    /// The object has no such frame.
    NoFrame,
    /// Its pixels cannot be decoded.
    NotDecoded,
}

/// A picture: three bytes for each pixel.
#[derive(Debug)]
pub(super) struct Picture {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) rgb: Vec<u8>,
}

/// How many frames an object has (PS3.3 C.7.6.6); 0 where it has no pixels.
pub(super) fn frames(object: &Object) -> u32 {
    if object.pixels.is_none() {
        return 0;
    }
    let stated = object.dataset.integer(tags::NUMBER_OF_FRAMES).unwrap_or(1);
    u32::try_from(stated).unwrap_or(1).max(1)
}

/// One frame, counted from 1.
pub(super) fn picture(object: &mut Object, frame: u32) -> Result<Picture, NoPicture> {
    if frame == 0 || frame > frames(object) {
        return Err(NoPicture::NoFrame);
    }
    native(object, frame - 1).ok_or(NoPicture::NotDecoded)
}

/// A native frame of 8 or 16 bits, grey or RGB.
fn native(object: &mut Object, frame: u32) -> Option<Picture> {
    if !matches!(object.pixels.as_ref()?.layout, Layout::Native { .. }) {
        return None;
    }
    let number = |tag: Tag| object.dataset.integer(tag).and_then(|n| u64::try_from(n).ok());
    let (rows, columns) = (number(tags::ROWS)?, number(tags::COLUMNS)?);
    let (samples, bits) = (number(tags::SAMPLES_PER_PIXEL).unwrap_or(1), number(tags::BITS_ALLOCATED)?);
    let is_signed = number(tags::PIXEL_REPRESENTATION) == Some(1);
    let interpretation = object.dataset.text(tags::PHOTOMETRIC_INTERPRETATION).unwrap_or_default().to_owned();
    let pixels = rows.checked_mul(columns).filter(|n| (1..=PIXELS_MAX).contains(n))?;
    if !matches!((samples, bits), (1 | 3, 8) | (1, 16)) {
        return None;
    }
    let bytes = pixels * samples * bits / 8;
    let mut reader = object.pixel_reader().ok()??;
    std::io::copy(&mut (&mut reader).take(bytes * u64::from(frame)), &mut std::io::sink()).ok()?;
    let mut raw = vec![0; usize::try_from(bytes).ok()?];
    reader.read_exact(&mut raw).ok()?;
    let (width, height) = (u32::try_from(columns).ok()?, u32::try_from(rows).ok()?);
    if samples == 3 {
        return Some(Picture { width, height, rgb: raw });
    }
    let values: Vec<i32> = match (bits, is_signed) {
        (8, _) => raw.into_iter().map(i32::from).collect(),
        (_, false) => raw.chunks_exact(2).map(|b| i32::from(u16::from_le_bytes([b[0], b[1]]))).collect(),
        (_, true) => raw.chunks_exact(2).map(|b| i32::from(i16::from_le_bytes([b[0], b[1]]))).collect(),
    };
    Some(Picture { width, height, rgb: grey(&values, interpretation == "MONOCHROME1") })
}

/// The whole range of values, from black to white: nothing that was burned in lies outside it.
fn grey(values: &[i32], is_inverse: bool) -> Vec<u8> {
    let low = values.iter().copied().min().unwrap_or(0);
    let range = (values.iter().copied().max().unwrap_or(0) - low).max(1);
    let level = |value: i32| {
        let level = u8::try_from((value - low) * 255 / range).unwrap_or(u8::MAX);
        if is_inverse { 255 - level } else { level }
    };
    values.iter().flat_map(|value| [level(*value); 3]).collect()
}

/// As PNG.
pub(super) fn as_png(picture: &Picture) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, picture.width, picture.height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header().ok()?;
    writer.write_image_data(&picture.rgb).ok()?;
    writer.finish().ok()?;
    Some(bytes)
}
