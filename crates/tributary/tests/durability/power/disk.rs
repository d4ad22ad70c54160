//! A disk that forgets: files and folders as a log made them, and what of them outlives a power cut.
//!
//! The model is strict. Of a file outlives what was there when it was last synced; of a folder, the entries that it had when it
//! was last synced. A file whose own sync made nothing of its entry durable is lost if its folder was not synced; an entry
//! whose file was never synced names an empty file. What a real disk may have kept beyond that is tried too, by the toss of a coin.

use super::log::{Act, Log};
use sim::random::Random;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::ops::Range;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Which syncs are taken for none: given the path, and whether it is a folder.
pub(crate) type Ignore<'a> = &'a dyn Fn(&Path, bool) -> bool;

/// What a cut leaves of changes that were never synced.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Keeps {
    /// Nothing.
    Nothing,
    /// Each, or not, by the toss of a coin.
    Some(u64),
    /// Everything: as if the processes alone had been killed.
    All,
}

/// Whose machine loses its power; the inbox loses it with either.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Whose {
    Both,
    Hub,
    National,
}

impl Whose {
    /// Whether what lies in this folder below the root stays on.
    fn spares(self, path: &Path) -> bool {
        match self {
            Self::Both => false,
            Self::Hub => path.starts_with("national") || path.starts_with("warehouse"),
            Self::National => path.starts_with("hub"),
        }
    }
}

/// Files by their paths, and folders.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tree {
    pub(crate) files: BTreeMap<PathBuf, Vec<u8>>,
    pub(crate) folders: BTreeSet<PathBuf>,
}

/// The disk.
pub(crate) struct Disk<'a> {
    log: &'a Log,
    ignore: Ignore<'a>,
    root: PathBuf,
    files: Vec<File>,
    by_inode: HashMap<u64, usize>,
    folders: BTreeMap<PathBuf, Folder>,
    next: usize,
}

#[derive(Default)]
struct File {
    durable: Vec<u8>,
    pending: Vec<(u64, Change)>,
}

enum Change {
    Write { at: u64, data: Range<usize> },
    Truncate(u64),
}

#[derive(Default)]
struct Folder {
    live: BTreeMap<String, Entry>,
    durable: BTreeMap<String, Entry>,
    pending: Vec<(u64, Together)>,
}

/// Entries that change at once, as in a renaming: what each name stands for then.
type Together = Vec<(String, Option<Entry>)>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entry {
    File(usize),
    Folder,
}

impl<'a> Disk<'a> {
    /// The disk as a folder is now, all of it durable, before the log's first act.
    pub(crate) fn of(root: &Path, log: &'a Log, ignore: Ignore<'a>, start: &Start) -> Self {
        let mut disk = Self {
            log,
            ignore,
            root: root.to_owned(),
            files: Vec::new(),
            by_inode: HashMap::new(),
            folders: BTreeMap::new(),
            next: 0,
        };
        for folder in &start.tree.folders {
            disk.folders.insert(folder.clone(), Folder::default());
        }
        for (path, bytes) in &start.tree.files {
            let id = disk.new_file(start.inodes[path]);
            disk.files[id].durable = bytes.clone();
            disk.change(path, Some(Entry::File(id)), 0);
        }
        for folder in start.tree.folders.iter().filter(|folder| *folder != root) {
            disk.change(folder, Some(Entry::Folder), 0);
        }
        for folder in disk.folders.values_mut() {
            folder.sync(u64::MAX);
        }
        disk
    }

    /// Lets happen all that the log has before this place.
    pub(crate) fn play_to(&mut self, place: u64) {
        while let Some((at, act)) = self.log.acts.get(self.next).filter(|(at, _)| at.end <= place) {
            self.next += 1;
            self.play(at.start, act);
        }
    }

    /// How many acts have been.
    pub(crate) fn acts(&self) -> usize {
        self.next
    }

    fn play(&mut self, now: u64, act: &Act) {
        match act {
            Act::Create { path, inode } => {
                let id = self.new_file(*inode);
                self.change(path, Some(Entry::File(id)), now);
            }
            Act::Anonymous { inode } => {
                self.new_file(*inode);
            }
            Act::Write { inode, at, data } => {
                let change = Change::Write { at: *at, data: data.clone() };
                self.file(*inode).pending.push((now, change));
            }
            Act::Truncate { inode, length } => {
                self.file(*inode).pending.push((now, Change::Truncate(*length)));
            }
            Act::Link { from, to } => self.change(to, Some(self.entry(from)), now),
            Act::Rename { from, to } => {
                let entry = self.entry(from);
                assert!(matches!(entry, Entry::File(_)), "no folder is ever renamed: {}", from.display());
                if from.parent() == to.parent() {
                    let (folder, new) = split(to);
                    let changes = vec![(split(from).1, None), (new, Some(entry))];
                    self.folders.get_mut(&folder).unwrap().change(now, changes);
                } else {
                    self.change(to, Some(entry), now);
                    self.change(from, None, now);
                }
            }
            Act::Unlink { path } | Act::RemoveDir { path } => self.change(path, None, now),
            Act::MakeDir { path } => {
                self.folders.insert(path.clone(), Folder::default());
                self.change(path, Some(Entry::Folder), now);
            }
            Act::Sync { path, inode, covers } => {
                if (self.ignore)(path, inode.is_none()) {
                    return;
                }
                match inode {
                    Some(inode) => {
                        let log = self.log;
                        self.file(*inode).sync(*covers, &log.bytes);
                    }
                    None => self.folders.get_mut(path).unwrap().sync(*covers),
                }
            }
        }
    }

    fn new_file(&mut self, inode: u64) -> usize {
        self.files.push(File::default());
        self.by_inode.insert(inode, self.files.len() - 1);
        self.files.len() - 1
    }

    fn file(&mut self, inode: u64) -> &mut File {
        &mut self.files[self.by_inode[&inode]]
    }

    fn entry(&self, path: &Path) -> Entry {
        let (folder, name) = split(path);
        self.folders[&folder].live[&name]
    }

    fn change(&mut self, path: &Path, entry: Option<Entry>, now: u64) {
        let (folder, name) = split(path);
        self.folders.get_mut(&folder).unwrap().change(now, vec![(name, entry)]);
    }

    /// What is there once the power is back.
    pub(crate) fn after_cut(&self, keeps: Keeps, whose: Whose) -> Tree {
        let mut random = match keeps {
            Keeps::Some(seed) => Some(Random::labelled(seed, "cut")),
            _ => None,
        };
        let mut toss = || match keeps {
            Keeps::Nothing => false,
            Keeps::All => true,
            Keeps::Some(_) => random.as_mut().is_some_and(|random| random.below(2) == 0),
        };
        let mut tree = Tree::default();
        let mut folders = vec![self.root.clone()];
        while let Some(path) = folders.pop() {
            let folder = &self.folders[&path];
            let spared = whose.spares(path.strip_prefix(&self.root).unwrap());
            let mut keep = || spared || toss();
            let mut entries = folder.durable.clone();
            for (_, changes) in &folder.pending {
                if keep() {
                    apply(&mut entries, changes);
                }
            }
            for (name, entry) in entries {
                match entry {
                    Entry::Folder => folders.push(path.join(name)),
                    Entry::File(id) => {
                        let file = &self.files[id];
                        let mut bytes = file.durable.clone();
                        for (_, change) in &file.pending {
                            if keep() {
                                change.apply(&mut bytes, &self.log.bytes);
                            }
                        }
                        tree.files.insert(path.join(name), bytes);
                    }
                }
            }
            tree.folders.insert(path);
        }
        tree
    }
}

impl File {
    fn sync(&mut self, covers: u64, log: &[u8]) {
        let upto = self.pending.partition_point(|(at, _)| *at < covers);
        for (_, change) in self.pending.drain(..upto) {
            change.apply(&mut self.durable, log);
        }
    }
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>, log: &[u8]) {
        match self {
            Self::Truncate(length) => bytes.resize(usize::try_from(*length).unwrap(), 0),
            Self::Write { at, data } => {
                let at = usize::try_from(*at).unwrap();
                let end = at + data.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[at..end].copy_from_slice(&log[data.clone()]);
            }
        }
    }
}

impl Folder {
    fn change(&mut self, now: u64, changes: Together) {
        apply(&mut self.live, &changes);
        self.pending.push((now, changes));
    }

    fn sync(&mut self, covers: u64) {
        let upto = self.pending.partition_point(|(at, _)| *at < covers);
        for (_, changes) in self.pending.drain(..upto) {
            apply(&mut self.durable, &changes);
        }
    }
}

fn apply(entries: &mut BTreeMap<String, Entry>, changes: &[(String, Option<Entry>)]) {
    for (name, entry) in changes {
        match entry {
            Some(entry) => entries.insert(name.clone(), *entry),
            None => entries.remove(name),
        };
    }
}

fn split(path: &Path) -> (PathBuf, String) {
    (path.parent().unwrap().to_owned(), path.file_name().unwrap().to_str().unwrap().to_owned())
}

/// A folder before the log begins.
pub(crate) struct Start {
    tree: Tree,
    inodes: HashMap<PathBuf, u64>,
}

impl Start {
    /// Reads it.
    pub(crate) fn read(root: &Path) -> Self {
        let tree = Tree::read(root);
        let inodes =
            tree.files.keys().map(|path| (path.clone(), fs::metadata(path).unwrap().ino())).collect();
        Self { tree, inodes }
    }
}

impl Tree {
    /// Reads a real folder, all of it.
    pub(crate) fn read(root: &Path) -> Self {
        let mut tree = Self::default();
        let mut folders = vec![root.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    tree.files.insert(path.clone(), fs::read(&path).unwrap());
                }
            }
            tree.folders.insert(folder);
        }
        tree
    }

    /// Writes it into another, new folder.
    pub(crate) fn write(&self, root: &Path, to: &Path) {
        for folder in &self.folders {
            fs::create_dir_all(to.join(folder.strip_prefix(root).unwrap())).unwrap();
        }
        for (path, bytes) in &self.files {
            let place = to.join(path.strip_prefix(root).unwrap());
            fs::write(&place, bytes).unwrap();
            // Keys that others may read are refused.
            fs::set_permissions(&place, fs::Permissions::from_mode(0o600)).unwrap();
        }
    }
}
