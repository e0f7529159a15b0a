//! How connections end.

use core::fmt;

/// How a connection or an attempt at one ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[non_exhaustive]
pub enum Loss {
    /// A close frame with this code arrived. Without a code it is 1005; a connection that ended
    /// without any close frame is [`Transport`](Self::Transport), or 1006 where a browser says so.
    Close(u16),
    /// The application found that this connection is no good: a CONNACK that refuses, a token that expired. The
    /// code is treated as that of a close frame. The connection is dropped without a close handshake.
    Application(u16),
    /// The server answered the dial with this HTTP status instead of 101.
    Status(u16),
    /// The transport failed, before the connection was open or after.
    Transport(TransportError),
    /// The dial took longer than `connect_timeout`.
    ConnectTimeout,
    /// `Ready` did not come within `greeting_timeout`.
    GreetingTimeout,
    /// The heartbeat found the link dead.
    HeartbeatTimeout,
    /// A message was not acknowledged within `ack_timeout`.
    AckTimeout,
}

/// What failed below the WebSocket protocol, as far as the driver can tell.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum TransportError {
    /// The address is invalid: a URL that does not parse, a scheme that is not `ws` or `wss`.
    Address,
    /// The host name was not resolved.
    Resolve,
    /// No connection was made: refused, unreachable, out of sockets.
    Connect,
    /// The proxy refuses for good: the login, or what it was asked for.
    Proxy,
    /// TLS could not be agreed on.
    Tls,
    /// The other side does not speak WebSocket, or broke its rules.
    Protocol,
    /// The connection broke: reset, end of stream without a close frame, any other IO error.
    Io,
}

impl Loss {
    /// Whether the session itself gave up waiting.
    pub const fn is_timeout(self) -> bool {
        matches!(self, Self::ConnectTimeout | Self::GreetingTimeout | Self::HeartbeatTimeout | Self::AckTimeout)
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Close(code) => write!(formatter, "closed by the peer with {code}"),
            Self::Application(code) => write!(formatter, "ended by the application with {code}"),
            Self::Status(status) => write!(formatter, "dial refused with HTTP {status}"),
            Self::Transport(error) => error.fmt(formatter),
            Self::ConnectTimeout => formatter.write_str("the dial took too long"),
            Self::GreetingTimeout => formatter.write_str("the greeting took too long"),
            Self::HeartbeatTimeout => formatter.write_str("no proof of life"),
            Self::AckTimeout => formatter.write_str("a message was not acknowledged in time"),
        }
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Address => "the address is invalid",
            Self::Resolve => "the host name was not resolved",
            Self::Connect => "no connection could be made",
            Self::Proxy => "the proxy refuses",
            Self::Tls => "TLS failed",
            Self::Protocol => "the peer broke the WebSocket protocol",
            Self::Io => "the connection broke",
        })
    }
}
