//! The work of `tributary deid`: each file through the wall, several at once.

use super::places::{Places, WORKING_NAME};
use ::deid::custody::{Custody, Sensitive};
use ::deid::facts::{NoNhsNumber, Patient};
use ::deid::identity::{PersonKey, is_placeholder};
use ::deid::instance::{Instance, PixelVerdict};
use ::deid::pixels::{PixelPolicy, Review};
use ::deid::profile::Profile;
use ::deid::pseudonym::Pseudonymiser;
use ::deid::verify::{Residue, Verifier};
use anyhow::{Context, Result, anyhow};
use dicom::part10::Limits;
use indicatif::{ProgressBar, ProgressStyle};
use platform::clock::{Clock, SystemClock};
use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File, OpenOptions};
use std::io::{BufReader, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use submission::clearance::Clearance;
use submission::digest::Digest;
use submission::signed::{PinnedKeys, Signed, Signer};

/// What became of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Written to OUT.
    Cleared,
    /// Another file of this run was the same instance with the same bytes.
    Repeated,
    /// Not written, for this reason.
    Held(String),
}

impl Outcome {
    pub(super) fn held_code(&self) -> Option<&str> {
        match self {
            Self::Held(code) => Some(code),
            Self::Cleared | Self::Repeated => None,
        }
    }
}

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
    custody: &'a Custody,
    profile: Arc<Profile>,
    pseudonymiser: Pseudonymiser,
    pixels: PixelPolicy,
    signer: Signer,
    keys: PinnedKeys,
    limits: Limits,
    /// What was written where, and how often it came.
    written: Mutex<HashMap<PathBuf, (Digest, u32)>>,
    mapping: Mutex<BTreeMap<String, String>>,
}

impl<'a> Work<'a> {
    pub(super) fn new(
        places: &'a Places,
        custody: &'a Custody,
        profile: Arc<Profile>,
        pseudonymiser: Pseudonymiser,
        pixels: PixelPolicy,
    ) -> Result<Self> {
        // Nobody asks for the clearances of a folder; the key that signs them lives as long as the run.
        let signer = Signer::from_seed(&platform::keys::random()?).context("signing key")?;
        Ok(Self {
            places,
            custody,
            profile,
            pseudonymiser,
            pixels,
            keys: PinnedKeys::new([signer.public_key()]),
            signer,
            limits: Limits::default(),
            written: Mutex::default(),
            mapping: Mutex::default(),
        })
    }

    /// Works through all files; the outcomes come in their order.
    pub(super) fn all<'f>(&self, files: &'f [PathBuf], workers: usize) -> Result<Vec<(&'f Path, Outcome)>> {
        let bar = progress(files.len());
        let next = AtomicUsize::new(0);
        let stopped = AtomicBool::new(false);
        let one_worker = |number: usize| -> Result<Vec<(usize, Outcome)>> {
            let part = self.places.output.join(format!("{WORKING_NAME}-{}-{number}", std::process::id()));
            let verifier = Verifier::default();
            let mut outcomes = Vec::new();
            while let Some((at, path)) = next_of(files, &next).filter(|_| !stopped.load(Ordering::Relaxed)) {
                let outcome = match self.one(path, &part, &verifier) {
                    Ok(outcome) => outcome,
                    Err(Stop::Held(code)) => {
                        // What verification refused may identify: it does not wait for the next file.
                        let _ = fs::remove_file(&part);
                        Outcome::Held(code)
                    }
                    Err(Stop::Failed(error)) => {
                        stopped.store(true, Ordering::Relaxed);
                        let _ = fs::remove_file(&part);
                        return Err(error);
                    }
                };
                outcomes.push((at, outcome));
                bar.inc(1);
            }
            let _ = fs::remove_file(&part);
            Ok(outcomes)
        };
        let done: Vec<Result<Vec<(usize, Outcome)>>> = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..workers).map(|number| scope.spawn(move || one_worker(number))).collect();
            let join = |thread: std::thread::ScopedJoinHandle<'_, _>| {
                thread.join().unwrap_or_else(|_| Err(anyhow!("a worker failed; please report this")))
            };
            threads.into_iter().map(join).collect()
        });
        bar.finish_and_clear();
        let mut outcomes = Vec::with_capacity(files.len());
        for worker in done {
            outcomes.extend(worker?);
        }
        outcomes.sort_by_key(|(at, _)| *at);
        Ok(outcomes.into_iter().map(|(at, outcome)| (files[at].as_path(), outcome)).collect())
    }

    /// Every UID that was replaced in what was written.
    pub(super) fn into_mapping(self) -> BTreeMap<String, String> {
        self.mapping.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// One file through the wall.
    fn one(&self, path: &Path, part: &Path, verifier: &Verifier) -> Result<Outcome, Stop> {
        let Ok(file) = File::open(path) else { return Err(held("unreadable-file")) };
        let opened = Instance::open(Box::new(BufReader::new(file)), &self.limits)
            .map_err(|rejection| held(rejection.code()))?;
        let person = person(&opened.facts().patient, &opened.facts().origin, self.custody).map_err(held)?;
        let subject = self.pseudonymiser.subject(&person).context("pseudonym")?;
        let cleaned = opened
            .clean_tags(&self.profile, &subject, &self.pseudonymiser, &[])
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
        let at_us = SystemClock.now().as_micros();
        let (clean, clearance) =
            judged.verify_and_write(&mut out, verifier, &self.signer, at_us).map_err(stop)?;
        let outcome = self.put(part, clean.uids(), &clearance)?;
        let mut mapping = self.mapping.lock().unwrap_or_else(PoisonError::into_inner);
        mapping.extend(clean.replaced_uids(self.custody).map(|(old, new)| (old.to_owned(), new.to_owned())));
        Ok(outcome)
    }

    /// Renames a cleared file into its place.
    fn put(&self, part: &Path, uids: [&str; 3], clearance: &Signed<Clearance>) -> Result<Outcome, Stop> {
        let clearance = clearance.verify(&self.keys).context("clearance")?;
        let [study, series, _] = uids;
        let folder = self.places.output.join(study).join(series);
        let place = folder.join(clearance.name.to_string());
        let known = *self
            .written
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(place.clone())
            .and_modify(|(_, times)| *times += 1)
            .or_insert((clearance.sha256, 1));
        match known {
            (_, 1) => {}
            (digest, _) if digest == clearance.sha256 => return Ok(Outcome::Repeated),
            _ => return Err(held("same-uid-other-content")),
        }
        fs::create_dir_all(&folder).with_context(|| format!("folder {}", folder.display()))?;
        fs::rename(part, &place).with_context(|| format!("file {}", place.display()))?;
        Ok(Outcome::Cleared)
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

/// Who this is: by NHS number, else by local identifier and who issued it.
fn person(
    patient: &Patient,
    origin: &::deid::facts::Origin,
    custody: &Custody,
) -> Result<PersonKey, &'static str> {
    match patient.nhs_number() {
        Ok(number) => return Ok(PersonKey::Nhs(number)),
        Err(NoNhsNumber::Two) => return Err("identity-conflicting"),
        Err(NoNhsNumber::Absent | NoNhsNumber::Invalid(_)) => {}
    }
    let text = |value: &Option<Sensitive<String>>| value.as_ref().map(|value| value.expose(custody).clone());
    let id = text(&patient.id).filter(|id| !is_placeholder(id)).ok_or("identity-unknown")?;
    let issuer = text(&patient.issuer).or_else(|| text(&origin.institution_name)).unwrap_or_else(|| {
        // Nobody issued it: only the same name and birth date make it the same person, so that two never merge.
        let [name, birth] = [&patient.name, &patient.birth_date].map(|value| text(value).unwrap_or_default());
        format!("no issuer: {name}, {birth}")
    });
    Ok(PersonKey::Local { issuer, id: Sensitive::new(id) })
}

fn next_of<'f>(files: &'f [PathBuf], next: &AtomicUsize) -> Option<(usize, &'f PathBuf)> {
    let at = next.fetch_add(1, Ordering::Relaxed);
    files.get(at).map(|path| (at, path))
}

/// A bar on a terminal, nothing elsewhere.
fn progress(files: usize) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(u64::try_from(files).unwrap_or(u64::MAX));
    match ProgressStyle::with_template("{bar:40} {pos} of {len} files, {per_sec}, {eta} left") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
