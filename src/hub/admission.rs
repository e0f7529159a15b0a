//! Who may connect at all, before a connection exists.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use crate::input::ConnId;

/// What a server knows of an upgrade request (RFC 6455 §4.2.1) when it asks for admission.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Request<'a> {
    /// The `Origin` header; a client that is not a browser sends none.
    pub origin: Option<&'a str>,
    /// The `Host` header.
    pub host: &'a str,
    /// The values of `Sec-WebSocket-Protocol`, in the client's order of preference.
    pub protocols: &'a [&'a str],
}

/// Which origins may connect.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Origins {
    /// Every one: for servers that authenticate each connection by more than a cookie.
    Any,
    /// The host and port of the origin are those of the `Host` header.
    Same,
    /// These, as `scheme://host[:port]`, upper and lower case alike.
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

/// Who may connect.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Admission {
    /// Which origins may connect. Default: the same.
    pub origins: Origins,
    /// Whether a request without an origin is admitted: it does not come from a browser. Default true.
    pub without_origin: bool,
    /// The sub-protocols this server speaks, in its order of preference. Default none.
    pub protocols: Vec<String>,
    /// Whether a client that offers none of them is refused; otherwise it is served without one. Default false.
    pub protocol_required: bool,
}

impl Default for Admission {
    fn default() -> Self {
        Self { origins: Origins::Same, without_origin: true, protocols: Vec::new(), protocol_required: false }
    }
}

impl Admission {
    /// The sub-protocol to answer with: the first of the server's that the client offers.
    pub(super) fn judge(&self, request: &Request<'_>) -> Result<Option<&str>, Denial> {
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

/// A connection that may be made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Admitted<'a> {
    /// Its name from now on.
    pub conn: ConnId,
    /// What to answer in `Sec-WebSocket-Protocol`, if anything.
    pub protocol: Option<&'a str>,
}

/// Why a connection may not be made.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Denial {
    /// The origin is not allowed.
    #[error("the origin is not allowed")]
    Origin,
    /// No sub-protocol in common, and one is required.
    #[error("no sub-protocol in common")]
    Protocol,
    /// `max_connections` are there.
    #[error("too many connections")]
    Full,
    /// `max_anonymous` have not logged in yet.
    #[error("too many connections that have not logged in")]
    Anonymous,
    /// The hub is shutting down.
    #[error("shutting down")]
    ShuttingDown,
}

/// A refused connection, with what to answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{reason}: HTTP {}", self.status())]
pub struct Denied {
    /// Why.
    pub reason: Denial,
    /// For a `Retry-After` header: when it may be worth trying again.
    pub retry_after: Option<Duration>,
}

impl Denied {
    /// The HTTP status to answer with: 403 for the origin, 400 for the sub-protocol, 503 for the rest
    /// (RFC 9110 §15).
    pub const fn status(&self) -> u16 {
        match self.reason {
            Denial::Origin => 403,
            Denial::Protocol => 400,
            Denial::Full | Denial::Anonymous | Denial::ShuttingDown => 503,
        }
    }
}
