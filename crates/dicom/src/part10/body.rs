//! The body: pixel data read and copied straight from the source, in large pieces, swapped where it was big endian.

use super::encoding::{item_header, swap_words};
use super::error::WriteError;
use super::input::read_full;
use super::{Layout, Object, Pixels, Source, Span};
use std::cell::RefCell;
use std::io::{self, Read, Seek, SeekFrom, Write};

/// A multiple of every word size; large enough that system calls do not show.
const COPY_BYTES: usize = 256 << 10;

/// Reads the value of the pixel data element: native samples in little endian, or the items of an
/// encapsulated stream without their closing delimiter.
pub struct PixelReader<'a> {
    source: &'a mut dyn Source,
    left: u64,
    word: u8,
    /// Whole words already swapped, where byte order differs.
    ready: Vec<u8>,
    taken: usize,
}

impl Object {
    /// A reader over the pixel data's value; `None` where there is none.
    pub fn pixel_reader(&mut self) -> io::Result<Option<PixelReader<'_>>> {
        let Some(pixels) = &self.pixels else { return Ok(None) };
        let span = pixels.value();
        self.body.seek(SeekFrom::Start(span.offset))?;
        let word = pixels.swap_bytes;
        Ok(Some(PixelReader { source: &mut *self.body, left: span.len, word, ready: Vec::new(), taken: 0 }))
    }

    /// Reads a part of native pixel data, in little endian: so many bytes from this byte of the value on.
    pub fn read_native(&mut self, from: u64, len: usize) -> io::Result<Vec<u8>> {
        let Some((pixels, Layout::Native { len: whole })) =
            self.pixels.as_ref().map(|pixels| (pixels, &pixels.layout))
        else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        let end = from.checked_add(len as u64).filter(|end| end <= whole);
        let end = end.ok_or(io::ErrorKind::UnexpectedEof)?;
        // Whole words are swapped, wherever the part begins.
        let word = u64::from(pixels.swap_bytes);
        let (first, last) = (from - from % word, end.next_multiple_of(word).min(*whole));
        let swap = pixels.swap_bytes;
        let span = Span { offset: pixels.start + first, len: last - first };
        let mut bytes = self.read_span(span)?;
        swap_words(&mut bytes, swap);
        bytes.truncate(usize::try_from(end - first).unwrap_or(usize::MAX));
        bytes.drain(..usize::try_from(from - first).unwrap_or(0));
        Ok(bytes)
    }

    /// Reads a run of the source, such as one fragment of encapsulated pixel data.
    pub fn read_span(&mut self, span: Span) -> io::Result<Vec<u8>> {
        self.body.seek(SeekFrom::Start(span.offset))?;
        let mut bytes = Vec::new();
        (&mut *self.body).take(span.len).read_to_end(&mut bytes)?;
        if bytes.len() as u64 == span.len { Ok(bytes) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

impl Pixels {
    /// The value in the source: for encapsulated pixel data, from the first item to the end of the last.
    fn value(&self) -> Span {
        match &self.layout {
            Layout::Native { len } => Span { offset: self.start, len: *len },
            Layout::Encapsulated { offset_table, fragments } => {
                let last = fragments.last().unwrap_or(offset_table);
                let end = (last.offset + last.len).max(self.start);
                Span { offset: self.start, len: end - self.start }
            }
        }
    }
}

impl Read for PixelReader<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.word <= 1 {
            let wanted = out.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
            let got = self.source.read(&mut out[..wanted])?;
            if got == 0 && wanted > 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.left -= got as u64;
            return Ok(got);
        }
        if self.taken == self.ready.len() {
            let wanted = usize::try_from(self.left).unwrap_or(usize::MAX).min(COPY_BYTES);
            self.ready.resize(wanted, 0);
            self.source.read_exact(&mut self.ready)?;
            swap_words(&mut self.ready, self.word);
            self.left -= wanted as u64;
            self.taken = 0;
        }
        let count = out.len().min(self.ready.len() - self.taken);
        out[..count].copy_from_slice(&self.ready[self.taken..self.taken + count]);
        self.taken += count;
        Ok(count)
    }
}

/// Copies a run of the source.
fn copy(
    source: &mut dyn Source,
    span: Span,
    pixels: &Pixels,
    buffer: &mut [u8],
    out: &mut dyn Write,
) -> Result<(), WriteError> {
    source.seek(SeekFrom::Start(span.offset)).map_err(WriteError::Source)?;
    let mut left = span.len;
    while left > 0 {
        let count = usize::try_from(left).unwrap_or(usize::MAX).min(COPY_BYTES);
        let piece = &mut buffer[..count];
        if read_full(source, piece).map_err(WriteError::Source)? < count {
            return Err(WriteError::BodyTruncated);
        }
        swap_words(piece, pixels.swap_bytes);
        blank(piece, span.offset + (span.len - left), &pixels.blank);
        out.write_all(piece)?;
        left -= count as u64;
    }
    Ok(())
}

/// Overwrites with blanks what these spans cover of a piece that begins at `offset`.
fn blank(piece: &mut [u8], offset: u64, spans: &[Span]) {
    let end = offset + piece.len() as u64;
    let first = spans.partition_point(|span| span.offset + span.len <= offset);
    for span in spans[first..].iter().take_while(|span| span.offset < end) {
        let within = |place: u64| usize::try_from(place.clamp(offset, end) - offset).unwrap_or(usize::MAX);
        piece[within(span.offset)..within(span.offset + span.len)].fill(b' ');
    }
}

/// Copies the value of the pixel data element, padded to even length; returns the bytes written.
pub(super) fn copy_value(
    pixels: &Pixels,
    source: &mut dyn Source,
    out: &mut dyn Write,
) -> Result<u64, WriteError> {
    thread_local! {
        /// Objects come one after the other.
        static PIECE: RefCell<Vec<u8>> = RefCell::new(vec![0; COPY_BYTES]);
    }
    PIECE.with_borrow_mut(|piece| copy_by_the_piece(pixels, source, piece, out))
}

fn copy_by_the_piece(
    pixels: &Pixels,
    source: &mut dyn Source,
    piece: &mut [u8],
    out: &mut dyn Write,
) -> Result<u64, WriteError> {
    let Layout::Encapsulated { offset_table, fragments } = &pixels.layout else {
        let span = pixels.value();
        copy(source, span, pixels, piece, out)?;
        return Ok(span.len + pad(span.len, out)?);
    };
    let delimiter = [0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0];
    // Where the source has no items but only what is in them, no table stands before them.
    let has_items = offset_table.offset > 0;
    if has_items && !needs_realignment(pixels) {
        let span = pixels.value();
        copy(source, span, pixels, piece, out)?;
        out.write_all(&delimiter)?;
        return Ok(span.len + 8);
    }
    // Fragments must be of even length (PS3.5 §A.4). Padding moves them, so the offsets would lie: none are given.
    let mut written = 8;
    out.write_all(&item_header(0))?;
    for fragment in fragments {
        let padded = fragment.len + fragment.len % 2;
        // A fragment's length was read from 32 bits, and the largest of them is even but for the undefined length.
        out.write_all(&item_header(u32::try_from(padded).unwrap_or(u32::MAX - 1)))?;
        copy(source, *fragment, pixels, piece, out)?;
        pad(fragment.len, out)?;
        written += 8 + padded;
    }
    out.write_all(&delimiter)?;
    Ok(written + 8)
}

/// Whether fragments must be padded, so that offset tables no longer hold.
pub(super) fn needs_realignment(pixels: &Pixels) -> bool {
    match &pixels.layout {
        Layout::Native { .. } => false,
        Layout::Encapsulated { offset_table, fragments } => {
            offset_table.len % 2 == 1 || fragments.iter().any(|fragment| fragment.len % 2 == 1)
        }
    }
}

fn pad(len: u64, out: &mut dyn Write) -> io::Result<u64> {
    if len % 2 == 1 {
        out.write_all(&[0])?;
    }
    Ok(len % 2)
}
