//! The schema: named steps, applied once each, remembered with a digest of their text.

use super::error::DbError;
use super::{Db, Dialect, sql};
use ring::digest::{SHA256, digest};

/// One step of the schema: statements in one text for both databases, with dialect words such as `{blob}`.
///
/// A step that was released is never edited: a change is a new step. `migrate` is given all steps of the database, in order.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// Unique for ever, such as `jobs-1`.
    pub name: &'static str,
    /// The statements, `;` between them.
    pub ddl: &'static str,
}

pub(super) async fn migrate(db: &Db, steps: &[Migration]) -> Result<(), DbError> {
    let mut tx = db.write().await?;
    if db.dialect() == Dialect::Postgres {
        // Two processes that start together: the second waits here. The number is ours by convention.
        sql("/* migrate: queue */ SELECT 1 AS one FROM pg_advisory_xact_lock(7421001)").run(&mut tx).await?;
    }
    sql("/* migrate: own table */ CREATE TABLE IF NOT EXISTS schema_steps (
            name TEXT PRIMARY KEY, -- immutable
            sha256 TEXT NOT NULL   -- of the step's text before dialect words are put in, hex
        )")
    .run(&mut tx)
    .await?;
    let applied = sql("/* migrate: applied */ SELECT name, sha256 FROM schema_steps")
        .all(&mut tx, |row| Ok((row.get::<String>("name")?, row.get::<String>("sha256")?)))
        .await?;
    if let Some((name, _)) = applied.iter().find(|(name, _)| !steps.iter().any(|step| step.name == name)) {
        return Err(DbError::SchemaNewer(name.clone()));
    }
    for step in steps {
        let sha256 = data_encoding::HEXLOWER.encode(digest(&SHA256, step.ddl.as_bytes()).as_ref());
        match applied.iter().find(|(name, _)| name == step.name) {
            Some((_, known)) if *known == sha256 => continue,
            Some(_) => return Err(DbError::SchemaChanged(step.name.to_owned())),
            None => {}
        }
        tx.batch(step.name, &db.dialect().speak(step.ddl)).await?;
        sql("/* migrate: remember */ INSERT INTO schema_steps (name, sha256) VALUES ($1, $2)")
            .bind(step.name)
            .bind(sha256)
            .run(&mut tx)
            .await?;
    }
    tx.commit().await
}
