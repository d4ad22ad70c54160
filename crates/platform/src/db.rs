//! SQL on SQLite or PostgreSQL: one text for both, by restriction. Ids are TEXT, times BIGINT microseconds, yes or no is
//! BIGINT 0 or 1, bytes BLOB or BYTEA; parameters are `$1 …`; the few words that differ are spelt `{like_this}`.

mod error;
mod group;
mod migrate;
mod query;
mod sqlite;

pub use error::{DbError, Fault};
pub use group::GroupCommit;
pub use migrate::Migration;
pub use query::{Bind, Query, Row, sql};

use crate::disk;
use sqlite::{Borrowed, Connections, waiting};
use sqlx::pool::PoolConnection;
use sqlx::postgres::PgPoolOptions;
use sqlx::{Connection, PgConnection, PgPool, Postgres};
use std::borrow::Cow;
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Connections that read a SQLite file at the same time; it has one writer by nature.
const READERS_MAX: u32 = 8;
/// Connections to PostgreSQL.
const SESSIONS_MAX: u32 = 16;
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

    /// The text with this dialect's words put in. SQLite numbers its parameters when they are written `?1`; `$1` it would
    /// take for a name. A limit that is a bare parameter it would prepare anew for each value.
    fn speak(self, text: &str) -> Cow<'_, str> {
        let words = if text.contains('{') { self.words() } else { &[] };
        let text = words.iter().fold(Cow::Borrowed(text), |sql, (word, own)| sql.replace(word, own).into());
        match self {
            Self::Sqlite if text.contains('$') => {
                text.replace("LIMIT $", "LIMIT 0 + $").replace('$', "?").into()
            }
            _ => text,
        }
    }
}

/// A database. Cheap to clone.
#[derive(Clone)]
pub struct Db(Kind);

#[derive(Clone)]
enum Kind {
    Sqlite { writer: Arc<Connections>, readers: Arc<Connections>, file: Arc<Path> },
    Postgres(PgPool),
}

impl Db {
    /// Opens `sqlite:///path/file.sqlite` (made if missing, for its owner only) or `postgres://…`.
    pub async fn open(url: &str) -> Result<Self, DbError> {
        if let Some(path) = url.strip_prefix("sqlite://").filter(|path| !path.is_empty()) {
            Self::open_sqlite(Path::new(path)).await
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            crate::tls::install_provider();
            let failed = |e| DbError::from_sqlx("connect", e);
            // A pool would try again for a long time; the first connection fails at once and says why.
            PgConnection::connect(url).await.map_err(failed)?.close().await.map_err(failed)?;
            let sessions = PgPoolOptions::new()
                .max_connections(SESSIONS_MAX)
                .acquire_timeout(Duration::from_secs(WAIT_S_MAX))
                .idle_timeout(None)
                .max_lifetime(None)
                .test_before_acquire(true);
            Ok(Self(Kind::Postgres(sessions.connect(url).await.map_err(failed)?)))
        } else {
            Err(DbError::BadUrl)
        }
    }

    async fn open_sqlite(path: &Path) -> Result<Self, DbError> {
        make_private_file(path).map_err(|e| DbError::world("open", Fault::of_io(&e)))?;
        let (writer, readers) = (Connections::writer(path), Connections::readers(path, READERS_MAX));
        drop(writer.borrow().await?);
        // The first writer has made the write-ahead log; its entry and the database's own are made to last.
        disk::sync_parent(path).map_err(|e| DbError::world("open", Fault::of_io(&e)))?;
        Ok(Self(Kind::Sqlite { writer, readers, file: path.into() }))
    }

    /// Which database answers.
    pub fn dialect(&self) -> Dialect {
        match self.0 {
            Kind::Sqlite { .. } => Dialect::Sqlite,
            Kind::Postgres(_) => Dialect::Postgres,
        }
    }

    /// SQLite's file, for backups and for watching the disk.
    pub fn file(&self) -> Option<&Path> {
        match &self.0 {
            Kind::Sqlite { file, .. } => Some(file),
            Kind::Postgres(_) => None,
        }
    }

    /// Begins a transaction that may write. On SQLite there is one at a time. Dropped without [`Tx::commit`], it leaves nothing.
    pub async fn write(&self) -> Result<Tx, DbError> {
        Ok(Tx(match &self.0 {
            Kind::Sqlite { writer, .. } => {
                Open::Sqlite(writer.begin("PRAGMA synchronous = FULL; BEGIN IMMEDIATE").await?)
            }
            Kind::Postgres(pool) => begin(pool, "BEGIN").await?,
        }))
    }

    /// Like [`Db::write`], but the commit does not wait for the disk: a power cut may undo it, whole, unless something durable
    /// was committed after it.
    pub async fn write_forgettably(&self) -> Result<Tx, DbError> {
        match &self.0 {
            Kind::Sqlite { writer, .. } => {
                Ok(Tx(Open::Sqlite(writer.begin("PRAGMA synchronous = NORMAL; BEGIN IMMEDIATE").await?)))
            }
            Kind::Postgres(pool) => {
                let mut tx = Tx(begin(pool, "BEGIN").await?);
                tx.batch("begin", "SET LOCAL synchronous_commit TO OFF").await?;
                Ok(tx)
            }
        }
    }

    /// A connection to read with. Each statement sees what was committed before it.
    pub async fn read(&self) -> Result<Reader, DbError> {
        Ok(match &self.0 {
            Kind::Sqlite { readers, .. } => Reader(Session::Sqlite(readers.borrow().await?)),
            Kind::Postgres(pool) => {
                let session = pool.acquire().await.map_err(|e| DbError::from_sqlx("acquire", e))?;
                Reader(Session::Postgres(session))
            }
        })
    }

    /// A transaction to read with: all its statements see the same moment.
    pub async fn snapshot(&self) -> Result<Tx, DbError> {
        Ok(Tx(match &self.0 {
            Kind::Sqlite { readers, .. } => Open::Sqlite(readers.begin("BEGIN").await?),
            Kind::Postgres(pool) => begin(pool, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?,
        }))
    }

    /// Brings the schema up to date: see [`Migration`].
    pub async fn migrate(&self, steps: &[Migration]) -> Result<(), DbError> {
        migrate::migrate(self, steps).await
    }

    /// Writes a whole, consistent copy of a SQLite database to a new file (for backups); PostgreSQL has its own tools.
    pub async fn copy_to(&self, path: &Path) -> Result<(), DbError> {
        let text = path.to_str().ok_or(DbError::BadUrl)?.to_owned();
        let Kind::Sqlite { readers, .. } = &self.0 else {
            return Err(DbError::Unsupported("copying a PostgreSQL database: use pg_dump"));
        };
        make_private_file(path).map_err(|e| DbError::world("copy", Fault::of_io(&e)))?;
        let mut reader = readers.borrow().await?;
        waiting(|| {
            reader.run("copy", "VACUUM INTO ?1", &[Bind::from(text)])?;
            let synced =
                std::fs::File::open(path).and_then(|f| f.sync_all()).and_then(|()| disk::sync_parent(path));
            synced.map_err(|e| DbError::world("copy", Fault::of_io(&e)))
        })
    }

    /// Waits for running statements and closes every connection; on SQLite the log is folded into the database file.
    pub async fn close(&self) {
        match &self.0 {
            Kind::Sqlite { writer, readers, .. } => {
                readers.close().await;
                writer.close().await;
            }
            Kind::Postgres(pool) => pool.close().await,
        }
    }
}

impl std::fmt::Debug for Db {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Db({:?})", self.dialect())
    }
}

/// A transaction. What it wrote is durable when [`Tx::commit`] has returned (but see [`Db::write_forgettably`]), and gone if it
/// is dropped before.
pub struct Tx(Open);

enum Open {
    Sqlite(Borrowed),
    Postgres(sqlx::Transaction<'static, Postgres>),
}

async fn begin(pool: &PgPool, word: &'static str) -> Result<Open, DbError> {
    pool.begin_with(word).await.map(Open::Postgres).map_err(|e| DbError::from_sqlx("begin", e))
}

impl Tx {
    /// Makes all of it durable, or none.
    pub async fn commit(self) -> Result<(), DbError> {
        match self.0 {
            Open::Sqlite(own) => own.end("COMMIT"),
            Open::Postgres(tx) => tx.commit().await.map_err(|e| DbError::from_sqlx("commit", e)),
        }
    }

    /// Undoes all of it.
    pub async fn rollback(self) -> Result<(), DbError> {
        match self.0 {
            Open::Sqlite(own) => own.end("ROLLBACK"),
            Open::Postgres(tx) => tx.rollback().await.map_err(|e| DbError::from_sqlx("rollback", e)),
        }
    }

    /// Several statements without values, in a text of ours.
    async fn batch(&mut self, name: &str, text: &str) -> Result<(), DbError> {
        match self.link() {
            Link::Sqlite(own) => own.batch(name, text),
            Link::Postgres(server) => {
                let text = sqlx::raw_sql(sqlx::AssertSqlSafe(text.to_owned()));
                let done = sqlx::Executor::execute(server, text).await;
                done.map(|_| ()).map_err(|e| DbError::from_sqlx(name, e))
            }
        }
    }
}

/// A connection that reads outside a transaction.
pub struct Reader(Session);

enum Session {
    Sqlite(Borrowed),
    Postgres(PoolConnection<Postgres>),
}

/// What a statement can be run on: a [`Tx`] or a [`Reader`].
pub trait Conn: Send {
    #[doc(hidden)]
    fn link(&mut self) -> Link<'_>;
}

/// The connection itself.
#[doc(hidden)]
pub enum Link<'c> {
    Sqlite(&'c mut Borrowed),
    Postgres(&'c mut PgConnection),
}

impl Conn for Tx {
    fn link(&mut self) -> Link<'_> {
        match &mut self.0 {
            Open::Sqlite(own) => Link::Sqlite(own),
            Open::Postgres(tx) => Link::Postgres(tx),
        }
    }
}

impl Conn for Reader {
    fn link(&mut self) -> Link<'_> {
        match &mut self.0 {
            Session::Sqlite(own) => Link::Sqlite(own),
            Session::Postgres(session) => Link::Postgres(session),
        }
    }
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
    tx.batch("create schema", &format!("CREATE SCHEMA {name}")).await?;
    tx.commit().await
}

#[cfg(test)]
mod tests;
