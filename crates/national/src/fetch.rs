//! Fetching an object out of an inbox: read once, hashed while it streams, small ones in memory and large ones in an
//! unlinked scratch file, so that what was checked is what is stored.

use bytes::Bytes;
use dicom::part10::Source;
use platform::objects::{ObjectError, Objects};
use std::fs::{File, OpenOptions};
use std::io::{self, Cursor, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use submission::digest::{Digest, Hasher};

/// Objects up to this size stay in memory.
const MEMORY_BYTES_MAX: u64 = 4 << 20;
/// Read in pieces of this size.
const PIECE_BYTES: usize = 256 << 10;

/// An object as it was read.
pub(crate) struct Fetched {
    body: Body,
    /// The digest of what was read.
    pub(crate) sha256: Digest,
    /// How many bytes it has; reading stops one beyond what was expected.
    pub(crate) bytes: u64,
}

enum Body {
    Memory(Bytes),
    Scratch(File),
}

/// Why an object could not be fetched: always the world's fault.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The inbox.
    #[error(transparent)]
    Objects(#[from] ObjectError),
    /// The scratch file, or reading.
    #[error("fetching an object: {0}")]
    Io(#[from] io::Error),
}

/// Fetches an object; `None`: there is none. Call on a blocking thread.
pub(crate) fn fetch(
    inbox: &Objects,
    key: &str,
    bytes_expected: u64,
    scratch: &Path,
) -> Result<Option<Fetched>, FetchError> {
    let mut source = match inbox.open_blocking(key) {
        Ok(source) => source,
        Err(ObjectError::NotFound(_)) => return Ok(None),
        Err(e) => return Err(e.into()),
    };
    let mut hasher = Hasher::default();
    let mut limited = (&mut source).take(bytes_expected.saturating_add(1));
    let body = if bytes_expected <= MEMORY_BYTES_MAX {
        let mut all = Vec::with_capacity(usize::try_from(bytes_expected).unwrap_or(0) + 1);
        limited.read_to_end(&mut all)?;
        hasher.update(&all);
        Body::Memory(all.into())
    } else {
        let mut file = unlinked_file(scratch)?;
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            let read = limited.read(&mut piece)?;
            if read == 0 {
                break;
            }
            hasher.update(&piece[..read]);
            file.write_all(&piece[..read])?;
        }
        Body::Scratch(file)
    };
    Ok(Some(Fetched { body, bytes: hasher.bytes(), sha256: hasher.finish() }))
}

impl Fetched {
    /// The bytes, from their start.
    pub(crate) fn reader(&self) -> io::Result<Box<dyn Source>> {
        match &self.body {
            Body::Memory(bytes) => Ok(Box::new(Cursor::new(bytes.clone()))),
            Body::Scratch(file) => {
                let mut file = file.try_clone()?;
                file.rewind()?;
                Ok(Box::new(file))
            }
        }
    }

    /// All bytes, if they are few enough to be in memory.
    pub(crate) fn in_memory(&self) -> Option<&Bytes> {
        match &self.body {
            Body::Memory(bytes) => Some(bytes),
            Body::Scratch(_) => None,
        }
    }

    /// Stores the bytes under a key of the warehouse. Those that were checked, in a file of our own: what lies in an inbox may be
    /// a file that its hub holds under another name still ([`Objects::put_from`]), and could write to.
    pub(crate) async fn put_into(&self, objects: &Objects, key: &str) -> Result<(), FetchError> {
        match &self.body {
            Body::Memory(bytes) => objects.put(key, bytes.clone()).await?,
            Body::Scratch(file) => {
                let mut file = file.try_clone()?;
                file.rewind()?;
                objects.put_reader(key, file).await?;
            }
        }
        Ok(())
    }
}

/// A file that has no name: it goes away with the process, however that ends.
fn unlinked_file(dir: &Path) -> io::Result<File> {
    std::fs::create_dir_all(dir)?;
    let id = platform::keys::random_id().map_err(io::Error::other)?;
    let path = dir.join(format!("fetched-{id}"));
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use platform::testing::TempDir;

    #[tokio::test]
    async fn large_and_small_objects_are_the_same_to_who_reads_them() {
        let dir = TempDir::new();
        let objects = Objects::from_url(&format!("file://{}/store", dir.path().display())).unwrap();
        for bytes in [3_usize, usize::try_from(MEMORY_BYTES_MAX).unwrap() + 7] {
            let content: Vec<u8> = (0..bytes).map(|n| u8::try_from(n % 251).unwrap()).collect();
            objects.put("a", content.clone().into()).await.unwrap();
            let (inbox, scratch) = (objects.clone(), dir.path().join("scratch"));
            let fetched = tokio::task::spawn_blocking(move || fetch(&inbox, "a", bytes as u64, &scratch))
                .await
                .unwrap()
                .unwrap()
                .unwrap();
            assert_eq!((fetched.bytes, fetched.sha256), (bytes as u64, Digest::of(&content)));
            for _ in 0..2 {
                let mut read = Vec::new();
                fetched.reader().unwrap().read_to_end(&mut read).unwrap();
                assert_eq!(read, content);
            }
            fetched.put_into(&objects, "b").await.unwrap();
            assert_eq!(objects.get("b").await.unwrap(), content);
        }
        assert_eq!(std::fs::read_dir(dir.path().join("scratch")).unwrap().count(), 0);
    }
}
