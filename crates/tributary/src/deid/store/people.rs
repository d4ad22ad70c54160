//! Who is who: what objects say of their patients, drawn together on disk.
//!
//! Identifiers that one object names are one person's. A person with two NHS numbers, two birth dates or two sexes is none: all
//! its objects are held.

use super::{BATCH_ROWS, Store, path_of};
use crate::deid::witnesses::WITNESSES_MAX;
use ::deid::person::Claims;
use anyhow::Result;
use platform::db::{DbError, Query, Tx, sql};
use std::path::PathBuf;
use submission::digest::Digest;
use submission::pseudonym::Pseudonym;

/// What an object says of its patient, as it is kept.
pub(super) struct Evidence {
    pub(super) digest: String,
    names: Vec<String>,
    by_number: bool,
    study: Option<String>,
    known: String,
    birth: Option<String>,
    sex: Option<String>,
}

impl Evidence {
    pub(super) fn of(claims: &Claims) -> Self {
        let names: Vec<String> =
            claims.by_number.iter().chain(&claims.by_local_id).map(|name| name.as_str().to_owned()).collect();
        let text = |digest: Option<[u8; 32]>| digest.map(|digest| Digest::from_bytes(digest).to_string());
        let (birth, sex) = (text(claims.birth), text(claims.sex));
        let part = |part: &Option<String>| part.clone().unwrap_or_default();
        let study = claims.study.as_ref().map(|study| study.as_str().to_owned());
        let known = Digest::from_bytes(claims.known).to_string();
        let all = [&names.join(" "), &part(&study), &known, &part(&birth), &part(&sex)];
        let all = all.map(String::as_str).join("/");
        let digest = Digest::of(all.as_bytes()).to_string();
        Self { digest, names, by_number: claims.by_number.is_some(), study, known, birth, sex }
    }

    pub(super) fn keep(&self) -> Query {
        sql("/* deid: keep evidence */ INSERT INTO evidence (digest, names, first, by_number, study, known, birth, sex)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (digest) DO NOTHING")
        .bind(&self.digest)
        .bind(self.names.join(" "))
        .bind(self.names.first().cloned())
        .bind(self.by_number)
        .bind(self.study.clone())
        .bind(&self.known)
        .bind(self.birth.clone())
        .bind(self.sex.clone())
    }
}

/// A name of a person: a pseudonym that one identifier gives. The NHS number's goes before local ones, then the least: so the name
/// that stands for a person does not depend on the order in which objects are read.
type Name = (bool, String);

impl Store {
    /// Draws together what all objects said, those of earlier runs included.
    ///
    /// `age_people_min`: an age that fewer people of this run have is a rare one.
    pub(in crate::deid) fn resolve(&self, age_people_min: Option<u32>) -> Result<()> {
        let drawn = async {
            let mut tx = self.db.write_forgettably().await?;
            sql("/* deid: forget names */ DELETE FROM names").run(&mut tx).await?;
            sql("/* deid: forget conflicts */ DELETE FROM conflicts").run(&mut tx).await?;
            let mut after = String::new();
            loop {
                let batch = evidence_in_use(&mut tx, &after).await?;
                let Some((last, ..)) = batch.last() else { break };
                after.clone_from(last);
                for (_, names, by_number) in batch {
                    unite(&mut tx, &names, by_number).await?;
                }
            }
            flatten(&mut tx).await?;
            join_studies(&mut tx).await?;
            note_conflicts(&mut tx).await?;
            note_rare_ages(&mut tx, self.run, age_people_min).await?;
            tx.commit().await
        };
        Ok(self.runtime.block_on(drawn)?)
    }
}

impl Store {
    /// Of the files of this run about a person one for each thing that they say of it, with a digest of that; no more than are too many.
    pub(in crate::deid) fn witnesses(&self, person: &Pseudonym) -> Result<Vec<(String, PathBuf)>> {
        let query = sql("/* deid: witnesses */ SELECT e.known,
                MIN((SELECT MIN(path) FROM files WHERE evidence = e.digest AND run = $2)) AS path
            FROM names JOIN evidence e ON e.first = names.name WHERE names.root = $1
            GROUP BY e.known HAVING path IS NOT NULL ORDER BY e.known LIMIT $3");
        let query = query.bind(person.as_str().to_owned()).bind(self.run).bind(WITNESSES_MAX as u64 + 1);
        self.all(query, |row| Ok((row.get("known")?, path_of(row)?)))
    }
}

async fn evidence_in_use(tx: &mut Tx, after: &str) -> Result<Vec<(String, String, bool)>, DbError> {
    sql("/* deid: evidence */ SELECT digest, names, by_number FROM evidence
        WHERE digest > $1 AND EXISTS (SELECT 1 FROM files WHERE files.evidence = evidence.digest)
        ORDER BY digest LIMIT $2")
    .bind(after)
    .bind(BATCH_ROWS as u64)
    .all(tx, |row| Ok((row.get("digest")?, row.get("names")?, row.get("by_number")?)))
    .await
}

/// The names that one object gives are one person's.
async fn unite(tx: &mut Tx, names: &str, by_number: bool) -> Result<(), DbError> {
    let mut roots: Vec<Name> = Vec::new();
    for (at, name) in names.split(' ').enumerate() {
        let root = root_of(tx, name, by_number && at == 0).await?;
        if !roots.contains(&root) {
            roots.push(root);
        }
    }
    let Some(best) = roots.iter().min_by_key(|(by_number, name)| (!by_number, name)).cloned() else {
        return Ok(());
    };
    for (_, name) in roots.iter().filter(|root| **root != best) {
        point(tx, name, &best.1).await?;
    }
    Ok(())
}

/// The name that stands for all that are known to be the same person as this one.
async fn root_of(tx: &mut Tx, name: &str, by_number: bool) -> Result<Name, DbError> {
    sql("/* deid: name */ INSERT INTO names (name, root, by_number) VALUES ($1, $1, $2) ON CONFLICT (name) DO NOTHING")
        .bind(name)
        .bind(by_number)
        .run(tx)
        .await?;
    let mut at = name.to_owned();
    loop {
        let (root, by_number) = sql("/* deid: root */ SELECT root, by_number FROM names WHERE name = $1")
            .bind(&at)
            .one(tx, |row| Ok((row.get::<String>("root")?, row.get::<bool>("by_number")?)))
            .await?;
        if root == at {
            if at != name {
                point(tx, name, &at).await?;
            }
            return Ok((by_number, at));
        }
        at = root;
    }
}

async fn point(tx: &mut Tx, name: &str, root: &str) -> Result<(), DbError> {
    let update = sql("/* deid: point */ UPDATE names SET root = $2 WHERE name = $1");
    update.bind(name).bind(root).run(tx).await.map(|_| ())
}

/// Lets every name point at its root itself.
async fn flatten(tx: &mut Tx) -> Result<(), DbError> {
    let step =
        "/* deid: flatten */ UPDATE names SET root = (SELECT p.root FROM names p WHERE p.name = names.root)
        WHERE root <> (SELECT p.root FROM names p WHERE p.name = names.root)";
    while sql(step).run(tx).await? > 0 {}
    Ok(())
}

/// Who is named by nothing but a study is the one person whom its other objects name; a study of two people is nobody's.
async fn join_studies(tx: &mut Tx) -> Result<(), DbError> {
    sql("/* deid: studies of two */ INSERT INTO conflicts (root)
        SELECT nameless.study FROM evidence nameless
        JOIN evidence other ON other.study = nameless.study AND other.first <> other.study
        JOIN names ON names.name = other.first
        WHERE nameless.first = nameless.study
            AND EXISTS (SELECT 1 FROM files WHERE files.evidence = other.digest)
        GROUP BY nameless.study HAVING COUNT(DISTINCT names.root) > 1")
    .run(tx)
    .await?;
    // The name that a study gives is nobody else's, so no other name changes under this.
    sql("/* deid: studies of one */ UPDATE names SET root = COALESCE((
            SELECT MIN(own.root) FROM evidence other JOIN names own ON own.name = other.first
            WHERE other.study = names.name AND other.first <> other.study
                AND EXISTS (SELECT 1 FROM files WHERE files.evidence = other.digest)), root)
        WHERE NOT EXISTS (SELECT 1 FROM conflicts WHERE conflicts.root = names.name)")
    .run(tx)
    .await
    .map(|_| ())
}

/// People are counted once for each age that their objects tell.
async fn note_rare_ages(tx: &mut Tx, run: i64, people_min: Option<u32>) -> Result<(), DbError> {
    sql("/* deid: forget rare ages */ DELETE FROM rare_ages").run(tx).await?;
    let Some(people_min) = people_min else { return Ok(()) };
    sql("/* deid: rare ages */ INSERT INTO rare_ages (age) SELECT files.age FROM files
        JOIN evidence ON evidence.digest = files.evidence JOIN names ON names.name = evidence.first
        WHERE files.run = $1 AND files.nobody IS NULL AND files.age IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM conflicts WHERE conflicts.root = names.root)
        GROUP BY files.age HAVING COUNT(DISTINCT names.root) < $2")
    .bind(run)
    .bind(i64::from(people_min))
    .run(tx)
    .await
    .map(|_| ())
}

async fn note_conflicts(tx: &mut Tx) -> Result<(), DbError> {
    sql("/* deid: two numbers */ INSERT INTO conflicts (root) SELECT root FROM names WHERE by_number = 1
        GROUP BY root HAVING COUNT(*) > 1")
    .run(tx)
    .await?;
    sql("/* deid: two birth dates or sexes */ INSERT INTO conflicts (root) SELECT names.root FROM evidence
        JOIN names ON names.name = evidence.first
        WHERE EXISTS (SELECT 1 FROM files WHERE files.evidence = evidence.digest)
        GROUP BY names.root HAVING COUNT(DISTINCT evidence.birth) > 1 OR COUNT(DISTINCT evidence.sex) > 1
        ON CONFLICT (root) DO NOTHING")
    .run(tx)
    .await
    .map(|_| ())
}
