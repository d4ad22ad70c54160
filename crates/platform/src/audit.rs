//! The audit: append-only chains of hashes, one per trust. Row n's hash covers row n−1's, so a row that is changed, removed, added or
//! moved breaks the chain at its place; the roots go out with every manifest and come back countersigned, so that the
//! end of a chain cannot be rewritten either.

use crate::clock::Timestamp;
use crate::db::{Conn, DbError, Migration, Tx, sql};
use ring::digest::{Context, SHA256};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The tables.
pub const SCHEMA: Migration = Migration {
    name: "audit-1",
    ddl: "CREATE TABLE audit_chains (
        chain TEXT PRIMARY KEY,   -- a trust's code; immutable
        length BIGINT NOT NULL,   -- rows so far
        root {blob} NOT NULL      -- hash of the last row, SHA-256
    );
    CREATE TABLE audit_rows (     -- all immutable
        chain TEXT NOT NULL,
        seq BIGINT NOT NULL,      -- from 1, without gaps
        at_us BIGINT NOT NULL,
        actor TEXT NOT NULL,
        event TEXT NOT NULL,
        details TEXT NOT NULL,    -- JSON, keys sorted; ids, numbers and codes only
        hash {blob} NOT NULL,     -- SHA-256 of the row before's hash and this row
        PRIMARY KEY (chain, seq)
    );
    CREATE TABLE audit_marks (    -- all immutable
        root {blob} PRIMARY KEY,  -- over all chains, as a manifest carries it
        at_us BIGINT NOT NULL,
        lengths TEXT NOT NULL     -- JSON: chain to its length at that moment
    );",
};

/// Rows read at a time when a chain is verified.
const PAGE_ROWS: i64 = 1000;

/// A SHA-256 digest.
pub type Hash = [u8; 32];

/// Why the audit could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// Something that is not an id was given where only ids may stand. What it was is not repeated.
    #[error(
        "audit: {key} takes a handle, a digest, a pseudonym, or a word of the configuration, nothing else"
    )]
    NotAnId {
        /// Which field.
        key: &'static str,
    },
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// What an entry tells beside its event: ids, numbers, codes and words of the configuration. There is no way to put free text in.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(transparent)]
pub struct Details(BTreeMap<&'static str, Detail>);

#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
enum Detail {
    Id(String),
    Number(i64),
    Code(&'static str),
}

impl Details {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// What was made by a machine: the handle of a row, a digest, a pseudonym. No name is so long; whatever else is refused.
    pub fn id(mut self, key: &'static str, id: &str) -> Result<Self, AuditError> {
        if !(is_hex(id) || is_pseudonym(id)) {
            return Err(AuditError::NotAnId { key });
        }
        self.0.insert(key, Detail::Id(id.to_owned()));
        Ok(self)
    }

    /// What a person wrote, but not about a person: a source or trust of the configuration, a place in a bucket, a reason code.
    pub fn word(mut self, key: &'static str, word: &str) -> Result<Self, AuditError> {
        self.0.insert(key, Detail::Id(checked(key, word)?));
        Ok(self)
    }

    /// A count, a size, a time.
    pub fn number(mut self, key: &'static str, number: impl Into<i64>) -> Self {
        self.0.insert(key, Detail::Number(number.into()));
        self
    }

    /// One of our own codes.
    pub fn code(mut self, key: &'static str, code: &'static str) -> Self {
        self.0.insert(key, Detail::Code(code));
        self
    }
}

/// A handle (128 bits, behind a letter that says so) or a SHA-256.
fn is_hex(id: &str) -> bool {
    let digits = id.strip_prefix('h').unwrap_or(id);
    matches!(digits.len(), 32 | 64)
        && digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// A prefix that begins with a letter, then a hundred bits in Base32.
fn is_pseudonym(id: &str) -> bool {
    let at = id.len().saturating_sub(20);
    let (Some(prefix), Some(tail)) = (id.get(..at), id.get(at..)) else { return false };
    (1..=16).contains(&prefix.len())
        && prefix.starts_with(|c: char| c.is_ascii_alphabetic())
        && prefix.bytes().all(|b| b.is_ascii_alphanumeric())
        && tail.bytes().all(|b| matches!(b, b'A'..=b'Z' | b'2'..=b'7'))
}

/// A name has blanks, carets or letters beyond ASCII, and an NHS number is ten digits: neither passes for an id.
fn checked(key: &'static str, id: &str) -> Result<String, AuditError> {
    let good = !id.is_empty()
        && id.len() <= 128
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"._:/@-".contains(&b))
        && !(id.len() >= 8 && id.bytes().all(|b| b.is_ascii_digit()));
    if good { Ok(id.to_owned()) } else { Err(AuditError::NotAnId { key }) }
}

/// Appends one entry to a chain, in the caller's transaction: what is recorded and the record are committed together.
pub async fn append(
    tx: &mut Tx,
    chain: &str,
    actor: &str,
    event: &'static str,
    details: &Details,
    at: Timestamp,
) -> Result<(), AuditError> {
    let (chain, actor) = (checked("chain", chain)?, checked("actor", actor)?);
    let details =
        serde_json::to_string(details).unwrap_or_else(|_| unreachable!("text, numbers and sorted keys"));
    let mut row = Entry { seq: 0, at_us: at.as_micros(), actor, event: event.to_owned(), details };
    let mut known = left().get(&chain).copied();
    let (seq, hash) = loop {
        let head = match known.take() {
            Some(head) => head,
            None => head(tx, &chain).await?,
        };
        row.seq = head.0 + 1;
        let next = (row.seq, row.hash(&head.1));
        if move_head(tx, &chain, head, next).await? {
            break next;
        }
    };
    sql("/* audit: append */ INSERT INTO audit_rows (chain, seq, at_us, actor, event, details, hash)
        VALUES ($1, $2, $3, $4, $5, $6, $7)")
    .bind(&chain)
    .bind(seq)
    .bind(row.at_us)
    .bind(row.actor)
    .bind(row.event)
    .bind(row.details)
    .bind(hash)
    .run(tx)
    .await?;
    left().insert(chain, (seq, hash));
    Ok(())
}

/// How long a chain is, and the hash of its last row.
type Head = (i64, Hash);

/// Where this process has left each chain. It saves a question and is never believed: a head moves from there only if the
/// database has it there. After a rollback, or behind another process's back, it does not.
static LEFT: Mutex<BTreeMap<String, Head>> = Mutex::new(BTreeMap::new());

fn left() -> MutexGuard<'static, BTreeMap<String, Head>> {
    LEFT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The head, locked until the transaction ends, so that two writers cannot take one number.
async fn head(tx: &mut Tx, chain: &str) -> Result<Head, DbError> {
    sql("/* audit: head */ INSERT INTO audit_chains (chain, length, root) VALUES ($1, 0, $2)
        ON CONFLICT (chain) DO UPDATE SET length = audit_chains.length RETURNING length, root")
    .bind(chain)
    .bind(beginning(chain))
    .one(tx, |row| Ok((row.get("length")?, row.get("root")?)))
    .await
}

/// Moves the head on, and locks it; `false`: it is not there.
async fn move_head(tx: &mut Tx, chain: &str, from: Head, to: Head) -> Result<bool, DbError> {
    let query = sql("/* audit: new head */ UPDATE audit_chains SET length = $2, root = $3
        WHERE chain = $1 AND length = $4 AND root = $5");
    let query = query.bind(chain).bind(to.0).bind(to.1).bind(from.0).bind(from.1);
    Ok(query.run(tx).await? == 1)
}

/// A row as it is stored and hashed.
struct Entry {
    seq: i64,
    at_us: i64,
    actor: String,
    event: String,
    details: String,
}

impl Entry {
    /// SHA-256(previous hash ‖ canonical JSON of the row: keys sorted, no blanks).
    fn hash(&self, previous: &Hash) -> Hash {
        let text = |s: &str| serde_json::Value::from(s).to_string();
        let json = format!(
            "{{\"actor\":{},\"at_us\":{},\"details\":{},\"event\":{},\"seq\":{}}}",
            text(&self.actor),
            self.at_us,
            self.details,
            text(&self.event),
            self.seq
        );
        digest(&[previous, json.as_bytes()])
    }
}

/// What stands before a chain's first row: its name, so that one chain cannot be passed off as another.
fn beginning(chain: &str) -> Hash {
    digest(&[b"tributary audit chain 1\0", chain.as_bytes()])
}

fn digest(parts: &[&[u8]]) -> Hash {
    let mut context = Context::new(&SHA256);
    parts.iter().for_each(|part| context.update(part));
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

/// A chain's head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// The chain.
    pub chain: String,
    /// Rows in it.
    pub length: u64,
    /// Hash of the last row.
    pub root: Hash,
}

/// Every chain's head, by name.
pub async fn roots(on: &mut impl Conn) -> Result<Vec<Root>, AuditError> {
    let mut all = sql("/* audit: roots */ SELECT chain, length, root FROM audit_chains")
        .all(on, |row| {
            Ok(Root { chain: row.get("chain")?, length: row.get("length")?, root: row.get("root")? })
        })
        .await?;
    // Not in SQL: databases sort text differently.
    all.sort_by(|a, b| a.chain.cmp(&b.chain));
    Ok(all)
}

/// One chain's head; `None`: it has no rows.
pub async fn root(on: &mut impl Conn, chain: &str) -> Result<Option<Root>, AuditError> {
    Ok(roots(on).await?.into_iter().find(|root| root.chain == chain))
}

fn combined(roots: &[Root]) -> Hash {
    let mut all = b"tributary audit roots 1\0".to_vec();
    for root in roots {
        all.extend_from_slice(&(root.chain.len() as u64).to_be_bytes());
        all.extend_from_slice(root.chain.as_bytes());
        all.extend_from_slice(&root.length.to_be_bytes());
        all.extend_from_slice(&root.root);
    }
    digest(&[&all])
}

/// The root over all chains at this moment, remembered, for a manifest to carry.
pub async fn mark(tx: &mut Tx, at: Timestamp) -> Result<Hash, AuditError> {
    let roots = roots(tx).await?;
    let root = combined(&roots);
    let lengths: BTreeMap<_, _> = roots.iter().map(|root| (&root.chain, root.length)).collect();
    let lengths = serde_json::to_string(&lengths).unwrap_or_else(|_| unreachable!("text and numbers"));
    sql("/* audit: mark */ INSERT INTO audit_marks (root, at_us, lengths) VALUES ($1, $2, $3) ON CONFLICT (root) DO NOTHING")
        .bind(root)
        .bind(at)
        .bind(lengths)
        .run(tx)
        .await?;
    Ok(root)
}

/// Whether a root that was given out (and countersigned) still follows from the rows: the past was not rewritten.
pub async fn verify_mark(on: &mut impl Conn, root: &Hash) -> Result<bool, AuditError> {
    let lengths = sql("/* audit: marked */ SELECT lengths FROM audit_marks WHERE root = $1")
        .bind(root)
        .first(on, |row| row.get::<String>("lengths"))
        .await?;
    let Some(lengths) = lengths.and_then(|text| serde_json::from_str::<BTreeMap<String, u64>>(&text).ok())
    else {
        return Ok(false);
    };
    let mut roots = Vec::new();
    for (chain, length) in lengths {
        let hash = sql("/* audit: hash at */ SELECT hash FROM audit_rows WHERE chain = $1 AND seq = $2")
            .bind(&chain)
            .bind(length)
            .first(on, |row| row.get::<Hash>("hash"))
            .await?;
        let Some(root) = hash else { return Ok(false) };
        roots.push(Root { chain, length, root });
    }
    Ok(combined(&roots) == *root)
}

/// What a walk along a chain found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Every row follows from the one before.
    Whole {
        /// Rows.
        length: u64,
        /// Hash of the last.
        root: Hash,
    },
    /// It breaks here.
    Broken {
        /// The first row that is not what was written; one past the last where the end is missing.
        seq: u64,
        /// What is wrong there.
        what: &'static str,
    },
}

/// Walks a chain from its beginning.
pub async fn verify(on: &mut impl Conn, chain: &str) -> Result<Verdict, AuditError> {
    let mut last = beginning(chain);
    let mut length = 0_u64;
    loop {
        let page = sql("/* audit: page */ SELECT seq, at_us, actor, event, details, hash FROM audit_rows
            WHERE chain = $1 AND seq > $2 ORDER BY seq LIMIT $3")
        .bind(chain)
        .bind(length)
        .bind(PAGE_ROWS)
        .all(on, |row| {
            let (seq, at_us, actor) = (row.get("seq")?, row.get("at_us")?, row.get("actor")?);
            let entry = Entry { seq, at_us, actor, event: row.get("event")?, details: row.get("details")? };
            Ok((entry, row.get::<Vec<u8>>("hash")?))
        })
        .await?;
        if page.is_empty() {
            break;
        }
        for (row, hash) in page {
            length += 1;
            if u64::try_from(row.seq) != Ok(length) {
                return Ok(Verdict::Broken { seq: length, what: "a row is missing" });
            }
            last = row.hash(&last);
            if hash != last {
                return Ok(Verdict::Broken {
                    seq: length,
                    what: "this row, or the link to the one before, was changed",
                });
            }
        }
    }
    let before = sql(
        "/* audit: before the first */ SELECT COUNT(*) AS n FROM audit_rows WHERE chain = $1 AND seq < 1",
    )
    .bind(chain)
    .one(on, |row| row.get::<i64>("n"))
    .await?;
    if before > 0 {
        return Ok(Verdict::Broken { seq: 0, what: "rows were added before the first" });
    }
    match root(on, chain).await? {
        Some(head) if head.length == length && head.root == last => Ok(Verdict::Whole { length, root: last }),
        None if length == 0 => Ok(Verdict::Whole { length, root: last }),
        Some(head) if head.length > length => {
            Ok(Verdict::Broken { seq: length + 1, what: "the end is missing" })
        }
        _ => Ok(Verdict::Broken { seq: length, what: "the chain's head is not its last row" }),
    }
}

#[cfg(test)]
mod tests;
