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
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use submission::digest::Digest;

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
    doors: Vec<Door>,
}

/// One address that is listened on.
struct Door {
    address: SocketAddr,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    config: Arc<Config>,
    peers: Peers,
    receiver: Receiver,
    clock: Arc<dyn Clock>,
    stop: AtomicBool,
    live: Mutex<HashMap<IpAddr, u32>>,
    connections: AtomicU32,
}

/// Connections beyond the associations that may be open: their peers are told why they are refused (PS3.8 §9.3.4).
const REFUSALS_MAX: u32 = 16;

impl Acceptor {
    /// Listens on the configured address, and for TLS on its own where it has one (2762 is registered for it).
    pub fn listen(
        config: Arc<Config>,
        peers: Peers,
        receiver: Receiver,
        clock: Arc<dyn Clock>,
    ) -> io::Result<Self> {
        let listen = &config.listen;
        let tls = listen.tls.as_ref().map(tls::acceptor).transpose().map_err(io::Error::other)?;
        let secure = listen.tls.as_ref().and_then(|tls| tls.address);
        let doors = match (tls, secure) {
            (Some(tls), Some(secure)) => vec![(listen.address, None), (secure, Some(tls))],
            (tls, _) => vec![(listen.address, tls)],
        };
        let shared = Arc::new(Shared {
            config: Arc::clone(&config),
            peers,
            receiver,
            clock,
            stop: AtomicBool::new(false),
            live: Mutex::default(),
            connections: AtomicU32::new(0),
        });
        let mut this = Self { shared, doors: Vec::new() };
        for (address, tls) in doors {
            let listener = TcpListener::bind(address)?;
            let address = listener.local_addr()?;
            let shared = Arc::clone(&this.shared);
            let thread = thread::Builder::new()
                .name("ae-accept".into())
                .spawn(move || accept(&listener, tls.as_ref(), &shared))?;
            this.doors.push(Door { address, thread: Some(thread) });
        }
        Ok(this)
    }

    /// Where it listens; the address without TLS, where there are two.
    pub fn address(&self) -> SocketAddr {
        // `listen` opens one at least.
        self.doors.first().map_or(self.shared.config.listen.address, |door| door.address)
    }
}

impl Drop for Acceptor {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        for door in &mut self.doors {
            // Wakes the accepting thread.
            let _ = TcpStream::connect(door.address);
            if let Some(thread) = door.thread.take() {
                let _ = thread.join();
            }
        }
    }
}

fn accept(listener: &TcpListener, tls: Option<&Arc<rustls::ServerConfig>>, shared: &Arc<Shared>) {
    let connections_max =
        shared.config.limits.associations_max.saturating_mul(2).saturating_add(REFUSALS_MAX);
    for stream in listener.incoming() {
        if shared.stop.load(Ordering::Relaxed) {
            return;
        }
        let Ok(stream) = stream else { continue };
        let Some(open) = Open::count(shared, connections_max) else {
            tracing::warn!(connections_max, "connection closed: too many are open");
            continue;
        };
        let (shared, tls) = (Arc::clone(shared), tls.cloned());
        let spawned = thread::Builder::new().name("association".into()).spawn(move || {
            if let Err(error) = serve(stream, tls, &shared) {
                tracing::info!(%error, "connection ended before an association");
            }
            drop(open);
        });
        if let Err(error) = spawned {
            tracing::warn!(%error, "no thread for a connection");
        }
    }
}

/// One connection, from its first byte to its last.
fn serve(stream: TcpStream, tls: Option<Arc<rustls::ServerConfig>>, shared: &Shared) -> io::Result<()> {
    Link::tune(&stream)?;
    let limits = &shared.config.limits;
    let mut link = match tls {
        Some(tls) => tls::accept(stream, tls, shared.clock.as_ref())?,
        None => Link::Plain(stream),
    };
    let peer = link.peer()?;
    let place = Place::take(shared, peer);
    let timers = timers(limits.idle_s, limits.idle_s, limits.idle_s);
    let mut association =
        Association::accept(pdu_limits(limits.pdu_bytes_max), timers, shared.clock.elapsed());
    let (is_tls, certificate) = (link.is_tls(), link.certificate());
    let mut desk = Desk { shared, peer, is_tls, certificate, has_place: place.is_some(), storing: None };
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
    certificate: Option<Digest>,
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
                        tracing::warn!(peer = %self.peer, calling, "association refused: no source's store_from names this AE title, address and certificate");
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
                    && peer.certificate.is_none_or(|pinned| self.certificate == Some(pinned))
                    && peer.host.as_deref().is_none_or(|host| resolves_to(host, self.peer))
            })
    }
}

/// Whether a host name or address is this peer.
fn resolves_to(host: &str, peer: IpAddr) -> bool {
    (host, 0).to_socket_addrs().is_ok_and(|mut addresses| addresses.any(|a| a.ip().to_canonical() == peer))
}

/// A connection that is open: each has a thread, so their number is limited before anything is read.
struct Open(Arc<Shared>);

impl Open {
    /// Only the accepting thread counts up.
    fn count(shared: &Arc<Shared>, connections_max: u32) -> Option<Self> {
        if shared.connections.load(Ordering::Relaxed) >= connections_max {
            return None;
        }
        shared.connections.fetch_add(1, Ordering::Relaxed);
        Some(Self(Arc::clone(shared)))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
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
