//! What became of files: the second pass takes its tasks from here and leaves its results.

use super::{BATCH_ROWS, Store, path_of};
use crate::deid::outcome::{Outcome, Output};
use ::deid::person::Nobody;
use ::deid::profile::AGE_FEW_PEOPLE;
use anyhow::Result;
use platform::db::{DbError, Query, Row, sql};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use submission::pseudonym::Pseudonym;

/// A file to be cleaned, and what an earlier run made of it.
pub(in crate::deid) struct Task {
    pub(in crate::deid) path: PathBuf,
    /// Who it is about, or why nobody.
    pub(in crate::deid) person: Result<Pseudonym, String>,
    /// The UID that goes out for its SOP Instance UID.
    pub(in crate::deid) uid: Option<String>,
    /// How many files of this run have this UID.
    pub(in crate::deid) alike: u64,
    /// What an earlier run made of it.
    pub(in crate::deid) earlier: Option<Earlier>,
    /// Where an earlier run wrote it, below OUT.
    pub(in crate::deid) output: Option<String>,
}

/// What an earlier run made of a file.
pub(in crate::deid) struct Earlier {
    pub(in crate::deid) outcome: Outcome,
    /// Under which pseudonym.
    pub(in crate::deid) person: Option<String>,
    /// A digest of what was known of the person then.
    pub(in crate::deid) known: Option<String>,
    /// Whether it told what was done to its elements.
    pub(in crate::deid) is_told: bool,
}

/// What became of a file.
pub(in crate::deid) struct Done {
    pub(in crate::deid) path: PathBuf,
    pub(in crate::deid) person: Option<String>,
    /// A digest of what was known of the person.
    pub(in crate::deid) known: Option<String>,
    pub(in crate::deid) outcome: Outcome,
    pub(in crate::deid) uids: Vec<(String, String)>,
    pub(in crate::deid) treatment: Option<Treatment>,
    pub(in crate::deid) pixels: Option<Pixels>,
}

/// What was done to the pixels of an object: how far they were looked at, and the whole as JSON.
pub(in crate::deid) struct Pixels {
    pub(in crate::deid) extent: &'static str,
    pub(in crate::deid) told: String,
}

/// What was done to the elements of an object: a JSON list, and its digest. The objects of a series have the same.
#[derive(Clone)]
pub(in crate::deid) struct Treatment {
    pub(in crate::deid) digest: String,
    pub(in crate::deid) actions: String,
}

/// A kind of files, and the end that they came to.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::deid) struct End {
    pub(in crate::deid) modality: String,
    pub(in crate::deid) sop_class: String,
    pub(in crate::deid) outcome: String,
    pub(in crate::deid) reason: Option<String>,
}

impl End {
    fn read(row: &Row<'_>) -> Result<Self, DbError> {
        Ok(Self {
            modality: row.get("modality")?,
            sop_class: row.get("sop_class")?,
            outcome: row.get("outcome")?,
            reason: row.get("reason")?,
        })
    }
}

/// All files of a run, counted.
pub(in crate::deid) struct Tally {
    /// How many files came to which end.
    pub(in crate::deid) ends: BTreeMap<End, u64>,
    /// How many cleared files of each modality were looked at how far.
    pub(in crate::deid) extents: BTreeMap<(String, String), u64>,
    /// How many people the cleared files are about.
    pub(in crate::deid) people: usize,
}

impl Tally {
    /// How many files came to this end.
    pub(in crate::deid) fn of(&self, outcome: &str) -> u64 {
        self.ends.iter().filter(|(end, _)| end.outcome == outcome).map(|(_, files)| files).sum()
    }

    /// How many files there are.
    pub(in crate::deid) fn files(&self) -> u64 {
        self.ends.values().sum()
    }

    /// How many files are held for which reason; one may have several.
    pub(in crate::deid) fn reasons(&self) -> BTreeMap<&str, u64> {
        let mut reasons = BTreeMap::new();
        for (end, files) in &self.ends {
            for code in end.reason.iter().flat_map(|codes| codes.split(';')) {
                *reasons.entry(code).or_default() += files;
            }
        }
        reasons
    }
}

impl Store {
    /// The next files to be cleaned: of those with the same SOP Instance UID the first.
    pub(in crate::deid) fn to_clean(&self, after: &Path) -> Result<Vec<Task>> {
        let query = sql(
            "/* deid: to clean */ SELECT f.path, f.nobody, f.uid, f.outcome, f.reason, f.person, f.known, f.output,
                f.output_bytes, f.treatment, names.root, conflicts.root AS conflict, rare_ages.age AS rare,
                (SELECT COUNT(*) FROM files o WHERE o.uid = f.uid AND o.run = $1) AS alike
            FROM files f LEFT JOIN evidence ON evidence.digest = f.evidence
            LEFT JOIN names ON names.name = evidence.first LEFT JOIN conflicts ON conflicts.root = names.root
            LEFT JOIN rare_ages ON rare_ages.age = f.age
            WHERE f.run = $1 AND f.path > $2
                AND NOT EXISTS (SELECT 1 FROM files o WHERE o.uid = f.uid AND o.path < f.path AND o.run = $1)
            ORDER BY f.path LIMIT $3",
        );
        self.all(query.bind(self.run).bind(after.as_os_str().as_bytes()).bind(BATCH_ROWS as u64), task)
    }

    /// The next files with this SOP Instance UID.
    pub(in crate::deid) fn alike(&self, uid: &str, after: &Path) -> Result<Vec<Task>> {
        let query =
            sql("/* deid: alike */ SELECT f.path, f.nobody, f.uid, f.outcome, f.reason, f.person, f.known, f.output,
                f.output_bytes, f.treatment, names.root, conflicts.root AS conflict, rare_ages.age AS rare,
                1 AS alike
            FROM files f LEFT JOIN evidence ON evidence.digest = f.evidence
            LEFT JOIN names ON names.name = evidence.first LEFT JOIN conflicts ON conflicts.root = names.root
            LEFT JOIN rare_ages ON rare_ages.age = f.age
            WHERE f.run = $1 AND f.uid = $2 AND f.path > $3 ORDER BY f.path LIMIT $4");
        let query = query.bind(self.run).bind(uid).bind(after.as_os_str().as_bytes());
        self.all(query.bind(BATCH_ROWS as u64), task)
    }

    /// Keeps what became of files. A file lies in OUT only after this.
    pub(in crate::deid) fn done(&self, files: &[Done]) -> Result<()> {
        // The objects of a series share most UIDs.
        let uids: BTreeSet<_> = files.iter().flat_map(|done| &done.uids).collect();
        let mut queries: Vec<Query> = uids.into_iter().map(|(old, new)| keep_uid(old, new)).collect();
        for done in files {
            queries.extend(done.treatment.as_ref().map(keep_treatment));
            queries.push(keep_outcome(done));
        }
        self.write(queries)
    }

    /// How many files came to which end. They are counted here: the database would sort them all in memory.
    pub(in crate::deid) fn tally(&self) -> Result<Tally> {
        let (mut ends, mut extents) = (BTreeMap::<End, u64>::new(), BTreeMap::<(String, String), u64>::new());
        let mut people = HashSet::new();
        let mut after = PathBuf::new();
        loop {
            let query =
                sql("/* deid: tally */ SELECT path, COALESCE(modality, '') AS modality, extent, person,
                COALESCE(sop_class, '') AS sop_class, outcome, reason FROM files WHERE run = $1 AND path > $2
                AND outcome IS NOT NULL ORDER BY path LIMIT $3");
            let query = query.bind(self.run).bind(after.as_os_str().as_bytes()).bind(BATCH_ROWS as u64);
            let batch = self.all(query, |row| {
                let (extent, person): (Option<String>, Option<String>) =
                    (row.get("extent")?, row.get("person")?);
                Ok((path_of(row)?, End::read(row)?, extent, person))
            })?;
            let Some((last, ..)) = batch.last() else { break };
            after.clone_from(last);
            for (_, end, extent, person) in batch {
                if end.outcome == "cleared" {
                    if let Some(extent) = extent {
                        *extents.entry((end.modality.clone(), extent)).or_default() += 1;
                    }
                    people.extend(person);
                }
                *ends.entry(end).or_default() += 1;
            }
        }
        Ok(Tally { ends, extents, people: people.len() })
    }

    /// The next held files and why, in order of path.
    pub(in crate::deid) fn held(&self, after: &Path) -> Result<Vec<(PathBuf, String)>> {
        let query = sql("/* deid: held */ SELECT path, reason FROM files WHERE run = $1 AND path > $2
            AND outcome = 'held' ORDER BY path LIMIT $3");
        let query = query.bind(self.run).bind(after.as_os_str().as_bytes()).bind(BATCH_ROWS as u64);
        self.all(query, |row| Ok((path_of(row)?, row.get("reason")?)))
    }

    /// The next replaced UIDs, in order.
    pub(in crate::deid) fn uids(&self, after: &str) -> Result<Vec<(String, String)>> {
        let query = sql("/* deid: uids */ SELECT old, new FROM uids WHERE old > $1 ORDER BY old LIMIT $2");
        self.all(query.bind(after).bind(BATCH_ROWS as u64), |row| Ok((row.get("old")?, row.get("new")?)))
    }

    /// Keeps rows of a mapping that another run wrote.
    pub(in crate::deid) fn keep_uids(&self, uids: &[(String, String)]) -> Result<()> {
        self.write(uids.iter().map(|(old, new)| keep_uid(old, new)))
    }

    /// The next treatments and how many files of this run had them, even if none, in order of their digest.
    pub(in crate::deid) fn treatments(&self, after: &str) -> Result<Vec<(Treatment, u64)>> {
        let query = sql("/* deid: treatments */ SELECT digest, actions, (SELECT COUNT(*) FROM files
                WHERE treatment = digest AND run = $1 AND outcome = 'cleared') AS n
            FROM treatments WHERE digest > $2 ORDER BY digest LIMIT $3");
        let query = query.bind(self.run).bind(after).bind(BATCH_ROWS as u64);
        self.all(query, |row| {
            let treatment = Treatment { digest: row.get("digest")?, actions: row.get("actions")? };
            Ok((treatment, row.get("n")?))
        })
    }

    /// Some of the places below OUT of what had this treatment.
    pub(in crate::deid) fn treated(&self, treatment: &Treatment, most: usize) -> Result<Vec<String>> {
        let query = sql("/* deid: treated */ SELECT output FROM files WHERE run = $1 AND treatment = $2
            AND outcome = 'cleared' ORDER BY output LIMIT $3");
        let query = query.bind(self.run).bind(&treatment.digest).bind(most as u64);
        self.all(query, |row| row.get("output"))
    }

    /// What was done to the elements and to the pixels of a file, as JSON.
    pub(in crate::deid) fn told(&self, path: &Path) -> Result<(Option<String>, Option<String>)> {
        let query = sql("/* deid: told */ SELECT actions, pixels FROM files
            LEFT JOIN treatments ON treatments.digest = files.treatment WHERE path = $1");
        self.one(query.bind(path.as_os_str().as_bytes()), |row| Ok((row.get("actions")?, row.get("pixels")?)))
    }

    /// Some of the cleared files in which something was blanked: where they lie below OUT, and what was done to their pixels.
    pub(in crate::deid) fn masked(&self, most: usize) -> Result<Vec<(String, String)>> {
        let query =
            sql("/* deid: masked */ SELECT output, pixels FROM files WHERE run = $1 AND outcome = 'cleared'
            AND pixels NOT LIKE '%\"masked\":[]%' ORDER BY output LIMIT $2");
        let query = query.bind(self.run).bind(most as u64);
        self.all(query, |row| Ok((row.get("output")?, row.get("pixels")?)))
    }

    /// The next files for which a run of this state wrote something, or was about to, in order of path, and where below OUT.
    pub(in crate::deid) fn outputs(&self, after: &Path) -> Result<Vec<(PathBuf, String)>> {
        let query = sql("/* deid: outputs */ SELECT path, output FROM files WHERE path > $1
            AND output IS NOT NULL ORDER BY path LIMIT $2");
        let query = query.bind(after.as_os_str().as_bytes()).bind(BATCH_ROWS as u64);
        self.all(query, |row| Ok((path_of(row)?, row.get("output")?)))
    }
}

fn keep_uid(old: &str, new: &str) -> Query {
    sql("/* deid: keep uid */ INSERT INTO uids (old, new) VALUES ($1, $2) ON CONFLICT (old) DO NOTHING")
        .bind(old)
        .bind(new)
}

fn keep_treatment(treatment: &Treatment) -> Query {
    sql("/* deid: keep treatment */ INSERT INTO treatments (digest, actions) VALUES ($1, $2)
        ON CONFLICT (digest) DO NOTHING")
    .bind(&treatment.digest)
    .bind(&treatment.actions)
}

fn keep_outcome(done: &Done) -> Query {
    let output = done.outcome.output();
    sql("/* deid: done */ UPDATE files SET outcome = $2, reason = $3, person = $4, output = $5, output_bytes = $6,
        treatment = $7, extent = $8, pixels = $9, known = $10 WHERE path = $1")
    .bind(done.path.as_os_str().as_bytes())
    .bind(done.outcome.name())
    .bind(done.outcome.held_code())
    .bind(done.person.clone())
    .bind(output.map(|output| output.place.clone()))
    .bind(output.map(|output| i64::try_from(output.bytes).unwrap_or(i64::MAX)))
    .bind(done.treatment.as_ref().map(|treatment| treatment.digest.clone()))
    .bind(done.pixels.as_ref().map(|pixels| pixels.extent))
    .bind(done.pixels.as_ref().map(|pixels| pixels.told.clone()))
    .bind(done.known.clone())
}

fn task(row: &Row<'_>) -> Result<Task, DbError> {
    let root = row.get::<Option<String>>("root")?.and_then(|name| Pseudonym::parse(&name).ok());
    let person = match (row.get::<Option<String>>("nobody")?, root) {
        (Some(why), _) => Err(why),
        (None, None) => Err(Nobody::Unknown.code().to_owned()),
        (None, Some(_)) if row.get::<Option<String>>("conflict")?.is_some() => {
            Err(Nobody::Conflicting.code().to_owned())
        }
        (None, Some(_)) if row.get::<Option<String>>("rare")?.is_some() => Err(AGE_FEW_PEOPLE.to_owned()),
        (None, Some(person)) => Ok(person),
    };
    let is_told = row.get::<Option<String>>("treatment")?.is_some();
    let (under, known) = (row.get("person")?, row.get("known")?);
    let earlier = earlier(row)?.map(|outcome| Earlier { outcome, person: under, known, is_told });
    Ok(Task {
        path: path_of(row)?,
        person,
        uid: row.get("uid")?,
        alike: row.get("alike")?,
        earlier,
        output: row.get("output")?,
    })
}

fn earlier(row: &Row<'_>) -> Result<Option<Outcome>, DbError> {
    let place: Option<String> = row.get("output")?;
    let output = place.zip(row.get("output_bytes")?).map(|(place, bytes)| Output { place, bytes });
    let (outcome, reason): (Option<String>, Option<String>) = (row.get("outcome")?, row.get("reason")?);
    Ok(match (outcome.as_deref(), output, reason) {
        (Some("cleared"), Some(output), _) => Some(Outcome::Cleared(output)),
        (Some("repeated"), Some(output), _) => Some(Outcome::Repeated(output)),
        (Some("held"), _, Some(reason)) => Some(Outcome::Held(reason)),
        _ => None,
    })
}
