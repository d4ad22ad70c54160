//! Group commit: many callers, one transaction, one sync of the disk. Each is told after the commit.

use super::error::{DbError, Fault};
use super::{Db, Tx};
use futures::FutureExt;
use futures::future::BoxFuture;
use std::panic::AssertUnwindSafe;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Statements that one caller wants committed.
type Statements = Box<dyn for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<(), DbError>> + Send>;

struct Request {
    statements: Statements,
    told: oneshot::Sender<Result<(), DbError>>,
}

/// Collects callers' statements and commits them together. Cheap to clone; ends when the last clone is dropped.
///
/// While one group is being committed the next one gathers, so `gather` may be zero and a lone caller never waits.
#[derive(Clone)]
pub struct GroupCommit {
    queue: mpsc::Sender<Request>,
}

impl GroupCommit {
    /// Starts the committing task: a group is closed `gather` after its first caller, or at `callers_max`.
    pub fn start(db: Db, gather: Duration, callers_max: usize) -> Self {
        let (queue, requests) = mpsc::channel(callers_max.max(1) * 2);
        tokio::spawn(commit_groups(db, requests, gather, callers_max.max(1)));
        Self { queue }
    }

    /// Runs the statements in the next group and returns when they are durable.
    ///
    /// If they fail, they alone are undone; the others of the group are committed.
    pub async fn submit<T: Send + 'static>(
        &self,
        statements: impl for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, DbError>> + Send + 'static,
    ) -> Result<T, DbError> {
        let (value_out, value_in) = std::sync::mpsc::sync_channel(1);
        let (told, answer) = oneshot::channel();
        let statements: Statements = Box::new(move |tx| {
            let work = statements(tx);
            Box::pin(async move {
                let value = work.await?;
                // The receiver lives until the answer below has come, or its caller no longer cares.
                let _ = value_out.send(value);
                Ok(())
            })
        });
        self.queue.send(Request { statements, told }).await.map_err(|_| DbError::Closed)?;
        answer.await.map_err(|_| DbError::Closed)??;
        value_in.try_recv().map_err(|_| DbError::Closed)
    }
}

async fn commit_groups(db: Db, mut requests: mpsc::Receiver<Request>, gather: Duration, callers_max: usize) {
    let mut group = Vec::with_capacity(callers_max);
    while requests.recv_many(&mut group, callers_max).await > 0 {
        if !gather.is_zero() && group.len() < callers_max {
            // Until the time is up or the group is full; a closed queue just means fewer callers.
            let more =
                async { while group.len() < callers_max && requests.recv_many(&mut group, 1).await > 0 {} };
            let _ = tokio::time::timeout(gather, more).await;
        }
        commit_group(&db, std::mem::take(&mut group)).await;
    }
}

async fn commit_group(db: &Db, group: Vec<Request>) {
    let (work, told): (Vec<_>, Vec<_>) = group.into_iter().map(|r| (r.statements, r.told)).unzip();
    let mut outcomes = Vec::with_capacity(work.len());
    let committed = run_group(db, work, &mut outcomes).await;
    let outcomes = outcomes.into_iter().map(Some).chain(std::iter::repeat_with(|| None));
    for (told, outcome) in told.into_iter().zip(outcomes) {
        let answer = match (&committed, outcome) {
            (_, Some(Err(own))) => Err(own),
            (Ok(()), _) => Ok(()),
            (Err(e), _) => Err(again(e)),
        };
        // A caller that has gone away needs no answer.
        let _ = told.send(answer);
    }
}

async fn run_group(
    db: &Db,
    work: Vec<Statements>,
    outcomes: &mut Vec<Result<(), DbError>>,
) -> Result<(), DbError> {
    let mut tx = db.write().await?;
    if work.len() == 1 {
        for statements in work {
            outcomes.push(run_caught(&mut tx, statements).await);
        }
        if outcomes.iter().any(Result::is_err) {
            return tx.rollback().await;
        }
    } else {
        savepoint(&mut tx, "SAVEPOINT one_caller").await?;
        for statements in work {
            outcomes.push(run_undoable(&mut tx, statements).await?);
        }
    }
    tx.commit().await
}

/// Runs one caller's statements so that their failure undoes them alone, and leaves a savepoint for the next.
async fn run_undoable(tx: &mut Tx, statements: Statements) -> Result<Result<(), DbError>, DbError> {
    let outcome = run_caught(tx, statements).await;
    if outcome.is_err() {
        // The savepoint itself stays.
        savepoint(tx, "ROLLBACK TO SAVEPOINT one_caller").await?;
    } else {
        savepoint(tx, "RELEASE SAVEPOINT one_caller; SAVEPOINT one_caller").await?;
    }
    Ok(outcome)
}

/// A caller's panic is that caller's failure: the others, and those that come later, go on.
async fn run_caught(tx: &mut Tx, statements: Statements) -> Result<(), DbError> {
    let caught = AssertUnwindSafe(async { statements(tx).await }).catch_unwind().await;
    caught.unwrap_or_else(|_| Err(DbError::Bug { doing: "group commit".into(), detail: "a panic".into() }))
}

async fn savepoint(tx: &mut Tx, word: &'static str) -> Result<(), DbError> {
    tx.batch("group commit", word).await
}

/// The group's failure, told to each of its callers.
fn again(error: &DbError) -> DbError {
    match error {
        DbError::World { doing, fault } => DbError::World { doing: doing.clone(), fault: *fault },
        _ => DbError::world("group commit", Fault::Locked),
    }
}
