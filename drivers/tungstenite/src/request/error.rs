/// Why a request cannot be sent. The same request meets the same error again, so a driver stops at it
/// ([`TransportError::Address`](heartline::loss::TransportError::Address)).
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// There is no scheme.
    #[error("the URL has no scheme; it has to begin with ws:// or wss://")]
    NoScheme,
    /// This is not a URL, or one that is too long for a request.
    #[error("the URL is invalid: {reason}")]
    Url {
        /// What the parser says.
        reason: String,
    },
    /// The scheme is not `ws` or `wss`.
    #[error("the URL begins with \"{scheme}:\"; it has to begin with ws:// or wss://")]
    Scheme {
        /// The scheme of the URL.
        scheme: String,
    },
    /// The URL has a fragment, which RFC 6455 §3 does not allow; a `#` in a path or query is written `%23`.
    #[error("the URL has a fragment")]
    Fragment,
    /// User name and password of the URL cannot be sent, or come from a redirect.
    #[error("the URL's user name and password cannot be used: {reason}")]
    Credentials {
        /// Why not.
        reason: &'static str,
    },
    /// Name or value cannot be those of a header.
    #[error("the header {name:?} is invalid")]
    Header {
        /// The name as it was given.
        name: String,
    },
    /// The handshake sets this header itself.
    #[error("the header {name:?} is set by the handshake itself")]
    Reserved {
        /// The name as it was given.
        name: String,
    },
    /// Name or value cannot be those of a cookie.
    #[error("the cookie {name:?} is invalid")]
    Cookie {
        /// The name as it was given.
        name: String,
    },
    /// This is not a subprotocol, or it was offered twice.
    #[error("the subprotocol {protocol:?} is invalid or offered twice")]
    Protocol {
        /// The subprotocol.
        protocol: String,
    },
    /// A redirect from `wss` to an address without TLS.
    #[error("a redirect leads from TLS to {location}, which is without")]
    Downgrade {
        /// Where it leads to.
        location: String,
    },
}
