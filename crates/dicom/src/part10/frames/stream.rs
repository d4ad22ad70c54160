//! The fragments of encapsulated pixel data as one run of bytes, read in pieces (PS3.5 §A.4).

use super::Result;
use crate::part10::error::PixelError;
use crate::part10::{Source, Span};
use std::io::SeekFrom;

/// How much is read at once.
const PIECE_BYTES: usize = 64 << 10;
/// More comments than this are not comments.
const COMMENTS_MAX: usize = 1 << 16;

/// Names by which encoders sign their frames; a version may follow, too short for a number of a person.
const ENCODERS: [&str; 5] = [
    "Created by OpenJPEG version ",
    "Kakadu-",
    "Creator: JasPer Version ",
    "LEAD Technologies Inc. ",
    "OpenJPH Ver ",
];
const VERSION_CHARS_MAX: usize = 8;

/// Invariant: `at <= fragments[index].len`; `piece[taken..]` are the bytes of that fragment from `at` on.
pub(super) struct Stream<'a> {
    source: &'a mut dyn Source,
    fragments: &'a [Span],
    index: usize,
    at: u64,
    piece: Vec<u8>,
    taken: usize,
    passed: u64,
}

impl<'a> Stream<'a> {
    pub(super) fn new(source: &'a mut dyn Source, fragments: &'a [Span]) -> Self {
        Self { source, fragments, index: 0, at: 0, piece: Vec::new(), taken: 0, passed: 0 }
    }

    /// Whether another frame begins here; empty fragments are passed over.
    pub(super) fn begins_frame(&mut self) -> bool {
        self.settle();
        self.index < self.fragments.len()
    }

    /// Goes on to the next fragment with anything in it, if this one is used up.
    fn settle(&mut self) {
        while self.fragments.get(self.index).is_some_and(|fragment| fragment.len == self.at) {
            self.next_fragment();
        }
    }

    fn next_fragment(&mut self) {
        self.index += 1;
        self.at = 0;
        self.piece.clear();
        self.taken = 0;
    }

    /// Where in the source the next byte stands.
    pub(super) fn place(&self) -> u64 {
        match self.fragments.get(self.index).or(self.fragments.last()) {
            Some(fragment) => fragment.offset + self.at,
            None => 0,
        }
    }

    /// How many bytes have been passed, fragments' headers not counted.
    pub(super) fn passed(&self) -> u64 {
        self.passed
    }

    /// The number of the fragment that the next byte stands in.
    pub(super) fn fragment(&self) -> usize {
        self.index
    }

    /// How far this fragment's item is behind the first one's.
    pub(super) fn table_offset(&self) -> u64 {
        let offset = |index: usize| self.fragments.get(index).map_or(0, |fragment| fragment.offset);
        offset(self.index).saturating_sub(offset(0))
    }

    /// The bytes of the fragments from this one on to where the stream stands.
    pub(super) fn bytes_since(&self, first: usize) -> u64 {
        self.fragments[first..self.index.min(self.fragments.len())].iter().map(|fragment| fragment.len).sum()
    }

    /// What is left of this fragment.
    pub(super) fn left(&self) -> u64 {
        self.fragments.get(self.index).map_or(0, |fragment| fragment.len - self.at)
    }

    /// The frame has ended: the rest of its fragment is a byte of padding, or zeros.
    pub(super) fn end_frame(&mut self) -> Result<()> {
        self.padding(self.left())?;
        self.next_fragment();
        Ok(())
    }

    /// Passes bytes that hold nothing: one of any kind, or zeros.
    pub(super) fn padding(&mut self, len: u64) -> Result<()> {
        let at = self.place();
        if len <= 1 {
            return self.skip(len);
        }
        let mut left = len;
        while left > 0 {
            let piece = self.look()?;
            let count = piece.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            if piece[..count].iter().any(|&byte| byte != 0) {
                return Err(PixelError::Surplus { at });
            }
            self.take(count);
            left -= count as u64;
        }
        Ok(())
    }

    /// The bytes that lie ready, at least one; an error where the last fragment has ended.
    pub(super) fn look(&mut self) -> Result<&[u8]> {
        self.settle();
        let at = self.place();
        let Some(fragment) = self.fragments.get(self.index) else { return Err(PixelError::Stream { at }) };
        if self.taken == self.piece.len() {
            self.source.seek(SeekFrom::Start(fragment.offset + self.at))?;
            let count = usize::try_from(fragment.len - self.at).unwrap_or(usize::MAX).min(PIECE_BYTES);
            self.piece.resize(count, 0);
            self.source.read_exact(&mut self.piece)?;
            self.taken = 0;
        }
        Ok(&self.piece[self.taken..])
    }

    /// Passes bytes that [`Self::look`] gave.
    pub(super) fn take(&mut self, count: usize) {
        self.taken += count;
        self.at += count as u64;
        self.passed += count as u64;
    }

    pub(super) fn byte(&mut self) -> Result<u8> {
        let byte = self.look()?[0];
        self.take(1);
        Ok(byte)
    }

    pub(super) fn u16(&mut self) -> Result<u16> {
        Ok(u16::from_be_bytes([self.byte()?, self.byte()?]))
    }

    pub(super) fn u32(&mut self) -> Result<u32> {
        Ok(u32::from(self.u16()?) << 16 | u32::from(self.u16()?))
    }

    /// The first two bytes of a frame, which are not passed: they stand in one fragment.
    pub(super) fn peek_marker(&mut self) -> Result<u16> {
        Ok(self.look()?.first_chunk().map_or(0, |first| u16::from_be_bytes(*first)))
    }

    /// Passes bytes without reading them.
    pub(super) fn skip(&mut self, count: u64) -> Result<()> {
        let mut left = count;
        while left > 0 {
            self.settle();
            let step = left.min(self.left());
            if step == 0 {
                return Err(PixelError::Stream { at: self.place() });
            }
            match usize::try_from(step) {
                Ok(near) if near <= self.piece.len() - self.taken => self.take(near),
                _ => {
                    self.piece.clear();
                    self.taken = 0;
                    self.at += step;
                    self.passed += step;
                }
            }
            left -= step;
        }
        Ok(())
    }

    /// The next bytes; they stand in one fragment.
    pub(super) fn bytes(&mut self, count: u16) -> Result<Vec<u8>> {
        (0..count).map(|_| self.byte()).collect()
    }

    /// Passes a comment, and remembers where it stands unless it is an encoder's name.
    pub(super) fn comment(&mut self, len: u16, comments: &mut Vec<Span>) -> Result<()> {
        self.settle();
        let span = Span { offset: self.place(), len: u64::from(len) };
        if span.len > self.left() || comments.len() == COMMENTS_MAX {
            return Err(PixelError::Surplus { at: span.offset });
        }
        let text = self.bytes(len)?;
        if !names_an_encoder(&text) {
            comments.push(span);
        }
        Ok(())
    }
}

fn names_an_encoder(comment: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(comment) else { return false };
    let text = text.trim_end_matches(['\0', ' ']);
    ENCODERS.iter().filter_map(|encoder| text.strip_prefix(encoder)).any(|version| {
        version.len() <= VERSION_CHARS_MAX
            && version.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'v' | b'V'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoders_name_is_no_place_for_another() {
        for known in ["Created by OpenJPEG version 2.5.0", "Kakadu-v5.2.1", "LEAD Technologies Inc. V1.01\0"]
        {
            assert!(names_an_encoder(known.as_bytes()), "{known}");
        }
        for other in
            ["Kakadu-Smith", "Kakadu-9990000018", "SMITH^JOHN", "", "Created by OpenJPEG version 2.5 for J"]
        {
            assert!(!names_an_encoder(other.as_bytes()), "{other}");
        }
    }
}
