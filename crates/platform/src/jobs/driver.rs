//! The loop that works jobs off. It knows no domain: it claims, calls the step, and writes what a step that did not finish asks for.

use super::{JobError, Lease, backoff, claim, give_up, next_due, release, renew, retry_later};
use crate::clock::{Clock, Timestamp};
use crate::db::{Db, DbError};
use crate::shutdown::Shutdown;
use futures::FutureExt;
use futures::future::BoxFuture;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tracing::{error, info, warn};

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Its transaction, with [`super::complete`] in it, is committed.
    Finished,
    /// Not now: again at this moment, or after the usual wait.
    RetryLater {
        /// When; `None`: exponential, bounded.
        at: Option<Timestamp>,
        /// Why.
        code: &'static str,
    },
    /// Not without a person.
    GiveUp {
        /// Why.
        code: &'static str,
    },
}

/// How a driver behaves.
#[derive(Debug, Clone)]
pub struct DriverConfig {
    /// The kinds it works.
    pub kinds: Vec<&'static str>,
    /// The host that it runs on; jobs bound to another are left alone.
    pub host: String,
    /// The process: it frees what it held when it starts again.
    pub owner: String,
    /// Steps at the same time.
    pub concurrency: u32,
    /// So many must be free before jobs are claimed: where steps are short, one write then claims several.
    pub claim_at_least: u32,
    /// How long after its process has died a job comes back. It is renewed while the step runs.
    pub lease: Duration,
    /// A step that takes longer is dropped, and the job comes back.
    pub step_max: Duration,
    /// How often it looks for work that others enqueued; see also [`Driver::wake`].
    pub poll: Duration,
    /// The first wait before a retry.
    pub backoff: Duration,
    /// The longest wait before a retry.
    pub backoff_max: Duration,
    /// Claimed more often than this, a job is parked with the code `attempts`; `None`: never.
    pub attempts_max: Option<u32>,
}

impl DriverConfig {
    /// Usual manners: leases of two minutes, steps of half an hour at most, a look every 5 s, retries from 5 s to an hour, for ever.
    pub fn new(kinds: &[&'static str], host: impl Into<String>, concurrency: u32) -> Self {
        Self {
            kinds: kinds.to_vec(),
            host: host.into(),
            owner: String::new(),
            concurrency: concurrency.max(1),
            claim_at_least: 1,
            lease: Duration::from_secs(120),
            step_max: Duration::from_secs(1800),
            poll: Duration::from_secs(5),
            backoff: Duration::from_secs(5),
            backoff_max: Duration::from_secs(3600),
            attempts_max: None,
        }
    }
}

/// What [`Driver::run_until_idle`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Idle {
    /// Steps taken.
    pub steps: u64,
    /// When the next job falls due, if any is owed.
    pub next_due: Option<Timestamp>,
}

type Step = dyn Fn(Lease) -> BoxFuture<'static, Outcome> + Send + Sync;

/// Works jobs off. Cheap to clone.
#[derive(Clone)]
pub struct Driver(Arc<Inner>);

struct Inner {
    db: Db,
    clock: Arc<dyn Clock>,
    config: DriverConfig,
    step: Box<Step>,
    slots: Arc<Semaphore>,
    woken: Notify,
    /// Running steps are let finish, no more.
    ending: AtomicBool,
}

impl Driver {
    /// A driver that takes this step with each job it claims.
    pub fn new<F>(
        db: Db,
        clock: Arc<dyn Clock>,
        config: DriverConfig,
        step: impl Fn(Lease) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Outcome> + Send + 'static,
    {
        let slots = Arc::new(Semaphore::new(config.concurrency as usize));
        let step = Box::new(move |lease| step(lease).boxed());
        let (woken, ending) = (Notify::new(), AtomicBool::new(false));
        Self(Arc::new(Inner { db, clock, config, step, slots, woken, ending }))
    }

    /// Says that work was enqueued, after the commit: the driver looks at once.
    pub fn wake(&self) {
        self.0.woken.notify_one();
    }

    /// Works until shutdown is asked for, then lets the running steps finish.
    pub async fn run(&self, shutdown: Shutdown) {
        let mut running = JoinSet::new();
        while !shutdown.is_requested() {
            // Only the wait for a slot is cut short: a claim that was begun is seen to its end, or its jobs would be
            // nobody's until their leases end.
            let slots = tokio::select! {
                () = shutdown.requested() => break,
                slots = self.slots() => slots,
            };
            match self.claim_for_free_slots(slots).await {
                Ok(leases) if !leases.is_empty() => {
                    if shutdown.is_requested() {
                        self.give_back(leases.into_iter().map(|(lease, _)| lease).collect()).await;
                        break;
                    }
                    for (lease, slot) in leases {
                        let driver = self.clone();
                        running.spawn(async move {
                            driver.work(lease).await;
                            drop(slot);
                            // What it finished has most likely made the next job.
                            driver.wake();
                        });
                    }
                }
                Ok(_) => self.wait_for_work(&shutdown).await,
                Err(e) => {
                    warn!(error = %e, "jobs cannot be claimed");
                    tokio::select! {
                        () = shutdown.requested() => {}
                        () = self.0.clock.sleep(self.0.config.poll) => {}
                    }
                }
            }
            while running.try_join_next().is_some() {}
        }
        self.0.ending.store(true, Ordering::Relaxed);
        while running.join_next().await.is_some() {}
        info!(kinds = ?self.0.config.kinds, "the driver has ended");
    }

    /// Works all that is due now, and what that makes due now, and returns. For journeys whose clock the test moves.
    pub async fn run_until_idle(&self) -> Result<Idle, DbError> {
        let mut running = JoinSet::new();
        let mut steps = 0;
        loop {
            let leases = self.claim_for_free_slots(self.slots().await).await?;
            if leases.is_empty() {
                if running.join_next().await.is_some() {
                    continue;
                }
                let mut reader = self.0.db.read().await?;
                let next_due = next_due(&mut reader, &self.0.config.kinds, &self.0.config.host).await?;
                return Ok(Idle { steps, next_due });
            }
            for (lease, slot) in leases {
                steps += 1;
                let driver = self.clone();
                running.spawn(async move {
                    driver.work(lease).await;
                    drop(slot);
                });
            }
        }
    }

    /// Waits for as many free slots as a claim is worth.
    async fn slots(&self) -> OwnedSemaphorePermit {
        let wanted = self.0.config.claim_at_least.clamp(1, self.0.config.concurrency);
        self.0
            .slots
            .clone()
            .acquire_many_owned(wanted)
            .await
            .unwrap_or_else(|_| unreachable!("the semaphore is never closed"))
    }

    /// Claims as many jobs as there are free slots.
    async fn claim_for_free_slots(
        &self,
        mut slots: OwnedSemaphorePermit,
    ) -> Result<Vec<(Lease, OwnedSemaphorePermit)>, DbError> {
        let mut free = Vec::new();
        while let Some(slot) = slots.split(1) {
            free.push(slot);
        }
        while let Ok(slot) = self.0.slots.clone().try_acquire_owned() {
            free.push(slot);
        }
        let count = u32::try_from(free.len()).unwrap_or(u32::MAX);
        let config = &self.0.config;
        let now = self.0.clock.now();
        let leases =
            claim(&self.0.db, &config.kinds, &config.host, &config.owner, count, now, config.lease).await?;
        Ok(leases.into_iter().zip(free).collect())
    }

    async fn wait_for_work(&self, shutdown: &Shutdown) {
        let config = &self.0.config;
        let now = self.0.clock.now();
        let next = async { next_due(&mut self.0.db.read().await?, &config.kinds, &config.host).await }.await;
        let at = next.ok().flatten().unwrap_or(Timestamp::from_micros(i64::MAX)).min(now.plus(config.poll));
        tokio::select! {
            () = shutdown.requested() => {}
            () = self.0.woken.notified() => {}
            () = self.0.clock.sleep_until(at) => {}
        }
    }

    /// Takes the step while its lease is renewed, and writes what an unfinished one asks for.
    async fn work(&self, lease: Lease) {
        let config = &self.0.config;
        if config.attempts_max.is_some_and(|most| lease.attempts > most) {
            return self.put_away(&lease, Outcome::GiveUp { code: "attempts" }).await;
        }
        let step = AssertUnwindSafe((self.0.step)(lease.clone())).catch_unwind();
        let outcome = tokio::select! {
            outcome = step => outcome.unwrap_or(Outcome::GiveUp { code: "panic" }),
            why = self.keep(&lease) => {
                warn!(kind = %lease.kind, attempts = lease.attempts, why, "a step was dropped; its job comes back");
                return;
            }
        };
        self.put_away(&lease, outcome).await;
    }

    /// Renews a lease, thrice in its time, until the step must not go on; says why.
    async fn keep(&self, lease: &Lease) -> &'static str {
        let (clock, config) = (&self.0.clock, &self.0.config);
        let (end, mut until) = (clock.now().plus(config.step_max), lease.until);
        loop {
            clock.sleep_until(clock.now().plus(config.lease / 3).min(end)).await;
            let now = clock.now();
            if now >= end {
                return "it took too long";
            }
            let longer = now.plus(config.lease);
            let renewed = async {
                let mut tx = self.0.db.write().await?;
                renew(&mut tx, lease, longer).await?;
                Ok::<(), JobError>(tx.commit().await?)
            };
            match renewed.await {
                Ok(()) => until = longer,
                Err(JobError::LeaseLost { .. }) => return "its lease is another's",
                Err(JobError::Db(error)) if now < until => {
                    warn!(kind = %lease.kind, %error, "a lease could not be renewed; tried again");
                }
                Err(JobError::Db(_)) => return "its lease could not be renewed",
            }
        }
    }

    /// Writes down what an unfinished step asks for. While the database is full or busy that is tried again and again, or
    /// nobody could have the job before its lease ends.
    async fn put_away(&self, lease: &Lease, outcome: Outcome) {
        if outcome == Outcome::Finished {
            return;
        }
        while let Err(error) = self.write_outcome(lease, outcome).await {
            warn!(kind = %lease.kind, %error, "what became of a job could not be written");
            let is_world = matches!(&error, JobError::Db(error) if error.is_world());
            let again_at = self.0.clock.now().plus(self.0.config.poll);
            if !is_world || again_at >= lease.until || self.0.ending.load(Ordering::Relaxed) {
                return;
            }
            self.0.clock.sleep_until(again_at).await;
        }
    }

    async fn write_outcome(&self, lease: &Lease, outcome: Outcome) -> Result<(), JobError> {
        let config = &self.0.config;
        let mut tx = self.0.db.write().await?;
        match outcome {
            Outcome::Finished => return Ok(()),
            Outcome::RetryLater { at, code } => {
                let wait = || self.0.clock.now().plus(backoff(lease, config.backoff, config.backoff_max));
                retry_later(&mut tx, lease, at.unwrap_or_else(wait), code).await?;
                info!(kind = %lease.kind, attempts = lease.attempts, code, "a job is put off");
            }
            Outcome::GiveUp { code } => {
                give_up(&mut tx, lease, code).await?;
                error!(kind = %lease.kind, attempts = lease.attempts, code, "a job is parked");
            }
        }
        Ok(tx.commit().await?)
    }

    async fn give_back(&self, leases: Vec<Lease>) {
        for lease in leases {
            let written = async {
                let mut tx = self.0.db.write().await?;
                release(&mut tx, &lease, self.0.clock.now()).await?;
                Ok::<(), JobError>(tx.commit().await?)
            };
            if let Err(e) = written.await {
                warn!(kind = %lease.kind, error = %e, "a job could not be given back before its lease ends");
            }
        }
    }
}
