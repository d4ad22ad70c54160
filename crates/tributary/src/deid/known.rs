//! What is known of a person from all files about them: one may name who another is about only by number.

use super::store::Store;
use ::deid::facts::Facts;
use anyhow::Result;
use dicom::part10::Limits;
use residue::Needle;
use std::collections::VecDeque;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use submission::digest::Digest;
use submission::pseudonym::Pseudonym;

/// How many people are remembered: files come by the person.
const REMEMBERED_MAX: usize = 16;

/// More identifiers than any person has.
const NEEDLES_MAX: usize = 1_000;

/// What is known of one person.
pub(super) struct Known {
    /// It changes where a file says something new of the person.
    pub(super) digest: String,
    /// A file for each thing that is said of the person.
    witnesses: Vec<PathBuf>,
    needles: OnceLock<Result<Vec<Needle>, &'static str>>,
}

impl Known {
    /// What text must not say; nothing where all files say the same, for then each says it of itself. A code where that cannot be
    /// found out: then no file of the person may go on.
    pub(super) fn needles(&self, root: &Path) -> Result<&[Needle], &'static str> {
        let needles = self.needles.get_or_init(|| {
            let mut all = Vec::new();
            for path in self.witnesses.iter().filter(|_| self.witnesses.len() > 1) {
                let file = File::open(root.join(path)).map_err(|_| "unreadable-file")?;
                let facts = Facts::read(Box::new(file), &Limits::default()).map_err(|_| "unreadable-file")?;
                for needle in facts.needles() {
                    if !all.contains(&needle) {
                        all.push(needle);
                    }
                }
                if all.len() > NEEDLES_MAX {
                    return Err("too-many-identifiers");
                }
            }
            Ok(all)
        });
        needles.as_ref().map(Vec::as_slice).map_err(|code| *code)
    }
}

/// The people whose files are worked on.
pub(super) struct People<'a> {
    store: &'a Store,
    recent: Mutex<VecDeque<(Pseudonym, Arc<Known>)>>,
}

impl<'a> People<'a> {
    pub(super) fn new(store: &'a Store) -> Self {
        Self { store, recent: Mutex::default() }
    }

    /// What is known of this person.
    pub(super) fn known(&self, person: &Pseudonym) -> Result<Arc<Known>> {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, known)) = recent.iter().find(|(of, _)| of == person) {
            return Ok(Arc::clone(known));
        }
        let (said, witnesses): (Vec<String>, Vec<PathBuf>) =
            self.store.witnesses(person)?.into_iter().unzip();
        let digest = Digest::of(said.join(" ").as_bytes()).to_string();
        let known = Arc::new(Known { digest, witnesses, needles: OnceLock::new() });
        recent.truncate(REMEMBERED_MAX - 1);
        recent.push_front((person.clone(), Arc::clone(&known)));
        Ok(known)
    }
}
