//! One night of the real processes under the shim: what they did to their disks, and what they had answered by when.

use super::super::place::{Facts, Place, files};
use super::super::shim::Shim;
use super::super::small::{import, outgoing, push, region};
use super::disk::{Disk, Keeps, Start, Tree, Whose};
use super::log::Log;
use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// What is pushed comes on so many associations, one after the other, while the rest of the night goes on.
const PUSHES: usize = 5;
const PAUSE: Duration = Duration::from_millis(400);

/// An instance that was answered 0x0000.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) uid: String,
    /// The log's length when the sender knew.
    pub(crate) at: u64,
    /// Whether its sender forgets it then.
    pub(crate) pushed: bool,
}

/// The night.
pub(crate) struct Recording {
    pub(crate) place: Place,
    pub(crate) start: Start,
    pub(crate) log: Log,
    pub(crate) answered: Vec<Answered>,
    /// Where everything stood in the end.
    pub(crate) facts: Facts,
}

impl Recording {
    /// Plays and records; `None` where there is no C compiler.
    pub(crate) async fn make(folder: &Path, seed: u64) -> Option<Self> {
        let root = folder.join("night");
        fs::create_dir(&root).unwrap();
        let log = folder.join("log");
        fs::write(&log, b"").unwrap();
        let shim = Shim::build(folder, &root)?.recording(log.clone());
        let (region, pushing) = region(seed);
        let mut place = Place::open(&root, region, None, Some(pushing)).await;
        place.shim = Some(shim);
        import(&place).await;
        let start = Start::read(&root);
        let mut processes = [place.start("hub"), place.start("national")];
        processes[0].wait_until_serving();
        let length = || fs::metadata(&log).unwrap().len();
        let mut answered = Vec::new();
        let watch = watch(&place, log.clone());
        push(&place, &outgoing(&place), PUSHES, PAUSE, |uid, status| {
            assert_eq!(status, dicom::dimse::Status::SUCCESS);
            answered.push(Answered { uid: uid.to_owned(), at: length(), pushed: true });
        })
        .await;
        place.finish(&mut processes, &[]).await;
        for process in &mut processes {
            process.kill();
        }
        drop(processes);
        answered.extend(watch.ended().await);
        let mut recording = Self { start, log: Log::read(&log), answered, facts: Facts::new(), place };
        // First: whoever opens and closes a database tidies it up.
        recording.check_is_whole();
        recording.facts = recording.place.facts().await;
        Some(recording)
    }

    /// The shim has missed nothing: played to its end, the log makes the very folder that is there.
    fn check_is_whole(&self) {
        let mut disk = self.disk(&|_, _| false);
        disk.play_to(u64::MAX);
        let (mut played, mut real) =
            (disk.after_cut(Keeps::All, Whose::Both), Tree::read(&self.place.folder));
        for tree in [&mut played, &mut real] {
            tree.files.retain(|path, _| {
                // The processes' logs are opened by the test; an index of a log is mapped, and made anew after a cut.
                path.extension().is_none_or(|e| e != "log") && !path.to_string_lossy().ends_with("-shm")
            });
        }
        assert_eq!(played.folders, real.folders);
        let names = |tree: &Tree| tree.files.keys().cloned().collect::<BTreeSet<PathBuf>>();
        let differing: Vec<_> = names(&played).symmetric_difference(&names(&real)).cloned().collect();
        assert!(differing.is_empty(), "the shim has missed something: {differing:#?}");
        for (path, bytes) in &real.files {
            assert!(played.files[path] == *bytes, "the shim has missed something of {}", path.display());
        }
    }

    /// The disk at the night's begin; these syncs are taken for none.
    pub(crate) fn disk<'a>(&'a self, ignore: super::disk::Ignore<'a>) -> Disk<'a> {
        Disk::of(&self.place.folder, &self.log, ignore, &self.start)
    }

    /// What had been answered 0x0000 by then.
    pub(crate) fn answered_by(&self, place: u64) -> Vec<&str> {
        self.answered.iter().filter(|a| a.at <= place).map(|a| a.uid.as_str()).collect()
    }
}

/// Notes what archives that were asked have been answered, soon after.
struct Watch {
    stop: tokio::sync::oneshot::Sender<()>,
    task: tokio::task::JoinHandle<Vec<Answered>>,
}

fn watch(place: &Place, log: PathBuf) -> Watch {
    let archives: Vec<_> =
        place.archives.iter().flatten().map(|running| Arc::clone(&running.archive)).collect();
    let (stop, mut stopped) = tokio::sync::oneshot::channel();
    let task = tokio::spawn(async move {
        let mut answered: Vec<Answered> = Vec::new();
        let mut seen = vec![0; archives.len()];
        while stopped.try_recv().is_err() {
            for (seen, archive) in seen.iter_mut().zip(&archives) {
                let delivered = archive.delivered();
                let at = fs::metadata(&log).unwrap().len();
                let new = delivered[*seen..].iter();
                answered.extend(new.map(|uid| Answered { uid: uid.clone(), at, pushed: false }));
                *seen = delivered.len();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        answered
    });
    Watch { stop, task }
}

impl Watch {
    async fn ended(self) -> Vec<Answered> {
        self.stop.send(()).unwrap();
        self.task.await.unwrap()
    }
}

/// A night's tree in another place: its papers name that place.
pub(crate) async fn resume(recording: &Recording, tree: &Tree, folder: &Path) -> Place {
    let old = &recording.place;
    tree.write(&old.folder, folder);
    for paper in files(folder).into_iter().filter(|path| path.extension().is_some_and(|e| e == "toml")) {
        let text = fs::read_to_string(&paper).unwrap();
        let text = text.replace(old.folder.to_str().unwrap(), folder.to_str().unwrap());
        fs::write(&paper, text).unwrap();
    }
    let address: SocketAddr = old.hub_address;
    Place::begin(folder, old.region.clone(), old.ports.clone(), address, old.pushing).await
}
