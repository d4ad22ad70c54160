//! Jobs: work that is owed, in a table, done under leases. A job is enqueued in the transaction that makes it necessary and
//! completed in the transaction that writes its result, so neither is ever without the other; between the two it may run
//! more than once, and every step is written for that.

mod driver;

pub use driver::{Driver, DriverConfig, Idle, Outcome};

use crate::clock::Timestamp;
use crate::db::{Conn, Db, DbError, Migration, Query, Row, Tx, sql};
use crate::keys;
use std::time::Duration;

/// The table. `due_us` carries both waits: of a job that nobody holds, when it may run; of one that is held, when its lease
/// ends. So an expired lease needs no sweeper: the job is simply due.
pub const SCHEMA: Migration = Migration {
    name: "jobs-1",
    ddl: "CREATE TABLE jobs (
        id TEXT PRIMARY KEY,            -- random; immutable
        kind TEXT NOT NULL,             -- which step; immutable
        idempotency_key TEXT NOT NULL,  -- unique within the kind, also after it is done; immutable
        payload TEXT NOT NULL,          -- ids of rows, never anything about a person; immutable
        host TEXT NOT NULL,             -- where the bytes lie that it needs; '': any worker; immutable
        state TEXT NOT NULL CHECK (state IN ('open', 'done', 'parked')),
        due_us BIGINT NOT NULL,         -- see above; of a done job, when it was done
        lease_token TEXT,               -- who holds it; NULL: nobody
        attempts BIGINT NOT NULL,       -- times it was claimed
        code TEXT,                      -- why it was last put off, or parked
        created_us BIGINT NOT NULL,     -- immutable
        UNIQUE (kind, idempotency_key)
    );
    CREATE INDEX jobs_due ON jobs (kind, host, due_us) WHERE state = 'open';
    CREATE INDEX jobs_state ON jobs (state, kind);",
};

/// Finds what is owed by what it is given; see [`owe`].
pub const PAYLOADS: Migration =
    Migration { name: "jobs-2", ddl: "CREATE INDEX jobs_payload ON jobs (payload) WHERE state <> 'done';" };

/// The host of a job that any worker can do.
const ANYWHERE: &str = "";
/// Rows in one insert.
const INSERT_ROWS_MAX: usize = 1000;

/// Work to be owed.
#[derive(Debug, Clone)]
pub struct Job {
    /// Which step.
    pub kind: &'static str,
    /// What makes it the same job if it is enqueued again: usually the row id.
    pub key: String,
    /// What the step is given: row ids. Never anything about a person.
    pub payload: String,
    /// Not before this moment.
    pub run_after: Timestamp,
    /// The one host that can do it, or any.
    pub host: Option<String>,
}

impl Job {
    /// A job that may run at once, anywhere, whose payload is its key.
    pub fn now(kind: &'static str, key: impl Into<String>) -> Self {
        let key = key.into();
        Self { kind, payload: key.clone(), key, run_after: Timestamp::from_micros(0), host: None }
    }
}

/// A job that is ours until the lease ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    id: String,
    token: String,
    /// Which step.
    pub kind: String,
    /// The idempotency key.
    pub key: String,
    /// What was enqueued with it.
    pub payload: String,
    /// How often it has been claimed, this time included.
    pub attempts: u32,
    /// When the lease ends and another may claim it.
    pub until: Timestamp,
}

/// Why a lease could not be used.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// The lease ended and another holds the job, or it is done: roll back what was to go with it.
    #[error("the lease on this {kind} job is lost")]
    LeaseLost {
        /// Which step.
        kind: String,
    },
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// Owes a job. `false`: it was owed, or done, before; nothing changes.
pub async fn enqueue(tx: &mut Tx, job: &Job, now: Timestamp) -> Result<bool, DbError> {
    Ok(enqueue_all(tx, std::slice::from_ref(job), now).await? == 1)
}

/// Owes many jobs; tells how many are new.
pub async fn enqueue_all(tx: &mut Tx, jobs: &[Job], now: Timestamp) -> Result<u64, DbError> {
    let mut new = 0;
    for some in jobs.chunks(INSERT_ROWS_MAX) {
        let head = "/* enqueue jobs */ INSERT INTO jobs
            (id, kind, idempotency_key, payload, host, state, due_us, attempts, created_us) VALUES";
        let mut insert = Query::many(head, 9, some.len(), "ON CONFLICT (kind, idempotency_key) DO NOTHING");
        for job in some {
            insert = insert
                .bind(keys::random_id().map_err(|_| DbError::Closed)?)
                .bind(job.kind)
                .bind(&job.key)
                .bind(&job.payload)
                .bind(job.host.as_deref().unwrap_or(ANYWHERE))
                .bind("open")
                // Who came first is first, also among the queues of several kinds.
                .bind(job.run_after.max(now))
                .bind(0_i64)
                .bind(now);
        }
        new += insert.run(tx).await?;
    }
    Ok(new)
}

/// Owes a job, unless one of its kind with the same payload is owed already: that one is due now, even if it was parked. One that
/// somebody holds does not count: it may have looked before there was a reason to look again.
pub async fn owe(tx: &mut Tx, job: &Job, now: Timestamp) -> Result<(), DbError> {
    let owed = sql(
        "/* owe job */ UPDATE jobs SET state = 'open', due_us = CASE WHEN due_us < $3 THEN due_us ELSE $3 END
        WHERE payload = $2 AND state <> 'done' AND kind = $1 AND lease_token IS NULL",
    );
    if owed.bind(job.kind).bind(&job.payload).bind(now).run(tx).await? == 0 && !enqueue(tx, job, now).await? {
        // The one of this key is held, or done.
        let id = keys::random_id().map_err(|_| DbError::Closed)?;
        enqueue(tx, &Job { key: format!("{}:{id}", job.key), ..job.clone() }, now).await?;
    }
    Ok(())
}

/// Claims up to `count` due jobs of these kinds that this host can do, until `now + lease`: first those of the queue that has
/// waited longest, earliest due first. `owner` names the process: what it holds is freed by itself alone (see [`free_of`]).
pub async fn claim(
    db: &Db,
    kinds: &[&str],
    host: &str,
    owner: &str,
    count: u32,
    now: Timestamp,
    lease: Duration,
) -> Result<Vec<Lease>, DbError> {
    // Looking costs no write: an idle worker leaves the disk in peace.
    let mut queues = queues(&mut db.read().await?, kinds, host).await?;
    queues.retain(|queue| queue.due <= now);
    if queues.is_empty() {
        return Ok(Vec::new());
    }
    queues.sort_by_key(|queue| queue.due);
    let token = format!("{owner}/{}", keys::random_id().map_err(|_| DbError::Closed)?);
    let until = now.plus(lease);
    let mut leases: Vec<Lease> = Vec::new();
    // A claim that a power cut undoes leaves the job due, as if its lease had ended.
    let mut tx = db.write_forgettably().await?;
    for queue in queues {
        let wanted = count.saturating_sub(u32::try_from(leases.len()).unwrap_or(u32::MAX));
        if wanted == 0 {
            break;
        }
        let query = sql("/* claim jobs */ WITH due AS MATERIALIZED (
                SELECT id FROM jobs WHERE state = 'open' AND kind = $1 AND host = $2 AND due_us <= $3
                ORDER BY due_us LIMIT $4 {for update skip locked})
            UPDATE jobs SET lease_token = $5, due_us = $6, attempts = attempts + 1
            WHERE id IN (SELECT id FROM due)
            RETURNING id, kind, idempotency_key, payload, attempts");
        let query = query.bind(queue.kind).bind(queue.host).bind(now).bind(wanted).bind(&token).bind(until);
        leases.extend(query.all(&mut tx, |row| read_lease(row, &token, until)).await?);
    }
    tx.commit().await?;
    Ok(leases)
}

fn read_lease(row: &Row, token: &str, until: Timestamp) -> Result<Lease, DbError> {
    Ok(Lease {
        id: row.get("id")?,
        token: token.to_owned(),
        kind: row.get("kind")?,
        key: row.get("idempotency_key")?,
        payload: row.get("payload")?,
        attempts: row.get("attempts")?,
        until,
    })
}

/// When the next job of these kinds falls due on this host; a held one counts with the end of its lease.
pub async fn next_due(on: &mut impl Conn, kinds: &[&str], host: &str) -> Result<Option<Timestamp>, DbError> {
    Ok(queues(on, kinds, host).await?.into_iter().map(|queue| queue.due).min())
}

/// The open jobs of one kind on one host, or on any.
struct Queue {
    kind: String,
    host: String,
    /// When its first is due.
    due: Timestamp,
}

/// The queues of these kinds that this host works; of a long one only the head is looked at.
async fn queues(on: &mut impl Conn, kinds: &[&str], host: &str) -> Result<Vec<Queue>, DbError> {
    let query = Query::many(
        "/* heads of queues */ WITH queue (kind, host) AS (VALUES",
        2,
        2 * kinds.len(),
        ") SELECT kind, host, (SELECT due_us FROM jobs WHERE state = 'open' AND jobs.kind = queue.kind
             AND jobs.host = queue.host ORDER BY due_us LIMIT 1) AS due_us FROM queue",
    );
    let query =
        kinds.iter().fold(query, |query, kind| query.bind(*kind).bind(ANYWHERE).bind(*kind).bind(host));
    let read = |row: &Row<'_>| match row.get("due_us")? {
        Some(due) => Ok(Some(Queue { kind: row.get("kind")?, host: row.get("host")?, due })),
        None => Ok(None),
    };
    Ok(query.all(on, read).await?.into_iter().flatten().collect())
}

/// Marks the job done, in the transaction that writes its result. `LeaseLost`: do not commit.
pub async fn complete(tx: &mut Tx, lease: &Lease, now: Timestamp) -> Result<(), JobError> {
    let query =
        sql("/* complete job */ UPDATE jobs SET state = 'done', due_us = $3, lease_token = NULL, code = NULL
        WHERE id = $1 AND lease_token = $2 AND state = 'open'");
    held(query.bind(&lease.id).bind(&lease.token).bind(now), tx, lease).await
}

/// Puts the job off until `at`, with the reason's code.
pub async fn retry_later(tx: &mut Tx, lease: &Lease, at: Timestamp, code: &str) -> Result<(), JobError> {
    let query = sql("/* retry job later */ UPDATE jobs SET due_us = $3, lease_token = NULL, code = $4
        WHERE id = $1 AND lease_token = $2 AND state = 'open'");
    held(query.bind(&lease.id).bind(&lease.token).bind(at).bind(code), tx, lease).await
}

/// Gives the job back unworked (the process ends): due at once, and the attempt does not count.
pub async fn release(tx: &mut Tx, lease: &Lease, now: Timestamp) -> Result<(), JobError> {
    let query =
        sql("/* release job */ UPDATE jobs SET due_us = $3, lease_token = NULL, attempts = attempts - 1
        WHERE id = $1 AND lease_token = $2 AND state = 'open'");
    held(query.bind(&lease.id).bind(&lease.token).bind(now), tx, lease).await
}

/// Frees every job that an owner holds: due at once. For a process that starts again and knows that nobody else has its name.
/// What was cut off does not count as an attempt: the next failure is waited out as if it were the first.
pub async fn free_of(tx: &mut Tx, owner: &str, now: Timestamp) -> Result<u64, DbError> {
    sql("/* free jobs */ UPDATE jobs SET due_us = $1, lease_token = NULL, attempts = attempts - 1
        WHERE state = 'open' AND lease_token LIKE $2")
    .bind(now)
    .bind(format!("{owner}/%"))
    .run(tx)
    .await
}

/// Holds the job longer: the driver does, as long as the step runs.
pub async fn renew(tx: &mut Tx, lease: &Lease, until: Timestamp) -> Result<(), JobError> {
    let query = sql("/* renew lease */ UPDATE jobs SET due_us = $3
        WHERE id = $1 AND lease_token = $2 AND state = 'open'");
    held(query.bind(&lease.id).bind(&lease.token).bind(until), tx, lease).await
}

/// Parks the job with a code until a person acts (see [`unpark`]).
pub async fn give_up(tx: &mut Tx, lease: &Lease, code: &str) -> Result<(), JobError> {
    let query = sql("/* park job */ UPDATE jobs SET state = 'parked', lease_token = NULL, code = $3
        WHERE id = $1 AND lease_token = $2 AND state = 'open'");
    held(query.bind(&lease.id).bind(&lease.token).bind(code), tx, lease).await
}

async fn held(query: Query, tx: &mut Tx, lease: &Lease) -> Result<(), JobError> {
    match query.run(tx).await? {
        1 => Ok(()),
        _ => Err(JobError::LeaseLost { kind: lease.kind.clone() }),
    }
}

/// Owes a parked or done job again, with its attempts forgotten. `false`: there is none such.
pub async fn unpark(tx: &mut Tx, kind: &str, key: &str, now: Timestamp) -> Result<bool, DbError> {
    let query =
        sql("/* unpark job */ UPDATE jobs SET state = 'open', due_us = $3, lease_token = NULL, attempts = 0
        WHERE kind = $1 AND idempotency_key = $2 AND state IN ('parked', 'done')");
    Ok(query.bind(kind).bind(key).bind(now).run(tx).await? == 1)
}

/// Owes every parked job again: for a process that starts, since somebody has started it.
pub async fn unpark_all(tx: &mut Tx, now: Timestamp) -> Result<u64, DbError> {
    sql("/* unpark jobs */ UPDATE jobs SET state = 'open', due_us = $1, lease_token = NULL, attempts = 0
        WHERE state = 'parked'")
    .bind(now)
    .run(tx)
    .await
}

/// Forgets jobs done before a moment; their keys are free again.
pub async fn forget_done(tx: &mut Tx, before: Timestamp) -> Result<u64, DbError> {
    sql("/* forget done jobs */ DELETE FROM jobs WHERE state = 'done' AND due_us < $1")
        .bind(before)
        .run(tx)
        .await
}

/// How many jobs of a kind are in a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// Which step.
    pub kind: String,
    /// `waiting` (due or not yet), `running` (leased), `done` or `parked`.
    pub state: String,
    /// How many.
    pub jobs: u64,
}

/// Jobs by kind and state, for status pages.
pub async fn counts(on: &mut impl Conn, now: Timestamp) -> Result<Vec<Count>, DbError> {
    sql("/* count jobs */ SELECT kind, shown, COUNT(*) AS jobs FROM (
            SELECT kind, CASE WHEN state <> 'open' THEN state WHEN lease_token IS NOT NULL AND due_us > $1
                THEN 'running' ELSE 'waiting' END AS shown FROM jobs) AS shown_jobs
        GROUP BY kind, shown ORDER BY kind, shown")
    .bind(now)
    .all(on, |row| Ok(Count { kind: row.get("kind")?, state: row.get("shown")?, jobs: row.get("jobs")? }))
    .await
}

/// A parked job and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    /// Which step.
    pub kind: String,
    /// Its idempotency key, for [`unpark`].
    pub key: String,
    /// The code it was parked with.
    pub code: String,
    /// How often it had been claimed.
    pub attempts: u32,
}

/// Parked jobs, at most `count_max`.
pub async fn parked(on: &mut impl Conn, count_max: u32) -> Result<Vec<Parked>, DbError> {
    sql("/* parked jobs */ SELECT kind, idempotency_key, code, attempts FROM jobs WHERE state = 'parked'
        ORDER BY kind, idempotency_key LIMIT $1")
    .bind(count_max)
    .all(on, |row| {
        let code = row.get::<Option<String>>("code")?.unwrap_or_default();
        let (kind, key) = (row.get("kind")?, row.get("idempotency_key")?);
        Ok(Parked { kind, key, code, attempts: row.get("attempts")? })
    })
    .await
}

/// The wait before the next attempt: `base`, doubled with each attempt up to `most`, and up to a quarter longer, by
/// the key, so that many jobs put off together do not come back together.
pub fn backoff(lease: &Lease, base: Duration, most: Duration) -> Duration {
    let doubled =
        base.saturating_mul(1_u32.checked_shl(lease.attempts.saturating_sub(1)).unwrap_or(u32::MAX));
    let wait = doubled.min(most);
    let spread = lease.key.bytes().fold(0_u32, |sum, b| (sum * 31 + u32::from(b)) % 1009);
    wait + wait.mul_f64(f64::from(spread) / 4036.0)
}

#[cfg(test)]
mod tests;
