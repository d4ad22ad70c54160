//! Clinical records, consignments and what is in them: from `cleared` to `acknowledged`.

use super::instances::Outgoing;
use super::{Result, Store, new_id};
use platform::clock::Timestamp;
use platform::db::{DbError, Row, Tx, sql};

/// The clinical record of a cohort row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clinical {
    /// The cohort row's handle.
    pub id: String,
    /// The project's name.
    pub project: String,
    /// The trust that submitted it.
    pub trust: String,
    /// The person's handle.
    pub person: String,
    /// `received`, `held`, `rejected`, `cleared`, `consigned`, `sent`, `acknowledged` or `refused`.
    pub state: String,
    /// Why, a code.
    pub reason: Option<String>,
}

/// A cleared thing on its way out: an instance or a clinical record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// `instance` or `clinical`.
    pub kind: String,
    /// Its handle.
    pub id: String,
    /// The trust it is attributed to.
    pub trust: String,
    /// The person's handle.
    pub person: String,
    /// Outgoing name.
    pub name: String,
    /// Pseudonym.
    pub pseudonym: String,
    /// SHA-256 of the outgoing bytes, hex.
    pub digest: String,
    /// Its signed clearance, JSON.
    pub clearance: String,
}

/// A consignment: a raw prefix and its manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consignment {
    /// Random handle.
    pub id: String,
    /// The project's name.
    pub project: String,
    /// Position in the chain of manifests of this hub and project, from 1.
    pub sequence: i64,
    /// YYYY-MM-DD.
    pub date: String,
    /// Number of the manifest within the date, from 1.
    pub number: i64,
    /// `open`, `sealed`, `sent` or `receipted`.
    pub state: String,
    /// The signed manifest, JSON.
    pub manifest: Option<String>,
    /// SHA-256 of the signed manifest, hex.
    pub digest: Option<String>,
}

impl Clinical {
    fn read(row: &Row) -> std::result::Result<Self, DbError> {
        Ok(Self {
            id: row.get("id")?,
            project: row.get("project")?,
            trust: row.get("trust")?,
            person: row.get("person")?,
            state: row.get("state")?,
            reason: row.get("reason")?,
        })
    }
}

impl Item {
    fn read(row: &Row) -> std::result::Result<Self, DbError> {
        Ok(Self {
            kind: row.get("kind")?,
            id: row.get("id")?,
            trust: row.get("trust")?,
            person: row.get("person")?,
            name: row.get("name")?,
            pseudonym: row.get("pseudonym")?,
            digest: row.get("digest")?,
            clearance: row.get("clearance")?,
        })
    }
}

impl Consignment {
    fn read(row: &Row) -> std::result::Result<Self, DbError> {
        Ok(Self {
            id: row.get("id")?,
            project: row.get("project")?,
            sequence: row.get("sequence")?,
            date: row.get("date")?,
            number: row.get("number")?,
            state: row.get("state")?,
            manifest: row.get("manifest")?,
            digest: row.get("digest")?,
        })
    }
}

/// The table an item of this kind lives in.
fn table(kind: &str) -> &'static str {
    if kind == "clinical" { "clinical" } else { "instance" }
}

impl Store {
    /// A row's clinical record is there to be de-identified; a record already past that keeps its state.
    pub async fn clinical_received(&self, tx: &mut Tx, row: &super::CohortRow, at: Timestamp) -> Result<()> {
        sql(
            "INSERT INTO clinical (id, project, trust, person, state, updated_us) VALUES ($1, $2, $3, $4, 'received', $5)
             ON CONFLICT (id) DO NOTHING",
        )
        .bind(&row.id)
        .bind(&row.project)
        .bind(&row.trust)
        .bind(&row.person)
        .bind(at.as_micros()).run(tx).await?;
        Ok(())
    }

    /// The clinical record of a row.
    pub async fn clinical(&self, id: &str) -> Result<Option<Clinical>> {
        self.one("SELECT * FROM clinical WHERE id = $1", &[id], Clinical::read).await
    }

    /// The clinical records of a project in one state.
    pub async fn clinical_in(&self, project: &str, state: &str) -> Result<Vec<Clinical>> {
        self.all(
            "SELECT * FROM clinical WHERE project = $1 AND state = $2 ORDER BY id",
            &[project, state],
            Clinical::read,
        )
        .await
    }

    /// The record is de-identified and its outbox object is durable.
    pub async fn clinical_cleared(
        &self,
        tx: &mut Tx,
        id: &str,
        out: &Outgoing<'_>,
        at: Timestamp,
    ) -> Result<()> {
        sql(
            "UPDATE clinical SET state = 'cleared', reason = NULL, name = $2, pseudonym = $3, digest = $4, bytes = $5,
                    clearance = $6, consignment = NULL, updated_us = $7
             WHERE id = $1",
        )
        .bind(id)
        .bind(out.name)
        .bind(out.pseudonym)
        .bind(out.digest)
        .bind(i64::try_from(out.bytes).unwrap_or(i64::MAX))
        .bind(out.clearance)
        .bind(at.as_micros()).run(tx).await?;
        Ok(())
    }

    /// Moves an item to a state with its reason. What is taken out of the outbox forgets its clearance.
    pub async fn item_is(
        &self,
        tx: &mut Tx,
        kind: &str,
        id: &str,
        state: &str,
        reason: Option<&str>,
        at: Timestamp,
    ) -> Result<()> {
        let text = match table(kind) {
            "clinical" => "UPDATE clinical SET state = $2, reason = $3, updated_us = $4 WHERE id = $1",
            _ => "UPDATE instance SET state = $2, reason = $3, updated_us = $4 WHERE id = $1",
        };
        sql(text).bind(id).bind(state).bind(reason).bind(at.as_micros()).run(tx).await?;
        Ok(())
    }

    /// What is cleared and in no consignment yet, clinical records first, at most `limit`.
    pub async fn cleared(&self, project: &str, limit: i64) -> Result<Vec<Item>> {
        let query = sql(
            "/* store: cleared */ SELECT * FROM item WHERE project = $1 AND state = 'cleared' ORDER BY kind, name LIMIT $2",
        );
        Ok(query.bind(project).bind(limit).all(&mut self.db.read().await?, Item::read).await?)
    }

    /// What is in a consignment.
    pub async fn items(&self, consignment: &str) -> Result<Vec<Item>> {
        self.all(
            "SELECT * FROM item WHERE consignment = $1 ORDER BY kind, name, id",
            &[consignment],
            Item::read,
        )
        .await
    }

    /// Whether a name was listed in an earlier manifest of this date: it is never written again in that folder.
    pub async fn name_listed(&self, project: &str, date: &str, name: &str) -> Result<bool> {
        let listed = self
            .one(
                "SELECT l.name FROM listed l JOIN consignment c ON c.id = l.consignment
                 WHERE c.project = $1 AND c.date = $2 AND l.name = $3",
                &[project, date, name],
                |row| row.get::<String>("name"),
            )
            .await?;
        Ok(listed.is_some())
    }

    /// The last consignment of a project.
    pub async fn last_consignment(&self, project: &str) -> Result<Option<Consignment>> {
        self.one(
            "SELECT * FROM consignment WHERE project = $1 ORDER BY sequence DESC LIMIT 1",
            &[project],
            Consignment::read,
        )
        .await
    }

    /// A consignment by its handle.
    pub async fn consignment(&self, id: &str) -> Result<Option<Consignment>> {
        self.one("SELECT * FROM consignment WHERE id = $1", &[id], Consignment::read).await
    }

    /// The consignments of a project in one state, in order.
    pub async fn consignments_in(&self, project: &str, state: &str) -> Result<Vec<Consignment>> {
        self.all(
            "SELECT * FROM consignment WHERE project = $1 AND state = $2 ORDER BY sequence",
            &[project, state],
            Consignment::read,
        )
        .await
    }

    /// Opens a consignment: its sequence number and date are fixed with this row and never used again.
    pub async fn consignment_opened(
        &self,
        tx: &mut Tx,
        project: &str,
        sequence: i64,
        date: &str,
        number: i64,
        at: Timestamp,
    ) -> Result<Consignment> {
        let opened = sql("INSERT INTO consignment (id, project, sequence, date, number, state, opened_us)
             VALUES ($1, $2, $3, $4, $5, 'open', $6)
             RETURNING *")
        .bind(new_id())
        .bind(project)
        .bind(sequence)
        .bind(date)
        .bind(number)
        .bind(at.as_micros())
        .one(tx, Consignment::read)
        .await?;
        Ok(opened)
    }

    /// Puts an item into a consignment.
    pub async fn item_consigned(
        &self,
        tx: &mut Tx,
        item: &Item,
        consignment: &str,
        at: Timestamp,
    ) -> Result<()> {
        let text = match table(&item.kind) {
            "clinical" => {
                "UPDATE clinical SET state = 'consigned', consignment = $2, updated_us = $3 WHERE id = $1 AND state = 'cleared'"
            }
            _ => {
                "UPDATE instance SET state = 'consigned', consignment = $2, updated_us = $3 WHERE id = $1 AND state = 'cleared'"
            }
        };
        sql(text).bind(&item.id).bind(consignment).bind(at.as_micros()).run(tx).await?;
        Ok(())
    }

    /// The manifest is signed: what it lists is now fixed.
    pub async fn consignment_sealed(
        &self,
        tx: &mut Tx,
        id: &str,
        manifest_json: &str,
        digest: &str,
        names: &[String],
    ) -> Result<()> {
        sql("UPDATE consignment SET state = 'sealed', manifest = $2, digest = $3 WHERE id = $1")
            .bind(id)
            .bind(manifest_json)
            .bind(digest)
            .run(tx)
            .await?;
        sql("DELETE FROM listed WHERE consignment = $1").bind(id).run(tx).await?;
        for name in names {
            sql("INSERT INTO listed (consignment, name) VALUES ($1, $2) ON CONFLICT DO NOTHING")
                .bind(id)
                .bind(name)
                .run(tx)
                .await?;
        }
        Ok(())
    }

    /// All objects and the manifest are in the inbox.
    pub async fn consignment_sent(&self, tx: &mut Tx, id: &str, at: Timestamp) -> Result<()> {
        sql("UPDATE consignment SET state = 'sent', sent_us = $2 WHERE id = $1")
            .bind(id)
            .bind(at.as_micros())
            .run(tx)
            .await?;
        for text in [
            "UPDATE instance SET state = 'sent', updated_us = $2 WHERE consignment = $1 AND state = 'consigned'",
            "UPDATE clinical SET state = 'sent', updated_us = $2 WHERE consignment = $1 AND state = 'consigned'",
        ] {
            sql(text).bind(id).bind(at.as_micros()).run(tx).await?;
        }
        Ok(())
    }

    /// The national house has answered for every item.
    pub async fn consignment_receipted(&self, tx: &mut Tx, id: &str, at: Timestamp) -> Result<()> {
        sql("UPDATE consignment SET state = 'receipted', receipted_us = $2 WHERE id = $1")
            .bind(id)
            .bind(at.as_micros())
            .run(tx)
            .await?;
        Ok(())
    }

    /// A pseudonym whose person's NHS number became known later.
    pub async fn alias_found(
        &self,
        tx: &mut Tx,
        project: &str,
        pseudonym: &str,
        nhs_derived: &str,
    ) -> Result<()> {
        sql("INSERT INTO alias (project, pseudonym, nhs_derived) VALUES ($1, $2, $3) ON CONFLICT (project, pseudonym) DO NOTHING")
            .bind(project)
            .bind(pseudonym)
            .bind(nhs_derived).run(tx).await?;
        Ok(())
    }

    /// Aliases that no manifest has carried yet: (pseudonym, NHS-derived pseudonym).
    pub async fn aliases_waiting(&self, project: &str) -> Result<Vec<(String, String)>> {
        self.all("SELECT pseudonym, nhs_derived FROM alias WHERE project = $1 AND consignment IS NULL ORDER BY pseudonym", &[project], |row| Ok((row.get("pseudonym")?, row.get("nhs_derived")?)))
            .await
    }

    /// The aliases went into a manifest.
    pub async fn aliases_consigned(&self, tx: &mut Tx, project: &str, consignment: &str) -> Result<()> {
        sql("UPDATE alias SET consignment = $2 WHERE project = $1 AND consignment IS NULL")
            .bind(project)
            .bind(consignment)
            .run(tx)
            .await?;
        Ok(())
    }
}
