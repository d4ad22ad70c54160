//! The first pass: which files there are, and who their headers say they are about. Nothing is written to OUT before it is over.

use super::feed::{Feed, sheltered};
use super::places::Places;
use super::store::{BATCH_ROWS, Found, Looked, Said, Store};
use super::walk::Walk;
use super::work::progress;
use ::deid::custody::Custody;
use ::deid::facts::Facts;
use ::deid::person::Claims;
use ::deid::profile::Profile;
use ::deid::pseudonym::Pseudonymiser;
use anyhow::Result;
use dicom::part10::{self, Limits};
use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Media Storage Directory Storage (PS3.4 B.5): a list of files, which are read themselves.
pub(crate) const DICOMDIR: &str = "1.2.840.10008.1.3.10";

/// Notes every file below IN in the store.
pub(super) fn walk(places: &Places, store: &Store) -> Result<()> {
    let mut batch = Vec::new();
    for file in Walk::new(&places.root, places.only.as_deref())? {
        let (path, metadata) = file?;
        batch.push(found(path, &metadata));
        if batch.len() == BATCH_ROWS {
            store.found(&batch)?;
            batch.clear();
        }
    }
    store.found(&batch)
}

fn found(path: PathBuf, metadata: &Metadata) -> Found {
    let changed_ns = metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec());
    Found { path, bytes: metadata.len(), changed_ns }
}

/// Reads the headers that no earlier run has read.
pub(super) struct FirstPass<'a> {
    pub(super) places: &'a Places,
    pub(super) store: &'a Store,
    pub(super) custody: &'a Custody,
    pub(super) pseudonymiser: &'a Pseudonymiser,
    pub(super) profile: &'a Profile,
}

impl FirstPass<'_> {
    pub(super) fn run(&self, workers: usize) -> Result<()> {
        let (files, looked) = self.store.files_count()?;
        let bar = progress("who is it?", files);
        bar.set_position(looked);
        let mut after = PathBuf::new();
        let feed = Feed::new(|| {
            let batch = self.store.to_look(&after)?;
            if let Some(last) = batch.last() {
                after.clone_from(last);
            }
            Ok(batch)
        });
        let limits = Limits::default();
        feed.share(workers, |_| {
            let mut batch = Vec::new();
            while let Some(path) = feed.next()? {
                let said = sheltered(|| self.look(&path, &limits));
                let said = said.unwrap_or_else(|| Err("internal-error".to_owned()));
                batch.push(Looked { path, said });
                bar.inc(1);
                if batch.len() == BATCH_ROWS {
                    self.store.looked(std::mem::take(&mut batch))?;
                }
            }
            self.store.looked(batch)
        })?;
        bar.finish_and_clear();
        Ok(())
    }

    /// What the header of a file says; a code where it cannot be read.
    fn look(&self, path: &Path, limits: &Limits) -> Result<Said, String> {
        let file = File::open(self.places.root.join(path)).map_err(|_| "unreadable-file".to_owned())?;
        let facts = Facts::read(Box::new(file), limits).map_err(|error| error.code().to_owned())?;
        if facts.sop_class == DICOMDIR {
            return Err("dicomdir".to_owned());
        }
        let claims = Claims::of(&facts, self.pseudonymiser);
        if claims.is_err() {
            // Broken inside, where a glance does not look, is the better reason.
            let file = File::open(self.places.root.join(path)).map_err(|_| "unreadable-file".to_owned())?;
            part10::open(Box::new(file), limits).map_err(|error| error.code().to_owned())?;
        }
        let uid = facts.sop_instance_uid.expose(self.custody);
        Ok(Said {
            claims,
            age: facts.outgoing_age(self.profile),
            uid: (!uid.is_empty()).then(|| self.pseudonymiser.uid(uid)),
            modality: facts.modality.unwrap_or_default(),
            sop_class: if dicom::uid::is_well_known(&facts.sop_class) {
                facts.sop_class
            } else {
                String::new()
            },
        })
    }
}
