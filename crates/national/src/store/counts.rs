//! Counts: every object of every consignment in exactly one state.

use super::Store;
use platform::db::{DbError, sql};
use serde::Serialize;

/// So many items in one state, for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ItemCount {
    /// The hub that sent them.
    pub hub: String,
    /// The trust that controls them.
    pub trust: String,
    /// Their state.
    pub state: String,
    /// Why, where there is a reason.
    pub code: Option<String>,
    /// How many.
    pub items: u64,
}

/// How many patients and holdings lie in a partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PartitionCount {
    /// `training` or `validation`.
    pub partition: String,
    /// `ct`, `mri`, `xray`, `data`, `status`, …
    pub kind: String,
    /// Patients.
    pub patients: u64,
    /// Studies.
    pub studies: u64,
    /// Current versions.
    pub holdings: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Store {
    /// How many items were listed by the manifests taken in: what the states must add up to.
    pub async fn items_listed(&self, project: &str) -> Result<u64, DbError> {
        // SUM of BIGINT is NUMERIC in PostgreSQL.
        sql("/* items listed */ SELECT CAST(COALESCE(SUM(entries), 0) AS BIGINT) AS listed FROM consignments
            WHERE project = $1")
        .bind(project)
        .one(&mut self.db.read().await?, |row| row.get("listed"))
        .await
    }

    /// Items by hub, trust, state and reason.
    pub async fn item_counts(&self, project: &str) -> Result<Vec<ItemCount>, DbError> {
        sql("/* item counts */ SELECT c.hub, i.trust, i.state, i.code, COUNT(*) AS items
            FROM items i JOIN consignments c ON c.id = i.consignment WHERE i.project = $1
            GROUP BY c.hub, i.trust, i.state, i.code ORDER BY c.hub, i.trust, i.state, i.code")
        .bind(project)
        .all(&mut self.db.read().await?, |row| {
            Ok(ItemCount {
                hub: row.get("hub")?,
                trust: row.get("trust")?,
                state: row.get("state")?,
                code: row.get("code")?,
                items: row.get("items")?,
            })
        })
        .await
    }

    /// What lies in the warehouse, by partition and kind.
    pub async fn partition_counts(&self, project: &str) -> Result<Vec<PartitionCount>, DbError> {
        sql("/* partition counts */ SELECT part, kind, COUNT(DISTINCT pseudonym) AS patients,
                COUNT(DISTINCT study) AS studies, COUNT(*) AS holdings, CAST(SUM(bytes) AS BIGINT) AS bytes
            FROM holdings WHERE project = $1 AND state = 'current' GROUP BY part, kind ORDER BY part, kind")
        .bind(project)
        .all(&mut self.db.read().await?, |row| {
            Ok(PartitionCount {
                partition: row.get("part")?,
                kind: row.get("kind")?,
                patients: row.get("patients")?,
                studies: row.get("studies")?,
                holdings: row.get("holdings")?,
                bytes: row.get("bytes")?,
            })
        })
        .await
    }

    /// How many versions were superseded; they are kept in the inbox, with their rows.
    pub async fn superseded(&self, project: &str) -> Result<u64, DbError> {
        sql("/* superseded */ SELECT COUNT(*) AS versions FROM holdings WHERE project = $1 AND state = 'superseded'")
            .bind(project)
            .one(&mut self.db.read().await?, |row| row.get("versions"))
            .await
    }
}
