//! An RLE frame: a header of offsets, then segments of runs, each as long as the frame has pixels (PS3.5 Annex G).

use super::Result;
use super::stream::Stream;
use crate::dataset::Dataset;
use crate::part10::error::PixelError;
use crate::tag::tags;

/// The header: sixteen numbers (PS3.5 §G.5).
const HEADER_BYTES: u64 = 64;

pub(super) fn follow(stream: &mut Stream<'_>, dataset: &Dataset) -> Result<()> {
    let at = stream.place();
    let number = |tag| dataset.integer(tag).and_then(|value| u64::try_from(value).ok());
    let pixels = number(tags::ROWS).zip(number(tags::COLUMNS)).map(|(rows, columns)| rows * columns);
    let pixels = pixels.ok_or(PixelError::Length)?;
    // Each frame is one fragment (PS3.5 §A.4.2).
    let (begin, len) = (stream.passed(), stream.left());
    if len < HEADER_BYTES {
        return Err(PixelError::Stream { at });
    }
    let mut header = [0u32; 16];
    for entry in &mut header {
        *entry = stream.u32()?.swap_bytes();
    }
    let count = usize::try_from(header[0]).ok().filter(|count| (1..=15).contains(count));
    let (offsets, unused) = header[1..].split_at(count.ok_or(PixelError::Stream { at })?);
    if unused.iter().any(|&offset| offset != 0) {
        return Err(PixelError::Surplus { at });
    }
    for (segment, &offset) in offsets.iter().enumerate() {
        if begin + u64::from(offset) != stream.passed() {
            return Err(PixelError::Stream { at: stream.place() });
        }
        let end = begin + offsets.get(segment + 1).map_or(len, |&next| u64::from(next)).min(len);
        runs(stream, pixels, end)?;
    }
    Ok(())
}

/// Passes one segment's runs (PS3.5 §G.3.2), and its padding up to `end`.
fn runs(stream: &mut Stream<'_>, pixels: u64, end: u64) -> Result<()> {
    let mut decoded = 0;
    while decoded < pixels && stream.passed() < end {
        match stream.byte()? {
            literal @ 0..=127 => {
                decoded += u64::from(literal) + 1;
                stream.skip(u64::from(literal) + 1)?;
            }
            128 => {}
            repeat => {
                decoded += 257 - u64::from(repeat);
                stream.skip(1)?;
            }
        }
    }
    let at = stream.place();
    match end.checked_sub(stream.passed()) {
        Some(rest) if decoded == pixels => stream.padding(rest),
        _ => Err(PixelError::Stream { at }),
    }
}
