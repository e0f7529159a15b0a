//! Which requests become connections.

use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use crate::conn::ConnId;

/// What a server knows of an upgrade request (RFC 6455 §4.2.1) when it asks for admission. Written with
/// `..Request::default()`, a new field breaks nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Request<'a> {
    /// The `Origin` header; `None` for a client that sent none, because it is not a browser.
    pub origin: Option<&'a str>,
    /// The `Host` header.
    pub host: &'a str,
    /// The values of `Sec-WebSocket-Protocol`, in the client's order of preference.
    pub protocols: &'a [&'a str],
    /// The client's address, behind trusted proxies. With `None` no limit per source applies.
    pub source: Option<IpAddr>,
}

/// Which origins may connect.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Origins {
    /// All of them: for servers that authenticate each connection by more than a cookie.
    Any,
    /// Those whose host and port are those of the `Host` header.
    Same,
    /// These, as `scheme://host[:port]`, whether in upper or lower case.
    List(Vec<String>),
}

impl Origins {
    fn allow(&self, origin: &str, host: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Same => origin.split_once("://").is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host)),
            Self::List(list) => list.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin)),
        }
    }
}

/// Which requests are admitted. Every value is valid.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Admission {
    /// Which origins may connect. Default `Same`.
    pub origins: Origins,
    /// Whether a request without an origin is admitted; it does not come from a browser. Default true.
    pub without_origin: bool,
    /// The subprotocols that the server speaks, in its order of preference. Default none.
    pub protocols: Vec<String>,
    /// Whether a client that offers none of them is denied; otherwise it is served without one. Default false.
    pub protocol_required: bool,
}

impl Default for Admission {
    fn default() -> Self {
        Self { origins: Origins::Same, without_origin: true, protocols: Vec::new(), protocol_required: false }
    }
}

impl Admission {
    /// The subprotocol for a request that may be admitted: the first of the server's that the client offers.
    pub(super) fn check(&self, request: &Request<'_>) -> Result<Option<&str>, Denial> {
        let allowed = match request.origin {
            Some(origin) => self.origins.allow(origin, request.host),
            None => self.without_origin,
        };
        if !allowed {
            return Err(Denial::Origin);
        }
        let chosen = self.protocols.iter().find(|ours| request.protocols.contains(&ours.as_str()));
        if chosen.is_none() && self.protocol_required {
            return Err(Denial::Protocol);
        }
        Ok(chosen.map(String::as_str))
    }
}

/// A connection that was admitted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Admitted<'a> {
    /// The id of the connection from now on.
    pub conn: ConnId,
    /// The subprotocol to answer in `Sec-WebSocket-Protocol`, if any.
    pub protocol: Option<&'a str>,
}

/// Why a connection was denied.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Denial {
    /// The origin is not allowed.
    #[error("the origin is not allowed")]
    Origin,
    /// There is no subprotocol in common, and one is required.
    #[error("no subprotocol in common")]
    Protocol,
    /// There are `max_connections` already.
    #[error("too many connections")]
    TooManyConnections,
    /// There are `max_anonymous` that have not logged in.
    #[error("too many connections that have not logged in")]
    Anonymous,
    /// Its source has as many connections as [`PerSource`](super::PerSource) allows, or came too often.
    #[error("too many connections from this source")]
    Source,
    /// More than [`Settings::total_budget`](super::Settings::total_budget) bytes wait to be written.
    #[error("too much waits to be written")]
    Overloaded,
    /// The hub is shutting down.
    #[error("shutting down")]
    ShuttingDown,
}

impl Denial {
    /// Whether the same request may be admitted later.
    pub(super) const fn is_temporary(self) -> bool {
        match self {
            Self::Origin | Self::Protocol => false,
            Self::TooManyConnections | Self::Anonymous | Self::Source | Self::Overloaded | Self::ShuttingDown => true,
        }
    }
}

/// A connection that was denied, with what to answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{reason}: HTTP {}", self.status())]
#[non_exhaustive]
pub struct Denied {
    /// What prevents the connection.
    pub reason: Denial,
    /// After how long another attempt may succeed, for a `Retry-After` header: with status 429 and 503 drawn uniformly from
    /// [`Settings::retry_after`](super::Settings::retry_after) to twice as much, or from the time until the source may come
    /// again, if that is longer; `None` with the others, where none would.
    pub retry_after: Option<Duration>,
}

impl Denied {
    /// The HTTP status to answer with: 403 for the origin, 400 for the subprotocol, 429 for the source (RFC 6585 §4), 503 for
    /// the rest (RFC 9110 §15).
    pub const fn status(&self) -> u16 {
        match self.reason {
            Denial::Origin => 403,
            Denial::Protocol => 400,
            Denial::Source => 429,
            Denial::TooManyConnections | Denial::Anonymous | Denial::Overloaded | Denial::ShuttingDown => 503,
        }
    }
}
