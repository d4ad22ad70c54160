//! Step 3 of an instance: sealed into the spool, synced, committed – and only then answered 0x0000.

use crate::linkage::{Linkage, TokenKind};
use crate::spool::{Arriving, Spool, SpoolError};
use crate::store::{Spooled, Store};
use dicom::dimse::Status;
use dicom::part10;
use platform::clock::Clock;
use platform::db::{DbError, GroupCommit};
use platform::jobs::{self, Job};
use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;

/// How long a group commit gathers callers. While one group is being committed the next gathers anyway.
const GATHER: Duration = Duration::ZERO;
/// Objects in one commit at most.
const GROUP_MAX: usize = 256;

/// An object could not be made durable: what the sender is told.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// The spool.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl ReceiveError {
    /// The C-STORE status (PS3.4 Table B.2-1): out of resources, so that the sender keeps the object and tries again.
    pub fn status(&self) -> Status {
        Status::OUT_OF_RESOURCES
    }
}

/// What is known of an object before its data set comes.
#[derive(Debug, Clone, Copy)]
pub struct Announced<'a> {
    /// Name of the source.
    pub source: &'a str,
    /// AE title that sends it.
    pub calling_ae: &'a str,
    /// Affected SOP Class UID.
    pub sop_class: &'a str,
    /// Affected SOP Instance UID.
    pub sop_instance: &'a str,
    /// The presentation context's transfer syntax.
    pub transfer_syntax: &'a str,
}

/// Takes objects in. Cheap to clone; called from the threads that drive associations.
#[derive(Clone)]
pub struct Receiver {
    spool: Arc<Spool>,
    store: Store,
    linkage: Linkage,
    clock: Arc<dyn Clock>,
    commits: GroupCommit,
    runtime: Handle,
    /// Sealed objects that were refused because their rows could not be written.
    refused: Arc<Mutex<Vec<String>>>,
}

/// One object on its way in.
pub struct Receiving {
    receiver: Receiver,
    arriving: Arriving,
    source: String,
    token: String,
}

impl Receiver {
    /// Must be called inside the runtime that runs the database.
    pub fn new(spool: Arc<Spool>, store: Store, linkage: Linkage, clock: Arc<dyn Clock>) -> Self {
        let commits = GroupCommit::start(store.db().clone(), GATHER, GROUP_MAX);
        Self { spool, store, linkage, clock, commits, runtime: Handle::current(), refused: Arc::default() }
    }

    fn refused(&self) -> MutexGuard<'_, Vec<String>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes refused objects, now that the database can say that it has no row of them. Else their senders, who try
    /// again and again, would fill the disk.
    async fn remove_refused(&self, refused: Vec<String>) {
        for id in refused {
            // What cannot be removed now is swept at the next start.
            if let Ok(None) = self.store.spool_object(&id).await {
                let _ = self.spool.destroy(&id);
            }
        }
    }

    /// Begins an object: its Part 10 preamble and meta information come first (PS3.10 §7.1), the data set follows as sent.
    pub fn begin(&self, announced: &Announced<'_>) -> Result<Receiving, ReceiveError> {
        let mut arriving = self.spool.begin()?;
        let meta = part10::encode_meta(
            announced.sop_class,
            announced.sop_instance,
            announced.transfer_syntax,
            Some(announced.calling_ae),
        );
        arriving.write_all(&meta).map_err(SpoolError::Disk)?;
        Ok(Receiving {
            receiver: self.clone(),
            arriving,
            source: announced.source.to_owned(),
            token: self.linkage.token(TokenKind::Instance, announced.sop_instance),
        })
    }
}

impl Receiving {
    /// The next bytes of the data set.
    pub fn data(&mut self, bytes: &[u8]) -> Result<(), ReceiveError> {
        Ok(self.arriving.write_all(bytes).map_err(SpoolError::Disk)?)
    }

    /// The data set is complete. When this returns the object is durable; blocks meanwhile.
    pub fn finish(self) -> Result<(), ReceiveError> {
        let Self { receiver, arriving, source, token } = self;
        let (id, bytes) = arriving.finish()?;
        let own = id.clone();
        receiver.spool.sync_entries()?;
        let object = Spooled {
            id,
            source,
            token,
            bytes: i64::try_from(bytes).unwrap_or(i64::MAX),
            received_us: receiver.clock.now().as_micros(),
        };
        let (store, now) = (receiver.store.clone(), receiver.clock.now());
        let committed = receiver.commits.submit(move |tx| {
            Box::pin(async move {
                store.spooled(tx, &object).await?;
                jobs::enqueue(tx, &Job::now("deidentify", &object.id), now).await?;
                Ok(())
            })
        });
        let done = receiver.runtime.block_on(committed);
        if let Err(error) = done {
            // Without the row the file is nobody's, and the sender sends again.
            receiver.refused().push(own);
            return Err(error.into());
        }
        let refused = std::mem::take(&mut *receiver.refused());
        if !refused.is_empty() {
            receiver.runtime.block_on(receiver.remove_refused(refused));
        }
        Ok(())
    }
}
