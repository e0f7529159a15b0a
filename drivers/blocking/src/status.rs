//! What a client tells about itself.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use heartline::event::Cause;
use heartline::stats::RoundTrip;
use heartline::{State, Timestamp};
use heartline_tungstenite::{Ended, Response};

/// A client at one moment, from [`Client::status`](crate::Client::status).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Status {
    /// Where in its life the session is.
    pub state: State,
    /// Why the state is what it is.
    pub cause: Cause,
    /// The dial that is scheduled, in state `Waiting`.
    pub retry: Option<Retry>,
    /// The round trips of the heartbeat on the current connection, once one was measured.
    pub round_trip: Option<RoundTrip>,
    /// A ping has been unanswered for `slow_after`: the network is bad.
    pub degraded: bool,
    /// A close was requested, and what was accepted before is still being sent.
    pub draining: bool,
    /// `pause` was called, and not yet `resume`.
    pub paused: bool,
    /// Nothing is read from the connection, because what was received before is not taken.
    pub stalled: bool,
    /// What the server answered to the handshake of the current connection: headers and subprotocol.
    pub response: Option<Arc<Response>>,
    /// How the last connection or dial ended: the loss, the close frame with its reason, the error.
    pub last_ended: Option<Arc<Ended>>,
    /// The client has ended, and this is how.
    pub end: Option<Arc<End>>,
}

impl Default for Status {
    fn default() -> Self {
        Self {
            state: State::Idle,
            cause: Cause::Requested,
            retry: None,
            round_trip: None,
            degraded: false,
            draining: false,
            paused: false,
            stalled: false,
            response: None,
            last_ended: None,
            end: None,
        }
    }
}

/// A dial that is scheduled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Retry {
    /// Which retry it will be; 0 if it is not a retry.
    pub attempt: u32,
    /// How long it was to the dial when it was scheduled.
    pub delay: Duration,
    /// When it is due, on the clock of the client: [`Client::retry_in`](crate::Client::retry_in) counts down to it.
    pub at: Timestamp,
}

/// How a client ended, and what it left behind.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct End {
    /// Why it ended.
    pub reason: EndReason,
    /// Messages that were accepted and never handed to a connection, since the close was requested or at the end.
    pub returned: u64,
    /// At-least-once messages that were handed to a connection and not acknowledged: the peer may have them.
    pub unconfirmed: u64,
}

impl End {
    /// Whether it ended as it was asked to, with everything sent.
    pub fn is_clean(&self) -> bool {
        matches!(self.reason, EndReason::Closed(_)) && self.returned == 0 && self.unconfirmed == 0
    }
}

impl fmt::Display for End {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason.fmt(formatter)?;
        match (self.returned, self.unconfirmed) {
            (0, 0) => Ok(()),
            (returned, unconfirmed) => {
                write!(formatter, "; {returned} messages not sent, {unconfirmed} not acknowledged")
            }
        }
    }
}

/// Why a client ended.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum EndReason {
    /// As it was asked to, by `close`. The cause of the state `Closed` says how the close handshake went.
    Closed(Cause),
    /// The retry policy does not dial again after this loss, or the attempts are used up.
    Stopped(Cause),
    /// A hook or the codec panicked, with this message.
    Panicked(String),
    /// The [`Client`](crate::Client) was dropped.
    Dropped,
}

impl fmt::Display for EndReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(cause) => write!(formatter, "closed: {cause}"),
            Self::Stopped(cause) => write!(formatter, "stopped: {cause}"),
            Self::Panicked(message) => write!(formatter, "panicked: {message}"),
            Self::Dropped => formatter.write_str("dropped"),
        }
    }
}

/// What a client has counted.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Stats {
    /// What the session has counted. Every counter stops at `u32::MAX`.
    pub session: heartline::stats::Stats,
    /// Messages accepted that have no outcome yet.
    pub queued: usize,
    /// Their bytes.
    pub queued_bytes: u64,
    /// Messages received and handed over.
    pub received: u64,
    /// Messages received and discarded: by `DropOldest`, by `Close`, or after the close frame when there was no room.
    pub discarded: u64,
    /// How often reading had to wait because what was received was not taken.
    pub stalls: u64,
    /// Bytes read from sockets, TLS and framing included.
    pub bytes_in: u64,
    /// Bytes written to sockets, TLS and framing included.
    pub bytes_out: u64,
}
