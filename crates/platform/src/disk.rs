//! Files that survive a power cut: what is synced, and in which order, is decided here.

use nix::fcntl::{FallocateFlags, PosixFadviseAdvice, fallocate, posix_fadvise};
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Syncs a directory, so that the entries made in it or removed from it stay so after a power cut.
pub fn sync_dir(dir: &Path) -> io::Result<()> {
    let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
    File::open(dir)?.sync_all()
}

/// Many callers, one sync of a directory: whoever finds that a sync began after its call has nothing to do.
#[derive(Debug, Default)]
pub struct GroupSync {
    asked: AtomicU64,
    served: Mutex<u64>,
}

impl GroupSync {
    /// Returns when entries that the caller made or removed in the directory before are durable. Always the same directory.
    pub fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let ticket = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        let mut served = self.served.lock().unwrap_or_else(PoisonError::into_inner);
        if *served >= ticket {
            return Ok(());
        }
        let upto = self.asked.load(Ordering::SeqCst);
        sync_dir(dir)?;
        *served = upto;
        Ok(())
    }
}

/// Asks for room before so much is written: the file then lies in one piece, and writing costs the kernel a fifth less. The file is no
/// longer for it; where the file system cannot do so, nothing is lost. Who writes less gives the rest back with `set_len`.
pub fn reserve(file: &File, bytes: u64) {
    let Ok(bytes) = i64::try_from(bytes) else { return };
    if bytes > 0 {
        let _ = fallocate(file, FallocateFlags::FALLOC_FL_KEEP_SIZE, 0, bytes);
    }
}

/// Syncs the directory that holds `path`.
pub fn sync_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), sync_dir)
}

/// Makes a directory and its missing parents, each entry synced into the directory above it.
pub fn create_dirs(dir: &Path) -> io::Result<()> {
    if dir.as_os_str().is_empty() || dir.is_dir() {
        return Ok(());
    }
    if let Some(parent) = dir.parent() {
        create_dirs(parent)?;
    }
    match std::fs::create_dir(dir) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
        made => made?,
    }
    sync_parent(dir)
}

/// Writes a new file that only its owner may read, whole or not at all; fails if `path` exists.
///
/// Written beside its place, synced, then linked in and the entry synced.
pub fn create_private(path: &Path, content: &[u8]) -> io::Result<()> {
    create_dirs(path.parent().unwrap_or(Path::new(".")))?;
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let staged = Path::new(&name);
    let written = (|| {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(staged)?;
        file.write_all(content)?;
        file.sync_all()?;
        std::fs::hard_link(staged, path)
    })();
    let removed = std::fs::remove_file(staged);
    written?;
    removed?;
    sync_parent(path)
}

/// Takes a file that is on disk out of the page cache: for what nobody will read soon. Thousands of large objects that each pass
/// once would push out what is read often, and a page that was just given back is cheaper to fill than a fresh one.
pub fn forget(file: &File) {
    // Advice: whoever cannot take it keeps the pages.
    let _ = posix_fadvise(file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED);
}

/// Whether it is a file of this process's user that nobody else may write to: as it was read, so it stays.
pub fn is_ours(meta: &Metadata) -> bool {
    const OTHERS_WRITE: u32 = 0o022;
    meta.is_file() && meta.uid() == nix::unistd::geteuid().as_raw() && meta.mode() & OTHERS_WRITE == 0
}

/// A file that is read once: dropped, it leaves the page cache.
#[derive(Debug)]
pub struct ReadOnce(File);

impl ReadOnce {
    /// Opens it to read.
    pub fn open(path: &Path) -> io::Result<Self> {
        File::open(path).map(Self)
    }

    /// The file.
    pub fn file(&self) -> &File {
        &self.0
    }
}

impl Read for ReadOnce {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.0.read(out)
    }
}

impl Seek for ReadOnce {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

impl Drop for ReadOnce {
    fn drop(&mut self) {
        forget(&self.0);
    }
}

/// Bytes free to this process on the file system that holds `path`.
pub fn bytes_free(path: &Path) -> io::Result<u64> {
    let volume = nix::sys::statvfs::statvfs(path)?;
    Ok(volume.blocks_available().saturating_mul(volume.fragment_size()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_reserved_makes_no_file_longer_and_can_be_given_back() {
        let folder = crate::testing::TempDir::new();
        let mut file = File::create_new(folder.path().join("file")).unwrap();
        reserve(&file, 8 << 20);
        assert_eq!(file.metadata().unwrap().len(), 0);
        file.write_all(b"short").unwrap();
        file.set_len(5).unwrap();
        let there = file.metadata().unwrap();
        assert_eq!(there.len(), 5);
        assert!(there.blocks() * 512 < 1 << 20, "{} blocks of 512 bytes are kept", there.blocks());
    }
}
