//! What the national house remembers, in SQL. Methods are named as business acts.

mod consignments;
mod counts;
mod holdings;
mod partitions;
mod quarantine;

pub use consignments::{Alert, NewItem, Opened, Taken};
pub use counts::{ItemCount, PartitionCount};
pub use holdings::{Holding, Item, Misplaced, Settled, Standing};
pub use partitions::{Assignment, Rule};
pub use quarantine::{Quarantined, QuarantinedId};

use platform::db::{Db, DbError, Migration};

/// The schema of this house.
pub const SCHEMA: &[Migration] =
    &[Migration { name: "national-1", ddl: include_str!("store/0001_intake.sql") }];

/// The national house's memory. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    db: Db,
}

impl Store {
    /// Over a migrated database.
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// The database, for what other floors keep in it.
    pub fn db(&self) -> &Db {
        &self.db
    }
}

/// A row that this program did not write.
fn foreign(doing: &str, column: &str) -> DbError {
    DbError::Bug {
        doing: doing.to_owned(),
        detail: format!("column {column} holds a value of another program"),
    }
}
