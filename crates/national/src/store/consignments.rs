//! Consignments: opened when their manifest is believed, decided when every item is, answered when the receipt lies in
//! the inbox.

use super::{Store, foreign};
use crate::code::Code;
use platform::clock::Timestamp;
use platform::db::{Conn, DbError, Query, Row, Tx, sql};
use submission::digest::Digest;
use submission::manifest::Manifest;

/// An item of a manifest, as it enters the house.
#[derive(Debug, Clone)]
pub struct NewItem {
    /// Its key in the inbox.
    pub path: String,
    /// Its file name.
    pub name: String,
    /// Whether it is an image; clinical records come first.
    pub image: bool,
    /// The digest that was cleared.
    pub sha256: Digest,
    /// The length that was cleared.
    pub bytes: u64,
    /// Whom it is about.
    pub pseudonym: String,
    /// The trust that controls it.
    pub trust: String,
    /// The version that the hub says it replaces.
    pub supersedes: Option<Digest>,
    /// What is wrong with it already, before its bytes were looked at.
    pub fault: Option<Code>,
}

/// A consignment that is being taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// `<project>/<hub>/<sequence>`.
    pub id: String,
    /// Its project.
    pub project: String,
    /// Who sent it.
    pub hub: String,
    /// Its place in the sequence.
    pub sequence: u64,
    /// The day of its folder.
    pub date: String,
    /// The digest of its manifest.
    pub sha256: Digest,
    /// The hub's audit root.
    pub audit_root: Digest,
    /// The newest signed receipt, once decided.
    pub receipt: Option<String>,
    /// Receipts signed so far.
    pub revision: u32,
    /// Items accepted after all since then.
    pub amendments: u64,
}

/// The last consignment of a hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Its place in the sequence.
    pub sequence: u64,
    /// The digest of its manifest.
    pub sha256: Digest,
    /// The day of its folder.
    pub date: String,
}

/// Something that a person should know.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Alert {
    /// The project.
    pub project: String,
    /// The hub.
    pub hub: String,
    /// What.
    pub code: String,
    /// Where.
    pub detail: String,
}

/// Items per statement: 13 columns each.
const ITEMS_AT_ONCE: usize = 1_000;

impl Store {
    /// Opens a consignment: its row, its items and its aliases in one transaction. Opening it again changes nothing.
    pub async fn open_consignment(
        &self,
        manifest: &Manifest,
        sha256: Digest,
        items: &[NewItem],
        now: Timestamp,
    ) -> Result<(), DbError> {
        let id = consignment_id(manifest.project.as_str(), manifest.hub.as_str(), manifest.sequence);
        let mut tx = self.db.write().await?;
        let added = sql("/* open consignment */ INSERT INTO consignments
                (id, project, hub, sequence, date, path, sha256, audit_root, entries, opened_at_us, state, revision, amendments)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'open', 0, 0) ON CONFLICT DO NOTHING")
        .bind(&id)
        .bind(manifest.project.as_str())
        .bind(manifest.hub.as_str())
        .bind(manifest.sequence)
        .bind(manifest.date.to_string())
        .bind(manifest.path().to_string())
        .bind(sha256.to_string())
        .bind(manifest.audit_root.to_string())
        .bind(items.len() as u64)
        .bind(now)
        .run(&mut tx)
        .await?;
        if added == 0 {
            return tx.rollback().await;
        }
        for (chunk, items) in items.chunks(ITEMS_AT_ONCE).enumerate() {
            insert_items(&mut tx, manifest.project.as_str(), &id, chunk * ITEMS_AT_ONCE, items).await?;
        }
        for alias in &manifest.aliases {
            sql("/* open consignment: alias */ INSERT INTO aliases (project, pseudonym, nhs_derived, consignment)
                VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING")
            .bind(manifest.project.as_str())
            .bind(alias.pseudonym.as_str())
            .bind(alias.nhs_derived.as_str())
            .bind(&id)
            .run(&mut tx)
            .await?;
        }
        tx.commit().await
    }

    /// Of these keys, those that an earlier consignment listed, with the digests that it named.
    pub async fn listed_before(
        &self,
        project: &str,
        paths: &[&str],
    ) -> Result<Vec<(String, String)>, DbError> {
        let mut reader = self.db.read().await?;
        let mut found = Vec::new();
        let head = "/* listed before */ WITH listed (project, path) AS (VALUES";
        let tail = ") SELECT i.path, i.sha256 FROM listed
            JOIN items i ON i.project = listed.project AND i.path = listed.path";
        for some in paths.chunks(ITEMS_AT_ONCE) {
            let query = Query::many(head, 2, some.len(), tail);
            let query = some.iter().fold(query, |query, path| query.bind(project).bind(*path));
            let read = |row: &Row| Ok((row.get("path")?, row.get("sha256")?));
            found.extend(query.all(&mut reader, read).await?);
        }
        Ok(found)
    }

    /// Whether an earlier consignment of this hub lies in the same day's folder.
    pub async fn has_consignment_of(&self, project: &str, hub: &str, date: &str) -> Result<bool, DbError> {
        let found = sql("/* consignment of day */ SELECT id FROM consignments
            WHERE project = $1 AND hub = $2 AND date = $3 LIMIT 1")
        .bind(project)
        .bind(hub)
        .bind(date)
        .first(&mut self.db.read().await?, |row| row.get::<String>("id"))
        .await?;
        Ok(found.is_some())
    }

    /// The hub's last consignment, if it has sent one.
    pub async fn last_taken(&self, project: &str, hub: &str) -> Result<Option<Taken>, DbError> {
        sql("/* last taken */ SELECT sequence, sha256, date FROM consignments
            WHERE project = $1 AND hub = $2 ORDER BY sequence DESC LIMIT 1")
        .bind(project)
        .bind(hub)
        .first(&mut self.db.read().await?, |row| {
            Ok(Taken {
                sequence: row.get("sequence")?,
                sha256: digest(row, "last taken", "sha256")?,
                date: row.get("date")?,
            })
        })
        .await
    }

    /// Keys of manifests that need no second look: taken in, or refused and not yet accepted.
    pub async fn known_manifests(&self, project: &str, hub: &str) -> Result<Vec<String>, DbError> {
        sql("/* known manifests */ SELECT path FROM consignments WHERE project = $1 AND hub = $2
            UNION SELECT path FROM manifests_refused WHERE project = $1 AND hub = $2")
        .bind(project)
        .bind(hub)
        .all(&mut self.db.read().await?, |row| row.get("path"))
        .await
    }

    /// Consignments of a project that are not answered yet, or not yet answered anew, oldest first.
    pub async fn unanswered(&self, project: &str) -> Result<Vec<Opened>, DbError> {
        sql("/* unanswered */ SELECT * FROM consignments
            WHERE project = $1 AND (state <> 'answered' OR amendments > 0) ORDER BY opened_at_us, hub, sequence")
        .bind(project)
        .all(&mut self.db.read().await?, read_opened)
        .await
    }

    /// A hub's consignment with its receipt, by sequence number.
    pub async fn consignment(
        &self,
        project: &str,
        hub: &str,
        sequence: u64,
    ) -> Result<Option<Opened>, DbError> {
        sql("/* consignment */ SELECT * FROM consignments
            WHERE project = $1 AND hub = $2 AND sequence = $3")
        .bind(project)
        .bind(hub)
        .bind(sequence)
        .first(&mut self.db.read().await?, read_opened)
        .await
    }

    /// Keeps a signed receipt, made of the items as they were after the consignment was read. `false`: one was kept meanwhile.
    pub async fn decide(tx: &mut Tx, of: &Opened, receipt: &str, now: Timestamp) -> Result<bool, DbError> {
        let changed =
            sql("/* decide */ UPDATE consignments SET state = 'decided', receipt = $2, decided_at_us = $3,
                revision = revision + 1, amendments = amendments - $4
            WHERE id = $1 AND revision = $5")
            .bind(&of.id)
            .bind(receipt)
            .bind(now)
            .bind(of.amendments)
            .bind(of.revision)
            .run(tx)
            .await?;
        Ok(changed == 1)
    }

    /// The receipt lies in the inbox.
    pub async fn answered(&self, id: &str) -> Result<(), DbError> {
        let mut tx = self.db.write().await?;
        sql("/* answered */ UPDATE consignments SET state = 'answered' WHERE id = $1 AND state = 'decided'")
            .bind(id)
            .run(&mut tx)
            .await?;
        tx.commit().await
    }

    /// Raises an alert, if it is not raised already; tells whether it is new.
    pub async fn alert(
        &self,
        project: &str,
        hub: &str,
        code: &str,
        detail: &str,
        now: Timestamp,
    ) -> Result<bool, DbError> {
        let mut tx = self.db.write().await?;
        let added = sql("/* alert */ INSERT INTO alerts (project, hub, code, detail, since_at_us)
            VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING")
        .bind(project)
        .bind(hub)
        .bind(code)
        .bind(detail)
        .bind(now)
        .run(&mut tx)
        .await?;
        tx.commit().await?;
        Ok(added == 1)
    }

    /// An alert that no longer holds.
    pub async fn calm(&self, project: &str, hub: &str, code: &str) -> Result<(), DbError> {
        let raised = sql("/* calm: is raised */ SELECT code FROM alerts
            WHERE project = $1 AND hub = $2 AND code = $3")
        .bind(project)
        .bind(hub)
        .bind(code)
        .first(&mut self.db.read().await?, |row| row.get::<String>("code"))
        .await?;
        if raised.is_none() {
            return Ok(());
        }
        let mut tx = self.db.write().await?;
        sql("/* calm */ DELETE FROM alerts WHERE project = $1 AND hub = $2 AND code = $3")
            .bind(project)
            .bind(hub)
            .bind(code)
            .run(&mut tx)
            .await?;
        tx.commit().await
    }

    /// What a person should know now.
    pub async fn alerts(&self, project: &str) -> Result<Vec<Alert>, DbError> {
        sql("/* alerts */ SELECT project, hub, code, detail FROM alerts WHERE project = $1 ORDER BY hub, code")
            .bind(project)
            .all(&mut self.db.read().await?, |row| {
                Ok(Alert {
                    project: row.get("project")?,
                    hub: row.get("hub")?,
                    code: row.get("code")?,
                    detail: row.get("detail")?,
                })
            })
            .await
    }
}

/// The id of a consignment.
pub(crate) fn consignment_id(project: &str, hub: &str, sequence: u64) -> String {
    format!("{project}/{hub}/{sequence}")
}

async fn insert_items(
    on: &mut impl Conn,
    project: &str,
    consignment: &str,
    first: usize,
    items: &[NewItem],
) -> Result<(), DbError> {
    let head = "/* open consignment: items */ INSERT INTO items
        (consignment, n, project, path, name, rank, sha256, bytes, pseudonym, trust, supersedes, state, code) VALUES";
    let mut insert = Query::many(head, 13, items.len(), "");
    for (at, item) in items.iter().enumerate() {
        insert = insert
            .bind(consignment)
            .bind((first + at) as u64)
            .bind(project)
            .bind(&item.path)
            .bind(&item.name)
            .bind(item.image)
            .bind(item.sha256.to_string())
            .bind(item.bytes)
            .bind(&item.pseudonym)
            .bind(&item.trust)
            .bind(item.supersedes.map(|digest| digest.to_string()))
            .bind(if item.fault.is_some() { "quarantined" } else { "pending" })
            .bind(item.fault.map(|code| code.as_str().to_owned()));
    }
    insert.run(on).await.map(|_| ())
}

fn read_opened(row: &Row) -> Result<Opened, DbError> {
    Ok(Opened {
        id: row.get("id")?,
        project: row.get("project")?,
        hub: row.get("hub")?,
        sequence: row.get("sequence")?,
        date: row.get("date")?,
        sha256: digest(row, "consignment", "sha256")?,
        audit_root: digest(row, "consignment", "audit_root")?,
        receipt: row.get("receipt")?,
        revision: row.get("revision")?,
        amendments: row.get("amendments")?,
    })
}

pub(super) fn digest(row: &Row, doing: &str, column: &str) -> Result<Digest, DbError> {
    Digest::parse(&row.get::<String>(column)?).map_err(|_| foreign(doing, column))
}
