//! Objects as files in a folder. `object_store` reads, lists and keeps out of the tree; we write ourselves, because an
//! object is durable only when its bytes, its entry and the entry of every folder above it are synced, also when
//! another thread, or an earlier process, made that folder.

use super::ObjectError;
use crate::disk::{self, GroupSync, ReadOnce};
use object_store::local::LocalFileSystem;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Folders remembered as durable before the memory of them is started afresh.
const FOLDERS_MAX: usize = 10_000;
/// What is made in a folder of this mode belongs to the folder's group.
const SETGID: u32 = 0o2000;
/// Who may read and write, of a file's mode and of a folder's.
const READ_WRITE: u32 = 0o666;

/// Folders whose entries are to be synced together, when a batch ends.
pub(super) type Later = Mutex<BTreeSet<PathBuf>>;

pub(super) struct Folder {
    root: PathBuf,
    /// Folders whose entries, up to the root, this process has synced.
    durable: Mutex<HashSet<PathBuf>>,
    /// Objects that come and go in one folder at the same moment share its sync.
    entries: Mutex<HashMap<PathBuf, Arc<GroupSync>>>,
    staged: AtomicU64,
    /// Nobody will read soon what is put here.
    is_seldom_read: AtomicBool,
}

impl Folder {
    pub(super) fn open(root: &Path) -> Result<(Self, LocalFileSystem), ObjectError> {
        let failed = |e: &dyn std::fmt::Display| ObjectError::world("open", &root.to_string_lossy(), e);
        if !root.is_absolute() {
            return Err(ObjectError::Config("a folder is given by its absolute path: file:///folder".into()));
        }
        disk::create_dirs(root).map_err(|e| failed(&e))?;
        let root = root.canonicalize().map_err(|e| failed(&e))?;
        let store = LocalFileSystem::new_with_prefix(&root).map_err(|e| failed(&e))?;
        // Staged names are digits after '#', which `object_store` takes for its own unfinished files and never lists.
        let staged = AtomicU64::new(u64::from(std::process::id()) << 32);
        Ok((
            Self {
                root,
                durable: Mutex::default(),
                entries: Mutex::default(),
                staged,
                is_seldom_read: AtomicBool::new(false),
            },
            store,
        ))
    }

    pub(super) fn set_seldom_read(&self) {
        self.is_seldom_read.store(true, Ordering::Relaxed);
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    fn place(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    pub(super) fn open_file(&self, name: &str) -> Result<ReadOnce, ObjectError> {
        super::check_name(name)?;
        let file = ReadOnce::open(&self.place(name)).map_err(|e| fault("open", name, &e))?;
        match file.file().metadata() {
            Ok(meta) if meta.is_file() => Ok(file),
            Ok(_) => Err(ObjectError::NotFound(name.into())),
            Err(e) => Err(fault("open", name, &e)),
        }
    }

    /// Writes beside the place, syncs, moves in (or links, if it must be new), syncs the folder.
    pub(super) fn put(
        &self,
        name: &str,
        source: &mut dyn BufRead,
        fresh: bool,
        later: Option<&Later>,
    ) -> Result<u64, ObjectError> {
        let place = self.place(name);
        let failed = |e: io::Error| fault("put", name, &e);
        let parent = place.parent().unwrap_or(&self.root);
        self.make_durable(parent).map_err(failed)?;
        if fresh && place.exists() {
            // Whoever put it may not have synced its entry yet; after this we may speak for it.
            disk::sync_dir(parent).map_err(failed)?;
            return Err(ObjectError::AlreadyExists(name.into()));
        }
        let staged = self.staged(&place);
        let outcome = self.stage(name, source, &staged).and_then(|bytes| {
            let moved =
                if fresh { std::fs::hard_link(&staged, &place) } else { std::fs::rename(&staged, &place) };
            match moved {
                Err(e) if fresh && e.kind() == io::ErrorKind::AlreadyExists => {
                    disk::sync_dir(parent).map_err(failed)?;
                    Err(ObjectError::AlreadyExists(name.into()))
                }
                moved => moved.map(|()| bytes).map_err(failed),
            }
        });
        if fresh || outcome.is_err() {
            // What stays is invisible and goes with the next sweep.
            let _ = std::fs::remove_file(&staged);
        }
        let bytes = outcome?;
        self.sync_entries(parent, later).map_err(failed)?;
        Ok(bytes)
    }

    /// Gives an object of another folder a second entry here, and syncs that; the answer is its length. `None`: it cannot be
    /// done (another file system, a name that is taken, whatever else), and the object is to be copied.
    ///
    /// Its bytes need no sync: they had theirs before the object had its name.
    pub(super) fn link(
        &self,
        name: &str,
        from: &Self,
        from_name: &str,
        later: Option<&Later>,
    ) -> Result<Option<u64>, ObjectError> {
        let (place, source) = (self.place(name), from.place(from_name));
        let failed = |e: io::Error| fault("link", name, &e);
        let parent = place.parent().unwrap_or(&self.root);
        self.make_durable(parent).map_err(failed)?;
        // Whoever reads here by the folder's group could not read another's file.
        if parent.metadata().map_err(failed)?.mode() & SETGID != 0 {
            return Ok(None);
        }
        let bytes = match source.symlink_metadata() {
            Ok(meta) if meta.is_file() => meta.len(),
            _ => return Ok(None),
        };
        if std::fs::hard_link(&source, &place).is_err() {
            return Ok(None);
        }
        self.sync_entries(parent, later).map_err(failed)?;
        Ok(Some(bytes))
    }

    /// Gives the file that was read an entry here, in place of what was there, and syncs both; see [`Objects::link`].
    ///
    /// [`Objects::link`]: super::Objects::link
    pub(super) fn link_read(
        &self,
        name: &str,
        from: &Self,
        from_name: &str,
        read: &File,
        later: Option<&Later>,
    ) -> Result<bool, ObjectError> {
        let place = self.place(name);
        let failed = |e: io::Error| fault("link", name, &e);
        let parent = place.parent().unwrap_or(&self.root);
        self.make_durable(parent).map_err(failed)?;
        let staged = self.staged(&place);
        if std::fs::hard_link(from.place(from_name), &staged).is_err() {
            return Ok(false);
        }
        let linked = (|| {
            let (meta, read_meta) = (staged.symlink_metadata()?, read.metadata()?);
            let is_same = (meta.dev(), meta.ino()) == (read_meta.dev(), read_meta.ino());
            // As open to readers as what is written here: folders and files are made under one mask.
            let above = parent.metadata()?.mode();
            let reads = above & SETGID == 0 && meta.mode() & READ_WRITE == above & READ_WRITE;
            if !(is_same && reads && disk::is_ours(&meta)) {
                return Ok(false);
            }
            // Whoever put it may have synced nothing.
            read.sync_all()?;
            std::fs::rename(&staged, &place)?;
            Ok(true)
        })();
        // Still there if it was not to be, and if the place had this file already: then a rename does nothing.
        let _ = std::fs::remove_file(&staged);
        if linked.map_err(failed)? {
            self.sync_entries(parent, later).map_err(failed)?;
            return Ok(true);
        }
        Ok(false)
    }

    /// A name beside the place that shows to nobody.
    fn staged(&self, place: &Path) -> PathBuf {
        let mut staged = place.to_owned().into_os_string();
        staged.push(format!("#{}", self.staged.fetch_add(1, Ordering::Relaxed)));
        PathBuf::from(staged)
    }

    /// Whether an object of this length is here. Whoever put it may not have synced its entry: that is left for later.
    pub(super) fn holds(&self, name: &str, bytes: u64, later: &Later) -> Result<bool, ObjectError> {
        let place = self.place(name);
        let failed = |e: io::Error| fault("head", name, &e);
        match place.symlink_metadata() {
            Ok(meta) if meta.is_file() && meta.len() == bytes => {
                let parent = place.parent().unwrap_or(&self.root);
                let synced = self.make_durable(parent).and_then(|()| self.sync_entries(parent, Some(later)));
                synced.map(|()| true).map_err(failed)
            }
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(failed(e)),
            _ => Ok(false),
        }
    }

    /// Syncs the folders in which entries were left for later.
    pub(super) fn settle(&self, later: &Later) -> Result<(), ObjectError> {
        let dirs = std::mem::take(&mut *later.lock().unwrap_or_else(PoisonError::into_inner));
        dirs.iter().try_for_each(|dir| {
            self.sync_entries(dir, None).map_err(|e| fault("sync", &dir.to_string_lossy(), &e))
        })
    }

    fn sync_entries(&self, dir: &Path, later: Option<&Later>) -> io::Result<()> {
        if let Some(later) = later {
            later.lock().unwrap_or_else(PoisonError::into_inner).insert(dir.to_owned());
            return Ok(());
        }
        let group = {
            let mut groups = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
            if groups.len() >= FOLDERS_MAX {
                groups.clear();
            }
            Arc::clone(groups.entry(dir.to_owned()).or_default())
        };
        group.sync_dir(dir)
    }

    fn stage(&self, name: &str, source: &mut dyn BufRead, staged: &Path) -> Result<u64, ObjectError> {
        let failed = |e: io::Error| fault("put", name, &e);
        let mut file = OpenOptions::new().write(true).create_new(true).open(staged).map_err(failed)?;
        let mut bytes = 0;
        loop {
            let read = match source.fill_buf() {
                Ok([]) => break,
                Ok(piece) => file.write_all(piece).map(|()| piece.len()).map_err(failed)?,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => return Err(ObjectError::Source { name: name.into(), source }),
            };
            source.consume(read);
            bytes += read as u64;
        }
        file.sync_all().map_err(failed)?;
        if self.is_seldom_read.load(Ordering::Relaxed) {
            disk::forget(&file);
        }
        Ok(bytes)
    }

    pub(super) fn delete(&self, name: &str) -> Result<(), ObjectError> {
        let place = self.place(name);
        let failed = |e: io::Error| fault("delete", name, &e);
        match std::fs::remove_file(&place) {
            Ok(()) => disk::sync_parent(&place).map_err(failed),
            // Perhaps an earlier process removed it and was cut off before it could sync.
            Err(e) if e.kind() == io::ErrorKind::NotFound => match disk::sync_parent(&place) {
                Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
                synced => synced.map_err(failed),
            },
            Err(e) => Err(failed(e)),
        }
    }

    pub(super) fn delete_all(&self, names: &[String]) -> Result<(), ObjectError> {
        let mut parents = BTreeMap::new();
        for name in names {
            let place = self.place(name);
            match std::fs::remove_file(&place) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(fault("delete", name, &e)),
                _ => parents.insert(place.parent().unwrap_or(&self.root).to_owned(), name),
            };
        }
        for (parent, name) in parents {
            match disk::sync_dir(&parent) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(fault("delete", name, &e)),
                _ => {}
            }
        }
        Ok(())
    }

    pub(super) fn sweep(&self, prefix: &str) -> Result<u64, ObjectError> {
        fn walk(dir: &Path) -> io::Result<u64> {
            let mut removed = 0;
            for entry in std::fs::read_dir(dir)? {
                let entry = entry?;
                if entry.file_type()?.is_dir() {
                    removed += walk(&entry.path())?;
                } else if is_staged(&entry.file_name().to_string_lossy()) {
                    std::fs::remove_file(entry.path())?;
                    removed += 1;
                }
            }
            Ok(removed)
        }
        match walk(&self.root.join(prefix)) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(0),
            swept => swept.map_err(|e| fault("sweep", prefix, &e)),
        }
    }

    /// Makes the folder and syncs the chain of entries up to the root, once per folder and process.
    fn make_durable(&self, dir: &Path) -> io::Result<()> {
        let mut durable = self.durable.lock().unwrap_or_else(PoisonError::into_inner);
        if durable.contains(dir) && dir.is_dir() {
            return Ok(());
        }
        std::fs::create_dir_all(dir)?;
        let mut above = dir;
        while above != self.root {
            disk::sync_parent(above)?;
            above = above.parent().unwrap_or(&self.root);
        }
        if durable.len() >= FOLDERS_MAX {
            durable.clear();
        }
        durable.insert(dir.to_owned());
        Ok(())
    }
}

fn is_staged(name: &str) -> bool {
    name.rsplit_once('#').is_some_and(|(_, n)| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}

fn fault(doing: &'static str, name: &str, error: &io::Error) -> ObjectError {
    match error.kind() {
        io::ErrorKind::NotFound => ObjectError::NotFound(name.into()),
        io::ErrorKind::AlreadyExists => ObjectError::AlreadyExists(name.into()),
        _ => ObjectError::world(doing, name, error),
    }
}
