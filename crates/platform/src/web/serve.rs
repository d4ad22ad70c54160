//! The listener: HTTP/1.1, plain on the loopback address or under TLS, with limits on connections and on their time.

use crate::shutdown::Shutdown;
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

/// Connections at once.
const CONNECTIONS_MAX: usize = 256;
/// A TLS handshake takes this long at most.
const HANDSHAKE_S_MAX: Duration = Duration::from_secs(10);
/// The head of a request takes this long at most, idle time between requests included.
const HEAD_S_MAX: Duration = Duration::from_secs(60);
/// A connection is closed after this, whatever it does; a browser opens another.
const CONNECTION_S_MAX: Duration = Duration::from_secs(600);
/// After a failed accept: out of file descriptors, most likely.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// The pages cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// Plain HTTP beyond this machine.
    #[error(
        "{0} is no loopback address: pages are served there under TLS only, give a certificate and its key"
    )]
    Plain(SocketAddr),
    /// The address is taken, or not ours.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        error: io::Error,
    },
}

/// A listener that is ready to serve.
pub struct WebServer {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
}

impl WebServer {
    /// Listens.
    pub async fn bind(address: SocketAddr, tls: Option<Arc<ServerConfig>>) -> Result<Self, WebError> {
        if tls.is_none() && !address.ip().is_loopback() {
            return Err(WebError::Plain(address));
        }
        let listen = |error| WebError::Listen { address, error };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        Ok(Self { listener, address, tls: tls.map(TlsAcceptor::from) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether it speaks TLS.
    pub fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Serves until it is told to stop; requests under way are cut off.
    pub async fn serve(&self, pages: Router, shutdown: Shutdown) {
        let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        loop {
            let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = shutdown.requested() => return,
            };
            let Ok((tcp, _)) = accepted else {
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            };
            let (pages, tls, shutdown) = (pages.clone(), self.tls.clone(), shutdown.clone());
            tokio::spawn(async move {
                tokio::select! {
                    _ = tokio::time::timeout(CONNECTION_S_MAX, connection(tcp, tls, pages)) => {}
                    () = shutdown.requested() => {}
                }
                drop(permit);
            });
        }
    }
}

/// One connection. How it ends is the browser's affair.
async fn connection(tcp: TcpStream, tls: Option<TlsAcceptor>, pages: Router) {
    let _ = tcp.set_nodelay(true);
    let Some(tls) = tls else { return requests(tcp, pages).await };
    if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE_S_MAX, tls.accept(tcp)).await {
        requests(stream, pages).await;
    }
}

async fn requests(stream: impl AsyncRead + AsyncWrite + Unpin, pages: Router) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_S_MAX);
    let service = TowerToHyperService::new(pages);
    if let Err(error) = http.serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!(%error, "a connection to the pages ended");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shutdown::shutdown;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn plain_pages_are_for_this_machine_only() {
        let refused = WebServer::bind("0.0.0.0:0".parse().unwrap(), None).await;
        assert!(matches!(refused, Err(WebError::Plain(_))));
    }

    #[tokio::test]
    async fn it_answers_and_stops_when_told() {
        let server = WebServer::bind("127.0.0.1:0".parse().unwrap(), None).await.unwrap();
        let (ask, hear) = shutdown();
        let pages = Router::new().route("/", axum::routing::get(|| async { "here" }));
        let address = server.address();
        let serving = tokio::spawn(async move { server.serve(pages, hear).await });
        let mut tcp = TcpStream::connect(address).await.unwrap();
        tcp.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        tcp.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("here"), "{answer}");
        ask.request();
        serving.await.unwrap();
    }
}
