//! SQL on SQLite or PostgreSQL: one text for both, by restriction. Ids are TEXT, times BIGINT microseconds, yes or no is
//! BIGINT 0 or 1, bytes BLOB or BYTEA; parameters are `$1 …`; the few words that differ are spelt `{like_this}`.

mod error;
mod group;
mod migrate;
mod query;
mod readers;

pub use error::{DbError, Fault};
pub use group::GroupCommit;
pub use migrate::Migration;
pub use query::{Bind, Query, Row, sql};

use crate::disk;
use readers::{Borrowed, Readers};
use sqlx::AnyConnection;
use sqlx::any::AnyPoolOptions;
use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyPool, Connection};
use std::borrow::Cow;
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Connections that read at the same time.
const READERS_MAX: u32 = 8;
/// Connections that write at the same time, on PostgreSQL. SQLite has one writer by nature.
const WRITERS_MAX: u32 = 16;
/// How long a caller waits for a connection or for SQLite's write lock before it is told `Locked`.
const WAIT_S_MAX: u64 = 20;

/// Which database answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite: one file, one writer.
    Sqlite,
    /// PostgreSQL: many machines.
    Postgres,
}

impl Dialect {
    /// The words in which the two databases differ: in SQL written `{word}`.
    fn words(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Sqlite => &[
                ("{blob}", "BLOB"),
                ("{bigint identity}", "INTEGER PRIMARY KEY AUTOINCREMENT"),
                ("{for update}", ""),
                ("{for update skip locked}", ""),
            ],
            Self::Postgres => &[
                ("{blob}", "BYTEA"),
                ("{bigint identity}", "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"),
                ("{for update}", "FOR UPDATE"),
                ("{for update skip locked}", "FOR UPDATE SKIP LOCKED"),
            ],
        }
    }

    /// The text with this dialect's words put in.
    fn speak(self, text: &'static str) -> Cow<'static, str> {
        if !text.contains('{') {
            return Cow::Borrowed(text);
        }
        Cow::Owned(self.words().iter().fold(text.to_owned(), |sql, (word, own)| sql.replace(word, own)))
    }
}

/// A database. Cheap to clone.
#[derive(Clone)]
pub struct Db(Arc<Pools>);

struct Pools {
    dialect: Dialect,
    writers: AnyPool,
    readers: AnyPool,
    /// SQLite: the connections of [`Db::read`]; `readers` then serves [`Db::snapshot`] only.
    sqlite: Option<Arc<Readers>>,
    file: Option<PathBuf>,
}

impl Db {
    /// Opens `sqlite:///path/file.sqlite` (made if missing, for its owner only) or `postgres://…`.
    pub async fn open(url: &str) -> Result<Self, DbError> {
        // Harmless when called again.
        sqlx::any::install_default_drivers();
        if let Some(path) = url.strip_prefix("sqlite://") {
            Self::open_sqlite(Path::new(path)).await
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            crate::tls::install_provider();
            // A pool would try again for a long time; the first connection fails at once and says why.
            let first = AnyConnection::connect(url).await.map_err(|e| DbError::from_sqlx("connect", e))?;
            first.close().await.map_err(|e| DbError::from_sqlx("connect", e))?;
            let writers = pool(Dialect::Postgres, WRITERS_MAX).connect(url).await;
            let writers = writers.map_err(|e| DbError::from_sqlx("connect", e))?;
            let readers = writers.clone();
            let pools = Pools { dialect: Dialect::Postgres, readers, writers, sqlite: None, file: None };
            Ok(Self(Arc::new(pools)))
        } else {
            Err(DbError::BadUrl)
        }
    }

    async fn open_sqlite(path: &Path) -> Result<Self, DbError> {
        // '?', '#' and '%' would be read as parts of the URL.
        let text =
            path.to_str().filter(|p| !p.is_empty() && !p.contains(['?', '#', '%'])).ok_or(DbError::BadUrl)?;
        make_private_file(path).map_err(|e| DbError::world("open", Fault::of_io(&e)))?;
        let url = format!("sqlite://{text}?mode=rw");
        let writers =
            pool(Dialect::Sqlite, 1).connect(&url).await.map_err(|e| DbError::from_sqlx("open", e))?;
        let readers = pool(Dialect::Sqlite, READERS_MAX).connect_lazy(&url);
        let readers = readers.map_err(|e| DbError::from_sqlx("open", e))?;
        // The first writer has made the write-ahead log; its entry and the database's own are made to last.
        disk::sync_parent(path).map_err(|e| DbError::world("open", Fault::of_io(&e)))?;
        let sqlite = Some(Readers::new(url, READERS_MAX));
        let pools = Pools { dialect: Dialect::Sqlite, writers, readers, sqlite, file: Some(path.to_owned()) };
        Ok(Self(Arc::new(pools)))
    }

    /// Which database answers.
    pub fn dialect(&self) -> Dialect {
        self.0.dialect
    }

    /// SQLite's file, for backups and for watching the disk.
    pub fn file(&self) -> Option<&Path> {
        self.0.file.as_deref()
    }

    /// Begins a transaction that may write. On SQLite there is one at a time. Dropped without [`Tx::commit`], it leaves nothing.
    pub async fn write(&self) -> Result<Tx, DbError> {
        let begin = match self.0.dialect {
            Dialect::Sqlite => "BEGIN IMMEDIATE",
            Dialect::Postgres => "BEGIN",
        };
        let inner = self.0.writers.begin_with(begin).await.map_err(|e| DbError::from_sqlx("begin", e))?;
        Ok(Tx { inner, dialect: self.0.dialect })
    }

    /// A connection to read with. Each statement sees what was committed before it.
    pub async fn read(&self) -> Result<Reader, DbError> {
        let inner = match &self.0.sqlite {
            Some(sqlite) => Reading::Sqlite(sqlite.borrow().await?),
            None => {
                let pooled = self.0.readers.acquire().await;
                Reading::Postgres(pooled.map_err(|e| DbError::from_sqlx("acquire", e))?)
            }
        };
        Ok(Reader { inner, dialect: self.0.dialect })
    }

    /// A transaction to read with: all its statements see the same moment.
    pub async fn snapshot(&self) -> Result<Tx, DbError> {
        let begin = match self.0.dialect {
            Dialect::Sqlite => "BEGIN",
            Dialect::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        };
        let inner = self.0.readers.begin_with(begin).await.map_err(|e| DbError::from_sqlx("begin", e))?;
        Ok(Tx { inner, dialect: self.0.dialect })
    }

    /// Brings the schema up to date: see [`Migration`].
    pub async fn migrate(&self, steps: &[Migration]) -> Result<(), DbError> {
        migrate::migrate(self, steps).await
    }

    /// Writes a whole, consistent copy of a SQLite database to a new file (for backups); PostgreSQL has its own tools.
    pub async fn copy_to(&self, path: &Path) -> Result<(), DbError> {
        let text = path.to_str().ok_or(DbError::BadUrl)?.to_owned();
        if self.0.dialect == Dialect::Postgres {
            return Err(DbError::Unsupported("copying a PostgreSQL database: use pg_dump"));
        }
        make_private_file(path).map_err(|e| DbError::world("copy", Fault::of_io(&e)))?;
        sql("VACUUM INTO $1").bind(text).run(&mut self.read().await?).await?;
        let synced =
            std::fs::File::open(path).and_then(|f| f.sync_all()).and_then(|()| disk::sync_parent(path));
        synced.map_err(|e| DbError::world("copy", Fault::of_io(&e)))
    }

    /// Waits for running statements and closes every connection; on SQLite the log is folded into the database file.
    pub async fn close(&self) {
        if let Some(sqlite) = &self.0.sqlite {
            sqlite.close().await;
        }
        self.0.readers.close().await;
        self.0.writers.close().await;
    }
}

impl std::fmt::Debug for Db {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Db({:?})", self.0.dialect)
    }
}

/// A transaction. What it wrote is durable when [`Tx::commit`] has returned, and gone if it is dropped before.
pub struct Tx {
    inner: sqlx::Transaction<'static, Any>,
    dialect: Dialect,
}

impl Tx {
    /// Makes all of it durable, or none.
    pub async fn commit(self) -> Result<(), DbError> {
        self.inner.commit().await.map_err(|e| DbError::from_sqlx("commit", e))
    }

    /// Undoes all of it.
    pub async fn rollback(self) -> Result<(), DbError> {
        self.inner.rollback().await.map_err(|e| DbError::from_sqlx("rollback", e))
    }
}

/// A connection that reads outside a transaction.
pub struct Reader {
    inner: Reading,
    dialect: Dialect,
}

enum Reading {
    Sqlite(Borrowed),
    Postgres(PoolConnection<Any>),
}

/// What a statement can be run on: a [`Tx`] or a [`Reader`].
pub trait Conn: Send {
    #[doc(hidden)]
    fn parts(&mut self) -> (&mut AnyConnection, Dialect);
}

impl Conn for Tx {
    fn parts(&mut self) -> (&mut AnyConnection, Dialect) {
        (&mut self.inner, self.dialect)
    }
}

impl Conn for Reader {
    fn parts(&mut self) -> (&mut AnyConnection, Dialect) {
        let connection = match &mut self.inner {
            Reading::Sqlite(borrowed) => borrowed.connection(),
            Reading::Postgres(pooled) => pooled,
        };
        (connection, self.dialect)
    }
}

fn pool(dialect: Dialect, connections_max: u32) -> AnyPoolOptions {
    let options = AnyPoolOptions::new()
        .max_connections(connections_max)
        .acquire_timeout(Duration::from_secs(WAIT_S_MAX))
        .idle_timeout(None)
        .max_lifetime(None);
    match dialect {
        Dialect::Postgres => options.test_before_acquire(true),
        // A full disk ends a transaction behind sqlx's back: the connection then refuses to begin another, and is given up.
        Dialect::Sqlite => options
            .test_before_acquire(false)
            .before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
            .after_connect(|connection, _| Box::pin(setup_sqlite(connection))),
    }
}

/// What each connection to SQLite is told first.
async fn setup_sqlite(connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
    let setup = format!(
        "PRAGMA busy_timeout = {}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
         PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY",
        WAIT_S_MAX * 1000
    );
    sqlx::Executor::execute(connection, sqlx::raw_sql(sqlx::AssertSqlSafe(setup))).await.map(|_| ())
}

/// SQLite gives its log the permissions of the database file, so this one line keeps them all private.
fn make_private_file(path: &Path) -> std::io::Result<()> {
    disk::create_dirs(path.parent().unwrap_or(Path::new(".")))?;
    OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path).map(|_| ())
}

/// Makes a PostgreSQL schema (for tests, each in its own). The name is made by us: letters, digits, `_`.
pub(crate) async fn create_schema(db: &Db, name: &str) -> Result<(), DbError> {
    assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'));
    let mut tx = db.write().await?;
    let text = sqlx::AssertSqlSafe(format!("CREATE SCHEMA {name}"));
    sqlx::Executor::execute(tx.parts().0, text).await.map_err(|e| DbError::from_sqlx("create schema", e))?;
    tx.commit().await
}

#[cfg(test)]
mod tests;
