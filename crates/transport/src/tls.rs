//! TLS settings, always with ring as the provider named in the call.
//!
//! rustls can also take a process-wide default provider, and panics where none or two are compiled in; nothing here
//! depends on it. TLS 1.3 only: every client of this protocol is younger than that.

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

/// Why TLS settings could not be made. No key material appears in the messages.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// No certificate in the text, or one that is not PEM.
    #[error("certificates are not valid pem")]
    Certificates,
    /// No private key in the text, or one that is not PEM.
    #[error("private key is not valid pem")]
    PrivateKey,
    /// rustls refused the pair.
    #[error("certificate and key are not accepted")]
    Refused(#[source] rustls::Error),
}

/// A server's settings from its certificate chain, leaf first, and its private key, both PEM.
///
/// # Errors
/// [`TlsError`] says which of the two is wrong.
pub fn server_config(chain_pem: &[u8], private_key_pem: &[u8]) -> Result<Arc<ServerConfig>, TlsError> {
    let key = PrivateKeyDer::from_pem_slice(private_key_pem).map_err(|_| TlsError::PrivateKey)?;
    let config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .map_err(TlsError::Refused)?
        .with_no_client_auth()
        .with_single_cert(certificates(chain_pem)?, key)
        .map_err(TlsError::Refused)?;
    Ok(Arc::new(config))
}

/// A client's settings that trust the certificates in `roots_pem` and nobody else.
///
/// # Errors
/// [`TlsError::Certificates`] or [`TlsError::Refused`].
pub fn client_config(roots_pem: &[u8]) -> Result<Arc<ClientConfig>, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(roots_pem)? {
        roots.add(certificate).map_err(TlsError::Refused)?;
    }
    let config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .map_err(TlsError::Refused)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    found
        .ok()
        .filter(|found| !found.is_empty())
        .ok_or(TlsError::Certificates)
}
