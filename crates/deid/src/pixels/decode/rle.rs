//! RLE Lossless: one run-length coded plane for each byte of each sample, highest byte first (PS3.5 Annex G).

use super::{Decoded, Samples};
use crate::pixels::shape::Shape;

/// The header: the number of segments and where each begins.
const HEADER_BYTES: usize = 64;

/// Decodes a frame.
pub(super) fn decode(stream: &[u8], shape: &Shape) -> Option<Decoded> {
    let number = |at: usize| {
        let bytes = stream.get(at * 4..at * 4 + 4)?;
        usize::try_from(u32::from_le_bytes(bytes.try_into().ok()?)).ok()
    };
    let width = usize::try_from(shape.allocated / 8).ok()?;
    let (count, pixels) = (number(0)?, shape.width * shape.height);
    if count != shape.samples * width || count > 15 {
        return None;
    }
    let mut bytes = vec![0; pixels * count];
    for segment in 0..count {
        let begin = number(segment + 1).filter(|begin| *begin >= HEADER_BYTES)?;
        let end = if segment + 1 < count { number(segment + 2)? } else { stream.len() };
        // Highest byte first; cells are little endian.
        let place = segment / width * width + (width - 1 - segment % width);
        plane(stream.get(begin..end)?, &mut bytes, place, count, pixels)?;
    }
    let samples = Samples::Cells(bytes);
    let (width, height, components) = (shape.width, shape.height, shape.samples);
    Some(Decoded { width, height, components, precision: shape.allocated, samples, to_rgb: false })
}

/// Decodes one segment into every `step`th byte from `place` on (PS3.5 §G.3.2).
fn plane(segment: &[u8], out: &mut [u8], place: usize, step: usize, pixels: usize) -> Option<()> {
    let mut places = out.iter_mut().skip(place).step_by(step);
    let (mut at, mut left) = (0, pixels);
    while left > 0 {
        let code = *segment.get(at)?;
        at += 1;
        match code {
            0..=127 => {
                let literal = segment.get(at..at + usize::from(code) + 1)?;
                at += literal.len();
                left = left.checked_sub(literal.len())?;
                literal.iter().zip(&mut places).for_each(|(byte, cell)| *cell = *byte);
            }
            128 => {}
            _ => {
                let (byte, count) = (*segment.get(at)?, 257 - usize::from(code));
                at += 1;
                left = left.checked_sub(count)?;
                places.by_ref().take(count).for_each(|cell| *cell = byte);
            }
        }
    }
    Some(())
}
