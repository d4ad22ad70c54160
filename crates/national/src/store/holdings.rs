//! Items and holdings: what became of each object, and where each version lies in the warehouse.

use super::consignments::digest;
use super::{Store, foreign};
use crate::code::Code;
use crate::partition::Partition;
use platform::clock::Timestamp;
use platform::db::{DbError, Query, Row, Tx, sql};
use std::collections::{BTreeMap, HashSet};
use submission::digest::Digest;
use submission::names::OdsCode;
use submission::paths::{ItemName, RawPath};
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

/// Where an item stands among the versions of its name, and where its patient lies.
#[derive(Debug, Clone, Copy)]
pub struct Standing {
    /// Its very bytes are held.
    pub is_held: bool,
    /// They are the current version.
    pub is_current: bool,
    /// A later consignment has brought the name, with whatever bytes.
    pub is_overtaken: bool,
    /// The patient's partition, if that was decided.
    pub partition: Option<Partition>,
}

/// Something may have been put into the warehouse tree that is not to lie there.
#[derive(Debug)]
pub struct Misplaced {
    /// What is to be taken out.
    pub stray: Option<Box<Holding>>,
    /// What is to lie there, if anything.
    pub newest: Option<Item>,
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

impl Item {
    /// Whether it is the same entry of the same manifest.
    fn is(&self, other: &Self) -> bool {
        (&self.consignment, self.n) == (&other.consignment, other.n)
    }
}

impl Store {
    /// The next items to look at, in the manifest's order: clinical records alone, then images alone.
    pub async fn next_slice(&self, consignment: &str, items_max: u32) -> Result<Vec<Item>, DbError> {
        sql("/* next slice */ SELECT * FROM items WHERE consignment = $1 AND state = 'pending'
            AND rank = (SELECT MIN(rank) FROM items WHERE consignment = $1 AND state = 'pending')
            ORDER BY n LIMIT $2")
        .bind(consignment)
        .bind(items_max)
        .all(&mut self.db.read().await?, read_item)
        .await
    }

    /// All items of a consignment, in the manifest's order.
    pub async fn items(&self, consignment: &str) -> Result<Vec<Item>, DbError> {
        sql("/* items */ SELECT * FROM items WHERE consignment = $1 ORDER BY n")
            .bind(consignment)
            .all(&mut self.db.read().await?, read_item)
            .await
    }

    /// One item.
    pub async fn item(&self, consignment: &str, n: u64) -> Result<Option<Item>, DbError> {
        sql("/* item */ SELECT * FROM items WHERE consignment = $1 AND n = $2")
            .bind(consignment)
            .bind(n)
            .first(&mut self.db.read().await?, read_item)
            .await
    }

    /// Consignments with items that the warehouse could not place, in the order in which versions follow each other.
    pub async fn consignments_held(&self, project: &str) -> Result<Vec<String>, DbError> {
        sql("/* consignments held */ SELECT id FROM consignments WHERE id IN (
                SELECT consignment FROM items WHERE project = $1 AND state = 'held')
            ORDER BY date, sequence, hub")
        .bind(project)
        .all(&mut self.db.read().await?, |row| row.get("id"))
        .await
    }

    /// Its items that the warehouse could not place, from this place in the manifest on: a page at a time.
    pub async fn held_items(
        &self,
        consignment: &str,
        from: u64,
        items_max: u32,
    ) -> Result<Vec<Item>, DbError> {
        sql("/* held items */ SELECT * FROM items WHERE consignment = $1 AND state = 'held' AND n >= $2
            ORDER BY n LIMIT $3")
        .bind(consignment)
        .bind(from)
        .bind(items_max)
        .all(&mut self.db.read().await?, read_item)
        .await
    }

    /// Where an item stands among the versions of its name that were taken in, and where its patient lies.
    pub async fn standing(&self, item: &Item) -> Result<Standing, DbError> {
        sql("/* standing */ SELECT
            (SELECT h.state FROM holdings h WHERE h.project = $1 AND h.name = $2 AND h.sha256 = $3) AS held,
            (SELECT a.part FROM assignments a WHERE a.project = $1 AND a.pseudonym = $5) AS part,
            CAST(CASE WHEN EXISTS (SELECT 1 FROM items i JOIN consignments c ON c.id = i.consignment
                JOIN consignments own ON own.id = $4
                WHERE i.project = $1 AND i.name = $2 AND i.state = 'loaded' AND (c.date > own.date
                    OR (c.date = own.date AND (c.sequence > own.sequence
                        OR (c.sequence = own.sequence AND c.hub > own.hub))))) THEN 1 ELSE 0 END AS BIGINT) AS overtaken")
        .bind(&item.project)
        .bind(item.path.item.to_string())
        .bind(item.sha256.to_string())
        .bind(&item.consignment)
        .bind(item.pseudonym.as_str())
        .one(&mut self.db.read().await?, |row| {
            let held: Option<String> = row.get("held")?;
            let part: Option<String> = row.get("part")?;
            let part = part.map(|part| Partition::parse(&part).ok_or_else(|| foreign("standing", "part")));
            Ok(Standing {
                partition: part.transpose()?,
                is_held: held.is_some(),
                is_current: held.as_deref() == Some("current"),
                is_overtaken: row.get::<i64>("overtaken")? == 1,
            })
        })
        .await
    }

    /// Writes down what became of a slice of one consignment, in which no name comes twice: one transaction. What a person or
    /// another run has moved on meanwhile stays as it is. The answer is what the warehouse tree must be set right for.
    pub async fn settle(
        &self,
        settled: &[(Item, Settled)],
        now: Timestamp,
    ) -> Result<Vec<Misplaced>, DbError> {
        let mut tx = self.db.write().await?;
        let moved = move_on(&mut tx, settled).await?;
        let is_moved = |item: &Item| moved.contains(&(item.consignment.clone(), item.n));
        let versions = versions(&mut tx, settled).await?;
        let of = |item: &Item| versions.get(&item.path.item).map_or(&[][..], Vec::as_slice);
        add_versions(&mut tx, settled.iter().filter(|(item, _)| is_moved(item)), of, now).await?;
        let mut misplaced = Vec::new();
        for (item, outcome) in settled {
            if is_moved(item) && item.state == "quarantined" && !matches!(outcome, Settled::Quarantined(..)) {
                sql("/* amend */ UPDATE consignments SET amendments = amendments + 1 WHERE id = $1")
                    .bind(&item.consignment)
                    .run(&mut tx)
                    .await?;
            }
            let newest = of(item).first();
            if let Settled::Loaded(holding) = outcome
                && newest.is_none_or(|newest| newest.sha256 != item.sha256)
            {
                let is_stray = !is_moved(item) && !is_used(&mut tx, &item.project, &holding.key).await?;
                misplaced
                    .push(Misplaced { stray: is_stray.then(|| holding.clone()), newest: newest.cloned() });
            }
        }
        tx.commit().await?;
        Ok(misplaced)
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

/// Moves items on, each from the state in which it was looked at; gives those that were in it still: (consignment, n).
async fn move_on(tx: &mut Tx, settled: &[(Item, Settled)]) -> Result<HashSet<(String, u64)>, DbError> {
    if settled.is_empty() {
        return Ok(HashSet::new());
    }
    let head = "/* settle */ WITH seen (consignment, n, was, state, code, detail) AS (VALUES";
    let tail = ") UPDATE items SET state = seen.state, code = seen.code, detail = seen.detail FROM seen
        WHERE items.consignment = seen.consignment AND items.n = seen.n AND items.state = seen.was
        RETURNING items.consignment, items.n";
    let mut query = Query::many(head, 6, settled.len(), tail);
    for (item, outcome) in settled {
        let (state, code, detail) = match outcome {
            Settled::Loaded(_) | Settled::Known => ("loaded", None, None),
            Settled::Held(code, what) => ("held", Some(*code), Some(what.as_str())),
            Settled::Quarantined(code, detail) => ("quarantined", Some(*code), detail.as_deref()),
        };
        query = query
            .bind(&item.consignment)
            .bind(item.n)
            .bind(&item.state)
            .bind(state)
            .bind(code.map(Code::as_str))
            .bind(detail);
    }
    let moved = query.all(tx, |row| Ok((row.get("consignment")?, row.get("n")?))).await?;
    Ok(moved.into_iter().collect())
}

/// What was loaded under these items' names, the newest first, by the order of consignments.
async fn versions(
    tx: &mut Tx,
    settled: &[(Item, Settled)],
) -> Result<BTreeMap<ItemName, Vec<Item>>, DbError> {
    let mut versions: BTreeMap<ItemName, Vec<Item>> = BTreeMap::new();
    let is_in = |(_, outcome): &&(Item, Settled)| matches!(outcome, Settled::Loaded(_) | Settled::Known);
    let items: Vec<&Item> = settled.iter().filter(is_in).map(|(item, _)| item).collect();
    if items.is_empty() {
        return Ok(versions);
    }
    let head = "/* versions */ WITH named (project, name) AS (VALUES";
    let tail = ") SELECT i.* FROM named
        JOIN items i ON i.project = named.project AND i.name = named.name AND i.state = 'loaded'
        JOIN consignments c ON c.id = i.consignment ORDER BY c.date DESC, c.sequence DESC, c.hub DESC";
    let named = items.iter().fold(Query::many(head, 2, items.len(), tail), |query, item| {
        query.bind(&item.project).bind(item.path.item.to_string())
    });
    for item in named.all(tx, read_item).await? {
        versions.entry(item.path.item.clone()).or_default().push(item);
    }
    Ok(versions)
}

/// Adds versions, or one more provenance of versions that are held. Of a version the newest provenance describes it; of the
/// versions the newest is current: the one of the latest day, then of the highest sequence number. Nothing is dropped.
async fn add_versions<'a>(
    tx: &mut Tx,
    moved: impl Iterator<Item = &'a (Item, Settled)>,
    versions: impl Fn(&Item) -> &'a [Item],
    now: Timestamp,
) -> Result<(), DbError> {
    let (mut describing, mut others, mut newest) = (Vec::new(), Vec::new(), Vec::new());
    for (item, outcome) in moved {
        let versions = versions(item);
        let own = versions.iter().find(|version| version.sha256 == item.sha256);
        match (outcome, own.is_none_or(|own| own.is(item))) {
            (Settled::Loaded(holding), true) => describing.push((item, holding.as_ref())),
            (Settled::Loaded(holding), false) => others.push((item, holding.as_ref())),
            (Settled::Known, true) => describe(tx, item).await?,
            _ => {}
        }
        newest.extend(versions.first());
    }
    // Over what another provenance of the version says, or not.
    let over = "ON CONFLICT (project, name, sha256) DO UPDATE SET trust = excluded.trust, part = excluded.part,
        kind = excluded.kind, key = excluded.key, header_key = excluded.header_key, raw_path = excluded.raw_path,
        date = excluded.date, retired = 0";
    add_holdings(tx, &describing, over, now).await?;
    add_holdings(tx, &others, "ON CONFLICT (project, name, sha256) DO NOTHING", now).await?;
    make_current(tx, &newest).await
}

/// What a version's newest provenance says of it.
async fn describe(tx: &mut Tx, item: &Item) -> Result<(), DbError> {
    sql("/* provenance */ UPDATE holdings SET trust = $4, raw_path = $5, date = $6
        WHERE project = $1 AND name = $2 AND sha256 = $3")
    .bind(&item.project)
    .bind(item.path.item.to_string())
    .bind(item.sha256.to_string())
    .bind(item.trust.as_str())
    .bind(item.path.to_string())
    .bind(item.path.date.to_string())
    .run(tx)
    .await
    .map(|_| ())
}

/// Makes these versions the current ones of their names.
async fn make_current(tx: &mut Tx, newest: &[&Item]) -> Result<(), DbError> {
    if newest.is_empty() {
        return Ok(());
    }
    let supersede = "/* supersede */ WITH newest (project, name, sha256) AS (VALUES";
    let superseded = ") UPDATE holdings SET state = 'superseded' FROM newest
        WHERE holdings.project = newest.project AND holdings.name = newest.name
            AND holdings.sha256 <> newest.sha256 AND holdings.state = 'current'";
    let make = "/* make current */ WITH newest (project, name, sha256) AS (VALUES";
    let made = ") UPDATE holdings SET state = 'current' FROM newest
        WHERE holdings.project = newest.project AND holdings.name = newest.name
            AND holdings.sha256 = newest.sha256 AND holdings.state <> 'current'";
    for (head, tail) in [(supersede, superseded), (make, made)] {
        let query = newest.iter().fold(Query::many(head, 3, newest.len(), tail), |query, item| {
            query.bind(&item.project).bind(item.path.item.to_string()).bind(item.sha256.to_string())
        });
        query.run(tx).await?;
    }
    Ok(())
}

/// Whether a version that is held lies under this key of the warehouse.
async fn is_used(tx: &mut Tx, project: &str, key: &str) -> Result<bool, DbError> {
    let found = sql("/* key in use */ SELECT name FROM holdings WHERE project = $1 AND key = $2 LIMIT 1")
        .bind(project)
        .bind(key)
        .first(tx, |row| row.get::<String>("name"))
        .await?;
    Ok(found.is_some())
}

/// Writes where versions lie.
async fn add_holdings(
    tx: &mut Tx,
    holdings: &[(&Item, &Holding)],
    on_conflict: &'static str,
    now: Timestamp,
) -> Result<(), DbError> {
    if holdings.is_empty() {
        return Ok(());
    }
    let head = "/* add holding */ INSERT INTO holdings (project, name, sha256, bytes, pseudonym, trust, centre, study,
            series, modality, kind, sop_class, transfer_syntax, part, key, header_key, raw_path, date, loaded_at_us, state,
            retired) VALUES";
    let mut query = Query::many(head, 21, holdings.len(), on_conflict);
    for (item, holding) in holdings {
        query = query
            .bind(&item.project)
            .bind(item.path.item.to_string())
            .bind(item.sha256.to_string())
            .bind(item.bytes)
            .bind(item.pseudonym.as_str())
            .bind(item.trust.as_str())
            .bind(holding.centre.as_ref())
            .bind(holding.study.as_ref())
            .bind(holding.series.as_ref())
            .bind(holding.modality.as_ref())
            .bind(&holding.kind)
            .bind(holding.sop_class.as_ref())
            .bind(holding.transfer_syntax.as_ref())
            .bind(holding.partition.as_str())
            .bind(&holding.key)
            .bind(holding.header_key.as_ref())
            .bind(item.path.to_string())
            .bind(item.path.date.to_string())
            .bind(now)
            .bind("superseded")
            .bind(false);
    }
    query.run(tx).await.map(|_| ())
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
