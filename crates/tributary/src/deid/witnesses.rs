//! What all files about a person say of them: one may name who another is about only by number.

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

/// More headers of one person that say different things are not read.
pub(super) const WITNESSES_MAX: usize = 1_000;

/// The files about one person: one for each thing that they say.
pub(super) struct Witnesses {
    /// It changes where a file says something new of the person.
    pub(super) digest: String,
    files: Vec<PathBuf>,
    needles: OnceLock<Result<Vec<Needle>, &'static str>>,
}

impl Witnesses {
    /// What text must not say; nothing where all files say the same, for then each says it of itself. A code where that cannot be
    /// found out: then no file of the person may go on.
    pub(super) fn needles(&self, root: &Path) -> Result<&[Needle], &'static str> {
        let needles = self.needles.get_or_init(|| match self.files.len() {
            0 | 1 => Ok(Vec::new()),
            2..=WITNESSES_MAX => self.heard(root),
            _ => Err(TOO_MANY),
        });
        needles.as_ref().map(Vec::as_slice).map_err(|code| *code)
    }

    fn heard(&self, root: &Path) -> Result<Vec<Needle>, &'static str> {
        let mut is_whole = true;
        let facts = self.files.iter().map_while(|path| {
            let file = File::open(root.join(path)).ok();
            let facts = file.and_then(|file| Facts::read(Box::new(file), &Limits::default()).ok());
            is_whole = facts.is_some();
            facts
        });
        let needles = Facts::needles(facts);
        if is_whole { needles.ok_or(TOO_MANY) } else { Err("unreadable-file") }
    }
}

const TOO_MANY: &str = "too-many-identifiers";

/// The people whose files are worked on.
pub(super) struct People<'a> {
    store: &'a Store,
    recent: Mutex<VecDeque<(Pseudonym, Arc<Witnesses>)>>,
}

impl<'a> People<'a> {
    pub(super) fn new(store: &'a Store) -> Self {
        Self { store, recent: Mutex::default() }
    }

    /// The files about this person.
    pub(super) fn witnesses(&self, person: &Pseudonym) -> Result<Arc<Witnesses>> {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, witnesses)) = recent.iter().find(|(of, _)| of == person) {
            return Ok(Arc::clone(witnesses));
        }
        let (said, files): (Vec<String>, Vec<PathBuf>) = self.store.witnesses(person)?.into_iter().unzip();
        let digest = Digest::of(said.join(" ").as_bytes()).to_string();
        let witnesses = Arc::new(Witnesses { digest, files, needles: OnceLock::new() });
        recent.truncate(REMEMBERED_MAX - 1);
        recent.push_front((person.clone(), Arc::clone(&witnesses)));
        Ok(witnesses)
    }
}
