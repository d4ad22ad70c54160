//! A deflated data set read as if it were plain (PS3.5 §A.5): inflated while it is read, never held whole.

use super::Source;
use super::error::ReadError;
use flate2::{Decompress, FlushDecompress, Status};
use std::io::{self, Read, Seek, SeekFrom};

const CHUNK_BYTES: usize = 64 << 10;

/// The inflated form of a source from an offset on. Going forward costs what lies between, going back the way from the start.
pub(super) struct Inflated {
    source: Box<dyn Source>,
    start: u64,
    has_zlib_header: bool,
    state: Decompress,
    input: Vec<u8>,
    input_at: usize,
    is_at_end: bool,
    /// Inflated bytes: all, those behind us, and where the next read shall begin.
    len: u64,
    done: u64,
    wanted: u64,
}

impl Inflated {
    /// Inflates once to know the length and that nothing is damaged: RFC 1951 without a wrapper; zlib's is forgiven.
    pub(super) fn open(
        source: Box<dyn Source>,
        start: u64,
        inflated_bytes_max: u64,
    ) -> Result<Self, ReadError> {
        let mut this = Self {
            source,
            start,
            has_zlib_header: false,
            state: Decompress::new(false),
            input: Vec::new(),
            input_at: 0,
            is_at_end: false,
            len: 0,
            done: 0,
            wanted: 0,
        };
        this.rewind()?;
        let mut front = [0u8; 2];
        let got = this.source.read(&mut front)?;
        if got == 2 && front[0] & 0x0F == 8 && u16::from_be_bytes(front) % 31 == 0 {
            this.has_zlib_header = true;
            match this.measure(inflated_bytes_max) {
                Err(ReadError::DeflateDamaged) => this.has_zlib_header = false,
                measured => return measured.map(|()| this),
            }
        }
        this.measure(inflated_bytes_max)?;
        Ok(this)
    }

    fn measure(&mut self, inflated_bytes_max: u64) -> Result<(), ReadError> {
        self.rewind()?;
        let mut chunk = vec![0u8; CHUNK_BYTES];
        loop {
            match self.inflate(&mut chunk) {
                Ok(0) => break,
                Ok(_) if self.done > inflated_bytes_max => return Err(ReadError::InflatedTooLarge),
                Ok(_) => {}
                Err(e) if matches!(e.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) => {
                    return Err(ReadError::DeflateDamaged);
                }
                Err(e) => return Err(ReadError::Io(e)),
            }
        }
        self.len = self.done;
        Ok(())
    }

    fn rewind(&mut self) -> io::Result<()> {
        self.source.seek(SeekFrom::Start(self.start))?;
        self.state.reset(self.has_zlib_header);
        self.input.clear();
        (self.input_at, self.is_at_end, self.done) = (0, false, 0);
        Ok(())
    }

    /// The next inflated bytes; 0 at the end of the stream.
    fn inflate(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while !self.is_at_end && !out.is_empty() {
            if self.input_at == self.input.len() {
                self.input.resize(CHUNK_BYTES, 0);
                let got = read_some(&mut *self.source, &mut self.input)?;
                self.input.truncate(got);
                self.input_at = 0;
            }
            let (taken, made) = (self.state.total_in(), self.state.total_out());
            let rest = &self.input[self.input_at..];
            let status = self.state.decompress(rest, out, FlushDecompress::None);
            let status = status.map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))?;
            // Both differences are at most the lengths of the two slices.
            let taken = usize::try_from(self.state.total_in() - taken).unwrap_or(usize::MAX);
            let made = self.state.total_out() - made;
            self.is_at_end = status == Status::StreamEnd;
            if made == 0 && taken == 0 && rest.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.input_at += taken;
            self.done += made;
            if made > 0 {
                return Ok(usize::try_from(made).unwrap_or(usize::MAX));
            }
        }
        Ok(0)
    }
}

fn read_some(source: &mut dyn Source, into: &mut [u8]) -> io::Result<usize> {
    loop {
        match source.read(into) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

impl Read for Inflated {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.wanted >= self.len || out.is_empty() {
            return Ok(0);
        }
        if self.wanted < self.done {
            self.rewind()?;
        }
        let mut skipped = [0u8; 16 << 10];
        while self.done < self.wanted {
            let gap = usize::try_from(self.wanted - self.done).unwrap_or(usize::MAX);
            if self.inflate(&mut skipped[..gap.min(16 << 10)])? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let got = self.inflate(out)?;
        self.wanted += got as u64;
        Ok(got)
    }
}

impl Seek for Inflated {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let wanted = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.len.checked_add_signed(by),
            SeekFrom::Current(by) => self.wanted.checked_add_signed(by),
        };
        self.wanted = wanted.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.wanted)
    }
}
