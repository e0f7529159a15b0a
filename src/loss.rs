//! How connections end, and the codes that say so.

use core::fmt;
use core::num::NonZeroU16;
use core::time::Duration;

/// A close code that an endpoint may send: 1000–1003, 1007–1014 (RFC 6455 §7.4.1 and the IANA
/// registry) and 3000–4999 (§7.4.2).
///
/// Codes that are only ever *reported* (1005, 1006, 1015) or reserved are not among them; a received
/// code is a plain `u16`, since a peer can send what it likes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "u16", into = "u16"))]
pub struct CloseCode(NonZeroU16);

impl CloseCode {
    /// 1000: the purpose of the connection is fulfilled.
    pub const NORMAL: Self = Self(NonZeroU16::new(1000).unwrap());
    /// 1001: the endpoint is going away.
    pub const GOING_AWAY: Self = Self(NonZeroU16::new(1001).unwrap());

    /// 1012: the service is restarting, come back (IANA registry).
    pub const SERVICE_RESTART: Self = Self(NonZeroU16::new(1012).unwrap());
    /// 1013: try again later (IANA registry).
    pub const TRY_AGAIN_LATER: Self = Self(NonZeroU16::new(1013).unwrap());
    /// 3008: timeout (IANA registry).
    pub const TIMEOUT: Self = Self(NonZeroU16::new(3008).unwrap());
    /// 4408: no login in time, as HTTP 408 (convention of graphql-ws and others).
    pub const LOGIN_TIMEOUT: Self = Self(NonZeroU16::new(4408).unwrap());
    /// 4409: a newer login of the same user took over, as HTTP 409 (likewise). Final by default: two clients
    /// of one user would otherwise replace each other for ever.
    pub const SUPERSEDED: Self = Self(NonZeroU16::new(4409).unwrap());

    /// The code, if an endpoint may send it.
    ///
    /// # Errors
    /// [`InvalidCloseCode`] outside 1000–1003, 1007–1014 and 3000–4999.
    pub const fn new(code: u16) -> Result<Self, InvalidCloseCode> {
        match (code, NonZeroU16::new(code)) {
            (1000..=1003 | 1007..=1014 | 3000..=4999, Some(code)) => Ok(Self(code)),
            _ => Err(InvalidCloseCode { code }),
        }
    }

    /// The number on the wire.
    pub const fn get(self) -> u16 {
        self.0.get()
    }
}

impl TryFrom<u16> for CloseCode {
    type Error = InvalidCloseCode;

    fn try_from(code: u16) -> Result<Self, InvalidCloseCode> {
        Self::new(code)
    }
}

impl From<CloseCode> for u16 {
    fn from(code: CloseCode) -> Self {
        code.get()
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// A close code that no endpoint may send.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("close code {code} may not be sent: allowed are 1000-1003, 1007-1014 and 3000-4999")]
pub struct InvalidCloseCode {
    /// The code that was asked for.
    pub code: u16,
}

/// How a connection or an attempt at one ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Loss {
    /// A close frame with this code arrived. Without a code it is 1005; a connection that ended
    /// without any close frame is [`Transport`](Self::Transport), or 1006 where a browser says so.
    Close(u16),
    /// The server answered the dial with this HTTP status instead of 101.
    Status(u16),
    /// The transport failed, before the connection was open or after.
    Transport(Transport),
    /// The dial took longer than `connect_timeout`.
    ConnectTimeout,
    /// `Ready` did not come within `greeting_timeout`.
    GreetingTimeout,
    /// The heartbeat found the link dead.
    HeartbeatTimeout,
}

/// What failed below the WebSocket protocol, as far as the driver can tell.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Transport {
    /// The address makes no sense: a URL that does not parse, a scheme that is not `ws` or `wss`.
    Address,
    /// The host name was not resolved.
    Resolve,
    /// No connection was made: refused, unreachable, out of sockets.
    Connect,
    /// TLS could not be agreed on.
    Tls,
    /// The other side does not speak WebSocket, or broke its rules.
    Protocol,
    /// The connection broke: reset, end of stream without a close frame, any other IO error.
    Io,
}

impl Loss {
    /// Nothing was heard of the peer: the machine itself gave up waiting.
    pub const fn is_timeout(self) -> bool {
        matches!(self, Self::ConnectTimeout | Self::GreetingTimeout | Self::HeartbeatTimeout)
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Close(code) => write!(formatter, "closed by the peer with {code}"),
            Self::Status(status) => write!(formatter, "dial refused with HTTP {status}"),
            Self::Transport(Transport::Address) => formatter.write_str("the address makes no sense"),
            Self::Transport(Transport::Resolve) => formatter.write_str("the host name was not resolved"),
            Self::Transport(Transport::Connect) => formatter.write_str("no connection could be made"),
            Self::Transport(Transport::Tls) => formatter.write_str("TLS failed"),
            Self::Transport(Transport::Protocol) => formatter.write_str("the peer broke the WebSocket protocol"),
            Self::Transport(Transport::Io) => formatter.write_str("the connection broke"),
            Self::ConnectTimeout => formatter.write_str("the dial took too long"),
            Self::GreetingTimeout => formatter.write_str("the greeting took too long"),
            Self::HeartbeatTimeout => formatter.write_str("no sign of life"),
        }
    }
}

/// The end of a connection as a driver reports it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Closed {
    /// How it ended.
    pub loss: Loss,
    /// How long the server asked to stay away: `Retry-After` of a refused dial (RFC 9110 §10.2.3), `retry:`
    /// of an event stream. Capped by `retry_after_max`.
    pub retry_after: Option<Duration>,
}

impl Closed {
    /// The end, with the server's wish to be left alone for so long.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }
}

impl From<Loss> for Closed {
    fn from(loss: Loss) -> Self {
        Self { loss, retry_after: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_codes_that_an_endpoint_may_send_are_codes() {
        let sendable = (0..=u16::MAX).filter(|code| CloseCode::new(*code).is_ok()).count();
        assert_eq!(sendable, 4 + 8 + 2000);
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, u16::MAX] {
            assert_eq!(CloseCode::new(code), Err(InvalidCloseCode { code }));
        }
    }
}
