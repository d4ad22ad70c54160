//! The hub's own database, by business acts. All SQL of the house stands here and in `linkage`.
//!
//! Methods that change something take the caller's transaction, so that a step, its facts and the next job commit together.

mod accounts;
mod ages;
mod cohorts;
mod consignments;
mod counts;
mod devices;
mod instances;
mod recovery;
mod reviews;
mod samples;
mod states;

pub use accounts::{Account, Session};
pub use ages::Ages;
pub use cohorts::{CohortRow, NewSheet, NewStudy, Study};
pub use consignments::{Clinical, Consignment, Item};
pub use counts::{Count, Decided, Decision, InstanceCount};
pub use devices::{Device, DeviceKey, DeviceRule, InForce, Proposal, Standing};
pub use instances::{Arrival, Arrived, Belongs, Instance, Outgoing, Spooled};
pub use reviews::{Looked, QueuePart, Queued};
pub use samples::{Rate, Sample};
pub use states::MOVES;

use data_encoding::HEXLOWER;
use platform::db::{Db, DbError, Migration, Row, Tx, sql};
use ring::rand::{SecureRandom, SystemRandom};

/// The schema, one step per release that changed it.
const MIGRATIONS: &[Migration] = &[
    platform::jobs::SCHEMA,
    platform::audit::SCHEMA,
    Migration { name: "hub-1", ddl: include_str!("0001_spine.sql") },
    platform::jobs::PAYLOADS,
    Migration { name: "hub-2", ddl: include_str!("0002_portal.sql") },
    Migration { name: "hub-3", ddl: include_str!("0003_ages.sql") },
];

/// Rows in one statement at most.
const ROWS_MAX: usize = 500;

type Result<T> = std::result::Result<T, DbError>;

/// The hub's database.
#[derive(Debug, Clone)]
pub struct Store {
    db: Db,
}

impl Store {
    /// Takes the database and brings its schema, and those of the platform that live in it, up to date.
    pub async fn open(db: Db) -> Result<Self> {
        db.migrate(MIGRATIONS).await?;
        Ok(Self { db })
    }

    /// The database itself, for what is committed together with the store's facts: jobs and audit.
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// Begins a transaction.
    pub async fn write(&self) -> Result<Tx> {
        self.db.write().await
    }

    async fn one<T>(
        &self,
        text: &'static str,
        binds: &[&str],
        read: impl FnOnce(&Row) -> Result<T>,
    ) -> Result<Option<T>> {
        let query = binds.iter().fold(sql(text), |query, bind| query.bind(*bind));
        query.first(&mut self.db.read().await?, read).await
    }

    async fn all<T>(
        &self,
        text: &'static str,
        binds: &[&str],
        read: impl FnMut(&Row) -> Result<T>,
    ) -> Result<Vec<T>> {
        let query = binds.iter().fold(sql(text), |query, bind| query.bind(*bind));
        query.all(&mut self.db.read().await?, read).await
    }
}

/// A random handle: 128 bits, hex. It says nothing about what it names.
///
/// # Panics
/// Never in practice: the operating system's random source does not fail once it has started.
pub fn new_id() -> String {
    let mut bytes = [0u8; 16];
    #[expect(clippy::expect_used, reason = "without randomness nothing here may go on")]
    SystemRandom::new().fill(&mut bytes).expect("the system's random source");
    // A letter first: the audit takes a long run of digits for a number of a person.
    format!("h{}", HEXLOWER.encode(&bytes))
}

#[cfg(test)]
mod tests;
