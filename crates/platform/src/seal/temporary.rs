//! A temporary object that is written once, then read from anywhere: sealed, under a key that is only in memory, so that what
//! it leaves on the disk can be opened by nobody once it is dropped.

use super::{SealError, SealedReader, SealedWriter, SealingKey};
use crate::keys::{KeyKind, SecretKey};
use std::fmt;
use std::io::{self, Read, Seek, SeekFrom, Write};

/// Nothing else is sealed under its key.
const NAME: &str = "temporary";

/// Seals what is written; with the first read or seek writing ends.
pub struct SealedTemporary<F: Read + Write + Seek> {
    key: SealingKey,
    state: State<F>,
}

enum State<F: Read + Write + Seek> {
    Writing(SealedWriter<F>),
    Reading(SealedReader<F>),
    /// Ending the writing failed.
    Broken,
}

impl<F: Read + Write + Seek> SealedTemporary<F> {
    /// Begins a temporary object in an empty file, under a new key.
    pub fn new(file: F) -> Result<Self, SealError> {
        let key = SealingKey::new(SecretKey::generate(KeyKind::HubStorage).map_err(|_| SealError::NoKey)?);
        let writer = SealedWriter::new(file, &key, NAME)?;
        Ok(Self { key, state: State::Writing(writer) })
    }

    fn reader(&mut self) -> io::Result<&mut SealedReader<F>> {
        if let State::Writing(_) = self.state
            && let State::Writing(writer) = std::mem::replace(&mut self.state, State::Broken)
        {
            self.state = State::Reading(SealedReader::open(writer.finish()?, &self.key, NAME)?);
        }
        match &mut self.state {
            State::Reading(reader) => Ok(reader),
            _ => Err(io::Error::other("the temporary object could not be finished")),
        }
    }
}

impl<F: Read + Write + Seek> Write for SealedTemporary<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.state {
            State::Writing(writer) => writer.write(bytes),
            _ => Err(io::Error::other("a temporary object is written once, before it is read")),
        }
    }

    /// Nothing: the last chunk leaves with the first read.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<F: Read + Write + Seek> Read for SealedTemporary<F> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.reader()?.read(out)
    }
}

impl<F: Read + Write + Seek> Seek for SealedTemporary<F> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.reader()?.seek(to)
    }
}

impl<F: Read + Write + Seek> fmt::Debug for SealedTemporary<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealedTemporary(…)")
    }
}
