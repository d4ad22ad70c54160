//! Fetching an object out of an inbox: hashed while it streams, small ones into memory, large ones into an unlinked scratch
//! file unless nobody but this house may write to the inbox's file, so that what was checked is what is stored.

use bytes::Bytes;
use dicom::part10::Source;
use platform::objects::{Batch, ObjectError, ObjectReader, Objects};
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
    source: ObjectReader,
    /// The digest of what was read.
    pub(crate) sha256: Digest,
    /// How many bytes it has; reading stops one beyond what was expected.
    pub(crate) bytes: u64,
}

enum Body {
    Memory(Bytes),
    File(File),
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
    let own = source.own_file()?.map(File::try_clone).transpose()?;
    let mut hasher = Hasher::default();
    let mut limited = (&mut source).take(bytes_expected.saturating_add(1));
    let body = if bytes_expected <= MEMORY_BYTES_MAX {
        let mut all = Vec::with_capacity(usize::try_from(bytes_expected).unwrap_or(0) + 1);
        limited.read_to_end(&mut all)?;
        hasher.update(&all);
        Body::Memory(all.into())
    } else {
        let (mut file, is_copy) = match own {
            Some(own) => (own, false),
            None => (unlinked_file(scratch)?, true),
        };
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            let read = limited.read(&mut piece)?;
            if read == 0 {
                break;
            }
            hasher.update(&piece[..read]);
            if is_copy {
                file.write_all(&piece[..read])?;
            }
        }
        Body::File(file)
    };
    Ok(Some(Fetched { body, source, bytes: hasher.bytes(), sha256: hasher.finish() }))
}

impl Fetched {
    /// The bytes, from their start.
    pub(crate) fn reader(&self) -> io::Result<Box<dyn Source>> {
        match &self.body {
            Body::Memory(bytes) => Ok(Box::new(Cursor::new(bytes.clone()))),
            Body::File(file) => {
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
            Body::File(_) => None,
        }
    }

    /// Stores the bytes that were checked under a key of the warehouse: by a second name of the inbox's file where that is as
    /// good ([`Batch::link`]), else in a file of our own. A hub that runs as another user could write to what it put.
    pub(crate) async fn put_into(
        &self,
        warehouse: &Batch,
        key: &str,
        inbox: &Objects,
        from: &str,
    ) -> Result<(), FetchError> {
        if warehouse.link(key, inbox, from, &self.source).await? {
            return Ok(());
        }
        match &self.body {
            Body::Memory(bytes) => warehouse.put(key, bytes.clone()).await?,
            Body::File(file) => {
                let mut file = file.try_clone()?;
                file.rewind()?;
                warehouse.put_reader(key, file).await?;
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
    async fn however_an_object_lies_in_the_inbox_what_was_checked_is_what_is_stored() {
        use std::os::unix::fs::{MetadataExt, PermissionsExt};
        let dir = TempDir::new();
        let at = |name: &str| dir.path().join(name);
        let [inbox, warehouse] = ["inbox", "warehouse"].map(|name| Objects::in_folder(&at(name)).unwrap());
        let large = usize::try_from(MEMORY_BYTES_MAX).unwrap() + 7;
        // As this house's user would leave it; as one that others may write to; removed before it is stored.
        for (bytes, mode, is_gone) in
            [3, large].into_iter().flat_map(|n| [(n, 0o644, false), (n, 0o666, false), (n, 0o644, true)])
        {
            let content: Vec<u8> = (0..bytes).map(|n| u8::try_from(n % 251).unwrap()).collect();
            inbox.put("a", content.clone().into()).await.unwrap();
            let open =
                |path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
            open(at("inbox/a"), mode);
            open(at("warehouse"), 0o755);
            let (from, scratch) = (inbox.clone(), at("scratch"));
            let fetched = tokio::task::spawn_blocking(move || fetch(&from, "a", bytes as u64, &scratch));
            let fetched = fetched.await.unwrap().unwrap().unwrap();
            assert_eq!((fetched.bytes, fetched.sha256), (bytes as u64, Digest::of(&content)));
            for _ in 0..2 {
                let mut read = Vec::new();
                fetched.reader().unwrap().read_to_end(&mut read).unwrap();
                assert_eq!(read, content);
            }
            let inode = |name| std::fs::metadata(at(name)).unwrap().ino();
            let read = inode("inbox/a");
            if is_gone {
                inbox.put("a", Bytes::from_static(b"another")).await.unwrap();
            }
            let batch = warehouse.batch();
            fetched.put_into(&batch, "b", &inbox, "a").await.unwrap();
            batch.settle().await.unwrap();
            assert_eq!(warehouse.get("b").await.unwrap(), content);
            assert_eq!(inode("warehouse/b") == read, mode == 0o644 && !is_gone, "{bytes} {mode:o}");
        }
        assert_eq!(std::fs::read_dir(at("scratch")).unwrap().count(), 0);
    }
}
