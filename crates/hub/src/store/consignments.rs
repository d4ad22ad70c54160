//! Clinical records, consignments and what is in them: from `cleared` to `acknowledged`.

use super::ages::{Ages, listed};
use super::instances::Outgoing;
use super::states::{bind_from, of_kind};
use super::{ROWS_MAX, Result, Store, new_id};
use platform::clock::Timestamp;
use platform::db::{DbError, Query, Row, Tx, sql};
use std::collections::HashSet;

/// The kinds of item.
pub(super) const KINDS: [&str; 2] = ["instance", "clinical"];

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
    /// Outgoing length.
    pub bytes: u64,
    /// Its signed clearance, JSON.
    pub clearance: String,
    /// The age that goes out with it.
    pub age: Option<String>,
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
    /// Receipts taken so far.
    pub receipts: u32,
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
    pub(super) fn read(row: &Row) -> std::result::Result<Self, DbError> {
        Ok(Self {
            kind: row.get("kind")?,
            id: row.get("id")?,
            trust: row.get("trust")?,
            person: row.get("person")?,
            name: row.get("name")?,
            pseudonym: row.get("pseudonym")?,
            digest: row.get("digest")?,
            bytes: row.get("bytes")?,
            clearance: row.get("clearance")?,
            age: row.get("age")?,
        })
    }
}

impl Consignment {
    pub(super) fn read(row: &Row) -> std::result::Result<Self, DbError> {
        Ok(Self {
            id: row.get("id")?,
            project: row.get("project")?,
            sequence: row.get("sequence")?,
            date: row.get("date")?,
            number: row.get("number")?,
            state: row.get("state")?,
            manifest: row.get("manifest")?,
            digest: row.get("digest")?,
            receipts: row.get("receipts")?,
        })
    }
}

impl Store {
    /// A row's clinical record is there to be de-identified; a record already past that keeps its state.
    pub async fn clinical_received(&self, tx: &mut Tx, row: &super::CohortRow, at: Timestamp) -> Result<()> {
        sql(
            "/* store: clinical received */ INSERT INTO clinical (id, project, trust, person, state, updated_us) VALUES ($1, $2, $3, $4, 'received', $5)
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
        self.one("/* store: clinical */ SELECT * FROM clinical WHERE id = $1", &[id], Clinical::read).await
    }

    /// The clinical records of a project in one state.
    pub async fn clinical_in(&self, project: &str, state: &str) -> Result<Vec<Clinical>> {
        self.all(
            "/* store: clinical in */ SELECT * FROM clinical WHERE project = $1 AND state = $2 ORDER BY id",
            &[project, state],
            Clinical::read,
        )
        .await
    }

    /// An item is de-identified and its outbox object is durable; `false`: it was moved on meanwhile.
    pub async fn item_cleared(
        &self,
        tx: &mut Tx,
        kind: &str,
        id: &str,
        out: &Outgoing<'_>,
        at: Timestamp,
    ) -> Result<bool> {
        let query = of_kind!(
            kind,
            "/* store: item cleared */ UPDATE",
            "SET state = 'cleared', reason = NULL, name = $2, pseudonym = $3, digest = $4, bytes = $5, clearance = $6,
                    consignment = NULL, updated_us = $7, age = $16
             WHERE id = $1 AND state IN ($8, $9, $10, $11, $12, $13, $14, $15)"
        );
        let query = query.bind(id).bind(out.name).bind(out.pseudonym).bind(out.digest).bind(out.bytes);
        let query = bind_from(query.bind(out.clearance).bind(at), "cleared").bind(out.age.map(str::to_owned));
        Ok(query.run(tx).await? == 1)
    }

    /// The anchor date, as a token, that the record was cleared with.
    pub async fn clinical_anchored(&self, tx: &mut Tx, id: &str, anchor: &str) -> Result<()> {
        sql("/* store: clinical anchored */ UPDATE clinical SET anchor = $2 WHERE id = $1")
            .bind(id)
            .bind(anchor)
            .run(tx)
            .await?;
        Ok(())
    }

    /// The clinical records of a project whose row has another anchor date by now, and that are not on their way.
    pub async fn clinical_outdated(&self, project: &str) -> Result<Vec<Item>> {
        self.all(
            "/* store: outdated records */ SELECT 'clinical' AS kind, c.*
             FROM clinical c JOIN cohort_row r ON r.id = c.id
             WHERE c.project = $1 AND c.state IN ('cleared', 'acknowledged', 'refused')
               AND r.state <> 'withdrawn' AND c.anchor <> r.anchor ORDER BY c.id",
            &[project],
            Item::read,
        )
        .await
    }

    /// Moves an item to a state, with its reason if it has one; `false`: no move leads there from where it is.
    pub async fn item_is(
        &self,
        tx: &mut Tx,
        kind: &str,
        id: &str,
        state: &str,
        reason: Option<&str>,
        at: Timestamp,
    ) -> Result<bool> {
        let query = of_kind!(
            kind,
            "/* store: item is */ UPDATE",
            "SET state = $2, reason = $3, updated_us = $4
             WHERE id = $1 AND state IN ($5, $6, $7, $8, $9, $10, $11, $12)"
        );
        let query = query.bind(id).bind(state).bind(reason).bind(at);
        Ok(bind_from(query, state).run(tx).await? == 1)
    }

    /// Takes an item back from what leaves: it belongs to no consignment any more and its clearance is void.
    pub async fn item_withdrawn(
        &self,
        tx: &mut Tx,
        item: &Item,
        state: &str,
        reason: Option<&str>,
        at: Timestamp,
    ) -> Result<bool> {
        let query = of_kind!(
            item.kind.as_str(),
            "/* store: item withdrawn */ UPDATE",
            "SET state = $2, reason = $3, updated_us = $4, clearance = NULL, consignment = NULL
             WHERE id = $1 AND state IN ('cleared', 'consigned')"
        );
        let query = query.bind(&item.id).bind(state).bind(reason).bind(at);
        Ok(query.run(tx).await? == 1)
    }

    /// How much of a project is held, by reason code; of several codes the first counts.
    pub async fn withheld(&self, tx: &mut Tx, project: &str) -> Result<Vec<(String, u64)>> {
        sql("/* store: withheld */ SELECT reason, COUNT(*) AS n FROM item
             WHERE project = $1 AND state = 'held' AND reason IS NOT NULL GROUP BY reason ORDER BY reason")
        .bind(project)
        .all(tx, |row| Ok((row.get("reason")?, row.get("n")?)))
        .await
    }

    /// Of these bytes of the outbox, those that nothing to be sent stands on.
    pub async fn outbox_spares(&self, project: &str, digests: &[&str]) -> Result<Vec<String>> {
        let mut spare = Vec::new();
        for some in digests.chunks(ROWS_MAX) {
            let head = "/* store: outbox spares */ WITH named (project, digest) AS (VALUES";
            let tail = ") SELECT DISTINCT digest FROM named WHERE NOT EXISTS (SELECT 1 FROM instance i
                 WHERE i.project = named.project AND i.digest = named.digest AND i.state IN ('cleared', 'consigned', 'sent'))
                 AND NOT EXISTS (SELECT 1 FROM clinical c
                 WHERE c.project = named.project AND c.digest = named.digest AND c.state IN ('cleared', 'consigned', 'sent'))";
            let query = Query::many(head, 2, some.len(), tail);
            let query = some.iter().fold(query, |query, digest| query.bind(project).bind(*digest));
            spare.extend(query.all(&mut self.db.read().await?, |row| row.get::<String>("digest")).await?);
        }
        Ok(spare)
    }

    /// Whether anything of a project was ever cleared with these bytes.
    pub async fn outbox_knows(&self, project: &str, digest: &str) -> Result<bool> {
        let found = self
            .one(
                "/* store: outbox knows */ SELECT id FROM instance WHERE project = $1 AND digest = $2
                 UNION ALL SELECT id FROM clinical WHERE project = $1 AND digest = $2 LIMIT 1",
                &[project, digest],
                |row| row.get::<String>("id"),
            )
            .await?;
        Ok(found.is_some())
    }

    /// What is cleared and may go under this date, clinical records first, at most `limit`.
    ///
    /// A name that a manifest of this date has listed is never written again in that folder: it waits for the next date. What
    /// has one of the few ages waits for more people.
    pub async fn cleared(&self, project: &str, date: &str, few: &Ages, limit: i64) -> Result<Vec<Item>> {
        let query = sql(
            "/* store: cleared */ SELECT * FROM item WHERE project = $1 AND state = 'cleared' AND NOT EXISTS (
               SELECT 1 FROM listed l CROSS JOIN consignment c
               WHERE l.name = item.name AND c.id = l.consignment AND c.project = $1 AND c.date = $2)
             AND (age IS NULL OR $3 NOT LIKE '%|' || age || '|%')
             ORDER BY kind, name, id LIMIT $4",
        );
        let query = query.bind(project).bind(date).bind(listed(few)).bind(limit);
        query.all(&mut self.db.read().await?, Item::read).await
    }

    /// What was listed earlier under the names that are now on their way: (name, digest), the newest last.
    pub async fn earlier_versions(
        &self,
        project: &str,
        before_sequence: i64,
    ) -> Result<Vec<(String, String)>> {
        let query = sql("/* store: earlier versions */ SELECT l.name, l.digest
             FROM item i CROSS JOIN listed l CROSS JOIN consignment c
             WHERE i.project = $1 AND i.state IN ('cleared', 'consigned') AND l.name = i.name
               AND c.id = l.consignment AND c.project = $1 AND c.sequence < $2
             ORDER BY c.sequence");
        let query = query.bind(project).bind(before_sequence);
        query.all(&mut self.db.read().await?, |row| Ok((row.get("name")?, row.get("digest")?))).await
    }

    /// What is in a consignment that is not sent yet, as this transaction sees it.
    pub async fn items_in(&self, tx: &mut Tx, consignment: &str) -> Result<Vec<Item>> {
        let query =
            sql("/* store: items */ SELECT * FROM item WHERE consignment = $1 AND state = 'consigned'
             ORDER BY kind, name, id");
        query.bind(consignment).all(tx, Item::read).await
    }

    /// What of a consignment is in a state: `consigned` or `sent`.
    pub async fn items(&self, consignment: &str, state: &str) -> Result<Vec<Item>> {
        self.all(
            "/* store: items of */ SELECT * FROM item WHERE consignment = $1 AND state = $2 ORDER BY kind, name, id",
            &[consignment, state],
            Item::read,
        )
        .await
    }

    /// The last consignment of a project.
    pub async fn last_consignment(&self, project: &str) -> Result<Option<Consignment>> {
        self.one(
            "/* store: last consignment */ SELECT * FROM consignment WHERE project = $1 ORDER BY sequence DESC LIMIT 1",
            &[project],
            Consignment::read,
        )
        .await
    }

    /// A consignment by its handle.
    pub async fn consignment(&self, id: &str) -> Result<Option<Consignment>> {
        self.one("/* store: consignment */ SELECT * FROM consignment WHERE id = $1", &[id], Consignment::read)
            .await
    }

    /// The consignments of a project in one state, in order.
    pub async fn consignments_in(&self, project: &str, state: &str) -> Result<Vec<Consignment>> {
        self.all(
            "/* store: consignments in */ SELECT * FROM consignment WHERE project = $1 AND state = $2 ORDER BY sequence",
            &[project, state],
            Consignment::read,
        )
        .await
    }

    /// The consignments of a project that were answered, and of which something was refused that may yet be accepted.
    pub async fn consignments_refused(&self, project: &str) -> Result<Vec<Consignment>> {
        self.all(
            "/* store: refused */ SELECT * FROM consignment WHERE state = 'receipted' AND id IN (
               SELECT consignment FROM item WHERE project = $1 AND state = 'refused') ORDER BY sequence",
            &[project],
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
        let opened = sql("/* store: consignment opened */ INSERT INTO consignment (id, project, sequence, date, number, state, opened_us)
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

    /// Puts items into a consignment and tells how many; one that is cleared no longer does not go.
    pub async fn items_consigned(
        &self,
        tx: &mut Tx,
        items: &[Item],
        consignment: &str,
        at: Timestamp,
    ) -> Result<usize> {
        let head = "/* store: consign */ WITH chosen (id, consignment, at_us) AS (VALUES";
        let tails = [
            ") UPDATE clinical SET state = 'consigned', consignment = chosen.consignment, updated_us = chosen.at_us
             FROM chosen WHERE clinical.id = chosen.id AND clinical.state = 'cleared' RETURNING clinical.id",
            ") UPDATE instance SET state = 'consigned', consignment = chosen.consignment, updated_us = chosen.at_us
             FROM chosen WHERE instance.id = chosen.id AND instance.state = 'cleared' RETURNING instance.id",
        ];
        Ok(move_all(tx, &items.iter().collect::<Vec<_>>(), consignment, at, head, tails).await?.len())
    }

    /// The national house has accepted items of a consignment. The answer is the handles of those that have moved.
    pub async fn items_acknowledged(
        &self,
        tx: &mut Tx,
        items: &[&Item],
        consignment: &str,
        at: Timestamp,
    ) -> Result<HashSet<String>> {
        let head = "/* store: acknowledge */ WITH chosen (id, consignment, at_us) AS (VALUES";
        let tails = [
            ") UPDATE clinical SET state = 'acknowledged', reason = NULL, updated_us = chosen.at_us FROM chosen
             WHERE clinical.id = chosen.id AND clinical.consignment = chosen.consignment
               AND clinical.state IN ('sent', 'refused') RETURNING clinical.id",
            ") UPDATE instance SET state = 'acknowledged', reason = NULL, updated_us = chosen.at_us FROM chosen
             WHERE instance.id = chosen.id AND instance.consignment = chosen.consignment
               AND instance.state IN ('sent', 'refused') RETURNING instance.id",
        ];
        Ok(move_all(tx, items, consignment, at, head, tails).await?.into_iter().collect())
    }

    /// The manifest is signed, and lists these names with these digests.
    pub async fn consignment_sealed(
        &self,
        tx: &mut Tx,
        id: &str,
        manifest_json: &str,
        digest: &str,
        listed: &[(String, String)],
    ) -> Result<()> {
        sql("/* store: consignment sealed */ UPDATE consignment SET state = 'sealed', manifest = $2, digest = $3 WHERE id = $1")
            .bind(id)
            .bind(manifest_json)
            .bind(digest)
            .run(tx)
            .await?;
        sql("/* store: listed no more */ DELETE FROM listed WHERE consignment = $1").bind(id).run(tx).await?;
        for some in listed.chunks(ROWS_MAX) {
            let head = "/* store: list names */ INSERT INTO listed (consignment, name, digest) VALUES";
            let mut insert = Query::many(head, 3, some.len(), "ON CONFLICT DO NOTHING");
            for (name, digest) in some {
                insert = insert.bind(id).bind(name).bind(digest);
            }
            insert.run(tx).await?;
        }
        Ok(())
    }

    /// All objects and the manifest are in the inbox; its answers are read (again) from the first.
    pub async fn consignment_sent(&self, tx: &mut Tx, id: &str, at: Timestamp) -> Result<()> {
        sql("/* store: consignment sent */ UPDATE consignment SET state = 'sent', sent_us = $2, receipts = 0 WHERE id = $1")
            .bind(id)
            .bind(at.as_micros())
            .run(tx)
            .await?;
        for kind in KINDS {
            let query = of_kind!(
                kind,
                "/* store: items sent */ UPDATE",
                "SET state = 'sent', updated_us = $2 WHERE consignment = $1 AND state = 'consigned'"
            );
            query.bind(id).bind(at).run(tx).await?;
        }
        Ok(())
    }

    /// The national house has answered for every item, or once more.
    pub async fn consignment_receipted(&self, tx: &mut Tx, id: &str, at: Timestamp) -> Result<()> {
        sql("/* store: consignment receipted */ UPDATE consignment SET state = 'receipted', receipted_us = $2, receipts = receipts + 1 WHERE id = $1")
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
        sql("/* store: alias found */ INSERT INTO alias (project, pseudonym, nhs_derived) VALUES ($1, $2, $3) ON CONFLICT (project, pseudonym) DO NOTHING")
            .bind(project)
            .bind(pseudonym)
            .bind(nhs_derived).run(tx).await?;
        Ok(())
    }

    /// Whether there are aliases that no manifest has carried yet.
    pub async fn aliases_wait(&self, tx: &mut Tx, project: &str) -> Result<bool> {
        let query = sql(
            "/* store: aliases wait */ SELECT pseudonym FROM alias WHERE project = $1 AND consignment IS NULL LIMIT 1",
        );
        Ok(query.bind(project).first(tx, |row| row.get::<String>("pseudonym")).await?.is_some())
    }

    /// The aliases that a consignment carries: (pseudonym, NHS-derived pseudonym).
    pub async fn aliases_of(&self, tx: &mut Tx, consignment: &str) -> Result<Vec<(String, String)>> {
        sql("/* store: aliases of */ SELECT pseudonym, nhs_derived FROM alias WHERE consignment = $1 ORDER BY pseudonym")
            .bind(consignment)
            .all(tx, |row| Ok((row.get("pseudonym")?, row.get("nhs_derived")?)))
            .await
    }

    /// The aliases went into a manifest.
    pub async fn aliases_consigned(&self, tx: &mut Tx, project: &str, consignment: &str) -> Result<()> {
        sql("/* store: aliases consigned */ UPDATE alias SET consignment = $2 WHERE project = $1 AND consignment IS NULL")
            .bind(project)
            .bind(consignment)
            .run(tx)
            .await?;
        Ok(())
    }
}

/// Moves items, many in a statement, the tails being that for records and that for instances; gives the handles of those moved.
async fn move_all(
    tx: &mut Tx,
    items: &[&Item],
    consignment: &str,
    at: Timestamp,
    head: &'static str,
    tails: [&'static str; 2],
) -> Result<Vec<String>> {
    let mut moved = Vec::new();
    for (is_clinical, tail) in [true, false].into_iter().zip(tails) {
        let chosen: Vec<&&Item> =
            items.iter().filter(|item| (item.kind == "clinical") == is_clinical).collect();
        for some in chosen.chunks(ROWS_MAX) {
            let query = Query::many(head, 3, some.len(), tail);
            let query =
                some.iter().fold(query, |query, item| query.bind(&item.id).bind(consignment).bind(at));
            moved.extend(query.all(tx, |row| row.get::<String>("id")).await?);
        }
    }
    Ok(moved)
}
