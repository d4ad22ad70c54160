//! A simulated archive: it speaks the real protocol over real sockets, each with its own manners (PS3.4 Annex C).

mod holdings;
mod link;
mod matching;
mod send;
mod serve;

use crate::encode::Syntax;
use crate::faults::Schedule;
use crate::images::Instance;
use crate::text::Charset;
use dicom::tag::Tag;
use holdings::Holding;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

pub use holdings::{Level, Outgoing, Stored};
pub use link::LinkError;
pub use send::{Sender, Sent, Store, split};

/// How an archive behaves.
#[derive(Debug, Clone)]
pub struct Manners {
    /// The AE title that it answers to.
    pub ae_title: String,
    /// The AE title that it stores from, where that is another.
    pub stores_as: Option<String>,
    /// The transfer syntax that it keeps its own instances in.
    pub syntax: Syntax,
    /// The character set of its answers.
    pub charset: Charset,
    /// Whether it offers C-GET; C-MOVE it always offers.
    pub get: bool,
    /// The levels at which it answers C-FIND.
    pub levels: Vec<Level>,
    /// How long it thinks before each answer and each object.
    pub latency: Duration,
}

impl Manners {
    /// An archive that gives no trouble.
    pub fn plain(ae_title: &str) -> Self {
        Self {
            ae_title: ae_title.into(),
            stores_as: None,
            syntax: Syntax::ExplicitLittle,
            charset: Charset::Latin1,
            get: true,
            levels: vec![Level::Study, Level::Series, Level::Image],
            latency: Duration::ZERO,
        }
    }
}

/// What a peer asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// C-FIND.
    Find,
    /// C-GET.
    Get,
    /// C-MOVE.
    Move,
}

/// One query or retrieval received, with its keys: proof of what was asked, and of what was not.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Which operation.
    pub operation: Operation,
    /// Who asked.
    pub calling_ae: String,
    /// At which level.
    pub level: Level,
    /// The keys that had values, those of sequence items too.
    pub keys: Vec<(Tag, String)>,
    /// How many entities matched.
    pub matched: usize,
}

/// An archive: its holdings, its manners, its planned faults, and a log of what it was asked.
pub struct Archive {
    manners: Manners,
    holdings: Mutex<Vec<Arc<Holding>>>,
    destinations: Mutex<BTreeMap<String, SocketAddr>>,
    asked: Mutex<Vec<Asked>>,
    stored: Mutex<Vec<Stored>>,
    delivered: Mutex<Vec<String>>,
    associations: Mutex<usize>,
    /// Faults of associations to come.
    pub association_faults: Schedule,
    /// Faults of C-GET and C-MOVE to come.
    pub retrieval_faults: Schedule,
    /// Faults of C-STORE to us.
    pub store_faults: Schedule,
}

impl Archive {
    /// An archive that holds these instances.
    pub fn new(manners: Manners, instances: impl IntoIterator<Item = Instance>) -> Self {
        let syntax = manners.syntax;
        let holdings = instances.into_iter().map(|i| Arc::new(Holding::planned(i, syntax))).collect();
        Self {
            manners,
            holdings: Mutex::new(holdings),
            destinations: Mutex::default(),
            asked: Mutex::default(),
            stored: Mutex::default(),
            delivered: Mutex::default(),
            associations: Mutex::default(),
            association_faults: Schedule::default(),
            retrieval_faults: Schedule::default(),
            store_faults: Schedule::default(),
        }
    }

    /// How it behaves.
    pub fn manners(&self) -> &Manners {
        &self.manners
    }

    /// Tells the archive where an AE title listens: a destination of C-MOVE.
    pub fn know(&self, ae_title: &str, address: SocketAddr) {
        locked(&self.destinations).insert(ae_title.into(), address);
    }

    /// Adds an instance: it arrived late.
    pub fn add(&self, instance: Instance) {
        let holding = Holding::planned(instance, self.manners.syntax);
        locked(&self.holdings).push(Arc::new(holding));
    }

    /// Every query and retrieval received so far.
    pub fn asked(&self) -> Vec<Asked> {
        locked(&self.asked).clone()
    }

    /// Whether any query or retrieval ever named this value, in any key.
    pub fn was_asked_for(&self, value: &str) -> bool {
        locked(&self.asked)
            .iter()
            .any(|asked| asked.keys.iter().any(|(_, text)| text.split('\\').any(|t| t == value)))
    }

    /// What peers stored here.
    pub fn stored(&self) -> Vec<Stored> {
        locked(&self.stored).clone()
    }

    /// The SOP Instance UIDs that peers answered with success (0000H): from then on they are the peers' to keep.
    pub fn delivered(&self) -> Vec<String> {
        locked(&self.delivered).clone()
    }

    /// How many associations were begun.
    pub fn associations(&self) -> usize {
        *locked(&self.associations)
    }

    /// Every instance in its own syntax, ready to be pushed.
    pub fn outgoing(&self) -> Vec<Outgoing> {
        let holdings = locked(&self.holdings).clone();
        holdings
            .iter()
            .map(|holding| holding.outgoing(holding.syntaxes().first().map_or("", String::as_str)))
            .collect()
    }

    /// Listens on a free port of this machine.
    pub async fn serve(self) -> std::io::Result<Running> {
        self.serve_at(SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    /// Listens on an address.
    pub async fn serve_at(self, address: SocketAddr) -> std::io::Result<Running> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let archive = Arc::new(self);
        let task = tokio::spawn(accept(listener, Arc::clone(&archive)));
        Ok(Running { address, archive, task })
    }
}

/// An archive that listens; it stops when this is dropped.
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    /// The archive.
    pub archive: Arc<Archive>,
    task: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, archive: Arc<Archive>) {
    let mut connections = JoinSet::new(); // Dropped with this task: all its connections end.
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                *locked(&archive.associations) += 1;
                let archive = Arc::clone(&archive);
                connections.spawn(async move {
                    // How a peer ended its association is not the archive's business.
                    serve::connection(&archive, stream).await.ok();
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
