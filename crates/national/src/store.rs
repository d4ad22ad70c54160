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

#[cfg(test)]
mod tests {
    use super::SCHEMA;
    use platform::testing::plans::plans;

    /// What grows with every night is found by an index, whatever the number of its rows.
    #[tokio::test]
    async fn no_statement_walks_a_table() {
        let sources = [
            include_str!("store/consignments.rs"),
            include_str!("store/counts.rs"),
            include_str!("store/holdings.rs"),
            include_str!("store/partitions.rs"),
            include_str!("store/quarantine.rs"),
        ];
        let plans = plans(SCHEMA, &sources).await;
        assert!(plans.len() > 30, "{} statements", plans.len());
        let walks: Vec<_> = plans
            .iter()
            .flat_map(|plan| plan.walks(&[]).into_iter().map(move |walk| (&plan.name, walk)))
            .collect();
        assert!(walks.is_empty(), "{walks:?}");
        // Every round asks for these, and of all that was ever kept few are found.
        for (name, index) in [("to retire", "holdings_to_retire"), ("unanswered", "consignments_unanswered")]
        {
            let plan = plans.iter().find(|plan| plan.name == name).unwrap();
            assert!(plan.steps.iter().any(|step| step.contains(index)), "{plan:?}");
        }
    }
}
