//! The sealed spool: one encrypted file per received object, named by a random handle, destroyed alone.

use platform::disk::{self, GroupSync, ReadOnce};
use platform::keys::random_id;
use platform::seal::{SealError, SealedReader, SealedWriter, SealingKey};
use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The spool failed. No variant says whose object it was.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The disk is short: senders are told 0xA700 and keep what they have.
    #[error(
        "the spool's disk has {free} bytes free, less than the reserve of {reserve}: make room or lower spool_reserve_bytes"
    )]
    NoRoom {
        /// Bytes free.
        free: u64,
        /// Bytes that must stay free.
        reserve: u64,
    },
    /// The sealed file does not open.
    #[error("spool object {id}: {error}")]
    Sealed {
        /// Its handle.
        id: String,
        /// Why.
        error: SealError,
    },
    /// The disk failed.
    #[error("the spool's disk: {0}")]
    Disk(#[from] io::Error),
    /// No randomness.
    #[error("no handle for a new object: {0}")]
    Handle(#[from] platform::keys::KeyError),
}

/// Files of destroyed objects that are kept to serve again, at most.
const SPARES_MAX: usize = 4096;

/// A folder of sealed objects.
///
/// An object that is destroyed leaves an empty file, which the next one takes over: ext4 looks at each inode that was freed in
/// the last minutes before it gives a new one, and a night frees thousands.
pub struct Spool {
    dir: PathBuf,
    key: SealingKey,
    reserve_bytes: u64,
    entries: GroupSync,
    spares: Mutex<Vec<PathBuf>>,
}

/// An object being received. Dropped before [`Arriving::finish`], it is removed.
pub struct Arriving {
    id: String,
    path: PathBuf,
    sealed: Option<SealedWriter<File>>,
}

impl Spool {
    /// Opens the folder, making it if it is missing.
    pub fn open(dir: PathBuf, key: SealingKey, reserve_bytes: u64) -> Result<Self, SpoolError> {
        disk::create_dirs(&dir)?;
        let spool = Self { dir, key, reserve_bytes, entries: GroupSync::default(), spares: Mutex::default() };
        for entry in fs::read_dir(&spool.dir)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "spare") {
                spool.spare(path)?;
            }
        }
        Ok(spool)
    }

    /// Keeps an object's file, emptied, or removes it where enough are kept.
    fn spare(&self, path: PathBuf) -> io::Result<()> {
        OpenOptions::new().write(true).open(&path)?.set_len(0)?;
        let mut spares = self.spares.lock().unwrap_or_else(PoisonError::into_inner);
        if spares.len() >= SPARES_MAX {
            return fs::remove_file(path);
        }
        let spare = path.with_extension("spare");
        fs::rename(path, &spare)?;
        spares.push(spare);
        Ok(())
    }

    /// A new, empty file for its owner only.
    fn create(&self, path: &Path) -> io::Result<File> {
        let spare = self.spares.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut how = OpenOptions::new();
        how.read(true).write(true).mode(0o600);
        match spare {
            // Another process of this hub may have taken it over.
            Some(spare) if fs::rename(&spare, path).is_ok() => how.truncate(true).open(path),
            _ => how.create_new(true).open(path),
        }
    }

    /// Begins an object, unless the disk is short.
    pub fn begin(&self) -> Result<Arriving, SpoolError> {
        let free = disk::bytes_free(&self.dir)?;
        if free < self.reserve_bytes {
            return Err(SpoolError::NoRoom { free, reserve: self.reserve_bytes });
        }
        let id = random_id()?;
        let path = self.path(&id);
        let file = self.create(&path)?;
        let sealed = SealedWriter::new(file, &self.key, &id).map_err(|error| sealed(&id, error))?;
        Ok(Arriving { id, path, sealed: Some(sealed) })
    }

    /// Makes the folder's entries last: one sync serves every object that was finished before it began.
    pub fn sync_entries(&self) -> Result<(), SpoolError> {
        Ok(self.entries.sync_dir(&self.dir)?)
    }

    /// Opens an object.
    pub fn read(&self, id: &str) -> Result<SealedReader<ReadOnce>, SpoolError> {
        SealedReader::open(ReadOnce::open(&self.path(id))?, &self.key, id).map_err(|error| sealed(id, error))
    }

    /// Whether the object is here.
    pub fn holds(&self, id: &str) -> Result<bool, SpoolError> {
        Ok(self.path(id).try_exists()?)
    }

    /// Whether an object cannot be had any more: its file is gone from the folder, or is not what was sealed. Reads it whole.
    pub fn is_lost(&self, id: &str) -> Result<bool, SpoolError> {
        let opened = self.read(id);
        let mut reader = match opened {
            Ok(reader) => reader,
            Err(SpoolError::Disk(error)) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(self.dir.try_exists()?);
            }
            Err(SpoolError::Sealed { error, .. }) if is_damage(&error) => return Ok(true),
            Err(error) => return Err(error),
        };
        match io::copy(&mut reader, &mut io::sink()) {
            Ok(_) => Ok(false),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(true),
            Err(error) => Err(error.into()),
        }
    }

    /// Destroys an object; one that is gone already is fine.
    pub fn destroy(&self, id: &str) -> Result<(), SpoolError> {
        match self.spare(self.path(id)) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            done => Ok(done?),
        }
    }

    /// Removes what no row names: objects whose receipt never became durable. Only while nothing is being received.
    pub fn sweep(&self, live: &HashSet<String>) -> Result<usize, SpoolError> {
        let mut removed = 0;
        for entry in fs::read_dir(&self.dir)? {
            let name = entry?.file_name();
            let Some(id) = name.to_str().and_then(|name| name.strip_suffix(".sealed")) else { continue };
            if !live.contains(id) {
                self.destroy(id)?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    fn path(&self, id: &str) -> PathBuf {
        self.dir.join(format!("{id}.sealed"))
    }
}

impl std::fmt::Debug for Spool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Spool")
    }
}

impl Arriving {
    /// Seals the last chunk and syncs the file; returns its handle and plain length.
    ///
    /// The entry in the folder is durable only after [`Spool::sync_entries`].
    pub fn finish(mut self) -> Result<(String, u64), SpoolError> {
        let Some(writer) = self.sealed.take() else {
            return Err(io::Error::other("an object is finished once").into());
        };
        let bytes = writer.size_bytes();
        let synced =
            writer.finish().map_err(|error| sealed(&self.id, error)).and_then(|file| Ok(file.sync_data()?));
        if let Err(error) = synced {
            self.remove();
            return Err(error);
        }
        Ok((std::mem::take(&mut self.id), bytes))
    }

    fn remove(&self) {
        // What cannot be removed now is swept at the next start.
        let _ = fs::remove_file(&self.path);
    }
}

impl Write for Arriving {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.sealed
            .as_mut()
            .map_or_else(|| Err(io::ErrorKind::BrokenPipe.into()), |sealed| sealed.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        if self.sealed.is_some() {
            self.remove();
        }
    }
}

/// Whether the file is at fault; a key that is not its own is no damage.
fn is_damage(error: &SealError) -> bool {
    matches!(error, SealError::NotSealed | SealError::Truncated { .. } | SealError::Tampered { .. })
}

fn sealed(id: &str, error: SealError) -> SpoolError {
    SpoolError::Sealed { id: id.to_owned(), error }
}

#[cfg(test)]
mod tests {
    use super::*;
    use platform::keys::{KeyKind, SecretKey};
    use std::io::Read;

    fn spool(reserve_bytes: u64) -> (tempfile::TempDir, Spool) {
        let dir = tempfile::tempdir().unwrap();
        let key = SealingKey::new(SecretKey::from_bytes(KeyKind::HubStorage, [7; 32]));
        let spool = Spool::open(dir.path().join("spool"), key, reserve_bytes).unwrap();
        (dir, spool)
    }

    #[test]
    fn what_was_received_reads_back_and_nothing_of_it_lies_open() {
        let (_dir, spool) = spool(0);
        let mut arriving = spool.begin().unwrap();
        arriving.write_all(&b"SENTINEL^ANNA ".repeat(20_000)).unwrap();
        let (id, bytes) = arriving.finish().unwrap();
        spool.sync_entries().unwrap();
        let mut plain = Vec::new();
        spool.read(&id).unwrap().read_to_end(&mut plain).unwrap();
        assert_eq!((plain.len() as u64, bytes), (280_000, 280_000));
        let stored = fs::read(spool.path(&id)).unwrap();
        assert!(!stored.windows(8).any(|window| window == b"SENTINEL"));
    }

    #[test]
    fn an_object_is_lost_when_its_file_is_gone_or_changed_and_not_when_the_key_is_another() {
        let (dir, spool) = spool(0);
        let mut arriving = spool.begin().unwrap();
        arriving.write_all(&[7; 200_000]).unwrap();
        let (id, _) = arriving.finish().unwrap();
        assert!(!spool.is_lost(&id).unwrap());
        assert!(spool.is_lost("none").unwrap());
        let key = SealingKey::new(SecretKey::from_bytes(KeyKind::HubStorage, [8; 32]));
        let other = Spool::open(dir.path().join("spool"), key, 0).unwrap();
        assert!(other.is_lost(&id).is_err());
        let mut file = fs::read(spool.path(&id)).unwrap();
        let middle = file.len() / 2;
        file[middle] ^= 1;
        fs::write(spool.path(&id), &file).unwrap();
        assert!(spool.is_lost(&id).unwrap());
        fs::write(spool.path(&id), b"").unwrap();
        assert!(spool.is_lost(&id).unwrap());
        fs::remove_dir_all(dir.path().join("spool")).unwrap();
        assert!(!spool.is_lost(&id).unwrap(), "without its folder nobody can tell");
    }

    #[test]
    fn an_object_broken_off_leaves_no_file() {
        let (_dir, spool) = spool(0);
        let mut arriving = spool.begin().unwrap();
        arriving.write_all(b"half").unwrap();
        drop(arriving);
        assert_eq!(fs::read_dir(&spool.dir).unwrap().count(), 0);
    }

    #[test]
    fn a_short_disk_refuses_before_anything_is_written() {
        let (_dir, spool) = spool(u64::MAX);
        assert!(matches!(spool.begin(), Err(SpoolError::NoRoom { .. })));
        assert_eq!(fs::read_dir(&spool.dir).unwrap().count(), 0);
    }

    #[test]
    fn a_destroyed_object_leaves_no_byte_and_its_file_serves_the_next() {
        let (dir, spool) = spool(0);
        let received = |spool: &Spool, bytes: &[u8]| {
            let mut arriving = spool.begin().unwrap();
            arriving.write_all(bytes).unwrap();
            arriving.finish().unwrap().0
        };
        let lying = || {
            let files = fs::read_dir(dir.path().join("spool"))
                .unwrap()
                .map(|entry| entry.unwrap().metadata().unwrap());
            files.map(|file| file.len()).collect::<Vec<_>>()
        };
        let long = received(&spool, &[7; 300_000]);
        let reading = spool.read(&long).unwrap();
        spool.destroy(&long).unwrap();
        spool.destroy(&long).unwrap();
        assert_eq!((spool.holds(&long).unwrap(), lying()), (false, vec![0]));
        let short = received(&spool, b"short");
        assert_eq!(lying().len(), 1);
        let mut plain = Vec::new();
        spool.read(&short).unwrap().read_to_end(&mut plain).unwrap();
        assert_eq!(plain, b"short");
        let mut foreign = Vec::new();
        assert!(
            { reading }.read_to_end(&mut foreign).is_err() && foreign.is_empty(),
            "another object's bytes"
        );
        // A power cut may leave bytes in a file that was set aside.
        fs::write(dir.path().join("spool/x.spare"), b"left").unwrap();
        let again = Spool::open(dir.path().join("spool"), spool.key.clone(), 0).unwrap();
        assert_eq!(lying().iter().filter(|bytes| **bytes == 0).count(), 1);
        assert_eq!(again.sweep(&HashSet::from([short])).unwrap(), 0);
    }

    #[test]
    fn the_sweeper_spares_what_a_row_names() {
        let (_dir, spool) = spool(0);
        let ids: Vec<_> = (0..3).map(|_| spool.begin().unwrap().finish().unwrap().0).collect();
        assert_eq!(spool.sweep(&HashSet::from([ids[1].clone()])).unwrap(), 2);
        assert!(spool.read(&ids[1]).is_ok() && spool.read(&ids[0]).is_err());
    }
}
