//! Opening while reading, from anywhere in the file.

use super::{
    CHUNK_BYTES, FileKey, HEADER_BYTES, SEALED_CHUNK_BYTES, SealError, SealingKey, TAG_BYTES, file_key,
};
use crate::keys::SecretKey;
use std::fmt;
use std::io::{self, Read, Seek, SeekFrom};

/// Reads a sealed file as if it were plain. Every byte that comes out has been authenticated with its place.
pub struct SealedReader<R: Read + Seek> {
    from: R,
    key: FileKey,
    chunks: u64,
    sealed_bytes: u64,
    bytes: u64,
    at: u64,
    /// The chunk held open, and its plain length.
    open: Option<(u64, usize)>,
    buffer: Vec<u8>,
}

impl<R: Read + Seek> SealedReader<R> {
    /// Opens a file sealed with this key under this name. The last chunk is checked at once: a file cut short or
    /// extended does not open.
    pub fn open(from: R, key: &SealingKey, name: &str) -> Result<Self, SealError> {
        Self::open_with(from, &key.master, name)
    }

    /// Opens a file that was sealed for the holder of this private key (a backup).
    pub fn open_as_recipient(from: R, private: &SecretKey, name: &str) -> Result<Self, SealError> {
        Self::open_with(from, private, name)
    }

    fn open_with(mut from: R, master: &SecretKey, name: &str) -> Result<Self, SealError> {
        let whole_bytes = from.seek(SeekFrom::End(0))?;
        from.rewind()?;
        let mut header = [0; HEADER_BYTES];
        if whole_bytes < (HEADER_BYTES + TAG_BYTES) as u64 {
            return Err(SealError::Truncated { bytes: whole_bytes });
        }
        from.read_exact(&mut header)?;
        let key = file_key(&header, master, name)?;
        let sealed_bytes = whole_bytes - HEADER_BYTES as u64;
        let chunks = sealed_bytes.div_ceil(SEALED_CHUNK_BYTES);
        let last_bytes = sealed_bytes - (chunks - 1) * SEALED_CHUNK_BYTES;
        // An empty last chunk is only right where it is the only one.
        if last_bytes < TAG_BYTES as u64 || (last_bytes == TAG_BYTES as u64 && chunks > 1) {
            return Err(SealError::Truncated { bytes: whole_bytes });
        }
        let bytes = sealed_bytes - chunks * TAG_BYTES as u64;
        let buffer = Vec::new();
        let mut reader = Self { from, key, chunks, sealed_bytes, bytes, at: 0, open: None, buffer };
        reader.open_chunk(chunks - 1)?;
        Ok(reader)
    }

    /// Length of the plain text.
    pub fn size_bytes(&self) -> u64 {
        self.bytes
    }

    /// Checks every chunk.
    pub fn verify(&mut self) -> Result<(), SealError> {
        (0..self.chunks).try_for_each(|chunk| self.open_chunk(chunk).map(|_| ()))
    }

    fn open_chunk(&mut self, chunk: u64) -> Result<usize, SealError> {
        if let Some((open, bytes)) = self.open
            && open == chunk
        {
            return Ok(bytes);
        }
        self.open = None;
        let start = chunk * SEALED_CHUNK_BYTES;
        let sealed =
            usize::try_from((self.sealed_bytes - start).min(SEALED_CHUNK_BYTES)).map_err(io::Error::other)?;
        self.buffer.resize(sealed, 0);
        self.from.seek(SeekFrom::Start(HEADER_BYTES as u64 + start))?;
        self.from.read_exact(&mut self.buffer)?;
        let opened = self.key.open(chunk, chunk + 1 == self.chunks, &mut self.buffer);
        let bytes = opened.ok_or(SealError::Tampered { chunk, chunks: self.chunks })?;
        self.open = Some((chunk, bytes));
        Ok(bytes)
    }
}

impl<R: Read + Seek> Read for SealedReader<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() || self.at >= self.bytes {
            return Ok(0);
        }
        let chunk_bytes = CHUNK_BYTES as u64;
        let held = self.open_chunk(self.at / chunk_bytes)?;
        let skip = usize::try_from(self.at % chunk_bytes).map_err(io::Error::other)?;
        let n = (held - skip).min(out.len());
        out[..n].copy_from_slice(&self.buffer[skip..skip + n]);
        self.at += n as u64;
        Ok(n)
    }
}

impl<R: Read + Seek> Seek for SealedReader<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.bytes.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

impl<R: Read + Seek> fmt::Debug for SealedReader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealedReader({} bytes)", self.bytes)
    }
}
