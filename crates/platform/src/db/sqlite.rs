//! SQLite called in place: a statement runs on the thread that asks, which costs less than handing it to another. Whoever must
//! wait for another writer waits asleep; a commit, which waits for the disk, lets the runtime's other tasks go on meanwhile.

use super::WAIT_S_MAX;
use super::error::{DbError, Fault};
use super::query::{Bind, Row};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, ErrorCode, OpenFlags, ToSql};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How often a writer looks whether another process has ended its transaction.
const LOOK_EVERY: Duration = Duration::from_millis(2);
/// Statements that a connection keeps ready.
const READY_MAX: usize = 256;

/// A few connections to one file, kept open between callers.
pub(super) struct Connections {
    path: PathBuf,
    most: u32,
    /// How long a statement waits, on its thread, for another's lock.
    busy: Duration,
    places: Arc<Semaphore>,
    idle: Mutex<Vec<Connection>>,
}

/// A connection that goes back when it is dropped; what it had not committed is undone.
pub struct Borrowed {
    home: Arc<Connections>,
    connection: Option<Connection>,
    /// In a transaction that must not end behind its owner's back, as it does when the disk is full.
    in_transaction: bool,
    _place: OwnedSemaphorePermit,
}

impl Connections {
    /// Connections that read: among many, nobody ever locks them out for long.
    pub(super) fn readers(path: &Path, most: u32) -> Arc<Self> {
        Self::new(path, most, Duration::from_secs(WAIT_S_MAX))
    }

    /// The one connection that writes; for another process it waits asleep, see [`Connections::begin`].
    pub(super) fn writer(path: &Path) -> Arc<Self> {
        Self::new(path, 1, Duration::ZERO)
    }

    fn new(path: &Path, most: u32, busy: Duration) -> Arc<Self> {
        let places = Arc::new(Semaphore::new(most as usize));
        Arc::new(Self { path: path.to_owned(), most, busy, places, idle: Mutex::default() })
    }

    /// A connection; waits while all are in use.
    pub(super) async fn borrow(self: &Arc<Self>) -> Result<Borrowed, DbError> {
        let place = Arc::clone(&self.places).acquire_owned();
        let place = tokio::time::timeout(Duration::from_secs(WAIT_S_MAX), place)
            .await
            .map_err(|_| DbError::world("acquire", Fault::Locked))?
            .map_err(|_| DbError::Closed)?;
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.connect().map_err(|error| DbError::from_sqlite("open", error))?,
        };
        Ok(Borrowed {
            home: Arc::clone(self),
            connection: Some(connection),
            in_transaction: false,
            _place: place,
        })
    }

    /// A connection in a transaction that `begin` opens.
    pub(super) async fn begin(self: &Arc<Self>, begin: &'static str) -> Result<Borrowed, DbError> {
        // One transaction after the other, none of which ever waits, would keep this thread from all other tasks.
        tokio::task::yield_now().await;
        let mut borrowed = self.borrow().await?;
        let begun = async {
            loop {
                match borrowed.connection().execute_batch(begin) {
                    Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
                        tokio::time::sleep(LOOK_EVERY).await;
                    }
                    done => return done,
                }
            }
        };
        let begun = tokio::time::timeout(Duration::from_secs(WAIT_S_MAX), begun).await;
        let begun = begun.map_err(|_| DbError::world("begin", Fault::Locked))?;
        begun.map_err(|error| DbError::from_sqlite("begin", error))?;
        borrowed.in_transaction = true;
        Ok(borrowed)
    }

    fn connect(&self) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        connection.busy_timeout(Duration::from_secs(WAIT_S_MAX))?;
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
             PRAGMA temp_store = MEMORY",
        )?;
        connection.busy_timeout(self.busy)?;
        connection.set_prepared_statement_cache_capacity(READY_MAX);
        Ok(connection)
    }

    /// Waits for who still works, and closes all.
    pub(super) async fn close(&self) {
        let all = self.places.acquire_many(self.most).await;
        self.places.close();
        drop(all);
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl Borrowed {
    /// Runs a statement; the answer is how many rows it changed.
    pub(super) fn run(&mut self, name: &'static str, text: &str, binds: &[Bind]) -> Result<u64, DbError> {
        self.rows(name, text, binds, |_| Ok(false))?;
        Ok(self.connection().changes())
    }

    /// Runs a statement and shows each of its rows, until `each` says that it has seen enough.
    pub(super) fn rows(
        &mut self,
        name: &'static str,
        text: &str,
        binds: &[Bind],
        mut each: impl FnMut(&Row<'_>) -> Result<bool, DbError>,
    ) -> Result<(), DbError> {
        let failed = |error| DbError::from_sqlite(name, error);
        self.check(name)?;
        let mut statement = self.connection().prepare_cached(text).map_err(failed)?;
        bind(&mut statement, name, binds)?;
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next().map_err(failed)? {
            // What a statement changes is changed before it gives its first row.
            if !each(&Row::sqlite(row, name))? {
                break;
            }
        }
        Ok(())
    }

    /// Runs several statements without values.
    pub(super) fn batch(&mut self, name: &str, text: &str) -> Result<(), DbError> {
        self.check(name)?;
        self.connection().execute_batch(text).map_err(|error| DbError::from_sqlite(name, error))
    }

    /// Ends the transaction with `COMMIT` or `ROLLBACK`.
    pub(super) fn end(mut self, word: &'static str) -> Result<(), DbError> {
        self.check("commit")?;
        let ended = waiting(|| self.connection().execute_batch(word));
        ended.map_err(|error| DbError::from_sqlite("commit", error))
    }

    /// A full disk ends a transaction in the middle: what followed would be committed by itself.
    fn check(&mut self, name: &str) -> Result<(), DbError> {
        if self.in_transaction && self.connection().is_autocommit() {
            return Err(DbError::world(name, Fault::DiskFull));
        }
        Ok(())
    }

    fn connection(&mut self) -> &mut Connection {
        self.connection.as_mut().unwrap_or_else(|| unreachable!("taken only when dropped"))
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        if !connection.is_autocommit() && connection.execute_batch("ROLLBACK").is_err() {
            // Closing it undoes what it had begun.
            return;
        }
        self.home.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
    }
}

/// Values to the numbered parameters.
fn bind(statement: &mut CachedStatement<'_>, name: &'static str, binds: &[Bind]) -> Result<(), DbError> {
    if statement.parameter_count() > binds.len() {
        return Err(DbError::Bug { doing: name.to_owned(), detail: "a parameter has no value".into() });
    }
    for (at, value) in (1..=statement.parameter_count()).zip(binds) {
        statement.raw_bind_parameter(at, value).map_err(|error| DbError::from_sqlite(name, error))?;
    }
    Ok(())
}

impl ToSql for Bind {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Text(Some(text)) => ValueRef::Text(text.as_bytes()),
            Self::Int(Some(n)) => ValueRef::Integer(*n),
            Self::Real(Some(x)) => ValueRef::Real(*x),
            Self::Blob(Some(bytes)) => ValueRef::Blob(bytes),
            Self::Text(None) | Self::Int(None) | Self::Real(None) | Self::Blob(None) => ValueRef::Null,
        }))
    }
}

/// Does what waits for the disk; the other tasks of this thread go to another.
pub(super) fn waiting<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}
