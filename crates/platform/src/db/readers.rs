//! Connections that read from SQLite, kept open between callers.
//!
//! `sqlx`'s own pool asks each connection that comes back whether it still lives, in a task of its own: as much again as a short
//! query costs. A SQLite connection is a thread of this process, and needs no asking.

use super::error::{DbError, Fault};
use super::{WAIT_S_MAX, setup_sqlite};
use sqlx::{AnyConnection, Connection};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A few connections to one file.
pub(super) struct Readers {
    url: String,
    most: u32,
    places: Arc<Semaphore>,
    idle: Mutex<Vec<AnyConnection>>,
}

/// A connection that goes back when it is dropped.
pub(super) struct Borrowed {
    home: Arc<Readers>,
    connection: Option<AnyConnection>,
    _place: OwnedSemaphorePermit,
}

impl Readers {
    pub(super) fn new(url: String, most: u32) -> Arc<Self> {
        let places = Arc::new(Semaphore::new(most as usize));
        Arc::new(Self { url, most, places, idle: Mutex::default() })
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
            None => self.connect().await.map_err(|error| DbError::from_sqlx("open", error))?,
        };
        Ok(Borrowed { home: Arc::clone(self), connection: Some(connection), _place: place })
    }

    async fn connect(&self) -> Result<AnyConnection, sqlx::Error> {
        let mut connection = AnyConnection::connect(&self.url).await?;
        setup_sqlite(&mut connection).await?;
        Ok(connection)
    }

    /// Waits for who still reads, and closes all.
    pub(super) async fn close(&self) {
        let all = self.places.acquire_many(self.most).await;
        self.places.close();
        drop(all);
        let idle = std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
        for connection in idle {
            // Nothing was written on it.
            let _ = connection.close().await;
        }
    }
}

impl Borrowed {
    pub(super) fn connection(&mut self) -> &mut AnyConnection {
        self.connection.as_mut().unwrap_or_else(|| unreachable!("taken only when dropped"))
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        let connection = self.connection.take();
        self.home.idle.lock().unwrap_or_else(PoisonError::into_inner).extend(connection);
    }
}
