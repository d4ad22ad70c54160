//! Items and holdings: what became of each object, and where each version lies in the warehouse.

use super::consignments::digest;
use super::{Store, foreign};
use crate::code::Code;
use crate::partition::Partition;
use platform::clock::Timestamp;
use platform::db::{DbError, Row, Tx, sql};
use submission::digest::Digest;
use submission::names::OdsCode;
use submission::paths::RawPath;
use submission::pseudonym::Pseudonym;

/// An object of a consignment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its consignment.
    pub consignment: String,
    /// Its place in the manifest, from 0.
    pub n: u64,
    /// Its project.
    pub project: String,
    /// Its key in the inbox.
    pub path: RawPath,
    /// The digest that was cleared.
    pub sha256: Digest,
    /// The length that was cleared.
    pub bytes: u64,
    /// Whom it is about.
    pub pseudonym: Pseudonym,
    /// The trust that controls it.
    pub trust: OdsCode,
    /// What became of it, with its code.
    pub state: String,
    /// Why it is held or quarantined.
    pub code: Option<Code>,
    /// What is concerned: a place in the object, an unknown centre or modality; never a value of a person.
    pub detail: Option<String>,
    /// A code that a person has accepted.
    pub waived: Option<Code>,
}

/// A version that lies in the warehouse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holding {
    /// SubmittingCentre, of clinical records.
    pub centre: Option<String>,
    /// Study Instance UID (0020,000D).
    pub study: Option<String>,
    /// Series Instance UID (0020,000E).
    pub series: Option<String>,
    /// Modality (0008,0060).
    pub modality: Option<String>,
    /// The folder of its modality, or `data` or `status`.
    pub kind: String,
    /// SOP Class UID (0008,0016).
    pub sop_class: Option<String>,
    /// Transfer Syntax UID (0002,0010).
    pub transfer_syntax: Option<String>,
    /// Its patient's partition.
    pub partition: Partition,
    /// Its key in the warehouse.
    pub key: String,
    /// The key of its header, of an image.
    pub header_key: Option<String>,
}

/// What became of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// It lies in the warehouse as a version not seen before.
    Loaded(Box<Holding>),
    /// The very same bytes lay there before: one holding, one more provenance.
    Known,
    /// Taken in, but the warehouse cannot place it yet, for want of what is named.
    Held(Code, String),
    /// Set aside.
    Quarantined(Code, Option<String>),
}

impl Store {
    /// The next items to look at, in the manifest's order: clinical records alone, then images alone.
    pub async fn next_slice(&self, consignment: &str, items_max: u32) -> Result<Vec<Item>, DbError> {
        sql("/* next slice */ SELECT consignment, n, project, path, sha256, bytes, pseudonym, trust, state, code, detail, waived
            FROM items WHERE consignment = $1 AND state = 'pending'
            AND rank = (SELECT MIN(rank) FROM items WHERE consignment = $1 AND state = 'pending')
            ORDER BY n LIMIT $2")
        .bind(consignment)
        .bind(items_max)
        .all(&mut self.db.read().await?, read_item)
        .await
    }

    /// All items of a consignment, in the manifest's order.
    pub async fn items(&self, consignment: &str) -> Result<Vec<Item>, DbError> {
        sql("/* items */ SELECT consignment, n, project, path, sha256, bytes, pseudonym, trust, state, code, detail, waived
            FROM items WHERE consignment = $1 ORDER BY n")
        .bind(consignment)
        .all(&mut self.db.read().await?, read_item)
        .await
    }

    /// One item.
    pub async fn item(&self, consignment: &str, n: u64) -> Result<Option<Item>, DbError> {
        sql("/* item */ SELECT consignment, n, project, path, sha256, bytes, pseudonym, trust, state, code, detail, waived
            FROM items WHERE consignment = $1 AND n = $2")
        .bind(consignment)
        .bind(n)
        .first(&mut self.db.read().await?, read_item)
        .await
    }

    /// Items that the warehouse could not place, after the one named last: a page at a time.
    pub async fn held_items(
        &self,
        project: &str,
        after: Option<(&str, u64)>,
        items_max: u32,
    ) -> Result<Vec<Item>, DbError> {
        let (consignment, n) = after.unwrap_or(("", 0));
        sql("/* held items */ SELECT consignment, n, project, path, sha256, bytes, pseudonym, trust, state, code, detail, waived
            FROM items WHERE project = $1 AND state = 'held'
            AND (consignment > $2 OR (consignment = $2 AND n > $3))
            ORDER BY consignment, n LIMIT $4")
        .bind(project)
        .bind(consignment)
        .bind(n)
        .bind(items_max)
        .all(&mut self.db.read().await?, read_item)
        .await
    }

    /// Whether these bytes lie in the warehouse under this name.
    pub async fn holds(&self, project: &str, name: &str, sha256: Digest) -> Result<bool, DbError> {
        let found =
            sql("/* holds */ SELECT name FROM holdings WHERE project = $1 AND name = $2 AND sha256 = $3")
                .bind(project)
                .bind(name)
                .bind(sha256.to_string())
                .first(&mut self.db.read().await?, |row| row.get::<String>("name"))
                .await?;
        Ok(found.is_some())
    }

    /// Writes down what became of a slice: one transaction.
    pub async fn settle(&self, settled: &[(Item, Settled)], now: Timestamp) -> Result<(), DbError> {
        let mut tx = self.db.write().await?;
        for (item, outcome) in settled {
            let (state, code, detail) = match outcome {
                Settled::Loaded(holding) => {
                    add_holding(&mut tx, item, holding, now).await?;
                    ("loaded", None, None)
                }
                Settled::Known => ("loaded", None, None),
                Settled::Held(code, what) => ("held", Some(*code), Some(what.as_str())),
                Settled::Quarantined(code, detail) => ("quarantined", Some(*code), detail.as_deref()),
            };
            sql("/* settle */ UPDATE items SET state = $3, code = $4, detail = $5
                WHERE consignment = $1 AND n = $2 AND state <> 'rejected'")
            .bind(&item.consignment)
            .bind(item.n)
            .bind(state)
            .bind(code.map(|code| code.as_str().to_owned()))
            .bind(detail.map(str::to_owned))
            .run(&mut tx)
            .await?;
        }
        tx.commit().await
    }

    /// Keys of superseded images that nothing current uses: to be removed from the warehouse tree.
    pub async fn to_retire(
        &self,
        project: &str,
    ) -> Result<Vec<(String, String, String, Option<String>)>, DbError> {
        sql("/* to retire */ SELECT h.name, h.sha256, h.key, h.header_key FROM holdings h
            WHERE h.project = $1 AND h.state = 'superseded' AND h.retired = 0 AND h.header_key IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM holdings c
                WHERE c.project = h.project AND c.key = h.key AND c.state = 'current')")
        .bind(project)
        .all(&mut self.db.read().await?, |row| {
            Ok((row.get("name")?, row.get("sha256")?, row.get("key")?, row.get("header_key")?))
        })
        .await
    }

    /// A superseded image's key is gone from the warehouse tree.
    pub async fn retired(&self, project: &str, name: &str, sha256: &str) -> Result<(), DbError> {
        let mut tx = self.db.write().await?;
        sql("/* retired */ UPDATE holdings SET retired = 1 WHERE project = $1 AND name = $2 AND sha256 = $3")
            .bind(project)
            .bind(name)
            .bind(sha256)
            .run(&mut tx)
            .await?;
        tx.commit().await
    }
}

/// Adds a version; what was current under its name is superseded, never dropped.
async fn add_holding(tx: &mut Tx, item: &Item, holding: &Holding, now: Timestamp) -> Result<(), DbError> {
    let name = item.path.item.to_string();
    sql("/* supersede */ UPDATE holdings SET state = 'superseded'
        WHERE project = $1 AND name = $2 AND sha256 <> $3 AND state = 'current'
        AND NOT EXISTS (SELECT 1 FROM holdings o WHERE o.project = $1 AND o.name = $2 AND o.sha256 = $3)")
    .bind(&item.project)
    .bind(&name)
    .bind(item.sha256.to_string())
    .run(tx)
    .await?;
    sql("/* add holding */ INSERT INTO holdings (project, name, sha256, bytes, pseudonym, trust, centre, study, series,
            modality, kind, sop_class, transfer_syntax, part, key, header_key, raw_path, date, loaded_at_us, state, retired)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, 'current', 0)
        ON CONFLICT DO NOTHING")
    .bind(&item.project)
    .bind(&name)
    .bind(item.sha256.to_string())
    .bind(item.bytes)
    .bind(item.pseudonym.as_str())
    .bind(item.trust.as_str())
    .bind(holding.centre.clone())
    .bind(holding.study.clone())
    .bind(holding.series.clone())
    .bind(holding.modality.clone())
    .bind(&holding.kind)
    .bind(holding.sop_class.clone())
    .bind(holding.transfer_syntax.clone())
    .bind(holding.partition.as_str())
    .bind(&holding.key)
    .bind(holding.header_key.clone())
    .bind(item.path.to_string())
    .bind(item.path.date.to_string())
    .bind(now)
    .run(tx)
    .await
    .map(|_| ())
}

fn read_item(row: &Row) -> Result<Item, DbError> {
    let doing = "item";
    let text = |column: &str| row.get::<String>(column);
    let code = |column: &str| match row.get::<Option<String>>(column)? {
        None => Ok(None),
        Some(code) => Code::parse(&code).map(Some).ok_or_else(|| foreign(doing, column)),
    };
    Ok(Item {
        consignment: text("consignment")?,
        n: row.get("n")?,
        project: text("project")?,
        path: RawPath::parse(&text("path")?).map_err(|_| foreign(doing, "path"))?,
        sha256: digest(row, doing, "sha256")?,
        bytes: row.get("bytes")?,
        pseudonym: Pseudonym::parse(&text("pseudonym")?).map_err(|_| foreign(doing, "pseudonym"))?,
        trust: OdsCode::parse(&text("trust")?).map_err(|_| foreign(doing, "trust"))?,
        state: text("state")?,
        code: code("code")?,
        detail: row.get("detail")?,
        waived: code("waived")?,
    })
}
