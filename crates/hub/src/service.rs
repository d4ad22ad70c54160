//! The hub at work: it listens, asks, cleans and sends, each step under a lease, until it is told to stop.
//!
//! Every archive has a driver of its own, so that a slow one holds up nobody else; the work of the processor has another.

use crate::ae::{Acceptor, Client, Peers};
use crate::backup::is_unfinished;
use crate::config::{Config, Source};
use crate::context::{Hub, HubError};
use crate::linkage::LinkageError;
use crate::pipeline::nightly::{Night, night, take_receipts};
use crate::pipeline::receipts::{destroy_spent, sweep_outbox};
use crate::pipeline::receive::Receiver;
use crate::pipeline::{clinical, deidentify, lost};
use crate::portal::{Portal, PortalError};
use crate::retrieve::manners::Rate;
use crate::retrieve::{fetch, query};
use crate::sources::worker_of;
use crate::spool::SpoolError;
use crate::store::new_id;
use platform::audit::AuditError;
use platform::clock::Timestamp;
use platform::db::DbError;
use platform::disk;
use platform::jobs::{self, Driver, DriverConfig, Lease, Outcome};
use platform::objects::ObjectError;
use platform::seal::SealError;
use platform::shutdown::Shutdown;
use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use submission::paths::raw_root;
use tokio::runtime::Handle;
use tokio::task::JoinSet;

/// A retrieval may take this long: a large study from a slow archive.
const ARCHIVE_STEP_MAX: Duration = Duration::from_secs(2 * 3600);
/// De-identifying one object may take this long.
const WORK_STEP_MAX: Duration = Duration::from_secs(30 * 60);
/// A step waits for the disk most of its time: several share a core, and one sync.
const WORKERS_PER_CORE: u32 = 4;
/// How soon received objects are seen: associations enqueue work from their own threads.
const WORK_POLL: Duration = Duration::from_millis(500);
const HOUR: Duration = Duration::from_secs(3600);

/// The service could not start.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The address is taken, or a certificate cannot be used.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        error: std::io::Error,
    },
    /// A second process would free the jobs of the first, and sweep its spool.
    #[error("{0} is locked: another process serves this hub")]
    Serving(PathBuf),
    /// The review pages cannot be served.
    #[error(transparent)]
    Portal(#[from] PortalError),
    /// A restore was cut off.
    #[error("a restore was begun here and cut off: run `tributary hub restore` again before serving")]
    RestoreUnfinished,
    /// What the hub stands on.
    #[error(transparent)]
    Hub(#[from] HubError),
}

/// A hub at work.
pub struct Service {
    /// Held as long as we serve; the system lets go of it when the process ends, however it ends.
    _lock: File,
    hub: Arc<Hub>,
    acceptor: Acceptor,
    client: Client,
    stop: Arc<AtomicBool>,
    drivers: Vec<Driver>,
    portal: Option<Portal>,
}

impl Service {
    /// Tidies up what the last process left, listens, and is ready to work. Nothing is asked before [`Service::serve`].
    ///
    /// One process serves a hub: the jobs that an earlier one held are free at once.
    pub async fn start(hub: Arc<Hub>) -> Result<Self, ServiceError> {
        if is_unfinished(&hub.config) {
            return Err(ServiceError::RestoreUnfinished);
        }
        let (lock, owner) = lock(&hub.config)?;
        tidy_up(&hub, &owner).await?;
        let receiver = Receiver::new(
            Arc::clone(&hub.spool),
            hub.store.clone(),
            hub.linkage.clone(),
            Arc::clone(&hub.clock),
        );
        let stop = Arc::new(AtomicBool::new(false));
        let client =
            Client::new(Arc::clone(&hub.config), receiver.clone(), Arc::clone(&hub.clock), Arc::clone(&stop));
        let acceptor =
            Acceptor::listen(Arc::clone(&hub.config), Peers::Configured, receiver, Arc::clone(&hub.clock))
                .map_err(|error| ServiceError::Listen { address: hub.config.listen.address, error })?;
        let portal = Portal::start(&hub).await?;
        let work = work_driver(&hub, &owner);
        let mut drivers: Vec<Driver> = hub
            .config
            .sources
            .iter()
            .map(|source| archive_driver(&hub, &owner, &client, source, work.clone()))
            .collect();
        drivers.push(work);
        Ok(Self { _lock: lock, hub, acceptor, client, stop, drivers, portal })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.acceptor.address()
    }

    /// Where the review pages are served, if they are.
    pub fn portal_address(&self) -> Option<SocketAddr> {
        self.portal.as_ref().map(Portal::address)
    }

    /// The hub that it serves.
    pub fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// Calls archives, as its steps do.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Works until it is told to stop; then running steps are let finish, calls to archives are broken off.
    pub async fn serve(&self, shutdown: Shutdown) {
        let mut running = JoinSet::new();
        for driver in &self.drivers {
            let (driver, shutdown) = (driver.clone(), shutdown.clone());
            running.spawn(async move { driver.run(shutdown).await });
        }
        tokio::select! {
            () = shutdown.requested() => {}
            () = self.nights() => {}
            () = self.pages(&shutdown) => {}
        }
        self.stop.store(true, Ordering::Relaxed);
        while running.join_next().await.is_some() {}
    }

    /// Serves the review pages, where there are any.
    async fn pages(&self, shutdown: &Shutdown) {
        match &self.portal {
            Some(portal) => portal.serve(shutdown.clone()).await,
            None => std::future::pending().await,
        }
    }

    /// Consigns at once and every so often, looks for receipts between; each is safe to be cut off. What fails is tried at
    /// the next turn. At once, because a hub that is started again and again would else never send anything.
    async fn nights(&self) {
        let hub = &self.hub;
        let [every, receipts] = [hub.config.transfer_every_s, hub.config.receipts_every_s]
            .map(|every_s| Duration::from_secs(u64::from(every_s)));
        loop {
            if let Some(found) = tell(night(hub).await, "the night") {
                alert(&found);
            }
            let until = hub.clock.now().plus(every);
            while hub.clock.now() < until {
                hub.clock.sleep(receipts.min(every)).await;
                let mut found = Night::default();
                for served in &hub.projects {
                    tell(take_receipts(hub, served, &mut found).await, "receipts");
                }
                alert(&found);
            }
        }
    }

    /// Works all that is due, and all that becomes due by it, and tells when the next job is. For tests whose clock stands.
    pub async fn run_until_idle(&self) -> Result<Option<Timestamp>, HubError> {
        loop {
            let rounds = self.drivers.iter().map(Driver::run_until_idle);
            let rounds = futures::future::try_join_all(rounds).await?;
            if rounds.iter().all(|idle| idle.steps == 0) {
                return Ok(rounds.iter().filter_map(|idle| idle.next_due).min());
            }
        }
    }

    /// When the next job falls due; a running one counts with the end of its lease, a few hours hence at most.
    pub async fn next_due(&self) -> Result<Option<Timestamp>, HubError> {
        let mut reader = self.hub.store.db().read().await?;
        let mut due = jobs::next_due(&mut reader, WORK_KINDS, &self.hub.config.hub_id).await?;
        for source in &self.hub.config.sources {
            let next = jobs::next_due(&mut reader, ARCHIVE_KINDS, &worker_of(&source.name)).await?;
            due = due.into_iter().chain(next).min();
        }
        Ok(due)
    }
}

/// One process at a time serves from a data folder. The lock gives it the name under which it holds jobs: the same when it
/// starts again, and no other's.
fn lock(config: &Config) -> Result<(File, String), ServiceError> {
    let path = config.data_dir.join("serving.lock");
    let opened = disk::create_dirs(&config.data_dir)
        .and_then(|()| OpenOptions::new().create(true).read(true).append(true).open(&path));
    let mut file = opened.map_err(|error| HubError::Spool(SpoolError::Disk(error)))?;
    file.try_lock().map_err(|_| ServiceError::Serving(path))?;
    let owner = named(&mut file).and_then(|owner| disk::sync_dir(&config.data_dir).map(|()| owner));
    let owner = owner.map_err(|error| HubError::Spool(SpoolError::Disk(error)))?;
    Ok((file, owner))
}

/// The name in the lock file, given once.
fn named(lock: &mut File) -> std::io::Result<String> {
    let mut owner = String::new();
    lock.read_to_string(&mut owner)?;
    if owner.is_empty() {
        owner = new_id();
        lock.write_all(owner.as_bytes())?;
        lock.sync_all()?;
    }
    Ok(owner)
}

const ARCHIVE_KINDS: &[&str] = &["query", "retrieve"];
const WORK_KINDS: &[&str] = &["deidentify", "clinical"];

fn archive_driver(hub: &Arc<Hub>, owner: &str, client: &Client, source: &Source, work: Driver) -> Driver {
    let mut config = DriverConfig::new(ARCHIVE_KINDS, worker_of(&source.name), source.associations_max);
    (config.step_max, config.owner) = (ARCHIVE_STEP_MAX, owner.to_owned());
    config.backoff = Duration::from_secs(u64::from(source.timeouts.retry_s));
    config.backoff_max = config.backoff.max(6 * HOUR);
    let rate = Arc::new(Rate::new(source.studies_per_hour));
    let (hub, client) = (Arc::clone(hub), client.clone());
    Driver::new(hub.store.db().clone(), Arc::clone(&hub.clock), config, move |lease| {
        let (hub, client, rate, work) = (Arc::clone(&hub), client.clone(), Arc::clone(&rate), work.clone());
        async move {
            let outcome = ask(&hub, &client, &rate, &lease).await;
            // What was fetched waits to be cleaned.
            work.wake();
            outcome
        }
    })
}

fn work_driver(hub: &Arc<Hub>, owner: &str) -> Driver {
    let workers = match hub.config.limits.deidentify_workers {
        0 => std::thread::available_parallelism()
            .map_or(WORKERS_PER_CORE, |n| WORKERS_PER_CORE * u32::try_from(n.get()).unwrap_or(1)),
        workers => workers,
    };
    let mut config = DriverConfig::new(WORK_KINDS, hub.config.hub_id.clone(), workers);
    (config.step_max, config.poll) = (WORK_STEP_MAX, WORK_POLL);
    config.owner = owner.to_owned();
    config.claim_at_least = workers / 2;
    let hub = Arc::clone(hub);
    Driver::new(hub.store.db().clone(), Arc::clone(&hub.clock), config, move |lease| {
        let hub = Arc::clone(&hub);
        async move {
            // A step waits for the database some twenty times, and a thread that waits costs less to wake than a task.
            let runtime = Handle::current();
            let step = move || runtime.block_on(async { settled(&lease, work(&hub, &lease).await) });
            match tokio::task::spawn_blocking(step).await {
                Ok(outcome) => outcome,
                Err(error) if error.is_panic() => Outcome::GiveUp { code: "panic" },
                Err(_) => Outcome::RetryLater { at: None, code: "shutdown" },
            }
        }
    })
}

fn tell<T>(done: Result<T, HubError>, what: &'static str) -> Option<T> {
    match done {
        Ok(value) => Some(value),
        Err(error) => {
            tracing::error!(what, %error, "did not end; it is tried again");
            None
        }
    }
}

fn alert(night: &Night) {
    for (project, sequence, code) in &night.alerts {
        tracing::error!(%project, sequence, code, "a person must look at this consignment");
    }
}

/// A step that talks to an archive.
async fn ask(hub: &Arc<Hub>, client: &Client, rate: &Rate, lease: &Lease) -> Outcome {
    let done = match lease.kind.as_str() {
        "query" => query::step(hub, client, lease).await,
        "retrieve" => fetch::step(hub, client, rate, lease).await,
        _ => Ok(Outcome::GiveUp { code: "unknown-kind" }),
    };
    settled(lease, done)
}

/// A step that needs the processor, or the bucket.
async fn work(hub: &Arc<Hub>, lease: &Lease) -> Result<Outcome, HubError> {
    match lease.kind.as_str() {
        "deidentify" => match deidentify::step(hub, lease).await {
            Err(HubError::Spool(error)) => lost::settle(hub, lease, error).await,
            done => done,
        },
        "clinical" => clinical::step(hub, lease).await,
        _ => Ok(Outcome::GiveUp { code: "unknown-kind" }),
    }
}

/// What an error of a step means: the world's are tried again later, later and later; ours wait for a person, with an alert.
fn settled(lease: &Lease, done: Result<Outcome, HubError>) -> Outcome {
    let error = match done {
        Ok(outcome) => return outcome,
        Err(error) => error,
    };
    let outcome = disposition(&error);
    match outcome {
        Outcome::GiveUp { code } => tracing::error!(kind = %lease.kind, code, %error, "a step cannot go on"),
        _ => tracing::warn!(kind = %lease.kind, %error, "a step failed; tried again later"),
    }
    outcome
}

fn disposition(error: &HubError) -> Outcome {
    let later = |code| Outcome::RetryLater { at: None, code };
    let alert = |code| Outcome::GiveUp { code };
    match error {
        HubError::Db(error)
        | HubError::Linkage(LinkageError::Db(error))
        | HubError::Audit(AuditError::Db(error)) => of_database(error),
        HubError::Linkage(LinkageError::Seal(_) | LinkageError::Form) => alert("linkage-unreadable"),
        HubError::Audit(AuditError::NotAnId { .. }) => alert("bug-audit"),
        HubError::Spool(error) => match error {
            SpoolError::NoRoom { .. } => later("spool-full"),
            SpoolError::Disk(_) | SpoolError::Sealed { error: SealError::Io(_), .. } => later("spool-disk"),
            SpoolError::Sealed { .. } => alert("spool-object-damaged"),
            SpoolError::Handle(_) => later("no-randomness"),
        },
        HubError::Objects(error) => match error {
            ObjectError::World { .. } | ObjectError::Source { .. } => later("object-store"),
            ObjectError::NotFound(_) => alert("object-missing"),
            ObjectError::AlreadyExists(_) => alert("object-exists"),
            ObjectError::BadName(_) | ObjectError::Config(_) => alert("bug-objects"),
        },
        HubError::Document { .. } => alert("document-not-signed"),
        HubError::Config(_)
        | HubError::Key(_)
        | HubError::Signing(_)
        | HubError::Profile { .. }
        | HubError::Name { .. } => alert("configuration"),
    }
}

fn of_database(error: &DbError) -> Outcome {
    if error.is_world() {
        return Outcome::RetryLater { at: None, code: "database" };
    }
    Outcome::GiveUp { code: "bug-database" }
}

/// What an interrupted process left behind: leases that nobody works on, files and objects that no row names.
async fn tidy_up(hub: &Hub, owner: &str) -> Result<(), HubError> {
    let now = hub.clock.now();
    let mut tx = hub.store.write().await?;
    let freed = jobs::free_of(&mut tx, owner, now).await?;
    tx.commit().await?;
    let live: HashSet<String> = hub.store.live_spool().await?.into_iter().collect();
    let spooled = hub.spool.sweep(&live)?;
    let spent = destroy_spent(hub).await?;
    let mut unfinished = hub.outbox.sweep_unfinished("").await?;
    let mut orphans = 0;
    for served in &hub.projects {
        unfinished += served.inbox.sweep_unfinished(&raw_root(&hub.id)).await?;
        orphans += sweep_outbox(hub, served).await?;
    }
    if freed > 0 || spooled > 0 || spent > 0 || unfinished > 0 || orphans > 0 {
        tracing::info!(
            freed,
            spooled,
            spent,
            unfinished,
            orphans,
            "the last process was interrupted; tidied up"
        );
    }
    let mut tx = hub.store.write().await?;
    let unparked = jobs::unpark_all(&mut tx, now).await?;
    tx.commit().await?;
    if unparked > 0 {
        tracing::info!(unparked, "steps that could not go on are tried again");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_world_is_waited_for_and_a_bug_is_not() {
        let world = HubError::Spool(SpoolError::NoRoom { free: 1, reserve: 2 });
        assert_eq!(disposition(&world), Outcome::RetryLater { at: None, code: "spool-full" });
        let bug = HubError::Db(DbError::Bug { doing: "x".into(), detail: "y".into() });
        assert_eq!(disposition(&bug), Outcome::GiveUp { code: "bug-database" });
    }
}
