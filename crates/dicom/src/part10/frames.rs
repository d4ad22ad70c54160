//! Accounting for every byte of the pixel data element: what belongs to no frame may be anything, a name as well.
//!
//! Frames are followed, not decoded: a native value is as long as the Image Pixel Module says (PS3.3 §C.7.6.3), a
//! compressed one is walked from marker to marker (PS3.5 §A.4, Annex G). Pixel data is read in pieces, never loaded.

mod jpeg;
mod jpeg2000;
mod rle;
mod stream;

use super::error::PixelError;
use super::{Layout, Object, Source, Span};
use crate::dataset::Dataset;
use crate::tag::{Tag, tags};
use crate::uid::transfer_syntax as ts;
use std::io::{Read, SeekFrom};
use std::ops::Range;
use stream::Stream;

/// Extended Offset Table (PS3.3 §C.7.6.3.1.8).
pub(super) const EXTENDED_OFFSETS: Tag = Tag(0x7FE0, 0x0001);
/// Extended Offset Table Lengths.
pub(super) const EXTENDED_LENGTHS: Tag = Tag(0x7FE0, 0x0002);
/// Encapsulated Pixel Data Value Total Length (7FE0,0003).
pub(super) const TOTAL_LENGTH: Tag = Tag(0x7FE0, 0x0003);

type Result<T> = std::result::Result<T, PixelError>;

impl Object {
    /// Follows the pixel data from its first byte to its last. Comments of encoders that do no more than name their
    /// maker stay; other comments are written as blanks of the same length from now on, which no decoder notices.
    ///
    /// Tells which fragments make up each compressed frame; nothing where pixel data is native or there is none.
    pub fn account_for_pixels(&mut self) -> Result<Vec<Range<usize>>> {
        let Some(pixels) = &mut self.pixels else { return Ok(Vec::new()) };
        let source = &mut *self.body;
        match &pixels.layout {
            Layout::Native { len } => {
                if [EXTENDED_OFFSETS, EXTENDED_LENGTHS]
                    .iter()
                    .any(|tag| !value(&self.dataset, *tag).is_empty())
                {
                    return Err(PixelError::Surplus { at: pixels.at });
                }
                native(&self.dataset, source, Span { offset: pixels.start, len: *len })?;
                Ok(Vec::new())
            }
            Layout::Encapsulated { offset_table, fragments } => {
                let is_rle = self.meta.transfer_syntax == ts::RLE_LOSSLESS;
                let frames = follow(&self.dataset, is_rle, Stream::new(source, fragments))?;
                basic_offsets(source, *offset_table, &frames.spans)?;
                extended_offsets(&self.dataset, &frames.spans, pixels.at)?;
                pixels.blank = frames.comments;
                Ok(frames.spans.into_iter().map(|frame| frame.fragments).collect())
            }
        }
    }
}

/// Bytes of native pixel data, by the Image Pixel Module (PS3.3 §C.7.6.3).
pub(super) fn native_len(dataset: &Dataset) -> Option<u64> {
    let number = |tag, default| match dataset.integer(tag) {
        Some(value) => u64::try_from(value).ok(),
        None => default,
    };
    let cells = number(tags::ROWS, None)?
        .checked_mul(number(tags::COLUMNS, None)?)?
        .checked_mul(number(tags::NUMBER_OF_FRAMES, Some(1))?)?;
    let samples = number(tags::SAMPLES_PER_PIXEL, Some(1))?;
    // Chrominance that is shared by two or four pixels (PS3.3 §C.7.6.3.1.2).
    let (samples, shared) = match dataset.text(tags::PHOTOMETRIC_INTERPRETATION) {
        Some("YBR_FULL_422" | "YBR_PARTIAL_422") if samples == 3 => (2, 1),
        Some("YBR_PARTIAL_420") if samples == 3 => (3, 2),
        _ => (samples, 1),
    };
    let bits = cells.checked_mul(samples)?.checked_mul(number(tags::BITS_ALLOCATED, None)?)?;
    Some(bits.div_ceil(8 * shared))
}

/// A native value is as long as the header says, but for the byte that makes it even (PS3.5 §8.1.1); zeros behind it say
/// nothing.
fn native(dataset: &Dataset, source: &mut dyn Source, value: Span) -> Result<()> {
    let expected = native_len(dataset).ok_or(PixelError::Length)?;
    if value.len < expected {
        return Err(PixelError::Length);
    }
    let behind = expected.next_multiple_of(2);
    if value.len > behind && !only_zeros(source, value.offset + behind, value.len - behind)? {
        return Err(PixelError::Surplus { at: value.offset + behind });
    }
    Ok(())
}

fn only_zeros(source: &mut dyn Source, offset: u64, len: u64) -> Result<bool> {
    source.seek(SeekFrom::Start(offset))?;
    let mut rest = source.take(len);
    let mut piece = [0u8; 4096];
    loop {
        let got = rest.read(&mut piece)?;
        if got == 0 || piece[..got].iter().any(|&byte| byte != 0) {
            return Ok(got == 0);
        }
    }
}

/// What was found on the way through the fragments.
#[derive(Default)]
struct Frames {
    /// Each frame, from its first fragment's value to the end of its last.
    spans: Vec<FrameSpan>,
    /// Comments that must not go out.
    comments: Vec<Span>,
}

struct FrameSpan {
    /// From the first fragment's item to that of this frame's first fragment, as offset tables count.
    offset: u64,
    /// The bytes of its fragments.
    len: u64,
    /// Their numbers.
    fragments: Range<usize>,
}

fn follow(dataset: &Dataset, is_rle: bool, mut stream: Stream<'_>) -> Result<Frames> {
    let declared = match dataset.integer(tags::NUMBER_OF_FRAMES) {
        Some(number) => usize::try_from(number).map_err(|_| PixelError::Length)?,
        None => 1,
    };
    let mut frames = Frames::default();
    while stream.begins_frame() {
        let at = stream.place();
        if frames.spans.len() == declared {
            return Err(PixelError::Surplus { at });
        }
        let (offset, first) = (stream.table_offset(), stream.fragment());
        if is_rle {
            rle::follow(&mut stream, dataset)?;
        } else {
            match stream.peek_marker()? {
                jpeg::SOI => jpeg::follow(&mut stream, &mut frames.comments)?,
                jpeg2000::SOC => jpeg2000::follow(&mut stream, &mut frames.comments)?,
                _ => return Err(PixelError::Stream { at }),
            }
        }
        stream.end_frame()?;
        let fragments = first..stream.fragment();
        frames.spans.push(FrameSpan { offset, len: stream.bytes_since(first), fragments });
    }
    if frames.spans.len() == declared { Ok(frames) } else { Err(PixelError::Length) }
}

/// The Basic Offset Table is empty, or names where each frame begins (PS3.5 §A.4).
fn basic_offsets(source: &mut dyn Source, table: Span, frames: &[FrameSpan]) -> Result<()> {
    let surplus = PixelError::Surplus { at: table.offset };
    if table.len == 0 {
        return Ok(());
    }
    if table.len != frames.len() as u64 * 4 {
        return Err(surplus);
    }
    source.seek(SeekFrom::Start(table.offset))?;
    let mut bytes = Vec::new();
    source.take(table.len).read_to_end(&mut bytes)?;
    let agree = bytes.chunks_exact(4).zip(frames).all(|(entry, frame)| {
        u64::from_le_bytes([entry[0], entry[1], entry[2], entry[3], 0, 0, 0, 0]) == frame.offset
    });
    if agree { Ok(()) } else { Err(surplus) }
}

/// The extended tables name where each frame begins and how long it is, its padding byte counted or not.
fn extended_offsets(dataset: &Dataset, frames: &[FrameSpan], at: u64) -> Result<()> {
    let says = |tag, expected: &dyn Fn(&FrameSpan, u64) -> bool| {
        let bytes = value(dataset, tag);
        let entries = bytes.chunks_exact(8).filter_map(|entry| entry.try_into().ok().map(u64::from_le_bytes));
        bytes.is_empty()
            || (bytes.len() == frames.len() * 8
                && entries.zip(frames).all(|(entry, frame)| expected(frame, entry)))
    };
    let agree = says(EXTENDED_OFFSETS, &|frame, entry| entry == frame.offset)
        && says(EXTENDED_LENGTHS, &|frame, entry| entry == frame.len || entry + 1 == frame.len);
    if agree { Ok(()) } else { Err(PixelError::Surplus { at }) }
}

fn value(dataset: &Dataset, tag: Tag) -> &[u8] {
    dataset.get(tag).map_or(&[], |element| element.bytes())
}
