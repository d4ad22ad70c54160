//! Sealing while writing.

use super::{CHUNK_BYTES, FileKey, SealError, SealingKey, TAG_BYTES, header_for_key, header_for_recipient};
use crate::keys::PublicKey;
use std::fmt;
use std::io::{self, Write};

/// Seals what is written to it, chunk by chunk. Without [`SealedWriter::finish`] the file never opens.
pub struct SealedWriter<W: Write> {
    to: W,
    key: FileKey,
    chunk: u64,
    text: Vec<u8>,
    bytes: u64,
}

impl<W: Write> SealedWriter<W> {
    /// Begins a file that opens with the same key and the same name.
    pub fn new(mut to: W, key: &SealingKey, name: &str) -> Result<Self, SealError> {
        let (header, key) = header_for_key(key, name)?;
        to.write_all(&header)?;
        Ok(Self::begin(to, key))
    }

    /// Begins a file that only the holder of the recipient's private half can open.
    pub fn for_recipient(mut to: W, recipient: &PublicKey, name: &str) -> Result<Self, SealError> {
        let (header, key) = header_for_recipient(recipient, name)?;
        to.write_all(&header)?;
        Ok(Self::begin(to, key))
    }

    fn begin(to: W, key: FileKey) -> Self {
        Self { to, key, chunk: 0, text: Vec::with_capacity(CHUNK_BYTES + TAG_BYTES), bytes: 0 }
    }

    /// Plain bytes written so far.
    pub fn size_bytes(&self) -> u64 {
        self.bytes
    }

    /// Seals the last chunk and gives back what it was written to; syncing that is the caller's.
    pub fn finish(mut self) -> Result<W, SealError> {
        self.seal_chunk(true)?;
        self.to.flush()?;
        Ok(self.to)
    }

    fn seal_chunk(&mut self, last: bool) -> io::Result<()> {
        self.key.seal(self.chunk, last, &mut self.text)?;
        self.to.write_all(&self.text)?;
        self.text.clear();
        self.chunk += 1;
        Ok(())
    }
}

impl<W: Write> Write for SealedWriter<W> {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        let mut left = from;
        while !left.is_empty() {
            // A full chunk is kept until more comes: only then is it known not to be the last.
            if self.text.len() == CHUNK_BYTES {
                self.seal_chunk(false)?;
            }
            let n = left.len().min(CHUNK_BYTES - self.text.len());
            self.text.extend_from_slice(&left[..n]);
            left = &left[n..];
            self.bytes += n as u64;
        }
        Ok(from.len())
    }

    /// Nothing: a chunk leaves when it is full, the last one with [`SealedWriter::finish`].
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<W: Write> fmt::Debug for SealedWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealedWriter({} bytes)", self.bytes)
    }
}
