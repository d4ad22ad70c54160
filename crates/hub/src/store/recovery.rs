//! After a restore: what manifests in the bucket say was sent, although this database does not remember it.

use super::consignments::{Consignment, Item, KINDS};
use super::instances::Outgoing;
use super::states::of_kind;
use super::{Result, Store};
use platform::clock::Timestamp;
use platform::db::{Tx, sql};

impl Store {
    /// The consignment of a sequence number.
    pub async fn consignment_of_sequence(&self, project: &str, sequence: i64) -> Result<Option<Consignment>> {
        let query =
            sql("/* store: by sequence */ SELECT * FROM consignment WHERE project = $1 AND sequence = $2");
        query.bind(project).bind(sequence).first(&mut self.db.read().await?, Consignment::read).await
    }

    /// Empties a consignment that was sealed otherwise than it was sent: its items are cleared, and in none.
    pub async fn consignment_emptied(&self, tx: &mut Tx, id: &str, at: Timestamp) -> Result<()> {
        for kind in KINDS {
            let query = of_kind!(
                kind,
                "/* store: items taken back */ UPDATE",
                "SET state = 'cleared', consignment = NULL, updated_us = $2
                 WHERE consignment = $1 AND state = 'consigned'"
            );
            query.bind(id).bind(at).run(tx).await?;
        }
        Ok(())
    }

    /// A manifest lists this: whatever goes by its name here was sent. One that nobody here knows is remembered by name.
    pub async fn found_sent(
        &self,
        tx: &mut Tx,
        project: &str,
        out: &Outgoing<'_>,
        consignment: &str,
        at: Timestamp,
    ) -> Result<()> {
        let mut known = 0;
        for kind in KINDS {
            let query = of_kind!(
                kind,
                "/* store: item sent before */ UPDATE",
                "SET state = 'sent', reason = NULL, pseudonym = $3, digest = $4, bytes = $5, clearance = $6,
                    consignment = $7, updated_us = $8
                 WHERE project = $1 AND name = $2 AND state <> 'rejected'"
            );
            known += query
                .bind(project)
                .bind(out.name)
                .bind(out.pseudonym)
                .bind(out.digest)
                .bind(out.bytes)
                .bind(out.clearance)
                .bind(consignment)
                .bind(at)
                .run(tx)
                .await?;
        }
        if known == 0 {
            sql("/* store: recovered */ INSERT INTO recovered (consignment, project, name, digest) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (project, name, digest) DO UPDATE SET consignment = excluded.consignment")
            .bind(consignment)
            .bind(project)
            .bind(out.name)
            .bind(out.digest)
            .run(tx)
            .await?;
        }
        Ok(())
    }

    /// What is cleared here and was sent, byte for byte, before the restore: the item and the consignment it went in.
    pub async fn sent_before_restore(&self, project: &str) -> Result<Vec<(Item, String)>> {
        self.all(
            "/* store: sent before restore */ SELECT i.kind, i.id, i.trust, i.person, i.name, i.pseudonym, i.digest, i.bytes, i.clearance, i.age,
                    r.consignment AS sent_in
             FROM recovered r JOIN item i ON i.project = r.project AND i.name = r.name AND i.digest = r.digest
             WHERE r.project = $1 AND i.state = 'cleared'",
            &[project],
            |row| Ok((Item::read(row)?, row.get("sent_in")?)),
        )
        .await
    }

    /// The item joins the consignment it was sent in, whose receipt is looked at (again) for it.
    pub async fn recovered_item_sent(
        &self,
        tx: &mut Tx,
        project: &str,
        item: &Item,
        consignment: &str,
        at: Timestamp,
    ) -> Result<()> {
        if self.items_consigned(tx, std::slice::from_ref(item), consignment, at).await? == 1 {
            self.consignment_sent(tx, consignment, at).await?;
            sql("/* store: recovered no more */ DELETE FROM recovered WHERE project = $1 AND name = $2 AND digest = $3")
                .bind(project)
                .bind(&item.name)
                .bind(&item.digest)
                .run(tx)
                .await?;
        }
        Ok(())
    }
}
