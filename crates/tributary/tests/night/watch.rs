//! Looks at what processes keep for a moment only: files in the temporary folder, files half written, files without a name.

use super::search::files;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often it is looked.
const LOOK: Duration = Duration::from_millis(10);

/// Copies whatever it sees, until it is stopped.
pub(crate) struct Watch {
    stop: Arc<AtomicBool>,
    processes: Arc<Mutex<Vec<u32>>>,
    thread: JoinHandle<BTreeMap<&'static str, usize>>,
}

impl Watch {
    /// Watches `temporary`, and half-written files below `work`; copies go to `copies`.
    pub(crate) fn begin(temporary: &Path, work: &Path, copies: &Path) -> Self {
        fs::create_dir_all(copies).unwrap();
        let (stop, processes) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let (stopped, watched) = (Arc::clone(&stop), Arc::clone(&processes));
        let (temporary, work, copies) = (temporary.to_owned(), work.to_owned(), copies.to_owned());
        let thread = std::thread::spawn(move || {
            let (mut seen, mut counts) = (BTreeMap::new(), BTreeMap::new());
            while !stopped.load(Ordering::Relaxed) {
                let pids: Vec<u32> = watched.lock().unwrap().clone();
                let mut all: Vec<(&'static str, PathBuf)> = Vec::new();
                all.extend(files(&temporary).into_iter().map(|path| ("temporary", path)));
                all.extend(files(&work).into_iter().filter(|p| is_unfinished(p)).map(|p| ("unfinished", p)));
                all.extend(pids.into_iter().flat_map(nameless).map(|path| ("nameless", path)));
                for (what, path) in all {
                    // Gone again, or just as it was: nothing to copy.
                    let Ok(bytes) = fs::metadata(&path).map(|meta| meta.len()) else { continue };
                    if bytes == 0 || seen.insert(path.clone(), bytes) == Some(bytes) {
                        continue;
                    }
                    let n: usize = counts.values().sum();
                    if fs::copy(&path, copies.join(format!("{what}-{n}"))).is_ok() {
                        *counts.entry(what).or_default() += 1;
                    }
                }
                std::thread::sleep(LOOK);
            }
            counts
        });
        Self { stop, processes, thread }
    }

    /// Looks at a process too.
    pub(crate) fn process(&self, pid: u32) {
        self.processes.lock().unwrap().push(pid);
    }

    /// How many of each were copied.
    pub(crate) fn end(self) -> BTreeMap<&'static str, usize> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

fn is_unfinished(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.contains('#') || name.ends_with(".tmp") || name.ends_with(".part") || name.starts_with("fetched-")
}

/// Files that a process has open and that have no name any more.
fn nameless(pid: u32) -> Vec<PathBuf> {
    let Ok(open) = fs::read_dir(format!("/proc/{pid}/fd")) else { return Vec::new() };
    let open = open.flatten().map(|entry| entry.path());
    let is_nameless = |path: &PathBuf| {
        fs::read_link(path)
            .is_ok_and(|to| to.starts_with("/") && to.to_string_lossy().ends_with(" (deleted)"))
    };
    open.filter(is_nameless).collect()
}
