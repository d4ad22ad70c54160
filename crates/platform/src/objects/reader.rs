//! An object as `Read + Seek`, for pure code that takes `std::io`.

use super::{ObjectError, Objects};
use crate::disk::{self, ReadOnce};
use bytes::Bytes;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use tokio::runtime::Handle;

/// A remote object is fetched in windows of this size.
const WINDOW_BYTES: u64 = 1024 * 1024;

/// An open object. Read it on a blocking thread.
pub struct ObjectReader(Kind);

enum Kind {
    File(ReadOnce),
    Remote(Remote),
}

struct Remote {
    objects: Objects,
    name: String,
    bytes: u64,
    at: u64,
    window: Bytes,
    window_at: u64,
    runtime: Handle,
}

impl ObjectReader {
    pub(super) fn file(file: ReadOnce) -> Self {
        Self(Kind::File(file))
    }

    pub(super) fn remote(objects: Objects, name: &str) -> Result<Self, ObjectError> {
        let runtime = Handle::try_current().map_err(|e| ObjectError::world("open", name, e))?;
        let bytes = runtime.block_on(objects.head(name))?.bytes;
        let name = name.to_owned();
        Ok(Self(Kind::Remote(Remote {
            objects,
            name,
            bytes,
            at: 0,
            window: Bytes::new(),
            window_at: 0,
            runtime,
        })))
    }

    /// The object's length.
    pub fn size_bytes(&self) -> io::Result<u64> {
        match &self.0 {
            Kind::File(file) => Ok(file.file().metadata()?.len()),
            Kind::Remote(remote) => Ok(remote.bytes),
        }
    }

    /// The open file, if it is one of this process's user that nobody else may write to: what it holds stays what was read.
    pub fn own_file(&self) -> io::Result<Option<&File>> {
        match &self.0 {
            Kind::File(file) if disk::is_ours(&file.file().metadata()?) => Ok(Some(file.file())),
            Kind::File(_) | Kind::Remote(_) => Ok(None),
        }
    }
}

impl Read for ObjectReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match &mut self.0 {
            Kind::File(file) => file.read(out),
            Kind::Remote(remote) => remote.read(out),
        }
    }
}

impl Seek for ObjectReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match &mut self.0 {
            Kind::File(file) => file.seek(to),
            Kind::Remote(remote) => {
                let at = match to {
                    SeekFrom::Start(at) => Some(at),
                    SeekFrom::End(by) => remote.bytes.checked_add_signed(by),
                    SeekFrom::Current(by) => remote.at.checked_add_signed(by),
                };
                remote.at = at.ok_or(io::ErrorKind::InvalidInput)?;
                Ok(remote.at)
            }
        }
    }
}

impl Remote {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() || self.at >= self.bytes {
            return Ok(0);
        }
        let in_window = self.at >= self.window_at && self.at < self.window_at + self.window.len() as u64;
        if !in_window {
            let end = (self.at + WINDOW_BYTES).min(self.bytes);
            let fetched = self.runtime.block_on(self.objects.read_range(&self.name, self.at..end));
            self.window = fetched.map_err(io::Error::other)?;
            self.window_at = self.at;
            if self.window.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let skip = usize::try_from(self.at - self.window_at).map_err(io::Error::other)?;
        let from = &self.window[skip..];
        let n = from.len().min(out.len());
        out[..n].copy_from_slice(&from[..n]);
        self.at += n as u64;
        Ok(n)
    }
}
