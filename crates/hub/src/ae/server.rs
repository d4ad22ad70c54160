//! The acceptor: who may associate with us, and what they may send.

use super::link::{Link, drive};
use super::{Storing, pdu_limits, timers, tls};
use crate::config::{Config, Source};
use crate::pipeline::receive::Receiver;
use dicom::association::{Association, Decision, Event, Proposal};
use dicom::pdu::Rejection;
use dicom::roles::scp::{Asked, Provider};
use dicom::roles::{accept_storage, is_storage_class};
use platform::clock::Clock;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

/// Who may send to us.
#[derive(Debug, Clone)]
pub enum Peers {
    /// The archives of the configuration, by AE title, address and – where configured – certificate.
    Configured,
    /// Anybody, as one source: for benchmarks, never for people's data.
    Anyone(String),
}

/// A listening application entity. Dropped, it stops: open associations are aborted.
pub struct Acceptor {
    shared: Arc<Shared>,
    address: SocketAddr,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    config: Arc<Config>,
    peers: Peers,
    receiver: Receiver,
    clock: Arc<dyn Clock>,
    tls: Option<Arc<rustls::ServerConfig>>,
    stop: AtomicBool,
    live: Mutex<HashMap<IpAddr, u32>>,
}

impl Acceptor {
    /// Listens on the configured address.
    pub fn listen(
        config: Arc<Config>,
        peers: Peers,
        receiver: Receiver,
        clock: Arc<dyn Clock>,
    ) -> io::Result<Self> {
        let tls = config.listen.tls.as_ref().map(tls::acceptor).transpose().map_err(io::Error::other)?;
        let listener = TcpListener::bind(config.listen.address)?;
        let address = listener.local_addr()?;
        let live = Mutex::default();
        let shared =
            Arc::new(Shared { config, peers, receiver, clock, tls, stop: AtomicBool::new(false), live });
        let accepting = Arc::clone(&shared);
        let thread =
            thread::Builder::new().name("ae-accept".into()).spawn(move || accept(&listener, &accepting))?;
        Ok(Self { shared, address, thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Acceptor {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        // Wakes the accepting thread.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.stop.load(Ordering::Relaxed) {
            return;
        }
        let Ok(stream) = stream else { continue };
        let shared = Arc::clone(shared);
        let spawned = thread::Builder::new().name("association".into()).spawn(move || {
            if let Err(error) = serve(stream, &shared) {
                tracing::info!(%error, "connection ended before an association");
            }
        });
        if let Err(error) = spawned {
            tracing::warn!(%error, "no thread for a connection");
        }
    }
}

/// One connection, from its first byte to its last.
fn serve(stream: TcpStream, shared: &Shared) -> io::Result<()> {
    Link::tune(&stream)?;
    let limits = &shared.config.limits;
    let mut link = match &shared.tls {
        Some(tls) => tls::accept(stream, Arc::clone(tls))?,
        None => Link::Plain(stream),
    };
    let peer = link.peer()?;
    let place = Place::take(shared, peer);
    let timers = timers(limits.idle_s, limits.idle_s, limits.idle_s);
    let mut association =
        Association::accept(pdu_limits(limits.pdu_bytes_max), timers, shared.clock.elapsed());
    let mut desk = Desk { shared, peer, is_tls: link.is_tls(), has_place: place.is_some(), storing: None };
    let mut provider = Provider::new();
    drive(
        &mut link,
        &mut association,
        shared.clock.as_ref(),
        &shared.stop,
        |event, association| match &event {
            Event::Requested(proposal) => {
                let decision = desk.decide(proposal);
                association.respond(&decision, shared.clock.elapsed());
            }
            Event::Aborted(cause) => tracing::info!(%cause, "association broken off"),
            _ => {
                if let Some(storing) = &mut desk.storing {
                    act(event, association, &mut provider, storing, shared.clock.as_ref());
                }
            }
        },
    );
    Ok(())
}

/// What an event on an established association asks for. A protocol error ends the association, never in silence.
fn act(
    event: Event,
    association: &mut Association,
    provider: &mut Provider,
    storing: &mut Storing,
    clock: &dyn Clock,
) {
    let done = match provider.handle(association, event) {
        Ok(Asked::Store(incoming)) => {
            storing.begin(&incoming);
            Ok(())
        }
        Ok(Asked::Data { bytes, last }) => match storing.data(&bytes, last) {
            Some(status) => provider.answer_store(association, status),
            None => Ok(()),
        },
        Ok(_) => Ok(()),
        Err(error) => Err(error),
    };
    if let Err(error) = done {
        tracing::info!(%error, "association broken off by us");
        association.abort(clock.elapsed());
    }
}

/// Decides about one peer.
struct Desk<'a> {
    shared: &'a Shared,
    peer: IpAddr,
    is_tls: bool,
    has_place: bool,
    storing: Option<Storing>,
}

impl Desk<'_> {
    /// PS3.8 §9.3.4: rejections say why, so that the archive's administrator can mend it.
    fn decide(&mut self, proposal: &Proposal) -> Decision {
        let config = &self.shared.config;
        let calling = proposal.calling_ae.as_str();
        let source = match &self.shared.peers {
            Peers::Anyone(source) => source.as_str(),
            Peers::Configured => {
                if proposal.called_ae.as_str() != config.listen.ae_title.as_str() {
                    tracing::warn!(peer = %self.peer, calling, "association refused: they call another AE title than ours");
                    return Decision::Reject(Rejection::UNKNOWN_CALLED_AE);
                }
                match config.sources.iter().find(|source| self.may_store(source, calling)) {
                    Some(source) => source.name.as_str(),
                    None => {
                        tracing::warn!(peer = %self.peer, calling, "association refused: no source's store_from names this AE title and address");
                        return Decision::Reject(Rejection::UNKNOWN_CALLING_AE);
                    }
                }
            }
        };
        if !self.has_place {
            return Decision::Reject(Rejection::CONGESTED);
        }
        tracing::info!(source, calling, "association accepted");
        self.storing = Some(Storing::new(&self.shared.receiver, source, calling));
        // Stored as received: of what is proposed for a storage class, the sender's first choice.
        accept_storage(proposal, |class, syntaxes| {
            is_storage_class(class).then(|| syntaxes.first().map(String::as_str)).flatten()
        })
    }

    fn may_store(&self, source: &Source, calling: &str) -> bool {
        (self.is_tls || source.tls.is_none())
            && source.store_from.iter().any(|peer| {
                peer.ae_title.as_str() == calling
                    && peer.host.as_deref().is_none_or(|host| resolves_to(host, self.peer))
            })
    }
}

/// Whether a host name or address is this peer.
fn resolves_to(host: &str, peer: IpAddr) -> bool {
    (host, 0).to_socket_addrs().is_ok_and(|mut addresses| addresses.any(|a| a.ip().to_canonical() == peer))
}

/// A place among the associations that may be open at once.
struct Place<'a> {
    shared: &'a Shared,
    peer: IpAddr,
}

impl<'a> Place<'a> {
    fn take(shared: &'a Shared, peer: IpAddr) -> Option<Self> {
        let limits = &shared.config.limits;
        let mut live = shared.live.lock().unwrap_or_else(PoisonError::into_inner);
        let all: u32 = live.values().sum();
        let own = live.entry(peer).or_default();
        if all >= limits.associations_max || *own >= limits.associations_per_peer_max {
            return None;
        }
        *own += 1;
        Some(Self { shared, peer })
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut live = self.shared.live.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = live.get_mut(&self.peer) {
            *own -= 1;
            if *own == 0 {
                live.remove(&self.peer);
            }
        }
    }
}
