//! Why there is no proxy, and why a proxy gives no connection.

use heartline::Loss;
use heartline::loss::TransportError;

/// Why this names no proxy.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyUrlError {
    /// This is not the URL of a proxy.
    #[error("the proxy's URL is invalid: {reason}")]
    Url {
        /// What the parser says.
        reason: String,
    },
    /// The scheme is that of no proxy that is supported.
    #[error(
        "the proxy's URL begins with \"{scheme}:\"; it has to begin with http://, https://, socks5:// or socks5h://"
    )]
    Scheme {
        /// The scheme of the URL.
        scheme: String,
    },
    /// User name and password of the URL cannot be sent.
    #[error("the user name and password of the proxy's URL cannot be used: {reason}")]
    Credentials {
        /// Why not.
        reason: &'static str,
    },
    /// A variable of the environment names no usable proxy.
    #[error("the environment's {name}: {error}")]
    Variable {
        /// The variable.
        name: &'static str,
        /// What is wrong with it.
        error: Box<ProxyUrlError>,
    },
}

/// Why a proxy gave no connection.
///
/// What is refused for good (a login, a rule) ends as a [`Loss`] at which the default retry policy stops, for the same dial
/// would get the same answer, and repeated logins lock accounts; what may pass, as one that it retries.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// This host cannot be asked for. [`TransportError::Address`]: stops.
    #[error("no proxy can be asked for the host {host:?}")]
    Host {
        /// The host.
        host: String,
    },
    /// The proxy answered `CONNECT` with another status than 2xx. [`Loss::Status`], so that the policy's rules for statuses
    /// hold: by default 403 and 407 (a login is wanted, or was wrong) stop, 502, 503 and 504 retry. 401, with which some
    /// proxies answer a wrong login, is reported as 407, for the credentials for the server are not concerned.
    #[error("the proxy answered with HTTP {status} {reason}")]
    Refused {
        /// The status.
        status: u16,
        /// What the proxy calls it; at most 100 bytes.
        reason: String,
    },
    /// The SOCKS proxy answered with another reply than success. "Not allowed", and what it does not support, are
    /// [`TransportError::Proxy`], which stops; the others are [`TransportError::Connect`], which retries.
    #[error("the SOCKS proxy answered: {} (reply {reply})", reply_in_words(*.reply))]
    Reply {
        /// The reply code of RFC 1928 §6.
        reply: u8,
    },
    /// The SOCKS proxy does not take the user name and password (RFC 1929). [`TransportError::Proxy`]: stops.
    #[error("the SOCKS proxy does not take the user name and password")]
    Credentials,
    /// The SOCKS proxy wants a login of another kind than was offered, perhaps because none was: the URL has no user name.
    /// [`TransportError::Proxy`]: stops.
    #[error("the SOCKS proxy wants another login than was offered")]
    Method,
    /// This was no answer of such a proxy, or one of more than 16 KiB. [`TransportError::Protocol`]: retries.
    #[error("the proxy gave no answer of its protocol: {reason}")]
    Answer {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The proxy closed the connection before it had answered. [`TransportError::Io`]: retries.
    #[error("the proxy closed the connection before it had answered")]
    Closed,
}

impl ProxyError {
    pub(crate) const fn loss(&self) -> Loss {
        Loss::Transport(match self {
            // tinyproxy's answer to a wrong password. To the policy 401 means to renew the credentials for the server.
            Self::Refused { status: 401, .. } => return Loss::Status(407),
            Self::Refused { status, .. } => return Loss::Status(*status),
            Self::Host { .. } => TransportError::Address,
            Self::Credentials | Self::Method | Self::Reply { reply: 2 | 7 | 8 } => TransportError::Proxy,
            Self::Reply { .. } => TransportError::Connect,
            Self::Answer { .. } => TransportError::Protocol,
            Self::Closed => TransportError::Io,
        })
    }
}

/// RFC 1928 §6.
const fn reply_in_words(reply: u8) -> &'static str {
    match reply {
        1 => "general failure",
        2 => "not allowed by its rules",
        3 => "network unreachable",
        4 => "host unreachable",
        5 => "connection refused",
        6 => "TTL expired",
        7 => "command not supported",
        8 => "address type not supported",
        _ => "a failure that nobody has assigned",
    }
}
