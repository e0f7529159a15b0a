//! Configurations for rustls.

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};

use super::TlsError;
use crate::request::Address;

impl Address {
    /// The host as rustls wants it.
    ///
    /// # Errors
    /// [`TlsError::ServerName`] for a host that no certificate can have: a name with an underscore, say.
    pub fn server_name(&self) -> Result<ServerName<'static>, TlsError> {
        ServerName::try_from(self.host.clone()).map_err(|_| TlsError::ServerName { host: self.host.clone() })
    }
}

/// The provider that the process has installed, or *ring*: `ClientConfig::builder()` would panic where none is
/// installed and the features of rustls name none or two.
fn provider() -> Arc<CryptoProvider> {
    CryptoProvider::get_default().cloned().unwrap_or_else(|| Arc::new(ring::default_provider()))
}

fn config(roots: RootCertStore) -> Result<ClientConfig, TlsError> {
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| TlsError::Certificate { reason: error.to_string() })?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

pub fn roots(roots: impl IntoIterator<Item = CertificateDer<'static>>) -> Result<ClientConfig, TlsError> {
    let mut store = RootCertStore::empty();
    for root in roots {
        store.add(root).map_err(|error| TlsError::Certificate { reason: error.to_string() })?;
    }
    if store.is_empty() {
        return Err(TlsError::NoRoots { reason: "none was given".into() });
    }
    config(store)
}

pub fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let certificates = certificates.map_err(|error| TlsError::Certificate { reason: error.to_string() })?;
    // What is not PEM has no section that the parser could find fault with.
    if certificates.is_empty() && !pem.trim_ascii().is_empty() {
        return Err(TlsError::Certificate { reason: "no PEM certificate was found".into() });
    }
    Ok(certificates)
}

pub fn without_h2(config: Arc<ClientConfig>) -> Arc<ClientConfig> {
    let is_h2 = |protocol: &Vec<u8>| protocol == b"h2";
    if !config.alpn_protocols.iter().any(is_h2) {
        return config;
    }
    let mut config = Arc::unwrap_or_clone(config);
    config.alpn_protocols.retain(|protocol| !is_h2(protocol));
    Arc::new(config)
}

pub fn with_default_roots() -> Result<ClientConfig, TlsError> {
    #[cfg(not(any(feature = "rustls-tls-native-roots", feature = "rustls-tls-webpki-roots")))]
    return Err(TlsError::NotBuilt);
    #[cfg(any(feature = "rustls-tls-native-roots", feature = "rustls-tls-webpki-roots"))]
    config(default_roots()?)
}

#[cfg(any(feature = "rustls-tls-native-roots", feature = "rustls-tls-webpki-roots"))]
fn default_roots() -> Result<RootCertStore, TlsError> {
    let mut store = RootCertStore::empty();
    #[cfg(feature = "rustls-tls-webpki-roots")]
    store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    #[cfg(feature = "rustls-tls-native-roots")]
    {
        let found = rustls_native_certs::load_native_certs();
        // Platforms hold certificates that no client can read any more; the others are as good without them.
        store.add_parsable_certificates(found.certs);
        if store.is_empty() {
            let reasons: Vec<_> = found.errors.iter().map(ToString::to_string).collect();
            return Err(TlsError::NoRoots { reason: reasons.join("; ") });
        }
    }
    Ok(store)
}
