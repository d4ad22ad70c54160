//! TLS for associations (PS3.15 Annex B): certificates from PEM files, mutual where a client CA is configured.

use super::link::Link;
use crate::config::{Config, ListenTls, SourceTls};
use platform::clock::Clock;
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use std::io;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A TLS handshake takes this long at most.
const HANDSHAKE_S_MAX: Duration = Duration::from_secs(30);

/// A certificate or key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsFault {
    /// A file.
    #[error("{path}: {reason}")]
    File {
        /// Its path.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The files do not go together.
    #[error("TLS certificate and key: {0}")]
    Config(#[from] rustls::Error),
    /// The name that the peer's certificate must bear.
    #[error("{0} is no host name that a certificate can bear")]
    Name(String),
}

/// Reads every certificate and key that a configuration names, and tells what cannot be used.
pub fn check_tls(config: &Config) -> Vec<TlsFault> {
    let ours = config.listen.tls.iter().filter_map(|tls| acceptor(tls).err());
    let theirs = config.sources.iter().filter_map(|source| caller(source.tls.as_ref()?).err());
    let pages = config.portal.iter().filter_map(|portal| acceptor(portal.tls.as_ref()?).err());
    ours.chain(theirs).chain(pages).collect()
}

/// What we show and demand when we are called.
pub(crate) fn acceptor(tls: &ListenTls) -> Result<Arc<ServerConfig>, TlsFault> {
    platform::tls::install_provider();
    let (chain, key) = identity(&tls.certificate, &tls.key)?;
    let builder = match &tls.client_ca {
        Some(ca) => {
            let verifier = WebPkiClientVerifier::builder(Arc::new(roots(ca)?)).build();
            let verifier =
                verifier.map_err(|e| TlsFault::File { path: ca.clone(), reason: e.to_string() })?;
            ServerConfig::builder().with_client_cert_verifier(verifier)
        }
        None => ServerConfig::builder().with_no_client_auth(),
    };
    Ok(Arc::new(builder.with_single_cert(chain, key)?))
}

/// What we show and demand when we call.
pub(super) fn caller(tls: &SourceTls) -> Result<Arc<ClientConfig>, TlsFault> {
    platform::tls::install_provider();
    let builder = ClientConfig::builder().with_root_certificates(roots(&tls.ca)?);
    let config = match &tls.identity {
        Some((certificate, key)) => {
            let (chain, key) = identity(certificate, key)?;
            builder.with_client_auth_cert(chain, key)?
        }
        None => builder.with_no_client_auth(),
    };
    Ok(Arc::new(config))
}

/// The handshake of a peer that calls us.
pub(super) fn accept(mut tcp: TcpStream, config: Arc<ServerConfig>, clock: &dyn Clock) -> io::Result<Link> {
    let mut connection = ServerConnection::new(config).map_err(io::Error::other)?;
    let until = clock.elapsed() + HANDSHAKE_S_MAX;
    while connection.is_handshaking() {
        // However slowly the bytes drip, the whole handshake has one end.
        let left = until.checked_sub(clock.elapsed()).filter(|left| !left.is_zero());
        tcp.set_read_timeout(Some(left.ok_or(io::ErrorKind::TimedOut)?))?;
        if connection.read_tls(&mut tcp)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let processed = connection.process_new_packets().map_err(io::Error::other);
        // The next flight, or the alert that says what we do not accept.
        while connection.wants_write() {
            connection.write_tls(&mut tcp)?;
        }
        processed?;
    }
    Ok(Link::Accepted(Box::new(StreamOwned::new(connection, tcp))))
}

/// The handshake with a peer that we call.
pub(super) fn call(mut tcp: TcpStream, config: Arc<ClientConfig>, name: &str) -> Result<Link, io::Error> {
    tcp.set_read_timeout(Some(HANDSHAKE_S_MAX))?;
    let name =
        ServerName::try_from(name.to_owned()).map_err(|_| io::Error::other(TlsFault::Name(name.into())))?;
    let mut connection = ClientConnection::new(config, name).map_err(io::Error::other)?;
    while connection.is_handshaking() {
        connection.complete_io(&mut tcp)?;
    }
    Ok(Link::Called(Box::new(StreamOwned::new(connection, tcp))))
}

fn identity(
    certificate: &Path,
    key: &Path,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsFault> {
    let key = PrivateKeyDer::from_pem_file(key).map_err(|e| fault(key, &e))?;
    Ok((certificates(certificate)?, key))
}

fn roots(ca: &Path) -> Result<RootCertStore, TlsFault> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(ca)? {
        roots.add(certificate)?;
    }
    Ok(roots)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsFault> {
    let all = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    all.map_err(|e| fault(path, &e))
}

fn fault(path: &Path, error: &rustls_pki_types::pem::Error) -> TlsFault {
    TlsFault::File { path: path.to_owned(), reason: format!("no PEM certificate or key: {error}") }
}
