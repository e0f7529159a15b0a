//! TLS for `wss`: which implementation, which roots, which client certificate.
//!
//! No process-wide rustls crypto provider is needed: one that is installed is used, otherwise *ring*. HTTP/2 is never
//! offered by ALPN, as its WebSocket handshake is another (RFC 8441); this crate's own configurations offer nothing.

mod error;
#[cfg(feature = "rustls-tls")]
mod rustls;

use std::fmt;
use std::sync::{Arc, OnceLock};

#[cfg(feature = "rustls-tls")]
use ::rustls::ClientConfig;
#[cfg(feature = "rustls-tls")]
use rustls_pki_types::CertificateDer;

pub use error::TlsError;

/// How to shake hands by TLS. Cheap to clone; clones share one connector, and with it resumed sessions.
///
/// The default takes the default roots of the features that are on: by `native-tls` if that is on (as tokio-tungstenite
/// does), else by rustls with Mozilla's roots, the platform's, or both.
///
/// ```
/// # #[cfg(feature = "rustls-tls-webpki-roots")] {
/// use heartline_tungstenite::Tls;
/// use heartline_tungstenite::tls::Connector;
///
/// let tls = Tls::default();
/// assert!(tls.connector().is_ok());
/// # }
/// ```
#[derive(Clone, Default)]
pub struct Tls {
    source: Source,
    ready: Arc<OnceLock<Connector>>,
}

#[derive(Clone, Default)]
enum Source {
    #[default]
    Default,
    #[cfg(any(feature = "rustls-tls", feature = "native-tls"))]
    Own(Connector),
}

/// What shakes hands.
#[derive(Clone)]
#[non_exhaustive]
pub enum Connector {
    /// rustls, for `tokio_rustls::TlsConnector`, `tokio_tungstenite::Connector::Rustls` or
    /// [`tungstenite::Connector::Rustls`].
    #[cfg(feature = "rustls-tls")]
    Rustls(Arc<ClientConfig>),
    /// The platform's TLS, for `tokio_native_tls::TlsConnector`, `tokio_tungstenite::Connector::NativeTls` or
    /// [`tungstenite::Connector::NativeTls`].
    #[cfg(feature = "native-tls")]
    Native(native_tls::TlsConnector),
}

impl Tls {
    /// rustls with a configuration of your own: roots, verifier, client certificate, versions, key log. `h2` is
    /// taken out of its ALPN protocols; everything else is as it was, and resumed sessions are shared with the
    /// original.
    #[cfg(feature = "rustls-tls")]
    pub fn rustls(config: impl Into<Arc<ClientConfig>>) -> Self {
        Self::own(Connector::Rustls(rustls::without_h2(config.into())))
    }

    /// rustls with these roots and no others, without a client certificate.
    ///
    /// # Errors
    /// [`TlsError::NoRoots`] if there is none, [`TlsError::Certificate`] if one is invalid.
    #[cfg(feature = "rustls-tls")]
    pub fn roots(roots: impl IntoIterator<Item = CertificateDer<'static>>) -> Result<Self, TlsError> {
        rustls::roots(roots).map(|config| Self::own(Connector::Rustls(Arc::new(config))))
    }

    /// rustls with the roots of this PEM text and no others, without a client certificate.
    ///
    /// # Errors
    /// As [`roots`](Self::roots); [`TlsError::Certificate`] also for text without a certificate in PEM, such as a file in
    /// DER.
    #[cfg(feature = "rustls-tls")]
    pub fn roots_pem(pem: impl AsRef<[u8]>) -> Result<Self, TlsError> {
        Self::roots(rustls::certificates(pem.as_ref())?)
    }

    /// rustls with the default roots, Mozilla's or the platform's or both, also where `native-tls` is on. With
    /// `rustls-tls-native-roots` this reads files.
    ///
    /// # Errors
    /// [`TlsError::NotBuilt`] if no feature with roots is on, [`TlsError::NoRoots`] if the platform has none.
    #[cfg(feature = "rustls-tls")]
    pub fn rustls_default_roots() -> Result<Self, TlsError> {
        rustls::with_default_roots().map(|config| Self::own(Connector::Rustls(Arc::new(config))))
    }

    /// The platform's TLS with a connector of your own. It must not offer `h2` by ALPN; this is not checked.
    #[cfg(feature = "native-tls")]
    pub fn native(connector: native_tls::TlsConnector) -> Self {
        Self::own(Connector::Native(connector))
    }

    /// Whether this build has what [`connector`](Self::connector) needs, without reading files: what a driver asks
    /// before the first dial.
    ///
    /// # Errors
    /// [`TlsError::NotBuilt`] for the default roots if no feature with roots is on.
    pub const fn check(&self) -> Result<(), TlsError> {
        const HAS_ROOTS: bool =
            cfg!(any(feature = "native-tls", feature = "rustls-tls-native-roots", feature = "rustls-tls-webpki-roots"));
        match self.source {
            Source::Default if !HAS_ROOTS => Err(TlsError::NotBuilt),
            _ => Ok(()),
        }
    }

    /// The connector. Default roots are gathered by the first call that succeeds and kept: with
    /// `rustls-tls-native-roots` that call reads files, which takes some 10 ms, so an async driver makes it where
    /// it may block.
    ///
    /// # Errors
    /// [`TlsError::NotBuilt`] if no feature that this needs is on, [`TlsError::NoRoots`] if the platform has no roots,
    /// [`TlsError::Platform`] if the platform's TLS cannot be set up.
    #[cfg_attr(not(any(feature = "rustls-tls", feature = "native-tls")), expect(unreachable_code))] // There is none.
    pub fn connector(&self) -> Result<Connector, TlsError> {
        if let Some(connector) = self.ready.get() {
            return Ok(connector.clone());
        }
        let connector = match &self.source {
            Source::Default => default_connector()?,
            #[cfg(any(feature = "rustls-tls", feature = "native-tls"))]
            Source::Own(connector) => connector.clone(),
        };
        Ok(self.ready.get_or_init(|| connector).clone())
    }

    #[cfg(any(feature = "rustls-tls", feature = "native-tls"))]
    fn own(connector: Connector) -> Self {
        Self { source: Source::Own(connector), ready: Arc::default() }
    }
}

/// For tungstenite's own `client_tls_with_config`, which takes no IPv6 literals; a driver that shakes hands itself
/// takes them by `Address::server_name`.
#[cfg(any(feature = "rustls-tls", feature = "native-tls"))]
impl From<Connector> for tungstenite::Connector {
    fn from(connector: Connector) -> Self {
        match connector {
            #[cfg(feature = "rustls-tls")]
            Connector::Rustls(config) => Self::Rustls(config),
            #[cfg(feature = "native-tls")]
            Connector::Native(connector) => Self::NativeTls(connector),
        }
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self.source {
            Source::Default => "Tls(default roots)",
            #[cfg(feature = "rustls-tls")]
            Source::Own(Connector::Rustls(_)) => "Tls(own rustls configuration)",
            #[cfg(feature = "native-tls")]
            Source::Own(Connector::Native(_)) => "Tls(own native-tls connector)",
        })
    }
}

#[cfg(feature = "native-tls")]
fn default_connector() -> Result<Connector, TlsError> {
    let connector = native_tls::TlsConnector::new();
    connector.map(Connector::Native).map_err(|error| TlsError::Platform { reason: error.to_string() })
}

#[cfg(all(feature = "rustls-tls", not(feature = "native-tls")))]
fn default_connector() -> Result<Connector, TlsError> {
    rustls::with_default_roots().map(|config| Connector::Rustls(Arc::new(config)))
}

#[cfg(not(any(feature = "rustls-tls", feature = "native-tls")))]
fn default_connector() -> Result<Connector, TlsError> {
    Err(TlsError::NotBuilt)
}
