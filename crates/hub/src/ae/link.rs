//! A connection to a peer, plain or TLS, driven by the thread that owns it.

use bytes::BytesMut;
use dicom::association::{Association, Event};
use platform::clock::Clock;
use rustls::{ClientConnection, ServerConnection, StreamOwned};
use socket2::SockRef;
use std::io::{self, Read, Write};
use std::net::{IpAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use submission::digest::Digest;

/// What one read takes at most: a few PDUs of the usual size.
const READ_BYTES: usize = 256 * 1024;
/// A thread looks this often whether it shall stop.
const STOP_CHECK: Duration = Duration::from_millis(500);
/// A peer that takes nothing for this long is gone.
const WRITE_S_MAX: Duration = Duration::from_secs(60);

/// A connection.
pub(super) enum Link {
    /// TCP.
    Plain(TcpStream),
    /// TLS, accepted.
    Accepted(Box<StreamOwned<ServerConnection, TcpStream>>),
    /// TLS, called.
    Called(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Link {
    fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(tcp) => tcp,
            Self::Accepted(tls) => &tls.sock,
            Self::Called(tls) => &tls.sock,
        }
    }

    /// Whether the peer had to show what the TLS configuration asks for.
    pub(super) fn is_tls(&self) -> bool {
        !matches!(self, Self::Plain(_))
    }

    /// What identifies the certificate that the peer showed: the SHA-256 of its DER form.
    pub(super) fn certificate(&self) -> Option<Digest> {
        let shown = match self {
            Self::Plain(_) => None,
            Self::Accepted(tls) => tls.conn.peer_certificates(),
            Self::Called(tls) => tls.conn.peer_certificates(),
        };
        shown?.first().map(|certificate| Digest::of(certificate))
    }

    /// The peer's address.
    pub(super) fn peer(&self) -> io::Result<IpAddr> {
        Ok(self.tcp().peer_addr()?.ip().to_canonical())
    }

    /// An answer leaves at once, and what comes in is acknowledged at once: stock stacks stall 40 ms per object otherwise.
    pub(super) fn tune(tcp: &TcpStream) -> io::Result<()> {
        tcp.set_nodelay(true)?;
        tcp.set_write_timeout(Some(WRITE_S_MAX))
    }

    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let got = match self {
            Self::Plain(tcp) => tcp.read(into),
            Self::Accepted(tls) => tls.read(into),
            Self::Called(tls) => tls.read(into),
        };
        // The kernel forgets this wish after a while, so it is renewed with each read.
        let _ = SockRef::from(self.tcp()).set_tcp_quickack(true);
        got
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(tcp) => tcp.write_all(bytes),
            Self::Accepted(tls) => tls.write_all(bytes).and_then(|()| tls.flush()),
            Self::Called(tls) => tls.write_all(bytes).and_then(|()| tls.flush()),
        }
    }
}

/// Drives an association over a link until it is closed; `act` sees every event but the last.
///
/// When `stop` is raised the association is aborted: what was not answered stays with the peer.
pub(super) fn drive(
    link: &mut Link,
    association: &mut Association,
    clock: &dyn Clock,
    stop: &AtomicBool,
    mut act: impl FnMut(Event, &mut Association),
) {
    let mut input = BytesMut::with_capacity(READ_BYTES);
    let mut scratch = vec![0; READ_BYTES];
    let mut is_stopping = false;
    loop {
        while let Some(event) = association.poll_event() {
            if event == Event::Closed {
                if let Some(rest) = association.poll_transmit(clock.elapsed()) {
                    // The peer may be gone; it is told if it still listens.
                    let _ = link.write(&rest);
                }
                return;
            }
            act(event, association);
        }
        let written = association.poll_transmit(clock.elapsed()).map_or(Ok(()), |bytes| link.write(&bytes));
        if written.is_err() {
            association.handle_closed(clock.elapsed());
            continue;
        }
        if stop.load(Ordering::Relaxed) && !is_stopping {
            is_stopping = true;
            association.abort(clock.elapsed());
            continue;
        }
        wait(link, association, clock, &mut input, &mut scratch);
    }
}

/// Waits for bytes or for the association's next timeout, and tells it which came.
fn wait(
    link: &mut Link,
    association: &mut Association,
    clock: &dyn Clock,
    input: &mut BytesMut,
    scratch: &mut [u8],
) {
    let due = association.poll_timeout().map(|at| at.saturating_sub(clock.elapsed()));
    if due.is_some_and(|due| due.is_zero()) {
        return association.handle_timeout(clock.elapsed());
    }
    let pause = due.unwrap_or(STOP_CHECK).min(STOP_CHECK).max(Duration::from_millis(1));
    let got = link.tcp().set_read_timeout(Some(pause)).and_then(|()| link.read(scratch));
    match got {
        Ok(0) => association.handle_closed(clock.elapsed()),
        Ok(n) => {
            input.extend_from_slice(&scratch[..n]);
            association.handle_bytes(input, clock.elapsed());
        }
        Err(e)
            if matches!(
                e.kind(),
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
            ) =>
        {
            association.handle_timeout(clock.elapsed());
        }
        Err(_) => association.handle_closed(clock.elapsed()),
    }
}
