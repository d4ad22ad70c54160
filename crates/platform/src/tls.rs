//! The one TLS cryptography provider of the process: ring. Two providers in one process panic at the first handshake.

/// Makes ring the process's provider. Safe to call again; called by whatever opens TLS.
pub fn install_provider() {
    // An error only says that a provider is installed already, which is what we want.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
