/// Why there is no TLS.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// No feature is on that gives TLS, or roots for it.
    #[error("wss needs a TLS feature, such as rustls-tls-webpki-roots, or a TLS configuration of its own")]
    NotBuilt,
    /// There is no root certificate to trust.
    #[error("there are no root certificates: {reason}")]
    NoRoots {
        /// Why not.
        reason: String,
    },
    /// A certificate or configuration is invalid.
    #[error("the certificate or TLS configuration is invalid: {reason}")]
    Certificate {
        /// What the parser says.
        reason: String,
    },
    /// The platform's TLS cannot be set up.
    #[error("the platform's TLS cannot be set up: {reason}")]
    Platform {
        /// What the platform says.
        reason: String,
    },
    /// The host cannot be the name of a certificate.
    #[error("{host:?} cannot be the name of a certificate")]
    ServerName {
        /// The host.
        host: String,
    },
    /// TLS was not agreed on: the certificate is not trusted, the peer does not speak TLS, no version in common.
    #[error("the TLS handshake failed: {reason}")]
    Handshake {
        /// What the implementation says.
        reason: String,
    },
}
