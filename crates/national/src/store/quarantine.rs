//! What was set aside, and what a person decided about it.

use super::{Store, foreign};
use crate::code::Code;
use platform::clock::Timestamp;
use platform::db::{DbError, Row, Tx, sql};
use serde::Serialize;
use std::fmt;
use submission::digest::Digest;

/// Names something set aside: `<project>/<hub>/<sequence>@<n>` for an item, `<project>:<key>` for a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(into = "String")]
pub enum QuarantinedId {
    /// An object of a consignment.
    Item {
        /// The consignment.
        consignment: String,
        /// Its place in the manifest, from 0.
        n: u64,
    },
    /// A manifest.
    Manifest {
        /// The project in whose inbox it lies.
        project: String,
        /// Its key.
        path: String,
    },
}

/// Something set aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Quarantined {
    /// Its name in commands.
    pub id: QuarantinedId,
    /// `held` (taken in, but not placed), `quarantined` or `rejected`.
    pub state: String,
    /// Why.
    pub code: String,
    /// What can be done.
    pub advice: String,
    /// Where in the object; never a value.
    pub detail: Option<String>,
    /// Its key in the inbox.
    pub path: String,
    /// The trust that controls it; none for manifests.
    pub trust: Option<String>,
    /// Whom it is about; none for manifests.
    pub pseudonym: Option<String>,
}

impl QuarantinedId {
    /// Reads its text.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some((consignment, n)) = text.split_once('@') {
            return Some(Self::Item { consignment: consignment.to_owned(), n: n.parse().ok()? });
        }
        let (project, path) = text.split_once(':')?;
        Some(Self::Manifest { project: project.to_owned(), path: path.to_owned() })
    }
}

impl fmt::Display for QuarantinedId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Item { consignment, n } => write!(f, "{consignment}@{n}"),
            Self::Manifest { project, path } => write!(f, "{project}:{path}"),
        }
    }
}

impl From<QuarantinedId> for String {
    fn from(id: QuarantinedId) -> Self {
        id.to_string()
    }
}

impl Store {
    /// Everything of a project that is set aside, items then manifests; at most so many of each.
    pub async fn quarantined(&self, project: &str, rows_max: u32) -> Result<Vec<Quarantined>, DbError> {
        let mut reader = self.db.read().await?;
        let mut all = sql("/* quarantined items */ SELECT consignment, n, state, code, detail, path, trust, pseudonym
            FROM items WHERE project = $1 AND state IN ('held', 'quarantined') ORDER BY consignment, n LIMIT $2")
        .bind(project)
        .bind(rows_max)
        .all(&mut reader, read_item)
        .await?;
        let manifests =
            sql("/* quarantined manifests */ SELECT project, path, state, code FROM manifests_refused
            WHERE project = $1 AND state = 'quarantined' ORDER BY path LIMIT $2")
            .bind(project)
            .bind(rows_max)
            .all(&mut reader, read_manifest)
            .await?;
        all.extend(manifests);
        Ok(all)
    }

    /// One thing set aside, whatever its state.
    pub async fn find_quarantined(&self, id: &QuarantinedId) -> Result<Option<Quarantined>, DbError> {
        let mut reader = self.db.read().await?;
        match id {
            QuarantinedId::Item { consignment, n } => {
                sql("/* find item */ SELECT consignment, n, state, code, detail, path, trust, pseudonym
                    FROM items WHERE consignment = $1 AND n = $2 AND code IS NOT NULL")
                .bind(consignment)
                .bind(*n)
                .first(&mut reader, read_item)
                .await
            }
            QuarantinedId::Manifest { project, path } => {
                sql("/* find manifest */ SELECT project, path, state, code FROM manifests_refused
                    WHERE project = $1 AND path = $2")
                .bind(project)
                .bind(path)
                .first(&mut reader, read_manifest)
                .await
            }
        }
    }

    /// Sets a manifest aside; tells whether it is new.
    pub async fn refuse_manifest(
        &self,
        project: &str,
        hub: &str,
        path: &str,
        sha256: Digest,
        code: Code,
        now: Timestamp,
    ) -> Result<bool, DbError> {
        let mut tx = self.db.write().await?;
        let added = sql("/* refuse manifest */ INSERT INTO manifests_refused (project, path, sha256, hub, code, at_us, state)
            VALUES ($1, $2, $3, $4, $5, $6, 'quarantined') ON CONFLICT DO NOTHING")
        .bind(project)
        .bind(path)
        .bind(sha256.to_string())
        .bind(hub)
        .bind(code.as_str())
        .bind(now)
        .run(&mut tx)
        .await?;
        tx.commit().await?;
        Ok(added == 1)
    }

    /// A person wants an item looked at again; `waive`: its code is accepted. `false`: it is not set aside.
    pub async fn look_again(
        tx: &mut Tx,
        consignment: &str,
        n: u64,
        waive: Option<Code>,
    ) -> Result<bool, DbError> {
        let changed = sql("/* look again */ UPDATE items SET waived = COALESCE($3, waived)
            WHERE consignment = $1 AND n = $2 AND state IN ('held', 'quarantined')")
        .bind(consignment)
        .bind(n)
        .bind(waive.map(|code| code.as_str().to_owned()))
        .run(tx)
        .await?;
        Ok(changed == 1)
    }

    /// A person wants a manifest looked at again: it is forgotten, so the next run finds it anew.
    pub async fn forget_manifest(tx: &mut Tx, project: &str, path: &str) -> Result<bool, DbError> {
        // A rejected one as well: where it was the next of its sequence, everything behind it waits for it.
        let changed = sql("/* forget manifest */ DELETE FROM manifests_refused
            WHERE project = $1 AND path = $2 AND state IN ('quarantined', 'rejected')")
        .bind(project)
        .bind(path)
        .run(tx)
        .await?;
        Ok(changed == 1)
    }

    /// A person has rejected it. `false`: it is not set aside.
    pub async fn reject(tx: &mut Tx, id: &QuarantinedId) -> Result<bool, DbError> {
        let changed = match id {
            QuarantinedId::Item { consignment, n } => {
                sql("/* reject item */ UPDATE items SET state = 'rejected'
                    WHERE consignment = $1 AND n = $2 AND state IN ('held', 'quarantined')")
                .bind(consignment)
                .bind(*n)
                .run(tx)
                .await?
            }
            QuarantinedId::Manifest { project, path } => {
                sql("/* reject manifest */ UPDATE manifests_refused SET state = 'rejected'
                    WHERE project = $1 AND path = $2 AND state = 'quarantined'")
                .bind(project)
                .bind(path)
                .run(tx)
                .await?
            }
        };
        Ok(changed == 1)
    }
}

fn read_item(row: &Row) -> Result<Quarantined, DbError> {
    let code: String = row.get("code")?;
    Ok(Quarantined {
        id: QuarantinedId::Item { consignment: row.get("consignment")?, n: row.get("n")? },
        state: row.get("state")?,
        advice: advice(&code)?,
        code,
        detail: row.get("detail")?,
        path: row.get("path")?,
        trust: row.get("trust")?,
        pseudonym: row.get("pseudonym")?,
    })
}

fn read_manifest(row: &Row) -> Result<Quarantined, DbError> {
    let (code, path): (String, String) = (row.get("code")?, row.get("path")?);
    Ok(Quarantined {
        id: QuarantinedId::Manifest { project: row.get("project")?, path: path.clone() },
        state: row.get("state")?,
        advice: advice(&code)?,
        code,
        detail: None,
        path,
        trust: None,
        pseudonym: None,
    })
}

fn advice(code: &str) -> Result<String, DbError> {
    Code::parse(code).map(|code| code.advice().to_owned()).ok_or_else(|| foreign("quarantined", "code"))
}
