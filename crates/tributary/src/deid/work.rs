//! The second pass: each file through the wall, several at once, and into OUT.

use super::feed::{Feed, sheltered};
use super::outcome::{Outcome, Output};
use super::places::{Places, WORKING_NAME};
use super::store::{Done, Earlier, Pixels, Store, Task, Treatment};
use super::tell::Teller;
use super::witnesses::People;
use ::deid::custody::Custody;
use ::deid::instance::{Instance, PixelVerdict, Written};
use ::deid::pixels::{PixelPolicy, Review};
use ::deid::profile::Profile;
use ::deid::pseudonym::{Pseudonymiser, Subject};
use ::deid::verify::{Residue, Verifier};
use anyhow::{Context, Result};
use dicom::part10::Limits;
use indicatif::{ProgressBar, ProgressStyle};
use platform::disk;
use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use submission::digest::{Digest, Hasher};
use submission::pseudonym::Pseudonym;

/// A worker keeps what it has cleared until it is so much, then notes it in the store and renames it into OUT.
const PENDING_FILES_MAX: usize = 256;
const PENDING_BYTES_MAX: u64 = 256 << 20;

/// What goes out is hardly ever shorter than what came in by more than this.
const HEADER_SHRINKS_BYTES_MAX: u64 = 64 << 10;

/// A file is read in pieces of this size.
const PIECE_BYTES: usize = 64 << 10;

/// Why a file does not go on: something of its own, or something that stops all work.
enum Stop {
    Held(String),
    Failed(anyhow::Error),
}

impl From<anyhow::Error> for Stop {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

fn held(code: &str) -> Stop {
    Stop::Held(code.to_owned())
}

/// Everything that the files of one run share.
pub(super) struct Work<'a> {
    places: &'a Places,
    store: &'a Store,
    people: People<'a>,
    custody: &'a Custody,
    teller: &'a Teller,
    profile: Arc<Profile>,
    pseudonymiser: &'a Pseudonymiser,
    pixels: PixelPolicy,
    verifier: Verifier,
    limits: Limits,
    workshop: PathBuf,
    /// Only tells what would happen.
    is_rehearsal: bool,
}

/// A file that passed the wall and lies in the workshop.
struct Cleaned {
    output: Output,
    uids: Vec<(String, String)>,
    treatment: Option<Treatment>,
    pixels: Option<Pixels>,
}

impl<'a> Work<'a> {
    pub(super) fn new(
        (places, store): (&'a Places, &'a Store),
        (custody, teller): (&'a Custody, &'a Teller),
        (profile, pixels): (Arc<Profile>, PixelPolicy),
        pseudonymiser: &'a Pseudonymiser,
        is_rehearsal: bool,
    ) -> Result<Self> {
        Ok(Self {
            places,
            store,
            people: People::new(store),
            custody,
            teller,
            profile,
            pseudonymiser,
            pixels,
            verifier: Verifier::default(),
            limits: Limits::default(),
            workshop: places.workshop()?,
            is_rehearsal,
        })
    }

    /// Works through all files.
    pub(super) fn all(&self, workers: usize) -> Result<()> {
        let bar = progress("cleaning", self.store.files_count()?.0);
        let mut after = PathBuf::new();
        let feed = Feed::new(|| {
            let batch = self.store.to_clean(&after)?;
            if let Some(last) = batch.last() {
                after.clone_from(&last.path);
            }
            Ok(batch)
        });
        feed.share(workers, |number| {
            let mut desk = Desk::new(self, number, &bar);
            let worked = (|| {
                while let Some(task) = feed.next()? {
                    desk.group(task)?;
                }
                Ok(())
            })();
            // What was cleared before something failed is cleared all the same.
            desk.put().and(worked)
        })?;
        bar.finish_and_clear();
        Ok(())
    }

    /// One file through the wall, into the workshop.
    fn one(&self, task: &Task, part: &Path) -> Result<Cleaned, Stop> {
        let person = task.person.clone().map_err(Stop::Held)?;
        let file = File::open(self.places.root.join(&task.path)).map_err(|_| held("unreadable-file"))?;
        let reserved = file.metadata().map_or(0, |it| it.len()).saturating_sub(HEADER_SHRINKS_BYTES_MAX);
        let opened =
            Instance::open(Box::new(file), &self.limits).map_err(|rejection| held(rejection.code()))?;
        let outline = self.teller.tells_actions().then(|| opened.outline());
        let witnesses = self.people.witnesses(&person)?;
        let known = witnesses.needles(&self.places.root).map_err(held)?;
        let subject = self.subject(person);
        let cleaned = opened
            .clean_tags(&self.profile, &subject, self.pseudonymiser, known)
            .map_err(|rejection| held(rejection.code()))?;
        let judged = match cleaned.clean_pixels(&self.pixels, Review::Pending) {
            PixelVerdict::Clear(instance) => instance,
            PixelVerdict::Review { reasons, .. } | PixelVerdict::Reject(reasons) => {
                let codes: Vec<&str> = reasons.iter().map(|reason| reason.code()).collect();
                return Err(Stop::Held(codes.join(";")));
            }
        };
        let mut out = OpenOptions::new()
            .create(true)
            .read(true)
            .write(true)
            .truncate(true)
            .open(part)
            .with_context(|| format!("file {}", part.display()))?;
        disk::reserve(&out, reserved);
        // Nobody asks for the clearances of a folder.
        let (clean, written) = judged.verify_and_write_here(&mut out, &self.verifier).map_err(stop)?;
        if written.bytes < reserved {
            out.set_len(written.bytes).with_context(|| format!("file {}", part.display()))?;
        }
        let output = output(clean.uids(), &written);
        let uids =
            clean.replaced_uids(self.custody).map(|(old, new)| (old.to_owned(), new.to_owned())).collect();
        let treatment = outline.map(|outline| Treatment::of(&outline.changes(clean.header())));
        let pixels = self.teller.tells_actions().then(|| Pixels::of(&clean));
        Ok(Cleaned { output, uids, treatment, pixels })
    }

    fn subject(&self, pseudonym: Pseudonym) -> Subject {
        Subject { offset_days: self.pseudonymiser.offset_days(&pseudonym), pseudonym }
    }

    /// Whether an earlier run has brought this file to an end that still holds.
    fn is_done(&self, task: &Task) -> Result<bool> {
        let Some(Earlier { outcome, person, known, is_told }) = &task.earlier else { return Ok(false) };
        let same_person = person.as_deref() == task.person.as_ref().ok().map(Pseudonym::as_str);
        Ok(same_person
            && *known == self.known(task)?
            && match outcome {
                Outcome::Held(code) => {
                    !matches!(code.as_str(), "unreadable-file" | "io" | "source-io")
                        && task.person.as_ref().err().is_none_or(|why| why == code)
                }
                Outcome::Cleared(output) | Outcome::Repeated(output) => {
                    let there = fs::metadata(self.places.output.join(&output.place));
                    there.is_ok_and(|there| there.len() == output.bytes)
                        && (*is_told || !self.teller.tells_actions())
                }
            })
    }

    /// A digest of what is known of whom a file is about.
    fn known(&self, task: &Task) -> Result<Option<String>> {
        let witnesses = task.person.as_ref().ok().map(|person| self.people.witnesses(person)).transpose()?;
        Ok(witnesses.map(|witnesses| witnesses.digest.clone()))
    }
}

/// Where a cleared file belongs.
fn output([study, series, _]: [&str; 3], written: &Written) -> Output {
    Output { place: format!("{study}/{series}/{}", written.name), bytes: written.bytes }
}

/// What the first file of a SOP Instance UID has become: its place, and what stands there.
type First = Option<(Output, Digest)>;

/// Whether a file that was written at `part` repeats the first; `None` if it is the first.
fn repeats(first: &mut First, output: &Output, part: &Path) -> Result<Option<bool>> {
    let own = (output.clone(), digest(part)?);
    let repeats = first.as_ref().map(|first| *first == own);
    first.get_or_insert(own);
    Ok(repeats)
}

/// The digest of a file.
fn digest(path: &Path) -> Result<Digest> {
    let read = || -> io::Result<Digest> {
        let (mut file, mut hasher, mut piece) = (File::open(path)?, Hasher::default(), vec![0; PIECE_BYTES]);
        loop {
            match file.read(&mut piece)? {
                0 => return Ok(hasher.finish()),
                count => hasher.update(&piece[..count]),
            }
        }
    };
    read().with_context(|| format!("file {}", path.display()))
}

/// One worker's place: what it has cleared and not yet put into OUT.
struct Desk<'a> {
    work: &'a Work<'a>,
    number: usize,
    slot: usize,
    pending: Vec<(Done, Option<PathBuf>)>,
    bytes: u64,
    bar: &'a ProgressBar,
}

impl<'a> Desk<'a> {
    fn new(work: &'a Work<'a>, number: usize, bar: &'a ProgressBar) -> Self {
        Self { work, number, slot: 0, pending: Vec::new(), bytes: 0, bar }
    }

    /// The files with one SOP Instance UID, in order of path: done as a whole, or again as a whole.
    fn group(&mut self, task: Task) -> Result<()> {
        if task.alike < 2 {
            if self.work.is_done(&task)? {
                return self.earlier(&task);
            }
            self.undo(&task)?;
            return self.clean(task, None);
        }
        let uid = task.uid.unwrap_or_default();
        let mut all_done = true;
        self.each_alike(&uid, |desk, task| {
            all_done &= desk.work.is_done(&task)?;
            Ok(())
        })?;
        if all_done {
            return self.each_alike(&uid, |desk, task| desk.earlier(&task));
        }
        self.each_alike(&uid, |desk, task| desk.undo(&task))?;
        let mut first = None;
        self.each_alike(&uid, |desk, task| desk.clean(task, Some(&mut first)))
    }

    fn each_alike(&mut self, uid: &str, mut each: impl FnMut(&mut Self, Task) -> Result<()>) -> Result<()> {
        let mut after = PathBuf::new();
        loop {
            let batch = self.work.store.alike(uid, &after)?;
            let Some(last) = batch.last() else { return Ok(()) };
            after.clone_from(&last.path);
            batch.into_iter().try_for_each(|task| each(self, task))?;
        }
    }

    fn earlier(&self, task: &Task) -> Result<()> {
        self.bar.inc(1);
        if let Some(Earlier { outcome, .. }) = &task.earlier {
            let path = self.work.places.as_given(&task.path);
            self.work.teller.file(&path, outcome, || self.work.store.told(&task.path))?;
        }
        Ok(())
    }

    /// Takes back what an earlier run wrote for a file.
    fn undo(&self, task: &Task) -> Result<()> {
        if let Some(place) = &task.output
            && !self.work.is_rehearsal
        {
            remove(&self.work.places.output.join(place))?;
        }
        Ok(())
    }

    /// Cleans a file; `first`, where there are others with the same SOP Instance UID, is what the first of them has become.
    fn clean(&mut self, task: Task, first: Option<&mut First>) -> Result<()> {
        let part = format!("{WORKING_NAME}-{}-{}", self.number, self.slot);
        let place = self.work.workshop.join(part);
        self.slot += 1;
        let (mut uids, mut treatment, mut pixels) = (Vec::new(), None, None);
        let cleaned = sheltered(|| self.work.one(&task, &place));
        let cleaned = cleaned.unwrap_or_else(|| Err(held("internal-error")));
        let outcome = match cleaned {
            Ok(cleaned) => {
                let repeats = first.map(|first| repeats(first, &cleaned.output, &place)).transpose();
                if repeats.is_err() {
                    remove(&place)?;
                }
                let outcome = match repeats?.flatten() {
                    None => Outcome::Cleared(cleaned.output),
                    Some(true) => Outcome::Repeated(cleaned.output),
                    Some(false) => Outcome::Held("same-uid-other-content".to_owned()),
                };
                if outcome.output().is_some() {
                    (uids, treatment, pixels) = (cleaned.uids, cleaned.treatment, cleaned.pixels);
                }
                outcome
            }
            Err(Stop::Held(code)) => Outcome::Held(code),
            Err(Stop::Failed(error)) => {
                remove(&place)?;
                return Err(error);
            }
        };
        let part = if let Outcome::Cleared(output) = &outcome {
            self.bytes += output.bytes;
            Some(place)
        } else {
            // What verification refused may identify: it does not wait.
            remove(&place)?;
            None
        };
        let known = self.work.known(&task)?;
        let person = task.person.ok().map(|person| person.as_str().to_owned());
        self.pending.push((Done { path: task.path, person, known, outcome, uids, treatment, pixels }, part));
        self.bar.inc(1);
        if self.pending.len() >= PENDING_FILES_MAX || self.bytes >= PENDING_BYTES_MAX {
            self.put()?;
        }
        Ok(())
    }

    /// Notes what was done, then renames it into OUT: so nothing ever lies there that the state does not know.
    fn put(&mut self) -> Result<()> {
        let (done, parts): (Vec<Done>, Vec<_>) = std::mem::take(&mut self.pending).into_iter().unzip();
        (self.slot, self.bytes) = (0, 0);
        self.work.store.done(&done)?;
        for (done, part) in done.iter().zip(parts) {
            match (part, done.outcome.output()) {
                (Some(part), _) if self.work.is_rehearsal => remove(&part)?,
                (Some(part), Some(output)) => rename(&part, &self.work.places.output.join(&output.place))?,
                _ => {}
            }
            let path = self.work.places.as_given(&done.path);
            let told = || {
                let actions = done.treatment.as_ref().map(|treatment| treatment.actions.clone());
                Ok((actions, done.pixels.as_ref().map(|pixels| pixels.told.clone())))
            };
            self.work.teller.file(&path, &done.outcome, told)?;
        }
        Ok(())
    }
}

fn rename(part: &Path, place: &Path) -> Result<()> {
    let mut renamed = fs::rename(part, place);
    if let Some(folder) = place.parent().filter(|folder| renamed.is_err() && !folder.exists()) {
        fs::create_dir_all(folder).with_context(|| format!("folder {}", folder.display()))?;
        renamed = fs::rename(part, place);
    }
    renamed.with_context(|| format!("file {}", place.display()))
}

/// Removes a file if it is there.
pub(super) fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("file {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// A write that fails stops the run; everything else concerns this file.
fn stop(residue: Residue) -> Stop {
    match residue {
        Residue::Write(dicom::part10::WriteError::Io(error)) => {
            Stop::Failed(anyhow::Error::from(error).context("writing to OUT"))
        }
        other => held(other.code()),
    }
}

/// A bar on a terminal, nothing elsewhere.
pub(crate) fn progress(what: &'static str, files: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(files).with_prefix(what);
    match ProgressStyle::with_template("{prefix:>10} {bar:40} {pos} of {len} files, {per_sec}, {eta} left") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
