//! A buffered, counted view of a source: looks ahead, skips by seeking, allocates only what is there.

use super::Source;
use crate::dataset::ValueBytes;
use std::io::{self, Read, SeekFrom};

/// How much is read first: most headers are smaller.
const CHUNK_FIRST_BYTES: usize = 16 << 10;
/// How much is read at once while elements follow each other.
const CHUNK_BYTES: usize = 64 << 10;
/// How much is read after a jump: fragments lie far apart.
const CHUNK_AFTER_JUMP_BYTES: usize = 4 << 10;

/// Invariant: the source stands at `base + buffer.len()`, and `at <= buffer.len()`.
pub(super) struct Input<'a> {
    source: &'a mut dyn Source,
    len: u64,
    buffer: Vec<u8>,
    at: usize,
    base: u64,
    chunk: usize,
}

impl<'a> Input<'a> {
    pub(super) fn new(source: &'a mut dyn Source) -> io::Result<Self> {
        let len = source.seek(SeekFrom::End(0))?;
        source.seek(SeekFrom::Start(0))?;
        Ok(Self { source, len, buffer: Vec::new(), at: 0, base: 0, chunk: CHUNK_FIRST_BYTES })
    }

    pub(super) fn position(&self) -> u64 {
        self.base + self.at as u64
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    pub(super) fn remaining(&self) -> u64 {
        self.len.saturating_sub(self.position())
    }

    /// The next `wanted` bytes, or fewer at the end, without consuming them. At most a few kilobytes.
    pub(super) fn peek(&mut self, wanted: usize) -> io::Result<&[u8]> {
        if self.buffer.len() - self.at < wanted {
            self.fill(wanted)?;
        }
        let end = self.buffer.len().min(self.at + wanted);
        Ok(&self.buffer[self.at..end])
    }

    fn fill(&mut self, wanted: usize) -> io::Result<()> {
        self.base += self.at as u64;
        self.buffer.drain(..self.at);
        self.at = 0;
        let have = self.buffer.len();
        let left = usize::try_from(self.len.saturating_sub(self.base)).unwrap_or(usize::MAX);
        let target = left.min(self.chunk.max(wanted));
        if target > have {
            self.buffer.resize(target, 0);
            let got = read_full(self.source, &mut self.buffer[have..])?;
            self.buffer.truncate(have + got);
        }
        self.chunk = CHUNK_BYTES;
        Ok(())
    }

    /// Moves forward; never beyond the end.
    pub(super) fn skip(&mut self, count: u64) -> io::Result<()> {
        let count = count.min(self.remaining());
        let buffered = (self.buffer.len() - self.at) as u64;
        match usize::try_from(count) {
            Ok(near) if count <= buffered => self.at += near,
            _ => self.jump(self.position() + count)?,
        }
        Ok(())
    }

    /// Goes to an offset.
    pub(super) fn jump(&mut self, offset: u64) -> io::Result<()> {
        self.source.seek(SeekFrom::Start(offset))?;
        self.buffer.clear();
        self.at = 0;
        self.base = offset;
        self.chunk = CHUNK_AFTER_JUMP_BYTES;
        Ok(())
    }

    /// Reads exactly `count` bytes, which the caller has checked against [`Self::remaining`].
    pub(super) fn read_value(&mut self, count: usize) -> io::Result<ValueBytes> {
        let near = count.min(self.buffer.len() - self.at);
        let buffered = &self.buffer[self.at..self.at + near];
        self.at += near;
        if near == count {
            return Ok(ValueBytes::from_slice(buffered));
        }
        let mut bytes = Vec::with_capacity(count);
        bytes.extend_from_slice(buffered);
        self.base += self.buffer.len() as u64;
        self.buffer.clear();
        self.at = 0;
        let got = (&mut *self.source).take((count - near) as u64).read_to_end(&mut bytes)?;
        self.base += got as u64;
        if got < count - near {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(bytes.into())
    }

    /// Whether only zero bytes are left; consumes them.
    pub(super) fn only_zeros_left(&mut self) -> io::Result<bool> {
        loop {
            let chunk = self.peek(CHUNK_AFTER_JUMP_BYTES)?;
            if chunk.is_empty() {
                return Ok(true);
            }
            if chunk.iter().any(|&byte| byte != 0) {
                return Ok(false);
            }
            let count = chunk.len();
            self.at += count;
        }
    }
}

/// Reads until the buffer is full or the source is at its end; returns how much was read.
pub(super) fn read_full(source: &mut dyn Source, buffer: &mut [u8]) -> io::Result<usize> {
    let mut have = 0;
    while have < buffer.len() {
        match source.read(&mut buffer[have..]) {
            Ok(0) => break,
            Ok(got) => have += got,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(have)
}
