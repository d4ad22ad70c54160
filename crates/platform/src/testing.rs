//! Helpers for tests of this crate and of those above it: a folder that goes away, and each database to test on.

pub mod plans;

use crate::db::{Db, Migration};
use crate::keys;
use std::path::{Path, PathBuf};

/// A folder that is removed when it is dropped.
#[derive(Debug)]
pub struct TempDir(PathBuf);

impl TempDir {
    /// A new, private, empty folder.
    ///
    /// # Panics
    /// If the machine cannot make one.
    #[expect(clippy::new_without_default, clippy::unwrap_used, reason = "a test helper")]
    pub fn new() -> Self {
        let path = std::env::temp_dir().join(format!("tributary-test-{}", keys::random_id().unwrap()));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        // What cannot be removed is the temporary folder's to clean.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A fresh database for one test.
#[derive(Debug)]
pub struct TestDb {
    /// The database, migrated.
    pub db: Db,
    _dir: Option<TempDir>,
}

/// The URL of a PostgreSQL server that tests may make schemas in, if this run has one.
pub fn postgres_url() -> Option<String> {
    std::env::var("TRIBUTARY_TEST_POSTGRES").ok().filter(|url| !url.is_empty())
}

/// A URL like this one, within a fresh schema of its own.
///
/// # Panics
/// If the server cannot be reached or makes none.
#[expect(clippy::unwrap_used, reason = "a test helper")]
pub async fn own_schema(url: &str) -> String {
    let own = format!("t_{}", keys::random_id().unwrap());
    let server = Db::open(url).await.unwrap();
    let made = crate::db::create_schema(&server, &own).await;
    made.unwrap();
    server.close().await;
    let joined = if url.contains('?') { '&' } else { '?' };
    format!("{url}{joined}options[search_path]={own}")
}

/// Fresh databases with this schema: SQLite always, PostgreSQL (its own schema) where `TRIBUTARY_TEST_POSTGRES` is set.
///
/// # Panics
/// If one cannot be opened.
#[expect(clippy::unwrap_used, reason = "a test helper")]
pub async fn test_dbs(schema: &[Migration]) -> Vec<TestDb> {
    let mut all = vec![sqlite_db().await];
    if let Some(url) = postgres_url() {
        let db = Db::open(&own_schema(&url).await).await.unwrap();
        all.push(TestDb { db, _dir: None });
    }
    for test in &all {
        test.db.migrate(schema).await.unwrap();
    }
    all
}

/// An empty database in a file.
#[expect(clippy::unwrap_used, reason = "a test helper")]
async fn sqlite_db() -> TestDb {
    let dir = TempDir::new();
    let db = Db::open(&format!("sqlite://{}", dir.path().join("test.sqlite").display())).await.unwrap();
    TestDb { db, _dir: Some(dir) }
}
