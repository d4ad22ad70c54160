//! JPEG 2000, reversible and not (ISO/IEC 15444-1; PS3.5 §A.4.4).

use super::{Decoded, Samples};
use crate::pixels::shape::{Shape, low_bits};
use hayro_jpeg2000::{DecodeSettings, DecoderContext, Image};

/// Start of codestream, and the Image and Tile Size segment behind it (A.4.1, A.5.1).
const CODESTREAM: [u8; 4] = [0xFF, 0x4F, 0xFF, 0x51];
/// Where the Image and Tile Size segment says how many components there are; each has three bytes behind it (A.5.1).
const COMPONENTS_AT: usize = 40;

/// Decodes a frame.
#[expect(
    clippy::cast_possible_truncation,
    reason = "rounded samples of 16 bits at most; conversion saturates"
)]
pub(super) fn decode(stream: &[u8], shape: &Shape) -> Option<Decoded> {
    // Some writers leave the codestream in its file format, which says nothing that the header does not (PS3.5 §A.4.4).
    let begin = stream.windows(CODESTREAM.len()).position(|bytes| bytes == CODESTREAM)?;
    let stream = &stream[begin..];
    let (precision, is_signed) = size(stream, shape)?;
    let settings = DecodeSettings { resolve_palette_indices: false, strict: true, target_resolution: None };
    let image = Image::new(stream, &settings).ok()?;
    let mut context = DecoderContext::default();
    let decoded = image.decode(&mut context).ok()?;
    let pixels = shape.width * shape.height;
    let planes: Vec<&[f32]> = decoded.components().iter().map(|component| component.samples()).collect();
    if planes.len() != shape.samples || planes.iter().any(|plane| plane.len() != pixels) {
        return None;
    }
    // The decoder raises all samples by half their range, signed ones too, and leaves it to us to keep them within it.
    let raised = if is_signed { 1_i32 << (precision - 1) } else { 0 };
    let highest = i32::try_from(low_bits(precision)).ok()?;
    let sample = |value: f32| ((value.round() as i32).clamp(0, highest) - raised) & highest;
    let samples = (0..pixels).flat_map(|pixel| planes.iter().map(move |plane| sample(plane[pixel]) as u16));
    let samples = Samples::Words(samples.collect());
    let (width, height, components) = (shape.width, shape.height, shape.samples);
    Some(Decoded { width, height, components, precision, samples, to_rgb: false })
}

/// Bits of a sample, and whether it is signed, if the stream is as large as the header says and all components are alike.
fn size(stream: &[u8], shape: &Shape) -> Option<(u32, bool)> {
    let number = |at: usize| {
        let bytes: [u8; 4] = stream.get(at..at + 4)?.try_into().ok()?;
        usize::try_from(u32::from_be_bytes(bytes)).ok()
    };
    let (right, bottom, left, top) = (number(8)?, number(12)?, number(16)?, number(20)?);
    let agrees = right.checked_sub(left)? == shape.width && bottom.checked_sub(top)? == shape.height;
    let components = stream.get(COMPONENTS_AT..COMPONENTS_AT + 2)?;
    let count = usize::from(u16::from_be_bytes([components[0], components[1]]));
    let mut kinds = stream.get(COMPONENTS_AT + 2..COMPONENTS_AT + 2 + count * 3)?.chunks_exact(3);
    let first = kinds.next()?;
    let alike = first[1..] == [1, 1] && kinds.all(|kind| kind == first);
    let precision = u32::from(first[0] & 0x7F) + 1;
    let fits = agrees && alike && count == shape.samples;
    (fits && precision <= 16).then_some((precision, first[0] & 0x80 != 0))
}
